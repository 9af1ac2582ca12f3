"""Whether a lens can be built and used, whether it does what was asked, and how sharp it is.

The beam's diameter is the task's (EFL asked for ÷ f-number) and its rays go through the paraxial entrance
pupil of the primary wavelength; the image is where the answer puts it. Spots are Gauss-quadrature RMS radii
of all wavelengths about their common centroid; a lens's spot is the quadratic mean over the fields.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import torch

from verirl_optics.analysis import Evaluation, evaluate, gaps
from verirl_optics.answer import Row
from verirl_optics.glass import GlassError, Medium, find
from verirl_optics.prescription import Aperture, Prescription, Surface
from verirl_optics.spec import Spec
from verirl_optics.system import FLOAT, System, build
from verirl_optics.trace import Failure

MARGIN = 1.02
"""Edges are measured this much outside the traced height."""
STEEPEST = 0.95
"""Largest height ÷ radius of a surface that can be made."""
SAME_INDEX = 1e-9
FLATNESS = 1e-4
"""Sag, mm, up to which a surface does not count as curved."""
FREE_WINDOWS = 1
"""Plane-parallel plates that count as elements; further ones are padding."""
BAD_SPOT = 30.0
"""A spot this many times the reference's is worth nothing."""
ROUNDING = 1e-9


@dataclass(frozen=True, slots=True)
class Check:
    """One limit: by how much it is broken, and the amount at which nothing is left of its score."""

    name: str
    excess: float
    scale: float
    detail: str

    @property
    def score(self) -> float:
        """1 where the limit is kept, falling to 0; a number that is none counts as broken."""
        if not math.isfinite(self.excess):
            return 0.0
        return min(1.0, max(0.0, 1.0 - self.excess / self.scale))

    @property
    def kept(self) -> bool:
        """Whether the limit is kept."""
        return math.isfinite(self.excess) and self.excess <= 0.0


@dataclass(frozen=True, slots=True)
class Judgement:
    """`feasible` and `accurate`: the checks; `figures`: what was measured; `quality`: None: not asked."""

    feasible: tuple[Check, ...]
    accurate: tuple[tuple[float, Check, float], ...] = ()
    quality: float | None = None
    figures: Mapping[str, float] = field(default_factory=dict)


def prescription(spec: Spec, rows: tuple[Row, ...]) -> Prescription:
    """The lens of an answer under the task's beam; GlassError on a glass that the task does not list."""
    media: dict[str, Medium] = {}
    for name in {row.glass for row in rows if row.glass is not None}:
        if spec.glasses is not None and name not in spec.glasses:
            raise GlassError(f"'{name}' is not one of the task's glasses")
        media[name] = find(name)
        for wavelength in spec.wavelengths:
            media[name].index(wavelength)
    surfaces = tuple(
        Surface(row.radius, row.thickness, None if row.glass is None else media[row.glass], stop=row.stop)
        for row in rows
    )
    return Prescription(surfaces, Aperture("epd", spec.epd), spec.fields, spec.wavelengths, spec.primary)


def judge(spec: Spec, rows: tuple[Row, ...]) -> Judgement:
    """Every finding about an answer; what a later rung would find is left out where an earlier one fails."""
    try:
        lens = prescription(spec, rows)
    except GlassError as problem:
        return Judgement((Check("glass", math.inf, 1.0, str(problem)),))
    with torch.no_grad():
        system = build([lens])
        epd = torch.tensor([spec.epd], dtype=FLOAT)
        fields = torch.deg2rad(torch.tensor([lens.fields], dtype=FLOAT))
        found = evaluate(system, epd, fields, rim=True)
        feasible = tuple(_feasible(spec, lens, system, found))
        figures = _figures(spec, lens, found)
        if not all(check.kept for check in feasible):
            return Judgement(feasible, figures=figures)
        accurate = tuple(_accurate(spec, figures))
        quality = _quality(spec, found)
    return Judgement(feasible, accurate, quality, figures)


