"""Verdicts on VerilogEval completions: our pool against the official flow, and against stock Verilator.

    python bench/rtl_verdicts.py [FILE] [--tasks 16] [--each 8]

Problems without a known issue. The completions of a task are right (the reference, each in a writing of its
own), wrong (mutants) and broken (cut off), as a group of rollouts is. Ours: sandboxed workers, policy, replay
against the recorded reference, recording included, no cache. Theirs: `iverilog` and `vvp` on bench, reference
and answer, `--jobs` at a time, with no isolation. In this order: ours, theirs, ours again (the machine may
have changed). Stock Verilator (`--binary`) is measured on a few and scaled. Prints one JSON document; `ratio`
is our slower run to theirs.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import benchmarks

from verirl.pool import Request, VerifierPool
from verirl.types import Task
from verirl_rtl.extract import extract
from verirl_rtl.tasks.importers import IMPORTERS
from verirl_rtl.tasks.mutants import mutants

FLAGS = ("-Wall", "-Winfloop", "-Wno-timescale", "-g2012", "-s", "tb")
STOCK = ("--binary", "--timing", "-Wno-fatal", "-Wno-BLKANDNBLK", "--top-module", "tb", "-j", "1")
RULE = re.compile(r"^Mismatches: 0 in \d+ samples", re.MULTILINE)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path, nargs="?")
    parser.add_argument("--tasks", type=int, default=16)
    parser.add_argument("--each", type=int, default=8)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--stock", type=int, default=3, help="builds with stock Verilator to measure")
    options = parser.parse_args()
    file = options.file or benchmarks.find("verilogeval-v2")
    if file is None:
        return
    jobs = completions(file, options.tasks, options.each)
    first, verdicts = ours(jobs, options.jobs)
    bare, theirs_say = theirs(jobs, options.jobs)
    second, _ = ours(jobs, options.jobs)
    build = stock(jobs[:: max(1, len(jobs) // options.stock)][: options.stock])
    apart = [
        (job.task.id, job.sample, mine, bench)
        for job, mine, bench in zip(jobs, verdicts, theirs_say, strict=True)
        if mine != bench
    ]
    print(
        json.dumps(
            {
                "completions": len(jobs),
                "passed": sum(verdicts),
                "jobs": options.jobs,
                "seconds": {"ours": [first, second], "iverilog + vvp": bare},
                "ratio": round(max(first, second) / bare, 2),
                "stock_verilator_s_each": build,
                "times_faster_than_stock_verilator": round(
                    build * len(jobs) / options.jobs / max(first, second), 1
                ),
                "verdicts_apart": apart,
            },
            indent=1,
        )
    )


def completions(file: Path, tasks: int, each: int) -> list[Request]:
    """A group of completions for each of `tasks` problems, spread over the file."""
    sound = (one for one in IMPORTERS["verilogeval-v2"](file) if not any("known" in tag for tag in one.tags))
    found = list(sound)
    jobs = []
    for task in found[:: max(1, len(found) // tasks)][:tasks]:
        assert task.reference is not None
        plain = task.model_copy(update={"spec": {**task.spec, "ppa": "off"}})
        code = extract(task.reference)
        wrong = [extract(one.completion) for one in mutants(plain)][: each // 2 - 1]
        texts = [*wrong, code[: len(code) // 2]]
        texts = [f"// {number}\n{code}" for number in range(each - len(texts))] + texts
        jobs += [Request(plain, f"```verilog\n{text}\n```", n) for n, text in enumerate(texts)]
    return jobs


def ours(jobs: list[Request], workers: int) -> tuple[float, list[bool]]:
    """Seconds, and which passed; the workers are started before."""
    with VerifierPool(workers, deadline_s=60) as pool:
        warm = Task(
            id="warm",
            domain="rtl",
            prompt=jobs[0].task.prompt,
            spec={
                "top": "m",
                "reference": "module m(input a, output y); assign y = a; endmodule",
                "ppa": "off",
            },
        )
        text = "```verilog\nmodule m(input a, output y); assign y = a; endmodule\n```"
        pool.verify([Request(warm, f"{text}{' ' * n}") for n in range(4 * workers)])
        started = time.perf_counter()
        found = pool.verify(jobs)
        seconds = time.perf_counter() - started
    for one in found:
        if one.is_error:
            print(f"{one.task_id}: {one.stages[-1].detail}", file=sys.stderr)
    return round(seconds, 2), [one.passed for one in found]


def theirs(jobs: list[Request], workers: int) -> tuple[float, list[bool]]:
    """The same by the benchmark's flow."""
    with ThreadPoolExecutor(workers) as pool:
        started = time.perf_counter()
        passed = list(pool.map(bench, jobs))
        return round(time.perf_counter() - started, 2), passed


def laid_out(job: Request, folder: Path) -> list[str]:
    spec = job.task.spec
    texts = {
        "tb.sv": spec["testbench"],
        "ref.sv": spec["reference"],
        "top.sv": job.completion.removeprefix("```verilog\n").removesuffix("```"),
    }
    for name, text in texts.items():
        (folder / name).write_text(text)
    return list(texts)


def bench(job: Request) -> bool:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        files = laid_out(job, folder)
        built = subprocess.run(["iverilog", *FLAGS, "-o", "sim", *files], cwd=folder, capture_output=True)
        if built.returncode:
            return False
        done = subprocess.run(["vvp", "-n", "sim"], cwd=folder, capture_output=True, text=True, timeout=60)
        return RULE.search(done.stdout) is not None and "TIMEOUT" not in done.stdout


def stock(jobs: list[Request]) -> float:
    """Seconds of one build with stock Verilator and one run, on one core."""
    spent = []
    for job in jobs:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            files = laid_out(job, folder)
            started = time.perf_counter()
            built = subprocess.run(["verilator", *STOCK, *files], cwd=folder, capture_output=True)
            if built.returncode == 0:
                subprocess.run(["obj_dir/Vtb"], cwd=folder, capture_output=True, timeout=60)
                spent.append(time.perf_counter() - started)
    return round(sum(spent) / len(spent), 2)


if __name__ == "__main__":
    main()
