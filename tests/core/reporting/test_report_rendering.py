"""`verirl report`: what the command prints and writes, and what the drawings hold."""

from __future__ import annotations

import io
import json
import re
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ET
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console
from support.recipes import SMALL
from support.reports import Page, flat, whole_run

from verirl.cli import console, run
from verirl.reporting import formatting, plots, summary, terminal
from verirl.reporting.svg import HEIGHT, WIDTH, line_chart
from verirl.runs import RunFolder
from verirl.training import figures
from verirl.training.figures import Chart, Curve, Point


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    return whole_run(tmp_path / "run")


# --- the command ---------------------------------------------------------------------------------------


@pytest.fixture
def command(monkeypatch, capsys):
    monkeypatch.delenv("COLUMNS", raising=False)
    monkeypatch.setenv("CI", "true")

    def call(*args: object) -> tuple[int, str, str]:
        console.out.cache_clear()
        console.err.cache_clear()
        code = run([*map(str, args)])
        return code, *capsys.readouterr()

    return call


def test_in_a_pipe_lines_are_plain_and_not_too_wide(command, folder):
    code, out, err = command("report", folder.path)
    assert (code, err) == (0, "")
    assert "\x1b" not in out
    assert max(map(len, out.splitlines())) <= 110
    assert not [line for line in out.splitlines() if line != line.rstrip()]


def test_json_is_one_document_and_nothing_else(command, folder):
    code, out, err = command("report", folder.path, "--json")
    document = json.loads(out)
    assert (code, err) == (0, "")
    assert document == summary.read(folder).to_data()
    assert document["held_out"]["gains"][0]["gain"] == 0.75
    assert dict(document["charts"][0]["curves"]["SFT"])[4] == 1.0


def test_html_is_one_file_that_asks_for_nothing_else(command, folder, tmp_path):
    place = tmp_path / "out" / "report.html"
    code, out, err = command("report", folder.path, "--html", place, "--quiet")
    assert (code, out, err) == (0, "", "")
    text = place.read_text()
    found = Page(text)
    assert not {"script", "link", "img", "iframe", "object"} & set(found.tags)
    assert "http:" not in text.replace("http-equiv", "")
    assert "https:" not in text
    assert "url(" not in text
    shown = flat("".join(found.words))
    assert "GRPO helped: held-out pass@1 went from 12.5 % (after SFT) to 87.5 %" in shown
    assert found.tags.count("svg") == len(summary.read(folder).charts)


@pytest.mark.parametrize("kind", ["missing", "empty", "file", "torn", "list"])
def test_what_is_no_run_is_one_line_and_exit_code_2(command, tmp_path, kind):
    place = tmp_path / "place"
    if kind in ("empty", "torn", "list"):
        place.mkdir()
    if kind == "file":
        place.write_text("x")
    if kind == "torn":
        (place / "recipe.yaml").write_text("name: [")
    if kind == "list":
        (place / "recipe.yaml").write_text("- name")
    code, out, err = command("report", place)
    assert (code, out) == (2, "")
    assert err.count("\n") == 1
    assert str(place) in err


