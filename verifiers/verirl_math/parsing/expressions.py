"""The typed tree that every answer becomes: frozen, hashable, and with nothing in it that can run."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal


class ParseError(ValueError):
    """The text is not an answer that we read; the message says why in a few words."""


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
    """An interval whose brackets differ, so that it can be nothing else."""

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
    """The parts of a node, in order."""
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
    """How many levels a tree has."""
    levels, row = 0, [node]
    while row:
        levels += 1
        row = [part for one in row for part in children(one)]
    return levels


def walk(node: Node) -> Iterator[Node]:
    """The node and everything below it."""
    pending = [node]
    while pending:
        one = pending.pop()
        yield one
        pending.extend(children(one))


def symbols(node: Node) -> frozenset[str]:
    """The names of all variables below `node`."""
    return frozenset(one.name for one in walk(node) if isinstance(one, Sym))


def operations(node: Node) -> frozenset[str]:
    """The names of all operators and functions below `node`."""
    return frozenset(one.name for one in walk(node) if isinstance(one, Op))


def constants(node: Node) -> frozenset[str]:
    """The names of all constants below `node`."""
    return frozenset(one.name for one in walk(node) if isinstance(one, Const))
