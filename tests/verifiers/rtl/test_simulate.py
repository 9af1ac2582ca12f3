"""Recording a reference, and holding designs against it, with either engine and by a bench's own rule."""

from __future__ import annotations

import dataclasses
import itertools
from pathlib import Path

import pytest

pytest.importorskip("pyslang")

from cases.rtl.attacks import BENCH, REFERENCE, design
from hypothesis import given, settings
from hypothesis import strategies as st

from verirl import registry
from verirl.domain import StageContext
from verirl.types import Message, Status, Task
from verirl_rtl.language.inspection import Port, inspect_answer
from verirl_rtl.reference import BrokenTaskError
from verirl_rtl.simulation.golden_trace import GoldenTrace
from verirl_rtl.simulation.recorder import record
from verirl_rtl.simulation.simulate import Engine, ReplayResult, SimulationRun, compare, replay
from verirl_rtl.simulation.stimulus import Event, NumberLiteral, Roles, literals, roles, serialized, stimulus
from verirl_rtl.spec import RtlSpec

pytestmark = pytest.mark.needs_tools("iverilog", "vvp")
needs_verilator = pytest.mark.needs_tools("verilator", "g++")
SPEC = RtlSpec(top="top", reference=REFERENCE, reference_top="top", testbench=BENCH)
COUNTER = """module top(input clk, input rst_n, input en, output reg [3:0] q);
always @(posedge clk or negedge rst_n) if (!rst_n) q <= 0; else if (en) q <= q + 1;
endmodule
"""


def against(recording: GoldenTrace, text: str, folder: Path, engine: Engine = "icarus") -> ReplayResult:
    found = inspect_answer(text, "top", recording.parameters)
    assert found.ok, found
    return replay(recording, found.text, "top", folder, engine, parameters=tuple(found.parameters))


def judge(spec: dict, text: str, folder: Path) -> list:
    task = Task(id="t", domain="rtl", prompt=(Message(role="user", content="?"),), spec=spec)
    return list(registry.load("rtl").stages(task, f"```verilog\n{text}\n```", StageContext(folder, 20.0)))


def test_a_bench_is_recorded_in_its_order(tmp_path: Path) -> None:
    recording = record(SPEC, tmp_path)
    assert [port.name for port in recording.inputs] == ["clk", "a", "b"]
    assert recording.steps == recording.samples == len(recording.expected)
    assert recording.expected[-1] == format(
        (int(recording.events[-1].bits[1:9], 2) + int(recording.events[-1].bits[9:], 2)) % 256, "08b"
    )
    assert not list(tmp_path.iterdir())


def test_the_reference_agrees_and_a_near_miss_is_counted(tmp_path: Path) -> None:
    recording = record(SPEC, tmp_path)
    right = against(recording, REFERENCE, tmp_path)
    assert right.passed
    assert right.matched == right.total == recording.total
    wrong = against(recording, design("always @(posedge clk) q <= a - b;"), tmp_path)
    assert not wrong.passed
    assert wrong.matched < wrong.total
    assert wrong.mismatches[0].expected != wrong.mismatches[0].got


@pytest.mark.parametrize("value", ["0", "8'hff", "8'bx", "8'bz"])
def test_a_constant_earns_nothing(value: str, tmp_path: Path) -> None:
    found = against(record(SPEC, tmp_path), design(f"always @* q = {value};"), tmp_path)
    assert not found.passed
    assert found.score == 0.0


def test_partial_credit_grows_with_what_is_right(tmp_path: Path) -> None:
    recording = record(SPEC, tmp_path)
    scores = [
        against(recording, design(f"always @(posedge clk) q <= b < {bound} ? a + b : 0;"), tmp_path).score
        for bound in (0, 64, 128, 224)
    ]
    assert scores == sorted(scores)
    assert scores[0] < 0.05 < scores[1] < scores[2] < scores[3] < 1.0


@needs_verilator
@pytest.mark.parametrize(
    "text",
    [
        REFERENCE,
        design("always @(posedge clk) q <= a - b;"),
        design("always @(posedge clk) q <= b[7] ? a + b : 8'bx;"),
        design("reg [7:0] r; always @(posedge clk) r <= a + b; always @* q = r;"),
        design("reg t; always @(posedge clk) q <= t ? a : a + b;"),
    ],
)
def test_both_engines_say_the_same(text: str, tmp_path: Path) -> None:
    recording = record(SPEC, tmp_path)
    first, second = (against(recording, text, tmp_path, engine) for engine in ("icarus", "verilator"))
    assert (first.passed, first.matched, first.total) == (second.passed, second.matched, second.total)
    assert first.score == second.score


