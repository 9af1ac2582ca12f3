"""Published rewards for Verilog on this domain's ladder, without the weaknesses of their formulas.

VeriReason (Wang et al., 2025): 2.0 if the testbench agrees; else 0.1 and a similarity if the design compiles;
0.1 for the form. Its testbench compared as many lines as there were, so that a simulation that stopped after
one right vector earned everything; here an answer agrees if every recorded sample does. Its similarity of
syntax trees rewarded copied words; here it is the share of samples that agree, beyond what a constant would
earn.

ChipSeek-R1 (Chen et al., 2025): 1.0 for function, 0.2 for compiling; with function 0.4 for synthesis and the
gain `max(0.01, min(G − 1, 0.6))`, where G is the geometric mean of the reference's power, delay and area
divided by the answer's. It used default figures if a run had failed, and the delay of the first path; here a
missing figure fails the stage, and a failed stage adds nothing.
"""

from __future__ import annotations

from fractions import Fraction

from verirl.errors import InputError
from verirl.scoring import LadderScheme, StageReadings
from verirl.scoring.stages import StageReading
from verirl_rtl.ladder import LADDER
from verirl_rtl.synthesis.ppa import gain


def _by_name(name: str, readings: StageReadings) -> dict[str, StageReading]:
    found = {reading.stage.name: reading for reading in readings}
    if list(found) != [stage.name for stage in LADDER]:
        raise InputError(f"the {name} reward goes with the rtl ladder and no other")
    return found


def _right(readings: StageReadings) -> bool:
    return all(reading.passed for reading in readings if reading.stage.kind == "correctness")


def _verireason(readings: StageReadings) -> Fraction:
    found = _by_name("verireason", readings)
    form = Fraction(found["extract"].passed, 10)
    if _right(readings):
        return (form + 2) / Fraction("2.1")
    compiled = (Fraction(1, 10) + found["simulate"].credit) * found["elaborate"].passed
    return (form + compiled) / Fraction("2.1")


def _chipseek(readings: StageReadings) -> Fraction:
    found = _by_name("chipseek", readings)
    if not _right(readings):
        return Fraction(found["elaborate"].passed, 5) / 2
    value = Fraction(1) + Fraction(4, 10) * found["synthesise"].passed
    if found["ppa"].passed and found["synthesise"].passed:
        # Rounded, so that a higher score never gives a lower reward because of a float's last digit.
        mean = Fraction(round(gain(float(found["ppa"].credit)), 9))
        value += max(Fraction(1, 100), min(mean - 1, Fraction(6, 10)))
    return value / 2


_CLAIMS = frozenset({"bounded", "monotone"})

PRESETS = {
    "verireason": LadderScheme("verireason", _verireason, _CLAIMS),
    "chipseek": LadderScheme("chipseek", _chipseek, _CLAIMS),
}
