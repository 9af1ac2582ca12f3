"""Attacks: no wrong design earns, nothing runs on the host, all ends in time, the honest pass."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from cases.rtl import attacks
from support.batches import judge_selected, last_stage

from verirl import registry
from verirl.domain import StageContext
from verirl.pool import Request, VerifierPool
from verirl.types import Message, Status, Task, Verdict

pytest.importorskip("pyslang")


pytestmark = pytest.mark.needs_tools("iverilog", "vvp")

POOL_DEADLINE_S = 10.0
REPLAY = {
    "top": "top",
    "reference": attacks.REFERENCE,
    "testbench": attacks.BENCH,
    "ppa": "off",
}
ALONE = {"top": "top", "reference": attacks.REFERENCE, "clock": "clk", "ppa": "off"}
OFFICIAL = {
    "top": "top",
    "testbench": attacks.BENCH,
    "pass_rule": "Your Design Passed",
    "rule": "official",
    "ppa": "off",
}
HONEST = {
    "the reference": attacks.REFERENCE,
    "in other words": attacks.design(
        "wire [7:0] s; add u(.x(a), .y(b), .s(s));\nalways @(posedge clk) q <= s;",
        after="module add(input [7:0] x, y, output [7:0] s); assign s = x + y; endmodule",
    ),
    "with macros": attacks.design(
        "`ifdef SYNTHESIS\nalways @(posedge clk) q <= 0;\n`else\nalways @(posedge clk) q <= `SUM;\n`endif",
        before="`timescale 1ns/1ps\n`default_nettype none\n`define SUM (a + b)",
        after="`default_nettype wire",
    ),
    "with delays": attacks.design("always @(posedge clk) q <= #1 a + b;"),
    "with a loop": attacks.design(
        "integer i; reg [8:0] c; reg [7:0] s; always @* begin c = 0; for (i = 0; i < 8; i = i + 1) begin"
        " s[i] = a[i] ^ b[i] ^ c[i]; c[i + 1] = (a[i] & b[i]) | (c[i] & (a[i] ^ b[i])); end end\n"
        "always @(posedge clk) q <= s;"
    ),
    "with generate": attacks.design(
        "wire [8:0] c; wire [7:0] s; assign c[0] = 0; genvar i; generate for (i = 0; i < 8; i = i + 1)"
        " begin : g assign {c[i + 1], s[i]} = a[i] + b[i] + c[i]; end endgenerate\n"
        "always @(posedge clk) q <= s;"
    ),
    "in SystemVerilog": attacks.REFERENCE.replace("reg", "logic").replace("always ", "always_ff "),
    "with an initial value": attacks.design("initial q = 0;\nalways @(posedge clk) q <= a + b;"),
    **attacks.DISGUISED,
}
WRONG = {
    f"{kind}: {name}": text
    for kind, group in (
        ("forged", attacks.FORGED),
        ("reaches", attacks.REACHES),
        ("files", attacks.FILES),
        ("blurred", attacks.BLURRED),
        ("swallowed", attacks.SWALLOWED),
        ("others", attacks.OTHERS),
    )
    for name, text in group.items()
}


SPECS = {"bench": REPLAY, "no bench": ALONE, "official": OFFICIAL}
PASSING_THE_BENCH = {"others: extra port", "blurred: memorized"}
"""Wrong designs that pass the official rule: the bench leaves a port open and has one seed."""
Verdicts = dict[str, Verdict]


def task(spec: dict) -> Task:
    return Task(id="t", domain="rtl", prompt=(Message(role="user", content="Add."),), spec=spec)


def fenced(text: str) -> str:
    return f"```verilog\n{text}\n```\n"


@pytest.fixture(scope="module", params=SPECS)
def rule(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(scope="module")
def honest_verdicts(request: pytest.FixtureRequest, pool: VerifierPool, rule: str) -> Verdicts:
    asked = task(SPECS[rule])
    return judge_selected(
        request, pool, {name: Request(asked, fenced(text)) for name, text in HONEST.items()}
    )


@pytest.mark.parametrize("name", HONEST)
def test_the_honest_pass(name: str, honest_verdicts: Verdicts) -> None:
    assert honest_verdicts[name].passed, last_stage(honest_verdicts[name])


@pytest.fixture(scope="module")
def wrong_verdicts(request: pytest.FixtureRequest, pool: VerifierPool, rule: str) -> Verdicts:
    asked = task(SPECS[rule])
    return judge_selected(request, pool, {name: Request(asked, fenced(text)) for name, text in WRONG.items()})


@pytest.mark.parametrize("name", WRONG)
def test_no_wrong_design_passes(name: str, rule: str, wrong_verdicts: Verdicts) -> None:
    verdict = wrong_verdicts[name]
    assert not verdict.is_error, last_stage(verdict)
    assert verdict.passed is (rule == "official" and name in PASSING_THE_BENCH), last_stage(verdict)
    assert not Path("/tmp/owned").exists()


def test_nothing_wrong_earns_much(pool: VerifierPool) -> None:
    """A constant earns nothing for the samples that it matches by chance."""
    verdicts = pool.verify([Request(task(REPLAY), fenced(text)) for text in WRONG.values()])
    last = {name: verdict.stages[-1] for name, verdict in zip(WRONG, verdicts, strict=True)}
    scores = {name: stage.score for name, stage in last.items() if stage.name == "simulate"}
    assert scores.pop("blurred: casex") < 0.6, "right for half of the inputs"
    assert all(score < 0.1 for score in scores.values()), scores
    assert scores["blurred: zero"] == scores["blurred: all x"] == 0.0


@pytest.mark.parametrize("name", [*attacks.FORGED, *attacks.FILES])
def test_what_speaks_or_opens_files_is_refused_by_name(name: str, tmp_path: Path) -> None:
    text = {**attacks.FORGED, **attacks.FILES}[name]
    found = list(registry.load("rtl").stages(task(REPLAY), fenced(text), StageContext(tmp_path, 10.0)))
    assert found[-1].stage.name in ("policy", "elaborate")
    assert found[-1].stage.status is Status.FAILED
    assert found[-1].stage.detail


@pytest.mark.slow
@pytest.mark.parametrize("name", attacks.BOMBS)
def test_bombs_end_in_time(name: str, pool: VerifierPool) -> None:
    asked = task(ALONE)
    started = time.monotonic()
    (verdict,) = pool.verify([Request(asked, fenced(attacks.BOMBS[name]))])
    seconds = time.monotonic() - started
    assert not verdict.passed
    assert not verdict.is_error or "starved" in verdict.stages[-1].detail, last_stage(verdict)
    assert seconds < 2 * POOL_DEADLINE_S + 5
    (verdict,) = pool.verify([Request(asked, fenced(attacks.REFERENCE))])
    assert verdict.passed, "the pool still judges"
