"""Make tasks from an existing lens: its own figures, loosened, are the limits; the lens is the reference."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import torch

from verirl.errors import SpecError
from verirl.seeds import rng
from verirl.types import Message, Source, Task
from verirl_optics.analysis.performance import pupil_diameter
from verirl_optics.answer import FormatError, Row, checked, parse, to_lines
from verirl_optics.raytrace.glass import GlassError, glass_table
from verirl_optics.raytrace.paraxial import first_order
from verirl_optics.raytrace.prescription import Aperture, Prescription, Surface
from verirl_optics.raytrace.system import build_system
from verirl_optics.requirements import Evaluation, count_powered_elements, evaluate_answer, surfaces_of_rows
from verirl_optics.spec import read_spec
from verirl_optics.tasks.completion import with_masked
from verirl_optics.tasks.prompt import question

SIGNIFICANT_DIGITS = 6
EFL_TOLERANCE_REL = 0.02
TRACK_SLACK, BFL_SLACK, CENTER_SLACK, SPOT_SLACK, DISTORTION_SLACK = 1.1, 0.8, 0.9, 2.0, 1.5
"""Ratio of a limit to the figure of the lens."""
MIN_DISTORTION_PCT = 0.5
"""A smaller distortion gets no limit."""
MAX_INDEX_DIFFERENCE = 0.005
"""A glass without a name becomes the nearest in the catalog, if no index differs by more than this."""
MASKED_SHARE = 0.3
"""Share of the numbers of a lens that its completion task masks."""


class LensError(ValueError):
    """A lens cannot be turned into a task; the message says why."""


@dataclass(frozen=True, slots=True)
class Question:
    """What a published question states beyond its answer.

    Attributes:
        efl: EFL in mm, None if it is that of the lens.
        words: Text that precedes the limits in the prompt.
        masked: Masked values as (surface, `radius`, `thickness` or `glass`); with any, there is only a
            completion task.
    """

    efl: float | None = None
    words: str = ""
    masked: tuple[tuple[int, str], ...] = ()


def tasks_from_lens(
    lens: Prescription, name: str, source: Source, asked: Question | None = None
) -> list[Task]:
    """Make the synthesis task and the completion task of a lens.

    Args:
        lens: The lens.
        name: Name in the task ids; it also seeds what is masked.
        source: Where the lens comes from.
        asked: The published question that the lens answers.

    Raises:
        LensError: If the lens cannot be turned into a task.
    """
    asked = asked or Question()
    spec, rows = spec_from_lens(lens, asked.efl)
    reference = to_lines(rows, SIGNIFICANT_DIGITS)
    made = []
    places = asked.masked or _drawn(rows, name)
    if asked.masked and len(rows) != len(lens.surfaces):
        raise LensError("it has surfaces that separate nothing, so what is masked is not clear")
    kinds = {"synthesis": spec, "completion": spec | with_masked(rows, places)}
    for kind, wanted in list(kinds.items())[bool(asked.masked) :]:
        words = f"{asked.words}\n\n{question(wanted)}" if asked.words else question(wanted)
        made.append(
            Task(
                id=f"optics/{name}/{kind}",
                domain="optics",
                prompt=(Message(role="user", content=words),),
                spec=wanted,
                reference=reference,
                difficulty=round(min(1.0, 0.1 + 0.2 * (spec["elements"]["min"] - 1)), 2),
                tags=("imported", kind),
                split="eval",
                source=source,
            )
        )
    return made


def spec_from_lens(lens: Prescription, efl: float | None = None) -> tuple[dict[str, Any], tuple[Row, ...]]:
    """Return the spec that a lens meets, and its surfaces as an answer.

    Args:
        lens: The lens.
        efl: EFL to ask for in mm; that of the lens if None.

    Raises:
        LensError: If no spec fits.
    """
    try:
        return _specified(lens, efl)
    except SpecError as error:
        raise LensError(str(error)) from error


def _specified(lens: Prescription, efl: float | None) -> tuple[dict[str, Any], tuple[Row, ...]]:
    rows = _rows(lens)
    with torch.no_grad():
        system = build_system([lens])
        first = first_order(system)
        own = float(first.efl_BW[0, lens.primary])
        beam = float(pupil_diameter(lens.aperture, first, system)[0])
    if not (math.isfinite(own) and own > 0.0):
        raise LensError("its focal length is not positive")
    if not (math.isfinite(beam) and beam > 0.0):
        raise LensError("its beam has no width")
    named = _prescribed(lens, rows)
    rows, own = _refocused(rows, system_of=named, bfl=float(first.bfl_BW[0, lens.primary]))
    fields = sorted({round(abs(angle), 6) for angle in lens.fields})
    while True:
        spec = _bare(named, rows, fields, efl or float(f"{own:.5g}"), beam)
        found = evaluate_answer(read_spec(spec), rows)
        broken = [check.detail for check in found.feasible if not check.met]
        if not broken:
            break
        if len(fields) == 1:
            raise LensError(broken[0])
        # Wide fields depend on vignetting, which tasks do not state.
        fields.pop()
    spec["elements"]["min"] = max(1, count_powered_elements(read_spec(spec), named, build_system([named])))
    spec |= _limits(rows, found)
    broken = [check.detail for check in evaluate_answer(read_spec(spec), rows).requirements if not check.met]
    if broken:
        raise LensError(broken[0])
    return spec, rows


def _rows(lens: Prescription) -> tuple[Row, ...]:
    """Return the surfaces as an answer: named glasses, no surface between equal media, six digits."""
    surfaces: list[Surface] = []
    before = None
    for surface in lens.surfaces:
        if surface.medium == before and not surface.stop:
            if surfaces:
                surfaces[-1] = replace(surfaces[-1], thickness=surfaces[-1].thickness + surface.thickness)
            continue
        # A stop between equal media only defines the beam, whatever its shape.
        surfaces.append(surface if surface.medium != before else _plane(surface))
        before = surface.medium
    try:
        made = tuple(
            checked(s, _row(surface, lens.wavelengths)) for s, surface in enumerate(surfaces, start=1)
        )
        return parse(to_lines(made, SIGNIFICANT_DIGITS))
    except FormatError as error:
        raise LensError(str(error)) from error


def _plane(surface: Surface) -> Surface:
    return replace(surface, radius=math.inf, conic=0.0, asphere=())


def _row(surface: Surface, wavelengths: tuple[float, ...]) -> Row:
    """Return the surface as written, without a conic of a plane or trailing terms of 0."""
    conic = 0.0 if math.isinf(surface.radius) else surface.conic
    used = max((i for i, term in enumerate(surface.asphere, start=1) if term), default=0)
    glass = _glass(surface, wavelengths)
    return Row(surface.radius, surface.thickness, glass, surface.stop, conic, surface.asphere[:used])


def _glass(surface: Surface, wavelengths: tuple[float, ...]) -> str | None:
    if surface.medium is None:
        return None
    wanted = tuple(surface.medium.index(wavelength) for wavelength in wavelengths)
    return _named(surface.medium.name, wanted, wavelengths)


@lru_cache(maxsize=4096)
def _named(name: str, wanted: tuple[float, ...], wavelengths: tuple[float, ...]) -> str:
    """Return the catalog glass with these indices: the one of the same name if it fits, else the nearest."""
    tried = [name] if name in glass_table() else list(glass_table())
    found = {glass: _off(glass, wanted, wavelengths) for glass in tried}
    best = min(found, key=found.__getitem__)
    if found[best] > MAX_INDEX_DIFFERENCE and name in glass_table():
        found = {glass: _off(glass, wanted, wavelengths) for glass in glass_table()}
        best = min(found, key=found.__getitem__)
    if found[best] > MAX_INDEX_DIFFERENCE:
        raise LensError(f"no catalogue glass has indices like those of '{name}'")
    return best


def _off(name: str, wanted: Sequence[float], wavelengths: Sequence[float]) -> float:
    try:
        return max(abs(glass_table()[name].index(w) - n) for w, n in zip(wavelengths, wanted, strict=True))
    except GlassError:
        return math.inf


def _prescribed(lens: Prescription, rows: tuple[Row, ...]) -> Prescription:
    surfaces = surfaces_of_rows(rows, glass_table())
    return Prescription(surfaces, Aperture("epd", 1.0), (0.0,), lens.wavelengths, lens.primary)


def _refocused(
    rows: tuple[Row, ...], *, system_of: Prescription, bfl: float
) -> tuple[tuple[Row, ...], float]:
    """Move the image plane as far as the focus moved with the catalog glasses; return rows and EFL."""
    with torch.no_grad():
        first = first_order(build_system([system_of]))
    moved = float(first.bfl_BW[0, system_of.primary]) - bfl
    last = replace(rows[-1], thickness=float(f"{rows[-1].thickness + moved:.{SIGNIFICANT_DIGITS}g}"))
    return (*rows[:-1], last), float(first.efl_BW[0, system_of.primary])


def _bare(
    lens: Prescription, rows: tuple[Row, ...], fields: list[float], efl: float, beam: float
) -> dict[str, Any]:
    glasses = [row.glass for row in rows if row.glass is not None]
    bent = sum(row.aspheric for row in rows)
    count = max(1, lens.elements)
    return {
        "task": "synthesis",
        "efl_mm": efl,
        "efl_rel_tol": EFL_TOLERANCE_REL,
        "fno": float(f"{efl / beam:.4g}"),
        "half_fields_deg": fields,
        "wavelengths_um": list(lens.wavelengths),
        "primary": lens.primary,
        "elements": {"min": 1, "max": count},
        "glasses": sorted(set(glasses)),
    } | ({"aspheres": bent} if bent else {})


def _limits(rows: tuple[Row, ...], found: Evaluation) -> dict[str, Any]:
    figures = found.figures
    if "rms_spot_um" not in figures or not figures["rms_spot_um"] > 0.0:
        raise LensError("its spot is not known")
    thinnest = min(row.thickness for row in rows if row.glass is not None)
    spot = figures["rms_spot_um"]
    limits = {
        "max_total_track_mm": _three(TRACK_SLACK * figures["total_track_mm"]),
        "min_bfl_mm": _three(BFL_SLACK * figures["bfl_mm"]),
        "center_thickness_mm": {"min": _three(CENTER_SLACK * thinnest)},
        "reference_rms_um": float(f"{spot:.6g}"),
        "max_rms_um": _three(SPOT_SLACK * spot),
    }
    bent = figures.get("distortion_pct", 0.0)
    if bent > MIN_DISTORTION_PCT:
        limits["max_distortion_pct"] = _three(DISTORTION_SLACK * bent)
    return limits


def _three(value: float) -> float:
    return float(f"{value:.3g}")


def _drawn(rows: tuple[Row, ...], name: str) -> tuple[tuple[int, str], ...]:
    """Draw the numbers to mask, seeded by the name: at least one radius, which affects the focal length."""
    draw = rng("optics", "import", name)
    curved = [(s, "radius") for s, row in enumerate(rows) if not math.isinf(row.radius)]
    places = [*curved, *((s, "thickness") for s in range(len(rows)))]
    first = draw.choice(curved)
    rest = [place for place in places if place != first]
    return (first, *draw.sample(rest, round(MASKED_SHARE * len(places)) - 1))
