"""Verdicts a second on HumanEval+ inputs: our runner, a fresh `bwrap python -I`, a plain `python -I`.

    python bench/code_verdicts.py ../shared/benchmarks/code/humaneval_plus_mini.jsonl.gz [--rows N] [--jobs 2]

All three run the same reference programs on the same inputs and compare the same values, in one process after
the other, `--jobs` at a time, in this order: ours, bwrap, plain, ours again (the machine may have changed).
Prints one JSON document; `ratio` is ours (the slower of its two runs) to bwrap, whose isolation is the same.
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
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

from verirl import sandbox
from verirl_code.data import decode, encode
from verirl_code.launch import Bounds, GoneError, LateError, nest
from verirl_code.spec import read_spec
from verirl_code.trial import attempt

SECONDS = 10.0
HARNESS = """
import json, sys
job = json.load(sys.stdin)
scope = {}
exec(compile(job["code"], "answer", "exec"), scope)
print(json.dumps([scope[job["name"]](*args) for args in job["inputs"]]))
"""
PYTHON = os.path.realpath(sys.executable)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path)
    parser.add_argument("--rows", type=int, default=114)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    options = parser.parse_args()
    with gzip.open(options.file, "rt", encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines][: options.rows]
    tasks = [task for row in rows if (task := task_of(row)) is not None]
    with ProcessPoolExecutor(options.jobs) as pool:
        runs = [measured(pool, way, tasks, options.jobs) for way in (ours, fresh, plain, ours)]
    first, bwrap, bare, second = runs
    print(
        json.dumps(
            {
                "tasks": len(tasks),
                "inputs": sum(len(task["inputs"]) for task in tasks),
                "jobs": options.jobs,
                "verdicts_per_second": {"ours": [first, second], "bwrap python -I": bwrap, "python -I": bare},
                "ratio": round(min(first, second) / bwrap, 2),
                "ours_ms": parts(tasks),
            },
            indent=1,
        )
    )


def task_of(row: dict[str, Any]) -> dict[str, Any] | None:
    """A row as code, inputs and expected values, which its reference gives; None where one is no JSON."""
    code = row["prompt"] + row["canonical_solution"]
    inputs = [*row["base_input"], *row["plus_input"]]
    until = time.monotonic() + SECONDS
    guest = nest(sandboxed=True).guest(Bounds())
    try:
        guest.say({"role": "answer", "code": code, "entry_point": row["entry_point"]}, until)
        guest.hear(until), guest.hear(until)
        tests = []
        for args in inputs:
            guest.say({"nonce": 0, "op": "plain", "name": row["entry_point"], "args": encode(args)}, until)
            tests.append(
                {"input": args, "expected": json.loads(json.dumps(decode(guest.hear(until)["value"])))}
            )
    except (GoneError, LateError, KeyError, TypeError, ValueError):
        return None
    finally:
        guest.close()
    return {"code": code, "name": row["entry_point"], "inputs": inputs, "tests": tests}


def measured(
    pool: ProcessPoolExecutor, way: Callable[[dict[str, Any]], bool], tasks: list[dict[str, Any]], jobs: int
) -> float:
    """Verdicts a second; every one of them must be right."""
    list(pool.map(way, tasks[: 4 * jobs]))
    started = time.perf_counter()
    right = list(pool.map(way, tasks))
    seconds = time.perf_counter() - started
    wrong = [task["name"] for task, passed in zip(tasks, right, strict=True) if not passed]
    if wrong:
        print(f"{way.__name__}: not passed: {wrong}", file=sys.stderr)
    return round(len(tasks) / seconds, 1)


def ours(task: dict[str, Any]) -> bool:
    spec = read_spec({"entry_point": task["name"], "tests": task["tests"]})
    trial = attempt(spec, task["code"], nest(sandboxed=True), SECONDS, key=task["name"])
    return (
        trial.fell is None
        and len(trial.results) == trial.total
        and all(r.right for r in trial.results.values())
    )


def fresh(task: dict[str, Any]) -> bool:
    run = partial(
        sandbox.run,
        readable=sandbox.interpreter(),
        limits=sandbox.Limits(wall_s=SECONDS),
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
    """Where the time of one verdict goes: medians, in milliseconds."""
    spent: dict[str, list[float]] = {
        name: [] for name in ("fork and walls", "compile and run", "calls", "end")
    }
    for task in tasks:
        until = time.monotonic() + SECONDS
        marks = [time.perf_counter()]
        guest = nest(sandboxed=True).guest(Bounds())
        guest.say({"role": "answer", "code": task["code"], "entry_point": task["name"]}, until)
        guest.hear(until)
        marks.append(time.perf_counter())
        guest.hear(until)
        marks.append(time.perf_counter())
        for args in task["inputs"]:
            guest.say({"nonce": 0, "op": "plain", "name": task["name"], "args": encode(args)}, until)
            guest.hear(until)
        marks.append(time.perf_counter())
        guest.close()
        marks.append(time.perf_counter())
        for name, start, end in zip(spent, marks, marks[1:], strict=False):
            spent[name].append(1000 * (end - start))
    return {name: round(statistics.median(values), 2) for name, values in spent.items()}


if __name__ == "__main__":
    main()
