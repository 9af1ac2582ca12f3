"""Find the surfaces that a completion commits to: the last fenced block, or the whole completion."""

from __future__ import annotations

import re

COMPLETION_LIMIT = 1_000_000
"""Characters of a completion that are read."""

_TAG = re.compile(r"<\s*(/?)\s*(?:think|thinking|thought|reasoning)\s*>", re.IGNORECASE)
_FENCE = re.compile(r"^[ \t]*(`{3,}|~{3,})([^\n`]*)$", re.MULTILINE)
_STARTS = re.compile(r"\s*(?:[{\[]|(?:[+-]?\.?\d|[+-]?inf\b))", re.IGNORECASE)


class NoAnswerError(ValueError):
    """The completion has no answer; the message says why, for its author."""


def extract(completion: str) -> str:
    """The text of the answer; NoAnswerError where there is none."""
    if len(completion) > COMPLETION_LIMIT:
        raise NoAnswerError(f"the completion is longer than {COMPLETION_LIMIT} characters")
    text = _without_thinking(completion)
    block = _last_block(text)
    if block is None:
        block = text
        if not _STARTS.match(block):
            raise NoAnswerError("no fenced block, and the completion is not a list of surfaces alone")
    if not block.strip():
        raise NoAnswerError("the last fenced block is empty" if block is not text else "an empty completion")
    return block.strip()


def _without_thinking(completion: str) -> str:
    kept: list[str] = []
    depth = start = 0
    for tag in _TAG.finditer(completion):
        if not tag[1]:
            if depth == 0:
                kept.append(completion[start : tag.start()])
            depth += 1
            continue
        if depth == 0:
            # Thinking that began in the prompt.
            kept.clear()
        depth = max(0, depth - 1)
        start = tag.end()
    if depth:
        raise NoAnswerError("the thinking never ends, so no answer was given")
    kept.append(completion[start:])
    return "\n".join(kept)


def _last_block(text: str) -> str | None:
    opened: re.Match[str] | None = None
    found: str | None = None
    for fence in _FENCE.finditer(text):
        if opened is None:
            opened = fence
        elif fence[1][0] == opened[1][0] and len(fence[1]) >= len(opened[1]) and not fence[2].strip():
            found = text[opened.end() : fence.start()]
            opened = None
    if opened is not None:
        raise NoAnswerError("the last fenced block never closes")
    return found
