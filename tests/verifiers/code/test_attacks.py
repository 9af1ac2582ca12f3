"""The hostile suite: no attack passes, reaches anything, outlives its deadline or leaves anything behind."""

from __future__ import annotations

import importlib
import tempfile
import time
from pathlib import Path

import pytest
from cases.code.attacks import BOMBS, FORGED, REACHES, TESTS_MISLED
from support.paths import BENCH
from support.programs import has_passed, judge, settled, statuses

from verirl.pool import Request, VerifierPool
from verirl.sandbox import processes
from verirl.types import Message, Status, Task
from verirl_code.execution import child_pool, fork_server
from verirl_code.execution.fork_server_process import ChildLimits

HONEST = "def f(x):\n    return 2 * x\n"
SPEC = {
    "entry_point": "f",
    "tests": [{"input": [n], "expected": 2 * n} for n in range(1, 7)],
    "visible": 2,
    "memory_mb": 256,
}
CHECK = {
    "entry_point": "f",
    "test_code": "def check(candidate):\n"
    + "".join(f"    assert candidate({n}) == {2 * n}\n" for n in range(1, 7)),
    "memory_mb": 256,
}
ASSERTS = {"test_code": "".join(f"assert f({n}) == {2 * n}\n" for n in range(1, 7)), "memory_mb": 256}


pytestmark = pytest.mark.needs_sandbox


@pytest.mark.parametrize("spec", [SPEC, CHECK, ASSERTS], ids=["calls", "check", "asserts"])
@pytest.mark.parametrize("kind", FORGED)
def test_no_verdict_is_forged(kind: str, spec: dict, tmp_path: Path) -> None:
    found = judge({**spec, "time_s": 0.5}, FORGED[kind], tmp_path)
    assert not has_passed(found)
    assert Status.ERROR not in statuses(found).values()
    assert has_passed(judge(spec, HONEST, tmp_path))


@pytest.mark.parametrize("kind", TESTS_MISLED)
def test_no_test_is_misled(kind: str, tmp_path: Path) -> None:
    test_code, answer = TESTS_MISLED[kind]
    spec = {"entry_point": "f", "test_code": test_code, "memory_mb": 256, "time_s": 1.0}
    found = judge(spec, answer, tmp_path)
    assert not has_passed(found)
    assert Status.ERROR not in statuses(found).values()


@pytest.mark.parametrize("kind", BOMBS)
def test_bombs_end_in_time(kind: str, tmp_path: Path) -> None:
    started = time.monotonic()
    found = judge({**SPEC, "time_s": 0.7}, BOMBS[kind], tmp_path)
    seconds = time.monotonic() - started
    assert not has_passed(found)
    assert Status.ERROR not in statuses(found).values()
    assert seconds < 12.0, "the job had 8 seconds"
    assert has_passed(judge(SPEC, HONEST, tmp_path))


@pytest.mark.parametrize("kind", REACHES)
def test_nothing_is_in_reach(kind: str, tmp_path: Path) -> None:
    lines = "".join(f"        {line}\n" for line in REACHES[kind].splitlines())
    caught = "    except Exception:\n        return 'out of reach'\n    return 'reached'\n"
    answer = f"def f(x):\n    try:\n{lines}{caught}"
    spec = {"entry_point": "f", "tests": [{"input": [1], "expected": "out of reach"}]}
    found = judge(spec, answer, tmp_path)
    assert has_passed(found), found[-1].stage.detail


def test_a_jobs_files_are_gone_for_the_next(tmp_path: Path) -> None:
    answer = (
        "import os\nplaces = ['/tmp', '/job']\n"
        "def f(x):\n    seen = [name for place in places for name in os.listdir(place)]\n"
        "    for place in places:\n        open(f'{place}/left', 'w').write('x')\n    return len(seen)\n"
    )
    spec = {"entry_point": "f", "tests": [{"input": [1], "expected": 0}]}
    assert has_passed(judge(spec, answer, tmp_path))
    assert has_passed(judge(spec, answer, tmp_path))


