"""Right answers in the styles that people and models write all pass."""

from __future__ import annotations

import pytest
from cases.code.accepts import COMPLETIONS, FUNCTION, FUNCTIONS, PROGRAM, PROGRAMS, TESTED
from support.batches import judge_batch, selected

from verirl.pool import VerifierPool
from verirl.types import Verdict

POOL_WORKERS = 2

SQUARE = {"entry_point": "f", "tests": [{"input": [n], "expected": n * n} for n in range(6)]}


def answered(code: str) -> str:
    return f"Here it is:\n\n```python\n{code}\n```\n"


ANSWERS = {
    **{f"program: {name}": (PROGRAM, answered(code)) for name, code in PROGRAMS.items()},
    **{f"function: {name}": (FUNCTION, answered(code)) for name, code in FUNCTIONS.items()},
    **{f"test code: {name}": (spec, answered(code)) for name, (spec, code) in TESTED.items()},
    **{f"completion: {name}": (SQUARE, text) for name, text in COMPLETIONS.items()},
}

BAD_ENDS = {
    "exit code": "exit(1)",
    "exit message": "import sys\nsys.exit('no')",
    "output at exit": "import atexit\natexit.register(print, 5)",
    "output of a thread": "import threading\nthreading.Thread(target=print, args=(5,)).start()",
    "os._exit": "import os\nos._exit(3)",
    "output of a finalizer": "class C:\n    def __del__(s): print(5)\nc = C()",
}


@pytest.fixture(scope="module")
def verdicts(pool: VerifierPool, request: pytest.FixtureRequest) -> dict[str, list[Verdict]]:
    right = "print(int(input()) ** 2)\n"
    cases = {name: [ANSWERS[name]] for name in selected(request, "answer")}
    ends = {name: [(PROGRAM, answered(right + BAD_ENDS[name]))] for name in selected(request, "end")}
    return judge_batch(pool, {**cases, **ends})


@pytest.mark.parametrize("answer", ANSWERS)
def test_a_right_answer_passes(answer: str, verdicts: dict[str, list[Verdict]]) -> None:
    (verdict,) = verdicts[answer]
    assert verdict.passed, verdict.stages[-1].detail


@pytest.mark.parametrize("end", BAD_ENDS)
def test_a_program_that_ends_badly_has_not_passed(end: str, verdicts: dict[str, list[Verdict]]) -> None:
    """The end of an interpreter is part of the program: what fails there fails it."""
    (verdict,) = verdicts[end]
    assert not verdict.passed
    assert not verdict.is_error
