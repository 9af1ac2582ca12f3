"""The prompt of a problem in words: a function with examples, or a program that reads and prints."""

from __future__ import annotations

from random import Random
from typing import Any

from verirl_code.tasks.families.problem import Args, Problem

_READING_CODE = {
    "int": "int(input())",
    "str": "input()",
    "list[int]": "list(map(int, input().split()))",
    "list[str]": "input().split()",
}
_LINE_DESCRIPTIONS = {
    "int": "an integer",
    "str": "a string",
    "list[int]": "integers separated by spaces, possibly none",
    "list[str]": "words separated by spaces, possibly none",
}
_PRINTING_CODE = {
    "int": "print({})",
    "str": "print({})",
    "list[int]": "print(*{})",
    "list[str]": "print(*{})",
}
_OUTPUT_DESCRIPTIONS = {
    "int": "the result",
    "str": "the result",
    "list[int]": "the numbers",
    "list[str]": "the words",
}
_FENCE_REQUESTS = (
    "Answer with the code in a ```python block.",
    "Put the code in a ```python block.",
    "End with the whole code in a ```python block.",
)


def fits_standard_input(problem: Problem) -> bool:
    """Return whether the problem's arguments and result can be lines of text."""
    return problem.result in _PRINTING_CODE and all(kind in _READING_CODE for _, kind in problem.args)


def whole_program(problem: Problem, source: str) -> str:
    """Return `source` with lines that read the arguments, call the function and print the result."""
    reads = [f"{name} = {_READING_CODE[kind]}" for name, kind in problem.args]
    call = f"{problem.name}({', '.join(name for name, _ in problem.args)})"
    return "\n".join([source.rstrip(), "", "", *reads, _PRINTING_CODE[problem.result].format(call)]) + "\n"


def program_test(problem: Problem, args: Args, expected: Any) -> dict[str, str]:
    """Return one test of the program: what it reads and what it must print."""
    stdin = "".join(_line(value) + "\n" for value in args)
    return {"stdin": stdin, "stdout": _line(expected) + "\n"}


def _line(value: Any) -> str:
    return " ".join(map(str, value)) if isinstance(value, list) else str(value)


def question(problem: Problem, examples: list[tuple[Args, Any]], words: Random, *, program: bool) -> str:
    """Return the prompt of a problem.

    Args:
        problem: The problem.
        examples: The arguments and results to show.
        words: Source of the random choices of words.
        program: Whether to ask for a program instead of a function.
    """
    fence = words.choice(_FENCE_REQUESTS)
    if program:
        return "\n\n".join(
            [_as_program(problem), *(_exchange(problem, *example) for example in examples), fence]
        )
    arguments = ", ".join(f"{name}: {kind}" for name, kind in problem.args)
    head = words.choice(("Write a Python function", "Implement the Python function", "Write the function"))
    shown = "\n".join(
        f"{problem.name}({', '.join(map(repr, args))}) == {value!r}" for args, value in examples
    )
    return f"{head} `{problem.name}({arguments}) -> {problem.result}`.\n\n{problem.ask}\n\n{shown}\n\n{fence}"


def _as_program(problem: Problem) -> str:
    count = len(problem.args)
    lines = "; ".join(
        f"{'line' if count == 1 else f'line {place + 1}'} `{name}`: {_LINE_DESCRIPTIONS[kind]}"
        + (", which may be empty" if any(edge[place] == "" for edge in problem.edges) else "")
        for place, (name, kind) in enumerate(problem.args)
    )
    one = "one line" if count == 1 else f"{count} lines"
    ask = problem.ask.replace("Return", "Print").replace("return", "print")
    joined = " on one line, separated by single spaces" if problem.result.startswith("list") else ""
    return (
        f"Write a Python program that reads {one} from standard input ({lines}) and prints "
        f"{_OUTPUT_DESCRIPTIONS[problem.result]}{joined}.\n\n{ask}"
    )


def _exchange(problem: Problem, args: Args, expected: Any) -> str:
    test = program_test(problem, args, expected)
    return f"Input:\n{test['stdin']}Output:\n{test['stdout'].rstrip()}"
