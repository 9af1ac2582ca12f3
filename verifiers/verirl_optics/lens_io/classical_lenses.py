"""Read lenses in the layout of the classical-lens benchmark, `classical_lenses.jsonl`."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from verirl.errors import InputError
from verirl_optics.raytrace.glass import Medium, TabulatedMedium, constant_index, glass_from_row, model_glass
from verirl_optics.raytrace.prescription import Aperture, Prescription, Surface


def number(value: Any, field: str) -> float:
    """Return a finite JSON number; InputError names `field` otherwise."""
    try:
        if isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value):
            return float(value)
    except OverflowError:
        pass
    raise InputError(f"field '{field}': must be a number")


def numbers(value: Any, field: str) -> tuple[float, ...]:
    """Return a list of finite JSON numbers; InputError names `field` otherwise."""
    if not isinstance(value, list):
        raise InputError(f"field '{field}': must be a list of numbers")
    return tuple(number(item, field) for item in value)


def lens_from_row(row: Mapping[str, Any]) -> Prescription:
    """Build a lens from a row of `classical_lenses.jsonl`.

    Args:
        row: A JSON object with `surfaces`, `epd`, `fields_deg`, `wavelengths_um` and `primary`.

    Returns:
        The lens, with the listed indices of its materials.

    Raises:
        InputError: If a field is missing or wrong; it names the field.
    """
    for key in ("epd", "fields_deg", "wavelengths_um", "primary", "surfaces"):
        if key not in row:
            raise InputError(f"field '{key}': missing")
    wavelengths = numbers(row["wavelengths_um"], "wavelengths_um")
    rows, primary = row["surfaces"], row["primary"]
    if not isinstance(rows, list):
        raise InputError("field 'surfaces': must be a list of surfaces")
    if type(primary) is not int:
        raise InputError("field 'primary': must be the index of a wavelength")
    surfaces = tuple(_surface(f"surfaces[{s}]", surface, wavelengths) for s, surface in enumerate(rows))
    if sum(surface.stop for surface in surfaces) != 1:
        raise InputError("field 'surfaces': exactly one surface must be the stop")
    return Prescription(
        surfaces,
        Aperture("epd", number(row["epd"], "epd")),
        numbers(row["fields_deg"], "fields_deg"),
        wavelengths,
        primary,
        str(row.get("id") or row.get("title") or ""),
    )


def _surface(where: str, row: Any, wavelengths: Sequence[float]) -> Surface:
    if not isinstance(row, dict):
        raise InputError(f"field '{where}': must be an object")
    for key in ("radius", "thickness", "n"):
        if key not in row:
            raise InputError(f"field '{where}.{key}': missing")
    radius, semi, terms = row["radius"], row.get("semi_diameter"), row.get("asphere")
    return Surface(
        (math.inf if radius is None else number(radius, f"{where}.radius")) or math.inf,
        number(row["thickness"], f"{where}.thickness"),
        _medium(where, row.get("material"), row["n"], wavelengths),
        number(row.get("conic") or 0.0, f"{where}.conic"),
        numbers(terms or [], f"{where}.asphere"),
        None if semi is None else number(semi, f"{where}.semi_diameter"),
        row.get("stop") is True,
    )


def _medium(where: str, material: Any, indices: Any, wavelengths: Sequence[float]) -> TabulatedMedium | None:
    if material is None:
        return None
    if not isinstance(material, dict):
        raise InputError(f"field '{where}.material': must be an object, or null for air")
    listed = numbers(indices, f"{where}.n")
    if len(listed) != len(wavelengths) or min(listed, default=0.0) <= 0.0:
        raise InputError(f"field '{where}.n': must be an index above 0 for each wavelength")
    name = str(material.get("name") or _model_name(material))
    return TabulatedMedium(name, tuple(zip(wavelengths, listed, strict=True)))


def _model_name(material: Mapping[str, Any]) -> str:
    nd, vd = material.get("nd"), material.get("vd")
    known = all(isinstance(value, (int, float)) and value for value in (nd, vd))
    return f"{nd:g}/{vd:g}" if known else str(material.get("kind", "index"))


def medium_of(material: Mapping[str, Any]) -> Medium:
    """Return the material of a benchmark row by its dispersion formula; InputError if it has none."""
    match material.get("kind"):
        case "catalog":
            return glass_from_row(material)
        case "model":
            return model_glass(float(material["nd"]), float(material["vd"]))
        case "index":
            return constant_index(float(material["n"]))
        case kind:
            raise InputError(f"a material of kind '{kind}' has no dispersion formula")
