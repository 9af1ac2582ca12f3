"""Find the surfaces that a completion gives as its answer: the last fenced block, or all of it."""

from __future__ import annotations

import re

from verirl.answers import NoAnswerError, blocks, said

_STARTS = re.compile(r"\s*(?:[{\[]|(?:[+-]?\.?\d|[+-]?inf\b))", re.IGNORECASE)


def extract(completion: str) -> str:
    """Return the text of the answer.

    Raises:
        NoAnswerError: If there is no fenced block and the completion is not a list of surfaces alone.
    """
    text = said(completion)
    found = blocks(text)
    if not found and not _STARTS.match(text):
        raise NoAnswerError("no fenced block, and the completion is not a list of surfaces alone")
    answer = (found[-1].content if found else text).strip()
    if not answer:
        raise NoAnswerError("the last fenced block is empty")
    return answer
