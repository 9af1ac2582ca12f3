"""The `spec` of a math task: its pydantic model, with the parsed gold answer."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from fractions import Fraction
from functools import lru_cache
from typing import Any, ClassVar, Literal, Self

from pydantic import Field, PrivateAttr, model_validator

from verirl import spec as base
from verirl.errors import SpecError
from verirl.spec import Spec
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

AnswerType = Literal["expression", "number", "set", "tuple", "interval", "matrix", "equation", "text"]


class MathSpec(Spec):
    """The spec of a math task: the gold answer, and how it is compared."""

    noun: ClassVar[str] = "a math spec"

    answer: str = Field(description="The gold answer, as LaTeX (with or without $) or plain text.")
    answer_type: AnswerType | None = Field(
        default=None, description="What kind of answer is wanted; by default the gold answer tells."
    )
    tolerance: float | None = Field(
        default=None, ge=0, lt=1, description="The largest relative error of a number; by default exact."
    )

    _gold: Node = PrivateAttr()

    @model_validator(mode="after")
    def _read_gold(self) -> Self:
        self._gold = _parse_gold(self.answer, self.answer_type)
        return self

    @property
    def gold(self) -> Node:
        """The parsed gold answer; a `Text` if the answer is words."""
        return self._gold

    @property
    def rules(self) -> EqualityRules:
        """How an answer is compared with the gold one."""
        return EqualityRules(self.answer_type, None if self.tolerance is None else Fraction(self.tolerance))


def read_spec(spec: Mapping[str, Any]) -> MathSpec:
    """Read a task's spec.

    Args:
        spec: The spec as it was read from JSON.

    Returns:
        The spec with its parsed gold answer.

    Raises:
        SpecError: If a key is unknown, missing or wrong, or the gold answer cannot be read.

    Example:
        >>> read_spec({"answer": "7/2"}).answer_type is None
        True
    """
    return base.read_spec(MathSpec, spec)


def check_spec(spec: Mapping[str, Any]) -> None:
    """Check a task's spec, and that its gold answer is found equal to itself.

    Args:
        spec: The spec as it was read from JSON.

    Raises:
        SpecError: If the spec is wrong, or its gold answer cannot be compared.
    """
    read = read_spec(spec)
    if isinstance(read.gold, Text):
        return
    try:
        reason = difference(read.gold, parse(read.answer), read.rules)
        with contextlib.suppress(BudgetError):
            rational(read.gold)
    except ValueError as error:
        reason = str(error)
    if reason is not None:
        raise SpecError("answer", f"is not an answer that can be checked: {reason}")


@lru_cache(maxsize=4096)
def _parse_gold(answer: str, kind: str | None) -> Node:
    if kind == "text":
        flat = normalize_words(answer)
        if not flat:
            raise SpecError("answer", "empty")
        return Text(flat)
    try:
        gold = parse(answer)
    except ParseError as error:
        raise SpecError(
            "answer", f'cannot be read as mathematics ({error}); if it is words, add "answer_type": "text"'
        ) from error
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
