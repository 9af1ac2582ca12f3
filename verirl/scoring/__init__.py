"""Verdict → reward → advantage, as pure functions whose properties are audited.

`scheme(NAME)` turns a verdict's stages into a value in [0, 1] and a lexicographic key, `advantages` turns
the rewards of one group into what the trainer uses, and `refinements` holds the optional extras.
"""

from verirl.scoring.advantages import ADVANTAGES, advantages
from verirl.scoring.schemes import SCHEMES, LadderScheme, Scheme, reward, scheme
from verirl.scoring.stages import StageReading, StageReadings, check_ladder

__all__ = [
    "ADVANTAGES",
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
