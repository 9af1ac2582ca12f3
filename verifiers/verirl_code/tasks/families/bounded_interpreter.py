"""Run a reference and its mutants in this process, and find out whether they differ.

Only text that this package generated is run here, never a completion. A mutant may still loop for ever, so
loops and calls are counted (*ticks*) and the program is stopped at a bound derived from the reference's own
count: the outcome depends on no clock.
"""

from __future__ import annotations

import ast
import marshal
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from verirl_code.tasks.families.problem import Args

MAX_TICKS = 20_000
"""Most loops and calls of a reference on one input; the families need far fewer."""

_MUTANT_TICK_FACTOR = 4
_MUTANT_TICK_SLACK = 100
"""A mutant may use four times the ticks of the reference, and 100 more."""


class _EndlessError(Exception):
    """More loops and calls than allowed."""


@dataclass(frozen=True)
class Outcome:
    """How a call ended.

    Attributes:
        value: What it returned.
        failure: `raised`, `endless`, or empty if it returned.
        ticks: How many loops and calls it took.
    """

    value: Any = None
    failure: str = ""
    ticks: int = 0


class BoundedProgram:
    """A compiled program whose function `name` is called with a bound on its loops and calls."""

    def __init__(self, source: str, name: str) -> None:
        tree = _TickInserter().visit(ast.parse(source))
        scope: dict[str, Any] = {"_tick": self._tick}
        self._ticks_left = MAX_TICKS
        exec(compile(tree, "<ours>", "exec"), scope)  # noqa: S102 - generated text, see above
        self._call: Callable[..., Any] = scope[name]

    def _tick(self) -> None:
        self._ticks_left -= 1
        if self._ticks_left < 0:
            raise _EndlessError

    def __call__(self, args: Args, ticks: int = MAX_TICKS) -> Outcome:
        """Call the function on a copy of `args`, with at most `ticks` loops and calls."""
        self._ticks_left = ticks
        try:
            value = marshal.loads(marshal.dumps(self._call(*marshal.loads(marshal.dumps(args)))))  # noqa: S302
        except _EndlessError:
            return Outcome(failure="endless")
        except Exception:  # noqa: BLE001 - a mutant may raise anything
            return Outcome(failure="raised")
        return Outcome(value, ticks=ticks - self._ticks_left)


class _TickInserter(ast.NodeTransformer):
    """Inserts a call of `_tick` at the start of the body of each loop and function."""

    def _count(self, node: Any) -> Any:
        self.generic_visit(node)
        node.body = [*ast.parse("_tick()").body, *node.body]
        return node

    visit_For = visit_While = visit_FunctionDef = _count


def first_difference(
    source: str, name: str, inputs: Sequence[Args], right: Sequence[Outcome]
) -> tuple[int, str] | None:
    """Find the first input on which a mutant and the reference differ.

    Args:
        source: The mutant's program.
        name: The function to call.
        inputs: The inputs to try.
        right: The reference's outcome for each input.

    Returns:
        The index of the input and the mutant's `failure` on it (empty for a wrong value), or None if the two
        agree on all inputs.
    """
    try:
        mutant = BoundedProgram(source, name)
    except Exception:  # noqa: BLE001 - a mutant that does not even start differs everywhere
        return 0, "raised"
    for index, (args, expected) in enumerate(zip(inputs, right, strict=True)):
        got = mutant(args, _MUTANT_TICK_FACTOR * expected.ticks + _MUTANT_TICK_SLACK)
        if got.failure or not loosely_equal(got.value, expected.value):
            return index, got.failure
    return None


def loosely_equal(a: Any, b: Any) -> bool:
    """Compare leniently: numbers within a tolerance, lists and tuples alike, text up to white space.

    More lenient than the grader, so that a mutant counts as different only if every grader would say so.
    """
    if isinstance(a, (int, float)) and isinstance(b, (int, float)):
        return a == b or math.isclose(a, b, rel_tol=1e-4, abs_tol=1e-6)
    if isinstance(a, (list, tuple)) and isinstance(b, (list, tuple)):
        return len(a) == len(b) and all(loosely_equal(x, y) for x, y in zip(a, b, strict=True))
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(loosely_equal(a[key], b[key]) for key in a)
    if isinstance(a, str) and isinstance(b, str):
        return a.split() == b.split() and a.strip() == b.strip()
    return bool(a == b)
