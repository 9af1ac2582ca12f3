"""The rules on the text of a design, before and after its macros are expanded."""

from __future__ import annotations

import re

MAX_SOURCE_CHARS = 200_000
"""Longest answer that is read, in characters."""

SYSTEM_FUNCTIONS = frozenset(
    [
        "$signed",
        "$unsigned",
        "$clog2",
        "$bits",
        "$size",
        "$left",
        "$right",
        "$low",
        "$high",
        "$increment",
        "$dimensions",
        "$unpacked_dimensions",
        "$countones",
        "$countbits",
        "$onehot",
        "$onehot0",
        "$floor",
        "$ceil",
        "$pow",
        "$sqrt",
        "$ln",
        "$log10",
        "$exp",
        "$rtoi",
        "$itor",
    ]
)
"""System functions whose value depends only on their arguments."""

DIRECTIVES = frozenset(
    [
        "timescale",
        "default_nettype",
        "define",
        "undef",
        "undefineall",
        "ifdef",
        "ifndef",
        "elsif",
        "else",
        "endif",
        "resetall",
    ]
)

_REASONS = {
    "reaches into other modules": "bind force release",
    "calls or is called by foreign code": "export context chandle",
    "chooses what other modules are": "config library include primitive",
    "is for testbenches": "program checker clocking randsequence randcase rand randc constraint final wait "
    "wait_order fork class virtual covergroup coverpoint cover property sequence assert assume expect "
    "restrict interconnect nettype",
    "states timing, which synthesis ignores": "specify specparam",
}
FORBIDDEN_KEYWORDS = {word: why for why, words in _REASONS.items() for word in words.split()}

_STRING = r'"(?:[^"\\\n]|\\.)*"'
_ESCAPED = r"\\[!-~]+"
_COMMENT = r"//[^\n]*|/\*.*?\*/"
_COMMENT_OR_ATTRIBUTE = re.compile(rf"({_STRING}|{_ESCAPED}|\(\*\s*\))|{_COMMENT}|\(\*.*?\*\)", re.DOTALL)
_TICK = re.compile(rf"{_STRING}|{_ESCAPED}|{_COMMENT}|(`[A-Za-z_]\w*|``|`.?)", re.DOTALL)
_DEFINED = re.compile(r"`define\s+([A-Za-z_]\w*)")
_WORD = re.compile(rf"{_STRING}|{_ESCAPED}|(\$[\w$]*|[A-Za-z_][\w$]*)", re.DOTALL)
_NAMES = re.compile(rf"{_STRING}|{_ESCAPED}", re.DOTALL)
_NETS = re.compile(r"`default_nettype\s+(?!none\b|wire\b)(\w+)")
_FOREIGN = re.compile(r'\bimport\s*"')
_OPEN = re.compile(rf"{_STRING}|{_ESCAPED}|{_COMMENT}|(/\*)", re.DOTALL)
_STANDARD = frozenset(
    (
        "include",
        "line",
        "pragma",
        "celldefine",
        "endcelldefine",
        "begin_keywords",
        "end_keywords",
        "unconnected_drive",
        "nounconnected_drive",
    )
)
"""Directives that are not allowed and cannot be names of macros (IEEE 1800-2017, 22.5.1)."""


def line_of(text: str, position: int) -> int:
    """Return the line, from 1, of a position in a text."""
    return text.count("\n", 0, position) + 1


def refusal_of_source(source: str) -> str:
    """Return why the text as written is refused (characters, comments, directives); empty if it is not."""
    if len(source) > MAX_SOURCE_CHARS:
        return f"the design is longer than {MAX_SOURCE_CHARS} characters"
    for sign, what in (("\0", "a character that is no text"), ("\\`", "a quoted directive")):
        if sign in source:
            return f"line {line_of(source, source.index(sign))}: {what}"
    try:
        source.encode()
    except UnicodeEncodeError:
        return "it has characters that are no text"
    for mark in _OPEN.finditer(source):
        if mark[1]:
            return f"line {line_of(source, mark.start())}: a comment that never ends"
    if other := _NETS.search(source):
        return f"line {line_of(source, other.start())}: '`default_nettype {other[1]}'; it may be none or wire"
    own = set(_DEFINED.findall(source)) - _STANDARD
    for mark in _TICK.finditer(source):
        name = mark[1]
        if name and name[1:] not in DIRECTIVES and name[1:] not in own:
            return f"line {line_of(source, mark.start())}: '{name}' is not allowed; {_ALLOWED}"
    return ""


_ALLOWED = f"the directives are {', '.join(sorted('`' + name for name in DIRECTIVES))}"


def without_comments(text: str) -> str:
    """Return the text without comments and attributes, which tools disagree about; line numbers stay."""
    return _COMMENT_OR_ATTRIBUTE.sub(lambda found: found[1] or " " + "\n" * found[0].count("\n"), text)


def refusal_of_expanded(text: str) -> str:
    """Return why the expanded text is refused (keywords, system functions); empty if it is not."""
    for found in _WORD.finditer(text):
        word = found[1]
        if not word:
            continue
        if word[0] == "$" and len(word) > 1 and word not in SYSTEM_FUNCTIONS:
            return f"line {line_of(text, found.start())}: '{word}' is not allowed in a design"
        if word in FORBIDDEN_KEYWORDS:
            return f"line {line_of(text, found.start())}: '{word}' {FORBIDDEN_KEYWORDS[word]}"
    if foreign := _FOREIGN.search(text):
        return f"line {line_of(text, foreign.start())}: 'import' of foreign code"
    if "`" in _NAMES.sub("", text):
        return f"line {line_of(text, text.index('`'))}: a directive is left when macros are expanded"
    return ""
