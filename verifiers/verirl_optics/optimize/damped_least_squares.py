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
"""Dampings that are tried, as multiples of the present one."""
FIRST_DAMPING = 1e-2
MIN_DAMPING, MAX_DAMPING = 1e-9, 1e7
TINY_NORM = 1e-30
PATIENCE_STEPS = 3
COLUMN_NORM_DECAY = 0.5
"""What a column's length may fall to from one step to the next."""
ACTIVE_SET_ROUNDS = 4
"""How often a step is found anew because it would cross other walls than thought."""


class Linearization(NamedTuple):
    """A problem to first order: residuals (B, M), their derivatives (B, M, P), and limits (B, C) with theirs.

    A limit is a residual where it is above 0, and none below.
    """

    values: Tensor
    slopes: Tensor
    limits: Tensor
    walls: Tensor


class LeastSquaresProblem(Protocol):
    """Least squares over a batch of B."""

    def settled(self, variables: Tensor) -> tuple[Tensor, Tensor]:
        """Variables (N, P), N a multiple of B, block after block → residuals (N, M) and variables (N, P).

        A variable whose best value follows from the others may be set to it; the residuals are at that.
        """
        ...

    def linear(self, variables: Tensor) -> Linearization:
        """The problem about variables (B, P)."""
        ...


def minimize(
    problem: LeastSquaresProblem, start_BP: Tensor, steps: int, *, enough: float = 1e-5
) -> tuple[Tensor, Tensor]:
    """The variables (B, P) and the sum of squares (B) that at most `steps` steps reach, never above the
    start's.

    Ends when no problem's sum of squares has fallen by the fraction `enough` in PATIENCE steps in a row. A
    start whose residuals are not finite stays where it is.
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
    """The steps (T, B, P) of each damping (T, B), and the lengths of the columns (B, P) that scale them.

    A wall that a step would cross counts in it too: else it ends there, and the next one creeps along.
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
        # A system that has no solution gives a step that is none, which is not taken.
        moves, _ = torch.linalg.solve_ex(normal + held @ walls, downhill - held @ limits[..., None])
        ahead = (limits + (walls @ moves)[..., 0]) > 0.0
        if bool((ahead == met).all()):
            break
        met = ahead
    return moves[..., 0] / length, length
