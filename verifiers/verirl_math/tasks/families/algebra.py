"""Algebra: equations, systems, polynomials, inequalities."""

from __future__ import annotations

from fractions import Fraction
from math import isqrt, lcm
from random import Random

from verirl.taskgen.difficulty import level, size
from verirl_math.tasks.families.exact_answers import (
    FiniteSet,
    Interval,
    LinearCombination,
    Point,
    WrongAnswer,
    latex,
    poly,
    surd,
    terse_text,
)
from verirl_math.tasks.families.problem import INTEGER, Family, Problem, Step, nonzero, shorthand, signed

SET = "Give the set of solutions, like $\\{1, 2\\}$."


def _line(a: int, b: int, var: str = "x") -> str:
    """`ax + b` as it is written."""
    return latex(poly(b, a, var=var))


def linear_equation(rng: Random, difficulty: float) -> Problem:
    """One unknown: on one side, on both sides, in brackets."""
    bound = size(difficulty, 9, 60)
    var = "x" if difficulty < 0.3 else rng.choice("xyztn")
    bottom = 1 if difficulty < 0.5 else rng.randint(1, level(difficulty, 2, 9))
    top = rng.randint(1, bound) if difficulty < 0.2 else nonzero(rng, bound)
    root = Fraction(top, bottom)
    a = root.denominator * rng.randint(2, size(difficulty, 5, 9))
    if difficulty >= 0.25:
        a *= rng.choice((-1, 1))
    b = rng.randint(1, bound) if difficulty < 0.2 else nonzero(rng, bound)
    value = int(a * root)
    if difficulty < 0.35:
        left, right, lines = _line(a, b, var), str(value + b), []
    else:
        shift = nonzero(rng, size(difficulty, 5, 12))
        both = _line(a + shift, b, var)
        # (a + s)x + b = sx + (ax₀ + b), so that ax₀ is what is left over.
        right = _line(shift, value + b, var)
        left, lines = both, [f"{_line(a, b, var)} = {value + b}"]
        if difficulty >= 0.65:
            k, inner, p = rng.randint(2, 6), nonzero(rng, 9), nonzero(rng, 5)
            left = f"{k}({_line(p, inner, var)}) {_tail(_line(a + shift - k * p, b - k * inner, var))}"
            lines = [f"{both} = {right}", *lines]
    text = f"{left} = {right}"
    return Problem(
        ask=(
            f"Solve ${text}$ for ${var}$.",
            f"Find the value of ${var}$ for which ${text}$.",
            f"What is ${var}$ if ${text}$?",
        ),
        form=f"Give the value of ${var}$ alone, as an integer or a fraction in lowest terms.",
        terse=f"{shorthand(text)},{var}=?",
        steps=(
            *(Step("Collect terms:", line) for line in lines),
            Step("Take the constant to the other side:", f"{_line(a, 0, var)} = {value}"),
            Step("Divide:", f"{var} = {latex(root)}", f"{var}={terse_text(root)}"),
        ),
        answer=root,
        wrong=(
            WrongAnswer("constant_not_negated", Fraction(value + 2 * b, a)),
            WrongAnswer("forgot_to_divide", value),
            WrongAnswer("subtracted_coefficient", value - a),
            WrongAnswer("divided_the_wrong_way", Fraction(a, value)),
        ),
    )


def _tail(text: str) -> str:
    """A polynomial continued after another one: `+ 3x - 1` or `- 3x`; nothing for 0."""
    if text == "0":
        return ""
    return f"- {text[1:]}" if text.startswith("-") else f"+ {text}"


def quadratic_equation(rng: Random, difficulty: float) -> Problem:
    """Two distinct real roots: integers, then fractions, then surds."""
    bound = size(difficulty, 9, 20)
    if difficulty >= 0.6 and rng.random() < difficulty - 0.3:
        return _quadratic(rng, difficulty, *_surd_roots(rng, level(difficulty, 1, 5), bound), bound)
    bottoms = (1, 1)
    if difficulty >= 0.35:
        bottoms = (rng.randint(1, level(difficulty, 2, 5)), rng.randint(1, 3))
    while True:
        r, s = (Fraction(rng.randint(-bound, bound), q) for q in bottoms)
        if r != s:
            break
    p, q = r.denominator, s.denominator
    a, b, c = p * q, -(r.numerator * q + s.numerator * p), r.numerator * s.numerator
    return _quadratic(rng, difficulty, a, b, c, max(r, s), min(r, s), bound)


