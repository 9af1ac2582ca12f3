"""Pools for tests that judge in the real sandbox; where that does not work, such a test is skipped."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from verirl import sandbox
from verirl.errors import ToolMissingError
from verirl.pool import VerifierPool


def need_sandbox() -> None:
    """Skip the test where the sandbox's tools are missing."""
    try:
        sandbox.require()
    except ToolMissingError as problem:
        pytest.skip(str(problem))


@contextmanager
def sandboxed(workers: int, deadline_s: float) -> Iterator[VerifierPool]:
    """A pool of sandboxed workers."""
    need_sandbox()
    with VerifierPool(workers, deadline_s=deadline_s) as made:
        yield made
