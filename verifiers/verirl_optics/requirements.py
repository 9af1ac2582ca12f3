"""Requirements on a lens: whether it can be built, whether it does what was asked, and how sharp it is.

The beam's diameter is the task's (EFL asked for ÷ f-number) and its rays go through the paraxial entrance
pupil of the primary wavelength; the image is where the answer puts it. Spots are Gauss-quadrature RMS radii
of all wavelengths about their common centroid; a lens's spot is the quadratic mean over the fields.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

import torch

from verirl_optics.analysis.focus import best_focus
from verirl_optics.analysis.performance import (
    MAX_SLOPE_SINE,
    Performance,
    evaluate,
    gaps,
    pupil_sampling,
)
from verirl_optics.answer import Row
from verirl_optics.raytrace.glass import GlassError, Medium, TabulatedMedium, find_glass
from verirl_optics.raytrace.prescription import AIR, Aperture, Prescription, Surface
from verirl_optics.raytrace.pupil import Pupil
from verirl_optics.raytrace.system import FLOAT, System, build_system
from verirl_optics.raytrace.trace import Failure, sag, through_pupil, trace
from verirl_optics.spec import OpticsSpec

EDGE_HEIGHT_FACTOR = 1.02
"""Edges are measured at this multiple of the traced height."""
MIN_INDEX_DIFFERENCE = 1e-3
"""Two media whose indices differ by less at every wavelength of the task count as one."""
MAX_FLAT_CURVATURE_REL = 0.02
"""EFL ÷ radius up to which a surface counts as flat, as in a window."""
NEAR_AXIS_HEIGHTS = (0.1, 0.2)
"""Shares of the beam height at which rays through an asphere are near the axis."""
NEAR_AXIS_EFL_TOLERANCE_REL = 0.02
"""How far the focal length of those rays (height ÷ sine) may differ from the paraxial one."""
MAX_FLAT_SAG_MM = 1e-4
"""Sag over half the beam up to which an asphere counts as flat, for an EFL of `FLAT_SAG_EFL_MM` or more; for
a shorter one in proportion.
"""
FLAT_SAG_EFL_MM = 50.0
MAX_COATING_THICKNESS_REL = 2e-4
"""Thickness ÷ EFL up to which glass counts as a coating, not as an element."""
WORTHLESS_SPOT_RATIO = 30.0
"""Ratio to the reference spot from which quality is 0."""
ROUNDING_REL = 1e-9
ZONE_COUNT = 24
"""Heights at which the slope of an asphere, and the space next to it, are checked."""


@dataclass(frozen=True, slots=True)
class Requirement:
    """One limit and how far a lens is from it.

    Attributes:
        name: Short name of the limit.
        excess: How far the limit is violated; 0 or less if it is met.
        scale: The excess at which the score reaches 0.
        detail: The finding in words.
    """

    name: str
    excess: float
    scale: float
    detail: str

    @property
    def score(self) -> float:
        """1 if the limit is met, falling to 0; a non-finite excess counts as violated."""
        if not math.isfinite(self.excess):
            return 0.0
        return min(1.0, max(0.0, 1.0 - self.excess / self.scale))

    @property
    def met(self) -> bool:
        """Whether the limit is met."""
        return math.isfinite(self.excess) and self.excess <= 0.0


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The requirements of a task on one lens.

    Attributes:
        feasible: Whether the lens can be built and used.
        accurate: Weight, requirement and graded score of each thing asked for; empty if not feasible.
        quality: Score of the spot, None if the task states no spot to compare with.
        figures: Measured figures of the verdict.
        spot: RMS spot radius in µm in which a lost ray counts as half a pupil diameter away.
    """

    feasible: tuple[Requirement, ...]
    accurate: tuple[tuple[float, Requirement, float], ...] = ()
    quality: float | None = None
    figures: Mapping[str, float] = field(default_factory=dict)
    spot: float = math.inf

    @property
    def requirements(self) -> tuple[Requirement, ...]:
        """All requirements that were checked."""
        return (*self.feasible, *(check for _, check, _ in self.accurate))

    @property
    def rank(self) -> tuple[int, float]:
        """Sort key, greater is better: by feasibility, then accuracy, then sharpness."""
        if not all(check.met for check in self.feasible):
            return 0, sum(check.score for check in self.feasible) / len(self.feasible)
        if not all(check.met for _, check, _ in self.accurate):
            return 1, sum(weight * score for weight, _, score in self.accurate)
        return 2, -self.spot


