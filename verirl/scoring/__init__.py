"""Verdict → reward → advantage, as pure functions whose properties `verirl audit rewards` tests.

`scheme(NAME)` maps a verdict's stages to a value in [0, 1] and a lexicographic key. `advantages` maps the
rewards of one group to what the trainer uses. `shaping` holds optional terms.
"""

from verirl.scoring.advantages import advantages
from verirl.scoring.schemes import SCHEMES, LadderScheme, Scheme, reward, scheme
from verirl.scoring.stages import StageReading, StageReadings, check_ladder

__all__ = [
    "SCHEMES",
    "LadderScheme",
    "Scheme",
    "StageReading",
    "StageReadings",
    "advantages",
    "check_ladder",
    "reward",
    "scheme",
]