def _feasible(spec: Spec, lens: Prescription, system: System, found: Evaluation) -> list[Check]:
    p = spec.primary
    efl, bfl = float(found.first.efl_BW[0, p]), float(found.first.bfl_BW[0, p])
    scale = spec.efl
    last = lens.surfaces[-1]
    checks = [
        _elements(spec, lens, found),
        Check("image", 0.0 if last.medium is None else math.inf, 1.0, "the image must lie in air"),
        Check(
            "image distance", _short(last.thickness, 0.0, strict=True), 0.1 * scale, "the image is virtual"
        ),
        Check("EFL", _short(efl, 0.0, strict=True), 0.5 * scale, f"EFL is {efl:.4g} mm, not positive"),
        Check("BFL", _short(bfl, spec.min_bfl, strict=True), 0.1 * scale, f"BFL {bfl:.4g} mm is too short"),
    ]
    if spec.max_track is not None:
        long = _over(lens.total_track, spec.max_track)
        checks.append(
            Check("track", long, 0.2 * spec.max_track, f"track {lens.total_track:.5g} mm is too long")
        )
    checks += _room(spec, lens, system, found)
    checks += _rays(spec, found)
    return checks


def _short(value: float, least: float, *, strict: bool = False) -> float:
    """By how much `value` is under `least`; `strict`: at least something above 0 is needed."""
    if not math.isfinite(value):
        return math.inf
    slack = ROUNDING * max(1.0, abs(least))
    if value >= least - slack and not (strict and value <= 0.0):
        return 0.0
    return max(least - value, slack)


def _over(value: float, most: float) -> float:
    """By how much `value` is over `most`."""
    return math.inf if not math.isfinite(value) else max(0.0, value - most * (1.0 + ROUNDING))


def _elements(spec: Spec, lens: Prescription, found: Evaluation) -> Check:
    surfaces = lens.surfaces
    curved = [
        abs(surface.curvature) * float(found.reach_BS[0, s]) ** 2 / 2 > FLATNESS
        for s, surface in enumerate(surfaces)
    ]
    glass = [s for s, surface in enumerate(surfaces) if surface.medium is not None]
    windows = sum(not curved[s] and not curved[min(s + 1, len(surfaces) - 1)] for s in glass)
    count = len(glass) - max(0, windows - FREE_WINDOWS)
    for s, surface in enumerate(surfaces):
        before = surfaces[s - 1].medium if s else None
        if before == surface.medium and not surface.stop:
            return Check("elements", math.inf, 1.0, f"surface {s + 1} separates nothing")
    low, high = spec.elements
    excess = max(low - count, len(glass) - high, 0)
    return Check("elements", excess, 2.0, f"{count} elements with power; {low} to {high} are asked for")


def _room(spec: Spec, lens: Prescription, system: System, found: Evaluation) -> list[Check]:
    """Centre and edge of each glass and air space; a stop in air belongs to the space around it."""
    height = found.reach_BS * MARGIN
    centre, edge = gaps(system, height)
    checks: list[Check] = []
    surfaces = lens.surfaces
    scale = spec.efl * 0.05
    for s, surface in enumerate(surfaces[:-1]):
        middle, rim = float(centre[0, s]), float(edge[0, s])
        name = f"space behind surface {s + 1}"
        if surface.medium is not None:
            low, high = spec.centre
            excess = max(
                _short(middle, low, strict=True), _over(middle, high) if math.isfinite(high) else 0.0
            )
            checks.append(Check(name, excess, scale, f"{name}: centre {middle:.4g} mm"))
            checks.append(Check(name, _short(rim, spec.min_edge), scale, f"{name}: edge {rim:.4g} mm"))
            continue
        checks.append(Check(name, _short(middle, 0.0), scale, f"{name}: {middle:.4g} mm"))
        empty = [_empty(lens, s), _empty(lens, s + 1)]
        if not any(empty):
            least = min(middle, rim) if math.isfinite(rim) else rim
            checks.append(Check(name, _short(least, spec.min_gap), scale, f"{name}: air gap {least:.4g} mm"))
        elif empty[1] and s + 2 < len(surfaces):
            # The stop stands alone in air: what must not touch are the glasses on both sides of it.
            both = middle + float(system.thickness_BS[0, s + 1])
            rim = _edge_across(system, height, s, s + 2, both)
            least = min(both, rim) if math.isfinite(rim) else rim
            checks.append(Check(name, _short(least, spec.min_gap), scale, f"{name}: air gap {least:.4g} mm"))
    for s, surface in enumerate(surfaces):
        steep = abs(surface.curvature) * float(found.reach_BS[0, s])
        if steep >= STEEPEST:
            name = f"surface {s + 1}"
            checks.append(
                Check(name, steep - STEEPEST + ROUNDING, 0.5, f"{name}: height ÷ radius {steep:.3g}")
            )
    return checks


def _empty(lens: Prescription, s: int) -> bool:
    """Whether surface `s` has air on both sides, as a stop may."""
    return lens.surfaces[s].medium is None and (s == 0 or lens.surfaces[s - 1].medium is None)


