"""Decide whether two expressions have the same value, by exact arithmetic or by evaluation.

An identity between rational functions is tested by residues at random points modulo a random large number
(Schwartz 1980, Zippel 1979): its cost does not grow with the exponents. Anything else is evaluated to at
least 50 digits, and to more if an intermediate value is so tiny or huge that it could hide digits. The
points come from a hash of both sides, so a verdict is reproducible and no answer can be fitted to them.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping
from fractions import Fraction
from typing import Any

from verirl.seeds import rng
from verirl_math.equivalence.exact import UndefinedError, as_decimal, is_rational_function, rational, residue
from verirl_math.equivalence.high_precision_eval import WORKING_DIGITS, Evaluator
from verirl_math.parsing.expressions import BudgetError, Const, Node, Op, constants, symbols, walk

MAX_SPAN_DIGITS = 1000
"""Decimal orders of magnitude that an intermediate value may span; beyond it the comparison is refused."""

MIN_DECIMAL_DIGITS = 6
"""The fewest significant digits of a decimal that may stand for an exact value that rounds to it."""

_AGREEING_POINTS = 10
_MAX_POINTS = 24
_INTEGER_OPERATIONS = frozenset({"floor", "ceil", "!", "binom", "mod", "gcd", "lcm", "sum", "prod"})
_SMALL_PRIMES = (
    2,
    3,
    5,
    7,
    11,
    13,
    17,
    19,
    23,
    29,
    31,
    37,
    41,
    43,
    47,
    53,
    59,
    61,
    67,
    71,
    73,
    79,
    83,
    89,
    97,
)


def same_value(gold: Node, answer: Node, tolerance: Fraction | None = None) -> bool:
    """Whether two expressions have the same value.

    Args:
        gold: The gold answer.
        answer: The answer to judge.
        tolerance: The largest relative error if both are numbers; None is exact.

    Raises:
        BudgetError: If a value is too large to compute.
        UndefinedError: If the answer has no value.
    """
    if gold == answer:
        return True
    if "oo" in constants(gold) | constants(answer):
        return False
    if not symbols(answer) <= symbols(gold):
        return False
    if symbols(gold):
        return _same_function(gold, answer)
    return _same_number(gold, answer, tolerance)


# -- numbers --------------------------------------------------------------------------------------------


def _same_number(gold: Node, answer: Node, tolerance: Fraction | None) -> bool:
    exact_gold, exact_answer = rational(gold), rational(answer)
    if exact_gold is not None and exact_answer is not None:
        if exact_gold == exact_answer:
            return True
        if tolerance is not None and abs(exact_gold - exact_answer) <= tolerance * abs(exact_gold):
            return True
    elif _agree(gold, answer, {}) or (tolerance is not None and _close(gold, answer, tolerance)):
        return True
    return _stands_for(answer, gold) or (as_decimal(answer) is None and _stands_for(gold, answer))


def _stands_for(decimal: Node, exact: Node) -> bool:
    """Whether `decimal` is a literal of enough digits that `exact`, no integer or decimal, rounds to."""
    literal = as_decimal(decimal)
    if literal is None or literal[2] < MIN_DECIMAL_DIGITS or as_decimal(exact) is not None:
        return False
    value, half, digits = literal
    known = rational(exact)
    if known is not None:
        return known.denominator != 1 and abs(known - value) <= half
    number = _value(exact, 2 * WORKING_DIGITS + 2 * digits)
    if number.imag:
        return False
    context = number.context
    return bool(
        abs(number - context.mpf(value.numerator) / value.denominator)
        <= context.mpf(half.numerator) / half.denominator
    )


def _close(gold: Node, answer: Node, tolerance: Fraction) -> bool:
    left, right = _value(gold, WORKING_DIGITS), _value(answer, WORKING_DIGITS)
    bound = abs(left) * tolerance.numerator / tolerance.denominator
    return bool(abs(left - right) <= bound * (1 + left.context.mpf(10) ** -40))


def _value(node: Node, digits: int) -> Any:
    return Evaluator({}, digits)(node)


def _agree(gold: Node, answer: Node, point: Mapping[str, Fraction]) -> bool:
    """Whether both have the same value at `point`, to every digit that their parts can influence."""
    evaluation = Evaluator(point, WORKING_DIGITS)
    left = evaluation(gold)
    try:
        right = evaluation(answer)
    except UndefinedError:
        # A random point is never a removable singularity, but a point of integers can be one: it is skipped.
        if any(value.denominator != 1 for value in point.values()):
            return False
        raise
    if _apart(left, right, evaluation):
        return False
    if evaluation.magnitude <= 6:
        return True
    if evaluation.magnitude > MAX_SPAN_DIGITS:
        raise BudgetError("values too large or too small to compare")
    evaluation = Evaluator(point, WORKING_DIGITS + 2 * evaluation.magnitude)
    return not _apart(evaluation(gold), evaluation(answer), evaluation)


def _apart(left: Any, right: Any, evaluation: Evaluator) -> bool:
    context = evaluation.context
    return bool(abs(left - right) > context.mpf(10) ** (evaluation.largest + 18 - context.dps))


# -- functions ------------------------------------------------------------------------------------------


def _same_function(gold: Node, answer: Node) -> bool:
    draw = rng("math", "identity", repr(gold), repr(answer))
    if is_rational_function(gold) and is_rational_function(answer):
        return same_residues(draw, gold, answer)
    return agree_everywhere(draw, (gold, answer), lambda point: _agree(gold, answer, point))


def same_residues(draw: random.Random, gold: Node, answer: Node) -> bool:
    """Whether two rational functions are identical, judged by residues at random points."""
    agreed = 0
    for modulus, point in residue_points(draw, symbols(gold) | symbols(answer)):
        try:
            if residue(gold, point, modulus) != residue(answer, point, modulus):
                return False
        except UndefinedError:
            continue
        agreed += 1
        if agreed == 2:
            return True
    raise UndefinedError("no value")


def residue_points(draw: random.Random, names: frozenset[str]) -> Iterator[tuple[int, dict[str, int]]]:
    """Draw a few random 256-bit moduli without small factors, each with a random point."""
    for _ in range(6):
        modulus = draw.getrandbits(256) | 1 << 255 | 1
        while any(modulus % prime == 0 for prime in _SMALL_PRIMES):
            modulus += 2
        yield modulus, {name: draw.randrange(1, modulus) for name in sorted(names)}


def agree_everywhere(
    draw: random.Random, nodes: tuple[Node, ...], agree: Callable[[Mapping[str, Fraction]], bool]
) -> bool:
    """Whether `agree` holds at every sampled point at which `nodes` have values, at least three."""
    agreed = undefined = 0
    for point in sample_points(draw, nodes):
        try:
            if not agree(point):
                return False
        except UndefinedError:
            undefined += 1
            continue
        agreed += 1
        if agreed == _AGREEING_POINTS:
            return True
    return agreed >= 3 and agreed > undefined // 4


def sample_points(draw: random.Random, nodes: tuple[Node, ...]) -> Iterator[dict[str, Fraction]]:
    """Draw points with every combination of signs: eight points cover those of three variables.

    Variables that must be integers, such as those in floors and factorials, get integers.
    """
    names = sorted(frozenset().union(*(symbols(node) for node in nodes)))
    whole = frozenset().union(*(_whole_symbols(node) for node in nodes))
    for turn in range(_MAX_POINTS):
        point = {}
        for index, name in enumerate(names):
            if name in whole:
                point[name] = Fraction(turn % 12 + 1 if len(whole) == 1 else draw.randrange(1, 30))
            else:
                size = Fraction(draw.randrange(2 * 10**11, 31 * 10**11), 10**12)
                point[name] = -size if turn >> index % 3 & 1 else size
        yield point


def _whole_symbols(node: Node) -> frozenset[str]:
    """Find the variables in a floor, a factorial, a binomial, or the exponent of a negative number."""
    names: frozenset[str] = frozenset()
    for part in walk(node):
        if isinstance(part, Op) and part.name in _INTEGER_OPERATIONS:
            names |= symbols(part)
        if isinstance(part, Op) and part.name == "^" and _is_negative(part.args[0]):
            names |= symbols(part.args[1])
    return names


def _is_negative(node: Node) -> bool:
    return (isinstance(node, Op) and node.name == "neg" and not symbols(node)) or (
        isinstance(node, Const) and node.name == "i"
    )


def constant_ratio(gold: Node, answer: Node) -> Any:
    """Return `answer / gold` if it is the same non-zero number wherever both are defined, else None.

    The number is an approximation from one sample: use only its sign, and that it is not None.
    """
    if symbols(gold) != symbols(answer):
        return None
    draw = rng("math", "ratio", repr(gold), repr(answer))
    if is_rational_function(gold) and is_rational_function(answer) and not _same_ratio(draw, gold, answer):
        return None
    ratios: list[Any] = []

    def agree(point: Mapping[str, Fraction]) -> bool:
        evaluation = Evaluator(point, 2 * WORKING_DIGITS)
        left, right = evaluation(gold), evaluation(answer)
        if not left:
            raise UndefinedError("zero")
        ratios.append(right / left)
        return bool(right) and bool(
            abs(ratios[-1] - ratios[0]) <= abs(ratios[0]) * evaluation.context.mpf(10) ** -(WORKING_DIGITS)
        )

    return ratios[0] if agree_everywhere(draw, (gold, answer), agree) else None


def _same_ratio(draw: random.Random, gold: Node, answer: Node) -> bool:
    for modulus, one in residue_points(draw, symbols(gold)):
        other = {name: draw.randrange(1, modulus) for name in one}
        try:
            left = residue(answer, one, modulus) * residue(gold, other, modulus)
            right = residue(answer, other, modulus) * residue(gold, one, modulus)
        except UndefinedError:
            continue
        return (left - right) % modulus == 0
    return False