def surfaces_of_rows(rows: Sequence[Row], media: Mapping[str, Medium]) -> tuple[Surface, ...]:
    """Return the surfaces of rows with their glasses; KeyError if one is not in `media`."""
    return tuple(
        Surface(
            row.radius,
            row.thickness,
            None if row.glass is None else media[row.glass],
            row.conic,
            row.asphere,
            stop=row.stop,
        )
        for row in rows
    )


def lens_of_answer(spec: OpticsSpec, rows: tuple[Row, ...]) -> Prescription:
    """Build the lens of an answer under the beam, fields and wavelengths of the task.

    Args:
        spec: The spec of the task.
        rows: The surfaces of the answer.

    Returns:
        The lens; a last thickness of `focus` is at best common focus.

    Raises:
        GlassError: If a glass is unknown, not listed by the task or without an index at a wavelength.
    """
    media: dict[str, Medium] = {}
    for name in {row.glass for row in rows if row.glass is not None}:
        if spec.glasses is not None and name not in spec.glasses:
            raise GlassError(f"'{name}' is not one of the task's glasses")
        media[name] = find_glass(name)
        for wavelength in spec.wavelengths_um:
            media[name].index(wavelength)
    lens = Prescription(
        surfaces_of_rows(rows, media),
        Aperture("epd", spec.epd_mm),
        spec.half_fields_deg,
        spec.wavelengths_um,
        spec.primary,
    )
    return with_best_focus(lens, spec.epd_mm) if rows[-1].focus else lens


def with_best_focus(lens: Prescription, epd: float) -> Prescription:
    """Move the image plane of a lens to best common focus, to distance 0 if there is none.

    Args:
        lens: The lens.
        epd: Entrance pupil diameter in mm.
    """
    with torch.no_grad():
        fields = torch.deg2rad(torch.tensor([lens.fields], dtype=FLOAT))
        beam, pupil = torch.tensor([epd], dtype=FLOAT), pupil_sampling(lens)
        clip = has_semi_diameters(lens)
        image_distance = float(best_focus(build_system([lens]), beam, fields, pupil, clip=clip))
    last = replace(lens.surfaces[-1], thickness=image_distance if math.isfinite(image_distance) else 0.0)
    return replace(lens, surfaces=(*lens.surfaces[:-1], last))


def has_semi_diameters(lens: Prescription) -> bool:
    """Return whether the lens states semi-diameters, which vignette."""
    return any(surface.semi_diameter is not None for surface in lens.surfaces)


def evaluate_answer(spec: OpticsSpec, rows: tuple[Row, ...]) -> Evaluation:
    """Evaluate an answer against every requirement of its task.

    Args:
        spec: The spec of the task.
        rows: The surfaces of the answer.

    Returns:
        The evaluation; `accurate` and `quality` are left out if the lens is not feasible.

    Example:
        >>> spec = read_spec(task.spec)  # doctest: +SKIP
        >>> [limit.detail for limit in evaluate_answer(spec, parse(text)).feasible if not limit.met]
    """
    bent = _asphere_requirement(spec, rows)
    if not bent.met:
        # The cost of tracing grows with the aspheres, so only the task decides how many there are.
        return Evaluation((bent,))
    try:
        lens = lens_of_answer(spec, rows)
    except GlassError as error:
        return Evaluation((Requirement("glass", math.inf, 1.0, str(error)),))
    return evaluate_lens(spec, lens)


