"""Stage outcomes: a domain's stages yield one `StageOutcome` each, made by the functions of this module."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from verirl.types import DETAIL_LIMIT, StageResult, Status


@dataclass(frozen=True)
class StageOutcome:
    """The result of one stage, with the metrics and the feedback that it adds to the verdict.

    Attributes:
        stage: Name, status and score of the stage.
        metrics: Figures with their unit in the name, such as `area_um2`.
        feedback: Text for the author of the answer; it must not reveal hidden tests.
    """

    stage: StageResult
    metrics: Mapping[str, float] = field(default_factory=dict)
    feedback: str = ""


def passed(name: str, score: float = 1.0, detail: str = "", **metrics: float) -> StageOutcome:
    """Report that a stage passed.

    Args:
        name: The stage, as it is called in the domain's ladder.
        score: Quality in [0, 1]. Only quality stages use it.
        detail: One line for a person; cut to `DETAIL_LIMIT` characters.
        **metrics: Figures for the verdict, with their unit in the name.

    Returns:
        The outcome to yield.

    Example:
        >>> passed("size", 0.5, lines=12.0).stage.score
        0.5
    """
    return StageOutcome(_result(name, Status.PASSED, score, detail), metrics)


def failed(
    name: str, score: float = 0.0, detail: str = "", feedback: str = "", **metrics: float
) -> StageOutcome:
    """Report that the answer failed a stage.

    Args:
        name: The stage, as it is called in the domain's ladder.
        score: Partial credit in [0, 1).
        detail: One line for a person; cut to `DETAIL_LIMIT` characters.
        feedback: Text for the author of the answer (default: `detail`).
        **metrics: Figures for the verdict, with their unit in the name.

    Returns:
        The outcome to yield.
    """
    return StageOutcome(_result(name, Status.FAILED, score, detail), metrics, feedback or detail)


def timed_out(name: str, detail: str = "", score: float = 0.0) -> StageOutcome:
    """Report that the answer exceeded its time limit in a stage.

    Args:
        name: The stage, as it is called in the domain's ladder.
        detail: One line for a person and for the answer's author.
        score: Partial credit in [0, 1).

    Returns:
        The outcome to yield.
    """
    return StageOutcome(_result(name, Status.TIMEOUT, score, detail), feedback=detail)


def errored(name: str, detail: str) -> StageOutcome:
    """Report that a stage could not decide: a tool is missing or broke. An error never becomes a reward.

    Args:
        name: The stage, as it is called in the domain's ladder.
        detail: One line that says what is broken.

    Returns:
        The outcome to yield.
    """
    return StageOutcome(_result(name, Status.ERROR, 0.0, detail))


def skipped(name: str, detail: str = "") -> StageOutcome:
    """Report that a stage does not apply to the task.

    Args:
        name: The stage, as it is called in the domain's ladder.
        detail: One line that says why.

    Returns:
        The outcome to yield.
    """
    return StageOutcome(_result(name, Status.SKIPPED, 0.0, detail))


def _result(name: str, status: Status, score: float, detail: str) -> StageResult:
    return StageResult(name=name, status=status, score=score, detail=detail[:DETAIL_LIMIT])
