"""What a code task's `spec` must say, read once and typed."""

from __future__ import annotations

import ast
import keyword
import math
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from verirl.errors import SpecError
from verirl_code.execution.tagged_json import NotPlainError, encode

TIME_S = 6.0
"""Seconds of CPU time for all the tests of one answer together, where the spec names none."""

MEMORY_MB = 1024
TESTS_LIMIT = 20_000

_FIELDS = ("entry_point", "tests", "visible", "test_code", "setup_code", "reference", "time_s", "memory_mb")


@dataclass(frozen=True, slots=True)
class Case:
    """One test. A call: `given` are the arguments; a program: `given` is its standard input.

    `given` and `expected` are tagged (`data.encode`) for a call, text for a program.
    """

    given: Any
    expected: Any


@dataclass(frozen=True, slots=True)
class Spec:
    """A checked spec, in one of its three forms.

    Calls: `entry_point` and `cases`. Program: `cases` alone. Test code: `test_code`, perhaps `entry_point`.
    `visible`: how many leading cases the prompt shows. `reference`: a right program to measure others by.
    """

    entry_point: str | None
    cases: tuple[Case, ...]
    visible: int
    test_code: str | None
    setup_code: str
    reference: str | None
    time_s: float
    memory_mb: int

    @property
    def is_program(self) -> bool:
        """Whether the answer is a program that reads standard input."""
        return self.test_code is None and self.entry_point is None


def check_spec(spec: Mapping[str, Any]) -> None:
    """Raise SpecError where a spec lacks or misstates what the verifier needs."""
    read = read_spec(spec)
    for field in ("setup_code", "test_code", "reference"):
        try:
            tree = ast.parse(getattr(read, field) or "")
        except (SyntaxError, ValueError, RecursionError, MemoryError) as problem:
            raise SpecError(field, f"is not Python: {problem}") from None
        if field != "reference":
            _check_imports(tree, field)
        if field == "test_code" and read.test_code is not None:
            _check_that_it_tests(tree, read.entry_point)


def _check_imports(node: ast.AST, field: str) -> None:
    """Refuse what imports more than the standard library, and does not try to."""
    for one in ast.iter_child_nodes(node):
        names: list[str] = []
        if isinstance(one, ast.Import):
            names = [alias.name for alias in one.names]
        elif isinstance(one, ast.ImportFrom):
            names = [one.module or "."]
        elif not isinstance(one, ast.Try):
            _check_imports(one, field)
        for name in names:
            if name.partition(".")[0] not in sys.stdlib_module_names:
                raise SpecError(field, f"imports '{name}': tests and answers have the standard library alone")


def _check_that_it_tests(tree: ast.Module, entry_point: str | None) -> None:
    """Refuse test code that would pass whatever the answer is, or call its `check` with nothing."""
    if any(isinstance(one, ast.Call) and ast.unparse(one.func) == "unittest.main" for one in ast.walk(tree)):
        raise SpecError("test_code", "calls 'unittest.main', which finds no tests here: assert, or call them")
    if any(isinstance(one, ast.FunctionDef) and one.name == "check" for one in tree.body):
        if entry_point is None:
            raise SpecError("entry_point", "missing: 'check' of the test code is called with it")
        return
    definitions = (ast.Import, ast.ImportFrom, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Pass)
    if all(isinstance(one, definitions) or _is_a_constant(one) for one in tree.body):
        why = "tests nothing: define check(candidate), assert at the top level, or call the tests there"
        raise SpecError("test_code", why)


def _is_a_constant(statement: ast.stmt) -> bool:
    """A docstring, or an ellipsis."""
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)


