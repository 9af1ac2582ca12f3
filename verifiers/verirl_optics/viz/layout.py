"""Draw a lens in section, with the rays of each field."""

from __future__ import annotations

import math

import torch

from verirl_optics.analysis.performance import evaluate, pupil_diameter
from verirl_optics.raytrace.paraxial import first_order
from verirl_optics.raytrace.prescription import Prescription
from verirl_optics.raytrace.pupil import Pupil
from verirl_optics.raytrace.system import FLOAT, System, build_system
from verirl_optics.raytrace.trace import sag, through_pupil, trace
from verirl_optics.viz.picture import COLORS, INK_COLOR, SOFT_COLOR, Label, Line, Picture, Point

WIDTH_PX = 960.0
MARGIN_PX = 24.0
GLASS_COLOR = "#dcebf7"
EDGE_COLOR = "#40576b"
RAY_HEIGHTS = (-0.95, -0.5, 0.0, 0.5, 0.95)
PROFILE_POINTS = 25
"""Points of a surface profile on each side of the axis."""
MAX_HEIGHT_SHARE = 1.25
"""Greatest height ÷ width of the drawing; a taller one is scaled down."""


def layout(lens: Prescription) -> Picture:
    """Draw filled glass, the stop, and the meridional rays of each field at the primary wavelength.

    Args:
        lens: The lens; its semi-diameters vignette.

    Returns:
        A picture with a key of the fields and a scale bar.
    """
    with torch.no_grad():
        system = build_system([lens])
        epd = pupil_diameter(lens.aperture, first_order(system), system)
        fields = torch.deg2rad(torch.tensor([lens.fields], dtype=FLOAT))
        found = evaluate(system, epd, fields, clip=True)
        height = torch.where(torch.isfinite(system.semi_BS), system.semi_BS, found.reach_BS * 1.05)
        places = [0.0]
        for surface in lens.surfaces:
            places.append(places[-1] + surface.thickness)
        profiles = [_profile(system, s, float(height[0, s]), places[s]) for s in range(len(lens.surfaces))]
        rays = _rays(lens, system, epd, fields, places)
    shapes = _glass(lens, profiles)
    shapes += [Line(points, COLORS[f % len(COLORS)], 0.8) for f, points in rays]
    top = float(height[0, lens.stop]) or 1.0
    z = places[lens.stop]
    shapes += [Line([(z, sign * top), (z, sign * top * 1.3)], INK_COLOR, 2.5) for sign in (1, -1)]
    ends = [points[-1][1] for _, points in rays] or [0.0]
    beyond = 0.05 * (max(ends) - min(ends)) or top / 2.0
    shapes.append(Line([(places[-1], min(ends) - beyond), (places[-1], max(ends) + beyond)], INK_COLOR))
    return _page(lens, shapes)


def _glass(lens: Prescription, profiles: list[list[Point]]) -> list[Line]:
    """Return the outline of each element; an edge joins surfaces that end at different heights."""
    shapes = []
    for s, surface in enumerate(lens.surfaces[:-1]):
        if surface.medium is None or not profiles[s] or not profiles[s + 1]:
            continue
        front, back = profiles[s], profiles[s + 1]
        reach = max(front[-1][1], back[-1][1])
        corners = [(front[-1][0], reach), (back[-1][0], reach), *reversed(back)]
        corners += [(back[0][0], -reach), (front[0][0], -reach)]
        shapes.append(Line([*front, *corners], EDGE_COLOR, 1.2, GLASS_COLOR))
    return shapes


def _profile(system: System, s: int, height: float, place: float) -> list[Point]:
    steps = torch.linspace(-1.0, 1.0, 2 * PROFILE_POINTS + 1, dtype=FLOAT) * height
    depth, _, real = sag(system, s, (steps**2)[None, None, None, :])
    return [
        (place + float(z), float(y))
        for z, y, there in zip(depth[0, 0, 0], steps, real[0, 0, 0], strict=True)
        if there and math.isfinite(float(z))
    ]


def _rays(
    lens: Prescription, system: System, epd: torch.Tensor, fields: torch.Tensor, places: list[float]
) -> list[tuple[int, list[Point]]]:
    at = torch.tensor(RAY_HEIGHTS, dtype=FLOAT)
    fan = Pupil(torch.zeros_like(at), at, torch.full_like(at, 1.0 / len(RAY_HEIGHTS)))
    start = through_pupil(system, fan, epd, fields)
    done = trace(system, start, clip=True, keep=True)
    lead = 0.15 * abs(places[-1] - places[0])
    p = lens.primary
    found = []
    for f in range(len(lens.fields)):
        for r in range(len(RAY_HEIGHTS)):
            if not bool(done.valid[0, f, p, r]):
                continue
            here = (0, f, p, r)
            points = [
                (places[s] + float(spot.z[here]), float(spot.y[here])) for s, spot in enumerate(done.points)
            ]
            slope = float(start.m[here] / start.n[here])
            # All rays of a field start in one plane, however much the first surface curves.
            reach = points[0][0] + lead
            points.insert(0, (-lead, points[0][1] - reach * slope))
            found.append((f, [*points, (places[-1], float(done.rays.y[here]))]))
    return found


def _page(lens: Prescription, shapes: list[Line]) -> Picture:
    every = [point for shape in shapes for point in shape.points]
    left, right = min(z for z, _ in every), max(z for z, _ in every)
    low, high = min(y for _, y in every), max(y for _, y in every)
    room = WIDTH_PX - 2 * MARGIN_PX
    scale = min(room / max(right - left, 1e-9), room * MAX_HEIGHT_SHARE / max(high - low, 1e-9))
    axis = 2 * MARGIN_PX + scale * high
    aside = (WIDTH_PX - scale * (right - left)) / 2.0

    def at(point: Point) -> Point:
        return aside + (point[0] - left) * scale, axis - point[1] * scale

    picture = Picture(WIDTH_PX, axis - scale * low + 2 * MARGIN_PX, lens.name or "lens")
    picture.items.append(Label((MARGIN_PX, 18.0), lens.name or "lens", 13.0))
    picture.items.append(Line([at((left, 0.0)), at((right, 0.0))], SOFT_COLOR, 0.6, dashed=True))
    for shape in shapes:
        points = [at(point) for point in shape.points]
        picture.items.append(Line(points, shape.stroke, shape.width, shape.fill))
    below = picture.height - 12.0
    for f, angle in enumerate(lens.fields):
        color = COLORS[f % len(COLORS)]
        picture.items.append(Label((MARGIN_PX + 72.0 * f, below), f"{angle:.4g}°", 12.0, color=color))
    bar = 10.0 ** math.floor(math.log10(max(right - left, 1e-9) / 4.0))
    end = WIDTH_PX - MARGIN_PX
    picture.items.append(Line([(end - bar * scale, below - 4.0), (end, below - 4.0)], INK_COLOR, 1.6))
    picture.items.append(Label((end - bar * scale - 6.0, below), f"{bar:g} mm", 12.0, "end"))
    return picture
