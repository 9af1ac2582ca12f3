"""Map a design to standard cells with Yosys and ABC and a Liberty file, in one process.

The text is untrusted. Everything that affects the tool but not a simulator is removed before Yosys reads it
(comments, which hold pragmas, attributes, and the macros that tools define). Only cells of the library count:
an unmapped cell has no area and would be the cheapest design of all.

ABC's result varies by some percent if only names change. With several `runs` the mapping is repeated with
scrambled names, and the best run by area times delay is used.
"""

from __future__ import annotations

import json
import re
import shutil
import tempfile
from collections import Counter
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Any

from verirl_rtl.synthesis.liberty import CellLibrary
from verirl_rtl.tools import ToolLimits, ToolRun, run

SYNTHESIS_LIMITS = ToolLimits(wall_s=30, cpu_s=5, memory_mb=2048, file_mb=64)

_TOOL_MACROS = ("YOSYS", "SYNTHESIS", "FORMAL")
_COMMENT = re.compile(r'"(?:\\.|[^"\\\n])*"|\\\S+|//[^\n]*|/\*.*?\*/', re.DOTALL)
_ATTRIBUTE = re.compile(r'"(?:\\.|[^"\\\n])*"|\\\S+|\(\*(?!\s*\)).*?\*\)', re.DOTALL)
_DELAY = re.compile(r"Delay = +([\d.]+) ps")
_NO_LOGIC = "Don't call ABC as there is nothing to map"
_ABC_ENDED = "Can't open ABC output file"
_ERROR = re.compile(r"ERROR: (.*)")
_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_$]*\Z")
# The checks of these words are a simulator's; to a mapping a latch is a latch, whatever its block is called.
_BLOCK = re.compile(r'"(?:\\.|[^"\\\n])*"|\\\S+|\balways_(?:comb|latch|ff)\b')
_PLAIN_BLOCK = {"always_comb": "always @*", "always_latch": "always @*", "always_ff": "always"}
_VALUE = re.compile(r"-?\d+\Z|\d*'s?[bohdBOHD][0-9a-fA-FxXzZ_]+\Z")


@dataclass(frozen=True)
class MappedDesign:
    """A mapped design.

    Attributes:
        area_um2: Sum of the areas of its cells in µm².
        delay_ps: ABC's longest path between registers and ports in ps, without the time of the registers.
        cells: Library cell → count.
        netlist: Structural Verilog for timing analysis, one module.
        simulated: The same netlist for simulation.
        module: The netlist as Yosys writes it in JSON.
        undefined: Output bits that nothing drives or that are x: (port, bit).
        looped: Whether gates feed themselves without a register or latch between them, so that no timing
            figure is valid.
        cpu_s: CPU seconds of the run.
    """

    area_um2: float
    delay_ps: float
    cells: Mapping[str, int]
    netlist: str
    simulated: str
    module: Mapping[str, Any]
    undefined: frozenset[tuple[str, int]] = frozenset()
    looped: bool = False
    cpu_s: float = 0.0


@dataclass(frozen=True)
class Unmapped:
    """Why a design has no figures; `timed_out` if it exceeded its limits on time or memory."""

    reason: str
    timed_out: bool = False


def synthesize(
    source: str,
    top: str,
    library: CellLibrary,
    folder: Path,
    *,
    runs: range = range(1),
    parameters: Mapping[str, str] | None = None,
    undefined: Container[tuple[str, int]] | None = (),
    limits: ToolLimits = SYNTHESIS_LIMITS,
) -> MappedDesign | Unmapped:
    """Map a module to the cells of a library.

    Args:
        source: Verilog text. Untrusted.
        top: The module to map.
        library: The cells.
        folder: A private folder for temporary files.
        runs: Numbers of the runs to choose the best of; run 0 keeps the names, the others scramble them.
        parameters: Values for the parameters of `top`.
        undefined: Output bits that may be x or undriven: (port, bit); None allows all, as for a reference.
        limits: Limits of Yosys.

    Returns:
        The mapped design, or the reason why there is none.

    Raises:
        ToolMissingError: If Yosys is not installed.
    """
    place = Path(tempfile.mkdtemp(dir=folder))
    try:
        return _synthesise(source, top, library, place, runs, parameters or {}, undefined, limits)
    finally:
        shutil.rmtree(place, ignore_errors=True)


