"""Draw a design as SVG with netlistsvg, or with Yosys `show` and Graphviz, whichever is installed."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from verirl.errors import ToolMissingError, VerirlError
from verirl_rtl.synthesis.yosys import checked_name, without_tool_directives
from verirl_rtl.tools import ToolLimits, run

_DRAWING = ToolLimits(wall_s=20, cpu_s=20, memory_mb=2048, output_bytes=16 << 20)


class UndrawableError(VerirlError, ValueError):
    """The design cannot be drawn: Yosys cannot read it, or it is too large."""


def schematic(source: str, top: str, folder: Path) -> str:
    """Draw a module at the level of registers and operators, with its hierarchy flattened.

    Call it in a sandbox if the text is untrusted.

    Args:
        source: Verilog text.
        top: The module to draw.
        folder: A private folder for temporary files.

    Returns:
        The text of an SVG file.

    Raises:
        UndrawableError: If the design cannot be drawn.
        ToolMissingError: If neither netlistsvg nor Graphviz is installed.
    """
    place = Path(tempfile.mkdtemp(dir=folder))
    try:
        (place / "design.sv").write_text(without_tool_directives(source))
        read = [
            "read_verilog -sv -nosynthesis -noblackbox design.sv",
            f"hierarchy -check -top {checked_name(top)}",
            "proc",
            "flatten",
            "opt",
            "clean -purge",
        ]
        if shutil.which("netlistsvg") is not None:
            return _netlistsvg(read, place)
        if shutil.which("dot") is not None:
            return _graphviz(read, top, place)
        raise ToolMissingError("dot", "sudo apt-get install graphviz")
    finally:
        shutil.rmtree(place, ignore_errors=True)


def _netlistsvg(read: list[str], place: Path) -> str:
    _yosys([*read, "write_json design.json"], place)
    drawn = run(["netlistsvg", "design.json", "-o", "design.svg"], place, _DRAWING)
    if not drawn.ok:
        raise UndrawableError(f"netlistsvg cannot draw it: {_last(drawn.stderr or drawn.stdout)}")
    return (place / "design.svg").read_text(encoding="utf-8")


def _graphviz(read: list[str], top: str, place: Path) -> str:
    _yosys([*read, f"show -format dot -viewer none -prefix design -colors 3 {top}"], place)
    drawn = run(["dot", "-Tsvg", "design.dot"], place, _DRAWING)
    if not drawn.ok:
        raise UndrawableError(f"Graphviz cannot draw it: {_last(drawn.stderr) or 'it is too large'}")
    return drawn.stdout


def _yosys(commands: list[str], place: Path) -> None:
    done = run(["yosys", "-q", "-p", "; ".join(commands)], place, _DRAWING)
    if not done.ok:
        raise UndrawableError(f"Yosys cannot read it: {_last(done.stderr) or 'it is too large'}")


def _last(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1][:300] if lines else ""
