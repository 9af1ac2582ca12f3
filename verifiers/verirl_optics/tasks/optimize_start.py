"""Optimize a starting design: damped least squares on curvatures, aspheres and air spaces at a fixed EFL."""

from __future__ import annotations

import math
from dataclasses import replace

import torch
from torch import Tensor

from verirl_optics.analysis.focus import best_focus
from verirl_optics.optimize.damped_least_squares import minimize
from verirl_optics.optimize.merit import LIMIT_PENALTY, MeritFunction, refracting_surfaces
from verirl_optics.optimize.variables import VariableSet
from verirl_optics.raytrace.glass import find_glass
from verirl_optics.raytrace.paraxial import first_order
from verirl_optics.raytrace.prescription import Aperture, Prescription, Surface
from verirl_optics.raytrace.pupil import gauss
from verirl_optics.raytrace.system import FLOAT, System, build_system
from verirl_optics.spec import ElementRange, OpticsSpec, ThicknessRange
from verirl_optics.tasks.starting_designs import StartingDesign

MIN_THICKNESS_REL = 0.012
"""Least edge of a glass ÷ EFL; half of it for air gaps."""
EFL_TOLERANCE_REL = 0.002
"""Relative tolerance of the EFL during the search; the result is scaled to the exact EFL."""
SOFT_PENALTY_SHARE = 0.05
"""Share of the usual penalty with which the search begins."""


def optimize_start(
    start: StartingDesign,
    fno: float,
    fields: tuple[float, ...],
    wavelengths: tuple[float, ...],
    primary: int,
    steps: int,
) -> Prescription | None:
    """Optimize a starting design.

    Args:
        start: The design, with curvatures × EFL and thicknesses ÷ EFL.
        fno: F-number.
        fields: Half fields in degrees.
        wavelengths: Wavelengths in µm.
        primary: Index of the primary wavelength.
        steps: Steps of the search.

    Returns:
        The lens of EFL 1 mm at best focus; None if the search did not reach a lens with a real focus.
    """
    lens = _unit(start, fno, fields, wavelengths, primary)
    spec = _spec(lens, fno)
    base = _ready(build_system([lens]), spec)
    if base is None:
        return None
    last = base.count - 1
    terms = tuple((s, i) for s, _, listed in start.aspheres for i in range(1, len(listed)))
    free = VariableSet(
        tuple(refracting_surfaces(base)), (*start.moves, last), tuple(s for s, _, _ in start.aspheres), terms
    )
    at = free.read(base)
    for share, part in ((SOFT_PENALTY_SHARE, steps), (1.0, steps // 2)):
        at, cost = minimize(
            MeritFunction(base, spec, free, margin=1e-5, penalty=share * LIMIT_PENALTY), at, part
        )
    found = _ready(free.write(base, at), spec)
    if found is None or not bool(torch.isfinite(cost)):
        return None
    return _lens(lens, found)


def _unit(
    start: StartingDesign, fno: float, fields: tuple[float, ...], wavelengths: tuple[float, ...], primary: int
) -> Prescription:
    aspheres = {s: (conic, terms) for s, conic, terms in start.aspheres}
    surfaces = tuple(
        Surface(
            1.0 / c if c else math.inf,
            t,
            None if glass is None else find_glass(glass),
            *aspheres.get(s, (0.0, ())),
            stop=s == start.stop,
        )
        for s, (c, t, glass) in enumerate(
            zip(start.curvatures, start.thicknesses, start.glasses, strict=True)
        )
    )
    return Prescription(surfaces, Aperture("epd", 1.0 / fno), fields, wavelengths, primary)


def _spec(lens: Prescription, fno: float) -> OpticsSpec:
    return OpticsSpec.model_construct(
        task="synthesis",
        efl_mm=1.0,
        efl_rel_tol=EFL_TOLERANCE_REL,
        fno=fno,
        half_fields_deg=lens.fields,
        wavelengths_um=lens.wavelengths,
        primary=lens.primary,
        elements=ElementRange(max=lens.elements),
        center_thickness_mm=ThicknessRange(min=MIN_THICKNESS_REL),
        min_edge_thickness_mm=MIN_THICKNESS_REL,
        min_air_gap_mm=MIN_THICKNESS_REL / 2,
    )


def _ready(system: System, spec: OpticsSpec) -> System | None:
    """Scale the lens to EFL 1 and focus it; None if it has no real focus."""
    with torch.no_grad():
        efl = first_order(system).efl_BW[:, spec.primary, None]
        if not bool((efl > 0.0) & torch.isfinite(efl)):
            return None
        shrink = efl ** (2 * torch.arange(system.asphere_BSA.shape[-1]) + 1)
        held = replace(
            system,
            curvature_BS=system.curvature_BS * efl,
            thickness_BS=system.thickness_BS / efl,
            asphere_BSA=system.asphere_BSA * shrink[:, None],
        )
        plane = best_focus(
            held, _tensor([spec.epd_mm]), torch.deg2rad(_tensor([spec.half_fields_deg])), gauss(4, 8)
        )
        if not bool((plane > 0.0) & torch.isfinite(plane)):
            return None
        return replace(held, thickness_BS=torch.cat([held.thickness_BS[:, :-1], plane[:, None]], dim=1))


def _tensor(values: object) -> Tensor:
    return torch.tensor(values, dtype=FLOAT)


def _lens(like: Prescription, system: System) -> Prescription:
    bend, move = system.curvature_BS[0].tolist(), system.thickness_BS[0].tolist()
    conic, terms = system.conic_BS[0].tolist(), system.asphere_BSA[0].tolist()
    surfaces = tuple(
        replace(
            surface,
            radius=math.inf if abs(c) < 1e-6 else 1.0 / c,
            thickness=t,
            conic=k,
            asphere=tuple(a[: len(surface.asphere)]),
        )
        for surface, c, t, k, a in zip(like.surfaces, bend, move, conic, terms, strict=True)
    )
    return replace(like, surfaces=surfaces)