@needs_verilator
@pytest.mark.parametrize("edge", ["negedge rst_n", "posedge clk"])
def test_a_reset_from_the_start_is_the_same_in_both(edge: str, tmp_path: Path) -> None:
    text = COUNTER.replace("posedge clk or negedge rst_n", f"posedge clk or {edge}")
    recording = record(RtlSpec(top="top", reference=text, reference_top="top"), tmp_path)
    first, second = (against(recording, COUNTER, tmp_path, engine) for engine in ("icarus", "verilator"))
    assert (first.matched, first.total, first.score) == (second.matched, second.total, second.score)
    assert first.passed == (edge == "negedge rst_n")


@needs_verilator
@pytest.mark.parametrize(
    "body",
    [
        "function f(input i); if (i & ~i) f = 1; endfunction always @(posedge clk) q <= (a + b) | f(a[0]);",
        "reg [7:0] u; always @(posedge clk) q <= u === 8'bx ? 8'd7 : a + b;",
        "reg l; always @* case (a) 8'd255: l = 0; endcase always @(posedge clk) q <= a + b + l;",
        "wire [7:0] w; assign w = a - b; assign w = a + b; always @(posedge clk) q <= w;",
        "tri w; assign w = a[0] ? 1'b0 : 1'bz; always @(posedge clk) q <= a + b + w;",
        "wire [7:0] w; assign w[6:0] = a + b; always @(posedge clk) q <= w;",
        "reg u; always @(posedge clk) q <= u ^ u ? 0 : a + b;",
    ],
)
def test_verilator_does_not_define_what_is_undefined(body: str, tmp_path: Path) -> None:
    recording = dataclasses.replace(record(SPEC, tmp_path), seconds=60.0)
    found = against(recording, design(body), tmp_path, "auto")
    assert found.engine == "verilator"
    assert not found.passed


@needs_verilator
def test_a_reference_too_slow_for_icarus_is_judged_by_both(tmp_path: Path) -> None:
    slow = (
        "integer i; reg [31:0] n; always @* begin n = a; for (i = 0; i < 3000; i = i + 1) n = n * 5 + b; end"
    )
    reference = design(slow + " always @(posedge clk) q <= {4'd0, n[3:0]};")
    recording = record(RtlSpec(top="top", reference=reference, reference_top="top"), tmp_path)
    assert recording.engine == "verilator"
    assert 0 < recording.icarus_prefix < len(recording.events)
    assert against(recording, reference, tmp_path, "auto").passed
    nothing = " function [3:0] f(input i); if (i & ~i) f = 1; endfunction "
    answer = design(slow + nothing + " always @(posedge clk) q <= {f(a[0]), n[3:0]};")
    assert against(recording, answer, tmp_path, "verilator").passed
    assert not against(recording, answer, tmp_path, "auto").passed


@needs_verilator
def test_what_icarus_cannot_read_is_given_to_verilator(tmp_path: Path) -> None:
    text = design(
        "typedef enum logic [7:0] {A, B} e; e s; always_comb s = e'(a + b); always_ff @(posedge clk) q <= s;"
    )
    found = against(record(SPEC, tmp_path), text, tmp_path, "auto")
    assert found.passed
    assert found.engine == "verilator"


@needs_verilator
def test_what_verilator_cannot_read_is_given_to_icarus(tmp_path: Path) -> None:
    """`always @(event)` inside a process: Icarus runs it, Verilator without time does not take it."""
    text = design("initial forever begin @(posedge clk); q <= a + b; end")
    recording = dataclasses.replace(record(SPEC, tmp_path), seconds=60.0)
    assert against(recording, REFERENCE, tmp_path, "auto").engine == "verilator"
    found = against(recording, text, tmp_path, "auto")
    assert found.passed
    assert found.engine == "icarus"


MIXED = COUNTER.replace("q <= 0", "q = (0) & 1'b1")
"""Blocking and nonblocking assignments to one variable: what Verilator makes of it is reset only once."""


