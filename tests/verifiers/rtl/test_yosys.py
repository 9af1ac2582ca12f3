"""Synthesis to the project's standard cells, timing, power, and what an answer may try to have neither."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from support.paths import ROOT

from verirl import registry
from verirl.errors import InputError, ToolMissingError
from verirl_rtl.formal.equivalence import prove
from verirl_rtl.synthesis import liberty
from verirl_rtl.synthesis.liberty import current_library, library_version, read_library
from verirl_rtl.synthesis.timing_power import analyze, ripples, toggles
from verirl_rtl.synthesis.yosys import MappedDesign, Unmapped, synthesize, without_tool_directives
from verirl_rtl.tools import ToolLimits, run

pytestmark = pytest.mark.needs_tools("yosys")
needs_sta = pytest.mark.needs_tools("sta")

ADDER = "module m(input [3:0] a, b, output [4:0] s); assign s = a + b; endmodule"
COUNTER = """
module m(input clk, rst, output reg [3:0] q);
  always @(posedge clk) if (rst) q <= 0; else q <= q + 1;
endmodule
"""


def mapped(source: str, folder: Path, top: str = "m", **options) -> MappedDesign:
    found = synthesize(source, top, current_library(), folder, **options)
    assert isinstance(found, MappedDesign), found
    return found


def refused(source: str, folder: Path, top: str = "m", **options) -> Unmapped:
    found = synthesize(source, top, current_library(), folder, **options)
    assert isinstance(found, Unmapped), found
    return found


def test_figures_are_sums_over_library_cells(tmp_path) -> None:
    found = mapped(COUNTER, tmp_path)
    cells = current_library()
    assert found.area_um2 == pytest.approx(sum(cells.areas[kind] * n for kind, n in found.cells.items()))
    assert found.cells["DFFX1"] == 4
    assert found.delay_ps > 0
    assert len(re.findall(r"^  DFFX1 ", found.netlist, re.MULTILINE)) == 4
    assert not list(tmp_path.iterdir())


def test_the_same_design_has_the_same_figures(tmp_path) -> None:
    one, two = mapped(ADDER, tmp_path), mapped(ADDER, tmp_path)
    assert (one.area_um2, one.delay_ps, one.netlist) == (two.area_um2, two.delay_ps, two.netlist)


def test_larger_designs_are_larger(tmp_path) -> None:
    widths = [
        mapped(ADDER.replace("3:0", f"{n - 1}:0").replace("4:0", f"{n}:0"), tmp_path) for n in (2, 4, 8)
    ]
    areas, delays = zip(*((one.area_um2, one.delay_ps) for one in widths), strict=True)
    assert list(areas) == sorted(areas)
    assert list(delays) == sorted(delays)


def test_runs_choose_the_best(tmp_path) -> None:
    first = mapped(COUNTER, tmp_path)
    best = mapped(COUNTER, tmp_path, runs=range(3))
    assert best.area_um2 * best.delay_ps <= first.area_um2 * first.delay_ps


def test_parameters(tmp_path) -> None:
    source = "module m #(parameter N = 2)(input [7:0] a, output [7:0] y); assign y = a * N; endmodule"
    assert mapped(source, tmp_path).area_um2 < mapped(source, tmp_path, parameters={"N": "8'd93"}).area_um2


def test_a_latch_is_mapped_where_the_library_has_one(tmp_path, monkeypatch) -> None:
    source = (
        "module m(input e, n, d, output reg q, p); always @* begin if (e) q = d; if (!n) p = d; end endmodule"
    )
    assert set(mapped(source, tmp_path).cells) <= {"LATX1", "LATNX1", "INVX1"}
    text = liberty.library_path().read_text()
    without = tmp_path / "without.lib"
    without.write_text(re.sub(r"  cell \(LATN?X1\) \{.*?\n    \} \}\n", "", text, flags=re.DOTALL))
    found = synthesize(source, "m", read_library(without), tmp_path)
    assert isinstance(found, Unmapped)
    assert "latch" in found.reason


def test_initial_values_reach_the_simulated_netlist(tmp_path) -> None:
    source = "module m(input clk, d, output reg q); initial q = 1; always @(posedge clk) q <= d; endmodule"
    found = mapped(source, tmp_path)
    assert "#(.INIT(1))" in found.simulated
    assert "INIT" not in found.netlist


NOT_DESIGNS = {
    "syntax": "module m(input a output y); endmodule",
    "no such top": "module other(input a, output y); assign y = a; endmodule",
    "unknown module": "module m(input a, output y); NAND2X1 g(.A(a), .B(a), .Y(y)); endmodule",
    "tri-state": "module m(input a, e, output y); assign y = e ? a : 1'bz; endmodule",
    "undriven": "module m(input [1:0] a, output [1:0] y); assign y[0] = a[0]; endmodule",
    "nothing": "module m(input a, output y); endmodule",
    "x": "module m(input a, output y); assign y = 1'bx; endmodule",
    "empty submodule": "module s(input a, output y); endmodule "
    "module m(input a, output y); s s(a, y); endmodule",
}


@pytest.mark.parametrize("source", NOT_DESIGNS.values(), ids=NOT_DESIGNS)
def test_what_cannot_be_built_has_no_figures(source: str, tmp_path) -> None:
    assert refused(source, tmp_path).reason


@pytest.mark.parametrize(
    "kind", ["blackbox", "keep", "abc9_box_id = 1, abc9_box", "whitebox", "techmap_celltype"]
)
def test_attributes_change_nothing(kind: str, tmp_path) -> None:
    inner = "module s(input [3:0] a, b, output [4:0] y); assign y = a + b; endmodule"
    outer = "module m(input [3:0] a, b, output [4:0] s); s s0(a, b, s); endmodule"
    plain = mapped(f"{inner} {outer}", tmp_path)
    marked = mapped(f"(* {kind} *) {inner} {outer}", tmp_path)
    assert (marked.area_um2, marked.delay_ps) == (plain.area_um2, plain.delay_ps)


TOOL_TALK = {
    "ifdef YOSYS": ("`ifdef YOSYS\nassign s = 0;\n`else\n", "\n`endif"),
    "ifdef SYNTHESIS": ("`ifdef SYNTHESIS\nassign s = 0;\n`else\n", "\n`endif"),
    "ifndef FORMAL": ("`ifdef FORMAL\nassign s = 0;\n`else\n", "\n`endif"),
    "translate_off": ("// synopsys translate_off\n", "\n// synopsys translate_on\n"),
    "synthesis translate_off": ("/* synthesis translate_off */\n", "\n/* synthesis translate_on */\n"),
    "pragma": ("// pragma translate_off\n", "\n// pragma translate_on\n"),
}


@pytest.mark.parametrize(("before", "after"), TOOL_TALK.values(), ids=TOOL_TALK)
def test_what_is_said_to_the_tool_alone_is_not_heard(before: str, after: str, tmp_path) -> None:
    source = ADDER.replace("assign s = a + b;", f"{before}assign s = a + b;{after}")
    assert mapped(source, tmp_path).area_um2 == mapped(ADDER, tmp_path).area_um2


def test_full_case_gains_nothing(tmp_path) -> None:
    head = "module m(input [1:0] s, input a, output reg y);"
    case = head + " always @* begin y = 0; case (s) {} endcase end endmodule"
    arms = "2'd0: y = a; 2'd1: y = ~a;"
    plain = mapped(case.format(arms), tmp_path)
    told = case.replace("case (s)", "case (s) // synopsys full_case parallel_case\n")
    marked = case.replace("case (s)", "(* full_case, parallel_case *) case (s)")
    assert mapped(told.format(arms), tmp_path).area_um2 == plain.area_um2
    assert mapped(marked.format(arms), tmp_path).area_um2 == plain.area_um2


def test_a_module_called_like_a_cell_is_the_design_s_own(tmp_path) -> None:
    named = "module XOR2X1(input A, B, output Y); assign Y = A & B; endmodule"
    used = "module m(input a, b, output y); XOR2X1 g(a, b, y); endmodule"
    plain = mapped("module m(input a, b, output y); assign y = a & b; endmodule", tmp_path)
    assert mapped(f"{named} {used}", tmp_path).cells == plain.cells


def test_text_without_tools() -> None:
    text = 'always @(*) x = "// (* no *)"; // gone\n(* keep *) wire \\a//b ; /* gone\n */ wire y;'
    bare = without_tool_directives(text)
    assert 'always @(*) x = "// (* no *)";' in bare
    assert "wire \\a//b ;" in bare
    assert "gone" not in bare
    assert "keep" not in bare
    assert bare.count("\n") == text.count("\n") + 4


def test_hostile_names_reach_no_tool(tmp_path) -> None:
    source = "module m(input a, b, output y); wire \\x[0]$;exec#{ls} ; assign \\x[0]$;exec#{ls} = a ^ b;"
    found = mapped(source + " assign y = ~\\x[0]$;exec#{ls} ; endmodule", tmp_path)
    assert "exec" not in found.netlist
    with pytest.raises(ValueError, match="identifier"):
        synthesize(ADDER, "m; shell touch x", current_library(), tmp_path)


def test_a_design_that_is_too_large_is_late(tmp_path) -> None:
    source = "module m(input [2047:0] a, b, output [4095:0] y); assign y = a * b; endmodule"
    assert refused(source, tmp_path).timed_out


# The library itself


def test_the_shipped_library_is_what_its_script_writes() -> None:
    import subprocess
    import sys

    folder = ROOT / "third_party" / "liberty"
    made = subprocess.run([sys.executable, folder / "make.py"], capture_output=True, text=True, check=True)
    assert made.stdout == (folder / "verirl.lib").read_text(encoding="utf-8")


def test_every_cell_of_the_library_does_what_it_says(tmp_path) -> None:
    cells = current_library()
    assert set(cells.outputs) == set(cells.areas)
    assert all(area > 0 for area in cells.areas.values())
    assert (
        set(cells.states)
        == set(cells.clocks)
        == {name for name in cells.areas if name.startswith(("DFF", "LAT"))}
    )


def test_a_library_of_one_s_own(tmp_path, monkeypatch) -> None:
    own = tmp_path / "own.lib"
    own.write_text(
        re.sub(r"area : ([\d.]+)", lambda m: f"area : {2 * float(m[1])}", liberty.library_path().read_text())
    )
    before, area = library_version(), mapped(ADDER, tmp_path).area_um2
    monkeypatch.setenv("VERIRL_LIBERTY", str(own))
    assert library_version() != before
    assert mapped(ADDER, tmp_path).area_um2 == pytest.approx(2 * area, rel=0.15)
    rtl = registry.load("rtl")
    assert rtl.tools()["liberty"] == library_version()
    assert registry.load("rtl").worker_files()["VERIRL_LIBERTY"] == own


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "holds no cell"),
        ("not a library at all", "holds no cell"),
        ("library (x) { }", "holds no cell"),
        (
            'library (x) { cell (A) { area : 1; pin (Y) { direction : output; function : "1"; } } }',
            "inverter",
        ),
    ],
)
def test_a_file_that_is_no_library(text: str, words: str, tmp_path) -> None:
    path = tmp_path / "bad.lib"
    path.write_text(text)
    with pytest.raises(InputError, match=words):
        read_library(path)


def test_a_library_that_nothing_can_be_mapped_to(tmp_path, monkeypatch) -> None:
    text = liberty.library_path().read_text()
    path = tmp_path / "untimed.lib"
    path.write_text(re.sub(r"timing \(\) \{.*?\n      \}\n", "", text, flags=re.DOTALL))
    monkeypatch.setenv("VERIRL_LIBERTY", str(path))
    with pytest.raises(InputError, match="ABC maps nothing to it"):
        library_version()
    path = tmp_path / "negative.lib"
    path.write_text(re.sub(r"(XOR2X1\) \{ area : )", r"\1-", text))
    monkeypatch.setenv("VERIRL_LIBERTY", str(path))
    with pytest.raises(InputError, match=r"XOR2X1.* below 0"):
        library_version()


def test_a_bad_file_is_one_line_on_the_command_line(tmp_path, capsys) -> None:
    from verirl import cli

    bad, tasks = tmp_path / "bad.lib", tmp_path / "tasks.jsonl"
    bad.write_text("library (x) { }")
    tasks.write_text(registry.load("rtl").generate(1, 0, 0.1).to_json() + "\n")
    assert cli.run(["verify", str(tasks), "reference", "--liberty", str(bad), "-w", "1", "-q"]) == 2
    said = capsys.readouterr().err.strip()
    assert "bad.lib" in said
    assert "holds no cell" in said
    assert "\n" not in said
    assert "VERIRL_LIBERTY" not in os.environ


def test_a_file_that_is_not_there(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("VERIRL_LIBERTY", str(tmp_path / "none.lib"))
    with pytest.raises(InputError, match="VERIRL_LIBERTY"):
        library_version()


@pytest.mark.skipif("LIBERTY_UNDER_TEST" not in os.environ, reason="names no Liberty file to try")
def test_another_library(tmp_path) -> None:
    cells = read_library(Path(os.environ["LIBERTY_UNDER_TEST"]))
    for source in (ADDER, COUNTER):
        assert isinstance(synthesize(source, "m", cells, tmp_path), MappedDesign)


# Timing and power


@needs_sta
def test_the_delay_is_that_of_the_worst_path_between_any_two_ends(tmp_path) -> None:
    slow_input = COUNTER.replace("input clk", "input [7:0] a, b, output p, input clk").replace(
        "endmodule", "assign p = a * b == 8'h5a; endmodule"
    )
    delays = []
    for source in (COUNTER, slow_input):
        timing = analyze(mapped(source, tmp_path), "m", current_library(), tmp_path, None)
        assert timing is not None
        assert timing.power_uw is None
        delays.append(timing.delay_ps)
    # A counter's path has clock-to-output and setup times, which ABC's does not.
    assert delays[0] > mapped(COUNTER, tmp_path).delay_ps
    assert delays[1] > 2 * delays[0]


@needs_sta
def test_half_a_cycle_counts_double(tmp_path) -> None:
    head = "module m(input c, d, output reg q); reg p; always @(posedge c) p <= d;"
    source = head + " always @({} c) q <= ~p; endmodule"
    full, half = (
        analyze(mapped(source.format(edge), tmp_path), "m", current_library(), tmp_path, None)
        for edge in ("posedge", "negedge")
    )
    assert full is not None
    assert half is not None
    assert half.delay_ps > 1.5 * full.delay_ps


@needs_sta
def test_power_of_an_inverter_by_hand(tmp_path) -> None:
    found = mapped("module m(input a, output y); assign y = ~a; endmodule", tmp_path)
    assert sum(found.cells.values()) == 1
    bits = [bit for port in found.module["ports"].values() for bit in port["bits"]]
    quiet, busy = (
        analyze(found, "m", current_library(), tmp_path, dict.fromkeys(bits, amount)) for amount in (0.0, 1.0)
    )
    assert quiet is not None
    assert busy is not None
    assert quiet.power_uw == pytest.approx(0.045e-3 * (2 if "INVX2" in found.cells else 1), rel=0.01)
    # ½·C·V² of the load of 7.2 fF at 200 million transitions a second, and the cell's own energy on top.
    load_uw = 0.5 * 7.2e-15 * 1.2**2 * 200e6 * 1e6
    assert load_uw < busy.power_uw < 3 * load_uw


@needs_sta
def test_power_is_linear_in_the_transitions(tmp_path) -> None:
    found = mapped(COUNTER, tmp_path)
    nets = {bit for net in found.module["netnames"].values() for bit in net["bits"]}
    powers = []
    for amount in (0.0, 0.25, 0.5):
        timing = analyze(found, "m", current_library(), tmp_path, dict.fromkeys(nets, amount))
        assert timing is not None
        powers.append(timing.power_uw)
    assert powers[1] - powers[0] == pytest.approx(powers[2] - powers[1], rel=1e-6)
    assert powers[0] < powers[1]


WAVE = """$scope module dut $end
$var wire 4 ! q [3:0] $end
$var wire 1 " n2 $end
$var wire 1 # n3 $end
$var wire 1 $ n17 $end
$upscope $end
$enddefinitions $end
#0
$dumpvars
bx !
x"
0#
1$
$end
#1
1"
b0 !
#2
0"
1#
#3
1"
"""


def test_toggles_count_settled_changes_of_each_bit() -> None:
    assert toggles(WAVE, 4) == {2: 2 / 4, 3: 1 / 4, 17: 0}


def test_wide_designs_are_simulated_bit_by_bit(tmp_path) -> None:
    source = "module m(input [3:0] a, output [3:0] y, output z); assign y = ~a; assign z = 1; endmodule"
    text = mapped(source, tmp_path).simulated
    assert re.search(r"assign \{n\d+, n\d+, n\d+, n\d+\} = a;", text)
    assert "assign z = {1'b1};" in text
    assert "[" not in text.split("INV", 1)[1]


AMPLE = ToolLimits(wall_s=60, cpu_s=60, memory_mb=2048)
FLOPS = {
    "asynchronous load": "input [3:0] a, d; output reg [3:0] q; "
    "always @(posedge c or posedge l) if (l) q <= a; else if (e) q <= d;",
    "asynchronous load, low, with initial values": "input [3:0] a, d; output reg [3:0] q = 4'b0110; "
    "always @(negedge c or negedge l) if (!l) q <= a; else q <= d;",
    "set and reset": "input [3:0] a, d; output reg [3:0] q; "
    "always @(posedge c or posedge l or negedge e) if (l) q <= 9; else if (!e) q <= 6; else q <= d;",
    "enabled set and reset": "input [3:0] a, d; output reg [3:0] q; "
    "always @(posedge c or posedge l or negedge e) if (l) q <= 0; else if (!e) q <= 15; "
    "else if (a[0]) q <= d;",
}


@pytest.mark.parametrize("body", FLOPS.values(), ids=FLOPS)
def test_flip_flops_that_no_cell_is_are_made_of_cells_that_are(body: str, tmp_path) -> None:
    source = f"module m(c, l, e, a, d, q); input c, l, e; {body} endmodule"
    found = mapped(source, tmp_path)
    flops = {kind: count for kind, count in found.cells.items() if kind.startswith("DFF")}
    assert sum(flops.values()) == 4
    assert found.area_um2 > 4 * min(current_library().areas[kind] for kind in flops)
    # The solver knows the level of an asynchronous input, which a simulation of the text does not.
    proof = prove(
        source, "m", found.simulated + current_library().modelled(found.cells), "m", tmp_path, limits=AMPLE
    )
    assert proof.outcome == "equal", proof


def test_a_bus_inside_is_mapped_and_one_outside_is_not(tmp_path) -> None:
    body = "assign w = e ? a : 1'bz; assign w = e ? 1'bz : b;"
    inside = f"module m(input a, b, e, output y); wire w; {body} assign y = ~w; endmodule"
    assert mapped(inside, tmp_path).area_um2 > 0
    outside = "module m(input a, e, output w); assign w = e ? a : 1'bz; endmodule"
    assert "tri-state" in refused(outside, tmp_path).reason


def test_a_block_s_promise_is_not_the_mapping_s_business(tmp_path) -> None:
    source = "module m(input e, d, output reg q); {} if (e) q = d; endmodule"
    cells = [
        mapped(source.format(word), tmp_path).cells for word in ("always @*", "always_comb", "always_latch")
    ]
    assert cells[0] == cells[1] == cells[2]
    assert without_tool_directives('always_combine "always_comb"').count("always_comb") == 2


def test_what_may_be_undefined_is_said_bit_by_bit(tmp_path) -> None:
    source = "module m(input a, output [2:0] y); assign y = {1'bx, a, 1'bx}; endmodule"
    assert "'y'" in refused(source, tmp_path).reason
    assert mapped(source, tmp_path, undefined=None).undefined == {("y", 0), ("y", 2)}
    assert mapped(source, tmp_path, undefined={("y", 0), ("y", 2)}).area_um2 == 0
    assert "'y'" in refused(source, tmp_path, undefined={("y", 0)}).reason


@needs_sta
def test_ports_with_names_of_any_kind_reach_the_timing_analyser(tmp_path) -> None:
    source = (
        "module m(input \\a+b , input [1:0] \\c[0] , output [1:0] y, z); assign y = \\c[0] ^ {2{\\a+b }}; "
    )
    found = mapped(source + "assign z = {y[0], \\a+b }; endmodule", tmp_path)
    timing = analyze(found, "m", current_library(), tmp_path, None)
    assert timing is not None
    assert timing.delay_ps > 0


def test_a_missing_tool_is_named_with_what_installs_it(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    for command, package in (("yosys", "yosys"), ("vvp", "iverilog"), ("sta", "opensta")):
        with pytest.raises(ToolMissingError, match=f"{command}.*install {package}$"):
            run([command], tmp_path)


RIPPLE = """module m(input clk, rst, output [3:0] q); reg a, b, c, d; assign q = {d, c, b, a};
always @(posedge clk or posedge rst) if (rst) a <= 0; else a <= ~a;
always @(negedge a or posedge rst) if (rst) b <= 0; else b <= ~b;
always @(negedge b or posedge rst) if (rst) c <= 0; else c <= ~c;
always @(negedge c or posedge rst) if (rst) d <= 0; else d <= ~d; endmodule"""
GATED = """module m(input clk, en, d, output reg q); reg e; always @(negedge clk) e <= en;
wire g = clk & e; always @(posedge g) q <= d; endmodule"""


@needs_sta
def test_a_register_that_clocks_another_makes_it_wait(tmp_path) -> None:
    found = mapped(RIPPLE, tmp_path)
    assert ripples(found, current_library()) == 3
    assert ripples(mapped(COUNTER, tmp_path), current_library()) == 0
    assert ripples(mapped(GATED, tmp_path), current_library()) == 0
    ripple, one = (
        analyze(mapped(source, tmp_path), "m", current_library(), tmp_path, None)
        for source in (RIPPLE, RIPPLE.replace("negedge a", "negedge clk").replace("negedge b", "negedge clk"))
    )
    assert ripple is not None
    assert one is not None
    assert ripple.delay_ps > one.delay_ps