def best_run(runs: Sequence[MappedDesign]) -> MappedDesign:
    """Return the run with the least area times delay; the first of equals."""
    return min(runs, key=lambda one: (one.area_um2 * max(one.delay_ps, 1.0), one.area_um2))


def without_tool_directives(source: str) -> str:
    """Remove what only tools read: comments, attributes, and macros that only they define.

    Specialized blocks such as `always_comb` become plain ones.
    """
    bare = _COMMENT.sub(lambda m: _blank(m[0]) if m[0].startswith("/") else m[0], source)
    bare = _ATTRIBUTE.sub(lambda m: _blank(m[0]) if m[0].startswith("(") else m[0], bare)
    bare = _BLOCK.sub(lambda m: _PLAIN_BLOCK.get(m[0], m[0]), bare)
    return "".join(f"`undef {name}\n" for name in _TOOL_MACROS) + bare + "\n"


def _blank(text: str) -> str:
    return " " + "\n" * text.count("\n")


def checked_name(name: str) -> str:
    """Return a module name for a Yosys command.

    Raises:
        ValueError: If the name is not a plain identifier, so that Yosys could read more into it.
    """
    if not _PLAIN.match(name):
        raise ValueError(f"'{name}' is no plain identifier")
    return name


def parameter_options(parameters: Mapping[str, str]) -> str:
    """Return options of `hierarchy` that set parameters; values that are not plain numbers are left out."""
    return "".join(
        f" -chparam {name} {value}"
        for name, value in parameters.items()
        if _PLAIN.match(name) and _VALUE.match(value)
    )


def _synthesise(
    source: str,
    top: str,
    library: CellLibrary,
    place: Path,
    runs: range,
    parameters: Mapping[str, str],
    undefined: Container[tuple[str, int]] | None,
    limits: ToolLimits,
) -> MappedDesign | Unmapped:
    (place / "design.sv").write_text(without_tool_directives(source))
    (place / "cells.lib").symlink_to(library.path)
    (place / "flops.lib").write_text(library.flops)
    (place / "latches.v").write_text(library.latches)
    (place / "abc.constr").write_text(f"set_driving_cell {library.driver}\nset_load {library.load_ff:g}\n")
    (place / "script.ys").write_text("\n".join(_script(checked_name(top), library, runs, parameters)))
    ran = run(["yosys", "-q", "script.ys"], place, limits, environment={"TMPDIR": str(place)})
    if not ran.ok:
        return _why(ran)
    found = [_read(place, number, top, library, ran.cpu_s / len(runs)) for number in runs]
    mapped = [one for one in found if isinstance(one, MappedDesign)]
    for name, bit in (lacking for one in mapped for lacking in sorted(one.undefined)):
        if undefined is not None and (name, bit) not in undefined:
            return Unmapped(f"output '{name}' is not driven, or is x")
    if len(mapped) < len(found):
        return next(one for one in found if isinstance(one, Unmapped))
    return best_run(mapped)


def _script(top: str, library: CellLibrary, runs: range, parameters: Mapping[str, str]) -> list[str]:
    lines = [
        "read_verilog -sv -nosynthesis -noblackbox design.sv",
        f"hierarchy -check -top {top}{parameter_options(parameters)}",
        f"rename -top {top}",
    ]
    # Tri-state buses inside become multiplexers; drivers of outputs stay cells, which are then refused: as
    # constants they would be don't-cares.
    lines += ["proc", "flatten", "tribuf -logic"]
    if len(runs) > 1:
        lines.append("design -save read")
    for number in runs:
        if number > runs.start:
            lines.append("design -load read")
        if number:
            lines.append(f"rename -scramble-name -seed {number}")
        # ABC maps to the library; without the run to generic gates that `synth` does before, results are as
        # small and as fast, come in two thirds of the time, and depend far less on names.
        lines.append("synth -flatten -noabc -run coarse:check")
        if library.flops:
            # A load that does not wait for the clock is a set and a reset, gated by the data.
            lines.append("dfflegalize -cell $_DFFSR_PPP_ 01 t:$_ALDFF*")
            lines.append("dfflibmap -liberty flops.lib")
        if library.latches:
            lines.append("techmap -map latches.v t:$_DLATCH_P_ t:$_DLATCH_N_ %u")
        lines += [
            f"tee -q -o abc{number}.log abc -liberty cells.lib -constr abc.constr",
            "splitnets",
            "opt_clean -purge",
            # Names that a model chose go no further than here.
            "rename -hide",
            "rename -enumerate -pattern _%_",
            f"write_json net{number}.json",
        ]
    return lines


