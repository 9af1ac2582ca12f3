"""An answer as a person wants to see it: the code, its first mismatching cycle, its area, delay and power.

Nothing is run here: all of it is read from the verdict, for the answer's text is still untrusted.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from verirl.answers import NoAnswerError
from verirl.types import Status, Task, Verdict
from verirl_rtl.extract import extract
from verirl_rtl.waves import HEAD, cells

if TYPE_CHECKING:
    from rich.console import RenderableType

_MARKS = {
    Status.PASSED: ("✓", "green"),
    Status.FAILED: ("✗", "red"),
    Status.TIMEOUT: ("⏱", "yellow"),
    Status.ERROR: ("!", "magenta"),
    Status.SKIPPED: ("–", "dim"),
}
_SHOWN = 400
_LINES = 60
"""Lines of source that are shown."""
_LINE = re.compile(r"\bline (\d{1,6})\b")
_FIGURES = {
    "area": ("area_um2", "µm²"),
    "delay": ("delay_ps", "ps"),
    "delay (ABC)": ("delay_abc_ps", "ps"),
    "power": ("power_uw", "µW"),
}
_REFERENCE = "reference_"


def render(task: Task, completion: str, verdict: Verdict) -> RenderableType:
    """The question, the code with the line at fault, the first mismatches, the figures, and the ladder."""
    from rich.console import Group
    from rich.panel import Panel
    from rich.text import Text

    fallen = next((s for s in verdict.stages if s.status in (Status.FAILED, Status.TIMEOUT)), None)
    detail = fallen.detail if fallen else ""
    question = Text.assemble(("question  ", "bold"), _short(task.prompt[-1].content))
    parts = [question, _source(completion, detail), _waves(detail), _figures(verdict), _ladder(verdict)]
    spaced = [one for part in parts if part is not None for one in (part, Text())]
    title = Text(f"{task.id}: {'right' if verdict.passed else 'wrong'}", style="bold")
    return Panel(Group(*spaced[:-1]), title=title, title_align="left")


def _source(completion: str, detail: str) -> RenderableType:
    """The code with numbered lines around the one that `detail` names, which is marked."""
    from rich.syntax import Syntax
    from rich.text import Text

    try:
        code = extract(completion)
    except NoAnswerError as problem:
        return Text(str(problem), style="italic red")
    line = failing_line(detail)
    first = max(1, line - _LINES // 2) if line else 1
    return Syntax(
        code,
        "verilog",
        theme="ansi_dark",
        line_numbers=True,
        line_range=(first, first + _LINES - 1),
        highlight_lines={line} if line else None,
        word_wrap=True,
    )


def failing_line(detail: str) -> int | None:
    """The number of the line that a stage's detail names first, from 1; None where it names none."""
    found = _LINE.search(detail)
    return int(found[1]) if found else None


def _waves(detail: str) -> RenderableType | None:
    """The waveform table in a detail, wrong values in red."""
    from rich.table import Table
    from rich.text import Text

    _, head, rest = detail.partition(f"\n{HEAD} ")
    rows = cells(f"{HEAD} {rest}") if head else []
    if not rows:
        return None
    table = Table(box=None, pad_edge=False)
    for place, name in enumerate(rows[0]):
        table.add_column(name, justify="right" if place else "left", no_wrap=True)
    for name, *values in rows[1:]:
        shown = [Text(v, style="bold red" if v.endswith("!") else "") for v in values]
        table.add_row(Text(name), *shown)
    return table


def _figures(verdict: Verdict) -> RenderableType | None:
    """Area, delay and power beside the reference's, and the answer's share of them."""
    from rich.table import Table

    metrics = verdict.metrics
    rows = [
        (name, unit, metrics[key], metrics.get(_REFERENCE + key))
        for name, (key, unit) in _FIGURES.items()
        if key in metrics
    ]
    if not rows:
        return None
    table = Table(box=None, pad_edge=False)
    table.add_column("")
    for name in ("answer", "reference", "ratio"):
        table.add_column(name, justify="right")
    for name, unit, mine, other in rows:
        beside = (
            ("–", "–") if other is None else (f"{other:.4g} {unit}", f"{mine / other:.2f}" if other else "–")
        )
        table.add_row(name, f"{mine:.4g} {unit}", *beside)
    return table


def _ladder(verdict: Verdict) -> RenderableType:
    from rich.table import Table
    from rich.text import Text

    ladder = Table.grid(padding=(0, 2))
    for _ in range(4):
        ladder.add_column(overflow="fold")
    for stage in verdict.stages:
        mark, style = _MARKS[stage.status]
        words = stage.detail.partition("\n")[0]
        ladder.add_row(
            Text(mark, style=style), Text(stage.name), Text(f"{stage.score:.2f}"), Text(_short(words))
        )
    return ladder


def _short(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
