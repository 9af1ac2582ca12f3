"""The `spec` of a code task: its pydantic model, and the checks of its code that need a parser."""

from __future__ import annotations

import ast
import keyword
import sys
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Annotated, Any, ClassVar, NamedTuple, Self

from pydantic import AfterValidator, BaseModel, Discriminator, Field, Tag, model_validator

from verirl import spec as base
from verirl.errors import SpecError
from verirl.spec import Omittable, Spec
from verirl_code.execution.tagged_json import NotPlainError, encode

TIME_S = 6.0
"""Default CPU time of the process that runs the tests, in seconds."""

MEMORY_MB = 1024
MAX_TESTS = 20_000


class Case(NamedTuple):
    """One test in the form that the grader uses.

    Attributes:
        given: For a call the list of arguments as tagged JSON, for a program the text on standard input.
        expected: For a call the result as tagged JSON, for a program the text on standard output.
    """

    given: Any
    expected: Any


class CallTest(BaseModel):
    """One call of the function `entry_point`."""

    model_config = Spec.model_config

    input: list[Any] = Field(description="The positional arguments.")
    expected: Any = Field(description="The value that the function must return.")


class ProgramTest(BaseModel):
    """One run of a program."""

    model_config = Spec.model_config

    stdin: str = Field(description="The text on standard input.")
    stdout: str = Field(description="The text that the program must write to standard output.")


def _is_function_name(name: str) -> str:
    if not name.isidentifier() or keyword.iskeyword(name):
        raise ValueError("must be the name of a Python function")
    return name


def _kind_of_test(test: Any) -> str:
    # The tags are not identifiers, so that they stay out of the field path in error messages.
    keys: Any = test if isinstance(test, dict) else getattr(test, "model_fields_set", ())
    return "a run" if "stdin" in keys or "stdout" in keys else "a call"


Test = Annotated[
    Annotated[CallTest, Tag("a call")] | Annotated[ProgramTest, Tag("a run")], Discriminator(_kind_of_test)
]


class CodeSpec(Spec):
    """What the code verifier needs of a task, in one of three forms.

    - Function: `entry_point`, and `tests` with `input` and `expected`.
    - Program: `tests` with `stdin` and `stdout`, no `entry_point`.
    - Test code: `test_code`, optionally with `entry_point` and `setup_code`.
    """

    noun: ClassVar[str] = "a code spec"

    entry_point: Omittable[Annotated[str, AfterValidator(_is_function_name)]] = Field(
        None, description="The name of the function to write."
    )
    tests: Omittable[Annotated[list[Test], Field(min_length=1, max_length=MAX_TESTS)]] = Field(
        None, description="Calls of the function, or runs of the program. Not together with 'test_code'."
    )
    visible: int = Field(0, ge=0, description="How many of the first tests the prompt shows.")
    test_code: Omittable[str] = Field(
        None,
        description="Python code that tests the answer. It defines check(candidate), which is called with "
        "the entry point, or it asserts at the top level.",
    )
    setup_code: str = Field(
        "",
        description="Python code that runs before 'test_code'. The answer can use its imports and "
        "definitions, too.",
    )
    reference: Omittable[str] = Field(
        None, description="A right program, with whose CPU time that of the answer is compared."
    )
    time_s: float = Field(
        TIME_S,
        gt=0,
        le=3600,
        description="CPU time of the process that runs the tests, in seconds (for a program: of one run).",
    )
    memory_mb: int = Field(
        MEMORY_MB, ge=64, le=65536, description="Address space of the answer's process, in megabytes."
    )

    @property
    def is_program(self) -> bool:
        """Whether the answer is a program that reads standard input."""
        return self.test_code is None and self.entry_point is None

    @cached_property
    def cases(self) -> tuple[Case, ...]:
        """The tests as the grader uses them; empty for test code."""
        return tuple(
            _call_case(test, number) if isinstance(test, CallTest) else _program_case(test, number)
            for number, test in enumerate(self.tests or ())
        )

    @model_validator(mode="after")
    def _check_form(self) -> Self:
        if self.tests is None and self.test_code is None:
            raise SpecError("tests", "missing (or 'test_code')")
        if self.tests is not None and self.test_code is not None:
            raise SpecError("tests", "not together with 'test_code'")
        if self.test_code is None and "setup_code" in self.model_fields_set:
            raise SpecError("setup_code", "goes with 'test_code' only")
        if self.test_code is not None and not self.test_code.strip():
            raise SpecError("test_code", "empty")
        self._check_kinds_of_tests()
        if self.visible > len(self.cases):
            most = len(self.cases)
            raise SpecError("visible", f"must be a whole number from 0 to the number of tests ({most})")
        return self

    def _check_kinds_of_tests(self) -> None:
        for number, test in enumerate(self.tests or ()):
            if self.entry_point is None and isinstance(test, CallTest):
                raise SpecError("entry_point", f"missing: 'tests.{number}' is the call of a function")
            if self.entry_point is not None and isinstance(test, ProgramTest):
                what = "a test of a function has 'input' and 'expected', not 'stdin' and 'stdout'"
                raise SpecError(f"tests.{number}", what)


