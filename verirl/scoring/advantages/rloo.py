"""RLOO: each answer against the mean of the others (Kool et al. 2019; Ahmadian et al., arXiv 2402.14740)."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from verirl.options import Options
from verirl.scoring.advantages.registry import advantage
from verirl.types import RewardValue


@advantage("rloo", claims={"zero-sum", "order", "error-neutral"}, params=Options)
def rloo(rewards: Sequence[RewardValue], params: Options) -> list[float]:
    """The difference r − mean of the group's other rewards (leave-one-out baseline)."""
    values = [Fraction(reward.value) for reward in rewards]
    total, others = sum(values, Fraction(0)), len(values) - 1
    return [float(value - (total - value) / others) for value in values]
