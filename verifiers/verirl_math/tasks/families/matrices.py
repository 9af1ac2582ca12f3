"""Matrices: sums, products, determinants, inverses."""

from __future__ import annotations

from fractions import Fraction
from random import Random

from verirl.taskgen.difficulty import level, size
from verirl_math.tasks.families.exact_answers import Matrix, WrongAnswer, latex, matrix
from verirl_math.tasks.families.problem import INTEGER, Family, Problem, Step, signed

Rows = list[list[int]]


def matrices(rng: Random, difficulty: float) -> Problem:
    """One operation on one or two matrices, 2 × 2 and then 3 × 3."""
    kinds = (
        ("sum", "determinant")
        if difficulty < 0.2
        else ("product", "determinant")
        if difficulty < 0.5
        else ("product", "determinant", "inverse")
    )
    kind = rng.choice(kinds)
    bound = size(difficulty, 5, 12)
    n = 3 if difficulty >= 0.55 and rng.random() < difficulty else 2
    if kind == "determinant":
        return _determinant(_rows(rng, n, bound))
    if kind == "inverse":
        while True:
            rows = _rows(rng, 2, level(difficulty, 5, 9))
            if _det(rows):
                return _inverse(rows)
    return _two(
        kind,
        _rows(rng, n if kind == "product" else 2, bound),
        _rows(rng, n if kind == "product" else 2, bound),
    )


def _rows(rng: Random, n: int, bound: int) -> Rows:
    return [[rng.randint(-bound, bound) for _ in range(n)] for _ in range(n)]


def _short(rows: Rows) -> str:
    return "[" + ";".join(",".join(map(str, row)) for row in rows) + "]"


def _det(rows: Rows) -> int:
    if len(rows) == 1:
        return rows[0][0]
    return sum((-1) ** j * entry * _det(_minor(rows, j)) for j, entry in enumerate(rows[0]))


def _minor(rows: Rows, column: int) -> Rows:
    return [row[:column] + row[column + 1 :] for row in rows[1:]]


def _permanent(rows: Rows) -> int:
    if len(rows) == 1:
        return rows[0][0]
    return sum(entry * _permanent(_minor(rows, j)) for j, entry in enumerate(rows[0]))


def _determinant(rows: Rows) -> Problem:
    value = _det(rows)
    if len(rows) == 2:
        (a, b), (c, d) = rows
        steps = [
            Step(
                "",
                (
                    f"{a} \\cdot {signed(d)} - {signed(b)} \\cdot {signed(c)} = {a * d} - {signed(b * c)} = "
                    f"{value}"
                ),
            )
        ]
    else:
        steps = []
        parts = []
        for j, entry in enumerate(rows[0]):
            (a, b), (c, d) = _minor(rows, j)
            minor = a * d - b * c
            steps.append(
                Step(f"Minor {j + 1}:", f"{a} \\cdot {signed(d)} - {signed(b)} \\cdot {signed(c)} = {minor}")
            )
            parts.append((entry, minor))
        (a, x), (b, y), (c, z) = parts
        steps.append(
            Step(
                "Expand along the first row:",
                (
                    f"{a} \\cdot {signed(x)} - {signed(b)} \\cdot {signed(y)} + {signed(c)} \\cdot "
                    f"{signed(z)} = {value}"
                ),
            )
        )
    shown = latex(matrix(rows))
    return Problem(
        ask=(f"Find the determinant of ${shown}$.", f"Compute $\\det {shown}$."),
        form=INTEGER,
        terse=f"det{_short(rows)}=?",
        steps=tuple(steps),
        answer=value,
        wrong=(
            WrongAnswer("signs_ignored", _permanent(rows)),
            WrongAnswer("diagonal_alone", _diagonal(rows)),
            WrongAnswer("sign_flip", -value),
            WrongAnswer("restated", f"\\det {shown}"),
        ),
    )


def _diagonal(rows: Rows) -> int:
    value = 1
    for i, row in enumerate(rows):
        value *= row[i]
    return value


def _product(a: Rows, b: Rows) -> Rows:
    return [
        [sum(x * y for x, y in zip(row, column, strict=True)) for column in zip(*b, strict=True)] for row in a
    ]


def _entrywise(a: Rows, b: Rows, sign: int) -> Rows:
    return [
        [x + sign * y if sign else x * y for x, y in zip(r, s, strict=True)]
        for r, s in zip(a, b, strict=True)
    ]


def _two(kind: str, a: Rows, b: Rows) -> Problem:
    left, right = latex(matrix(a)), latex(matrix(b))
    if kind == "sum":
        rows, symbol, words = _entrywise(a, b, 1), "+", "sum"
        steps = [
            Step(f"Entry ({i + 1}, {j + 1}):", f"{x} + {signed(y)} = {x + y}")
            for i, (r, s) in enumerate(zip(a, b, strict=True))
            for j, (x, y) in enumerate(zip(r, s, strict=True))
        ]
        wrong = [
            WrongAnswer("subtracted", matrix(_entrywise(a, b, -1))),
            WrongAnswer("multiplied", matrix(_product(a, b))),
        ]
    else:
        rows, symbol, words = _product(a, b), "\\cdot", "product"
        steps = []
        for i, row in enumerate(a):
            for j, column in enumerate(zip(*b, strict=True)):
                terms = " + ".join(
                    f"{signed(x)} \\cdot {signed(y)}" for x, y in zip(row, column, strict=True)
                )
                steps.append(Step(f"Entry ({i + 1}, {j + 1}):", f"{terms} = {rows[i][j]}"))
        wrong = [
            WrongAnswer("factors_swapped", matrix(_product(b, a))),
            WrongAnswer("entrywise", matrix(_entrywise(a, b, 0))),
        ]
    return Problem(
        ask=(f"Compute ${left} {symbol} {right}$.", f"Find the {words} ${left} {symbol} {right}$."),
        form="Give the result as a matrix.",
        terse=f"{_short(a)}{'+' if kind == 'sum' else '*'}{_short(b)}=?",
        steps=tuple(steps),
        answer=matrix(rows),
        wrong=tuple(wrong),
    )


def _inverse(rows: Rows) -> Problem:
    (a, b), (c, d) = rows
    det = _det(rows)
    adjugate = [[d, -b], [-c, a]]
    answer = Matrix(tuple(tuple(Fraction(entry, det) for entry in row) for row in adjugate))
    shown = latex(matrix(rows))
    return Problem(
        ask=(f"Find the inverse of the matrix ${shown}$.", f"Let $A = {shown}$. Compute $A^{{-1}}$."),
        form="Give the result as a matrix with integers or fractions in lowest terms.",
        terse=f"inv{_short(rows)}=?",
        steps=(
            Step("The determinant is", f"{a} \\cdot {signed(d)} - {signed(b)} \\cdot {signed(c)} = {det}"),
            Step("Swap the diagonal and turn the other signs:", latex(matrix(adjugate)), _short(adjugate)),
            Step("Divide each entry by the determinant:", latex(answer), ""),
        ),
        answer=answer,
        wrong=(
            WrongAnswer("determinant_forgotten", matrix(adjugate)),
            WrongAnswer(
                "signs_kept",
                Matrix(tuple(tuple(Fraction(entry, det) for entry in row) for row in [[d, b], [c, a]])),
            ),
            WrongAnswer("transposed", Matrix(tuple(zip(*answer.rows, strict=True)))),
            WrongAnswer("restated", f"{shown}^{{-1}}"),
        ),
    )


FAMILIES = (Family("matrices", "linear algebra", matrices),)
