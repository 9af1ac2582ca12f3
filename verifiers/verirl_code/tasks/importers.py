"""Read the published files of HumanEval, MBPP and their EvalPlus versions, as tasks of the split `eval`.

If a row lacks a field, the error names file, line and field. HumanEval+ and MBPP+ publish inputs, not
results: their own solution is run on the inputs in the sandbox, and each task gets inputs and results as
data. If data cannot express what the benchmark means (a special comparison, tuples or sets among the
arguments), the task gets the published assertions instead.
"""

from __future__ import annotations

import ast
import gzip
import json
import math
import zlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from verirl.domain import Importer
from verirl.errors import InputError, SpecError
from verirl.io.jsonl import Line
from verirl.io.rows import data_files, text_field, warn_left_out
from verirl.types import Message, Source, Task
from verirl_code.spec import check_spec
from verirl_code.tasks.expected_outputs import run_reference

INSTRUCTION = "Answer with the whole code in one ```python block."
PLUS_TIME_S = 20.0
"""CPU time for all tests of a HumanEval+ or MBPP+ task together: up to some thousands."""
MAX_PLUS_TESTS = 5000

_SPECIALLY_COMPARED = {
    # EvalPlus does not compare these by value, but as a root of a polynomial, as sets, or with None only.
    "find_zero",
    "similar_elements",
    "find_char_long",
    "common_in_nested_lists",
    "extract_singly",
    "larg_nnum",
    "intersection_array",
    "find_dissimilar",
    "Diff",
    "are_equivalent",
    "sum_div",
    "surface_Area",
    "digit_distance_nums",
    "check_str",
    "text_match_three",
    "text_starta_endb",
}
_AUTO_IMPORTED_MODULES = ("cmath", "collections", "heapq", "itertools", "math", "re", "sys")


def humaneval(path: Path) -> Iterator[Task]:
    """HumanEval (Chen et al. 2021): JSONL of prompt, entry_point, canonical_solution and test."""
    for line in _rows(path):
        prompt, name = text_field(line, "prompt"), text_field(line, "entry_point")
        spec = {"test_code": text_field(line, "test"), "entry_point": name}
        code = prompt + text_field(line, "canonical_solution")
        yield from _task(line, "humaneval", _completion(prompt), spec, code, license="MIT")


def humaneval_plus(path: Path) -> Iterator[Task]:
    """HumanEval+ (Liu et al. 2023): HumanEval's fields with base_input and plus_input."""
    for line in _rows(path):
        prompt, name = text_field(line, "prompt"), text_field(line, "entry_point")
        code = prompt + text_field(line, "canonical_solution")
        spec = None if name in _SPECIALLY_COMPARED else _spec_of_results(line, code, name)
        if spec is None:
            if not isinstance(line.value.get("test"), str):
                warn_left_out(line, "its results are not plain data, and the row has no 'test'")
                continue
            test = _without_numpy(line, name)
            if test is None:
                continue
            spec = {"test_code": test, "entry_point": name}
        yield from _task(line, "humaneval-plus", _completion(prompt), spec, code, license="Apache-2.0")


def mbpp(path: Path) -> Iterator[Task]:
    """MBPP (Austin et al. 2021), full or sanitized: text or prompt, code, test_list and what they need."""
    yield from _mbpp(path, "mbpp")


def mbpp_sanitized(path: Path) -> Iterator[Task]:
    """The sanitized part of MBPP: a JSON array (or JSONL) of prompt, code, test_imports and test_list."""
    yield from _mbpp(path, "mbpp-sanitized")


def _mbpp(path: Path, source: str) -> Iterator[Task]:
    for line in _rows(path):
        code, tests = text_field(line, "code"), _texts(line, "test_list")
        hidden = _texts(line, "challenge_test_list", required=False)
        # The set-up builds objects of the classes that the answer defines, so it comes after the answer.
        setup = line.value.get("test_setup_code") or ""
        imports = _texts(line, "test_imports", required=False)
        test_code = _tests_of([*imports, setup, *tests, *hidden])
        spec: dict[str, Any] = {"test_code": test_code}
        name = _tested_function(line, code, tests)
        if name is not None:
            spec["entry_point"] = name
        text = text_field(line, "text" if "text" in line.value else "prompt").strip()
        shown = "\n".join(test.strip() for test in tests)
        prompt = f"{text}\nYour code should pass these tests:\n\n{shown}\n\n{INSTRUCTION}"
        yield from _task(line, source, prompt, spec, code, license="CC-BY-4.0")


