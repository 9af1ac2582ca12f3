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
        rows, shown = _polish_answer(spec, rows)
    if spec.heuristic:
        shown = to_lines(rows)
    yield replace(passed("format"), feedback=shown)
    from torch import inference_mode

    from verirl_optics.requirements import evaluate_answer

    with inference_mode():
        evaluation = evaluate_answer(spec, rows)
    broken = [requirement for requirement in evaluation.feasible if not requirement.met]
    if broken:
        score = sum(requirement.score for requirement in evaluation.feasible) / len(evaluation.feasible)
        detail = _joined([requirement.detail for requirement in broken])
        yield replace(failed("feasible", min(score, 0.999), detail), metrics=evaluation.figures)
        return
    yield replace(passed("feasible"), metrics=evaluation.figures)
    missed = [requirement for _, requirement, _ in evaluation.accurate if not requirement.met]
    if missed:
        weights = sum(weight for weight, _, _ in evaluation.accurate)
        score = sum(weight * score for weight, _, score in evaluation.accurate) / weights
        yield failed("accurate", min(score, 0.999), _joined([requirement.detail for requirement in missed]))
        return
    yield passed("accurate")
    if evaluation.quality is None:
        yield skipped("quality", "the task states no spot to compare with")
        return
    yield passed("quality", evaluation.quality)


def _polish_answer(spec: OpticsSpec, rows: tuple[Row, ...]) -> tuple[tuple[Row, ...], str]:
    """Return the polished answer and its text; the answer itself if it names a glass that is not allowed."""
    from verirl_optics.optimize.polish import polish_rows
    from verirl_optics.raytrace.glass import GlassError

    try:
        better, evaluation = polish_rows(spec, rows)
    except GlassError:
        return rows, ""
    return better, f"polished:\n{to_lines(better, evaluation.digits)}" if evaluation.better else ""


def _joined(details: list[str]) -> str:
    rest = len(details) - MAX_DETAILS
    return "; ".join(details[:MAX_DETAILS]) + (f"; and {rest} more" if rest > 0 else "")
