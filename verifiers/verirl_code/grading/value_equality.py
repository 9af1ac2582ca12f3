"""Compare the value that an answer returned with the expected one, as data and by fixed rules.

No method of a returned object is ever called: both sides are tagged JSON (`execution.tagged_json`) and are
compared in that form.

- A truth value equals only itself: True is not 1.
- Numbers are compared by value and exactly, whether written 3 or 3.0 (JSON writers differ). If a float is
  expected, a relative difference of 1e-6 or an absolute one of 1e-9 is accepted. NaN equals NaN alone.
- JSON has no tuples: an expected list also stands for a tuple, at any depth, but never for a set.
- JSON has only text as keys: the expected key "1" also stands for 1, and "true" for True. Order is ignored.
- Text, bytes and None equal only themselves.
"""

from __future__ import annotations

import json
import math
import re
from fractions import Fraction
from typing import Any

RELATIVE_TOLERANCE, ABSOLUTE_TOLERANCE = 1e-6, 1e-9
_MAX_DEPTH = 100
_MAX_NUMERAL_CHARS = 40
_MAX_DECIMAL_HEX_CHARS = 400
"""A whole number with more hexadecimal digits than this is shown in hexadecimal."""

_WHITE_SPACE = re.compile(r"(\s+)")
MAX_SHOWN_CHARS = 160
_TAGS = frozenset(("l", "t", "s", "z", "d", "b", "y"))


class _MalformedError(ValueError):
    """The child sent what no encoder writes."""


def difference(expected: Any, got: Any, where: str = "") -> str | None:
    """Describe the first difference between two values.

    Args:
        expected: The expected value as tagged JSON.
        got: The value that came back, as tagged JSON. Untrusted.
        where: The path of the values inside a larger one, such as `[2]`.

    Returns:
        The difference in words, or None if the values are equal.

    Example:
        >>> difference(["l", 1, 2], ["t", 1, 2]) is None
        True
        >>> difference(["l", 1, 2], ["l", 1, 3])
        'at [1]: expected 2, got 3'
    """
    if type(expected) is type(got) is str or type(expected) is type(got) is int:
        return None if expected == got else _describe(where, expected, got)
    try:
        return _difference(expected, got, where, _MAX_DEPTH)
    except (_MalformedError, IndexError, TypeError, ValueError, OverflowError, RecursionError):
        return "what came back is not a value"


def _difference(expected: Any, got: Any, where: str, depth: int) -> str | None:
    if depth == 0:
        raise _MalformedError
    kind, got_kind = _kind(expected), _kind(got)
    if kind == "number" and got_kind == "number":
        return None if _same_number(expected, got) else _describe(where, expected, got)
    if kind == "l" and got_kind in ("l", "t"):
        got_kind = "l"
    if kind != got_kind:
        return _describe(where, expected, got)
    if kind in ("l", "t"):
        if len(expected) != len(got):
            return _describe(where, expected, got, f" (length {len(got) - 1}, not {len(expected) - 1})")
        pairs = zip(expected[1:], got[1:], strict=True)
        differences = (_difference(a, b, f"{where}[{i}]", depth - 1) for i, (a, b) in enumerate(pairs))
        return next(filter(None, differences), None)
    if kind == "d":
        return _difference_of_dicts(expected, got, where, depth)
    if kind in ("s", "z"):
        return None if _sorted(expected) == _sorted(got) else _describe(where, expected, got)
    return None if expected == got else _describe(where, expected, got)


def _kind(node: Any) -> str:
    if node is None:
        return "None"
    if isinstance(node, bool):
        return "bool"
    if isinstance(node, int):
        return "number"
    if isinstance(node, str):
        return "text"
    if not isinstance(node, list) or not node or not isinstance(node[0], str):
        raise _MalformedError
    if node[0] in ("i", "f"):
        return "number"
    if node[0] == "c":
        return "complex"
    if node[0] not in _TAGS:
        raise _MalformedError
    return node[0]


def _number(node: Any) -> int | float:
    if isinstance(node, int):
        return node
    return int(node[1], 16) if node[0] == "i" else float.fromhex(node[1])


def _same_number(expected: Any, got: Any) -> bool:
    a, b = _number(expected), _number(got)
    if isinstance(a, float) and math.isnan(a):
        return isinstance(b, float) and math.isnan(b)
    if a == b:
        return True
    if not isinstance(a, float) or not math.isfinite(a) or not math.isfinite(b):
        return False
    return abs(Fraction(a) - Fraction(b)) <= max(
        Fraction(ABSOLUTE_TOLERANCE), Fraction(RELATIVE_TOLERANCE) * abs(Fraction(a))
    )


def _difference_of_dicts(expected: Any, got: Any, where: str, depth: int) -> str | None:
    expected_items = {_key(key): value for key, value in zip(expected[1::2], expected[2::2], strict=True)}
    got_items = {_key(key): value for key, value in zip(got[1::2], got[2::2], strict=True)}
    if expected_items.keys() != got_items.keys() or 2 * len(got_items) != len(got) - 1:
        return _describe(where, expected, got)
    differences = (
        _difference(value, got_items[key], f"{where}[{key}]", depth - 1)
        for key, value in expected_items.items()
    )
    return next(filter(None, differences), None)


