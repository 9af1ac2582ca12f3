"""Zemax `.zmx` text: sequential lenses with an object at infinity, field angles and lengths in mm.

Surfaces of type STANDARD and EVENASPH are read. What would change a ray and is not understood (tilts,
mirrors, other types) is refused by name rather than left out.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from verirl.errors import InputError
from verirl_optics.glass import GlassError, Medium, find, model
from verirl_optics.prescription import Aperture, Prescription, Surface

ENCODINGS = ((b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"), (b"\xef\xbb\xbf", "utf-8-sig"))
UNITS = {"MM": 1.0, "CM": 10.0, "IN": 25.4, "METER": 1000.0}
_ASPHERE_TERMS = 8


def decode(data: bytes) -> str:
    """The text of a file that starts with a byte order mark, or is UTF-8 or Latin-1."""
    for mark, encoding in ENCODINGS:
        if data.startswith(mark):
            return data.decode(encoding, errors="replace")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return data.decode("latin-1")


@dataclass
class _Draft:
    curvature: float = 0.0
    thickness: float = 0.0
    conic: float = 0.0
    terms: dict[int, float] = field(default_factory=dict)
    medium: Medium | None = None
    semi: float | None = None
    stop: bool = False


@dataclass
class _System:
    unit: float = 1.0
    aperture: Aperture | None = None
    angles: list[float] = field(default_factory=list)
    count: int = 0
    colours: list[float] = field(default_factory=list)
    primary: int = 1
    name: str = ""


def read_zmx(text: str, catalogue: Mapping[str, Medium] | None = None) -> Prescription:
    """The lens of a `.zmx` file; InputError on what is not understood, with the line."""
    system, drafts = _System(), list[_Draft]()
    for number, line in enumerate(text.splitlines(), start=1):
        words = line.split()
        if not words:
            continue
        try:
            if words[0] == "SURF":
                drafts.append(_Draft())
            elif line[:1].isspace() and drafts:
                _surface(words, drafts[-1], catalogue)
            else:
                _system(words, system)
        except (IndexError, ValueError, GlassError) as problem:
            raise InputError(f"line {number}: '{' '.join(words[:4])}': {problem}") from problem
    return _lens(system, drafts)


def _system(words: list[str], system: _System) -> None:
    match words[0]:
        case "MODE" if words[1] != "SEQ":
            raise ValueError("only sequential lenses are read")
        case "NAME":
            system.name = " ".join(words[1:])
        case "UNIT":
            if words[1] not in UNITS:
                raise ValueError("unknown unit of length")
            system.unit = UNITS[words[1]]
        case "ENPD":
            system.aperture = Aperture("epd", float(words[1]))
        case "FNUM":
            system.aperture = Aperture("fno", float(words[1]))
        case "FLOA":
            system.aperture = Aperture("stop", math.nan)
        case "FTYP":
            if words[1] != "0":
                raise ValueError("fields must be angles (FTYP 0)")
            system.count = int(words[3]) if len(words) > 3 else 0
        case "YFLN" | "XFLN":
            values = [float(word) for word in words[1:]]
            if words[0] == "XFLN" and any(values):
                raise ValueError("fields must lie in the y-z plane")
            system.angles = values if words[0] == "YFLN" else system.angles
        case "WAVM":
            if float(words[3]) > 0.0:
                system.colours.append(float(words[2]))
        case "PWAV":
            system.primary = int(words[1])


def _surface(words: list[str], draft: _Draft, catalogue: Mapping[str, Medium] | None) -> None:
    match words[0]:
        case "TYPE":
            if words[1] not in ("STANDARD", "EVENASPH"):
                raise ValueError(f"surfaces of type {words[1]} are not read")
        case "CURV":
            draft.curvature = float(words[1])
        case "DISZ":
            draft.thickness = math.inf if words[1].upper() == "INFINITY" else float(words[1])
        case "CONI":
            draft.conic = float(words[1])
        case "PARM":
            place = int(words[1])
            if 1 <= place <= _ASPHERE_TERMS:
                draft.terms[place] = float(words[2])
        case "STOP":
            draft.stop = True
        case "DIAM":
            # A second word of 1 says that the designer fixed it; else it is what rays happened to need.
            if len(words) > 2 and words[2] == "1" and float(words[1]) > 0.0:
                draft.semi = float(words[1])
        case "GLAS":
            draft.medium = _glass(words, catalogue)


def _glass(words: list[str], catalogue: Mapping[str, Medium] | None) -> Medium:
    name = words[1]
    if name.upper() == "MIRROR":
        raise ValueError("mirrors are not read")
    if name != "___BLANK":
        try:
            return find(name, catalogue)
        except GlassError:
            if len(words) <= 5 or float(words[4]) <= 1.0:
                raise
    return model(float(words[4]), float(words[5]))


def _lens(system: _System, drafts: list[_Draft]) -> Prescription:
    if len(drafts) < 3:
        raise InputError("has no surfaces between object and image")
    if not math.isinf(drafts[0].thickness):
        raise InputError("the object is not at infinity")
    unit = system.unit
    surfaces = tuple(_made(draft, unit) for draft in drafts[1:-1])
    if sum(surface.stop for surface in surfaces) != 1:
        raise InputError("exactly one surface between object and image must be the stop")
    if system.aperture is None:
        raise InputError("has no aperture (ENPD, FNUM or FLOA)")
    aperture = system.aperture
    if aperture.kind == "stop":
        semi = next(surface.semi_diameter for surface in surfaces if surface.stop)
        if semi is None:
            raise InputError("the aperture floats by the stop's size, and the stop has no fixed one")
        aperture = Aperture("stop", semi)
    elif aperture.kind == "epd":
        aperture = Aperture("epd", aperture.value * unit)
    wavelengths = tuple(dict.fromkeys(system.colours)) or (0.5875618,)
    primary = (
        system.colours[system.primary - 1] if 0 < system.primary <= len(system.colours) else wavelengths[0]
    )
    angles = system.angles[: system.count] if system.count else system.angles
    return Prescription(
        surfaces,
        aperture,
        tuple(dict.fromkeys(angles)) or (0.0,),
        wavelengths,
        wavelengths.index(primary),
        system.name,
    )


def _made(draft: _Draft, unit: float) -> Surface:
    if not math.isfinite(draft.thickness):
        raise InputError("a space inside the lens is infinite")
    highest = max((place for place, value in draft.terms.items() if value), default=0)
    terms = tuple(draft.terms.get(place, 0.0) * unit ** (1 - 2 * place) for place in range(1, highest + 1))
    return Surface(
        math.inf if draft.curvature == 0.0 else unit / draft.curvature,
        draft.thickness * unit,
        draft.medium,
        draft.conic,
        terms,
        None if draft.semi is None else draft.semi * unit,
        draft.stop,
    )
