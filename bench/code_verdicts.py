"""Verdicts per second on HumanEval+ inputs: verirl, a fresh `bwrap python -I`, a plain `python -I`.

    python bench/code_verdicts.py [FILE] [--rows N] [--jobs 2]

All three run the same reference programs on the same inputs and compare the same values, `--jobs` at a
time. Each of the three does all tasks `--rounds` times, in turn, so that a machine that slows down slows
all of them. Prints one JSON document. `ratio` compares verirl with bwrap, whose isolation is the same, over
all rounds; `ratios` has the single rounds. The programs' own time (run once in this process) is the same
for all three; `ratio_without_the_answers_own_time` leaves it out.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import benchmarks

from verirl import sandbox
from verirl.sandbox import processes
from verirl_code.execution.child_pool import ChildGoneError, shared_pool
from verirl_code.execution.fork_server_process import ChildLimits, DeadlineError
from verirl_code.execution.tagged_json import decode, encode
from verirl_code.grading.grader import grade
from verirl_code.spec import read_spec

SECONDS = 10.0
OUTPUT = 64 * 1024 * 1024
HARNESS = """
import json, sys
job = json.load(sys.stdin)
scope = {}
exec(compile(job["code"], "answer", "exec"), scope)
print(json.dumps([scope[job["name"]](*args) for args in job["inputs"]]))
"""
TASKS: list[dict[str, Any]] = []
"""Each worker's copy, so that no task is transferred to it while the clock runs."""

PYTHON = os.path.realpath(sys.executable)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path, nargs="?")
    parser.add_argument("--rows", type=int, default=114)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    file = options.file or benchmarks.find("humaneval-plus-mini")
    if file is None:
        return
    with gzip.open(file, "rt", encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines][: options.rows]
    tasks = [task for row in rows if (task := task_of(row)) is not None]
    ways = (ours, fresh, plain)
    with ProcessPoolExecutor(options.jobs, initializer=TASKS.extend, initargs=(tasks,)) as pool:
        rounds = [one_round(pool, ways, len(tasks), options.jobs) for _ in range(options.rounds)]
    spent = {way.__name__: sum(one[way.__name__] for one in rounds) for way in ways}
    count = len(tasks) * options.rounds
    own = 1000 * statistics.fmean(own_seconds(task) for task in tasks)
    each = {name: 1000 * seconds * options.jobs / count for name, seconds in spent.items()}
    document = {
        "tasks": len(tasks),
        "inputs": sum(len(task["inputs"]) for task in tasks),
        "jobs": options.jobs,
        "verdicts_per_second": {name: round(count / seconds, 1) for name, seconds in spent.items()},
        "ratio": round(spent["fresh"] / spent["ours"], 2),
        "ratios": [round(one["fresh"] / one["ours"], 2) for one in rounds],
        "ms_of_a_core_each": {name: round(value, 2) for name, value in each.items()},
        "the_answers_own_ms": round(own, 2),
        "ratio_without_the_answers_own_time": round((each["fresh"] - own) / (each["ours"] - own), 2),
        "ours_ms": parts(tasks),
        "ours_cpu": shares(tasks),
    }
    print(json.dumps(document, indent=1))


def task_of(row: dict[str, Any]) -> dict[str, Any] | None:
    """Return code, inputs and the reference's values of a row; None if a value is not JSON."""
    code = row["prompt"] + row["canonical_solution"]
    inputs = [*row["base_input"], *row["plus_input"]]
    until = time.monotonic() + SECONDS
    child = shared_pool(sandboxed=True).take(ChildLimits())
    try:
        child.send({"role": "answer", "code": code, "entry_point": row["entry_point"]}, until)
        child.receive(until), child.receive(until)
        tests = []
        for args in inputs:
            child.send({"nonce": 0, "op": "plain", "name": row["entry_point"], "args": encode(args)}, until)
            tests.append(
                {"input": args, "expected": json.loads(json.dumps(decode(child.receive(until)["value"])))}
            )
    except (ChildGoneError, DeadlineError, KeyError, TypeError, ValueError):
        return None
    finally:
        child.close()
    return {"code": code, "name": row["entry_point"], "inputs": inputs, "tests": tests}


def one_round(
    pool: ProcessPoolExecutor, ways: Sequence[Callable[[dict[str, Any]], bool]], count: int, jobs: int
) -> dict[str, float]:
    """Measure how many seconds each way takes for all tasks, and report wrong verdicts."""
    spent = dict.fromkeys((way.__name__ for way in ways), 0.0)
    for way in ways:
        list(pool.map(partial(judged, way), range(4 * jobs)))
    for way in ways:
        started = time.perf_counter()
        names = list(pool.map(partial(judged, way), range(count)))
        spent[way.__name__] += time.perf_counter() - started
        if wrong := [name for name in names if name]:
            print(f"{way.__name__}: not passed: {wrong}", file=sys.stderr)
    return spent


