"""How the verifier pool bears 10 000 jobs of which some hang, crash, or eat memory.

    python bench/pool_stress.py [--jobs 10000] [--workers 2] [--hostile 0.02] [--math] [--code]

Prints throughput of trivial verdicts without and with hostile ones among them, and checks what must hold:
no verdict lost, none wrong, no process left, and the parent's memory flat. Exits with 1 where one does not.
`--math` also measures the math domain on tasks that it makes itself. `--code` measures the code domain alone:
`--jobs` answers to tasks that it makes itself, right and wrong ones and attacks of the hostile suite among
them, with what the pool and everything below it holds after each tenth (`--json FILE`: as a document).
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

from cases.code.attacks import BOMBS, FORGED
from support.toy_domain import install, processes_with, toy_task

from verirl import registry, seeds
from verirl.pool import Request, VerifierPool
from verirl.sandbox import processes
from verirl.types import Message, Task, Verdict
from verirl_code.execution.child_pool import FORK_BATCH, MAX_KINDS

MARK = 10**6 + os.getpid()
"""A number of seconds that only jobs of this run sleep."""

HOSTILE = {
    "do:while True: pass": "timeout",
    "do:time.sleep(60)": "timeout",
    "do:os._exit(3)": "failed",
    "do:ctypes.string_at(0)": "failed",
    "do:hoard = bytearray(8 << 30)": "failed",
    "do:f = lambda: f(); f()": "failed",
    f"do:[subprocess.Popen(['sleep', '{MARK}'], start_new_session=True) for _ in range(5)]": "passed",
    "do:raise ValueError('x')": "error",
}


def jobs(count: int, hostile: float) -> tuple[list[Request], list[str]]:
    """Requests and what must come of each."""
    requests, expected = [], []
    kinds = list(HOSTILE)
    for index in range(count):
        draw = seeds.rng("stress", index)
        task = toy_task(answer=f"a{index}")
        if draw.random() < hostile:
            kind = draw.choice(kinds)
            requests.append(Request(task, f"{kind}  # {index}", index))
            expected.append(HOSTILE[kind])
        else:
            right = draw.random() < 0.5
            requests.append(Request(task, f"a{index}" if right else f"wrong {index}", index))
            expected.append("passed" if right else "failed")
    return requests, expected


def outcome(verdict: Verdict) -> str:
    if verdict.is_error:
        return "error"
    if any(stage.status == "timeout" for stage in verdict.stages):
        return "timeout"
    return "passed" if verdict.passed else "failed"


def memory_mb() -> float:
    """Resident memory of this process."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


def processes_left() -> int:
    """Processes that jobs of this run, or its pool, have left behind."""
    children = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
    return len(children) + len(processes_with(f"sleep {MARK}"))


