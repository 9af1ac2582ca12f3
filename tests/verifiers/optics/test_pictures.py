"""Drawings of a lens as SVG and PNG, and an answer compared with its task."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from verirl.cli import main
from verirl_optics import domain
from verirl_optics.lens_io.lens_file import from_object
from verirl_optics.options import OpticsOptions
from verirl_optics.viz.layout import layout
from verirl_optics.viz.picture import Dots, Label, Line, Picture, png, svg
from verirl_optics.viz.plots import ray_fans, spot_diagrams

LENS: dict[str, Any] = {
    "name": "doublet µ",
    "surfaces": [
        {"radius": 61.47, "thickness": 6.0, "glass": "N-BK7", "stop": True},
        {"radius": -44.64, "thickness": 2.5, "glass": "SF5"},
        {"radius": -129.94, "thickness": 95.95},
    ],
    "epd_mm": 20.0,
    "fields_deg": [0, 1, 2],
}
SVG = "{http://www.w3.org/2000/svg}"
IMAGE = pytest.importorskip("PIL.Image")


def run(arguments: list[str]) -> int:
    with pytest.raises(SystemExit) as left:
        main(arguments)
    return int(left.value.code or 0)


@pytest.fixture
def lens(tmp_path: Path) -> Path:
    path = tmp_path / "lens.json"
    path.write_text(json.dumps(LENS), encoding="utf-8")
    return path


@pytest.mark.parametrize("kind", ["draw", "spots", "fans"])
@pytest.mark.parametrize("suffix", ["svg", "png"])
def test_every_picture_in_both_formats(kind: str, suffix: str, lens: Path, tmp_path: Path) -> None:
    out = tmp_path / f"{kind}.{suffix}"
    assert run(["optics", "show", str(lens), f"--{kind}", str(out), "--json"]) == 0
    if suffix == "svg":
        text = out.read_text(encoding="utf-8")
        assert ET.fromstring(text).tag == f"{SVG}svg"  # noqa: S314 - our own file
        assert "nan" not in text
        assert "inf" not in text
    else:
        with IMAGE.open(out) as image:
            assert image.format == "PNG"
            colors = {color for _, color in image.convert("RGB").getcolors(maxcolors=1 << 24)}
            assert {(255, 255, 255)} < colors


def test_the_same_picture_gives_the_same_bytes() -> None:
    found = layout(from_object(LENS))
    assert svg(found) == svg(layout(from_object(LENS)))
    assert png(found) == png(layout(from_object(LENS)))


def test_a_spot_diagram_has_a_panel_a_field_and_a_colour_a_wavelength() -> None:
    picture = spot_diagrams(from_object(LENS))
    clouds = [item for item in picture.items if isinstance(item, Dots)]
    assert len(clouds) == 9
    assert all(len(cloud.points) == 271 for cloud in clouds)
    told = [item.text for item in picture.items if isinstance(item, Label)]
    assert sum("RMS" in text for text in told) == 3
    inside = all(0 <= x <= picture.width and 0 <= y <= picture.height for c in clouds for x, y in c.points)
    assert inside


def test_ray_fans_cross_the_origin_on_axis_at_the_primary_wavelength() -> None:
    picture = ray_fans(from_object(LENS))
    curves = [item for item in picture.items if isinstance(item, Line) and len(item.points) == 61]
    assert len(curves) == 18
    frame = next(item for item in picture.items if isinstance(item, Line) and len(item.points) == 5)
    left, top = frame.points[0]
    right, bottom = frame.points[2]
    primary = curves[1].points
    assert primary[30] == pytest.approx(((left + right) / 2, (top + bottom) / 2))
    assert primary[0][1] - (top + bottom) / 2 == pytest.approx((top + bottom) / 2 - primary[60][1])


def singlet(front: tuple[float, float], back: tuple[float, float]) -> dict[str, Any]:
    """A lens of SF5 by radius and thickness of its two surfaces."""
    stop = {"radius": front[0], "thickness": front[1], "glass": "SF5", "stop": True}
    return {"surfaces": [stop, {"radius": back[0], "thickness": back[1]}]}


@pytest.mark.parametrize(
    "change",
    [
        {"fields_deg": [60]},
        {"surfaces": [{"radius": None, "thickness": 1.0, "stop": True}]},
        singlet((5.0, 9.0), (-5.0, 1.0)),
        {"epd_mm": 200.0},
        singlet((1e5, 1e-3), (2e5, 1e5)),
    ],
)
def test_lenses_that_lose_rays_are_drawn_too(change: dict[str, Any]) -> None:
    lens = from_object({**LENS, **change})
    for picture in (layout(lens), spot_diagrams(lens), ray_fans(lens)):
        assert "nan" not in svg(picture)
        assert picture.width * picture.height < 5e6
        assert png(picture).startswith(b"\x89PNG")


def test_names_are_words_not_markup() -> None:
    picture = Picture(10.0, 10.0, "<b>", [Label((1.0, 1.0), "<script>x</script>")])
    assert "<script>" not in svg(picture)
    assert "<b>" not in svg(picture)


@pytest.mark.parametrize("out", ["lens.pdf", "lens", "none/lens.svg"])
def test_a_picture_that_cannot_be_written_is_one_line(
    out: str, lens: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["optics", "show", str(lens), "--draw", str(tmp_path / out)]) in (1, 2)
    assert capsys.readouterr().err.count("\n") == 1


# --- an answer and its task ------------------------------------------------------------------------------


@pytest.fixture
def tasks(tmp_path: Path) -> Path:
    path = tmp_path / "tasks.jsonl"
    made = [domain.generate(3, index, 0.1, family=family, options=OpticsOptions(style="terse"))
            for index, family in enumerate(("singlet", "singlet-completion"))]  # fmt: skip
    path.write_text("\n".join(task.to_json() for task in made), encoding="utf-8")
    return path


def held(tasks: Path, answer: str, place: int, capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    task = json.loads(tasks.read_text(encoding="utf-8").splitlines()[place])
    path = tasks.with_name("answer.txt")
    path.write_text(answer or task["reference"], encoding="utf-8")
    assert run(["optics", "show", str(path), "--task", str(tasks), "--id", task["id"], "--json"]) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def test_each_figure_has_its_limit_beside_it(tasks: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for place in (0, 1):
        found = held(tasks, "", place, capsys)
        figures = {row["figure"]: row for row in found["limits"]}
        spec = json.loads(tasks.read_text(encoding="utf-8").splitlines()[place])["spec"]
        assert figures["rms_spot_um"]["limit"] == f"≤ {spec['max_rms_um']:g}"
        assert figures["rms_spot_um"]["found"] == pytest.approx(spec["reference_rms_um"], rel=1e-5)
        assert figures["efl_mm"]["found"] == pytest.approx(spec["efl_mm"], rel=0.02)
        assert found["broken"] == []


def test_what_is_broken_is_told(tasks: Path, capsys: pytest.CaptureFixture[str]) -> None:
    reference = json.loads(tasks.read_text(encoding="utf-8").splitlines()[0])["reference"]
    lines = reference.splitlines()
    lines[-1] = f"{lines[-1].split()[0]} {float(lines[-1].split()[1]) * 1.2:.4g}"
    found = held(tasks, "\n".join(lines), 0, capsys)
    assert any("RMS" in told for told in found["broken"])


@pytest.mark.parametrize(
    ("answer", "extra", "told"),
    [
        ("nothing", ["--id", "ID"], "answer.txt"),
        ("REFERENCE", [], "--id"),
        ("REFERENCE", ["--id", "no-such"], "no-such"),
        ("REFERENCE", ["--id", "ID", "--oracle"], "--task"),
    ],
)
def test_what_cannot_be_held_is_one_line(
    answer: str, extra: list[str], told: str, tasks: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first = json.loads(tasks.read_text(encoding="utf-8").splitlines()[0])
    path = tasks.with_name("answer.txt")
    path.write_text(answer.replace("REFERENCE", first["reference"]), encoding="utf-8")
    extra = [first["id"] if word == "ID" else word for word in extra]
    assert run(["optics", "show", str(path), "--task", str(tasks), *extra]) == 2
    error = capsys.readouterr().err
    assert told in error
    assert error.count("\n") == 1
