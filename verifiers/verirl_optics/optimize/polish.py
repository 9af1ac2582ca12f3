"""Polish a lens: the nearest better one that keeps every limit, by damped least squares and other glasses.

Curvatures, thicknesses and aspheres that are free move by Levenberg–Marquardt from the start and from a few
starts around it; then each glass is exchanged for its neighbours in nd and Vd, and the best exchange stays.
The result is rounded before it is judged, and it is the start itself where the judge finds nothing better.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import torch
from torch import Tensor

from verirl.errors import InputError
from verirl_optics.analysis.focus import best_focus
from verirl_optics.analysis.performance import evaluate, gaps, pupil_diameter, pupil_sampling
from verirl_optics.answer import MAX_RADIUS_MM, Row
from verirl_optics.optimize.damped_least_squares import minimize
from verirl_optics.optimize.merit import (
    LIMIT_MARGIN_REL,
    LIMIT_PENALTY,
    TOLERANCE_SHARE,
    MeritFunction,
    refracting_surfaces,
)
from verirl_optics.optimize.variables import VariableSet
from verirl_optics.raytrace.glass import GlassError, Medium, find_glass, glass_table
from verirl_optics.raytrace.paraxial import first_order
from verirl_optics.raytrace.prescription import Aperture, Prescription, Surface
from verirl_optics.raytrace.pupil import gauss
from verirl_optics.raytrace.system import FLOAT, System, build_system
from verirl_optics.requirements import (
    Evaluation,
    Requirement,
    evaluate_answer,
    evaluate_lens,
    has_semi_diameters,
    lens_of_answer,
    with_best_focus,
)
from verirl_optics.spec import ElementRange, GivenSurface, OpticsSpec, RayFractions, ThicknessRange

POLISH_STEPS = 40
GLASS_TRIAL_STEPS = 8
"""Steps that an exchange of a glass is given to show what it is worth."""
START_COUNT = 24
PERTURBATION_REL_RANGE = (0.01, 0.06)
"""Relative distances of the other starts from the first, the nearest and the farthest."""
SCREENING_STEPS = 10
SOFT_PENALTY_SHARE = 0.02
"""Share of the penalty on limits with which the search begins."""
HARD_PENALTY_FACTOR = 30.0
"""The penalty in the last search, in units of the usual."""
SURVIVOR_COUNT = 4
"""How many starts are the best after FIRST_STEPS, and are followed to the end."""
SOFT_STEPS_FACTOR = 2
"""Steps of the search with soft limits, in units of the others'; it ends where nothing is gained."""
MIN_MERIT_GAIN_REL = 3e-4
"""The fraction of the merit that a step must gain for the search to go on."""
MARGIN_FACTORS = (1.0, 16.0)
"""Margin, in units of the usual; the second is for a lens of which a limit stays broken."""
EXCHANGE_ROUNDS = 3
NEIGHBOR_COUNT = 6
MIN_GLASS_DISTANCE = 0.6
"""Least distance of two glasses that are tried: 0.01 in nd, or 1 in Vd, is 1."""
MAX_EXCHANGE_MERIT_RATIO = 0.98
SEARCH_SAMPLE_LIMIT = 16
"""How many fields, and wavelengths, the search sees; the judge sees all."""
SIGNIFICANT_DIGITS = 6

T = TypeVar("T")
Evaluator = Callable[[Prescription], Evaluation]


@dataclass(frozen=True, slots=True)
class PolishResult:
    """A lens before and after: the judge's findings, the limits that hold it back, the glasses exchanged.

    `swaps`: (surface from 1, glass before, glass after). `digits`: significant digits of what was moved.
    """

    start: Prescription
    lens: Prescription
    before: Evaluation
    after: Evaluation
    active: tuple[str, ...]
    swaps: tuple[tuple[int, str, str], ...]
    digits: int

    @property
    def better(self) -> bool:
        """Whether anything was gained."""
        return self.lens is not self.start


@dataclass(frozen=True, slots=True)
class PolishScope:
    """What may be changed: variables, the glass behind which surfaces and for which, and how it is
    rounded.

    `focus`: the last thickness is free and found last. `digits`: how many stay significant. `granted`: by
    how much the merit's limits may be broken.
    """

    free: VariableSet
    glasses: dict[int, tuple[Medium, ...]]
    focus: bool
    digits: int = SIGNIFICANT_DIGITS
    granted: Tensor | None = None


