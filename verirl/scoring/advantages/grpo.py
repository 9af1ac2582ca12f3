"""GRPO (DeepSeekMath, arXiv 2402.03300): deviation from the group's mean, in standard deviations."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from math import sqrt

from pydantic import Field

from verirl.options import Options
from verirl.scoring.advantages.dr_grpo import deviations
from verirl.scoring.advantages.registry import advantage
from verirl.types import RewardValue


class GrpoParams(Options):
    """`epsilon` is added to the standard deviation."""

    epsilon: float = Field(1e-4, gt=0, allow_inf_nan=False)


@advantage("grpo", claims={"zero-sum", "order", "error-neutral"}, params=GrpoParams)
def grpo(rewards: Sequence[RewardValue], params: GrpoParams) -> list[float]:
    """(r − mean) / (s + epsilon), with s the sample standard deviation (G − 1 in the denominator)."""
    differences = deviations(rewards)
    spread = sqrt(sum(d * d for d in differences) / (len(differences) - 1))
    scale = Fraction(spread) + Fraction(params.epsilon)
    return [float(d / scale) if d else 0.0 for d in differences]
