"""Verdicts to fill a cache with, also from processes of their own."""

from __future__ import annotations

import warnings

from verirl.outcomes import StageOutcome, passed
from verirl.pool import VerdictCache
from verirl.pool.stage_runner import verdict
from verirl.types import Stage, Status, Verdict

LADDER = (
    Stage(name="parse"),
    Stage(name="style", kind="quality"),
    Stage(name="check"),
    Stage(name="area", kind="quality"),
)


def a_verdict(status: Status = Status.PASSED, detail: str = "") -> Verdict:
    found = [passed("parse"), passed("check", detail=detail)]
    found[1] = StageOutcome(found[1].stage.model_copy(update={"status": status}))
    return verdict("t", 0, LADDER, found, {"domain": "toy 1"})


def fill_cache(place: str, name: str) -> None:
    """Put 200 verdicts into a cache and read half of them; a warning is an error."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        cache = VerdictCache(place)
        for index in range(200):
            cache.put(f"{name}{index}", a_verdict())
            if index % 10 == 0:
                cache.flush()
            cache.get(f"{name}{index // 2}", LADDER)
        cache.close()
