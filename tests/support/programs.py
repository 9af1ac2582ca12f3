"""Judging programs outside a pool, and what they leave behind."""

from __future__ import annotations

import os
import time
from pathlib import Path

from verirl import registry
from verirl.domain import StageContext
from verirl.outcomes import StageOutcome
from verirl.sandbox import processes
from verirl.types import Message, Task
from verirl_code.execution import child_pool

CODE = registry.load("code")


def judge(spec: dict, answer: str, folder: Path, seconds: float = 8.0) -> list[StageOutcome]:
    task = Task(id="t", domain="code", prompt=(Message(role="user", content="Double."),), spec=spec)
    completion = f"```python\n{answer}\n```\n"
    return list(CODE.stages(task, completion, StageContext(folder, seconds)))


def settled() -> tuple[int, int]:
    """Processes below this one and descriptors, once the kernel has cleared away what has ended.

    Less the children made ahead, whose number changes, with their channels and streams.
    """
    time.sleep(1.0)
    ahead = child_pool.shared_pool(sandboxed=True)._spares
    children = sum(map(len, ahead.values()))
    fds = sum(len(spares) * (3 if kind.streams else 1) for kind, spares in ahead.items())
    below = len(processes.descendants(os.getpid()))
    return below - children, len(list(Path("/proc/self/fd").iterdir())) - fds