def test_a_programs_runs_share_nothing(tmp_path: Path) -> None:
    """They are forked together, and none holds anything of the next: no file, no descriptor, no input."""
    answer = (
        "import os\nimport sys\nheld = []\n"
        "for fd in range(64):\n    try:\n        os.fstat(fd)\n        held.append(fd)\n"
        "    except OSError:\n        pass\n"
        "print(held, os.listdir('/job'), input(), os.getpid())\n"
        "open('/job/left', 'w').write('x')\nos.lseek(0, 0, 0)\nos.write(0, b'other')\n"
    )
    tests = [{"stdin": f"{n}\n", "stdout": f"[0, 1, 2, 3] [] {n} 1\n"} for n in range(9)]
    found = judge({"tests": tests}, answer, tmp_path)
    assert has_passed(found), found[-1].stage.detail


def test_children_made_ahead_are_few_and_none_is_old(tmp_path: Path) -> None:
    """Kinds come and go; what is kept of each is bounded, and its user is nobody else's."""
    pool = child_pool.ChildPool()
    try:
        for number in range(90):
            memory_mb = 200 + (number % 7 if number % 3 else 0)
            child = pool.take(ChildLimits(memory_mb=memory_mb), streams=number % 5 == 0)
            child.close()
        spares = [one for kind in pool._spares.values() for one in kind]
        assert 0 < len(spares) <= child_pool.MAX_KINDS * child_pool.FORK_BATCH
        assert all(one.number > pool._server.last_number - child_pool.MAX_AGE_CHILDREN for one in spares)
        prepared = child_pool.MAX_AGE_CHILDREN + child_pool.FORK_BATCH
        assert prepared + fork_server.MAX_DYING_CHILDREN < fork_server.USER_IDS
        time.sleep(0.5)
        below = processes.descendants(pool._server.process.pid)
        assert len(below) <= len(spares) + 1
    finally:
        pool.close()


def test_one_answers_threads_are_not_counted_with_the_next_ones(tmp_path: Path) -> None:
    many = (
        "import threading, time\ndef f(x):\n    sleep = lambda: time.sleep(0.01)\n"
        "    all_ = [threading.Thread(target=sleep) for _ in range(12)]\n"
        "    for one in all_: one.start()\n    for one in all_: one.join()\n    return 2 * x\n"
    )
    for _ in range(5):
        assert not has_passed(judge({**SPEC, "time_s": 0.5}, BOMBS["threads"], tmp_path))
        assert has_passed(judge({**SPEC, "memory_mb": 1024}, many, tmp_path))
        assert has_passed(judge({**CHECK, "memory_mb": 1024}, many, tmp_path))


def test_nothing_is_left_behind(tmp_path: Path) -> None:
    spec = {**SPEC, "time_s": 1.0}
    judge(spec, HONEST, tmp_path)
    before = settled()
    for answer in [*FORGED.values()][:12]:
        judge(spec, answer, tmp_path)
    assert settled() == before
    assert not list(tmp_path.iterdir())


def test_hostile_and_honest_side_by_side_in_a_pool() -> None:
    task = Task(
        id="t", domain="code", prompt=(Message(role="user", content="Double."),), spec={**SPEC, "time_s": 1.0}
    )
    hostile = [FORGED[kind] for kind in list(FORGED)[:10]] + [
        BOMBS["fork"],
        BOMBS["memory"],
        BOMBS["threads"],
    ]
    jobs = []
    for number, answer in enumerate(hostile):
        jobs += [Request(task, f"```python\n{answer}```", sample=2 * number)]
        jobs += [Request(task, f"```python\n{HONEST}# {number}\n```", sample=2 * number + 1)]
    with VerifierPool(workers=2, deadline_s=10) as pool:
        verdicts = pool.verify(jobs)
    assert [verdict.passed for verdict in verdicts] == [False, True] * len(hostile)
    assert not any(verdict.is_error for verdict in verdicts)


@pytest.mark.slow
def test_a_pool_under_attack_loses_nothing_and_keeps_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What `bench/pool_stress.py --code` does with 20 000, with a few hundred."""
    monkeypatch.syspath_prepend(str(BENCH))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    stress = importlib.import_module("pool_stress")
    fine, figures = stress.measure_code(300, 0.05, 2, tmp_path)
    assert fine, figures
