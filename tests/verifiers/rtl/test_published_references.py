"""The published references pass by the default flow, and designs that look at nothing pass nowhere."""

from __future__ import annotations

import pytest
from support.paths import BENCHMARKS

pytest.importorskip("pyslang")

from verirl.pool import Request, VerifierPool
from verirl.types import Task, Verdict
from verirl_rtl.language.inspection import inspect_trusted
from verirl_rtl.spec import read_spec
from verirl_rtl.tasks.importers import IMPORTERS

FOLDER = BENCHMARKS / "rtl"
FILES = {
    "verilogeval-v2": "verilogeval_v2",
    "verilogeval-v1-human": "verilogeval_v1_human",
    "verilogeval-v1-machine": "verilogeval_v1_machine",
    "rtllm-v2": "rtllm_v2",
    "rtllm-v1.1": "rtllm_v1_1",
}
CHUNK = 40
CONSTANTS = ("zero", "step_one", "m2014_q4i")
"""Problems whose right answer is a constant."""
UNRUNNABLE = {"rtllm-v1.1/div_16bit"}
"""The published bench declares a name twice: no simulator takes it."""

pytestmark = [
    pytest.mark.needs_benchmarks("rtl"),
    pytest.mark.needs_tools("iverilog", "vvp", "verilator", "g++"),
]
POOL_DEADLINE_S = 90.0


def tasks(source: str) -> list[Task]:
    path = FOLDER / f"{FILES[source]}.jsonl.gz"
    return [without_figures(task) for task in IMPORTERS[source](path)] if path.is_file() else []


def without_figures(task: Task) -> Task:
    return task.model_copy(update={"spec": {**task.spec, "ppa": "off"}})


def trivial(task: Task, value: str) -> str:
    """A design with the reference's ports that drives every output to one value."""
    spec = read_spec(task.spec)
    assert spec.reference is not None
    ports = inspect_trusted(spec.reference, spec.reference_top).ports
    named = ", ".join(f"{port.direction} [{port.width - 1}:0] {port.name}" for port in ports)
    driven = "".join(
        f"assign {port.name} = {{{port.width}{{1'b{value}}}}};\n"
        for port in ports
        if port.direction == "output"
    )
    return f"```verilog\nmodule {spec.top}({named});\n{driven}endmodule\n```"


def judged(pool: VerifierPool, asked: list[Task]) -> tuple[dict[str, Verdict], dict[str, Verdict]]:
    """Verdicts of the references, and of the trivial designs, by what they are of."""
    requests = []
    for task in asked:
        assert task.reference is not None
        requests.append((task.id, Request(task, task.reference)))
        requests += [(f"{task.id} all {v}", Request(task, trivial(task, v))) for v in "01xz"]
    found = pool.verify([request for _, request in requests])
    named = {name: one for (name, _), one in zip(requests, found, strict=True)}
    return (
        {name: one for name, one in named.items() if " all " not in name},
        {name: one for name, one in named.items() if " all " in name},
    )


def check(pool: VerifierPool, asked: list[Task]) -> None:
    golden, nothing = judged(pool, asked)
    fallen = {name: one.stages[-1].detail for name, one in golden.items() if not one.passed}
    assert fallen.keys() <= UNRUNNABLE, fallen
    through = [name for name, one in nothing.items() if one.passed]
    assert all(name.split(" all ")[0].endswith(CONSTANTS) for name in through), through


@pytest.mark.parametrize("source", FILES)
def test_some_goldens_pass(source: str, pool: VerifierPool) -> None:
    some = [task for task in tasks(source) if not task.id.endswith(("conwaylife", "lfsr32", "count_clock"))]
    check(pool, some[3:40:9])


@pytest.mark.slow
@pytest.mark.parametrize("start", range(0, 160, CHUNK))
@pytest.mark.parametrize("source", FILES)
def test_all_goldens_pass(source: str, start: int, pool: VerifierPool) -> None:
    chunk = tasks(source)[start : start + CHUNK]
    if not chunk:
        pytest.skip("fewer problems than that")
    check(pool, chunk)
