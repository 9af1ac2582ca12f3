"""The checker against hand-judged answers: none accepted that is wrong, none refused that is right."""

from __future__ import annotations

from typing import Any

import pytest
from support.paths import CASES

from verirl.io.jsonl import read_lines
from verirl.outcomes import StageOutcome
from verirl.types import Message, Status, Task, all_correct
from verirl_math.ladder import LADDER
from verirl_math.stages import judge_completion

DATA = CASES / "math"
ANSWERS = [line.value for line in read_lines(DATA / "math_answers.jsonl")]
COMPLETIONS = [line.value for line in read_lines(DATA / "math_completions.jsonl")]

BOMBS = [
    ("5", "9^{9^{9^9}}"),
    ("5", "9^{9^9}"),
    ("5", "10000000000!"),
    ("5", "(10^{10})!"),
    ("5", "9" * 100_000),
    ("5", "9" * 3000),
    ("5", "(" * 5000 + "5" + ")" * 5000),
    ("5", "(" * 1000 + "5" + ")" * 1000),
    ("5", "{" * 300 + "5" + "}" * 300),
    ("5", r"\sqrt{" * 100 + "5" + "}" * 100),
    ("5", r"\sqrt" * 300 + "5"),
    ("5", r"\frac{1}{" * 60 + "5" + "}" * 60),
    ("5", r"\frac" * 400 + "5"),
    ("5", r"\bar" * 400 + "x"),
    ("5", r"\binom{10^9}{10^8}"),
    ("5", r"\sum_{k=1}^{10^{12}} k"),
    (r"\sum_{k=1}^{n} k", r"\sum_{k=1}^{10^{12}} k + n"),
    ("5", "((((2^{1000})^{1000})^{1000})^{1000})^{1000}"),
    ("(x+1)^2", "(x+1)^{1000000}"),
    ("5", "2" + "^2" * 600),
    ("5", "2^" + "-" * 900 + "2"),
    ("5", "1" + "+1" * 700),
    ("701", "1" + "+1" * 700),
    ("5", "e^{e^{e^{e^{e^e}}}}"),
    ("5", "5" + "!" * 50),
    ("5", r"\sin(" * 80 + "5" + ")" * 80),
    ("5", r"\sin " * 500 + "5"),
    ("0", "10^{-10^{10}}"),
    ("1", r"\frac{10^{10^{10}}}{10^{10^{10}}}"),
    ("x", "x^{x^{x^{x^x}}}"),
    ("5", r"\sqrt[10^{10}]{5}"),
    ("5", "1e999999999"),
    ("0", "1e-999999999"),
    ("5", "-" * 1000 + "5"),
    ("5", r"\pm" * 600 + "5"),
    ("5", "|" * 500),
    ("5", r"\left" * 500),
    ("5", r"\\" * 800),
    ("5", ",".join(["5"] * 700)),
    (r"\sqrt{2}", r"\sqrt{2}+10^{-900}"),
    ("5", "__import__('os').system('true')"),
    ("5", r"\input{/etc/passwd}"),
    ("5", "(lambda: 5)()"),
]


def judged(
    gold: str, completion: str, prompt: str = "Find it.", **spec: object
) -> tuple[bool, list[StageOutcome]]:
    task = Task(
        id="t",
        domain="math",
        prompt=(Message(role="user", content=prompt),),
        spec={"answer": gold, **spec},
    )
    findings = list(judge_completion(task, completion))
    return all_correct(LADDER, tuple(finding.stage for finding in findings)), findings


def right(gold: str, answer: str, prompt: str = "Find it.", **spec: object) -> bool:
    return judged(gold, rf"\boxed{{{answer}}}", prompt, **spec)[0]


def test_the_lists_are_long_enough_to_mean_something() -> None:
    assert len(ANSWERS) >= 600
    assert 0.3 < sum(case["right"] for case in ANSWERS) / len(ANSWERS) < 0.7
    assert len({(case["gold"], case["answer"]) for case in ANSWERS}) == len(ANSWERS)