def evaluate_lens(spec: OpticsSpec, lens: Prescription, *, whole: bool = False) -> Evaluation:
    """Evaluate a lens of any glasses against a spec; its own semi-diameters vignette.

    Args:
        spec: The spec; its list of glasses is not checked.
        lens: The lens.
        whole: Evaluate accuracy and quality even if the lens is not feasible.

    Returns:
        The evaluation.
    """
    with torch.no_grad():
        system = build_system([lens])
        epd = torch.tensor([spec.epd_mm], dtype=FLOAT)
        fields = torch.deg2rad(torch.tensor([lens.fields], dtype=FLOAT))
        clip = has_semi_diameters(lens)
        performance = evaluate(system, epd, fields, pupil_sampling(lens), rim=True, clip=clip)
        feasible = tuple(_feasibility_requirements(spec, lens, system, performance))
        figures = _figures(spec, lens, performance)
        if not whole and not all(check.met for check in feasible):
            return Evaluation(feasible, figures=figures)
        spot = _spot_with_lost_rays(spec, performance)
        accurate = tuple(_accuracy_requirements(spec, figures))
        quality = _quality(spec, spot)
    return Evaluation(feasible, accurate, quality, figures, spot)


def _feasibility_requirements(
    spec: OpticsSpec, lens: Prescription, system: System, performance: Performance
) -> list[Requirement]:
    p = spec.primary
    efl, bfl = float(performance.first.efl_BW[0, p]), float(performance.first.bfl_BW[0, p])
    scale = spec.efl_mm
    last = lens.surfaces[-1]
    checks = [
        _element_requirement(spec, lens, system),
        _asphere_requirement(spec, lens.surfaces),
        Requirement("image", 0.0 if last.medium is None else math.inf, 1.0, "the image must lie in air"),
        Requirement(
            "image distance",
            _shortfall(last.thickness, 0.0, strict=True),
            0.1 * scale,
            "the image is virtual",
        ),
        Requirement(
            "EFL", _shortfall(efl, 0.0, strict=True), 0.5 * scale, f"EFL is {efl:.4g} mm, not positive"
        ),
        Requirement(
            "BFL",
            _shortfall(bfl, spec.min_bfl_mm, strict=True),
            0.1 * scale,
            f"BFL {bfl:.4g} mm is too short",
        ),
    ]
    if spec.max_total_track_mm is not None:
        long = _excess(lens.total_track, spec.max_total_track_mm)
        checks.append(
            Requirement(
                "track", long, 0.2 * spec.max_total_track_mm, f"track {lens.total_track:.5g} mm is too long"
            )
        )
    if any(surface.aspheric for surface in lens.surfaces):
        checks.append(_near_axis_requirement(spec, system, performance))
    checks += _space_requirements(spec, lens, system, performance)
    checks += _ray_requirements(spec, performance)
    return checks


def _near_axis_requirement(spec: OpticsSpec, system: System, performance: Performance) -> Requirement:
    """Require that rays near the axis have the paraxial EFL: around its vertex a conic may be flat."""
    heights = torch.tensor(NEAR_AXIS_HEIGHTS, dtype=FLOAT)
    near = Pupil(torch.zeros_like(heights), heights, torch.ones_like(heights))
    axis = torch.zeros(1, 1, dtype=FLOAT)
    done = trace(system, through_pupil(system, near, performance.epd_B, axis, performance.first.entrance_B))
    p = spec.primary
    efl = torch.where(done.valid, -heights * (spec.epd_mm / 2.0) / done.rays.m, torch.nan)[0, 0, p]
    off = (efl / performance.first.efl_BW[0, p] - 1.0).abs()
    worst = int(off.nan_to_num(nan=math.inf).argmax())
    detail = f"rays near the axis have an EFL of {float(efl[worst]):.4g} mm"
    return Requirement("EFL", max(0.0, float(off[worst]) - NEAR_AXIS_EFL_TOLERANCE_REL), 0.5, detail)


def _shortfall(value: float, least: float, *, strict: bool = False) -> float:
    """Return how far `value` is below `least`; `strict`: it must also be above 0."""
    if not math.isfinite(value):
        return math.inf
    slack = ROUNDING_REL * max(1.0, abs(least))
    if value >= least - slack and not (strict and value <= 0.0):
        return 0.0
    return max(least - value, slack)


def _excess(value: float, most: float) -> float:
    """Return how far `value` is above `most`."""
    return math.inf if not math.isfinite(value) else max(0.0, value - most * (1.0 + ROUNDING_REL))


