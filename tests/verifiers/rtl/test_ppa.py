"""The score of area, delay and power, and what an answer may try in order to look small."""

from __future__ import annotations

import math
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from verirl import presets
from verirl.outcomes import StageOutcome
from verirl.scoring import reward
from verirl.types import StageResult, Status, Verdict
from verirl_rtl.ladder import LADDER
from verirl_rtl.language.inspection import Inspection, inspect_answer
from verirl_rtl.simulation.recorder import record
from verirl_rtl.spec import read_spec
from verirl_rtl.synthesis import ppa
from verirl_rtl.synthesis.ppa import DEAD_BANDS, gain, judge, score
from verirl_rtl.synthesis.yosys import synthesize

needs_tools = pytest.mark.needs_tools("yosys", "iverilog", "sta")

# The score

figures = st.fixed_dictionaries({name: st.floats(1e-3, 1e6) for name in ("area_um2", "delay_ps", "power_uw")})
named = st.sampled_from(["area_um2", "delay_ps", "power_uw"])


@given(figures)
def test_as_good_as_the_reference_is_a_half(reference: dict[str, float]) -> None:
    assert score(reference, reference) == 0.5


@given(figures, figures)
def test_it_is_in_range_and_antisymmetric(mine: dict[str, float], reference: dict[str, float]) -> None:
    one, other = score(mine, reference), score(reference, mine)
    assert one is not None
    assert other is not None
    assert 0 < one < 1
    assert one + other == pytest.approx(1)


@given(figures, figures, named, st.floats(1, 100))
def test_a_better_figure_never_costs(mine, reference, name: str, factor: float) -> None:
    better = {**mine, name: mine[name] / factor}
    assert score(better, reference) >= score(mine, reference)


@given(figures, figures, st.floats(1e-3, 1e3))
def test_no_unit_and_no_size_matters(mine, reference, factor: float) -> None:
    scaled = [{name: value * factor for name, value in one.items()} for one in (mine, reference)]
    assert score(*scaled) == pytest.approx(score(mine, reference), abs=1e-9)


@given(figures, named, st.floats(-0.999, 0.999))
def test_what_names_alone_can_do_changes_nothing(reference, name: str, share: float) -> None:
    mine = {**reference, name: reference[name] * (1 + DEAD_BANDS[name]) ** share}
    assert score(mine, reference) == pytest.approx(0.5, abs=1e-9)


@given(st.floats(0.05, 0.95))
def test_the_mean_ratio_is_in_the_score(value: float) -> None:
    ratio = gain(value)
    assert ratio**ppa.STEEPNESS / (1 + ratio**ppa.STEEPNESS) == pytest.approx(value)


def test_by_hand() -> None:
    reference = {"area_um2": 100.0, "delay_ps": 1000.0}
    half = {"area_um2": 50.0 / 1.03, "delay_ps": 500.0 / 1.1}
    assert score(half, reference) == pytest.approx(8 / 9)
    assert score({"area_um2": 100.0, "delay_ps": 500.0 / 1.1}, reference) == pytest.approx(
        2**1.5 / (1 + 2**1.5)
    )
    assert score({"area_um2": 0.0, "delay_ps": 0.0}, reference) == pytest.approx(64 / 65)


def test_only_what_both_have_compares() -> None:
    assert score({"area_um2": 1.0}, {"delay_ps": 1.0}) is None
    assert score({"area_um2": 1.0}, {"area_um2": 0.0}) is None
    assert score({"area_um2": 2.0, "delay_ps": 0.0}, {"area_um2": 2.0, "delay_ps": 0.0}) == 0.5


# The stages

PAIR = """
module m(input [5:0] a, b, c, input s, output [11:0] y);
  assign y = s ? a * b : a * c;
endmodule
"""
SHARED = """
module m(input [5:0] a, b, c, input s, output [11:0] y);
  wire [5:0] k = s ? b : c;
  assign y = a * k;
endmodule
"""
COUNTER = """
module m(input clk, input rst, input en, output reg [3:0] q, output full);
  always @(posedge clk) if (rst) q <= 0; else if (en) q <= q + 1;
  assign full = &q;
endmodule
"""


def judged(reference: str, answer: str | Inspection, folder, **more) -> list[StageOutcome]:
    spec = read_spec({"top": "m", "reference": reference, **more})
    recording = record(spec, folder)
    read = inspect_answer(answer, "m", recording.parameters) if isinstance(answer, str) else answer
    assert read.ok, read
    return list(judge(spec, recording, read, folder, until=time.monotonic() + 60))


def verdict_of(found: list[StageOutcome], name: str = "ppa") -> StageResult:
    return next(one.stage for one in found if one.stage.name == name)


