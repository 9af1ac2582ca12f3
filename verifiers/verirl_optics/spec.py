"""What an optics task's `spec` must say, read once and kept."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from verirl.errors import SpecError
from verirl_optics.answer import SURFACE_LIMIT, FormatError, Row, checked
from verirl_optics.raytrace.glass import GlassError, Medium, find_glass

MASK = "?"
TASKS = ("synthesis", "completion")
FIELD_LIMIT = 16
WAVELENGTH_LIMIT = 16
FIELDS = (
    "task", "efl_mm", "efl_rel_tol", "fno", "half_fields_deg", "wavelengths_um", "primary", "elements",
    "max_total_track_mm", "min_bfl_mm", "center_thickness_mm", "min_edge_thickness_mm", "min_air_gap_mm",
    "glasses", "max_rms_um", "max_distortion_pct", "min_valid_ray_fraction", "reference_rms_um", "given",
    "aspheres", "polish", "heuristic",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class GivenSurface:
    """A surface of a completion task. None is masked; for glass it is air, and `glass_masked` says so.

    A surface whose `asphere` is not masked has the terms that are listed, and no other.
    """

    radius: float | None
    thickness: float | None
    glass: str | None
    glass_masked: bool
    stop: bool | None
    conic: float | None = 0.0
    asphere: tuple[float, ...] | None = ()


@dataclass(frozen=True, slots=True)
class OpticsSpec:
    """A checked spec, lengths in mm and angles in degrees; a limit that is None is not asked for.

    `aspheres`: how many surfaces may be aspheric. `polish`: the answer is optimised before it is judged.
    `heuristic`: the verdict's feedback is the lens as it was read, for a judge of prescriptions.
    """

    task: str
    efl: float
    efl_tolerance: float
    fno: float
    fields: tuple[float, ...]
    wavelengths: tuple[float, ...]
    primary: int
    elements: tuple[int, int]
    max_track: float | None
    min_bfl: float
    centre: tuple[float, float]
    min_edge: float
    min_gap: float
    glasses: tuple[str, ...] | None
    max_rms: float | None
    max_distortion: float | None
    axis_fraction: float
    full_fraction: float
    reference_rms: float | None
    given: tuple[GivenSurface, ...] | None
    aspheres: int = 0
    polish: bool = False
    heuristic: bool = False

    @property
    def epd(self) -> float:
        """The beam that every answer must take: EFL asked for ÷ f-number."""
        return self.efl / self.fno


def read_spec(spec: Mapping[str, Any]) -> OpticsSpec:
    """The spec as typed data; SpecError names the field that is unknown, missing or wrong."""
    try:
        return _read(json.dumps(spec, sort_keys=True))
    except (TypeError, ValueError) as problem:
        if isinstance(problem, SpecError):
            raise
        raise SpecError("", f"is not JSON ({problem})") from problem


check_spec = read_spec


@lru_cache(maxsize=1024)
def _read(text: str) -> OpticsSpec:
    spec: dict[str, Any] = json.loads(text)
    for name in spec:
        if name not in FIELDS:
            raise SpecError(name, f"unknown; an optics spec has {', '.join(FIELDS)}")
    task = spec.get("task")
    if task not in TASKS:
        raise SpecError("task", f"must be one of {', '.join(TASKS)}")
    wavelengths = _numbers(spec, "wavelengths_um", WAVELENGTH_LIMIT, low=0.1, high=20.0)
    primary = spec.get("primary", len(wavelengths) // 2)
    if type(primary) is not int or not 0 <= primary < len(wavelengths):
        raise SpecError("primary", "must be the index of one of the wavelengths")
    elements = _range(spec, "elements", (1, SURFACE_LIMIT))
    if not (float(elements[0]).is_integer() and float(elements[1]).is_integer() and elements[0] >= 1):
        raise SpecError("elements", "min and max must be integers from 1")
    fractions = _object(spec, "min_valid_ray_fraction", ("axis", "full_field"))
    found = OpticsSpec(
        task,
        _positive(spec, "efl_mm"),
        _number(spec, "efl_rel_tol", low=1e-9, high=0.49),
        _positive(spec, "fno"),
        _numbers(spec, "half_fields_deg", FIELD_LIMIT, low=0.0, high=89.0),
        wavelengths,
        primary,
        (int(elements[0]), int(elements[1])),
        _optional(spec, "max_total_track_mm"),
        _optional(spec, "min_bfl_mm") or 0.0,
        _range(spec, "center_thickness_mm", (0.0, math.inf)),
        _optional(spec, "min_edge_thickness_mm") or 0.0,
        _optional(spec, "min_air_gap_mm") or 0.0,
        _glasses(spec, wavelengths),
        _optional(spec, "max_rms_um"),
        _optional(spec, "max_distortion_pct"),
        _fraction(fractions, "axis", 1.0),
        _fraction(fractions, "full_field", 0.5),
        _optional(spec, "reference_rms_um"),
        _given(spec),
        _aspheres(spec),
        spec.get("polish", False),
        spec.get("heuristic", False),
    )
    for name in ("polish", "heuristic"):
        if not isinstance(getattr(found, name), bool):
            raise SpecError(name, "must be true or false")
    bent = sum(row.conic != 0.0 or row.asphere != () for row in found.given or ())
    if bent > found.aspheres:
        raise SpecError("aspheres", f"must allow the {bent} aspheric surfaces of 'given'")
    if (found.given is not None) != (task == "completion"):
        raise SpecError("given", "is needed for a completion task, and for no other")
    return found


def _finite(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _number(spec: Mapping[str, Any], name: str, *, low: float, high: float) -> float:
    if name not in spec:
        raise SpecError(name, "missing")
    value = spec[name]
    if not _finite(value) or not low <= value <= high:
        raise SpecError(name, f"must be a number from {low:g} to {high:g}")
    return float(value)


def _positive(spec: Mapping[str, Any], name: str) -> float:
    return _number(spec, name, low=1e-6, high=1e6)


def _optional(spec: Mapping[str, Any], name: str) -> float | None:
    return None if spec.get(name) is None else _number(spec, name, low=0.0, high=1e9)


def _numbers(spec: Mapping[str, Any], name: str, most: int, *, low: float, high: float) -> tuple[float, ...]:
    values = spec.get(name)
    if not isinstance(values, list) or not 1 <= len(values) <= most:
        raise SpecError(name, f"must be a list of 1 to {most} numbers")
    if not all(_finite(value) and low <= value <= high for value in values):
        raise SpecError(name, f"each must be a number from {low:g} to {high:g}")
    return tuple(float(value) for value in values)


def _object(spec: Mapping[str, Any], name: str, keys: tuple[str, ...]) -> Mapping[str, Any]:
    value = spec.get(name)
    if value is None:
        return {}
    if not isinstance(value, dict) or not set(value) <= set(keys):
        raise SpecError(name, f"must be an object with {' and '.join(keys)}")
    return value


def _range(spec: Mapping[str, Any], name: str, default: tuple[float, float]) -> tuple[float, float]:
    value = _object(spec, name, ("min", "max"))
    low, high = value.get("min", default[0]), value.get("max", default[1])
    finite = _finite(low) and (_finite(high) or high == default[1])
    if not finite or not 0 <= low <= high:
        raise SpecError(name, "min and max must be numbers from 0, min at most max")
    return float(low), float(high)


def _fraction(value: Mapping[str, Any], name: str, default: float) -> float:
    found = value.get(name, default)
    if not _finite(found) or not 0.0 <= found <= 1.0:
        raise SpecError("min_valid_ray_fraction", f"{name} must be a number from 0 to 1")
    return float(found)


def _glasses(spec: Mapping[str, Any], wavelengths: tuple[float, ...]) -> tuple[str, ...] | None:
    names = spec.get("glasses")
    if names is None:
        return None
    if not isinstance(names, list) or not names or not all(isinstance(name, str) for name in names):
        raise SpecError("glasses", "must be a list of glass names")
    for name in names:
        usable_glass(name, wavelengths, "glasses")
    return tuple(names)


def usable_glass(name: str, wavelengths: tuple[float, ...], field: str) -> Medium:
    """The glass `name`; SpecError where it is unknown or has no index at one of the wavelengths."""
    try:
        glass = find_glass(name)
        for wavelength in wavelengths:
            glass.index(wavelength)
    except GlassError as problem:
        raise SpecError(field, str(problem)) from problem
    return glass


def _aspheres(spec: Mapping[str, Any]) -> int:
    value = spec.get("aspheres", 0)
    if type(value) is not int or not 0 <= value <= SURFACE_LIMIT:
        raise SpecError("aspheres", "must be how many surfaces may be aspheric")
    return value


def _given(spec: Mapping[str, Any]) -> tuple[GivenSurface, ...] | None:
    if spec.get("given") is None:
        return None
    value = _object(spec, "given", ("surfaces",))
    rows = value.get("surfaces")
    if not isinstance(rows, list) or not 1 <= len(rows) <= SURFACE_LIMIT:
        raise SpecError("given.surfaces", f"must be a list of 1 to {SURFACE_LIMIT} surfaces")
    return tuple(_given_row(number, row) for number, row in enumerate(rows))


def _given_row(number: int, row: Any) -> GivenSurface:
    where = f"given.surfaces[{number}]"
    if not isinstance(row, dict) or not {"radius", "thickness"} <= set(row) <= {
        "radius", "thickness", "glass", "stop", "conic", "asphere",
    }:  # fmt: skip
        raise SpecError(where, "must have radius and thickness, and may have glass, stop, conic and asphere")
    radius, thickness = row["radius"], row["thickness"]
    glass, stop = row.get("glass"), row.get("stop", False)
    conic, terms = row.get("conic", 0.0), row.get("asphere", [])
    if not (conic == MASK or _finite(conic)):
        raise SpecError(f"{where}.conic", 'must be a number or "?"')
    if not (terms == MASK or (isinstance(terms, list) and all(map(_finite, terms)))):
        raise SpecError(f"{where}.asphere", 'must be a list of numbers or "?"')
    asphere = None if terms == MASK else tuple(map(float, terms))
    if not (radius is None or radius == MASK or _finite(radius)):
        raise SpecError(f"{where}.radius", 'must be a number, null for a plane, or "?"')
    if not (thickness == MASK or _finite(thickness)):
        raise SpecError(f"{where}.thickness", 'must be a number or "?"')
    if not (glass is None or isinstance(glass, str)) or not (stop == MASK or isinstance(stop, bool)):
        raise SpecError(where, 'glass must be a name, null or "?", stop true, false or "?"')
    try:
        checked(
            number + 1,
            Row(
                math.inf if radius in (None, MASK) else float(radius),
                0.0 if thickness == MASK else float(thickness),
                glass,
                stop is True,
                0.0 if conic == MASK else float(conic),
                asphere or (),
            ),
        )
    except FormatError as problem:
        raise SpecError(where, str(problem)) from problem
    return GivenSurface(
        None if radius == MASK else math.inf if radius is None else float(radius),
        None if thickness == MASK else float(thickness),
        None if glass == MASK else glass,
        glass == MASK,
        None if stop == MASK else stop,
        None if conic == MASK else float(conic),
        asphere,
    )


def difference_from_given(given: tuple[GivenSurface, ...], rows: tuple[Row, ...]) -> str | None:
    """What an answer says otherwise than the task gave it; None where it keeps to it."""
    if len(rows) != len(given):
        return f"{len(rows)} surfaces; the task gives {len(given)}"
    for number, (mine, theirs) in enumerate(zip(given, rows, strict=True), start=1):
        for name, known, said in (
            ("radius", mine.radius, theirs.radius),
            ("thickness", mine.thickness, math.nan if theirs.focus else theirs.thickness),
            ("conic", mine.conic, theirs.conic),
            *_terms(mine, theirs),
        ):
            if known is not None and math.isnan(said):
                return f"surface {number}: the {name} is given as {known:g}, and not to be found"
            if known is not None and not math.isclose(known, said, rel_tol=1e-9, abs_tol=1e-12):
                return f"surface {number}: the given {name} {known:g} came back as {said:g}"
        if not mine.glass_masked and mine.glass != theirs.glass:
            return f"surface {number}: the given glass {mine.glass or 'air'} was changed"
        if mine.stop is not None and mine.stop != theirs.stop:
            return f"surface {number}: the stop was moved"
    return None


def _terms(mine: GivenSurface, theirs: Row) -> list[tuple[str, float | None, float]]:
    """Each given term beside what came back; a term that is left out is 0."""
    if mine.asphere is None:
        return []
    most = max(len(mine.asphere), len(theirs.asphere))
    known, said = ((*terms, *[0.0] * (most - len(terms))) for terms in (mine.asphere, theirs.asphere))
    return [(f"r^{2 * i + 2} term", a, b) for i, (a, b) in enumerate(zip(known, said, strict=True))]


def with_given_values(given: tuple[GivenSurface, ...], rows: tuple[Row, ...]) -> tuple[Row, ...]:
    """The answer with every given value put back to the task's own."""
    return tuple(
        Row(
            theirs.radius if mine.radius is None else mine.radius,
            theirs.thickness if mine.thickness is None else mine.thickness,
            theirs.glass if mine.glass_masked else mine.glass,
            theirs.stop if mine.stop is None else mine.stop,
            theirs.conic if mine.conic is None else mine.conic,
            theirs.asphere if mine.asphere is None else mine.asphere,
            theirs.focus and mine.thickness is None,
        )
        for mine, theirs in zip(given, rows, strict=True)
    )