def judged(way: Callable[[dict[str, Any]], bool], number: int) -> str:
    """Return the name of the task if it did not pass."""
    task = TASKS[number]
    return "" if way(task) else str(task["name"])


def own_seconds(task: dict[str, Any]) -> float:
    """Measure the program itself on all inputs, in this process; it is a trusted reference."""
    started = time.perf_counter()
    scope: dict[str, Any] = {}
    exec(compile(task["code"], "answer", "exec"), scope)
    for args in json.loads(json.dumps(task["inputs"])):
        scope[task["name"]](*args)
    return time.perf_counter() - started


def ours(task: dict[str, Any]) -> bool:
    spec = read_spec({"entry_point": task["name"], "tests": task["tests"]})
    trial = grade(spec, task["code"], shared_pool(sandboxed=True), SECONDS, key=task["name"])
    return (
        trial.failed_stage is None
        and len(trial.results) == trial.total
        and all(r.passed for r in trial.results.values())
    )


def fresh(task: dict[str, Any]) -> bool:
    run = partial(
        sandbox.run,
        readable=sandbox.interpreter(),
        limits=sandbox.Limits(wall_s=SECONDS, output_bytes=OUTPUT),
    )
    return agrees(task, run([PYTHON, "-I", "-c", HARNESS], stdin=order(task)).stdout)


def plain(task: dict[str, Any]) -> bool:
    done = subprocess.run([PYTHON, "-I", "-c", HARNESS], input=order(task), capture_output=True, check=False)
    return agrees(task, done.stdout)


def order(task: dict[str, Any]) -> bytes:
    return json.dumps({key: task[key] for key in ("code", "name", "inputs")}).encode()


def agrees(task: dict[str, Any], output: bytes) -> bool:
    expected = [test["expected"] for test in task["tests"]]
    return json.dumps(json.loads(output or b"null")) == json.dumps(expected)


def parts(tasks: list[dict[str, Any]]) -> dict[str, float]:
    """Return where the time of a verdict goes, one at a time: medians, in milliseconds."""
    names = ("fork and isolation", "compile and run", "calls", "kill")
    spent: dict[str, list[float]] = {name: [] for name in names}
    for task in tasks:
        until = time.monotonic() + SECONDS
        marks = [time.perf_counter()]
        child = shared_pool(sandboxed=True).take(ChildLimits())
        child.send({"role": "answer", "code": "", "entry_point": None}, until)
        child.receive(until)
        marks.append(time.perf_counter())
        child.close()
        marks.append(time.perf_counter())
        isolated, killed = marks[1] - marks[0], marks[2] - marks[1]
        child = shared_pool(sandboxed=True).take(ChildLimits())
        marks = [time.perf_counter()]
        child.send({"role": "answer", "code": task["code"], "entry_point": task["name"]}, until)
        child.receive(until), child.receive(until)
        marks.append(time.perf_counter())
        args = [encode(args) for args in task["inputs"]]
        child.send({"nonce": 0, "op": "each", "name": task["name"], "args": args}, until)
        for _ in args:
            child.receive(until)
        marks.append(time.perf_counter())
        child.close()
        loaded = max(0.0, marks[1] - marks[0] - isolated)
        for name, seconds in zip(names, (isolated, loaded, marks[2] - marks[1], killed), strict=True):
            spent[name].append(1000 * seconds)
    return {name: round(statistics.median(values), 2) for name, values in spent.items()}


def shares(tasks: list[dict[str, Any]]) -> dict[str, float]:
    """Return CPU milliseconds per verdict and process, and the pages that a fork makes it copy or map."""
    for task in tasks[:8]:
        ours(task)
    [fork_server] = [pid for pid in processes.descendants(os.getpid()) if is_fork_server(pid)]
    before, started = counts(fork_server), time.process_time()
    for task in tasks:
        ours(task)
    worker = time.process_time() - started
    time.sleep(0.5)
    spent = [after - now for after, now in zip(counts(fork_server), before, strict=True)]
    names = ("fork_server_ms", "child_ms", "fork_server_page_faults", "child_page_faults")
    found = {name: value / len(tasks) for name, value in zip(names, spent, strict=True)}
    return {
        name: round(value, 2) for name, value in ({"worker_ms": 1000 * worker / len(tasks)} | found).items()
    }


def counts(pid: int) -> tuple[float, float, float, float]:
    """Return CPU milliseconds and page faults of a process and of its ended children (proc(5))."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    own = int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) / 1e6
    ticks = 1000 / os.sysconf("SC_CLK_TCK")
    return own, ticks * (int(fields[13]) + int(fields[14])), float(fields[7]), float(fields[8])


def is_fork_server(pid: int) -> bool:
    """Return whether a process is the fork server: it has forked many children."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[8]) > 1000


if __name__ == "__main__":
    main()