@needs_tools
def test_the_reference_is_worth_a_half(tmp_path) -> None:
    found = judged(COUNTER, COUNTER, tmp_path)
    assert [one.stage.status for one in found] == [Status.PASSED, Status.PASSED]
    assert verdict_of(found).score == 0.5
    figures = found[1].metrics
    assert set(figures) == {*DEAD_BANDS, *(f"reference_{name}" for name in DEAD_BANDS)}
    assert all(math.isfinite(value) and value > 0 for value in figures.values())
    assert not list(tmp_path.iterdir())


@needs_tools
def test_names_do_not_matter(tmp_path) -> None:
    renamed = COUNTER.replace("en)", "en) begin : zz reg [3:0] aaaa; aaaa = q + 1; q <= aaaa; end").replace(
        " q <= q + 1;", ""
    )
    assert verdict_of(judged(COUNTER, renamed, tmp_path)).score == 0.5


@needs_tools
def test_a_smaller_design_gains_and_a_larger_one_loses(tmp_path) -> None:
    better, worse = judged(PAIR, SHARED, tmp_path), judged(SHARED, PAIR, tmp_path)
    assert verdict_of(better).score > 0.6
    assert verdict_of(worse).score < 0.4
    assert better[1].metrics["area_um2"] < 0.75 * better[1].metrics["reference_area_um2"]
    assert "reference" in verdict_of(better).detail


@needs_tools
def test_stated_figures_take_the_place_of_the_reference_s(tmp_path) -> None:
    stated = judged(COUNTER, COUNTER, tmp_path, ppa_baseline={"area_um2": 1e5})
    assert stated[1].metrics["reference_area_um2"] == 1e5
    assert verdict_of(stated).score > 0.6


@needs_tools
def test_the_same_verdict_again_and_faster(tmp_path, monkeypatch) -> None:
    first = judged(COUNTER, COUNTER, tmp_path)
    monkeypatch.setattr(ppa, "_baseline", lambda *_: pytest.fail("the reference was measured again"))
    assert judged(COUNTER, COUNTER, tmp_path) == first


@pytest.mark.parametrize(
    ("reference", "more", "words"),
    [
        (COUNTER, {"ppa": "off"}, "leaves"),
        ("module m(input a, output y); assign y = a; endmodule", {}, "no cells"),
        ("module m(input a, e, output y); assign y = e ? a : 1'bz; endmodule", {}, "tri-state"),
    ],
)
@needs_tools
def test_what_a_task_cannot_say_is_skipped(reference: str, more, words: str, tmp_path) -> None:
    found = judged(reference, reference, tmp_path, **more)
    assert [one.stage.status for one in found] == [Status.SKIPPED] * 2
    assert words in found[0].stage.detail


def test_without_a_recording_both_are_skipped(tmp_path) -> None:
    spec = read_spec({"top": "m", "reference": COUNTER})
    found = list(judge(spec, None, Inspection(), tmp_path, until=0))
    assert [one.stage.status for one in found] == [Status.SKIPPED] * 2


def written(text: str) -> Inspection:
    """An answer as if the policy had let all of its text through."""
    honest = inspect_answer(COUNTER, "m")
    return Inspection(text=text, ports=honest.ports, modules=("m",))


HEAD = "module m(input clk, input rst, input en, output reg [3:0] q, output full);"
SMALL = "always @* q = 0; assign full = 0;"
BODY = COUNTER.split(";", 1)[1].replace("endmodule", "")
ATTACKS = {
    "ifdef YOSYS": f"{HEAD}\n`ifdef YOSYS\n{SMALL}\n`else\n{BODY}\n`endif\nendmodule",
    "ifdef SYNTHESIS": f"{HEAD}\n`ifdef SYNTHESIS\n{SMALL}\n`else\n{BODY}\n`endif\nendmodule",
    "ifdef of the simulator": f"{HEAD}\n`ifdef __ICARUS__\n{BODY}\n`else\n{SMALL}\n`endif\nendmodule",
    "translate_off": f"{HEAD}\n// synopsys translate_off\n{BODY}\n// synopsys translate_on\nendmodule",
    "black box": f"(* blackbox *) {HEAD} endmodule",
    "inner black box": "(* blackbox *) module i(input c, r, e, output [3:0] q, output f); endmodule\n"
    "module m(input clk, input rst, input en, output [3:0] q, output full);\n"
    "i i0(clk, rst, en, q, full); endmodule",
    "library cells": "module m(input clk, input rst, input en, output [3:0] q, output full);\n"
    "DFFX1 f(.CK(clk), .D(en), .Q(q[0])); endmodule",
    "constants": f"{HEAD} {SMALL} endmodule",
    "undriven": f"{HEAD} endmodule",
    "x": f"{HEAD} always @* q = 4'bx; assign full = 1'bx; endmodule",
    "z": f"{HEAD} always @* q = 4'bz; assign full = 1'bz; endmodule",
    "internal cells": "module m(input clk, input rst, input en, output [3:0] q, output full);\n"
    "\\$_ALDFF_PP_ f(.C(clk), .D(en), .AD(rst), .L(rst), .Q(q[0])); endmodule",
    "full_case": f"{HEAD}\n(* full_case *) case (q) endcase {SMALL} endmodule",
    "keep": f"(* keep_hierarchy *) {HEAD} {SMALL} endmodule",
    "include": f'{HEAD}\n`include "/etc/passwd"\nendmodule',
}


