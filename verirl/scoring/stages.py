"""A verdict's stages as exact numbers: the one reading that every scheme shares."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from functools import lru_cache
from math import floor, isfinite, prod
from typing import NamedTuple

from verirl.errors import InputError
from verirl.types import Ladder, Stage, StageResult, Status, first_unpassed

MIN_CREDIT = Fraction(1, 2**20)
"""How close to 0 and 1 a credit may come without being nothing or a pass."""

LEVEL_TOLERANCE = Fraction(1, 2**40)
"""A score this close below the edge of a level is on it: 29 of 100 tests is level 29, whatever 0.29 is."""

RADIX_LIMIT = 2**52
"""Largest product of radices whose mixed-radix values are still distinct floats in [0, 1]."""

MIN_WEIGHT_SHARE = Fraction(1, 2**30)
"""Smallest share of a ladder's weight that one stage may have; a float still shows MIN_CREDIT of it."""


class StageReading(NamedTuple):
    """One stage of the ladder in a verdict. `score` is exact, and 1 if full marks are due."""

    stage: Stage
    first: bool
    reached: bool
    passed: bool
    score: Fraction

    @property
    def credit(self) -> Fraction:
        """The score with its borders kept: not reached < reached and scored 0 < … < failed < passed.

        Every verdict reaches a correctness stage that comes first, so that 0 there is worth exactly nothing.
        """
        if not self.reached:
            return Fraction(0)
        low = Fraction(0) if self.first else MIN_CREDIT
        high = Fraction(1) if self.passed else 1 - MIN_CREDIT
        return min(max(self.score, low), high)

    @property
    def radix(self) -> int:
        """How many digits the stage has in a key: its levels, and one below them for *not reached*."""
        return self.stage.levels + (0 if self.first else 1)

    @property
    def digit(self) -> int:
        """The score in levels, counted after the digit for *not reached*; the top one only if passed."""
        if not self.reached:
            return 0
        top = self.stage.levels - 1
        level = floor(self.score * top + LEVEL_TOLERANCE)
        return min(level, top if self.passed else top - 1) + (0 if self.first else 1)


StageReadings = tuple[StageReading, ...]
"""One reading per stage of the ladder, in its order."""


def read_stages(ladder: Ladder, stages: Sequence[StageResult], *, stops: bool = True) -> StageReadings:
    """Read a verdict's stage results against its ladder.

    Stages after the first correctness stage that is missing or did not pass count as not reached. A quality
    stage that is missing or did not pass costs only its own credit. `timeout` counts like `failed`. `skipped`
    is neutral: the stage does not apply to the task, so every answer that reaches it has full marks for it.
    A correctness stage that passed has full marks whatever its score.

    Args:
        ladder: The domain's stages, in order.
        stages: A verdict's results.
        stops: False reads every result as reached.

    Returns:
        One reading per stage of the ladder.

    Raises:
        InputError: If the ladder is unsound, a result names no stage of the ladder or one twice, a score is
            outside [0, 1], or a result is an `error`, which never becomes a reward.
    """
    check_ladder(ladder)
    results = _by_name(ladder, stages)
    last = first_unpassed(ladder, stages) if stops else None
    return tuple(
        _reading(
            stage,
            index == 0 and stage.kind == "correctness",
            results.get(stage.name) if last is None or index <= last else None,
        )
        for index, stage in enumerate(ladder)
    )


def _reading(stage: Stage, first: bool, result: StageResult | None) -> StageReading:
    if result is None:
        return StageReading(stage, first, reached=False, passed=False, score=Fraction(0))
    passed = result.status.is_passing
    full = result.status is Status.SKIPPED or (passed and stage.kind == "correctness")
    return StageReading(
        stage, first, reached=True, passed=passed, score=Fraction(1 if full else result.score)
    )


def _by_name(ladder: Ladder, stages: Sequence[StageResult]) -> dict[str, StageResult]:
    if not stages:
        raise InputError("a verdict without any stage has no reward")
    known = [stage.name for stage in ladder]
    results: dict[str, StageResult] = {}
    for result in stages:
        if result.name not in known:
            raise InputError(f"stage '{result.name}' is not on the ladder ({', '.join(known)})")
        if result.name in results:
            raise InputError(f"stage '{result.name}' appears twice in a verdict")
        if result.status is Status.ERROR:
            raise InputError(f"stage '{result.name}' is an error, which has no reward: leave the sample out")
        if not 0 <= result.score <= 1:
            raise InputError(f"stage '{result.name}' has the score {result.score}, outside [0, 1]")
        results[result.name] = result
    return results


@lru_cache(maxsize=256)
def check_ladder(ladder: Ladder) -> None:
    """Raise InputError for a ladder that no scheme can read: empty, names twice, weights out of scale."""
    if not ladder:
        raise InputError("a ladder needs at least one stage")
    names = [stage.name for stage in ladder]
    for name in names:
        if names.count(name) > 1:
            raise InputError(f"stage '{name}' is twice on the ladder")
    for stage in ladder:
        if not isfinite(stage.weight):
            raise InputError(f"stage '{stage.name}' has the weight {stage.weight}; weights are finite")
    total = sum(Fraction(stage.weight) for stage in ladder)
    for stage in ladder:
        if Fraction(stage.weight) < total * MIN_WEIGHT_SHARE:
            raise InputError(
                f"stage '{stage.name}' has less than 2^-30 of the ladder's weight; a float cannot show that"
            )


def shares(readings: StageReadings) -> list[Fraction]:
    """Return the weights of the stages, scaled to sum to exactly 1."""
    total = sum(Fraction(reading.stage.weight) for reading in readings)
    return [Fraction(reading.stage.weight) / total for reading in readings]


def tiers(readings: StageReadings) -> list[StageReading]:
    """Return the readings in the order of comparison: correctness before quality, then ladder order."""
    return sorted(readings, key=lambda reading: reading.stage.kind != "correctness")


def key_of(readings: StageReadings) -> tuple[int, ...]:
    """The lexicographic key: one digit per tier, most important first."""
    return tuple(reading.digit for reading in tiers(readings))


def mixed_radix(digits: Sequence[int], radices: Sequence[int]) -> Fraction:
    """Return the number in [0, 1] whose order is exactly that of `digits`; InputError past 2^52 values."""
    size = prod(radices)
    if size > RADIX_LIMIT:
        raise InputError(
            f"the ladder has {size} lexicographic values; above 2^52 two of them would be the same float: "
            "lower the `levels` of its stages"
        )
    number = 0
    for digit, radix in zip(digits, radices, strict=True):
        number = number * radix + digit
    return Fraction(number, max(size - 1, 1))
