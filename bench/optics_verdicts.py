"""Whole verdicts a second, from an answer's text to its reward, on triplets.

python bench/optics_verdicts.py [-n 2000] [--workers 2]

Answers are a classical triplet with every radius moved a little: some pass, some do not, no two are the same.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections import Counter
from pathlib import Path
from random import Random

for _library in ("OMP", "OPENBLAS", "MKL"):
    os.environ[f"{_library}_NUM_THREADS"] = "1"
sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

from support.lenses import SPEC, TRIPLET  # noqa: E402 - threads are counted when a library is imported

from verirl import registry  # noqa: E402
from verirl.domain import StageContext  # noqa: E402
from verirl.pool import Request, VerifierPool  # noqa: E402
from verirl.pool.stage_runner import StageRunner, run_stages, verdict  # noqa: E402
from verirl.scoring import reward, scheme  # noqa: E402
from verirl.types import Message, Task, Verdict  # noqa: E402

ROUNDS = 3
SURFACES = [
    (float(radius), rest) for radius, _, rest in (line.partition(" ") for line in TRIPLET.split("\n"))
]


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    asked.add_argument("-n", type=int, default=2000, help="answers a round; the best of three rounds counts")
    asked.add_argument("--workers", type=int, default=2)
    arguments = asked.parse_args()
    task = Task(
        id="triplet", domain="optics", prompt=(Message(role="user", content="A triplet."),), spec=SPEC
    )
    answers = [answer(seed) for seed in range(ROUNDS * arguments.n)]
    rounds = [answers[start : start + arguments.n] for start in range(0, len(answers), arguments.n)]
    domain = registry.load("optics")
    domain.warm_up()
    alone(task, answers[0])
    rates = []
    for part in rounds:
        started = time.process_time()
        found = [rewarded(alone(task, text)) for text in part]
        rates.append(len(part) / (time.process_time() - started))
    fell = Counter(str(each.stages[-1].name) for each in found)
    print(f"answers end at: {', '.join(f'{name} {count}' for name, count in fell.most_common())}")
    print(f"in this process, one thread: {max(rates):6.0f} verdicts a second of its CPU time")
    for workers in sorted({1, arguments.workers}):
        with VerifierPool(workers) as pool:
            pool.verify([Request(task, answer(-seed - 1)) for seed in range(workers * 20)])
            rates = []
            for part in rounds:
                started = time.perf_counter()
                found = [rewarded(each) for each in pool.verify([Request(task, text) for text in part])]
                rates.append(len(part) / (time.perf_counter() - started))
        print(f"through a pool of {workers}:        {max(rates):6.0f} verdicts a second", flush=True)


def answer(seed: int) -> str:
    draw = Random(seed)
    return "\n".join(f"{radius * draw.gauss(1.0, 0.004):.6g} {rest}" for radius, rest in SURFACES)


def alone(task: Task, text: str) -> Verdict:
    domain = registry.load("optics")
    progress = StageRunner(domain.ladder)
    for _ in run_stages(domain, task, text, StageContext(Path(), 10.0), progress):
        pass
    return verdict(task.id, 0, domain.ladder, progress.outcomes, {})


def rewarded(found: Verdict) -> Verdict:
    return reward(scheme("lexicographic"), registry.load("optics").ladder, found)


if __name__ == "__main__":
    main()