def read_spec(spec: Mapping[str, Any]) -> Spec:
    """The spec as typed data; SpecError names the field that is unknown, missing or wrong."""
    for field in spec:
        if field not in _FIELDS:
            raise SpecError(str(field), f"unknown; a code spec has {', '.join(_FIELDS)}")
    if ("tests" in spec) == ("test_code" in spec):
        both = "tests" in spec
        raise SpecError("tests", "not together with 'test_code'" if both else "missing (or 'test_code')")
    entry_point = _entry_point(spec)
    test_code = _text(spec, "test_code")
    setup_code = _text(spec, "setup_code") or ""
    if test_code is None and "setup_code" in spec:
        raise SpecError("setup_code", "goes with 'test_code' only")
    if test_code is not None and not test_code.strip():
        raise SpecError("test_code", "empty")
    cases = _cases(spec["tests"], entry_point is not None) if test_code is None else ()
    return Spec(
        entry_point,
        cases,
        _visible(spec, len(cases)),
        test_code,
        setup_code,
        _text(spec, "reference"),
        _time(spec),
        _memory(spec),
    )


def _entry_point(spec: Mapping[str, Any]) -> str | None:
    name = _text(spec, "entry_point")
    if name is not None and (not name.isidentifier() or keyword.iskeyword(name)):
        raise SpecError("entry_point", "must be the name of a Python function")
    return name


def _text(spec: Mapping[str, Any], field: str) -> str | None:
    value = spec.get(field)
    if field in spec and not isinstance(value, str):
        raise SpecError(field, f"must be a string, not {type(value).__name__}")
    return value


def _cases(tests: object, calls: bool) -> tuple[Case, ...]:
    if not isinstance(tests, list) or not tests:
        raise SpecError("tests", "must be a list with at least one test")
    if len(tests) > TESTS_LIMIT:
        raise SpecError("tests", f"more than {TESTS_LIMIT} tests")
    return tuple(_case(test, f"tests[{number}]", calls) for number, test in enumerate(tests))


def _case(test: object, where: str, calls: bool) -> Case:
    names = ("input", "expected") if calls else ("stdin", "stdout")
    if not isinstance(test, dict):
        raise SpecError(where, "must be an object")
    for name in names:
        if name not in test:
            hint = "" if calls else " (a test of a function needs 'entry_point' in the spec)"
            raise SpecError(f"{where}.{name}", f"missing{hint}")
    for name in test:
        if name not in names:
            raise SpecError(f"{where}.{name}", f"unknown; a test has {' and '.join(names)}")
    given, expected = test[names[0]], test[names[1]]
    if not calls:
        for name, value in zip(names, (given, expected), strict=True):
            if not isinstance(value, str):
                raise SpecError(f"{where}.{name}", f"must be a string, not {type(value).__name__}")
            try:
                value.encode("utf-8", "surrogateescape")
            except UnicodeEncodeError:
                why = "holds half of a surrogate pair, which no stream can carry"
                raise SpecError(f"{where}.{name}", why) from None
        return Case(given, expected)
    if not isinstance(given, list):
        raise SpecError(f"{where}.input", "must be a list of positional arguments")
    tagged = []
    for name, value in zip(names, (given, expected), strict=True):
        try:
            tagged.append(encode(value))
        except NotPlainError as problem:
            raise SpecError(f"{where}.{name}", f"cannot be passed on: {problem}") from None
    return Case(*tagged)


def _visible(spec: Mapping[str, Any], cases: int) -> int:
    value = spec.get("visible", 0)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= cases:
        raise SpecError("visible", f"must be a whole number from 0 to the number of tests ({cases})")
    return value


def _time(spec: Mapping[str, Any]) -> float:
    value = spec.get("time_s", TIME_S)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise SpecError("time_s", "must be a number of seconds")
    if not math.isfinite(value) or not 0 < value <= 3600:
        raise SpecError("time_s", "must be more than 0 and at most 3600 seconds")
    return float(value)


def _memory(spec: Mapping[str, Any]) -> int:
    value = spec.get("memory_mb", MEMORY_MB)
    if isinstance(value, bool) or not isinstance(value, int) or not 64 <= value <= 65536:
        raise SpecError("memory_mb", "must be a whole number of megabytes from 64 to 65536")
    return value
