"""Exchange a glass of a lens for a neighbor in nd and Vd."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace

from verirl_optics.raytrace.glass import GlassError, Medium, find_glass, glass_table
from verirl_optics.raytrace.prescription import Prescription, Surface
from verirl_optics.spec import OpticsSpec

NEIGHBOR_COUNT = 6
MIN_GLASS_DISTANCE = 0.6
"""Least distance between two glasses to try; 0.01 in nd, or 1 in Vd, counts 1."""


def glass_candidates(spec: OpticsSpec, lens: Prescription) -> dict[int, tuple[Medium, ...]]:
    """Return the glasses to try behind each surface.

    Args:
        spec: Its `glasses` limit the choice; the shipped table if it lists none.
        lens: The lens.

    Returns:
        Index of a surface with glass behind it → glasses with an index at every wavelength, nearest first.
    """
    names = list(glass_table()) if spec.glasses is None else spec.glasses
    usable = [glass for glass in map(find_glass, names) if _has_indices(glass, spec.wavelengths_um)]
    return {
        s: _nearest_glasses(surface.medium, usable)
        for s, surface in enumerate(lens.surfaces)
        if isinstance(surface.medium, Medium)
    }


def _has_indices(glass: Medium, wavelengths: Iterable[float]) -> bool:
    try:
        return all(glass.index(wavelength) > 1.0 for wavelength in wavelengths)
    except GlassError:
        return False


def _nearest_glasses(glass: Medium, among: list[Medium]) -> tuple[Medium, ...]:
    """Return the nearest glasses that differ from this one and from each other."""
    kept = [glass]
    for other in sorted(among, key=lambda other: (_glass_distance(glass, other), other.name)):
        if len(kept) > NEIGHBOR_COUNT:
            break
        if all(_glass_distance(one, other) > MIN_GLASS_DISTANCE for one in kept):
            kept.append(other)
    return tuple(kept[1:])


def _glass_distance(one: Medium, other: Medium) -> float:
    if not (math.isfinite(one.vd) and math.isfinite(other.vd)):
        return math.inf
    return math.hypot((one.nd - other.nd) * 100.0, one.vd - other.vd)


def merges_elements(lens: Prescription, s: int, glass: Medium) -> bool:
    """Return whether `glass` behind surface `s` would merge two cemented elements into one."""
    neighbors = (lens.surfaces[i].medium for i in (s - 1, s + 1) if 0 <= i < len(lens.surfaces))
    return any(
        isinstance(other, Medium) and _glass_distance(glass, other) <= MIN_GLASS_DISTANCE
        for other in neighbors
    )


def with_glass(lens: Prescription, s: int, glass: Medium) -> Prescription:
    """Put another glass behind surface `s`; an element in air is bent so that it keeps its power."""
    surfaces = list(lens.surfaces)
    old = surfaces[s]
    surfaces[s] = replace(old, medium=glass)
    alone = (
        s + 1 < len(surfaces)
        and surfaces[s + 1].medium is None
        and (s == 0 or surfaces[s - 1].medium is None)
    )
    if alone and isinstance(old.medium, Medium):
        stretch = (glass.nd - 1.0) / (old.medium.nd - 1.0)
        surfaces[s] = replace(surfaces[s], radius=old.radius * stretch)
        surfaces[s + 1] = replace(surfaces[s + 1], radius=surfaces[s + 1].radius * stretch)
    return replace(lens, surfaces=tuple(surfaces))


def medium_name(surface: Surface) -> str:
    """Return the name of the medium behind a surface."""
    return "air" if surface.medium is None else surface.medium.name
