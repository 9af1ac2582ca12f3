"""Pupil sampling: points of the unit disc with weights that sum to 1.

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
    """Sample points of the pupil.

    Attributes:
        x_R: In units of the pupil radius.
        y_R: In units of the pupil radius.
        weight_R: Weights that sum to 1.
        mirrored: Whether each point with x > 0 stands for its mirror image too.
    """

    x_R: Tensor
    y_R: Tensor
    weight_R: Tensor
    mirrored: bool = False

    @property
    def rays_R(self) -> Tensor:
        """Number of rays of the whole pupil that each point stands for."""
        if not self.mirrored:
            return torch.ones_like(self.x_R)
        return torch.where(self.x_R > 1e-12, 2.0, 1.0).to(self.x_R)


def _kept(make: Callable[P, Pupil]) -> Callable[P, Pupil]:
    """Cache `make`; its tensors are ordinary ones even if inference mode is on at the first call."""

    @lru_cache(maxsize=64)
    def kept(*arguments: Any, **named: Any) -> Pupil:
        with torch.inference_mode(False):
            return make(*arguments, **named)

    return cast("Callable[P, Pupil]", wraps(make)(kept))


def _legendre(order: int) -> tuple[Tensor, Tensor]:
    """Return Gauss–Legendre nodes and weights on [0, 1] (Golub and Welsch 1969)."""
    k = torch.arange(1, order, dtype=FLOAT)
    off = k / torch.sqrt(4.0 * k * k - 1.0)
    nodes, vectors = torch.linalg.eigh(torch.diag(off, 1) + torch.diag(off, -1))
    return (nodes + 1.0) / 2.0, vectors[0] ** 2


@_kept
def gauss(rings: int = 6, arms: int = 12, *, mirrored: bool = True) -> Pupil:
    """Return the Gaussian quadrature of the pupil (Forbes 1988).

    Args:
        rings: Gauss–Legendre nodes in r².
        arms: Equally spaced angles (j + ½)·2π/arms; an even number if `mirrored`.
        mirrored: List only the points with x ≥ 0.
    """
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
    """Return the center and `rings` rings of 6, 12, … points of equal weight: 127 points for 6 rings."""
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
    """Return points on the edge of the pupil, its top and bottom among them."""
    angle = torch.arange(points, dtype=FLOAT) * (2.0 * math.pi / points)
    return Pupil(torch.cos(angle), torch.sin(angle), torch.full((points,), 1.0 / points, dtype=FLOAT))


@_kept
def chief() -> Pupil:
    """Return the center of the pupil alone."""
    zero = torch.zeros(1, dtype=FLOAT)
    return Pupil(zero, zero, torch.ones(1, dtype=FLOAT))


@_kept
def joined(pupils: tuple[Pupil, ...]) -> Pupil:
    """Concatenate pupils for one pass of the tracer; each keeps its own weights."""
    return Pupil(
        torch.cat([pupil.x_R for pupil in pupils]),
        torch.cat([pupil.y_R for pupil in pupils]),
        torch.cat([pupil.weight_R for pupil in pupils]),
    )
