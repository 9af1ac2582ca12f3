"""A module as a Python object: ports, clock, trace, cache, and what happens to designs that misbehave."""

from __future__ import annotations

import fcntl
import threading
from pathlib import Path

import pytest

pytest.importorskip("pyslang")

from verirl import sandbox
from verirl.errors import InputError, ToolMissingError
from verirl_rtl.simulation import verilator_build
from verirl_rtl.simulation.verilator_model import Module, SimulationError

pytestmark = pytest.mark.needs_tools("verilator", "g++")

COUNTER = """module counter #(parameter W = 8)(
  input clk, input rst_n, input enable,
  output reg [W-1:0] count, output signed [3:0] low, output [99:0] wide);
assign low = count[3:0];
assign wide = {100{enable}};
always @(posedge clk or negedge rst_n) if (!rst_n) count <= 0; else if (enable) count <= count + 1;
endmodule
"""


@pytest.fixture(autouse=True)
def _sandbox(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    try:
        sandbox.require()
    except ToolMissingError as problem:
        pytest.skip(str(problem))
    monkeypatch.setenv(verilator_build.RUNTIME_VARIABLE, str(verilator_build.runtime_folder()))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def test_a_runtime_that_is_being_made_is_awaited(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(verilator_build.RUNTIME_VARIABLE, str(tmp_path))
    verilator_build.runtime_folder.cache_clear()
    try:
        with pytest.warns(UserWarning, match="is not a compiled runtime"):
            assert not verilator_build.verilator_usable(60), "nobody makes it"
        with (tmp_path / verilator_build.STARTED_FILE).open("wb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            with pytest.raises(verilator_build.RuntimeAwaitedError, match="try again"):
                verilator_build.verilator_usable(0.2)
            done = threading.Timer(0.3, (tmp_path / verilator_build.READY_FILE).touch)
            done.start()
            assert verilator_build.verilator_usable(60)
            done.join()
    finally:
        verilator_build.runtime_folder.cache_clear()


@pytest.mark.slow
def test_a_runtime_is_made_while_we_go_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(verilator_build.RUNTIME_VARIABLE)
    verilator_build.start_runtime_build.cache_clear()
    verilator_build.runtime_folder.cache_clear()
    try:
        where = verilator_build.start_runtime_build()
        assert not (where / verilator_build.READY_FILE).is_file()
        monkeypatch.setenv(verilator_build.RUNTIME_VARIABLE, str(where))
        assert verilator_build.verilator_usable(300)
        assert {"plain", "timed", "verilated.o"} <= {path.name for path in where.iterdir()}
        monkeypatch.delenv(verilator_build.RUNTIME_VARIABLE)
        assert verilator_build.runtime_folder() == where
    finally:
        verilator_build.start_runtime_build.cache_clear()
        verilator_build.runtime_folder.cache_clear()


def test_a_counter_counts(tmp_path: Path) -> None:
    with Module.from_source(COUNTER, top="counter") as counter:
        assert [port.name for port in counter.inputs] == ["clk", "rst_n", "enable"]
        assert [port.name for port in counter.outputs] == ["count", "low", "wide"]
        counter.io.rst_n = 0
        counter.eval()
        assert counter.io.count == 0
        counter.io.rst_n = 1
        counter.clock.tick(5)
        assert counter.io.count == 0
        counter.io["enable"] = 1
        counter.clock.tick(9)
        assert dict(counter.io) == {
            "clk": 0,
            "rst_n": 1,
            "enable": 1,
            "count": 9,
            "low": -7,
            "wide": (1 << 100) - 1,
        }


def test_parameters_files_and_traces(tmp_path: Path) -> None:
    (tmp_path / "counter.v").write_text(COUNTER)
    trace = tmp_path / "trace.vcd"
    with Module.from_source(
        tmp_path / "counter.v", top="counter", parameters={"W": 5}, trace=trace
    ) as counter:
        assert counter.outputs[0].width == 5
        counter.io.enable = 1
        counter.eval()
        counter.io.rst_n = 1
        counter.clock.tick(33)
        assert counter.io.count == 1
    assert "$enddefinitions" in trace.read_text()
    assert "count" in trace.read_text()


def test_what_was_built_is_kept_by_content(tmp_path: Path) -> None:
    inverter = "module inv(input a, output y); assign y = ~a; endmodule"
    for text, kept in ((inverter, 1), (inverter, 1), (inverter.replace("~", ""), 2)):
        with Module.from_source(text, top="inv") as module:
            assert module.io.y == int("~" in text)
        assert len(list((tmp_path / "cache" / "verirl" / "models").iterdir())) == kept


def test_names_of_two_languages_are_no_trouble() -> None:
    text = (
        "module main(input \\int , input \\and , output \\new , output VL_IN);\n"
        "assign \\new = \\int ; assign VL_IN = \\and ; endmodule"
    )
    with Module.from_source(text, top="main") as module:
        module.io["int"] = 1
        assert (module.io["new"], module.io["VL_IN"]) == (1, 0)


def test_wrong_names_are_said() -> None:
    with Module.from_source("module m(input a, output y); assign y = a; endmodule", top="m") as module:
        with pytest.raises(AttributeError, match="no port is called 'z'"):
            _ = module.io.z
        with pytest.raises(AttributeError, match="'y' is no input"):
            module.io.y = 1
        with pytest.raises(InputError, match="no input is a clock"):
            module.clock.tick()
    with pytest.raises(InputError, match="'b' is no one-bit input; there are a"):
        Module.from_source("module m(input a, output y); assign y = a; endmodule", top="m", clock="b")


def test_the_fork_is_another_backend() -> None:
    pytest.importorskip("pyverilator")
    with Module.from_source(COUNTER, top="counter", backend="pyverilator") as counter:
        counter.io.rst_n, counter.io.enable = 1, 1
        counter.clock.tick(300)
        assert (counter.io.count, counter.io.low, counter.io.wide) == (44, -4, (1 << 100) - 1)
    with pytest.raises(InputError, match="writes none"):
        Module.from_source(COUNTER, top="counter", backend="pyverilator", trace=Path("x.vcd"))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('module m; initial $system("touch /tmp/owned"); endmodule', r"'\$system' is not allowed"),
        ("module m(input a; endmodule", "line 1"),
        ("module other; endmodule", "no module 'm'"),
        ("module m(inout a); endmodule", "inout"),
    ],
)
def test_a_design_that_cannot_be_built_is_said(text: str, words: str) -> None:
    with pytest.raises(InputError, match=words):
        Module.from_source(text, top="m")


def test_a_design_that_does_not_settle_ends(tmp_path: Path) -> None:
    text = "module m(input a, output y); wire z; assign y = ~(z & a); assign z = y; endmodule"
    with Module.from_source(text, top="m") as module:
        module.io.a = 1
        with pytest.raises(SimulationError, match="does not settle"):
            _ = module.io.y
