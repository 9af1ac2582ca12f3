"""A line chart as inline SVG, without scripts; colours by class, so that the page's theme rules."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from html import escape

from verirl.reporting.formatting import figure
from verirl.reporting.plots import limits, span, tick_label, ticks, whole_ticks
from verirl.reporting.sanitize import clean
from verirl.training.figures import Chart, Curve

WIDTH, HEIGHT = 640, 240
LEFT, RIGHT, TOP, BOTTOM = 56, 12, 12, 30
SERIES = 6
"""So many classes `c0`, `c1`, … the page has colours for."""

DOTS = 40
"""A curve of at most so many points shows each of them."""


def line_chart(chart: Chart) -> str:
    """The curves of a chart with axes; hovering a point shows its figure."""
    low, high = limits(chart)
    first, last = span(chart)
    bottom = HEIGHT - BOTTOM

    def x(step: float) -> float:
        return LEFT + (step - first) / (last - first) * (WIDTH - LEFT - RIGHT)

    def y(value: float) -> float:
        return bottom - (value - low) / (high - low) * (bottom - TOP)

    parts = [
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(clean(chart.title))}">',
    ]
    for value in ticks(low, high):
        parts.append(f'<path class="grid" d="M{LEFT} {y(value):.1f}H{WIDTH - RIGHT}"/>')
        label = tick_label(chart.unit, value)
        parts.append(
            f'<text class="tick" x="{LEFT - 8}" y="{y(value) + 4:.1f}" text-anchor="end">{label}</text>'
        )
    parts += [
        f'<text class="tick" x="{x(step):.1f}" y="{HEIGHT - 10}" text-anchor="middle">{step}</text>'
        for step in whole_ticks(first, last)
    ]
    for place, curve in enumerate(chart.curves):
        parts.append(f'<g class="c{place % SERIES}">')
        path = " ".join(f"{x(point.step):.1f},{y(point.value):.1f}" for point in curve.thinned(WIDTH))
        parts.append(f'<polyline points="{path}"/>')
        parts += _dots(chart, curve, x, y)
        parts.append("</g>")
    return "\n".join([*parts, "</svg>"])


def _dots(
    chart: Chart, curve: Curve, x: Callable[[float], float], y: Callable[[float], float]
) -> Iterator[str]:
    if len(curve.points) > DOTS:
        return
    for point in curve.points:
        told = escape(f"{clean(curve.name)}, step {point.step}: {figure(chart.unit, point.value)}")
        where = f'cx="{x(point.step):.1f}" cy="{y(point.value):.1f}"'
        yield f'<circle {where} r="3"><title>{told}</title></circle>'
