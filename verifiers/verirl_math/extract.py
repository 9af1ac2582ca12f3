"""Find the one answer that a completion commits to, or say why there is none.

An answer is the content of `\\boxed{…}`; GSM8K's closing line `#### 42` and a completion that is nothing
but an answer are also taken. Thinking is never an answer. Several boxes must all say the same; a box inside a
box, a box that is negated, doubted or taken back, and a box that never closes are no answer.
"""

from __future__ import annotations

import re

from verirl_math import units
from verirl_math.lexer import closing_brace
from verirl_math.nodes import ParseError
from verirl_math.parser import is_words, parse

COMPLETION_LIMIT = 1_000_000
"""Characters of a completion that are read."""

BOX_LIMIT = 32
BARE_LIMIT = 200

_TAG = r"(?:think|thinking|thought|thoughts|reasoning|reflection|scratchpad)"
_THINKING = re.compile(rf"<\s*(/?)\s*{_TAG}\b[^<>]{{0,40}}>|<\|(begin|end)_of_thought\|>", re.IGNORECASE)
_BOX = re.compile(r"\\(?:boxed|fbox|framebox)(?![A-Za-z])\s*(\{?)")
_UNBRACED = re.compile(r"-?\d+(?:\.\d+)?|[A-Za-z](?![A-Za-z])")
_FINAL_LINE = re.compile(r"^[ \t]*####[ \t]*(.+?)[ \t]*$", re.MULTILINE)

_NEGATED = re.compile(
    r"(?:(?:\bnot|n['’]t|\bnever|\bneither|\bnor|\bno longer|\bwrong(?:ly)?"
    r"|\bincorrect(?:ly)?|\brather than"
    r"|\binstead of|\bother than|\bruled? out|\bexcept|≠|\\neq?|\\not|\\neg|\\lnot)"
    r"(?:\s+(?:be|equal|equals|to|the|answer|is|simply|just|exactly|really|actually|as|a|an))*"
    r"[\s:$\\(\[{}*_,]*"
    r"|(?:\\(?:[bx]?cancel|sout|st|[hv]?phantom)\s*\{|~~)[\s$*]*)$",
    re.IGNORECASE,
)
_UNDONE = re.compile(
    r"^[\s$)}\]\\.*_,;:!-]*(?:(?:text|mbox|textrm|mathrm)\s*\{\s*)?"
    r"(?:(?:is|was|are|would be|seems|looks|can(?:no|['’])t be|must be|may be|might be)\s+"
    r"(?:(?:clearly|actually|probably|definitely|maybe|also)\s+)?"
    r"(?:wrong|incorrect|false|mistaken|impossible|a mistake|an error"
    r"|not\s*(?:the|correct|right|it|valid|what|my|our|possible|$|[.!,]))"
    r"|isn['’]t\b|(?:wrong|incorrect)\b|or\b(?!,? (?:equivalently|in other words))"
    r"|maybe\b|perhaps\b|possibly\b|\?"
    r"|\(?not\b)",
    re.IGNORECASE,
)
_RETRACTED = re.compile(
    r"\b(?:wait\b|scratch that|strike that|disregard|ignore (?:that|this|the (?:above|previous|box))"
    r"|take (?:that|it) back|on second thoughts?|i (?:was|am) (?:wrong|mistaken)"
    r"|i made (?:a|an) (?:mistake|error)"
    r"|i retract|i meant|my mistake|correction\b|no, (?:that|this|it|the|sorry)|oops\b|hmm\b"
    r"|(?:that(?: is|['’]s)|this is) (?:wrong|incorrect|not (?:right|correct))"
    r"|(?:above|previous|boxed)(?: answer| box| result| value)? is (?:wrong|incorrect|not)"
    r"|should have been (?!noted)|actually,? (?:the|it|that|no|i)\b"
    r"|let me (?:re-?(?:do|check|compute|calculate|consider|think|try)|try again|correct))",
    re.IGNORECASE,
)
_NUMERAL = re.compile(r"\d+(?:\.\d+)?")
_MINUS = re.compile(r"[=$({,]\s*[-−]$")
_BEHIND = re.compile(
    r"%|(?:\\[,;: ]|[~ ])*(?:\\%|\^\s*\{?\s*\\circ\s*\}?|°|_\s*(?:\d{1,2}|\{\s*\d{1,2}\s*\})"
    r"|\\(?:text|mbox|mathrm|textrm)\s*\{\s*([A-Za-z/ ^0-9]{1,40}?)\s*\})"
)
_RESTATED = re.compile(
    r"\b(?:answer|result)\s*(?:is|should be|must be|would be|=|:)+\s*:?\s*"
    r"([^\n]{1,120}?)(?:\.(?!\d)|!|\n|\Z)",
    re.IGNORECASE,
)


