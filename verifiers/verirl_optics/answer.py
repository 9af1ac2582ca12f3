"""Read the surfaces of an answer strictly: JSON `{"surfaces": […]}` or one surface per line.

A line is `radius thickness [glass] [conic=K] [asphere=A1,A2,…] [stop]`, lengths in mm, `inf` for a plane; the
last thickness may be `focus`. Text is untrusted.
"""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass
from typing import Any, NoReturn

MAX_ANSWER_BYTES = 64 * 1024
MAX_JSON_DEPTH = 6
MAX_SURFACES = 40
MIN_RADIUS_MM, MAX_RADIUS_MM = 1e-3, 1e6
MAX_THICKNESS_MM = 1e6
MAX_CONIC = 1e3
MAX_ASPHERE_TERMS = 10
"""Number of asphere coefficients: r² to r²⁰."""
MAX_TERM = 1e12
MAX_NAME_CHARS = 40
MAX_NUMBER_CHARS = 40
FOCUS = "focus"
"""Stands for the last thickness: the verifier then finds the best common focus."""

SURFACE_KEYS = ("radius", "thickness", "glass", "stop", "conic", "asphere")
LINE_NOTATION = "radius thickness [glass] [conic=K] [asphere=A1,A2,…] [stop]"
_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)
_PLANE = ("inf", "infinity", "+inf")


class FormatError(ValueError):
    """The text is not a list of surfaces; the message tells its author what is wrong."""


@dataclass(frozen=True, slots=True)
class Row:
    """A surface as it was written, lengths in mm.

    Attributes:
        radius: Infinite for a plane.
        thickness: Distance to the next surface.
        glass: Catalog name of the glass behind the surface, None for air.
        stop: Whether the surface is the stop.
        conic: Conic constant.
        asphere: Coefficients of r², r⁴, … in mm^(1 − 2i).
        focus: The image distance is not given but to be found; `thickness` is then 0.
    """

    radius: float
    thickness: float
    glass: str | None = None
    stop: bool = False
    conic: float = 0.0
    asphere: tuple[float, ...] = ()
    focus: bool = False

    @property
    def aspheric(self) -> bool:
        """Whether the surface is neither a sphere nor a plane."""
        return self.conic != 0.0 or any(self.asphere)


def parse(text: str) -> tuple[Row, ...]:
    """Read the surfaces of an answer.

    Args:
        text: JSON, or one surface per line. Untrusted.

    Returns:
        The surfaces from the object side; exactly one is the stop.

    Raises:
        FormatError: If the text is anything but one list of surfaces in range.

    Example:
        >>> parse("51 4 N-BK7 stop\\n-51 48.6")[0].glass
        'N-BK7'
    """
    if len(text.encode("utf-8", "surrogatepass")) > MAX_ANSWER_BYTES:
        raise FormatError(f"longer than {MAX_ANSWER_BYTES // 1024} KB")
    text = text.strip()
    rows = _from_json(text) if text[:1] in ("{", "[") else _from_lines(text)
    if not rows:
        raise FormatError("no surfaces")
    if len(rows) > MAX_SURFACES:
        raise FormatError(f"{len(rows)} surfaces; at most {MAX_SURFACES}")
    for number, row in enumerate(rows[:-1], start=1):
        if row.focus:
            raise FormatError(f"surface {number}: only the last thickness may be '{FOCUS}'")
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
    except (ValueError, RecursionError) as error:
        raise FormatError(f"not valid JSON ({error})") from error
    if not isinstance(value, dict) or set(value) != {"surfaces"}:
        raise FormatError('the object must have the key "surfaces" and no other')
    surfaces = value["surfaces"]
    if not isinstance(surfaces, list):
        raise FormatError('"surfaces" must be a list')
    if len(surfaces) > MAX_SURFACES:
        raise FormatError(f"{len(surfaces)} surfaces; at most {MAX_SURFACES}")
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
            if depth > MAX_JSON_DEPTH:
                raise FormatError(f"nested deeper than {MAX_JSON_DEPTH} levels")
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
    if len(text) > MAX_NUMBER_CHARS or not math.isfinite(value := float(text)):
        raise FormatError(f"the number {text[:MAX_NUMBER_CHARS]} is out of range")
    return value


def _row(number: int, item: Any) -> Row:
    if not isinstance(item, dict):
        raise FormatError(f"surface {number} must be an object")
    unknown = [key for key in item if key not in SURFACE_KEYS]
    if unknown:
        raise FormatError(f"surface {number}: unknown key {unknown[0][:MAX_NAME_CHARS]!a}")
    for key in ("radius", "thickness"):
        if key not in item:
            raise FormatError(f"surface {number}: no {key}")
    radius, thickness, glass = item["radius"], item["thickness"], item.get("glass")
    stop, conic, terms = item.get("stop", False), item.get("conic", 0.0), item.get("asphere", [])
    focus = thickness == FOCUS
    if radius is not None and type(radius) is not float:
        raise FormatError(f"surface {number}: radius must be a number, or null for a plane")
    if type(thickness) is not float and not focus:
        raise FormatError(f"surface {number}: thickness must be a number")
    if glass is not None and not isinstance(glass, str):
        raise FormatError(f"surface {number}: glass must be a catalogue name, or null for air")
    if not isinstance(stop, bool):
        raise FormatError(f"surface {number}: stop must be true or false")
    if type(conic) is not float:
        raise FormatError(f"surface {number}: conic must be a number")
    if not isinstance(terms, list) or not all(type(term) is float for term in terms):
        raise FormatError(f"surface {number}: asphere must be a list of numbers, for r², r⁴, …")
    bent = math.inf if radius is None else radius
    length = 0.0 if focus else thickness
    return checked(number, Row(bent, length, glass, stop, conic, tuple(terms), focus))


