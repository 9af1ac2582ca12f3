"""Run programs of our own, a reference and its slips, and tell whether they differ.

Only text that this package wrote comes here, never a completion. A slip may still loop for ever, so
every loop and every call is counted and ends at a bound that the reference's own count sets: the outcome
depends on no clock.
"""

from __future__ import annotations

import ast
import marshal
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from verirl_code.tasks.families.problem import Args

ENOUGH = 20_000
"""Loops and calls of a reference on one input; no problem of ours comes near it."""


class _EndlessError(Exception):
    """More loops and calls than allowed."""


@dataclass(frozen=True)
class Outcome:
    """What a call gave: a value, or how it `fell` (`raised`, `endless`), after `ticks` loops and calls."""

    value: Any = None
    fell: str = ""
    ticks: int = 0


class Program:
    """A compiled program whose function `name` can be called with a bound on its loops and calls."""

    def __init__(self, source: str, name: str) -> None:
        tree = _Counted().visit(ast.parse(source))
        space: dict[str, Any] = {"_tick": self._tick}
        self._left = self._given = ENOUGH
        exec(compile(tree, "<ours>", "exec"), space)  # noqa: S102 - text of our own, see above
        self._call: Callable[..., Any] = space[name]

    def _tick(self) -> None:
        self._left -= 1
        if self._left < 0:
            raise _EndlessError

    def __call__(self, args: Args, ticks: int = ENOUGH) -> Outcome:
        """The outcome of one call on a copy of `args`, with at most `ticks` loops and calls."""
        self._left = ticks
        try:
            value = marshal.loads(marshal.dumps(self._call(*marshal.loads(marshal.dumps(args)))))  # noqa: S302
        except _EndlessError:
            return Outcome(fell="endless")
        except Exception:  # noqa: BLE001 - a slip may raise anything
            return Outcome(fell="raised")
        return Outcome(value, ticks=ticks - self._left)


class _Counted(ast.NodeTransformer):
    """A call of `_tick` at the start of every loop's and every function's body."""

    def _count(self, node: Any) -> Any:
        self.generic_visit(node)
        node.body = [*ast.parse("_tick()").body, *node.body]
        return node

    visit_For = visit_While = visit_FunctionDef = _count


def differs(
    source: str, name: str, inputs: Sequence[Args], right: Sequence[Outcome]
) -> tuple[int, str] | None:
    """The first input on which a slip does not give the reference's outcome, and how it fell there.

    None where it is the same on all inputs. A slip may take four times the loops and calls of the reference.
    """
    try:
        slip = Program(source, name)
    except Exception:  # noqa: BLE001 - a slip that does not even start differs everywhere
        return 0, "raised"
    for place, (args, wanted) in enumerate(zip(inputs, right, strict=True)):
        got = slip(args, 4 * wanted.ticks + 100)
        if got.fell or not same(got.value, wanted.value):
            return place, got.fell
    return None


def same(a: Any, b: Any) -> bool:
    """Equal as data, in doubt yes: 1, 1.0 and True are the same, and so are a list and a tuple."""
    if isinstance(a, (int, float)) and isinstance(b, (int, float)):
        return a == b or math.isclose(a, b, rel_tol=1e-4, abs_tol=1e-6)
    if isinstance(a, (list, tuple)) and isinstance(b, (list, tuple)):
        return len(a) == len(b) and all(same(x, y) for x, y in zip(a, b, strict=True))
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    if isinstance(a, str) and isinstance(b, str):
        return a.split() == b.split() and a.strip() == b.strip()
    return bool(a == b)
