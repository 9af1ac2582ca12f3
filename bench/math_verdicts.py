"""Verdicts a second: the math checker in its sandboxed pool against math-verify called plainly.

    python bench/math_verdicts.py [--workers 2] [--count 3000] [--hard]

Same inputs, one run: golds of MATH-500 and GSM8K (see benchmarks.py) answered rightly and, every
second time, with another row's gold. Without those files, the hand-judged answers of `tests/cases/math` are
used instead.
`--hard` also counts both sides' mistakes on the hand-judged answers. The last line is one ratio.
"""

from __future__ import annotations

import argparse
import logging
import time
from pathlib import Path
from typing import NamedTuple

import benchmarks
from math_verify import parse, verify

from verirl import registry
from verirl.io.jsonl import read_lines
from verirl.pool import Request, VerifierPool
from verirl.types import Message, Task

ROOT = Path(__file__).resolve().parents[1]
HARD = ROOT / "tests/cases/math/math_answers.jsonl"


class Pair(NamedTuple):
    gold: str
    answer: str
    right: bool


def pairs(count: int) -> list[Pair]:
    """`count` pairs, half right and half crossed; the hand-judged ones where there is no data."""
    files = {name: benchmarks.find(name) for name in ("math500", "gsm8k")}
    golds = [
        str(task.spec["answer"])
        for name, path in files.items()
        if path is not None
        for task in registry.load("math").importers[name](path)
    ]
    if not golds:
        return (hard() * (count // len(hard()) + 1))[:count]
    found = []
    for index in range(count):
        gold = golds[index % len(golds)]
        other = golds[(7 * index + 1) % len(golds)]
        answer = gold if index % 2 == 0 else other
        found.append(Pair(gold, answer, answer == gold))
    return found


def hard() -> list[Pair]:
    """The hand-judged answers of the tests."""
    return [Pair(v["gold"], v["answer"], v["right"]) for v in (line.value for line in read_lines(HARD))]


def request(index: int, pair: Pair) -> Request:
    prompt = (Message(role="user", content=f"Problem {index}."),)
    task = Task(id=str(index), domain="math", prompt=prompt, spec={"answer": pair.gold})
    return Request(task, f"So the answer is $\\boxed{{{pair.answer}}}$.")


def ours(found: list[Pair], workers: int) -> tuple[float, list[bool]]:
    """Seconds and verdicts of the pool; its start is warmed up and not counted."""
    requests = [request(index, pair) for index, pair in enumerate(found)]
    with VerifierPool(workers) as pool:
        pool.verify([request(-1 - index, pair) for index, pair in enumerate(hard()[:200])])
        started = time.perf_counter()
        verdicts = pool.verify(requests)
        return time.perf_counter() - started, [verdict.passed for verdict in verdicts]


def theirs(found: list[Pair]) -> tuple[float, list[bool]]:
    """Seconds and verdicts of math-verify as its own documentation calls it."""
    for pair in hard()[:50]:
        judge(pair)
    started = time.perf_counter()
    verdicts = [judge(pair) for pair in found]
    return time.perf_counter() - started, verdicts


def judge(pair: Pair) -> bool:
    return bool(verify(parse(f"${pair.gold}$"), parse(f"So the answer is $\\boxed{{{pair.answer}}}$.")))


def mistakes(name: str, found: list[Pair], verdicts: list[bool]) -> None:
    accepted = sum(given and not pair.right for pair, given in zip(found, verdicts, strict=True))
    refused = sum(pair.right and not given for pair, given in zip(found, verdicts, strict=True))
    print(f"{name}: {accepted} false accepts, {refused} false rejects of {len(found)}")


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--workers", type=int, default=2)
    options.add_argument("--count", type=int, default=3000)
    options.add_argument("--hard", action="store_true")
    given = options.parse_args()
    logging.getLogger("math_verify").setLevel(logging.CRITICAL)
    if given.hard:
        cases = hard()
        mistakes("verirl", cases, ours(cases, given.workers)[1])
        mistakes("math-verify", cases, theirs(cases)[1])
    found = pairs(given.count)
    our_seconds, _ = ours(found, given.workers)
    their_seconds, _ = theirs(found)
    print(f"verirl, {given.workers} workers: {len(found) / our_seconds:.0f} verdicts/s")
    print(f"math-verify, one process: {len(found) / their_seconds:.0f} verdicts/s")
    print(f"ratio {their_seconds / our_seconds:.2f}")


if __name__ == "__main__":
    main()
