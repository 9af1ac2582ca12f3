"""Test the properties of schemes and advantages: search for a counterexample and shrink it.

The search tries all small cases and a seeded number of random ones. It works on any `Scheme`; one without
`claims` is tested as bounded and monotone.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any

from verirl import seeds
from verirl.errors import InputError
from verirl.scoring.advantages import find, names
from verirl.scoring.cases import Case, draw_ladder, label, shrink, small_answers, small_ladders, tell
from verirl.scoring.properties import (
    ADVANTAGE_PROPERTIES,
    SCHEME_PROPERTIES,
    Property,
    Rate,
    Weigh,
    rewards_of,
    weigher,
    worth,
)
from verirl.scoring.schemes import ClaimingScheme, Scheme
from verirl.types import Ladder, RewardValue

ASSUMED = frozenset({"bounded", "monotone"})
"""Properties that are tested of a scheme that claims none."""


@dataclass(frozen=True)
class Counterexample:
    """A shrunken case that breaks a property, as data and as lines to print, and what is wrong with it."""

    case: Case
    lines: tuple[str, ...]
    problem: str


@dataclass(frozen=True)
class PropertyResult:
    """Result of one property of one subject, after `cases` cases that could break it."""

    subject: str
    name: str
    title: str
    claimed: bool
    cases: int
    counterexample: Counterexample | None

    @property
    def verdict(self) -> str:
        """`holds`, `broken` or `untested`; of what is not claimed, `not claimed` or `not claimed, broken`."""
        if not self.claimed:
            return "not claimed, broken" if self.counterexample else "not claimed"
        if self.counterexample:
            return "broken"
        return "holds" if self.cases else "untested"

    @property
    def met(self) -> bool:
        """Whether the claim, if there is one, stands."""
        return self.verdict not in ("broken", "untested")

    def to_dict(self) -> dict[str, Any]:
        """The finding as JSON data."""
        found = self.counterexample
        return {
            "subject": self.subject,
            "property": self.name,
            "claimed": self.claimed,
            "verdict": self.verdict,
            "cases": self.cases,
            "counterexample": found
            and {"problem": found.problem, "lines": list(found.lines), **found.case.to_dict()},
        }


def audit_scheme(
    scheme: Scheme, *, ladder: Ladder | None = None, examples: int = 500, seed: int = 0
) -> list[PropertyResult]:
    """Return one result per property of `scheme`, on `ladder`, or on ladders of every shape if it is None."""
    claims = frozenset(scheme.claims) if isinstance(scheme, ClaimingScheme) else ASSUMED
    rate = _remembering(scheme)
    return [
        _search(
            scheme.name,
            prop,
            prop.name in claims,
            partial(_attempt, prop, rate),
            _cases(prop, ladder, examples, seed),
            lambda case: [case.describe()[0], *worth(scheme, case)],
            keep_ladder=ladder is not None,
        )
        for prop in SCHEME_PROPERTIES
    ]


def audit_advantages(
    kind: str, *, ladder: Ladder | None = None, examples: int = 500, seed: int = 0
) -> list[PropertyResult]:
    """Return one result per property of the advantages of `kind`, over groups of lexicographic rewards."""
    weigh, claims = weigher(kind), find(kind).claims
    return [
        _search(
            kind,
            prop,
            prop.name in claims,
            partial(_attempt, prop, weigh),
            _cases(prop, ladder, examples, seed),
            lambda case: _describe_group(weigh, case),
            keep_ladder=ladder is not None,
        )
        for prop in ADVANTAGE_PROPERTIES
    ]


def audit(
    schemes: Sequence[Scheme], *, ladder: Ladder | None = None, examples: int = 500, seed: int = 0
) -> tuple[list[PropertyResult], list[PropertyResult]]:
    """The findings on each scheme, and those on each kind of advantage."""
    on_schemes = [
        finding
        for scheme in schemes
        for finding in audit_scheme(scheme, ladder=ladder, examples=examples, seed=seed)
    ]
    on_advantages = [
        finding
        for kind in names()
        for finding in audit_advantages(kind, ladder=ladder, examples=examples, seed=seed)
    ]
    return on_schemes, on_advantages


class _Refused(Exception):  # noqa: N818 - not an error: the case does not apply
    """The subject says, in an InputError, that it does not take this ladder."""


def _attempt(prop: Property, subject: Any, case: Case) -> str | None:
    """What is wrong, None where nothing is. A subject that raises anything but InputError is broken."""
    try:
        return prop.breaks(subject, case)
    except InputError as refusal:
        raise _Refused from refusal
    except Exception as error:  # noqa: BLE001 - a third party's scheme may raise anything
        return f"raises {type(error).__name__}: {' '.join(str(error).split())[:200]}"


def _search(
    subject: str,
    prop: Property,
    claimed: bool,
    attempt: Callable[[Case], str | None],
    cases: Iterator[Case],
    describe: Callable[[Case], list[str]],
    *,
    keep_ladder: bool,
) -> PropertyResult:
    def breaks(case: Case) -> bool:
        try:
            return prop.applies(case) and attempt(case) is not None
        except _Refused:
            return False

    tried = 0
    for case in cases:
        try:
            problem = attempt(case)
        except _Refused:
            continue
        tried += 1
        if problem is not None:
            small = shrink(case, breaks, keep_ladder=keep_ladder)
            found = Counterexample(small, tuple(describe(small)), attempt(small) or problem)
            return PropertyResult(subject, prop.name, prop.title, claimed, tried, found)
    return PropertyResult(subject, prop.name, prop.title, claimed, tried, None)


def _cases(prop: Property, ladder: Ladder | None, examples: int, seed: int) -> Iterator[Case]:
    if prop.answers and ladder is None:
        yield from _small_cases(prop)
    rng = random.Random(seeds.derive("audit", prop.name, seed))
    for _ in range(examples):
        case = prop.draw(rng, ladder or draw_ladder(rng))
        if case is not None and prop.applies(case):
            yield case


@lru_cache(maxsize=len(SCHEME_PROPERTIES))
def _small_cases(prop: Property) -> tuple[Case, ...]:
    found: list[Case] = []
    for ladder in small_ladders():
        answers = small_answers(ladder)
        if prop.answers == 1:
            cases = [Case(ladder, (answer,)) for answer in answers]
        else:
            cases = [Case(ladder, (first, second)) for first in answers for second in answers]
        found += filter(prop.applies, cases)
    return tuple(found)


def _remembering(scheme: Scheme) -> Rate:
    """The scheme, asked only once for the same answer: the small cases compare each with many."""
    return lru_cache(maxsize=100_000)(lambda ladder, answer: _checked(scheme(ladder, answer)))


def _checked(found: Any) -> RewardValue:
    if not isinstance(found, RewardValue):
        raise TypeError(f"a scheme returns a RewardValue, not {type(found).__name__}")
    return found


def _describe_group(weigh: Weigh, case: Case) -> list[str]:
    rewards = rewards_of(case)
    lines = [case.describe()[0], f"gamma {case.gamma:g}"]
    found = weigh(rewards, case.gamma)
    for i, (answer, reward, advantage) in enumerate(zip(case.answers, rewards, found, strict=True)):
        told = "error" if reward is None else f"key {reward.key}, advantage {advantage!r}"
        lines.append(f"{label(i)}: {tell(answer)} → {told}")
    return lines
