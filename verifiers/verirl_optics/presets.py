"""The reward of OPTIAGENT (Geng et al., arXiv:2602.23761), on this domain's ladder.

Its optical lexicographic reward pays structural format, physical feasibility and light manipulation one
after the other, each in full before the next counts. The paper's thresholds are not public: these tiers are
the domain's own stages, a quarter of the value each, graded within and continuous, where the lexicographic
default of the core spends nearly all of the value on the first tiers.
"""

from __future__ import annotations

from fractions import Fraction

from verirl.errors import InputError
from verirl.scoring import LadderScheme, StageReadings
from verirl_optics.ladder import LADDER

TIERS = (("extract", "format"), ("feasible",), ("accurate",), ("quality",))
"""The stages of each tier: structural format, feasibility, light manipulation, and how sharp it is."""


def _optiagent_value(readings: StageReadings) -> Fraction:
    credit = {reading.stage.name: reading.credit for reading in readings}
    if list(credit) != [stage.name for stage in LADDER]:
        raise InputError("the optiagent reward goes with the optics ladder and no other")
    paid = (sum((credit[name] for name in tier), Fraction(0)) / len(tier) for tier in TIERS)
    return sum(paid, Fraction(0)) / len(TIERS)


PRESETS = {
    "optiagent": LadderScheme(
        "optiagent", _optiagent_value, frozenset({"bounded", "monotone", "dominance", "tried"})
    )
}
