"""What a math task's `spec` must say, read once and kept."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from typing import Any

from verirl.errors import SpecError
from verirl_math.equivalence.compare import EqualityRules, difference
from verirl_math.equivalence.exact import rational
from verirl_math.equivalence.real_sets import could_be_real_set
from verirl_math.parsing.expressions import (
    BudgetError,
    Builder,
    Const,
    Interval,
    Matrix,
    Node,
    Op,
    ParseError,
    Rel,
    Seq,
    Text,
    symbols,
)
from verirl_math.parsing.normalize import normalize_words
from verirl_math.parsing.parser import parse

ANSWER_TYPES = ("expression", "number", "set", "tuple", "interval", "matrix", "equation", "text")
FIELDS = ("answer", "answer_type", "tolerance")


@dataclass(frozen=True, slots=True)
class Spec:
    """A checked spec. `gold` is the parsed answer, a `Text` where the answer is words."""

    answer: str
    gold: Node
    answer_type: str | None = None
    tolerance: Fraction | None = None


def read_spec(spec: Mapping[str, Any]) -> Spec:
    """The spec as typed data; SpecError names the field that is unknown, missing or wrong."""
    for field in spec:
        if field not in FIELDS:
            raise SpecError(str(field), f"unknown; a math spec has {', '.join(FIELDS)}")
    if "answer" not in spec:
        raise SpecError("answer", "missing: the gold answer as LaTeX or plain text")
    answer, kind, tolerance = spec["answer"], spec.get("answer_type"), spec.get("tolerance")
    if not isinstance(answer, str):
        raise SpecError("answer", f"must be a string, not {type(answer).__name__}")
    if kind is not None and (not isinstance(kind, str) or kind not in ANSWER_TYPES):
        raise SpecError("answer_type", f"must be one of {', '.join(ANSWER_TYPES)}")
    return Spec(answer, _gold(answer, kind), kind, _tolerance(tolerance))


def check_spec(spec: Mapping[str, Any]) -> None:
    """Raise SpecError where a spec is incomplete, or where its gold is not found equal to itself."""
    read = read_spec(spec)
    if isinstance(read.gold, Text):
        return
    try:
        reason = difference(read.gold, parse(read.answer), EqualityRules(read.answer_type, read.tolerance))
        with contextlib.suppress(BudgetError):
            rational(read.gold)
    except ValueError as problem:
        reason = str(problem)
    if reason is not None:
        raise SpecError("answer", f"is not an answer that can be checked: {reason}")


def _tolerance(value: object) -> Fraction | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise SpecError("tolerance", "must be a number: the largest relative error")
    if not math.isfinite(value) or not 0 <= value < 1:
        raise SpecError("tolerance", "must be at least 0 and less than 1")
    return Fraction(value)


@lru_cache(maxsize=4096)
def _gold(answer: str, kind: str | None) -> Node:
    if kind == "text":
        flat = normalize_words(answer)
        if not flat:
            raise SpecError("answer", "empty")
        return Text(flat)
    try:
        gold = parse(answer)
    except ParseError as problem:
        raise SpecError(
            "answer", f'cannot be read as mathematics ({problem}); if it is words, add "answer_type": "text"'
        ) from problem
    if kind is not None and not _fits(gold, kind):
        raise SpecError("answer_type", f"the answer is not of type '{kind}'")
    return gold


def _fits(gold: Node, kind: str) -> bool:
    several = isinstance(gold, Seq)
    match kind:
        case "number":
            return not isinstance(gold, (Seq, Interval, Matrix, Rel, Text, Builder)) and not symbols(gold)
        case "set":
            return (
                several
                or isinstance(gold, (Builder, Interval, Const))
                or could_be_real_set(gold)
                or _has_signs(gold)
            )
        case "tuple":
            return several and isinstance(gold, Seq) and gold.kind != "set"
        case "interval":
            return could_be_real_set(gold)
        case "matrix":
            return isinstance(gold, Matrix)
        case "equation":
            return isinstance(gold, Rel) or (
                isinstance(gold, Seq) and all(isinstance(item, Rel) for item in gold.items)
            )
        case _:
            return not isinstance(gold, Text)


def _has_signs(gold: Node) -> bool:
    return isinstance(gold, Op) and gold.name in ("pm", "mp")
