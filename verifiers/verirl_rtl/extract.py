"""Find the one design that a completion commits to, or say why there is none.

The answer is the last fenced block of Verilog (else the last block without a language), or the whole
completion where it is nothing but code. Thinking is never an answer. Nothing is parsed here: the text is
hostile, and the parser runs within limits of its own.
"""

from __future__ import annotations

import re

COMPLETION_LIMIT = 1_000_000
"""Characters of a completion that are read."""

_TAG = r"(?:think|thinking|thought|thoughts|reasoning|reflection|scratchpad)"
_THINKING = re.compile(rf"<\s*(/?)\s*{_TAG}\b[^<>]{{0,40}}>|<\|(begin|end)_of_thought\|>", re.IGNORECASE)
_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})[ \t]*([^\s`]*)([^`\n]*)$")
_VERILOG = frozenset(
    ("verilog", "systemverilog", "v", "sv", "vlog", "system-verilog", "system_verilog", "{.verilog}")
)
_FIRST = re.compile(
    r"\s*(?:(?://[^\n]*\n|/\*.*?\*/|`[a-z_]+[^\n]*\n|\(\*.*?\*\))\s*)*(?:module|macromodule|package|typedef|interface)\b",
    re.DOTALL,
)
_LAST = re.compile(
    r"\bend(?:module|package|interface)\b(?:\s*:\s*\w+)?(?:\s|//[^\n]*|/\*.*?\*/|`\w+[^\n]*)*\Z", re.DOTALL
)


class NoAnswerError(ValueError):
    """The completion commits to no design; the message says why, for its author."""


def extract(completion: str) -> str:
    """The text of the design. Raises NoAnswerError where the completion has none."""
    if len(completion) > COMPLETION_LIMIT:
        raise NoAnswerError(f"the completion is longer than {COMPLETION_LIMIT} characters")
    text = without_thinking(completion).replace("\r\n", "\n")
    blocks = _blocks(text)
    if blocks:
        verilog = [code for language, code in blocks if language in _VERILOG]
        plain = [code for language, code in blocks if not language]
        if not verilog and not plain:
            raise NoAnswerError("no fenced block of Verilog; end with one ```verilog block")
        found = (verilog or plain)[-1]
    else:
        found = _bare(text)
    if not found.strip():
        raise NoAnswerError("the code block is empty")
    return found


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
    """A completion that is nothing but code: it begins with a design unit and ends where one ends."""
    if not _FIRST.match(text) or not _LAST.search(text[-2000:]):
        raise NoAnswerError("no code was found; end with the design in one ```verilog block")
    return text
