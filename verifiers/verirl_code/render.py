"""Show an answer to a person: the code, the line at fault, and the test that it fails.

What a model wrote is cut and cleaned here: it cannot move the cursor, and no size of it makes the output
large.
"""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING, Any, NamedTuple

from verirl.answers import NoAnswerError
from verirl.reporting.answer_view import fallen, framed, ladder, listing
from verirl.reporting.sanitize import clean
from verirl.types import StageResult, Task, Verdict
from verirl_code.extract import extract
from verirl_code.grading.grader import describe_case
from verirl_code.grading.value_equality import shown
from verirl_code.spec import read_spec

if TYPE_CHECKING:
    from rich.console import RenderableType

MAX_CHARS = 400
MAX_LINES = 12
"""Most lines of a question, an input or an output that are shown."""

_LINE_PATTERN = re.compile(r"\(line (\d{1,6})\)$")
_COUNT_PATTERN = re.compile(r"(\d{1,9}) of \d{1,9} tests passed; ")
_TEST_PATTERN = re.compile(r"test (\d{1,9}): ")
_DIFFERENCE_PATTERN = re.compile(r"(?:at .{1,200}?|line \d+): expected |\d+ lines of output, ", re.DOTALL)
_TEST_LINE_PATTERN = re.compile(r" \(line (\d{1,6}) of the tests\)$")


class Row(NamedTuple):
    """A label and its text."""

    label: str
    text: str


def render(task: Task, completion: str, verdict: Verdict) -> RenderableType:
    """Return the question, the failing test, the code with its failing line marked, and the stages."""
    from rich.table import Table
    from rich.text import Text

    failed = fallen(verdict)
    failing = failing_test(task, failed) if failed else []
    facts = Table.grid(padding=(0, 2))
    facts.add_column(style="bold")
    facts.add_column(overflow="fold")
    question = task.prompt[-1].content if task.prompt else ""
    facts.add_row("question", Text(cut(question, 3 * MAX_CHARS, 2 * MAX_LINES)))
    for label, text in failing:
        facts.add_row(label, Text(cut(text)))

    def detail(stage: StageResult) -> str:
        text = stage.detail
        if failing and stage is failed and (count := _COUNT_PATTERN.match(text)):
            text = count[0].removesuffix("; ")
        return cut(text, lines=3)

    source = _source(completion, failed.detail if failed else "")
    return framed(task, verdict, facts, source, ladder(verdict, detail))


def _source(completion: str, detail: str) -> RenderableType:
    """Return the code around the failing line, with line numbers and that line marked."""
    from rich.text import Text

    try:
        return listing(extract(completion), "python", failing_line(detail))
    except NoAnswerError:
        return Text(cut(completion.strip()) or "(nothing)", style="italic")


def failing_line(detail: str) -> int | None:
    """Return the line of the answer that a stage's detail ends with, from 1; None if it names none."""
    match = _LINE_PATTERN.search(detail)
    return int(match[1]) if match else None


def failing_test(task: Task, failed: StageResult) -> list[Row]:
    """Return input, expected value and result of the test at which a stage failed.

    Args:
        task: The task.
        failed: The stage that failed.

    Returns:
        Rows to show; none if the stage is not about a test. For a program that did not come to its end it is
        the first test; for test code it is the statement that failed, or all of the code.
    """
    tests: Any = task.spec.get("tests")
    if failed.name == "runs" and isinstance(tests, list) and "stdin" in tests[0]:
        return [*_asked(task, tests[0]), Row("got", failed.detail)]
    count = _COUNT_PATTERN.match(failed.detail)
    if failed.name != "tests" or count is None:
        return []
    fault = failed.detail[count.end() :]
    if isinstance(task.spec.get("test_code"), str):
        test_code = task.spec["test_code"]
        position = _TEST_LINE_PATTERN.search(fault)
        text = statement(test_code, int(position[1])) if position else ""
        return [
            Row("test", text or test_code.strip("\n")),
            Row("got", fault[: position.start()] if position else fault),
        ]
    test = _TEST_PATTERN.match(fault)
    spec = read_spec(task.spec)
    if test is None or not 0 < int(test[1]) <= len(spec.cases):
        return []
    number = int(test[1]) - 1
    case = spec.cases[number]
    reason = fault[test.end() :].removeprefix(f"{describe_case(case, spec)}: ")
    value = f"expected {shown(case.expected)}, got "
    if reason.startswith(value):
        result = Row("got", reason.removeprefix(value))
    else:
        result = Row("differs" if _DIFFERENCE_PATTERN.match(reason) else "got", reason)
    return [*_asked(task, task.spec["tests"][number]), result]


def _asked(task: Task, test: dict[str, Any]) -> list[Row]:
    if "stdin" in test:
        pairs = (("input", test["stdin"]), ("expected", test["stdout"]))
        return [Row(label, text.rstrip("\n") or "(nothing)") for label, text in pairs]
    call = f"{task.spec['entry_point']}({', '.join(map(repr, test['input']))})"
    return [Row("input", call), Row("expected", repr(test["expected"]))]


def statement(code: str, line: int) -> str:
    """Return the text of the innermost statement at a line of `code`, from 1; empty if there is none."""
    try:
        nodes = [node for node in ast.walk(ast.parse(code)) if isinstance(node, ast.stmt)]
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return ""
    around = [node for node in nodes if node.lineno <= line <= (node.end_lineno or node.lineno)]
    innermost = max(around, key=lambda node: (node.lineno, -(node.end_lineno or 0)), default=None)
    return ast.get_source_segment(code, innermost) or "" if innermost else ""


def cut(text: str, characters: int = MAX_CHARS, lines: int = MAX_LINES) -> str:
    """Return cleaned text of a bounded size, with a note of what was left out."""
    kept = text[: 4 * characters].split("\n")
    shown = clean("\n".join(line.rstrip() for line in kept[:lines]))
    if len(shown) > characters or len(text) > 4 * characters:
        return f"{shown[:characters]}… ({len(text)} characters)"
    return f"{shown}\n… ({text.count(chr(10)) + 1} lines)" if len(kept) > lines else shown
