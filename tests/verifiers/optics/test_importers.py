"""Imported lenses as tasks: prescriptions, Zemax files, question and answer; glass catalogs."""

from __future__ import annotations

import contextlib
import json
import math
import tempfile
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.paths import BENCHMARKS

from verirl.cli import main
from verirl.errors import InputError
from verirl.types import Source, Status, Task
from verirl_optics import domain
from verirl_optics.analysis.summary import summary
from verirl_optics.lens_io.glass_catalog import read_glass_catalog
from verirl_optics.lens_io.optidesignqa import read_pair
from verirl_optics.lens_io.zemax import decode_text, read_zmx
from verirl_optics.raytrace import glass
from verirl_optics.raytrace.prescription import Prescription
from verirl_optics.stages import run_stages
from verirl_optics.tasks.importers import IMPORTERS
from verirl_optics.tasks.task_from_lens import LensError, tasks_from_lens

BENCHMARK = BENCHMARKS / "optics"
TRIPLET = {
    "name": "triplet",
    "surfaces": [
        {"radius": 22.01359, "thickness": 3.25896, "glass": "N-SK16"},
        {"radius": -435.76044, "thickness": 6.00755},
        {"radius": -22.21328, "thickness": 0.99997, "glass": "F2"},
        {"radius": 20.29192, "thickness": 4.75041, "stop": True},
        {"radius": 79.6836, "thickness": 2.95208, "glass": "N-SK16"},
        {"radius": -18.39533, "thickness": 42.20778},
    ],
    "epd_mm": 10.0,
    "fields_deg": [0, 14, 20],
}
ZMX = """VERS 190513 80 123457 L123457
MODE SEQ
NAME A triplet
UNIT MM X W X CM MR CPMM
ENPD 1.0E+1
GFAC 0 0
GCAT SCHOTT OHARA
FTYP 0 0 3 3 0 0 0
XFLN 0 0 0 0 0 0 0 0 0 0 0 0
YFLN 0 14 20 0 0 0 0 0 0 0 0 0
VDXN 0 0 0 0 0 0 0 0 0 0 0 0
VCYN 0 0 0.2 0 0 0 0 0 0 0 0 0
WAVM 1 0.48613270000000002 1
WAVM 2 0.58756180000000002 1
WAVM 3 0.65627250000000004 1
WAVM 4 0.55 1
WAVM 5 0.55 1
PWAV 2
SURF 0
  TYPE STANDARD
  CURV 0.0 0 0.0 0.0 0
  DISZ INFINITY
SURF 1
  TYPE STANDARD
  CURV 4.5426484275395699E-2 0 0 0 0 ""
  MIRR 2 0
  DISZ 3.25896
  GLAS N-SK16 0 0 1.5 40 0 0 0 0 0 0
  DIAM 9.5 0 0 0 1 ""
SURF 2
  TYPE STANDARD
  CURV -2.2948388706E-3
  DISZ 6.00755
SURF 3
  TYPE STANDARD
  CURV -4.5018115649E-2
  DISZ 0.99997
  GLAS ___BLANK 1 0 1.62004 36.37 0 0 0 0 0 0
SURF 4
  COMM the stop
  STOP
  TYPE STANDARD
  CURV 4.9280698594E-2
  DISZ 4.75041
SURF 5
  TYPE EVENASPH
  CURV 1.2549633802E-2
  CONI 0.0
  PARM 1 0
  PARM 2 0
  DISZ 2.95208
  GLAS N-SK16 0 0 1.5 40 0 0
SURF 6
  TYPE STANDARD
  CURV -5.4361652740E-2
  DISZ 42.20778
SURF 7
  TYPE STANDARD
  CURV 0.0
  DISZ 0
TOL TOFF 0 0 0
MNUM 1 1
"""


def first(**parts: Any) -> dict[str, Any]:
    """What changes where the triplet's first surface does."""
    return {"surfaces": [{**TRIPLET["surfaces"][0], **parts}, *TRIPLET["surfaces"][1:]]}


def imported(kind: str, path: Path) -> list[Task]:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return list(IMPORTERS[kind](path))


def failed_stage(task: Task, completion: str) -> str:
    found = [item.stage for item in run_stages(task, completion)]
    return next((stage.name for stage in found if stage.status is Status.FAILED), "")


