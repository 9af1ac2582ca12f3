"""The harness that plays recorded inputs into a design under Icarus Verilog and prints its outputs.

Design and harness share a simulation, so the harness holds nothing worth reading: inputs, no expectations.
"""

from __future__ import annotations

import re
import secrets
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from verirl_rtl.language.inspection import Port
from verirl_rtl.tools import ToolLimits, ToolRun, run, version

ICARUS_COMMAND = ("iverilog", "-g2012", "-gno-assertions")
EVENT_SPACING_NS = 1000
"""Time units from one event to the next, so that delays in a design have run out when it is sampled."""


_HEAD = '`timescale 1ns/1ps\n`line 1 "design.sv" 0\n'
_CHECKED = re.compile(r"\b(?:unique0?|priority)(?=\s+(?:case[xz]?|if)\b)")


def for_icarus(text: str) -> str:
    """A canonical text as Icarus is given it: delays have a unit, lines keep their numbers, and no `unique`
    makes it print a warning among the outputs."""
    return _HEAD + _CHECKED.sub("", text)


@dataclass(frozen=True)
class CompileResult:
    """A compiled simulation, or what the compiler said against it."""

    error: str = ""
    timed_out: bool = False


def fresh_name(stem: str) -> str:
    """A name that no text can know."""
    return f"{stem}_{secrets.token_hex(8)}"


def escaped_identifier(name: str) -> str:
    """A name in the writing that is right for all of them, keywords too (IEEE 1800-2017, 5.6.1)."""
    return f"\\{name} "


def vector_range(width: int) -> str:
    """The range of a vector."""
    return f"[{width - 1}:0]" if width > 1 else ""


def overrides(parameters: Mapping[str, str]) -> str:
    """The parameter list of an instantiation."""
    given = ", ".join(f".{escaped_identifier(name)}({value})" for name, value in parameters.items())
    return f"#({given}) " if given else ""


def harness(name: str, top: str, ports: Sequence[Port], parameters: Mapping[str, str], events: int) -> str:
    """Verilog that plays `events` lines of the file `script` and prints the outputs where a line says so."""
    wires = {port.name: f"p{number}" for number, port in enumerate(ports)}
    inputs = [port for port in ports if port.direction == "input"]
    outputs = [port for port in ports if port.direction == "output"]
    width = 1 + sum(port.width for port in inputs)
    declared = [
        f"{'reg' if port.direction == 'input' else 'wire'} {vector_range(port.width)} {wires[port.name]};"
        for port in ports
    ]
    joined = ", ".join(f".{escaped_identifier(port.name)}({wires[port.name]})" for port in ports)
    shown = ", ".join(wires[port.name] for port in outputs)
    played = ", ".join(["take", *(wires[port.name] for port in inputs)])
    lines = [
        "`timescale 1ns/1ps",
        f"module {name};",
        *declared,
        f"reg [{width - 1}:0] script [0:{events - 1}];",
        "reg take;",
        "integer i;",
        f"{escaped_identifier(top)} {overrides(parameters)}dut ({joined});",
        "initial begin",
        f'$readmemb("script", script, 0, {events - 1});',
        # Every process waits by then, so that the first values are edges for those that wait for one.
        f"#{EVENT_SPACING_NS};",
        f"for (i = 0; i < {events}; i = i + 1) begin",
        f"{{{played}}} = script[i];",
        f"#{EVENT_SPACING_NS};",
        f'if (take) $display("%b", {{{shown}}});',
        "end",
        "$finish(0);",
        "end",
        "endmodule",
    ]
    return "\n".join(lines) + "\n"


def compile_icarus(folder: Path, root: str, files: Sequence[str], limits: ToolLimits) -> CompileResult:
    """Compile files of `folder` into `folder/sim`."""
    return _built(run([*ICARUS_COMMAND, "-s", root, "-o", "sim", *files], folder, limits), folder)


def compile_canonical(folder: Path, root: str, files: Sequence[str], limits: ToolLimits) -> CompileResult:
    """The same for texts without macros: the compiler itself, without preprocessor, driver and shells."""
    base = _base()
    if base is None:
        return compile_icarus(folder, root, files, limits)
    (folder / "settings").write_text(
        f"root:{root}\nbasedir:{base}\n"
        + "".join(f"module:{base}/{name}.vpi\n" for name in ("system", "v2005_math", "va_math", "v2009"))
        + "".join(f"generation:{name}\n" for name in _GENERATION)
        + "warnings:n\nignore_missing_modules:false\nout:sim\niwidth:32\nwidthcap:65536\n"
    )
    argv = [f"{base}/ivl", "-C", "settings", "-C", f"{base}/vvp.conf", "--", *files]
    return _built(run(argv, folder, limits), folder)


def _built(done: ToolRun, folder: Path) -> CompileResult:
    if done.ok and (folder / "sim").is_file():
        return CompileResult()
    return CompileResult(error=first_complaint(done) or "it does not compile", timed_out=done.timed_out)


_GENERATION = (
    "2012",
    "no-specify",
    "no-assertions",
    "xtypes",
    "io-range-error",
    "no-strict-ca-eval",
    "no-strict-expr-width",
    "shared-loop-index",
    "no-verilog-ams",
    "icarus-misc",
)


@cache
def _base() -> Path | None:
    """Where Icarus 11 keeps its compiler; None where it is another version, whose settings are not known."""
    driver = shutil.which("iverilog")
    if driver is None or not version("iverilog").startswith("11."):
        return None
    library = Path(driver).resolve().parent.parent / "lib"
    found = [*library.glob("ivl/ivl"), *library.glob("*/ivl/ivl")]
    return found[0].parent if found else None


def first_complaint(ran: ToolRun) -> str:
    """The first complaint of a tool, on one line."""
    lines = [line.strip() for line in (ran.stderr + "\n" + ran.stdout).splitlines() if line.strip()]
    telling = [line for line in lines if "error" in line.lower() or "sorry" in line.lower()] or lines
    return telling[0][:300] if telling else ""
