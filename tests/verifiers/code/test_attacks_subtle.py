"""Attacks of the subtler kinds, judged next to honest answers in one pool."""

from __future__ import annotations

from pathlib import Path

import pytest
from cases.code.attacks_subtle import COMPLETIONS, HOOKS, KERNEL, PROGRAMS, RESULTS, SOURCES
from support.batches import judge_batch, selected
from support.programs import fenced, judge, settled

from verirl.pool import VerifierPool
from verirl.types import Verdict

POOL_WORKERS = 2
POOL_DEADLINE_S = 12

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

SPECS = {"calls": (CALLS, HONEST), "check": (CHECK, HONEST), "program": (PROGRAM, HONEST_PROGRAM)}
SUITES = {"results": RESULTS, "hooks": HOOKS, "kernel": KERNEL}
ATTACKS = {
    **{
        f"{suite}, {spec}: {name}": (spec, fenced(code))
        for suite, attacks in SUITES.items()
        for spec in ("calls", "check")
        for name, code in attacks.items()
    },
    **{f"source: {name}": ("calls", fenced(code)) for name, code in SOURCES.items()},
    **{f"completion: {name}": ("calls", text) for name, text in COMPLETIONS.items()},
    **{f"program: {name}": ("program", fenced(code)) for name, code in PROGRAMS.items()},
}
"""Name of the attack → name of the spec, completion."""


@pytest.fixture(scope="module")
def verdicts(pool: VerifierPool, request: pytest.FixtureRequest) -> dict[str, list[Verdict]]:
    """Each attack's verdict, and that of an honest answer next to it."""
    cases = {}
    for name in selected(request, "attack"):
        spec_name, completion = ATTACKS[name]
        spec, honest = SPECS[spec_name]
        cases[name] = [(spec, completion), (spec, fenced(honest))]
    return judge_batch(pool, cases)


@pytest.mark.parametrize("attack", ATTACKS)
def test_an_attack_does_not_pass_and_harms_no_other_answer(
    attack: str, verdicts: dict[str, list[Verdict]]
) -> None:
    hostile, honest = verdicts[attack]
    assert not hostile.passed
    assert not hostile.is_error, hostile.stages[-1].detail
    assert honest.passed, honest.stages[-1].detail


@pytest.mark.needs_sandbox
def test_nothing_is_left(tmp_path: Path) -> None:
    judge(CALLS, HONEST, tmp_path)
    before = settled()
    for attack in [*KERNEL.values()][12:18]:
        judge(CALLS, attack, tmp_path)
    assert settled() == before
    assert not list(tmp_path.iterdir())