def polish(
    lens: Prescription,
    like: Prescription | None = None,
    *,
    steps: int = POLISH_STEPS,
    glasses: bool = True,
    digits: int = SIGNIFICANT_DIGITS,
) -> PolishResult:
    """A lens as good as `lens` or better that keeps the limits of `like` (by default of the lens itself).

    That is its beam, fields and wavelengths, EFL within 1 %, track and BFL within 10 %, centres, edges and
    gaps at least its thinnest, no more elements and aspheres, and as many rays that arrive. A limit that
    `like` breaks itself must not be broken by more, where both have the same layout.
    """
    model = like or lens
    spec = spec_of_lens(model)
    beam = Aperture("epd", spec.epd_mm)
    known = replace(model, aperture=beam)
    start = replace(
        lens,
        aperture=beam,
        fields=spec.half_fields_deg,
        wavelengths=spec.wavelengths_um,
        primary=spec.primary,
    )
    alike = _layout(start) == _layout(known)
    allowed = evaluate_lens(spec, known, whole=True).feasible if alike else ()
    palette = _palette(spec, start) if glasses else {}
    free = _all_free(start)
    granted = None
    if alike:
        granted = MeritFunction(
            build_system([known]), spec, free, pupil=gauss(), clip=has_semi_diameters(known), margin=0.0
        ).breaches()
    scope = PolishScope(free, palette, focus=True, digits=digits, granted=granted)
    return _polish(start, spec, scope, lambda found: _held(spec, found, allowed), steps)


def _layout(lens: Prescription) -> list[tuple[bool, bool, bool, bool]]:
    """Where glass, its surfaces, stop and aspheres are: what decides which limits there are."""
    parts = refracting_surfaces(build_system([lens]))
    return [
        (surface.medium is None, s in parts, surface.stop, surface.aspheric)
        for s, surface in enumerate(lens.surfaces)
    ]


def _held(spec: OpticsSpec, lens: Prescription, allowed: tuple[Requirement, ...]) -> Evaluation:
    """The judgement, in which a limit counts as kept that is broken by no more than is allowed."""
    found = evaluate_lens(spec, lens, whole=True)
    if len(found.feasible) != len(allowed):
        # Another layout, such as that of two elements that have become one glass.
        return found
    checks = tuple(
        replace(check, excess=0.0) if not known.met and not check.excess > known.excess else check
        for check, known in zip(found.feasible, allowed, strict=True)
    )
    return replace(found, feasible=checks)


def polish_rows(
    spec: OpticsSpec,
    rows: tuple[Row, ...],
    *,
    steps: int = POLISH_STEPS,
    glasses: bool = True,
    digits: int | None = None,
) -> tuple[tuple[Row, ...], PolishResult]:
    """An answer to a task, polished; what a completion task gives stays. GlassError on an unlisted glass.

    `digits`: significant digits of the result, by default as many as the answer uses, at least 5.
    """
    start = lens_of_answer(spec, rows)
    free = _all_free(start)
    palette = _palette(spec, start) if glasses else {}
    focus = True
    if spec.given is not None:
        given = spec.given.surfaces
        free, focus = _unmasked(free, given), given[-1].known_thickness is None
        palette = {s: found for s, found in palette.items() if given[s].glass_masked}
    digits = digits or max(5, min(12, max(_digits(value) for row in rows for value in _numbers(row))))
    scope = PolishScope(free, palette, focus, digits)

    def judged(lens: Prescription) -> Evaluation:
        return evaluate_answer(spec, _as_rows(lens, rows))

    found = _polish(start, spec, scope, judged, steps)
    return (_as_rows(found.lens, rows) if found.better else rows), found