def _quadratic(
    rng: Random,
    difficulty: float,
    a: int,
    b: int,
    c: int,
    r: Fraction | LinearCombination,
    s: Fraction | LinearCombination,
    bound: int,
) -> Problem:
    """ax² + bx + c = 0 with the roots r > s."""
    d = b * b - 4 * a * c
    text = f"{latex(poly(c, b, a))} = 0"
    shift = 0
    if difficulty >= 0.45 and rng.random() < 0.5:
        shift = nonzero(rng, bound)
        text = f"{latex(poly(c + shift, b, a))} = {shift}"
    width = isqrt(d)
    exact_root = width * width == d
    root_text = str(width) if exact_root else f"\\sqrt{{{d}}}"
    steps = [Step("Bring everything to one side:", f"{latex(poly(c, b, a))} = 0")] if shift else []
    steps.append(Step("The discriminant is", f"D = {b * b} - {signed(4 * a * c)} = {d}"))
    for sign, root in (("+", r), ("-", s)):
        steps.append(
            Step(
                "",
                f"x = \\frac{{{-b} {sign} {root_text}}}{{{2 * a}}} = {latex(root)}",
                f"x=({-b}{sign}{shorthand(root_text)})/{2 * a}={terse_text(root)}",
            )
        )
    return Problem(
        ask=(
            f"Solve ${text}$.",
            f"Find all real solutions of ${text}$.",
            f"For which real $x$ is ${text}$?",
        ),
        form=SET,
        terse=shorthand(text) + ",x=?",
        steps=tuple(steps),
        answer=FiniteSet(frozenset({r, s})),
        wrong=(
            WrongAnswer("one_root", FiniteSet(frozenset({r}))),
            WrongAnswer("sign_flip", FiniteSet(frozenset({_minus(r), _minus(s)}))),
            WrongAnswer("forgot_to_divide", FiniteSet(frozenset({_times(r, 2 * a), _times(s, 2 * a)}))),
        ),
    )


def _minus(value: Fraction | LinearCombination) -> Fraction | LinearCombination:
    return _times(value, -1)


def _times(value: Fraction | LinearCombination, factor: int) -> Fraction | LinearCombination:
    return value.scaled(factor) if isinstance(value, LinearCombination) else value * factor


def _surd_roots(
    rng: Random, top: int, bound: int
) -> tuple[int, int, int, LinearCombination, LinearCombination]:
    while True:
        a, b, c = rng.randint(1, top), rng.randint(-bound, bound), rng.randint(-bound, bound)
        d = b * b - 4 * a * c
        if d > 0 and isqrt(d) ** 2 != d:
            half = Fraction(1, 2 * a)
            return a, b, c, surd(-b * half, half, d), surd(-b * half, -half, d)


def linear_system(rng: Random, difficulty: float) -> Problem:
    """Two or three equations with one solution."""
    n = 3 if difficulty >= 0.6 and rng.random() < difficulty else 2
    bound, coefficient = size(difficulty, 5, 20), size(difficulty, 3, 9)
    names = "xyz"[:n]
    solution = [rng.randint(-bound, bound) if difficulty > 0.15 else rng.randint(0, bound) for _ in names]
    while True:
        rows = [[_coefficient(rng, coefficient, difficulty) for _ in names] for _ in names]
        steps = _eliminate(
            [[*row, sum(c * v for c, v in zip(row, solution, strict=True))] for row in rows], names
        )
        if steps is not None:
            break
    equations = [
        f"{_linear(row, names)} = {sum(c * v for c, v in zip(row, solution, strict=True))}" for row in rows
    ]
    listed = ", ".join(f"${e}$" for e in equations[:-1]) + f" and ${equations[-1]}$"
    unknowns = "(" + ", ".join(names) + ")"
    answer = Point(tuple(solution))
    moved = solution[1:] + solution[:1]
    return Problem(
        ask=(
            f"Solve the system {listed}.",
            f"Find the numbers ${', '.join(names)}$ that satisfy {listed}.",
        ),
        form=f"Give the solution as the tuple ${unknowns}$.",
        terse=",".join(shorthand(e) for e in equations) + f",({','.join(names)})=?",
        steps=tuple(steps),
        answer=answer,
        wrong=(
            WrongAnswer("swapped", Point(tuple(moved))),
            WrongAnswer("sign_of_one", Point((-solution[0], *solution[1:]))),
            WrongAnswer("first_alone", solution[0]),
            WrongAnswer("off_by_one", Point((solution[0] + 1, *solution[1:]))),
        ),
    )


