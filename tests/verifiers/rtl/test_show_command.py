"""`verirl rtl show`: a verdict for a person, its waveforms as a file, and the schematic."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from verirl.cli import run
from verirl.io.jsonl import write_records
from verirl.types import Completion, Message, Task
from verirl_rtl.language.inspection import Port
from verirl_rtl.simulation.golden_trace import GoldenTrace
from verirl_rtl.simulation.stimulus import Event
from verirl_rtl.simulation.vcd import vcd

MODULE = "module inv(input a, input [3:0] b, output [3:0] y); assign y = b ^ {4{a}}; endmodule"
PORTS = (Port("a", "input", 1), Port("b", "input", 4), Port("y", "output", 4))


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    tasks, answers = tmp_path / "tasks.jsonl", tmp_path / "answers.jsonl"
    task = Task(
        id="rtl/inv",
        domain="rtl",
        prompt=(Message(role="user", content="Invert."),),
        spec={"top": "inv", "reference": MODULE, "ppa": "off"},
        reference=MODULE,
    )
    texts = (MODULE.replace("^", "|"), "module inv(input a; endmodule", MODULE.replace("[3:0] b", "b"))
    write_records(tasks, [task])
    write_records(
        answers,
        [Completion(task_id="rtl/inv", completion=text, sample=n) for n, text in enumerate(texts)],
    )
    return tasks, answers


def test_the_dump_holds_what_changed_and_where_it_was_wrong() -> None:
    events = (Event("00000", True), Event("00001", False), Event("10001", True))
    recording = GoldenTrace(PORTS, {}, events, ("0000", "111x"))
    text = vcd(recording, ["0000", "0110"])
    head, body = text.split("$enddefinitions $end\n")
    assert head.count("$var") == 5
    assert "$scope module wanted $end\n$var wire 4 # y [3:0] $end" in head
    assert body.splitlines() == [
        *("#0", "0!", 'b0000 "', "b0000 #", "b0000 $", "0%"),
        *("#1", 'b0001 "'),
        *("#2", "1!", "b111x #", "b0110 $", "1%"),
        "#3",
    ]


def test_many_signals_have_names_of_their_own() -> None:
    ports = (*(Port(f"i{n}", "input", 1) for n in range(300)), Port("y", "output", 1))
    head = vcd(GoldenTrace(ports, {}, (Event("0" * 300, True),), ("0",)), ["0"]).split("$enddefinitions")[0]
    names = [line.split()[3] for line in head.splitlines() if line.startswith("$var")]
    assert len(names) == len(set(names)) == 303


def test_a_wrong_answer_is_shown_and_its_waveforms_written(
    files: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    waves = tmp_path / "out" / "waves.vcd"
    assert run(["rtl", "show", *map(str, files), "--vcd", str(waves)]) == 0
    out = capsys.readouterr().out
    assert "rtl/inv: wrong" in out
    assert "y wanted" in out
    text = waves.read_text()
    assert "$scope module got $end" in text
    mismatch = next(line.split()[3] for line in text.splitlines() if " mismatch " in line)
    assert f"\n1{mismatch}\n" in text


@pytest.mark.skipif(not (shutil.which("dot") or shutil.which("netlistsvg")), reason="nothing draws here")
def test_a_reference_is_drawn(files: tuple[Path, Path], tmp_path: Path) -> None:
    drawing = tmp_path / "inv.svg"
    assert run(["rtl", "show", str(files[0]), "reference", "--schematic", str(drawing)]) == 0
    assert "<svg" in drawing.read_text()


def test_what_cannot_be_made_says_why(
    files: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    waves = tmp_path / "waves.vcd"
    for sample, why in ((1, "was not written"), (2, "other ports")):
        assert run(["rtl", "show", *map(str, files), "--sample", str(sample), "--vcd", str(waves)]) == 0
        assert why in capsys.readouterr().err
        assert not waves.exists()


def test_an_answer_that_is_not_there_is_named(
    files: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["rtl", "show", *map(str, files), "--task", "rtl/other"]) == 2
    assert run(["rtl", "show", *map(str, files), "-n", "2", "--vcd", "x.vcd"]) == 2
    said = capsys.readouterr().err
    assert "no such answer" in said
    assert "--limit" in said
