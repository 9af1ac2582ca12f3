"""The ladder of the domain: its stages, most important first."""

from __future__ import annotations

from verirl.types import Stage

LADDER = (
    Stage(name="extract", kind="correctness", weight=0.02),
    Stage(name="policy", kind="correctness", weight=0.03),
    Stage(name="elaborate", kind="correctness", weight=0.1),
    Stage(name="simulate", kind="correctness", weight=0.5, levels=33),
    Stage(name="equivalent", kind="correctness", weight=0.1),
    Stage(name="synthesise", kind="quality", weight=0.05),
    Stage(name="ppa", kind="quality", weight=0.2, levels=17),
)
