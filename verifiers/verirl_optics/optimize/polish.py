"""Polish a lens: find a better one nearby that meets every limit, by local optimization.

Free curvatures, thicknesses and aspheres move by damped least squares (Levenberg–Marquardt) from the start
and from perturbed copies of it; then each glass is exchanged for its neighbors in nd and Vd, and the best
exchange stays. The result is rounded before it is evaluated. The start itself is returned if nothing better
is found.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import torch
from torch import Tensor

from verirl_optics.analysis.focus import best_focus
from verirl_optics.analysis.performance import pupil_sampling
from verirl_optics.answer import MAX_RADIUS_MM, Row
from verirl_optics.optimize.damped_least_squares import minimize
from verirl_optics.optimize.glass_exchange import glass_candidates, medium_name, merges_elements, with_glass
from verirl_optics.optimize.implied_spec import spec_of_lens
from verirl_optics.optimize.merit import (
    LIMIT_MARGIN_REL,
    LIMIT_PENALTY,
    TOLERANCE_SHARE,
    MeritFunction,
    refracting_surfaces,
)
from verirl_optics.optimize.variables import VariableSet
from verirl_optics.raytrace.glass import Medium
from verirl_optics.raytrace.paraxial import first_order
from verirl_optics.raytrace.prescription import Aperture, Prescription
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
from verirl_optics.spec import GivenSurface, OpticsSpec

POLISH_STEPS = 40
GLASS_TRIAL_STEPS = 8
"""Steps after which an exchanged glass is compared."""
START_COUNT = 24
PERTURBATION_REL_RANGE = (0.01, 0.06)
"""Relative size of the perturbations, of the nearest and the farthest copy."""
SCREENING_STEPS = 10
SOFT_PENALTY_SHARE = 0.02
"""Share of the usual penalty with which the search begins."""
HARD_PENALTY_FACTOR = 30.0
"""Penalty of the last search, as a multiple of the usual."""
SURVIVOR_COUNT = 4
"""Number of the best starts after `SCREENING_STEPS` that are optimized to the end."""
SOFT_STEPS_FACTOR = 2
"""Steps of the search with soft limits, as a multiple of the others."""
MIN_MERIT_GAIN_REL = 3e-4
"""Relative gain of a step below which the search counts as idle."""
MARGIN_FACTORS = (1.0, 16.0)
"""Margins to try, as multiples of the usual; the second if a limit stays violated."""
EXCHANGE_ROUNDS = 3
MAX_EXCHANGE_MERIT_RATIO = 0.98
SEARCH_SAMPLE_LIMIT = 16
"""Greatest number of fields, and of wavelengths, in the search; the evaluation uses all."""
SIGNIFICANT_DIGITS = 6

T = TypeVar("T")
Evaluator = Callable[[Prescription], Evaluation]


@dataclass(frozen=True, slots=True)
class PolishResult:
    """A lens before and after polishing.

    Attributes:
        start: The lens before, at the beam, fields and wavelengths of the limits.
        lens: The lens after; `start` itself if nothing better was found.
        before: Evaluation of `start`.
        after: Evaluation of `lens`.
        active: Names of the limits that `lens` nearly touches.
        swaps: Exchanged glasses: surface number from 1, name before, name after.
        digits: Significant digits of the changed values.
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
        """Whether a better lens was found."""
        return self.lens is not self.start


@dataclass(frozen=True, slots=True)
class PolishScope:
    """What polishing may change.

    Attributes:
        free: The variables.
        glasses: Surface → glasses that may replace the one behind it.
        focus: Whether the last thickness is free; it is then set to best focus at the end.
        digits: Significant digits to round to.
        granted: By how much the limits of the merit function may be violated, in mm (C); see
            `MeritFunction.breaches`.
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
    """Improve a lens that has no task.

    The limits are those that `like` implies: its beam, fields and wavelengths, EFL within 1 %, track and BFL
    within 10 %, centers, edges and gaps at least its thinnest, no more elements and aspheres, and as many
    rays that arrive. A limit that `like` itself violates must not be violated further, if both have the same
    layout.

    Args:
        lens: The lens to improve.
        like: The lens that sets the limits; `lens` itself if None.
        steps: Steps of the search.
        glasses: Whether glasses may be exchanged.
        digits: Significant digits of changed values.

    Returns:
        The lens before and after; never worse than before.

    Raises:
        InputError: If the lens states an f-number and has no focus.
        GlassError: If a glass has no index at a wavelength.

    Example:
        >>> result = polish(read_lenses(Path("triplet.json"))[0])  # doctest: +SKIP
        >>> result.after.figures["rms_spot_um"] <= result.before.figures["rms_spot_um"]  # doctest: +SKIP
        True
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
    palette = glass_candidates(spec, start) if glasses else {}
    free = _all_variables(start)
    granted = None
    if alike:
        granted = MeritFunction(
            build_system([known]), spec, free, pupil=gauss(), clip=has_semi_diameters(known), margin=0.0
        ).breaches()
    scope = PolishScope(free, palette, focus=True, digits=digits, granted=granted)
    return _search(
        start, spec, scope, lambda candidate: _evaluate_tolerantly(spec, candidate, allowed), steps
    )