@needs_verilator
def test_what_verilator_does_in_another_order_is_left_to_icarus(tmp_path: Path) -> None:
    recording = dataclasses.replace(
        record(RtlSpec(top="top", reference=COUNTER, reference_top="top"), tmp_path),
        seconds=60.0,
        icarus_prefix=64,
    )
    assert against(recording, COUNTER, tmp_path, "auto").engine == "verilator"
    assert not against(recording, MIXED, tmp_path, "verilator").passed
    assert against(recording, MIXED, tmp_path, "auto").passed


@pytest.mark.slow
@needs_verilator
def test_a_slow_reference_in_another_order_is_recorded_by_icarus(tmp_path: Path) -> None:
    slow = " integer i; reg [31:0] n; always @* begin n = q; for (i = 0; i < 4000; i = i + 1) n = n * 5; end"
    reference = MIXED.replace("endmodule", slow + " endmodule")
    plain = COUNTER.replace("endmodule", slow + " endmodule")
    recording = record(RtlSpec(top="top", reference=reference, reference_top="top"), tmp_path)
    assert recording.long
    assert not any("x" in line for line in recording.expected[64:])
    for answer in (reference, plain):
        assert against(recording, answer, tmp_path, "auto").passed


def test_undefined_is_wrong_where_the_reference_is_defined(tmp_path: Path) -> None:
    reference = design("always @(posedge clk) q <= b[0] ? a : {a[7:1], 1'bx};")
    recording = record(RtlSpec(top="top", reference=reference, reference_top="top"), tmp_path)
    assert any("x" in line for line in recording.expected)
    assert against(recording, design("always @(posedge clk) q <= a;"), tmp_path).passed
    assert not against(recording, design("always @(posedge clk) q <= {a[7:1], 1'bx};"), tmp_path).passed


def test_data_and_clock_in_the_same_moment_are_no_race(tmp_path: Path) -> None:
    """The bench moves both at once: an answer may read its input directly or through a wire."""
    bench = (
        "module tb; reg clk = 0; reg [7:0] a = 0, b = 0; wire [7:0] q;\n"
        "top u(clk, a, b, q);\n"
        "always #5 clk = ~clk; always #10 a = a + 3; always #10 b = b + 7; initial #2000 $finish; endmodule"
    )
    spec = RtlSpec(top="top", reference=REFERENCE, reference_top="top", testbench=bench)
    recording = record(spec, tmp_path)
    through = design("wire [7:0] w = a + b; wire [7:0] v = w; always @(posedge clk) q <= v;")
    assert against(recording, through, tmp_path).passed


def test_stale_memory_in_the_second_playing_is_nobodys_fault(tmp_path: Path) -> None:
    """The bench reads what it has written since the reset; what else is in the memory is not its business."""
    memory = """module top(input clk, input rst, input we, input [2:0] at, input [7:0] d, output [7:0] q);
    reg [7:0] m [0:7]; integer i; assign q = m[at];
    always @(posedge clk) if (rst) begin CLEARED end else if (we) m[at] <= d;
    endmodule"""
    bench = """module tb; reg clk = 0, rst = 1, we = 0; reg [2:0] at = 0; reg [7:0] d = 0; wire [7:0] q;
    top u(clk, rst, we, at, d, q); always #5 clk = ~clk; integer n;
    initial begin #12 rst = 0; we = 1;
    for (n = 0; n < 64; n = n + 1) begin @(negedge clk); at = n; d = 37 * n; end
    we = 0; for (n = 0; n < 64; n = n + 1) begin @(negedge clk); at = n; end $finish; end endmodule"""
    reference = memory.replace("CLEARED", "")
    spec = RtlSpec(top="top", reference=reference, reference_top="top", testbench=bench)
    recording = record(spec, tmp_path)
    assert 0 < recording.replay_offset < recording.steps
    cleared = memory.replace("CLEARED", "for (i = 0; i < 8; i = i + 1) m[i] <= 0;")
    assert against(recording, reference, tmp_path).passed
    assert against(recording, cleared, tmp_path).passed


