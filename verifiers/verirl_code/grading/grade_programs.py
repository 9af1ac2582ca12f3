"""Grade an answer that is a program: one process per test, its output compared with the expected one."""

from __future__ import annotations

import os
import time

from verirl.seeds import rng
from verirl_code.execution.child_pool import ChildGoneError, ChildProcess, wait_until_readable
from verirl_code.execution.fork_server_process import DeadlineError
from verirl_code.grading.results import CaseResult, GradedAnswer
from verirl_code.grading.session import Resources, clean_text, explain_end, explain_exit, whole
from verirl_code.grading.value_equality import difference_of_text
from verirl_code.spec import Case, CodeSpec

MAX_OUTPUT_BYTES = 8 * 1024 * 1024
"""A program that writes more than this has failed."""


def grade_program(spec: CodeSpec, code: str, resources: Resources, key: str) -> GradedAnswer:
    """Grade an answer against runs of the program.

    Args:
        spec: A spec with `tests` and without `entry_point`.
        code: The answer.
        resources: Where the children come from and until when they may run.
        key: The content key of the task, which determines the order of the tests.

    Returns:
        The results of the tests that were reached. If the first run does not come to its end, the stage
        `runs` has failed.

    Raises:
        SandboxError: If a child could not isolate itself.
    """
    order = list(range(len(spec.cases)))
    rng("code", "order", key).shuffle(order)
    results: dict[int, CaseResult] = {}
    cpu_s = 0.0
    for number in order:
        failed_stage, result, run_cpu_s = _run(spec.cases[number], code, resources)
        results[number] = result
        cpu_s += run_cpu_s
        if failed_stage == "parse" or (failed_stage == "runs" and len(results) == 1):
            return GradedAnswer(failed_stage, result.reason, result.line, result.timed_out)
        if result.timed_out:
            break
    return GradedAnswer(results=results, total=len(order), cpu_s=cpu_s)


def _run(case: Case, code: str, resources: Resources) -> tuple[str | None, CaseResult, float]:
    """Run the program once: the stage that failed (None if it came to its end), its result, its CPU time."""
    stdin = case.given.encode("utf-8", "surrogateescape")
    with resources.child(streams=True) as child:
        # Not `write`: that would move the offset from which the child reads.
        offset = 0
        while offset < len(stdin):
            offset += os.pwrite(child.stdin, stdin[offset:], offset)
        failed_stage, result = _watch(child, case, code, resources)
    return failed_stage, result, child.exit_state.cpu_s if child.exit_state else 0.0


def _watch(child: ChildProcess, case: Case, code: str, resources: Resources) -> tuple[str | None, CaseResult]:
    stage = "parse"
    try:
        child.send({"role": "program", "code": code}, resources.deadline)
        first = child.receive(resources.deadline)
        if "failed" in first:
            return "parse", CaseResult(False, clean_text(first.get("reason")), whole(first.get("line")))
        stage = "runs"
        output = _read_output(child.stdout, resources.deadline)
        if len(output) > MAX_OUTPUT_BYTES:
            return None, CaseResult(False, f"wrote more than {MAX_OUTPUT_BYTES} bytes")
        try:
            last = child.receive(resources.deadline)
        except ChildGoneError:
            last = {}
        if "failed" in last:
            reason = f"raised {clean_text(last.get('reason'))}"
            return "runs", CaseResult(False, reason, whole(last.get("line")))
        # A child that sends nothing more may have ended well (os._exit): its exit code decides.
        exit_code = 0 if "ran" in last else child.wait(resources.deadline).code
    except DeadlineError:
        return stage, CaseResult(False, "did not end in time", timed_out=True)
    except ChildGoneError as error:
        return stage, explain_end(child, resources, str(error), before_parse=stage == "parse")
    if exit_code != 0:
        return "runs", explain_exit(child.close(), resources.limits, "it ended")
    reason = difference_of_text(case.expected, output.decode("utf-8", "surrogateescape")) or ""
    return None, CaseResult(not reason, reason)


def _read_output(reader: int, deadline: float) -> bytes:
    """Read to the end, or until a little more than the limit has come; DeadlineError if neither happens."""
    output = bytearray()
    while len(output) <= MAX_OUTPUT_BYTES:
        if not wait_until_readable(reader, deadline - time.monotonic()):
            raise DeadlineError
        piece = os.read(reader, 1 << 16)
        if not piece:
            break
        output += piece
    return bytes(output)
