"""The harness that plays recorded inputs into a design under Icarus Verilog and prints its outputs.

Design and harness share a simulation, so the harness holds nothing worth reading: inputs, no expectations.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from verirl_rtl.policy import Port
from verirl_rtl.tools import Bounds, Ran, run

ICARUS = ("iverilog", "-g2012", "-gno-assertions", "-Wno-all")
SPACING = 1000
"""Time units from one event to the next, so that delays in a design have run out when it is sampled."""

_SIMPLE = re.compile(r"[A-Za-z_][A-Za-z0-9_$]*\Z")


@dataclass(frozen=True)
class Built:
    """A compiled simulation, or what the compiler said against it."""

    problem: str = ""
    late: bool = False


def fresh(stem: str) -> str:
    """A name that no text can know."""
    return f"{stem}_{secrets.token_hex(8)}"


def identifier(name: str) -> str:
    """A name as Verilog writes it."""
    return name if _SIMPLE.match(name) else f"\\{name} "


def span(width: int) -> str:
    """The range of a vector."""
    return f"[{width - 1}:0]" if width > 1 else ""


def overrides(parameters: Mapping[str, str]) -> str:
    """The parameter list of an instantiation."""
    given = ", ".join(f".{identifier(name)}({value})" for name, value in parameters.items())
    return f"#({given}) " if given else ""


def harness(name: str, top: str, ports: Sequence[Port], parameters: Mapping[str, str], events: int) -> str:
    """Verilog that plays `events` lines of the file `script` and prints the outputs where a line says so."""
    wires = {port.name: f"p{number}" for number, port in enumerate(ports)}
    inputs = [port for port in ports if port.direction == "input"]
    outputs = [port for port in ports if port.direction == "output"]
    width = 1 + sum(port.width for port in inputs)
    declared = [
        f"{'reg' if port.direction == 'input' else 'wire'} {span(port.width)} {wires[port.name]};"
        for port in ports
    ]
    joined = ", ".join(f".{identifier(port.name)}({wires[port.name]})" for port in ports)
    shown = ", ".join(wires[port.name] for port in outputs)
    played = ", ".join(["take", *(wires[port.name] for port in inputs)])
    lines = [
        "`timescale 1ns/1ps",
        f"module {name};",
        *declared,
        f"reg [{width - 1}:0] script [0:{events - 1}];",
        "reg take;",
        "integer i;",
        f"{identifier(top)} {overrides(parameters)}dut ({joined});",
        "initial begin",
        f'$readmemb("script", script, 0, {events - 1});',
        f"for (i = 0; i < {events}; i = i + 1) begin",
        f"{{{played}}} = script[i];",
        f"#{SPACING};",
        f'if (take) $display("%b", {{{shown}}});',
        "end",
        "$finish(0);",
        "end",
        "endmodule",
    ]
    return "\n".join(lines) + "\n"


def compile_icarus(folder: Path, root: str, files: Sequence[str], bounds: Bounds) -> Built:
    """Compile files of `folder` into `folder/sim`."""
    done = run([*ICARUS, "-s", root, "-o", "sim", *files], folder, bounds)
    if done.ok and (folder / "sim").is_file():
        return Built()
    return Built(problem=first_words(done) or "it does not compile", late=done.late)


def first_words(ran: Ran) -> str:
    """The first complaint of a tool, on one line."""
    lines = [line.strip() for line in (ran.err + "\n" + ran.out).splitlines() if line.strip()]
    telling = [line for line in lines if "error" in line.lower() or "sorry" in line.lower()] or lines
    return telling[0][:300] if telling else ""
