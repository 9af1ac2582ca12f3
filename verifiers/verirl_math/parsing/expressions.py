"""The typed expression tree of an answer: frozen, hashable, and free of code."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal


class ParseError(ValueError):
    """The text cannot be parsed; the message says why in a few words."""


class BudgetError(ValueError):
    """The value is defined, but too large to compute within a verdict's budget."""


@dataclass(frozen=True, slots=True)
class Num:
    """A literal. `places`: decimal places written (None for an integer); `digits`: significant digits."""

    value: Fraction
    places: int | None = None
    digits: int = 0


@dataclass(frozen=True, slots=True)
class Sym:
    """A variable, with its subscript, primes and accents as part of the name."""

    name: str


@dataclass(frozen=True, slots=True)
class Const:
    """A named constant: `pi`, `e`, `i`, `oo`, or one of the sets `R`, `Q`, `Z`, `N`, `C`, `empty`."""

    name: str


@dataclass(frozen=True, slots=True)
class Op:
    """An operator or a known function applied to its arguments."""

    name: str
    args: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Seq:
    """Several items: bare (`list`), in parentheses (`tuple`), brackets (`bracket`) or braces (`set`)."""

    kind: Literal["list", "tuple", "bracket", "set"]
    items: tuple[Node, ...]
    joint: Literal[",", "or", "and"] = ","


@dataclass(frozen=True, slots=True)
class Interval:
    """An interval whose brackets differ, so that it cannot be a tuple or a list."""

    low: Node
    high: Node
    closed_low: bool
    closed_high: bool


@dataclass(frozen=True, slots=True)
class Matrix:
    """Rows of entries, all of the same length."""

    rows: tuple[tuple[Node, ...], ...]


@dataclass(frozen=True, slots=True)
class Rel:
    """A chain `terms[0] ops[0] terms[1] ops[1] …` of equations, inequalities or memberships."""

    ops: tuple[str, ...]
    terms: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Unit:
    """`factor` times the product of base units to their powers, sorted by name."""

    factor: Fraction
    powers: tuple[tuple[str, Fraction], ...]


@dataclass(frozen=True, slots=True)
class Quantity:
    """A value with a unit."""

    value: Node
    unit: Unit


@dataclass(frozen=True, slots=True)
class Based:
    """A numeral in a stated base: upper-case digits without leading zeros."""

    digits: str
    base: int
    negative: bool = False


@dataclass(frozen=True, slots=True)
class Text:
    """Words."""

    words: str


@dataclass(frozen=True, slots=True)
class Builder:
    """`{element | condition}`."""

    element: Node
    condition: Node


Node = Num | Sym | Const | Op | Seq | Interval | Matrix | Rel | Quantity | Based | Text | Builder

SET_NAMES = frozenset({"R", "Q", "Z", "N", "C", "empty"})


def children(node: Node) -> tuple[Node, ...]:
    """Return the parts of a node, in order."""
    match node:
        case Op(args=parts) | Seq(items=parts) | Rel(terms=parts):
            return parts
        case Interval(low, high):
            return (low, high)
        case Matrix(rows):
            return tuple(entry for row in rows for entry in row)
        case Quantity(value):
            return (value,)
        case Builder(element, condition):
            return (element, condition)
    return ()


def depth(node: Node) -> int:
    """Return the number of levels of a tree."""
    levels, row = 0, [node]
    while row:
        levels += 1
        row = [part for parent in row for part in children(parent)]
    return levels


def walk(node: Node) -> Iterator[Node]:
    """Iterate over a node and all nodes below it."""
    pending = [node]
    while pending:
        part = pending.pop()
        yield part
        pending.extend(children(part))


def symbols(node: Node) -> frozenset[str]:
    """Return the names of all variables in `node`."""
    return frozenset(part.name for part in walk(node) if isinstance(part, Sym))


def operations(node: Node) -> frozenset[str]:
    """Return the names of all operators and functions in `node`."""
    return frozenset(part.name for part in walk(node) if isinstance(part, Op))


def constants(node: Node) -> frozenset[str]:
    """Return the names of all constants in `node`."""
    return frozenset(part.name for part in walk(node) if isinstance(part, Const))
