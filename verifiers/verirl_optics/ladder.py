"""The stages of the domain, most important first."""

from __future__ import annotations

from verirl.types import Stage

LADDER = (
    Stage(name="extract", weight=0.05),
    Stage(name="format", weight=0.1),
    Stage(name="feasible", weight=0.25, levels=11),
    Stage(name="accurate", weight=0.4, levels=21),
    Stage(name="quality", kind="quality", weight=0.2, levels=21),
)

HEURISTIC = Stage(name="heuristic", kind="quality", weight=0.1, levels=11)
"""A language model's opinion of the prescription; only `verirl optics heuristic` adds this stage."""
