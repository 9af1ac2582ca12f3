"""A picture as data: lines, areas, dots and labels in pixels; written as SVG, or as PNG through Pillow."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape
from itertools import pairwise
from pathlib import Path
from typing import Any

from verirl.errors import InputError, StorageError
from verirl.optional_dependencies import import_optional

Point = tuple[float, float]
INK_COLOR, SOFT_COLOR, PAPER_COLOR = "#222222", "#8a8f98", "#ffffff"
COLORS = ("#1f5fa8", "#2a8a4a", "#b3372f", "#8a5fb0", "#c08a1e", "#1a8f9c")
SUFFIXES = (".svg", ".png")
PNG_SCALE = 2
"""PNG pixels per pixel of the picture."""
PNG_OVERSAMPLING = 2
"""A PNG is drawn this many times larger and then reduced, for smooth edges."""


@dataclass(frozen=True, slots=True)
class Line:
    """A line through `points`, or with `fill` the area that they enclose."""

    points: Sequence[Point]
    stroke: str = INK_COLOR
    width: float = 1.2
    fill: str = "none"
    dashed: bool = False


@dataclass(frozen=True, slots=True)
class Dots:
    """A dot at each of `points`."""

    points: Sequence[Point]
    color: str
    radius: float = 1.4


@dataclass(frozen=True, slots=True)
class Label:
    """Text at `at`; `anchor` (start, middle, end) is the part of the baseline that lies there."""

    at: Point
    text: str
    size: float = 12.0
    anchor: str = "start"
    color: str = INK_COLOR


@dataclass(slots=True)
class Picture:
    """Items to draw, from back to front; `title` is the accessible name."""

    width: float
    height: float
    title: str
    items: list[Line | Dots | Label] = field(default_factory=list)


def save(picture: Picture, path: Path) -> None:
    """Write a picture in the format of the suffix.

    Args:
        picture: The picture.
        path: A file with a suffix of `SUFFIXES`.

    Raises:
        InputError: If the suffix is unknown.
        StorageError: If the file cannot be written.
        ToolMissingError: If a PNG is asked for and Pillow is not installed.
    """
    kind = path.suffix.lower()
    if kind not in SUFFIXES:
        raise InputError(f"{path}: a picture is written as {' or '.join(SUFFIXES)}")
    data = svg(picture).encode() if kind == ".svg" else png(picture)
    try:
        path.write_bytes(data)
    except OSError as error:
        raise StorageError(f"{path}: {error.strerror}") from error


def svg(picture: Picture) -> str:
    """Return the picture as an SVG document."""
    title = escape(picture.title)
    size = f"{picture.width:g} {picture.height:.1f}"
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {size}" role="img">',
        f"<title>{title}</title>",
        f'<rect width="{picture.width:g}" height="{picture.height:.1f}" fill="{PAPER_COLOR}"/>',
    ]
    for item in picture.items:
        match item:
            case Line() if item.points:
                end = " Z" if item.fill != "none" else ""
                dash = ' stroke-dasharray="8 3 2 3"' if item.dashed else ""
                way = " L ".join(f"{x:.2f} {y:.2f}" for x, y in item.points)
                style = f'fill="{item.fill}" stroke="{item.stroke}" stroke-width="{item.width:g}"{dash}'
                lines.append(f'<path d="M {way}{end}" {style}/>')
            case Dots():
                lines += [
                    f'<circle cx="{x:.2f}" cy="{y:.2f}" r="{item.radius:g}" fill="{item.color}"/>'
                    for x, y in item.points
                ]
            case Label():
                style = f'font-family="sans-serif" font-size="{item.size:g}" text-anchor="{item.anchor}"'
                place = f'x="{item.at[0]:.1f}" y="{item.at[1]:.1f}"'
                lines.append(f'<text {place} {style} fill="{item.color}">{escape(item.text)}</text>')
    return "\n".join([*lines, "</svg>"]) + "\n"


def png(picture: Picture) -> bytes:
    """Return the picture as a PNG file; ToolMissingError if Pillow is not installed."""
    image_of, draw_of, font_of = (
        import_optional(f"PIL.{name}", "optics") for name in ("Image", "ImageDraw", "ImageFont")
    )
    times = PNG_SCALE * PNG_OVERSAMPLING
    size = (math.ceil(picture.width * times), math.ceil(picture.height * times))
    image = image_of.new("RGB", size, PAPER_COLOR)
    pen = draw_of.Draw(image)
    for item in picture.items:
        match item:
            case Line() if item.points:
                points = [(x * times, y * times) for x, y in item.points]
                if item.fill != "none":
                    pen.polygon(points, fill=item.fill)
                    points.append(points[0])
                stretches = _dashes(points, times) if item.dashed else [points]
                for stretch in stretches:
                    pen.line(
                        stretch, fill=item.stroke, width=max(1, round(item.width * times)), joint="curve"
                    )
            case Dots():
                reach = item.radius * times
                for x, y in item.points:
                    box = (x * times - reach, y * times - reach, x * times + reach, y * times + reach)
                    pen.ellipse(box, fill=item.color)
            case Label():
                font = font_of.load_default(item.size * times)
                anchor = {"start": "ls", "middle": "ms", "end": "rs"}[item.anchor]
                at = (item.at[0] * times, item.at[1] * times)
                # Pillow's own font has no micro sign.
                pen.text(at, item.text.replace("µ", "u"), fill=item.color, font=font, anchor=anchor)
    small = image.resize(
        (size[0] // PNG_OVERSAMPLING, size[1] // PNG_OVERSAMPLING), image_of.Resampling.LANCZOS
    )
    out = io.BytesIO()
    small.save(out, "PNG")
    return out.getvalue()


def _dashes(points: Sequence[Point], times: float) -> list[Any]:
    """Return the strokes of a dashed line, eight pixels long and four apart."""
    found = []
    for (ax, ay), (bx, by) in pairwise(points):
        length = math.hypot(bx - ax, by - ay)
        count = max(1, int(length / (12.0 * times)))
        for i in range(count):
            a, b = i / count, (i + 2.0 / 3.0) / count
            found.append([(ax + (bx - ax) * a, ay + (by - ay) * a), (ax + (bx - ax) * b, ay + (by - ay) * b)])
    return found