def sound(tasks: list[Task]) -> None:
    """Each reference climbs the whole ladder, each mutant falls, and the question states the limits."""
    for task in tasks:
        domain.check_spec(task.spec)
        assert task.reference is not None
        assert failed_stage(task, task.reference) == ""
        for mutant in domain.mutants(task):
            assert failed_stage(task, mutant.completion) != "", mutant.kind
        assert f"{task.spec['efl_mm']:g}" in task.prompt[-1].content
        assert f"{task.spec['max_rms_um']:g}" in task.prompt[-1].content


def write(path: Path, *rows: dict[str, Any]) -> Path:
    path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    return path


def test_a_lens_becomes_a_task_to_design_and_one_to_complete(tmp_path: Path) -> None:
    made = imported("lenses", write(tmp_path / "lenses.jsonl", TRIPLET))
    assert [task.id for task in made] == ["optics/triplet/synthesis", "optics/triplet/completion"]
    assert [task.spec["task"] for task in made] == ["synthesis", "completion"]
    assert all(task.split == "eval" for task in made)
    sound(made)
    masked = [value for row in made[1].spec["given"]["surfaces"] for value in row.values()].count("?")
    assert masked == round(0.3 * 12)
    assert made == imported("lenses", tmp_path / "lenses.jsonl")
    assert made[0].spec["efl_mm"] == pytest.approx(50.0, rel=1e-2)
    assert made[0].spec["half_fields_deg"] == [0, 14, 20]


def test_what_separates_nothing_and_glasses_without_a_name_are_translated(tmp_path: Path) -> None:
    surfaces = [dict(row) for row in TRIPLET["surfaces"]]
    surfaces[2]["glass"] = {"nd": 1.6202, "vd": 36.3}
    surfaces[1]["thickness"] = 2.0
    surfaces.insert(2, {"radius": None, "thickness": 4.00755})
    surfaces.insert(0, {"radius": 30.0, "thickness": 5.0})
    [design, _] = imported("lenses", write(tmp_path / "a.jsonl", {**TRIPLET, "surfaces": surfaces}))
    sound([design])
    assert design.spec["elements"] == {"min": 3, "max": 3}
    lines = (design.reference or "").splitlines()
    assert len(lines) == 6
    assert glass.find_glass(lines[2].split()[2]).nd == pytest.approx(1.6202, abs=2e-3)


def test_aspheres_are_asked_for_given_and_masked_like_the_rest(tmp_path: Path) -> None:
    terms = {"conic": -0.6, "asphere": [0.0, -1.2e-6, -1e-9, 0.0]}
    lens = {
        "surfaces": [
            {"radius": 29.8, "thickness": 4.6, "glass": "F2", "stop": True, **terms},
            {"radius": -199.0, "thickness": 39.5},
        ],
        "epd_mm": 13.0,
        "fields_deg": [0, 1.5],
        "wavelengths_um": [0.5875618],
    }
    design, completion = imported("lenses", write(tmp_path / "a.jsonl", lens))
    sound([design, completion])
    assert design.spec["aspheres"] == 1 == completion.spec["aspheres"]
    written = "conic=-0.6 asphere=0,-1.2e-06,-1e-09"
    assert written in (design.reference or "").splitlines()[0]
    assert written in completion.prompt[0].content
    surfaces = completion.spec["given"]["surfaces"]
    assert (surfaces[0]["conic"], surfaces[0]["asphere"]) == (-0.6, [0.0, -1.2e-6, -1e-9])
    assert not {"conic", "asphere"} & set(surfaces[1])
    changed = (completion.reference or "").replace(written, "conic=-0.6")
    assert failed_stage(completion, changed) == "format"


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (first(conic=-2e3), "conic"),
        (first(radius=-22.0), ""),
        (first(glass={"nd": 1.62, "vd": 12.0}), "no catalogue glass"),
        ({"epd_mm": 60.0}, ""),
    ],
)  # fmt: skip
def test_a_lens_that_cannot_be_asked_for_is_left_out_with_its_reason(
    change: dict[str, Any], why: str, tmp_path: Path
) -> None:
    path = write(tmp_path / "lenses.jsonl", {**TRIPLET, **change}, {**TRIPLET, "name": "other"})
    with pytest.warns(UserWarning, match=f"'triplet' left out: .*{why}"):
        made = list(IMPORTERS["lenses"](path))
    assert {task.id for task in made} == {"optics/other/synthesis", "optics/other/completion"}


