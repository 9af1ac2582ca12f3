"""Find the one program that a completion gives as its answer.

The answer is the last fenced block of Python (else the last block without a language), or the whole
completion if it is nothing but code. Thinking is never an answer. Nothing is parsed here: the text is
untrusted, and the parser runs in the answer's process.
"""

from __future__ import annotations

import re

from verirl.answers import NoAnswerError, last_block, said

_MAX_FIRST_LINE_CHARS = 1000
_PYTHON = frozenset(("python", "py"))
_TARGET = r"[*(\[]?[*\w][\w.]*(?:\[.*\])?(?:\s*,\s*[*(]?\w+)*,?[)\]]?\s*"
_FIRST_LINE = re.compile(
    r"#|@\w|\"\"\"|'''|r?\"|(?:def|class|async def)\s+\w+|import\s+\w+|from\s+[\w.]+\s+import\b"
    r"|(?:if|while|for|try|with|match)\b.*:\s*(?:#.*|\w[\w.]*\s?(?:\(|[-+*/]?=).*|break|pass)?$|try:"
    rf"|{_TARGET}(?::[^=]+)?[-+*/%|&^]?=[^=]|[\w.]+\(.*\)?\s*$|print\s?\(|pass\s*$|lambda\b"
    r"|(?:assert|raise)\s+\w|global\s+\w+"
)


def extract(completion: str) -> str:
    """Return the text of the program.

    Args:
        completion: What the model wrote. Untrusted.

    Raises:
        NoAnswerError: If the completion has no program; the message says why.

    Example:
        >>> extract("Like this:\\n```python\\nf = abs\\n```\\n")
        'f = abs\\n'
    """
    text = said(completion).removeprefix("\ufeff")
    block = last_block(text, _PYTHON, "Python")
    return _bare(text) if block is None else block.removeprefix("\ufeff")


def _bare(text: str) -> str:
    """Return a completion that is nothing but code, judged by its first line of substance."""
    first = next((line for line in text.split("\n") if line.strip() and not line.startswith("#")), "")
    if first != first.lstrip() or len(first) > _MAX_FIRST_LINE_CHARS or not _FIRST_LINE.match(first):
        raise NoAnswerError("no code was found; end with the program in one ```python block")
    return text
