"""The examples in the docstrings of the public modules run as they stand."""

from __future__ import annotations

import doctest
import importlib

import pytest

MODULES = (
    "verirl.errors",
    "verirl.options",
    "verirl.registry",
    "verirl.scoring.advantages.registry",
    "verirl.scoring.schemes",
    "verirl.spec",
    "verirl.taskgen.difficulty",
    "verirl.taskgen.mutants",
)


@pytest.mark.parametrize("name", MODULES)
def test_examples_run(name: str) -> None:
    failed, attempted = doctest.testmod(importlib.import_module(name))
    assert not failed
    assert attempted
