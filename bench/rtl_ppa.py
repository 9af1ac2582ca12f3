"""What area, delay and power of a design cost beside Yosys alone.

    python bench/rtl_ppa.py [--rows N]

The designs are the references of RTLLM v2 and VerilogEval v2 (../shared/benchmarks/rtl), each as an answer
to its own task. Yosys alone is the usual flow: `synth -flatten; dfflibmap; abc -liberty -constr; opt_clean;
stat`. A verdict's PPA is that and more: the netlist simulated, its switching counted, OpenSTA's timing and
power, the score. The reference's own figures are made once a task and not part of it. Runs alternate, CPU
and wall clock are both measured, and the ratio of their sums and the median of the ratios are printed, with
what a verdict costs that finds its answer's figures in memory.
"""

from __future__ import annotations

import argparse
import gzip
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

DATA = Path(__file__).parents[2] / "shared" / "benchmarks" / "rtl"


def timed(work: Callable[[], object]) -> tuple[float, float, object]:
    """Wall-clock and CPU seconds, children's included, and what came of it."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN), resource.getrusage(resource.RUSAGE_SELF)
    started = time.perf_counter()
    made = work()
    wall = time.perf_counter() - started
    after = resource.getrusage(resource.RUSAGE_CHILDREN), resource.getrusage(resource.RUSAGE_SELF)
    cpu = sum(b.ru_utime + b.ru_stime - a.ru_utime - a.ru_stime for a, b in zip(before, after, strict=True))
    return wall, cpu, made


def rows(limit: int) -> list[dict]:
    found = []
    for name in ("rtllm_v2", "verilogeval_v2"):
        with gzip.open(DATA / f"{name}.jsonl.gz", "rt", encoding="utf-8") as file:
            found += [json.loads(line) for line in file]
    # Spread over both sets and all sizes.
    return found[:: max(1, len(found) // limit)][:limit]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=40)
    limit = parser.parse_args().rows
    if not DATA.is_dir():
        print("skipped: ../shared/benchmarks/rtl is not there")
        return 0
    from verirl_rtl.liberty import library
    from verirl_rtl.policy import survey
    from verirl_rtl.ppa import baseline, judge
    from verirl_rtl.recording import record
    from verirl_rtl.spec import read_spec
    from verirl_rtl.synthesis import Synthesis, synthesise

    cells = library()
    wall_ratios, cpu_ratios, totals, again, synthesis_only = [], [], [0.0] * 4, [], []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        constraint = folder / "abc.constr"
        constraint.write_text(f"set_driving_cell {cells.driver}\nset_load {cells.load_ff:g}\n")
        for row in rows(limit):
            top = row.get("ref_module") or row["top"]
            try:
                spec = read_spec({"top": top, "reference": row["reference"]})
                answer = survey(row["reference"], top)
                recording = record(spec, folder)
            except Exception as problem:  # noqa: BLE001 - a task that does not run is named and left out
                print(f"left out: {row['id']}: {problem}")
                continue
            text = folder / "plain.sv"
            text.write_text(answer.text)
            base = baseline(spec, recording, cells, folder)
            if base.problem:
                print(f"left out: {row['id']}: {base.problem}")
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
                return synthesise(answer.text, top, cells, folder)

            bare, ours = [timed(alone)], [timed(verdict)]
            ours.append(timed(verdict))
            bare.append(timed(alone))
            scored = ours[0][2]
            if len(scored) < 2:
                print(f"left out: {row['id']}: {scored[-1].stage.detail}")
                continue
            only = timed(mapped)
            assert isinstance(only[2], Synthesis)
            (bare_wall, bare_cpu), (wall, cpu) = (
                (min(one[0] for one in runs), min(one[1] for one in runs)) for runs in (bare, ours)
            )
            synthesis_only.append(only[1] / bare_cpu)
            wall_ratios.append(wall / bare_wall)
            cpu_ratios.append(cpu / bare_cpu)
            totals = [a + b for a, b in zip(totals, (bare_wall, wall, bare_cpu, cpu), strict=True)]
            again.append(timed(remembered)[0])
    print(f"{len(cpu_ratios)} designs")
    print(f"Yosys alone: {1000 * totals[2] / len(cpu_ratios):.0f} ms of CPU a design")
    print(f"PPA verdict: {1000 * totals[3] / len(cpu_ratios):.0f} ms of CPU a design")
    print(f"ratio of sums: CPU {totals[3] / totals[2]:.2f}, wall clock {totals[1] / totals[0]:.2f}")
    print(f"median ratio: CPU {statistics.median(cpu_ratios):.2f}, wall {statistics.median(wall_ratios):.2f}")
    print(f"synthesis alone, median ratio of CPU: {statistics.median(synthesis_only):.2f}")
    print(f"the reference's figures from memory: {1000 * statistics.median(again):.2f} ms")
    return 0


if __name__ == "__main__":
    sys.exit(main())
