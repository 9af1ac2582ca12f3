"""`verirl optics show`: what it reads, prints, draws and refuses."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from support.paths import BENCHMARKS

from verirl.cli import run
from verirl_optics.lens_io.lens_file import read_lenses
from verirl_optics.raytrace.system import build_system

BENCHMARK = BENCHMARKS / "optics"
LENS: dict[str, Any] = {
    "name": "biconvex",
    "epd_mm": 10.0,
    "fields_deg": [0, 3],
    "wavelengths_um": [0.4861327, 0.5875618, 0.6562725],
    "primary": 1,
    "surfaces": [
        {"radius": 51.0, "thickness": 4.0, "glass": "N-BK7", "stop": True},
        {"radius": -51.0, "thickness": 48.0},
    ],
}
ZMX = """VERS 140124 258 36214
MODE SEQ
NAME biconvex
UNIT MM X W X CM MR CPMM
ENPD 1.0E+1
FTYP 0 0 2 3 0 0 0
XFLN 0 0 0 0 0 0 0 0 0 0 0 0
YFLN 0 3 0 0 0 0 0 0 0 0 0 0
WAVM 1 0.4861327 1
WAVM 2 0.5875618 1
WAVM 3 0.6562725 1
PWAV 2
SURF 0
  TYPE STANDARD
  CURV 0.0 0 0 0 0 ""
  DISZ INFINITY
SURF 1
  STOP
  TYPE STANDARD
  CURV 1.960784313725490200E-002 0 0 0 0 ""
  DISZ 4
  GLAS N-BK7 0 0 1.5168 64.17 0 0 0 0 0 0
  DIAM 5.2 0 0 0 1 ""
SURF 2
  TYPE STANDARD
  CURV -1.960784313725490200E-002 0 0 0 0 ""
  DISZ 48
SURF 3
  TYPE STANDARD
  CURV 0.0 0 0 0 0 ""
  DISZ 0
