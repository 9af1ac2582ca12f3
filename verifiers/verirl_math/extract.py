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
from verirl_math import doubt, units
from verirl_math.around import around
from verirl_math.lexer import closing_brace
from verirl_math.nodes import ParseError, symbols
from verirl_math.parser import is_words, parse

BOX_LIMIT = 32
BARE_LIMIT = 200

_BOX = re.compile(r"\\(?:boxed|fbox|framebox)(?![A-Za-z])\s*(\{?)")
_UNBRACED = re.compile(r"-?\d+(?:\.\d+)?|[A-Za-z](?![A-Za-z])")
_FINAL_LINE = re.compile(r"^[ \t]*####[ \t]*(.+?)[ \t]*$", re.MULTILINE)

_NUMERAL = re.compile(r"\d+(?:\.\d+)?")
_BEHIND = re.compile(
    r"%|(?:\\[,;: ]|[~ ])*(?:\\%|\^\s*\{?\s*\\circ\s*\}?|°|_\s*(?:\d{1,2}|\{\s*\d{1,2}\s*\})"
    r"|\\(?:text|mbox|mathrm|textrm)\s*\{\s*([A-Za-z/ ^0-9]{1,40}?)\s*\})"
)


class Found(NamedTuple):
    """An answer's text, and how it reads with what stands against its box (`\\boxed{50}\\%`), if anything."""

    text: str
    dressed: str | None = None


def extract(completion: str) -> tuple[Found, ...]:
    """The answer's text; several where boxes differ in writing, each of which must be the answer.

    Raises NoAnswerError where the completion has no answer, or does not stand by it.
    """
    text = said(completion)
    lines = tuple(dict.fromkeys(line[1] for line in _FINAL_LINE.finditer(text)))
    boxes, rest = _boxes(text)
    if boxes:
        others = (*lines, *_restated(rest, boxes[-1].text))
        return _distinct((*boxes, *(Found(other) for other in others)))
    if len(lines) == 1 and re.search(r"####[^\n]*\s*\Z", text):
        return (Found(lines[0]),)
    if lines:
        raise NoAnswerError("several '####' lines, or text after the last one")
    return (Found(_bare(text)),)


def _distinct(answers: tuple[Found, ...]) -> tuple[Found, ...]:
    """One of each answer, white space aside; the last writing of each stays."""
    return tuple({("".join(one.text.split()), one.dressed): one for one in answers}.values())


def _restated(rest: str, box: str) -> tuple[str, ...]:
    """What follows the last box as `the answer is …` and is a value: it must say the same."""
    found = []
    for value in doubt.restatements(rest):
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


def _boxes(text: str) -> tuple[tuple[Found, ...], str]:
    """The content of each box, and the text after the last."""
    boxes: list[Found] = []
    end = floor = 0
    for box in _BOX.finditer(text):
        floor = end
        if box.start() < end:
            raise NoAnswerError("a box inside a box")
        content, close = _content(text, box)
        if len(boxes) >= BOX_LIMIT:
            raise NoAnswerError(f"more than {BOX_LIMIT} boxes")
        if denied := doubt.denial(text, box.start(), close, floor):
            raise NoAnswerError(denied)
        end = close
        if not content.strip():
            raise NoAnswerError("an empty box")
        boxes.extend(_with_dress(text, box.start(), content.strip(), close))
    if boxes and (words := doubt.retraction(text[end:])):
        raise NoAnswerError(f"the answer is taken back after the box ('{words}')")
    return tuple(boxes), text[end:]


def _with_dress(text: str, start: int, content: str, close: int) -> list[Found]:
    """The box with what is set against it, and what an `=` behind it says, which must be the same.

    Mathematics there is part of the answer, and so is a unit. A percent, degree or base may be: golds that
    were taken from such boxes lack it.
    """
    behind = _BEHIND.match(text, close)
    touching = around(text, start, content, close, behind.end() if behind else close)
    if touching.expression is not None and not _says_words(content):
        return [Found(touching.expression)]
    if behind is None:
        found = Found(content)
    elif behind[1] is None:
        found = Found(content, content + behind[0].strip())
    else:
        found = Found(f"{content}\\text{{ {behind[1]} }}" if units.is_known(behind[1]) else content)
    return [found, *(Found(f"{content} = {side}") for side in touching.sides if _is_said(side, content))]


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
        and len(text) <= BARE_LIMIT
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
