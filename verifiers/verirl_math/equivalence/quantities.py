"""Separate values from units: quantities, degrees, percentages, and letters that stand for a unit.

When a bare percent sign counts is decided in `compare` and in `verirl_math.stages`.
"""

from __future__ import annotations

from fractions import Fraction

from verirl_math.parsing.expressions import Node, Num, Op, Quantity, Sym, Unit, symbols
from verirl_math.parsing.units import KNOWN_UNITS

DEGREE = KNOWN_UNITS["degree"]
RADIAN = KNOWN_UNITS["radian"]


def value_and_unit(node: Node) -> tuple[Node, Unit | None]:
    """Return the value of a node and its unit (None if it has none)."""
    match node:
        case Quantity(value, unit):
            return value, (unit if unit.powers else None)
        case Op("degrees", (value,)):
            return value, DEGREE
        case Op("neg", (Op("degrees", (value,)),)):
            return Op("neg", (value,)), DEGREE
        case Op("*", (factor, Op("degrees", (angle,)))):
            return Op("*", (factor, angle)), DEGREE
    return node, None


def letter_unit(node: Node, unit: Unit) -> tuple[Node, Unit | None]:
    """Read the letter of `5m` as a unit and not as a variable if the gold answer is in metres."""
    match node:
        case Op("*", (value, Sym(name))) if not symbols(value) and name in KNOWN_UNITS:
            if KNOWN_UNITS[name].powers == unit.powers:
                return value, KNOWN_UNITS[name]
        case Op("*", (value, Op("^", (Sym(name), Num(power))))) if not symbols(value) and name in KNOWN_UNITS:
            letter = KNOWN_UNITS[name]
            if Unit(letter.factor ** int(power), tuple((n, p * power) for n, p in letter.powers)) == unit:
                return value, unit
    return node, None


def in_radians(node: Node, unit: Unit | None) -> Node:
    """Convert an angle in degrees to radians; leave anything else as it is."""
    return Op("degrees", (node,)) if unit == DEGREE else node


def scaled(node: Node, factor: Fraction) -> Node:
    """Multiply a node by a number."""
    return node if factor == 1 else Op("*", (node, Num(factor)))


def without_percent(node: Node) -> Node:
    """Turn `50%` into 50; leave anything else as it is."""
    match node:
        case Op("percent", (value,)):
            return value
        case Op("*", (factor, Op("percent", (share,)))):
            return Op("*", (factor, share))
        case Op("neg", (Op("percent", (value,)),)):
            return Op("neg", (value,))
    return node
