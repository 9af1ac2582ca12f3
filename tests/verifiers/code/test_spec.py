"""Code specs: what is refused, with its field, and what is accepted."""

from __future__ import annotations

from typing import Any

import pytest

from verirl import registry
from verirl.errors import SpecError

CODE = registry.load("code")
CALL = {"input": [1], "expected": 2}
DEEP: list[Any] = []
for _ in range(100):
    DEEP = [DEEP]


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
def test_a_good_spec_is_accepted(spec: dict[str, Any]) -> None:
    CODE.check_spec(spec)


def test_the_schema_describes_every_key() -> None:
    schema = CODE.spec_model.model_json_schema()
    assert set(schema["properties"]) >= {"entry_point", "tests", "test_code", "time_s", "memory_mb"}
    assert all(key["description"] for key in schema["properties"].values())
    kinds = [schema["$defs"][name]["required"] for name in ("CallTest", "ProgramTest")]
    assert kinds == [["input", "expected"], ["stdin", "stdout"]]
