"""Reward shaping: small pure functions, none of which a scheme calls by itself.

The first four shape the rewards of a trajectory's steps, `length` adds a last tier to a lexicographic
reward, and `thoughts` turns the correctness of steps into rewards of thoughts.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from itertools import groupby, pairwise
from math import floor, isfinite
from typing import NamedTuple

from verirl.errors import InputError
from verirl.scoring.stages import LEVEL_TOLERANCE, mixed_radix, read_stages, tiers
from verirl.types import Ladder, RewardValue, StageResult


def clip(rewards: Sequence[float], eta: float) -> tuple[float, ...]:
    """Clip (arXiv 2410.15115): min(r_k − eta, 0) for each step.

    No step earns more than 0, so that a trajectory cannot be made better by adding steps.
    """
    return tuple(min(reward - eta, 0.0) for reward in _finite("step rewards", rewards))


def delta(rewards: Sequence[float]) -> tuple[float, ...]:
    """Delta (arXiv 2410.15115): r_k − r_{k+1} for each step, the last step's own reward at the end.

    The sum telescopes to r_1: what the steps earn together is bounded by one step's reward, however many
    there are, so that repeating correct but needless steps earns nothing.
    """
    steps = _finite("step rewards", rewards)
    return tuple(here - after for here, after in pairwise([*steps, 0.0]))


def potential(potentials: Sequence[float], gamma: float = 1.0) -> tuple[float, ...]:
    """Potential-based shaping (Ng, Harada and Russell 1999): gamma·Φ(s') − Φ(s) for each transition.

    `potentials`: Φ of each of n states in order; n − 1 terms come back. Discounted, they sum to
    gamma^(n−1)·Φ(s_last) − Φ(s_first): the best policy stays the best where Φ of final states is 0.
    """
    if not 0 < gamma <= 1:
        raise InputError(f"gamma is {gamma}; it must be in (0, 1]")
    return tuple(gamma * after - here for here, after in pairwise(_finite("potentials", potentials)))


def progressive(score: float, skill: float, *, start: float, end: float) -> float:
    """A pass threshold that tightens with the policy (after Vision-R1): 1 where it is met, else `score`.

    `skill` in [0, 1] is the policy's recent success rate; the threshold goes linearly from `start` at
    skill 0 to `end` at skill 1. With start ≤ end, the reward never rises with skill and never falls with
    score.
    """
    for name, value in (("score", score), ("skill", skill), ("start", start), ("end", end)):
        _unit(name, value)
    if start > end:
        raise InputError(f"the threshold tightens from start to end; start {start} is above end {end}")
    threshold = Fraction(start) + (Fraction(end) - Fraction(start)) * Fraction(skill)
    return 1.0 if Fraction(score) >= threshold else score


def length(
    reward: RewardValue,
    ladder: Ladder,
    stages: Sequence[StageResult],
    *,
    tokens: int,
    budget: int,
    span: int,
    levels: int = 17,
) -> RewardValue:
    """A lexicographic reward with the answer's length as its last tier, below every stage.

    Up to `budget` tokens an answer keeps the top level; from there it loses levels linearly, and has none
    left from `budget + span` tokens on. It only separates answers that are equal on the whole ladder.
    Order = key and the bounds stay exact. Raises InputError for a reward of another scheme or verdict.
    """
    if tokens < 0 or budget < 0 or span < 1 or levels < 2:
        raise InputError("length: tokens and budget are at least 0, span at least 1 and levels at least 2")
    readings = tiers(read_stages(ladder, stages))
    digits = tuple(reading.digit for reading in readings)
    if reward.scheme != "lexicographic" or reward.key != digits:
        raise InputError("length refines the lexicographic reward of the same verdict, and no other")
    within = 1 - min(max(Fraction(tokens - budget, span), Fraction(0)), Fraction(1))
    key = (*digits, floor(within * (levels - 1) + LEVEL_TOLERANCE))
    value = mixed_radix(key, [*(reading.radix for reading in readings), levels])
    return RewardValue(scheme="lexicographic+length", value=float(value), key=key)


class Thought(NamedTuple):
    """A run of steps of one correctness: steps `start` to `stop` (exclusive), and what it earns."""

    start: int
    stop: int
    correct: bool
    reward: float


def thoughts(steps: Sequence[bool], *, accuracy: float, alpha: float = 0.5) -> tuple[Thought, ...]:
    """Steps merged into contiguous thoughts, each rewarded by its sign (after TP-GRPO).

    With n thoughts, each earns ±alpha·(1 − accuracy)/n, `accuracy` being the share of the prompt's group
    that succeeded: guidance fades as the policy masters the prompt. Together they earn at most alpha < 1 in
    size, so that an outcome of ±1 always decides, and splitting a thought in more steps earns nothing.
    """
    _unit("accuracy", accuracy)
    if not 0 <= alpha < 1:
        raise InputError(f"alpha is {alpha}; it must be in [0, 1), so that the outcome decides")
    runs = [(correct, len(list(run))) for correct, run in groupby(map(bool, steps))]
    found: list[Thought] = []
    start = 0
    for correct, count in runs:
        worth = alpha * (1 - accuracy) / len(runs)
        found.append(Thought(start, start + count, correct, worth if correct else -worth))
        start += count
    return tuple(found)


def _unit(name: str, value: float) -> None:
    if not 0 <= value <= 1:
        raise InputError(f"{name} is {value}; it must be in [0, 1]")


def _finite(name: str, values: Sequence[float]) -> list[float]:
    for value in values:
        if not isfinite(value):
            raise InputError(f"{name} hold {value}; they must be finite")
    return list(values)
