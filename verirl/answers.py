"""Where a completion may hold an answer: what it says outside its thinking, and its fenced blocks."""

from __future__ import annotations

import re
from typing import NamedTuple

from verirl.thinking import EndlessThoughtError, without_thinking

COMPLETION_LIMIT = 1_000_000
"""Characters of a completion that are read."""

_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})[ \t]*([^\s`]*)([^`\n]*)$")


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
    except EndlessThoughtError as problem:
        raise NoAnswerError(str(problem)) from None


def blocks(text: str) -> list[Block]:
    """The fenced blocks of `text` (CommonMark 4.5); NoAnswerError where the last never ends."""
    found: list[Block] = []
    fence, language, lines = "", "", list[str]()
    for line in text.split("\n"):
        mark = _FENCE.match(line)
        if not fence:
            if mark:
                fence, language, lines = mark[1], mark[2].lower(), []
        elif mark and mark[1].startswith(fence) and not mark[2] and not mark[3].strip():
            found.append(Block(language, "\n".join(lines) + "\n"))
            fence = ""
        else:
            lines.append(line)
    if fence:
        raise NoAnswerError("the last code block never ends")
    return found


def last_block(text: str, languages: frozenset[str], name: str) -> str | None:
    """The content of the last block in one of `languages`, else of the last that names none.

    None where there is no block at all; NoAnswerError where there are only others, or the block is empty.
    `name`: of the language, for the message.
    """
    found = blocks(text)
    if not found:
        return None
    named = [block.content for block in found if block.language in languages]
    plain = [block.content for block in found if not block.language]
    if not named and not plain:
        raise NoAnswerError(f"no fenced block of {name}; end with one ```{name.lower()} block")
    last = (named or plain)[-1]
    if not last.strip():
        raise NoAnswerError("the code block is empty")
    return last