@needs_tools
@pytest.mark.parametrize("text", ATTACKS.values(), ids=ATTACKS)
def test_nothing_is_gained_by_looking_small(text: str, tmp_path) -> None:
    found = judged(COUNTER, written(text), tmp_path)
    last = found[-1].stage
    earned = last.score if last.name == "ppa" and last.status is Status.PASSED else 0.0
    assert earned <= 0.5, last


STORE = """module m(input clk, rst, en, input [7:0] d, output reg [7:0] q);
always @(posedge clk) if (rst) q <= 0; else if (en) q <= d; endmodule"""
STORE_HEAD = (
    "module m(input clk, rst, en, input [7:0] d, output [7:0] q); wire [7:0] n = rst ? 0 : en ? d : q;"
)
HELD_BY_GATES = {
    "multiplexers": "wire [7:0] l = clk ? l : n; assign q = clk ? l : q;",
    "cross-coupled gates": "wire [7:0] s = n & {8{!clk}}, r = ~n & {8{!clk}}, l, k; "
    "assign l = ~(r | k); assign k = ~(s | l); assign q = clk ? l : q;",
    "a pulse": "wire #3 c = ~clk; wire p = clk & c; reg [7:0] k; always @* if (p) k = n; assign q = k;",
}


@needs_tools
@pytest.mark.parametrize("body", HELD_BY_GATES.values(), ids=HELD_BY_GATES)
def test_gates_are_no_registers(body: str, tmp_path) -> None:
    found = judged(STORE, f"{STORE_HEAD} {body} endmodule", tmp_path)
    assert found[0].stage.status is Status.FAILED
    assert found[0].stage.detail


@needs_tools
def test_a_clock_that_a_latch_gates_is_worth_its_power(tmp_path) -> None:
    body = """reg e; always @* if (!clk) e = en | rst; wire g = clk & e;
    reg [7:0] k; always @(posedge g) k <= rst ? 0 : d; assign q = k;"""
    found = judged(STORE, f"{STORE_HEAD} {body} endmodule", tmp_path)
    assert verdict_of(found).status is Status.PASSED
    assert found[1].metrics["power_uw"] < found[1].metrics["reference_power_uw"]
    assert verdict_of(found).score > 0.5


@needs_tools
def test_a_reference_may_hold_a_value_in_gates(tmp_path) -> None:
    latch = "module m(input s, r, output q, p); assign q = ~(r | p); assign p = ~(s | q); endmodule"
    found = judged(latch, latch, tmp_path)
    assert [one.stage.status for one in found] == [Status.PASSED] * 2
    assert verdict_of(found).score == 0.5


@needs_tools
def test_honest_controls_pass_beside_them(tmp_path) -> None:
    found = judged(COUNTER, written(COUNTER), tmp_path)
    assert verdict_of(found).status is Status.PASSED
    assert verdict_of(found).score == 0.5


@needs_tools
def test_a_gain_that_the_netlist_does_not_bear_out_is_none(tmp_path) -> None:
    lossy = SHARED.replace("a * k", "a[4:0] * k[4:0]")
    found = judged(PAIR, lossy, tmp_path)
    assert verdict_of(found).status is Status.FAILED
    assert "netlist" in verdict_of(found).detail


@needs_tools
def test_no_worse_than_the_reference_under_its_own_names_is_as_good(tmp_path, monkeypatch) -> None:
    plain = judged(COUNTER, COUNTER, tmp_path)[1].metrics
    first = {name: plain[name] for name in DEAD_BANDS}
    best = {name: 0.8 * figure for name, figure in first.items()}
    mapped = []

    def counted(*given, **options):
        mapped.append(options["runs"])
        return synthesize(*given, **options)

    monkeypatch.setattr(ppa, "synthesize", counted)
    monkeypatch.setattr(ppa, "baseline", lambda *_: ppa.Baseline(best, first))
    found = judged(COUNTER, COUNTER, tmp_path)
    assert verdict_of(found).score == 0.5
    assert {name: found[1].metrics[f"reference_{name}"] for name in DEAD_BANDS} == first
    assert mapped == [range(1)]
    monkeypatch.setattr(ppa, "baseline", lambda *_: ppa.Baseline(best, best))
    assert verdict_of(judged(COUNTER, COUNTER, tmp_path)).score < 0.5
    assert len(mapped) > 2


