"""Find the design that a completion gives as its answer, or say why there is none.

The answer is the last fenced block of Verilog (else the last block without a language), or the whole
completion if it contains nothing but code. Text inside a thinking section never counts. Nothing is parsed
here: the text is untrusted, and the parser runs within limits of its own.
"""

from __future__ import annotations

import re

from verirl.answers import NoAnswerError, last_block, said

_VERILOG = frozenset(
    ("verilog", "systemverilog", "v", "sv", "vlog", "system-verilog", "system_verilog", "{.verilog}")
)
_FIRST = re.compile(
    r"\s*(?:(?://[^\n]*\n|/\*.*?\*/|`[a-z_]+[^\n]*\n|\(\*.*?\*\))\s*)*+(?:module|macromodule|package|typedef|interface)\b",
    re.DOTALL,
)
_LAST = re.compile(
    r"\bend(?:module|package|interface)\b(?:\s*:\s*\w+)?(?:\s|//[^\n]*|/\*.*?\*/|`\w+[^\n]*)*+\Z", re.DOTALL
)


def extract(completion: str) -> str:
    """Return the text of the design.

    Args:
        completion: What the model wrote. Untrusted.

    Raises:
        NoAnswerError: If the completion has no answer; the message says why.
    """
    text = said(completion)
    block = last_block(text, _VERILOG, "Verilog")
    return _bare(text) if block is None else block


def _bare(text: str) -> str:
    """Accept a completion that is nothing but code: it begins and ends with a design unit."""
    if not _FIRST.match(text) or not _LAST.search(text[-2000:]):
        raise NoAnswerError("no code was found; end with the design in one ```verilog block")
    return text
