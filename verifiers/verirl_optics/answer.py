"""An answer's surfaces, read strictly: JSON `{"surfaces": […]}` or one surface a line.

A line is `radius thickness [glass] [stop]`, lengths in mm, `inf` for a plane. Text is untrusted.
"""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass
from typing import Any, NoReturn

ANSWER_LIMIT = 64 * 1024
DEPTH_LIMIT = 6
SURFACE_LIMIT = 40
RADIUS_MIN, RADIUS_MAX = 1e-3, 1e6
THICKNESS_MAX = 1e6
NAME_LIMIT = 40
NUMBER_LIMIT = 40

FIELDS = ("radius", "thickness", "glass", "stop")
_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)
_PLANE = ("inf", "infinity", "+inf")


class FormatError(ValueError):
    """The text is no list of surfaces; the message says what is wrong, for its author."""


@dataclass(frozen=True, slots=True)
class Row:
    """A surface as it was written: `radius` inf for a plane, `glass` None for air behind it."""

    radius: float
    thickness: float
    glass: str | None = None
    stop: bool = False


def parse(text: str) -> tuple[Row, ...]:
    """The surfaces of an answer; FormatError where it is anything else than one list of them."""
    if len(text.encode("utf-8", "surrogatepass")) > ANSWER_LIMIT:
        raise FormatError(f"longer than {ANSWER_LIMIT // 1024} KB")
    text = text.strip()
    rows = _from_json(text) if text[:1] in ("{", "[") else _from_lines(text)
    if not rows:
        raise FormatError("no surfaces")
    if len(rows) > SURFACE_LIMIT:
        raise FormatError(f"{len(rows)} surfaces; at most {SURFACE_LIMIT}")
    stops = sum(row.stop for row in rows)
    if stops != 1:
        raise FormatError(f"{stops} surfaces are marked as the stop; exactly one must be")
    return rows


def _from_json(text: str) -> tuple[Row, ...]:
    _check_depth(text)
    try:
        value = json.loads(
            text, object_pairs_hook=_unique, parse_constant=_refuse, parse_float=_number, parse_int=_number
        )
    except FormatError:
        raise
    except (ValueError, RecursionError) as problem:
        raise FormatError(f"not valid JSON ({problem})") from problem
    if not isinstance(value, dict) or set(value) != {"surfaces"}:
        raise FormatError('the object must have the key "surfaces" and no other')
    surfaces = value["surfaces"]
    if not isinstance(surfaces, list):
        raise FormatError('"surfaces" must be a list')
    if len(surfaces) > SURFACE_LIMIT:
        raise FormatError(f"{len(surfaces)} surfaces; at most {SURFACE_LIMIT}")
    return tuple(_row(number, item) for number, item in enumerate(surfaces, start=1))


def _check_depth(text: str) -> None:
    depth, quoted, escaped = 0, False, False
    for char in text:
        if quoted:
            quoted = escaped or char != '"'
            escaped = char == "\\" and not escaped
        elif char == '"':
            quoted = True
        elif char in "{[":
            depth += 1
            if depth > DEPTH_LIMIT:
                raise FormatError(f"nested deeper than {DEPTH_LIMIT} levels")
        elif char in "}]":
            depth -= 1


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise FormatError("a key appears twice in one object")
    return value


def _refuse(text: str) -> NoReturn:
    raise FormatError(f"{text} is no JSON number")


def _number(text: str) -> float:
    if len(text) > NUMBER_LIMIT or not math.isfinite(value := float(text)):
        raise FormatError(f"the number {text[:NUMBER_LIMIT]} is out of range")
    return value


def _row(number: int, item: Any) -> Row:
    if not isinstance(item, dict):
        raise FormatError(f"surface {number} must be an object")
    unknown = [key for key in item if key not in FIELDS]
    if unknown:
        raise FormatError(f"surface {number}: unknown key '{unknown[0][:NAME_LIMIT]}'")
    for key in ("radius", "thickness"):
        if key not in item:
            raise FormatError(f"surface {number}: no {key}")
    radius, thickness, glass = item["radius"], item["thickness"], item.get("glass")
    stop = item.get("stop", False)
    if radius is not None and type(radius) is not float:
        raise FormatError(f"surface {number}: radius must be a number, or null for a plane")
    if type(thickness) is not float:
        raise FormatError(f"surface {number}: thickness must be a number")
    if glass is not None and not isinstance(glass, str):
        raise FormatError(f"surface {number}: glass must be a catalogue name, or null for air")
    if not isinstance(stop, bool):
        raise FormatError(f"surface {number}: stop must be true or false")
    return checked(number, math.inf if radius is None else radius, thickness, glass, stop)


def _from_lines(text: str) -> tuple[Row, ...]:
    rows: list[Row] = []
    for line in text.splitlines():
        words = line.split()
        if not words:
            continue
        number = len(rows) + 1
        if number > SURFACE_LIMIT:
            raise FormatError(f"more than {SURFACE_LIMIT} surfaces")
        if len(words) < 2 or len(words) > 4:
            raise FormatError(f"surface {number}: a line is 'radius thickness [glass] [stop]'")
        radius = math.inf if words[0].lower() in _PLANE else _written(number, words[0])
        thickness = _written(number, words[1])
        stop = len(words) > 2 and words[-1] == "stop"
        names = words[2:-1] if stop else words[2:]
        if len(names) > 1:
            raise FormatError(f"surface {number}: a line is 'radius thickness [glass] [stop]'")
        glass = names[0] if names and names[0].lower() != "air" else None
        rows.append(checked(number, radius, thickness, glass, stop))
    return tuple(rows)


def _written(number: int, word: str) -> float:
    if len(word) > NUMBER_LIMIT or not _NUMBER.fullmatch(word):
        raise FormatError(f"surface {number}: '{word[:NUMBER_LIMIT]}' is no number")
    return _number(word)


def checked(number: int, radius: float, thickness: float, glass: str | None, stop: bool) -> Row:
    """The surface, if its values are in range; FormatError otherwise."""
    if not math.isinf(radius) and not RADIUS_MIN <= abs(radius) <= RADIUS_MAX:
        raise FormatError(f"surface {number}: a radius lies between {RADIUS_MIN:g} and {RADIUS_MAX:g} mm")
    if abs(thickness) > THICKNESS_MAX:
        raise FormatError(f"surface {number}: a thickness is at most {THICKNESS_MAX:g} mm")
    if glass is not None and not 0 < len(glass) <= NAME_LIMIT:
        raise FormatError(f"surface {number}: a glass name has 1 to {NAME_LIMIT} characters")
    return Row(radius, thickness, glass, stop)


def to_lines(rows: tuple[Row, ...], digits: int = 6) -> str:
    """The line notation, with so many significant digits."""
    lines = []
    for row in rows:
        radius = "inf" if math.isinf(row.radius) else f"{row.radius:.{digits}g}"
        words = [radius, f"{row.thickness:.{digits}g}", row.glass or "", "stop" if row.stop else ""]
        lines.append(" ".join(word for word in words if word))
    return "\n".join(lines)
