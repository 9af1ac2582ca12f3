"""Find the one answer that a completion commits to, or say why there is none.

An answer is the content of `\\boxed{…}`, a last line `#### 42` as in GSM8K, or a completion that is nothing
but an answer. Thinking is never an answer. Several boxes must all agree. A box inside a box, a box that is
negated, doubted or retracted, and a box that is not closed are rejected. Mathematics next to a box is part of
the answer.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from verirl.answers import NoAnswerError, said
from verirl_math.answers import retractions
from verirl_math.answers.box_context import read_box_context
from verirl_math.parsing import units
from verirl_math.parsing.expressions import ParseError, symbols
from verirl_math.parsing.lexer import closing_brace
from verirl_math.parsing.parser import is_words, parse

MAX_BOXES = 32
MAX_BARE_ANSWER_CHARS = 200

_BOX = re.compile(r"\\(?:boxed|fbox|framebox)(?![A-Za-z])\s*(\{?)")
_UNBRACED = re.compile(r"-?\d+(?:\.\d+)?|[A-Za-z](?![A-Za-z])")
_FINAL_LINE = re.compile(r"^[ \t]*####[ \t]*(.+?)[ \t]*$", re.MULTILINE)

_NUMERAL = re.compile(r"\d+(?:\.\d+)?")
_SUFFIX = re.compile(
    r"%|(?:\\[,;: ]|[~ ])*(?:\\%|\^\s*\{?\s*\\circ\s*\}?|°|_\s*(?:\d{1,2}|\{\s*\d{1,2}\s*\})"
    r"|\\(?:text|mbox|mathrm|textrm)\s*\{\s*([A-Za-z/ ^0-9]{1,40}?)\s*\})"
)


class ExtractedAnswer(NamedTuple):
    """The text of an answer; `dressed` is the text with the sign after its box (`\\boxed{50}\\%`), if any."""

    text: str
    dressed: str | None = None


def extract_answers(completion: str) -> tuple[ExtractedAnswer, ...]:
    """Find the answer of a completion.

    Args:
        completion: What the model wrote, with its thinking.

    Returns:
        The answer; several if boxes or restatements differ in notation, each of which must be right.

    Raises:
        NoAnswerError: If the completion has no answer, or does not commit to it.

    Example:
        >>> extract_answers("#### 7")[0].text
        '7'
    """
    text = said(completion)
    lines = tuple(dict.fromkeys(line[1] for line in _FINAL_LINE.finditer(text)))
    boxes, rest = _boxes(text)
    if boxes:
        others = (*lines, *_restated(rest, boxes[-1].text))
        return _distinct((*boxes, *(ExtractedAnswer(other) for other in others)))
    if len(lines) == 1 and re.search(r"####[^\n]*\s*\Z", text):
        return (ExtractedAnswer(lines[0]),)
    if lines:
        raise NoAnswerError("several '####' lines, or text after the last one")
    return (ExtractedAnswer(_bare(text)),)


def _distinct(answers: tuple[ExtractedAnswer, ...]) -> tuple[ExtractedAnswer, ...]:
    """Keep the last of the answers that differ in white space only."""
    return tuple({("".join(answer.text.split()), answer.dressed): answer for answer in answers}.values())


def _restated(rest: str, box: str) -> tuple[str, ...]:
    """Find the values stated as `the answer is …` after the last box; they must agree with it."""
    values = []
    for value in retractions.restatements(rest):
        try:
            says_words = is_words(parse(value))
        except ParseError:
            if set(_NUMERAL.findall(value)) - set(_NUMERAL.findall(box)):
                raise NoAnswerError(f"a second answer after the box ('{value[:40]}')") from None
            continue
        if not says_words:
            values.append(value)
    return tuple(values)


def last_box(text: str, *, alone: bool = False) -> str:
    """Return the content of the last box of a trusted text, such as the solution of a benchmark.

    Args:
        text: The text.
        alone: Whether it must be the only box.

    Raises:
        NoAnswerError: If there is no such box.
    """
    boxes = list(_BOX.finditer(text))
    if not boxes or (alone and len(boxes) > 1):
        raise NoAnswerError("the solution has no \\boxed{…}" if not boxes else "several boxes")
    content, _ = _content(text, boxes[-1])
    return content


def _boxes(text: str) -> tuple[tuple[ExtractedAnswer, ...], str]:
    """Return the content of each box, and the text after the last one."""
    boxes: list[ExtractedAnswer] = []
    end = floor = 0
    for box in _BOX.finditer(text):
        floor = end
        if box.start() < end:
            raise NoAnswerError("a box inside a box")
        content, close = _content(text, box)
        if len(boxes) >= MAX_BOXES:
            raise NoAnswerError(f"more than {MAX_BOXES} boxes")
        if denied := retractions.denial(text, box.start(), close, floor):
            raise NoAnswerError(denied)
        end = close
        if not content.strip():
            raise NoAnswerError("an empty box")
        boxes.extend(_with_context(text, box.start(), content.strip(), close))
    if boxes and (words := retractions.retraction(text[end:])):
        raise NoAnswerError(f"the answer is taken back after the box ('{words}')")
    return tuple(boxes), text[end:]


def _with_context(text: str, start: int, content: str, close: int) -> list[ExtractedAnswer]:
    """Read a box with the mathematics next to it, and the sides of an `=` after it, which must agree.

    Adjacent mathematics is part of the answer, and so is a unit. A percent sign, degree sign or base is
    optional, because gold answers that were taken from such boxes lack it.
    """
    behind = _SUFFIX.match(text, close)
    touching = read_box_context(text, start, content, close, behind.end() if behind else close)
    if touching.expression is not None and not _says_words(content):
        return [ExtractedAnswer(touching.expression)]
    if behind is None:
        extracted = ExtractedAnswer(content)
    elif behind[1] is None:
        extracted = ExtractedAnswer(content, content + behind[0].strip())
    else:
        extracted = ExtractedAnswer(
            f"{content}\\text{{ {behind[1]} }}" if units.is_known_unit(behind[1]) else content
        )
    return [
        extracted,
        *(ExtractedAnswer(f"{content} = {side}") for side in touching.sides if _states_value(side, content)),
    ]


def _says_words(content: str) -> bool:
    try:
        return is_words(parse(content))
    except ParseError:
        return False


def _states_value(side: str, content: str) -> bool:
    """Whether a side of an equation states a value, and does not just name the quantity in the box."""
    try:
        node = parse(side)
    except ParseError:
        return bool(set(_NUMERAL.findall(side)) - set(_NUMERAL.findall(content)))
    if is_words(node):
        return False
    try:
        return symbols(node) <= symbols(parse(content))
    except ParseError:
        return not symbols(node)


def _content(text: str, box: re.Match[str]) -> tuple[str, int]:
    if box[1]:
        close = closing_brace(text, box.end())
        if close is None:
            raise NoAnswerError("the last box never closes")
        return text[box.end() : close], close + 1
    token = _UNBRACED.match(text, box.end())
    if token is None:
        raise NoAnswerError("a box without content")
    return token[0], token.end()


def _bare(text: str) -> str:
    """Return a completion that is nothing but an answer."""
    text = text.strip()
    if (
        text
        and len(text) <= MAX_BARE_ANSWER_CHARS
        and "\n" not in text
        and not re.search(r"[A-Za-z]{2,}[ ,]+[A-Za-z]{2,}[ ,]", text)
    ):
        try:
            node = parse(text)
        except ParseError:
            node = None
        if node is not None and not (is_words(node) and " " in text):
            return text
    raise NoAnswerError("no \\boxed{…} was found; end with the answer in one \\boxed{}")
