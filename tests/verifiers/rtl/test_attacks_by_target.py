"""Attacks by target (names, text, values, timing, interface, size, PPA), and honest designs in all styles."""

from __future__ import annotations

import time

import pytest
from cases.rtl import (
    attacks_interface,
    attacks_names,
    attacks_ppa,
    attacks_size,
    attacks_text,
    attacks_timing,
    attacks_values,
)
from cases.rtl.accepts import HONEST
from cases.rtl.attacks import REFERENCE, design
from support.batches import judge_selected, last_stage

from verirl.pool import Request, VerifierPool
from verirl.types import Message, Task, Verdict

pytest.importorskip("pyslang")

from verirl_rtl.language.inspection import inspect_answer

pytestmark = pytest.mark.needs_tools("iverilog", "vvp")

POOL_DEADLINE_S = 30.0
WRONG = {
    f"{target}: {name}": text
    for target, attacks in (
        ("names", attacks_names.REACHING),
        ("text", attacks_text.TEXT),
        ("values", attacks_values.VALUES),
        ("timing", attacks_timing.TIMING),
        ("interface", attacks_interface.INTERFACE),
    )
    for name, text in attacks.items()
}
Verdicts = dict[str, Verdict]


def request_for(text: str, **spec: str) -> Request:
    told = {"top": "top", "reference": REFERENCE, "ppa": "off", **spec}
    task = Task(id="t", domain="rtl", prompt=(Message(role="user", content="Do."),), spec=told)
    return Request(task, f"```verilog\n{text}\n```\n")


@pytest.fixture(scope="module")
def wrong_verdicts(request: pytest.FixtureRequest, pool: VerifierPool) -> Verdicts:
    return judge_selected(request, pool, {name: request_for(text) for name, text in WRONG.items()})


@pytest.mark.parametrize("name", WRONG)
def test_no_wrong_design_passes(name: str, wrong_verdicts: Verdicts) -> None:
    verdict = wrong_verdicts[name]
    assert not verdict.passed
    assert not verdict.is_error, last_stage(verdict)


@pytest.fixture(scope="module")
def named_verdicts(request: pytest.FixtureRequest, pool: VerifierPool) -> Verdicts:
    requests = {name: request_for(text) for name, text in attacks_names.NAMED.items()}
    return judge_selected(request, pool, requests)


@pytest.mark.parametrize("name", attacks_names.NAMED)
def test_names_mean_nothing(name: str, named_verdicts: Verdicts) -> None:
    assert named_verdicts[name].passed, last_stage(named_verdicts[name])


@pytest.fixture(scope="module")
def honest_verdicts(request: pytest.FixtureRequest, pool: VerifierPool) -> Verdicts:
    requests = {name: request_for(text, reference=reference) for name, (reference, text) in HONEST.items()}
    return judge_selected(request, pool, requests)


@pytest.mark.needs_tools("verilator", "g++")
@pytest.mark.parametrize("name", HONEST)
def test_every_style_passes(name: str, honest_verdicts: Verdicts) -> None:
    assert honest_verdicts[name].passed, last_stage(honest_verdicts[name])


@pytest.mark.slow
@pytest.mark.parametrize("name", attacks_size.SIZE)
def test_size_ends_in_time(name: str, pool: VerifierPool) -> None:
    started = time.monotonic()
    (verdict,) = pool.verify([request_for(attacks_size.SIZE[name])])
    assert not verdict.passed
    assert not verdict.is_error or "starved" in verdict.stages[-1].detail, last_stage(verdict)
    assert time.monotonic() - started < 2 * POOL_DEADLINE_S + 5


@pytest.fixture(scope="module")
def ppa_verdicts(request: pytest.FixtureRequest, pool: VerifierPool) -> Verdicts:
    requests = {name: request_for(text, ppa="score") for name, text in attacks_ppa.GAINS.items()}
    return judge_selected(request, pool, requests)


@pytest.mark.needs_tools("yosys")
@pytest.mark.slow
@pytest.mark.parametrize("name", attacks_ppa.GAINS)
def test_nothing_is_gained_by_words(name: str, ppa_verdicts: Verdicts) -> None:
    verdict = ppa_verdicts[name]
    assert not verdict.is_error, last_stage(verdict)
    assert verdict.stages[-1].name in ("synthesise", "ppa"), last_stage(verdict)
    assert verdict.stages[-1].score <= 0.5, last_stage(verdict)


@pytest.mark.needs_tools("yosys")
@pytest.mark.slow
def test_nothing_is_gained_by_bits_that_never_change(pool: VerifierPool) -> None:
    """No stimulus counts to 2³², so that the high quarter of the counter can be left out unseen."""
    counter = (
        "module top(input clk, input rst, output reg [31:0] q);\n"
        "always @(posedge clk) if (rst) q <= 0; else q <= q + 1;\nendmodule"
    )
    less = counter.replace("q <= q + 1", "q[23:0] <= q[23:0] + 1")
    (verdict,) = pool.verify([request_for(less, reference=counter, ppa="score")])
    assert verdict.stages[-1].score == 0.5
    assert "no gain" in verdict.stages[-1].detail


@pytest.mark.parametrize(
    "text",
    [
        design("always @(posedge clk) q <= a + b;") * 2,
        design("s u();", after="module s; endmodule\nmodule s(); endmodule"),
        "package top; endpackage\n" + REFERENCE,
        "package p; localparam A = 1; endpackage\npackage p; localparam A = 2; endpackage\n" + REFERENCE,
    ],
)
def test_what_is_defined_twice_is_refused(text: str) -> None:
    assert "is defined twice" in inspect_answer(text, "top").refusal


def test_undeclared_names_are_what_the_text_says_they_are() -> None:
    implicit = design("assign w = a[0];\nalways @(posedge clk) q <= a + b;")
    assert inspect_answer(implicit, "top").ok
    assert inspect_answer("`default_nettype wire\n" + implicit, "top").ok
    assert "undeclared" in inspect_answer("`default_nettype none\n" + implicit, "top").errors[0]
    assert "it may be none or wire" in inspect_answer("`default_nettype supply1\n" + implicit, "top").refusal
