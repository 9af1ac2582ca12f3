"""Evaluate a tree at given points to many digits with mpmath, and track the precision.

Conventions: variables are real; odd roots of negative numbers are real; `log` without a base is natural in
`\\ln`, and natural in `\\log` too unless a base is written (the field writes golds so).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from verirl.optional_dependencies import import_optional
from verirl_math.equivalence.exact import UndefinedError, rational
from verirl_math.parsing.expressions import BudgetError, Const, Node, Num, Op, Rel, Sym

mpmath = import_optional("mpmath", "math")

WORKING_DIGITS = 50
MAX_MAGNITUDE_DIGITS = 2500
"""Largest number of decimal digits before or after the point that an intermediate value may have."""

MAX_EVALUATED_NODES = 20_000
MAX_SUM_TERMS = 500

MpNumber = Any
"""An mpmath `mpf` or `mpc`."""


class Evaluator:
    """An evaluator with `digits` digits.

    `magnitude` is the largest |log10| of the values so far, `largest` the largest log10.
    """

    def __init__(self, point: Mapping[str, Fraction], digits: int, work: int = MAX_EVALUATED_NODES) -> None:
        self.point = point
        self.context = mpmath.mp.clone() if digits > 4 * WORKING_DIGITS else _shared(digits)
        self.context.dps = digits
        self.magnitude = 0
        self.largest = 0
        self.work = work

    def __call__(self, node: Node) -> MpNumber:
        """Evaluate `node`; UndefinedError if it has no value, BudgetError if it is too large."""
        self.work -= 1
        if self.work < 0:
            raise BudgetError("too much to compute")
        try:
            value = self._value(node)
        except (ZeroDivisionError, OverflowError, mpmath.mp.NoConvergence) as error:
            raise UndefinedError(str(error) or "no value") from None
        except (ValueError, TypeError, ArithmeticError) as error:
            if isinstance(error, (BudgetError, UndefinedError)):
                raise
            raise UndefinedError(str(error)) from None
        return self._watched(value)

    def _watched(self, value: MpNumber) -> MpNumber:
        context = self.context
        if not context.isfinite(value):
            raise UndefinedError("not a finite value")
        if value:
            sizes = _exponent(context.re(value)), _exponent(context.im(value))
            size = max(abs(sizes[0]), abs(sizes[1]))
            if size > MAX_MAGNITUDE_DIGITS:
                raise BudgetError("a value too large or too small to compute")
            self.magnitude = max(self.magnitude, size)
            self.largest = max(self.largest, *sizes)
        return value

    def _value(self, node: Node) -> MpNumber:
        context = self.context
        match node:
            case Num(value):
                self.magnitude = max(
                    self.magnitude, len(str(value.denominator)) if value.denominator < 10**400 else 400
                )
                return _number(context, value)
            case Sym(name):
                return _number(context, self.point[name])
            case Const("pi"):
                return +context.pi
            case Const("e"):
                return +context.e
            case Const("i"):
                return context.mpc(0, 1)
            case Op("^", (base, exponent)):
                return self._power(base, exponent)
            case Op("root", (inside, degree)):
                return self._root(self(inside), rational(degree) or Fraction(0), degree)
            case Op("sum" | "prod", _):
                return self._repeated(node)
            case Op(name, args):
                function = getattr(self, f"_op_{_METHODS[name]}", None) if name in _METHODS else None
                if function is not None:
                    return function(*(self(arg) for arg in args))
                if name in _PLAIN and len(args) == 1:
                    return self._plain(name, self(args[0]))
        raise UndefinedError("not a value")

    def _plain(self, name: str, argument: MpNumber) -> MpNumber:
        if name in ("exp", "sinh", "cosh") and abs(argument) > 2.4 * MAX_MAGNITUDE_DIGITS:
            raise BudgetError("an exponential too large to compute")
        return getattr(self.context, _PLAIN[name])(argument)

    def _power(self, base: Node, exponent: Node) -> MpNumber:
        context = self.context
        power = rational(exponent)
        below = self(base)
        above = _number(context, power) if power is not None else self(exponent)
        if not below:
            if context.re(above) <= 0:
                raise UndefinedError("a power of zero")
            return context.mpf(0)
        if (
            abs(above) * max(1, abs(_exponent(abs(below)))) > 4 * MAX_MAGNITUDE_DIGITS
            and abs(abs(below) - 1) > 1e-30
        ):
            raise BudgetError("a power too large to compute")
        if power is not None and power.denominator % 2 and power.denominator > 1:
            return self._root(below, Fraction(power.denominator), None) ** power.numerator
        if power is not None and power.denominator == 1 and abs(power.numerator) < 10**6:
            return below**power.numerator
        return context.power(below, above)

    def _root(self, inside: MpNumber, degree: Fraction, node: Node | None) -> MpNumber:
        context = self.context
        if degree.denominator == 1 and degree.numerator > 0:
            if degree.numerator % 2 and context.im(inside) == 0 and context.re(inside) < 0:
                return -context.root(-context.re(inside), degree.numerator)
            return context.root(inside, degree.numerator) if inside else context.mpf(0)
        if node is None:
            raise UndefinedError("a root of no degree")
        return context.power(inside, 1 / self(node))

    def _repeated(self, node: Op) -> MpNumber:
        context = self.context
        start, end, body = node.args
        if not (isinstance(start, Rel) and start.ops == ("=",) and isinstance(start.terms[0], Sym)):
            raise UndefinedError("a sum without bounds")
        low, high = self(start.terms[1]), self(end)
        if not (context.isint(low) and context.isint(high)):
            raise UndefinedError("bounds that are not whole")
        if high - low > MAX_SUM_TERMS:
            raise BudgetError("a sum too long to compute")
        name = start.terms[0].name
        total = context.mpf(0 if node.name == "sum" else 1)
        outer = self.point
        for index in range(int(low), int(high) + 1):
            self.point = {**outer, name: Fraction(index)}
            term = self(body)
            total = total + term if node.name == "sum" else total * term
        self.point = outer
        return total

    def _op_add(self, a: MpNumber, b: MpNumber) -> MpNumber:
        return a + b

    def _op_subtract(self, a: MpNumber, b: MpNumber) -> MpNumber:
        return a - b

    def _op_multiply(self, a: MpNumber, b: MpNumber) -> MpNumber:
        return a * b

    def _op_divide(self, a: MpNumber, b: MpNumber) -> MpNumber:
        return a / b

    def _op_negate(self, a: MpNumber) -> MpNumber:
        return -a

    def _op_mixed(self, whole: MpNumber, above: MpNumber, below: MpNumber) -> MpNumber:
        return whole + above / below

    def _op_percent(self, a: MpNumber) -> MpNumber:
        return a / 100

    def _op_degrees(self, a: MpNumber) -> MpNumber:
        return a * self.context.pi / 180

    def _op_abs(self, a: MpNumber) -> MpNumber:
        return abs(a)

    def _op_sign(self, a: MpNumber) -> MpNumber:
        return self.context.sign(a)

    def _op_log(self, a: MpNumber, base: MpNumber | None = None) -> MpNumber:
        logarithm = self.context.log(a)
        return logarithm if base is None else logarithm / self.context.log(base)

    def _op_factorial(self, a: MpNumber) -> MpNumber:
        if abs(a) > MAX_MAGNITUDE_DIGITS:
            raise BudgetError("a factorial too large to compute")
        return self.context.factorial(a)

    def _op_binomial(self, n: MpNumber, k: MpNumber) -> MpNumber:
        if max(abs(n), abs(k)) > MAX_MAGNITUDE_DIGITS:
            raise BudgetError("a binomial coefficient too large to compute")
        return self.context.binomial(n, k)

    def _op_floor(self, a: MpNumber) -> MpNumber:
        return self._stepped(a, self.context.floor)

    def _op_ceil(self, a: MpNumber) -> MpNumber:
        return self._stepped(a, self.context.ceil)

    def _stepped(self, a: MpNumber, step: Any) -> MpNumber:
        """Round a value; one that is an integer but for its last digits counts as that integer."""
        context = self.context
        if context.im(a):
            raise UndefinedError("a step of a complex value")
        near = context.nint(a)
        return near if abs(a - near) < context.mpf(10) ** (10 - context.dps) * max(1, abs(near)) else step(a)

    def _op_modulo(self, a: MpNumber, b: MpNumber) -> MpNumber:
        return self.context.fmod(a, b)

    def _op_minimum(self, *values: MpNumber) -> MpNumber:
        return min(values, key=self.context.re)

    def _op_maximum(self, *values: MpNumber) -> MpNumber:
        return max(values, key=self.context.re)


_METHODS = {
    "+": "add", "-": "subtract", "*": "multiply", "/": "divide", "neg": "negate", "mixed": "mixed",
    "percent": "percent", "degrees": "degrees", "abs": "abs", "sgn": "sign", "log": "log", "ln": "log",
    "!": "factorial", "binom": "binomial", "floor": "floor", "ceil": "ceil", "mod": "modulo",
    "min": "minimum",
    "max": "maximum", "ratio": "divide",
}  # fmt: skip
_PLAIN = {
    "sqrt": "sqrt", "exp": "exp", "sin": "sin", "cos": "cos", "tan": "tan", "cot": "cot", "sec": "sec",
    "csc": "csc",
    "arcsin": "asin", "arccos": "acos", "arctan": "atan", "arccot": "acot", "arcsec": "asec",
    "arccsc": "acsc",
    "sinh": "sinh", "cosh": "cosh", "tanh": "tanh", "coth": "coth", "arcsinh": "asinh", "arccosh": "acosh",
    "arctanh": "atanh",
}  # fmt: skip
_contexts: dict[int, Any] = {}


def _shared(digits: int) -> Any:
    """Return one context per precision, so that the global one of mpmath does not change."""
    if digits not in _contexts:
        _contexts[digits] = mpmath.mp.clone()
    return _contexts[digits]


def _number(context: Any, value: Fraction) -> MpNumber:
    return (
        context.mpf(value.numerator) / value.denominator
        if value.denominator != 1
        else context.mpf(value.numerator)
    )


def _exponent(value: MpNumber) -> int:
    """Estimate log10 of a real value; 0 for zero."""
    if not value:
        return 0
    _, mantissa, exponent, _ = value._mpf_
    return int((exponent + mantissa.bit_length()) * math.log10(2))
