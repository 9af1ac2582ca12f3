"""Wrong answers close to the reference: a sign, a distance, a glass, an order, a stop, a scale."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from verirl.answers import NoAnswerError
from verirl.domain import Mutant
from verirl.types import Task
from verirl_optics.answer import FormatError, Row, parse, to_lines
from verirl_optics.extract import extract
from verirl_optics.raytrace.glass import find_glass
from verirl_optics.spec import OpticsSpec, read_spec

MUTANT_SCALE = 1.1
MIN_DEFOCUS_SHARE = 0.25
"""Least share of the image distance by which the image is moved."""
DEFOCUS_PER_FNO_AND_LIMIT = 10.0
"""Least defocus δ, per f-number and RMS limit: its spot δ / (2 √2 f-number) is about 3.5 times the limit."""


def mutants(task: Task) -> list[Mutant]:
    """Return one wrong completion per kind of fault.

    Args:
        task: An optics task.

    Returns:
        Mutants; none if the task has no reference that can be read.
    """
    if task.reference is None:
        return []
    try:
        rows = parse(extract(task.reference))
    except (NoAnswerError, FormatError):
        return []
    return [Mutant(kind, to_lines(changed)) for kind, changed in _faults(rows, read_spec(task.spec))]


def _faults(rows: tuple[Row, ...], spec: OpticsSpec) -> Iterator[tuple[str, tuple[Row, ...]]]:
    strongest = min(range(len(rows)), key=lambda s: abs(rows[s].radius))
    yield "sign", _with(rows, strongest, radius=-rows[strongest].radius)
    if not rows[-1].focus:
        moved = max(
            MIN_DEFOCUS_SHARE * rows[-1].thickness,
            DEFOCUS_PER_FNO_AND_LIMIT * spec.fno * (spec.max_rms_um or 0.0) / 1e3,
        )
        yield "thickness", _with(rows, len(rows) - 1, thickness=rows[-1].thickness + moved)
    yield (
        "scale",
        tuple(_scaled(row) for row in rows),
    )
    if any(row.aspheric for row in rows):
        yield "spherical", tuple(replace(row, conic=0.0, asphere=()) for row in rows)
    yield "no stop", tuple(replace(row, stop=False) for row in rows)
    yield "two stops", tuple(replace(row, stop=s < 2) for s, row in enumerate(rows))
    if len(rows) > 1 and rows[0].radius != rows[1].radius:
        first, second = rows[0].radius, rows[1].radius
        yield "swapped", _with(_with(rows, 0, radius=second), 1, radius=first)
    yield (
        "unlisted glass",
        tuple(replace(row, glass="N-SF66") if row.glass is not None else row for row in rows),
    )
    for s, row in enumerate(rows):
        if row.glass is not None and spec.glasses:
            far = max(spec.glasses, key=lambda name: abs(find_glass(name).nd - find_glass(str(row.glass)).nd))
            if abs(find_glass(far).nd - find_glass(row.glass).nd) > 0.05:
                yield "glass", _with(rows, s, glass=far)
            break


def _scaled(row: Row) -> Row:
    terms = tuple(term / MUTANT_SCALE ** (2 * i + 1) for i, term in enumerate(row.asphere))
    return replace(
        row, radius=row.radius * MUTANT_SCALE, thickness=row.thickness * MUTANT_SCALE, asphere=terms
    )


def _with(rows: tuple[Row, ...], s: int, **parts: float | str) -> tuple[Row, ...]:
    changed = replace(rows[s], **parts)  # type: ignore[arg-type]
    return (*rows[:s], changed, *rows[s + 1 :])
