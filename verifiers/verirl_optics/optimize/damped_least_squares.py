"""Damped least squares: Levenberg–Marquardt on a batch. Axes: B problems, P variables, M residuals.

Levenberg, Q. Appl. Math. 2 (1944) 164; Marquardt, J. SIAM 11 (1963) 431; in lens design Wynne and Wormell,
Appl. Opt. 2 (1963) 1233. Columns of the Jacobian are scaled to length 1, so that the damping is the same for
a curvature and a thickness; a column that shrinks keeps part of its length (Moré, Lecture Notes in
Mathematics 630 (1978) 105). Each step tries several dampings and keeps the best, if it is better.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

import torch
from torch import Tensor

DAMPING_FACTORS = (0.03, 0.3, 3.0, 100.0)
"""Dampings that a step tries, as multiples of the current one."""
FIRST_DAMPING = 1e-2
MIN_DAMPING, MAX_DAMPING = 1e-9, 1e7
TINY_NORM = 1e-30
PATIENCE_STEPS = 3
COLUMN_NORM_DECAY = 0.5
"""Share of its length that a column keeps at least from one step to the next."""
ACTIVE_SET_ROUNDS = 4
"""How often a step is solved again because it would violate other limits than assumed."""


class Linearization(NamedTuple):
    """A least-squares problem to first order.

    Attributes:
        values: Residuals (B, M).
        slopes: Their derivatives (B, M, P).
        limits: One-sided residuals (B, C): they count only if they are above 0.
        walls: Their derivatives (B, C, P).
    """

    values: Tensor
    slopes: Tensor
    limits: Tensor
    walls: Tensor


class LeastSquaresProblem(Protocol):
    """A batch of B least-squares problems of the same size."""

    def settled(self, variables: Tensor) -> tuple[Tensor, Tensor]:
        """Return residuals (N, M) and variables (N, P) at variables (N, P), N a multiple of B.

        A variable whose best value follows from the others may be set to it; the residuals are those at the
        returned variables.
        """
        ...

    def linear(self, variables: Tensor) -> Linearization:
        """Return the problem linearized at variables (B, P)."""
        ...


def minimize(
    problem: LeastSquaresProblem, start_BP: Tensor, steps: int, *, enough: float = 1e-5
) -> tuple[Tensor, Tensor]:
    """Minimize the sums of squares of a batch by damped least squares.

    Ends early when no sum of squares has fallen by the fraction `enough` in `PATIENCE_STEPS` steps in a row.
    A start whose residuals are not finite is returned as it is.

    Args:
        problem: The batch of problems.
        start_BP: Start values of the variables.
        steps: Greatest number of steps.
        enough: Relative gain of a step below which it counts as idle.

    Returns:
        Variables (B, P) and sums of squares (B), which are never above those of the start.
    """
    problems = len(start_BP)
    values, at = problem.settled(start_BP)
    cost = (values**2).sum(-1)
    damping = torch.full_like(cost, FIRST_DAMPING)
    factors = torch.tensor(DAMPING_FACTORS, dtype=at.dtype, device=at.device)
    largest = torch.zeros_like(at)
    idle = 0
    for _ in range(steps):
        tried = (damping * factors[:, None]).clamp(MIN_DAMPING, MAX_DAMPING)
        moves, largest = _steps(problem.linear(at), tried, largest)
        trial = at + moves
        values, flat = problem.settled(trial.reshape(-1, at.shape[1]))
        trial = flat.view_as(trial)
        costs = (values**2).sum(-1).view(len(factors), problems)
        costs = torch.where(torch.isfinite(costs), costs, torch.inf)
        best, which = costs.min(0)
        better = best < cost
        fallen = torch.where(better, (cost - best) / cost.clamp_min(TINY_NORM), torch.zeros_like(cost))
        rows = torch.arange(problems, device=at.device)
        at = torch.where(better[:, None], trial[which, rows], at)
        cost = torch.where(better, best, cost)
        damping = torch.where(better, tried[which, rows], damping * factors[-1]).clamp(
            MIN_DAMPING, MAX_DAMPING
        )
        idle = 0 if bool((fallen > enough).any()) else idle + 1
        if idle == PATIENCE_STEPS:
            break
    return at, cost


def _steps(near: Linearization, damping: Tensor, largest: Tensor) -> tuple[Tensor, Tensor]:
    """Return the steps (T, B, P) for each damping (T, B), and the column lengths (B, P) that scale them.

    A limit that the step would violate is active in it too; otherwise the step would end there, and the next
    ones would follow the limit in small steps.
    """
    values, limits = torch.nan_to_num(near.values), torch.nan_to_num(near.limits)
    slopes = torch.nan_to_num(near.slopes, nan=0.0, posinf=0.0, neginf=0.0)
    walls = torch.nan_to_num(near.walls, nan=0.0, posinf=0.0, neginf=0.0)
    broken = limits > 0.0
    length = torch.sqrt((slopes**2).sum(1) + (walls**2 * broken[..., None]).sum(1))
    length = torch.maximum(
        torch.where(length > TINY_NORM, length, torch.ones_like(length)), COLUMN_NORM_DECAY * largest
    )
    slopes, walls = slopes / length[:, None], walls / length[:, None]
    eye = torch.eye(length.shape[1], dtype=length.dtype, device=length.device)
    normal = slopes.mT @ slopes + damping[..., None, None] * eye
    downhill = -(slopes.mT @ values[..., None])
    met = broken.expand(len(damping), -1, -1)
    for _ in range(ACTIVE_SET_ROUNDS):
        held = (walls * met[..., None]).mT
        # A singular system yields nan; that step is skipped.
        moves, _ = torch.linalg.solve_ex(normal + held @ walls, downhill - held @ limits[..., None])
        ahead = (limits + (walls @ moves)[..., 0]) > 0.0
        if bool((ahead == met).all()):
            break
        met = ahead
    return moves[..., 0] / length, length