def test_a_broken_row_is_named_by_file_line_and_field(tmp_path: Path) -> None:
    path = write(tmp_path / "lenses.jsonl", TRIPLET, {**TRIPLET, "surfaces": "none"})
    with pytest.raises(InputError, match=r"lenses\.jsonl:2.*surfaces"):
        imported("lenses", path)


@pytest.mark.needs_benchmarks("optics")
def test_most_classical_lenses_are_tasks(tmp_path: Path) -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        made = list(IMPORTERS["lenses"](BENCHMARK / "classical_lenses.jsonl"))
    assert len(made) // 2 + len(caught) == 42
    assert len(made) // 2 >= 25
    for task in made:
        assert failed_stage(task, task.reference or "") == ""


# --- Zemax -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "data",
    [
        ZMX.encode(),
        ZMX.encode("utf-16"),
        ZMX.encode("utf-16-le"),
        ZMX.encode("utf-16-be"),
        b"\xef\xbb\xbf" + ZMX.encode(),
        ZMX.replace("A triplet", "Drei Linsen, größer").encode("latin-1"),
        ZMX.replace("\n", "\r\n").encode(),
        ZMX.replace("\n  ", "\n").encode(),
    ],
    ids=["utf-8", "utf-16", "utf-16-le", "utf-16-be", "utf-8-sig", "latin-1", "crlf", "not indented"],
)
def test_a_zemax_file_is_the_lens_that_it_says(data: bytes) -> None:
    lens = read_zmx(decode_text(data))
    assert [s.radius for s in lens.surfaces] == pytest.approx(
        [row["radius"] for row in TRIPLET["surfaces"]], rel=1e-6
    )
    assert lens.stop == 3
    assert lens.fields == (0.0, 14.0, 20.0)
    assert len(lens.wavelengths) == 3
    assert lens.primary == 1
    assert any("vignetting" in note for note in lens.notes)


def changed(old: str, new: str) -> Prescription:
    assert old in ZMX
    return read_zmx(ZMX.replace(old, new))


def test_units_fields_and_apertures_of_zemax() -> None:
    inches = changed("UNIT MM", "UNIT IN")
    assert inches.surfaces[0].thickness == pytest.approx(3.25896 * 25.4)
    assert inches.surfaces[0].radius == pytest.approx(22.01359 * 25.4, rel=1e-6)
    assert inches.aperture.value == pytest.approx(254.0)
    heights = changed("FTYP 0", "FTYP 2")
    efl = 50.0
    assert heights.fields[1] == pytest.approx(math.degrees(math.atan(14.0 / efl)), rel=0.02)
    real = read_zmx(ZMX.replace("FTYP 0", "FTYP 3").replace("YFLN 0 14 20", "YFLN 0 8 16"))
    for angle, height in zip(real.fields, (0.0, 8.0, 16.0), strict=True):
        [row] = summary(replace(real, fields=(angle,)))["fields"]
        assert row["chief_y_mm"] == pytest.approx(height, abs=1e-6)
    with pytest.raises(InputError, match="height of 200"):
        read_zmx(ZMX.replace("FTYP 0", "FTYP 3").replace("YFLN 0 14 20", "YFLN 0 8 200"))
    floating = changed('DIAM 9.5 0 0 0 1 ""', 'DIAM 9.5 0 0 0 1 ""\n  FLAP 0 9.5 0')
    assert floating.surfaces[0].semi_diameter is None
    assert changed("FTYP 0 0 3 3", "FTYP 0 0 999999999999 999999999999").fields[:3] == (0.0, 14.0, 20.0)
    aside = changed("XFLN 0 0 0", "XFLN 0 3 0")
    both = math.hypot(math.tan(math.radians(3.0)), math.tan(math.radians(14.0)))
    assert aside.fields[1] == pytest.approx(math.degrees(math.atan(both)))
    stopped = read_zmx(ZMX.replace("ENPD 1.0E+1", "FLOA").replace("  STOP\n", "  STOP\n  DIAM 3.5 1 0 0 1\n"))
    assert (stopped.aperture.kind, stopped.aperture.value) == ("stop", 3.5)
    # What rays happened to need is the stop's size too, where the aperture floats by it.
    drawn = read_zmx(ZMX.replace("ENPD 1.0E+1", "FLOA").replace("  STOP\n", "  STOP\n  DIAM 3.5 0 0 0 1\n"))
    assert (drawn.aperture, drawn.surfaces[3].semi_diameter) == (stopped.aperture, None)
    assert changed("DISZ INFINITY", "DISZ 1.0E+10").aperture.value == 10.0
    kept = [line for line in ZMX.splitlines() if not line.startswith("WAVM")]
    old = read_zmx("\n".join(["WAVN 0.4861327 0.5875618 0.6562725 0 0", *kept]))
    assert old.wavelengths == (0.4861327, 0.5875618, 0.6562725)
    older = read_zmx("\n".join(["WAVL 0.4861327 0.5875618 0.6562725", "WWGT 1 1 0", *kept]))
    assert older.wavelengths == (0.4861327, 0.5875618)
    assert changed("YFLN 0 14 20", "YFLD 0 14 20").fields == (0.0, 14.0, 20.0)
    assert changed("DISZ 3.25896", "DISZ 3.25896\n  CLAP 0 9.5 0").surfaces[0].semi_diameter == 9.5


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("WAVM 1 0.48613270000000002 1", "WAVM 1 0.4861327 0.5", "weights of wavelengths"),
        ("PWAV 2", "PWAV 9", "primary wavelength, number 9"),
        ("VDXN 0", "FWGN 1 2 1 1\nVDXN 0", "weights of fields"),
    ],
)
def test_what_is_left_out_of_a_zemax_file_is_said(old: str, new: str, told: str) -> None:
    assert not any(told in note for note in read_zmx(ZMX).notes)
    assert any(told in note for note in changed(old, new).notes)


