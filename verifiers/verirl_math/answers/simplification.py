"""Is a right answer also written as asked? Only simplification is judged, never correctness."""

from __future__ import annotations

import math
from fractions import Fraction

from verirl_math.equivalence.exact import rational
from verirl_math.ladder import FORM_LEVELS
from verirl_math.parsing.expressions import Node, Num, Op, Quantity, symbols, walk

_ARITHMETIC = frozenset(
    {"+", "-", "*", "!", "binom", "floor", "ceil", "abs", "sgn", "root", "sqrt", "^", "log", "ln"}
)


def simplification_score(gold: Node, answer: Node) -> tuple[float, str]:
    """A score in [0, 1] and what could be simpler; what the gold does itself is never held against it."""
    tolerated = flaws(gold)
    found = [flaw for flaw in flaws(answer) if flaw not in tolerated]
    if isinstance(gold, Quantity) and not any(isinstance(one, Quantity) for one in walk(answer)):
        found.append("the unit is missing")
    return max(0.0, 1 - len(found) / (FORM_LEVELS - 1)), "; ".join(found)


def flaws(node: Node) -> list[str]:
    """Each kind of unfinished work in an answer, once."""
    found: dict[str, None] = {}
    for one in walk(node):
        if isinstance(one, Op):
            for flaw in _flaws_of(one):
                found[flaw] = None
        elif isinstance(one, Num) and one.places is not None:
            found["a decimal"] = None
    return list(found)


def _flaws_of(node: Op) -> list[str]:
    found: list[str] = []
    match node:
        case Op("/", (Num(above), Num(below))) if above.denominator == below.denominator == 1 and below:
            if math.gcd(above.numerator, below.numerator) > 1 or below == 1:
                found.append("a fraction that can be reduced")
        case Op("/", (_, below)) if any(
            isinstance(part, Op) and part.name in ("sqrt", "root") for part in walk(below)
        ):
            found.append("a radical in a denominator")
        case Op("sqrt", (Num(value),)) if value.denominator == 1 and _square_factor(value.numerator):
            found.append("a radical that can be simplified")
    if (
        node.name in _ARITHMETIC
        and not symbols(node)
        and all(_is_literal(arg) for arg in node.args)
        and not _is_scientific(node)
        and _quietly(node) is not None
    ):
        found.append("arithmetic that was not carried out")
    return found


def _is_literal(node: Node) -> bool:
    return isinstance(node, Num) or (
        isinstance(node, Op) and node.name in ("neg", "/") and all(_is_literal(a) for a in node.args)
    )


def _is_scientific(node: Op) -> bool:
    """A power of ten is a finished numeral."""
    return node.name == "^" and isinstance(node.args[0], Num) and node.args[0].value == 10


def _quietly(node: Node) -> Fraction | None:
    try:
        return rational(node)
    except ValueError:
        return None


def _square_factor(value: int) -> bool:
    return any(value % (root * root) == 0 for root in range(2, min(math.isqrt(max(value, 0)), 1000) + 1))
