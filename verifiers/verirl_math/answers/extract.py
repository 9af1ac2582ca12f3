"""Find the one answer that a completion commits to, or say why there is none.

An answer is the content of `\\boxed{…}`; GSM8K's closing line `#### 42` and a completion that is nothing
but an answer are also taken. Thinking is never an answer. Several boxes must all say the same; a box inside a
box, a box that is negated, doubted or taken back, and a box that never closes are no answer. Mathematics that
touches a box is part of what it says.
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
    """An answer's text, and how it reads with what stands against its box (`\\boxed{50}\\%`), if anything."""

    text: str
    dressed: str | None = None


def extract_answers(completion: str) -> tuple[ExtractedAnswer, ...]:
    """The answer's text; several where boxes differ in writing, each of which must be the answer.

    Raises NoAnswerError where the completion has no answer, or does not stand by it.
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
    """One of each answer, white space aside; the last writing of each stays."""
    return tuple({("".join(one.text.split()), one.dressed): one for one in answers}.values())


def _restated(rest: str, box: str) -> tuple[str, ...]:
    """What follows the last box as `the answer is …` and is a value: it must say the same."""
    found = []
    for value in retractions.restatements(rest):
        try:
            says_words = is_words(parse(value))
        except ParseError:
            if set(_NUMERAL.findall(value)) - set(_NUMERAL.findall(box)):
                raise NoAnswerError(f"a second answer after the box ('{value[:40]}')") from None
            continue
        if not says_words:
            found.append(value)
    return tuple(found)


def last_box(text: str, *, alone: bool = False) -> str:
    """The last box of a text that we trust, such as a benchmark's solution; `alone`: its only one."""
    boxes = list(_BOX.finditer(text))
    if not boxes or (alone and len(boxes) > 1):
        raise NoAnswerError("the solution has no \\boxed{…}" if not boxes else "several boxes")
    content, _ = _content(text, boxes[-1])
    return content


def _boxes(text: str) -> tuple[tuple[ExtractedAnswer, ...], str]:
    """The content of each box, and the text after the last."""
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
        boxes.extend(_with_dress(text, box.start(), content.strip(), close))
    if boxes and (words := retractions.retraction(text[end:])):
        raise NoAnswerError(f"the answer is taken back after the box ('{words}')")
    return tuple(boxes), text[end:]


def _with_dress(text: str, start: int, content: str, close: int) -> list[ExtractedAnswer]:
    """The box with what is set against it, and what an `=` behind it says, which must be the same.

    Mathematics there is part of the answer, and so is a unit. A percent, degree or base may be: golds that
    were taken from such boxes lack it.
    """
    behind = _SUFFIX.match(text, close)
    touching = read_box_context(text, start, content, close, behind.end() if behind else close)
    if touching.expression is not None and not _says_words(content):
        return [ExtractedAnswer(touching.expression)]
    if behind is None:
        found = ExtractedAnswer(content)
    elif behind[1] is None:
        found = ExtractedAnswer(content, content + behind[0].strip())
    else:
        found = ExtractedAnswer(
            f"{content}\\text{{ {behind[1]} }}" if units.is_known_unit(behind[1]) else content
        )
    return [
        found,
        *(ExtractedAnswer(f"{content} = {side}") for side in touching.sides if _is_said(side, content)),
    ]


def _says_words(content: str) -> bool:
    try:
        return is_words(parse(content))
    except ParseError:
        return False


def _is_said(side: str, content: str) -> bool:
    """Whether a side of an equation states a value, rather than naming what the box is the value of."""
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
    """A completion that is nothing but an answer."""
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
