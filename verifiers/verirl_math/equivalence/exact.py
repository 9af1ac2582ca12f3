"""Compute exact values: fractions within a budget, or residues modulo a large number."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from fractions import Fraction

from verirl_math.parsing.expressions import BudgetError, Node, Num, Op, Sym

MAX_RATIONAL_BITS = 20_000
"""The largest exact intermediate result, in bits; a larger one is refused."""

MAX_FACTORIAL_ARGUMENT = 1000

UNEVALUATED_OPERATIONS = frozenset(
    [
        "sum",
        "prod",
        "int",
        "lim",
        "gcd",
        "lcm",
        "min",
        "max",
        "det",
        "tr",
        "mod",
        "modf",
        "pmod",
        "bigcup",
        "bigcap",
    ]
)
"""Operations that an answer must have carried out, unless the gold states the same operation."""


class UndefinedError(ValueError):
    """The expression has no value here (division by zero, a pole)."""


def rational(node: Node) -> Fraction | None:
    """Compute the exact value of an expression by rational arithmetic.

    Returns:
        The value, or None if it is not rational or needs more than arithmetic.

    Raises:
        BudgetError: If an intermediate result exceeds `MAX_RATIONAL_BITS`.
        UndefinedError: If there is a division by zero.
    """
    match node:
        case Num(value):
            return value
        case Op(name, args) if name in _RATIONAL:
            values: list[Fraction] = []
            for arg in args:
                part = rational(arg)
                if part is None:
                    return None
                values.append(part)
            result = _RATIONAL[name](values)
            return None if result is None else _bounded(result)
    return None


def _bounded(value: Fraction) -> Fraction:
    if max(value.numerator.bit_length(), value.denominator.bit_length()) > MAX_RATIONAL_BITS:
        raise BudgetError("a number too large to compute")
    return value


def _power(values: list[Fraction]) -> Fraction | None:
    base, exponent = values
    if exponent.denominator != 1:
        return _rational_root(base, exponent)
    power = exponent.numerator
    if base == 0:
        if power <= 0:
            raise UndefinedError("a power of zero")
        return Fraction(0)
    size = max(base.numerator.bit_length(), base.denominator.bit_length())
    if abs(base) != 1 and size * abs(power) > MAX_RATIONAL_BITS:
        raise BudgetError("a power too large to compute")
    return base ** (power % 2 if abs(base) == 1 else power)


def _rational_root(base: Fraction, exponent: Fraction) -> Fraction | None:
    degree = exponent.denominator
    root = _root([base, Fraction(degree)])
    return None if root is None else _power([root, Fraction(exponent.numerator)])


def _root(values: list[Fraction]) -> Fraction | None:
    """Return the real root if it is rational, else None; odd roots of negative numbers are real."""
    base, degree = values
    if degree.denominator != 1 or not 1 <= degree.numerator <= 64:
        return None
    n = degree.numerator
    if base < 0 and n % 2 == 0:
        return None
    above, below = _integer_root(abs(base.numerator), n), _integer_root(base.denominator, n)
    if above is None or below is None:
        return None
    return Fraction(-above if base < 0 else above, below)


def _integer_root(value: int, n: int) -> int | None:
    """Return the n-th root by bisection if it is an integer, else None."""
    if n == 2:
        root = math.isqrt(value)
    else:
        low, high = 0, 1 << (value.bit_length() // n + 1)
        while low < high:
            middle = (low + high + 1) // 2
            if middle**n <= value:
                low = middle
            else:
                high = middle - 1
        root = low
    return root if root**n == value else None


def _quotient(values: list[Fraction]) -> Fraction:
    if values[1] == 0:
        raise UndefinedError("a division by zero")
    return values[0] / values[1]


def _factorial(values: list[Fraction]) -> Fraction | None:
    n = values[0]
    if n.denominator != 1 or n < 0:
        return None
    if n > MAX_FACTORIAL_ARGUMENT:
        raise BudgetError("a factorial too large to compute")
    return Fraction(math.factorial(int(n)))


def _binomial(values: list[Fraction]) -> Fraction | None:
    n, k = values
    if n.denominator != 1 or k.denominator != 1 or n < 0 or k < 0:
        return None
    if n > 10 * MAX_FACTORIAL_ARGUMENT:
        raise BudgetError("a binomial coefficient too large to compute")
    return Fraction(math.comb(int(n), int(k)))


def _modulo(values: list[Fraction]) -> Fraction | None:
    if values[1] == 0:
        raise UndefinedError("a remainder by zero")
    return values[0] % values[1]


def _whole(function: Callable[..., int]) -> Callable[[list[Fraction]], Fraction | None]:
    def apply(values: list[Fraction]) -> Fraction | None:
        if any(value.denominator != 1 for value in values):
            return None
        return Fraction(function(*(int(value) for value in values)))

    return apply


_RATIONAL: Mapping[str, Callable[[list[Fraction]], Fraction | None]] = {
    "+": lambda v: v[0] + v[1],
    "-": lambda v: v[0] - v[1],
    "*": lambda v: v[0] * v[1],
    "/": _quotient,
    "neg": lambda v: -v[0],
    "^": _power,
    "sqrt": lambda v: _root([v[0], Fraction(2)]),
    "root": _root,
    "mixed": lambda v: v[0] + v[1] / v[2],
    "percent": lambda v: v[0] / 100,
    "abs": lambda v: abs(v[0]),
    "floor": lambda v: Fraction(math.floor(v[0])),
    "ceil": lambda v: Fraction(math.ceil(v[0])),
    "sgn": lambda v: Fraction((v[0] > 0) - (v[0] < 0)),
    "!": _factorial,
    "binom": _binomial,
    "gcd": _whole(math.gcd),
    "lcm": _whole(math.lcm),
    "mod": _modulo,
    "min": lambda v: min(v),
    "max": lambda v: max(v),
}

RATIONAL_OPERATIONS = frozenset({"+", "-", "*", "/", "neg", "^", "mixed", "percent"})


def is_rational_function(node: Node) -> bool:
    """Whether `node` is built from symbols and rational numbers by + − × ÷ and integer powers only."""
    match node:
        case Num() | Sym():
            return True
        case Op("^", (base, exponent)):
            if not is_rational_function(base):
                return False
            power = rational(exponent)
            return power is not None and power.denominator == 1
        case Op(name, args) if name in RATIONAL_OPERATIONS:
            return all(is_rational_function(arg) for arg in args)
    return False


def residue(node: Node, point: Mapping[str, int], modulus: int) -> int:
    """Compute a rational function at `point`, modulo `modulus`; the cost does not depend on its powers.

    Raises:
        UndefinedError: If a denominator has no inverse.
    """
    match node:
        case Num(value):
            return value.numerator * _inverse(value.denominator, modulus) % modulus
        case Sym(name):
            return point[name]
        case Op("^", (base, exponent)):
            power = rational(exponent)
            if power is None or power.denominator != 1:
                raise UndefinedError("not a whole power")
            inside = residue(base, point, modulus)
            if power < 0:
                inside = _inverse(inside, modulus)
            return pow(inside, abs(power.numerator), modulus)
        case Op(name, args):
            values = [residue(arg, point, modulus) for arg in args]
            return _RESIDUE[name](values, modulus)
    raise UndefinedError("not a rational function")


def _inverse(value: int, modulus: int) -> int:
    try:
        return pow(value, -1, modulus)
    except ValueError:
        raise UndefinedError("a division by zero") from None


_RESIDUE: Mapping[str, Callable[[list[int], int], int]] = {
    "+": lambda v, m: (v[0] + v[1]) % m,
    "-": lambda v, m: (v[0] - v[1]) % m,
    "*": lambda v, m: v[0] * v[1] % m,
    "/": lambda v, m: v[0] * _inverse(v[1], m) % m,
    "neg": lambda v, m: -v[0] % m,
    "mixed": lambda v, m: (v[0] + v[1] * _inverse(v[2], m)) % m,
    "percent": lambda v, m: v[0] * _inverse(100, m) % m,
}


def as_decimal(node: Node) -> tuple[Fraction, Fraction, int] | None:
    """Read a decimal literal: its value, half a unit in its last place, and its significant digits.

    None if it is not one. Reads `-1.4142`, `1.5e-3` and `1.5 \\times 10^{-3}`.
    """
    match node:
        case Num(value, places, digits) if places is not None:
            return value, Fraction(1, 2) * Fraction(10) ** -places, digits
        case Op("neg", (inside,)):
            decimal = as_decimal(inside)
            return None if decimal is None else (-decimal[0], decimal[1], decimal[2])
        case Op("percent", (inside,)):
            decimal = as_decimal(inside)
            return None if decimal is None else (decimal[0] / 100, decimal[1] / 100, decimal[2])
        case Op("*", (Num() as mantissa, Op("^", (Num(value=ten), _)) as power)) if ten == 10:
            decimal = as_decimal(mantissa)
            scale = rational(power)
            if decimal is None or scale is None:
                return None
            return decimal[0] * scale, decimal[1] * scale, decimal[2]
    return None
