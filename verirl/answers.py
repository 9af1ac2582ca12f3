"""Where a completion may hold an answer: what it says outside its thinking, and its fenced blocks."""

from __future__ import annotations

import re
from typing import NamedTuple

from verirl.thinking import EndlessThoughtError, without_thinking

COMPLETION_LIMIT = 1_000_000
"""Characters of a completion that are read."""

_FENCE = re.compile(r"( *)(`{3,}|~{3,})(.*)")
_ITEM = re.compile(r" *(?:[-*+]|\d{1,9}[.)]) {1,4}(?=\S)")
_WORD = re.compile(r"\{?\.?([a-z]+)")
_LEAST_CODE = 4
"""Spaces from which on a line is code by itself, and no fence (CommonMark 4.4)."""


class NoAnswerError(ValueError):
    """The completion commits to no answer; the message says why, for its author."""


class Block(NamedTuple):
    """A fenced block: the first word behind its fence, in lower case, and its lines."""

    language: str
    content: str


def said(completion: str) -> str:
    """The completion outside its thinking, lines ending in `\\n`.

    NoAnswerError where it is too long to be read, or never comes to the end of its thinking.
    """
    if len(completion) > COMPLETION_LIMIT:
        raise NoAnswerError(f"the completion is longer than {COMPLETION_LIMIT} characters")
    try:
        return without_thinking(completion).replace("\r\n", "\n")
    except EndlessThoughtError as error:
        raise NoAnswerError(str(error)) from None


def blocks(text: str) -> list[Block]:
    """The fenced blocks of `text` (CommonMark 4.5); NoAnswerError where the last never ends.

    A fence may stand in a list item; as far as it is indented, its lines are.
    """
    found: list[Block] = []
    fence, indent, language, lines = "", 0, "", list[str]()
    item = 0  # where the text of the list item begins that may go on here
    for line in text.split("\n"):
        mark = _FENCE.match(line)
        if fence:
            if mark and _closes(mark, fence, indent):
                found.append(Block(language, "\n".join(lines) + "\n"))
                fence = ""
            else:
                lines.append(line[min(indent, _spaces(line)) :])
        elif mark and len(mark[1]) < item + _LEAST_CODE and not (mark[2][0] == "`" and "`" in mark[3]):
            fence, indent, lines = mark[2], len(mark[1]), []
            language = (mark[3].lower().split() or [""])[0]
        elif line.strip():
            opened = _ITEM.match(line)
            item = len(opened[0]) if opened else min(item, _spaces(line))
    if fence:
        raise NoAnswerError("the last code block never ends")
    return found


def _closes(mark: re.Match[str], fence: str, indent: int) -> bool:
    return mark[2].startswith(fence) and not mark[3].strip() and len(mark[1]) < indent + _LEAST_CODE


def _spaces(line: str) -> int:
    return len(line) - len(line.lstrip(" "))


def last_block(text: str, languages: frozenset[str], name: str) -> str | None:
    """The content of the last block in one of `languages`, else of the last that names none.

    None where there is no block at all; NoAnswerError where there are only others, or the block is empty.
    `name`: of the language, for the message. A version or a file's name behind the language is no matter.
    """
    found = blocks(text)
    if not found:
        return None
    named = [block.content for block in found if _language(block) in languages]
    plain = [block.content for block in found if not block.language]
    if not named and not plain:
        raise NoAnswerError(f"no fenced block of {name}; end with one ```{name.lower()} block")
    last = (named or plain)[-1]
    if not last.strip():
        raise NoAnswerError("the code block is empty")
    return last


def _language(block: Block) -> str:
    """`python` for `python3.11`, `{.python}`, `python:main.py`."""
    word = _WORD.match(block.language)
    return word[1] if word else block.language