def _why(ran: ToolRun) -> Unmapped:
    if ran.timed_out:
        return Unmapped("synthesis takes too long", timed_out=True)
    said = _ERROR.search(ran.stderr) or _ERROR.search(ran.stdout)
    if said is None:
        return Unmapped("synthesis takes too much memory", timed_out=True)
    if _ABC_ENDED in said[1]:
        return Unmapped("ABC ends without a result")
    return Unmapped(f"Yosys: {said[1].strip()[:300]}")


def _read(place: Path, number: int, top: str, library: CellLibrary, cpu_s: float) -> MappedDesign | Unmapped:
    log = (place / f"abc{number}.log").read_text(errors="replace")
    module = json.loads((place / f"net{number}.json").read_text())["modules"].get(top)
    if module is None:
        return Unmapped(f"no module '{top}' is left")
    cells = Counter(cell["type"] for cell in module["cells"].values())
    for kind in sorted(cells):
        if kind not in library.areas:
            return Unmapped(f"{_named(kind)}, which the library has no cell for")
    delays = _DELAY.findall(log)
    if not delays and _NO_LOGIC not in log:
        return Unmapped("ABC gives no delay")
    return MappedDesign(
        area_um2=sum(library.areas[kind] * count for kind, count in cells.items()),
        delay_ps=float(delays[-1]) if delays else 0.0,
        cells=dict(cells),
        netlist=_structural(top, module),
        simulated=_simulated(top, module, library),
        module=module,
        undefined=_undefined(module, library),
        looped=_looped(module, library),
        cpu_s=cpu_s,
    )


def _named(kind: str) -> str:
    names = {"$_DLATCH": "a latch", "$_SR": "a latch", "$_TBUF": "a tri-state driver", "$_DFF": "a flip-flop"}
    names |= {"$_ALDFF": "a flip-flop that loads asynchronously", "$_SDFF": "a flip-flop", "$mem": "a memory"}
    for start, words in names.items():
        if kind.startswith(start):
            return f"{words} ({kind}) is left"
    return f"cell '{kind}' is left"


def _undefined(module: Mapping[str, Any], library: CellLibrary) -> frozenset[tuple[str, int]]:
    """The output bits that nothing drives, or that are constant x or z."""
    driven = {"0", "1"}
    for port in module["ports"].values():
        if port["direction"] != "output":
            driven.update(port["bits"])
    for cell in module["cells"].values():
        for pin in library.outputs[cell["type"]]:
            driven.update(cell["connections"].get(pin, ()))
    return frozenset(
        (str(name), place)
        for name, port in module["ports"].items()
        if port["direction"] == "output"
        for place, bit in enumerate(port["bits"])
        if bit not in driven
    )


def _looped(module: Mapping[str, Any], library: CellLibrary) -> bool:
    gates = [
        (cell["connections"], library.outputs[cell["type"]])
        for cell in module["cells"].values()
        if cell["type"] not in library.states
    ]
    made = {
        bit: gate
        for gate, (pins, outputs) in enumerate(gates)
        for pin in outputs
        for bit in pins.get(pin, ())
    }
    order: TopologicalSorter[int] = TopologicalSorter()
    for gate, (pins, outputs) in enumerate(gates):
        order.add(gate, *(made[bit] for pin in pins.keys() - {*outputs} for bit in pins[pin] if bit in made))
    try:
        order.prepare()
    except CycleError:
        return True
    return False


