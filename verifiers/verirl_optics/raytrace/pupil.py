"""Where rays cross the pupil: points of the unit disc with weights that sum to 1.

Gauss quadrature after G. W. Forbes, "Optical system assessment for design: numerical ray tracing in the
Gaussian pupil", J. Opt. Soc. Am. A 5 (1988) 1943. Fields lie in the y-z plane, so a pupil may be `mirrored`:
only points with x ≥ 0 are listed, and each point with x > 0 stands for its mirror image too.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache, wraps
from typing import Any, ParamSpec, cast

import torch
from torch import Tensor

from verirl_optics.raytrace.system import FLOAT

P = ParamSpec("P")


@dataclass(frozen=True, slots=True, eq=False)
class Pupil:
    """`x_R`, `y_R` in units of the pupil's radius, `weight_R`; `mirrored`: see above."""

    x_R: Tensor
    y_R: Tensor
    weight_R: Tensor
    mirrored: bool = False

    @property
    def rays_R(self) -> Tensor:
        """How many rays of the whole pupil each point stands for."""
        if not self.mirrored:
            return torch.ones_like(self.x_R)
        return torch.where(self.x_R > 1e-12, 2.0, 1.0).to(self.x_R)


def _kept(make: Callable[P, Pupil]) -> Callable[P, Pupil]:
    """`make`, remembered; its tensors are ordinary ones, also where inference mode was on at the time."""

    @lru_cache(maxsize=64)
    def kept(*arguments: Any, **named: Any) -> Pupil:
        with torch.inference_mode(False):
            return make(*arguments, **named)

    return cast("Callable[P, Pupil]", wraps(make)(kept))


def _legendre(order: int) -> tuple[Tensor, Tensor]:
    """Nodes and weights on [0, 1] (Golub and Welsch 1969)."""
    k = torch.arange(1, order, dtype=FLOAT)
    off = k / torch.sqrt(4.0 * k * k - 1.0)
    nodes, vectors = torch.linalg.eigh(torch.diag(off, 1) + torch.diag(off, -1))
    return (nodes + 1.0) / 2.0, vectors[0] ** 2


@_kept
def gauss(rings: int = 6, arms: int = 12, *, mirrored: bool = True) -> Pupil:
    """Gauss–Legendre in r², `arms` equal angles (j + ½)·2π/arms. `mirrored` needs an even number of arms."""
    square, weight = _legendre(rings)
    angle = (torch.arange(arms, dtype=FLOAT) + 0.5) * (2.0 * math.pi / arms)
    if mirrored:
        angle = angle[torch.cos(angle) > 1e-12]
    radius = torch.sqrt(square)
    x = (radius[:, None] * torch.cos(angle)).flatten()
    y = (radius[:, None] * torch.sin(angle)).flatten()
    weights = (weight[:, None] / len(angle)).expand(-1, len(angle)).flatten()
    return Pupil(x, y, weights, mirrored)


@_kept
def hexapolar(rings: int = 6) -> Pupil:
    """The centre and `rings` rings of 6, 12, … points, equal weights: 127 points for 6 rings."""
    x, y = [0.0], [0.0]
    for ring in range(1, rings + 1):
        for j in range(6 * ring):
            angle = 2.0 * math.pi * j / (6 * ring)
            x.append(ring / rings * math.cos(angle))
            y.append(ring / rings * math.sin(angle))
    points = torch.tensor([x, y], dtype=FLOAT)
    return Pupil(points[0], points[1], torch.full((len(x),), 1.0 / len(x), dtype=FLOAT))


@_kept
def rim(points: int = 24) -> Pupil:
    """The edge of the pupil, its top and bottom among the points."""
    angle = torch.arange(points, dtype=FLOAT) * (2.0 * math.pi / points)
    return Pupil(torch.cos(angle), torch.sin(angle), torch.full((points,), 1.0 / points, dtype=FLOAT))


@_kept
def chief() -> Pupil:
    """The centre of the pupil alone."""
    zero = torch.zeros(1, dtype=FLOAT)
    return Pupil(zero, zero, torch.ones(1, dtype=FLOAT))


@_kept
def joined(pupils: tuple[Pupil, ...]) -> Pupil:
    """The points of several pupils one after the other, for one pass; weights stay those of each alone."""
    return Pupil(
        torch.cat([pupil.x_R for pupil in pupils]),
        torch.cat([pupil.y_R for pupil in pupils]),
        torch.cat([pupil.weight_R for pupil in pupils]),
    )
