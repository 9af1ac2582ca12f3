"""Reward schemes: maps from stage results to a value in [0, 1] and a key, in exact arithmetic.

A scheme is anything with a `name` that maps (ladder, stage results) to a `RewardValue`. Ours also claim
properties, which `verirl audit rewards` tests. The key is the same under every scheme; only the value
differs.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from typing import Any, Protocol, runtime_checkable

from pydantic import Field

from verirl import options
from verirl.errors import InputError, unknown
from verirl.options import Options
from verirl.scoring.stages import StageReadings, key_of, mixed_radix, read_stages, shares, tiers
from verirl.types import Ladder, RewardValue, StageResult, Verdict


@runtime_checkable
class Scheme(Protocol):
    """Maps a verdict's stages to a reward; pure and deterministic."""

    @property
    def name(self) -> str:
        """What verdicts call the scheme."""
        ...

    def __call__(self, ladder: Ladder, stages: Sequence[StageResult]) -> RewardValue:
        """The reward of stages without an `error`; InputError where the ladder or a stage is unsound."""
        ...


@runtime_checkable
class ClaimingScheme(Scheme, Protocol):
    """A scheme that names the properties it guarantees."""

    @property
    def claims(self) -> Collection[str]:
        """Names of the properties that `verirl audit rewards` checks."""
        ...


@dataclass(frozen=True)
class LadderScheme:
    """A reward scheme on a ladder.

    Attributes:
        name: The name in verdicts and recipes.
        worth: Maps the readings of all stages to the exact value in [0, 1].
        claims: Names of the properties that `verirl audit rewards` checks.
        stops: Whether stages after the first failed correctness stage count as not reached.
    """

    name: str
    worth: Callable[[StageReadings], Fraction]
    claims: frozenset[str]
    stops: bool = True

    def __call__(self, ladder: Ladder, stages: Sequence[StageResult]) -> RewardValue:
        """The value and the key of a verdict's stages."""
        readings = read_stages(ladder, stages)
        counted = readings if self.stops else read_stages(ladder, stages, stops=False)
        return RewardValue(scheme=self.name, value=float(self.worth(counted)), key=key_of(readings))


def _binary(readings: StageReadings) -> Fraction:
    return Fraction(all(reading.passed for reading in readings if reading.stage.kind == "correctness"))


def _weighted(readings: StageReadings) -> Fraction:
    return sum(
        (w * reading.credit for w, reading in zip(shares(readings), readings, strict=True)), Fraction(0)
    )


def _hierarchical(readings: StageReadings) -> Fraction:
    if tiers(readings) != list(readings):
        raise InputError(
            "the hierarchical scheme needs a ladder with its correctness stages before its quality stages; "
            "for this one use `lexicographic`"
        )
    return _weighted(readings)


def _lexicographic(readings: StageReadings) -> Fraction:
    return mixed_radix(key_of(readings), [reading.radix for reading in tiers(readings)])


def _gated(readings: StageReadings) -> Fraction:
    return _binary(readings) * _weighted(readings)


def _harmonic(readings: StageReadings, smoothing: Fraction) -> Fraction:
    shifted = [reading.credit + smoothing for reading in readings]
    if not all(shifted):
        return Fraction(0)
    inverse = sum((w / x for w, x in zip(shares(readings), shifted, strict=True)), Fraction(0))
    return 1 / inverse - smoothing


class HarmonicOptions(Options):
    """`smoothing` (λ) is added to each credit, so that an unfinished ladder is worth more than 0."""

    smoothing: float = Field(0.0, ge=0, allow_inf_nan=False)


@dataclass(frozen=True)
class _Factory:
    """Makes a scheme from its validated options."""

    make: Callable[[Any], LadderScheme]
    options: type[Options] = Options


def _fixed(scheme: LadderScheme) -> _Factory:
    return _Factory(lambda _: scheme)


def _harmonic_scheme(chosen: HarmonicOptions) -> LadderScheme:
    return LadderScheme("harmonic", partial(_harmonic, smoothing=Fraction(chosen.smoothing)), _ALWAYS)


_ALWAYS = frozenset({"bounded", "monotone"})
_LADDER = _ALWAYS | {"dominance", "tried"}

_FACTORIES: Mapping[str, _Factory] = {
    "binary": _fixed(LadderScheme("binary", _binary, _ALWAYS)),
    "hierarchical": _fixed(LadderScheme("hierarchical", _hierarchical, _LADDER)),
    "lexicographic": _fixed(LadderScheme("lexicographic", _lexicographic, _LADDER | {"order"})),
    "gated": _fixed(LadderScheme("gated", _gated, _ALWAYS)),
    "weighted": _fixed(LadderScheme("weighted", _weighted, _ALWAYS | {"tried"}, stops=False)),
    "harmonic": _Factory(_harmonic_scheme, HarmonicOptions),
}

SCHEMES: tuple[str, ...] = tuple(_FACTORIES)
"""The names that `scheme` knows."""


def scheme(name: str, **values: Any) -> LadderScheme:
    """Return a reward scheme.

    Args:
        name: One of `SCHEMES`.
        **values: Options of the scheme: `smoothing` (at least 0, default 0) for `harmonic`; none for the
            others.

    Returns:
        The scheme: a function of (ladder, stages).

    Raises:
        InputError: If the scheme or an option is unknown, or a value is out of range.

    Example:
        >>> from verirl.types import Stage, StageResult
        >>> ladder = (Stage(name="compile"), Stage(name="tests"))
        >>> stages = [StageResult(name="compile", status="passed", score=1)]
        >>> scheme("weighted")(ladder, stages).value
        0.5
    """
    if name not in _FACTORIES:
        raise unknown("reward scheme", name, SCHEMES)
    factory = _FACTORIES[name]
    return factory.make(options.read(factory.options, values, f"reward scheme '{name}'"))


def reward(scheme: Scheme, ladder: Ladder, verdict: Verdict) -> Verdict:
    """`verdict` with its `reward` filled; None where a stage is an `error`, which is not the answer's."""
    value = None if verdict.is_error else scheme(ladder, verdict.stages)
    return verdict.model_copy(update={"reward": value})
