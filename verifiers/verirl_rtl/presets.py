"""Published rewards for Verilog on this domain's ladder, without the holes that their formulas had.

VeriReason (Wang et al., 2025): 2.0 where the testbench agrees; else 0.1 and a similarity where the design
compiles; 0.1 for the form. Its testbench compared as many lines as there were, so that stopping after one
right vector earned all; here an answer has agreed when every recorded sample does. Its similarity of syntax
trees paid for the reference's words; here it is the share of samples that agree, beyond what a constant
would earn.

ChipSeek-R1 (Chen et al., 2025): 1.0 for function, 0.2 for compiling; with function 0.4 for synthesis and
the gain `max(0.01, min(G − 1, 0.6))`, G the geometric mean of the reference's power, delay and area by the
answer's. It took default figures where a run had failed and the delay of the first path; here a missing
figure fails the stage, and a stage that failed adds nothing.
"""

from __future__ import annotations

from fractions import Fraction

from verirl.errors import InputError
from verirl.scoring import LadderScheme, StageReadings
from verirl.scoring.stages import StageReading
from verirl_rtl.ladder import LADDER
from verirl_rtl.synthesis.ppa import gain


def _by_name(name: str, rungs: StageReadings) -> dict[str, StageReading]:
    found = {rung.stage.name: rung for rung in rungs}
    if list(found) != [stage.name for stage in LADDER]:
        raise InputError(f"the {name} reward goes with the rtl ladder and no other")
    return found


def _right(rungs: StageReadings) -> bool:
    return all(rung.passed for rung in rungs if rung.stage.kind == "correctness")


def _verireason(rungs: StageReadings) -> Fraction:
    found = _by_name("verireason", rungs)
    form = Fraction(found["extract"].passed, 10)
    if _right(rungs):
        return (form + 2) / Fraction("2.1")
    compiled = (Fraction(1, 10) + found["simulate"].credit) * found["elaborate"].passed
    return (form + compiled) / Fraction("2.1")


def _chipseek(rungs: StageReadings) -> Fraction:
    found = _by_name("chipseek", rungs)
    if not _right(rungs):
        return Fraction(found["elaborate"].passed, 5) / 2
    value = Fraction(1) + Fraction(4, 10) * found["synthesise"].passed
    if found["ppa"].passed and found["synthesise"].passed:
        # Rounded, so that a higher score never comes out lower by a float's last digit.
        mean = Fraction(round(gain(float(found["ppa"].credit)), 9))
        value += max(Fraction(1, 100), min(mean - 1, Fraction(6, 10)))
    return value / 2


_CLAIMS = frozenset({"bounded", "monotone"})

PRESETS = {
    "verireason": LadderScheme("verireason", _verireason, _CLAIMS),
    "chipseek": LadderScheme("chipseek", _chipseek, _CLAIMS),
}
