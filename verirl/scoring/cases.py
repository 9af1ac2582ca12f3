"""Cases of an audit: all small ladders and answers, larger random ones, and the shrinking of failures."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

from verirl.types import Ladder, Stage, StageResult, Status

Answer = tuple[StageResult, ...]

AWKWARD_SCORES = (0.0, 1.0, 0.5, 1 - 2**-53, 0.999, 5e-324, 1e-9, 0.29, 1 / 3)
"""Scores at which arithmetic goes wrong: borders, next to borders, and fractions no float holds."""

FAILING = (Status.FAILED, Status.TIMEOUT)
PASSING = (Status.PASSED, Status.SKIPPED)


@dataclass(frozen=True)
class Case:
    """A ladder and some answers on it. `gamma`, `power` and `stage` matter to advantages alone: the
    discount between tiers, and the stage whose scores s become s^power.
    """

    ladder: Ladder
    answers: tuple[Answer, ...]
    gamma: float = 1.0
    power: float = 1.0
    stage: str = ""

    def describe(self) -> list[str]:
        """The case in a line for the ladder and a line for each answer."""
        stages = [f"{s.name} ({s.kind}, weight {s.weight:g}, levels {s.levels})" for s in self.ladder]
        lines = ["ladder: " + " > ".join(stages)]
        lines += [f"{label(i)}: {tell(answer)}" for i, answer in enumerate(self.answers)]
        return lines

    def to_dict(self) -> dict[str, Any]:
        """The case as JSON data that can be read back into `Stage` and `StageResult`."""
        return {
            "ladder": [stage.model_dump() for stage in self.ladder],
            "answers": [
                [{"name": r.name, "status": r.status.value, "score": r.score} for r in answer]
                for answer in self.answers
            ],
            "gamma": self.gamma,
            "power": self.power,
            "stage": self.stage,
        }


def label(index: int) -> str:
    """A, B, C, … for the answers of a case."""
    return chr(ord("A") + index) if index < 26 else f"A{index}"


def tell(answer: Answer) -> str:
    """An answer's stages in words."""
    return ", ".join(f"{r.name} {r.status.value} {r.score!r}" for r in answer) or "no stage"


def draw_ladder(rng: random.Random) -> Ladder:
    """One to five stages; two in three have their correctness stages first, as a sound ladder does."""
    kinds = [rng.choice(("correctness", "quality")) for _ in range(rng.randint(1, 5))]
    if rng.random() < 2 / 3:
        kinds.sort()
    return tuple(
        Stage(
            name=f"s{index + 1}",
            kind="quality" if kind == "quality" else "correctness",
            weight=rng.choice((1.0, 1.0, 2.0, 3.0, 0.1, 0.25, 100.0, round(rng.uniform(0.01, 5), 3))),
            levels=rng.choice((2, 2, 3, 5, 11, 33, 257)),
        )
        for index, kind in enumerate(kinds)
    )


def draw_score(rng: random.Random) -> float:
    """A score in [0, 1]; half of them awkward ones."""
    if rng.random() < 0.5:
        return rng.choice(AWKWARD_SCORES)
    return rng.choice((rng.random(), rng.randint(0, 20) / 20))


def draw_result(rng: random.Random, name: str, status: Status) -> StageResult:
    """A result of that status with a score drawn for it."""
    return StageResult(name=name, status=status, score=draw_score(rng))


def draw_answer(rng: random.Random, ladder: Ladder, *, past: int = 0, fails_at: int | None = None) -> Answer:
    """An answer that passes the first `past` stages and fails at the stage of index `fall`, else by chance.

    One in four goes on past its fall, as after a quality stage, or where checks do not need one another.
    """
    goes_on = rng.random() < 0.25
    results: list[StageResult] = []
    for index, stage in enumerate(ladder):
        fails = index == fails_at or (
            index >= past and (fails_at is None or index > fails_at) and rng.random() < 0.35
        )
        status = rng.choice(FAILING) if fails else rng.choices(PASSING, (9, 1))[0]
        results.append(draw_result(rng, stage.name, status))
        if fails and not goes_on:
            break
    return tuple(results)


def small_ladders() -> Iterator[Ladder]:
    """Every ladder of one or two stages with weights 1 or 3 and two or three levels, sound ones first."""
    kinds = [("c",), ("q",), ("c", "q"), ("c", "c"), ("q", "c"), ("q", "q")]
    for shape, levels in product(kinds, (2, 3)):
        for weights in product((1.0, 3.0), repeat=len(shape)):
            yield tuple(
                Stage(
                    name=f"s{i + 1}",
                    kind="correctness" if kind == "c" else "quality",
                    weight=weight,
                    levels=levels,
                )
                for i, (kind, weight) in enumerate(zip(shape, weights, strict=True))
            )