def test_a_report_needs_no_training_library(folder):
    code = (
        "import sys; from verirl.cli import run; code = run(['report', sys.argv[1], '--json']); "
        "heavy = {'torch', 'transformers', 'trl', 'sympy', 'numpy'} & set(sys.modules); "
        "sys.exit(code or len(heavy))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(folder.path)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


# --- figures and drawings ------------------------------------------------------------------------------


def test_figures_are_for_people():
    assert [formatting.percent(value) for value in (0, 0.043, 1, None)] == ["0 %", "4.3 %", "100 %", "–"]
    assert [formatting.percent(value) for value in (1e-6, 0.99999)] == ["<0.1 %", ">99.9 %"]
    assert [formatting.signed(value) for value in (0.0249, -0.025, 0.0001)] == ["+2.5", "−2.5", "±0.0"]
    assert [formatting.seconds(value) for value in (0.31, 9.96, 34.4, 125, 7300)] == [
        "0.3 s",
        "10 s",
        "34 s",
        "2 min 5 s",
        "2 h 1 min",
    ]
    assert [formatting.count(value) for value in (640, 9546.1, 12_345, 1_083_904, 7.6e9)] == [
        "640",
        "9546",
        "12.3 k",
        "1.08 M",
        "7.6 B",
    ]


VALUES = st.lists(st.floats(-1e9, 1e9), min_size=1, max_size=120)


def _chart(values: list[float], unit: figures.Unit = "loss") -> Chart:
    points = tuple(Point(3 * place, value) for place, value in enumerate(values))
    return Chart("[t]", unit, (Curve("<c>", points),))


@settings(deadline=None)
@given(VALUES, st.sampled_from(["loss", "share", "reward"]))
def test_every_curve_is_drawn_inside_its_frame(values, unit):
    root = ET.fromstring(line_chart(_chart(values, unit)))  # noqa: S314 - our own drawing
    drawn = [pair.split(",") for line in root.iter("polyline") for pair in line.get("points", "").split()]
    assert drawn
    assert all(0 <= float(x) <= WIDTH and 0 <= float(y) <= HEIGHT for x, y in drawn)
    assert all(float(a[0]) < float(b[0]) for a, b in pairwise(drawn))
    spark = plots.sparkline(_chart(values, unit).curves[0], _chart(values, unit))
    assert len(spark) == min(len(values), plots.SPARK_WIDTH)


@settings(deadline=None)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=200), st.integers(1, 50))
def test_thinning_keeps_the_ends_of_the_steps_and_the_range(values, limit):
    curve = _chart(values).curves[0]
    thin = curve.thinned(limit)
    assert len(thin) == min(limit, len(values))
    assert thin[-1].step == curve.points[-1].step
    slack = 1e-12
    assert (
        min(values) - slack <= min(p.value for p in thin) <= max(p.value for p in thin) <= max(values) + slack
    )


@settings(deadline=None)
@given(st.floats(-1e6, 1e6), st.floats(1e-3, 1e6))
def test_ticks_are_few_and_inside(low, size):
    found = plots.ticks(low, low + size)
    assert 1 <= len(found) <= 11
    assert all(low - size * 1e-6 <= tick <= low + size * (1 + 1e-6) for tick in found)


def _watched(found: summary.Summary) -> str:
    stream = io.StringIO()
    out = Console(file=stream, width=110, force_terminal=True, color_system="standard")
    for part in terminal.render(found):
        out.print(part)
    return stream.getvalue()


def test_a_terminal_gets_drawings_where_plotext_is_there_and_sparklines_elsewhere(folder, monkeypatch):
    pytest.importorskip("plotext")
    found = summary.read(folder)
    drawn = _watched(found)
    assert "┤" in drawn
    assert "\x1b[107m" not in drawn
    monkeypatch.setitem(sys.modules, "plotext", None)
    without = re.sub(r"\x1b\[[0-9;]*m", "", _watched(found))
    assert "┤" not in without
    assert any(bar in without for bar in plots.BARS)
    monkeypatch.setitem(sys.modules, "plotext", shutil)
    assert "┤" not in _watched(found)


# --- a real run ----------------------------------------------------------------------------------------

SCORED = """
control: true
eval: {tasks: held_out, samples: 2, max_new_tokens: 12}
"""


@pytest.mark.slow
def test_a_trained_run_is_reported_as_it_ends(command, tmp_path):
    pytest.importorskip("trl")
    (tmp_path / "small.yaml").write_text(SMALL + SCORED)
    code, out, err = command("train", tmp_path / "small.yaml", "--run", tmp_path / "run", "--json")
    assert code == 0, err
    document = json.loads(out)
    assert document == summary.read(RunFolder(tmp_path / "run")).to_data()
    assert document["finished"]
    assert [gain["after"] for gain in document["held_out"]["gains"]][:2] == ["grpo", "control"]
    spent = document["grpo"]
    steps = sum(stage["step_seconds"] for stage in document["stages"] if stage["name"] == "grpo")
    assert spent["generation"] + spent["verification"] + spent["update"] == pytest.approx(steps)
    assert spent["generation"] > 0
    assert spent["tokens"] > 0
    for section in ("What came out", "How it went", "Where the time went", "What the model writes"):
        assert section in err
