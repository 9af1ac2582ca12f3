"""A value and its unit, apart: quantities, degrees, percentages, and a letter that stands for a unit."""

from __future__ import annotations

from fractions import Fraction

from verirl_math.parsing.expressions import Node, Num, Op, Quantity, Sym, Unit, symbols
from verirl_math.parsing.units import KNOWN_UNITS

DEGREE = KNOWN_UNITS["degree"]
RADIAN = KNOWN_UNITS["radian"]


def value_and_unit(node: Node) -> tuple[Node, Unit | None]:
    """The value of a node and its unit, None where it has none."""
    match node:
        case Quantity(value, unit):
            return value, (unit if unit.powers else None)
        case Op("degrees", (value,)):
            return value, DEGREE
        case Op("neg", (Op("degrees", (value,)),)):
            return Op("neg", (value,)), DEGREE
        case Op("*" | "/" as name, (one, Op("degrees", (other,)))) if name == "*":
            return Op("*", (one, other)), DEGREE
    return node, None


def letter_unit(node: Node, unit: Unit) -> tuple[Node, Unit | None]:
    """`5m` beside a gold in metres: the letter is its unit, not a variable."""
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
    """An angle in degrees as one in radians; anything else as it is."""
    return Op("degrees", (node,)) if unit == DEGREE else node


def scaled(node: Node, factor: Fraction) -> Node:
    """A node multiplied by a number."""
    return node if factor == 1 else Op("*", (node, Num(factor)))


def without_percent(node: Node) -> Node:
    """`50%` as 50; anything else as it is."""
    match node:
        case Op("percent", (value,)):
            return value
        case Op("*", (one, Op("percent", (other,)))):
            return Op("*", (one, other))
        case Op("neg", (Op("percent", (value,)),)):
            return Op("neg", (value,))
    return node