def measure(name: str, requests: list[Request], expected: list[str], workers: int, deadline: float) -> bool:
    """Judge in batches of a tenth, as a trainer would, so that what the pool keeps would show."""
    size = max(1, len(requests) // 10)
    found: list[str] = []
    starved = 0
    memory = []
    with VerifierPool(workers, deadline_s=deadline, memory_mb=1024) as pool:
        pool.verify([Request(requests[0].task, f"warm {index}") for index in range(8 * workers)])
        started = time.perf_counter()
        for first in range(0, len(requests), size):
            for verdict in pool.verify(requests[first : first + size]):
                found.append(outcome(verdict))
                starved += any("starved" in stage.detail for stage in verdict.stages)
            memory.append(memory_mb())
        seconds = time.perf_counter() - started
        stats = pool.stats
    wrong = [index for index, (a, b) in enumerate(zip(found, expected, strict=True)) if a != b]
    left = processes_left()
    rate = len(requests) / seconds
    print(f"{name}: {len(requests)} jobs, {workers} workers, {seconds:.1f} s, {rate:.0f}/s")
    print(f"  {dict(Counter(found))}")
    print(
        f"  wrong {len(wrong) - starved} (and {starved} starved by other processes), processes left {left}, "
        f"memory {memory[1]:.0f} → {memory[-1]:.0f} MB, crashes {stats.crashes}, respawns {stats.respawns}"
    )
    return len(wrong) <= starved and not left


@dataclass(frozen=True)
class Held:
    """What this process and everything below it holds, between two batches.

    `children`: processes that wait for an answer, whose number changes; they are not in the other figures.
    """

    processes: int
    children: int
    zombies: int
    descriptors: int
    mounts: int
    files: int
    memory_mb: float

    @classmethod
    def now(cls, folder: Path) -> Held:
        """Count, once the kernel has had time to clear away. `folder`: where temporary files are."""
        time.sleep(0.5)
        tree = [os.getpid(), *processes.descendants(os.getpid())]
        children = [pid for pid in tree if is_child(pid)]
        places = [Path(f"/proc/{pid}") for pid in tree if pid not in children]
        return cls(
            len(places),
            len(children),
            zombies_below(set(tree)),
            sum(len(list((place / "fd").iterdir())) for place in places),
            sum(len((place / "mountinfo").read_text().splitlines()) for place in places),
            sum(1 for _ in folder.rglob("*")),
            round(sum(rss_mb(place) for place in places), 1),
        )


def is_child(pid: int) -> bool:
    """Whether it was forked by the interpreter that forks children, and so has its command line."""
    place = Path(f"/proc/{pid}")
    parent = (place / "stat").read_text().rpartition(")")[2].split()[1]
    line = (place / "cmdline").read_bytes()
    return (
        b"verirl_code.execution.fork_server" in line and line == Path(f"/proc/{parent}/cmdline").read_bytes()
    )


def zombies_below(tree: set[int]) -> int:
    """How many children of `tree` have ended and were not waited for."""
    found = 0
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                state, parent = (entry / "stat").read_text().rpartition(")")[2].split()[:2]
            except OSError:
                continue
            found += state == "Z" and int(parent) in tree
    return found


def rss_mb(place: Path) -> float:
    return int((place / "statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


def yardstick() -> float:
    """Seconds that a fresh interpreter takes now: what else the machine does shows in both figures."""
    seconds = []
    for _ in range(7):
        started = time.perf_counter()
        subprocess.run([os.path.realpath(sys.executable), "-I", "-S", "-c", "pass"], check=True)
        seconds.append(time.perf_counter() - started)
    return statistics.median(seconds)


def code_jobs(count: int, hostile: float) -> tuple[list[Request], list[bool]]:
    """Answers to code tasks, no two alike, and whether each must pass."""
    code = registry.load("code")
    tasks = [code.generate(11, index, 0.5) for index in range(60)]
    wrong = [next(iter(code.mutants(task))).completion for task in tasks]
    tests = [{"input": [n], "expected": 2 * n} for n in range(1, 7)]
    spec = {"entry_point": "f", "tests": tests, "time_s": 1.0, "memory_mb": 256}
    double = Task(id="double", domain="code", prompt=(Message(role="user", content="Double."),), spec=spec)
    attacks = [*FORGED.values(), *BOMBS.values()]
    requests, expected = [], []
    for index in range(count):
        draw = seeds.rng("stress", "code", index)
        if draw.random() < hostile:
            request = Request(double, f"```python\n{draw.choice(attacks)}\n# {index}\n```", index)
            right = False
        else:
            number, right = draw.randrange(len(tasks)), draw.random() < 0.5
            answer = str(tasks[number].reference) if right else wrong[number]
            request = Request(tasks[number], f"Answer {index}:\n{answer}", index)
        requests.append(request)
        expected.append(right)
    return requests, expected


def measure_code(count: int, hostile: float, workers: int, folder: Path) -> tuple[bool, dict[str, object]]:
    """Whether nothing was lost, wrong, or left; and the figures, a tenth at a time."""
    requests, expected = code_jobs(count, hostile)
    size = max(1, count // 10)
    rates, yards, held, wrong, errors = [], [], [], 0, 0
    alone = Held.now(folder)
    with VerifierPool(workers, deadline_s=10.0) as pool:
        pool.verify([Request(requests[0].task, f"warm {index}") for index in range(8 * workers)])
        before = Held.now(folder)
        for first in range(0, count, size):
            started = time.perf_counter()
            found = pool.verify(requests[first : first + size])
            rates.append(round(len(found) / (time.perf_counter() - started), 1))
            yards.append(round(1000 * yardstick(), 1))
            held.append(Held.now(folder))
            errors += sum(verdict.is_error for verdict in found)
            pairs = zip(found, expected[first : first + size], strict=True)
            wrong += sum(verdict.passed != right for verdict, right in pairs)
            print(f"  {first + len(found)}: {rates[-1]}/s, {yards[-1]} ms, {held[-1]}", flush=True)
    after = Held.now(folder)
    last = held[-1]
    fine = wrong == 0 and errors == 0 and after.processes == alone.processes
    fine &= after.zombies == last.zombies == 0
    # A worker that is being replaced holds nothing at the moment; more than at first, none may hold.
    fine &= all(one.processes <= held[0].processes and one.mounts <= held[0].mounts for one in held)
    ahead = workers * FORK_BATCH * MAX_KINDS
    fine &= all(one.children <= alone.children + ahead for one in held) and after.children == alone.children
    # Of a child that waits the worker has a channel and two streams, and who forked it a descriptor.
    fine &= last.descriptors <= held[0].descriptors + 4 * (workers + ahead) and after.files == 0
    figures = {"jobs": count, "hostile": hostile, "workers": workers, "wrong": wrong, "errors": errors}
    counts = [asdict(one) for one in (before, *held, after)]
    return fine, {
        **figures,
        "verdicts_per_second": rates,
        "yardstick_ms": yards,
        "held": counts,
        "stats": pool.stats.as_dict(),
    }


def code(options: argparse.Namespace) -> int:
    with tempfile.TemporaryDirectory(prefix="stress-") as folder:
        tempfile.tempdir = folder
        fine, figures = measure_code(options.jobs, options.hostile, options.workers, Path(folder))
    text = json.dumps(figures, indent=1)
    print(text)
    if options.json:
        options.json.write_text(text + "\n")
    return 0 if fine else 1


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--jobs", type=int, default=10_000)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--hostile", type=float, default=0.02)
    parser.add_argument("--deadline", type=float, default=1.0)
    parser.add_argument("--math", action="store_true")
    parser.add_argument("--code", action="store_true")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    if options.code:
        return code(options)
    with tempfile.TemporaryDirectory(prefix="stress-") as folder:
        install(Path(folder))
        sys.path.insert(0, folder)
        registry.installed.cache_clear()
        fine = measure("trivial", *jobs(options.jobs, 0.0), options.workers, options.deadline)
        fine &= measure("hostile", *jobs(options.jobs, options.hostile), options.workers, options.deadline)
    if options.math:
        math = registry.load("math")
        tasks = [math.generate(11, index, 0.5) for index in range(options.jobs // 10)]
        requests = [Request(task, str(task.reference)) for task in tasks]
        fine &= measure("math references", requests, ["passed"] * len(requests), options.workers, 10.0)
    return 0 if fine else 1


if __name__ == "__main__":
    sys.exit(main())