@needs_tools
def test_where_the_reference_is_undefined_an_answer_may_be(tmp_path) -> None:
    head = "module m(input [2:0] a, output [3:0] y, z);"
    reference = f"{head} assign y = {{1'bx, a[2:1] & a[1:0], a[0]}}; assign z = ~{{a, ^a}}; endmodule"
    same = judged(reference, reference, tmp_path)
    assert verdict_of(same).score == 0.5
    defined = judged(reference, reference.replace("1'bx", "1'b0"), tmp_path)
    assert verdict_of(defined).score == 0.5
    elsewhere = judged(reference, reference.replace("^a", "1'bx"), tmp_path)
    assert elsewhere[0].stage.status is Status.FAILED
    assert "'z'" in elsewhere[0].stage.detail


@needs_tools
def test_where_openSTA_is_missing_the_delay_is_called_abc_s(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(ppa, "versions", lambda: {"sta": "missing"})
    monkeypatch.setattr(ppa, "_baselines", type(ppa._baselines)())
    found = judged(PAIR, SHARED, tmp_path)
    assert set(found[1].metrics) == {
        "area_um2",
        "delay_abc_ps",
        "reference_area_um2",
        "reference_delay_abc_ps",
    }
    assert verdict_of(found).score > 0.55


@needs_tools
def test_a_figure_that_fails_is_a_failure(tmp_path, monkeypatch) -> None:
    judged(COUNTER, COUNTER, tmp_path)
    monkeypatch.setattr(ppa, "analyze", lambda *_: None)
    found = judged(COUNTER, COUNTER, tmp_path)
    assert verdict_of(found).status is Status.FAILED
    assert "delay_ps" in verdict_of(found).detail


# The published rewards

CORRECTNESS = [stage.name for stage in LADDER if stage.kind == "correctness"]


def worth(name: str, *stages: tuple[str, Status, float]) -> float:
    results = tuple(StageResult(name=stage, status=status, score=value) for stage, status, value in stages)
    rated = reward(presets.find(name), LADDER, Verdict(task_id="t", passed=False, stages=results))
    assert rated.reward is not None
    return rated.reward.value


def passed_stages(*names: str) -> list[tuple[str, Status, float]]:
    return [(name, Status.PASSED, 1.0) for name in names]


def test_chipseek_by_hand() -> None:
    right = passed_stages(*CORRECTNESS)
    wrong = [*passed_stages("extract", "policy", "elaborate"), ("simulate", Status.FAILED, 0.99)]
    assert worth("chipseek", ("extract", Status.FAILED, 0.0)) == 0
    assert worth("chipseek", *wrong) == pytest.approx(0.1)
    assert worth("chipseek", *right, ("synthesise", Status.FAILED, 0.0)) == pytest.approx(0.5)
    done = [*right, ("synthesise", Status.PASSED, 1.0)]
    assert worth("chipseek", *done, ("ppa", Status.FAILED, 0.9)) == pytest.approx(0.7)
    assert worth("chipseek", *done, ("ppa", Status.PASSED, 0.5)) == pytest.approx(0.705)
    assert worth("chipseek", *done, ("ppa", Status.PASSED, 1.25**3 / (1 + 1.25**3))) == pytest.approx(0.825)
    assert worth("chipseek", *done, ("ppa", Status.PASSED, 0.99)) == pytest.approx(1.0)


def test_verireason_by_hand() -> None:
    right = passed_stages(*CORRECTNESS)
    assert worth("verireason", ("extract", Status.FAILED, 0.0)) == 0
    assert worth("verireason", *passed_stages("extract"), ("policy", Status.FAILED, 0.0)) == pytest.approx(
        0.1 / 2.1
    )
    compiles = passed_stages("extract", "policy", "elaborate")
    half = [*compiles, ("simulate", Status.FAILED, 0.5)]
    assert worth("verireason", *half) == pytest.approx(0.7 / 2.1)
    # Every sample but one is no pass; the first right vector is next to nothing.
    assert worth("verireason", *compiles, ("simulate", Status.FAILED, 0.999)) < 1.2 / 2.1
    assert worth("verireason", *right) == pytest.approx(1.0)
    fell = [*passed_stages("extract", "policy", "elaborate", "simulate"), ("equivalent", Status.FAILED, 0.0)]
    assert worth("verireason", *fell) < 0.6
