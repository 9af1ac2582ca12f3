"""The spec of an optics task, and how an answer is compared with the values that a completion task gives."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Annotated, Any, ClassVar, Final, Literal, TypeAlias

from pydantic import BaseModel, BeforeValidator, Field, Strict, model_validator

from verirl.errors import SpecError
from verirl.spec import Omittable, Spec
from verirl.spec import read_spec as validate_spec
from verirl_optics.answer import MAX_SURFACES, Row, range_error
from verirl_optics.raytrace.glass import GlassError, Medium, find_glass

MASK: Final = "?"
"""Stands for a value that a completion task leaves to the answer."""
MAX_FIELDS = 16
MAX_WAVELENGTHS = 16
SPEC_CACHE_SIZE = 1024

Mask: TypeAlias = Literal["?"]
Length = Annotated[float, Field(ge=0.0, le=1e9, allow_inf_nan=False)]
PositiveNumber = Annotated[float, Field(ge=1e-6, le=1e6, allow_inf_nan=False)]
Fraction = Annotated[float, Field(ge=0.0, le=1.0)]
Angle = Annotated[float, Field(ge=0.0, le=89.0)]
Wavelength = Annotated[float, Field(ge=0.1, le=20.0)]


def _is_number(value: object) -> bool:
    try:
        return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
    except OverflowError:
        return False


def _must(fits: Callable[[Any], bool], wanted: str) -> BeforeValidator:
    """Make a validator for a union; pydantic's own message would list every branch."""

    def check(value: Any) -> Any:
        if not fits(value):
            raise ValueError(f"must be {wanted}")
        return value

    return BeforeValidator(check)


class _Part(BaseModel):
    """An object inside the spec."""

    model_config = Spec.model_config


class ElementRange(_Part):
    """How many glass elements the lens may have, both ends included."""

    min: Annotated[int, Field(ge=1, description="Least number of elements with power.")] = 1
    max: Annotated[int, Field(ge=1, description="Greatest number of glass elements.")] = MAX_SURFACES

    @model_validator(mode="after")
    def _check_order(self) -> ElementRange:
        if self.min > self.max:
            raise ValueError("min must be at most max")
        return self


class ThicknessRange(_Part):
    """Limits of a thickness in mm, both ends included."""

    min: Annotated[Length, Field(description="Least thickness in mm.")] = 0.0
    max: Annotated[Omittable[Length], Field(description="Greatest thickness in mm (default: no limit).")] = (
        None
    )

    @model_validator(mode="after")
    def _check_order(self) -> ThicknessRange:
        if self.max is not None and self.min > self.max:
            raise ValueError("min must be at most max")
        return self

    @property
    def upper(self) -> float:
        """The greatest thickness in mm, infinite if there is no limit."""
        return math.inf if self.max is None else self.max


class RayFractions(_Part):
    """The least share of the rays that must reach the image plane, from 0 to 1."""

    axis: Annotated[Fraction, Field(description="On the axis.")] = 1.0
    full_field: Annotated[Fraction, Field(description="At every field off the axis.")] = 0.5


class GivenSurface(_Part):
    """A surface of a completion task; `"?"` masks a value that the answer must supply."""

    radius: Annotated[
        float | Mask | None,
        _must(
            lambda value: value is None or value == MASK or _is_number(value),
            'a number, null for a plane, or "?"',
        ),
        Field(description='Radius of curvature in mm, null for a plane, or "?".'),
    ]
    thickness: Annotated[
        float | Mask,
        _must(lambda value: value == MASK or _is_number(value), 'a number or "?"'),
        Field(description='Distance to the next surface in mm (the last: to the image plane), or "?".'),
    ]
    glass: Annotated[
        str | None,
        Field(description='Catalog name of the glass behind the surface, null for air, or "?".'),
    ] = None
    stop: Annotated[
        bool | Mask,
        _must(lambda value: value == MASK or isinstance(value, bool), 'true, false or "?"'),
        Field(description='Whether the surface is the aperture stop, or "?".'),
    ] = False
    conic: Annotated[
        float | Mask,
        _must(lambda value: value == MASK or _is_number(value), 'a number or "?"'),
        Field(description='Conic constant, or "?".'),
    ] = 0.0
    asphere: Annotated[
        Annotated[tuple[float, ...], Strict(False)] | Mask,
        _must(
            lambda value: value == MASK or (isinstance(value, (list, tuple)) and all(map(_is_number, value))),
            'a list of numbers or "?"',
        ),
        Field(description='Coefficients of r², r⁴, … in mm^(1 − 2i), all that there are, or "?".'),
    ] = ()

    @model_validator(mode="after")
    def _check_ranges(self) -> GivenSurface:
        row = Row(
            math.inf if self.known_radius is None else self.known_radius,
            self.known_thickness or 0.0,
            self.glass,
            self.stop is True,
            self.known_conic or 0.0,
            self.known_asphere or (),
        )
        error = range_error(row)
        if error is not None:
            raise ValueError(error)
        return self

    @property
    def known_radius(self) -> float | None:
        """The radius in mm, infinite for a plane; None if it is masked."""
        if isinstance(self.radius, str):
            return None
        return math.inf if self.radius is None else self.radius

    @property
    def known_thickness(self) -> float | None:
        """The thickness in mm; None if it is masked."""
        return None if isinstance(self.thickness, str) else self.thickness

    @property
    def glass_masked(self) -> bool:
        """Whether the glass is left to the answer."""
        return self.glass == MASK

    @property
    def known_stop(self) -> bool | None:
        """Whether the surface is the stop; None if that is masked."""
        return None if isinstance(self.stop, str) else self.stop

    @property
    def known_conic(self) -> float | None:
        """The conic constant; None if it is masked."""
        return None if isinstance(self.conic, str) else self.conic

    @property
    def known_asphere(self) -> tuple[float, ...] | None:
        """The coefficients of the asphere; None if they are masked."""
        return None if isinstance(self.asphere, str) else self.asphere


