"""Reference figures in the layout and with the sampling of `classical_lenses_oracle.jsonl`.

Rays go through the paraxial entrance pupil of the primary wavelength, unaimed; the hexapolar set has 6 rings
(127 rays), the Gauss set 6 rings of 12 arms.
RMS is over the rays that arrive, null if fewer than half of them pass the surfaces; `*_clipped` also applies
every semi-diameter. Seidel sums include aspheres.
"""

from __future__ import annotations

import math
from typing import Any

import torch

from verirl_optics.raytrace import pupil as pupils
from verirl_optics.raytrace.paraxial import first_order, seidel
from verirl_optics.raytrace.prescription import Prescription
from verirl_optics.raytrace.pupil import Pupil
from verirl_optics.raytrace.spots import measure_spots, rms_about
from verirl_optics.raytrace.system import FLOAT, System, build_system
from verirl_optics.raytrace.trace import TracedRays, through_pupil, trace


def reference_values(lens: Prescription) -> dict[str, Any]:
    """Compute the reference figures of one lens.

    Args:
        lens: A lens whose aperture is an entrance pupil diameter or an f-number.

    Returns:
        One JSON object, lengths in mm.
    """
    from verirl_optics.analysis.performance import pupil_diameter

    with torch.no_grad():
        system = build_system([lens])
        first = first_order(system)
        epd_B = pupil_diameter(lens.aperture, first, system)
        primary = lens.primary
        efl = float(first.efl_BW[0, primary])
        sums = seidel(system, epd_B, torch.tensor([math.tan(math.radians(max(lens.fields)))], dtype=FLOAT))
        return {
            "id": lens.name,
            "efl": efl,
            "bfl": float(first.bfl_BW[0, primary]),
            "fno": efl / float(epd_B[0]),
            "entrance_pupil_z": float(first.entrance_B[0]),
            "total_track": lens.total_track,
            "bfl_by_wavelength": first.bfl_BW[0].tolist(),
            "seidel_abs": sums.sum(1).abs()[0].tolist(),
            "fields": _fields(lens, system, epd_B),
        }


def _fields(lens: Prescription, system: System, epd_B: torch.Tensor) -> list[dict[str, Any]]:
    fields_BF = torch.deg2rad(torch.tensor([lens.fields], dtype=FLOAT))
    chief = trace(system, through_pupil(system, pupils.chief(), epd_B, fields_BF))
    at_x, at_y = chief.rays.x[..., 0], chief.rays.y[..., 0]
    hexapolar, gauss = pupils.hexapolar(), pupils.gauss(mirrored=False)
    total = len(hexapolar.x_R) * len(lens.wavelengths)
    clipped = any(surface.semi_diameter is not None for surface in lens.surfaces)
    rows: list[dict[str, Any]] = [{"field_deg": angle, "rays_total": total} for angle in lens.fields]
    for pupil, kind in ((hexapolar, "centroid"), (gauss, "gq")):
        rays = through_pupil(system, pupil, epd_B, fields_BF)
        done = trace(system, rays, base_conic=True)
        for f, row in enumerate(rows):
            _add_spots(row, f, done, done.valid, pupil, kind, lens.primary)
        if kind == "centroid":
            from_chief = rms_about(measure_spots(done.rays.x, done.rays.y, done.valid, pupil), at_x, at_y)
            for f, row in enumerate(rows):
                known = row["rms_primary_centroid"] is not None
                row["rms_primary_chief"] = float(from_chief[0, f, lens.primary]) if known else None
        if clipped:
            inside = trace(system, rays, base_conic=True, clip=True)
            for f, row in enumerate(rows):
                _add_spots(row, f, inside, done.valid, pupil, kind, lens.primary, "_clipped")
    for f, row in enumerate(rows):
        arrived = bool(chief.valid[0, f, lens.primary, 0])
        row["chief_y"] = float(at_y[0, f, lens.primary]) if arrived else None
    return rows


def _add_spots(
    row: dict[str, Any],
    f: int,
    done: TracedRays,
    through_BFWR: torch.Tensor,
    pupil: Pupil,
    kind: str,
    primary: int,
    end: str = "",
) -> None:
    """Add the spots of field `f`; `through_BFWR`: the rays that pass if every semi-diameter is free."""
    found = measure_spots(done.rays.x, done.rays.y, done.valid, pupil)
    if kind == "centroid":
        row[f"rays_valid{end}"] = int(found.rays_BF[0, f])
    one, many = float(found.rms_BFW[0, f, primary]), float(found.poly_BF[0, f])
    through = through_BFWR[0, f]
    row[f"rms_primary_{kind}{end}"] = one if _enough(through[primary]) and math.isfinite(one) else None
    row[f"rms_poly_{kind}{end}"] = many if _enough(through) and math.isfinite(many) else None


def _enough(valid: torch.Tensor) -> bool:
    return 2 * int(valid.sum()) >= valid.numel()
