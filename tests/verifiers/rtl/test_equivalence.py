"""Proofs: what is equal, what differs and for which inputs, what stays open."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest
from cases.rtl.accepts import HONEST

from verirl.types import Status
from verirl_rtl.formal.equivalence import BOUND_STEPS, PROOF_LIMITS, Proof, judge, prove
from verirl_rtl.language.inspection import inspect_answer
from verirl_rtl.simulation.recorder import record
from verirl_rtl.spec import read_spec

pytestmark = pytest.mark.needs_tools("yosys")

ADDER = "module m(input [3:0] a, b, output [4:0] s); assign s = a + b; endmodule"
COUNTER = """
module m(input clk, rst, en, output reg [2:0] q);
  always @(posedge clk) if (rst) q <= 0; else if (en) q <= q + 1;
endmodule
"""
ASYNC = COUNTER.replace("posedge clk", "posedge clk or posedge rst")
LATCH = "module m(input e, d, output reg q); always @* if (e) q = d; endmodule"
START = "module m(input clk, output reg q); initial q = 1; always @(posedge clk) q <= ~q; endmodule"


def held(gold: str, gate: str, folder, gate_top: str = "m", **options) -> Proof:
    return prove(gold, "m", gate, gate_top, folder, **options)


@pytest.mark.parametrize(
    ("gold", "gate"),
    [
        (ADDER, ADDER.replace("a + b", "b + a")),
        (ADDER, ADDER.replace("a + b", "{1'b0, a ^ b} + {a & b, 1'b0}")),
        (ADDER.replace("a + b", "5'bx"), ADDER),
        (COUNTER, COUNTER.replace("q + 1", "{q[2] ^ &q[1:0], q[1] ^ q[0], ~q[0]}")),
        (ASYNC, ASYNC),
        (LATCH, LATCH.replace("if (e) q = d", "q = e ? d : q")),
        (START, START.replace("~q", "q ^ 1'b1")),
    ],
)
def test_equal(gold: str, gate: str, tmp_path) -> None:
    found = held(gold, gate, tmp_path)
    assert found.outcome == "equal", found.detail
    assert found.sequential == ("reg" in gold)
    assert ("steps" in found.detail) == found.sequential
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("gold", "old", "new"),
    [
        (ADDER, "a + b", "a | b"),
        (ADDER, "a + b", "a + b + (a == 15 && b == 15)"),
        (ADDER, "a + b", "5'bx"),
        (ADDER, "assign s = a + b;", ""),
        (COUNTER, "q + 1", "q + 2"),
        (COUNTER, "posedge clk", "negedge clk"),
        (COUNTER, "if (rst)", "if (!rst)"),
        (COUNTER, "else if (en)", "else"),
        (COUNTER, "q <= 0", "q <= 1"),
        (COUNTER, "posedge clk", "posedge clk or posedge rst"),
        (ASYNC, "posedge clk or posedge rst", "posedge clk"),
        (LATCH, "if (e)", "if (!e)"),
        (START, "q = 1", "q = 0"),
        (START, "initial q = 1;", ""),
    ],
)
def test_different(gold: str, old: str, new: str, tmp_path) -> None:
    found = held(gold, gold.replace(old, new), tmp_path)
    assert found.outcome == "different"
    assert found.gold != found.gate
    assert all(set(step) == set(found.inputs[0]) for step in found.inputs)
    assert len(found.inputs) <= BOUND_STEPS


def test_what_always_comb_holds_is_compared(tmp_path) -> None:
    held_value = LATCH.replace("always @*", "always_comb")
    assert held(held_value, LATCH, tmp_path).outcome == "equal"
    assert held(held_value, LATCH.replace("if (e)", "if (!e)"), tmp_path).outcome == "different"


def test_a_counterexample_is_one(tmp_path) -> None:
    found = held(ADDER, ADDER.replace("a + b", "a + b + (a == 9 && b == 6)"), tmp_path)
    assert found.inputs == ({"a": "1001", "b": "0110"},)
    assert found.gold == {"s": "01111"}
    assert found.gate == {"s": "10000"}
    assert "a=1001 b=0110" in found.detail
    assert "s is 10000 and should be 01111" in found.detail


def test_other_names_of_the_top_and_parameters(tmp_path) -> None:
    gate = ADDER.replace("module m", "module other #(parameter N = 3)").replace("a + b", "a + b + N")
    assert held(ADDER, gate, tmp_path, "other").outcome == "different"
    assert held(ADDER, gate, tmp_path, "other", gate_parameters={"N": "0"}).outcome == "equal"


def test_neither_design_reaches_into_the_other(tmp_path) -> None:
    helper = "module h(input [3:0] a, output [3:0] y); assign y = a; endmodule\n"
    gold = "`define WRONG\n" + helper + "module m(input [3:0] a, output [3:0] y); h h0(a, y); endmodule"
    gate = helper.replace("= a", "= ~a") + "module m(input [3:0] a, output [3:0] y); h h0(a, y); endmodule"
    assert held(gold, gate, tmp_path).outcome == "different"
    lies = "`ifdef WRONG\nmodule m(input [3:0] a, output [3:0] y); assign y = a; endmodule\n`else\n"
    assert held(gold, lies + gate + "\n`endif", tmp_path).outcome == "different"
    without_helper = "module m(input [3:0] a, output [3:0] y); h h0(a, y); endmodule"
    assert held(gold, without_helper, tmp_path).outcome == "undecided"


@pytest.mark.parametrize(
    "gate",
    ["module m(input a; endmodule", ADDER.replace(" b,", " c,").replace("+ b", "+ c"), "", '`include "x"'],
)
def test_what_cannot_be_read_is_undecided(gate: str, tmp_path) -> None:
    found = held(ADDER, gate, tmp_path)
    assert found.outcome == "undecided"
    assert found.reason


def test_time_is_bounded(tmp_path) -> None:
    wide = "module m(input [31:0] a, b, output [63:0] s); assign s = a * b; endmodule"
    started = time.monotonic()
    found = held(wide, wide.replace("a * b", "b * a"), tmp_path, limits=replace(PROOF_LIMITS, wall_s=1.0))
    assert found.outcome == "undecided"
    assert "too long" in found.reason
    assert time.monotonic() - started < 30


@pytest.mark.parametrize(
    ("wanted", "answer", "status", "metric"),
    [
        ("require", ADDER, Status.PASSED, {"equivalent": 1.0}),
        ("require", ADDER.replace("a + b", "a | b"), Status.FAILED, {"equivalent": 0.0}),
        ("audit", ADDER.replace("a + b", "a | b"), Status.SKIPPED, {"equivalent": 0.0}),
        ("audit", ADDER, Status.SKIPPED, {"equivalent": 1.0}),
        ("off", ADDER.replace("a + b", "a | b"), Status.SKIPPED, {}),
    ],
)
def test_the_stage(wanted: str, answer: str, status: Status, metric: dict[str, float], tmp_path) -> None:
    spec = read_spec({"top": "m", "reference": ADDER, "equivalence": wanted})
    found = judge(spec, None, inspect_answer(answer, "m"), tmp_path, until=time.monotonic() + 20)
    assert found.stage.status is status
    assert found.metrics == metric


@pytest.mark.parametrize(
    ("style", "wrong"),
    [
        ("three processes and an enum", ("d ? ONE : TEN", "d ? ONE : IDLE")),
        ("one-hot with reverse case", ("hit <= d;", "hit <= ~d;")),
        ("task", ("q <= d;", "q <= ~d;")),
    ],
)
def test_what_only_an_unreachable_state_shows_is_nobodys_fault(
    style: str, wrong: tuple[str, str], tmp_path
) -> None:
    """States have other codes in the answer, and the proof starts in any of them."""
    reference, text = HONEST[style]
    spec = read_spec({"top": "top", "reference": reference, "equivalence": "require"})
    recording = record(spec, tmp_path)

    def status(answer: str) -> Status:
        found = inspect_answer(answer, "top")
        assert found.ok
        return judge(spec, recording, found, tmp_path, until=time.monotonic() + 20).stage.status

    assert status(text) is Status.PASSED
    assert status(text.replace(*wrong)) is Status.FAILED


def test_what_stays_open_is_neutral_and_counted(tmp_path) -> None:
    wide = "module m(input [31:0] a, b, output [63:0] s); assign s = a * b; endmodule"
    spec = read_spec({"top": "m", "reference": wide, "equivalence": "require"})
    answer = inspect_answer(wide.replace("a * b", "b * a"), "m")
    found = judge(spec, None, answer, tmp_path, until=time.monotonic() + 1)
    assert found.stage.status is Status.PASSED
    assert found.metrics == {"equivalence_undecided": 1.0}
