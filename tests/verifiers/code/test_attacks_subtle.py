"""Attacks of the subtler kinds, judged side by side with honest answers in one pool."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cases.code.attacks_subtle import COMPLETIONS, HOOKS, KERNEL, PROGRAMS, RESULTS, SOURCES
from support.pools import need_sandbox, sandboxed
from support.programs import judge, settled

from verirl.pool import Request, VerifierPool
from verirl.types import Message, Task, Verdict

LISTS = [[1, 2, 3], [], [5], [0, -1], [7, 7, 7, 7], [2]]
CALLS = {
    "entry_point": "f",
    "tests": [{"input": [a], "expected": [2 * x for x in a]} for a in LISTS],
    "time_s": 1.0,
    "memory_mb": 256,
}
CHECK = {
    "entry_point": "f",
    "test_code": "def check(candidate):\n"
    + "".join(f"    assert candidate({a}) == {[2 * x for x in a]}\n" for a in LISTS),
    "time_s": 1.0,
    "memory_mb": 256,
}
PROGRAM = {
    "tests": [{"stdin": f"{n}\n", "stdout": f"{n * n}\n"} for n in (2, 3, 4)],
    "visible": 1,
    "time_s": 1.0,
    "memory_mb": 256,
}
HONEST = "def f(a):\n    return [2 * x for x in a]\n"
HONEST_PROGRAM = "print(int(input()) ** 2)\n"


@pytest.fixture(scope="module")
def pool() -> Iterator[VerifierPool]:
    with sandboxed(2, 12) as made:
        yield made


def fenced(code: str) -> str:
    return f"```python\n{code}\n```\n"


def told(pool: VerifierPool, spec: dict[str, Any], attacks: dict[str, str], honest: str) -> dict[str, str]:
    """Which attacks passed or made us fail, and which honest answers beside them did not pass."""
    task = Task(id="t", domain="code", prompt=(Message(role="user", content="?"),), spec=spec)
    texts = [text for attack in attacks.values() for text in (attack, fenced(honest))]
    found = pool.verify([Request(task, text, sample=n) for n, text in enumerate(texts)])
    hostile = {kind: one for kind, one in zip(attacks, found[::2], strict=True) if one.passed or one.is_error}
    beside = {
        f"beside: {kind}": one for kind, one in zip(attacks, found[1::2], strict=True) if not one.passed
    }
    return {kind: _words(one) for kind, one in (hostile | beside).items()}


def _words(verdict: Verdict) -> str:
    last = verdict.stages[-1]
    return f"{last.name} {last.status} {last.detail}"


@pytest.mark.parametrize("spec", [CALLS, CHECK], ids=["calls", "check"])
@pytest.mark.parametrize("suite", [RESULTS, HOOKS, KERNEL], ids=["results", "hooks", "kernel"])
def test_none_is_taken_for_an_answer(pool: VerifierPool, suite: dict[str, str], spec: dict[str, Any]) -> None:
    assert told(pool, spec, {kind: fenced(code) for kind, code in suite.items()}, HONEST) == {}


def test_no_source_trips_us(pool: VerifierPool) -> None:
    assert told(pool, CALLS, {kind: fenced(code) for kind, code in SOURCES.items()}, HONEST) == {}


def test_no_completion_trips_us(pool: VerifierPool) -> None:
    assert told(pool, CALLS, COMPLETIONS, HONEST) == {}


def test_no_output_is_taken_for_another(pool: VerifierPool) -> None:
    suite = {kind: fenced(code) for kind, code in PROGRAMS.items()}
    assert told(pool, PROGRAM, suite, HONEST_PROGRAM) == {}


def test_nothing_is_left(tmp_path: Path) -> None:
    need_sandbox()
    judge(CALLS, HONEST, tmp_path)
    before = settled()
    for attack in [*KERNEL.values()][12:18]:
        judge(CALLS, attack, tmp_path)
    assert settled() == before
    assert not list(tmp_path.iterdir())
