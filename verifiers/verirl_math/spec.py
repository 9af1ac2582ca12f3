"""The `spec` of a math task: its pydantic model, with the parsed gold answer."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from fractions import Fraction
from functools import lru_cache
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import BeforeValidator, Field, PrivateAttr, model_validator

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

GOLD_CACHE_SIZE = 4096
"""Parsed gold answers that are kept, since a spec is read again for every completion of its task."""


def _check_whole_tolerance(value: object) -> object:
    # For an integer that no float can hold, pydantic's message is "must be a number, not a number".
    if isinstance(value, int) and not isinstance(value, bool) and value != 0:
        raise ValueError("must be at least 0 and less than 1")
    return value


Tolerance = Annotated[float, Field(ge=0, lt=1, allow_inf_nan=False), BeforeValidator(_check_whole_tolerance)]


class MathSpec(Spec):
    """What the math verifier needs of a task: the gold answer, and how to compare with it."""

    noun: ClassVar[str] = "a math spec"

    answer: str = Field(description="The gold answer, as LaTeX (with or without $) or plain text.")
    answer_type: AnswerType | None = Field(
        None,
        description="The type of the gold answer; by default its notation decides. 'text' compares words, "
        "'interval' reads '(1,2)' as an interval, and 'set' ignores the order of a list.",
    )
    tolerance: Tolerance | None = Field(
        None, description="Greatest relative error of a number; by default the value must be exact."
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


@lru_cache(maxsize=GOLD_CACHE_SIZE)
def _parse_gold(answer: str, answer_type: AnswerType | None) -> Node:
    if answer_type == "text":
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
    if answer_type is not None and not _fits(gold, answer_type):
        raise SpecError("answer_type", f"the answer is not of type '{answer_type}'")
    return gold


def _fits(gold: Node, answer_type: AnswerType) -> bool:
    match answer_type:
        case "number":
            return not isinstance(gold, (Seq, Interval, Matrix, Rel, Text, Builder)) and not symbols(gold)
        case "set":
            return (
                isinstance(gold, (Seq, Builder, Interval, Const))
                or could_be_real_set(gold)
                or _has_signs(gold)
            )
        case "tuple":
            return isinstance(gold, Seq) and gold.kind != "set"
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
