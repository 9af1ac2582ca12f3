"""Compare an answer with its task outside a verdict: its lens under the beam of the task, and each limit."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

from verirl.answers import NoAnswerError
from verirl.errors import InputError
from verirl.io.sources import read_tasks
from verirl.types import Task
from verirl_optics.answer import FormatError, Row, parse
from verirl_optics.extract import extract
from verirl_optics.lens_io.zemax import read_text
from verirl_optics.raytrace.glass import GlassError
from verirl_optics.raytrace.prescription import Prescription
from verirl_optics.requirements import evaluate_answer, lens_of_answer
from verirl_optics.spec import OpticsSpec, difference_from_given, read_spec, with_given_values


class RequirementsReport(NamedTuple):
    """An answer compared with its task.

    Attributes:
        lens: The lens of the answer.
        figures: For each figure its name, what was `found`, and its `limit` in words.
        broken: The violated limits in words.
    """

    lens: Prescription
    figures: list[dict[str, Any]]
    broken: list[str]


def report_requirements(file: Path, tasks: Path, name: str | None) -> RequirementsReport:
    """Compare an answer with a task.

    Args:
        file: The answer.
        tasks: A file of tasks.
        name: Id of the task; None if the file holds only one optics task.

    Raises:
        InputError: If a file cannot be read, there is no such task, or the answer is not in the format.
    """
    spec = read_spec(find_task(tasks, name).spec)
    _, rows = read_answer(file, spec)
    try:
        lens = lens_of_answer(spec, rows)
    except GlassError as error:
        raise InputError.at(file, str(error)) from error
    found = evaluate_answer(spec, rows)
    figures = [
        {"figure": figure, "found": found.figures.get(figure), "limit": limit}
        for figure, limit in _limits(spec)
    ]
    return RequirementsReport(lens, figures, [check.detail for check in found.requirements if not check.met])


def read_answer(file: Path, spec: OpticsSpec) -> tuple[str, tuple[Row, ...]]:
    """Return the text of an answer, and its surfaces with the given values of the task."""
    try:
        text = extract(read_text(file))
        rows = parse(text)
    except (NoAnswerError, FormatError) as error:
        raise InputError.at(file, str(error)) from error
    if spec.given is None:
        return text, rows
    difference = difference_from_given(spec.given.surfaces, rows)
    if difference is not None:
        raise InputError.at(file, difference)
    return text, with_given_values(spec.given.surfaces, rows)


def find_task(path: Path, name: str | None) -> Task:
    """Return the optics task `name` of a file (None: its only one); InputError if there is none."""
    found = [task for task in read_tasks(path) if task.domain == "optics" and name in (None, task.id)]
    if len(found) != 1:
        reason = f"holds {len(found)} optics tasks" if name is None else f"holds no optics task '{name}'"
        raise InputError.at(path, reason + ("; choose one with --id" if len(found) > 1 else ""))
    return found[0]


def _limits(spec: OpticsSpec) -> list[tuple[str, str]]:
    """Return each figure of a verdict with its limit in words."""
    rays, spot, distortion = spec.min_valid_ray_fraction, spec.max_rms_um, spec.max_distortion_pct
    limits: list[tuple[str, str | None]] = [
        ("efl_mm", f"{spec.efl_mm:g} ± {100 * spec.efl_rel_tol:g} %"),
        ("fno", f"{spec.fno:g}, with the EFL"),
        ("bfl_mm", f"≥ {spec.min_bfl_mm:g}" if spec.min_bfl_mm else "> 0"),
        ("total_track_mm", None if spec.max_total_track_mm is None else f"≤ {spec.max_total_track_mm:g}"),
        ("rms_spot_um", None if spot is None else f"≤ {spot:g}"),
        ("distortion_pct", None if distortion is None else f"≤ {distortion:g}"),
        ("valid_ray_fraction", f"≥ {rays.full_field:g} off axis, {rays.axis:g} on it"),
    ]
    return [(figure, limit or "–") for figure, limit in limits]
