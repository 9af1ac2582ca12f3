"""A run's summary for a terminal or a pipe, as rich renderables."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from rich.segment import Segment
from rich.table import Table
from rich.text import Text

from verirl.reporting import narrative, sanitize, tables
from verirl.reporting.formatting import percent, seconds
from verirl.reporting.plots import Plot
from verirl.reporting.sanitize import clean, one_line

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderableType, RenderResult

    from verirl.reporting.rollouts import Sample
    from verirl.reporting.summary import GrpoSummary, Summary
    from verirl.types import StageResult

STYLES = {"good": "green", "bad": "red", "plain": ""}
STATUS_STYLES = {"passed": "green", "failed": "red", "timeout": "red", "error": "magenta", "skipped": "dim"}
SAMPLE_ROWS, SAMPLE_CHARACTERS = 14, 900
PROMPT_ROWS, PROMPT_CHARACTERS = 8, 500
INDENT = 2
WIDTH = 120


class Block:
    """A part of the report: indented, not too wide to read, without blanks at the ends of its lines."""

    def __init__(self, part: RenderableType, indent: int = 0) -> None:
        self._part = part
        self._indent = indent

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """The part's lines."""
        width = max(20, min(options.max_width, WIDTH) - self._indent)
        for line in console.render_lines(self._part, options.update(width=width), pad=False):
            kept = [segment for segment in line if not segment.control]
            while kept and not kept[-1].text.strip():
                kept.pop()
            if kept:
                yield Segment(" " * self._indent)
                yield from kept[:-1]
                yield Segment(kept[-1].text.rstrip(), kept[-1].style)
            yield Segment.line()


def render(summary: Summary) -> Iterator[RenderableType]:
    """The report, part by part: verdict, training, curves, costs, samples."""
    yield from map(Block, _title(summary))
    yield from _section("What came out", _outcome(summary))
    yield from _section("What was trained", _trained(summary))
    yield from _section("How it went", _curves(summary))
    yield from _section("Where the time went", _costs(summary))
    yield from _section("What the model writes", _samples(summary.samples))


def _title(summary: Summary) -> Iterator[RenderableType]:
    head = f"{clean(summary.recipe)}, seed {summary.seed}"
    yield Text.assemble(("Run of ", ""), (head, "bold"))
    if summary.description:
        yield Text(one_line(summary.description, 400), style="italic")
    yield Text(f"{clean(summary.folder)}: {narrative.state(summary)}")


def _section(title: str, parts: Iterable[RenderableType]) -> Iterator[RenderableType]:
    found = list(parts)
    if found:
        yield Text()
        yield Text(title, style="bold underline")
    for part in found:
        yield Block(part, INDENT)


# --- outcome -------------------------------------------------------------------------------------------


def _outcome(summary: Summary) -> Iterator[RenderableType]:
    for index, remark in enumerate(narrative.remarks(summary)):
        style = STYLES[remark.tone]
        yield Text(clean(remark.text), style=f"bold {style}".strip() if index == 0 else style)
    held_out = summary.held_out
    if held_out is None:
        return
    yield Text()
    yield _table(tables.scores(held_out))
    if held_out.gains:
        yield Text()
        yield _table(tables.gains(held_out))
    yield Text(narrative.explain(held_out), style="dim")
    yield Text()
    yield _table(tables.ladder(held_out))
    if held_out.figures:
        yield Text()
        yield _table(tables.figures(held_out))


def _table(found: tables.Tabulated) -> Table:
    table = Table(box=None, header_style="dim", padding=(0, 3, 0, 0), pad_edge=False)
    for place, heading in enumerate(found.headings):
        table.add_column(Text(clean(heading)), justify="left" if place < found.left else "right")
    for row in found.rows:
        table.add_row(*(Text(clean(cell)) for cell in row))
    return table


# --- training, curves and costs -------------------------------------------------------------------------


def _trained(summary: Summary) -> Iterator[RenderableType]:
    yield Text(clean(tables.model(summary)))
    if summary.tasks:
        yield Text()
        yield _table(tables.task_sets(summary))
    if summary.versions:
        yield Text(one_line(tables.versions(summary), 400), style="dim")


def _curves(summary: Summary) -> Iterator[RenderableType]:
    for chart in summary.charts:
        yield Plot(chart)
        yield Text()
    if summary.charts:
        yield Text(narrative.ENDS, style="dim")


def _costs(summary: Summary) -> Iterator[RenderableType]:
    yield _table(tables.stage_times(summary))
    if summary.grpo:
        yield Text()
        yield _split(summary.grpo)
        yield Text()
        for remark in narrative.health(summary.grpo):
            yield Text(remark.text, style=STYLES[remark.tone])


def _split(grpo: GrpoSummary) -> Table:
    table = Table.grid(padding=(0, 3, 0, 0))
    for justify in ("left", "right", "right", "left"):
        table.add_column(justify=justify)
    for name, spent, share in tables.split(grpo):
        table.add_row(name, seconds(spent), percent(share), Text("█" * round(30 * share), style="cyan"))
    return table


# --- samples -------------------------------------------------------------------------------------------


def _samples(samples: Sequence[Sample]) -> Iterator[RenderableType]:
    if samples:
        yield Text(narrative.PICKED, style="dim")
    for sample in samples:
        yield Text()
        yield Text(tables.sample_title(sample), style="bold")
        grid = Table.grid(padding=(0, 2, 0, 0))
        grid.add_column(style="dim", no_wrap=True)
        grid.add_column(overflow="fold")
        if sample.prompt:
            grid.add_row("prompt", Text(sanitize.cut(sample.prompt, PROMPT_ROWS, PROMPT_CHARACTERS)))
        answer = sanitize.cut(sample.completion, SAMPLE_ROWS, SAMPLE_CHARACTERS)
        grid.add_row("answer", Text(answer) if answer.strip() else Text("(empty)", style="dim"))
        grid.add_row("ladder", _marks(sample.stages))
        if not sample.passed and sample.reference:
            grid.add_row("reference", Text(sanitize.cut(sample.reference, PROMPT_ROWS, PROMPT_CHARACTERS)))
        yield grid


def _marks(stages: Sequence[StageResult]) -> Text:
    line = Text()
    for stage in stages:
        if line:
            line.append("  ")
        line.append(tables.mark(stage), style=STATUS_STYLES[stage.status])
    if not stages:
        line.append("no stage was reached", style="dim")
    return line