def small_answers(ladder: Ladder) -> list[Answer]:
    """Every answer to a small ladder whose scores are 0, ½ or 1, cut short after any stage."""
    outcomes = [(Status.PASSED, s) for s in (1.0, 0.5, 0.0)] + [(Status.FAILED, s) for s in (0.0, 0.5, 1.0)]
    found: list[Answer] = []
    for count in range(1, len(ladder) + 1):
        for chosen in product(outcomes, repeat=count):
            results = zip(ladder, chosen, strict=False)
            found.append(
                tuple(StageResult(name=st.name, status=status, score=s) for st, (status, s) in results)
            )
    return found


def shrink(case: Case, still_breaks: Callable[[Case], bool], *, keep_ladder: bool = False) -> Case:
    """The simplest case that greedy steps reach from `case` while `still_breaks` holds."""
    simpler = True
    while simpler:
        simpler = False
        for candidate in _simplifications(case, keep_ladder=keep_ladder):
            if _size(candidate) < _size(case) and still_breaks(candidate):
                case, simpler = candidate, True
                break
    return case


def _size(case: Case) -> tuple[float, ...]:
    results = [result for answer in case.answers for result in answer]
    return (
        len(case.answers),
        len(case.ladder),
        len(results),
        sum(len(f"{s.weight:g}") + abs(s.weight - 1) + s.levels for s in case.ladder),
        sum(list(Status).index(r.status) for r in results),
        sum(len(f"{r.score:g}") for r in results),
        sum(1 - r.score if r.status in PASSING else r.score for r in results),
        len(repr(case.gamma)) + len(repr(case.power)),
    )


def _simplifications(case: Case, *, keep_ladder: bool) -> Iterator[Case]:
    for i in range(len(case.answers)):
        yield replace(case, answers=_without(case.answers, i))
    if not keep_ladder:
        yield from _simpler_ladders(case)
    for i, answer in enumerate(case.answers):
        for simpler in _simpler_answers(answer):
            yield replace(case, answers=_with(case.answers, i, simpler))
    yield from _simpler_scores_together(case)
    if case.gamma != 1:
        yield replace(case, gamma=1.0)
        yield replace(case, gamma=0.5)
    if case.power not in (1, 2):
        yield replace(case, power=2.0)


def _simpler_ladders(case: Case) -> Iterator[Case]:
    for i, stage in enumerate(case.ladder):
        if len(case.ladder) > 1:
            kept = tuple(tuple(r for r in answer if r.name != stage.name) for answer in case.answers)
            yield replace(case, ladder=_without(case.ladder, i), answers=kept)
        weights = {1.0, 3.0, 10.0, float(round(stage.weight)) or 1.0, round(stage.weight, 1) or 1.0}
        changes: list[dict[str, Any]] = [{"weight": w} for w in sorted(weights)]
        changes += [{"levels": n} for n in (2, 3, 5) if n < stage.levels]
        for change in changes:
            yield replace(case, ladder=_with(case.ladder, i, stage.model_copy(update=change)))


def _simpler_answers(answer: Answer) -> Iterator[Answer]:
    if answer:
        yield answer[:-1]
    for i, result in enumerate(answer):
        plain = {Status.TIMEOUT: Status.FAILED, Status.SKIPPED: Status.PASSED}.get(result.status)
        if plain:
            yield _with(answer, i, result.model_copy(update={"status": plain}))
        for score in _simpler_scores(result.score):
            yield _with(answer, i, result.model_copy(update={"score": score}))


def _simpler_scores_together(case: Case) -> Iterator[Case]:
    """One stage's score changed in every answer that has the same one, where answers must agree on it."""
    for old in {(r.name, r.score) for answer in case.answers for r in answer}:
        for score in _simpler_scores(old[1]):
            answers = tuple(
                tuple(
                    r.model_copy(update={"score": score}) if (r.name, r.score) == old else r for r in answer
                )
                for answer in case.answers
            )
            yield replace(case, answers=answers)


def _simpler_scores(score: float) -> list[float]:
    return [s for s in (0.0, 1.0, 0.5, round(score, 1), round(score, 2)) if s != score]


def _without(items: Sequence[Any], index: int) -> tuple[Any, ...]:
    return (*items[:index], *items[index + 1 :])


def _with(items: Sequence[Any], index: int, item: Any) -> tuple[Any, ...]:
    return (*items[:index], item, *items[index + 1 :])
