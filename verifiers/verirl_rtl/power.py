"""Timing and power of a mapped netlist with OpenSTA, its switching counted in a simulation.

Each net's activity is what it did while the task's recorded inputs were played into the netlist: settled
values alone, so that the order in which a simulator evaluates gates does not count. What is reported is
power at `CLOCK_MHZ` for one event of the recording (an edge of its clock, or a new input) each half cycle.

The delay is that of the worst path over all groups: between registers (their clock-to-output and setup
times with it), from inputs, to outputs. A path that has but half a cycle counts double. Clocks are the nets
at the registers' clock pins, whatever they are called.
"""

from __future__ import annotations

import re
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from verirl_rtl.liberty import Library
from verirl_rtl.synthesis import Synthesis
from verirl_rtl.tools import Bounds, run

CLOCK_MHZ = 100.0
"""The clock at which power is stated."""

_STA = Bounds(wall_s=15, cpu_s=15, memory_mb=1024)
_PERIOD_PS = 1.0
_NUMBER = r"(-?\d[\d.]*(?:e[-+]?\d+)?)"
_TOTAL = re.compile(rf"^Total\s+{_NUMBER}\s+{_NUMBER}\s+{_NUMBER}\s+{_NUMBER}", re.MULTILINE)
_SLACK = re.compile(rf"^\S.*\s{_NUMBER}$", re.MULTILINE)
_VAR = re.compile(r"\$var \w+ (\d+) (\S+) (\S+)(?: \[[^\]]*\])? \$end")


# OpenSTA 2.0 has the option `-pins`, but stumbles over it.
_ACTIVITY = """proc pin_activity {pin amount} {
  if {[catch {set_power_activity -pins $pin -activity $amount -duty 0.5}]} {
    sta::set_power_pin_activity $pin $amount 0.5
  }
}"""


@dataclass(frozen=True)
class Timing:
    """OpenSTA's figures: the worst path, and the power (None where no activity is known)."""

    delay_ps: float
    power_uw: float | None


def analyse(
    design: Synthesis, top: str, library: Library, folder: Path, activity: Mapping[str, float] | None
) -> Timing | None:
    """What OpenSTA says of a netlist; None where it cannot read it, ToolMissingError where it is missing.

    `activity`: transitions of each net in one event of the recording, as `toggles` counts them.
    """
    place = Path(tempfile.mkdtemp(dir=folder))
    try:
        (place / "net.v").write_text(design.netlist)
        (place / "script.tcl").write_text("\n".join(_script(design, top, library, activity)))
        ran = run(["sta", "-no_splash", "-no_init", "-exit", "script.tcl"], place, _STA)
    finally:
        shutil.rmtree(place, ignore_errors=True)
    if not ran.ok or "Error:" in ran.out + ran.err or "PATHS" not in ran.out:
        return None
    before, _, after = ran.out.partition("PATHS")
    slacks = [float(value) for value in _SLACK.findall(after)]
    power = _TOTAL.search(before)
    watts = None
    if activity is not None and power is not None:
        internal, switching, leakage = (float(power[group]) for group in (1, 2, 3))
        # Without a clock OpenSTA takes activities for transitions a second.
        watts = (internal + switching) * 2e6 * CLOCK_MHZ + leakage
    if not design.cells:
        return Timing(0.0, 0.0)
    return Timing(max([_PERIOD_PS - slack for slack in slacks], default=0.0), _micro(watts))


def _micro(watts: float | None) -> float | None:
    return None if watts is None else watts * 1e6


def _script(
    design: Synthesis, top: str, library: Library, activity: Mapping[str, float] | None
) -> Iterable[str]:
    yield f"read_liberty {{{library.path}}}"
    yield "read_verilog net.v"
    yield f"link_design {top}"
    yield "set_cmd_units -time ps -capacitance fF -power W"
    if activity is not None:
        # Before there are clocks, to whose pins OpenSTA would give an activity of its own.
        yield "set_power_activity -global -activity 0 -duty 0.5"
        yield _ACTIVITY
        for amount, pins in _drivers(design, library, activity).items():
            yield f"foreach pin {{{' '.join(pins)}}} {{ pin_activity [get_pins $pin] {amount:.6g} }}"
        for amount, ports in _inputs(design, activity).items():
            yield f"set_power_activity -input_ports [get_ports {{{' '.join(ports)}}}] -activity {amount:.6g}"
        yield "report_power -digits 9"
    yield "set pins [all_registers -clock_pins]"
    yield f"if {{[llength $pins]}} {{ create_clock -name registers -period {_PERIOD_PS} $pins }}"
    yield f"create_clock -name ports -period {_PERIOD_PS}"
    yield "set_input_delay 0 -clock ports [all_inputs]"
    yield "set_output_delay 0 -clock ports [all_outputs]"
    yield "puts PATHS"
    yield "report_checks -format summary -digits 6"


