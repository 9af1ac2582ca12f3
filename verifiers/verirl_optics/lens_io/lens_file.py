"""Read lenses from a file: JSON, surface lines, Zemax `.zmx`, or rows of the benchmark layout."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from verirl.errors import InputError
from verirl.io import strict_json
from verirl_optics.lens_io.classical_lenses import lens_from_row, number, numbers
from verirl_optics.lens_io.zemax import read_text, read_zmx
from verirl_optics.raytrace.glass import FDC_WAVELENGTHS_UM, GlassError, Medium, find_glass, model_glass
from verirl_optics.raytrace.prescription import Aperture, Prescription, Surface

LENS_KEYS = (
    "name",
    "surfaces",
    "epd_mm",
    "fno",
    "stop_semi_diameter_mm",
    "fields_deg",
    "wavelengths_um",
    "primary",
)
APERTURES = {"epd_mm": "epd", "fno": "fno", "stop_semi_diameter_mm": "stop"}
SURFACE_KEYS = ("radius", "thickness", "glass", "conic", "asphere", "semi_diameter", "stop")
DEFAULT_FNO = 8.0
MAX_SURFACES = 1000
MAX_ASPHERE_TERMS = 20
"""Number of asphere coefficients that are read: r² to r⁴⁰."""


GlassCatalog = Mapping[str, Medium] | None
"""Glass name → glass; None for the shipped table."""


def read_lenses(path: Path, catalog: GlassCatalog = None) -> list[Prescription]:
    """Read the lenses of a file.

    Args:
        path: A file in any of the layouts that `verirl optics show` reads; its content decides, not its name
            (except `.zmx`).
        catalog: The glasses that names stand for; the shipped table if None.

    Returns:
        One lens, or several from JSON lines.

    Raises:
        InputError: If the file cannot be read or a lens cannot be traced; it names file, line and field.
    """
    text = read_text(path)
    try:
        if path.suffix.lower() == ".zmx" or text.lstrip("\ufeff").startswith(("VERS", "MODE")):
            found = [read_zmx(text, catalog)]
        elif text.lstrip()[:1] == "{":
            whole = _object(text)
            found = [] if whole is None else [from_object(whole, catalog)]
        else:
            found = [from_lines(text, catalog)]
        lenses = [checked(lens) for lens in found]
    except InputError as error:
        raise InputError.at(path, str(error)) from error
    return lenses or _json_lines(path, catalog)


def _object(text: str) -> Any | None:
    """Return the only object of a JSON text; None if more follows, as in JSON lines."""
    try:
        return strict_json.loads(text)
    except RecursionError as error:
        raise InputError("nested too deeply") from error
    except json.JSONDecodeError as error:
        if error.msg != "Extra data":
            raise InputError(f"not valid JSON ({error})") from error
        return None
    except ValueError as error:
        raise InputError(f"not valid JSON ({error})") from error


def _json_lines(path: Path, catalog: GlassCatalog) -> list[Prescription]:
    from verirl.io.jsonl import read_lines

    lenses = []
    for line in read_lines(path):
        try:
            lenses.append(from_object(line.value, catalog))
        except InputError as error:
            raise InputError.at(line.file, str(error), line=line.number) from error
    return lenses


def from_object(value: Any, catalog: GlassCatalog = None) -> Prescription:
    """Build a lens from a JSON object.

    Args:
        value: A row of the benchmark layout, or an object with the keys `LENS_KEYS`.
        catalog: The glasses that names stand for; the shipped table if None.

    Returns:
        A lens that can be traced; f/8 if the object states no aperture, with a note.

    Raises:
        InputError: If a field is unknown, missing or wrong; it names the field.

    Example:
        >>> from_object({"surfaces": [{"radius": 50, "thickness": 4, "glass": "N-BK7", "stop": True},
        ...                           {"radius": -50, "thickness": 48}], "fno": 8}).elements
        1
    """
    if not isinstance(value, dict):
        raise InputError("expected a JSON object")
    if "epd" in value or "id" in value:
        return checked(lens_from_row(value))
    for key in value:
        if key not in LENS_KEYS:
            raise InputError(f"field '{key}': unknown; a lens has {', '.join(LENS_KEYS)}")
    rows = value.get("surfaces")
    if not isinstance(rows, list) or not rows:
        raise InputError("field 'surfaces': must be a list of surfaces")
    given = [key for key in APERTURES if key in value]
    if len(given) > 1:
        raise InputError(f"field '{given[1]}': the aperture is already given by '{given[0]}'")
    aperture = Aperture(APERTURES[given[0]], number(value[given[0]], given[0])) if given else None
    wavelengths = numbers(value.get("wavelengths_um", list(FDC_WAVELENGTHS_UM)), "wavelengths_um")
    primary = value.get("primary", len(wavelengths) // 2)
    if type(primary) is not int:
        raise InputError("field 'primary': must be the index of a wavelength")
    lens = Prescription(
        tuple(_surface(place, row, catalog) for place, row in enumerate(rows)),
        aperture or Aperture("fno", DEFAULT_FNO),
        numbers(value.get("fields_deg", [0.0]), "fields_deg"),
        wavelengths,
        primary,
        str(value.get("name", "")),
        () if aperture else (f"no aperture is given: f/{DEFAULT_FNO:g} is taken",),
    )
    return checked(lens)


def _surface(place: int, row: Any, catalog: GlassCatalog) -> Surface:
    where = f"surfaces[{place}]"
    if not isinstance(row, dict):
        raise InputError(f"field '{where}': must be an object")
    for key in row:
        if key not in SURFACE_KEYS:
            raise InputError(f"field '{where}.{key}': unknown; a surface has {', '.join(SURFACE_KEYS)}")
    for key in ("radius", "thickness"):
        if key not in row:
            raise InputError(f"field '{where}.{key}': missing")
    radius, semi, stop = row["radius"], row.get("semi_diameter"), row.get("stop", False)
    if not isinstance(stop, bool):
        raise InputError(f"field '{where}.stop': must be true or false")
    bent = math.inf if radius is None else number(radius, f"{where}.radius")
    return Surface(
        bent or math.inf,
        number(row["thickness"], f"{where}.thickness"),
        _medium(row.get("glass"), where, catalog),
        number(row.get("conic", 0.0), f"{where}.conic"),
        numbers(row.get("asphere", []), f"{where}.asphere"),
        None if semi is None else number(semi, f"{where}.semi_diameter"),
        stop,
    )


def _medium(glass: Any, where: str, catalog: GlassCatalog) -> Medium | None:
    try:
        if glass is None:
            return None
        if isinstance(glass, str):
            return find_glass(glass, catalog)
        if isinstance(glass, Mapping) and set(glass) == {"nd", "vd"}:
            nd, vd = (number(glass[key], f"{where}.glass.{key}") for key in ("nd", "vd"))
            if nd <= 1.0 or vd <= 0.0:
                raise InputError(f"field '{where}.glass': nd must be above 1 and vd above 0")
            return model_glass(nd, vd)
    except GlassError as error:
        raise InputError(f"field '{where}.glass': {error}") from error
    raise InputError(
        f'field \'{where}.glass\': must be a catalogue name, {{"nd": …, "vd": …}}, or null for air'
    )


def from_lines(text: str, catalog: GlassCatalog = None) -> Prescription:
    """Build a lens from surface lines as in answers: f/8 on the axis at F, d and C, with a note."""
    from verirl_optics.answer import FormatError, parse

    try:
        rows = parse(text)
        surfaces = tuple(
            Surface(
                row.radius,
                row.thickness,
                find_glass(row.glass, catalog) if row.glass else None,
                row.conic,
                row.asphere,
                stop=row.stop,
            )
            for row in rows
        )
        if rows[-1].focus:
            raise InputError("surface lines with 'focus': say the image distance, for want of an aperture")
    except (FormatError, GlassError) as error:
        raise InputError(str(error)) from error
    note = f"surface lines say no aperture and no field: f/{DEFAULT_FNO:g} on axis is taken"
    return Prescription(surfaces, Aperture("fno", DEFAULT_FNO), (0.0,), FDC_WAVELENGTHS_UM, 1, "", (note,))


def checked(lens: Prescription) -> Prescription:
    """Return the lens if it can be traced; InputError names the field that is wrong otherwise."""
    if sum(surface.stop for surface in lens.surfaces) != 1:
        raise InputError("field 'surfaces': exactly one surface must be the stop")
    if len(lens.surfaces) > MAX_SURFACES:
        raise InputError(f"field 'surfaces': at most {MAX_SURFACES} surfaces")
    for s, surface in enumerate(lens.surfaces):
        if not all(
            map(math.isfinite, (surface.curvature, surface.thickness, surface.conic, *surface.asphere))
        ):
            raise InputError(f"field 'surfaces[{s}]': every value must be a finite number")
        if len(surface.asphere) > MAX_ASPHERE_TERMS:
            raise InputError(f"field 'surfaces[{s}].asphere': at most {MAX_ASPHERE_TERMS} terms")
        if surface.semi_diameter is not None and not surface.semi_diameter > 0.0:
            raise InputError(f"field 'surfaces[{s}].semi_diameter': must be above 0")
    if not (math.isfinite(lens.aperture.value) and lens.aperture.value > 0.0):
        raise InputError(f"the aperture ({lens.aperture.kind}) must be a positive number")
    if not lens.fields or any(not abs(angle) < 90.0 for angle in lens.fields):
        raise InputError("field 'fields_deg': needs angles under 90 degrees")
    if not lens.wavelengths or any(not 0.0 < color < 1e3 for color in lens.wavelengths):
        raise InputError("field 'wavelengths_um': needs wavelengths in µm")
    if not 0 <= lens.primary < len(lens.wavelengths):
        raise InputError("field 'primary': must be the index of a wavelength")
    for surface in lens.surfaces:
        for wavelength in lens.wavelengths:
            try:
                if surface.medium is not None:
                    surface.medium.index(wavelength)
            except GlassError as error:
                raise InputError(str(error)) from error
    return lens