class NoAnswerError(ValueError):
    """The completion commits to no single answer; the message says why, for its author."""


def without_thinking(completion: str) -> str:
    """The completion outside `<think>…</think>`; NoAnswerError where thinking never ends.

    A closing tag without an opening one ends thinking that began in the prompt.
    """
    kept: list[str] = []
    depth, start = 0, 0
    for tag in _THINKING.finditer(completion):
        closing = tag[1] == "/" or (tag[2] or "").lower() == "end"
        if not closing:
            if depth == 0:
                kept.append(completion[start : tag.start()])
            depth += 1
        elif depth == 0:
            kept.clear()
        else:
            depth -= 1
        if depth == 0:
            start = tag.end()
    if depth:
        raise NoAnswerError("the thinking never ends, so no answer was given")
    kept.append(completion[start:])
    return "\n".join(kept)


def extract(completion: str) -> tuple[str, ...]:
    """The answer's text; several where boxes differ in writing, each of which must be the answer.

    Raises NoAnswerError where the completion has no answer, or does not stand by it.
    """
    if len(completion) > COMPLETION_LIMIT:
        raise NoAnswerError(f"the completion is longer than {COMPLETION_LIMIT} characters")
    text = without_thinking(completion)
    lines = tuple(dict.fromkeys(line[1] for line in _FINAL_LINE.finditer(text)))
    boxes, rest = _boxes(text)
    if boxes:
        return _distinct((*boxes, *lines, *_restated(rest, boxes[-1])))
    if len(lines) == 1 and re.search(r"####[^\n]*\s*\Z", text):
        return lines
    if lines:
        raise NoAnswerError("several '####' lines, or text after the last one")
    return (_bare(text),)


def _distinct(answers: tuple[str, ...]) -> tuple[str, ...]:
    """One of each answer, white space aside."""
    return tuple({"".join(answer.split()): answer.strip() for answer in reversed(answers)}.values())[::-1]


def _restated(rest: str, box: str) -> tuple[str, ...]:
    """What follows the last box as `the answer is …` and is a value: it must say the same."""
    found = []
    for match in _RESTATED.finditer(rest):
        value = match[1].strip(" *_`")
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


def _boxes(text: str) -> tuple[tuple[str, ...], str]:
    """The content of each box, and the text after the last."""
    boxes: list[str] = []
    end = 0
    for box in _BOX.finditer(text):
        if box.start() < end:
            raise NoAnswerError("a box inside a box")
        content, close = _content(text, box)
        if len(boxes) >= BOX_LIMIT:
            raise NoAnswerError(f"more than {BOX_LIMIT} boxes")
        if _NEGATED.search(text[max(0, box.start() - 80) : box.start()]):
            raise NoAnswerError("the boxed answer is negated")
        if _UNDONE.match(text[close : close + 80]):
            raise NoAnswerError("the boxed answer is doubted or denied right after the box")
        end = close
        boxes.append(_dressed(text, box.start(), content, close) if content.strip() else content)
    if boxes and (undone := _RETRACTED.search(text, end)):
        raise NoAnswerError(f"the answer is taken back after the box ('{undone[0]}')")
    if any(not box.strip() for box in boxes):
        raise NoAnswerError("an empty box")
    return tuple(boxes), text[end:]


def _dressed(text: str, start: int, content: str, close: int) -> str:
    """The box with what is set right against it: `-\\boxed{5}`, `\\boxed{52}_8`, `\\boxed{50}\\%`."""
    sign = "-" if _MINUS.search(text[max(0, start - 20) : start]) else ""
    behind = _BEHIND.match(text, close)
    if sign:
        content = f"-({content})"
    if behind is None:
        return content
    unit = behind[1]
    if unit is None:
        return content + behind[0].strip()
    return f"{content}\\text{{ {unit} }}" if units.is_known(unit) else content


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
