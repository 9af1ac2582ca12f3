"""Reduce the text of an answer to one plain alphabet: LaTeX over ASCII."""

from __future__ import annotations

import re
import unicodedata

from verirl_math.parsing.expressions import ParseError

MAX_ANSWER_CHARS = 4000
"""The longest answer that is read; a longer one is refused."""

DOLLAR_MARK = "\N{CURRENCY SIGN}"
"""Stands for a dollar sign that means money, once the ones that delimit mathematics are gone."""

THOUSANDS_MARK = "\x1f"
"""Stands for a separator of thousands that cannot be a comma of a list."""

_SUPERSCRIPTS = dict(zip("⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁼⁽⁾ⁿⁱˣʸᵃᵇᵏᵐᵗ", "0123456789+-=()nixyabkmt", strict=True))
_SUBSCRIPTS = dict(zip("₀₁₂₃₄₅₆₇₈₉₊₋₌₍₎ₐₑₓₙₖₘᵢⱼ", "0123456789+-=()aexnkmij", strict=True))

_GREEK = [
    "alpha",
    "beta",
    "gamma",
    "delta",
    "epsilon",
    "zeta",
    "eta",
    "theta",
    "iota",
    "kappa",
    "lambda",
    "mu",
    "nu",
    "xi",
    "omicron",
    "pi",
    "rho",
    "sigma",
    "tau",
    "upsilon",
    "phi",
    "chi",
    "psi",
    "omega",
]
GREEK = frozenset(_GREEK) | {name.capitalize() for name in _GREEK} | {
    "varepsilon", "vartheta", "varpi", "varrho", "varsigma", "varphi", "hbar", "ell",
}  # fmt: skip

_SYMBOLS = {
    "−": "-", "–": "-", "—": "-", "‐": "-", "‑": "-", "‒": "-", "―": "-", "﹣": "-", "⁃": "-",
    "×": r"\times ", "✕": r"\times ", "⨯": r"\times ", "÷": r"\div ",
    "·": r"\cdot ", "⋅": r"\cdot ", "∙": r"\cdot ", "•": r"\cdot ", "∗": "*", "⁄": "/", "∕": "/",
    "√": r"\sqrt ", "∛": r"\sqrt[3]", "∜": r"\sqrt[4]", "∞": r"\infty ", "°": r"^{\circ}", "º": r"^{\circ}",
    "≤": r"\le ", "⩽": r"\le ", "≦": r"\le ", "≥": r"\ge ", "⩾": r"\ge ", "≧": r"\ge ",
    "≠": r"\ne ", "≈": r"\approx ", "≃": r"\approx ", "≅": r"\cong ", "≡": r"\equiv ", "∼": r"\sim ",
    "∈": r"\in ", "∉": r"\notin ", "∪": r"\cup ", "∩": r"\cap ", "∖": r"\setminus ", "∅": r"\emptyset ",
    "±": r"\pm ", "∓": r"\mp ", "→": r"\to ", "⇒": r"\Rightarrow ", "⇔": r"\Leftrightarrow ",
    "∑": r"\sum ", "∏": r"\prod ", "∫": r"\int ", "∧": r"\land ", "∨": r"\lor ", "¬": r"\neg ",
    "⌊": r"\lfloor ", "⌋": r"\rfloor ", "⌈": r"\lceil ", "⌉": r"\rceil ", "⟨": r"\langle ", "⟩": r"\rangle ",
    "ℝ": r"\mathbb{R}", "ℤ": r"\mathbb{Z}", "ℚ": r"\mathbb{Q}", "ℕ": r"\mathbb{N}", "ℂ": r"\mathbb{C}",
    "′": "'", "’": "'", "‘": "'", "″": "''", "“": '"', "”": '"', "∣": r"\mid ", "∥": r"\parallel ",
    "∠": r"\angle ", "△": r"\triangle ", "…": "...", "⋯": "...", "∶": ":", "，": ",", "、": ", ", "。": ".",
    "％": "%", "﹪": "%", "ℏ": r"\hbar ", "ℓ": r"\ell ", "ϕ": r"\phi ", "ϵ": r"\epsilon ", "µ": r"\mu ",
}  # fmt: skip
for _name in _GREEK:
    for _case in ("SMALL", "CAPITAL"):
        try:
            _letter = unicodedata.lookup(f"GREEK {_case} LETTER {_name.upper().replace('LAMBDA', 'LAMDA')}")
        except KeyError:
            continue
        _SYMBOLS[_letter] = f"\\{_name if _case == 'SMALL' else _name.capitalize()} "

_INVISIBLE = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff]"
)
_SUPER_RUN = re.compile(f"[{''.join(map(re.escape, _SUPERSCRIPTS))}]+")
_SUB_RUN = re.compile(f"[{''.join(map(re.escape, _SUBSCRIPTS))}]+")


def to_ascii_latex(text: str) -> str:
    """Write Unicode mathematics as ASCII LaTeX: `x²` is `x^{2}`, `3½` is `3\\frac{1}{2}`, `１２` is `12`."""
    if text.isascii():
        return text
    text = _INVISIBLE.sub("", text)
    text = _SUPER_RUN.sub(lambda run: "^{" + "".join(_SUPERSCRIPTS[c] for c in run[0]) + "}", text)
    text = _SUB_RUN.sub(lambda run: "_{" + "".join(_SUBSCRIPTS[c] for c in run[0]) + "}", text)
    return "".join(_plain_character(c) for c in text)


