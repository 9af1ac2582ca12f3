"""Who is to blame when a judge process dies or is late: the answer, the task, or the machine.

An answer's failure becomes a reward; a failure of the checker or the machine must not. After two deaths on
one answer, the task's own reference is judged as a control run: the answer has failed only if the reference
passes.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from typing import Any

from verirl.errors import PoolError, ToolMissingError
from verirl.outcomes import StageOutcome, errored, failed, timed_out
from verirl.pool.entry import Entry
from verirl.pool.protocol import EXIT_MEMORY, EXIT_RECURSION
from verirl.pool.stage_runner import timed


class Attribution:
    """Decides what becomes of entries whose judge died; remembers how each task's control run went."""

    def __init__(self) -> None:
        self._control_passed: dict[str, bool] = {}

    def record_control(self, key: str, passed: bool) -> None:
        """Remember whether the reference of the task with content key `key` passed."""
        self._control_passed[key] = passed

    def after_deaths(self, entry: Entry) -> StageOutcome | None:
        """Return the outcome of an entry whose judge died twice; None if a control run must decide."""
        reference = entry.task.reference
        if entry.suspects or _killed_from_outside(entry) or reference in (None, entry.completion):
            return death_outcome(entry, None)
        reference_passed = self._control_passed.get(entry.key)
        return None if reference_passed is None else death_outcome(entry, reference_passed)


def death_outcome(entry: Entry, reference_passed: bool | None) -> StageOutcome:
    """Return the outcome of the stage at which the judge died; None stands for no control run."""
    stage = entry.progress.due()
    name = stage.name if stage is not None else entry.progress.ladder[-1].name
    how = f"the checker died twice on this answer ({entry.deaths[-1]})"
    if reference_passed:
        return failed(name, detail=f"{how}, not on the reference")
    if _killed_from_outside(entry):
        return errored(name, "the worker was killed from outside, twice")
    if reference_passed is None:
        return errored(name, f"{how}; the task has no other answer to compare with")
    return errored(name, f"{how}, and the task's reference does not pass either")


def late_outcome(entry: Entry, waited_ns: int | None, now: float) -> StageOutcome | None:
    """Return the outcome of the stage in progress at the deadline; None if all stages had ended.

    If the judge waited more than half of its time for a core, this is the machine's error.
    """
    stage = entry.progress.due()
    if stage is None:
        return None
    deadline_s = entry.domain.deadline_s
    starved_s = 0.0
    if waited_ns is not None and entry.waited_ns is not None:
        starved_s = (waited_ns - entry.waited_ns) / 1e9
    if starved_s > deadline_s / 2:
        detail = f"machine starved: waited {starved_s:.1f} of {deadline_s:g} s for a core"
        outcome = errored(stage.name, detail)
    else:
        outcome = timed_out(stage.name, f"no verdict within {deadline_s:g} s")
    before = sum(earlier.stage.seconds for earlier in entry.progress.outcomes)
    return timed(outcome, max(0.0, now - entry.started - before))


def judge_death(status: int) -> str:
    """Say how a judge process ended, from its wait status."""
    code = os.waitstatus_to_exitcode(status)
    if code == EXIT_MEMORY:
        return "out of memory"
    if code == EXIT_RECURSION:
        return "out of stack"
    if code < 0:
        with contextlib.suppress(ValueError):
            return signal.Signals(-code).name
        return f"signal {-code}"
    return f"exit code {code}"


def worker_death(process: subprocess.Popen[bytes]) -> str:
    """Say how a worker's fork server ended."""
    code = process.returncode or 0
    number = -code if code < 0 else code - 128
    with contextlib.suppress(ValueError):
        return signal.Signals(number).name
    return f"exit code {code}"


def start_error(domain: str, stderr: str) -> PoolError:
    """Return the error of a domain whose workers do not start, with the end of what they printed."""
    last = stderr.splitlines()[-1] if stderr else "they said nothing"
    error = PoolError(f"the workers of domain '{domain}' do not start: {last[-1000:]}")
    error.add_note(f"The end of what a worker said:\n{stderr}")
    return error


def missing_tool_error(value: Any) -> Exception:
    """Return the error that a worker's message about a missing tool stands for."""
    if isinstance(value, list) and len(value) == 2 and all(isinstance(part, str) for part in value):
        return ToolMissingError(value[0][:200], value[1][:500])
    return PoolError("a worker reported a missing tool without naming it")


def _killed_from_outside(entry: Entry) -> bool:
    return set(entry.deaths) == {signal.SIGKILL.name}
