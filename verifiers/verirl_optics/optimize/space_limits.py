"""The limits on the lengths of a lens, as differentiable violations. Axes as in `system`; C limits."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from verirl_optics.optimize.variables import VariableSet
from verirl_optics.raytrace.system import FLOAT, System
from verirl_optics.raytrace.trace import sag
from verirl_optics.spec import OpticsSpec

EDGE_HEIGHT_FACTOR = 1.021
"""Edges are measured at this multiple of the traced height; a verdict measures at 1.02."""
MAX_SLOPE_SINE = 0.93
MAX_HEMISPHERE_SHARE = 0.999


class SpaceLimits:
    """The limits on the lengths of a lens, for all its spaces at once."""

    def __init__(
        self,
        base: System,
        spec: OpticsSpec,
        free: VariableSet,
        surfaces: list[int],
        small: float,
        band: float,
    ) -> None:
        device = base.curvature_BS.device
        self.spec = spec
        self.surfaces = surfaces
        self.small, self.band = small, band
        self.near, self.far = surfaces[:-1], surfaces[1:]
        glass = [bool((base.index_BSW[0, s] != 1.0).any()) for s in self.near]
        low, high = spec.center_thickness_mm.min, spec.center_thickness_mm.upper

        def limits(of_glass: float, of_air: float) -> Tensor:
            return torch.tensor([of_glass if is_glass else of_air for is_glass in glass], device=device).to(
                FLOAT
            )

        self.center = limits(low, spec.min_air_gap_mm)
        self.edge = limits(spec.min_edge_thickness_mm, spec.min_air_gap_mm)
        self.zone = limits(min(low, spec.min_edge_thickness_mm), spec.min_air_gap_mm)
        self.thickest = limits(high, math.inf)
        self.bounded = bool(torch.isfinite(self.thickest).any())
        # Spaces next to a stop in air: between elements, in front of all of them, or behind.
        whole = {near for near, far in zip(self.near, self.far, strict=True) if far - near == 1}
        self.alone = [s for s in free.thicknesses if s < base.count - 1 and s not in whole]
        aspheric = bool(
            free.terms or free.conics or (base.conic_BS != 0.0).any() or (base.asphere_BSA != 0.0).any()
        )
        self.shares = (0.25, 0.5, 0.75) if aspheric else ()
        self.slopes = (*self.shares, 1.0) if aspheric else ()

    def violations(self, system: System, efl: Tensor, bfl: Tensor, square: Tensor) -> Tensor:
        """Return the violation of each limit in mm (B, C): 0 or less if it is met, nan if it has no measure.

        `square`: r² of the rays (BS).
        """
        spec, thickness, small = self.spec, system.thickness_BS, self.small
        violations = [
            (efl - spec.efl_mm).abs() - self.band,
            spec.min_bfl_mm + small - bfl,
            small - thickness[:, -1],
        ]
        if spec.max_total_track_mm is not None:
            violations.append(thickness.sum(1) + small - spec.max_total_track_mm)
        end = torch.cumsum(thickness, 1)
        between = (end[:, self.far] - thickness[:, self.far]) - (end[:, self.near] - thickness[:, self.near])
        widest = torch.maximum(square[:, self.near], square[:, self.far]) * EDGE_HEIGHT_FACTOR**2
        parts = [torch.stack(violations, dim=1), self.center + small - between]
        parts.append(self.edge + small - self._room(system, between, widest))
        parts += [self.zone + small - self._room(system, between, widest * share) for share in self.shares]
        if self.bounded:
            parts.append(between + small - self.thickest)
        if self.alone:
            parts.append(small / 100.0 - thickness[:, self.alone])
        height2 = square[:, self.surfaces].clamp_min(0.0)
        steep = system.curvature_BS[:, self.surfaces].abs() * height2.sqrt()
        parts.append((steep - MAX_SLOPE_SINE) * spec.efl_mm * 0.1)
        for share in self.slopes:
            parts.append((self._sine(system, height2 * share) - MAX_SLOPE_SINE) * spec.efl_mm * 0.1)
        # Beyond its hemisphere a surface has no edge.
        root = torch.sqrt((1.0 + system.conic_BS).clamp_min(0.0)) * system.curvature_BS.abs()
        both = torch.maximum(root[:, self.near], root[:, self.far]) * widest.clamp_min(0.0).sqrt()
        parts.append((both - MAX_HEMISPHERE_SHARE) * spec.efl_mm * 0.1)
        return torch.cat(parts, dim=1)

    def names(self) -> list[str]:
        """Return the name of each limit of `violations`."""
        names = ["EFL", "BFL", "image distance"] + ["track"] * (self.spec.max_total_track_mm is not None)
        spaces = [f"surfaces {near + 1} to {far + 1}" for near, far in zip(self.near, self.far, strict=True)]
        for kind in ("centre", "edge", *["room"] * len(self.shares), *["centre at most"] * self.bounded):
            names += [f"{kind}, {space}" for space in spaces]
        names += [f"thickness behind surface {s + 1}" for s in self.alone]
        names += [f"slope of surface {s + 1}" for s in self.surfaces] * (1 + len(self.slopes))
        return names + [f"edge, {space}" for space in spaces]

    def _room(self, system: System, between: Tensor, square: Tensor) -> Tensor:
        return between + self._sag(system, self.far, square) - self._sag(system, self.near, square)

    def _sag(self, system: System, surfaces: list[int], square: Tensor) -> Tensor:
        """Return the sag of several surfaces (B, Q) at r² of the same shape."""
        return self._shape(system, surfaces, square)[0]

    def _sine(self, system: System, square: Tensor) -> Tensor:
        """Return the sine of the slope of each refracting surface (B, Q) at r² of the same shape."""
        tangent2 = 4.0 * square * self._shape(system, self.surfaces, square)[1] ** 2
        return torch.sqrt((tangent2 / (1.0 + tangent2)).clamp_min(1e-30))

    def _shape(self, system: System, surfaces: list[int], square: Tensor) -> tuple[Tensor, Tensor]:
        """Return sag, and its derivative by r²."""
        terms = system.asphere_BSA[:, surfaces]
        one = System(
            system.curvature_BS[:, surfaces].reshape(-1, 1),
            square.reshape(-1, 1),
            system.conic_BS[:, surfaces].reshape(-1, 1),
            terms.reshape(square.numel(), 1, terms.shape[-1]),
            system.index_BSW[:1],
            system.semi_BS[:1],
            0,
        )
        depth, slope, _ = sag(one, 0, square.reshape(-1, 1, 1, 1))
        return depth.view(square.shape), slope.view(square.shape)
