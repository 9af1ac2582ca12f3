"""The hostile suite: no wrong design earns, nothing runs on the host, all ends in time, the honest pass."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from cases.rtl import attacks
from support.pools import need_sandbox, sandboxed

from verirl import registry
from verirl.domain import StageContext
from verirl.pool import Request, VerifierPool
from verirl.types import Message, Status, Task, Verdict

pytest.importorskip("pyslang")

from verirl_rtl.simulation.verilator_build import runtime_folder, verilator_installed

pytestmark = pytest.mark.skipif(
    not all(map(shutil.which, ("iverilog", "vvp"))), reason="Icarus Verilog is not installed"
)

DEADLINE = 10.0
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


def task(spec: dict) -> Task:
    return Task(id="t", domain="rtl", prompt=(Message(role="user", content="Add."),), spec=spec)


def fenced(text: str) -> str:
    return f"```verilog\n{text}\n```\n"


@pytest.fixture(scope="module")
def pool() -> Iterator[VerifierPool]:
    need_sandbox()
    if verilator_installed():
        runtime_folder()
    with sandboxed(1, DEADLINE) as made:
        yield made


def verdicts(pool: VerifierPool, spec: dict, texts: dict[str, str]) -> dict[str, Verdict]:
    asked = task(spec)
    found = pool.verify([Request(asked, fenced(text)) for text in texts.values()])
    return dict(zip(texts, found, strict=True))


def told(found: dict[str, Verdict]) -> dict[str, str]:
    return {name: f"{one.stages[-1].name}: {one.stages[-1].detail}" for name, one in found.items()}


@pytest.mark.parametrize("spec", [REPLAY, ALONE, OFFICIAL], ids=["bench", "no bench", "official"])
def test_the_honest_pass(spec: dict, pool: VerifierPool) -> None:
    found = verdicts(pool, spec, HONEST)
    fallen = {name: one for name, one in found.items() if not one.passed}
    assert not told(fallen)


@pytest.mark.parametrize("spec", [REPLAY, ALONE, OFFICIAL], ids=["bench", "no bench", "official"])
def test_no_wrong_design_passes(spec: dict, pool: VerifierPool) -> None:
    found = verdicts(pool, spec, WRONG)
    kept = {"others: extra port", "blurred: learnt by heart"} if spec is OFFICIAL else set()
    through = {name: one for name, one in found.items() if one.passed or one.is_error}
    assert told(through).keys() == kept, "a bench leaves a port open and has one seed"
    assert not Path("/tmp/owned").exists()


def test_nothing_wrong_earns_much(pool: VerifierPool) -> None:
    """A constant earns nothing for the samples that it meets by chance."""
    found = verdicts(pool, REPLAY, WRONG)
    scores = {name: one.stages[-1].score for name, one in found.items() if one.stages[-1].name == "simulate"}
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
def test_bombs_end_in_time(pool: VerifierPool) -> None:
    asked = task(ALONE)
    for name, text in attacks.BOMBS.items():
        started = time.monotonic()
        (found,) = pool.verify([Request(asked, fenced(text))])
        seconds = time.monotonic() - started
        assert not found.passed, name
        assert not found.is_error or "starved" in found.stages[-1].detail, (name, found.stages[-1])
        assert seconds < 2 * DEADLINE + 5, name
    (found,) = pool.verify([Request(asked, fenced(attacks.REFERENCE))])
    assert found.passed
