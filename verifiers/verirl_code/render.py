"""An answer as a person wants to see it: the code, the line at fault, and the test that it fails."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from verirl.types import Status, Task, Verdict
from verirl_code.extract import NoAnswerError, extract

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

_LINE = re.compile(r"\(line (\d+)\)")
_TEST = re.compile(r"\btest (\d+)\b")


def render(task: Task, completion: str, verdict: Verdict) -> RenderableType:
    """The question, the code with its failing line marked, the failing test, and the ladder."""
    from rich.console import Group
    from rich.panel import Panel
    from rich.table import Table
    from rich.text import Text

    fallen = next((s for s in verdict.stages if s.status in (Status.FAILED, Status.TIMEOUT)), None)
    detail = fallen.detail if fallen else ""
    facts = Table.grid(padding=(0, 2))
    facts.add_column(style="bold")
    facts.add_column(overflow="fold")
    facts.add_row("question", Text(_short(task.prompt[-1].content)))
    for what, words in failing_test(task, detail):
        facts.add_row(what, Text(_short(words)))
    ladder = Table.grid(padding=(0, 2))
    for _ in range(4):
        ladder.add_column(overflow="fold")
    for stage in verdict.stages:
        mark, style = _MARKS[stage.status]
        ladder.add_row(
            Text(mark, style=style), Text(stage.name), Text(f"{stage.score:.2f}"), Text(_short(stage.detail))
        )
    title = Text(f"{task.id}: {'right' if verdict.passed else 'wrong'}", style="bold")
    return Panel(
        Group(facts, Text(), _source(completion, detail), Text(), ladder), title=title, title_align="left"
    )


def _source(completion: str, detail: str) -> RenderableType:
    """The code with numbered lines around the failing one, which is marked."""
    from rich.syntax import Syntax
    from rich.text import Text

    try:
        code = extract(completion)
    except NoAnswerError as problem:
        return Text(str(problem), style="italic red")
    line = failing_line(detail)
    first = max(1, line - _LINES // 2) if line else 1
    marked = {line} if line else None
    return Syntax(
        code,
        "python",
        theme="ansi_dark",
        line_numbers=True,
        line_range=(first, first + _LINES - 1),
        highlight_lines=marked,
        word_wrap=True,
    )


def failing_line(detail: str) -> int | None:
    """The number of the line that a stage's detail names, from 1; None where it names none."""
    found = _LINE.findall(detail)
    return int(found[-1]) if found and len(found[-1]) < 7 else None


def failing_test(task: Task, detail: str) -> list[tuple[str, str]]:
    """What the test named in a stage's detail gave, wanted and got, as labelled text."""
    tests: Any = task.spec.get("tests")
    named = _TEST.search(detail)
    if named is None or not isinstance(tests, list) or not 0 < int(named[1]) <= len(tests):
        return []
    test = tests[int(named[1]) - 1]
    if "stdin" in test:
        rows = [("input", test["stdin"]), ("expected", test["stdout"])]
    else:
        name = task.spec.get("entry_point", "f")
        rows = [
            ("input", f"{name}({', '.join(map(repr, test['input']))})"),
            ("expected", repr(test["expected"])),
        ]
    _, got, words = detail.partition(", got ")
    return [*rows, ("got", words if got else detail[named.end() :].lstrip(" :,"))]


def _short(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
