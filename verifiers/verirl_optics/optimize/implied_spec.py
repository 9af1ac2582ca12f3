"""The limits that a lens without a task implies: to stay the lens that it is."""

from __future__ import annotations

import math

import torch

from verirl.errors import InputError
from verirl_optics.analysis.performance import evaluate, gaps, pupil_diameter
from verirl_optics.optimize.merit import refracting_surfaces
from verirl_optics.raytrace.paraxial import first_order
from verirl_optics.raytrace.prescription import Prescription
from verirl_optics.raytrace.system import FLOAT, build_system
from verirl_optics.requirements import EDGE_HEIGHT_FACTOR, has_semi_diameters
from verirl_optics.spec import ElementRange, OpticsSpec, RayFractions, ThicknessRange


def spec_of_lens(lens: Prescription) -> OpticsSpec:
    """Return the limits of a lens that is polished without a task.

    EFL within 1 %, track and BFL within 10 %, no thinner centers, edges and gaps than its thinnest, no more
    elements and aspheres, and as many rays that arrive.

    Args:
        lens: The lens.

    Returns:
        A spec, which is not validated: a lens from a file may have fields that no task may state.

    Raises:
        InputError: If an f-number gives no beam because the lens is afocal.
    """
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
    # If the image plane is elsewhere, the length up to the focus counts.
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
        performance = evaluate(system, diameter, fields, rim=True, clip=has_semi_diameters(lens))
        edges = (
            gaps(system, performance.reach_BS * EDGE_HEIGHT_FACTOR)[1][0].tolist() if system.count > 1 else []
        )
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
                axis=float(performance.rim_BF.min()), full_field=float(performance.spots.arrived_BF.min())
            ),
        }
    )
