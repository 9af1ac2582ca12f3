"""Detect an answer of the right value that leaves its work undone.

`7+8` has the value 15 but says no more than the question did. There are three rules. A number must not be
written as a sum, difference, product or nested quotient of numbers. If the gold answer is rational, it must
not be written as an operation applied to another (a logarithm of a power, the square of a root). An
unfinished expression of the question is not an answer. An answer may leave unevaluated whatever
the gold answer does.
"""

from __future__ import annotations

import re

from verirl_math.equivalence.exact import rational
from verirl_math.parsing.expressions import Const, Node, Num, Op, ParseError, Rel, Sym, symbols, walk
from verirl_math.parsing.parser import parse
from verirl_math.parsing.units import SCALE_WORDS

_SPAN = re.compile(r"\$\$?([^$]+)\$|\\\((.+?)\\\)|\\\[(.+?)\\\]", re.DOTALL)
_SIMPLE_FRACTION = re.compile(r"\\[dt]?frac\{([^{}]+)\}\{([^{}]+)\}")
_SIGNS = (("\\cdot", "*"), ("\\times", "*"), ("×", "*"), ("·", "*"), ("÷", "/"), ("\\div", "/"), ("−", "-"))
_LAYOUT = re.compile(r"\\left|\\right|\\[,;:! ]|[\s${}]|\\\(|\\\)")
_ASKS = re.compile(r"[=,;?]")
_COUNTS = re.compile("|".join(SCALE_WORDS), re.IGNORECASE)
"""Words that are part of a numeral: `2 million` is parsed as a product but counts as a number."""

_NOTATION = frozenset(
    {"+", "-", "*", "/", "neg", "mixed", "percent", "degrees", "ratio", "approx", "pm", "mp"}
)
"""Operations that write a number, or that `_is_pending` and `_is_disguised` judge."""

_MAX_PIECES = 40
"""The largest number of pieces of a question that are read; a question may be long."""


def why_unevaluated(asked: str, gold: Node, answer: Node, text: str) -> str | None:
    """Say why an answer of the right value is rejected.

    Args:
        asked: The text of the question.
        gold: The gold answer.
        answer: The answer.
        text: The text of the answer.

    Returns:
        The reason, or None if the answer is accepted.
    """
    # A chain such as `7+8=15` ends in the value.
    if answer == gold or (isinstance(answer, Rel) and gold in answer.terms):
        return None
    must_be_evaluated = _is_number(gold) and not (_has_pending(gold) or _COUNTS.search(text))
    if must_be_evaluated and (
        _has_pending(answer) or (_is_plain(gold) and (_has_disguised(answer) or _has_nested(answer)))
    ):
        return "arithmetic that was not carried out"
    if _is_finished(answer) or not _in_question(asked, answer, text):
        return None
    return "an expression of the question, not carried out"


def _is_number(gold: Node) -> bool:
    """Whether a gold answer consists of evaluated numbers; if not, an answer need not be evaluated either."""
    if isinstance(gold, Rel):
        return all(isinstance(term, Sym) or _is_number(term) for term in gold.terms)
    return not symbols(gold) and all(_is_finished(part) for part in walk(gold) if isinstance(part, Op))


def _has_pending(node: Node) -> bool:
    return any(isinstance(part, Op) and _is_pending(part) for part in walk(node))


def _is_pending(node: Op) -> bool:
    if node.name == "/":
        # A quotient of two numerals is a fraction; one of fractions is a division.
        return _is_rational(node) and any(not _is_numeral(part) for part in node.args)
    if node.name == "*" and any(_is_power_of_ten(part) for part in node.args):
        return False
    return node.name in ("+", "-", "*") and _is_rational(node)


def _is_plain(gold: Node) -> bool:
    """Whether a gold answer consists of numerals and fractions only, without roots, `\\pi` or `i`."""
    return all(
        not isinstance(part, Const) and (not isinstance(part, Op) or _is_finished(part))
        for part in walk(gold)
    )