def _asphere_requirement(spec: OpticsSpec, surfaces: Sequence[Row | Surface]) -> Requirement:
    count = sum(surface.aspheric for surface in surfaces)
    detail = f"{count} aspheric surfaces; at most {spec.aspheres}"
    return Requirement("aspheres", max(0, count - spec.aspheres), 2.0, detail)


def _element_requirement(spec: OpticsSpec, lens: Prescription, system: System) -> Requirement:
    surfaces = lens.surfaces
    parting = _refracting_surfaces(spec, surfaces)
    for s, surface in enumerate(surfaces):
        if s in parting:
            continue
        if not surface.stop:
            return Requirement("elements", math.inf, 1.0, f"surface {s + 1} separates nothing")
        if surface.curvature or surface.aspheric:
            # Rays that miss it would be lost, so it would act as a semi-diameter that the answer chooses.
            return Requirement(
                "elements", math.inf, 1.0, f"surface {s + 1}: a stop between equal media is a plane"
            )
    glass = sum(surfaces[s].medium is not None for s in parting)
    count = count_powered_elements(spec, lens, system)
    low, high = spec.elements.min, spec.elements.max
    excess = max(low - count, glass - high, 0)
    return Requirement("elements", excess, 2.0, f"{count} elements with power; {low} to {high} are asked for")


def count_powered_elements(spec: OpticsSpec, lens: Prescription, system: System) -> int:
    """Count the elements that are more than a window or a coating."""
    surfaces = lens.surfaces
    depth = MAX_FLAT_SAG_MM * min(1.0, spec.efl_mm / FLAT_SAG_EFL_MM)
    curved = [
        _max_sag(system, s, spec.epd_mm / 2.0) > depth
        if any(surface.asphere)
        else abs(surface.curvature) * spec.efl_mm > MAX_FLAT_CURVATURE_REL
        for s, surface in enumerate(surfaces)
    ]
    return sum(
        surfaces[near].medium is not None
        and (curved[near] or curved[far])
        and sum(surface.thickness for surface in surfaces[near:far]) > MAX_COATING_THICKNESS_REL * spec.efl_mm
        for near, far in pairwise(_refracting_surfaces(spec, surfaces))
    )


def _refracting_surfaces(spec: OpticsSpec, surfaces: Sequence[Surface]) -> list[int]:
    """Return the surfaces between two different media; a stop within one medium is not among them."""
    before = (AIR, *(surface.medium for surface in surfaces))
    return [s for s, surface in enumerate(surfaces) if not _same_medium(before[s], surface.medium, spec)]


def _same_medium(
    first: Medium | TabulatedMedium | None, second: Medium | TabulatedMedium | None, spec: OpticsSpec
) -> bool:
    """Return whether two media have the same index at every wavelength of the task."""
    if first is None or second is None or first == second:
        return first == second
    return all(abs(first.index(w) - second.index(w)) < MIN_INDEX_DIFFERENCE for w in spec.wavelengths_um)


