"""Make a task that has been solved: form → start → damped least squares → round → evaluate → loosen limits.

There are five levels, each a fifth of the difficulty range: singlets; cemented achromats; triplets; Tessars
and aspheric singlets; double Gauss and retrofocus lenses. Each level has whole lenses to design, and lenses
with masked values to complete. Within a level a higher difficulty leaves less slack.
"""

from __future__ import annotations

import math
from random import Random
from typing import Any

from verirl.errors import VerirlError
from verirl.seeds import rng
from verirl.taskgen.draw import SPLITS, check_draw, start_draw
from verirl.types import Task
from verirl_optics.answer import Row, parse, to_lines
from verirl_optics.tasks.starting_designs import CROWNS, DESIGN_FORMS, FLINTS, LEVELS, DesignForm

COMPLETION_SUFFIX = "-completion"
FAMILIES = (*DESIGN_FORMS, *(f"{name}{COMPLETION_SUFFIX}" for name in DESIGN_FORMS))
SIGNIFICANT_DIGITS = 5
MAX_DRAWS = 40
"""Draws of one family, after which a task counts as impossible to make."""


def difficulty_range(family: str) -> tuple[float, float]:
    """Return the range of difficulties of the level of a family."""
    level = DESIGN_FORMS[family.removesuffix(COMPLETION_SUFFIX)].level
    return (level - 1) / LEVELS, level / LEVELS


def generate_task(
    seed: int, index: int, difficulty: float, *, split: str = "train", family: str | None = None
) -> Task:
    """Make the task at `(split, seed, index)`; the same arguments always make the same task.

    Args:
        seed: Seed of the task set.
        index: Number of the draw.
        difficulty: From 0 to 1; it chooses the level if `family` is None.
        split: `train` or `eval`.
        family: One of `FAMILIES`, or None to draw one of the level.

    Raises:
        InputError: If an argument is unknown or out of range.
    """
    check_draw(difficulty, split=(split, SPLITS), family=(family, FAMILIES))
    if family is None:
        level = min(LEVELS, 1 + int(difficulty * LEVELS))
        pick = rng("optics", split, seed, index)
        name = pick.choice([form.name for form in DESIGN_FORMS.values() if form.level == level])
        family = name + pick.choice(("", COMPLETION_SUFFIX))
    origin = start_draw("optics", FAMILIES, seed, index, difficulty, split=split, family=family)
    form = DESIGN_FORMS[family.removesuffix(COMPLETION_SUFFIX)]
    draw = origin.rng()
    for _ in range(MAX_DRAWS):
        attempt = _attempt(draw, form, difficulty, masked=family.endswith(COMPLETION_SUFFIX))
        if attempt is not None:
            from verirl_optics.tasks.prompt import question

            spec, reference = attempt
            return origin.task(question(spec), spec, reference, (family,))
    raise VerirlError(f"optics: no {family} could be made at seed {seed}, index {index}")


def _attempt(
    draw: Random, form: DesignForm, difficulty: float, *, masked: bool
) -> tuple[dict[str, Any], str] | None:
    from verirl_optics.requirements import evaluate_answer
    from verirl_optics.spec import read_spec
    from verirl_optics.tasks.completion import with_masked
    from verirl_optics.tasks.optimize_start import optimize_start

    efl = float(f"{draw.uniform(*form.efl):.3g}")
    fno = float(f"{draw.uniform(*form.fno):.2g}")
    half = float(f"{draw.uniform(*form.half_field):.2g}")
    fields = (0.0, float(f"{0.7 * half:.3g}"), half)
    start = form.start(draw, fno)
    primary = len(form.wavelengths) // 2
    lens = optimize_start(start, fno, fields, form.wavelengths, primary, form.steps)
    if lens is None:
        return None
    rows = parse(
        to_lines(
            tuple(
                Row(
                    surface.radius * efl,
                    surface.thickness * efl,
                    glass,
                    surface.stop,
                    surface.conic,
                    tuple(term * efl ** -(2 * i + 1) for i, term in enumerate(surface.asphere)),
                )
                for surface, glass in zip(lens.surfaces, start.glasses, strict=True)
            ),
            SIGNIFICANT_DIGITS,
        )
    )
    used = [glass for glass in dict.fromkeys(start.glasses) if glass is not None]
    others = [name for name in (*CROWNS, *FLINTS) if name not in used]
    spec: dict[str, Any] = {
        "task": "synthesis",
        "efl_mm": efl,
        "efl_rel_tol": 0.02,
        "fno": fno,
        "half_fields_deg": list(fields),
        "wavelengths_um": list(form.wavelengths),
        "primary": primary,
        "elements": {"min": form.elements, "max": form.elements},
        "center_thickness_mm": {"min": _down(0.01 * efl)},
        "min_edge_thickness_mm": _down(0.005 * efl),
        "min_air_gap_mm": _down(0.001 * efl),
        "glasses": sorted([*used, *draw.sample(others, 4)]),
    }
    if start.aspheres:
        spec["aspheres"] = len(start.aspheres)
    found = evaluate_answer(read_spec(spec), rows)
    if not found.accurate or not all(check.met for _, check, _ in found.accurate):
        return None
    figures = found.figures
    if not {"rms_spot_um", "bfl_mm"} <= set(figures) or figures["rms_spot_um"] > form.worst * efl:
        return None
    slack = 3.0 - 1.5 * ((LEVELS * difficulty) % 1.0 if difficulty < 1.0 else 1.0)
    spec |= {
        "max_total_track_mm": _up(1.1 * figures["total_track_mm"]),
        "min_bfl_mm": _down(0.8 * figures["bfl_mm"]),
        "reference_rms_um": float(f"{figures['rms_spot_um']:.6g}"),
        "max_rms_um": _up(slack * figures["rms_spot_um"]),
    }
    if masked:
        spec |= with_masked(rows, _masked_places(draw, form, rows))
    return spec, to_lines(rows)


def _masked_places(draw: Random, form: DesignForm, rows: tuple[Row, ...]) -> list[tuple[int, str]]:
    places = [(s, name) for s in range(len(rows)) for name in ("radius", "thickness")]
    places += [(s, "conic") for s, row in enumerate(rows) if row.aspheric]
    # The first is a radius, so that every completion has a say in the focal length.
    bent = [(s, "radius") for s, row in enumerate(rows) if not math.isinf(row.radius)]
    first = draw.choice(bent)
    rest = [place for place in places if place != first]
    return [first, *draw.sample(rest, draw.randint(*form.masked) - 1)]


def _up(value: float) -> float:
    """Round to three digits, never below."""
    step = 10.0 ** (math.floor(math.log10(value)) - 2)
    return float(f"{math.ceil(value / step) * step:.6g}")


def _down(value: float) -> float:
    """Round to two digits, never above."""
    step = 10.0 ** (math.floor(math.log10(value)) - 1)
    return float(f"{math.floor(value / step) * step:.6g}")