def _has_disguised(answer: Node) -> bool:
    """Whether an answer has sums or products of numbers in disguise: `\\ln(e^7 e^8)`, `7 - 8i^2`."""
    return any(isinstance(part, Op) and _is_disguised(part) for part in walk(answer))


def _is_disguised(node: Op) -> bool:
    if node.name not in ("+", "-", "*") or symbols(node) or _is_written_number(node):
        return False
    powers = node.name == "*" and all(isinstance(part, Op) and part.name == "^" for part in node.args)
    return powers or any(_is_rational(part) for part in node.args)


def _has_nested(answer: Node) -> bool:
    """Whether an operation is applied to the result of another; such pairs often cancel."""
    steps = [part for part in walk(answer) if isinstance(part, Op) and _is_step(part)]
    return any(
        isinstance(part, Op) and _is_step(part)
        for step in steps
        for arg in _operands(step)
        for part in walk(arg)
    )


def _operands(node: Op) -> tuple[Node, ...]:
    """Return the arguments of a step; `\\sin^2 1` counts as one step."""
    match node:
        case Op("^", (Op(name, inside), exponent)) if name in ("sin", "cos", "tan", "cot", "sec", "csc"):
            return (*inside, exponent)
    return node.args


def _is_step(node: Op) -> bool:
    return node.name not in _NOTATION and not _is_power_of_ten(node) and not symbols(node)


def _is_written_number(node: Op) -> bool:
    """Whether a product only writes a number: `1.5 \\times 10^3`, `12\\tfrac12\\%`, `3 \\cdot 30^\\circ`."""
    if node.name != "*":
        return False
    left, right = node.args
    if isinstance(left, Num) and _is_power_of_ten(right):
        return True
    return any(isinstance(part, Op) and part.name in ("percent", "degrees") for part in node.args)


def _is_numeral(node: Node) -> bool:
    if isinstance(node, Op) and node.name == "neg":
        return _is_numeral(node.args[0])
    return isinstance(node, Num) or _is_power_of_ten(node)


def _is_power_of_ten(node: Node) -> bool:
    match node:
        case Op("^", (Num(value), exponent)):
            return value == 10 and not any(isinstance(p, Op) and p.name != "neg" for p in walk(exponent))
    return False


def _is_rational(node: Node) -> bool:
    if symbols(node):
        return False
    try:
        return rational(node) is not None
    except ValueError:
        return False


def _is_finished(node: Node) -> bool:
    """Whether nothing is left to do: a numeral, a fraction in lowest terms, a name."""
    match node:
        case Op("neg", (inner,)):
            return _is_finished(inner)
        case Op("/", (Num(above), Num(below))) if above.denominator == below.denominator == 1 and below:
            return (above / below).denominator == abs(below.numerator)
        case Op("/", (Num(), Num())) | Op("mixed" | "percent" | "ratio"):
            return True
    return not any(isinstance(part, Op) for part in walk(node))


def _in_question(asked: str, answer: Node, text: str) -> bool:
    flat = _flat(text)
    if len(flat) > 1 and re.search(rf"(?<![\w.^]){re.escape(flat)}(?![\w.^])", _flat(asked)):
        return True
    spans = [next(filter(None, groups)) for groups in _SPAN.findall(asked)] or [asked]
    pieces = [piece for span in spans for piece in (span, *_ASKS.split(span))]
    return any(_holds(piece, answer) for piece in dict.fromkeys(pieces[:_MAX_PIECES]))


def _holds(piece: str, answer: Node) -> bool:
    try:
        return any(part == answer for part in walk(parse(piece)))
    except ParseError:
        return False


def _flat(text: str) -> str:
    """Remove layout from a text, so that equal expressions become equal text."""
    text = _SIMPLE_FRACTION.sub(r"\1/\2", text)
    for sign, plain in _SIGNS:
        text = text.replace(sign, plain)
    return _LAYOUT.sub("", text).replace("**", "^")
