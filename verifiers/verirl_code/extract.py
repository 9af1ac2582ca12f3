"""Find the one program that a completion commits to, or say why there is none.

The answer is the last fenced block of Python (else the last block without a language), or the whole
completion where it is nothing but code. Thinking is never an answer. Nothing is parsed here: the text is
hostile, and the parser runs where the answer does.
"""

from __future__ import annotations

import re

from verirl.thinking import EndlessThoughtError, without_thinking

COMPLETION_LIMIT = 1_000_000
"""Characters of a completion that are read."""

_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})[ \t]*([^\s`]*)([^`\n]*)$")
_PYTHON = frozenset(("python", "py", "python3", "{python}", "{.python}"))
_FIRST_LINE = re.compile(
    r"#|@\w|\"\"\"|'''|r?\"|(?:def|class|async def)\s+\w+|import\s+\w+|from\s+[\w.]+\s+import\b"
    r"|(?:if|while|for|try|with|match)\b.*:\s*(?:#.*)?$|try:|[\w.]+(?:\[.*\])?(?:\s*,\s*\w+)*\s*(?::[^=]+)?[-+*/%|&^]?=[^=]"
    r"|[\w.]+\(.*\)?\s*$|pass\s*$|lambda\b"
)


class NoAnswerError(ValueError):
    """The completion commits to no program; the message says why, for its author."""


def extract(completion: str) -> str:
    """The text of the program. Raises NoAnswerError where the completion has none."""
    if len(completion) > COMPLETION_LIMIT:
        raise NoAnswerError(f"the completion is longer than {COMPLETION_LIMIT} characters")
    try:
        text = without_thinking(completion).replace("\r\n", "\n")
    except EndlessThoughtError as problem:
        raise NoAnswerError(str(problem)) from None
    blocks = _blocks(text)
    if blocks:
        python = [code for language, code in blocks if language in _PYTHON]
        plain = [code for language, code in blocks if not language]
        if not python and not plain:
            raise NoAnswerError("no fenced block of Python; end with one ```python block")
        found = (python or plain)[-1]
    else:
        found = _bare(text)
    if not found.strip():
        raise NoAnswerError("the code block is empty")
    return found


def _blocks(text: str) -> list[tuple[str, str]]:
    """Language and content of each fenced block (CommonMark 4.5); NoAnswerError where the last never ends."""
    found: list[tuple[str, str]] = []
    fence, language, lines = "", "", list[str]()
    for line in text.split("\n"):
        mark = _FENCE.match(line)
        if not fence:
            if mark:
                fence, language, lines = mark[1], mark[2].lower(), []
        elif mark and mark[1].startswith(fence) and not mark[2] and not mark[3].strip():
            found.append((language, "\n".join(lines) + "\n"))
            fence = ""
        else:
            lines.append(line)
    if fence:
        raise NoAnswerError("the last code block never ends")
    return found


def _bare(text: str) -> str:
    """A completion that is nothing but code, by its first line that says anything."""
    first = next((line for line in text.split("\n") if line.strip() and not line.startswith("#")), "")
    if first != first.lstrip() or len(first) > 1000 or not _FIRST_LINE.match(first):
        raise NoAnswerError("no code was found; end with the program in one ```python block")
    return text