def test_a_bench_that_waits_for_the_design_is_recorded(tmp_path: Path) -> None:
    bench = (
        "module tb; reg clk = 0, rst_n = 0, en = 0; wire [3:0] q;\n"
        "top u(clk, rst_n, en, q); always #5 clk = ~clk;\n"
        "initial begin #12 rst_n = 1; en = 1; wait (q == 9); @(negedge clk) en = 0; #40 $finish; end\n"
        "endmodule"
    )
    spec = RtlSpec(top="top", reference=COUNTER, reference_top="top", testbench=bench)
    recording = record(spec, tmp_path)
    assert "1001" in recording.expected
    assert against(recording, COUNTER, tmp_path).passed


def test_parameters_of_the_bench_hold_for_the_answer(tmp_path: Path) -> None:
    reference = (
        "module top #(parameter N = 8)(input [N-1:0] a, output [N-1:0] q); assign q = a + N; endmodule"
    )
    bench = (
        "module tb; reg [3:0] a; wire [3:0] q; top #(.N(4)) u(.a(a), .q(q));\n"
        "initial begin for (a = 0; a < 15; a = a + 1) #1; $finish; end endmodule"
    )
    spec = RtlSpec(top="top", reference=reference, reference_top="top", testbench=bench)
    recording = record(spec, tmp_path)
    assert recording.parameters == {"N": "4"}
    assert against(recording, reference, tmp_path).passed
    plain = "module top(input [3:0] a, output [3:0] q); assign q = a + 4; endmodule"
    assert against(recording, plain, tmp_path).passed


def test_parameters_that_no_bench_sets_are_the_answers_own(tmp_path: Path) -> None:
    """State codes are parameters, too: those of a wrong answer must not be put right."""
    reference = design("parameter A = 1, B = 2; always @(posedge clk) q <= a[0] ? A : B;")
    recording = record(
        RtlSpec(top="top", reference=reference, reference_top="top", testbench=BENCH), tmp_path
    )
    assert recording.parameters == {}
    assert not against(recording, reference.replace("B = 2", "B = 1"), tmp_path).passed
    assert against(recording, reference.replace("A = 1, B = 2", "B = 2, A = 1"), tmp_path).passed


def test_a_bench_that_moves_nothing_is_continued(tmp_path: Path) -> None:
    bench = (
        "module tb; reg clk = 0, rst_n = 0, en = 0; wire [3:0] q;\n"
        "top u(clk, rst_n, en, q); always #5 clk = ~clk;\n"
        "initial #100 $finish; endmodule"
    )
    spec = RtlSpec(top="top", reference=COUNTER, reference_top="top", testbench=bench)
    recording = record(spec, tmp_path)
    still = "module top(input clk, input rst_n, input en, output [3:0] q); assign q = 0; endmodule"
    assert len(set(recording.expected)) == 16, "every count"
    assert not against(recording, still, tmp_path).passed


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"reference": "module top(input a; endmodule"}, "does not elaborate"),
        ({"testbench": "module tb; nonsense endmodule"}, "bench does not compile"),
        ({"testbench": "module tb; initial $finish; endmodule"}, "'top' is not used"),
        ({"reference": design("always @* q = 8'bx;"), "testbench": None}, "nothing but X"),
        ({"reference": "module top(output reg q [1:0]); endmodule", "testbench": None}, "unpacked array"),
    ],
)
def test_a_broken_task_is_our_error(changed: dict, words: str, tmp_path: Path) -> None:
    spec = {"top": "top", "reference": REFERENCE, "testbench": BENCH, "ppa": "off", **changed}
    with pytest.raises(BrokenTaskError, match=words):
        judge({key: value for key, value in spec.items() if value}, REFERENCE, tmp_path)


def test_the_official_rule_is_the_benchs(tmp_path: Path) -> None:
    spec = {"top": "top", "testbench": BENCH, "pass_rule": "Your Design Passed", "ppa": "off"}
    assert judge(spec, REFERENCE, tmp_path)[3].stage.status is Status.PASSED
    wrong = judge(spec, design("always @(posedge clk) q <= a;"), tmp_path)[-1]
    assert wrong.stage.status is Status.FAILED
    assert "the bench says: Failed with" in wrong.stage.detail


