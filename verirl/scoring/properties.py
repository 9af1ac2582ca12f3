"""The properties that rewards and advantages must keep, each as something a case can break.

A property knows how to `draw` a case that can test it, whether a (shrunken) case still `applies`, and what
of it a subject `breaks`, in a sentence. `docs/concepts/rewards.md` states them in mathematics.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from math import fsum, isfinite
from typing import Any

from verirl.scoring.advantages import advantages
from verirl.scoring.cases import (
    FAILING,
    PASSING,
    Answer,
    Case,
    draw_answer,
    draw_result,
    draw_score,
    label,
    tell,
)
from verirl.scoring.schemes import Scheme, scheme
from verirl.types import Ladder, RewardValue, StageResult, Status, first_unpassed

Rate = Callable[[Ladder, Answer], RewardValue]
Weigh = Callable[[Sequence[RewardValue | None], float], list[float | None]]

ROUNDING = 1e-9
"""How far a sum of advantages may be from zero, relative to the largest: float rounding and no more."""


@dataclass(frozen=True)
class Property:
    """`answers`: how many answers a case of it compares, where all small cases are to be tried."""

    name: str
    title: str
    draw: Callable[[random.Random, Ladder], Case | None]
    applies: Callable[[Case], bool]
    breaks: Callable[[Any, Case], str | None]
    answers: int = 0


def passes(ladder: Ladder, answer: Answer, name: str) -> bool:
    """Return whether an answer reached stage `name` and passed it."""
    end = first_unpassed(ladder, answer)
    index = next((index for index, stage in enumerate(ladder) if stage.name == name), None)
    reached = index is not None and (end is None or index <= end)
    return reached and any(result.name == name and result.status.is_passing for result in answer)


def _draw_one(rng: random.Random, ladder: Ladder) -> Case:
    return Case(ladder, (draw_answer(rng, ladder),))


def _unbounded(rate: Rate, case: Case) -> str | None:
    value = rate(case.ladder, case.answers[0]).value
    if isfinite(value) and 0 <= value <= 1:
        return None
    return f"A is worth {value!r}, outside [0, 1]"


def _draw_raise(rng: random.Random, ladder: Ladder) -> Case | None:
    answer = draw_answer(rng, ladder)
    at = rng.randrange(len(answer))
    score = draw_score(rng)
    low, high = sorted((score, answer[at].score))
    if low == high:
        return None
    return Case(ladder, tuple(_rescored(answer, at, score) for score in (low, high)))


def _rescored(answer: Answer, at: int, score: float) -> Answer:
    return (*answer[:at], answer[at].model_copy(update={"score": score}), *answer[at + 1 :])


def _is_raise(case: Case) -> bool:
    if len(case.answers) != 2 or len(case.answers[0]) != len(case.answers[1]):
        return False
    changed = [(a, b) for a, b in zip(*case.answers, strict=True) if a != b]
    return (
        len(changed) == 1
        and changed[0][0].model_copy(update={"score": changed[0][1].score}) == changed[0][1]
        and changed[0][0].score < changed[0][1].score
    )


def _not_monotone(rate: Rate, case: Case) -> str | None:
    low, high = (rate(case.ladder, answer).value for answer in case.answers)
    if low <= high:
        return None
    return f"B has a higher score in one stage, and yet its {high!r} is below A's {low!r}"


def _draw_dominance(rng: random.Random, ladder: Ladder) -> Case | None:
    graded = [i for i, stage in enumerate(ladder) if stage.kind == "correctness"]
    if not graded:
        return None
    at = rng.choice(graded)
    worse = draw_answer(rng, ladder, past=at, fails_at=rng.randint(0, at) if rng.random() < 0.3 else at)
    return Case(ladder, (worse, draw_answer(rng, ladder, past=at + 1)))


def _separating(case: Case) -> str | None:
    if len(case.answers) != 2:
        return None
    worse, better = case.answers
    for stage in case.ladder:
        if (
            stage.kind == "correctness"
            and passes(case.ladder, better, stage.name)
            and not passes(case.ladder, worse, stage.name)
        ):
            return stage.name
    return None


def _not_dominant(rate: Rate, case: Case) -> str | None:
    worse, better = (rate(case.ladder, answer).value for answer in case.answers)
    if worse < better:
        return None
    return f"B passes '{_separating(case)}' and A does not, and yet A's {worse!r} is not below B's {better!r}"


def _draw_tried(rng: random.Random, ladder: Ladder) -> Case | None:
    if len(ladder) < 2:
        return None
    stop = rng.randrange(1, len(ladder))
    before = tuple(draw_result(rng, s.name, rng.choices(PASSING, (9, 1))[0]) for s in ladder[: stop - 1])
    last = draw_result(rng, ladder[stop - 1].name, rng.choice((*FAILING, Status.PASSED)))
    passed = last.model_copy(update={"status": Status.PASSED})
    tried = StageResult(name=ladder[stop].name, status=rng.choice((*FAILING, Status.PASSED)), score=0.0)
    return Case(ladder, ((*before, last), (*before, passed, tried)))


def _is_tried(case: Case) -> bool:
    if len(case.answers) != 2:
        return False
    short, long = case.answers
    names = [stage.name for stage in case.ladder]
    if not short or len(long) != len(short) + 1 or [r.name for r in long] != names[: len(long)]:
        return False
    return (
        long[:-2] == short[:-1]
        and all(result.status in PASSING for result in long[:-1])
        and long[-2] == short[-1].model_copy(update={"status": long[-2].status})
        and long[-2].status is Status.PASSED
        and long[-1].score == 0
        and long[-1].status is not Status.SKIPPED
    )


def _untried_outranks(rate: Rate, case: Case) -> str | None:
    short, long = (rate(case.ladder, answer).value for answer in case.answers)
    if short < long:
        return None
    name = case.answers[1][-1].name
    return f"B reached '{name}' and A did not, and yet A's {short!r} is not below B's {long!r}"


def _draw_two(rng: random.Random, ladder: Ladder) -> Case:
    first = draw_answer(rng, ladder)
    if rng.random() < 0.5:
        return Case(ladder, (first, draw_answer(rng, ladder)))
    at = rng.randrange(len(first))
    return Case(ladder, (first, _rescored(first, at, draw_score(rng))))


def _order_is_not_key(rate: Rate, case: Case) -> str | None:
    a, b = (rate(case.ladder, answer) for answer in case.answers)
    if (a.value > b.value) == (a.key > b.key) and (a.value < b.value) == (a.key < b.key):
        return None
    return f"values {a.value!r} and {b.value!r} are not in the order of the keys {a.key} and {b.key}"


def _count(number: int) -> Callable[[Case], bool]:
    return lambda case: len(case.answers) == number and all(case.answers)


SCHEME_PROPERTIES: tuple[Property, ...] = (
    Property("bounded", "every value is in [0, 1]", _draw_one, _count(1), _unbounded, 1),
    Property("monotone", "a higher score is never worth less", _draw_raise, _is_raise, _not_monotone, 2),
    Property(
        "dominance",
        "failing a correctness stage is below every answer that passes it",
        _draw_dominance,
        lambda case: _separating(case) is not None,
        _not_dominant,
        2,
    ),
    Property(
        "tried", "not reached is below reached and scored 0", _draw_tried, _is_tried, _untried_outranks, 2
    ),
    Property("order", "values are in the order of their keys", _draw_two, _count(2), _order_is_not_key, 2),
)


def _draw_group(rng: random.Random, ladder: Ladder) -> Case:
    pool = [draw_answer(rng, ladder) for _ in range(rng.randint(1, 8))]
    group = [rng.choice(pool) for _ in range(rng.randint(1, 8))]
    answers = tuple(_errored(answer) if rng.random() < 0.2 else answer for answer in group)
    return Case(
        ladder,
        answers,
        gamma=rng.choice((1.0, 0.5, 0.9)),
        power=rng.choice((0.5, 2.0, 1.1)),
        stage=rng.choice(ladder).name,
    )


def _errored(answer: Answer) -> Answer:
    return (*answer[:-1], answer[-1].model_copy(update={"status": Status.ERROR, "score": 0.0}))


def _is_group(case: Case) -> bool:
    return bool(case.answers) and all(case.answers)


def rewards_of(case: Case) -> list[RewardValue | None]:
    """The lexicographic reward of each answer of a group; None for an error."""
    rate = scheme("lexicographic")
    return [
        None if any(r.status is Status.ERROR for r in answer) else rate(case.ladder, answer)
        for answer in case.answers
    ]


def _told(values: Sequence[float | None]) -> str:
    return ", ".join(f"{label(i)} {'error' if v is None else repr(v)}" for i, v in enumerate(values))


def _not_zero_sum(weigh: Weigh, case: Case) -> str | None:
    rewards = rewards_of(case)
    found = weigh(rewards, case.gamma)
    usable = [a for a in found if a is not None]
    if abs(fsum(usable)) > ROUNDING * max((abs(a) for a in usable), default=0.0):
        return f"advantages sum to {fsum(usable)!r}: {_told(found)}"
    if len({reward.key for reward in rewards if reward is not None}) == 1 and any(usable):
        return f"all answers are equal, and yet some advantage is not 0: {_told(found)}"
    return None


def _not_in_order(weigh: Weigh, case: Case) -> str | None:
    rewards = rewards_of(case)
    found = weigh(rewards, case.gamma)
    usable = [(r, a, i) for i, (r, a) in enumerate(zip(rewards, found, strict=True)) if r and a is not None]
    for better, high, i in usable:
        for worse, low, j in usable:
            wrong = (better.key > worse.key and high <= low) or (better.key == worse.key and high != low)
            if wrong:
                return (
                    f"{label(i)} has key {better.key} and advantage {high!r}, "
                    f"{label(j)} has key {worse.key} and advantage {low!r}"
                )
    return None


def _not_scale_free(weigh: Weigh, case: Case) -> str | None:
    before, after = rewards_of(case), rewards_of(_rescaled(case))
    here, there = (weigh(rewards, case.gamma) for rewards in (before, after))
    if here == there:
        return None
    return (
        f"with the scores s of '{case.stage}' read as s^{case.power:g} no two answers change places, and yet "
        f"the advantages go from [{_told(here)}] to [{_told(there)}]"
    )


def _rescaled(case: Case) -> Case:
    def mapped(result: StageResult) -> StageResult:
        if result.name != case.stage:
            return result
        return result.model_copy(update={"score": result.score**case.power})

    return replace(case, answers=tuple(tuple(map(mapped, answer)) for answer in case.answers))


def _keeps_order(case: Case) -> bool:
    if not _is_group(case) or case.stage not in [stage.name for stage in case.ladder]:
        return False
    before = [r.key for r in rewards_of(case) if r]
    after = [r.key for r in rewards_of(_rescaled(case)) if r]
    return all(
        (before[i][tier] < before[j][tier]) == (after[i][tier] < after[j][tier])
        for tier in range(len(case.ladder))
        for i in range(len(before))
        for j in range(len(before))
    )


def _not_error_neutral(weigh: Weigh, case: Case) -> str | None:
    rewards = rewards_of(case)
    found = weigh(rewards, case.gamma)
    if [a is None for a in found] != [r is None for r in rewards]:
        return f"an advantage is missing, or an error has one: {_told(found)}"
    alone = weigh([reward for reward in rewards if reward is not None], case.gamma)
    kept = [a for a in found if a is not None]
    if kept != alone:
        return f"without the errors the others would have {_told(alone)}; with them {_told(found)}"
    if len(kept) < 2 and any(kept):
        return f"a group with fewer than two usable answers contributes {_told(found)}"
    return None


ADVANTAGE_PROPERTIES: tuple[Property, ...] = (
    Property("zero-sum", "advantages sum to 0; equal answers have 0", _draw_group, _is_group, _not_zero_sum),
    Property("order", "the better answer has the higher advantage", _draw_group, _is_group, _not_in_order),
    Property(
        "scale-free",
        "no increasing map of a stage's scores changes anything",
        _draw_group,
        _keeps_order,
        _not_scale_free,
    ),
    Property(
        "error-neutral", "errors change nothing for the others", _draw_group, _is_group, _not_error_neutral
    ),
)


def weigher(kind: str) -> Weigh:
    """The advantages of `kind` as an audit calls them."""
    return lambda rewards, gamma: advantages(kind, rewards, gamma=gamma)


def worth(rate: Scheme, case: Case) -> list[str]:
    """Each answer of a case with what it is worth, for a person to read."""
    lines = []
    for i, answer in enumerate(case.answers):
        try:
            found = rate(case.ladder, answer)
            lines.append(f"{label(i)}: {tell(answer)} → {found.value!r}, key {found.key}")
        except Exception as error:  # noqa: BLE001 - a third party's scheme may raise anything
            lines.append(f"{label(i)}: {tell(answer)} → {type(error).__name__}: {error}")
    return lines
