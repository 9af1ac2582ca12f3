"""Timing and power of a mapped netlist with OpenSTA, with transitions counted in a simulation.

OpenSTA gives the energy of each instance per transition of its output and per cycle of its clock. The
transitions are counted while the recorded inputs of the task are applied to the netlist. Only settled values
count, so that the order in which a simulator evaluates gates has no effect. The power is that at `CLOCK_MHZ`
if an event of the trace (an edge of its clock, or a new input) takes half a cycle.

The delay is that of the worst path over all groups: between registers (with their clock-to-output and setup
times), from inputs, to outputs. A path of half a cycle counts double. The clocks are the nets at the clock
pins of the registers, whatever their names. Each counts from its own edge; if the output of a register is the
clock of others, one edge waits for the next, and each such step adds another delay.
"""

from __future__ import annotations

import re
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from verirl_rtl.synthesis.liberty import CellLibrary
from verirl_rtl.synthesis.yosys import MappedDesign
from verirl_rtl.tools import ToolLimits, run

CLOCK_MHZ = 100.0
"""Clock frequency that the power is given for."""

_STA = ToolLimits(wall_s=15, cpu_s=15, memory_mb=1024)
_NO_PATH = 1e9
"""A delay in ps that is longer than any path."""

_MAX_RIPPLE_STEPS = 64

_NUMBER = r"(-?\d[\d.]*(?:e[-+]?\d+)?)"
_INSTANCE = re.compile(rf"^\s*{_NUMBER}\s+{_NUMBER}\s+{_NUMBER}\s+{_NUMBER[1:-1]}\s+(\S+)\s*$", re.MULTILINE)
_PATHS = re.compile(rf"^PATHS {_NUMBER} {_NUMBER}$", re.MULTILINE)
_BIT = re.compile(r"\$var wire 1 (\S+) n(\d+) \$end")


@dataclass(frozen=True)
class TimingPower:
    """Delay of the worst path in ps, and power in µW (None if no activity is known), by OpenSTA."""

    delay_ps: float
    power_uw: float | None


def analyze(
    design: MappedDesign, top: str, library: CellLibrary, folder: Path, activity: Mapping[int, float] | None
) -> TimingPower | None:
    """Measure a netlist with OpenSTA.

    Args:
        design: The mapped design.
        top: Its top module.
        library: The cells.
        folder: A private folder for temporary files.
        activity: Bit → transitions per event, as `toggles` counts them; None if unknown.

    Returns:
        Delay and power, or None if OpenSTA cannot read the netlist.

    Raises:
        ToolMissingError: If OpenSTA is not installed.
    """
    if not design.cells:
        return TimingPower(0.0, 0.0)
    place = Path(tempfile.mkdtemp(dir=folder))
    try:
        (place / "cells.lib").write_text(library.part(design.cells))
        (place / "net.v").write_text(design.netlist)
        (place / "script.tcl").write_text("\n".join(_script(design, top, library, activity)))
        ran = run(["sta", "-no_splash", "-no_init", "-exit", "script.tcl"], place, _STA)
    finally:
        shutil.rmtree(place, ignore_errors=True)
    paths = _PATHS.search(ran.stdout)
    if not ran.ok or "Error:" in ran.stdout + ran.stderr or paths is None:
        return None
    period, slack = float(paths[1]), float(paths[2])
    # Whole cycles fit the period by its choice; half a cycle lacks `slack` of its half.
    delay = period - 2 * min(0.0, slack) if period < _NO_PATH else 0.0
    delay *= 1 + ripples(design, library)
    if activity is None:
        return TimingPower(delay, None)
    idle, busy = (_instances(text) for text in ran.stdout[paths.end() :].partition("BUSY")[::2])
    registers = {name for name, cell in design.module["cells"].items() if cell["type"] in library.clocks}
    if set(busy) != set(design.module["cells"]) or not registers <= set(idle):
        return None
    return TimingPower(delay, 1e6 * _watts(design, library, idle, busy, activity, period))


def ripples(design: MappedDesign, library: CellLibrary) -> int:
    """Return the longest chain of registers in which each output is the clock of the next register.

    A clock that comes from an input through gates is a gated input and ends the chain. More than
    `_MAX_RIPPLE_STEPS` are not distinguished.
    """
    cells = design.module["cells"]
    made = {
        bit: name
        for name, cell in cells.items()
        for pin in library.outputs[cell["type"]]
        for bit in cell["connections"].get(pin, ())
    }
    clocks = {
        name: cell["connections"][library.clocks[cell["type"]]][0]
        for name, cell in cells.items()
        if cell["type"] in library.edges
    }
    behind = {bit: _behind(bit, cells, made, library) for bit in set(clocks.values())}
    level = dict.fromkeys(clocks, 0)
    for _ in range(_MAX_RIPPLE_STEPS):
        deeper = {
            name: 1 + max(level.get(source, 0) for source in behind[bit]) if behind[bit] else 0
            for name, bit in clocks.items()
        }
        if deeper == level:
            break
        level = deeper
    return max(level.values(), default=0)