def spec_of_lens(lens: Prescription) -> OpticsSpec:
    """What a lens without a task is held to: to stay the lens that it is."""
    with torch.no_grad():
        system = build_system([lens])
        first = first_order(system)
        efl = float(first.efl_BW[0, lens.primary])
        epd = float(pupil_diameter(lens.aperture, first, system)[0])
        bfl = float(first.bfl_BW[0, lens.primary])
    if not math.isfinite(epd):
        raise InputError("an f-number says no beam for a lens without a focus; give epd_mm")
    inner = lens.surfaces[:-1]
    glass = [s.thickness for s in inner if s.medium is not None]
    air = [s.thickness for s in inner if s.medium is None]
    size = abs(efl) if math.isfinite(efl) and efl else 1.0
    # Where the image plane is off, a lens is as long as up to its focus.
    to_image = max(lens.surfaces[-1].thickness, bfl if math.isfinite(bfl) else 0.0)
    # Not validated: a lens from a file may have more fields than a task may state, or negative ones.
    loose = OpticsSpec.model_construct(
        task="synthesis",
        efl_mm=size,
        efl_rel_tol=0.01,
        fno=size / epd if epd else 1.0,
        half_fields_deg=lens.fields,
        wavelengths_um=lens.wavelengths,
        primary=lens.primary,
        elements=ElementRange(max=max(1, lens.elements)),
        max_total_track_mm=1.1 * (sum(s.thickness for s in inner) + to_image),
        min_bfl_mm=0.9 * max(0.0, bfl),
        center_thickness_mm=ThicknessRange.model_construct(min=max(0.0, min(glass, default=0.0))),
        min_valid_ray_fraction=RayFractions(axis=0.0, full_field=0.0),
        aspheres=sum(surface.aspheric for surface in lens.surfaces),
    )
    with torch.no_grad():
        fields = torch.deg2rad(torch.tensor([lens.fields], dtype=FLOAT))
        diameter = torch.tensor([loose.epd_mm], dtype=FLOAT)
        found = evaluate(system, diameter, fields, rim=True, clip=has_semi_diameters(lens))
        edges = gaps(system, found.reach_BS * 1.02)[1][0].tolist() if system.count > 1 else []
    parts = refracting_surfaces(system)
    thin: dict[bool, list[float]] = {True: [], False: list(air)}
    for s, edge in enumerate(edges):
        if s in parts and s + 1 in parts and math.isfinite(edge):
            thin[lens.surfaces[s].medium is not None].append(edge)
    return loose.model_copy(
        update={
            "min_edge_thickness_mm": max(0.0, min(thin[True], default=0.0)),
            "min_air_gap_mm": max(0.0, min(thin[False], default=0.0)),
            "min_valid_ray_fraction": RayFractions.model_construct(
                axis=float(found.rim_BF.min()), full_field=float(found.spots.arrived_BF.min())
            ),
        }
    )


def _all_free(lens: Prescription) -> VariableSet:
    system = build_system([lens])
    parts = refracting_surfaces(system)
    terms = tuple(
        (s, i)
        for s in parts
        for i, _ in enumerate(lens.surfaces[s].asphere)
        if i and any(lens.surfaces[s].asphere)
    )
    conics = tuple(s for s in parts if lens.surfaces[s].conic)
    return VariableSet(tuple(parts), tuple(range(_front(system), system.count)), conics, terms)


def _front(system: System) -> int:
    """The first surface behind which a thickness matters: idle ones before glass and stop change no ray.

    A variable that does nothing has a derivative of pure rounding error, and no step that can be trusted.
    """
    return min([system.stop, *refracting_surfaces(system)])


def _unmasked(free: VariableSet, given: tuple[GivenSurface, ...]) -> VariableSet:
    return VariableSet(
        tuple(s for s in free.curvatures if given[s].known_radius is None),
        tuple(s for s in free.thicknesses if given[s].known_thickness is None),
        tuple(s for s in free.conics if given[s].known_conic is None),
        tuple((s, i) for s, i in free.terms if given[s].known_asphere is None),
    )


def _palette(spec: OpticsSpec, lens: Prescription) -> dict[int, tuple[Medium, ...]]:
    """For each surface with glass behind it, the glasses that may be tried there, nearest first."""
    names = list(glass_table()) if spec.glasses is None else spec.glasses
    usable = [glass for glass in map(find_glass, names) if _has_indices(glass, spec.wavelengths_um)]
    return {
        s: _neighbours(surface.medium, usable)
        for s, surface in enumerate(lens.surfaces)
        if isinstance(surface.medium, Medium)
    }


def _has_indices(glass: Medium, wavelengths: Iterable[float]) -> bool:
    try:
        return all(glass.index(wavelength) > 1.0 for wavelength in wavelengths)
    except GlassError:
        return False


def _neighbours(glass: Medium, among: list[Medium]) -> tuple[Medium, ...]:
    """The nearest glasses that differ from this one and from each other."""
    kept = [glass]
    for other in sorted(among, key=lambda other: (_apart(glass, other), other.name)):
        if len(kept) > NEIGHBOR_COUNT:
            break
        if all(_apart(one, other) > MIN_GLASS_DISTANCE for one in kept):
            kept.append(other)
    return tuple(kept[1:])


