"""Read Zemax `.zmx` text: sequential lenses with an object at infinity.

Surfaces of type STANDARD and EVENASPH are read. What would change a ray and is not supported (tilts, mirrors,
other types, apertures that are not circles) is refused by name; what only changes which rays count
(vignetting factors, further configurations) is ignored with a note.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import torch

from verirl.errors import InputError
from verirl_optics.raytrace.glass import LINE_D, GlassError, Medium, constant_index, find_glass, model_glass
from verirl_optics.raytrace.paraxial import first_order
from verirl_optics.raytrace.prescription import Aperture, Prescription, Surface
from verirl_optics.raytrace.pupil import chief
from verirl_optics.raytrace.system import FLOAT, build_system
from verirl_optics.raytrace.trace import through_pupil, trace

MAX_FILE_BYTES = 64 * 1024 * 1024
BYTE_ORDER_MARKS = ((b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"), (b"\xef\xbb\xbf", "utf-8-sig"))
UNIT_MM = {"MM": 1.0, "CM": 10.0, "IN": 25.4, "METER": 1000.0}
ANGLE, PARAXIAL_HEIGHT, REAL_HEIGHT = "0", "2", "3"
"""FTYP codes: field angles, or image heights of the paraxial or the real chief ray."""
PLACEHOLDER = (1.5, 40.0)
"""The nd and Vd that Zemax writes next to a glass that is identified by its name."""
HEIGHT_STEPS = 50
BLANK = "___BLANK"
OTHER_APERTURES = ("SQAP", "ELAP", "OBSC", "SQOB", "ELOB", "UDAD", "UDOB")
SURFACE_WORDS = frozenset(
    ("TYPE", "CURV", "DISZ", "CONI", "PARM", "STOP", "DIAM", "GLAS", "CLAP", "OBDC", "IGNR", *OTHER_APERTURES)
)
MIN_OBJECT_DISTANCE = 1e10
"""An object at this distance, in the unit of the file, is at infinity."""
_ASPHERE_TERMS = 8
_CODE_DIGITS = 6


def read_text(path: Path) -> str:
    """Return the text of a file; InputError if it cannot be read or is too long."""
    try:
        with path.open("rb") as stream:
            data = stream.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise InputError.at(path, error.strerror or str(error)) from error
    if len(data) > MAX_FILE_BYTES:
        raise InputError.at(path, f"longer than {MAX_FILE_BYTES} bytes")
    return decode_text(data)


def decode_text(data: bytes) -> str:
    """Decode UTF-16 (with a byte order mark or without), UTF-8 or Latin-1."""
    for mark, encoding in BYTE_ORDER_MARKS:
        if data.startswith(mark):
            return data.decode(encoding, errors="replace")
    if data[1:2] == b"\0" or data[:1] == b"\0":
        return data.decode("utf-16-be" if data[:1] == b"\0" else "utf-16-le", errors="replace")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return data.decode("latin-1")


@dataclass
class _Draft:
    kind: str = "STANDARD"
    curvature: float = 0.0
    thickness: float = 0.0
    conic: float = 0.0
    terms: dict[int, float] = field(default_factory=dict)
    medium: Medium | None = None
    semi: float | None = None
    drawn: float = 0.0
    stop: bool = False


@dataclass
class _System:
    unit: float = 1.0
    aperture: Aperture | None = None
    field_kind: str = ANGLE
    fields: int = 0
    x: list[float] = field(default_factory=list)
    y: list[float] = field(default_factory=list)
    colors: dict[int, tuple[float, float]] = field(default_factory=dict)
    waves: int = 0
    primary: int = 1
    name: str = ""
    notes: dict[str, None] = field(default_factory=dict)


def read_zmx(text: str, catalog: Mapping[str, Medium] | None = None) -> Prescription:
    """Read the lens of a `.zmx` file.

    Args:
        text: The text of the file.
        catalog: The glasses that names stand for; the shipped table if None.

    Returns:
        The lens, with a note for each part of the file that is ignored.

    Raises:
        InputError: If something that changes a ray is not supported; it names the line.
    """
    system, drafts = _System(), list[_Draft]()
    for number, line in enumerate(text.splitlines(), start=1):
        words = line.split()
        if not words:
            continue
        try:
            if words[0] == "SURF":
                drafts.append(_Draft())
            elif drafts and words[0] in SURFACE_WORDS:
                _surface(words, drafts, system, catalog)
            else:
                _system(words, system)
        except (IndexError, ValueError, GlassError) as error:
            reason = "the line is too short" if isinstance(error, IndexError) else error
            raise InputError(f"line {number}: '{' '.join(words[:4])}': {reason}") from error
    return _lens(system, drafts)


def _system(words: list[str], system: _System) -> None:
    match words[0]:
        case "MODE" if words[1] != "SEQ":
            raise ValueError("only sequential lenses are read")
        case "NAME":
            system.name = " ".join(words[1:])
        case "UNIT":
            if words[1] not in UNIT_MM:
                raise ValueError("unknown unit of length")
            system.unit = UNIT_MM[words[1]]
        case "ENPD":
            system.aperture = Aperture("epd", _real(words[1]))
        case "FNUM":
            system.aperture = Aperture("fno", _real(words[1]))
        case "FLOA":
            system.aperture = Aperture("stop", math.nan)
        case "OBNA":
            raise ValueError("an aperture by the object's side needs an object that is near")
        case "FTYP":
            if words[1] not in (ANGLE, PARAXIAL_HEIGHT, REAL_HEIGHT):
                raise ValueError("fields must be angles (FTYP 0) or image heights (FTYP 2 or 3)")
            system.field_kind = words[1]
            system.fields = int(words[3]) if len(words) > 3 else 0
            system.waves = int(words[4]) if len(words) > 4 else 0
        case "XFLN" | "XFLD":
            system.x = [_real(word) for word in words[1:]]
        case "YFLN" | "YFLD":
            system.y = [_real(word) for word in words[1:]]
        case "VDXN" | "VDYN" | "VCXN" | "VCYN" | "VANN" if any(_real(word) for word in words[1:]):
            system.notes["vignetting factors are left out: every field fills the pupil"] = None
        case "FWGN" | "FWGT" if len({_real(word) for word in words[1 : 1 + max(1, system.fields)]}) > 1:
            system.notes["the weights of fields are left out: each counts the same"] = None
        case "WAVM":
            system.colors[int(words[1])] = (_real(words[2]), _real(words[3]))
        case "WAVN" | "WAVL":
            found = [_real(word) for word in words[1:]]
            system.colors |= {place: (value, 1.0) for place, value in enumerate(found, start=1) if value}
        case "WWGN" | "WWGT":
            for place, word in enumerate(words[1:], start=1):
                if place in system.colors:
                    system.colors[place] = (system.colors[place][0], _real(word))
        case "PWAV":
            system.primary = int(words[1])
        case "MNUM" if int(words[1]) > 1:
            system.notes[f"the configuration that is set is read, of {int(words[1])}"] = None


def _surface(
    words: list[str], drafts: list[_Draft], system: _System, catalog: Mapping[str, Medium] | None
) -> None:
    draft = drafts[-1]
    match words[0]:
        case "TYPE":
            if words[1] not in ("STANDARD", "EVENASPH"):
                raise ValueError(f"surfaces of type {words[1]} are not read")
            draft.kind = words[1]
        case "CURV":
            draft.curvature = _real(words[1])
        case "DISZ":
            draft.thickness = math.inf if words[1].upper() == "INFINITY" else _real(words[1])
        case "CONI":
            draft.conic = _real(words[1])
        case "PARM":
            place = int(words[1])
            if 1 <= place <= _ASPHERE_TERMS and draft.kind == "EVENASPH":
                draft.terms[place] = _real(words[2])
        case "STOP":
            draft.stop = True
        case "DIAM":
            # A second word of 1: fixed by the designer; otherwise it is computed from the rays.
            draft.drawn = _real(words[1])
            if len(words) > 2 and words[2] == "1" and draft.drawn > 0.0:
                draft.semi = draft.drawn
        case "CLAP" if _real(words[2]) > 0.0:
            if _real(words[1]) > 0.0:
                raise ValueError("ring-shaped apertures are not read")
            draft.semi = _real(words[2])
        case "OBDC" if any(_real(word) for word in words[1:3]):
            raise ValueError("only apertures about the axis are read")
        case "IGNR" if any(word != "0" for word in words[1:2]):
            raise ValueError("surfaces that are to be ignored are not read")
        case name if name in OTHER_APERTURES:
            raise ValueError("only circular apertures are read")
        case "GLAS":
            draft.medium = _glass(words, len(drafts) - 1, system, catalog)


def _glass(words: list[str], place: int, system: _System, catalog: Mapping[str, Medium] | None) -> Medium:
    name = words[1]
    if name.upper() == "MIRROR":
        raise ValueError("mirrors are not read")
    index, abbe = (_real(words[4]), _real(words[5])) if len(words) > 5 else (0.0, 0.0)
    if name != BLANK:
        try:
            return find_glass(name, catalog)
        except GlassError:
            if name.isdecimal() and len(name) == _CODE_DIGITS:
                index, abbe = 1.0 + int(name[:3]) / 1e3, int(name[3:]) / 10.0
            if index <= 1.0 or (index, abbe) == PLACEHOLDER:
                raise
            system.notes[
                f"surface {place}: no glass is called '{name}'; nd {index:g}, Vd {abbe:g} are taken"
            ] = None
    if index <= 1.0:
        raise ValueError("a model glass needs an index above 1")
    return model_glass(index, abbe) if abbe > 0.0 else constant_index(index)


def _real(word: str) -> float:
    value = float(word)
    if not math.isfinite(value):
        raise ValueError(f"{word} is no number")
    return value


def _lens(system: _System, drafts: list[_Draft]) -> Prescription:
    if len(drafts) < 3:
        raise InputError("has no surfaces between object and image")
    if not drafts[0].thickness >= MIN_OBJECT_DISTANCE:
        raise InputError(f"the object is {drafts[0].thickness:g} away; only objects at infinity are read")
    if drafts[-1].curvature:
        system.notes["the image surface is curved; a plane is taken"] = None
    unit = system.unit
    surfaces = tuple(_made(draft, unit) for draft in drafts[1:-1])
    if sum(surface.stop for surface in surfaces) != 1:
        raise InputError("exactly one surface between object and image must be the stop")
    wavelengths, primary = _colors(system)
    lens = Prescription(
        surfaces, _aperture(system, drafts), (0.0,), wavelengths, primary, system.name, tuple(system.notes)
    )
    return replace(lens, fields=_angles(system, lens))


def _aperture(system: _System, drafts: list[_Draft]) -> Aperture:
    if system.aperture is None:
        raise InputError("has no aperture (ENPD, FNUM or FLOA)")
    aperture = system.aperture
    if aperture.kind == "stop":
        semi = next(draft.drawn or draft.semi for draft in drafts if draft.stop)
        if not semi:
            raise InputError("the aperture floats by the stop's size, and the stop has none")
        return Aperture("stop", semi * system.unit)
    return Aperture("epd", aperture.value * system.unit) if aperture.kind == "epd" else aperture


def _colors(system: _System) -> tuple[tuple[float, ...], int]:
    """Return the wavelengths in use, once each, and the index of the primary one."""
    # Files list a line for every slot of the program; FTYP states how many of them count.
    listed = {
        place: value
        for place, (value, weight) in sorted(system.colors.items())
        if weight > 0.0 and (place <= system.waves or system.waves <= 0)
    }
    wavelengths = tuple(dict.fromkeys(listed.values())) or (LINE_D,)
    if len({system.colors[place][1] for place in listed}) > 1:
        system.notes["the weights of wavelengths are left out: each counts the same"] = None
    if listed and system.primary not in listed:
        system.notes[
            f"the primary wavelength, number {system.primary}, is not in use; {wavelengths[0]:g} µm is taken"
        ] = None
    return wavelengths, wavelengths.index(listed.get(system.primary, wavelengths[0]))


def _angles(system: _System, lens: Prescription) -> tuple[float, ...]:
    """Return field angles in degrees; a field off the y axis is turned onto it, since the lens is round."""
    count = max(len(system.x), len(system.y))
    count = min(count, system.fields) if system.fields > 0 else count
    rows = [(values + [0.0] * count)[:count] for values in (system.x, system.y)]
    if not any(map(any, rows)):
        return (0.0,)
    if system.field_kind == ANGLE:
        scaled = rows
    else:
        of_height = _real_angle if system.field_kind == REAL_HEIGHT else _paraxial_angle
        scaled = [[of_height(lens, height * system.unit) for height in row] for row in rows]
    if any(abs(angle) >= 90.0 for row in scaled for angle in row):
        raise InputError("field angles must be under 90 degrees")
    return tuple(dict.fromkeys(_round_field(x, y) for x, y in zip(*scaled, strict=True)))


def _paraxial_angle(lens: Prescription, height: float) -> float:
    """Return the field angle in degrees whose paraxial chief ray meets the focal plane at `height` mm."""
    with torch.no_grad():
        efl = float(first_order(build_system([lens])).efl_BW[0, lens.primary])
    if not math.isfinite(efl):
        raise InputError("fields are image heights, and the lens has no focus")
    return math.degrees(math.atan(height / efl))


def _real_angle(lens: Prescription, height: float) -> float:
    """Return the field angle in degrees whose real chief ray meets the image plane at `height` mm."""
    if not height:
        return 0.0
    angle = math.radians(_paraxial_angle(lens, height))
    with torch.no_grad():
        system = build_system([lens])
        for _ in range(HEIGHT_STEPS):
            field = torch.tensor([[angle]], dtype=FLOAT)
            done = trace(system, through_pupil(system, chief(), torch.ones(1, dtype=FLOAT), field))
            found = float(done.rays.y[0, 0, lens.primary, 0])
            if not bool(done.valid[0, 0, lens.primary, 0]) or found * height <= 0.0:
                break
            if abs(found / height - 1.0) < 1e-9:
                return math.degrees(angle)
            angle = math.atan(math.tan(angle) * height / found)
    raise InputError(f"no chief ray meets the image at a height of {height:g} mm")


def _round_field(x: float, y: float) -> float:
    if not x:
        return y
    return math.degrees(math.atan(math.hypot(math.tan(math.radians(x)), math.tan(math.radians(y)))))


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
