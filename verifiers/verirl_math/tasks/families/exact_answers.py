"""Exact answers: their types, their equality, and how they are written."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from math import e, isqrt, lcm, pi, sqrt
from typing import NamedTuple, TypeAlias

Rational: TypeAlias = int | Fraction


class Basis(NamedTuple):
    """`var^power` times a constant or function; elements that differ are linearly independent over ℚ.

    `kind` is one of `KINDS`; `k` is its parameter: √k, e^k, exp(k·var), sin(k·var), cos(k·var).
    """

    power: int
    kind: str = ""
    k: int = 1


KINDS = ("", "sqrt", "pi", "e", "exp", "sin", "cos")
ONE = Basis(0)


@dataclass(frozen=True)
class LinearCombination:
    """A sum of basis elements with rational coefficients, none zero, in canonical order."""

    terms: tuple[tuple[Basis, Fraction], ...]
    var: str = "x"

    def __add__(self, other: LinearCombination) -> LinearCombination:
        total = dict(self.terms)
        for basis, coefficient in other.terms:
            total[basis] = total.get(basis, Fraction(0)) + coefficient
        return linear_combination(total, self.var)

    def __mul__(self, other: LinearCombination) -> LinearCombination:
        """Product, if in each pair of terms at most one has a kind (polynomial times anything)."""
        total: dict[Basis, Fraction] = {}
        for a, x in self.terms:
            for b, y in other.terms:
                if a.kind and b.kind:
                    raise ValueError(f"{a} times {b} is not in the basis")
                named = a if a.kind else b
                basis = Basis(a.power + b.power, named.kind, named.k)
                total[basis] = total.get(basis, Fraction(0)) + x * y
        return linear_combination(total, self.var)

    def scaled(self, factor: Rational) -> LinearCombination:
        """This times a rational number."""
        return linear_combination({basis: c * factor for basis, c in self.terms}, self.var)

    def derivative(self) -> LinearCombination:
        """The derivative with respect to `var`."""
        total: dict[Basis, Fraction] = {}

        def put(basis: Basis, c: Fraction) -> None:
            total[basis] = total.get(basis, Fraction(0)) + c

        for (power, kind, k), c in self.terms:
            if power:
                put(Basis(power - 1, kind, k), c * power)
            if kind == "exp":
                put(Basis(power, kind, k), c * k)
            elif kind == "sin":
                put(Basis(power, "cos", k), c * k)
            elif kind == "cos":
                put(Basis(power, "sin", k), -c * k)
        return linear_combination(total, self.var)

    def at(self, x: Rational) -> Fraction:
        """The value of a polynomial at `x`."""
        if any(basis.kind for basis, _ in self.terms):
            raise ValueError("not a polynomial")
        return sum((c * Fraction(x) ** basis.power for basis, c in self.terms), Fraction(0))


def linear_combination(terms: Mapping[Basis, Rational], var: str = "x") -> LinearCombination:
    """The canonical combination: zero terms dropped, powers falling."""
    kept = [(basis, Fraction(c)) for basis, c in terms.items() if c]
    kept.sort(key=lambda term: (-term[0].power, KINDS.index(term[0].kind), term[0].k))
    return LinearCombination(tuple(kept), var)


def poly(*coefficients: Rational, var: str = "x") -> LinearCombination:
    """The polynomial with these coefficients, constant first."""
    return linear_combination({Basis(power): c for power, c in enumerate(coefficients)}, var)


def surd(rational: Rational, factor: Rational, radicand: int) -> LinearCombination:
    """`rational + factor·√radicand`, the radicand made square-free."""
    outside, inside = simplify_root(radicand)
    if inside == 1:
        return linear_combination({ONE: Fraction(rational) + Fraction(factor) * outside})
    return linear_combination({ONE: rational, Basis(0, "sqrt", inside): Fraction(factor) * outside})


def simplify_root(radicand: int) -> tuple[int, int]:
    """`(a, b)` with √radicand = a√b and b square-free; radicand > 0."""
    for outside in range(isqrt(radicand), 0, -1):
        if radicand % outside**2 == 0:
            return outside, radicand // outside**2
    raise ValueError(f"radicand {radicand} is not positive")


@dataclass(frozen=True)
class Point:
    """An ordered tuple."""

    parts: tuple[Value, ...]


@dataclass(frozen=True)
class FiniteSet:
    """A finite set."""

    members: frozenset[Value]


@dataclass(frozen=True)
class Matrix:
    """Rows of rational numbers, all of one length."""

    rows: tuple[tuple[Fraction, ...], ...]


@dataclass(frozen=True)
class Interval:
    """The reals between two ends; an end of None is infinite and open."""

    low: Fraction | None
    high: Fraction | None
    closed_low: bool = False
    closed_high: bool = False


@dataclass(frozen=True)
class Numeral:
    """The digits of a number in a base other than ten."""

    digits: str
    base: int


Value: TypeAlias = Rational | LinearCombination | Point | FiniteSet | Matrix | Interval | Numeral


def matrix(rows: list[list[int]] | list[list[Fraction]]) -> Matrix:
    """A matrix of exact numbers."""
    return Matrix(tuple(tuple(Fraction(entry) for entry in row) for row in rows))


def same_answer(a: Value, b: Value) -> bool:
    """Return whether two answers are the same mathematical object."""
    return _canonical(a) == _canonical(b)


def _canonical(value: Value) -> object:
    if isinstance(value, int | Fraction):
        return Fraction(value)
    if isinstance(value, LinearCombination):
        if not value.terms:
            return Fraction(0)
        if len(value.terms) == 1 and value.terms[0][0] == ONE:
            return value.terms[0][1]
        return value.terms
    if isinstance(value, Point):
        return ("tuple", *(_canonical(part) for part in value.parts))
    if isinstance(value, FiniteSet):
        return frozenset(_canonical(member) for member in value.members)
    if isinstance(value, Numeral):
        return Fraction(int(value.digits, value.base))
    return value


def answer_type(value: Value) -> str:
    """Return the `answer_type` of such an answer in a math spec."""
    if isinstance(value, LinearCombination):
        return "expression"
    if isinstance(value, Point):
        return "tuple"
    if isinstance(value, FiniteSet):
        return "set"
    if isinstance(value, Matrix):
        return "matrix"
    if isinstance(value, Interval):
        return "interval"
    return "number"


def latex(value: Value) -> str:
    """Write an answer in LaTeX, without dollar signs."""
    return _write(value, terse=False)


def terse_text(value: Value) -> str:
    """Write an answer as the shortest plain text: `3/4` for a fraction, no spaces."""
    return _write(value, terse=True)


def _write(value: Value, *, terse: bool) -> str:
    comma = "," if terse else ", "
    if isinstance(value, int):
        return str(value)
    if isinstance(value, Fraction):
        return _fraction(value, terse=terse)
    if isinstance(value, LinearCombination):
        text = _combination_latex(value)
        return text.replace(" ", "") if terse and "\\cdot" not in text else text
    if isinstance(value, Point):
        return "(" + comma.join(_write(part, terse=terse) for part in value.parts) + ")"
    if isinstance(value, FiniteSet):
        ordered = sorted(value.members, key=approximate)
        return "\\{" + comma.join(_write(member, terse=terse) for member in ordered) + "\\}"
    if isinstance(value, Matrix):
        ampersand, end = ("&", "\\\\") if terse else (" & ", " \\\\ ")
        rows = end.join(ampersand.join(_write(x, terse=terse) for x in row) for row in value.rows)
        return (
            f"\\begin{{pmatrix}}{rows}\\end{{pmatrix}}"
            if terse
            else (f"\\begin{{pmatrix}} {rows} \\end{{pmatrix}}")
        )
    if isinstance(value, Interval):
        low = "-\\infty" if value.low is None else _write(value.low, terse=terse)
        high = "\\infty" if value.high is None else _write(value.high, terse=terse)
        return f"{'[' if value.closed_low else '('}{low}{comma}{high}{']' if value.closed_high else ')'}"
    return f"{value.digits}_{{{value.base}}}"


def _fraction(value: Fraction, *, terse: bool = False) -> str:
    if value.denominator == 1:
        return str(value.numerator)
    if terse:
        return f"{value.numerator}/{value.denominator}"
    sign = "-" if value < 0 else ""
    return f"{sign}\\frac{{{abs(value.numerator)}}}{{{value.denominator}}}"


def _combination_latex(value: LinearCombination) -> str:
    if not value.terms:
        return "0"
    constant = all(basis.power == 0 and basis.kind in KINDS[:4] for basis, _ in value.terms)
    if constant and len(value.terms) > 1:
        common = lcm(*(c.denominator for _, c in value.terms))
        if common > 1:
            return f"\\frac{{{_sum(value.scaled(common))}}}{{{common}}}"
    return _sum(value)


def _sum(value: LinearCombination) -> str:
    text = ""
    for basis, c in value.terms:
        symbol = _symbol(basis, value.var)
        size = "" if abs(c) == 1 and symbol else _fraction(abs(c))
        sign = (" - " if c < 0 else " + ") if text else ("-" if c < 0 else "")
        text += sign + size + symbol
    return text


def _symbol(basis: Basis, var: str) -> str:
    power, kind, k = basis
    name = "" if power == 0 else var if power == 1 else f"{var}^{superscript(power)}"
    inner = var if k == 1 else f"{k}{var}" if k != -1 else f"-{var}"
    named = {
        "": "",
        "sqrt": f"\\sqrt{{{k}}}",
        "pi": "\\pi",
        "e": "e" if k == 1 else f"e^{superscript(k)}",
        "exp": f"e^{{{inner}}}",
        "sin": f"\\sin({inner})",
        "cos": f"\\cos({inner})",
    }[kind]
    return name + (" " if name and named else "") + named


def superscript(power: int) -> str:
    """An exponent, in braces if it has more than one character."""
    return str(power) if 0 <= power <= 9 else f"{{{power}}}"


def approximate(value: Value) -> float:
    """A constant as a float, to put answers in order (never to compare them)."""
    if isinstance(value, int | Fraction):
        return float(value)
    if not isinstance(value, LinearCombination):
        raise TypeError(f"{type(value).__name__} is not a number")
    return sum(float(c) * _basis_value(basis) for basis, c in value.terms)


def _basis_value(basis: Basis) -> float:
    return {"": 1.0, "sqrt": sqrt(abs(basis.k)), "pi": pi, "e": e**basis.k}[basis.kind]


class WrongAnswer(NamedTuple):
    """A wrong answer near the right one: the kind of mistake, and the answer (or its LaTeX)."""

    kind: str
    answer: Value | str


def near_misses(value: Value) -> Iterator[WrongAnswer]:
    """Wrong answers that suit any answer of this type; some may equal it (see `same_answer`)."""
    if isinstance(value, int | Fraction):
        yield from _near_number(Fraction(value))
    elif isinstance(value, LinearCombination):
        yield WrongAnswer("sign_flip", value.scaled(-1))
        yield WrongAnswer("off_by_one", value + linear_combination({ONE: 1}, value.var))
        if len(value.terms) > 1:
            yield WrongAnswer("dropped_term", linear_combination(dict(value.terms[:-1]), value.var))
        basis, c = value.terms[0] if value.terms else (ONE, Fraction(0))
        yield WrongAnswer("wrong_coefficient", value + linear_combination({basis: c or 1}, value.var))
    elif isinstance(value, Point):
        yield WrongAnswer("swapped", Point(value.parts[::-1]))
        yield WrongAnswer("off_by_one", Point((*value.parts[:-1], _plus_one(value.parts[-1]))))
        yield WrongAnswer("dropped_part", Point(value.parts[:-1]) if len(value.parts) > 2 else value.parts[0])
        yield WrongAnswer("sign_flip", Point(tuple(_negated(part) for part in value.parts)))
    elif isinstance(value, FiniteSet):
        ordered = sorted(value.members, key=approximate)
        if len(ordered) > 1:
            yield WrongAnswer("forgotten_root", FiniteSet(frozenset(ordered[:-1])))
            yield WrongAnswer("other_root_forgotten", ordered[-1])
        yield WrongAnswer("sign_flip", FiniteSet(frozenset(_negated(member) for member in ordered)))
        yield WrongAnswer("off_by_one", FiniteSet(frozenset([*ordered[:-1], _plus_one(ordered[-1])])))
        yield WrongAnswer("extra_root", FiniteSet(frozenset([*ordered, _plus_one(ordered[-1])])))
    elif isinstance(value, Matrix):
        yield WrongAnswer("transposed", Matrix(tuple(zip(*value.rows, strict=True))))
        last = value.rows[-1]
        yield WrongAnswer("off_by_one", Matrix((*value.rows[:-1], (*last[:-1], last[-1] + 1))))
        yield WrongAnswer("sign_flip", Matrix(tuple(tuple(-x for x in row) for row in value.rows)))
        yield WrongAnswer("rows_swapped", Matrix(value.rows[::-1]))
    elif isinstance(value, Interval):
        low, high = value.low, value.high
        yield WrongAnswer(
            "wrong_brackets",
            Interval(
                low,
                high,
                low is not None and not value.closed_low,
                high is not None and not value.closed_high,
            ),
        )
        if low is None or high is None:
            yield WrongAnswer("wrong_side", Interval(high, low, value.closed_high, value.closed_low))
        if low is not None:
            below = low - 1
            yield WrongAnswer("off_by_one", Interval(below, high, value.closed_low, value.closed_high))
        elif high is not None:
            yield WrongAnswer("off_by_one", Interval(low, high + 1, value.closed_low, value.closed_high))
    else:
        yield WrongAnswer("reversed_digits", Numeral(value.digits[::-1].lstrip("0") or "0", value.base))
        yield WrongAnswer("off_by_one", in_base(int(value.digits, value.base) + 1, value.base))


def _near_number(value: Fraction) -> Iterator[WrongAnswer]:
    yield WrongAnswer("off_by_one", value + 1)
    yield WrongAnswer("off_by_one", value - 1)
    yield WrongAnswer("sign_flip", -value)
    if value.denominator > 1:
        yield WrongAnswer("upside_down", 1 / value)
        yield WrongAnswer(
            "unreduced_wrong", f"\\frac{{{2 * value.numerator}}}{{{2 * value.denominator + 2}}}"
        )
        yield WrongAnswer("numerator_alone", Fraction(value.numerator))
    else:
        digits = str(abs(value.numerator))
        if len(digits) > 1:
            sign = -1 if value < 0 else 1
            yield WrongAnswer("digits_swapped", Fraction(sign * int(digits[:-2] + digits[-1] + digits[-2])))
        yield WrongAnswer("ten_times", value * 10)


def _plus_one(value: Value) -> Value:
    if isinstance(value, int | Fraction):
        return Fraction(value) + 1
    if isinstance(value, LinearCombination):
        return value + linear_combination({ONE: 1}, value.var)
    raise TypeError(f"{type(value).__name__} has no neighbour")


def _negated(value: Value) -> Value:
    if isinstance(value, int | Fraction):
        return -Fraction(value)
    if isinstance(value, LinearCombination):
        return value.scaled(-1)
    raise TypeError(f"{type(value).__name__} has no negative")


def in_base(number: int, base: int) -> Numeral:
    """A non-negative integer written in a base from 2 to 16."""
    digits = ""
    while True:
        number, digit = divmod(number, base)
        digits = "0123456789abcdef"[digit] + digits
        if not number:
            return Numeral(digits, base)