def test_glasses_of_zemax() -> None:
    made = changed("GLAS ___BLANK 1 0 1.62004 36.37", "GLAS ___BLANK 1 0 1.5 0.0").surfaces[2].medium
    assert made is not None
    assert made.index(0.4861327) == made.index(0.6562725) == 1.5
    code = changed("GLAS ___BLANK 1 0 1.62004 36.37 0 0 0 0 0 0", "GLAS 620364 0 0")
    assert code.surfaces[2].medium is not None
    assert code.surfaces[2].medium.index(0.5875618) == pytest.approx(1.62)
    told = changed("GLAS ___BLANK 1 0", "GLAS MYGLASS 0 0")
    assert any("MYGLASS" in note for note in told.notes)
    own = {"MYGLASS": glass.constant_index(1.7)}
    text = ZMX.replace("GLAS ___BLANK 1 0", "GLAS MYGLASS 0 0")
    assert read_zmx(text, own | dict(glass.glass_table())).surfaces[2].medium == own["MYGLASS"]


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("MODE SEQ", "MODE NSC", "sequential"),
        ("GLAS ___BLANK 1 0 1.62004 36.37", "GLAS MIRROR 0 0 1.5 40", "mirrors"),
        ("GLAS ___BLANK 1 0 1.62004 36.37 0 0 0 0 0 0", "GLAS MYGLASS 0 0", "MYGLASS"),
        ("GLAS ___BLANK 1 0 1.62004", "GLAS ___BLANK 2 1 0.0", "index"),
        ("DISZ INFINITY", "DISZ 250", "250 away"),
        ("FTYP 0", "FTYP 1", "angles"),
        ("GLAS ___BLANK 1 0 1.62004 36.37", "GLAS MYGLASS 0 0 1.5 4.0E+1", "MYGLASS"),
        ("UNIT MM", "UNIT FURLONG", "unit"),
        ("ENPD 1.0E+1", "OBNA 0.1 0", "object"),
        ("ENPD 1.0E+1", "FLOA", "stop"),
        ("ENPD 1.0E+1\n", "", "aperture"),
        ("  STOP\n", "", "stop"),
        ("TYPE EVENASPH", "TYPE COORDBRK", "COORDBRK"),
        ("DISZ 6.00755", "DISZ 6.00755\n  SQAP 3 3", "circular"),
        ("DISZ 6.00755", "DISZ 6.00755\n  CLAP 2 3 0", "ring"),
        ("DISZ 6.00755", "DISZ 6.00755\n  CLAP 0 3 0\n  OBDC 0.5 0", "about the axis"),
        ("DISZ 6.00755", "DISZ 6.00755\n  IGNR 1", "ignored"),
        ("DISZ 6.00755", "DISZ INFINITY", "infinite"),
        ("YFLN 0 14 20", "YFLN 0 14 95", "90"),
        ("CURV -2.2948388706E-3", "CURV", "short"),
        ("CURV -2.2948388706E-3", "CURV x", "line"),
        ("CURV -2.2948388706E-3", "CURV nan", "no number"),
        ("CURV -2.2948388706E-3", "CURV 1e999", "no number"),
    ],
)
def test_what_is_not_understood_of_zemax_is_refused_in_a_line(old: str, new: str, told: str) -> None:
    with pytest.raises(InputError, match=told) as error:
        changed(old, new)
    assert "\n" not in str(error.value)


