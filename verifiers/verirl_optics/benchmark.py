"""Lenses in the layouts that others publish them in."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from verirl.errors import InputError
from verirl_optics.glass import Medium, Tabled, constant, from_row, model
from verirl_optics.prescription import Aperture, Prescription, Surface


def from_benchmark(row: Mapping[str, Any]) -> Prescription:
    """A row of `classical_lenses.jsonl`: indices are the listed ones, the aperture is its `epd`.

    Raises InputError naming the field that is missing or wrong.
    """
    try:
        wavelengths = tuple(float(w) for w in row["wavelengths_um"])
        surfaces = tuple(_surface(surface, wavelengths) for surface in row["surfaces"])
        lens = Prescription(
            surfaces,
            Aperture("epd", float(row["epd"])),
            tuple(float(angle) for angle in row["fields_deg"]),
            wavelengths,
            int(row["primary"]),
            str(row.get("id") or row.get("title") or ""),
        )
    except KeyError as problem:
        raise InputError(f"field '{problem.args[0]}': missing") from problem
    except (TypeError, ValueError, AttributeError) as problem:
        raise InputError(f"not a lens in the benchmark's layout: {problem}") from problem
    if sum(surface.stop for surface in surfaces) != 1:
        raise InputError("field 'surfaces': exactly one surface must be the stop")
    return lens


def _surface(row: Mapping[str, Any], wavelengths: Sequence[float]) -> Surface:
    radius = row["radius"]
    semi = row.get("semi_diameter")
    return Surface(
        math.inf if radius is None else float(radius),
        float(row["thickness"]),
        _medium(row.get("material"), row["n"], wavelengths),
        float(row.get("conic") or 0.0),
        tuple(float(a) for a in row.get("asphere") or ()),
        None if semi is None else float(semi),
        row.get("stop") is True,
    )


def _medium(
    material: Mapping[str, Any] | None, indices: Sequence[float], wavelengths: Sequence[float]
) -> Tabled | None:
    if material is None:
        return None
    name = str(material.get("name") or _model_name(material))
    return Tabled(name, tuple(zip(wavelengths, map(float, indices), strict=True)))


def _model_name(material: Mapping[str, Any]) -> str:
    nd, vd = material.get("nd"), material.get("vd")
    return f"{nd:g}/{vd:g}" if nd and vd else str(material.get("kind", "index"))


def medium_of(material: Mapping[str, Any]) -> Medium:
    """The material of a benchmark row by its dispersion formula, for any wavelength."""
    match material.get("kind"):
        case "catalog":
            return from_row(material)
        case "model":
            return model(float(material["nd"]), float(material["vd"]))
        case "index":
            return constant(float(material["n"]))
        case kind:
            raise InputError(f"a material of kind '{kind}' has no dispersion formula")