@pytest.mark.parametrize("probes", sorted({case["probes"] for case in ANSWERS}))
def test_answers(probes: str) -> None:
    wrong = [
        (case["gold"], case["answer"], case["right"])
        for case in ANSWERS
        if case["probes"] == probes and right(case["gold"], case["answer"]) != case["right"]
    ]
    assert wrong == []


@pytest.mark.parametrize("case", COMPLETIONS, ids=range(len(COMPLETIONS)))
def test_completions(case: dict[str, Any]) -> None:
    assert judged(case["gold"], case["completion"])[0] is case["right"]


@pytest.mark.parametrize(("gold", "answer"), BOMBS, ids=range(len(BOMBS)))
def test_bombs_fail_cleanly(gold: str, answer: str) -> None:
    passed, findings = judged(gold, rf"\boxed{{{answer}}}")
    assert not passed
    assert findings[-1].stage.status is Status.FAILED
    assert findings[-1].stage.detail


def test_a_huge_gold_is_still_equal_to_itself() -> None:
    for gold in ("9^{9^{9^9}}", "2^{1009}", r"\frac{100!}{2^{50}}", "1000000!"):
        assert right(gold, gold)


def test_the_ladder_stops_where_the_answer_fell() -> None:
    assert [f.stage.name for f in judged("5", "no box here at all")[1]] == ["extract"]
    assert [f.stage.name for f in judged("5", r"\boxed{@}")[1]] == ["extract", "parse"]
    assert [f.stage.name for f in judged("5", r"\boxed{6}")[1]] == ["extract", "parse", "equivalent"]
    findings = judged("5", r"\boxed{5}")[1]
    assert [f.stage.name for f in findings] == [rung.name for rung in LADDER]
    assert all(f.stage.score == 1.0 for f in findings)


def test_a_wrong_answer_earns_no_partial_credit_and_hears_why() -> None:
    _, findings = judged("5", r"\boxed{6}")
    assert findings[-1].stage.score == 0.0
    assert "wrong" in findings[-1].feedback


@pytest.mark.parametrize(
    ("gold", "best", "worse"),
    [
        (r"\frac12", r"\frac{1}{2}", r"\frac{2}{4}"),
        (r"2\sqrt2", r"2\sqrt{2}", r"\sqrt{8}"),
        ("42", "42", r"\frac{84}{2}"),
        (r"\frac{\sqrt3}{3}", r"\frac{\sqrt{3}}{3}", r"\frac{1}{\sqrt3}"),
        (r"\frac12", r"\frac12", "0.5"),
        (r"15\text{ cm}", r"15\text{ cm}", "15"),
        ("120", "120", "5!"),
    ],
)
def test_form_prefers_the_finished_answer_and_never_fails_one(gold: str, best: str, worse: str) -> None:
    passed_best, climbed_best = judged(gold, rf"\boxed{{{best}}}")
    passed_worse, climbed_worse = judged(gold, rf"\boxed{{{worse}}}")
    assert passed_best
    assert passed_worse
    assert climbed_best[-1].stage.score == 1.0
    assert 0.0 <= climbed_worse[-1].stage.score < 1.0
    assert climbed_worse[-1].stage.detail


def test_form_holds_nothing_against_an_answer_that_the_gold_does_too() -> None:
    assert judged("12+30", r"\boxed{30+12}")[1][-1].stage.score == 1.0


def test_tolerance_is_relative_and_for_numbers_alone() -> None:
    assert right("3.14", "3.15", tolerance=0.01)
    assert not right("3.14", "3.2", tolerance=0.01)
    assert right(r"\pi", "3.14", tolerance=0.01)
    assert right("100", r"\approx 100.5", tolerance=0.01)
    assert not right("0", "1e-9", tolerance=0.01)
    assert not right("x", "1.001x", tolerance=0.01)
    assert not right("3.14", "3.15", tolerance=0)
    assert right("-2.0", "-2.01", tolerance=0.01)
    assert not right("-2.0", "2.0", tolerance=0.5)


