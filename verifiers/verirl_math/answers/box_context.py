"""Read the mathematics next to a box: the answer of `2\\boxed{15}` is 30.

Mathematics that touches a box belongs to the answer: the whole expression is then read, with the box in
brackets. Words, layout, a name and `=` before the box, and the punctuation of a sentence do not touch it.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from verirl_math.parsing.normalize import GREEK

_CONTEXT_CHARS = 300
"""The number of characters that are examined on each side of a box."""

_FUNCTIONS = "arcsin arccos arctan sin cos tan cot sec csc sinh cosh tanh log ln lg exp gcd lcm min max mod"
_VALUE_MACROS = frozenset([*GREEK, "infty", "pi", "sqrt", "frac", "dfrac", "tfrac", "cfrac", "nicefrac"])
_OPERATOR_MACROS = frozenset(
    ("pm mp cdot times div ast bmod le leq leqslant ge geq geqslant lt gt neg circ " + _FUNCTIONS).split()
)
_WRAPPING_MACROS = frozenset(
    (
        "frac dfrac tfrac cfrac nicefrac sqrt binom dbinom tbinom overline bar sum prod int lim hat dot "
        + _FUNCTIONS
    ).split()
)
_UNIT_LETTERS = frozenset("msghLNJWVAKCF")

_SPACING = r"(?:\\[,;:! ]|\\(?:left|right|bigl?|bigr?|Bigl?|Bigr?|displaystyle|textstyle)(?![A-Za-z])|[\s~])"
_SPACES_BEHIND = re.compile(rf"{_SPACING}+")
_SPACES_BEFORE = re.compile(rf"{_SPACING}+$")
_MACRO_BEFORE = re.compile(r"\\([A-Za-z]+)\*?$")
_MACRO_BEHIND = re.compile(r"\\([A-Za-z]+)")
_GROUP_BEFORE = re.compile(r"\\([A-Za-z]+)\s*(?:\[[^\[\]]*\])?\s*(?:\{[^{}]*\}\s*){0,2}$")
_OPERAND = re.compile(rf"{_SPACING}*\$?{_SPACING}*(?:[\d.(\[|]|\\[A-Za-z]|[A-Za-z](?![A-Za-z])|\{{)")
_TAG_BEFORE = re.compile(r"<[^<>\n]{1,40}>$")
_TAG_BEHIND = re.compile(r"</?[A-Za-z!|][^<>\n]{0,40}>|<\|")
_BULLET = re.compile(r"(?:^|\n)[ \t]*[-*+>−]+[ \t]+$")
_MARKS = re.compile(r"([*_]+)$")
_PLAIN_BRACKET = re.compile(r"\((?![^()]*[A-Za-z]{2})[^()<>=]+\)")

_EDGE = re.compile(
    r"\$|\\[()\[\]]|\n|\\\\|&|;|:(?![=\d])"
    r"|(?<!\\)(?<![A-Za-z])[A-Za-z]{2,}(?![A-Za-z])|\\q?quad(?![A-Za-z])"
    r"|\\(?:text|textbf|mbox|textrm|begin|end|color)\s*\{[^{}]*\}"
    r"|\\(?:implies|Rightarrow|to|therefore)(?![A-Za-z])"
    r"|<[^<>\n]{1,40}>"
)
"""The outermost limits of an expression that contains a box."""


class BoxContext(NamedTuple):
    """What touches a box: the whole `expression` if it may change the value, and the `sides` after an `=`."""

    expression: str | None
    sides: tuple[str, ...] = ()


def read_box_context(text: str, start: int, content: str, end: int, behind: int) -> BoxContext:
    """Read what touches the box `text[start:end]`; the unit or sign to its right ends at `behind`."""
    before = text[max(0, start - _CONTEXT_CHARS) : start]
    after = text[behind : behind + _CONTEXT_CHARS]
    formula = _is_formula(before)
    before, after, wrapped = _unwrapped(before, after)
    if (marks := _MARKS.search(before)) and after.startswith(marks[1]):
        before, after = before[: marks.start()], after[len(marks[1]) :]
    if wrapped or _touched_before(before, formula) or _touched_behind(after, formula):
        left, right = _last_side(_left(before)), _right(after)
        own = text[end:behind]
        return BoxContext(f"{left}({content}){own}{right}".strip())
    return BoxContext(None, tuple(_sides(after)))


def _is_formula(before: str) -> bool:
    """Whether the box stands inside `$…$`, `\\[…\\]` or `\\(…\\)`."""
    paragraph = before.rpartition("\n\n")[2].replace("$$", "$")
    dollars = len(re.findall(r"(?<!\\)\$", paragraph)) % 2 == 1
    return dollars or max(before.rfind("\\["), before.rfind("\\(")) > max(
        before.rfind("\\]"), before.rfind("\\)")
    )


def _unwrapped(before: str, after: str) -> tuple[str, str, bool]:
    """Remove the brackets that hold the box alone from its surroundings; also say whether others hold it."""
    while True:
        outer = _SPACES_BEFORE.sub("", before)
        inner = _SPACES_BEHIND.sub("", after, count=1) if _SPACES_BEHIND.match(after) else after
        if outer.endswith("{") and inner.startswith("}") and not outer.endswith("\\{"):
            holder = _GROUP_BEFORE.search(outer[:-1])
            if _wraps(outer[:-1]) or (holder and holder[1] in _WRAPPING_MACROS):
                return before, after, True
            before = outer[: holder.start()] if holder else outer[:-1]
            after = inner[1:]
        elif outer.endswith("(") and inner.startswith(")") and not outer.endswith("\\("):
            before, after = outer[:-1], inner[1:]
        else:
            return before, after, _is_held(before)


def _wraps(head: str) -> bool:
    return head.rstrip().endswith(("^", "_")) and not re.search(r"(?:^|\s)_$", head)


def _is_held(before: str) -> bool:
    """Whether an open brace before the box belongs to a fraction, a root, a power or a function."""
    depth = 0
    for at in range(len(before) - 1, -1, -1):
        if before[at] == "}" and before[at - 1 : at] != "\\":
            depth += 1
        elif before[at] == "{" and before[at - 1 : at] != "\\":
            depth -= 1
            if depth < 0:
                holder = _GROUP_BEFORE.search(before[:at])
                if _wraps(before[:at]) or (holder and holder[1] in _WRAPPING_MACROS):
                    return True
                depth = 0
    return False


def _touched_before(before: str, formula: bool) -> bool:
    tight = before
    before = _SPACES_BEFORE.sub("", before)
    if not before or _BULLET.search(tight) or _TAG_BEFORE.search(before):
        return False
    spaced = before != tight
    last = before[-1]
    if macro := _MACRO_BEFORE.search(before):
        return macro[1] in _OPERATOR_MACROS or macro[1] in GREEK or macro[1] == "sqrt"
    if last in "-−":
        # A dash after a word is not a minus sign, unless it touches the box.
        return formula or not spaced or bool(re.search(r"[\d)}=(,]\s*[-−]$", before))
    if last in "+*/^<>×÷·±∓√≤≥":
        return formula or not spaced or bool(re.search(r"[\w)}$]\s*[^\w\s]$", before))
    if last.isdigit() or re.search(r"\d[.,]$", tight):
        return formula or not spaced
    if last == "}":
        opened = _GROUP_BEFORE.search(before)
        return bool(opened and opened[1] in _VALUE_MACROS)
    if last == ")":
        return (
            formula
            and not before.endswith("\\)")
            and bool(re.search(r"\([^()A-Za-z]*[\w]?[^()A-Za-z]*\)$", before))
        )
    if last == "|":
        return formula
    return last.isalpha() and not before[-2:-1].isalpha() and formula


def _touched_behind(after: str, formula: bool) -> bool:
    tight = after
    after = _SPACES_BEHIND.sub("", after, count=1) if _SPACES_BEHIND.match(after) else after
    spaced = after != tight
    if not after or _TAG_BEHIND.match(after):
        return False
    first, rest = after[0], after[1:]
    if macro := _MACRO_BEHIND.match(after):
        return macro[1] in _OPERATOR_MACROS or macro[1] in _VALUE_MACROS
    if first == "^":
        return True
    if first == "$" and (operator := re.match(r"\$+\s*([+*/^<>])", after)):
        return bool(_OPERAND.match(after, operator.end()))
    if first in "+-*/<>×÷·±∓−≤≥":
        return bool(_OPERAND.match(rest.lstrip("*="))) and (
            formula
            or first not in "-−"
            or not spaced
            or (rest[:1] == " " and bool(re.match(r"\s*[\d$\\(]", rest)))
        )
    if first in ".,:" and not spaced:
        return bool(re.match(r"\d", rest))
    if first.isdigit():
        return formula or not spaced
    if first == "!":
        return formula
    if first == "(":
        return (formula or not spaced) and bool(_PLAIN_BRACKET.match(after))
    if first == "|":
        return formula
    lone = first.isalpha() and not rest[:1].isalpha()
    return lone and first not in _UNIT_LETTERS and (formula or not spaced)


def _left(before: str) -> str:
    edges = list(_EDGE.finditer(before))
    return before[edges[-1].end() :] if edges else before


def _last_side(left: str) -> str:
    """Return the expression after its last `=` or comma; an inequality keeps its other side."""
    return re.split(r"(?<![<>!:=])=(?!=)|,", left)[-1]


def _right(after: str) -> str:
    after = re.sub(r"^\s*\$+(?=\s*[+*/^<>])", "", after)
    edge = _EDGE.search(after)
    return re.sub(r"[\s.,]+$", "", after[: edge.start()] if edge else after)


def _sides(after: str) -> list[str]:
    """Return the sides of the equation that an `=` right after the box begins."""
    equals = re.match(rf"{_SPACING}*\$*\s*=(?!=)", after)
    if not equals:
        return []
    rest = _right(after[equals.end() :].lstrip(" $"))
    return [side.strip() for side in re.split(r"=|,\s", rest)[:3] if side.strip()]