def _space_requirements(
    spec: OpticsSpec, lens: Prescription, system: System, performance: Performance
) -> list[Requirement]:
    """Check center and edge of each glass and air space; a stop belongs to the space around it."""
    height = performance.reach_BS * EDGE_HEIGHT_FACTOR
    checks: list[Requirement] = []
    surfaces = lens.surfaces
    scale = spec.efl_mm * 0.05
    for s, surface in enumerate(surfaces[:-1]):
        name = f"space behind surface {s + 1}"
        checks.append(
            Requirement(
                name, _shortfall(surface.thickness, 0.0), scale, f"{name}: {surface.thickness:.4g} mm"
            )
        )
    parting = _refracting_surfaces(spec, surfaces)
    solid, sides = _subsystem(system, parting), height[:, parting]
    center, edge = gaps(solid, sides)
    for i, (near, far) in enumerate(pairwise(parting)):
        middle, rim = float(center[0, i]), float(edge[0, i])
        name = f"space behind surface {near + 1}"
        # Between spheres one end has the least room.
        bent = surfaces[near].aspheric or surfaces[far].aspheric
        zone = (
            _least_zone_thickness(_subsystem(solid, [i, i + 1]), float(sides[0, i : i + 2].max()))
            if bent
            else min(middle, rim)
        )
        if surfaces[near].medium is None:
            least = min(middle, rim, zone)
            checks.append(
                Requirement(
                    name, _shortfall(least, spec.min_air_gap_mm), scale, f"{name}: air gap {least:.4g} mm"
                )
            )
            continue
        low, high = spec.center_thickness_mm.min, spec.center_thickness_mm.upper
        thick = _excess(middle, high) if math.isfinite(high) else 0.0
        excess = max(_shortfall(middle, low, strict=True), thick)
        checks.append(Requirement(name, excess, scale, f"{name}: centre {middle:.4g} mm"))
        checks.append(
            Requirement(
                name, _shortfall(rim, spec.min_edge_thickness_mm), scale, f"{name}: edge {rim:.4g} mm"
            )
        )
        if bent:
            thin = _shortfall(zone, min(low, spec.min_edge_thickness_mm))
            checks.append(Requirement(name, thin, scale, f"{name}: {zone:.4g} mm between axis and edge"))
    for s, surface in enumerate(surfaces):
        reach = float(performance.reach_BS[0, s])
        steep = _steepest(system, s, reach) if surface.aspheric else abs(surface.curvature) * reach
        name = f"surface {s + 1}"
        excess = steep - MAX_SLOPE_SINE + ROUNDING_REL if steep >= MAX_SLOPE_SINE else 0.0
        checks.append(Requirement(name, excess, 0.5, f"{name}: height ÷ radius {steep:.3g}"))
    return checks


def _subsystem(system: System, surfaces: list[int]) -> System:
    """Return some of the surfaces at their distances."""
    if surfaces == list(range(system.count)):
        return system
    ends = [*surfaces[1:], system.count]
    apart = [system.thickness_BS[:, s:end].sum(1, True) for s, end in zip(surfaces, ends, strict=False)]
    return replace(
        system,
        curvature_BS=system.curvature_BS[:, surfaces],
        thickness_BS=torch.cat([system.thickness_BS[:, :0], *apart], dim=1),
        conic_BS=system.conic_BS[:, surfaces],
        asphere_BSA=system.asphere_BSA[:, surfaces],
        index_BSW=system.index_BSW[:, surfaces],
        semi_BS=system.semi_BS[:, surfaces],
    )


def _heights(reach: float) -> torch.Tensor:
    return torch.linspace(0.0, reach, ZONE_COUNT, dtype=FLOAT)[None, None, None]


def _max_sag(system: System, s: int, reach: float) -> float:
    """Return the greatest distance of surface `s` from its vertex plane within `reach`."""
    depth, _, _ = sag(system, s, _heights(reach) ** 2)
    return float(depth.abs().max())


def _steepest(system: System, s: int, reach: float) -> float:
    """Return the sine of the steepest slope of an asphere; for a sphere it is height ÷ radius."""
    height = _heights(reach)
    _, slope, real = sag(system, s, height**2)
    tangent = (2.0 * height * slope).abs()
    sine = tangent / torch.sqrt(1.0 + tangent**2)
    return float(torch.where(real, sine, torch.ones_like(sine)).max())


def _least_zone_thickness(space: System, reach: float) -> float:
    """Return the least thickness between the two surfaces of `space` from axis to edge."""
    height = torch.linspace(0.0, reach, ZONE_COUNT, dtype=FLOAT)[:, None].expand(-1, 2)
    return float(gaps(space, height)[1].min())


def _ray_requirements(spec: OpticsSpec, performance: Performance) -> list[Requirement]:
    backward = float((performance.traced.failure == Failure.BACKWARD).double().mean())
    broken = float((performance.traced.failure == Failure.NOT_FINITE).double().mean())
    checks = [
        Requirement("overlap", backward, 0.5, "rays run backwards between surfaces"),
        Requirement("rays", broken, 0.5, "rays whose coordinates are not finite"),
    ]
    for f, angle in enumerate(spec.half_fields_deg):
        least = spec.least_ray_fraction(angle)
        if angle == 0.0:
            around = float(performance.rim_BF[0, f])
            short = _shortfall(around, spec.min_valid_ray_fraction.axis)
            checks.append(Requirement("axis", short, 1.0, f"{around:.0%} of the axial rim arrives"))
        share = float(performance.spots.arrived_BF[0, f])
        checks.append(
            Requirement(
                "vignetting", _shortfall(share, least), 1.0, f"{share:.0%} of the rays arrive at {angle:g}°"
            )
        )
    return checks