def _layout(lens: Prescription) -> list[tuple[bool, bool, bool, bool]]:
    """Return where glass, its surfaces, stop and aspheres are, which decides the limits."""
    parts = refracting_surfaces(build_system([lens]))
    return [
        (surface.medium is None, s in parts, surface.stop, surface.aspheric)
        for s, surface in enumerate(lens.surfaces)
    ]


def _evaluate_tolerantly(
    spec: OpticsSpec, lens: Prescription, allowed: tuple[Requirement, ...]
) -> Evaluation:
    """Evaluate a lens; a limit counts as met if it is violated by no more than is allowed."""
    evaluation = evaluate_lens(spec, lens, whole=True)
    if len(evaluation.feasible) != len(allowed):
        # Another layout, such as that of two elements that have become one glass.
        return evaluation
    checks = tuple(
        replace(check, excess=0.0) if not known.met and not check.excess > known.excess else check
        for check, known in zip(evaluation.feasible, allowed, strict=True)
    )
    return replace(evaluation, feasible=checks)


def polish_rows(
    spec: OpticsSpec,
    rows: tuple[Row, ...],
    *,
    steps: int = POLISH_STEPS,
    glasses: bool = True,
    digits: int | None = None,
) -> tuple[tuple[Row, ...], PolishResult]:
    """Improve an answer to a task; given values of a completion task stay.

    Args:
        spec: The spec of the task.
        rows: The surfaces of the answer.
        steps: Steps of the search.
        glasses: Whether glasses may be exchanged, within the glasses of the task.
        digits: Significant digits of changed values; by default as many as the answer uses, at least 5.

    Returns:
        The surfaces of the better lens (or `rows`), and the lens before and after.

    Raises:
        GlassError: If the answer names a glass that the task does not list.
    """
    start = lens_of_answer(spec, rows)
    free = _all_variables(start)
    palette = glass_candidates(spec, start) if glasses else {}
    focus = True
    if spec.given is not None:
        given = spec.given.surfaces
        free, focus = _masked_variables(free, given), given[-1].known_thickness is None
        palette = {s: candidates for s, candidates in palette.items() if given[s].glass_masked}
    digits = digits or max(5, min(12, max(_digit_count(value) for row in rows for value in _values(row))))
    scope = PolishScope(free, palette, focus, digits)

    def evaluator(lens: Prescription) -> Evaluation:
        return evaluate_answer(spec, _as_rows(lens, rows))

    result = _search(start, spec, scope, evaluator, steps)
    return (_as_rows(result.lens, rows) if result.better else rows), result


def _all_variables(lens: Prescription) -> VariableSet:
    system = build_system([lens])
    parts = refracting_surfaces(system)
    terms = tuple(
        (s, i)
        for s in parts
        for i, _ in enumerate(lens.surfaces[s].asphere)
        if i and any(lens.surfaces[s].asphere)
    )
    conics = tuple(s for s in parts if lens.surfaces[s].conic)
    return VariableSet(tuple(parts), tuple(range(_first_used_surface(system), system.count)), conics, terms)


def _first_used_surface(system: System) -> int:
    """Return the first surface behind which a thickness matters: earlier ones change no ray.

    A variable without effect has a derivative of pure rounding error, and no reliable step.
    """
    return min([system.stop, *refracting_surfaces(system)])


def _masked_variables(free: VariableSet, given: tuple[GivenSurface, ...]) -> VariableSet:
    return VariableSet(
        tuple(s for s in free.curvatures if given[s].known_radius is None),
        tuple(s for s in free.thicknesses if given[s].known_thickness is None),
        tuple(s for s in free.conics if given[s].known_conic is None),
        tuple((s, i) for s, i in free.terms if given[s].known_asphere is None),
    )


