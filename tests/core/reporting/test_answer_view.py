"""One judged answer as a person sees it: safe to print in every domain, honest about whose failure it is."""

from __future__ import annotations

import io

import pytest
from rich.console import Console, RenderableType

from verirl import registry
from verirl.reporting.answer_view import fallen, ladder, listing, outcome
from verirl.reporting.sanitize import clean
from verirl.types import Message, StageResult, Status, Task, Verdict

HOSTILE = "\x1b[2J\x1b]0;owned\x07\u202e\x08\r\x9b31m"
SPECS = {
    "math": {"answer": f"7/2{HOSTILE}"},
    "code": {"entry_point": "f", "tests": [{"input": [HOSTILE], "expected": HOSTILE}]},
    "rtl": {"top": "m", "reference": "module m(input a, output y); assign y = a; endmodule"},
    "optics": {"efl_mm": 50.0, "fno": 5.0},
}
ANSWERS = {
    "math": f"\\boxed{{{HOSTILE}}}",
    "code": f"```python\ndef f(x): return '{HOSTILE}'\n```",
    "rtl": f"```verilog\nmodule m(input a, output y); // {HOSTILE}\nendmodule\n```",
    "optics": f"```\n1 2 3 {HOSTILE}\n```",
}
LADDERS = {"math": "equivalent", "code": "tests", "rtl": "simulate", "optics": "format"}


def printed(picture: RenderableType, width: int = 100) -> str:
    page = io.StringIO()
    Console(file=page, width=width).print(picture)
    return page.getvalue()


def judged(domain: str, status: Status, detail: str = "") -> tuple[Task, Verdict]:
    task = Task(
        id=f"{domain}/{HOSTILE}/0",
        domain=domain,
        prompt=(Message(role="user", content=f"Do it. {HOSTILE}"),),
        spec=SPECS[domain],
    )
    stage = StageResult(name=LADDERS[domain], status=status, score=0.0, detail=detail)
    return task, Verdict(task_id=task.id, passed=False, stages=(stage,))


@pytest.mark.parametrize("domain", sorted(SPECS))
@pytest.mark.parametrize("answer", ["right form", "bare"])
def test_nothing_of_a_task_or_an_answer_reaches_the_terminal_as_a_command(domain: str, answer: str) -> None:
    detail = f"sample 3\nsample  1  2\na  {HOSTILE}  1!\n{HOSTILE} (line 1)"
    task, verdict = judged(domain, Status.FAILED, detail)
    completion = ANSWERS[domain] if answer == "right form" else HOSTILE
    page = printed(registry.load(domain).render(task, completion, verdict))
    strange = {character for character in page if character != "\n" and not character.isprintable()}
    assert not strange
    assert "wrong" in page
    assert "✗" in page


@pytest.mark.parametrize("domain", sorted(SPECS))
def test_an_answer_that_we_could_not_judge_is_not_called_wrong(domain: str) -> None:
    task, verdict = judged(domain, Status.ERROR, "a tool is missing")
    page = printed(registry.load(domain).render(task, ANSWERS[domain], verdict))
    assert "could not be judged" in page
    assert "wrong" not in page


def test_the_stage_at_which_an_answer_fell_is_the_first_that_it_did_not_climb() -> None:
    stages = (
        StageResult(name="extract", status=Status.PASSED, score=1.0),
        StageResult(name="form", status=Status.SKIPPED, score=0.0),
        StageResult(name="tests", status=Status.TIMEOUT, score=0.25, detail="first\nsecond"),
    )
    verdict = Verdict(task_id="t", passed=False, stages=stages)
    found = fallen(verdict)
    assert found is not None
    assert found.name == "tests"
    assert outcome(verdict) == "wrong"
    lines = [line.split() for line in printed(ladder(verdict)).splitlines()]
    assert lines == [["✓", "extract", "1.00"], ["–", "form", "0.00"], ["⏱", "tests", "0.25", "first"]]
    assert fallen(Verdict(task_id="t", passed=True, stages=stages[:2])) is None


def test_a_listing_shows_the_lines_around_the_failing_one_and_counts_the_others() -> None:
    source = "\n".join(f"x{number} = {number}" for number in range(1, 201))
    page = printed(listing(source, "python", 150))
    assert "x150 = 150" in page
    assert "x1 = 1" not in page.split()
    assert "… 130 more lines" in page
    assert "… 30 more lines" in page
    assert "more line" not in printed(listing("a = 1\nb = 2", "python"))


def test_a_listing_of_a_megabyte_is_short() -> None:
    assert len(printed(listing("y" * 1_000_000, "verilog"))) < 1000
    assert len(printed(listing("y\n" * 500_000, "python")).splitlines()) < 50
    assert clean(HOSTILE) in printed(listing(HOSTILE, "python"), width=200)
