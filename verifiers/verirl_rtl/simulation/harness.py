"""The harness that applies recorded inputs to a design under Icarus Verilog and prints its outputs.

Design and harness share a simulation, so the harness holds only the inputs and no expected outputs.
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
"""Nanoseconds between events, so that delays in a design have passed when it is sampled."""


_HEAD = '`timescale 1ns/1ps\n`line 1 "design.sv" 0\n'
_CHECKED = re.compile(r"\b(?:unique0?|priority)(?=\s+(?:case[xz]?|if)\b)")


def for_icarus(text: str) -> str:
    """Return canonical text for Icarus: with a time unit, and without `unique`, which prints warnings."""
    return _HEAD + _CHECKED.sub("", text)


@dataclass(frozen=True)
class CompileResult:
    """The result of a compilation.

    Attributes:
        error: The first complaint of the compiler; empty if it succeeded.
        timed_out: Whether the compiler took too long.
    """

    error: str = ""
    timed_out: bool = False


def fresh_name(stem: str) -> str:
    """Return a random name, which no text can contain."""
    return f"{stem}_{secrets.token_hex(8)}"


def escaped_identifier(name: str) -> str:
    """Return a name in the form that is valid for every name, even a keyword (IEEE 1800-2017, 5.6.1)."""
    return f"\\{name} "


def vector_range(width: int) -> str:
    """Return the range of a vector declaration, such as `[7:0]`; empty for one bit."""
    return f"[{width - 1}:0]" if width > 1 else ""


def overrides(parameters: Mapping[str, str]) -> str:
    """Return the parameter list of an instantiation, with a trailing blank; empty without parameters."""
    given = ", ".join(f".{escaped_identifier(name)}({value})" for name, value in parameters.items())
    return f"#({given}) " if given else ""


def harness(name: str, top: str, ports: Sequence[Port], parameters: Mapping[str, str], events: int) -> str:
    """Return Verilog that applies the lines of the file `script` and prints the outputs if a line says so.

    Args:
        name: The name of the harness module.
        top: The module under test.
        ports: The ports of `top`.
        parameters: Parameter values to set on `top`.
        events: Number of lines in `script`.
    """
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
    """Compile files of a folder into `sim` in that folder."""
    return _built(run([*ICARUS_COMMAND, "-s", root, "-o", "sim", *files], folder, limits), folder)


def compile_canonical(folder: Path, root: str, files: Sequence[str], limits: ToolLimits) -> CompileResult:
    """Compile texts without macros: run the compiler itself, without preprocessor, driver and shells."""
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
    """The folder of the compiler of Icarus 11; None for other versions, whose settings are not known."""
    driver = shutil.which("iverilog")
    if driver is None or not version("iverilog").startswith("11."):
        return None
    library = Path(driver).resolve().parent.parent / "lib"
    found = [*library.glob("ivl/ivl"), *library.glob("*/ivl/ivl")]
    return found[0].parent if found else None


def first_complaint(ran: ToolRun) -> str:
    """Return the first complaint of a tool, on one line."""
    lines = [line.strip() for line in (ran.stderr + "\n" + ran.stdout).splitlines() if line.strip()]
    telling = [line for line in lines if "error" in line.lower() or "sorry" in line.lower()] or lines
    return telling[0][:300] if telling else ""