def _apart(one: Medium, other: Medium) -> float:
    if not (math.isfinite(one.vd) and math.isfinite(other.vd)):
        return math.inf
    return math.hypot((one.nd - other.nd) * 100.0, one.vd - other.vd)


def _polish(
    start: Prescription, spec: OpticsSpec, scope: PolishScope, judged: Evaluator, steps: int
) -> PolishResult:
    best = _Best(start, judged)
    few = _thinned(start)
    spec = spec.model_copy(
        update={"half_fields_deg": few.fields, "wavelengths_um": few.wavelengths, "primary": few.primary}
    )

    def offer(found: Prescription) -> bool:
        return best.offer(_rounded(replace(start, surfaces=found.surfaces), spec, scope))

    if scope.free.count and best.traced:
        for margin in MARGIN_FACTORS:
            for found in _moved(few, spec, scope, steps, margin * LIMIT_MARGIN_REL):
                offer(found)
            if best.found.rank[0] == 2:
                break
        if best.found.rank[0] < 2 or best.lens is start:
            for found in _inside(few, spec, scope, steps):
                offer(found)
        lens = replace(few, surfaces=best.lens.surfaces)
        if scope.glasses:
            for _ in range(EXCHANGE_ROUNDS):
                swapped = _exchanged(lens, spec, scope, steps)
                if swapped is None or not offer(swapped):
                    break
                lens = swapped
    active: tuple[str, ...] = ()
    if scope.free.count:
        merit = _merit([replace(few, surfaces=best.lens.surfaces)], spec, scope, LIMIT_MARGIN_REL)
        active = merit.active(scope.free.read(merit.base)[0])
    swaps = tuple(
        (s + 1, _name(old), _name(new))
        for s, (old, new) in enumerate(zip(start.surfaces, best.lens.surfaces, strict=True))
        if _name(old) != _name(new)
    )
    return PolishResult(start, best.lens, best.before, best.found, active, swaps, scope.digits)


def _thinned(lens: Prescription) -> Prescription:
    """The lens with the fields and wavelengths that the search sees: all but where they are very many."""
    fields = sorted(lens.fields)
    colors = range(len(lens.wavelengths))
    kept = sorted({*_spread(sorted(colors, key=lambda w: lens.wavelengths[w])), lens.primary})
    return replace(
        lens,
        fields=tuple(_spread(fields)) if len(fields) > SEARCH_SAMPLE_LIMIT else lens.fields,
        wavelengths=tuple(lens.wavelengths[w] for w in kept),
        primary=kept.index(lens.primary),
    )