def test_zemax_files_become_tasks_and_a_folder_loses_only_what_is_broken(tmp_path: Path) -> None:
    (tmp_path / "good.zmx").write_bytes(ZMX.encode("utf-16"))
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "bad.ZMX").write_text(ZMX.replace("MODE SEQ", "MODE NSC"), encoding="utf-8")
    with pytest.warns(UserWarning, match=r"bad\.ZMX.*sequential"):
        made = list(IMPORTERS["zmx"](tmp_path))
    assert [task.id for task in made] == ["optics/good/synthesis", "optics/good/completion"]
    sound(made)
    with pytest.raises(InputError, match="sequential"):
        imported("zmx", tmp_path / "deep" / "bad.ZMX")
    (tmp_path / "none").mkdir()
    with pytest.raises(InputError, match=r"no \.zmx"):
        imported("zmx", tmp_path / "none")


# --- questions and answers -------------------------------------------------------------------------------

LINES = """22.01359 3.25896 N-SK16
-435.76044 6.00755
-22.21328 0.99997 F2
20.29192 4.75041 stop
79.6836 2.95208 N-SK16
-18.39533 42.20778"""
TABLE = """| Surface | Radius (mm) | Thickness (mm) | Material |
| --- | --- | --- | --- |
| OBJ | Infinity | Infinity | |
| 1 | 22.01359 | 3.25896 | N-SK16 |
| 2 | -435.76044 | 6.00755 | air |
| 3 | -22.21328 | 0.99997 | F2 |
| STO | 20.29192 | 4.75041 | |
| 5 | 79.6836 | 2.95208 | N-SK16 |
| 6 | -18.39533 | 42.20778 | |
| IMA | Infinity | 0 | |"""
OBJECTS = {"lens": [{"R": r, "T": t, "material": g} for r, t, g in
           [(22.01359, 3.25896, "N-SK16"), ("-435.76044", 6.00755, "Air"), (-22.21328, 0.99997, "F2")]]
           + [{"R": 20.29192, "T": 4.75041, "stop": "true"}, {"R": 79.6836, "T": 2.95208, "glass": "N-SK16"},
              {"R": -18.39533, "T": 42.20778, "glass": None}]}  # fmt: skip
QUESTION = (
    "Design a triplet with an effective focal length of 50 mm, F/5, and a half field of view of 20 degrees."
)


@pytest.mark.parametrize(
    "answer",
    [LINES, f"Here is a design:\n```\n{LINES}\n```", TABLE, OBJECTS, json.dumps(OBJECTS), OBJECTS["lens"]],
    ids=["lines", "fenced", "table", "objects", "text of objects", "list"],
)
def test_answers_are_read_in_the_ways_they_are_written(answer: Any, tmp_path: Path) -> None:
    made = imported(
        "optidesignqa", write(tmp_path / "qa.jsonl", {"id": 7, "question": QUESTION, "answer": answer})
    )
    assert [task.id for task in made] == ["optics/7/synthesis", "optics/7/completion"]
    sound(made)
    spec = made[0].spec
    assert (spec["efl_mm"], spec["fno"], spec["half_fields_deg"]) == (50.0, 5.0, [0.0, 14.0, 20.0])
    assert made[0].prompt[0].content.startswith(QUESTION)


@pytest.mark.parametrize(
    ("words", "fno", "half"),
    [
        ("EFL: 50 mm, F-number: 5, HFOV: 20°", 5.0, 20.0),
        (
            "focal length 50 mm, an entrance pupil diameter of 10 mm, a full field of view of 40 degrees",
            5.0,
            20.0,
        ),
        ("focal length 50mm, f/5.0, FOV = 40 deg", 5.0, 20.0),
        ("The EFL is 50 mm and the F# is 5.", 5.0, 0.0),
        ("EFL 50 mm, f/5, sharp over ±20°.", 5.0, 20.0),
        ("EFL 50 mm, f/5, sharp over +/- 20 deg.", 5.0, 20.0),
    ],
)
def test_requirements_are_read_from_words(words: str, fno: float, half: float) -> None:
    _, lens, asked = read_pair({"prompt": words, "output": LINES})
    assert asked.efl == 50.0
    assert asked.efl / lens.aperture.value == pytest.approx(fno)
    assert max(lens.fields) == half


