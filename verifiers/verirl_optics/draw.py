"""A lens in section with the rays of each field, as SVG."""

from __future__ import annotations

import math
from html import escape

import torch

from verirl_optics.analysis import evaluate, pupil_diameter
from verirl_optics.paraxial import first_order
from verirl_optics.prescription import Prescription
from verirl_optics.pupil import Pupil
from verirl_optics.system import FLOAT, System, build
from verirl_optics.trace import sag, through_pupil, trace

WIDTH = 960.0
MARGIN = 24.0
COLOURS = ("#1f5fa8", "#2a8a4a", "#b3372f", "#8a5fb0", "#c08a1e")
FAN = (-0.95, -0.5, 0.0, 0.5, 0.95)
PROFILE = 25
"""Points of a surface's profile on each side of the axis."""
Point = tuple[float, float]


def svg(lens: Prescription) -> str:
    """The drawing: glass filled, the stop marked, meridional rays of each field at the primary wavelength."""
    with torch.no_grad():
        system = build([lens])
        epd = pupil_diameter(lens.aperture, first_order(system), system)
        fields = torch.deg2rad(torch.tensor([lens.fields], dtype=FLOAT))
        found = evaluate(system, epd, fields, clip=True)
        height = torch.where(torch.isfinite(system.semi_BS), system.semi_BS, found.reach_BS * 1.05)
        places = [0.0]
        for surface in lens.surfaces:
            places.append(places[-1] + surface.thickness)
        profiles = [_profile(system, s, float(height[0, s]), places[s]) for s in range(len(lens.surfaces))]
        rays = _rays(lens, system, epd, fields, places)
    shapes = [
        _path([*profiles[s], *reversed(profiles[s + 1])], fill="#dcebf7", stroke="#40576b", closed=True)
        for s, surface in enumerate(lens.surfaces[:-1])
        if surface.medium is not None
    ]
    shapes += [_path(points, fill="none", stroke=COLOURS[f % len(COLOURS)], width=0.8) for f, points in rays]
    top = float(height[0, lens.stop]) or 1.0
    z = places[lens.stop]
    shapes += [
        _path([(z, sign * top), (z, sign * top * 1.3)], fill="none", stroke="#222", width=2.5)
        for sign in (1, -1)
    ]
    heights = [abs(y) for _, points in rays for _, y in points] + [float(height.max()) * 1.3]
    image = max(h for h in heights if math.isfinite(h))
    shapes.append(_path([(places[-1], -image), (places[-1], image)], fill="none", stroke="#222"))
    return _page(lens, shapes, image)


def _profile(system: System, s: int, height: float, place: float) -> list[Point]:
    steps = torch.linspace(-1.0, 1.0, 2 * PROFILE + 1, dtype=FLOAT) * height
    depth, _, real = sag(system, s, (steps**2)[None, None, None, :])
    return [
        (place + float(z), float(y))
        for z, y, there in zip(depth[0, 0, 0], steps, real[0, 0, 0], strict=True)
        if there and math.isfinite(float(z))
    ]


def _rays(
    lens: Prescription, system: System, epd: torch.Tensor, fields: torch.Tensor, places: list[float]
) -> list[tuple[int, list[Point]]]:
    at = torch.tensor(FAN, dtype=FLOAT)
    fan = Pupil(torch.zeros_like(at), at, torch.full_like(at, 1.0 / len(FAN)))
    start = through_pupil(system, fan, epd, fields)
    done = trace(system, start, clip=True, keep=True)
    lead = 0.15 * abs(places[-1] - places[0])
    p = lens.primary
    found = []
    for f in range(len(lens.fields)):
        for r in range(len(FAN)):
            if not bool(done.valid[0, f, p, r]):
                continue
            here = (0, f, p, r)
            points = [
                (places[s] + float(spot.z[here]), float(spot.y[here])) for s, spot in enumerate(done.points)
            ]
            slope = float(start.m[here] / start.n[here])
            points.insert(0, (points[0][0] - lead, points[0][1] - lead * slope))
            found.append((f, [*points, (places[-1], float(done.rays.y[here]))]))
    return found


def _path(
    points: list[Point], *, fill: str, stroke: str, width: float = 1.2, closed: bool = False
) -> tuple[list[Point], str, bool]:
    style = f'fill="{fill}" stroke="{stroke}" stroke-width="{width}" vector-effect="non-scaling-stroke"'
    return points, style, closed


def _page(
    lens: Prescription,
    shapes: list[tuple[list[Point], str, bool]],
    image: float,
) -> str:
    every = [point for points, _, _ in shapes for point in points]
    left, right = min(z for z, _ in every), max(z for z, _ in every)
    scale = (WIDTH - 2 * MARGIN) / max(right - left, 1e-9)
    scale = min(scale, (WIDTH - 2 * MARGIN) / max(2 * image, 1e-9))
    middle = MARGIN + scale * image + 20.0
    tall = 2 * middle

    def at(point: Point) -> str:
        return f"{MARGIN + (point[0] - left) * scale:.2f} {middle - point[1] * scale:.2f}"

    title = escape(lens.name or "lens")
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH:g} {tall:.1f}" role="img">',
        f"<title>{title}</title>",
        f'<rect width="{WIDTH:g}" height="{tall:.1f}" fill="#ffffff"/>',
        f'<text x="{MARGIN:g}" y="18" font-family="sans-serif" font-size="13" fill="#222">{title}</text>',
        f'<path d="M {at((left, 0.0))} L {at((right, 0.0))}" stroke="#999" stroke-dasharray="8 3 2 3"/>',
    ]
    for points, style, closed in shapes:
        if not points:
            continue
        end = " Z" if closed else ""
        lines.append(f'<path d="M {" L ".join(map(at, points))}{end}" {style}/>')
    lines.append("</svg>")
    return "\n".join(lines) + "\n"
