"""Run the stages of an optics verdict: extract → format → feasible → accurate → quality."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from verirl.answers import NoAnswerError
from verirl.outcomes import StageOutcome, failed, passed, skipped
from verirl.types import Task
from verirl_optics.answer import FormatError, Row, parse, to_lines
from verirl_optics.extract import extract
from verirl_optics.spec import OpticsSpec, difference_from_given, read_spec, with_given_values

MAX_DETAILS = 6


def run_stages(task: Task, completion: str) -> Iterator[StageOutcome]:
    """Judge one completion.

    Args:
        task: An optics task, whose `spec` is validated here (equal specs once).
        completion: What the model wrote. Untrusted.

    Yields:
        One outcome per stage, in order, up to the first that failed.

    Example:
        >>> [outcome.stage.status for outcome in run_stages(task, "I cannot.")]  # doctest: +SKIP
        [<Status.FAILED: 'failed'>]
    """
    spec = read_spec(task.spec)
    try:
        text = extract(completion)
    except NoAnswerError as error:
        yield failed("extract", detail=str(error))
        return
    yield passed("extract")
    try:
        rows = parse(text)
    except FormatError as error:
        yield failed("format", detail=str(error))
        return
    if spec.given is not None:
        difference = difference_from_given(spec.given.surfaces, rows)
        if difference is not None:
            yield failed("format", detail=difference)
            return
        rows = with_given_values(spec.given.surfaces, rows)
    shown = ""
    if spec.polish:
        rows, shown = _polished(spec, rows)
    if spec.heuristic:
        shown = to_lines(rows)
    yield replace(passed("format"), feedback=shown)
    from torch import inference_mode

    from verirl_optics.requirements import evaluate_answer

    with inference_mode():
        found = evaluate_answer(spec, rows)
    broken = [check for check in found.feasible if not check.met]
    if broken:
        score = sum(check.score for check in found.feasible) / len(found.feasible)
        told = _joined([check.detail for check in broken])
        yield replace(failed("feasible", min(score, 0.999), told), metrics=found.figures)
        return
    yield replace(passed("feasible"), metrics=found.figures)
    missed = [check for _, check, _ in found.accurate if not check.met]
    if missed:
        weights = sum(weight for weight, _, _ in found.accurate)
        score = sum(weight * score for weight, _, score in found.accurate) / weights
        yield failed("accurate", min(score, 0.999), _joined([check.detail for check in missed]))
        return
    yield passed("accurate")
    if found.quality is None:
        yield skipped("quality", "the task states no spot to compare with")
        return
    yield passed("quality", found.quality)


def _polished(spec: OpticsSpec, rows: tuple[Row, ...]) -> tuple[tuple[Row, ...], str]:
    """Return the polished answer and its text; the answer itself if it names a glass that is not allowed."""
    from verirl_optics.optimize.polish import polish_rows
    from verirl_optics.raytrace.glass import GlassError

    try:
        better, found = polish_rows(spec, rows)
    except GlassError:
        return rows, ""
    return better, f"polished:\n{to_lines(better, found.digits)}" if found.better else ""


def _joined(details: list[str]) -> str:
    rest = len(details) - MAX_DETAILS
    return "; ".join(details[:MAX_DETAILS]) + (f"; and {rest} more" if rest > 0 else "")
