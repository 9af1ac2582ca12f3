"""Glass: the refractive index from a catalogue's dispersion formula, or from nd and Vd alone.

Indices are relative to air; wavelengths λ in µm. The formulas and their coefficients, c₀ c₁ c₂ …, are
those of the refractiveindex.info database (CC0 1.0), from which the figures of `glasses.jsonl` come.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from itertools import pairwise
from typing import Any

from verirl.errors import InputError

LINE_D, LINE_F, LINE_C = 0.5875618, 0.4861327, 0.6562725
"""The lines that define nd and Vd = (nd − 1) / (nF − nC), µm."""
FDC_WAVELENGTHS_UM = (LINE_F, LINE_D, LINE_C)
"""The usual three wavelengths of the visible, blue to red."""

FORMULAS = ("sellmeier", "sellmeier_sq", "polynomial", "cauchy")


class GlassError(ValueError):
    """A glass is not in the table, or has no index at a wavelength."""


@dataclass(frozen=True, slots=True)
class Medium:
    """A transparent material with a dispersion formula.

    Attributes:
        name: Catalog name, such as N-BK7.
        formula: One of `FORMULAS`.
        coefficients: c₀, c₁, … of the formula, for wavelengths in µm.
        nd: Index at the d line.
        vd: Abbe number (nd − 1) / (nF − nC).
        wavelength_range_um: Wavelengths for which the coefficients hold, in µm.
        vendor: Maker, if the catalog names one.
    """

    name: str
    formula: str
    coefficients: tuple[float, ...]
    nd: float
    vd: float
    wavelength_range_um: tuple[float, float] = (0.0, math.inf)
    vendor: str = ""

    def index(self, wavelength: float) -> float:
        """Return the refractive index relative to air.

        Args:
            wavelength: Wavelength in µm.

        Raises:
            GlassError: If the wavelength is out of range, or the formula gives no real index there.

        Example:
            >>> round(find_glass("N-BK7").index(0.5875618), 4)
            1.5168
        """
        low, high = self.wavelength_range_um
        if not low <= wavelength <= high:
            raise GlassError(f"{self.name} has no index at {wavelength:g} µm (only {low:g} to {high:g})")
        index = _evaluate(self.formula, self.coefficients, wavelength)
        if not (math.isfinite(index) and index > 0):
            raise GlassError(f"{self.name} has no real index at {wavelength:g} µm")
        return index


@dataclass(frozen=True, slots=True)
class TabulatedMedium:
    """A material that is known only by its indices at given wavelengths (µm)."""

    name: str
    indices: tuple[tuple[float, float], ...]

    def index(self, wavelength: float) -> float:
        """Return the listed index at `wavelength` µm; GlassError if none is listed."""
        for known, value in self.indices:
            if math.isclose(known, wavelength, rel_tol=1e-9):
                return value
        raise GlassError(f"{self.name} has no index listed at {wavelength:g} µm")


def _evaluate(formula: str, c: Sequence[float], wavelength: float) -> float:
    terms = list(zip(c[1::2], c[2::2], strict=False))
    try:
        if formula == "cauchy":
            return c[0] + math.fsum(a * wavelength**b for a, b in terms)
        if formula == "polynomial":
            return math.sqrt(c[0] + math.fsum(a * wavelength**b for a, b in terms))
        square = wavelength * wavelength
        power = 2 if formula == "sellmeier_sq" else 1
        return math.sqrt(1.0 + c[0] + math.fsum(a * square / (square - b**power) for a, b in terms))
    except (ValueError, ZeroDivisionError, OverflowError):
        return math.nan


def model_glass(nd: float, vd: float, name: str = "") -> Medium:
    """Make a glass from nd and Vd alone, with n = A + B/λ².

    In the visible it is right to about 5e-5 for a real glass.
    """
    b = (nd - 1.0) / vd / (LINE_F**-2 - LINE_C**-2)
    a = nd - b / LINE_D**2
    return Medium(name or f"{nd:g}/{vd:g}", "cauchy", (a, b, -2.0), nd, vd)


def constant_index(index: float) -> Medium:
    """Make a material with the same index at every wavelength."""
    return Medium(f"{index:g}", "cauchy", (index,), index, math.inf)


def glass_from_row(row: Mapping[str, Any]) -> Medium:
    """Make a glass from a catalog row.

    Args:
        row: `name`, `formula`, `coefficients`, and if known `wavelength_range_um` and `vendor`.

    Raises:
        InputError: If a key is missing or wrong.
    """
    try:
        name, formula = row["name"], row["formula"]
        c = tuple(float(value) for value in row["coefficients"])
        low, high = row.get("wavelength_range_um") or (0.0, math.inf)
        wavelength_range = (float(low), float(high))
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"not a glass: needs name, formula and coefficients ({error!r})") from error
    if not isinstance(name, str) or formula not in FORMULAS or not c or not all(map(math.isfinite, c)):
        raise InputError(f"not a glass: formula must be one of {', '.join(FORMULAS)}, coefficients numbers")
    at_d, at_f, at_c = (_evaluate(formula, c, line) for line in (LINE_D, LINE_F, LINE_C))
    vd = (at_d - 1.0) / (at_f - at_c) if at_f != at_c else math.inf
    return Medium(name, formula, c, at_d, vd, wavelength_range, str(row.get("vendor") or ""))


@cache
def glass_table() -> Mapping[str, Medium]:
    """Return the shipped glasses by name (from the refractiveindex.info database, CC0 1.0)."""
    text = files("verirl_optics.raytrace").joinpath("glasses.jsonl").read_text(encoding="utf-8")
    return {medium.name: medium for medium in map(glass_from_row, map(json.loads, text.splitlines()))}


def find_glass(name: str, catalog: Mapping[str, Medium] | None = None) -> Medium:
    """Find a glass by its exact name; similar names do not match.

    Args:
        name: Catalog name, such as N-BK7.
        catalog: Glasses to search; the shipped table if None.

    Raises:
        GlassError: If there is no such glass.
    """
    known = glass_table() if catalog is None else catalog
    if name not in known:
        raise GlassError(f"no glass is called '{name[:40]}'")
    return known[name]


def nearest(nd: float, vd: float, among: Sequence[Medium]) -> Medium:
    """Return the glass with the nearest nd and Vd; 0.01 in nd weighs as much as 1 in Vd."""
    return min(among, key=lambda glass: math.hypot((glass.nd - nd) * 100.0, glass.vd - vd))


def is_dispersive(medium: Medium) -> bool:
    """Return whether the index falls with the wavelength over the visible, as in every real glass."""
    try:
        values = [medium.index(line) for line in FDC_WAVELENGTHS_UM]
    except GlassError:
        return False
    return all(first > second for first, second in pairwise(values))
