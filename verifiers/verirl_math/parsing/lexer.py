"""Split text into tokens. Macros for layout alone are dropped; unknown macros are kept."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from verirl_math.parsing.expressions import ParseError
from verirl_math.parsing.normalize import THOUSANDS_MARK

MAX_TOKENS = 1500
MAX_NUMERAL_DIGITS = 2000
MAX_EXPONENT = 2000

TokenKind = Literal["num", "name", "macro", "op", "text", "end"]


@dataclass(frozen=True, slots=True)
class Token:
    """`text` is a numeral, a run of letters, a macro's name, one operator, or the words of `\\text{…}`."""

    kind: TokenKind
    text: str
    spaced: bool = False


END = Token("end", "")

_IGNORED = frozenset(
    [
        "quad",
        "qquad",
        "displaystyle",
        "textstyle",
        "scriptstyle",
        "limits",
        "nolimits",
        "big",
        "Big",
        "bigg",
        "Bigg",
        "bigl",
        "bigr",
        "Bigl",
        "Bigr",
        "biggl",
        "biggr",
        "Biggl",
        "Biggr",
        "thinspace",
        "medspace",
        "thickspace",
        "enspace",
        "left",
        "right",
        "middle",
        "tiny",
        "small",
        "large",
        "normalsize",
        "nonumber",
        "notag",
        "bf",
        "it",
        "sf",
        "tt",
        "em",
        "bfseries",
        "itshape",
        "Large",
        "LARGE",
        "huge",
        "Huge",
        "scriptsize",
        "footnotesize",
        "scriptscriptstyle",
        "boldmath",
    ]
)
_WORDS = frozenset(
    ["text", "textbf", "textit", "textrm", "textsf", "texttt", "textnormal", "textup", "mbox", "hbox", "emph"]
)
_UPRIGHT = frozenset(
    [
        "mathrm",
        "operatorname",
        "mathop",
        "mathsf",
        "mathit",
        "mathbf",
        "boldsymbol",
        "bm",
        "mathcal",
        "pmb",
        "mathnormal",
        "rm",
    ]
)
_BOLD = frozenset(["mathbf", "boldsymbol", "bm", "mathcal", "pmb", "mathit", "mathnormal"])
_LETTERS = re.compile(r"\s*(?:[A-Za-z]+|\\[A-Za-z]+)\s*")
_SETS = frozenset("RQZNC")
_UPRIGHT_FUNCTIONS = frozenset(
    [
        "arcsin",
        "arccos",
        "arctan",
        "arccot",
        "arcsec",
        "arccsc",
        "sin",
        "cos",
        "tan",
        "cot",
        "sec",
        "csc",
        "sinh",
        "cosh",
        "tanh",
        "coth",
        "log",
        "ln",
        "lg",
        "exp",
        "gcd",
        "lcm",
        "min",
        "max",
        "det",
        "tr",
        "sgn",
        "mod",
        "lim",
    ]
)

_NUMERAL = re.compile(
    rf"(?:\d+(?:{THOUSANDS_MARK}\d{{3}})+|\d+)(?:\.(?!\.)\d*)?(?:[eE][+-]?\d+(?![\d.A-Za-z]))?"
    r"|\.\d+(?:[eE][+-]?\d+(?![\d.A-Za-z]))?"
)
_COMMA_GROUPS = re.compile(r"\d{1,3}(?:,\d{3})+(?![\d,])")
_SPACE_GROUPS = re.compile(r"\d{1,3}(?: \d{3})+(?![\d ,])")
_NAME = re.compile(r"[A-Za-z]+")
_MACRO = re.compile(r"\\([A-Za-z]+)\*?|\\(.)", re.DOTALL)
_BRACED = re.compile(r"\s*\{")
_SPACE = re.compile(r"[\s~]+")
_OPERATOR = re.compile(r"\*\*|<=|>=|!=|==|->|:=|\.\.\.|[-+*/^_=<>!(){}\[\]|,;:'%&?.@\"`#\u00a4€£¥₹]")


def tokenize(text: str) -> list[Token]:
    """Split a normalized text into tokens, without a final END; ParseError at an unknown character."""
    tokens: list[Token] = []
    position, depth, spaced = 0, 0, False
    while position < len(text):
        if len(tokens) > MAX_TOKENS:
            raise ParseError("too long")
        if space := _SPACE.match(text, position):
            position, spaced = space.end(), True
            continue
        token, position = _next(text, position, spaced, depth, tokens)
        if token is None or (token.kind == "text" and not token.text.strip(" .,")):
            spaced = True
            continue
        if token.kind in ("op", "macro"):
            depth += (token.text in ("(", "[", "lbrace", "langle")) - (
                token.text in (")", "]", "rbrace", "rangle")
            )
        tokens.append(token)
        spaced = False
    return tokens