def _plain_character(character: str) -> str:
    if character.isascii():
        return character
    if character in _SYMBOLS:
        return _SYMBOLS[character]
    if character.isdecimal():
        return str(unicodedata.decimal(character))
    if character.isspace():
        return " "
    flat = unicodedata.normalize("NFKC", character)
    if "\N{FRACTION SLASH}" in flat:
        above, _, below = flat.partition("\N{FRACTION SLASH}")
        return rf"\frac{{{above}}}{{{below}}}" if below else "/"
    if flat != character and len(flat) <= 8:
        return "".join(_SYMBOLS.get(c, c) for c in flat)
    return character


_DELIMITER = re.compile(r"(?<!\\)\\[()\[\]]")
_THOUSANDS = re.compile(r"(?<=\d)(?:,\s*\\[!,]|\{,\}|\\,|\\ |~)\s*(?=\d{3}(?!\d))")
_DECIMAL_COMMA = re.compile(r"(?<![\d.,}])0\{,\}(?=\d)|(?<=\d)\{,\}(?=\d{1,2}(?!\d)|\d{4})")
_NAMED_FRACTION = re.compile(r"\\(?:nicefrac|sfrac|flatfrac)(?![A-Za-z])")
_EMPTY_GROUP = re.compile(r"(?<![A-Za-z}\]^_\\])\{\s*\}")
_PRIME = re.compile(r"\^\s*(?:\{\s*((?:\\prime\s*)+)\}|(\\prime(?![A-Za-z])))")
_UNIT_FRACTION = re.compile(
    r"\\[dt]?frac\s*\{\s*(\\(?:text|mathrm|mbox)\s*\{[^{}]*\})\s*\}\s*\{\s*(\\(?:text|mathrm|mbox)\s*\{[^{}]*\})\s*\}"
)
_DERIVATIVE = re.compile(r"(?<![A-Za-z\\])(d[A-Za-z])\s*/\s*(d[A-Za-z])(?![A-Za-z])")
_EDGE = re.compile(r"(?:\\[,;:! ]|\\quad|\\qquad|\\displaystyle|\\textstyle|\\\\|[\s~])+")


def normalize_answer(text: str) -> str:
    """Prepare the text of an answer for the lexer: no delimiters, outer space or final full stop."""
    if len(text) > MAX_ANSWER_CHARS:
        raise ParseError(f"longer than {MAX_ANSWER_CHARS} characters")
    text = to_ascii_latex(text)
    if len(text) > 2 * MAX_ANSWER_CHARS:
        raise ParseError(f"longer than {2 * MAX_ANSWER_CHARS} characters")
    text = _money_and_delimiters(text)
    text = _PRIME.sub(lambda m: "'" * (m[1] or m[2]).count("\\prime"), text)
    text = _DECIMAL_COMMA.sub(lambda m: "0." if m[0][0] == "0" else ".", text)
    text = _THOUSANDS.sub(THOUSANDS_MARK, text)
    text = _NAMED_FRACTION.sub(r"\\frac", text)
    text = _EMPTY_GROUP.sub(" ", text)
    text = _UNIT_FRACTION.sub(r"\1/\2", text)
    text = _DERIVATIVE.sub(r"\\frac{\1}{\2}", text)
    if text.lstrip().startswith("~"):
        raise ParseError("an approximate answer")
    return _trimmed(text)


def _money_and_delimiters(text: str) -> str:
    text = text.replace(r"\$", DOLLAR_MARK)
    if text.count("$") % 2:
        opened = re.match(r"[\s(+-]*\$(?=\s*-?[\d.])", text)
        if not opened:
            raise ParseError("unbalanced '$'")
        text = text[: opened.end() - 1] + DOLLAR_MARK + text[opened.end() :]
    return _DELIMITER.sub(" ", text.replace("$", " "))


def _trimmed(text: str) -> str:
    while True:
        start = _EDGE.match(text)
        text = text[start.end() :] if start else text
        text = text.rstrip(" \t\r\n~")
        for tail in ("\\\\", "\\,", "\\;", "\\:", "\\!", "\\quad", "\\qquad", "\\"):
            if text.endswith(tail):
                text = text[: -len(tail)]
                break
        else:
            if text.endswith(("...", "\\")):
                return text
            if not text.endswith((".", ",", ";")):
                return text
            text = text[:-1]


_WRAPPER = re.compile(
    r"\\(?:text|textbf|textit|textrm|textsf|texttt|textnormal|textup|mbox|hbox|mathrm|mathbf|mathit|mathsf|rm|bf|it"
    r"|operatorname|emph|underline|boldsymbol|bm)\b\s*\*?"
)
_SPACING = re.compile(r"\\[,;:! ]|\\quad\b|\\qquad\b|\\\\|~|\\left\b|\\right\b")


def normalize_words(text: str) -> str:
    """Remove case, LaTeX markup, punctuation and articles from an answer in words."""
    text = to_ascii_latex(text).replace(r"\$", DOLLAR_MARK).replace("$", " ")
    text = _WRAPPER.sub(" ", _SPACING.sub(" ", text))
    text = re.sub(r"[{}\"`]", " ", text)
    text = unicodedata.normalize("NFKC", text).casefold().strip(" \t\r\n.,;:!")
    while len(text) > 2 and (text[0], text[-1]) in {("(", ")"), ("[", "]")} and "(" not in text[1:-1]:
        text = text[1:-1].strip(" .")
    if "(" not in text:
        text = text.rstrip(")")
    parts = text.split()
    kept = [part for part in parts if part not in ("a", "an", "the")]
    # If all words are single letters, an `A` is a choice and not an article: `A, B` is not `B`.
    if any(len(part.strip(",")) > 1 for part in kept):
        parts = kept
    return " ".join(part.strip(",") for part in parts)