@pytest.mark.parametrize(
    "answer",
    [
        LINES.replace("N-SK16", "N-SK16 conic=-0.5 asphere=0,1e-6", 1),
        [
            {**row, **({} if s else {"conic": -0.5, "asphere": [0, 1e-6]})}
            for s, row in enumerate(OBJECTS["lens"])
        ],
        [
            {**row, **({} if s else {"K": "-0.5", "A4": "1e-6"}), **({"K": "-"} if s else {})}
            for s, row in enumerate(OBJECTS["lens"])
        ],
    ],
    ids=["lines", "objects", "columns"],
)
def test_aspheres_of_an_answer_are_not_lost(answer: Any) -> None:
    _, lens, _ = read_pair({"question": QUESTION, "answer": answer, "fno": "5"})
    assert [(s.conic, s.asphere) for s in lens.surfaces] == [(-0.5, (0.0, 1e-6)), *[(0.0, ())] * 5]


def test_wavelengths_are_read_in_nanometres_and_micrometres() -> None:
    for words in ("486, 588 and 656 nm", "0.486, 0.588, 0.656 µm", "486 nm, 588 nm, 656 nm"):
        _, lens, _ = read_pair({"question": f"{QUESTION} Wavelengths {words}.", "answer": LINES})
        assert lens.wavelengths == pytest.approx((0.486, 0.588, 0.656))


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"question": None}, "question"),
        ({"answer": None}, "answer"),
        ({"question": "Design a triplet of EFL 50 mm."}, "f-number"),
        ({"answer": "A triplet."}, "no list of surfaces"),
        ({"answer": LINES.replace(" stop", "")}, "stop"),
        ({"answer": LINES.replace("F2", "F2000")}, "F2000"),
        ({"answer": [{"radius": "x", "thickness": 1}]}, "radius is no number"),
        ({"answer": [{"radius": 3}]}, "no thickness"),
        ({"hfov": 120}, "120"),
        ({"given": LINES}, "nothing is masked"),
        ({"given": "? 1 stop"}, "1 surfaces"),
    ],
)
def test_what_a_pair_lacks_is_one_line(
    change: dict[str, Any], told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write(tmp_path / "qa.jsonl", {"question": QUESTION, "answer": LINES, **change})
    with pytest.raises(SystemExit) as left:
        main(["import", "optidesignqa", str(path), "-o", str(tmp_path / "out.jsonl")])
    assert left.value.code == 2
    error = capsys.readouterr().err
    assert told in error
    assert "qa.jsonl:1" in error
    assert error.count("\n") == 1


MASKED = LINES.replace("-435.76044", "?").replace("0.99997 F2", "[MASK] F2").replace("79.6836", "?")


@pytest.mark.parametrize(
    "row",
    [
        {"question": f"{QUESTION} Fill in the missing values:\n{MASKED}"},
        {"question": QUESTION, "given": MASKED},
        {"question": QUESTION, "given": {"surfaces": [{"radius": r, "thickness": t} for r, t in
         ((22.0, 3.2), ("?", 6.0), (-22.2, "?"), (20.3, 4.75), ("?", 2.9), (-18.4, 42.2))]}},
    ],
    ids=["in the question", "lines", "objects"],
)  # fmt: skip
def test_what_a_question_masks_is_what_its_completion_asks_for(row: dict[str, Any], tmp_path: Path) -> None:
    [made] = imported("optidesignqa", write(tmp_path / "qa.jsonl", {"id": "m", "answer": LINES, **row}))
    sound([made])
    given = made.spec["given"]["surfaces"]
    masked = {(s, key) for s, surface in enumerate(given) for key, value in surface.items() if value == "?"}
    assert masked == {(1, "radius"), (2, "thickness"), (4, "radius")}


def test_an_answer_that_is_not_what_was_asked_is_left_out(tmp_path: Path) -> None:
    path = write(tmp_path / "qa.jsonl", {"question": QUESTION.replace("50 mm", "80 mm"), "answer": LINES})
    with pytest.warns(UserWarning, match="left out: .*EFL"):
        assert list(IMPORTERS["optidesignqa"](path)) == []


# --- catalogues ------------------------------------------------------------------------------------------

BK7 = "1.03961212E+0 6.00069867E-3 2.31792344E-1 2.00179144E-2 1.01046945E+0 1.03560653E+2"
AGF = f"""CC a catalogue of ours
NM MY-BK7 2 517642.251 1.5168 64.17 0 1
GC a comment
ED 7.1 8.3 2.51 -0.0009 0
CD {BK7} 0 0 0 0
TD 1.86E-06 1.31E-08 -1.37E-11 4.34E-07 6.27E-10 0.17 20
LD 0.3 2.5
IT 0.31 0.3 25
NM SCHOTT-POWERS 1 0 1.5168 64.1
CD 2.2718929 -1.0108077E-2 1.0592509E-2 2.0816965E-4 -7.6472538E-6 4.9240991E-7
LD 0.36 1.0
NM STRANGE 3 0 1.4 90
CD 1 2 3 4 5 6
LD 0.3 2
"""


def test_a_zemax_catalogue_gives_indices_as_its_formulas_say(tmp_path: Path) -> None:
    path = tmp_path / "ours.agf"
    path.write_bytes(AGF.encode("utf-16"))
    with pytest.warns(UserWarning, match=r"1 glasses left out.*STRANGE"):
        found = read_glass_catalog(path)
    for wavelength in (0.4, 0.5875618, 0.9):
        assert found["MY-BK7"].index(wavelength) == pytest.approx(
            glass.find_glass("N-BK7").index(wavelength), abs=1e-8
        )
        assert found["SCHOTT-POWERS"].index(wavelength) == pytest.approx(
            glass.find_glass("N-BK7").index(wavelength), abs=2e-5
        )
    assert found["N-SK16"] == glass.find_glass("N-SK16")
    with pytest.raises(glass.GlassError, match="2\\.5"):
        found["MY-BK7"].index(3.0)


@pytest.mark.parametrize(("formula", "coefficients", "index"), [
    (4, [2.0, 0.5, 0.1, 0.02, 9.0], lambda w: 1 + 2.0 + 0.5 * w**2 / (w**2 - 0.01) + 0.02 / (w**2 - 81.0)),
    (5, [1.5, 0.01, 0.002], lambda w: (1.5 + 0.01 / w + 0.002 / w**3.5) ** 2),
    (6, [0.5, 0.01, 0.2, 0.02, 0.3, 90.0, 0.1, 0.03],
     lambda w: 1 + sum(k * w**2 / (w**2 - at) for k, at in
                       ((0.5, 0.01), (0.2, 0.02), (0.3, 90.0), (0.1, 0.03)))),
    (9, [2.1, 0.3, 0.02, 0.1, 80.0], lambda w: 2.1 + 0.3 * w**2 / (w**2 - 0.02) + 0.1 * w**2 / (w**2 - 80.0)),
    (12, [2.2, -0.01, 0.01, 1e-4, 1e-6, 1e-7, 1e-5, 1e-6],
     lambda w: 2.2 - 0.01 * w**2 + 0.01 / w**2 + 1e-4 / w**4 + 1e-6 / w**6 + 1e-7 / w**8
               + 1e-5 * w**4 + 1e-6 * w**6),
    (13, [2.2, -0.01, 1e-5, 0.01, 1e-4, 1e-6, 1e-7, 1e-8, 1e-9],
     lambda w: 2.2 - 0.01 * w**2 + 1e-5 * w**4 + sum(c / w**p for c, p in
               ((0.01, 2), (1e-4, 4), (1e-6, 6), (1e-7, 8), (1e-8, 10), (1e-9, 12)))),
])  # fmt: skip
def test_every_formula_of_a_catalogue(
    formula: int, coefficients: list[float], index: Any, tmp_path: Path
) -> None:
    path = tmp_path / "one.agf"
    path.write_text(f"NM G {formula} 0 1.5 60\nCD {' '.join(map(repr, coefficients))}\n", encoding="utf-8")
    medium = read_glass_catalog(path)["G"]
    for wavelength in (0.45, 0.6, 0.8):
        assert medium.index(wavelength) == pytest.approx(math.sqrt(index(wavelength)), rel=1e-12)


def test_a_catalogue_of_json_lines_comes_before_the_table(tmp_path: Path) -> None:
    path = write(tmp_path / "own.jsonl", {"name": "N-BK7", "formula": "cauchy", "coefficients": [1.9]})
    assert read_glass_catalog(path)["N-BK7"].index(0.5) == 1.9


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("a.agf", "hello", "no glass"),
        ("a.agf", "NM X two 0\n", ":1"),
        ("a.agf", "NM X 2 0\nCD one\n", ":2"),
        ("a.jsonl", '{"name": "X"}', ":1"),
        ("none.agf", None, "none.agf"),
    ],
)
def test_a_catalogue_that_is_none_is_one_line(name: str, text: str | None, told: str, tmp_path: Path) -> None:
    path = tmp_path / name
    if text is not None:
        path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=told):
        read_glass_catalog(path)