def _key(node: Any) -> str:
    """Return a key as JSON would write it."""
    if isinstance(node, str):
        return node
    if node is None or isinstance(node, (bool, int)):
        return json.dumps(node)
    if _kind(node) == "number":
        return repr(_number(node))
    return f"\0{_canonical(node)}"


def _sorted(node: list[Any]) -> list[str]:
    return sorted(_canonical(item) for item in node[1:])


def _canonical(node: Any) -> str:
    kind = _kind(node)
    if kind == "number":
        value = _number(node)
        return f"n{int(value)}" if isinstance(value, int) or value.is_integer() else f"n{value!r}"
    if kind in ("s", "z"):
        return f"{kind}{_sorted(node)}"
    if kind in ("l", "t", "d"):
        return f"{kind}{[_canonical(item) for item in node[1:]]}"
    return json.dumps(node)


def _describe(where: str, expected: Any, got: Any, more: str = "") -> str:
    path = f"at {where[:MAX_SHOWN_CHARS]}: " if where else ""
    return f"{path}expected {shown(expected)}, got {shown(got)}{more}"


def shown(node: Any, limit: int = MAX_SHOWN_CHARS) -> str:
    """Return a tagged value as Python writes it.

    Args:
        node: The value as tagged JSON.
        limit: After how many characters it is cut.

    Example:
        >>> shown(["t", 1, ["f", "0x1.8p+0"]])
        '(1, 1.5)'
    """
    text = "".join(_pieces(node, [limit]))
    return text if len(text) <= limit else f"{text[:limit]}…"


def _pieces(node: Any, left: list[int]) -> list[str]:
    """Return the text of a node in pieces; stop soon after `left[0]` characters are spent."""
    if left[0] < 0:
        return [""]
    if not isinstance(node, list) or node[0] in ("i", "f", "c", "b", "y"):
        text = _atom(node, left[0])
        left[0] -= len(text)
        return [text]
    tag, items = node[0], node[1:]
    out: list[str] = []
    for number, item in enumerate(items):
        if left[0] < 0:
            break
        left[0] -= 2
        out += [": " if tag == "d" and number % 2 else ", " if number else "", *_pieces(item, left)]
    opening, closing = {"l": ("[", "]"), "t": ("(", ")")}.get(tag, ("{", "}"))
    if tag == "t" and len(items) == 1:
        closing = ",)"
    if tag in ("s", "z") and (tag == "z" or not items):
        name = "frozenset" if tag == "z" else "set"
        opening, closing = (f"{name}({{", "})") if items else (f"{name}(", ")")
    return [opening, *out, closing]


def _atom(node: Any, limit: int) -> str:
    if isinstance(node, str):
        return repr(node[: limit + 1])
    if not isinstance(node, list):
        return repr(node)
    if node[0] == "i":
        return node[1][: limit + 1] if len(node[1]) > _MAX_DECIMAL_HEX_CHARS else repr(int(node[1], 16))
    if node[0] == "y":
        return str(node[1])[: limit + 1]
    if node[0] == "f":
        return repr(float.fromhex(node[1]))
    if node[0] == "c":
        return repr(complex(float.fromhex(node[1]), float.fromhex(node[2])))
    return repr(bytes.fromhex(node[1][: 2 * limit]))


def difference_of_text(expected: str, got: str) -> str | None:
    """Describe the first difference between a program's output and the expected one.

    White space at the end of a line and empty lines at the end do not count. A number that is expected with a
    point or an exponent may differ as floats may.

    Args:
        expected: The expected output.
        got: The output.

    Returns:
        The difference in words, or None if the outputs are equal.

    Example:
        >>> difference_of_text("1\\n0.5\\n", "1\\n0.50000001") is None
        True
    """
    expected_lines, got_lines = _lines(expected), _lines(got)
    for number, (a, b) in enumerate(zip(expected_lines, got_lines, strict=False), 1):
        if a != b and not _same_numbers(a, b):
            return f"line {number}: expected {_quote_cut(a)}, got {_quote_cut(b)}"
    if len(expected_lines) != len(got_lines):
        return f"{len(got_lines)} lines of output, {len(expected_lines)} expected"
    return None


def _lines(text: str) -> list[str]:
    lines = [line.rstrip() for line in text.replace("\r\n", "\n").split("\n")]
    while lines and not lines[-1]:
        lines.pop()
    return lines


def _same_numbers(expected: str, got: str) -> bool:
    a, b = _WHITE_SPACE.split(expected), _WHITE_SPACE.split(got)
    return len(a) == len(b) and all(x == y or _is_near(x, y) for x, y in zip(a, b, strict=True))


def _is_near(expected: str, got: str) -> bool:
    """Return whether both are numerals, the expected one is a float's, and the numbers are near."""
    if not any(mark in expected for mark in ".eE") or not _is_numeral(expected) or not _is_numeral(got):
        return False
    return _same_number(["f", float(expected).hex()], ["f", float(got).hex()])


def _is_numeral(text: str) -> bool:
    if len(text) > _MAX_NUMERAL_CHARS or not text.isascii() or not set(text) <= set("+-.0123456789eE"):
        return False
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False


def _quote_cut(text: str) -> str:
    return repr(text if len(text) <= MAX_SHOWN_CHARS else f"{text[:MAX_SHOWN_CHARS]}…")
