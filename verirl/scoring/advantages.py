"""Group advantages: how much better each answer is than the others to the same prompt.

An `error` is None in and None out: the others' advantages are what they would be without it. Where fewer
than two samples are usable there is nothing to compare, and the group contributes nothing.
"""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from math import isfinite, sqrt

from verirl.errors import InputError
from verirl.types import RewardValue

FINEST = Fraction(1, 2**52)
"""Smallest difference between two advantages that a float near 1 still shows."""

Advantages = Callable[[Sequence[RewardValue], float, float], list[float]]


def _grpo(rewards: Sequence[RewardValue], gamma: float, epsilon: float) -> list[float]:
    deviations = _deviations(rewards)
    spread = sqrt(sum(d * d for d in deviations) / (len(deviations) - 1))
    scale = Fraction(spread) + Fraction(epsilon)
    return [float(d / scale) if d else 0.0 for d in deviations]


def _dr_grpo(rewards: Sequence[RewardValue], gamma: float, epsilon: float) -> list[float]:
    return [float(d) for d in _deviations(rewards)]


def _deviations(rewards: Sequence[RewardValue]) -> list[Fraction]:
    values = [Fraction(reward.value) for reward in rewards]
    mean = sum(values, Fraction(0)) / len(values)
    return [value - mean for value in values]


def _lexicographic(rewards: Sequence[RewardValue], gamma: float, epsilon: float) -> list[float]:
    keys = [reward.key for reward in rewards]
    depths = {len(key) for key in keys}
    if depths == {0} or len(depths) > 1:
        raise InputError(
            "lexicographic advantages compare keys, which must be there and equally long; "
            f"this group's have {', '.join(map(str, sorted(depths)))} tiers"
        )
    depth, others = depths.pop(), len(keys) - 1
    weights = [Fraction(gamma) ** tier for tier in range(depth)]
    if weights[-1] / others < FINEST:
        raise InputError(
            f"gamma {gamma} over {depth} tiers and {others + 1} samples weighs the last tier below 2^-52, "
            "where a float no longer keeps the order: choose a larger gamma"
        )
    counts = Counter(keys)
    worth = {key: float(_beaten(key, counts, weights) / others) for key in counts}
    return [worth[key] for key in keys]


def _beaten(key: tuple[int, ...], counts: Counter[tuple[int, ...]], weights: Sequence[Fraction]) -> Fraction:
    """Σ ± weight of the first tier that differs, over the whole group; equal keys add nothing."""
    balance = [0] * len(key)
    for other, count in counts.items():
        if other != key:
            tier = next(t for t, (mine, theirs) in enumerate(zip(key, other, strict=True)) if mine != theirs)
            balance[tier] += count if key > other else -count
    return sum((b * weight for b, weight in zip(balance, weights, strict=True)), Fraction(0))


_KINDS: Mapping[str, Advantages] = {
    "grpo": _grpo,
    "dr_grpo": _dr_grpo,
    "lexicographic": _lexicographic,
}

ADVANTAGES: tuple[str, ...] = tuple(_KINDS)
"""The kinds that `advantages` knows."""


def advantages(
    kind: str,
    rewards: Sequence[RewardValue | None],
    *,
    gamma: float = 1.0,
    epsilon: float = 1e-4,
) -> list[float | None]:
    """The advantage of each sample of one group, in order; None where its reward is None.

    `grpo`: (r − mean) / (s + epsilon), s the sample standard deviation (G − 1 in the denominator).
    `dr_grpo`: r − mean. `lexicographic`: the mean over the other samples of ±gamma^t, t the first tier (from
    0) in which the two keys differ, and 0 for equal keys; it needs 0 < gamma ≤ 1 and ignores the values.
    Sources: DeepSeekMath (arXiv 2402.03300); Dr. GRPO (arXiv 2503.20783); ours.
    """
    if kind not in _KINDS:
        near = difflib.get_close_matches(kind, ADVANTAGES, n=1)
        hint = f"did you mean '{near[0]}'?" if near else f"there are: {', '.join(ADVANTAGES)}"
        raise InputError(f"unknown advantage '{kind}'; {hint}")
    if not 0 < gamma <= 1:
        raise InputError(f"gamma is {gamma}; it must be in (0, 1]")
    if not (isfinite(epsilon) and epsilon > 0):
        raise InputError(f"epsilon is {epsilon}; it must be finite and above 0")
    usable = [reward for reward in rewards if reward is not None]
    if len(usable) < 2:
        return [None if reward is None else 0.0 for reward in rewards]
    worth = iter(_KINDS[kind](usable, gamma, epsilon))
    return [None if reward is None else next(worth) for reward in rewards]