def _edge_across(system: System, height: torch.Tensor, near: int, far: int, between: float) -> float:
    from verirl_optics.trace import sag

    square = (torch.maximum(height[:, near], height[:, far]) ** 2)[:, None, None, None]
    first, _, real = sag(system, near, square)
    second, _, also = sag(system, far, square)
    return between + float(second - first) if bool(real & also) else math.nan


def _rays(spec: Spec, found: Evaluation) -> list[Check]:
    backward = float((found.traced.failure == Failure.BACKWARD).double().mean())
    broken = float((found.traced.failure == Failure.NOT_FINITE).double().mean())
    checks = [
        Check("overlap", backward, 0.5, "rays run backwards between surfaces"),
        Check("rays", broken, 0.5, "rays whose coordinates are not finite"),
    ]
    for f, angle in enumerate(spec.fields):
        least = spec.axis_fraction if angle == 0.0 else spec.full_fraction
        if angle == 0.0:
            around = float(found.rim_BF[0, f])
            short = _short(around, spec.axis_fraction)
            checks.append(Check("axis", short, 1.0, f"{around:.0%} of the axial rim arrives"))
        share = float(found.spots.arrived_BF[0, f])
        checks.append(
            Check("vignetting", _short(share, least), 1.0, f"{share:.0%} of the rays arrive at {angle:g}°")
        )
    return checks


def _figures(spec: Spec, lens: Prescription, found: Evaluation) -> dict[str, float]:
    p = spec.primary
    efl = float(found.first.efl_BW[0, p])
    poly = found.spots.poly_BF[0]
    figures = {
        "efl_mm": efl,
        "bfl_mm": float(found.first.bfl_BW[0, p]),
        "fno": efl / spec.epd,
        "total_track_mm": lens.total_track,
        "rms_spot_um": 1e3 * float((poly**2).mean().sqrt()),
        "distortion_pct": 100.0 * float(found.distortion_BF[0, :].abs().nan_to_num(nan=math.inf).max()),
        "valid_ray_fraction": float(found.spots.arrived_BF[0].min()),
    }
    return {name: value for name, value in figures.items() if math.isfinite(value)}


def _accurate(spec: Spec, figures: Mapping[str, float]) -> list[tuple[float, Check, float]]:
    """Weight, check and graded score of each thing asked for."""
    efl = figures.get("efl_mm", math.nan)
    off = efl / spec.efl - 1.0
    rows = [
        _graded(0.7, "EFL", abs(off), spec.efl_tolerance, f"EFL {efl:.5g} mm is {off:+.2%} off {spec.efl:g}")
    ]
    if spec.max_distortion is not None:
        bent = figures.get("distortion_pct", math.nan)
        rows.append(
            _graded(0.15, "distortion", bent / 100.0, spec.max_distortion / 100.0, f"distortion {bent:.3g} %")
        )
    if spec.max_rms is not None:
        wide = figures.get("rms_spot_um", math.nan)
        told = f"RMS spot {wide:.4g} µm; at most {spec.max_rms:g}"
        check = Check("RMS", _over(wide, spec.max_rms), 1.0, told)
        score = 1.0 if check.kept else _log_fall(wide, spec.max_rms, BAD_SPOT * spec.max_rms)
        rows.append((0.15, check, score))
    return rows


def _graded(
    weight: float, name: str, error: float, tolerance: float, told: str
) -> tuple[float, Check, float]:
    check = Check(name, _over(error, tolerance), 1.0, told)
    return weight, check, 1.0 if check.kept else _log_fall(error, tolerance, 0.5)


def _log_fall(value: float, full: float, none: float) -> float:
    """1 at `full`, 0 from `none` on, falling with the logarithm."""
    if not math.isfinite(value) or full <= 0.0 or full >= none:
        return 0.0
    return min(1.0, max(0.0, 1.0 - math.log(value / full) / math.log(none / full)))


def _quality(spec: Spec, found: Evaluation) -> float | None:
    reference = spec.reference_rms or (spec.max_rms / 2.0 if spec.max_rms else None)
    if not reference:
        return None
    arrived = found.spots.arrived_BF[0]
    square = arrived * found.spots.poly_BF[0].nan_to_num() ** 2 + (1.0 - arrived) * (spec.epd / 2.0) ** 2
    spot = 1e3 * float(square.mean().sqrt())
    if not math.isfinite(spot):
        return 0.0
    bad = BAD_SPOT * reference
    return min(1.2, max(0.0, math.log(bad / max(spot, 1e-9)) / math.log(bad / reference))) / 1.2
