"""The stages of the domain, most important first."""

from __future__ import annotations

from verirl.types import Stage

LEVELS = 4
"""Number of scores that `efficiency` can have: CPU time is never the same twice."""

LADDER = (
    Stage(name="extract", kind="correctness", weight=0.05),
    Stage(name="parse", kind="correctness", weight=0.05),
    Stage(name="runs", kind="correctness", weight=0.1),
    Stage(name="tests", kind="correctness", weight=0.75, levels=9),
    Stage(name="efficiency", kind="quality", weight=0.05, levels=LEVELS),
)
