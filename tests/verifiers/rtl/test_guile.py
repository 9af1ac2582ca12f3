"""A second hostile suite, and honest designs in many styles: names, words, values, moments, size and form."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator

import pytest
from cases.rtl import attacks_guile as guile
from cases.rtl.accepts import HONEST
from cases.rtl.attacks import REFERENCE, design
from support.pools import need_sandbox, sandboxed

from verirl.pool import Request, VerifierPool
from verirl.types import Message, Task, Verdict

pytest.importorskip("pyslang")

from verirl_rtl.language.inspection import inspect_answer
from verirl_rtl.simulation.verilator_build import runtime_folder, verilator_installed

pytestmark = pytest.mark.skipif(
    not all(map(shutil.which, ("iverilog", "vvp"))), reason="Icarus Verilog is not installed"
)

needs_yosys = pytest.mark.skipif(shutil.which("yosys") is None, reason="Yosys is not installed")
DEADLINE = 30.0
WRONG = {
    f"{kind}: {name}": text
    for kind in ("PATHS", "WORDS", "VALUES", "MOMENTS", "FORMS")
    for name, text in getattr(guile, kind).items()
}


@pytest.fixture(scope="module")
def pool() -> Iterator[VerifierPool]:
    need_sandbox()
    if verilator_installed():
        runtime_folder()
    with sandboxed(1, DEADLINE) as made:
        yield made


def request(text: str, **spec: str) -> Request:
    told = {"top": "top", "reference": REFERENCE, "ppa": "off", **spec}
    task = Task(id="t", domain="rtl", prompt=(Message(role="user", content="Do."),), spec=told)
    return Request(task, f"```verilog\n{text}\n```\n")


def judged(pool: VerifierPool, texts: dict[str, str]) -> dict[str, Verdict]:
    found = pool.verify([request(text) for text in texts.values()])
    return dict(zip(texts, found, strict=True))


def last_words(found: dict[str, Verdict]) -> dict[str, str]:
    return {name: f"{one.stages[-1].name}: {one.stages[-1].detail}" for name, one in found.items()}


def test_no_guile_passes(pool: VerifierPool) -> None:
    found = judged(pool, WRONG)
    assert not last_words({name: one for name, one in found.items() if one.passed or one.is_error})


def test_names_mean_nothing(pool: VerifierPool) -> None:
    found = judged(pool, guile.NAMED)
    assert not last_words({name: one for name, one in found.items() if not one.passed})


def test_every_style_passes(pool: VerifierPool) -> None:
    if not verilator_installed():
        pytest.skip("some need Verilator")
    jobs = [request(text, reference=reference) for reference, text in HONEST.values()]
    found = dict(zip(HONEST, pool.verify(jobs), strict=True))
    assert not last_words({name: one for name, one in found.items() if not one.passed})


@pytest.mark.slow
@pytest.mark.parametrize("part", range(3))
def test_size_ends_in_time(part: int, pool: VerifierPool) -> None:
    for name in list(guile.SIZE)[part::3]:
        started = time.monotonic()
        (found,) = pool.verify([request(guile.SIZE[name])])
        assert not found.passed, name
        assert not found.is_error or "starved" in found.stages[-1].detail, (name, found.stages[-1])
        assert time.monotonic() - started < 2 * DEADLINE + 5, name


@needs_yosys
@pytest.mark.slow
def test_nothing_is_gained_by_words(pool: VerifierPool) -> None:
    found = pool.verify([request(text, ppa="score") for text in guile.GAINS.values()])
    for name, one in zip(guile.GAINS, found, strict=True):
        assert not one.is_error, (name, one.stages[-1])
        assert one.stages[-1].name in ("synthesise", "ppa"), (name, one.stages[-1])
        assert one.stages[-1].score <= 0.5, (name, one.stages[-1])


@needs_yosys
@pytest.mark.slow
def test_nothing_is_gained_where_nobody_looks(pool: VerifierPool) -> None:
    """No stimulus counts to 2³², so that the high quarter of the counter can be left away unseen."""
    counter = (
        "module top(input clk, input rst, output reg [31:0] q);\n"
        "always @(posedge clk) if (rst) q <= 0; else q <= q + 1;\nendmodule"
    )
    less = counter.replace("q <= q + 1", "q[23:0] <= q[23:0] + 1")
    (found,) = pool.verify([request(less, reference=counter, ppa="score")])
    assert found.stages[-1].score == 0.5
    assert "no gain" in found.stages[-1].detail


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