def test_decoding_never_raises() -> None:
    assert decode_text(b"") == ""
    assert decode_text(b"\xff") == "ÿ"


# --- whatever a file holds -------------------------------------------------------------------------------

WORDS = st.sampled_from(
    ["", "SURF", "TYPE", "STANDARD", "EVENASPH", "CURV", "DISZ", "INFINITY", "GLAS", "N-BK7", "___BLANK",
     "MIRROR", "STOP", "ENPD", "FNUM", "FLOA", "FTYP", "YFLN", "XFLN", "WAVM", "PWAV", "PARM", "CONI", "DIAM",
     "CLAP", "UNIT", "MM", "MODE", "SEQ", "MNUM", "0", "1", "2", "3", "-1", "0.55", "1e300", "-1e-300",
     "1e999", "nan", "x", "999999999999", "١", "é"]
)  # fmt: skip
zemax_texts = st.lists(st.lists(WORDS, min_size=1, max_size=6).map(" ".join), max_size=30).map("\n".join)


def edited(text: str, edits: list[tuple[int, str]]) -> str:
    lines = text.splitlines()
    for place, line in edits:
        lines[place % len(lines)] = line
    return "\n".join(lines)


@settings(max_examples=150, deadline=None)
@given(zemax_texts)
def test_any_zemax_text_is_a_lens_or_one_line(text: str) -> None:
    with contextlib.suppress(InputError):
        read_zmx(text)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 200), zemax_texts.map(lambda t: t.partition("\n")[0])), max_size=4))
