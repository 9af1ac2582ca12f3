"""Find out which of several modules behave differently from a reference, with inputs of its own.

One simulation drives all of them with the same inputs: all values if they are few, else random ones in phases
that keep a signal low, high or mostly low, copy one operand to another, and, with a clock, assert the reset
between edges, too. All texts must be trusted: an answer of a model never shares a simulation with a
reference.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from verirl_rtl.language.verilog_text import outline, rename_textually
from verirl_rtl.tasks.families.design import Port
from verirl_rtl.tools import ToolLimits, run

MAX_STEPS = 1500
FALLBACK_STEPS = 60
"""Steps if a design is too large for `MAX_STEPS`."""
EXHAUSTIVE_BITS = 11
"""Input bits up to which all values are applied."""
_BOUNDS = ToolLimits(wall_s=6, cpu_s=2)


@dataclass(frozen=True, slots=True)
class ModuleInterface:
    """The name and ports of a module, and which of them are clock and reset.

    Attributes:
        name: The module.
        ports: Its ports in order.
        clock: The clock port, or None.
        reset: The reset port, or None.
        active: The value at which the reset is active.
    """

    name: str
    ports: tuple[Port, ...]
    clock: str | None = None
    reset: str | None = None
    active: int = 1


def which_differ(face: ModuleInterface, reference: str, others: Sequence[str]) -> list[bool]:
    """Return for each of `others` whether it differs; False if it does not compile or end.

    Args:
        face: The interface that all modules share.
        reference: The text of the reference.
        others: Texts that define the same module.
    """
    if not others:
        return []
    found = _simulate(face, reference, others, MAX_STEPS)
    if found is None and len(others) > 1:
        # One of them does not compile or does not end; that must not affect the others.
        middle = len(others) // 2
        return which_differ(face, reference, others[:middle]) + which_differ(face, reference, others[middle:])
    return found or [False] * len(others)


def _simulate(face: ModuleInterface, reference: str, others: Sequence[str], steps: int) -> list[bool] | None:
    names = [f"verirl_m{place}" for place in range(len(others))]
    try:
        inner = outline(reference).defined
        modules = [_alone(text, face.name, name, inner) for text, name in zip(others, names, strict=True)]
        modules.append(_alone(reference, face.name, "verirl_r", inner))
    except ValueError:
        return None
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        (folder / "all.v").write_text("\n".join([*modules, bench(face, names, steps)]), encoding="utf-8")
        built = run(["iverilog", "-g2012", "-s", "verirl_tb", "-o", "all.vvp", "all.v"], folder, _BOUNDS)
        if not built.ok:
            return None
        ran = run(["vvp", "-n", "all.vvp"], folder, _BOUNDS)
        if ran.timed_out and steps > FALLBACK_STEPS:
            return _simulate(face, reference, others, FALLBACK_STEPS)
    said = next((line for line in ran.stdout.splitlines() if line.startswith("differ ")), None)
    if not ran.ok or said is None:
        return None
    return [bit == "1" for bit in reversed(said.removeprefix("differ "))]


def _alone(source: str, top: str, name: str, inner: Sequence[str]) -> str:
    """`source` with `top` called `name`, and its other modules after it."""
    for module in inner:
        if module != top:
            source = rename_textually(source, module, f"{name}_{module}")
    return rename_textually(source, top, name)


def bench(face: ModuleInterface, names: Sequence[str], steps: int) -> str:
    """Return a testbench that prints which modules differed: one bit each, the first one lowest."""
    ins = [port for port in face.ports if port.direction == "input"]
    outs = [port for port in face.ports if port.direction == "output"]
    data = [port for port in ins if port.name not in (face.clock, face.reset)]
    lines = ["`timescale 1ns/1ps", "module verirl_tb;", f"reg [{len(names) - 1}:0] seen = 0;"]
    lines += [f"reg [{port.width - 1}:0] i_{port.name} = 0;" for port in ins]
    lines += [f"reg [2:0] how_{port.name} = 0;" for port in ins]
    lines.append(f"reg [{max(1, sum(port.width for port in data)) - 1}:0] all = 0;")
    for name in ("verirl_r", *names):
        lines += [f"wire [{port.width - 1}:0] o_{name}_{port.name};" for port in outs]
        ports = [f".{port.name}(i_{port.name})" for port in ins]
        ports += [f".{port.name}(o_{name}_{port.name})" for port in outs]
        lines.append(f"{name} u_{name}({', '.join(ports)});")
    lines.append("task check; begin")
    for place, name in enumerate(names):
        for port in outs:
            right, got = f"o_verirl_r_{port.name}", f"o_{name}_{port.name}"
            # An X of the reference matches anything, an X of the other only an X.
            lines.append(f"if ({right} !== ({right} ^ {got} ^ {right})) seen[{place}] = 1;")
    lines += ["end endtask", *_draw(data), "integer k;", "initial begin"]
    if face.clock is None:
        lines += _without_clock(data, steps)
    else:
        lines += _with_clock(face, steps)
    return "\n".join([*lines, '$display("differ %b", seen); $finish;', "end", "endmodule", ""])


def _draw(data: Sequence[Port]) -> list[str]:
    """A task that gives every data input a value, as its mode of this phase says."""
    lines = ["task draw(input again); begin"]
    for place, port in enumerate(data):
        name = f"i_{port.name}"
        wide = f"{{{', '.join(['$random'] * ((port.width + 31) // 32))}}}"
        twin = next((p.name for p in data[:place] if p.width == port.width and port.width > 1), None)
        lines += [
            f"if (again) how_{port.name} = $random;",
            f"case (how_{port.name})",
            f"0: {name} = 0;",
            f"1: {name} = {wide} & {wide} & {wide};",
            f"2: {name} = ~({wide} & {wide});",
            f"3: if ($random % 8 == 0) {name} = {wide};",
            *([f"4: {name} = i_{twin} + ($random % 2);"] if twin else []),
            f"default: {name} = {wide};",
            "endcase",
        ]
    return [*lines, "end endtask"]


def _without_clock(data: Sequence[Port], steps: int) -> list[str]:
    width = sum(port.width for port in data)
    if not data:
        return ["#1 check;"]
    if width <= EXHAUSTIVE_BITS:
        joined = "{" + ", ".join(f"i_{port.name}" for port in data) + "}"
        return [f"for (k = 0; k < {1 << width}; k = k + 1) begin {joined} = k; #1 check; end"]
    return [f"for (k = 0; k < {steps}; k = k + 1) begin draw(k % 8 == 0); #1 check; end"]


def _with_clock(face: ModuleInterface, steps: int) -> list[str]:
    clock = f"i_{face.clock}"
    resets: list[str] = []
    rest = ""
    if face.reset is not None:
        reset, on, off = f"i_{face.reset}", face.active, 1 - face.active
        resets = [
            f"{reset} = {on};",
            *[f"#1 {clock} = 1; #1 {clock} = 0;"] * 2,
            f"#1 {reset} = {off}; #1 check;",
        ]
        # Kept active, pulsed between two edges, or left alone, which is the most frequent.
        rest = (
            f"if ({reset} == {on}) begin if ($random % 2 == 0) {reset} = {off}; end "
            f"else if ($random % 48 == 0) {reset} = {on}; #1 check; "
        )
    step = (
        f"draw(k % 16 == 0); #1 check; {rest}{clock} = 1; #1 check; draw(0); #1 check; {rest}"
        f"{clock} = 0; #1 check;"
    )
    return [*resets, f"for (k = 0; k < {steps}; k = k + 1) begin {step} end"]
