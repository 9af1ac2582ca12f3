"""Read question and answer pairs about lenses: a question in words, and a prescription that answers it.

OptiDesignQA is described as such pairs; its files are not public, so this reads what such a file may hold.
A row has `question` (or `prompt`, `instruction`, `input`) and `answer` (or `output`, `response`,
`prescription`, `lens`): surfaces as JSON, one per line, or a table with a header. Focal length, f-number or
pupil, field and wavelengths are taken from fields of the row, or else from the text of the question. Without
a field the lens is used on its axis, without wavelengths at the lines F, d and C, without an EFL at its own.
If the question, or `given`, has that lens with `?` for some values, a completion task asks for these.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

from verirl.answers import NoAnswerError
from verirl.errors import InputError
from verirl_optics.extract import extract
from verirl_optics.lens_io.lens_file import checked
from verirl_optics.raytrace.glass import FDC_WAVELENGTHS_UM, GlassError, Medium, find_glass, model_glass
from verirl_optics.raytrace.prescription import Aperture, Prescription, Surface
from verirl_optics.tasks.task_from_lens import Question

NAMES = ("id", "name", "lens_id")
QUESTIONS = ("question", "prompt", "instruction", "input")
ANSWERS = ("answer", "output", "response", "prescription", "lens")
GIVEN = ("given", "masked", "masked_lens", "partial")
MASKS = ("?", "[mask]", "<mask>", "mask", "___", "unknown")
LISTS = ("surfaces", "lens", "prescription", "system", "data")
RADIUS = ("radius", "r", "roc", "curvature_radius", "radius_of_curvature")
THICKNESS = ("thickness", "t", "d", "distance", "spacing")
GLASS = ("glass", "material", "medium", "mat")
STOP = ("stop", "is_stop", "aperture_stop")
LABELS = ("comment", "type", "name", "surf", "surface", "#")
CONIC = ("conic", "k", "cc", "conic_constant")
ASPHERE = ("asphere", "aspheric", "aspheres", "coefficients")
INDEX, ABBE = ("nd", "n", "index"), ("vd", "v", "abbe")
KEYS = {
    "efl": ("efl_mm", "efl", "focal_length", "focal_length_mm"),
    "fno": ("fno", "f_number", "fnumber", "f#", "f/#"),
    "epd": ("epd_mm", "epd", "entrance_pupil_diameter"),
    "half": ("hfov", "half_field_deg", "half_fov"),
    "full": ("fov", "fov_deg", "field_of_view"),
}
_N = r"\s*(?:of|is|=|:|about|≈)?\s*(\d+(?:\.\d+)?)"
WORDS = {
    "efl": (
        rf"(?:effective\s+)?focal\s+length(?:\s*\(\s*(?:EFL|f)\s*\))?{_N}\s*(?:mm|millimet)",
        rf"\bEFL{_N}",
    ),
    "fno": (
        rf"\bf[\s-]*(?:number|no\.?)(?:\s*\(\s*F/?#\s*\))?{_N}",
        rf"\bF/?#{_N}",
        r"\bf/\s*(\d+(?:\.\d+)?)",
    ),
    "epd": (rf"entrance\s+pupil(?:\s+diameter)?(?:\s*\(\s*EPD\s*\))?{_N}", rf"\bEPD{_N}"),
    "half": (
        rf"(?:half|semi)[\s-]*(?:field(?:\s+of\s+view)?|FOV|field\s+angle|angle)(?:\s*\(\s*HFOV\s*\))?{_N}",
        rf"\bHFOV{_N}",
        r"(?:±|\+/?-)\s*(\d+(?:\.\d+)?)\s*(?:°|deg)",
    ),
    "full": (rf"(?:full\s+)?(?:field\s+of\s+view|FOV)(?:\s*\(\s*FOV\s*\))?{_N}",),
}
"""Patterns of a requirement in words; the first that matches counts."""
_WAVES = re.compile(r"(\d[\d.]*(?:\s*(?:,|and|/)+\s*\d[\d.]*)*)\s*(nm|µm|μm|um|microns?)\b", re.IGNORECASE)
_NUMBER = re.compile(r"[+-]?\d*\.?\d+(?:e[+-]?\d+)?|[+-]?inf(?:inity)?|\?|\[mask\]|<mask>|___", re.IGNORECASE)
_TERM = re.compile(r"a(2|4|6|8|10|12|14|16|18|20)", re.IGNORECASE)
"""A column of asphere coefficients: A4 is that of r⁴."""
_WIDEST = 89.0


def read_pair(row: Mapping[str, Any]) -> tuple[str, Prescription, Question]:
    """Read a row.

    Args:
        row: A JSON object.

    Returns:
        Name, lens, and what the question states beyond it.

    Raises:
        InputError: If something is missing or cannot be read; it names the field.
    """
    words = _first(row, QUESTIONS)
    if not isinstance(words, str) or not words.strip():
        raise InputError(f"field '{QUESTIONS[0]}': missing (or {', '.join(QUESTIONS[1:])}), or no text")
    answer = _first(row, ANSWERS)
    if answer is None:
        raise InputError(f"field '{ANSWERS[0]}': missing (or {', '.join(ANSWERS[1:])})")
    surfaces = _surfaces(answer)
    efl, fno, epd = (_figure(key, row, words) for key in ("efl", "fno", "epd"))
    if fno is None and epd is None:
        raise InputError("field 'question': states no f-number and no entrance pupil diameter")
    half = _figure("half", row, words)
    if half is None:
        full = _figure("full", row, words)
        half = None if full is None else full / 2.0
    if half is not None and not 0.0 <= half <= _WIDEST:
        raise InputError(f"field 'question': a half field of {half:g} degrees is none")
    fields = (0.0,) if not half else (0.0, round(0.7 * half, 4), half)
    wavelengths = _wavelengths(row, words)
    if fno is not None and efl is not None:
        aperture = Aperture("epd", efl / fno)
    else:
        aperture = Aperture("epd", epd) if epd is not None else Aperture("fno", float(fno or math.nan))
    name = next((str(row[key]) for key in NAMES if row.get(key) is not None), "")
    lens = Prescription(surfaces, aperture, fields, wavelengths, len(wavelengths) // 2, name)
    return name, checked(lens), Question(efl, words.strip(), _masked(row, words, len(surfaces)))


def _masked(row: Mapping[str, Any], words: str, count: int) -> tuple[tuple[int, str], ...]:
    """Return the masked values: (surface, `radius`, `thickness` or `glass`) each."""
    given = _first(row, GIVEN)
    rows = _listed(given) if given is not None else _table(words)
    if not isinstance(rows, list) or not all(isinstance(item, Mapping) for item in rows):
        raise InputError(f"field '{GIVEN[0]}': holds no list of surfaces")
    names = (("radius", RADIUS), ("thickness", THICKNESS), ("glass", GLASS))
    found = tuple(
        (s, name)
        for s, item in enumerate(rows)
        for name, keys in names
        if str(_first(item, keys)).strip().lower() in MASKS
    )
    if found and len(rows) != count:
        raise InputError(f"the masked lens has {len(rows)} surfaces, the answer {count}")
    if given is not None and not found:
        raise InputError(f"field '{GIVEN[0]}': nothing is masked (write ?)")
    return found


def _first(row: Mapping[str, Any], names: Sequence[str]) -> Any:
    low = {str(key).lower(): value for key, value in row.items()}
    return next((low[name] for name in names if low.get(name) is not None), None)


def _figure(key: str, row: Mapping[str, Any], words: str) -> float | None:
    given = _first(row, KEYS[key])
    if isinstance(given, str) and _NUMBER.fullmatch(given.strip()) and given.strip()[-1].isdigit():
        given = float(given)
    if isinstance(given, (int, float)) and not isinstance(given, bool) and math.isfinite(given):
        return float(given)
    for pattern in WORDS[key]:
        found = re.search(pattern, words, re.IGNORECASE)
        if found:
            return float(found[1])
    return None


def _wavelengths(row: Mapping[str, Any], words: str) -> tuple[float, ...]:
    given = _first(row, ("wavelengths_um", "wavelengths", "wavelength"))
    values = given if isinstance(given, list) else None if given is None else [given]
    if values is None:
        values = []
        for found in _WAVES.finditer(words):
            scale = 1e-3 if found[2].lower() == "nm" else 1.0
            values += [float(number) * scale for number in re.findall(r"\d+(?:\.\d+)?", found[1])]
    try:
        # A number above 100 can only be in nm.
        read = [float(str(value)) for value in values]
        found_um = sorted({value / 1e3 if value > 100.0 else value for value in read})
    except ValueError as error:
        raise InputError("field 'wavelengths': must be numbers") from error
    return tuple(found_um) or FDC_WAVELENGTHS_UM


def _surfaces(answer: Any) -> tuple[Surface, ...]:
    answer = _listed(answer)
    if not isinstance(answer, list) or not answer:
        raise InputError("field 'answer': holds no list of surfaces")
    rows = [_cells(number, row) for number, row in enumerate(answer, start=1)]
    # Tables may list the object in front and the image behind, which are not surfaces of the lens.
    if math.isinf(rows[0].thickness):
        rows = rows[1:]
    if (
        len(rows) > 1
        and rows[-1].thickness == 0.0
        and math.isinf(rows[-1].radius)
        and rows[-1].medium is None
    ):
        rows = rows[:-1]
    if any(math.isinf(surface.thickness) for surface in rows) or not rows:
        raise InputError("field 'answer': a space inside the lens is infinite")
    stops = sum(surface.stop for surface in rows)
    if stops != 1:
        raise InputError(f"field 'answer': {stops} surfaces are marked as the stop; exactly one must be")
    return tuple(rows)


def _listed(answer: Any) -> Any:
    """Return the list inside text, an object or a table; anything else unchanged."""
    if isinstance(answer, str):
        try:
            text = extract(answer)
        except NoAnswerError:
            text = answer
        try:
            answer = json.loads(text)
        except (ValueError, RecursionError):
            answer = _table(text)
    for name in LISTS:
        if isinstance(answer, Mapping) and isinstance(answer.get(name), (list, Mapping)):
            answer = answer[name]
    return answer


def _cells(number: int, row: Any) -> Surface:
    where = f"field 'answer': surface {number}"
    if not isinstance(row, Mapping):
        raise InputError(f"{where}: must be an object or a line of a table")
    radius, thickness = _first(row, RADIUS), _first(row, THICKNESS)
    if thickness is None:
        raise InputError(f"{where}: has no thickness")
    stop = _first(row, STOP)
    # Many tables have no column for the stop but mark it next to its number.
    label = " ".join(str(row[key]) for key in row if str(key).lower() in LABELS)
    called = stop is None and bool(re.search(r"\bsto(?:p)?\b", label, re.IGNORECASE))
    return Surface(
        math.inf if radius is None else _number(radius, where, "radius") or math.inf,
        _number(thickness, where, "thickness"),
        _medium(row, where),
        _coefficient(_first(row, CONIC), where, "conic"),
        _terms(row, where),
        stop=_true(stop) or called,
    )


def _terms(row: Mapping[str, Any], where: str) -> tuple[float, ...]:
    """Return the coefficients of r², r⁴, …: from a list, or from columns named after the power."""
    listed = _first(row, ASPHERE)
    if listed is None:
        named = {int(found[1]): row[key] for key in row if (found := _TERM.fullmatch(str(key)))}
        listed = [named.get(power) for power in range(2, max(named, default=0) + 1, 2)]
    if not isinstance(listed, list):
        raise InputError(f"{where}: the asphere is no list of coefficients")
    return tuple(_coefficient(value, where, "asphere") for value in listed)


def _coefficient(value: Any, where: str, name: str) -> float:
    """Do what `_number` does, but return 0 for an empty cell."""
    empty = value is None or (isinstance(value, str) and value.strip() in ("", "-", "–"))
    return 0.0 if empty else _number(value, where, name)


def _true(value: Any) -> bool:
    return value is True or str(value).strip().lower() in ("true", "yes", "stop", "1", "x", "*")


def _number(value: Any, where: str, name: str) -> float:
    if isinstance(value, str):
        text = value.strip().lower().replace("−", "-")
        if text in ("inf", "infinity", "∞", "plano", "plane", "flat"):
            return math.inf
        try:
            value = float(text)
        except ValueError:
            value = None
    if isinstance(value, bool) or not isinstance(value, (int, float)) or math.isnan(value):
        raise InputError(f"{where}: the {name} is no number")
    return float(value)


def _medium(row: Mapping[str, Any], where: str) -> Medium | None:
    glass = _first(row, GLASS)
    name = "" if glass is None else str(glass).strip()
    index, abbe = _first(row, INDEX), _first(row, ABBE)
    if name.lower() in ("", "air", "-", "–", "none", "null", "vacuum"):
        if isinstance(index, (int, float)) and isinstance(abbe, (int, float)) and index > 1.0 and abbe > 0.0:
            return model_glass(float(index), float(abbe))
        return None
    try:
        return find_glass(name)
    except GlassError as error:
        raise InputError(f"{where}: {error}") from error


def _table(text: str) -> list[dict[str, Any]]:
    """Read surface lines `radius thickness [glass] [stop]`, or a table whose header names its columns."""
    lines = [line for line in text.splitlines() if line.strip() and not set(line.strip()) <= set("|-:+ ")]
    split = [_split(line) for line in lines]
    for place, head in enumerate(split):
        names = [re.sub(r"\s*[(\[].*", "", cell).strip().lower() for cell in head]
        if set(names) & set(RADIUS) and set(names) & set(THICKNESS):
            return [dict(zip(names, cells, strict=False)) for cells in split[place + 1 :]]
    rows = []
    for line, cells in zip(lines, split, strict=True):
        words = line.split() if "=" in line else " ".join(cells).split()
        if len(words) >= 2 and all(_NUMBER.fullmatch(word) for word in words[:2]):
            stop = words[-1].lower() == "stop"
            rest = words[2 : len(words) - stop]
            glass = next((word for word in rest if "=" not in word), None)
            named: dict[str, Any] = dict(word.split("=", 1) for word in rest if "=" in word)
            if "asphere" in named:
                named["asphere"] = named["asphere"].split(",")
            rows.append({**named, "radius": words[0], "thickness": words[1], "glass": glass, "stop": stop})
    return rows


def _split(line: str) -> list[str]:
    for mark in ("|", "\t", ";", ","):
        if mark in line:
            return [cell.strip() for cell in line.strip().strip("|").split(mark)]
    return line.split()
