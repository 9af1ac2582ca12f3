"""Is a right value an answer, or the question again with its work left undone?

`7+8` has the value of 15 and says nothing that the question did not. Three rules: a number must not be
left as a sum, difference, product or nested quotient of numbers; where the gold is rational, nor as one
operation upon another (a logarithm of a power, the square of a root); and no unfinished expression of the
question's own is an answer. What the gold itself leaves standing is never held against an answer.
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
"""Words that are part of a numeral: `2 million` is read as a product and is none."""

_NOTATION = frozenset(
    {"+", "-", "*", "/", "neg", "mixed", "percent", "degrees", "ratio", "approx", "pm", "mp"}
)
"""Operations that write a number, or that `_is_pending` and `_is_disguised` judge."""

_MAX_PIECES = 40
"""At most so many pieces of a question are read: a question is ours, but it may be long."""


def why_unevaluated(asked: str, gold: Node, answer: Node, text: str) -> str | None:
    """Why an answer of the right value is no answer; None where it is one.

    `asked`: the question's text; `text`: the answer's own.
    """
    # A chain such as `7+8=15` shows its work and its end.
    if answer == gold or (isinstance(answer, Rel) and gold in answer.terms):
        return None
    held = _is_number(gold) and not (_has_pending(gold) or _COUNTS.search(text))
    if held and (
        _has_pending(answer) or (_is_plain(gold) and (_has_disguised(answer) or _has_nested(answer)))
    ):
        return "arithmetic that was not carried out"
    if _is_finished(answer) or not _in_question(asked, answer, text):
        return None
    return "an expression of the question, not carried out"


def _is_number(gold: Node) -> bool:
    """Numbers and nothing unfinished: what the gold leaves standing, an answer may leave in its own way."""
    if isinstance(gold, Rel):
        return all(isinstance(term, Sym) or _is_number(term) for term in gold.terms)
    return not symbols(gold) and all(_is_finished(part) for part in walk(gold) if isinstance(part, Op))


def _has_pending(node: Node) -> bool:
    return any(isinstance(one, Op) and _is_pending(one) for one in walk(node))


def _is_pending(node: Op) -> bool:
    if node.name == "/":
        # A quotient of two numerals is a fraction; one of fractions is a division.
        return _is_rational(node) and any(not _is_numeral(part) for part in node.args)
    if node.name == "*" and any(_is_power_of_ten(part) for part in node.args):
        return False
    return node.name in ("+", "-", "*") and _is_rational(node)


def _is_plain(gold: Node) -> bool:
    """Numerals and fractions alone: no root, no `\\pi`, no `i` is left in the value."""
    return all(
        not isinstance(part, Const) and (not isinstance(part, Op) or _is_finished(part))
        for part in walk(gold)
    )


def _has_disguised(answer: Node) -> bool:
    """Sums and products of numbers that a dress keeps from being one: `\\ln(e^7 e^8)`, `7 - 8i^2`."""
    return any(isinstance(one, Op) and _is_disguised(one) for one in walk(answer))


def _is_disguised(node: Op) -> bool:
    if node.name not in ("+", "-", "*") or symbols(node) or _is_written_number(node):
        return False
    powers = node.name == "*" and all(isinstance(part, Op) and part.name == "^" for part in node.args)
    return powers or any(_is_rational(part) for part in node.args)


def _has_nested(answer: Node) -> bool:
    """An operation upon the result of another: two steps of work, often a pair that cancels."""
    steps = [one for one in walk(answer) if isinstance(one, Op) and _is_step(one)]
    return any(
        isinstance(part, Op) and _is_step(part)
        for one in steps
        for arg in _operands(one)
        for part in walk(arg)
    )


def _operands(node: Op) -> tuple[Node, ...]:
    """A step's arguments; `\\sin^2 1` is one step, however it is built."""
    match node:
        case Op("^", (Op(name, inside), exponent)) if name in ("sin", "cos", "tan", "cot", "sec", "csc"):
            return (*inside, exponent)
    return node.args


def _is_step(node: Op) -> bool:
    return node.name not in _NOTATION and not _is_power_of_ten(node) and not symbols(node)


def _is_written_number(node: Op) -> bool:
    """`1.5 \\times 10^3`, `12\\tfrac12\\%`, `3 \\cdot 30^\\circ`: a factor that belongs to the writing."""
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
    """A numeral, a fraction in lowest terms, a name: nothing is left to do, wherever else it stands."""
    match node:
        case Op("neg", (inner,)):
            return _is_finished(inner)
        case Op("/", (Num(above), Num(below))) if above.denominator == below.denominator == 1 and below:
            return (above / below).denominator == abs(below.numerator)
        case Op("/", (Num(), Num())) | Op("mixed" | "percent" | "ratio"):
            return True
    return not any(isinstance(one, Op) for one in walk(node))


def _in_question(asked: str, answer: Node, text: str) -> bool:
    flat = _flat(text)
    if len(flat) > 1 and re.search(rf"(?<![\w.^]){re.escape(flat)}(?![\w.^])", _flat(asked)):
        return True
    spans = [next(filter(None, found)) for found in _SPAN.findall(asked)] or [asked]
    pieces = [piece for span in spans for piece in (span, *_ASKS.split(span))]
    return any(_holds(piece, answer) for piece in dict.fromkeys(pieces[:_MAX_PIECES]))


def _holds(piece: str, answer: Node) -> bool:
    try:
        return any(one == answer for one in walk(parse(piece)))
    except ParseError:
        return False


def _flat(text: str) -> str:
    """Text without its layout, so that the same expression reads the same."""
    text = _SIMPLE_FRACTION.sub(r"\1/\2", text)
    for sign, plain in _SIGNS:
        text = text.replace(sign, plain)
    return _LAYOUT.sub("", text).replace("**", "^")
