"""`verirl optics`: the commands that the domain adds to the command line; and `verirl optics show`."""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from verirl.cli import console
from verirl_optics.commands.heuristic import command as heuristic
from verirl_optics.commands.polish import command as polish

if TYPE_CHECKING:
    from rich.console import RenderableType

    from verirl_optics.raytrace.glass import Medium
    from verirl_optics.raytrace.prescription import Prescription

_PICTURE = click.Path(path_type=Path)


@click.group(name="optics", epilog="Example: verirl optics show lens.zmx --draw lens.svg")
def command() -> None:
    """Evaluate, draw and polish lens prescriptions."""


command.add_command(polish)
command.add_command(heuristic)


@command.command(name="show", epilog="Example: verirl optics show triplet.json --json")
@click.argument("file", type=click.Path(path_type=Path))
@console.json_option
@click.option("--oracle", is_flag=True, help="Print the keys and the sampling of the reference figures.")
@click.option("--aim", is_flag=True, help="Aim rays at the real stop, not at the paraxial pupil.")
@click.option(
    "--catalogue",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Your own glasses, before the shipped ones: Zemax .agf, or JSON lines.",
)
@click.option(
    "--task",
    "asked",
    type=click.Path(path_type=Path),
    metavar="TASKS",
    help="Compare the surfaces with a task of this file: its beam, its limits.",
)
@click.option("--id", "name", metavar="ID", help="Id of the task, if --task holds several.")
@click.option("--draw", type=_PICTURE, metavar="OUT", help="Draw the lens with rays (.svg or .png).")
@click.option("--spots", type=_PICTURE, metavar="OUT", help="Draw the spots of each field.")
@click.option("--fans", type=_PICTURE, metavar="OUT", help="Draw ray error against pupil height.")
@console.quiet_option
def show(
    file: Path,
    as_json: bool,
    oracle: bool,
    aim: bool,
    catalogue: Path | None,
    asked: Path | None,
    name: str | None,
    draw: Path | None,
    spots: Path | None,
    fans: Path | None,
    quiet: bool,
) -> None:
    """Evaluate the lens in FILE: JSON, surface lines, Zemax .zmx text, or rows of the benchmark.

    Spots are RMS radii by Gauss quadrature at the image plane of the prescription. With --oracle: hexapolar
    and Gauss sampling through the paraxial entrance pupil, one JSON object per line. With --task: FILE is an
    answer, and each figure is shown next to its limit.
    """
    from verirl.errors import InputError
    from verirl.optional_dependencies import import_optional

    import_optional("torch", "optics")
    from verirl_optics.lens_io.lens_file import read_lenses

    comparison: dict[str, Any] = {}
    if name is not None and asked is None:
        raise InputError("--id: says which task of --task; give that too")
    if asked is not None:
        from verirl_optics.requirements_report import report_requirements

        if oracle or catalogue:
            raise InputError(
                "--task: a task has its own beam and glasses; leave --oracle and --catalogue out"
            )
        report = report_requirements(file, asked, name)
        lenses = [report.lens]
        comparison = {"limits": report.figures, "broken": report.broken}
    else:
        lenses = read_lenses(file, _glasses(catalogue))
    _draw(lenses, file, {"layout": draw, "spots": spots, "fans": fans})
    if oracle:
        from verirl_optics.analysis.reference_values import reference_values

        found = [reference_values(lens) for lens in lenses]
    else:
        from verirl_optics.analysis.summary import summary

        found = [summary(lens, aim=aim) | comparison for lens in lenses]
    if as_json:
        console.emit_json(_plain(found[0] if len(found) == 1 else found))
        return
    for item in found:
        if oracle:
            click.echo(json.dumps(_plain(item), ensure_ascii=False))
        else:
            console.out().print(_table(item))


def _glasses(path: Path | None) -> Mapping[str, Medium] | None:
    if path is None:
        return None
    from verirl_optics.lens_io.glass_catalog import read_glass_catalog

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserWarning)
        found = read_glass_catalog(path)
    for each in caught:
        console.warn(str(each.message))
    return found


def _draw(lenses: Sequence[Prescription], file: Path, wanted: Mapping[str, Path | None]) -> None:
    from verirl.errors import InputError

    asked = {kind: path for kind, path in wanted.items() if path is not None}
    if not asked:
        return
    if len(lenses) > 1:
        raise InputError(f"{file} has {len(lenses)} lenses; a picture shows one")
    from verirl_optics.viz import layout, plots
    from verirl_optics.viz.picture import save

    makers = {"layout": layout.layout, "spots": plots.spot_diagrams, "fans": plots.ray_fans}
    for kind, path in asked.items():
        save(makers[kind](lenses[0]), path)


def _plain(value: Any) -> Any:
    """Replace nan and inf, which JSON does not have, by null."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return None if isinstance(value, float) and (value != value or abs(value) == float("inf")) else value


def _table(item: dict[str, Any]) -> RenderableType:
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    first = Table(title=item["name"] or None, title_justify="left", show_header=False)
    for key, unit in (
        ("efl_mm", "mm"),
        ("bfl_mm", "mm"),
        ("fno", ""),
        ("entrance_pupil_diameter_mm", "mm"),
        ("entrance_pupil_z_mm", "mm"),
        ("exit_pupil_z_mm", "mm"),
        ("total_track_mm", "mm"),
        ("axial_colour_mm", "mm"),
    ):
        first.add_row(key.removesuffix("_mm").replace("_", " "), f"{_shown(item[key])} {unit}".strip())
    fields = Table("field °", "RMS µm", "chief mm", "distortion %", "lateral µm", "T mm", "S mm", "lost")
    for row in item["fields"]:
        share = row["vignetted_fraction"] or 0.0
        lost = f"{100.0 * share:.3g} %: {', '.join(row['lost'])}" if row["lost"] else ""
        fields.add_row(
            f"{row['field_deg']:g}",
            *(
                _shown(row[key])
                for key in (
                    "rms_poly_um", "chief_y_mm", "distortion_pct", "lateral_colour_um",
                    "tangential_focus_mm", "sagittal_focus_mm",
                )
            ),
            lost,
        )  # fmt: skip
    contrast = Table("MTF, tangential / sagittal", *(f"{part['field_deg']:g}°" for part in item["fields"]))
    for i, part in enumerate(item["fields"][0]["mtf"]):
        sides = [(row["mtf"][i]["tangential"], row["mtf"][i]["sagittal"]) for row in item["fields"]]
        cells = (" / ".join("–" if side is None else f"{side:.3f}" for side in pair) for pair in sides)
        contrast.add_row(f"{part['cycles_per_mm']:g} cycles/mm", *cells)
    limits = Table("figure", "found", "asked for")
    for row in item.get("limits", ()):
        limits.add_row(row["figure"], _shown(row["found"]), row["limit"])
    notes = [Text(f"✗ {limit}", style="red") for limit in item.get("broken", ())]
    narrow = [
        f"surfaces {s['behind']} and {s['behind'] + 1} overlap" for s in item["spaces"] if s["overlaps"]
    ]
    notes += [Text(note, style="yellow") for note in (*item["notes"], *narrow)]
    return Group(first, fields, contrast, *([limits] if limits.row_count else []), *notes)


def _shown(value: float | None) -> str:
    return "–" if value is None else f"{value:.6g}"
