"""An answer as a person wants to see it: the code, its first mismatching cycle, its area, delay and power.

Nothing is run here: all of it is read from the verdict, for the answer's text is still untrusted.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from verirl.answers import NoAnswerError
from verirl.reporting.answer_view import fallen, framed, ladder, listing
from verirl.reporting.sanitize import clean, one_line
from verirl.types import Task, Verdict
from verirl_rtl.extract import extract
from verirl_rtl.simulation.mismatch_table import SAMPLE_HEADING, cells

if TYPE_CHECKING:
    from rich.console import RenderableType

_SHOWN = 400
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
    from rich.text import Text

    fell = fallen(verdict)
    detail = fell.detail if fell else ""
    question = Text.assemble(("question  ", "bold"), one_line(task.prompt[-1].content, _SHOWN))
    parts = [question, _source(completion, detail), _waves(detail), _figures(verdict), ladder(verdict)]
    return framed(task, verdict, *parts)


def _source(completion: str, detail: str) -> RenderableType:
    """The code with numbered lines around the one that `detail` names, which is marked."""
    from rich.text import Text

    try:
        return listing(extract(completion), "verilog", failing_line(detail))
    except NoAnswerError as problem:
        return Text(one_line(str(problem)), style="italic red")


def failing_line(detail: str) -> int | None:
    """The number of the line that a stage's detail names first, from 1; None where it names none."""
    found = _LINE.search(detail)
    return int(found[1]) if found else None


def _waves(detail: str) -> RenderableType | None:
    """The waveform table in a detail, wrong values in red."""
    from rich.table import Table
    from rich.text import Text

    _, head, rest = detail.partition(f"\n{SAMPLE_HEADING} ")
    rows = cells(f"{SAMPLE_HEADING} {rest}") if head else []
    if not rows:
        return None
    table = Table(box=None, pad_edge=False)
    for place, name in enumerate(rows[0]):
        table.add_column(name, justify="right" if place else "left", no_wrap=True)
    for name, *values in rows[1:]:
        shown = [Text(clean(v), style="bold red" if v.endswith("!") else "") for v in values]
        table.add_row(Text(clean(name)), *shown)
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
