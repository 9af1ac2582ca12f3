"""Score how simple a right answer is. Correctness is not judged here."""

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
    """Score the simplicity of an answer.

    Args:
        gold: The gold answer; a flaw that it has itself does not count.
        answer: A right answer.

    Returns:
        The score in [0, 1], and a note on what could be simpler.
    """
    tolerated = flaws(gold)
    counted = [flaw for flaw in flaws(answer) if flaw not in tolerated]
    if isinstance(gold, Quantity) and not any(isinstance(part, Quantity) for part in walk(answer)):
        counted.append("the unit is missing")
    return max(0.0, 1 - len(counted) / (FORM_LEVELS - 1)), "; ".join(counted)


def flaws(node: Node) -> list[str]:
    """List each kind of unfinished work in an answer once."""
    kinds: dict[str, None] = {}
    for part in walk(node):
        if isinstance(part, Op):
            for flaw in _flaws_of(part):
                kinds[flaw] = None
        elif isinstance(part, Num) and part.places is not None:
            kinds["a decimal"] = None
    return list(kinds)


def _flaws_of(node: Op) -> list[str]:
    kinds: list[str] = []
    match node:
        case Op("/", (Num(above), Num(below))) if above.denominator == below.denominator == 1 and below:
            if math.gcd(above.numerator, below.numerator) > 1 or below == 1:
                kinds.append("a fraction that can be reduced")
        case Op("/", (_, below)) if any(
            isinstance(part, Op) and part.name in ("sqrt", "root") for part in walk(below)
        ):
            kinds.append("a radical in a denominator")
        case Op("sqrt", (Num(value),)) if value.denominator == 1 and _square_factor(value.numerator):
            kinds.append("a radical that can be simplified")
    if (
        node.name in _ARITHMETIC
        and not symbols(node)
        and all(_is_literal(arg) for arg in node.args)
        and not _is_scientific(node)
        and _quietly(node) is not None
    ):
        kinds.append("arithmetic that was not carried out")
    return kinds


def _is_literal(node: Node) -> bool:
    return isinstance(node, Num) or (
        isinstance(node, Op) and node.name in ("neg", "/") and all(_is_literal(a) for a in node.args)
    )


def _is_scientific(node: Op) -> bool:
    """Whether an operation is a power of ten, which counts as a numeral."""
    return node.name == "^" and isinstance(node.args[0], Num) and node.args[0].value == 10


def _quietly(node: Node) -> Fraction | None:
    try:
        return rational(node)
    except ValueError:
        return None


def _square_factor(value: int) -> bool:
    return any(value % (root * root) == 0 for root in range(2, min(math.isqrt(max(value, 0)), 1000) + 1))
