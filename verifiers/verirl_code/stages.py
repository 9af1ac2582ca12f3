"""The ladder: extract → parse → runs → tests, and how the CPU time that it took compares."""

from __future__ import annotations

import time
from collections.abc import Iterator

from verirl.answers import NoAnswerError
from verirl.domain import StageContext
from verirl.outcomes import StageOutcome, failed, passed, timed_out
from verirl.types import Status, Task
from verirl_code.execution.child_pool import shared_pool
from verirl_code.extract import extract
from verirl_code.grading.grader import Result, Trial, attempt, told
from verirl_code.grading.performance_stage import efficiency
from verirl_code.spec import CodeSpec, read_spec

_SPARE_SECONDS = 0.5
_WALL = 3
"""Wall-clock seconds for one of CPU time: a busy machine is not the answer's fault."""
_SHOWN = 120


def judge(task: Task, completion: str, job: StageContext) -> Iterator[StageOutcome]:
    """One finding a stage, in order, up to the first that was not climbed."""
    started = time.monotonic()
    spec = read_spec(task.spec)
    try:
        code = extract(completion)
    except NoAnswerError as problem:
        yield failed("extract", detail=str(problem))
        return
    yield passed("extract")
    pool = shared_pool(job.sandboxed)
    key = task.content_key()

    def run(text: str) -> Trial:
        left = job.seconds - (time.monotonic() - started)
        seconds = min(_WALL * spec.time_s + 1, max(left - _SPARE_SECONDS, left / 2))
        return attempt(spec, text, pool, seconds, key=key, home=job.folder)

    def again(text: str | None) -> Trial | None:
        late = time.monotonic() - started > job.seconds - 2 * _SPARE_SECONDS
        return None if late else run(code if text is None else text)

    trial = run(code)
    if trial.fell == "parse":
        yield _fall("parse", trial)
        return
    yield passed("parse")
    if trial.fell == "runs":
        yield _fall("runs", trial)
        return
    yield passed("runs")
    found = _tests(spec, trial)
    yield found
    if found.stage.status is not Status.PASSED:
        return
    yield efficiency(trial, spec.reference, key, again)


def _fall(stage: str, trial: Trial) -> StageOutcome:
    words = f"{trial.why} (line {trial.line})" if trial.line else trial.why
    if trial.late:
        return timed_out(stage, words)
    head = "The code does not parse" if stage == "parse" else "The code does not run"
    return failed(stage, detail=words, feedback=f"{head}: {words}.")


def _tests(spec: CodeSpec, trial: Trial) -> StageOutcome:
    """The share passed; visible and hidden tests apart in the figures."""
    right = {number for number, result in trial.results.items() if result.right}
    share = len(right) / trial.total
    metrics = {"tests_passed": float(len(right)), "tests_total": float(trial.total)}
    if spec.visible:
        metrics["visible_share"] = sum(number < spec.visible for number in right) / spec.visible
    if hidden := trial.total - spec.visible:
        metrics["hidden_share"] = sum(number >= spec.visible for number in right) / hidden
    if len(right) == trial.total:
        return passed("tests", 1.0, f"{trial.total} of {trial.total}", **metrics)
    number, result = _worst(trial)
    score = min(share, 1 - 1e-6)
    count = f"{len(right)} of {trial.total} tests passed"
    detail = f"{count}; {_words(spec, number, result, hidden=False)}"
    feedback = f"{count}. {_words(spec, number, result, hidden=number >= spec.visible)}"
    found = timed_out("tests", detail, score) if result.late else failed("tests", score, detail)
    return StageOutcome(found.stage, metrics, feedback)


def _worst(trial: Trial) -> tuple[int, Result]:
    """The first test that failed, one that was late before any other."""
    wrong = sorted((not one.late, number) for number, one in trial.results.items() if not one.right)
    if not wrong:
        return len(trial.results), Result(False, "not reached")
    return wrong[0][1], trial.results[wrong[0][1]]


def _words(spec: CodeSpec, number: int, result: Result, *, hidden: bool) -> str:
    """What went wrong; of a hidden test, no value and no place."""
    line = f" (line {result.line})" if result.line else ""
    if result.test_line and not hidden:
        line = f" (line {result.test_line} of the tests)"
    if spec.test_code is not None or number >= len(spec.cases):
        return f"{result.why}{line}"
    if hidden:
        kind = result.why if result.line or result.late else "a wrong result"
        return f"A hidden test failed: {kind if not result.line else kind.split(':')[0]}{line}."
    return f"test {number + 1}: {told(spec.cases[number], spec)}: {result.why}{line}"
