"""Read glass catalogs: Zemax `.agf`, or JSON lines in the layout of `glasses.jsonl`."""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping
from pathlib import Path

from verirl.errors import InputError
from verirl.io.jsonl import read_lines
from verirl_optics.lens_io.zemax import read_text
from verirl_optics.raytrace.glass import Medium, glass_from_row, glass_table

POLYNOMIALS = {
    1: (0, 2, -2, -4, -6, -8),
    10: (0, 2, -2, -4, -6, -8, -10, -12),
    12: (0, 2, -2, -4, -6, -8, 4, 6),
    13: (0, 2, 4, -2, -4, -6, -8, -10, -12),
}
"""Number of an `.agf` formula → the powers of λ whose sum, weighted by the coefficients, is n²."""
SELLMEIER = {2: 3, 6: 4, 11: 5}
"""Number of an `.agf` formula → its number of terms K λ² / (λ² − L)."""
SELLMEIER_2, CONRADY, SELLMEIER_4 = 4, 5, 9


def read_glass_catalog(path: Path) -> Mapping[str, Medium]:
    """Read a glass catalog.

    Args:
        path: A Zemax `.agf` file, or JSON lines. A glass with an unknown dispersion formula is skipped with a
            warning.

    Returns:
        Name → glass: those of the file, then the shipped ones.

    Raises:
        InputError: If the file cannot be read or holds no glass; it names file and line.
    """
    own = _agf(path) if path.suffix.lower() == ".agf" else _rows(path)
    if not own:
        raise InputError.at(path, "holds no glass")
    return {**glass_table(), **own}


def _rows(path: Path) -> dict[str, Medium]:
    own: dict[str, Medium] = {}
    for line in read_lines(path):
        try:
            medium = glass_from_row(line.value)
        except InputError as error:
            raise InputError.at(line.file, str(error), line=line.number) from error
        own[medium.name] = medium
    return own


def _agf(path: Path) -> dict[str, Medium]:
    text = read_text(path)
    own: dict[str, Medium] = {}
    unknown: list[str] = []
    name, formula, coefficients = "", 0, list[float]()

    def keep(span: tuple[float, float]) -> None:
        row = _row(formula, coefficients)
        if row is None:
            unknown.append(name)
            return
        kind, values = row
        own[name] = glass_from_row(
            {"name": name, "formula": kind, "coefficients": values, "wavelength_range_um": span}
        )

    for number, line in enumerate(text.splitlines(), start=1):
        words = line.split()
        try:
            match words[:1]:
                case ["NM"]:
                    if name and coefficients:
                        keep((0.0, math.inf))
                    name, formula, coefficients = words[1], int(float(words[2])), []
                case ["CD"] if name:
                    coefficients = [float(word) for word in words[1:]]
                case ["LD"] if name and coefficients:
                    keep((float(words[1]), float(words[2])))
                    name, coefficients = "", []
        except (IndexError, ValueError, OverflowError) as error:
            reason = f"'{' '.join(words[:3])}' is not a line of a glass catalog"
            raise InputError.at(path, reason, line=number) from error
    if name and coefficients:
        keep((0.0, math.inf))
    if unknown:
        shown = ", ".join(unknown[:3]) + (", …" if len(unknown) > 3 else "")
        warnings.warn(
            f"{path}: {len(unknown)} glasses left out, their dispersion formula is not known ({shown})",
            stacklevel=2,
        )
    return own


def _row(formula: int, c: list[float]) -> tuple[str, list[float]] | None:
    """Convert an `.agf` formula to one of `glass.FORMULAS`; None if there is none."""
    c = c + [0.0] * 12
    if formula in POLYNOMIALS:
        powers = POLYNOMIALS[formula][1:]
        return "polynomial", [c[0], *(part for pair in zip(c[1:], powers, strict=False) for part in pair)]
    if formula in SELLMEIER:
        return "sellmeier", [0.0, *c[: 2 * SELLMEIER[formula]]]
    if formula == SELLMEIER_2:
        # B/(λ² − L²) is −B/L² + (B/L²) λ²/(λ² − L²).
        a, first, first_at, second, second_at = c[:5]
        share = second / second_at**2 if second_at else 0.0
        return "sellmeier", [a - share, first, first_at**2, share, second_at**2]
    if formula == SELLMEIER_4:
        return "sellmeier", [c[0] - 1.0, *c[1:5]]
    if formula == CONRADY:
        return "cauchy", [c[0], c[1], -1.0, c[2], -3.5]
    return None
