"""Judge the cases of a table in one batch, so that each case can be a test of its own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import pytest

from verirl.pool import Request, VerifierPool
from verirl.types import Verdict


def selected(request: pytest.FixtureRequest, names: Iterable[str]) -> list[str]:
    """The cases whose tests this session runs: those of `names` that a test of the module has as `name`."""
    wanted = {
        item.callspec.params.get("name")
        for item in request.session.items
        if isinstance(item, pytest.Function) and item.module is request.module and hasattr(item, "callspec")
    }
    return [name for name in names if name in wanted]


def judge_selected(
    request: pytest.FixtureRequest, pool: VerifierPool, requests: Mapping[str, Request]
) -> dict[str, Verdict]:
    """Judge the selected ones of some named requests together."""
    names = selected(request, requests)
    return dict(zip(names, pool.verify([requests[name] for name in names]), strict=True))


def last_stage(verdict: Verdict) -> str:
    """The last stage of a verdict and its detail, for the message of an assertion."""
    return f"{verdict.stages[-1].name}: {verdict.stages[-1].detail}"
