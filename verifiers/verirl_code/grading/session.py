"""A conversation with one child: load the answer, ask it, and find out how its process ended."""

from __future__ import annotations

import secrets
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from verirl.errors import SandboxError
from verirl_code.execution.child_pool import (
    SETUP_FAILED_EXIT_CODE,
    ChildGoneError,
    ChildPool,
    ChildProcess,
)
from verirl_code.execution.fork_server_process import ChildLimits, DeadlineError, ExitState
from verirl_code.execution.tagged_json import MAX_DEPTH
from verirl_code.grading.results import CaseResult, GradedAnswer

_EXIT_WAIT_S = 0.2
_CPU_LIMIT_MARGIN_S = 0.5
"""A process that dies with no more CPU time than this left has used it up."""

_MAX_TEXT_CHARS = 400
_MAX_WHOLE_NUMBER = 10**7


class StageFailedError(Exception):
    """The answer does not get as far as its tests; `graded` says why."""

    def __init__(self, stage: str, reason: str, line: int = 0, *, timed_out: bool = False) -> None:
        super().__init__(reason)
        self.graded = GradedAnswer(stage, reason, line, timed_out)


@dataclass(frozen=True)
class Resources:
    """Where children come from and what they may use.

    Attributes:
        pool: The source of children.
        limits: The limits of each child.
        deadline: When to stop, on the monotonic clock.
        home: Working folder if there is no sandbox.
    """

    pool: ChildPool
    limits: ChildLimits
    deadline: float
    home: Path | None

    @contextmanager
    def child(self, *, streams: bool = False) -> Iterator[ChildProcess]:
        """Provide a new child, which is ended afterwards."""
        child = self.pool.take(self.limits, self.home, streams=streams)
        try:
            yield child
        finally:
            child.close()


def load_answer(child: ChildProcess, order: dict[str, Any], resources: Resources) -> None:
    """Send a child its code and wait until the code has run.

    Args:
        child: A new child.
        order: Its first message (see `execution.child`).
        resources: The deadline and the limits.

    Raises:
        StageFailedError: If the code does not parse or does not run.
        SandboxError: If the child could not isolate itself.
    """
    stage = "parse"
    try:
        child.send(order, resources.deadline)
        for key, next_stage in (("parsed", "runs"), ("ran", "")):
            message = child.receive(resources.deadline)
            if "failed" in message:
                raise StageFailedError(stage, clean_text(message.get("reason")), whole(message.get("line")))
            if key not in message:
                raise ChildGoneError("it said what it was not asked")  # noqa: TRY301 - the same as a dead child
            stage = next_stage or stage
    except DeadlineError:
        raise StageFailedError(stage, "not done in time", timed_out=True) from None
    except ChildGoneError as error:
        end = explain_end(child, resources, str(error), before_parse=stage == "parse")
        raise StageFailedError(stage, end.reason, timed_out=end.timed_out) from None


def send_question(child: ChildProcess, question: dict[str, Any], deadline: float) -> str:
    """Send a question and return the nonce that its replies must carry."""
    nonce = secrets.token_hex(8)
    child.send({"nonce": nonce, **question}, deadline)
    return nonce


def receive_reply(child: ChildProcess, nonce: str, deadline: float) -> dict[str, Any]:
    """Return the next reply to the question with this nonce.

    Raises:
        ChildGoneError: If something else comes, or nothing can come any more.
        DeadlineError: If nothing comes in time.
    """
    reply = child.receive(deadline)
    if reply.get("nonce") != nonce:
        raise ChildGoneError("it said what it was not asked")
    value = reply.get("value")
    if isinstance(value, list) and _depth(value) > MAX_DEPTH + 2:
        raise ChildGoneError("it said what no value looks like")
    return reply


def ask(child: ChildProcess, question: dict[str, Any], deadline: float) -> dict[str, Any]:
    """Send a question that has one reply, and return the reply."""
    return receive_reply(child, send_question(child, question, deadline), deadline)


def _depth(node: Any) -> int:
    """Return how deep lists nest in `node`, but at most a little more than the limit."""
    level, depth = [node], 0
    while level and depth <= MAX_DEPTH + 2:
        level = [item for part in level if isinstance(part, list) for item in part]
        depth += 1
    return depth


def explain_end(
    child: ChildProcess, resources: Resources, reason: str, *, before_parse: bool = False
) -> CaseResult:
    """Return the result of a test during which the child ended, or was no longer to be believed.

    Args:
        child: The child; it is ended.
        resources: The deadline and the limits.
        reason: The text of the ChildGoneError.
        before_parse: Whether the answer had not been read yet.

    Raises:
        SandboxError: If the child could not isolate itself.
    """
    try:
        if reason == "it ended":
            state = child.wait(min(resources.deadline, time.monotonic() + _EXIT_WAIT_S))
        else:
            state = child.close()
    except DeadlineError:
        state = child.close()
    if before_parse and state.code == SETUP_FAILED_EXIT_CODE:
        raise SandboxError(f"the walls around an answer could not be made: {reason}")
    return explain_exit(state, resources.limits, reason)


def explain_exit(state: ExitState, limits: ChildLimits, reason: str) -> CaseResult:
    """Return the result of a test during which the child ended like this."""
    if reason != "it ended":
        return CaseResult(False, f"took over its process: {reason}")
    if state.code >= 0:
        return CaseResult(False, f"ended its process (exit code {state.code})")
    if state.cpu_s >= limits.cpu_s - _CPU_LIMIT_MARGIN_S:
        return CaseResult(False, "used up its CPU time", timed_out=True)
    return CaseResult(False, f"crashed its process ({_signal_name(-state.code)})")


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def clean_text(value: object) -> str:
    """Return text that a child sent, cut and on one line."""
    text = value if isinstance(value, str) else "nothing"
    return " ".join(text[:_MAX_TEXT_CHARS].encode("utf-8", "replace").decode().split())


def whole(value: object) -> int:
    """Return a whole number that a child sent; 0 for anything else."""
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < _MAX_WHOLE_NUMBER:
        return value
    return 0
