"""Compare sets of real numbers: intervals, unions, inequalities, `{x | x > 3}`.

The boundaries of both sets divide the real line into finitely many cells: the boundaries and the gaps between
them. Membership is constant in each cell, so two sets are equal if and only if they agree in every cell.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any

from verirl_math.equivalence.exact import UndefinedError
from verirl_math.equivalence.high_precision_eval import WORKING_DIGITS, Evaluator
from verirl_math.equivalence.identity_testing import same_value
from verirl_math.parsing.expressions import (
    SET_NAMES,
    Builder,
    Const,
    Interval,
    Node,
    Op,
    Rel,
    Seq,
    Sym,
    constants,
    symbols,
)

_INEQUALITIES = frozenset({"<", ">", "<=", ">=", "!="})
_OPERATORS = frozenset({"union", "intersection", "minus"})


class NotARealSetError(ValueError):
    """The tree is not a set of real numbers, or its boundaries cannot be ordered."""


def is_real_set(node: Node) -> bool:
    """Whether a tree is certainly a set of reals (a pair `(1, 2)` could be a point)."""
    match node:
        case Interval() | Builder():
            return True
        case Const(name):
            return name in SET_NAMES
        case Op(name):
            return name in _OPERATORS
        case Rel(ops):
            return all(op in _INEQUALITIES for op in ops) or ops == ("in",)
        case Seq("list", items):
            return any(is_real_set(item) for item in items) and all(
                is_real_set(item) or isinstance(item, Rel) for item in items
            )
        case Seq("tuple" | "bracket", items):
            return len(items) == 2 and any("oo" in constants(item) for item in items)
    return False


def could_be_real_set(node: Node) -> bool:
    """Whether a tree is a set of reals, or a pair that may be read as an interval."""
    return is_real_set(node) or (
        isinstance(node, Seq) and node.kind != "list" and (len(node.items) == 2 or node.kind == "set")
    )


def same_real_set(gold: Node, answer: Node) -> bool:
    """Whether two trees are the same set of reals; NotARealSetError if one of them is not a set of reals."""
    left, right = _read(gold), _read(answer)
    parametric = bool(parameters(left) or parameters(right))
    if left.variable and right.variable and left.variable != right.variable:
        if parametric:
            raise NotARealSetError("either variable may be the bound")
        return False
    if parametric:
        return _same_bounds(left, right)
    ranks, top = _ranked([*left.bounds, *right.bounds])
    return left.cells(ranks, top) == right.cells(ranks, top)


@dataclass(frozen=True)
class _RealSet:
    """`node` as a set; cells are numbered so that boundary k is cell 2k and the gap after it 2k + 1."""

    node: Node
    variable: str | None
    bounds: tuple[Node, ...]

    def cells(self, ranks: dict[Node, int], top: int) -> list[bool]:
        """List for each cell whether it is in the set.

        Conditions that are separated by a comma and exclude each other are alternatives.
        """
        members = [_member(self.node, cell, ranks, self.variable) for cell in range(-1, top)]
        if not any(members) and isinstance(self.node, Seq) and self.node.joint == ",":
            either = Seq("list", self.node.items, "or")
            return [_member(either, cell, ranks, self.variable) for cell in range(-1, top)]
        return members


def parameters(region: _RealSet) -> frozenset[str]:
    """Return the parameters in the boundaries."""
    return frozenset().union(*(symbols(bound) for bound in region.bounds))


def _read(node: Node) -> _RealSet:
    variable = _variable(node)
    bounds: list[Node] = []
    _collect(node, variable, bounds)
    return _RealSet(node, variable, tuple(bounds))


def _variable(node: Node) -> str | None:
    """Return the single variable of inequalities or memberships."""
    match node:
        case Rel(_, terms):
            names = [term.name for term in terms if isinstance(term, Sym)]
            return names[0] if names else None
        case Builder(element, condition):
            return element.name if isinstance(element, Sym) else _variable(element) or _variable(condition)
        case Seq("list", items) | Op(_, items):
            variables = (
                {name for item in items if (name := _variable(item))}
                if not isinstance(node, Op) or node.name in _OPERATORS
                else set()
            )
            if len(variables) > 1:
                raise NotARealSetError("several variables")
            return variables.pop() if variables else None
    return None


def _collect(node: Node, variable: str | None, bounds: list[Node]) -> None:
    match node:
        case Interval(low, high):
            bounds.extend((low, high))
        case Seq("tuple" | "bracket", (low, high)):
            bounds.extend((low, high))
        case Seq("set", items):
            bounds.extend(items)
        case Seq("list", items):
            for item in items:
                _collect(item, variable, bounds)
        case Const("R" | "empty"):
            pass
        case Op("union" | "intersection" | "minus", parts):
            for part in parts:
                _collect(part, variable, bounds)
        case Builder(element, condition):
            if not isinstance(element, Sym):
                _collect(element, variable, bounds)
            _collect(condition, variable, bounds)
        case Rel(("in",), (Sym(), inside)):
            _collect(inside, variable, bounds)
        case Rel(ops, terms) if variable is not None and all(op in _INEQUALITIES or op == "=" for op in ops):
            for left, right in itertools.pairwise(terms):
                if (left == Sym(variable)) == (right == Sym(variable)):
                    raise NotARealSetError("not solved for its variable")
            bounds.extend(term for term in terms if term != Sym(variable))
            if any(variable in symbols(bound) for bound in bounds):
                raise NotARealSetError("not solved for its variable")
        case _:
            raise NotARealSetError("not a set of reals")


def _ranked(bounds: list[Node]) -> tuple[dict[Node, int], int]:
    """Number the cells of the boundaries and of +∞, the last; equal values share one, and −∞ is −2."""
    values: list[tuple[Any, Node]] = []
    for bound in dict.fromkeys(bounds):
        if "oo" in constants(bound):
            continue
        number = Evaluator({}, WORKING_DIGITS)(bound)
        if number.imag:
            raise NotARealSetError("a boundary that is not real")
        values.append((number.real, bound))
    values.sort(key=lambda pair: pair[0])
    ranks: dict[Node, int] = {}
    rank = -2
    previous: Node | None = None
    for _, bound in values:
        if previous is None or not same_value(previous, bound):
            rank += 2
        ranks[bound] = rank
        previous = bound
    top = rank + 2
    for bound in bounds:
        if bound == Const("oo"):
            ranks[bound] = top
        elif bound == Op("neg", (Const("oo"),)):
            ranks[bound] = -2
        elif bound not in ranks:
            raise NotARealSetError("a boundary with infinity in it")
    return ranks, top


def _member(node: Node, cell: int, ranks: dict[Node, int], variable: str | None) -> bool:
    def inside(part: Node) -> bool:
        return _member(part, cell, ranks, variable)

    match node:
        case Interval(low, high, closed_low, closed_high):
            return _between(cell, ranks[low], ranks[high], closed_low, closed_high)
        case Seq("tuple", (low, high)):
            return _between(cell, ranks[low], ranks[high], False, False)
        case Seq("bracket", (low, high)):
            return _between(cell, ranks[low], ranks[high], True, True)
        case Seq("set", items):
            return any(cell == ranks[item] for item in items)
        case Seq("list", items, joint):
            return any(map(inside, items)) if joint == "or" else all(map(inside, items))
        case Const(name):
            return name == "R"
        case Op("union", parts):
            return any(map(inside, parts))
        case Op("intersection", parts):
            return all(map(inside, parts))
        case Op("minus", (whole, removed)):
            return inside(whole) and not inside(removed)
        case Builder(element, condition):
            return (isinstance(element, Sym) or inside(element)) and inside(condition)
        case Rel(("in",), (_, whole)):
            return inside(whole)
        case Rel(ops, terms):
            ranked = [cell if term == Sym(variable or "") else ranks[term] for term in terms]
            return all(_holds(op, ranked[k], ranked[k + 1]) for k, op in enumerate(ops))
    raise NotARealSetError("not a set of reals")


def _between(cell: int, low: int, high: int, closed_low: bool, closed_high: bool) -> bool:
    return (low < cell or (closed_low and low == cell)) and (cell < high or (closed_high and cell == high))


def _holds(op: str, left: int, right: int) -> bool:
    return {
        "<": left < right,
        ">": left > right,
        "<=": left <= right,
        ">=": left >= right,
        "=": left == right,
        "!=": left != right,
    }[op]


def _same_bounds(left: _RealSet, right: _RealSet) -> bool:
    """Compare sets with parameters in their boundaries: each must be one interval, with equal ends."""
    first, second = _single(left), _single(right)
    if first is None or second is None:
        raise NotARealSetError("boundaries with parameters")
    return (
        (first.closed_low, first.closed_high) == (second.closed_low, second.closed_high)
        and _same_end(first.low, second.low)
        and _same_end(first.high, second.high)
    )


def _same_end(left: Node, right: Node) -> bool:
    try:
        return same_value(left, right)
    except UndefinedError:
        return False


def _single(region: _RealSet) -> Interval | None:
    least, most = Op("neg", (Const("oo"),)), Const("oo")
    match region.node:
        case Interval() as interval:
            return interval
        case Seq("tuple", (low, high)):
            return Interval(low, high, False, False)
        case Seq("bracket", (low, high)):
            return Interval(low, high, True, True)
        case Rel(("in",), (_, inside)) | Builder(Sym(), inside):
            return _single(_RealSet(inside, region.variable, region.bounds))
        case Rel((op,), (left, right)) if op in ("<", ">", "<=", ">="):
            below = (left == Sym(region.variable or "")) == (op[0] == "<")
            bound = right if left == Sym(region.variable or "") else left
            closed = op.endswith("=")
            return Interval(least, bound, False, closed) if below else Interval(bound, most, closed, False)
        case Rel((first, second), (low, Sym(), high)) if first[0] == second[0] and first[0] in "<>":
            ends = (low, high, first.endswith("="), second.endswith("="))
            return Interval(*ends) if first[0] == "<" else Interval(high, low, ends[3], ends[2])
    return None
