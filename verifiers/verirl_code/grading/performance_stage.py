"""How an answer's CPU time compares with the reference's: both from outside, under the same walls.

CPU time is the kernel's count for the answer's process with all its threads: nothing that runs inside can
lower it. It is never the same twice. So a floor is added to both, for what starting costs and for noise; up
to twice the reference no answer is better than another; and each level beyond stands for four times more.
Near the border of two levels both are measured again, and the least counts: a busy machine only ever adds.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from verirl.outcomes import StageOutcome, passed, skipped
from verirl_code.grading.grader import Trial
from verirl_code.ladder import LEVELS

FLOOR_S = 0.1
"""Seconds added to both. An answer that takes no more is in the dead band, whatever the reference takes."""

DEAD_BAND = 2.0
STEP = 4.0
_NEAR = 1.25
_TRIES = 3
_KEPT = 512

_references: dict[str, Trial] = {}


def efficiency(
    answer: Trial, reference: str | None, key: str, again: Callable[[str | None], Trial | None]
) -> StageOutcome:
    """The stage's finding for an answer that passed its tests in the trial `answer`.

    `reference`: the task's own program, None where it has none; `key`: names the task. `again` puts the
    reference (its text) or the answer (None) to the tests once more; None where no time is left for it.
    """
    if reference is None:
        return skipped("efficiency", "the task has no reference to compare with")
    mine = answer.cpu_s
    if mine <= FLOOR_S:
        return _found(1.0, mine, "in the dead band")
    theirs = _reference(key, reference, again)
    if theirs is None:
        return _found(0.0, mine, "which left no time to run the reference")
    if not theirs.is_right:
        return skipped("efficiency", "the task's own reference does not pass")
    other = theirs.cpu_s
    for _ in range(_TRIES - 1):
        if not _is_near_a_border(_share(mine, other)):
            break
        mine, other = _least(mine, again(None)), _least(other, again(reference))
    return _found(score(_share(mine, other)), mine, f"{other:.3f} s for the reference")


def score(share: float) -> float:
    """1 in the dead band, then a level less for each factor of STEP; 0 at the last."""
    steps = max(0, math.ceil(math.log(share / DEAD_BAND, STEP)))
    return max(0.0, 1 - steps / (LEVELS - 1))


def _least(cpu_s: float, trial: Trial | None) -> float:
    return min(cpu_s, trial.cpu_s) if trial is not None and trial.is_right else cpu_s


def _share(mine: float, other: float) -> float:
    return (mine + FLOOR_S) / (other + FLOOR_S)


def _is_near_a_border(share: float) -> bool:
    return score(share * _NEAR) != score(share / _NEAR)


def _reference(key: str, code: str, again: Callable[[str | None], Trial | None]) -> Trial | None:
    """The reference's trial, made once for each task in this process; None where there is no time for it."""
    if key not in _references:
        trial = again(code)
        if trial is None or trial.is_late:
            return None
        if len(_references) >= _KEPT:
            _references.clear()
        _references[key] = trial
    return _references[key]


def _found(value: float, cpu_s: float, words: str) -> StageOutcome:
    return passed("efficiency", value, f"{cpu_s:.3f} s of CPU time; {words}", cpu_s=round(cpu_s, 3))
