"""`verirl optics polish`: improve a lens or an answer, and show it before and after."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import click

from verirl.cli import console
from verirl.errors import InputError

if TYPE_CHECKING:
    from rich.console import RenderableType

    from verirl.types import Task
    from verirl_optics.optimize.polish import PolishResult
    from verirl_optics.raytrace.prescription import Prescription, Surface

ROWS = (
    ("efl_mm", "EFL mm"),
    ("fno", "F/#"),
    ("total_track_mm", "track mm"),
    ("bfl_mm", "BFL mm"),
    ("rms_spot_um", "RMS µm"),
    ("distortion_pct", "distortion %"),
)


@click.command(name="polish", epilog="Example: verirl optics polish triplet.json -o better.json")
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--task",
    "tasks",
    type=click.Path(path_type=Path),
    metavar="TASKS",
    help="FILE is an answer to the task in this file.",
)
@click.option("--id", "name", metavar="ID", help="Id of the task, if TASKS holds several.")
@click.option(
    "--steps", type=click.IntRange(min=1), default=40, show_default=True, help="Steps of the search."
)
@click.option("--no-glasses", is_flag=True, help="Keep every glass.")
@click.option("--digits", type=click.IntRange(3, 15), help="Significant digits of changed values.")
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Write the polished lens here.")
@console.json_option
@console.quiet_option
def command(
    file: Path,
    tasks: Path | None,
    name: str | None,
    steps: int,
    no_glasses: bool,
    digits: int | None,
    output: Path | None,
    as_json: bool,
    quiet: bool,
) -> None:
    """Make the lens in FILE sharper within the limits of a task, or else of the lens itself.

    Curvatures, thicknesses and aspheres move by damped least squares; glasses are exchanged for neighbors in
    the list of the task or the catalog; given values of a completion task stay. The result is rounded before
    it is evaluated, and it is never worse than FILE. With --task, FILE is a completion, and -o writes one.
    """
    from verirl.optional_dependencies import import_optional

    import_optional("torch", "optics")
    console.check_places((output,), (str(file), str(tasks or "")))
    if tasks is None:
        if name is not None:
            raise InputError("--id names a task: give --task too")
        result, text = _lens(file, steps, not no_glasses, digits, wanted=output is not None)
    else:
        from verirl_optics.requirements_report import find_task

        result, text = _answer(file, find_task(tasks, name), steps, not no_glasses, digits)
    if output is not None:
        from verirl.io.atomic import write_atomically

        def put(stream: TextIO) -> None:
            stream.write(text + "\n")

        write_atomically(output, put)
    data = report(result)
    if as_json:
        console.emit_json(data)
    else:
        console.out().print(comparison_table(data))


def _lens(
    file: Path, steps: int, glasses: bool, digits: int | None, *, wanted: bool
) -> tuple[PolishResult, str]:
    from verirl_optics.lens_io.lens_file import read_lenses
    from verirl_optics.optimize.polish import SIGNIFICANT_DIGITS, polish

    lenses = read_lenses(file)
    if len(lenses) > 1:
        raise InputError.at(file, f"has {len(lenses)} lenses; polish takes one")
    if wanted:
        to_object(lenses[0])
    result = polish(lenses[0], steps=steps, glasses=glasses, digits=digits or SIGNIFICANT_DIGITS)
    return result, json.dumps(to_object(result.lens), indent=1) if wanted else ""


def _answer(
    file: Path, task: Task, steps: int, glasses: bool, digits: int | None
) -> tuple[PolishResult, str]:
    from verirl_optics.answer import to_json, to_lines
    from verirl_optics.optimize.polish import polish_rows
    from verirl_optics.raytrace.glass import GlassError
    from verirl_optics.requirements_report import read_answer
    from verirl_optics.spec import read_spec

    spec = read_spec(task.spec)
    text, rows = read_answer(file, spec)
    try:
        better, result = polish_rows(spec, rows, steps=steps, glasses=glasses, digits=digits)
    except GlassError as error:
        raise InputError.at(file, str(error)) from error
    write = to_json if text.startswith(("{", "[")) else to_lines
    return result, write(better, 12)


def to_object(lens: Prescription) -> dict[str, Any]:
    """Convert a lens to the JSON layout that `verirl optics show` reads.

    Raises:
        InputError: If a glass has neither a catalog name nor nd and Vd.
    """
    return {
        "name": lens.name,
        "surfaces": [_surface(number, surface) for number, surface in enumerate(lens.surfaces, start=1)],
        {"epd": "epd_mm", "fno": "fno", "stop": "stop_semi_diameter_mm"}[
            lens.aperture.kind
        ]: lens.aperture.value,
        "fields_deg": list(lens.fields),
        "wavelengths_um": list(lens.wavelengths),
        "primary": lens.primary,
    }


def _surface(number: int, surface: Surface) -> dict[str, Any]:
    from verirl_optics.raytrace.glass import Medium, glass_table

    medium = surface.medium
    glass: Any = None
    if isinstance(medium, Medium):
        named = glass_table().get(medium.name)
        same = named is not None and named.coefficients == medium.coefficients
        glass = medium.name if same else {"nd": medium.nd, "vd": medium.vd}
    if (medium is not None and glass is None) or (isinstance(glass, dict) and not 0 < glass["vd"] < 1e6):
        raise InputError(f"-o: the glass of surface {number} has neither a catalogue name nor nd and Vd")
    result: dict[str, Any] = {
        "radius": None if abs(surface.radius) == float("inf") else surface.radius,
        "thickness": surface.thickness,
        "glass": glass,
        "stop": surface.stop,
    }
    if surface.conic:
        result["conic"] = surface.conic
    if surface.asphere:
        result["asphere"] = list(surface.asphere)
    if surface.semi_diameter is not None:
        result["semi_diameter"] = surface.semi_diameter
    return result


def report(result: PolishResult) -> dict[str, Any]:
    """Return the JSON object of `--json`: before and after."""
    return {
        "better": result.better,
        "before": _figures(result.start, result.before.figures, result.before.rank[0]),
        "after": _figures(result.lens, result.after.figures, result.after.rank[0]),
        "active": list(result.active),
        "exchanged": [{"surface": surface, "from": old, "to": new} for surface, old, new in result.swaps],
        "surfaces": [
            {
                "radius": None if abs(surface.radius) == float("inf") else surface.radius,
                "thickness": surface.thickness,
                "glass": None if surface.medium is None else surface.medium.name,
                "conic": surface.conic,
                "asphere": list(surface.asphere),
                "stop": surface.stop,
            }
            for surface in result.lens.surfaces
        ],
    }


def _figures(lens: Prescription, figures: Mapping[str, float], rank: int) -> dict[str, Any]:
    from verirl_optics.analysis.summary import summary

    fields = summary(lens)["fields"]
    return {
        "keeps_limits": rank == 2,
        **{key: figures.get(key) for key, _ in ROWS},
        "rms_by_field_um": {f"{row['field_deg']:g}": row["rms_poly_um"] for row in fields},
        "glasses": [surface.medium.name for surface in lens.surfaces if surface.medium is not None],
    }


def comparison_table(data: Mapping[str, Any]) -> RenderableType:
    """Return a table of the figures before and after."""
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    shown = Table("", "before", "after", box=None)
    before, after = data["before"], data["after"]
    for key, label in ROWS:
        shown.add_row(label, _shown(before[key]), _shown(after[key]))
    for field, value in before["rms_by_field_um"].items():
        shown.add_row(f"RMS µm at {field}°", _shown(value), _shown(after["rms_by_field_um"].get(field)))
    shown.add_row("glasses", " ".join(before["glasses"]), " ".join(after["glasses"]))
    shown.add_row("keeps every limit", *("yes" if side["keeps_limits"] else "no" for side in (before, after)))
    lines = [Text(f"held back by: {', '.join(data['active'])}")] if data["active"] else []
    if not data["better"]:
        lines.append(Text("nothing better was found: the lens is unchanged", style="yellow"))
    return Group(shown, *lines)


def _shown(value: float | None) -> str:
    return "–" if value is None else f"{value:.6g}"
