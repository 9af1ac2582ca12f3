"""Damped least squares: Levenberg–Marquardt on a batch. Axes: B problems, P variables, M residuals.

Levenberg, Q. Appl. Math. 2 (1944) 164; Marquardt, J. SIAM 11 (1963) 431; in lens design Wynne and Wormell,
Appl. Opt. 2 (1963) 1233. Columns of the Jacobian are scaled to length 1, so that the damping is the same for
a curvature and a thickness. Each step tries several dampings and keeps the best, if it is better.
"""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor

TRIALS = (0.03, 0.3, 3.0, 100.0)
"""Dampings that are tried, as multiples of the present one."""
FIRST = 1e-2
LEAST, MOST = 1e-9, 1e7
SMALL = 1e-30
PATIENCE = 3


class Problem(Protocol):
    """Least squares over a batch of B."""

    def settled(self, variables: Tensor) -> tuple[Tensor, Tensor]:
        """Variables (N, P), N a multiple of B, block after block → residuals (N, M) and variables (N, P).

        A variable whose best value follows from the others may be set to it; the residuals are at that.
        """
        ...

    def linear(self, variables: Tensor) -> tuple[Tensor, Tensor]:
        """Variables (B, P) → residuals (B, M) and their derivatives (B, M, P)."""
        ...


def minimise(
    problem: Problem, start_BP: Tensor, steps: int, *, enough: float = 1e-5
) -> tuple[Tensor, Tensor]:
    """The variables (B, P) and the sum of squares (B) that at most `steps` steps reach, never above the
    start's.

    Ends when no problem's sum of squares has fallen by the fraction `enough` in PATIENCE steps in a row. A
    start whose residuals are not finite stays where it is.
    """
    problems = len(start_BP)
    values, at = problem.settled(start_BP)
    cost = (values**2).sum(-1)
    damping = torch.full_like(cost, FIRST)
    factors = torch.tensor(TRIALS, dtype=at.dtype, device=at.device)
    idle = 0
    for _ in range(steps):
        values, slopes = problem.linear(at)
        slopes = torch.nan_to_num(slopes, nan=0.0, posinf=0.0, neginf=0.0)
        length = slopes.norm(dim=1)
        length = torch.where(length > SMALL, length, torch.ones_like(length))
        scaled = slopes / length[:, None]
        normal = scaled.mT @ scaled
        downhill = -(scaled.mT @ torch.nan_to_num(values)[..., None])
        eye = torch.eye(at.shape[1], dtype=at.dtype, device=at.device)
        tried = (damping * factors[:, None]).clamp(LEAST, MOST)
        moves = torch.linalg.solve(
            normal + tried[..., None, None] * eye, downhill.expand(len(factors), -1, -1, -1)
        )
        trial = at + moves[..., 0] / length
        values, flat = problem.settled(trial.reshape(-1, at.shape[1]))
        trial = flat.view_as(trial)
        costs = (values**2).sum(-1).view(len(factors), problems)
        costs = torch.where(torch.isfinite(costs), costs, torch.inf)
        best, which = costs.min(0)
        better = best < cost
        fallen = torch.where(better, (cost - best) / cost.clamp_min(SMALL), torch.zeros_like(cost))
        rows = torch.arange(problems, device=at.device)
        at = torch.where(better[:, None], trial[which, rows], at)
        cost = torch.where(better, best, cost)
        damping = torch.where(better, tried[which, rows], damping * factors[-1]).clamp(LEAST, MOST)
        idle = 0 if bool((fallen > enough).any()) else idle + 1
        if idle == PATIENCE:
            break
    return at, cost
