"""The stage `efficiency`: the CPU time of an answer compared with that of the task's reference.

Both are measured from outside and under the same isolation: CPU time is the kernel's count for the process
with all its threads, which nothing that runs inside can lower. It is never the same twice. So a floor is
added to both, for the cost of starting and for noise; up to twice the reference's time no answer is better
than another; and each further level stands for a factor of four. Near the border of two levels both are
measured again, and the least counts, because a busy machine only ever adds time.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from verirl.outcomes import StageOutcome, passed, skipped
from verirl_code.grading.results import GradedAnswer
from verirl_code.ladder import LEVELS

FLOOR_S = 0.1
"""Added to both times. An answer that takes no more is in the dead band, whatever the reference takes."""

DEAD_BAND_RATIO = 2.0
LEVEL_RATIO = 4.0
_NEAR_BORDER_RATIO = 1.25
_MAX_MEASUREMENTS = 3
_MAX_CACHED_REFERENCES = 512

_graded_references: dict[str, GradedAnswer] = {}

Measure = Callable[[str | None], GradedAnswer | None]
"""Runs the tests again, of the given program or (None) of the answer; gives None if no time is left."""


def efficiency(answer: GradedAnswer, reference: str | None, key: str, measure: Measure) -> StageOutcome:
    """Grade the CPU time of an answer that passed its tests.

    Args:
        answer: How the answer did.
        reference: The task's own program, or None if it has none.
        key: The content key of the task: the reference is measured once per task and process.
        measure: Runs the tests again.

    Returns:
        The outcome of the stage; skipped if there is nothing to compare with.
    """
    if reference is None:
        return skipped("efficiency", "the task has no reference to compare with")
    answer_s = answer.cpu_s
    if answer_s <= FLOOR_S:
        return _outcome(1.0, answer_s, "in the dead band")
    graded_reference = _grade_reference(key, reference, measure)
    if graded_reference is None:
        return _outcome(0.0, answer_s, "which left no time to run the reference")
    if not graded_reference.all_passed:
        return skipped("efficiency", "the task's own reference does not pass")
    reference_s = graded_reference.cpu_s
    for _ in range(_MAX_MEASUREMENTS - 1):
        if not _is_near_a_border(_ratio(answer_s, reference_s)):
            break
        answer_s, reference_s = _least(answer_s, measure(None)), _least(reference_s, measure(reference))
    return _outcome(score(_ratio(answer_s, reference_s)), answer_s, f"{reference_s:.3f} s for the reference")


def score(ratio: float) -> float:
    """Return the score of an answer that takes `ratio` times as long as the reference, floors included.

    Example:
        >>> score(1.5), round(score(5.0), 3), score(1000.0)
        (1.0, 0.667, 0.0)
    """
    levels_lost = max(0, math.ceil(math.log(ratio / DEAD_BAND_RATIO, LEVEL_RATIO)))
    return max(0.0, 1 - levels_lost / (LEVELS - 1))


def _least(cpu_s: float, graded: GradedAnswer | None) -> float:
    return min(cpu_s, graded.cpu_s) if graded is not None and graded.all_passed else cpu_s


def _ratio(answer_s: float, reference_s: float) -> float:
    return (answer_s + FLOOR_S) / (reference_s + FLOOR_S)


def _is_near_a_border(ratio: float) -> bool:
    return score(ratio * _NEAR_BORDER_RATIO) != score(ratio / _NEAR_BORDER_RATIO)


def _grade_reference(key: str, code: str, measure: Measure) -> GradedAnswer | None:
    """Measure the reference once per task; None if there is no time for it."""
    if key not in _graded_references:
        graded = measure(code)
        if graded is None or graded.ran_out_of_time:
            return None
        if len(_graded_references) >= _MAX_CACHED_REFERENCES:
            _graded_references.clear()
        _graded_references[key] = graded
    return _graded_references[key]


def _outcome(value: float, cpu_s: float, comparison: str) -> StageOutcome:
    return passed("efficiency", value, f"{cpu_s:.3f} s of CPU time; {comparison}", cpu_s=round(cpu_s, 3))
