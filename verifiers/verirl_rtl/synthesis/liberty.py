"""The standard-cell library that designs are mapped to: the project's own, or the user's (`VERIRL_LIBERTY`).

Yosys, ABC and OpenSTA read the Liberty file themselves. This module reads what else is needed: the area of
each cell, the flip-flops alone (which are faster to read repeatedly than the whole file), how a latch is
mapped, and a Verilog model of every cell, so that a netlist can be simulated.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import re
import shutil
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from verirl.errors import InputError
from verirl.requirements import list_file
from verirl_rtl.tools import ToolLimits, run

LIBERTY_VARIABLE = "VERIRL_LIBERTY"

_CELL = re.compile(r'\bcell\s*\(\s*"?([^\s")]+)"?\s*\)\s*\{')
_BRACE = re.compile(r'"(?:\\.|[^"\\])*"|[{}]', re.DOTALL)
_COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
_AREA = re.compile(r"\barea\s*:\s*([-+.\deE]+)")
_CAPACITANCE = re.compile(r"\bcapacitance\s*:\s*([-+.\deE]+)")
_UNIT = re.compile(r"capacitive_load_unit\s*\(\s*([-+.\deE]+)\s*,\s*\"?(ff|pf)\"?\s*\)", re.IGNORECASE)
_STATE = re.compile(r"^  reg IQ;$", re.MULTILINE)
_EDGE = re.compile(r"^  always @\((?:pos|neg)edge (\w+)", re.MULTILINE)
_WIRE = re.compile(r"^  wire (\w+);\n", re.MULTILINE)
_MODULE = re.compile(r"^module (\w+)\(.*?^endmodule\n", re.MULTILINE | re.DOTALL)
_LATCHES = ("$_DLATCH_P_", "$_DLATCH_N_")
_FANOUT = 4
_Module = Mapping[str, Any]
_tried: set[Path] = set()
_READING = ToolLimits(wall_s=60, cpu_s=60, memory_mb=2048)


@dataclass(frozen=True)
class CellLibrary:
    """A Liberty file and what was read from it.

    Attributes:
        path: The file.
        areas: Cell → area as in the file (usually µm²).
        outputs: Cell → its output pins.
        states: Flip-flop or latch → the output that is its state.
        clocks: Flip-flop or latch → its clock or enable pin.
        edges: The cells that react to an edge of that pin: the flip-flops.
        flops: Liberty text of the flip-flops alone.
        latches: Verilog that maps Yosys's latches to cells; empty if there are none.
        head: Liberty text before the first cell.
        groups: Cell → its Liberty text.
        models: Cell → Verilog whose initial state is the parameter `INIT`.
        driver: The inverter that drives an input.
        load_ff: The load of an output in fF: four such inverters.
    """

    path: Path
    areas: Mapping[str, float]
    outputs: Mapping[str, tuple[str, ...]]
    states: Mapping[str, str]
    clocks: Mapping[str, str]
    edges: frozenset[str]
    flops: str
    latches: str
    head: str
    groups: Mapping[str, str]
    models: Mapping[str, str]
    driver: str
    load_ff: float

    def part(self, kinds: Iterable[str]) -> str:
        """Return Liberty text of some cells alone."""
        return self.head + "\n".join(self.groups[kind] for kind in sorted(set(kinds))) + "\n}\n"

    def modelled(self, kinds: Iterable[str]) -> str:
        """Return Verilog models of some cells."""
        return "`timescale 1ns/1ps\n" + "".join(self.models.get(kind, "") for kind in sorted(set(kinds)))


def library_path() -> Path:
    """Return the path of the Liberty file in use."""
    given = os.environ.get(LIBERTY_VARIABLE)
    return Path(given).absolute() if given else list_file().parent / "liberty" / "verirl.lib"


def library_version() -> str:
    """Return the name of the Liberty file and the start of its SHA-256.

    Raises:
        InputError: If the file cannot be read, or a file that the user gave lacks something.
    """
    path = library_path()
    if os.environ.get(LIBERTY_VARIABLE) and shutil.which("yosys") is not None:
        _try_out(read_library(path))
    return _version(path)


@cache
def _version(path: Path) -> str:
    return f"{path.name} {hashlib.sha256(_text(path).encode()).hexdigest()[:12]}"


def current_library() -> CellLibrary:
    """Return the library in use.

    Raises:
        InputError: If the file lacks something; the message says what.
    """
    return read_library(library_path())


@cache
def read_library(path: Path) -> CellLibrary:
    """Read a Liberty file.

    Raises:
        InputError: If no design could be mapped to it.
    """
    text = _COMMENT.sub(" ", _text(path))
    cells = _cells(text)
    areas = {name: _first(_AREA, body) for name, body in cells.items()}
    # ABC ends without a message if it finds nothing in a file.
    if not cells or "library" not in text:
        raise InputError.at(path, "holds no cell; a Liberty file is needed")
    modules, models = _as_yosys_reads(path)
    inverter = min(
        (name for name in areas if _is_inverter(modules.get(name))),
        key=lambda name: (areas[name], name),
        default=None,
    )
    if inverter is None or not any("$_NAND_" in _kinds(m) or "$_AND_" in _kinds(m) for m in modules.values()):
        raise InputError.at(path, "needs an inverter and gates, each with a function")
    missing = [name for name, area in areas.items() if not (math.isfinite(area) and area >= 0)]
    if missing:
        raise InputError.at(path, f"cell '{missing[0]}' has no area, or one below 0")
    head = text[: next(_CELL.finditer(text)).start()]
    states = {name: _held(modules.get(name), "Q") for name in areas}
    clocks = {name: _held(modules.get(name), "C") or _held(modules.get(name), "E") for name in areas}
    flops = [body for name, body in cells.items() if re.search(r"\bff\s*\(", body)]
    modelled = _modelled(models)
    edges = {name: _EDGE.search(model) for name, model in modelled.items()}
    unit = _UNIT.search(text)
    femto = float(unit[1]) * (1000 if unit[2].lower() == "pf" else 1) if unit else 1000.0
    pin_ff = _first(_CAPACITANCE, cells[inverter]) * femto
    return CellLibrary(
        path=path,
        areas=areas,
        outputs={name: _outputs(modules.get(name)) for name in areas},
        states={name: pin for name, pin in states.items() if pin},
        clocks={name: pin for name, pin in clocks.items() if pin},
        edges=frozenset(name for name, edge in edges.items() if edge and edge[1] == clocks.get(name)),
        flops=head + "\n".join(flops) + "\n}\n" if flops else "",
        head=head,
        groups=cells,
        latches=_latch_map(modules, areas),
        models=modelled,
        driver=inverter,
        load_ff=_FANOUT * (pin_ff if math.isfinite(pin_ff) else 2.0),
    )


def _try_out(cells: CellLibrary) -> None:
    """Raise InputError if ABC maps nothing to a library that Yosys can read: timing may be missing."""
    if cells.path in _tried:
        return
    folder = Path(tempfile.mkdtemp())
    try:
        (folder / "cells.lib").symlink_to(cells.path)
        (folder / "design.v").write_text(
            "module m(input a, b, c, output y); assign y = a & b ^ c; endmodule\n"
        )
        (folder / "abc.constr").write_text(f"set_driving_cell {cells.driver}\nset_load {cells.load_ff:g}\n")
        script = (
            "read_verilog design.v; synth -noabc -run coarse:check; abc -liberty cells.lib -constr abc.constr"
        )
        done = run(["yosys", "-p", script], folder, _READING, environment={"TMPDIR": str(folder)})
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    if not done.ok or "Delay =" not in done.stdout:
        raise InputError.at(cells.path, "ABC maps nothing to it; gates need an area, a function and timing")
    _tried.add(cells.path)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise InputError.at(
            path, f"cannot be read ({error.strerror}); set {LIBERTY_VARIABLE} to a Liberty file"
        ) from None


def _cells(text: str) -> dict[str, str]:
    """Cell → its Liberty group, with braces."""
    found = {}
    for match in _CELL.finditer(text):
        depth = 1
        for brace in _BRACE.finditer(text, match.end()):
            depth += {"{": 1, "}": -1}.get(brace[0], 0)
            if depth == 0:
                found[match[1]] = text[match.start() : brace.end()]
                break
    return found


def _first(pattern: re.Pattern[str], text: str) -> float:
    match = pattern.search(text)
    try:
        return float(match[1]) if match else math.nan
    except ValueError:
        return math.nan


def _as_yosys_reads(path: Path) -> tuple[Mapping[str, Any], str]:
    """Cell → its module as JSON, and all of them as Verilog."""
    folder = Path(tempfile.mkdtemp())
    try:
        (folder / "cells.lib").symlink_to(path)
        commands = "read_liberty -ignore_miss_func -ignore_miss_dir -ignore_miss_data_latch cells.lib"
        writing = "write_verilog -noattr cells.v; write_json cells.json"
        done = run(["yosys", "-q", "-p", f"{commands}; {writing}"], folder, _READING)
        if not done.ok and (done.timed_out or "ERROR" not in done.stderr):
            limits = f"{_READING.wall_s:.0f} s or {_READING.memory_mb} MB"
            raise InputError.at(path, f"takes Yosys more than {limits} to read; name a smaller one")
        if not done.ok:
            said = (done.stderr.strip().splitlines() or ["it is no Liberty file"])[-1]
            raise InputError.at(path, f"Yosys cannot read it: {said}")
        modules: Mapping[str, Any] = json.loads((folder / "cells.json").read_text())["modules"]
        return modules, (folder / "cells.v").read_text()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _kinds(module: Any) -> list[str]:
    return [cell["type"] for cell in module["cells"].values()]


def _modelled(models: str) -> dict[str, str]:
    """Cell → its Verilog for a simulation without delays; registers start as the parameter `INIT` says."""
    started = _STATE.sub("  parameter INIT = 1'b0;\n  reg IQ = INIT;", models)
    return {match[1]: _needed(match[0]) for match in _MODULE.finditer(started)}


def _needed(model: str) -> str:
    """Remove unused wires from a model, because a netlist instantiates it thousands of times."""
    for name in _WIRE.findall(model):
        driven = rf"^  assign {name} = .*\n"
        if len(re.findall(rf"\b{name}\b", model)) == 2 and re.search(driven, model, re.MULTILINE):
            model = re.sub(driven, "", model.replace(f"  wire {name};\n", ""), flags=re.MULTILINE)
    return model


def _outputs(module: _Module | None) -> tuple[str, ...]:
    ports = module["ports"] if module else {}
    return tuple(name for name, port in ports.items() if port["direction"] != "input")


def _held(module: _Module | None, leg: str) -> str:
    """The pin at a port of the only storage cell of a module; empty if there is none."""
    if module is None:
        return ""
    held = [cell for cell in module["cells"].values() if "Q" in cell["connections"]]
    bits = held[0]["connections"].get(leg) if len(held) == 1 else None
    return next((pin for pin, port in module["ports"].items() if port["bits"] == bits), "")


def _is_inverter(module: Any) -> bool:
    return module is not None and _kinds(module) == ["$_NOT_"] and len(module["ports"]) == 2


def _latch_map(modules: Mapping[str, Any], areas: Mapping[str, float]) -> str:
    """A techmap: for each polarity of the enable the smallest latch with just enable, data and output."""
    best: dict[str, tuple[float, str]] = {}
    for name, area in areas.items():
        module = modules.get(name)
        if module is None:
            continue
        held = [cell for cell in module["cells"].values() if cell["type"] in _LATCHES]
        if len(held) != 1 or len(module["ports"]) != 3:
            continue
        pins = {tuple(port["bits"]): pin for pin, port in module["ports"].items()}
        joined = {leg: pins.get(tuple(bits)) for leg, bits in held[0]["connections"].items()}
        if None in (joined.get("E"), joined.get("D")):
            continue
        output = next(pin for pin, port in module["ports"].items() if port["direction"] == "output")
        kind = held[0]["type"]
        if kind not in best or area < best[kind][0]:
            body = f"{name} _TECHMAP_REPLACE_ (.{joined['E']}({{E}}), .{joined['D']}(D), .{output}(Q));"
            best[kind] = (area, body)
    if not best:
        return ""
    lines = []
    for kind in _LATCHES:
        other = next(k for k in best) if kind not in best else kind
        body = best[other][1].replace("{E}", "E" if other == kind else "~E")
        lines.append(f"module \\{kind} (input E, D, output Q); {body} endmodule\n")
    return "".join(lines)
