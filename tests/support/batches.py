"""Judge the selected cases of a module in one batch; each stays a test that can be run alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from verirl.pool import Request, VerifierPool
from verirl.types import Message, Task, Verdict


def selected(request: pytest.FixtureRequest, parameter: str) -> list[Any]:
    """Return the values of a parameter in the selected tests of the requesting module, without repeats."""
    values = [
        item.callspec.params[parameter]
        for item in request.session.items
        if item.path == request.path and parameter in getattr(item, "fixturenames", ())
    ]
    return list(dict.fromkeys(values))


def judge_batch(
    pool: VerifierPool, cases: Mapping[str, Sequence[tuple[Mapping[str, Any], str]]]
) -> dict[str, list[Verdict]]:
    """Judge the (spec, completion) pairs of each case in the domain `code`, all in one call."""
    requests: list[Request] = []
    for pairs in cases.values():
        for spec, completion in pairs:
            task = Task(id="t", domain="code", prompt=(Message(role="user", content="?"),), spec=dict(spec))
            requests.append(Request(task, completion, sample=len(requests)))
    verdicts = iter(pool.verify(requests))
    return {name: [next(verdicts) for _ in pairs] for name, pairs in cases.items()}


def judge_selected(
    request: pytest.FixtureRequest, pool: VerifierPool, requests: Mapping[str, Request]
) -> dict[str, Verdict]:
    """Judge those of some named requests whose name is the parameter `name` of a selected test."""
    names = [name for name in selected(request, "name") if name in requests]
    return dict(zip(names, pool.verify([requests[name] for name in names]), strict=True))


def last_stage(verdict: Verdict) -> str:
    """Return the last stage of a verdict and its detail, for the message of an assertion."""
    return f"{verdict.stages[-1].name}: {verdict.stages[-1].detail}"
