"""Fixtures of the RTL tests."""

from __future__ import annotations

import pytest

from verirl.pool import VerifierPool


@pytest.fixture(scope="session")
def verilator_runtime() -> None:
    """Compile the runtime of Verilator, if it is installed, so that no verdict has to wait for it."""
    pytest.importorskip("pyslang")
    from verirl_rtl.simulation.verilator_build import runtime_folder, verilator_installed

    if verilator_installed():
        runtime_folder()


@pytest.fixture(scope="module")
def pool(verilator_runtime: None, pool: VerifierPool) -> VerifierPool:
    """The pool of `tests/conftest.py`, started when the runtime of Verilator is ready."""
    return pool