def _spread(values: Sequence[T]) -> list[T]:
    """At most SEEN of the values, evenly taken, the first and the last among them."""
    if len(values) <= SEARCH_SAMPLE_LIMIT:
        return list(values)
    return [values[i * (len(values) - 1) // (SEARCH_SAMPLE_LIMIT - 1)] for i in range(SEARCH_SAMPLE_LIMIT)]


def _name(surface: Surface) -> str:
    return "air" if surface.medium is None else surface.medium.name


class _Best:
    """The best lens so far by the judge; the start stays unless something is better in every figure."""

    def __init__(self, start: Prescription, judged: Evaluator) -> None:
        self.lens, self._judged = start, judged
        self.before = self.found = judged(start)

    @property
    def traced(self) -> bool:
        """Whether there is something to begin with; rays that do not arrive yet may arrive later."""
        return "efl_mm" in self.found.figures

    def offer(self, lenses: Iterable[Prescription]) -> bool:
        """Take the best of `lenses` if it beats what there is."""
        taken = False
        for lens in lenses:
            found = self._judged(lens)
            if found.rank > self.found.rank and self._no_wider(found):
                self.lens, self.found, taken = lens, found, True
        return taken

    def _no_wider(self, found: Evaluation) -> bool:
        """A ray more that arrives must not hide that the others have spread."""
        known = self.before.figures.get("rms_spot_um", math.inf)
        return self.before.rank[0] < 2 or found.figures.get("rms_spot_um", math.inf) <= known


def _merit(
    lenses: list[Prescription],
    spec: OpticsSpec,
    scope: PolishScope,
    margin: float,
    *,
    fine: bool = False,
    penalty: float = LIMIT_PENALTY,
) -> MeritFunction:
    return MeritFunction(
        build_system(lenses),
        spec,
        scope.free,
        pupil=pupil_sampling(lenses[0]) if fine else None,
        clip=has_semi_diameters(lenses[0]),
        margin=margin,
        penalty=penalty,
        solve=not fine,
        within=TOLERANCE_SHARE if fine else 0.0,
        granted=scope.granted,
    )


def _moved(
    start: Prescription, spec: OpticsSpec, scope: PolishScope, steps: int, margin: float
) -> list[Prescription]:
    """Where damped least squares leads from the start and from starts around it.

    Limits are soft at first: behind a hard one the way is narrow. The last are so hard that rays are given up
    for them.
    """
    free = scope.free
    merit = _merit([start] * START_COUNT, spec, scope, margin, penalty=SOFT_PENALTY_SHARE * LIMIT_PENALTY)
    at = _scaled(merit, spec, scope)
    draw = torch.Generator().manual_seed(0)
    size = torch.linspace(*PERTURBATION_REL_RANGE, START_COUNT, dtype=FLOAT)[:, None]
    shake = torch.randn(at.shape, dtype=FLOAT, generator=draw) * size
    shake[0] = 0.0
    at, cost = minimize(merit, at * (1.0 + shake), SCREENING_STEPS)
    at = at[cost.nan_to_num(nan=math.inf).argsort()[:SURVIVOR_COUNT]]
    for penalty, many in (
        (SOFT_PENALTY_SHARE * LIMIT_PENALTY, SOFT_STEPS_FACTOR * steps),
        (LIMIT_PENALTY, steps),
    ):
        merit = _merit([start] * SURVIVOR_COUNT, spec, scope, margin, penalty=penalty)
        at, _ = minimize(merit, at, many, enough=MIN_MERIT_GAIN_REL)
    ends: list[Prescription] = []
    for penalty in (LIMIT_PENALTY, HARD_PENALTY_FACTOR * LIMIT_PENALTY):
        fine = _merit([start] * SURVIVOR_COUNT, spec, scope, margin, fine=True, penalty=penalty)
        at, _ = minimize(fine, at, steps // 2)
        made = free.write(fine.base, at)
        ends += [_with(start, made, row) for row in range(SURVIVOR_COUNT)]
    return ends


def _inside(start: Prescription, spec: OpticsSpec, scope: PolishScope, steps: int) -> list[Prescription]:
    """Where the search leads that keeps the limits from the first step on.

    Not as far as the way through soft limits, from which there may be no way back.
    """
    merit = _merit(
        [start], spec, scope, LIMIT_MARGIN_REL, fine=True, penalty=HARD_PENALTY_FACTOR * LIMIT_PENALTY
    )
    ends = []
    for at in (scope.free.read(merit.base), _scaled(merit, spec, scope)):
        at, _ = minimize(merit, at, steps)
        ends.append(_with(start, scope.free.write(merit.base, at), 0))
    return ends


def _scaled(merit: MeritFunction, spec: OpticsSpec, scope: PolishScope) -> Tensor:
    """The start, scaled to the focal length asked for where all of it is free, and focused."""
    base = merit.base
    free = scope.free
    if (
        scope.focus
        and len(free.curvatures) == len(refracting_surfaces(base))
        and len(free.thicknesses) == base.count - _front(base)
        and not free.terms
    ):
        efl = first_order(base).efl_BW[:, spec.primary, None]
        ratio = torch.where(torch.isfinite(efl) & (efl > 0.0), spec.efl_mm / efl, torch.ones_like(efl))
        ratio = torch.where((ratio > 0.2) & (ratio < 5.0), ratio, torch.ones_like(ratio))
        base = replace(base, curvature_BS=base.curvature_BS / ratio, thickness_BS=base.thickness_BS * ratio)
    if scope.focus:
        base = _refocused(base, spec)
    return free.read(base)


def _refocused(base: System, spec: OpticsSpec) -> System:
    epd = torch.full_like(base.curvature_BS[:, 0], spec.epd_mm)
    fields = torch.deg2rad(torch.tensor(spec.half_fields_deg, dtype=FLOAT)).expand(len(epd), -1)
    with torch.no_grad():
        plane = best_focus(base, epd, fields, gauss(4, 8))
    plane = torch.where(torch.isfinite(plane) & (plane > 0.0), plane, base.thickness_BS[:, -1])
    return replace(base, thickness_BS=torch.cat([base.thickness_BS[:, :-1], plane[:, None]], dim=1))


def _exchanged(lens: Prescription, spec: OpticsSpec, scope: PolishScope, steps: int) -> Prescription | None:
    """The lens with the one glass exchanged that makes it sharpest; None where none does."""
    tried = [
        _with_glass(lens, s, glass)
        for s, glasses in scope.glasses.items()
        for glass in glasses
        if glass.name != _name(lens.surfaces[s]) and not _merges(lens, s, glass)
    ]
    if not tried:
        return None
    merit = _merit([lens, *tried], spec, scope, LIMIT_MARGIN_REL)
    at, cost = minimize(merit, scope.free.read(merit.base), GLASS_TRIAL_STEPS)
    cost = cost.nan_to_num(nan=math.inf)
    best = int(cost.argmin())
    if best == 0 or float(cost[best]) > MAX_EXCHANGE_MERIT_RATIO * float(cost[0]):
        return None
    found = _with(tried[best - 1], scope.free.write(merit.base, at), best)
    fine = _merit([found], spec, scope, LIMIT_MARGIN_REL, fine=True)
    at, _ = minimize(fine, scope.free.read(fine.base), steps)
    return _with(found, scope.free.write(fine.base, at), 0)


def _merges(lens: Prescription, s: int, glass: Medium) -> bool:
    """Whether `glass` behind surface `s` would make one element of two that are cemented."""
    beside = (lens.surfaces[i].medium for i in (s - 1, s + 1) if 0 <= i < len(lens.surfaces))
    return any(isinstance(other, Medium) and _apart(glass, other) <= MIN_GLASS_DISTANCE for other in beside)


def _with_glass(lens: Prescription, s: int, glass: Medium) -> Prescription:
    """Another glass behind surface `s`; an element in air is bent so that it keeps its power."""
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


def _with(lens: Prescription, system: System, row: int) -> Prescription:
    """The lens with the figures of a row of `system`."""
    bend, move = system.curvature_BS[row].tolist(), system.thickness_BS[row].tolist()
    conic, terms = system.conic_BS[row].tolist(), system.asphere_BSA[row].tolist()
    return replace(
        lens,
        surfaces=tuple(
            replace(
                surface,
                radius=1.0 / c if 1.0 / MAX_RADIUS_MM < abs(c) < math.inf else math.inf,
                thickness=t,
                conic=k,
                asphere=tuple(a[: len(surface.asphere)]),
            )
            for surface, c, t, k, a in zip(lens.surfaces, bend, move, conic, terms, strict=True)
        ),
    )


def _rounded(lens: Prescription, spec: OpticsSpec, scope: PolishScope) -> list[Prescription]:
    """The lens as it will be written: as it is, and focused once more behind its rounded surfaces."""
    cut = _cut(lens, scope)
    if not scope.focus:
        return [cut]
    return [cut, _cut(with_best_focus(cut, spec.epd_mm), scope)]


def _cut(lens: Prescription, scope: PolishScope) -> Prescription:
    free, digits = scope.free, scope.digits

    def short(value: float) -> float:
        return float(f"{value:.{digits}g}") if math.isfinite(value) else value

    surfaces = [
        replace(
            surface,
            radius=short(surface.radius) if s in free.curvatures else surface.radius,
            thickness=short(surface.thickness) if s in free.thicknesses else surface.thickness,
            conic=short(surface.conic) if s in free.conics else surface.conic,
            asphere=tuple(
                short(term) if (s, i) in free.terms else term for i, term in enumerate(surface.asphere)
            ),
        )
        for s, surface in enumerate(lens.surfaces)
    ]
    return replace(lens, surfaces=tuple(surfaces))


def _as_rows(lens: Prescription, rows: tuple[Row, ...]) -> tuple[Row, ...]:
    return tuple(
        Row(
            surface.radius,
            0.0 if row.focus else surface.thickness,
            None if surface.medium is None else surface.medium.name,
            row.stop,
            surface.conic,
            surface.asphere,
            row.focus,
        )
        for surface, row in zip(lens.surfaces, rows, strict=True)
    )


def _numbers(row: Row) -> tuple[float, ...]:
    return (row.radius, row.thickness, row.conic, *row.asphere)


def _digits(value: float) -> int:
    """Significant digits of a decimal number as it was written."""
    if not math.isfinite(value) or value == 0.0:
        return 1
    return len(f"{value!r}".lower().partition("e")[0].replace(".", "").lstrip("-0").rstrip("0")) or 1