def test_a_bench_that_takes_no_design_is_our_error_and_a_design_that_no_bench_takes_is_not(
    tmp_path: Path,
) -> None:
    spec = {"top": "top", "reference": REFERENCE, "rule": "official", "pass_rule": "Passed", "ppa": "off"}
    unread = BENCH.replace("endmodule", "enum {A, B} e; initial e = e.no_such(1); endmodule", 1)
    broken = judge({**spec, "testbench": unread}, REFERENCE, tmp_path)[-1]
    assert broken.stage.status is Status.ERROR
    assert "nor with the reference in its place" in broken.stage.detail
    other = judge({**spec, "testbench": BENCH}, "module top(input other); endmodule", tmp_path)[-1]
    assert other.stage.status is Status.FAILED
    assert "does not compile with it" in other.stage.detail
    assert judge({**spec, "testbench": BENCH}, REFERENCE, tmp_path)[3].stage.status is Status.PASSED


def test_mismatches_that_a_bench_counts_are_partial_credit(tmp_path: Path) -> None:
    bench = BENCH.replace(
        '$display("Failed with %0d", errors)', '$display("Mismatches: %0d in 100 samples", errors)'
    )
    spec = {"top": "top", "testbench": bench, "pass_rule": "Your Design Passed", "ppa": "off"}
    wrong = judge(spec, design("always @(posedge clk) q <= a[7] ? a : a + b;"), tmp_path)[-1]
    assert 0.2 < wrong.stage.score < 0.8


RARE = {
    "a number of 32 bits": (
        "module top(input [31:0] a, output y); assign y = a == 32'hDEADBEEF; endmodule",
        ("a == 32'hDEADBEEF", "0"),
    ),
    "a bound": ("module top(input [15:0] a, output y); assign y = a >= 40123; endmodule", (">=", ">")),
    "a field": (
        "module top(input [31:0] a, output y); assign y = a[27:16] == 12'h7a5; endmodule",
        ("12'h7a5", "12'h7a4"),
    ),
    "a long count": (
        "module top(input clk, input rst, output reg [9:0] q);\n"
        "always @(posedge clk) if (rst || q == 999) q <= 0; else q <= q + 1; endmodule",
        ("999", "998"),
    ),
    "a word bit by bit": (
        "module top(input clk, input rst, input d, output reg q); reg [10:0] s;\n"
        "always @(posedge clk) if (rst) {s, q} <= 0; else begin\n"
        "s <= {s[9:0], d}; q <= {s, d} == 12'b101101011101; end endmodule",
        ("q <= {s", "q <= 0 & {s"),
    ),
    "a lock": (
        "module top(input clk, input rst, input [7:0] d, output reg q); reg [1:0] s;\n"
        "always @(posedge clk) if (rst) {s, q} <= 0; else begin q <= 0; case (s)\n"
        "0: s <= d == 8'h5a; 1: s <= d == 8'hc3 ? 2 : 0; default: begin s <= 0; q <= d == 8'h99; end\n"
        "endcase end endmodule",
        ("d == 8'h99", "0"),
    ),
    "a tick after 9000 cycles": (
        "module top(input clk, input rst, output reg tick); reg [13:0] n;\n"
        "always @(posedge clk) if (rst) {n, tick} <= 0; else begin tick <= n == 8999;\n"
        "n <= n == 8999 ? 0 : n + 1; end endmodule",
        ("tick <= n == 8999", "tick <= 0"),
    ),
    "a number on each of two inputs": (
        "module top(input clk, input [15:0] a, input [15:0] b, output reg [1:0] q);\n"
        "always @(posedge clk) if (a == 16'h1234 && b == 16'h4321) q <= 1;\n"
        "else if (a == 777 && b == 999) q <= 2; else q <= 3; endmodule",
        ("q <= 2", "q <= 3"),
    ),
    "two fields of an instruction": (
        "module top(input [31:0] i, input [7:0] a, b, output reg [7:0] q); always @*\n"
        "case (i[31:26]) 6'd0: case (i[5:0]) 6'd32: q = a + b; 6'd34: q = a - b; default: q = 0; endcase\n"
        "6'd35: q = a; 6'd43: q = b; default: q = 0; endcase endmodule",
        ("a - b", "0"),
    ),
    "equal operands": (
        "module top(input clk, input [31:0] a, input [31:0] b, output reg q);\n"
        "always @(posedge clk) q <= a == b; endmodule",
        ("a == b", "0"),
    ),
}