def test_a_declared_type_settles_what_a_pair_is() -> None:
    assert right("1,2", "2,1", answer_type="set")
    assert right("1,1,2", "2,1", answer_type="set")
    assert right("(1,2)", "1,2", answer_type="tuple")
    assert not right("(1,2)", "2,1", answer_type="tuple")
    assert right("(1,2)", "1<x<2", answer_type="interval")
    assert not right("(1,2)", "[1,2]", answer_type="interval")
    assert right("B", "(b)", answer_type="text")
    assert not right("B", "(c)", answer_type="text")


def test_a_question_for_a_percentage_makes_the_sign_optional() -> None:
    asks = "What percent of the balls are red?"
    assert right("50", r"50\%", asks)
    assert right(r"50\%", "50", asks)
    assert not right("50", r"5\%", asks)
    assert not right("50", r"50\%")


def test_verdicts_do_not_hang_on_what_was_judged_before() -> None:
    cases = ANSWERS[::7]
    first = [judged(case["gold"], rf"\boxed{{{case['answer']}}}")[1] for case in cases]
    again = [judged(case["gold"], rf"\boxed{{{case['answer']}}}")[1] for case in reversed(cases)]
    assert first == again[::-1]


@pytest.mark.parametrize(
    ("asked", "gold", "answer", "right"),
    [
        ("2^5=?", "32", "2^5", False),
        ("2^5=?", "32", "2^{5}", False),
        ("2^5=?", "32", "32", True),
        ("2^5=?", "32", "4 \\cdot 8", False),
        ("In how many ways can five people stand in a row?", "120", "5!", True),
        ("Compute $5!$.", "120", "5!", False),
        (r"Compute $\binom{10}{3}$.", "120", r"\binom{10}{3}", False),
        (r"Write $\frac{6}{8}$ in lowest terms.", r"\frac{3}{4}", r"\frac{6}{8}", False),
        (r"Write $\frac{6}{8}$ in lowest terms.", r"\frac{3}{4}", "6/8", False),
        (r"Half of a half is a quarter; what is 1 - 1/4? Not 3/4?", r"\frac{3}{4}", "3/4", True),
        (r"Simplify $\sqrt{12}$.", r"2\sqrt{3}", r"\sqrt{12}", False),
        (r"Simplify $\sqrt{12}$.", r"2\sqrt{3}", r"2\sqrt{3}", True),
        (r"Expand $(x+1)(x+2)$.", "x^2+3x+2", "(x+1)(x+2)", False),
        (r"Expand $(x+1)(x+2)$.", "x^2+3x+2", "2+3x+x^2", True),
        (r"Factor $x^2+3x+2$.", "(x+1)(x+2)", "x^2 + 3x + 2", False),
        (r"Evaluate $\sin 30^\circ$.", r"\frac12", r"\sin 30^\circ", False),
        (r"A square has side $\sqrt{2}$. What is its side?", r"\sqrt{2}", r"\sqrt2", True),
        ("What is 0.25 as a share of 1?", r"\frac14", "0.25", True),
        ("4-3=?", "1", "4-3", False),
        ("3-1+3=?", "5", "3+3-1", False),
        ("7+8=?", "15", r"\ln(e^7e^8)", False),
        ("7+8=?", "15", r"\log_{10}(10^7 \cdot 10^8)", False),
        ("7+8=?", "15", "7-8i^2", False),
        ("7+8=?", "15", r"7+8\cos 0", False),
        ("7+8=?", "15", r"8\pi/\pi+7", False),
        ("7+8=?", "15", r"1.5 \times 10^{1}", True),
        ("7+8=?", "15", "7+8=15", True),
        (r"Solve $x^2 = 2x + 1$ for the larger root.", r"1+\sqrt{2}", r"\sqrt{2}+1", True),
        (r"Compute $(1+2i)(2-i)$.", "4+3i", "3i+4", True),
    ],
)
def test_the_question_over_again_is_no_answer(asked: str, gold: str, answer: str, right: bool) -> None:
    task = Task(id="t", domain="math", prompt=(Message(role="user", content=asked),), spec={"answer": gold})
    findings = list(judge_completion(task, rf"So it is $\boxed{{{answer}}}$."))
    assert all(f.stage.status == "passed" for f in findings) is right, findings[-1].stage.detail
