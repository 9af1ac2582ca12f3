"""What a person sees of an answer: the failing test, and the line at fault."""

import pytest
from rich.console import Console

from verirl.types import Message, StageResult, Status, Task, Verdict
from verirl_code.render import failing_line, failing_test, render

TASK = Task(
    id="code/x",
    domain="code",
    prompt=(Message(role="user", content="Twice the number."),),
    spec={"entry_point": "f", "tests": [{"input": [2], "expected": 4}, {"input": [5], "expected": 10}]},
)


def shown(completion, *stages, task=TASK):
    verdict = Verdict(task_id=task.id, passed=all(s.status is Status.PASSED for s in stages), stages=stages)
    console = Console(width=100, record=True, file=None, force_terminal=False)
    with console.capture() as capture:
        console.print(render(task, completion, verdict))
    return capture.get()


def test_a_failing_test_is_shown_as_input_expected_and_got():
    detail = "1 of 2 tests passed; test 2: f(5): expected 10, got 25"
    text = shown(
        "```python\ndef f(x):\n    return x * x\n```",
        StageResult(name="tests", status=Status.FAILED, score=0.5, detail=detail),
    )
    assert "f(5)" in text
    assert "expected" in text
    assert "25" in text
    assert "return x * x" in text
    assert "wrong" in text


def test_the_test_that_a_detail_names():
    assert failing_test(TASK, "test 2: f(5): expected 10, got 25") == [
        ("input", "f(5)"),
        ("expected", "10"),
        ("got", "25"),
    ]
    program = TASK.model_copy(update={"spec": {"tests": [{"stdin": "2\n", "stdout": "4\n"}]}})
    assert failing_test(program, "test 1: line 1: expected '4', got '5'")[:2] == [
        ("input", "2\n"),
        ("expected", "4\n"),
    ]
    assert failing_test(TASK, "test 9: out of range") == []
    assert failing_test(TASK, "") == []


@pytest.mark.parametrize(
    ("detail", "line"), [("ValueError (line 3)", 3), ("no line", None), (f"(line {'9' * 5000})", None)]
)
def test_the_line_that_a_detail_names(detail, line):
    assert failing_line(detail) == line


def test_a_completion_without_code_and_one_that_passes():
    assert "wrong" in shown("I do not know.", StageResult(name="extract", status=Status.FAILED))
    assert "right" in shown("```python\nf = 1\n```", StageResult(name="tests", status=Status.PASSED, score=1))