"""


@pytest.fixture
def lens(tmp_path: Path) -> Path:
    path = tmp_path / "lens.json"
    path.write_text(json.dumps(LENS), encoding="utf-8")
    return path


def shown(capsys: pytest.CaptureFixture[str], *arguments: object) -> Any:
    assert run(["optics", "show", *map(str, arguments), "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_json_has_the_figures(lens: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = shown(capsys, lens)
    assert found["efl_mm"] == pytest.approx(50.01, abs=0.01)
    assert found["fno"] == pytest.approx(found["efl_mm"] / 10.0)
    assert found["total_track_mm"] == 52.0
    assert [row["field_deg"] for row in found["fields"]] == [0.0, 3.0]
    assert all(row["rms_poly_um"] > 0 and row["vignetted_fraction"] == 0 for row in found["fields"])
    assert found["spaces"][0]["edge_mm"] < found["spaces"][0]["centre_mm"]
    assert [part["cycles_per_mm"] for part in found["fields"][1]["mtf"]] == [10.0, 20.0, 40.0]
    for row in found["fields"]:
        contrast = [part["tangential"] for part in row["mtf"]]
        assert 1.0 > contrast[0] > contrast[1] > contrast[2] > 0.0


def test_every_layout_is_the_same_lens(
    lens: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    zmx = tmp_path / "lens.zmx"
    zmx.write_bytes(ZMX.encode("utf-16"))
    first, second = shown(capsys, lens), shown(capsys, zmx)
    for key in ("efl_mm", "bfl_mm", "entrance_pupil_diameter_mm"):
        assert first[key] == pytest.approx(second[key], rel=1e-12)
    assert first["fields"][1]["rms_poly_um"] == pytest.approx(second["fields"][1]["rms_poly_um"], rel=1e-9)
    lines = tmp_path / "lens.txt"
    lines.write_text("51 4 N-BK7 stop\n-51 48\n", encoding="utf-8")
    third = shown(capsys, lines)
    assert third["efl_mm"] == pytest.approx(first["efl_mm"], rel=1e-12)
    assert "f/8" in third["notes"][0]


def test_zmx_units_aspheres_and_unknown_glass(tmp_path: Path) -> None:
    text = ZMX.replace("UNIT MM", "UNIT CM").replace("N-BK7", "ACME-1", 1)
    text = text.replace(
        "  TYPE STANDARD\n  CURV 1.96", "  TYPE EVENASPH\n  CONI -1\n  PARM 2 1e-5\n  CURV 1.96"
    )
    path = tmp_path / "lens.zmx"
    path.write_text(text, encoding="utf-8")
    [found] = read_lenses(path)
    first = found.surfaces[0]
    assert first.radius == pytest.approx(510.0)
    assert first.conic == -1.0
    assert first.asphere == (0.0, pytest.approx(1e-8))
    assert first.medium is not None
    assert first.medium.index(0.5875618) == pytest.approx(1.5168)


def test_aiming_and_clipping_change_what_they_should(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    clipped = json.loads(json.dumps(LENS))
    clipped["surfaces"][1]["semi_diameter"] = 4.0
    path = tmp_path / "clipped.json"
    path.write_text(json.dumps(clipped), encoding="utf-8")
    found = shown(capsys, path)
    assert found["fields"][0]["vignetted_fraction"] > 0.1
    assert "outside a semi-diameter" in found["fields"][0]["lost"]
    assert shown(capsys, path, "--aim")["efl_mm"] == found["efl_mm"]


def test_a_table_for_people(lens: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["optics", "show", str(lens)]) == 0
    told = capsys.readouterr().out
    assert "efl" in told
    assert "50.0103 mm" in told
    assert "cycles/mm" in told


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="no endless file here")
@pytest.mark.parametrize("more", [[], ["--catalogue", "/dev/zero.agf"], ["--task", "/dev/null"]])
def test_a_file_without_an_end_is_one_line(
    more: list[str], lens: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    endless = tmp_path / "endless.agf"
    endless.symlink_to("/dev/zero")
    file = lens if "--catalogue" in more else endless
    arguments = [str(endless) if word == "/dev/zero.agf" else word for word in more]
    assert run(["optics", "show", str(file), *arguments]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_a_drawing_is_svg_with_glass_and_rays(lens: Path, tmp_path: Path) -> None:
    out = tmp_path / "lens.svg"
    assert run(["optics", "show", str(lens), "--draw", str(out), "--json"]) == 0
    root = ET.fromstring(out.read_text(encoding="utf-8"))  # noqa: S314 - our own file
    paths = [item.attrib for item in root.iter("{http://www.w3.org/2000/svg}path")]
    assert sum(item.get("fill") == "#dcebf7" for item in paths) == 1
    assert sum(item.get("stroke-width") == "0.8" for item in paths) == 10
    assert not any("nan" in item["d"] or "inf" in item["d"] for item in paths)


def test_a_name_cannot_write_into_the_drawing(tmp_path: Path) -> None:
    path, out = tmp_path / "lens.json", tmp_path / "lens.svg"
    path.write_text(json.dumps({**LENS, "name": "<script>x</script>"}), encoding="utf-8")
    assert run(["optics", "show", str(path), "--draw", str(out), "--json"]) == 0
    assert "<script>" not in out.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{", "not valid JSON"),
        ('{"a":' * 100_000, "nested"),
        ('{"surfaces": []}', "surfaces"),
        (json.dumps({**LENS, "fno": 5}), "already given"),
        (json.dumps({**LENS, "colour": 5}), "'colour': unknown"),
        (json.dumps(LENS).replace("51.0", "NaN", 1), "NaN"),
        (json.dumps(LENS).replace("51.0", '"x"', 1), "surfaces[0].radius"),
        (json.dumps(LENS).replace("N-BK7", "N-BK8"), "N-BK8"),
        (json.dumps(LENS).replace("true", "false"), "stop"),
        (json.dumps(LENS).replace('"N-BK7"', '{"nd": 1.5, "vd": 0}'), "vd above 0"),
        (json.dumps(LENS).replace('"N-BK7"', '{"nd": 0.5, "vd": 60}'), "nd must be above 1"),
        (json.dumps(LENS).replace('"stop": true', '"stop": true, "semi_diameter": -2'), "semi_diameter"),
        (json.dumps(LENS).replace('"stop": true', f'"stop": true, "asphere": {[0] * 21}'), "at most 20"),
        (json.dumps({**LENS, "epd_mm": 0}), "aperture (epd)"),
        (json.dumps({**LENS, "epd_mm": 0}), "aperture"),
        (json.dumps({**LENS, "fields_deg": [95]}), "fields_deg"),
        (json.dumps({**LENS, "wavelengths_um": [9.0], "primary": 0}), "no index at 9"),
        (json.dumps({**LENS, "primary": 7}), "primary"),
        (json.dumps({"epd": 1, "fields_deg": [0]}), "missing"),
        ("hello", "radius"),
        ("", "no surfaces"),
        (ZMX.replace("FTYP 0", "FTYP 1"), "angles"),
        (ZMX.replace("N-BK7", "MIRROR"), "mirrors"),
        (ZMX.replace("STANDARD", "COORDBRK"), "COORDBRK"),
        (ZMX.replace("DISZ INFINITY", "DISZ 100"), "infinity"),
        (ZMX.replace("DISZ 4\n", "DISZ x\n"), "line 21"),
    ],
)
def test_bad_input_is_one_line(
    text: str, told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "lens.dat"
    path.write_text(text, encoding="utf-8")
    assert run(["optics", "show", str(path)]) == 2
    error = capsys.readouterr().err
    assert told in error
    assert error.count("\n") == 1
    assert error.count(str(path)) == 1


@pytest.mark.parametrize(
    ("arguments", "told"),
    [(["show", "--id", "x"], "--task"), (["polish"], "without a focus; give epd_mm")],
)
def test_what_a_call_cannot_mean_is_one_line(
    arguments: list[str], told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    flat = [
        {"radius": None, "thickness": 4, "glass": "N-BK7", "stop": True},
        {"radius": None, "thickness": 9},
    ]
    path = tmp_path / "plate.json"
    path.write_text(json.dumps({"fno": 5, "surfaces": flat}), encoding="utf-8")
    assert run(["optics", *arguments, str(path)]) == 2
    error = capsys.readouterr().err
    assert told in error
    assert error.count("\n") == 1


ROW: dict[str, Any] = {
    "id": "biconvex",
    "epd": 10.0,
    "fields_deg": [0, 3],
    "wavelengths_um": [0.4861327, 0.6562725],
    "primary": 0,
    "surfaces": [
        {"radius": 51.0, "thickness": 4.0, "n": [1.522, 1.514], "material": {"kind": "index"}, "stop": True},
        {"radius": -51.0, "thickness": 48.0, "n": [1.0, 1.0], "material": None},
    ],
}


@pytest.mark.parametrize(
    ("old", "new", "field"),
    [
        ('"epd": 10.0, ', "", "'epd': missing"),
        ('"epd": 10.0', '"epd": true', "'epd': must"),
        ('"epd": 10.0', '"epd": 1' + "0" * 400, "'epd': must"),
        ('"fields_deg": [0, 3]', '"fields_deg": null', "'fields_deg': must"),
        ('"primary": 0', '"primary": 0.5', "'primary': must"),
        ('"radius": 51.0', '"radius": "x"', "'surfaces[0].radius': must"),
        ('"thickness": 48.0', '"thickness": null', "'surfaces[1].thickness': must"),
        ('"n": [1.522, 1.514], ', "", "'surfaces[0].n': missing"),
        ("[1.522, 1.514]", "[1.522]", "'surfaces[0].n': must be an index above 0 for each"),
        ("[1.522, 1.514]", "[0, 0]", "'surfaces[0].n': must be an index above 0 for each"),
        ('{"kind": "index"}', '"N-BK7"', "'surfaces[0].material': must"),
        ('"stop": true', '"stop": true, "asphere": "x"', "'surfaces[0].asphere': must"),
        ('"stop": true', '"stop": false', "'surfaces': exactly one"),
    ],
)
def test_a_broken_row_is_named_by_its_field(
    old: str, new: str, field: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = json.dumps(ROW)
    assert old in text
    path = tmp_path / "rows.jsonl"
    path.write_text(f"{text}\n{text.replace(old, new)}\n", encoding="utf-8")
    assert run(["optics", "show", str(path)]) == 2
    error = capsys.readouterr().err
    assert f"{path}:2: field {field}" in error
    assert error.count("\n") == 1


def test_a_radius_of_zero_is_a_plane(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    for whole in (ROW, LENS):
        path.write_text(json.dumps(whole).replace("-51.0", "0"), encoding="utf-8")
        assert math.isinf(read_lenses(path)[0].surfaces[1].radius)


def test_a_degenerate_lens_has_nulls_not_nonsense(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    flat = {**LENS, "surfaces": [{"radius": None, "thickness": 1.0, "stop": True}]}
    path = tmp_path / "flat.json"
    path.write_text(json.dumps(flat), encoding="utf-8")
    found = shown(capsys, path)
    assert found["efl_mm"] is None
    out = tmp_path / "flat.svg"
    assert run(["optics", "show", str(path), "--oracle", "--draw", str(out)]) == 0
    assert math.isfinite(float(build_system(read_lenses(path)).thickness_BS.sum()))


@pytest.mark.needs_benchmarks("optics")
def test_the_oracles_keys(capsys: pytest.CaptureFixture[str]) -> None:
    found = shown(capsys, BENCHMARK / "classical_lenses.jsonl", "--oracle")
    known = [
        json.loads(line) for line in (BENCHMARK / "classical_lenses_oracle.jsonl").read_text().splitlines()
    ]
    assert [item["id"] for item in found] == [item["id"] for item in known]
    assert all(set(mine) <= set(theirs) for mine, theirs in zip(found, known, strict=True))
