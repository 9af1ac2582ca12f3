"""Tasks for models of about a million parameters: singlets of best form, asked for in a compact prompt.

Question: `EFL f/number half-field RMS-limit`, for a completion with the masked lens below it; the glass is
one of `GLASSES`. A singlet of given glass, thickness and EFL has one degree of freedom, its bending, so all
bendings can be tried at once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from random import Random
from typing import Any

import torch
from torch import Tensor

from verirl.errors import InputError, VerirlError
from verirl.seeds import rng
from verirl.taskgen.draw import SPLITS, check_draw, start_draw
from verirl.types import Task
from verirl_optics.analysis.performance import evaluate
from verirl_optics.answer import Row, parse, to_lines
from verirl_optics.raytrace.glass import FDC_WAVELENGTHS_UM, find_glass
from verirl_optics.raytrace.paraxial import first_order
from verirl_optics.raytrace.prescription import Aperture, Prescription, Surface
from verirl_optics.raytrace.pupil import gauss
from verirl_optics.raytrace.system import FLOAT, System, build_system
from verirl_optics.requirements import evaluate_answer
from verirl_optics.spec import MASK, read_spec
from verirl_optics.tasks.completion import with_masked

FAMILIES = ("singlet", "singlet-completion")
GLASSES = ("N-FK51A", "N-BK7", "N-KF9", "LF7")
"""By increasing dispersion, which causes most of the spot of a singlet: the first gives the sharpest lens.
Indices are from 1.48 to 1.58; at higher ones the best form becomes concave at the back.
"""
EFL_RANGE_MM = (20, 99)
F_NUMBERS = (5, 6, 7, 8, 9, 10)
HALF_FIELDS_DEG = (1, 2, 3, 4)
EFL_SCALING_STEPS = 8
"""Rescalings of the curvatures, after which the EFL of a thick lens is right to 1e-9."""
THICKNESS_REL = 0.08
"""Thickness of the glass ÷ EFL."""
SIGNIFICANT_DIGITS = 3
BENDINGS = torch.linspace(0.4, 1.1, 15, dtype=FLOAT)
"""Curvature of the front ÷ difference of both curvatures."""
MAX_DRAWS = 40
"""Draws of one family, after which a task counts as impossible to make."""


def generate_task(
    seed: int, index: int, difficulty: float, *, split: str = "train", family: str | None = None
) -> Task:
    """Make the task at `(split, seed, index)`; `family` None: drawn.

    Difficulty narrows the RMS limit from 3 to 1.5 times the spot of the sharpest glass. The reference is the
    best form of a glass drawn from those that meet it.

    Args:
        seed: Seed of the task set.
        index: Number of the draw.
        difficulty: From 0 to 1.
        split: `train` or `eval`.
        family: One of `FAMILIES`, or None to draw one.

    Raises:
        InputError: If an argument is out of range.
    """
    check_draw(difficulty, split=(split, SPLITS))
    if family is not None and family not in FAMILIES:
        known = ", ".join(FAMILIES)
        raise InputError(f"there is no family '{family}' in style 'terse'; there are: {known}")
    family = family or rng("optics", split, seed, index, "terse").choice(FAMILIES)
    origin = start_draw(
        "optics", FAMILIES, seed, index, difficulty, split=split, family=family, style="terse"
    )
    draw = origin.rng("terse")
    for _ in range(MAX_DRAWS):
        attempt = _attempt(draw, difficulty, masked=family == "singlet-completion")
        if attempt is not None:
            spec, reference = attempt
            return origin.task(compact_prompt(spec), spec, reference, (family, "terse"))
    raise VerirlError(f"optics: no terse {family} could be made at seed {seed}, index {index}")


def compact_prompt(spec: Mapping[str, Any]) -> str:
    """Write the question of a compact task."""
    limits = f"{spec['efl_mm']:g} f/{spec['fno']:g} {max(spec['half_fields_deg']):g}"
    line = f"{limits} {spec['max_rms_um']:g}"
    rows = spec["given"]["surfaces"] if "given" in spec else ()
    return "\n".join([line, *(_line(row) for row in rows)])


def _line(row: Mapping[str, Any]) -> str:
    numbers = [value if value == MASK else f"{value:g}" for value in (row["radius"], row["thickness"])]
    words = [*numbers, row["glass"] or "", "stop" if row["stop"] else ""]
    return " ".join(word for word in words if word)


def _attempt(draw: Random, difficulty: float, *, masked: bool) -> tuple[dict[str, Any], str] | None:
    efl = float(draw.randint(*EFL_RANGE_MM))
    fno, half, glass = draw.choice(F_NUMBERS), draw.choice(HALF_FIELDS_DEG), draw.choice(GLASSES)
    fields = (0.0, round(0.7 * half, 2), float(half))
    spec: dict[str, Any] = {
        "task": "synthesis",
        "efl_mm": efl,
        "efl_rel_tol": 0.02,
        "fno": fno,
        "half_fields_deg": list(fields),
        "wavelengths_um": list(FDC_WAVELENGTHS_UM),
        "primary": 1,
        "elements": {"min": 1, "max": 1},
        "glasses": list(GLASSES),
    }
    forms = {
        name: to_lines(best_form(efl, fno, fields, name), SIGNIFICANT_DIGITS) for name in {GLASSES[0], glass}
    }
    spots = {name: _spot(spec, form) for name, form in forms.items()}
    sharpest, spot = spots[GLASSES[0]], spots[glass]
    if sharpest is None or spot is None:
        return None
    limit = float(f"{(3.0 - 1.5 * difficulty) * sharpest:.2g}")
    if limit < spot:
        return None
    spec |= {"reference_rms_um": float(f"{spot:.6g}"), "max_rms_um": limit}
    reference = forms[glass]
    rows = parse(reference)
    if masked:
        spec |= with_masked(rows, [draw.choice([(0, "radius"), (1, "radius"), (1, "thickness")])])
    return spec, reference


def _spot(spec: Mapping[str, Any], lines: str) -> float | None:
    """Return the RMS spot in µm; None if the lens violates a limit."""
    found = evaluate_answer(read_spec(spec), parse(lines))
    return found.figures["rms_spot_um"] if found.rank[0] == 2 else None


def best_form(efl: float, fno: float, fields: tuple[float, ...], glass: str) -> tuple[Row, ...]:
    """Return the singlet whose bending gives the smallest spot at best focus, with the stop on its front."""
    thick = float(f"{THICKNESS_REL * efl:.2g}")
    with torch.no_grad():
        _, spots = _solved(BENDINGS, efl, fno, fields, glass, thick)
        low = min(max(int(spots.argmin()), 1), len(BENDINGS) - 2)
        vertex, _ = _vertex(*spots[low - 1 : low + 2])
        step = BENDINGS[1] - BENDINGS[0]
        system, _ = _solved(
            (BENDINGS[low] + vertex.clamp(-1.0, 1.0) * step)[None], efl, fno, fields, glass, thick
        )
    front, back = (1.0 / system.curvature_BS[0]).tolist()
    return Row(front, thick, glass, True), Row(back, float(system.thickness_BS[0, 1]))


def _solved(
    bending_B: Tensor, efl: float, fno: float, fields: tuple[float, ...], glass: str, thick: float
) -> tuple[System, Tensor]:
    """Return lenses of these bendings at the EFL and at best focus, and their mean square spots."""
    count = len(bending_B)
    surfaces = (Surface(efl, thick, find_glass(glass), stop=True), Surface(efl, 1.0))
    one = build_system([Prescription(surfaces, Aperture("epd", efl / fno), fields, FDC_WAVELENGTHS_UM, 1)])
    system = replace(
        one,
        curvature_BS=torch.stack([bending_B, bending_B - 1.0], dim=1) / efl,
        thickness_BS=one.thickness_BS.expand(count, -1),
        conic_BS=one.conic_BS.expand(count, -1),
        asphere_BSA=one.asphere_BSA.expand(count, -1, -1),
        index_BSW=one.index_BSW.expand(count, -1, -1),
        semi_BS=one.semi_BS.expand(count, -1),
    )
    for _ in range(EFL_SCALING_STEPS):
        scale = first_order(system).efl_BW[:, 1, None] / efl
        system = replace(system, curvature_BS=system.curvature_BS * scale)
    bfl = first_order(system).bfl_BW[:, 1]
    angles = torch.deg2rad(torch.tensor([fields], dtype=FLOAT)).expand(count, -1)
    epd = torch.full((count,), efl / fno, dtype=FLOAT)
    # The mean square spot is a parabola in the defocus.
    step = 0.02 * efl
    spots = [
        (evaluate(_focused(system, bfl + k * step), epd, angles, gauss(4, 8)).spots.poly_BF ** 2).mean(-1)
        for k in (-1.0, 0.0, 1.0)
    ]
    shift, smallest = _vertex(*spots)
    return _focused(system, bfl + shift * step), smallest


def _vertex(before: Tensor, at: Tensor, after: Tensor) -> tuple[Tensor, Tensor]:
    """Return position and value of the minimum of the parabola through values at −1, 0 and 1."""
    place = (before - after) / (2.0 * (before - 2.0 * at + after))
    return place, at - (before - after) * place / 4.0


def _focused(system: System, image_B: Tensor) -> System:
    return replace(system, thickness_BS=torch.stack([system.thickness_BS[:, 0], image_B], dim=1))