def _search(
    start: Prescription, spec: OpticsSpec, scope: PolishScope, evaluator: Evaluator, steps: int
) -> PolishResult:
    best = _Best(start, evaluator)
    few = _with_fewer_samples(start)
    spec = spec.model_copy(
        update={"half_fields_deg": few.fields, "wavelengths_um": few.wavelengths, "primary": few.primary}
    )

    def offer(candidate: Prescription) -> bool:
        return best.offer(_rounded_candidates(replace(start, surfaces=candidate.surfaces), spec, scope))

    if scope.free.count and best.traced:
        for margin in MARGIN_FACTORS:
            for candidate in _perturbed_search(few, spec, scope, steps, margin * LIMIT_MARGIN_REL):
                offer(candidate)
            if best.after.rank[0] == 2:
                break
        if best.after.rank[0] < 2 or best.lens is start:
            for candidate in _hard_limit_search(few, spec, scope, steps):
                offer(candidate)
        lens = replace(few, surfaces=best.lens.surfaces)
        if scope.glasses:
            for _ in range(EXCHANGE_ROUNDS):
                swapped = _best_exchange(lens, spec, scope, steps)
                if swapped is None or not offer(swapped):
                    break
                lens = swapped
    active: tuple[str, ...] = ()
    if scope.free.count:
        merit = _merit([replace(few, surfaces=best.lens.surfaces)], spec, scope, LIMIT_MARGIN_REL)
        active = merit.active(scope.free.read(merit.base)[0])
    swaps = tuple(
        (s + 1, medium_name(old), medium_name(new))
        for s, (old, new) in enumerate(zip(start.surfaces, best.lens.surfaces, strict=True))
        if medium_name(old) != medium_name(new)
    )
    return PolishResult(start, best.lens, best.before, best.after, active, swaps, scope.digits)


def _with_fewer_samples(lens: Prescription) -> Prescription:
    """Return the lens with the fields and wavelengths of the search: all, unless there are very many."""
    fields = sorted(lens.fields)
    colors = range(len(lens.wavelengths))
    kept = sorted({*_evenly_spaced(sorted(colors, key=lambda w: lens.wavelengths[w])), lens.primary})
    return replace(
        lens,
        fields=tuple(_evenly_spaced(fields)) if len(fields) > SEARCH_SAMPLE_LIMIT else lens.fields,
        wavelengths=tuple(lens.wavelengths[w] for w in kept),
        primary=kept.index(lens.primary),
    )