def _from_lines(text: str) -> tuple[Row, ...]:
    rows: list[Row] = []
    for line in text.splitlines():
        words = line.split()
        if not words:
            continue
        number = len(rows) + 1
        if number > MAX_SURFACES:
            raise FormatError(f"more than {MAX_SURFACES} surfaces")
        if len(words) < 2 or len(words) > 6:
            raise FormatError(f"surface {number}: a line is '{LINE_NOTATION}'")
        rows.append(checked(number, _line(number, words)))
    return tuple(rows)


def _line(number: int, words: list[str]) -> Row:
    """Read one line; the parts after the two lengths come in the order of the notation."""
    radius = math.inf if words[0].lower() in _PLANE else _written(number, words[0])
    focus = words[1] == FOCUS
    thickness = 0.0 if focus else _written(number, words[1])
    rest = words[2:]
    stop = rest[-1:] == ["stop"]
    if stop:
        rest.pop()
    terms: tuple[float, ...] = ()
    conic = 0.0
    if rest and rest[-1].startswith("asphere="):
        listed = rest.pop().removeprefix("asphere=").split(",", MAX_ASPHERE_TERMS)
        terms = tuple(_written(number, word) for word in listed)
    if rest and rest[-1].startswith("conic="):
        conic = _written(number, rest.pop().removeprefix("conic="))
    if len(rest) > 1:
        raise FormatError(f"surface {number}: a line is '{LINE_NOTATION}'")
    glass = rest[0] if rest and rest[0].lower() != "air" else None
    return Row(radius, thickness, glass, stop, conic, terms, focus)


def _written(number: int, word: str) -> float:
    if len(word) > MAX_NUMBER_CHARS or not _NUMBER.fullmatch(word):
        raise FormatError(f"surface {number}: {word[:MAX_NUMBER_CHARS]!a} is no number")
    return _number(word)


def checked(number: int, row: Row) -> Row:
    """Return surface `number` if its values are in range; FormatError otherwise."""
    error = range_error(row)
    if error is not None:
        raise FormatError(f"surface {number}: {error}")
    return row


def range_error(row: Row) -> str | None:
    """Describe the first value of a surface that is out of range; None if all are in range."""
    if not math.isinf(row.radius) and not MIN_RADIUS_MM <= abs(row.radius) <= MAX_RADIUS_MM:
        return f"a radius lies between {MIN_RADIUS_MM:g} and {MAX_RADIUS_MM:g} mm"
    if abs(row.thickness) > MAX_THICKNESS_MM:
        return f"a thickness is at most {MAX_THICKNESS_MM:g} mm"
    if row.glass is not None and not (0 < len(row.glass) <= MAX_NAME_CHARS and row.glass.isprintable()):
        return f"a glass name has 1 to {MAX_NAME_CHARS} printable characters"
    if abs(row.conic) > MAX_CONIC:
        return f"a conic constant is at most {MAX_CONIC:g} in size"
    if len(row.asphere) > MAX_ASPHERE_TERMS:
        return f"an asphere has at most {MAX_ASPHERE_TERMS} terms"
    if any(abs(term) > MAX_TERM for term in row.asphere):
        return f"a term of an asphere is at most {MAX_TERM:g} in size"
    return None


def to_lines(rows: tuple[Row, ...], digits: int = 6) -> str:
    """Write surfaces in the line notation, with `digits` significant digits."""
    lines = []
    for row in rows:
        radius = "inf" if math.isinf(row.radius) else f"{row.radius:.{digits}g}"
        words = [
            radius,
            FOCUS if row.focus else f"{row.thickness:.{digits}g}",
            row.glass or "",
            f"conic={row.conic:.{digits}g}" if row.conic else "",
            "asphere=" + ",".join(f"{term:.{digits}g}" for term in row.asphere) if row.asphere else "",
            "stop" if row.stop else "",
        ]
        lines.append(" ".join(word for word in words if word))
    return "\n".join(lines)


def to_json(rows: tuple[Row, ...], digits: int = 6) -> str:
    """Write surfaces as JSON on one line, with `digits` significant digits."""
    surfaces = []
    for row in rows:
        item: dict[str, Any] = {
            "radius": None if math.isinf(row.radius) else _rounded(row.radius, digits),
            "thickness": FOCUS if row.focus else _rounded(row.thickness, digits),
            "glass": row.glass,
            "stop": row.stop,
        }
        if row.conic:
            item["conic"] = _rounded(row.conic, digits)
        if row.asphere:
            item["asphere"] = [_rounded(term, digits) for term in row.asphere]
        surfaces.append(item)
    return json.dumps({"surfaces": surfaces}, ensure_ascii=False)


def _rounded(value: float, digits: int) -> float:
    return float(f"{value:.{digits}g}")
