"""Dr. GRPO (arXiv 2503.20783): deviation from the group's mean, not scaled."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from verirl.options import Options
from verirl.scoring.advantages.registry import advantage
from verirl.types import RewardValue


def deviations(rewards: Sequence[RewardValue]) -> list[Fraction]:
    """Return r − mean of each reward's value, exactly."""
    values = [Fraction(reward.value) for reward in rewards]
    mean = sum(values, Fraction(0)) / len(values)
    return [value - mean for value in values]


@advantage("dr_grpo", claims={"zero-sum", "order", "error-neutral"}, params=Options)
def dr_grpo(rewards: Sequence[RewardValue], params: Options) -> list[float]:
    """The difference r − mean."""
    return [float(d) for d in deviations(rewards)]
