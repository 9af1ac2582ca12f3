# ruff: noqa: E501 - programs as they are
"""The stages: at which one an answer fails, what is reported, and what each form of spec asks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from support.programs import CODE, fenced, has_passed, judge_completion

from verirl.types import Status
from verirl_code.execution.child_pool import ChildPool
from verirl_code.grading.grader import grade
from verirl_code.spec import read_spec

pytestmark = pytest.mark.needs_sandbox

CALL = {"input": [1], "expected": 2}
TESTS = [{"input": [n], "expected": n * n} for n in range(5)]
SQUARE = {"entry_point": "f", "tests": TESTS, "visible": 2}
ECHO = {"tests": [{"stdin": f"{n}\n", "stdout": f"{n * n}\n"} for n in range(3)]}
CHECK = {"entry_point": "f", "test_code": "def check(g):\n    assert g(3) == 9\n    assert g(2) == 4\n"}


@pytest.mark.parametrize(
    ("spec", "code", "failed_stage"),
    [
        (SQUARE, "def f(x):\n    return x * x", None),
        (SQUARE, "f = lambda x: x ** 2", None),
        (SQUARE, "from dataclasses import dataclass\n@dataclass\nclass P:\n    x: int\ndef f(x): return P(x).x ** 2", None),
        (SQUARE, "import threading\ndef f(x):\n    r = []\n    t = threading.Thread(target=lambda: r.append(x * x))\n"
         "    t.start(); t.join()\n    return r[0]", None),
        (SQUARE, "import tempfile\ndef f(x):\n    with tempfile.TemporaryFile() as t:\n        t.write(b'a' * x)\n"
         "        return t.tell() ** 2", None),
        (SQUARE, "import sys\nsys.setrecursionlimit(50_000)\ndef g(n):\n    return 0 if n == 0 else 1 + g(n - 1)\n"
         "def f(x):\n    return g(20_000) - 20_000 + x * x", None),
        (SQUARE, "if __name__ == '__main__':\n    input()\ndef f(x): return x * x", None),
        (SQUARE, "def f(x):\n    return x + x", "tests"),
        (SQUARE, "def f(x):\n    pass", "tests"),
        (SQUARE, "def f(x):\n    return x / 0", "tests"),
        (SQUARE, "def f():\n    return 0", "tests"),
        (SQUARE, "def g(x):\n    return x * x", "runs"),
        (SQUARE, "import numpy_is_not_here", "runs"),
        (SQUARE, "def f(x)\n    return x", "parse"),
        (ECHO, "print(int(input()) ** 2)", None),
        (ECHO, "import sys\nsys.stdout.write(str(int(sys.stdin.read()) ** 2))\nsys.exit()", None),
        (ECHO, "import sys\nif __name__ == '__main__':\n    for line in sys.stdin: print(int(line) ** 2, flush=True)", None),
        (ECHO, "import os\nos.write(1, str(int(os.read(0, 99)) ** 2).encode())\nos._exit(0)", None),
        (ECHO, "n = open(0).read()\nprint(int(n) ** 2)", None),
        (ECHO, "print(int(input()) * 2)", "tests"),
        (ECHO, "print(int(input()) ** 2)\nraise ValueError", "runs"),
        (ECHO, "import sys\nprint(int(input()) ** 2)\nsys.exit(1)", "runs"),
        (ECHO, "input(); input()", "runs"),
        (ECHO, "print((", "parse"),
        (ECHO, "while True: print(1)", "tests"),
        (CHECK, "def f(x): return x * x", None),
        (CHECK, "def f(x): return 9", "tests"),
        (CHECK, "class Yes:\n    def __eq__(s, o): return True\ndef f(x): return Yes()", "tests"),
        (CHECK, "def check(g): pass\ndef f(x): return 0", "tests"),
        ({"test_code": "assert sum(2) == 4", "entry_point": "sum"}, "def sum(x): return x * x", None),
        ({"test_code": "assert abs(f(2) - 4) < 1"}, "def abs(x): return 0\ndef f(x): return 9", "tests"),
        ({"test_code": "a = N(1)\na.x = N(2)\nassert f(a) == 3", "entry_point": "f"},
         "class N:\n    def __init__(s, v): s.v = v; s.x = None\ndef f(n): return n.v + n.x.v", None),
        ({"test_code": "assert list(f(3)) == [0, 1, 2]"}, "def f(n): yield from range(n)", None),
        ({"test_code": "assert f(3)"}, "class T: pass\ndef f(n): return T()", "tests"),
        ({"test_code": "assert f('ab')\nassert not f('b')"}, "import re\ndef f(s): return re.match('a', s)", None),
        ({"test_code": "assert f('ab')\nassert not f('b')"}, "import re\ndef f(s): return re.match('', s)", "tests"),
        ({"test_code": "assert f('ab') == 'ab'"}, "import re\ndef f(s): return re.match('ab', s)", "tests"),
        ({"test_code": "assert f(3)"}, "class T(int): __bool__ = lambda s: True\ndef f(n): return T(0)", "tests"),
        ({"test_code": "assert f((1, 'a'), int) == ['a']\nassert f((1, 'a'), str) == [1]", "entry_point": "f"},
         "def f(t, k): return [x for x in t if not isinstance(x, k)]", None),
        ({"test_code": "assert f(1, int) == [1]", "entry_point": "f"}, "def f(x, k): return [k]", "tests"),
        ({"test_code": "try:\n    f(3)\nexcept ValueError:\n    pass\nelse:\n    assert False"},
         "def f(n): raise ValueError", None),
        ({"test_code": "import math\nassert math.sqrt(f(4)) == 2"}, "math = None\ndef f(n): return n", None),
        ({"test_code": "assert f(4) == K", "setup_code": "import math\nK = 2"}, "K = 5\ndef f(n): return int(math.sqrt(n))", None),
        ({"test_code": "assert f(4) == K", "setup_code": "K = 2"}, "def f(n): return K", "tests"),
    ],
)  # fmt: skip
def test_at_which_stage_an_answer_fails(
    spec: dict[str, Any], code: str, failed_stage: str | None, tmp_path: Path
) -> None:
    CODE.check_spec(spec)
    found = judge_completion({**spec, "time_s": 3.0}, fenced(code), tmp_path)
    last = found[-1].stage
    assert (None if last.name == "efficiency" else last.name) == failed_stage, last.detail
    assert Status.ERROR not in [one.stage.status for one in found]


def test_partial_credit_and_figures(tmp_path: Path) -> None:
    found = judge_completion(SQUARE, fenced("def f(x):\n    return x * x if x != 4 else -99"), tmp_path)[-1]
    assert found.stage.score == pytest.approx(4 / 5)
    assert found.metrics["visible_share"] == 1.0
    assert found.metrics["hidden_share"] == pytest.approx(2 / 3)
    assert "16" in found.stage.detail
    assert "16" not in found.feedback
    assert "-99" not in found.feedback


def test_the_failing_line_is_named(tmp_path: Path) -> None:
    found = judge_completion(SQUARE, fenced("def f(x):\n    y = x\n    return y / 0\n"), tmp_path)[-1]
    assert "ZeroDivisionError" in found.stage.detail
    assert "line 3" in found.stage.detail


def test_the_failing_line_of_test_code_is_named_but_not_to_the_model(tmp_path: Path) -> None:
    spec = {"test_code": "assert f(1) == 1\nx = 0\nassert f(2) == 'secret'\n"}
    found = judge_completion(spec, fenced("def f(n): return n"), tmp_path)[-1]
    assert found.stage.detail == "1 of 2 tests passed; AssertionError (line 3 of the tests)"
    assert found.feedback == "1 of 2 tests passed. AssertionError"


@pytest.mark.parametrize(
    ("raised", "said"),
    [
        ("AttributeError", "AttributeError"),
        ("AttributeError('')", "AttributeError"),
        ("AttributeError('AttributeError')", "AttributeError"),
        ("ValueError('two: 2')", "ValueError: two: 2"),
        ("UnicodeDecodeError('utf-8', b'x', 0, 1, 'no')", "_AnswerRaisedError: UnicodeDecodeError: "),
        ("type('Own', (Exception,), {})()", "Own"),
        ("type('Own', (ValueError,), {})('x')", "Own: x"),
        ("type('Own', (BaseException,), {})('x')", "Own: x"),
    ],
)
def test_an_exception_is_named_once(raised: str, said: str, tmp_path: Path) -> None:
    found = judge_completion({"test_code": "f(1)\n"}, fenced(f"def f(n): raise {raised}"), tmp_path)[-1]
    words = found.stage.detail.removeprefix("0 of 1 tests passed; ").removesuffix(" (line 1 of the tests)")
    assert words.startswith(said)
    assert said.endswith(": ") or words == said
    alone = judge_completion(
        {"entry_point": "f", "tests": [CALL]}, fenced(f"def f(n): raise {raised}"), tmp_path
    )[-1]
    assert "Error: AttributeError" not in alone.stage.detail


def test_tests_see_the_message_that_the_answer_gave(tmp_path: Path) -> None:
    tests = "try:\n    f(1)\nexcept ValueError as problem:\n    assert str(problem) == 'too small: 1'\n"
    answer = fenced("def f(n): raise ValueError(f'too small: {n}')")
    assert has_passed(judge_completion({"test_code": tests}, answer, tmp_path))


def test_a_syntax_errors_place_is_said_once(tmp_path: Path) -> None:
    found = judge_completion(
        {"entry_point": "f", "tests": [CALL]}, fenced("x = 1\ndef f(n)\n    return n"), tmp_path
    )[-1]
    assert found.stage.detail == "SyntaxError: expected ':' (line 2)"


def test_an_answer_that_draws_is_judged_alike_twice(tmp_path: Path) -> None:
    code = fenced("import random\nDRAW = random.random()\ndef f(x):\n    return x * x if DRAW < 0.5 else 0")
    first, second = (judge_completion(SQUARE, code, tmp_path)[3].stage for _ in range(2))
    assert (first.status, first.score) == (second.status, second.score)


@pytest.mark.parametrize("pool", ["fresh", "bare"])
@pytest.mark.parametrize("spec", [SQUARE, ECHO, CHECK], ids=["calls", "program", "check"])
def test_the_slow_ways_give_the_same_verdicts(pool: str, spec: dict[str, Any], tmp_path: Path) -> None:
    made = ChildPool(fresh=True) if pool == "fresh" else ChildPool(sandboxed=False)
    read = read_spec(spec)
    right, wrong = "def f(x): return x * x\n", "def f(x): return 7\n"
    if read.is_program:
        right, wrong = "print(int(input()) ** 2)", "print(7)"
    trial = grade(read, right, made, 5.0, key="k", home=tmp_path)
    assert trial.failed_stage is None
    assert all(one.passed for one in trial.results.values())
    trial = grade(read, wrong, made, 5.0, key="k", home=tmp_path)
    assert not all(one.passed for one in trial.results.values())
    bomb = grade(read, "import os\nwhile True: os.fork()\n", made, 2.0, key="k", home=tmp_path)
    assert bomb.failed_stage == "runs"
    hang = grade(read, "while True: pass\n", made, 0.5, key="k", home=tmp_path)
    assert hang.timed_out or any(one.timed_out for one in hang.results.values())


@pytest.mark.parametrize("spend", [
    "for _ in range(20_000_000): pass",
    "import threading\n    t = threading.Thread(target=lambda: [0 for _ in range(20_000_000)]); t.start(); t.join()",
    "import time, resource\n    resource.getrusage = lambda w: None\n    time.process_time = lambda: 0\n"
    "    for _ in range(20_000_000): pass",
])  # fmt: skip
def test_time_is_counted_where_no_answer_can_hide_it(spend: str, tmp_path: Path) -> None:
    spec = {**SQUARE, "tests": TESTS[:2], "reference": "def f(x):\n    return x * x\n", "time_s": 10}
    found = judge_completion(
        spec, fenced(f"def f(x):\n    {spend}\n    return x * x"), tmp_path, seconds=30.0
    )
    assert found[3].stage.status is Status.PASSED
    assert found[4].stage.score < 1.0
    assert judge_completion(spec, fenced("def f(x):\n    return x ** 2"), tmp_path)[4].stage.score == 1.0


def test_a_child_that_does_not_read_a_large_question_is_late(tmp_path: Path) -> None:
    tests = [{"input": ["x" * 300_000 + str(n)], "expected": 300_001} for n in range(8)]
    spec = {"entry_point": "f", "tests": tests, "time_s": 2.0}
    assert has_passed(judge_completion(spec, fenced("f = len"), tmp_path))
    found = judge_completion(
        spec, fenced("import time\ndef f(x):\n    time.sleep(100)"), tmp_path, seconds=3.0
    )
    assert found[-1].stage.status is Status.TIMEOUT
