"""What area, delay and power of a design cost beside Yosys alone.

    python bench/rtl_ppa.py [--rows N]

The designs are the references of RTLLM v2 and VerilogEval v2 (see benchmarks.py), each as an answer
to its own task.

- Yosys alone: one process with the usual flow, `synth -flatten; dfflibmap; abc -liberty -constr; opt_clean;
  stat`, for each synthesis that the verdict makes.
- PPA of a verdict: the stages `synthesise` and `ppa`. Syntheses (one; up to three where the first is a
  little worse than the reference, which is counted and printed), the netlist simulated, its switching
  counted, OpenSTA's timing and power, the score.

The reference's own figures are made once a task and not part of it; what it takes to find them in memory is
printed. Runs alternate, the better of two counts on both sides, in CPU and in wall-clock time.
"""

from __future__ import annotations

import argparse
import itertools
import math
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import benchmarks

from verirl import registry
from verirl.types import Task


def timed(work: Callable[[], object]) -> tuple[float, float, object]:
    """Wall-clock and CPU seconds, children's included, and what came of it."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN), resource.getrusage(resource.RUSAGE_SELF)
    started = time.perf_counter()
    made = work()
    wall = time.perf_counter() - started
    after = resource.getrusage(resource.RUSAGE_CHILDREN), resource.getrusage(resource.RUSAGE_SELF)
    cpu = sum(b.ru_utime + b.ru_stime - a.ru_utime - a.ru_stime for a, b in zip(before, after, strict=True))
    return wall, cpu, made


class Cost(NamedTuple):
    """Seconds of one design: Yosys alone and the verdict's PPA, and the syntheses that each made."""

    bare_wall: float
    wall: float
    bare_cpu: float
    cpu: float
    syntheses: int


def tell(words: str, costs: list[Cost]) -> None:
    """A row of the table: mean CPU time of both sides, the median of the ratios, the ratio of the sums."""
    if costs:
        bare, ours = (
            sum(side) / len(costs) for side in ([c.bare_cpu for c in costs], [c.cpu for c in costs])
        )
        median = statistics.median(c.cpu / c.bare_cpu for c in costs)
        spent = f"{1000 * bare:>5.0f} ms {1000 * ours:>5.0f} ms"
        print(f"{words:<20} {len(costs):>7} {spent} {median:>7.2f} {ours / bare:>6.2f}")


def rows(limit: int) -> list[Task]:
    importers = registry.load("rtl").importers
    paths = {name: benchmarks.find(name) for name in ("rtllm-v2", "verilogeval-v2")}
    found = [task for name, path in paths.items() if path is not None for task in importers[name](path)]
    # Spread over both sets and all sizes.
    return found[:: max(1, len(found) // limit)][:limit]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=40)
    limit = parser.parse_args().rows
    tasks = rows(limit)
    if not tasks:
        return 0
    from verirl_rtl.language.inspection import inspect_trusted
    from verirl_rtl.simulation.recorder import record
    from verirl_rtl.spec import read_spec
    from verirl_rtl.synthesis import ppa
    from verirl_rtl.synthesis.liberty import current_library
    from verirl_rtl.synthesis.ppa import baseline, judge
    from verirl_rtl.synthesis.yosys import MappedDesign, synthesize

    cells = current_library()
    made = 0

    def counted(*given, **options):
        nonlocal made
        made += len(options["runs"])
        return synthesize(*given, **options)

    ppa.synthesize = counted
    again, synthesis_only = [], []
    found: list[Cost] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        constraint = folder / "abc.constr"
        constraint.write_text(f"set_driving_cell {cells.driver}\nset_load {cells.load_ff:g}\n")
        for task in tasks:
            reference, top = task.spec["reference"], task.spec["reference_top"]
            try:
                spec = read_spec({"top": top, "reference": reference})
                answer = inspect_trusted(reference, top)
                recording = record(spec, folder)
            except Exception as error:  # noqa: BLE001 - a task that does not run is named and left out
                print(f"left out: {task.id}: {error}")
                continue
            text = folder / "plain.sv"
            text.write_text(answer.text)
            base = baseline(spec, recording, cells, folder)
            if base.error:
                print(f"left out: {task.id}: {base.error}")
                continue
            flow = (
                f"read_verilog -sv {text}; hierarchy -check -top {top}; synth -flatten; "
                f"dfflibmap -liberty {cells.path}; abc -liberty {cells.path} -constr {constraint}; "
                f"opt_clean -purge; stat -liberty {cells.path}"
            )

            def alone(flow: str = flow) -> None:
                subprocess.run(["yosys", "-q", "-p", flow], check=True, capture_output=True)

            def verdict(spec=spec, recording=recording, answer=answer) -> list:
                return list(judge(spec, recording, answer, folder, until=time.monotonic() + 60))

            def remembered(spec=spec, recording=recording) -> object:
                return baseline(spec, recording, cells, folder)

            def mapped(answer=answer, top=top) -> object:
                return synthesize(answer.text, top, cells, folder)

            try:
                alone()
            except subprocess.CalledProcessError as error:
                print(f"left out: {task.id}: Yosys alone does not map it: {error.stderr.decode()[:120]}")
                continue
            made = 0
            bare, ours = [timed(alone)], [timed(verdict)]
            syntheses = made
            ours.append(timed(verdict))
            bare.append(timed(alone))
            scored = ours[0][2]
            if len(scored) < 2:
                print(f"left out: {task.id}: {scored[-1].stage.detail}")
                continue
            only = timed(mapped)
            assert isinstance(only[2], MappedDesign)
            (bare_wall, bare_cpu), (wall, cpu) = (
                (min(one[0] for one in runs), min(one[1] for one in runs)) for runs in (bare, ours)
            )
            synthesis_only.append(only[1] / bare_cpu)
            print(f"{task.id:<28} {1000 * bare_cpu:>6.0f} ms {1000 * cpu:>6.0f} ms  {syntheses} mapped")
            found.append(Cost(syntheses * bare_wall, wall, syntheses * bare_cpu, cpu, syntheses))
            again.append(timed(remembered)[0])
    print(f"{len(found)} designs, {sum(one.syntheses > 1 for one in found)} of them mapped more than once")
    print(f"{'Yosys alone takes':<20} {'designs':>7} {'Yosys':>8} {'PPA':>8} {'median':>7} {'sums':>6}")
    for low, high in itertools.pairwise((0.0, 0.1, 0.2, math.inf)):
        words = (
            f"{1000 * low:.0f} to {1000 * high:.0f} ms"
            if high < math.inf
            else f"{1000 * low:.0f} ms and more"
        )
        tell(words, [one for one in found if low <= one.bare_cpu / one.syntheses < high])
    tell("all", found)
    sums = sum(one.wall for one in found) / sum(one.bare_wall for one in found)
    median = statistics.median(one.wall / one.bare_wall for one in found)
    print(f"wall clock: median ratio {median:.2f}, ratio of sums {sums:.2f}")
    print(f"one synthesis, median ratio of CPU: {statistics.median(synthesis_only):.2f}")
    print(f"the reference's figures from memory: {1000 * statistics.median(again):.2f} ms")
    return 0


if __name__ == "__main__":
    sys.exit(main())
