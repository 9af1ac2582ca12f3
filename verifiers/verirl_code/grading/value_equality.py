"""Compare the value that an answer returned with the expected one, as data and by fixed rules.

No method of a returned object is ever called: both sides are tagged JSON (`execution.tagged_json`) and are
compared in that form.

- A truth value equals only itself: True is not 1.
- Numbers are compared by value, exactly, whether written 3 or 3.0 (JSON writers differ); where a float is
  expected, within a relative 1e-6 or an absolute 1e-9. NaN is expected only where it is expected.
- JSON has no tuples: an expected list also stands for a tuple, at any depth, but never for a set.
- JSON has no keys but text: the expected key "1" also stands for 1, and "true" for True. Order is ignored.
- Text, bytes and None equal only themselves.
"""

from __future__ import annotations

import json
import math
import re
from fractions import Fraction
from typing import Any

RELATIVE, ABSOLUTE = 1e-6, 1e-9
_DEPTH = 100
_SPACE = re.compile(r"(\s+)")
_SHOWN = 160
_KINDS = frozenset(("l", "t", "s", "z", "d", "b", "y"))


class _OddError(ValueError):
    """The child sent what no encoder writes."""


def difference(expected: Any, got: Any, where: str = "") -> str | None:
    """What tells `got` from `expected` (both tagged), in words; None where nothing does."""
    if type(expected) is type(got) is str or type(expected) is type(got) is int:
        return None if expected == got else _told(where, expected, got)
    try:
        return _difference(expected, got, where, _DEPTH)
    except (_OddError, IndexError, TypeError, ValueError, OverflowError, RecursionError):
        return "what came back is not a value"


def _difference(expected: Any, got: Any, where: str, depth: int) -> str | None:
    if depth == 0:
        raise _OddError
    kind, found = _kind(expected), _kind(got)
    if kind == "number" and found == "number":
        return None if _same_number(expected, got) else _told(where, expected, got)
    if kind == "l" and found in ("l", "t"):
        found = "l"
    if kind != found:
        return _told(where, expected, got)
    if kind in ("l", "t"):
        if len(expected) != len(got):
            return _told(where, expected, got, f" (length {len(got) - 1}, not {len(expected) - 1})")
        pairs = zip(expected[1:], got[1:], strict=True)
        places = (_difference(a, b, f"{where}[{i}]", depth - 1) for i, (a, b) in enumerate(pairs))
        return next((place for place in places if place), None)
    if kind == "d":
        return _difference_of_dicts(expected, got, where, depth)
    if kind in ("s", "z"):
        return None if _sorted(expected) == _sorted(got) else _told(where, expected, got)
    return None if expected == got else _told(where, expected, got)


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
        raise _OddError
    if node[0] in ("i", "f"):
        return "number"
    if node[0] == "c":
        return "complex"
    if node[0] not in _KINDS:
        raise _OddError
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
    return abs(Fraction(a) - Fraction(b)) <= max(Fraction(ABSOLUTE), Fraction(RELATIVE) * abs(Fraction(a)))


def _difference_of_dicts(expected: Any, got: Any, where: str, depth: int) -> str | None:
    wanted = {_key(key): value for key, value in zip(expected[1::2], expected[2::2], strict=True)}
    found = {_key(key): value for key, value in zip(got[1::2], got[2::2], strict=True)}
    if wanted.keys() != found.keys() or 2 * len(found) != len(got) - 1:
        return _told(where, expected, got)
    places = (_difference(value, found[key], f"{where}[{key}]", depth - 1) for key, value in wanted.items())
    return next((place for place in places if place), None)


def _key(node: Any) -> str:
    """The text of a key as JSON would write it."""
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


def _told(where: str, expected: Any, got: Any, more: str = "") -> str:
    place = f"at {where[:_SHOWN]}: " if where else ""
    return f"{place}expected {shown(expected)}, got {shown(got)}{more}"


def shown(node: Any, limit: int = _SHOWN) -> str:
    """A tagged value as Python writes it, cut to `limit`."""
    text = "".join(_pieces(node, [limit]))
    return text if len(text) <= limit else f"{text[:limit]}…"


def _pieces(node: Any, left: list[int]) -> list[str]:
    """Text for a node; stops a little after `left` characters are spent."""
    if left[0] < 0:
        return [""]
    if not isinstance(node, list) or node[0] in ("i", "f", "c", "b", "y"):
        text = _atom(node, left[0])
        left[0] -= len(text)
        return [text]
    tag, items = node[0], node[1:]
    out: list[str] = []
    for place, item in enumerate(items):
        if left[0] < 0:
            break
        left[0] -= 2
        out += [": " if tag == "d" and place % 2 else ", " if place else "", *_pieces(item, left)]
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
        return node[1][: limit + 1] if len(node[1]) > 400 else repr(int(node[1], 16))
    if node[0] == "y":
        return str(node[1])[: limit + 1]
    if node[0] == "f":
        return repr(float.fromhex(node[1]))
    if node[0] == "c":
        return repr(complex(float.fromhex(node[1]), float.fromhex(node[2])))
    return repr(bytes.fromhex(node[1][: 2 * limit]))


def difference_of_text(expected: str, got: str) -> str | None:
    """What tells a program's output from the expected one; None where nothing does.

    White space at the end of a line and empty lines at the end do not count; where the expected line has a
    number with a point or an exponent, its numbers may differ as floats may.
    """
    wanted, found = _lines(expected), _lines(got)
    for number, (a, b) in enumerate(zip(wanted, found, strict=False), 1):
        if a != b and not _same_numbers(a, b):
            return f"line {number}: expected {_cut(a)}, got {_cut(b)}"
    if len(wanted) != len(found):
        return f"{len(found)} lines of output, {len(wanted)} expected"
    return None


def _lines(text: str) -> list[str]:
    lines = [line.rstrip() for line in text.replace("\r\n", "\n").split("\n")]
    while lines and not lines[-1]:
        lines.pop()
    return lines


def _same_numbers(expected: str, got: str) -> bool:
    a, b = _SPACE.split(expected), _SPACE.split(got)
    return len(a) == len(b) and all(x == y or _near(x, y) for x, y in zip(a, b, strict=True))


def _near(expected: str, got: str) -> bool:
    """Whether both are numerals (of at most 40 characters), the expected one of a float, and near."""
    if not any(mark in expected for mark in ".eE") or not _is_numeral(expected) or not _is_numeral(got):
        return False
    return _same_number(["f", float(expected).hex()], ["f", float(got).hex()])


def _is_numeral(text: str) -> bool:
    if len(text) > 40 or not text.isascii() or not set(text) <= set("+-.0123456789eE"):
        return False
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False


def _cut(text: str) -> str:
    return repr(text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…")