def _coefficient(rng: Random, bound: int, difficulty: float) -> int:
    return rng.randint(1, bound) if difficulty < 0.3 else nonzero(rng, bound)


def _linear(row: list[int], names: str) -> str:
    text = ""
    for c, name in zip(row, names, strict=True):
        if c:
            sign = (" - " if c < 0 else " + ") if text else ("-" if c < 0 else "")
            text += sign + ("" if abs(c) == 1 else str(abs(c))) + name
    return text or "0"


def _eliminate(rows: list[list[int]], names: str) -> list[Step] | None:
    """Integer elimination from the last unknown to the first, then back; None if singular."""
    steps: list[Step] = []
    solved: dict[str, int] = {}
    triangle: list[tuple[str, list[int]]] = []
    live = rows
    for depth in range(len(names) - 1, 0, -1):
        pivot = next((row for row in live if row[depth]), None)
        if pivot is None:
            return None
        rest = [row for row in live if row is not pivot]
        triangle.append((names[depth], pivot))
        live = []
        for row in rest:
            common = lcm(pivot[depth], row[depth]) if row[depth] else 0
            up, down = (common // row[depth], common // pivot[depth]) if common else (1, 0)
            mixed = [up * x - down * y for x, y in zip(row, pivot, strict=True)]
            live.append([*mixed[:depth], mixed[-1]])
            steps.append(
                Step(f"Eliminate {names[depth]}:", f"{_linear(mixed[:depth], names[:depth])} = {mixed[-1]}")
            )
        triangle[-1] = (names[depth], [*pivot[: depth + 1], pivot[-1]])
    coefficient, constant = live[0]
    if not coefficient:
        return None
    solved[names[0]] = constant // coefficient
    steps.append(Step("Divide:", f"{names[0]} = {solved[names[0]]}"))
    for name, row in reversed(triangle):
        *known, own, total = row
        left = total - sum(c * solved[v] for c, v in zip(known, names, strict=False))
        solved[name] = left // own
        steps.append(
            Step("Put in what is known:", f"{_linear([own], name)} = {left} \\implies {name} = {left // own}")
        )
    return steps


def polynomial(rng: Random, difficulty: float) -> Problem:
    """Products expanded, trinomials factored, remainders."""
    kind = rng.choice(("expand", "factor") if difficulty < 0.4 else ("expand", "factor", "remainder"))
    bound = size(difficulty, 6, 15)
    if kind == "factor":
        return _factor(rng, size(difficulty, 9, 40))
    if kind == "remainder":
        return _remainder(rng, difficulty, bound)
    first = poly(nonzero(rng, bound), rng.randint(1, level(difficulty, 1, 7)))
    degree = 1 if difficulty < 0.45 else rng.randint(1, level(difficulty, 2, 3))
    second = poly(
        *(rng.randint(-bound, bound) for _ in range(degree)), rng.randint(1, level(difficulty, 2, 5))
    )
    if degree == 1 and not second.at(0):
        second = second + poly(1)
    product = first * second
    text = f"({latex(first)})({latex(second)})"
    coefficients = _coefficients(product)
    letters = "abcde"[: len(coefficients)]
    pattern = latex_pattern(letters)
    lines = [
        Step(
            "Multiply term by term:",
            f"{_piece(basis.power, c, second)}",
            f"{_piece(basis.power, c, second)}".replace(" ", ""),
        )
        for basis, c in first.terms
    ]
    return Problem(
        ask=(
            f"Expand ${text}$ and write it as ${pattern}$.",
            f"Multiply out ${text} = {pattern}$.",
        ),
        form=f"Give the coefficients as the tuple $({', '.join(letters)})$.",
        terse=f"{shorthand(text)}={shorthand(pattern)},({','.join(letters)})=?",
        steps=(*lines, Step("Add:", latex(product))),
        answer=Point(tuple(coefficients)),
        wrong=(
            WrongAnswer(
                "middle_dropped",
                Point((coefficients[0], *(Fraction(0) for _ in coefficients[1:-1]), coefficients[-1])),
            ),
            WrongAnswer("constant_sign", Point((*coefficients[:-1], -coefficients[-1]))),
            WrongAnswer("reversed", Point(tuple(reversed(coefficients)))),
        ),
    )


def latex_pattern(letters: str) -> str:
    """`ax^2 + bx + c` for the letters `abc`."""
    top = len(letters) - 1
    powers = [f"x^{top - i}" if top - i > 1 else "x" if top - i == 1 else "" for i in range(top + 1)]
    return " + ".join(letter + power for letter, power in zip(letters, powers, strict=True))


def _coefficients(p: LinearCombination) -> list[Fraction]:
    by_power = {basis.power: c for basis, c in p.terms}
    return [by_power.get(power, Fraction(0)) for power in range(max(by_power), -1, -1)]


def _piece(power: int, c: Fraction, other: LinearCombination) -> str:
    alone = poly(*([0] * power), c)
    return f"{_bracket(latex(alone))}({latex(other)}) = {latex(alone * other)}"


def _bracket(text: str) -> str:
    return f"({text})" if text.startswith("-") else text


def _factor(rng: Random, bound: int) -> Problem:
    while True:
        p, q = sorted((nonzero(rng, bound), nonzero(rng, bound)))
        if p != q and p + q:
            break
    text = latex(poly(p * q, p + q, 1))
    return Problem(
        ask=(
            f"Write ${text}$ as $(x + p)(x + q)$ with integers $p < q$.",
            f"Factor ${text}$ as $(x + p)(x + q)$, where $p < q$ are integers.",
        ),
        form="Give the tuple $(p, q)$.",
        terse=f"{shorthand(text)}=(x+p)(x+q),p<q,(p,q)=?",
        steps=(
            Step("The sum must be", f"p + q = {p + q}"),
            Step("and the product", f"p \\cdot q = {p * q}"),
            Step(
                "so",
                f"{p} + {signed(q)} = {p + q}, {p} \\cdot {signed(q)} = {p * q}",
                f"{p}*{signed(q)}={p * q}",
            ),
        ),
        answer=Point((p, q)),
        wrong=(
            WrongAnswer("signs", Point((-q, -p))),
            WrongAnswer("swapped", Point((q, p))),
            WrongAnswer("sum_and_product", Point((p + q, p * q))),
        ),
    )


def _remainder(rng: Random, difficulty: float, bound: int) -> Problem:
    degree = rng.randint(2, level(difficulty, 2, 4))
    p = poly(*(rng.randint(-bound, bound) for _ in range(degree)), rng.randint(1, 5))
    a = nonzero(rng, level(difficulty, 2, 5))
    divisor = latex(poly(-a, 1))
    coefficients = _coefficients(p)
    steps, value = [], coefficients[0]
    for c in coefficients[1:]:
        steps.append(Step("", f"{value} \\cdot {signed(a)} + {signed(c)} = {value * a + c}"))
        value = value * a + c
    return Problem(
        ask=(
            f"Find the remainder when ${latex(p)}$ is divided by ${divisor}$.",
            f"What is the remainder of ${latex(p)}$ on division by ${divisor}$?",
        ),
        form=INTEGER,
        terse=f"({shorthand(latex(p))}) mod ({shorthand(divisor)})=?",
        steps=(Step(f"The remainder is the value at x = {a}, by Horner's rule:", "", ""), *steps),
        answer=p.at(a),
        wrong=(
            WrongAnswer("value_at_minus_a", p.at(-a)),
            WrongAnswer("constant_term", coefficients[-1]),
            WrongAnswer("dropped_step", (value - coefficients[-1]) / a),
        ),
    )


def inequality(rng: Random, difficulty: float) -> Problem:
    """Linear, absolute-value and quadratic inequalities whose solution is one interval."""
    bound = size(difficulty, 9, 40)
    kinds = ("linear", "absolute", "quadratic")
    kind = "linear" if difficulty < 0.35 else rng.choice(kinds if difficulty < 0.65 else kinds[1:])
    sign = rng.choice(("<", "\\leq", ">", "\\geq") if kind == "linear" else ("<", "\\leq"))
    closed = sign in ("\\leq", "\\geq")
    if kind == "linear":
        a = rng.randint(2, 6) if difficulty < 0.2 else nonzero(rng, size(difficulty, 6, 15)) or 2
        b, edge = (
            nonzero(rng, bound),
            Fraction(rng.randint(-bound, bound), 1 if difficulty < 0.6 else rng.choice((1, abs(a)))),
        )
        right = a * edge + b
        text = f"{_line(a, b)} {sign} {right}"
        upper = (sign in ("<", "\\leq")) == (a > 0)
        answer = Interval(None, edge, False, closed) if upper else Interval(edge, None, closed, False)
        turned = {"<": ">", ">": "<", "\\leq": "\\geq", "\\geq": "\\leq"}[sign] if a < 0 else sign
        words = "Divide, and turn the sign because the factor is negative:" if a < 0 else "Divide:"
        steps = [Step("", f"{_line(a, 0)} {sign} {right - b}"), Step(words, f"x {turned} {latex(edge)}")]
        wrong = [
            WrongAnswer(
                "sign_not_turned",
                Interval(edge, None, closed) if upper else Interval(None, edge, False, closed),
            )
        ]
    elif kind == "absolute":
        a, b, c = (
            rng.randint(level(difficulty, 1, 3), level(difficulty, 1, 9)),
            nonzero(rng, bound),
            rng.randint(1, bound),
        )
        low, high = Fraction(-c - b, a), Fraction(c - b, a)
        text = f"|{_line(a, b)}| {sign} {c}"
        steps = [
            Step("", f"{-c} {sign} {_line(a, b)} {sign} {c}"),
            Step("", f"{-c - b} {sign} {_line(a, 0)} {sign} {c - b}"),
            *([Step("", f"{latex(low)} {sign} x {sign} {latex(high)}")] if a > 1 else []),
        ]
        answer = Interval(low, high, closed, closed)
        wrong = [
            WrongAnswer("one_side", Interval(None, high, False, closed)),
            WrongAnswer("mirrored", Interval(-high, -low, closed, closed)),
        ]
    else:
        while True:
            r, s = sorted((rng.randint(-bound, bound), rng.randint(-bound, bound)))
            if r != s:
                break
        a = rng.randint(1, level(difficulty, 1, 4))
        text = f"{latex(poly(a * r * s, -a * (r + s), a))} {sign} 0"
        low, high = Fraction(r), Fraction(s)
        factors = f"({latex(poly(-r, 1))})({latex(poly(-s, 1))})"
        steps = [
            Step("Factor:", f"{'' if a == 1 else a}{factors} {sign} 0"),
            Step("It holds between the roots:", f"{r} {sign} x {sign} {s}"),
        ]
        answer = Interval(low, high, closed, closed)
        wrong = [
            WrongAnswer("mirrored", Interval(-high, -low, closed, closed)),
            WrongAnswer("one_side", Interval(None, high, False, closed)),
        ]
    return Problem(
        ask=(f"Solve ${text}$ over the real numbers.", f"For which real $x$ does ${text}$ hold?"),
        form="Give the solution as an interval, like $(0, 1]$.",
        terse=shorthand(text) + ",x in?",
        steps=tuple(steps),
        answer=answer,
        wrong=tuple(wrong),
    )


FAMILIES = (
    Family("linear_equation", "algebra", linear_equation),
    Family("quadratic_equation", "algebra", quadratic_equation),
    Family("linear_system", "algebra", linear_system),
    Family("polynomial", "algebra", polynomial),
    Family("inequality", "algebra", inequality),
)
