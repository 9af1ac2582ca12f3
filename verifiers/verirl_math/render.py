"""An answer beside the gold, as a person wants to see it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from verirl.answers import NoAnswerError
from verirl.types import Status, Task, Verdict
from verirl_math.extract import extract

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


def render(task: Task, completion: str, verdict: Verdict) -> RenderableType:
    """Question, answer, gold, and the ladder with a mark, a score and a reason for each rung."""
    from rich.console import Group
    from rich.panel import Panel
    from rich.table import Table
    from rich.text import Text

    try:
        answer = Text("  and  ".join(_short(part.text) for part in extract(completion)))
    except NoAnswerError as problem:
        answer = Text(str(problem), style="italic red")
    facts = Table.grid(padding=(0, 2))
    facts.add_column(style="bold")
    facts.add_column(overflow="fold")
    facts.add_row("question", Text(_short(task.prompt[-1].content)))
    facts.add_row("answer", answer)
    facts.add_row("gold", Text(_short(str(task.spec.get("answer", "")))))
    ladder = Table.grid(padding=(0, 2))
    for _ in range(4):
        ladder.add_column(overflow="fold")
    for stage in verdict.stages:
        mark, style = _MARKS[stage.status]
        detail = stage.detail if stage.name != "extract" or stage.status is not Status.PASSED else ""
        ladder.add_row(
            Text(mark, style=style), Text(stage.name), Text(f"{stage.score:.2f}"), Text(_short(detail))
        )
    title = Text(f"{task.id}: {'right' if verdict.passed else 'wrong'}", style="bold")
    return Panel(Group(facts, Text(), ladder), title=title, title_align="left")


def _short(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
