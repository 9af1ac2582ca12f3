"""A lens as data: surfaces from the object side, an aperture, fields and wavelengths.

Lengths in mm, angles in degrees, wavelengths in µm. The object is at infinity, the image plane lies one
thickness behind the last surface. Sag: z = c r² / (1 + √(1 − (1 + k) c² r²)) + Σ Aᵢ r^(2i), i = 1, 2, ….
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from verirl_optics.raytrace.glass import LINE_D, Medium, TabulatedMedium

AIR = None
"""The medium of a surface with nothing but air behind it; its index is exactly 1."""


@dataclass(frozen=True, slots=True)
class Surface:
    """One surface and the space behind it. `radius`: mm, inf for a plane; `semi_diameter`: mm or None."""

    radius: float
    thickness: float
    medium: Medium | TabulatedMedium | None = AIR
    conic: float = 0.0
    asphere: tuple[float, ...] = ()
    semi_diameter: float | None = None
    stop: bool = False

    @property
    def aspheric(self) -> bool:
        """Whether the surface is anything but a sphere or a plane."""
        return self.conic != 0.0 or any(self.asphere)

    @property
    def curvature(self) -> float:
        """1 / radius in 1/mm; 0 for a plane."""
        return 0.0 if math.isinf(self.radius) else 1.0 / self.radius


@dataclass(frozen=True, slots=True)
class Aperture:
    """How wide the axial beam is: `kind` is `epd`, `fno` or `stop` (semi-diameter of the stop)."""

    kind: str
    value: float


@dataclass(frozen=True, slots=True)
class Prescription:
    """A whole lens. `primary` indexes `wavelengths`; exactly one surface is the stop."""

    surfaces: tuple[Surface, ...]
    aperture: Aperture
    fields: tuple[float, ...] = (0.0,)
    wavelengths: tuple[float, ...] = (LINE_D,)
    primary: int = 0
    name: str = ""
    notes: tuple[str, ...] = field(default=())

    @property
    def stop(self) -> int:
        """Index of the stop surface."""
        return next(i for i, surface in enumerate(self.surfaces) if surface.stop)

    @property
    def total_track(self) -> float:
        """First surface to image plane, mm."""
        return sum(surface.thickness for surface in self.surfaces)

    @property
    def fronts(self) -> tuple[int, ...]:
        """Indices of the surfaces at which an element begins; at a stop inside a glass none does."""
        before = (AIR, *(surface.medium for surface in self.surfaces))
        return tuple(
            s
            for s, surface in enumerate(self.surfaces)
            if surface.medium is not AIR and not (surface.stop and before[s] == surface.medium)
        )

    @property
    def elements(self) -> int:
        """Number of elements; a cemented doublet has two."""
        return len(self.fronts)