def _evenly_spaced(values: Sequence[T]) -> list[T]:
    """Return at most `SEARCH_SAMPLE_LIMIT` evenly spaced values, the first and the last among them."""
    if len(values) <= SEARCH_SAMPLE_LIMIT:
        return list(values)
    return [values[i * (len(values) - 1) // (SEARCH_SAMPLE_LIMIT - 1)] for i in range(SEARCH_SAMPLE_LIMIT)]


class _Best:
    """The best lens so far; the start stays unless another is better and its spot is not larger."""

    def __init__(self, start: Prescription, evaluator: Evaluator) -> None:
        self.lens, self._evaluate = start, evaluator
        self.before = self.after = evaluator(start)

    @property
    def traced(self) -> bool:
        """Whether there is a lens to start from; rays that do not arrive yet may arrive later."""
        return "efl_mm" in self.after.figures

    def offer(self, lenses: Iterable[Prescription]) -> bool:
        """Take the best of `lenses` if it is better than the best so far."""
        taken = False
        for lens in lenses:
            evaluation = self._evaluate(lens)
            if evaluation.rank > self.after.rank and self._no_wider(evaluation):
                self.lens, self.after, taken = lens, evaluation, True
        return taken

    def _no_wider(self, evaluation: Evaluation) -> bool:
        """One more arriving ray must not hide that the other rays have spread."""
        known = self.before.figures.get("rms_spot_um", math.inf)
        return self.before.rank[0] < 2 or evaluation.figures.get("rms_spot_um", math.inf) <= known


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


def _perturbed_search(
    start: Prescription, spec: OpticsSpec, scope: PolishScope, steps: int, margin: float
) -> list[Prescription]:
    """Optimize the start and perturbed copies of it.

    Limits are soft at first, since a hard limit leaves only a narrow path. The last ones are so hard that
    rays are lost for them.
    """
    free = scope.free
    merit = _merit([start] * START_COUNT, spec, scope, margin, penalty=SOFT_PENALTY_SHARE * LIMIT_PENALTY)
    at = _scaled_start(merit, spec, scope)
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
        ends += [_lens_of_row(start, made, row) for row in range(SURVIVOR_COUNT)]
    return ends


def _hard_limit_search(
    start: Prescription, spec: OpticsSpec, scope: PolishScope, steps: int
) -> list[Prescription]:
    """Optimize with every limit enforced from the first step.

    It reaches less far than the search with soft limits, which may not return to a feasible lens.
    """
    merit = _merit(
        [start], spec, scope, LIMIT_MARGIN_REL, fine=True, penalty=HARD_PENALTY_FACTOR * LIMIT_PENALTY
    )
    ends = []
    for at in (scope.free.read(merit.base), _scaled_start(merit, spec, scope)):
        at, _ = minimize(merit, at, steps)
        ends.append(_lens_of_row(start, scope.free.write(merit.base, at), 0))
    return ends


def _scaled_start(merit: MeritFunction, spec: OpticsSpec, scope: PolishScope) -> Tensor:
    """Return the variables of the start, scaled to the EFL asked for if all of it is free, and focused."""
    base = merit.base
    free = scope.free
    if (
        scope.focus
        and len(free.curvatures) == len(refracting_surfaces(base))
        and len(free.thicknesses) == base.count - _first_used_surface(base)
        and not free.terms
    ):
        efl = first_order(base).efl_BW[:, spec.primary, None]
        ratio = torch.where(torch.isfinite(efl) & (efl > 0.0), spec.efl_mm / efl, torch.ones_like(efl))
        ratio = torch.where((ratio > 0.2) & (ratio < 5.0), ratio, torch.ones_like(ratio))
        base = replace(base, curvature_BS=base.curvature_BS / ratio, thickness_BS=base.thickness_BS * ratio)
    if scope.focus:
        base = _with_focus(base, spec)
    return free.read(base)


def _with_focus(base: System, spec: OpticsSpec) -> System:
    epd = torch.full_like(base.curvature_BS[:, 0], spec.epd_mm)
    fields = torch.deg2rad(torch.tensor(spec.half_fields_deg, dtype=FLOAT)).expand(len(epd), -1)
    with torch.no_grad():
        plane = best_focus(base, epd, fields, gauss(4, 8))
    plane = torch.where(torch.isfinite(plane) & (plane > 0.0), plane, base.thickness_BS[:, -1])
    return replace(base, thickness_BS=torch.cat([base.thickness_BS[:, :-1], plane[:, None]], dim=1))


def _best_exchange(
    lens: Prescription, spec: OpticsSpec, scope: PolishScope, steps: int
) -> Prescription | None:
    """Return the lens with the one exchange of a glass that makes it sharpest; None if none does."""
    tried = [
        with_glass(lens, s, glass)
        for s, glasses in scope.glasses.items()
        for glass in glasses
        if glass.name != medium_name(lens.surfaces[s]) and not merges_elements(lens, s, glass)
    ]
    if not tried:
        return None
    merit = _merit([lens, *tried], spec, scope, LIMIT_MARGIN_REL)
    at, cost = minimize(merit, scope.free.read(merit.base), GLASS_TRIAL_STEPS)
    cost = cost.nan_to_num(nan=math.inf)
    best = int(cost.argmin())
    if best == 0 or float(cost[best]) > MAX_EXCHANGE_MERIT_RATIO * float(cost[0]):
        return None
    found = _lens_of_row(tried[best - 1], scope.free.write(merit.base, at), best)
    fine = _merit([found], spec, scope, LIMIT_MARGIN_REL, fine=True)
    at, _ = minimize(fine, scope.free.read(fine.base), steps)
    return _lens_of_row(found, scope.free.write(fine.base, at), 0)


def _lens_of_row(lens: Prescription, system: System, row: int) -> Prescription:
    """Return the lens with the values of a row of `system`."""
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


def _rounded_candidates(lens: Prescription, spec: OpticsSpec, scope: PolishScope) -> list[Prescription]:
    """Round the lens: as it is, and focused once more behind its rounded surfaces."""
    cut = _round(lens, scope)
    if not scope.focus:
        return [cut]
    return [cut, _round(with_best_focus(cut, spec.epd_mm), scope)]


def _round(lens: Prescription, scope: PolishScope) -> Prescription:
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


def _values(row: Row) -> tuple[float, ...]:
    return (row.radius, row.thickness, row.conic, *row.asphere)


def _digit_count(value: float) -> int:
    """Return the number of significant digits of a decimal number as it was written."""
    if not math.isfinite(value) or value == 0.0:
        return 1
    return len(f"{value!r}".lower().partition("e")[0].replace(".", "").lstrip("-0").rstrip("0")) or 1