def _drivers(design: Synthesis, library: Library, activity: Mapping[str, float]) -> dict[float, list[str]]:
    """Activity → the output pins that have it."""
    found: dict[float, list[str]] = {}
    nets = _names(design)
    for name, cell in design.module["cells"].items():
        for pin in library.outputs[cell["type"]]:
            for bit in cell["connections"].get(pin, ()):
                amount = max((activity.get(net, 0.0) for net in nets.get(bit, ())), default=0.0)
                if amount:
                    found.setdefault(amount, []).append(f"{name}/{pin}")
    return found


def _inputs(design: Synthesis, activity: Mapping[str, float]) -> dict[float, list[str]]:
    found: dict[float, list[str]] = {}
    for name, port in design.module["ports"].items():
        if port["direction"] == "input":
            nets = [name] if len(port["bits"]) == 1 else [f"{name}[{n}]" for n in _indices(design, name)]
            for net in nets:
                found.setdefault(activity.get(net, 0.0), []).append(net)
    found.pop(0.0, None)
    return found


def _names(design: Synthesis) -> dict[int | str, list[str]]:
    """Bit → the names of nets that it is (part of)."""
    names: dict[int | str, list[str]] = {}
    for name, net in design.module["netnames"].items():
        scalar = len(net["bits"]) == 1
        for index, bit in zip(_indices(design, name), net["bits"], strict=True):
            names.setdefault(bit, []).append(name if scalar else f"{name}[{index}]")
    return names


def _indices(design: Synthesis, name: str) -> list[int]:
    """The indices of a net's bits, least significant first."""
    net = design.module["netnames"][name]
    low, width = net.get("offset", 0), len(net["bits"])
    indices = list(range(low, low + width))
    return indices[::-1] if net.get("upto") else indices


def toggles(wave: str, events: int) -> dict[str, float]:
    """Net → transitions for each event, from a value change dump of one scope.

    Changes from and to x do not count. A vector's bits are `name[index]`.
    """
    head, _, body = wave.partition("$enddefinitions $end")
    counted = Counter(token for token in body.split() if token[0] in "01xz")
    vectors = _vector_toggles(body)
    found: dict[str, float] = {}
    for line in head.splitlines():
        var = _VAR.search(line)
        if var is None:
            continue
        width, code, name = int(var[1]), var[2], var[3].removeprefix("\\")
        span = re.search(r"\[(-?\d+)(?::(-?\d+))?\] \$end", line)
        if width == 1 and span is None:
            changes = counted[f"0{code}"] + counted[f"1{code}"] - 1
            found[name] = max(0, changes) / events
        elif span is not None:
            left, right = int(span[1]), int(span[2] or span[1])
            step = 1 if right <= left else -1
            for place in range(width):
                found[f"{name}[{right + step * place}]"] = vectors.get(code, {}).get(place, 0) / events
    return found


def _vector_toggles(body: str) -> dict[str, dict[int, int]]:
    """Code → place of a bit, from the least → transitions."""
    last: dict[str, str] = {}
    counts: dict[str, dict[int, int]] = {}
    for match in re.finditer(r"^b([01xz]+) (\S+)$", body, re.MULTILINE):
        bits, code = match[1], match[2]
        old = last.get(code)
        if old is not None:
            width = max(len(old), len(bits))
            one, two = _extended(old, width), _extended(bits, width)
            own = counts.setdefault(code, {})
            for place, (was, now) in enumerate(zip(reversed(one), reversed(two), strict=True)):
                if was != now and was in "01" and now in "01":
                    own[place] = own.get(place, 0) + 1
        last[code] = bits
    return counts


def _extended(bits: str, width: int) -> str:
    """A dumped value at full width: a dump leaves out leading zeros, or repeated x or z."""
    return bits.rjust(width, bits[0] if bits[0] in "xz" else "0")
