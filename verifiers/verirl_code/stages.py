"""The stages of the domain in order: extract, parse, runs, tests, efficiency."""

from __future__ import annotations

import time
from collections.abc import Iterator

from verirl.answers import NoAnswerError
from verirl.domain import StageContext
from verirl.outcomes import StageOutcome, failed, passed, timed_out
from verirl.types import Status, Task
from verirl_code.execution.child_pool import shared_pool
from verirl_code.extract import extract
from verirl_code.grading.grader import describe_case, grade
from verirl_code.grading.performance_stage import efficiency
from verirl_code.grading.results import CaseResult, GradedAnswer
from verirl_code.spec import CodeSpec, read_spec

_RESERVE_S = 0.5
"""Wall-clock time that is kept for what follows the tests."""

_WALL_PER_CPU_S = 3
"""Wall-clock seconds per second of CPU time: a busy machine is not the answer's fault."""

_MAX_PARTIAL_SCORE = 1 - 1e-6


def judge(task: Task, completion: str, context: StageContext) -> Iterator[StageOutcome]:
    """Judge one completion (`Domain.stages`).

    Args:
        task: A task with a checked code spec.
        completion: What the model wrote. Untrusted.
        context: Folder, time budget and sandbox state.

    Yields:
        One outcome per stage, up to the first that did not pass.
    """
    started = time.monotonic()
    spec = read_spec(task.spec)
    try:
        code = extract(completion)
    except NoAnswerError as error:
        yield failed("extract", detail=str(error))
        return
    yield passed("extract")
    pool = shared_pool(context.sandboxed)
    key = task.content_key()

    def run(program: str) -> GradedAnswer:
        left_s = context.seconds - (time.monotonic() - started)
        seconds = min(_WALL_PER_CPU_S * spec.time_s + 1, max(left_s - _RESERVE_S, left_s / 2))
        return grade(spec, program, pool, seconds, key=key, home=context.folder)

    def measure(program: str | None) -> GradedAnswer | None:
        is_late = time.monotonic() - started > context.seconds - 2 * _RESERVE_S
        return None if is_late else run(code if program is None else program)

    graded = run(code)
    if graded.failed_stage == "parse":
        yield _failed_stage("parse", graded)
        return
    yield passed("parse")
    if graded.failed_stage == "runs":
        yield _failed_stage("runs", graded)
        return
    yield passed("runs")
    outcome = _tests(spec, graded)
    yield outcome
    if outcome.stage.status is not Status.PASSED:
        return
    yield efficiency(graded, spec.reference, key, measure)


def _failed_stage(stage: str, graded: GradedAnswer) -> StageOutcome:
    detail = f"{graded.reason} (line {graded.line})" if graded.line else graded.reason
    if graded.timed_out:
        return timed_out(stage, detail)
    head = "The code does not parse" if stage == "parse" else "The code does not run"
    return failed(stage, detail=detail, feedback=f"{head}: {detail}.")


def _tests(spec: CodeSpec, graded: GradedAnswer) -> StageOutcome:
    """Score the share of tests passed; the metrics have the shares of visible and hidden tests apart."""
    right = {number for number, result in graded.results.items() if result.passed}
    share = len(right) / graded.total
    metrics = {"tests_passed": float(len(right)), "tests_total": float(graded.total)}
    if spec.visible:
        metrics["visible_share"] = sum(number < spec.visible for number in right) / spec.visible
    if hidden := graded.total - spec.visible:
        metrics["hidden_share"] = sum(number >= spec.visible for number in right) / hidden
    if len(right) == graded.total:
        return passed("tests", 1.0, f"{graded.total} of {graded.total}", **metrics)
    number, result = _failure_to_report(graded)
    score = min(share, _MAX_PARTIAL_SCORE)
    count = f"{len(right)} of {graded.total} tests passed"
    detail = f"{count}; {_describe(spec, number, result, hidden=False)}"
    feedback = f"{count}. {_describe(spec, number, result, hidden=number >= spec.visible)}"
    outcome = timed_out("tests", detail, score) if result.timed_out else failed("tests", score, detail)
    return StageOutcome(outcome.stage, metrics, feedback)


def _failure_to_report(graded: GradedAnswer) -> tuple[int, CaseResult]:
    """Return the first test that timed out, else the first that failed."""
    failures = sorted(
        (not result.timed_out, number) for number, result in graded.results.items() if not result.passed
    )
    if not failures:
        return len(graded.results), CaseResult(False, "not reached")
    number = failures[0][1]
    return number, graded.results[number]


def _describe(spec: CodeSpec, number: int, result: CaseResult, *, hidden: bool) -> str:
    """Return what went wrong; of a hidden test without its values and its position."""
    line = f" (line {result.line})" if result.line else ""
    if result.test_line and not hidden:
        line = f" (line {result.test_line} of the tests)"
    if spec.test_code is not None or number >= len(spec.cases):
        return f"{result.reason}{line}"
    if hidden:
        kind = result.reason if result.line or result.timed_out else "a wrong result"
        return f"A hidden test failed: {kind if not result.line else kind.split(':')[0]}{line}."
    return f"test {number + 1}: {describe_case(spec.cases[number], spec)}: {result.reason}{line}"
