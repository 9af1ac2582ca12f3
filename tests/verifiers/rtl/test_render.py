"""A verdict on a design as a person sees it."""

from __future__ import annotations

import re

import pytest

from verirl.pool import Request, VerifierPool
from verirl.types import Message, StageResult, Status, Task, Verdict
from verirl_rtl import domain
from verirl_rtl.language.inspection import Port
from verirl_rtl.simulation.mismatch_table import cells, mismatch_table, value
from verirl_rtl.simulation.simulate import Mismatch

INPUTS = (Port("clk", "input", 1), Port("a", "input", 4))
OUTPUTS = (Port("q", "output", 4), Port("ok", "output", 1))

COUNTER = """module counter(input clk, input rst, output reg [3:0] q);
  always @(posedge clk) if (rst) q <= 0; else q <= q + 1;
endmodule
"""


def task(source: str = COUNTER, top: str = "counter") -> Task:
    return Task(
        id="rtl/counter/0",
        domain="rtl",
        prompt=(Message(role="user", content="A counter."),),
        spec={"top": top, "reference": source, "clock": "clk", "reset": "rst"},
    )


def shown(renderable: object, width: int = 110) -> str:
    from rich.console import Console

    console = Console(width=width, record=True, file=open("/dev/null", "w"))  # noqa: SIM115, PTH123
    console.print(renderable)
    return console.export_text()


def samples(*outputs: str) -> tuple[list[str], list[str]]:
    driven = [f"{place % 2}{place % 16:04b}" for place in range(len(outputs))]
    return driven, list(outputs)


def test_the_table_shows_the_samples_around_the_first_mismatch() -> None:
    driven, expected = samples(*(f"{place:04b}1" for place in range(12)))
    wrong = [Mismatch(6, driven[6], expected[6], "00011"), Mismatch(7, driven[7], expected[7], "xxxx1")]
    rows = cells(mismatch_table(INPUTS, OUTPUTS, driven, expected, wrong))
    assert rows == [
        ["sample", "2", "3", "4", "5", "6", "7"],
        ["clk", "0", "1", "0", "1", "0", "1"],
        ["a", "2", "3", "4", "5", "6", "7"],
        ["q wanted", "2", "3", "4", "5", "6", "7"],
        ["q got", "2", "3", "4", "5", "1!", "x!"],
        ["ok", "1", "1", "1", "1", "1", "1"],
    ]


def test_what_the_reference_leaves_open_is_no_mismatch() -> None:
    driven, expected = samples("xxxx0", "00000", "00001")
    table = mismatch_table(INPUTS, OUTPUTS, driven, expected, [Mismatch(2, driven[2], expected[2], "00000")])
    rows = {row[0]: row[1:] for row in cells(table)}
    assert rows["q"] == ["x", "0", "0"]
    assert rows["ok got"] == ["0", "0", "0!"]


def test_a_mismatch_in_the_first_sample_starts_the_table() -> None:
    driven, expected = samples("00001", "00001")
    table = mismatch_table(INPUTS, OUTPUTS, driven, expected, [Mismatch(0, driven[0], expected[0], "zzzz1")])
    assert cells(table)[0] == ["sample", "0", "1"]
    assert "z!" in table


def test_nothing_is_shown_where_nothing_is_wrong() -> None:
    assert mismatch_table(INPUTS, OUTPUTS, *samples("00000"), []) == ""
    assert cells("12 of 15 samples agree") == []


@pytest.mark.parametrize(
    ("bits", "text"),
    [
        ("1", "1"),
        ("x", "x"),
        ("10", "2"),
        ("11111", "1f"),
        ("0000zzzz", "0z"),
        ("1x00", "x"),
        ("1" * 80, "f" * 11 + "…"),
    ],
)
def test_values_are_short(bits: str, text: str) -> None:
    assert value(bits) == text


def test_a_wrong_design_is_shown_with_its_waveform() -> None:
    wrong = COUNTER.replace("q + 1", "q + 2")
    with VerifierPool(workers=1) as pool:
        (verdict,) = pool.verify([Request(task(), wrong)])
    text = shown(domain.render(task(), wrong, verdict))
    assert "rtl/counter/0: wrong" in text
    assert re.search(r"q wanted +.*\d", text)
    assert re.search(r"q got .*\d!", text)
    assert "q + 2" in text


def test_the_line_of_an_error_is_named_and_the_code_numbered() -> None:
    broken = COUNTER.replace("q <= 0", "p <= 0")
    with VerifierPool(workers=1) as pool:
        (verdict,) = pool.verify([Request(task(), broken)])
    text = shown(domain.render(task(), broken, verdict))
    assert re.search(r"elaborate .*line 2", text)
    assert re.search(r"❱ +2 ", text)


def test_figures_stand_beside_the_reference() -> None:
    verdict = Verdict(
        task_id="rtl/counter/0",
        passed=True,
        stages=(StageResult(name="ppa", status=Status.PASSED, score=0.7),),
        metrics={"area_um2": 50.0, "reference_area_um2": 100.0, "delay_ps": 200.0, "power_uw": 1.5},
    )
    text = shown(domain.render(task(), COUNTER, verdict))
    assert re.search(r"area +50 µm² +100 µm² +0\.50", text)
    assert re.search(r"delay +200 ps +– +–", text)


def test_an_answer_without_a_design_is_shown_as_what_it_is() -> None:
    verdict = Verdict(
        task_id="rtl/counter/0",
        passed=False,
        stages=(StageResult(name="extract", status=Status.FAILED, detail="no code [bold]here[/bold]"),),
    )
    text = shown(domain.render(task(), "I [red]cannot[/red] say.", verdict))
    assert "no code [bold]here[/bold]" in text
