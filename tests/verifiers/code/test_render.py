"""What a person sees of an answer: the failing test, and the line at fault."""

from __future__ import annotations

from io import StringIO

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from verirl.pool import Request, VerifierPool
from verirl.types import Message, StageResult, Status, Task, Verdict
from verirl_code.render import cut, failing_line, failing_test, render, statement

WIDTH = 100


def asked(spec: dict[str, object], question: str = "Twice the number.") -> Task:
    return Task(id="code/x", domain="code", prompt=(Message(role="user", content=question),), spec=spec)


TASK = asked({"entry_point": "f", "tests": [{"input": [2], "expected": 4}, {"input": [5], "expected": 10}]})
LISTS = asked({"entry_point": "f", "tests": [{"input": [list(range(300))], "expected": list(range(300))}]})
WIDE = asked({"entry_point": "f", "tests": [{"input": ["añb\n✓"], "expected": "日本語" * 5}]})
PROGRAM = asked({"tests": [{"stdin": "3\n1 2 3\n", "stdout": "1\n2\n6\n"}]})
CHECKED = asked({"entry_point": "f", "test_code": "def check(f):\n    assert f(1) == 2, 'one'\n"})
ASSERTED = asked({"test_code": "assert f(1) == 2\nassert f(2) == 4\n"})


def printed(task: Task, completion: str, verdict: Verdict) -> str:
    stream = StringIO()
    Console(file=stream, width=WIDTH, force_terminal=False).print(render(task, completion, verdict))
    stream.getvalue().encode()
    return stream.getvalue()


def shown(completion: str, *stages: StageResult, task: Task = TASK) -> str:
    passed = all(stage.status is Status.PASSED for stage in stages)
    return printed(task, completion, Verdict(task_id=task.id, passed=passed, stages=stages))


def fell(detail: str, name: str = "tests", status: Status = Status.FAILED) -> StageResult:
    return StageResult(name=name, status=status, detail=detail)


def fenced(code: str) -> str:
    return f"```python\n{code}\n```"


@pytest.mark.parametrize(
    ("task", "code", "lines"),
    [
        (TASK, "def f(x):\n    return x + 2", ["input f(5)", "expected 10", "got 7", "1 of 2 tests passed"]),
        (TASK, "def f(x):\n    return 4 // (x - 2)", ["input f(2)", "❱ 2     return 4 // (x - 2)"]),
        (TASK, "def f(x)\n    return 2", ["❱ 1 def f(x)", "0.00 SyntaxError: expected ':' (line 1)"]),
        (TASK, "import nosuch\ndef f(x): pass", ["❱ 1 import nosuch", "No module named 'nosuch'"]),
        (TASK, "def g(x): pass", ["'f' is not defined"]),
        (LISTS, "def f(a):\n    a[150] = 'é'\n    return a", ["differs at [150]: expected 150, got 'é'"]),
        (LISTS, "def f(a):\n    return a", ["right"]),
        (WIDE, "def f(s):\n    return ', got \\x1b[2J'", ["expected '日本語日本語", "got ', got \\x1b[2J'"]),
        (
            PROGRAM,
            "for x in (1, 2, 3): print(x)",
            ["input 3", "1 2 3", "differs line 3: expected '6', got '3'"],
        ),
        (PROGRAM, "print(1)", ["differs 1 lines of output, 3 expected"]),
        (PROGRAM, "print(1)\nprint(1 / 0)", ["input 3", "ZeroDivisionError", "❱ 2 print(1 / 0)"]),
        (CHECKED, "def f(x):\n    return x", ["test assert f(1) == 2, 'one' got AssertionError: one"]),
        (ASSERTED, "def f(x):\n    return x + 5", ["test assert f(1) == 2 got AssertionError"]),
        (
            ASSERTED,
            "def f(x):\n    return x + 1",
            ["test assert f(2) == 4 got AssertionError", "1 of 2 tests"],
        ),
        (ASSERTED, "def f(x):\n    raise AttributeError", ["test assert f(1) == 2 got AttributeError"]),
    ],
)
def test_what_the_verifier_found_is_what_a_person_sees(
    task: Task, code: str, lines: list[str], pool: VerifierPool
) -> None:
    verdict = pool.verify([Request(task, fenced(code))])[0]
    text = printed(task, fenced(code), verdict)
    flat = " ".join(text.replace("│", " ").split())
    for line in lines:
        assert " ".join(line.split()) in flat, text


def test_a_test_that_takes_too_long(pool: VerifierPool) -> None:
    task = asked({**TASK.spec, "time_s": 1})
    endless = fenced("def f(x):\n    while True: pass")
    text = printed(task, endless, pool.verify([Request(task, endless)])[0])
    assert "wrong" in text
    assert "input     f(" in text
    assert "got " in text
    assert "while True" in text


