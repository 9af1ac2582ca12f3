"""The drawing of a design."""

from __future__ import annotations

import shutil

import pytest

from verirl.errors import ToolMissingError
from verirl_rtl.synthesis import schematic as module
from verirl_rtl.synthesis.schematic import UndrawableError, schematic

drawn = pytest.mark.skipif(
    shutil.which("yosys") is None or not (shutil.which("dot") or shutil.which("netlistsvg")),
    reason="needs yosys and Graphviz or netlistsvg",
)
COUNTER = """
module m(input clk, output reg [3:0] count); always @(posedge clk) count <= count + 1; endmodule
"""


@drawn
def test_a_drawing_shows_ports_and_cells(tmp_path) -> None:
    svg = schematic(COUNTER, "m", tmp_path)
    assert svg.rstrip().endswith("</svg>")
    assert {"clk", "count"} <= set(svg.replace("<", ">").split(">"))
    assert "$dff" in svg or "dff" in svg
    assert not list(tmp_path.iterdir())


@drawn
def test_what_cannot_be_read_has_no_drawing(tmp_path) -> None:
    with pytest.raises(UndrawableError, match="Yosys"):
        schematic("module m(input; endmodule", "m", tmp_path)
    with pytest.raises(ValueError, match="identifier"):
        schematic(COUNTER, "m; shell ls", tmp_path)


def test_without_a_tool_that_draws(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(module.shutil, "which", lambda name: None)
    with pytest.raises(ToolMissingError, match="graphviz"):
        schematic(COUNTER, "m", tmp_path)