def _next(text: str, at: int, spaced: bool, depth: int, tokens: list[Token]) -> tuple[Token | None, int]:
    character = text[at]
    if character.isdigit() or (character == "." and text[at + 1 : at + 2].isdigit()):
        return _numeral(text, at, spaced, depth, tokens)
    if name := _NAME.match(text, at):
        return Token("name", name[0], spaced), name.end()
    if character == "\\":
        return _macro(text, at, spaced)
    if operator := _OPERATOR.match(text, at):
        return Token("op", operator[0], spaced), operator.end()
    raise ParseError(f"unexpected character {character!r}")


def _numeral(text: str, at: int, spaced: bool, depth: int, tokens: list[Token]) -> tuple[Token, int]:
    after_number = bool(tokens) and tokens[-1].kind == "num"
    after_comma = bool(tokens) and tokens[-1] == Token("op", ",") and not spaced
    if depth == 0 and not after_comma and (run := _COMMA_GROUPS.match(text, at)):
        text = text[:at] + run[0].replace(",", THOUSANDS_MARK) + text[run.end() :]
    elif not after_number and (run := _SPACE_GROUPS.match(text, at)):
        text = text[:at] + run[0].replace(" ", THOUSANDS_MARK) + text[run.end() :]
    numeral = _NUMERAL.match(text, at)
    if not numeral:  # pragma: no cover - the caller has seen a digit
        raise ParseError("unreadable number")
    digits = numeral[0].replace(THOUSANDS_MARK, "")
    if len(digits) > MAX_NUMERAL_DIGITS:
        raise ParseError(f"a number of more than {MAX_NUMERAL_DIGITS} digits")
    if not digits.isascii():
        raise ParseError("unreadable number")
    return Token("num", digits, spaced), numeral.end()


def _macro(text: str, at: int, spaced: bool) -> tuple[Token | None, int]:
    macro = _MACRO.match(text, at)
    if not macro:
        raise ParseError("ends in a backslash")
    if macro[2] is not None:
        return _escaped(macro[2], spaced), macro.end()
    name, end = macro[1], macro.end()
    if name in _IGNORED:
        if name in ("left", "right", "middle") and (dot := re.match(r"\s*\.", text[end:])):
            end += dot.end()
        return None, end
    if name in ("hspace", "vspace"):
        _, end = read_braced(text, end)
        return None, end
    if name in ("textcolor", "color"):
        _, end = read_braced(text, end)
        return None, end
    if name in ("underline", "bold"):
        return None, end
    if name in _BOLD and (not _BRACED.match(text, end) or not _LETTERS.fullmatch(read_braced(text, end)[0])):
        return None, end
    if name == "rm" and not _BRACED.match(text, end):
        return None, end
    if name in _WORDS or name in _UPRIGHT or name in ("mathbb", "Bbb"):
        content, end = read_braced(text, end)
        return _dressed(name, content, spaced), end
    return Token("macro", name, spaced), end


def _escaped(character: str, spaced: bool) -> Token | None:
    if character in ",;:! \n\t>":
        return None
    if character == "{":
        return Token("macro", "lbrace", spaced)
    if character == "}":
        return Token("macro", "rbrace", spaced)
    if character == "\\":
        return Token("macro", "newline", spaced)
    if character == "|":
        return Token("macro", "Vert", spaced)
    if character in "%&#_":
        return Token("op", character, spaced)
    raise ParseError(f"unknown macro '\\{character}'")


def _dressed(name: str, content: str, spaced: bool) -> Token:
    inner = re.sub(r"\\(?:cdot|times)\b", "*", re.sub(r"\\[,;:! ]|\$|~", " ", content))
    inner = _SPACE.sub(" ", inner).strip()
    if name in ("mathbb", "Bbb"):
        if inner not in _SETS:
            raise ParseError(f"unknown set '{inner}'")
        return Token("macro", f"set{inner}", spaced)
    if inner in _UPRIGHT_FUNCTIONS:
        return Token("macro", inner, spaced)
    if name in _UPRIGHT and re.fullmatch(r"[A-Za-z]", inner):
        return Token("name", inner, spaced)
    if name in _BOLD:
        return Token("macro", inner[1:], spaced) if inner[0] == "\\" else Token("name", inner, spaced)
    return Token("text", inner, spaced)


def read_braced(text: str, at: int) -> tuple[str, int]:
    """Return the content of the `{…}` that starts at `at`, and its end; ParseError if it is not closed."""
    opened = _BRACED.match(text, at)
    if not opened:
        raise ParseError("a macro without its '{…}'")
    end = closing_brace(text, opened.end())
    if end is None:
        raise ParseError("unbalanced '{'")
    return text[opened.end() : end], end + 1


def closing_brace(text: str, start: int) -> int | None:
    """Return the index of the brace that closes the one before `start`; escaped braces do not count."""
    depth, at = 1, start
    while at < len(text):
        character = text[at]
        if character == "\\":
            at += 2
            continue
        if character == "{":
            depth += 1
        elif character == "}":
            depth -= 1
            if depth == 0:
                return at
        at += 1
    return None