@pytest.mark.parametrize("what", RARE)
def test_what_chance_seldom_meets_is_tried(what: str, tmp_path: Path) -> None:
    reference, (old, new) = RARE[what]
    recording = record(RtlSpec(top="top", reference=reference, reference_top="top"), tmp_path)
    assert against(recording, reference, tmp_path).passed
    assert not against(recording, reference.replace(old, new), tmp_path).passed


def test_numbers_of_a_text() -> None:
    text = "x1 = 12'hA_b; y = 4'b10x1; z[7:0] = 8 'd 200; w = 1.5; v = 'h10; u = 200; t = 8'sd200;"
    assert literals(text) == (
        NumberLiteral(0xAB, 12),
        NumberLiteral(7),
        NumberLiteral(200, 8),
        NumberLiteral(16),
        NumberLiteral(200),
    )


INPUTS = (Port("clk", "input", 1), Port("rst_n", "input", 1), Port("d", "input", 4), Port("w", "input", 70))


def test_roles_by_edges_and_names() -> None:
    assert roles(INPUTS, ("clk", "rst_n"), None, None) == Roles(("clk",), {"rst_n": 0}, ("d", "w"))
    odd = (Port("tact", "input", 1), Port("zero", "input", 1), Port("d", "input", 1))
    assert roles(odd, ("tact",), None, None).clocks == ("tact",)
    assert roles(odd, ("tact", "zero"), "tact", "zero") == Roles(("tact",), {"zero": 1}, ("d",))
    assert roles(odd, (), None, None) == Roles((), {}, ("tact", "zero", "d"))


@given(st.integers(0, 2**64))
@settings(max_examples=10, deadline=None)
def test_stimulus_is_the_same_for_a_seed_and_as_wide_as_the_ports(seed: int) -> None:
    found = roles(INPUTS, ("clk", "rst_n"), None, None)
    events = stimulus(INPUTS, found, seed)
    assert events == stimulus(INPUTS, found, seed)
    assert all(len(event.bits) == 76 and set(event.bits) <= {"0", "1"} for event in events)
    assert events[0].bits[1] == "0", "the reset is active to begin with"
    assert {event.bits[0] for event in events} == {"0", "1"}


def test_few_inputs_are_tried_in_full() -> None:
    inputs = (Port("a", "input", 3), Port("b", "input", 2))
    events = stimulus(inputs, roles(inputs, (), None, None), 1)
    assert len({event.bits for event in events}) == 32
    assert stimulus((), Roles((), {}, ()), 1) == [Event("", True)]


@given(st.lists(st.text("01", min_size=3, max_size=3), min_size=2, max_size=30))
def test_serialised_events_end_where_the_event_does(bits: list[str]) -> None:
    inputs = (Port("clk", "input", 1), Port("rst", "input", 1), Port("d", "input", 1))
    events = [Event(one, True) for one in bits]
    made = serialized(events, inputs, Roles(("clk",), {"rst": 1}, ("d",)))
    assert [event for event in made if event.sampled] == events
    for before, after in itertools.pairwise(made):
        moved = [number for number in range(3) if before.bits[number] != after.bits[number]]
        assert len(moved) <= 1


@given(
    st.lists(
        st.tuples(st.text("01x", min_size=4, max_size=4), st.text("01xz", min_size=4, max_size=4)),
        min_size=1,
        max_size=40,
    )
)
def test_the_count_is_exact_and_the_score_bounded(pairs: list[tuple[str, str]]) -> None:
    ports = (Port("a", "output", 1), Port("b", "output", 3))
    recording = GoldenTrace(
        ports, {}, tuple(Event("", True) for _ in pairs), tuple(want for want, _ in pairs)
    )
    found = compare(recording, SimulationRun(tuple(got for _, got in pairs)))
    agree = total = 0
    for want, got in pairs:
        for low, high in ((0, 1), (1, 4)):
            if set(want[low:high]) != {"x"}:
                total += 1
                agree += all(w in ("x", g) for w, g in zip(want[low:high], got[low:high], strict=True))
    assert (found.matched, found.total) == (agree, total)
    assert 0.0 <= found.score <= 1.0
    assert (found.score == 1.0) == (agree == total)
