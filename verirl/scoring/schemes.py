"""The schemes: what a climb of the ladder is worth. Each is a few lines of exact arithmetic.

A scheme is anything with a `name` that maps (ladder, stage results) to a `RewardValue`; ours also say
which properties they claim, so that `verirl audit rewards` can hold them to it. The key is the place on the
ladder and the same under every scheme; only the value differs.
"""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from math import isfinite
from typing import Any, Protocol, runtime_checkable

from verirl.errors import InputError
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


@dataclass(frozen=True)
class LadderScheme:
    """A scheme of this module. `worth` gives the exact value in [0, 1]; `claims` are audited properties.

    `stops`: whether what a verdict says of stages past its first fall counts for nothing.
    """

    name: str
    worth: Callable[[StageReadings], Fraction]
    claims: frozenset[str]
    stops: bool = True

    def __call__(self, ladder: Ladder, stages: Sequence[StageResult]) -> RewardValue:
        """The value and the key of a verdict's stages."""
        rungs = read_stages(ladder, stages)
        counted = rungs if self.stops else read_stages(ladder, stages, stops=False)
        return RewardValue(scheme=self.name, value=float(self.worth(counted)), key=key_of(rungs))


def _binary(rungs: StageReadings) -> Fraction:
    return Fraction(all(rung.passed for rung in rungs if rung.stage.kind == "correctness"))


def _weighted(rungs: StageReadings) -> Fraction:
    return sum((w * rung.credit for w, rung in zip(shares(rungs), rungs, strict=True)), Fraction(0))


def _hierarchical(rungs: StageReadings) -> Fraction:
    if tiers(rungs) != list(rungs):
        raise InputError(
            "the hierarchical scheme needs a ladder with its correctness stages before its quality stages; "
            "for this one use `lexicographic`"
        )
    return _weighted(rungs)


def _lexicographic(rungs: StageReadings) -> Fraction:
    return mixed_radix(key_of(rungs), [rung.radix for rung in tiers(rungs)])


def _gated(rungs: StageReadings) -> Fraction:
    return _binary(rungs) * _weighted(rungs)


def _harmonic(rungs: StageReadings, smoothing: Fraction) -> Fraction:
    shifted = [rung.credit + smoothing for rung in rungs]
    if not all(shifted):
        return Fraction(0)
    inverse = sum((w / x for w, x in zip(shares(rungs), shifted, strict=True)), Fraction(0))
    return 1 / inverse - smoothing


def _harmonic_scheme(smoothing: float = 0.0) -> LadderScheme:
    if not (isfinite(smoothing) and smoothing >= 0):
        raise InputError(f"harmonic: smoothing is {smoothing}; it must be finite and at least 0")
    return LadderScheme("harmonic", partial(_harmonic, smoothing=Fraction(smoothing)), _ALWAYS)


_ALWAYS = frozenset({"bounded", "monotone"})
_LADDER = _ALWAYS | {"dominance", "tried"}

_MAKERS: Mapping[str, Callable[..., LadderScheme]] = {
    "binary": lambda: LadderScheme("binary", _binary, _ALWAYS),
    "hierarchical": lambda: LadderScheme("hierarchical", _hierarchical, _LADDER),
    "lexicographic": lambda: LadderScheme("lexicographic", _lexicographic, _LADDER | {"order"}),
    "gated": lambda: LadderScheme("gated", _gated, _ALWAYS),
    "weighted": lambda: LadderScheme("weighted", _weighted, _ALWAYS | {"tried"}, stops=False),
    "harmonic": _harmonic_scheme,
}

SCHEMES: tuple[str, ...] = tuple(_MAKERS)
"""The names that `scheme` knows."""


def scheme(name: str, **options: Any) -> LadderScheme:
    """The scheme called `name`; InputError for an unknown name or option.

    `harmonic` takes `smoothing` (≥ 0, default 0); the others take no options.
    """
    if name not in _MAKERS:
        near = difflib.get_close_matches(name, SCHEMES, n=1)
        hint = f"did you mean '{near[0]}'?" if near else f"there are: {', '.join(SCHEMES)}"
        raise InputError(f"unknown reward scheme '{name}'; {hint}")
    known = list(inspect.signature(_MAKERS[name]).parameters)
    for option in options:
        if option not in known:
            raise InputError(
                f"reward scheme '{name}' has no option '{option}'; it has {', '.join(known) or 'none'}"
            )
    return _MAKERS[name](**options)


def reward(scheme: Scheme, ladder: Ladder, verdict: Verdict) -> Verdict:
    """`verdict` with its `reward` filled; None where a stage is an `error`, which is not the answer's."""
    value = None if verdict.is_error else scheme(ladder, verdict.stages)
    return verdict.model_copy(update={"reward": value})
