"""Judging programs outside a pool, and what they leave behind."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

from verirl import registry
from verirl.domain import StageContext
from verirl.outcomes import StageOutcome
from verirl.sandbox import processes
from verirl.types import Message, Status, Task
from verirl_code.execution import child_pool

CODE = registry.load("code")


def fenced(code: str) -> str:
    return f"```python\n{code}\n```\n"


def judge(spec: dict[str, Any], answer: str, folder: Path, **options: Any) -> list[StageOutcome]:
    """Judge a program text in this process."""
    return judge_completion(spec, fenced(answer), folder, **options)


def judge_completion(
    spec: dict[str, Any], completion: str, folder: Path, *, seconds: float = 8.0, sandboxed: bool = True
) -> list[StageOutcome]:
    """Judge a completion in this process."""
    task = Task(id="t", domain="code", prompt=(Message(role="user", content="Double."),), spec=spec)
    return list(CODE.stages(task, completion, StageContext(folder, seconds, sandboxed)))


def statuses(outcomes: list[StageOutcome]) -> dict[str, Status]:
    return {outcome.stage.name: outcome.stage.status for outcome in outcomes}


def has_passed(outcomes: list[StageOutcome]) -> bool:
    return statuses(outcomes).get("tests") is Status.PASSED


def settled() -> tuple[int, int]:
    """Count the processes below this one and the descriptors, once the kernel has cleaned up.

    Prepared children, whose number changes, do not count, nor do their channels and streams.
    """
    time.sleep(1.0)
    prepared = child_pool.shared_pool(sandboxed=True)._spares
    children = sum(map(len, prepared.values()))
    fds = sum(len(spares) * (3 if kind.streams else 1) for kind, spares in prepared.items())
    below = len(processes.descendants(os.getpid()))
    return below - children, len(list(Path("/proc/self/fd").iterdir())) - fds