def mbpp_plus(path: Path) -> Iterator[Task]:
    """MBPP+ (Liu et al. 2023): prompt, entry_point, canonical_solution, inputs, and assertion.

    The layout on the Hugging Face hub has MBPP's fields instead, and a `test` with inputs and results.
    """
    for line in _rows(path):
        if "canonical_solution" not in line.value and "test_list" in line.value:
            yield from _mbpp_plus_of_the_hub(line)
            continue
        code, name = text_field(line, "canonical_solution"), text_field(line, "entry_point")
        assertion = text_field(line, "assertion")
        spec = None
        if name not in _SPECIALLY_COMPARED and _plain_calls(assertion, name, line.value.get("base_input")):
            spec = _spec_of_results(line, code, name)
        if spec is None:
            spec = {"test_code": _tests_of([assertion]), "entry_point": name}
        prompt = f"{text_field(line, 'prompt').strip()}\n\n{INSTRUCTION}"
        yield from _task(line, "mbpp-plus", prompt, spec, code, license="Apache-2.0")


def _mbpp_plus_of_the_hub(line: Line) -> Iterator[Task]:
    code, tests = text_field(line, "code"), _texts(line, "test_list")
    name = _tested_function(line, code, tests)
    test = _without_numpy(line, name) if name is not None and name not in _SPECIALLY_COMPARED else None
    spec: dict[str, Any] = {
        "test_code": test or _tests_of([*_texts(line, "test_imports", required=False), *tests])
    }
    if name is not None:
        spec["entry_point"] = name
    shown = "\n".join(one.strip() for one in tests)
    text = text_field(line, "prompt").strip()
    prompt = f"{text}\nYour code should pass these tests:\n\n{shown}\n\n{INSTRUCTION}"
    yield from _task(line, "mbpp-plus", prompt, spec, code, license="Apache-2.0")


IMPORTERS: Mapping[str, Importer] = {
    "humaneval": humaneval,
    "humaneval-plus": humaneval_plus,
    "mbpp": mbpp,
    "mbpp-sanitized": mbpp_sanitized,
    "mbpp-plus": mbpp_plus,
}


def _rows(path: Path) -> Iterator[Line]:
    """Yield the rows of a file (JSON lines or one array, also `.gz`), or of all such files of a folder."""
    for file in data_files(path, (".jsonl", ".json")):
        yield from _rows_of(file)


def _rows_of(path: Path) -> Iterator[Line]:
    opener = gzip.open if path.suffix == ".gz" else open
    try:
        with opener(path, "rt", encoding="utf-8-sig") as stream:
            yield from _objects(path, stream)
    except (UnicodeDecodeError, gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise InputError.at(path, f"is not a UTF-8 JSONL file ({error})") from error
    except OSError as error:
        raise InputError.at(path, error.strerror or str(error)) from error


def _objects(path: Path, stream: Iterable[str]) -> Iterator[Line]:
    """Yield the objects of JSON lines with their line numbers, or those of a JSON array, numbered from 1."""
    lines = ((number, text) for number, text in enumerate(stream, start=1) if text.strip())
    for number, text in lines:
        if text.lstrip().startswith("["):
            values = _json(path, text + "".join(rest for _, rest in lines), None)
            for place, value in enumerate(values, start=1):
                yield _line(path, place, value)
        else:
            yield _line(path, number, _json(path, text, number))


def _json(path: Path, text: str, number: int | None) -> Any:
    """Parse JSON as EvalPlus writes it: with Infinity among the inputs."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InputError.at(path, f"not valid JSON ({error})", line=number) from error


def _line(path: Path, number: int, value: Any) -> Line:
    if not isinstance(value, dict):
        raise InputError.at(path, f"expected an object, got {type(value).__name__}", line=number)
    return Line(str(path), number, value)


def _texts(line: Line, field: str, *, required: bool = True) -> list[str]:
    value = line.value.get(field)
    if value is None and not required:
        return []
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        what = "missing" if field not in line.value else "must be a list of texts"
        raise InputError.at(line.file, what, line=line.number, field=field)
    return [one.replace("\r\n", "\n") for one in value]


def _inputs(line: Line) -> list[list[Any]]:
    found: list[list[Any]] = []
    for field in ("base_input", "plus_input"):
        # If there are no extra inputs, EvalPlus writes an empty object.
        value = line.value.get(field) or []
        if not isinstance(value, list) or not all(isinstance(one, list) for one in value):
            raise InputError.at(line.file, "must be a list of argument lists", line=line.number, field=field)
        found += value
    return [one for one in found if _finite(one)][:MAX_PLUS_TESTS]


def _finite(value: Any) -> bool:
    """Return whether standard JSON can hold the value: it has neither Infinity nor NaN."""
    if isinstance(value, float):
        return math.isfinite(value)
    if isinstance(value, dict):
        return all(_finite(one) for one in value.values())
    return not isinstance(value, list) or all(_finite(one) for one in value)


def _spec_of_results(line: Line, code: str, name: str) -> dict[str, Any] | None:
    """Return a spec of inputs and results; None if the solution returns no plain data for a base input."""
    inputs = _inputs(line)
    base = sum(_finite(one) for one in line.value.get("base_input") or [])
    found = run_reference(code, name, inputs)
    if not found or any(one is None for one in found[:base]):
        return None
    tests = [
        {"input": given, "expected": one.value}
        for given, one in zip(inputs, found, strict=True)
        if one is not None
    ]
    spec = {"entry_point": name, "tests": tests, "time_s": PLUS_TIME_S}
    try:
        check_spec(spec)
    except SpecError:
        return None
    return spec


_EVALPLUS_COMPARISON = """
import math

def near(found, wanted):
    if type(wanted) in (list, tuple) and type(found) is type(wanted):
        return len(found) == len(wanted) and all(map(near, found, wanted))
    if type(wanted) is float and type(found) in (int, float):
        return found == wanted or math.isclose(found, wanted, rel_tol=1e-7, abs_tol=1e-6)
    return found == wanted or found != found and wanted != wanted

def check(candidate):
    for given, wanted in zip(inputs, results):
        assert near(candidate(*given), wanted)
"""
"""The comparison of EvalPlus without numpy, which its `test` on the hub needs and answers do not have."""


def _without_numpy(line: Line, name: str) -> str | None:
    """Return the row's test without numpy; None, with a warning, if that is impossible."""
    test = text_field(line, "test")
    try:
        tree = ast.parse(test)
    except (SyntaxError, ValueError) as error:
        raise InputError.at(line.file, f"not Python ({error})", line=line.number, field="test") from None
    nodes = list(ast.walk(tree))
    if not any(alias.name == "numpy" for n in nodes if isinstance(n, ast.Import) for alias in n.names):
        return test
    tables = {
        node.targets[0].id: ast.unparse(node.value)
        for node in nodes
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)
    }
    if name in _SPECIALLY_COMPARED or not {"inputs", "results"} <= tables.keys():
        warn_left_out(line, "its test needs numpy, which answers do not have")
        return None
    head = "from math import inf, nan\n"
    return f"{head}inputs = {tables['inputs']}\nresults = {tables['results']}\n{_EVALPLUS_COMPARISON}"