def test_a_damaged_zemax_file_becomes_tasks_that_hold_or_a_line(edits: list[tuple[int, str]]) -> None:
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        path = Path(folder) / "lens.zmx"
        path.write_text(edited(ZMX, edits), encoding="utf-8")
        with contextlib.suppress(InputError):
            for task in IMPORTERS["zmx"](path):
                assert failed_stage(task, task.reference or "") == ""


KEYS = st.sampled_from(["surfaces", "radius", "thickness", "glass", "stop", "nd", "vd"])
TEXTS = st.one_of(st.text(max_size=20), st.sampled_from([LINES, TABLE, "?"]))
values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.floats(), TEXTS),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(KEYS, inner, max_size=4),
    ),
    max_leaves=12,
)  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(
    st.dictionaries(
        st.sampled_from(["efl", "fno", "epd", "hfov", "fov", "wavelengths", "given", "id"]),
        values,
        max_size=3,
    ),
    st.one_of(values, st.just(LINES)),
)
def test_any_pair_is_a_lens_or_one_line(fields: dict[str, Any], answer: Any) -> None:
    row = {"question": QUESTION, "answer": answer, **fields}
    with contextlib.suppress(InputError, LensError):
        name, lens, asked = read_pair(row)
        tasks_from_lens(lens, name or "x", Source(name="test"), asked)


AGF_WORDS = st.sampled_from(
    [
        "NM",
        "CD",
        "LD",
        "ED",
        "X",
        "Y",
        "0",
        "1",
        "2",
        "4",
        "5",
        "9",
        "13",
        "-1",
        "1e300",
        "1e999",
        "nan",
        "0.5",
        "",
    ]
)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.lists(AGF_WORDS, max_size=8).map(" ".join), max_size=12).map("\n".join))
def test_any_catalogue_is_glasses_or_one_line(text: str) -> None:
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        path = Path(folder) / "a.agf"
        path.write_text(text, encoding="utf-8")
        with contextlib.suppress(InputError):
            for medium in read_glass_catalog(path).values():
                if medium.name in ("X", "Y"):
                    with contextlib.suppress(glass.GlassError):
                        assert medium.index(0.55) > 0.0
