# ruff: noqa: E501 - programs as they are
"""The code domain's rooms: specs, extraction, comparison as data, the three forms, the walls' other shapes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from verirl import registry, sandbox
from verirl.answers import NoAnswerError
from verirl.domain import StageContext
from verirl.errors import SpecError, ToolMissingError
from verirl.outcomes import StageOutcome
from verirl.types import Message, Status, Task
from verirl_code.execution.child_pool import ChildPool
from verirl_code.execution.tagged_json import NODE_LIMIT, NotPlainError, decode, encode, pack, unpack
from verirl_code.extract import extract
from verirl_code.grading.grade_functions import order_of_tests
from verirl_code.grading.grader import grade
from verirl_code.grading.performance_stage import efficiency, score
from verirl_code.grading.results import CaseResult, GradedAnswer
from verirl_code.grading.value_equality import difference, difference_of_text, shown
from verirl_code.spec import Case, read_spec

CODE = registry.load("code")
CALL = {"input": [1], "expected": 2}
DEEP: list[Any] = []
for _ in range(100):
    DEEP = [DEEP]


def judge(spec: dict[str, Any], completion: str, folder: Path, **more: Any) -> list[StageOutcome]:
    task = Task(id="t", domain="code", prompt=(Message(role="user", content="?"),), spec=spec)
    return list(CODE.stages(task, completion, StageContext(folder, more.pop("seconds", 10.0), **more)))


def fenced(code: str) -> str:
    return f"Here:\n```python\n{code}\n```\n"


def has_passed(found: list[StageOutcome]) -> bool:
    return {one.stage.name: one.stage.status for one in found}.get("tests") is Status.PASSED


@pytest.fixture(scope="module")
def walls() -> None:
    try:
        sandbox.require()
    except ToolMissingError as problem:
        pytest.skip(str(problem))


# -- specs ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("spec", "field"),
    [
        ({}, "tests"),
        ({"entry_point": "f"}, "tests"),
        ({"entry_point": "f", "tests": []}, "tests"),
        ({"entry_point": "f", "tests": {}}, "tests"),
        ({"entry_point": "f", "tests": [CALL], "test_code": "assert 1"}, "tests"),
        ({"entry_point": "f g", "tests": [CALL]}, "entry_point"),
        ({"entry_point": "class", "tests": [CALL]}, "entry_point"),
        ({"entry_point": 3, "tests": [CALL]}, "entry_point"),
        ({"entry_point": "f", "tests": [[1, 2]]}, "tests.0"),
        ({"entry_point": "f", "tests": [CALL, {"input": [1]}]}, "tests.1.expected"),
        ({"entry_point": "f", "tests": [{"input": 1, "expected": 2}]}, "tests.0.input"),
        ({"entry_point": "f", "tests": [{**CALL, "name": "a"}]}, "tests.0.name"),
        ({"tests": [CALL]}, "entry_point"),
        ({"tests": [{"stdin": "1", "stdout": 2}]}, "tests.0.stdout"),
        ({"tests": [{"stdin": "1"}]}, "tests.0.stdout"),
        ({"entry_point": "f", "tests": [CALL, {"stdin": "1", "stdout": "2"}]}, "tests.1"),
        ({"entry_point": None, "tests": [CALL]}, "entry_point"),
        ({"entry_point": "f", "tests": [{"input": [1], "expected": DEEP}]}, "tests.0.expected"),
        ({"entry_point": "f", "tests": [CALL], "visible": 2}, "visible"),
        ({"entry_point": "f", "tests": [CALL], "visible": -1}, "visible"),
        ({"entry_point": "f", "tests": [CALL], "time_s": float("nan")}, "time_s"),
        ({"entry_point": "f", "tests": [CALL], "time_s": True}, "time_s"),
        ({"entry_point": "f", "tests": [CALL], "memory_mb": True}, "memory_mb"),
        ({"entry_point": "f", "tests": [CALL], "visible": True}, "visible"),
        ({"entry_point": "f", "tests": [CALL], "time_s": 0}, "time_s"),
        ({"entry_point": "f", "tests": [CALL], "time_s": "1"}, "time_s"),
        ({"entry_point": "f", "tests": [CALL], "memory_mb": 1.5}, "memory_mb"),
        ({"entry_point": "f", "tests": [CALL], "timeout": 3}, "timeout"),
        ({"entry_point": "f", "tests": [CALL], "setup_code": "import math"}, "setup_code"),
        ({"tests": [{"stdin": "1", "stdout": "\ud800"}]}, "tests.0.stdout"),
        ({"test_code": "  "}, "test_code"),
        ({"test_code": "assert ("}, "test_code"),
        ({"test_code": "assert 1", "reference": "def"}, "reference"),
        ({"test_code": ["assert 1"]}, "test_code"),
        ({"test_code": "assert 1", "setup_code": "def"}, "setup_code"),
        ({"test_code": "def check(c): assert c(1)"}, "entry_point"),
        ({"test_code": "# to do\n"}, "test_code"),
        ({"test_code": "import pytest\nassert f(1) == 2"}, "test_code"),
        ({"test_code": "def check(c):\n    from numpy.linalg import norm", "entry_point": "f"}, "test_code"),
        ({"test_code": "assert f(1) == 2", "setup_code": "import numpy as np"}, "setup_code"),
        (
            {"test_code": "import unittest\nassert f(1)\nif __name__ == '__main__':\n    unittest.main()"},
            "test_code",
        ),
        ({"test_code": "def test_f():\n    assert f(1) == 2"}, "test_code"),
        (
            {"test_code": "import unittest\nclass T(unittest.TestCase):\n    def test_f(self): pass"},
            "test_code",
        ),
    ],
)
def test_a_bad_spec_is_refused_with_its_field(spec: dict[str, Any], field: str) -> None:
    with pytest.raises(SpecError) as caught:
        CODE.check_spec(spec)
    assert caught.value.field == field


@pytest.mark.parametrize(
    "spec",
    [
        {"entry_point": "f", "tests": [CALL], "visible": 1, "time_s": 2, "memory_mb": 128},
        {"tests": [{"stdin": "", "stdout": "x"}]},
        {"tests": [{"stdin": "\udcff", "stdout": "x"}]},
        {"entry_point": "f", "tests": [{"input": ["\ud800", None, 10**30], "expected": {"a": [1.5]}}]},
        {"test_code": "assert f(1) == 2"},
        {"test_code": "try:\n    import numpy\nexcept ImportError:\n    numpy = None\nassert f(1) == 2"},
        {"test_code": "def check(c): assert c(1)", "entry_point": "f", "setup_code": "import math"},
    ],
)
def test_a_good_spec_is_taken(spec: dict[str, Any]) -> None:
    CODE.check_spec(spec)


# -- extraction -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("completion", "code"),
    [
        ("```python\na = 1\n```", "a = 1\n"),
        ("text\n```py\na = 1\n```\nmore\n```python\nb = 2\n```\nend", "b = 2\n"),
        ("```python\na = 1\n```\n```\n1\n```", "a = 1\n"),
        ("```python\na = 1\n```\n```bash\nls\n```", "a = 1\n"),
        ("```\na = 1\n```", "a = 1\n"),
        ("~~~python\na = 1\n~~~", "a = 1\n"),
        ("````python\na = '''\n```\n'''\n````", "a = '''\n```\n'''\n"),
        (
            "<think>```python\na = 1\n```</think>```python\nb = 2\n```".replace(
                "```python\nb", "\n```python\nb"
            ),
            "b = 2\n",
        ),
        ("def f(x):\n    return x", "def f(x):\n    return x"),
        ("import sys\nprint(1)", "import sys\nprint(1)"),
        ("# doubles\nn = int(input())\n", "# doubles\nn = int(input())\n"),
        ("print(int(input()) * 2)", "print(int(input()) * 2)"),
        ("```Python\r\na = 1\r\n```", "a = 1\n"),
    ],
)
def test_the_program_is_found(completion: str, code: str) -> None:
    assert extract(completion) == code


@pytest.mark.parametrize(
    "completion",
    [
        "",
        "I do not know.",
        "The answer is to use a loop.",
        "```python\na = 1\n",
        "```python\n\n```",
        "```bash\nls\n```",
        "<think>```python\na = 1\n```",
        "<think>\n```python\na = 1\n```\n</think>\nDone.",
        "    return x",
        "x" * 1_000_001,
    ],
)
def test_no_program_is_no_answer(completion: str) -> None:
    with pytest.raises(NoAnswerError):
        extract(completion)


@given(st.text(alphabet="`~python \n<think/>=a", max_size=200))
def test_extraction_never_breaks(text: str) -> None:
    try:
        found = extract(text)
    except NoAnswerError:
        return
    assert found.strip()


# -- comparison -----------------------------------------------------------------------------------------

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=4),
    max_leaves=12,
)
NAN, INF = float("nan"), float("inf")


@given(JSON)
def test_a_value_is_itself_and_survives_the_wire(value: Any) -> None:
    wire = unpack(bytearray(pack({"value": encode(value)})))
    assert wire is not None
    assert difference(encode(value), wire["value"]) is None
    assert difference(encode(value), encode(decode(wire["value"]))) is None
    assert shown(wire["value"])


@pytest.mark.parametrize(
    ("expected", "got"),
    [
        (3, 3.0),
        (3.0, 3),
        (0.3, 0.1 + 0.2),
        (1e6, 1e6 + 0.5),
        (0.0, -0.0),
        (NAN, NAN),
        (INF, INF),
        (10**40, 10**40),
        ([1, 2], (1, 2)),
        ([[1, 2], [3]], [(1, 2), (3,)]),
        ([], ()),
        ({"a": [1.0]}, {"a": (1.0000000001,)}),
        ({"1": 2, "2": 3}, {2: 3, 1: 2}),
        ({"true": 1}, {True: 1}),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}),
        ({1, 2, (3, 4)}, {(3, 4), 2, 1}),
        (frozenset({1}), frozenset({1})),
        (b"a", b"a"),
        (1 + 2j, 1 + 2j),
    ],
)
def test_equal(expected: Any, got: Any) -> None:
    assert difference(encode(expected), encode(got)) is None


@pytest.mark.parametrize(
    ("expected", "got"),
    [
        (1, True),
        (True, 1),
        (0, False),
        (False, 0.0),
        (0, None),
        (3, 3.0000000001),
        (10**17, float(10**17 + 16)),
        (1e-8, 0.0),
        (1.0, 1.00001),
        (1.0, NAN),
        (NAN, 1.0),
        (NAN, None),
        (INF, -INF),
        (INF, 1e308),
        (1, "1"),
        ("1", 1),
        ("a", "a "),
        ("", []),
        ("ab", ["a", "b"]),
        ([], {}),
        ([], None),
        ([1, 2], [2, 1]),
        ([1, 2], [1, 2, 3]),
        ([1, 2], {1, 2}),
        ([1], [True]),
        ({"a": 1}, {"a": True}),
        ({"a": 1}, {"a": 1, "b": 2}),
        ({"a": None}, {}),
        ({"1": 2}, {1: 2, "1": 2}),
        ({1, 2}, {1, 3}),
        ({1}, frozenset({1})),
        ({1}, {True}),
        (b"a", "a"),
    ],
)
def test_different(expected: Any, got: Any) -> None:
    assert difference(encode(expected), encode(got))


@pytest.mark.parametrize(
    "got",
    [[], ["?", 1], ["f"], ["f", 1], ["f", "x"], ["i", "zz"], ["d", 1], ["r", 0], ["c", "1"], {"a": 1}, 0.5],
)
def test_what_no_encoder_writes_is_no_value(got: Any) -> None:
    for expected in (1, 1.0, [1], {"a": 1}, "a"):
        assert difference(encode(expected), got)


def test_what_is_no_plain_data_is_refused() -> None:
    class Whole(int):
        pass

    for value in (
        Whole(1),
        object(),
        len,
        range(3),
        [Whole(1)],
        {"a": {1}.__iter__()},
        [0] * (NODE_LIMIT + 1),
    ):
        with pytest.raises(NotPlainError):
            encode(value)


@pytest.mark.parametrize(
    ("expected", "got", "same"),
    [
        ("1\n2\n", "1\n2", True),
        ("1 \n2", "1\n2   \n\n", True),
        ("a b", "a  b", False),
        ("  *", "*", False),
        ("0.5", "0.50000001", True),
        ("x 0.5 y", "x 0.5000000001 y", True),
        ("1", "1.0", False),
        ("1", "2", False),
        ("1.0", "nan", False),
        ("1\n2", "1", False),
        ("", "", True),
        ("", "x", False),
        ("1.5", "1" * 5000, False),
    ],
)
def test_output_is_compared_line_by_line(expected: str, got: str, same: bool) -> None:
    assert (difference_of_text(expected, got) is None) is same


# -- the ladder -----------------------------------------------------------------------------------------

TESTS = [{"input": [n], "expected": n * n} for n in range(5)]
SQUARE = {"entry_point": "f", "tests": TESTS, "visible": 2}
ECHO = {"tests": [{"stdin": f"{n}\n", "stdout": f"{n * n}\n"} for n in range(3)]}
CHECK = {"entry_point": "f", "test_code": "def check(g):\n    assert g(3) == 9\n    assert g(2) == 4\n"}


@pytest.mark.usefixtures("walls")
@pytest.mark.parametrize(
    ("spec", "code", "fell"),
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
def test_where_an_answer_falls(spec: dict[str, Any], code: str, fell: str | None, tmp_path: Path) -> None:
    CODE.check_spec(spec)
    found = judge({**spec, "time_s": 3.0}, fenced(code), tmp_path)
    last = found[-1].stage
    assert (None if last.name == "efficiency" else last.name) == fell, last.detail
    assert Status.ERROR not in [one.stage.status for one in found]


@pytest.mark.usefixtures("walls")
def test_partial_credit_and_figures(tmp_path: Path) -> None:
    found = judge(SQUARE, fenced("def f(x):\n    return x * x if x != 4 else -99"), tmp_path)[-1]
    assert found.stage.score == pytest.approx(4 / 5)
    assert found.metrics["visible_share"] == 1.0
    assert found.metrics["hidden_share"] == pytest.approx(2 / 3)
    assert "16" in found.stage.detail
    assert "16" not in found.feedback
    assert "-99" not in found.feedback


@pytest.mark.usefixtures("walls")
def test_the_failing_line_is_named(tmp_path: Path) -> None:
    found = judge(SQUARE, fenced("def f(x):\n    y = x\n    return y / 0\n"), tmp_path)[-1]
    assert "ZeroDivisionError" in found.stage.detail
    assert "line 3" in found.stage.detail


@pytest.mark.usefixtures("walls")
def test_the_failing_line_of_test_code_is_named_but_not_to_the_model(tmp_path: Path) -> None:
    spec = {"test_code": "assert f(1) == 1\nx = 0\nassert f(2) == 'secret'\n"}
    found = judge(spec, fenced("def f(n): return n"), tmp_path)[-1]
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
    found = judge({"test_code": "f(1)\n"}, fenced(f"def f(n): raise {raised}"), tmp_path)[-1]
    words = found.stage.detail.removeprefix("0 of 1 tests passed; ").removesuffix(" (line 1 of the tests)")
    assert words.startswith(said)
    assert said.endswith(": ") or words == said
    alone = judge({"entry_point": "f", "tests": [CALL]}, fenced(f"def f(n): raise {raised}"), tmp_path)[-1]
    assert "Error: AttributeError" not in alone.stage.detail


def test_tests_see_the_message_that_the_answer_gave(tmp_path: Path) -> None:
    tests = "try:\n    f(1)\nexcept ValueError as problem:\n    assert str(problem) == 'too small: 1'\n"
    answer = fenced("def f(n): raise ValueError(f'too small: {n}')")
    assert has_passed(judge({"test_code": tests}, answer, tmp_path))


def test_a_syntax_errors_place_is_said_once(tmp_path: Path) -> None:
    found = judge({"entry_point": "f", "tests": [CALL]}, fenced("x = 1\ndef f(n)\n    return n"), tmp_path)[
        -1
    ]
    assert found.stage.detail == "SyntaxError: expected ':' (line 2)"


def test_an_answer_that_draws_is_judged_alike_twice(tmp_path: Path) -> None:
    code = fenced("import random\nDRAW = random.random()\ndef f(x):\n    return x * x if DRAW < 0.5 else 0")
    first, second = (judge(SQUARE, code, tmp_path)[3].stage for _ in range(2))
    assert (first.status, first.score) == (second.status, second.score)


@pytest.mark.usefixtures("walls")
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


# -- efficiency -----------------------------------------------------------------------------------------


def trial_of(cpu_s: float, *, right: bool = True, late: bool = False) -> GradedAnswer:
    return GradedAnswer(results={0: CaseResult(right, timed_out=late)}, total=1, cpu_s=cpu_s)


@pytest.mark.parametrize(
    ("mine", "other", "value"),
    [
        (0.05, 0.0, 1.0),
        (1.0, 1.0, 1.0),
        (1.0, 0.6, 1.0),
        (2.0, 0.4, 2 / 3),
        (5.0, 0.15, 1 / 3),
        (9.0, 0.01, 0.0),
    ],
)
def test_efficiency_is_a_level_for_each_factor_of_four(mine: float, other: float, value: float) -> None:
    found = efficiency(
        trial_of(mine), "code", f"{mine} {other}", lambda text: trial_of(other if text else mine)
    )
    assert found.stage.status is Status.PASSED
    assert found.stage.score == pytest.approx(value)


@given(st.floats(0.0, 100.0), st.floats(0.0, 100.0))
def test_slower_is_never_better(one: float, other: float) -> None:
    assert score(max(one, other) + 0.01) <= score(min(one, other) + 0.01)


def test_near_a_border_noise_does_not_decide() -> None:
    """An answer as fast as the reference, measured once on a busy machine."""
    noisy = iter([trial_of(1.0), trial_of(1.05), trial_of(1.0), trial_of(1.0)])
    assert efficiency(trial_of(2.2), "code", "noisy", lambda text: next(noisy)).stage.score == 1.0


def test_without_a_reference_that_passes_the_stage_is_skipped() -> None:
    assert efficiency(trial_of(1.0), None, "a", lambda text: None).stage.status is Status.SKIPPED
    wrong = trial_of(1.0, right=False)
    assert efficiency(trial_of(1.0), "code", "b", lambda text: wrong).stage.status is Status.SKIPPED


def test_an_answer_that_leaves_no_time_for_the_reference_scores_nothing() -> None:
    assert efficiency(trial_of(5.0), "code", "c", lambda text: None).stage.score == 0.0


@pytest.mark.usefixtures("walls")
@pytest.mark.parametrize("spend", [
    "for _ in range(20_000_000): pass",
    "import threading\n    t = threading.Thread(target=lambda: [0 for _ in range(20_000_000)]); t.start(); t.join()",
    "import time, resource\n    resource.getrusage = lambda w: None\n    time.process_time = lambda: 0\n"
    "    for _ in range(20_000_000): pass",
])  # fmt: skip
def test_time_is_counted_where_no_answer_can_hide_it(spend: str, tmp_path: Path) -> None:
    spec = {**SQUARE, "tests": TESTS[:2], "reference": "def f(x):\n    return x * x\n", "time_s": 10}
    found = judge(spec, fenced(f"def f(x):\n    {spend}\n    return x * x"), tmp_path, seconds=30.0)
    assert found[3].stage.status is Status.PASSED
    assert found[4].stage.score < 1.0
    assert judge(spec, fenced("def f(x):\n    return x ** 2"), tmp_path)[4].stage.score == 1.0


# -- the order of the tests -----------------------------------------------------------------------------


@given(st.lists(st.integers(0, 3), min_size=2, max_size=8), st.text(max_size=20))
def test_the_order_is_never_the_published_one(values: list[int], code: str) -> None:
    cases = [Case(["l", number], value) for number, value in enumerate(values)]
    order = order_of_tests(cases, "task", code)
    assert sorted(order) == list(range(len(cases)))
    assert order == order_of_tests(cases, "task", code)
    if len(set(values)) == len(values):
        assert [cases[number].expected for number in order] != values


def test_the_order_hangs_on_every_character_of_the_answer() -> None:
    cases = [Case(["l", number], number) for number in range(8)]
    orders = {tuple(order_of_tests(cases, "task", f"def f(x): return x  # {n}")) for n in range(50)}
    assert len(orders) == 50


@pytest.mark.usefixtures("walls")
def test_a_child_that_does_not_read_a_large_question_is_late(tmp_path: Path) -> None:
    tests = [{"input": ["x" * 300_000 + str(n)], "expected": 300_001} for n in range(8)]
    spec = {"entry_point": "f", "tests": tests, "time_s": 2.0}
    assert has_passed(judge(spec, fenced("f = len"), tmp_path))
    found = judge(spec, fenced("import time\ndef f(x):\n    time.sleep(100)"), tmp_path, seconds=3.0)
    assert found[-1].stage.status is Status.TIMEOUT