def _plain_calls(assertion: str, name: str, base: object) -> bool:
    """Return whether each assertion is `name(…) == literal`, with the arguments in `base`, as plain data."""
    if not isinstance(base, list):
        return False
    try:
        lines = ast.parse(assertion).body
    except (SyntaxError, ValueError):
        return False
    calls: list[list[Any]] = []
    for line in lines:
        match line:
            case ast.Assert(
                test=ast.Compare(
                    left=ast.Call(func=ast.Name(id=called), args=args, keywords=[]),
                    ops=[ast.Eq()],
                    comparators=[right],
                )
            ) if called == name:
                try:
                    calls.append([ast.literal_eval(arg) for arg in args])
                    ast.literal_eval(right)
                except (ValueError, TypeError):
                    return False
            case _:
                return False
    return [repr(call) for call in calls] == [repr(call) for call in base[: len(calls)]]


def _tests_of(parts: Iterable[str]) -> str:
    """Join test code, and import the modules that it uses and does not import."""
    code = "\n".join(part.strip() for part in parts if part.strip()) + "\n"
    try:
        tree = ast.parse(code)
    except (SyntaxError, ValueError):
        return code
    nodes = list(ast.walk(tree))
    used = {n.value.id for n in nodes if isinstance(n, ast.Attribute) and isinstance(n.value, ast.Name)}
    there = {alias.name for n in nodes if isinstance(n, ast.Import) for alias in n.names}
    missing = [name for name in _AUTO_IMPORTED_MODULES if name in used and name not in there]
    return "".join(f"import {name}\n" for name in missing) + code


def _tested_function(line: Line, code: str, tests: list[str]) -> str | None:
    """Return the function of `code` that the tests call, which the answer has to define."""
    try:
        defined = {node.name for node in ast.parse(code).body if isinstance(node, ast.FunctionDef)}
        nodes = [node for test in tests for node in ast.walk(ast.parse(test.strip()))]
    except (SyntaxError, ValueError) as error:
        raise InputError.at(line.file, f"not Python ({error})", line=line.number, field="code") from None
    calls = (n.func.id for n in nodes if isinstance(n, ast.Call) and isinstance(n.func, ast.Name))
    return next((name for name in calls if name in defined), None)


def _completion(prompt: str) -> str:
    return f"Complete this Python code.\n\n```python\n{prompt.strip()}\n```\n\n{INSTRUCTION}"


def _task(
    line: Line, source: str, prompt: str, spec: dict[str, Any], code: str, *, license: str
) -> Iterator[Task]:
    spec = {**spec, "reference": code.strip() + "\n"}
    try:
        check_spec(spec)
    except SpecError as error:
        warn_left_out(line, error)
        return
    given = line.value.get("task_id")
    given = f"{line.number:06d}" if given is None else str(given)
    yield Task(
        id=f"{source}/{given.rpartition('/')[2]}",
        domain="code",
        prompt=(Message(role="user", content=prompt),),
        spec=spec,
        reference=f"```python\n{code.strip()}\n```",
        tags=(source,),
        split="eval",
        source=Source(name=source, license=license),
    )
