"""Gates: what an evaluation must reach, as in `pass@1>=0.5` or `pass@4[tag=fractions].low>=0.3`.

    GATE      = METRIC [ "[" GROUPING "=" NAME { "," GROUPING "=" NAME } "]" ] [ ".low" | ".high" ] OP NUMBER
    METRIC    = "pass@" K | "mean_reward" | "error_rate" | "stage." NAME
    GROUPING  = "domain" | "tag" | "difficulty"
    OP        = ">=" | ">" | "<=" | "<"

Values are compared exactly: a third is at least 1/3 whatever a float says of it.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Any

from verirl.errors import InputError, nearest, suggestion
from verirl.evaluation.passk import mean, mean_interval
from verirl.evaluation.result import (
    GROUPINGS,
    Evaluation,
    TaskRow,
    error_rate,
    groups,
    pass_values,
    reward_values,
    stage_share,
)

_GATE = re.compile(
    r"""\s*(?P<metric>pass@\d+|[A-Za-z_]\w*(?:\.(?!(?:low|high)\b)[\w-]+)?)
        \s*(?:\[(?P<filters>[^\]]*)\])?
        \s*(?:\.(?P<end>low|high))?
        \s*(?P<op>>=|<=|>|<)
        \s*(?P<bound>[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,3})?)\s*""",
    re.VERBOSE | re.ASCII,
)

_OPERATORS: Mapping[str, Callable[[Any, Any], bool]] = {
    ">=": operator.ge,
    "<=": operator.le,
    ">": operator.gt,
    "<": operator.lt,
}

EXAMPLE = "write it as 'pass@1>=0.5', 'mean_reward>0.4', 'error_rate<=0.01' or 'stage.NAME>=0.9'"


@dataclass(frozen=True)
class Gate:
    """One parsed gate. `end`: the interval's `low` or `high`, or empty for the value itself."""

    text: str
    metric: str
    filters: tuple[tuple[str, str], ...]
    end: str
    op: str
    bound: Fraction

    @property
    def k(self) -> int | None:
        """The k of a pass@k gate."""
        return int(self.metric.removeprefix("pass@")) if self.metric.startswith("pass@") else None


@dataclass(frozen=True)
class GateResult:
    """Whether a gate was met, the value it was held against (None: there is none), and that in a line."""

    gate: Gate
    met: bool
    value: float | None
    line: str


def parse(text: str) -> Gate:
    """The gate that `text` writes; InputError that says what is wrong with it."""
    found = _GATE.fullmatch(text)
    if found is None:
        raise InputError(f"gate '{text}' is not understood; {EXAMPLE}")
    metric, end = found["metric"], found["end"] or ""
    name, _, stage = metric.partition(".")
    if metric.startswith("pass@"):
        if int(metric.removeprefix("pass@")) < 1:
            raise InputError(f"gate '{text}': k is at least 1")
    elif not (metric in ("mean_reward", "error_rate") or (name == "stage" and stage)):
        near = nearest(metric, ["mean_reward", "error_rate", "pass@1", "stage."])
        hint = f"did you mean '{near}'?" if near else EXAMPLE
        raise InputError(f"gate '{text}': no metric '{metric}'; {hint}")
    if end and not metric.startswith(("pass@", "mean_reward")):
        raise InputError(
            f"gate '{text}': '{metric}' has no interval; .{end} goes with pass@K and mean_reward"
        )
    return Gate(
        text.strip(), metric, _filters(text, found["filters"]), end, found["op"], _bound(found["bound"])
    )


def _bound(text: str) -> Fraction:
    return Fraction(Decimal(text))


def _filters(text: str, inside: str | None) -> tuple[tuple[str, str], ...]:
    if inside is None:
        return ()
    found = []
    for part in inside.split(","):
        grouping, equals, name = (piece.strip() for piece in part.partition("="))
        if not equals or not name:
            raise InputError(f"gate '{text}': in brackets goes GROUPING=NAME, as in [tag=fractions]")
        if grouping not in GROUPINGS:
            raise InputError(f"gate '{text}': no grouping '{grouping}'; there are: {', '.join(GROUPINGS)}")
        found.append((grouping, name))
    return tuple(found)


def select(gate: Gate, rows: Sequence[TaskRow]) -> list[TaskRow]:
    """The rows that a gate speaks of; InputError where it names a group or a stage that is not there.

    Call it on rows without samples to check a gate before anything is spent.
    """
    present = groups(rows)
    chosen = list(rows)
    for grouping, name in gate.filters:
        if name not in present[grouping]:
            raise InputError(
                f"gate '{gate.text}': no {grouping} '{name}'; {suggestion(name, present[grouping])}"
            )
        chosen = [row for row in chosen if name in GROUPINGS[grouping](row)]
    if not chosen:
        raise InputError(f"gate '{gate.text}': no task is in all of its groups")
    if gate.metric.startswith("stage."):
        stage = gate.metric.removeprefix("stage.")
        known = dict.fromkeys(name for row in chosen for name in row.stages)
        if stage not in known:
            raise InputError(f"gate '{gate.text}': no stage '{stage}'; {suggestion(stage, known)}")
    return chosen


def check(gates: Sequence[Gate], evaluation: Evaluation) -> list[GateResult]:
    """Check an evaluation against each gate, in order."""
    return [_check(gate, evaluation) for gate in gates]


def _check(gate: Gate, evaluation: Evaluation) -> GateResult:
    value = _value(gate, select(gate, evaluation.rows), evaluation.settings.seed)
    if value is None:
        return GateResult(gate, False, None, f"{gate.text}: not met, no task has enough usable samples")
    met = _OPERATORS[gate.op](value, gate.bound)
    shown = f"{float(value):.4f}".rstrip("0").rstrip(".")
    if not met and _OPERATORS[gate.op](Fraction(shown), gate.bound):
        shown = repr(float(value))
    return GateResult(gate, met, float(value), f"{gate.text}: {'met' if met else 'not met'}, it is {shown}")


def _value(gate: Gate, rows: Sequence[TaskRow], seed: int) -> Fraction | None:
    if gate.metric == "error_rate":
        return error_rate(rows)
    if gate.metric.startswith("stage."):
        return stage_share(rows, gate.metric.removeprefix("stage."))
    values = reward_values(rows) if gate.k is None else pass_values(rows, gate.k)
    usable = [value for value in values if value is not None]
    interval = mean_interval(usable, seed=seed)
    if gate.end and interval is not None:
        return Fraction(interval.low if gate.end == "low" else interval.high)
    return mean(usable)
