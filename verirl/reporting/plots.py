"""Curves in a terminal: plotext where a person watches and it is installed, sparklines everywhere else."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from rich.table import Table
from rich.text import Text

from verirl.reporting.formatting import figure
from verirl.reporting.sanitize import clean
from verirl.training.figures import Chart, Curve, Unit

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderResult

BARS = "▁▂▃▄▅▆▇█"
SPARK_WIDTH = 48
MIN_RANGE = 0.01
"""A range smaller than this is widened, so that noise does not look like a course."""

PLOT_WIDTH, PLOT_HEIGHT = 100, 14
COLOURS = ("cyan", "yellow", "green", "magenta", "red", "blue")


class Plot:
    """A chart as a rich renderable."""

    def __init__(self, chart: Chart) -> None:
        self._chart = chart

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Draw where there is a terminal, and a table of first, course and last."""
        drawing = None
        if options.is_terminal and any(len(curve.points) > 2 for curve in self._chart.curves):
            drawing = _draw(self._chart, min(options.max_width, PLOT_WIDTH))
        yield Text.assemble((clean(self._chart.title), "bold"), ("  " + clean(self._chart.note), "dim"))
        if drawing:
            yield Text.from_ansi(drawing, no_wrap=True)
        yield _table(self._chart, drawn=bool(drawing))


def _table(chart: Chart, *, drawn: bool) -> Table:
    """First and last of each curve: the key of a drawing, or with the course as a sparkline."""
    table = Table(box=None, show_header=True, header_style="dim", padding=(0, 2, 0, 0), pad_edge=False)
    table.add_column("", no_wrap=True)
    table.add_column("first", justify="right", no_wrap=True)
    if not drawn:
        table.add_column("", no_wrap=True)
    table.add_column("last", justify="right", no_wrap=True)
    table.add_column("steps", justify="right", no_wrap=True)
    for place, curve in enumerate(chart.curves):
        first, last = curve.ends
        spark = [] if drawn else [Text(sparkline(curve, chart))]
        key = Text.assemble(("━━ ", COLOURS[place % len(COLOURS)])) if drawn else Text()
        span = f"{curve.points[0].step}–{curve.points[-1].step}"
        table.add_row(
            key + Text(clean(curve.name)),
            figure(chart.unit, first),
            *spark,
            figure(chart.unit, last),
            span,
        )
    return table


def sparkline(curve: Curve, chart: Chart, width: int = SPARK_WIDTH) -> str:
    """A curve in one row of blocks, each the mean of a stretch of it, on the scale of its chart."""
    low, high = limits(chart)
    heights = ((point.value - low) / (high - low) for point in curve.thinned(width))
    return "".join(BARS[min(len(BARS) - 1, max(0, int(height * len(BARS))))] for height in heights)


def limits(chart: Chart) -> tuple[float, float]:
    """The vertical range of a chart: rewards as they lie, others from 0, shares above a half up to 1."""
    values = [point.value for curve in chart.curves for point in curve.points]
    low, high = min(values), max(values)
    if chart.unit != "reward":
        low = min(low, 0.0)
    if chart.unit == "share" and high > 0.5:
        high = max(1.0, high)
    return low, max(high, low + max(MIN_RANGE, abs(low) * MIN_RANGE))


def ticks(low: float, high: float, wanted: int = 5) -> list[float]:
    """About `wanted` round figures in [low, high]."""
    rough = (high - low) / wanted
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * factor for factor in (1, 2, 2.5, 5, 10) if power * factor >= rough * 0.999)
    first = math.ceil(low / step - 1e-9)
    return [place * step for place in range(first, math.floor(high / step + 1e-9) + 1)]


def whole_ticks(first: int, last: int) -> list[int]:
    """Round steps between the first and the last."""
    return [round(step) for step in ticks(first, last, 8) if step == round(step)]


def _draw(chart: Chart, width: int) -> str | None:
    """The chart as plotext draws it; None where plotext 6 is not installed."""
    try:
        import plotext
    except ImportError:
        return None
    master: Any = getattr(plotext, "figure", None)
    if not hasattr(master, "signal"):
        return None
    (low, high), (first, last) = limits(chart), span(chart)
    master.clear()
    master.theme("colorless")
    master.plot_size(width, PLOT_HEIGHT)
    for place, curve in enumerate(chart.curves):
        marker = plotext.marker("braille", COLOURS[place % len(COLOURS)])
        points = curve.thinned(2 * width)
        steps, values = [point.step for point in points], [point.value for point in points]
        master.draw(master.signal(steps, values, marker=marker).lines())
    levels, places = ticks(low, high), whole_ticks(first, last)
    master.ruler("y", "left").lim(low, high)
    master.ruler("y", "left").ticks(levels, [tick_label(chart.unit, level) for level in levels])
    master.ruler("x", "lower").lim(first, last)
    master.ruler("x", "lower").ticks(places, [str(place) for place in places])
    return str(master.build().string()).rstrip("\n")


def tick_label(unit: Unit, value: float) -> str:
    """A round figure beside an axis."""
    return f"{100 * value:.4g} %" if unit == "share" else f"{value:.4g}"


def span(chart: Chart) -> tuple[int, int]:
    """The first and the last step of a chart, never the same."""
    steps = [point.step for curve in chart.curves for point in curve.points]
    return min(steps), max(max(steps), min(steps) + 1)