def _figures(spec: OpticsSpec, lens: Prescription, performance: Performance) -> dict[str, float]:
    p = spec.primary
    efl = float(performance.first.efl_BW[0, p])
    poly = performance.spots.poly_BF[0]
    figures = {
        "efl_mm": efl,
        "bfl_mm": float(performance.first.bfl_BW[0, p]),
        "fno": efl / spec.epd_mm,
        "total_track_mm": lens.total_track,
        "rms_spot_um": 1e3 * float((poly**2).mean().sqrt()),
        "distortion_pct": 100.0 * float(performance.distortion_BF[0, :].abs().nan_to_num(nan=math.inf).max()),
        "valid_ray_fraction": float(performance.spots.arrived_BF[0].min()),
    }
    return {name: value for name, value in figures.items() if math.isfinite(value)}


def _accuracy_requirements(
    spec: OpticsSpec, figures: Mapping[str, float]
) -> list[tuple[float, Requirement, float]]:
    """Return weight, requirement and graded score of each thing asked for."""
    efl = figures.get("efl_mm", math.nan)
    off = efl / spec.efl_mm - 1.0
    rows = [
        _graded(0.7, "EFL", abs(off), spec.efl_rel_tol, f"EFL {efl:.5g} mm is {off:+.2%} off {spec.efl_mm:g}")
    ]
    if spec.max_distortion_pct is not None:
        bent = figures.get("distortion_pct", math.nan)
        rows.append(
            _graded(
                0.15, "distortion", bent / 100.0, spec.max_distortion_pct / 100.0, f"distortion {bent:.3g} %"
            )
        )
    if spec.max_rms_um is not None:
        wide = figures.get("rms_spot_um", math.nan)
        detail = f"RMS spot {wide:.4g} µm; at most {spec.max_rms_um:g}"
        check = Requirement("RMS", _excess(wide, spec.max_rms_um), 1.0, detail)
        score = (
            1.0 if check.met else _log_score(wide, spec.max_rms_um, WORTHLESS_SPOT_RATIO * spec.max_rms_um)
        )
        rows.append((0.15, check, score))
    return rows


def _graded(
    weight: float, name: str, error: float, tolerance: float, detail: str
) -> tuple[float, Requirement, float]:
    check = Requirement(name, _excess(error, tolerance), 1.0, detail)
    return weight, check, 1.0 if check.met else _log_score(error, tolerance, 0.5)


def _log_score(value: float, full: float, none: float) -> float:
    """Return 1 at `full`, falling with the logarithm to 0 at `none`."""
    if not math.isfinite(value) or full <= 0.0 or full >= none:
        return 0.0
    return min(1.0, max(0.0, 1.0 - math.log(value / full) / math.log(none / full)))


def _spot_with_lost_rays(spec: OpticsSpec, performance: Performance) -> float:
    """Return the RMS spot radius in µm in which a lost ray counts as half a pupil diameter away."""
    arrived = performance.spots.arrived_BF[0]
    poly = performance.spots.poly_BF[0].nan_to_num()
    square = arrived * poly**2 + (1.0 - arrived) * (spec.epd_mm / 2.0) ** 2
    return 1e3 * float(square.mean().sqrt())


def _quality(spec: OpticsSpec, spot: float) -> float | None:
    reference = spec.reference_rms_um or (spec.max_rms_um / 2.0 if spec.max_rms_um else None)
    if not reference:
        return None
    if not math.isfinite(spot):
        return 0.0
    bad = WORTHLESS_SPOT_RATIO * reference
    return min(1.2, max(0.0, math.log(bad / max(spot, 1e-9)) / math.log(bad / reference))) / 1.2