def _structural(top: str, module: Mapping[str, Any]) -> str:
    """The netlist for a timing analyser: cells on bits of ports and on single wires, no expression."""
    names: dict[int | str, str] = {"0": "1'b0", "1": "1'b1", "x": "1'bx", "z": "1'bz"}
    lines, copies = [f"module {top} ({', '.join(map(_port, module['ports']))});"], []
    # Inputs first: an output that is one is a copy of it.
    for name, port in sorted(module["ports"].items(), key=lambda item: str(item[1]["direction"])):
        width = len(port["bits"])
        span = f"[{width - 1}:0] " if width > 1 else ""
        lines.append(f"  {port['direction']} {span}{_port(name)};")
        for place, bit in enumerate(port["bits"]):
            here = f"{_port(name)}[{place}]" if span else _port(name)
            if names.setdefault(bit, here) != here:
                copies.append(f"  assign {here} = {names[bit]};")
    inner = sorted(bit for bit in _bits(module) if bit not in names)
    names |= {bit: f"_n{bit}_" for bit in inner}
    lines += [f"  wire {names[bit]};" for bit in inner]
    for name, cell in module["cells"].items():
        pins = ", ".join(f".{pin}({names[bits[0]]})" for pin, bits in cell["connections"].items() if bits)
        lines.append(f"  {cell['type']} {name} ({pins});")
    return "\n".join([*lines, *copies, "endmodule", ""])


def _port(name: str) -> str:
    return name if _PLAIN.match(name) else f"\\{name} "


def _bits(module: Mapping[str, Any]) -> set[int]:
    """The bits that cells are connected to."""
    return {
        bit
        for cell in module["cells"].values()
        for bits in cell["connections"].values()
        for bit in bits
        if isinstance(bit, int)
    }


def _simulated(top: str, module: Mapping[str, Any], library: CellLibrary) -> str:
    """The netlist for a simulation: every bit a wire of its own, `n` and its number.

    A simulator resolves a vector as a whole when one of its bits is driven, which is quadratic in its width.
    Registers that start at 1 say so to their model. They see the edge of a clock a moment after it: what
    comes through gates must not be late for an edge at time 0.
    """
    high = set()
    for net in module["netnames"].values():
        init = net["attributes"].get("init")
        if isinstance(init, str):
            high |= {bit for bit, value in zip(net["bits"], reversed(init), strict=False) if value == "1"}
    ports = module["ports"]
    lines = [f"module {top}({', '.join(map(_port, ports))});"]
    for name, port in ports.items():
        span, bits = f"[{len(port['bits']) - 1}:0]", ", ".join(map(_wire, reversed(port["bits"])))
        lines.append(f"  {port['direction']} {span} {_port(name)};")
        sides = f"{{{bits}}}", _port(name)
        assigned = " = ".join(sides if port["direction"] == "input" else reversed(sides))
        lines.append(f"  assign {assigned};")
    wires = {bit for net in module["netnames"].values() for bit in net["bits"] if isinstance(bit, int)}
    wires |= _bits(module)
    lines.insert(1, f"  wire {', '.join(map(_wire, sorted(wires)))};" if wires else "")
    late: set[int | str] = set()
    for name, cell in module["cells"].items():
        kind = cell["type"]
        pins = {pin: _wire(bits[0]) for pin, bits in cell["connections"].items() if bits}
        if kind in library.edges:
            clock = library.clocks[kind]
            bit = cell["connections"][clock][0]
            pins[clock] = f"late{bit}"
            late.add(bit)
        joined = ", ".join(f".{pin}({wire})" for pin, wire in pins.items())
        starts = high.intersection(cell["connections"].get(library.states.get(kind, ""), ()))
        lines.append(f"  {kind} {'#(.INIT(1)) ' if starts else ''}{name} ({joined});")
    lines += [f"  wire #1 late{bit} = {_wire(bit)};" for bit in sorted(late, key=str)]
    return "\n".join([*lines, "endmodule", ""])


def _wire(bit: int | str) -> str:
    return f"n{bit}" if isinstance(bit, int) else f"1'b{bit}"
