"""Draw spot diagrams and ray fans of a lens, one panel per field."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch

from verirl_optics.analysis.performance import pupil_diameter, pupil_sampling
from verirl_optics.raytrace import pupil as pupils
from verirl_optics.raytrace.paraxial import first_order
from verirl_optics.raytrace.prescription import Prescription
from verirl_optics.raytrace.pupil import Pupil
from verirl_optics.raytrace.spots import measure_spots
from verirl_optics.raytrace.system import FLOAT, build_system
from verirl_optics.raytrace.trace import TracedRays, through_pupil, trace
from verirl_optics.viz.picture import COLORS, INK_COLOR, SOFT_COLOR, Dots, Label, Line, Picture, Point

PANEL_PX = 220.0
GAP_PX = 26.0
HEAD_PX, FOOT_PX = 44.0, 34.0
SPOT_RINGS = 9
"""Rings of rays in a spot diagram: 271 rays per wavelength."""
FAN_RAYS = 61


def spot_diagrams(lens: Prescription) -> Picture:
    """Draw where the rays of each field meet the image plane, about their common centroid.

    Dots are evenly spread over the pupil; the RMS in the caption is by quadrature, as in a verdict.

    Args:
        lens: The lens; its semi-diameters vignette.

    Returns:
        A picture with all panels at the same scale.
    """
    pupil = pupils.hexapolar(SPOT_RINGS)
    done = _traced(lens, pupil)
    found = measure_spots(done.rays.x, done.rays.y, done.valid, pupil)
    measure = pupil_sampling(lens)
    exact = _traced(lens, measure)
    size = measure_spots(exact.rays.x, exact.rays.y, exact.valid, measure).poly_BF[0]
    center = found.centroid_y_BFW[0].nan_to_num().mean(-1)
    clouds: list[list[list[Point]]] = []
    for f in range(len(lens.fields)):
        clouds.append([])
        for w in range(len(lens.wavelengths)):
            here = done.valid[0, f, w]
            x, y = done.rays.x[0, f, w][here], done.rays.y[0, f, w][here] - center[f]
            clouds[-1].append([(1e3 * u, 1e3 * v) for u, v in zip(x.tolist(), y.tolist(), strict=True)])
    reach = max((abs(v) for cloud in clouds for part in cloud for p in part for v in p), default=1.0) or 1.0
    half = _nice(reach)
    picture = _page(lens, "spots", f"box {2 * half:g} µm wide", panels=len(lens.fields))
    for f, angle in enumerate(lens.fields):
        left, top = _corner(f)
        picture.items += _frame(left, top)
        scale = PANEL_PX / (2.0 * half)
        for w, cloud in enumerate(clouds[f]):
            dots = [(left + PANEL_PX / 2 + x * scale, top + PANEL_PX / 2 - y * scale) for x, y in cloud]
            picture.items.append(Dots(dots, COLORS[w % len(COLORS)], 1.1))
        rms = 1e3 * float(size[f])
        caption = f"{angle:.4g}°, RMS {rms:.3g} µm" if math.isfinite(rms) else f"{angle:.4g}°, no ray arrives"
        picture.items.append(Label((left, top - 6.0), caption))
    return picture


def ray_fans(lens: Prescription) -> Picture:
    """Draw ray error against pupil height: tangential above, sagittal below.

    Errors are from the point where the chief ray of the primary wavelength meets the image plane.

    Args:
        lens: The lens; its semi-diameters vignette.

    Returns:
        A picture with all panels at the same scale.
    """
    line = torch.linspace(-1.0, 1.0, FAN_RAYS, dtype=FLOAT)
    zero, weight = torch.zeros_like(line), torch.full_like(line, 1.0 / FAN_RAYS)
    tangential, sagittal = _traced(lens, Pupil(zero, line, weight)), _traced(lens, Pupil(line, zero, weight))
    middle, p = FAN_RAYS // 2, lens.primary
    chief = tangential.rays.y[0, :, p, middle]
    rows = (
        ("tangential", tangential, tangential.rays.y[0] - chief[:, None, None]),
        ("sagittal", sagittal, sagittal.rays.x[0]),
    )
    reach = max(
        float((1e3 * error[done.valid[0]]).abs().nan_to_num().amax()) if bool(done.valid.any()) else 0.0
        for _, done, error in rows
    )
    half = _nice(reach or 1.0)
    picture = _page(lens, "ray fans", f"± {half:g} µm, over the pupil", panels=len(lens.fields), rows=2)
    for r, (name, done, error) in enumerate(rows):
        for f, angle in enumerate(lens.fields):
            left, top = _corner(f, r)
            picture.items += _frame(left, top, axes=True)
            picture.items.append(Label((left, top - 6.0), f"{angle:.4g}°, {name}"))
            for w in range(len(lens.wavelengths)):
                points = [
                    (left + (u + 1.0) / 2.0 * PANEL_PX, top + PANEL_PX / 2.0 * (1.0 - 1e3 * e / half))
                    for u, e, there in zip(
                        line.tolist(), error[f, w].tolist(), done.valid[0, f, w].tolist(), strict=True
                    )
                    if there and math.isfinite(e)
                ]
                picture.items.append(Line(points, COLORS[w % len(COLORS)], 1.2))
    return picture


def _traced(lens: Prescription, pupil: Pupil) -> TracedRays:
    with torch.no_grad():
        system = build_system([lens])
        epd = pupil_diameter(lens.aperture, first_order(system), system)
        fields = torch.deg2rad(torch.tensor([lens.fields], dtype=FLOAT))
        return trace(system, through_pupil(system, pupil, epd, fields), clip=True)


def _nice(reach: float) -> float:
    """Return the next of 1, 2, 5 × 10ⁿ above `reach`."""
    power = 10.0 ** math.floor(math.log10(reach))
    return next(power * step for step in (1.0, 2.0, 5.0, 10.0) if power * step >= reach * (1.0 - 1e-9))


def _corner(column: int, row: int = 0) -> Point:
    return GAP_PX + column * (PANEL_PX + GAP_PX), HEAD_PX + 22.0 + row * (PANEL_PX + GAP_PX + 8.0)


def _frame(left: float, top: float, *, axes: bool = False) -> list[Line]:
    corners = [
        (left, top),
        (left + PANEL_PX, top),
        (left + PANEL_PX, top + PANEL_PX),
        (left, top + PANEL_PX),
        (left, top),
    ]
    found = [Line(corners, SOFT_COLOR, 0.8)]
    middle_x, middle_y = left + PANEL_PX / 2, top + PANEL_PX / 2
    cross: Sequence[list[Point]] = (
        [(left, middle_y), (left + PANEL_PX, middle_y)],
        [(middle_x, top), (middle_x, top + PANEL_PX)],
    )
    return found + [Line(line, SOFT_COLOR, 0.5, dashed=not axes) for line in cross]


def _page(lens: Prescription, what: str, scale: str, *, panels: int, rows: int = 1) -> Picture:
    width = max(panels * (PANEL_PX + GAP_PX) + GAP_PX, 3 * PANEL_PX)
    height = _corner(0, rows - 1)[1] + PANEL_PX + FOOT_PX
    name = lens.name or "lens"
    picture = Picture(width, height, f"{name}: {what}")
    picture.items.append(Label((GAP_PX, 20.0), f"{name}: {what}", 13.0))
    picture.items.append(Label((GAP_PX, 38.0), scale, 12.0, color=INK_COLOR))
    for w, color in enumerate(lens.wavelengths):
        at = (GAP_PX + 90.0 * w, height - 12.0)
        picture.items.append(Label(at, f"{color:.4g} µm", 12.0, color=COLORS[w % len(COLORS)]))
    return picture