class GivenLens(_Part):
    """The lens of a completion task."""

    surfaces: Annotated[
        tuple[GivenSurface, ...],
        Strict(False),
        Field(
            min_length=1,
            max_length=MAX_SURFACES,
            description="Every surface, from the object side.",
        ),
    ]


class OpticsSpec(Spec):
    """What an optics task asks of a lens: object at infinity, lengths in mm, half fields in degrees.

    A limit that is left out, or null, is not asked for.
    """

    noun: ClassVar[str] = "an optics spec"

    task: Annotated[
        Literal["synthesis", "completion"],
        Field(description="`synthesis`: design a lens; `completion`: fill in the masked values of `given`."),
    ]
    efl_mm: Annotated[PositiveNumber, Field(description="Effective focal length in mm.")]
    efl_rel_tol: Annotated[
        float, Field(ge=1e-9, le=0.49, description="Greatest relative deviation of the EFL from `efl_mm`.")
    ]
    fno: Annotated[
        PositiveNumber, Field(description="F-number; the entrance pupil diameter is `efl_mm` ÷ `fno`.")
    ]
    half_fields_deg: Annotated[
        tuple[Angle, ...],
        Strict(False),
        Field(min_length=1, max_length=MAX_FIELDS, description="Half field angles in degrees; 0: the axis."),
    ]
    wavelengths_um: Annotated[
        tuple[Wavelength, ...],
        Strict(False),
        Field(min_length=1, max_length=MAX_WAVELENGTHS, description="Wavelengths in µm, of equal weight."),
    ]
    primary: Annotated[
        int,
        Field(
            ge=0,
            description="Index of the wavelength of EFL, BFL and pupils; the middle one if left out.",
        ),
    ] = Field(default_factory=int)
    elements: Annotated[ElementRange, Field(description="How many glass elements the lens may have.")] = (
        ElementRange()
    )
    max_total_track_mm: Annotated[
        Omittable[Length],
        Field(description="Greatest distance in mm from the first surface to the image."),
    ] = None
    min_bfl_mm: Annotated[
        Length, Field(description="Least distance from the last surface to the paraxial focus in mm.")
    ] = 0.0
    center_thickness_mm: Annotated[
        ThicknessRange, Field(description="Limits of the center thickness of every glass in mm.")
    ] = Field(default_factory=ThicknessRange)
    min_edge_thickness_mm: Annotated[
        Length, Field(description="Least edge thickness of every glass in mm.")
    ] = 0.0
    min_air_gap_mm: Annotated[
        Length, Field(description="Least air gap in mm, on the axis and at the edge.")
    ] = 0.0
    glasses: Annotated[
        Omittable[Annotated[tuple[str, ...], Strict(False), Field(min_length=1)]],
        Field(description="Catalog names of the glasses that may be used; the whole table if left out."),
    ] = None
    max_rms_um: Annotated[
        Omittable[Length],
        Field(description="Greatest RMS spot radius in µm, as a quadratic mean over the fields."),
    ] = None
    max_distortion_pct: Annotated[
        Omittable[Length],
        Field(description="Greatest distortion of the chief ray in percent of EFL · tan(field)."),
    ] = None
    min_valid_ray_fraction: Annotated[
        RayFractions, Field(description="Least share of the rays that must reach the image plane.")
    ] = RayFractions()
    reference_rms_um: Annotated[
        Omittable[Length],
        Field(description="RMS spot radius of the reference in µm, with which `quality` compares."),
    ] = None
    given: Annotated[
        Omittable[GivenLens],
        Field(description="The lens to complete; for completion tasks only."),
    ] = None
    aspheres: Annotated[
        int, Field(ge=0, le=MAX_SURFACES, description="How many surfaces may be aspheric.")
    ] = 0
    polish: Annotated[
        bool, Field(description="Whether an answer is improved by local optimization before it is judged.")
    ] = False
    heuristic: Annotated[
        bool, Field(description="Whether the verdict's feedback carries the prescription for an LLM judge.")
    ] = False

    @model_validator(mode="before")
    @classmethod
    def _fill_in(cls, value: Any) -> Any:
        if not isinstance(value, Mapping):
            return value
        stated = {key: item for key, item in value.items() if item is not None}
        wavelengths = stated.get("wavelengths_um")
        if isinstance(wavelengths, (list, tuple)):
            stated.setdefault("primary", len(wavelengths) // 2)
        return stated

    @model_validator(mode="after")
    def _check_together(self) -> OpticsSpec:
        if self.primary >= len(self.wavelengths_um):
            raise SpecError("primary", "must be the index of one of the wavelengths")
        for name in self.glasses or ():
            usable_glass(name, self.wavelengths_um, "glasses")
        given = () if self.given is None else self.given.surfaces
        aspheric = sum(surface.conic != 0.0 or surface.asphere != () for surface in given)
        if aspheric > self.aspheres:
            raise SpecError("aspheres", f"must allow the {aspheric} aspheric surfaces of 'given'")
        if (self.given is not None) != (self.task == "completion"):
            raise SpecError("given", "is needed for a completion task, and for no other")
        return self

    def least_ray_fraction(self, half_field_deg: float) -> float:
        """Return the least share of the rays that must arrive at a field."""
        fractions = self.min_valid_ray_fraction
        return fractions.axis if half_field_deg == 0.0 else fractions.full_field

    @property
    def epd_mm(self) -> float:
        """Entrance pupil diameter that every answer must take, in mm: EFL asked for ÷ f-number."""
        return self.efl_mm / self.fno


def read_spec(spec: Mapping[str, Any]) -> OpticsSpec:
    """Validate the `spec` of an optics task; equal specs are validated once.

    Args:
        spec: The spec as it was read from JSON.

    Returns:
        The validated, frozen spec.

    Raises:
        SpecError: If a key is unknown, missing or wrong; the error names the field.
    """
    try:
        text = json.dumps(spec, sort_keys=True)
    except (TypeError, ValueError) as error:
        raise SpecError("", f"is not JSON ({error})") from error
    return _read_text(text)


@lru_cache(maxsize=SPEC_CACHE_SIZE)
def _read_text(text: str) -> OpticsSpec:
    return validate_spec(OpticsSpec, json.loads(text))


def usable_glass(name: str, wavelengths_um: tuple[float, ...], field: str) -> Medium:
    """Return the glass `name`; SpecError if it is unknown or has no index at one of the wavelengths."""
    try:
        glass = find_glass(name)
        for wavelength in wavelengths_um:
            glass.index(wavelength)
    except GlassError as error:
        raise SpecError(field, str(error)) from error
    return glass


def difference_from_given(given: tuple[GivenSurface, ...], rows: tuple[Row, ...]) -> str | None:
    """Describe the first given value that an answer changed; None if it kept them all."""
    if len(rows) != len(given):
        return f"{len(rows)} surfaces; the task gives {len(given)}"
    for number, (asked, row) in enumerate(zip(given, rows, strict=True), start=1):
        for name, known, answered in (
            ("radius", asked.known_radius, row.radius),
            ("thickness", asked.known_thickness, math.nan if row.focus else row.thickness),
            ("conic", asked.known_conic, row.conic),
            *_term_pairs(asked, row),
        ):
            if known is not None and math.isnan(answered):
                return f"surface {number}: the {name} is given as {known:g}, and not to be found"
            if known is not None and not math.isclose(known, answered, rel_tol=1e-9, abs_tol=1e-12):
                return f"surface {number}: the given {name} {known:g} came back as {answered:g}"
        if not asked.glass_masked and asked.glass != row.glass:
            return f"surface {number}: the given glass {asked.glass or 'air'} was changed"
        if asked.known_stop is not None and asked.known_stop != row.stop:
            return f"surface {number}: the stop was moved"
    return None


def _term_pairs(asked: GivenSurface, row: Row) -> list[tuple[str, float | None, float]]:
    """Pair each given asphere term with the answer's; a term that is left out is 0."""
    terms = asked.known_asphere
    if terms is None:
        return []
    count = max(len(terms), len(row.asphere))
    known, answered = ((*part, *[0.0] * (count - len(part))) for part in (terms, row.asphere))
    return [(f"r^{2 * i + 2} term", a, b) for i, (a, b) in enumerate(zip(known, answered, strict=True))]


def with_given_values(given: tuple[GivenSurface, ...], rows: tuple[Row, ...]) -> tuple[Row, ...]:
    """Return the answer with every given value replaced by the task's own, to the last digit."""
    return tuple(
        Row(
            row.radius if asked.known_radius is None else asked.known_radius,
            row.thickness if asked.known_thickness is None else asked.known_thickness,
            row.glass if asked.glass_masked else asked.glass,
            row.stop if asked.known_stop is None else asked.known_stop,
            row.conic if asked.known_conic is None else asked.known_conic,
            row.asphere if asked.known_asphere is None else asked.known_asphere,
            row.focus and asked.known_thickness is None,
        )
        for asked, row in zip(given, rows, strict=True)
    )