def test_lines_of_input_and_output_stay_lines() -> None:
    rows = failing_test(
        PROGRAM, fell("0 of 1 tests passed; test 1: standard input '3\\n1 2 3\\n': did not end")
    )
    assert dict(rows)["input"] == "3\n1 2 3"
    assert dict(rows)["expected"] == "1\n2\n6"
    silent = asked({"tests": [{"stdin": "", "stdout": ""}]})
    rows = failing_test(silent, fell("0 of 1 tests passed; test 1: standard input '': line 1: x"))
    assert dict(rows)["input"] == dict(rows)["expected"] == "(nothing)"


def test_only_the_verifier_names_the_test() -> None:
    """What an exception of the answer says is no account of a test."""
    assert failing_test(TASK, fell("ValueError: test 2: expected 1, got 2", "runs")) == []
    assert failing_test(TASK, fell("0 of 2 tests passed; test 9: out of range")) == []
    assert failing_test(TASK, fell("")) == []
    rows = failing_test(TASK, fell("1 of 2 tests passed; test 2: f(5): raised E: test 1: f(2): , got 3"))
    assert dict(rows)["input"] == "f(5)"
    assert dict(rows)["got"] == "raised E: test 1: f(2): , got 3"


@pytest.mark.parametrize(
    ("detail", "line"),
    [
        ("ValueError (line 3)", 3),
        ("raised E: (line 9) (line 3)", 3),
        ("expected 1, got '(line 3)'", None),
        ("no line", None),
        (f"(line {'9' * 5000})", None),
    ],
)
def test_the_line_that_a_detail_names(detail: str, line: int | None) -> None:
    assert failing_line(detail) == line


def test_a_long_program_is_shown_around_the_line_at_fault() -> None:
    code = "\n".join(f"x{n} = {n}" for n in range(500))
    text = shown(fenced(code), fell("NameError (line 250)", "runs"))
    assert "❱ 250 x249 = 249" in text
    assert "x100 = 100" not in text
    assert text.count("… 230 more lines") == 2
    assert len(text.splitlines()) < 70
    assert len(shown(fenced("x = '" + "y" * 500_000 + "'"), fell("", "runs"))) < 5000
    assert len(shown(fenced("x = 1\n" * 100_000), fell("SyntaxError (line 999999)", "parse"))) < 10_000


def test_a_completion_without_code_and_one_that_passes() -> None:
    text = shown("I do not know.\x1b[2J", fell("no code was found", "extract"))
    assert "wrong" in text
    assert "I do not know." in text
    assert "\x1b" not in text
    assert "right" in shown(fenced("f = 1"), StageResult(name="tests", status=Status.PASSED, score=1))
    unjudged = shown(fenced("f = 1"), fell("the sandbox is gone", "runs", Status.ERROR))
    assert "could not be judged" in unjudged


@given(st.text(max_size=300), st.text(max_size=200))
def test_no_text_moves_a_cursor_or_breaks_the_frame(code: str, detail: str) -> None:
    text = shown(fenced(code), fell(f"0 of 2 tests passed; test 1: f(2): {detail}"))
    assert all(character == "\n" or character.isprintable() for character in text)
    assert len(text.splitlines()) < 400


@given(st.text(max_size=3000))
def test_what_is_cut_is_said(text: str) -> None:
    found = cut(text, characters=50, lines=3)
    assert found.count("\n") <= 3
    assert len(found) < 90
    if len(text) <= 12 and text.isprintable():
        assert found == text.rstrip() or "\n" in text


@pytest.mark.parametrize(
    ("code", "line", "text"),
    [
        ("import math\nassert f(1) == 2\nx = 3", 2, "assert f(1) == 2"),
        (
            "def check(f):\n    for n in (1, 2):\n        assert f(\n            n)\n",
            4,
            "assert f(\n            n)",
        ),
        ("def check(f):\n    assert f(1)\n", 1, "def check(f):\n    assert f(1)"),
        ("assert f(1)\n", 9, ""),
        ("assert (", 1, ""),
    ],
)
def test_the_statement_at_a_line_of_test_code(code: str, line: int, text: str) -> None:
    assert statement(code, line) == text


def test_only_the_verifier_names_a_line_of_the_tests() -> None:
    task = asked({"test_code": "assert f(1) == 1\nassert f(2) == 2\n"})
    said = "1 of 2 tests passed; ValueError: (line 1 of the tests) (line 2 of the tests)"
    rows = dict(failing_test(task, fell(said)))
    assert rows == {"test": "assert f(2) == 2", "got": "ValueError: (line 1 of the tests)"}
