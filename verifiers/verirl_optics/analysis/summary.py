"""Summary of one lens as plain data: lengths in mm, spots in µm, None if a figure does not exist."""

from __future__ import annotations

import math
from typing import Any

import torch

from verirl_optics.analysis.performance import (
    Performance,
    evaluate,
    field_curvature,
    gaps,
    mtf,
    pupil_diameter,
    pupil_sampling,
)
from verirl_optics.raytrace import pupil as pupils
from verirl_optics.raytrace.paraxial import first_order, seidel
from verirl_optics.raytrace.prescription import Prescription
from verirl_optics.raytrace.system import FLOAT, System, build_system
from verirl_optics.raytrace.trace import FAILURE_NAMES

MTF_CYCLES_PER_MM = (10.0, 20.0, 40.0)
"""Spatial frequencies of the geometric MTF."""


def summary(lens: Prescription, *, aim: bool = False) -> dict[str, Any]:
    """Summarize a lens: first-order figures, spots, geometric MTF, aberrations, thicknesses.

    Args:
        lens: The lens; rays outside its semi-diameters are vignetted.
        aim: Aim rays at the real stop instead of the paraxial entrance pupil.

    Returns:
        The JSON object of `verirl optics show --json`.

    Raises:
        InputError: If the aperture is of an unknown kind.
        GlassError: If a glass has no index at a wavelength.
    """
    with torch.no_grad():
        system = build_system([lens])
        first = first_order(system)
        epd = pupil_diameter(lens.aperture, first, system)
        fields = torch.deg2rad(torch.tensor([lens.fields], dtype=FLOAT))
        performance = evaluate(system, epd, fields, pupil_sampling(lens), clip=True, aim=aim)
        p = lens.primary
        widest = torch.tan(fields.abs().amax(-1))
        efl, diameter = float(first.efl_BW[0, p]), float(epd[0])
        return {
            "name": lens.name,
            "efl_mm": _known(efl),
            "bfl_mm": _known(first.bfl_BW[0, p]),
            "fno": _known(efl / diameter) if diameter else None,
            "entrance_pupil_diameter_mm": _known(diameter),
            "entrance_pupil_z_mm": _known(first.entrance_B[0]),
            "exit_pupil_z_mm": _known(first.exit_B[0]),
            "total_track_mm": _known(lens.total_track),
            "elements": lens.elements,
            "axial_colour_mm": _known(performance.axial_B[0]),
            "seidel_mm": [_known(value) for value in seidel(system, epd, widest).sum(1)[0]],
            "wavelengths_um": list(lens.wavelengths),
            "primary": p,
            "fields": _fields(lens, system, epd, fields, performance, aim=aim),
            "spaces": _spaces(lens, system, performance),
            "notes": list(lens.notes),
        }


def _known(value: Any) -> float | None:
    number = float(value)
    return number if math.isfinite(number) else None


def _micron(value: Any) -> float | None:
    return _known(1e3 * float(value))


def _fields(
    lens: Prescription,
    system: System,
    epd: torch.Tensor,
    fields: torch.Tensor,
    performance: Performance,
    *,
    aim: bool,
) -> list[dict[str, Any]]:
    tangential, sagittal = field_curvature(system, epd, fields)
    # An MTF needs more rays than a mean square.
    dense = pupils.gauss(32, 48)
    traced = evaluate(system, epd, fields, dense, clip=True, aim=aim).traced
    modulation = [(cycles, *mtf(traced, dense, cycles)) for cycles in MTF_CYCLES_PER_MM]
    rows = []
    for f, angle in enumerate(lens.fields):
        failed = performance.traced.failure[0, f]
        lost = {name: int((failed == int(kind)).sum()) for kind, name in FAILURE_NAMES.items()}
        rows.append(
            {
                "field_deg": angle,
                "rms_poly_um": _micron(performance.spots.poly_BF[0, f]),
                "rms_um": [_micron(value) for value in performance.spots.rms_BFW[0, f]],
                "rms_chief_um": [_micron(value) for value in performance.rms_chief_BFW[0, f]],
                "chief_y_mm": _known(performance.chief_BFW[0, f, lens.primary]),
                "distortion_pct": _known(100.0 * performance.distortion_BF[0, f]),
                "lateral_colour_um": _micron(performance.lateral_BF[0, f]),
                "tangential_focus_mm": _known(tangential[0, f]),
                "sagittal_focus_mm": _known(sagittal[0, f]),
                "mtf": [
                    {
                        "cycles_per_mm": cycles,
                        "tangential": _known(along[0, f]),
                        "sagittal": _known(across[0, f]),
                    }
                    for cycles, along, across in modulation
                ],
                "vignetted_fraction": _known(1.0 - performance.spots.arrived_BF[0, f].clamp(0.0, 1.0)),
                "lost": {name: count for name, count in lost.items() if count},
            }
        )
    return rows


def _spaces(lens: Prescription, system: System, performance: Performance) -> list[dict[str, Any]]:
    height = torch.where(torch.isfinite(system.semi_BS), system.semi_BS, performance.reach_BS)
    center, edge = gaps(system, height)
    return [
        {
            "behind": s + 1,
            "glass": None if surface.medium is None else surface.medium.name,
            "centre_mm": _known(center[0, s]),
            "edge_mm": _known(edge[0, s]),
            "overlaps": not min(float(center[0, s]), float(edge[0, s].nan_to_num(nan=-1.0))) >= 0.0,
        }
        for s, surface in enumerate(lens.surfaces[:-1])
    ]
