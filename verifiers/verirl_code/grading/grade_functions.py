"""Grade an answer whose function is called with inputs.

The arguments of the tests are sent once the code has run, with a nonce that it cannot foresee, so it cannot
answer a question that it was not asked.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from verirl.seeds import rng
from verirl_code.execution.child_pool import ChildGoneError
from verirl_code.execution.fork_server_process import DeadlineError
from verirl_code.grading.results import CaseResult, GradedAnswer
from verirl_code.grading.session import (
    Resources,
    clean_text,
    explain_end,
    load_answer,
    receive_reply,
    send_question,
    whole,
)
from verirl_code.grading.value_equality import difference
from verirl_code.spec import Case, CodeSpec

CALLS_PER_MESSAGE = 64
"""Tests whose arguments are sent in one message; each is replied to by itself."""

REPEAT_BELOW_TESTS = 5
"""With fewer tests than this their order could be guessed: a fresh process runs them again, backwards."""

_ORDER_DRAWS = 8


def grade_function(spec: CodeSpec, code: str, resources: Resources, key: str) -> GradedAnswer:
    """Grade an answer against calls of its function.

    Args:
        spec: A spec with `entry_point` and `tests`.
        code: The answer.
        resources: Where the child comes from and until when it may run.
        key: The content key of the task; it contributes to the order of the tests.

    Returns:
        The results of the tests that were reached.

    Raises:
        StageFailedError: If the code does not parse or does not run.
        SandboxError: If the child could not isolate itself.
    """
    order = order_of_tests(spec.cases, key, code)
    results, cpu_s = _call_all(spec, code, resources, order)
    is_few = 1 < len(order) < REPEAT_BELOW_TESTS
    if is_few and len(results) == len(order) and all(result.passed for result in results.values()):
        repeated, _ = _call_all(spec, code, resources, order[::-1])
        for number in order:
            result = repeated.get(number, CaseResult(False, "not reached"))
            if not result.passed:
                results[number] = replace(result, reason=f"asked again in a fresh process: {result.reason}")
    return GradedAnswer(results=results, total=len(order), cpu_s=cpu_s)


def order_of_tests(cases: Sequence[Case], key: str, code: str) -> list[int]:
    """Draw the order in which an answer gets its tests.

    The order depends on every character of the answer, so no answer can contain it. If the expected values
    differ, it is not the order in which the tests are written.

    Args:
        cases: The tests.
        key: The content key of the task.
        code: The answer.

    Returns:
        The numbers of the tests in the order drawn.

    Example:
        >>> sorted(order_of_tests([Case(["l", n], n) for n in range(4)], "key", "f = abs"))
        [0, 1, 2, 3]
    """
    draw = rng("code", "order", key, code)
    order = list(range(len(cases)))
    for _ in range(_ORDER_DRAWS):
        draw.shuffle(order)
        if any(cases[number].expected != case.expected for number, case in zip(order, cases, strict=True)):
            return order
    return [*range(1, len(cases)), 0]


def _call_all(
    spec: CodeSpec, code: str, resources: Resources, order: Sequence[int]
) -> tuple[dict[int, CaseResult], float]:
    """Run the tests in one process, up to one that ends the process or uses up the time."""
    results: dict[int, CaseResult] = {}
    with resources.child() as child:
        load_answer(child, {"role": "answer", "code": code, "entry_point": spec.entry_point}, resources)
        number = order[0]
        try:
            for start in range(0, len(order), CALLS_PER_MESSAGE):
                numbers = order[start : start + CALLS_PER_MESSAGE]
                number = numbers[0]
                given = [spec.cases[number].given for number in numbers]
                question = {"op": "each", "name": spec.entry_point, "args": given}
                nonce = send_question(child, question, resources.deadline)
                for number in numbers:
                    reply = receive_reply(child, nonce, resources.deadline)
                    results[number] = _grade_reply(spec.cases[number], reply)
        except DeadlineError:
            results[number] = CaseResult(False, "did not return in time", timed_out=True)
        except ChildGoneError as error:
            results[number] = explain_end(child, resources, str(error))
    return results, child.exit_state.cpu_s if child.exit_state else 0.0


def _grade_reply(case: Case, reply: dict[str, Any]) -> CaseResult:
    if "value" in reply:
        reason = difference(case.expected, reply["value"])
        return CaseResult(reason is None, reason or "")
    if "not_plain" in reply:
        return CaseResult(False, f"did not return plain data: {clean_text(reply['not_plain'])}")
    return CaseResult(False, f"raised {clean_text(reply.get('raised'))}", whole(reply.get("line")))
