"""Fixtures and markers of all tests: pools, the sandbox, and what a machine may lack."""

from __future__ import annotations

import importlib.util
import shutil
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from support.paths import BENCHMARKS
from support.pools import need_sandbox, sandboxed

from verirl.pool import VerifierPool
from verirl.types import Message, Task


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip a test whose marker names something that this machine lacks.

    `needs_sandbox`, `needs_tools("iverilog", "vvp")`, `needs_modules("pyslang")`, `needs_benchmarks("rtl")`.
    """
    if item.get_closest_marker("needs_sandbox"):
        need_sandbox()
    for marker in item.iter_markers("needs_tools"):
        for tool in marker.args:
            if shutil.which(tool) is None:
                pytest.skip(f"{tool} is not installed")
    for marker in item.iter_markers("needs_modules"):
        for module in marker.args:
            if importlib.util.find_spec(module) is None:
                pytest.skip(f"the Python package {module} is not installed")
    for marker in item.iter_markers("needs_benchmarks"):
        for name in marker.args:
            if not (BENCHMARKS / name).is_dir():
                pytest.skip(f"the public benchmark data of '{name}' is not here (set VERIRL_BENCHMARKS)")


@pytest.fixture(scope="module")
def pool(request: pytest.FixtureRequest) -> Iterator[VerifierPool]:
    """A pool of sandboxed workers for one module.

    A module sets `POOL_WORKERS` (default 1) and `POOL_DEADLINE_S` (default 30) if it needs others.
    """
    workers = getattr(request.module, "POOL_WORKERS", 1)
    with sandboxed(workers, getattr(request.module, "POOL_DEADLINE_S", 30.0)) as made:
        yield made


@pytest.fixture(scope="session")
def make_task() -> Callable[..., Task]:
    """A factory of tasks: `make_task("math", {"answer": "1"}, prompt="What is 1?")`."""

    def make(domain: str, spec: dict[str, Any], *, prompt: str = "?", id: str = "t", **more: Any) -> Task:
        return Task(id=id, domain=domain, prompt=(Message(role="user", content=prompt),), spec=spec, **more)

    return make
