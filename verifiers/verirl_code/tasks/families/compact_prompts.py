"""Problems in a compact notation: a chain of small operations, answered with one lambda.

`a: odd, *3+2, sum` asks for `f=lambda a:sum(x*3+2 for x in a if x%2)`. Prompts and answers are short enough
for a model with half a million weights that reads bytes, and still there are thousands of different
programs.
"""

from __future__ import annotations

from random import Random

from verirl.taskgen.difficulty import level
from verirl_code.tasks.families.problem import Piece, Problem, integers, letters, numbers

_ALPHABET = "abc"


def _problem(arg: str, kind: str, result: str, steps: list[str], code: str) -> Problem:
    say = ", ".join(steps)
    return Problem(
        "f",
        ((arg, kind),),
        result,
        f"Apply in order: {say}.",
        f"f=lambda {arg}:{code}\n",
        _DRAWS[arg],
        _EDGES[arg],
        terse=f"{arg}: {say}",
    )


def _string(rng: Random) -> tuple[object, ...]:
    return (letters(rng, "abcABC 12", 12),)


_DRAWS = {"a": numbers(-20, 30, 9), "n": integers((-60, 90)), "s": _string}
_EDGES = {
    "a": (([3, 4, 7, 8, -2, -5],), ([],), ([1],), ([12, 5, 9, 0, 6],)),
    "n": ((0,), (1,), (-1,), (7,)),
    "s": (("Abc Cab",), ("",), ("a",), ("aAbBcC112",)),
}


def list_chain(rng: Random, difficulty: float) -> Problem:
    """Draw a problem on a list: filter the elements, change each, reduce the list."""
    k, m = rng.randint(1, 9), rng.randint(2, 9)
    keep = rng.choice(
        (
            Piece("even", "x%2==0"),
            Piece("odd", "x%2"),
            Piece(f">{k}", f"x>{k}"),
            Piece(f"<{k}", f"x<{k}"),
            Piece(f"by {m}", f"x%{m}==0"),
            Piece(f"not {k}", f"x!={k}"),
        )
    )
    k, m = rng.randint(1, 9), rng.randint(2, 9)
    change = rng.choice(
        (
            Piece(f"*{m}", f"x*{m}"),
            Piece(f"+{k}", f"x+{k}"),
            Piece(f"-{k}", f"x-{k}"),
            Piece(f"%{m}", f"x%{m}"),
            Piece("square", "x*x"),
            Piece("abs", "abs(x)"),
            *(
                (Piece(f"*{m}+{k}", f"x*{m}+{k}"), Piece(f"*{m}-{k}", f"x*{m}-{k}"))
                if difficulty > 0.3
                else ()
            ),
        )
    )
    whole = rng.choice(("sum", "sum", "sorted", "list", "len" if keep.say != "abs" else "sum", "set size"))
    each = f"{change.code} for x in a if {keep.code}"
    if whole == "len":
        code, change = f"len([x for x in a if {keep.code}])", Piece("", "")
    elif whole == "set size":
        code = f"len({{{each}}})"
    elif whole == "list":
        code = f"[{each}]"
    else:
        code = f"{whole}({each})"
    steps = [keep.say, *([change.say] if change.say else []), whole]
    return _problem("a", "list[int]", "list[int]" if whole in ("sorted", "list") else "int", steps, code)


def integers_chain(rng: Random, difficulty: float) -> Problem:
    """Draw a problem on an integer: two to four arithmetic operations, with brackets where needed."""
    steps: list[str] = []
    code, tight = "n", True
    last = ""
    for _ in range(rng.randint(2, level(difficulty, 2, 4))):
        sign = rng.choice([other for other in ("+", "-", "*", "//", "%") if other != last])
        k = rng.randint(2, 9)
        operand = code if tight or sign in "+-" else f"({code})"
        code, tight = f"{operand}{sign}{k}", sign not in "+-"
        steps.append(f"{sign}{k}")
        last = sign
    return _problem("n", "int", "int", steps, code)


def string_chain(rng: Random, difficulty: float) -> Problem:
    """Draw a problem on a string: two to four slices and methods in a row."""
    steps: list[str] = []
    code = "s"
    for _ in range(rng.randint(2, level(difficulty, 2, 4))):
        k, (old, new) = rng.randint(2, 5), rng.sample(_ALPHABET, 2)
        piece = rng.choice(
            [
                one
                for one in (
                    Piece("reverse", "[::-1]"),
                    Piece(f"drop {k}", f"[{k}:]"),
                    Piece(f"first {k}", f"[:{k}]"),
                    Piece(f"last {k}", f"[-{k}:]"),
                    Piece(f"every {k}", f"[::{k}]"),
                    Piece("upper", ".upper()"),
                    Piece("lower", ".lower()"),
                    Piece("swap", ".swapcase()"),
                    Piece(f"{old} to {new}", f".replace('{old}','{new}')"),
                )
                if not steps or one.say.split()[0] != steps[-1].split()[0]
            ]
        )
        steps.append(piece.say)
        code += piece.code
    if rng.random() < 0.25:
        steps.append("length")
        return _problem("s", "str", "int", steps, f"len({code})")
    return _problem("s", "str", "str", steps, code)
