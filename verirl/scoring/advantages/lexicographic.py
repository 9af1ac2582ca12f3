"""Lexicographic advantages: answers compared by their keys, tier by tier, never by their values."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from fractions import Fraction

from pydantic import Field

from verirl.errors import InputError
from verirl.options import Options
from verirl.scoring.advantages.registry import advantage
from verirl.types import RewardValue

MIN_TIER_WEIGHT = Fraction(1, 2**52)
"""Smallest difference between two advantages that a float near 1 still shows."""


class LexicographicParams(Options):
    """`gamma` is the weight of a tier relative to the tier before it."""

    gamma: float = Field(1.0, gt=0, le=1)


@advantage(
    "lexicographic", claims={"zero-sum", "order", "scale-free", "error-neutral"}, params=LexicographicParams
)
def lexicographic(rewards: Sequence[RewardValue], params: LexicographicParams) -> list[float]:
    """The mean over the other answers of ±gamma^t, with t the first tier (from 0) whose digits differ.

    Equal keys contribute 0.
    """
    keys = [reward.key for reward in rewards]
    depths = {len(key) for key in keys}
    if depths == {0} or len(depths) > 1:
        raise InputError(
            "lexicographic advantages compare keys, which must be there and equally long; "
            f"this group's have {', '.join(map(str, sorted(depths)))} tiers"
        )
    depth, others = depths.pop(), len(keys) - 1
    weights = [Fraction(params.gamma) ** tier for tier in range(depth)]
    if weights[-1] / others < MIN_TIER_WEIGHT:
        raise InputError(
            f"gamma {params.gamma} over {depth} tiers and {others + 1} samples gives the last tier a weight "
            "below 2^-52, where a float no longer keeps the order: choose a larger gamma"
        )
    counts = Counter(keys)
    by_key = {key: float(_balance(key, counts, weights) / others) for key in counts}
    return [by_key[key] for key in keys]


def _balance(key: tuple[int, ...], counts: Counter[tuple[int, ...]], weights: Sequence[Fraction]) -> Fraction:
    """Sum ±weight of the first tier that differs over the whole group; equal keys contribute nothing."""
    balance = [0] * len(key)
    for other, count in counts.items():
        if other != key:
            tier = next(t for t, (mine, theirs) in enumerate(zip(key, other, strict=True)) if mine != theirs)
            balance[tier] += count if key > other else -count
    return sum((b * weight for b, weight in zip(balance, weights, strict=True)), Fraction(0))