def _call_case(test: CallTest, number: int) -> Case:
    tagged = []
    for key, value in (("input", test.input), ("expected", test.expected)):
        try:
            tagged.append(encode(value))
        except NotPlainError as error:
            raise SpecError(f"tests.{number}.{key}", f"cannot be passed on: {error}") from None
    return Case(*tagged)


def _program_case(test: ProgramTest, number: int) -> Case:
    for key, text in (("stdin", test.stdin), ("stdout", test.stdout)):
        try:
            text.encode("utf-8", "surrogateescape")
        except UnicodeEncodeError:
            what = "holds half of a surrogate pair, which no stream can carry"
            raise SpecError(f"tests.{number}.{key}", what) from None
    return Case(test.stdin, test.stdout)


def read_spec(spec: Mapping[str, Any]) -> CodeSpec:
    """Read the spec of a task, without parsing the code in it.

    Args:
        spec: The spec as it was read from JSON.

    Returns:
        The checked spec.

    Raises:
        SpecError: If a key is unknown, missing or wrong; the error names the field.

    Example:
        >>> read_spec({"entry_point": "f", "tests": [{"input": [1], "expected": 2}]}).time_s
        6.0
    """
    return base.read_spec(CodeSpec, spec)


def check_spec(spec: Mapping[str, Any]) -> None:
    """Check the spec of a task as `read_spec` does, and also the code in it.

    Args:
        spec: The spec as it was read from JSON.

    Raises:
        SpecError: If a key is unknown, missing or wrong, if code does not parse or imports more than the
            standard library, or if test code tests nothing.
    """
    read = read_spec(spec)
    for field, code in (
        ("setup_code", read.setup_code),
        ("test_code", read.test_code),
        ("reference", read.reference),
    ):
        try:
            tree = ast.parse(code or "")
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            raise SpecError(field, f"is not Python: {error}") from None
        if field != "reference":
            _check_imports(tree, field)
        if field == "test_code" and read.test_code is not None:
            _check_that_it_tests(tree, read.entry_point)


def _check_imports(node: ast.AST, field: str) -> None:
    """Refuse an import from outside the standard library, unless a `try` statement surrounds it."""
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, ast.Try | ast.Import | ast.ImportFrom):
            _check_imports(child, field)
        for name in _imported_modules(child):
            if name.partition(".")[0] not in sys.stdlib_module_names:
                raise SpecError(field, f"imports '{name}': tests and answers have the standard library alone")


def _imported_modules(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        yield node.module or "."


def _check_that_it_tests(tree: ast.Module, entry_point: str | None) -> None:
    """Refuse test code that would pass with any answer, or whose `check` would get no entry point."""
    if any(
        isinstance(node, ast.Call) and ast.unparse(node.func) == "unittest.main" for node in ast.walk(tree)
    ):
        raise SpecError("test_code", "calls 'unittest.main', which finds no tests here: assert, or call them")
    if any(isinstance(statement, ast.FunctionDef) and statement.name == "check" for statement in tree.body):
        if entry_point is None:
            raise SpecError("entry_point", "missing: 'check' of the test code is called with it")
        return
    definitions = (ast.Import, ast.ImportFrom, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Pass)
    if all(isinstance(statement, definitions) or _is_constant(statement) for statement in tree.body):
        what = "tests nothing: define check(candidate), assert at the top level, or call the tests there"
        raise SpecError("test_code", what)


def _is_constant(statement: ast.stmt) -> bool:
    """Whether the statement is a docstring or an ellipsis."""
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
