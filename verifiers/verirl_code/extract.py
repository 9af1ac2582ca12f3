"""Find the one program that a completion commits to, or say why there is none.

The answer is the last fenced block of Python (else the last block without a language), or the whole
completion where it is nothing but code. Thinking is never an answer. Nothing is parsed here: the text is
hostile, and the parser runs where the answer does.
"""

from __future__ import annotations

import re

from verirl.answers import NoAnswerError, last_block, said

_PYTHON = frozenset(("python", "py"))
_TARGET = r"[*(\[]?[*\w][\w.]*(?:\[.*\])?(?:\s*,\s*[*(]?\w+)*,?[)\]]?\s*"
_FIRST_LINE = re.compile(
    r"#|@\w|\"\"\"|'''|r?\"|(?:def|class|async def)\s+\w+|import\s+\w+|from\s+[\w.]+\s+import\b"
    r"|(?:if|while|for|try|with|match)\b.*:\s*(?:#.*|\w[\w.]*\s?(?:\(|[-+*/]?=).*|break|pass)?$|try:"
    rf"|{_TARGET}(?::[^=]+)?[-+*/%|&^]?=[^=]|[\w.]+\(.*\)?\s*$|print\s?\(|pass\s*$|lambda\b"
    r"|(?:assert|raise)\s+\w|global\s+\w+"
)


def extract(completion: str) -> str:
    """The text of the program. Raises NoAnswerError where the completion has none."""
    text = said(completion).removeprefix("\ufeff")
    block = last_block(text, _PYTHON, "Python")
    return _bare(text) if block is None else block.removeprefix("\ufeff")


def _bare(text: str) -> str:
    """A completion that is nothing but code, by its first line that says anything."""
    first = next((line for line in text.split("\n") if line.strip() and not line.startswith("#")), "")
    if first != first.lstrip() or len(first) > 1000 or not _FIRST_LINE.match(first):
        raise NoAnswerError("no code was found; end with the program in one ```python block")
    return text