def _behind(
    clock: int | str, cells: Mapping[str, Any], made: Mapping[int | str, str], library: CellLibrary
) -> frozenset[str]:
    """The registers that a clock comes from; none if an input is among its sources."""
    found, waiting, seen = set(), [clock], set()
    while waiting:
        bit = waiting.pop()
        if bit in seen:
            continue
        seen.add(bit)
        maker = made.get(bit)
        if maker is None:
            if isinstance(bit, int):
                return frozenset()
        elif cells[maker]["type"] in library.clocks:
            found.add(maker)
        else:
            outputs = library.outputs[cells[maker]["type"]]
            pins = cells[maker]["connections"]
            waiting += [one for pin in pins if pin not in outputs for one in pins[pin]]
    return frozenset(found)


def _instances(text: str) -> dict[str, tuple[float, float]]:
    """Read a power report: instance → dynamic power and leakage in W."""
    found = {}
    for row in _INSTANCE.findall(text):
        internal, switching, leakage = (float(value) for value in row[:3])
        found[row[3]] = internal + switching, leakage
    return found


def _watts(
    design: MappedDesign,
    library: CellLibrary,
    idle: Mapping[str, tuple[float, float]],
    busy: Mapping[str, tuple[float, float]],
    activity: Mapping[int, float],
    period_ps: float,
) -> float:
    """The power in W with the transitions that were counted.

    `idle` and `busy` are the power with no transition (of registers) and with one per period, both with
    running clocks.
    """

    def transitions(cell: Mapping[str, Any], pin: str) -> float:
        return max((activity.get(bit, 0.0) for bit in cell["connections"].get(pin, ())), default=0.0)

    joules, leakage = 0.0, 0.0
    for name, cell in design.module["cells"].items():
        kind = cell["type"]
        # The idle power is that of a whole cycle, which has two edges.
        cycles = transitions(cell, library.clocks[kind]) / 2 if kind in library.clocks else 0.0
        still = idle[name][0] if kind in library.clocks else 0.0
        made = max((transitions(cell, pin) for pin in library.outputs[kind]), default=0.0)
        joules += 1e-12 * period_ps * (still * cycles + (busy[name][0] - still) * made)
        leakage += busy[name][1]
    return joules * 2e6 * CLOCK_MHZ + leakage


def _script(
    design: MappedDesign, top: str, library: CellLibrary, activity: Mapping[int, float] | None
) -> Iterator[str]:
    yield "read_liberty cells.lib"
    yield "read_verilog net.v"
    yield f"link_design {top}"
    yield "set_cmd_units -time ps -capacitance fF -power W"
    yield f"set_load {library.load_ff:g} [all_outputs]"
    yield "set pins [all_registers -clock_pins]"
    yield "proc clocks {period pins} {"
    yield "  if {[llength $pins]} { create_clock -name registers -period $period $pins }"
    yield "  create_clock -name ports -period $period"
    yield "}"
    yield "clocks 1.0 $pins"
    yield "set_input_delay 0 -clock ports [all_inputs]"
    yield "set_output_delay 0 -clock ports [all_outputs]"
    yield "set period [expr 1.0 - [worst_slack]]"
    yield f"if {{abs($period) > {_NO_PATH}}} {{ set period {_NO_PATH} }}"
    yield "clocks $period $pins"
    yield 'puts "PATHS $period [worst_slack]"'
    if activity is not None:
        # Idle gates only have leakage, which is the same when they are busy.
        for name, amount, cells in (("STILL", 0, "[all_registers -cells]"), ("BUSY", 1, "[get_cells *]")):
            yield f"puts {name}"
            yield f"set_power_activity -global -activity {amount} -duty 0.5"
            yield f"if {{[llength {cells}]}} {{ report_power -instances {cells} -digits 9 }}"


def toggles(wave: str, events: int) -> dict[int, float]:
    """Return netlist bit → transitions per event, from a value change dump of `MappedDesign.simulated`.

    Changes from and to x do not count.
    """
    head, _, body = wave.partition("$enddefinitions $end")
    counted = Counter(token for token in body.split() if token[0] in "01")
    found = {}
    for code, number in _BIT.findall(head):
        found[int(number)] = max(0, counted[f"0{code}"] + counted[f"1{code}"] - 1) / events
    return found
