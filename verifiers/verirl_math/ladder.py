"""The stages of the domain, in the order in which they are judged."""

from __future__ import annotations

from verirl.types import Stage

FORM_LEVELS = 5
"""Number of levels to which the score of `form` is rounded."""

LADDER = (
    Stage(name="extract", kind="correctness", weight=0.05),
    Stage(name="parse", kind="correctness", weight=0.05),
    Stage(name="equivalent", kind="correctness", weight=0.85),
    Stage(name="form", kind="quality", weight=0.05, levels=FORM_LEVELS),
)
