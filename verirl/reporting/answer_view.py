"""Parts of the view of one judged answer that all domains share: frame, outcome and stages.

A domain's `render` adds its own parts. All text here is sanitized; a domain must sanitize what it adds
(`verirl.reporting.sanitize.clean`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from verirl.reporting.formatting import plural
from verirl.reporting.sanitize import clean, one_line
from verirl.types import StageResult, Status, Task, Verdict

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.panel import Panel
    from rich.table import Table

STATUS_MARKS = {
    Status.PASSED: ("✓", "green"),
    Status.FAILED: ("✗", "red"),
    Status.TIMEOUT: ("⏱", "yellow"),
    Status.ERROR: ("!", "magenta"),
    Status.SKIPPED: ("–", "dim"),
}
"""Status of a stage → its mark and color."""
_DETAIL = 400
_ID = 120
_LINES = 40
_WIDTH = 200
"""Lines of a source that are shown, and characters of each."""


def fallen(verdict: Verdict) -> StageResult | None:
    """The first stage that failed or timed out, None if there is none."""
    return next((s for s in verdict.stages if s.status in (Status.FAILED, Status.TIMEOUT)), None)


def outcome(verdict: Verdict) -> str:
    """The outcome of an answer in words; an error of the verifier is never called wrong."""
    return "right" if verdict.passed else "could not be judged" if verdict.is_error else "wrong"


def first_line(stage: StageResult) -> str:
    """First line of the detail of a stage, without tables or listings below it."""
    return one_line(stage.detail.partition("\n")[0], _DETAIL)


def ladder(verdict: Verdict, describe: Callable[[StageResult], str] = first_line) -> Table:
    """Table of mark, name, score and detail of each stage, in order; `describe` returns sanitized text."""
    from rich.table import Table
    from rich.text import Text

    rows = Table.grid(padding=(0, 2))
    for _ in range(4):
        rows.add_column(overflow="fold")
    for stage in verdict.stages:
        mark, style = STATUS_MARKS[stage.status]
        rows.add_row(
            Text(mark, style=style), Text(stage.name), Text(f"{stage.score:.2f}"), Text(describe(stage))
        )
    return rows


def listing(source: str, language: str, line: int | None = None) -> RenderableType:
    """The lines of `source` around `line` (from 1), which is marked; its first lines if `line` is None."""
    from rich.console import Group
    from rich.syntax import Syntax
    from rich.text import Text

    lines = source.rstrip().split("\n")
    first = max(0, min((line or 0) - _LINES // 2, len(lines) - _LINES))
    shown = [_clipped(text) for text in lines[first : first + _LINES]]
    part = Syntax(
        "\n".join(shown),
        language,
        theme="ansi_dark",
        line_numbers=True,
        start_line=first + 1,
        highlight_lines={line} if line else None,
        word_wrap=True,
    )
    after = len(lines) - first - len(shown)
    above, below = (Text(f"  … {plural(left, 'more line')}", style="dim") for left in (first, after))
    return Group(*([above] if first else []), part, *([below] if after else []))


def _clipped(text: str) -> str:
    shown = clean(text[: _WIDTH + 1])
    return shown if len(shown) <= _WIDTH else f"{shown[:_WIDTH]}…"


def framed(task: Task, verdict: Verdict, *parts: RenderableType | None) -> Panel:
    """Panel with `parts` below each other, separated by empty lines; its title gives the outcome."""
    from rich.console import Group
    from rich.panel import Panel
    from rich.text import Text

    spaced = [row for part in parts if part is not None for row in (part, Text())]
    title = Text(f"{one_line(clean(task.id), _ID)}: {outcome(verdict)}", style="bold")
    return Panel(Group(*spaced[:-1]), title=title, title_align="left")
