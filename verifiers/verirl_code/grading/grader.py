"""Run an answer against its tests. Only this side knows what is expected."""

from __future__ import annotations

import math
import time
from pathlib import Path

from verirl_code.execution.child_pool import ChildPool
from verirl_code.execution.fork_server_process import ChildLimits
from verirl_code.grading.grade_functions import grade_function
from verirl_code.grading.grade_programs import grade_program
from verirl_code.grading.grade_test_code import grade_with_test_code
from verirl_code.grading.results import GradedAnswer
from verirl_code.grading.session import Resources, StageFailedError
from verirl_code.grading.value_equality import shown
from verirl_code.spec import Case, CodeSpec

_MAX_STDIN_CHARS = 200
"""Characters of a standard input that `describe_case` shows."""


def grade(
    spec: CodeSpec, code: str, pool: ChildPool, seconds: float, *, key: str, home: Path | None = None
) -> GradedAnswer:
    """Run an answer against the tests of a spec.

    Args:
        spec: The spec of the task.
        code: The answer, a whole program text. Untrusted.
        pool: Where its processes come from.
        seconds: Wall-clock limit of all tests together.
        key: The content key of the task; it contributes to the order of the tests.
        home: Working folder if there is no sandbox.

    Returns:
        The results.

    Raises:
        SandboxError: If the sandbox failed; the answer is then not at fault.
    """
    limits = ChildLimits(memory_mb=spec.memory_mb, cpu_s=math.ceil(spec.time_s))
    resources = Resources(pool, limits, time.monotonic() + seconds, home)
    try:
        if spec.test_code is not None:
            return grade_with_test_code(spec, code, resources)
        if spec.is_program:
            return grade_program(spec, code, resources, key)
        return grade_function(spec, code, resources, key)
    except StageFailedError as error:
        return error.graded


def describe_case(case: Case, spec: CodeSpec) -> str:
    """Return a test in words: the call, or the standard input.

    Example:
        >>> from verirl_code.spec import read_spec
        >>> spec = read_spec({"entry_point": "f", "tests": [{"input": [1, "a"], "expected": 2}]})
        >>> describe_case(spec.cases[0], spec)
        "f(1, 'a')"
    """
    if spec.is_program:
        return f"standard input {case.given[:_MAX_STDIN_CHARS]!r}"
    inside = shown(case.given)
    return f"{spec.entry_point}({inside[1:-1] if inside.endswith(']') else inside[1:]})"
