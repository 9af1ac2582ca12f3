"""A lens prescription: surfaces from the object side, an aperture, fields and wavelengths.

Lengths in mm, angles in degrees, wavelengths in µm. The object is at infinity, the image plane lies one
thickness behind the last surface. Sag: z = c r² / (1 + √(1 − (1 + k) c² r²)) + Σ Aᵢ r^(2i), i = 1, 2, ….
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from verirl_optics.raytrace.glass import LINE_D, Medium, TabulatedMedium

AIR = None
"""Medium of a surface with air behind it; the index is exactly 1."""


@dataclass(frozen=True, slots=True)
class Surface:
    """One surface and the space behind it.

    Attributes:
        radius: Radius of curvature in mm, infinite for a plane; positive if the center lies behind.
        thickness: Distance to the next surface in mm (the last: to the image plane).
        medium: Material behind the surface; `AIR` is None.
        conic: Conic constant k; 0 for a sphere.
        asphere: Coefficients of r², r⁴, … in mm^(1 − 2i).
        semi_diameter: Clear semi-diameter in mm, None if free.
        stop: Whether the surface is the aperture stop.
    """

    radius: float
    thickness: float
    medium: Medium | TabulatedMedium | None = AIR
    conic: float = 0.0
    asphere: tuple[float, ...] = ()
    semi_diameter: float | None = None
    stop: bool = False

    @property
    def aspheric(self) -> bool:
        """Whether the surface is neither a sphere nor a plane."""
        return self.conic != 0.0 or any(self.asphere)

    @property
    def curvature(self) -> float:
        """1 / radius in 1/mm; 0 for a plane."""
        return 0.0 if math.isinf(self.radius) else 1.0 / self.radius


@dataclass(frozen=True, slots=True)
class Aperture:
    """Width of the axial beam.

    Attributes:
        kind: `epd` (entrance pupil diameter, mm), `fno` (f-number) or `stop` (semi-diameter of the stop, mm).
        value: The number that `kind` names.
    """

    kind: str
    value: float


@dataclass(frozen=True, slots=True)
class Prescription:
    """A whole lens; the object is at infinity.

    Attributes:
        surfaces: From the object side; exactly one is the stop.
        aperture: Width of the axial beam.
        fields: Field angles in degrees.
        wavelengths: In µm, of equal weight.
        primary: Index into `wavelengths` of the one for first-order figures.
        name: Name to show.
        notes: Assumptions that a reader of files made.

    Example:
        >>> from verirl_optics.raytrace.glass import find_glass
        >>> crown = find_glass("N-BK7")
        >>> surfaces = (Surface(51.0, 4.0, crown, stop=True), Surface(-51.0, 48.6))
        >>> Prescription(surfaces, Aperture("fno", 8.0)).elements
        1
    """

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
        """Distance from the first surface to the image plane in mm."""
        return sum(surface.thickness for surface in self.surfaces)

    @property
    def fronts(self) -> tuple[int, ...]:
        """Indices of the surfaces at which an element begins; a stop inside a glass does not begin one."""
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
