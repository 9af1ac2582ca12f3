"""Grade an answer with the test code of its task.

Test code and answer run in two processes that do not see each other; this process passes the calls on. Then a
fresh process gets some of the calls again in another order, for test code asks in a fixed order, which an
answer could have memorized.
"""

from __future__ import annotations

import ast
import json
from dataclasses import dataclass, field
from typing import Any

from verirl.seeds import rng
from verirl.types import fingerprint
from verirl_code.execution.child_pool import ChildGoneError, ChildProcess
from verirl_code.execution.fork_server_process import DeadlineError
from verirl_code.grading.results import CaseResult, GradedAnswer
from verirl_code.grading.session import (
    Resources,
    StageFailedError,
    ask,
    clean_text,
    explain_end,
    load_answer,
    whole,
)
from verirl_code.grading.value_equality import difference
from verirl_code.spec import CodeSpec

REPEATED_CALLS = 3
"""How many calls of the test code are repeated in a fresh process."""

_PASSED_ON = ("value", "not_plain", "raised", "kind")
"""Keys of the answer's reply that the test code's process gets."""


def grade_with_test_code(spec: CodeSpec, code: str, resources: Resources) -> GradedAnswer:
    """Grade an answer with the test code of its task.

    Args:
        spec: A spec with `test_code`.
        code: The answer.
        resources: Where the children come from and until when they may run.

    Returns:
        One result per test of the test code.

    Raises:
        StageFailedError: If the code does not parse or does not run.
        SandboxError: If a child could not isolate itself.
    """
    order = {
        "role": "answer",
        "code": code,
        "entry_point": spec.entry_point,
        "setup": _imports_and_definitions(spec.setup_code),
    }
    tests = {
        "role": "tests",
        "test_code": spec.test_code,
        "setup": spec.setup_code,
        "entry_point": spec.entry_point,
    }
    log = _CallLog()
    with resources.child() as answer:
        load_answer(answer, order, resources)
        with resources.child() as tester:
            outcome = _run_tests(tester, answer, tests, resources, log)
    if _all_passed(outcome) and log.calls and not log.depends_on_state:
        outcome = _repeat_calls(order, tests, log, resources) or outcome
    cpu_s = answer.exit_state.cpu_s if answer.exit_state else 0.0
    if isinstance(outcome, CaseResult):
        return GradedAnswer(results={0: outcome}, total=1, cpu_s=cpu_s)
    passed, total = whole(outcome.get("passed")), max(1, whole(outcome.get("total")))
    failure = CaseResult(False, clean_text(outcome.get("reason")), test_line=whole(outcome.get("line")))
    results = {number: CaseResult(True) if number < passed else failure for number in range(total)}
    return GradedAnswer(results=results, total=total, cpu_s=cpu_s)


@dataclass
class _CallLog:
    """The calls with plain data that test code made: name, arguments and value, both as tagged JSON."""

    names: dict[int, str] = field(default_factory=dict)
    calls: list[tuple[str, Any, Any]] = field(default_factory=list)

    def add(self, question: dict[str, Any], reply: dict[str, Any]) -> None:
        """Record one exchange if it can be repeated."""
        value = reply.get("value")
        if question["op"] == "name" and isinstance(value, list) and _is_reference(value):
            self.names[value[1]] = question["name"]
        elif question["op"] == "call" and question["on"] in self.names and "value" in reply:
            without_names = question["named"] == ["d"]
            if without_names and not _has_reference(question["args"]) and not _has_reference(value):
                self.calls.append((self.names[question["on"]], question["args"], value))

    @property
    def depends_on_state(self) -> bool:
        """Whether the tests seem to rely on earlier calls: several functions, or one call with two values."""
        first: dict[str, Any] = {}
        calls = ((json.dumps([name, args]), value) for name, args, value in self.calls)
        return len({name for name, _, _ in self.calls}) > 1 or any(
            first.setdefault(call, value) != value for call, value in calls
        )


def _is_reference(node: Any) -> bool:
    """Whether a tagged value stands for an object of the answer's process."""
    return isinstance(node, list) and len(node) == 2 and node[0] == "r" and isinstance(node[1], int)


def _has_reference(node: Any) -> bool:
    return isinstance(node, list) and (_is_reference(node) or any(_has_reference(item) for item in node))


def _all_passed(outcome: object) -> bool:
    return isinstance(outcome, dict) and whole(outcome.get("passed")) == whole(outcome.get("total")) > 0


def _repeat_calls(
    order: dict[str, Any], tests: dict[str, Any], log: _CallLog, resources: Resources
) -> CaseResult | None:
    """Repeat some calls in a fresh process, in another order; return what is wrong, None if nothing is.

    If another value comes back, that may be by chance (`random`): then the test code runs against this
    process, which is out of step by now.
    """
    draw = rng("code", "again", fingerprint({"test_code": tests["test_code"]}))
    chosen = draw.sample(range(len(log.calls)), min(REPEATED_CALLS, len(log.calls)))
    if len(chosen) > 1 and chosen == sorted(chosen):
        chosen.reverse()
    try:
        with resources.child() as child:
            load_answer(child, order, resources)
            is_same = True
            for number in chosen:
                name, args, value = log.calls[number]
                reply = ask(child, {"op": "plain", "name": name, "args": args}, resources.deadline)
                if "value" not in reply:
                    return CaseResult(False, "asked again in a fresh process, it gave no value")
                is_same = is_same and difference(value, reply["value"]) is None
            if is_same:
                return None
            with resources.child() as tester:
                if _all_passed(_run_tests(tester, child, tests, resources, _CallLog())):
                    return None
        return CaseResult(False, "asked again in a fresh process, it gave another value")
    except (DeadlineError, ChildGoneError, StageFailedError):
        return CaseResult(False, "asked again in a fresh process, it gave no value")


def _run_tests(
    tester: ChildProcess, answer: ChildProcess, tests: dict[str, Any], resources: Resources, log: _CallLog
) -> dict[str, Any] | CaseResult:
    """Pass questions and replies on until the test code ends.

    Returns:
        The last message of the test code's process, or how the answer's process failed meanwhile.
    """
    deadline = resources.deadline
    try:
        tester.send(tests, deadline)
        while "ask" in (message := tester.receive(deadline)):
            try:
                reply = ask(answer, message["ask"], deadline)
            except ChildGoneError as error:
                return explain_end(answer, resources, str(error))
            log.add(message["ask"], reply)
            tester.send({key: reply[key] for key in _PASSED_ON if key in reply}, deadline)
    except DeadlineError:
        return CaseResult(False, "did not return in time", timed_out=True)
    except ChildGoneError:
        # The answer can only send data; if that ends the tests (too much, too deep), it has not passed.
        return CaseResult(False, "the tests did not come to an end")
    return message


def _imports_and_definitions(setup: str) -> str:
    """Return the part of the setup code that the answer may use, without the part that tests."""
    kinds = (ast.Import, ast.ImportFrom, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    body: list[ast.stmt] = [statement for statement in ast.parse(setup).body if isinstance(statement, kinds)]
    return ast.unparse(ast.Module(body, []))
