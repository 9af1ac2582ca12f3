"""Derivatives of every ray by every variable, in one backward pass: each ray gets its own copy of the lens.

Axes as in `trace`; P variables.
"""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from verirl_optics.optimize.variables import VariableSet
from verirl_optics.raytrace.system import System
from verirl_optics.raytrace.trace import Rays


class PerRayLenses:
    """Rays, each with its own copy of the lens, so that one backward pass differentiates all.

    Surfaces come first in the memory of `system`, since the tracer takes one at a time.
    """

    def __init__(self, system: System, rays: Rays, free: VariableSet) -> None:
        self.free = free
        self.curvature = system.curvature_BS.T.contiguous().requires_grad_()
        self.thickness = system.thickness_BS.T.contiguous().requires_grad_()
        self.conic = system.conic_BS.T.contiguous().requires_grad_(bool(free.conics))
        self.asphere = system.asphere_BSA.movedim(0, -1).contiguous().requires_grad_(bool(free.terms))
        self.start = rays.z.clone().requires_grad_()
        self.system = replace(
            system,
            curvature_BS=self.curvature.T,
            thickness_BS=self.thickness.T,
            conic_BS=self.conic.T,
            asphere_BSA=self.asphere.movedim(-1, 0),
        )
        self.rays = replace(rays, z=self.start)

    @classmethod
    def of(cls, system: System, rays: Rays, free: VariableSet) -> PerRayLenses:
        """Copy the lens of each ray (BFWR) of a batch."""
        lenses, fields, colors, points = rays.x.shape
        each = fields * colors * points

        def spread(values: Tensor) -> Tensor:
            return values.repeat_interleave(each, 0)

        index = system.index_BSW[:, :, None, :, None].expand(-1, -1, fields, -1, points)
        index = index.movedim(0, 1).reshape(system.count, lenses * each).T[..., None]
        shape = (lenses * each, 1, 1, 1)
        return cls(
            System(
                spread(system.curvature_BS),
                spread(system.thickness_BS),
                spread(system.conic_BS),
                spread(system.asphere_BSA),
                index,
                spread(system.semi_BS),
                system.stop,
            ),
            Rays(*(getattr(rays, name).reshape(shape) for name in ("x", "y", "z", "l", "m", "n"))),
            free,
        )

    def part(self, rows: Tensor) -> PerRayLenses:
        """Return some of the rays, each as often as it is listed."""
        system, rays = self.system, self.rays
        return PerRayLenses(
            System(
                system.curvature_BS.detach()[rows],
                system.thickness_BS.detach()[rows],
                system.conic_BS.detach()[rows],
                system.asphere_BSA.detach()[rows],
                system.index_BSW[rows],
                system.semi_BS[rows],
                system.stop,
            ),
            Rays(*(getattr(rays, name).detach()[rows] for name in ("x", "y", "z", "l", "m", "n"))),
            self.free,
        )

    def derivatives(self, height: Tensor, shape: torch.Size, *, keep: bool = False) -> Tensor:
        """Differentiate one height per ray.

        Args:
            height: Heights of the rays, computed from `system` and `rays`.
            shape: Axes of the rays in the result, for example BFWR.
            keep: Keep the graph for another call.

        Returns:
            Derivatives by each variable, and last by the start position z of the ray (shape, P + 1).
        """
        free = self.free
        leaves = [self.curvature, self.thickness, self.start]
        leaves += [self.conic] if free.conics else []
        leaves += [self.asphere] if free.terms else []
        curvature, thickness, start, *rest = torch.autograd.grad(
            height.sum(), leaves, retain_graph=keep, materialize_grads=True
        )
        parts = [curvature[list(free.curvatures)], thickness[list(free.thicknesses)]]
        if free.conics:
            parts.append(rest.pop(0)[list(free.conics)])
        if free.terms:
            parts.append(rest.pop(0)[[s for s, _ in free.terms], [i for _, i in free.terms]])
        return torch.cat([*parts, start.flatten()[None]]).T.reshape(*shape, -1)
