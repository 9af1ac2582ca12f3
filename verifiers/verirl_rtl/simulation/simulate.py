"""Simulate a design with the inputs of a golden trace, and compare its outputs with the reference's."""

from __future__ import annotations

import shutil
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from verirl_rtl.simulation.golden_trace import GoldenTrace
from verirl_rtl.simulation.harness import compile_canonical, first_complaint, for_icarus, fresh_name, harness
from verirl_rtl.simulation.verilator_build import ORDER_WARNING, model_files, model_script, verilator_usable
from verirl_rtl.tools import ToolLimits, ToolRun, run

Engine = Literal["auto", "icarus", "verilator"]
MAX_MISMATCHES = 8
VERILATOR_MODELS = 3
"""Verilator models that run side by side: undefined values are 0, 1, and random."""
MEMORIZED_CREDIT = 0.5
"""An answer whose credit in the repetition of a testbench is lower has memorized the testbench."""
BUILD_MEMORY_MB = 1536
BUILD_CPU_S = 8


@dataclass(frozen=True)
class SimulationRun:
    """The outputs of one simulation.

    Attributes:
        lines: The output bits in port order, one line per sample.
        error: Why there are no lines, or empty.
        timed_out: Whether it took too long.
        not_compiled: Whether the engine does not compile the text.
        order_unreliable: Whether the engine warns that it may order assignments otherwise than the text says.
        seconds: CPU time of the simulation.
        engine: `icarus` or `verilator`.
    """

    lines: tuple[str, ...] = ()
    error: str = ""
    timed_out: bool = False
    not_compiled: bool = False
    order_unreliable: bool = False
    seconds: float = 0.0
    engine: str = "icarus"


@dataclass(frozen=True)
class Mismatch:
    """A sample in which outputs are wrong.

    Attributes:
        step: The number of the sample, from 0.
        inputs: The input bits in port order.
        expected: The output bits of the reference.
        got: The output bits of the answer.
    """

    step: int
    inputs: str
    expected: str
    got: str


@dataclass(frozen=True)
class ReplayResult:
    """The comparison of an answer with the reference.

    A sample is one output port at one settled point in time at which the reference has a defined bit.

    Attributes:
        matched: Number of samples that match.
        total: Number of samples.
        score: For each output that varies, the share of samples that match beyond those that the best
            constant matches; the mean over these outputs.
        mismatches: The first samples that do not match.
        timed_out: Whether the simulation took too long.
        error: Why the simulation did not run to its end, or empty.
        engine: `icarus` or `verilator`.
        memorized: Whether the samples of a testbench match, but hardly any does in its repetition.
    """

    matched: int
    total: int
    score: float
    mismatches: tuple[Mismatch, ...] = ()
    timed_out: bool = False
    error: str = ""
    engine: str = "icarus"
    memorized: bool = False

    @property
    def passed(self) -> bool:
        """Whether every sample matches, and not because the testbench was memorized."""
        return not self.timed_out and not self.error and not self.memorized and self.matched == self.total > 0


def replay(
    trace: GoldenTrace,
    source: str,
    top: str,
    folder: Path,
    engine: Engine = "auto",
    *,
    limits: ToolLimits = ToolLimits(),  # noqa: B008 - frozen
    parameters: Sequence[str] | None = None,
) -> ReplayResult:
    """Simulate a design with the inputs of a trace and compare its outputs.

    Args:
        trace: The golden trace of the task.
        source: Canonical Verilog text.
        top: The module of `source` to simulate.
        folder: A private folder for temporary files.
        engine: The simulator; `auto` chooses it by length and by what each can compile.
        limits: Limits of the simulation.
        parameters: Names of the parameters that `top` has; None if it has all that the trace sets.

    Returns:
        The comparison.

    Raises:
        ToolMissingError: If the simulator is not installed.
    """
    played = simulate(trace, source, top, folder, engine, limits=limits, parameters=parameters)
    if played.error or played.timed_out:
        return ReplayResult(
            0, trace.total, 0.0, timed_out=played.timed_out, error=played.error, engine=played.engine
        )
    return compare(trace, played)


def simulate(
    trace: GoldenTrace,
    source: str,
    top: str,
    folder: Path,
    engine: Engine = "auto",
    *,
    limits: ToolLimits = ToolLimits(),  # noqa: B008 - frozen
    parameters: Sequence[str] | None = None,
) -> SimulationRun:
    """Simulate a design with the inputs of a trace; the arguments are those of `replay`."""
    names = trace.parameters.keys() if parameters is None else parameters
    given = {name: value for name, value in trace.parameters.items() if name in names}
    place = Path(tempfile.mkdtemp(dir=folder))
    try:
        if engine == "auto":
            return _chosen(trace, source, top, given, place, limits)
        run_it = _icarus if engine == "icarus" else _verilator
        return run_it(trace, source, top, given, place, limits)
    finally:
        shutil.rmtree(place, ignore_errors=True)


def _chosen(
    trace: GoldenTrace, source: str, top: str, given: Mapping[str, str], place: Path, limits: ToolLimits
) -> SimulationRun:
    """Use Verilator for long simulations and Icarus otherwise, or the other one if the first fails.

    Verilator does not know X and does not order all assignments as the standard requires. So Icarus also
    simulates the start of what Verilator simulates, and its result takes precedence there.
    """
    if not trace.long or not _verilator_may(trace, limits):
        played = _icarus(trace, source, top, given, place, limits)
        if not played.not_compiled or played.timed_out or not _verilator_may(trace, limits):
            return played
        other = _verilator(trace, source, top, given, place, limits)
        return played if other.not_compiled else other
    start = SimulationRun(not_compiled=True)
    if trace.icarus_prefix:
        start = _icarus(trace.prefix, source, top, given, place, limits)
        if start.timed_out or (start.error and not start.not_compiled):
            return start
    played = _verilator(trace, source, top, given, place, limits)
    if played.order_unreliable or (played.not_compiled and not played.timed_out):
        # The CPU limit was derived from a reference that Verilator simulated.
        patient = replace(limits, cpu_s=max(limits.cpu_s, int(0.8 * limits.wall_s)))
        other = _icarus(trace, source, top, given, place, patient)
        return played if other.not_compiled else other
    if played.error:
        return played
    return replace(played, lines=start.lines + played.lines[len(start.lines) :])


def _verilator_may(trace: GoldenTrace, limits: ToolLimits) -> bool:
    """Whether Verilator can be used, and no output is ever 'z', which it does not know."""
    two_valued = not any("z" in line for line in trace.expected)
    return two_valued and verilator_usable(max(0.0, 0.75 * limits.wall_s - 5))


def _verilator(
    trace: GoldenTrace, source: str, top: str, given: Mapping[str, str], place: Path, limits: ToolLimits
) -> SimulationRun:
    name = fresh_name("play")
    for file, text in model_files(name, top, trace.ports, given).items():
        (place / file).write_text(text, encoding="utf-8")
    (place / "design.sv").write_text(source, encoding="utf-8")
    (place / "script").write_text(trace.script, encoding="utf-8")
    built = run(["sh", "-c", model_script(name)], place, _building(limits))
    if not built.ok:
        error = first_complaint(built) or "Verilator does not compile it"
        return SimulationRun(error=error, timed_out=built.timed_out, not_compiled=True, engine="verilator")
    command = ["sh", "-c", f"exec ./model {VERILATOR_MODELS} < script"]
    played = _lines(trace, run(command, place, _wide(trace, limits)), "verilator")
    return replace(played, order_unreliable=ORDER_WARNING in built.stderr)


def _icarus(
    trace: GoldenTrace, source: str, top: str, given: Mapping[str, str], place: Path, limits: ToolLimits
) -> SimulationRun:
    name = fresh_name("play")
    (place / "harness.v").write_text(harness(name, top, trace.ports, given, len(trace.events)))
    (place / "design.sv").write_text(for_icarus(source), encoding="utf-8")
    (place / "script").write_text(trace.script, encoding="utf-8")
    built = compile_canonical(place, name, ["harness.v", "design.sv"], _building(limits))
    if built.error:
        return SimulationRun(error=built.error, timed_out=built.timed_out, not_compiled=True)
    return _lines(trace, run(["vvp", "-n", "sim"], place, _wide(trace, limits)), "icarus")


def _building(limits: ToolLimits) -> ToolLimits:
    """Limits for compilers, whose time is independent of that of the simulation."""
    return replace(limits, memory_mb=BUILD_MEMORY_MB, cpu_s=max(limits.cpu_s, BUILD_CPU_S))


def _wide(trace: GoldenTrace, limits: ToolLimits) -> ToolLimits:
    """Limits with room for every expected line, and little more."""
    room = trace.samples * (_width(trace) + 1) + 4096
    return replace(limits, output_bytes=room, file_mb=max(limits.file_mb, (room >> 20) + 1))


def _width(trace: GoldenTrace) -> int:
    return sum(port.width for port in trace.outputs)


def _lines(trace: GoldenTrace, ran: ToolRun, engine: str) -> SimulationRun:
    """Read the output of a simulation: one line of the right length per sample."""
    if ran.timed_out:
        return SimulationRun(error="the simulation does not end", timed_out=True, engine=engine)
    # Warnings of the simulator contain other characters than bits.
    lines = tuple(line for line in ran.stdout.split("\n")[:-1] if line and not line.strip("01xz"))
    width = _width(trace)
    if not ran.ok or len(lines) != trace.samples or any(len(line) != width for line in lines):
        why = first_complaint(ran) or f"it ended with {ran.returncode}"
        return SimulationRun(error=f"the simulation broke off: {why}"[:300], engine=engine)
    return SimulationRun(lines, seconds=ran.cpu_s, engine=engine)


def compare(trace: GoldenTrace, played: SimulationRun) -> ReplayResult:
    """Compare the outputs of a simulation with the expected ones, output by output."""
    total = trace.total
    if played.lines == trace.expected:
        return ReplayResult(total, total, 1.0, engine=played.engine)
    end = trace.compared
    matched = 0
    credits: list[tuple[float, float]] = []
    for low, high in trace.output_slices:
        wanted = [line[low:high] for line in trace.expected]
        right = [_agrees(want, line[low:high]) for want, line in zip(wanted, played.lines, strict=True)]
        matched += sum(ok for ok, want in zip(right[:end], wanted[:end], strict=True) if want.strip("x"))
        credits.append((_credit(wanted[:end], right[:end]), _credit(wanted[end:], right[end:])))
    first = _first(trace, played)
    again = _mean([later for _, later in credits])
    if matched == total:
        # Stale memory and the like may differ in the repetition; a memorized answer knows nothing of it.
        memorized = 0 <= again < MEMORIZED_CREDIT
        return ReplayResult(
            matched,
            total,
            again if memorized else 1.0,
            first if memorized else (),
            memorized=memorized,
            engine=played.engine,
        )
    score = _mean([min((one for one in pair if one >= 0), default=-1.0) for pair in credits])
    score = min(score if score >= 0 else matched / max(total, 1), 0.999)
    return ReplayResult(matched, total, score, first, engine=played.engine)


def _mean(credits: Sequence[float]) -> float:
    """The mean over the outputs that vary; -1 if none does."""
    varying = [one for one in credits if one >= 0]
    return sum(varying) / len(varying) if varying else -1.0


def _credit(wanted: Sequence[str], right: Sequence[bool]) -> float:
    """The share of hits beyond those of the best constant; -1 if the output is constant or undefined."""
    counted = [number for number, want in enumerate(wanted) if want.strip("x")]
    if not counted:
        return -1.0
    common = Counter(wanted[number] for number in counted).most_common(1)[0][1]
    if common == len(counted):
        return -1.0
    hits = sum(right[number] for number in counted)
    return max(0.0, (hits - common) / (len(counted) - common))


def _agrees(want: str, got: str) -> bool:
    return want == got or ("x" in want and all(w in ("x", g) for w, g in zip(want, got, strict=True)))


def _first(trace: GoldenTrace, played: SimulationRun) -> tuple[Mismatch, ...]:
    sampled = [event for event in trace.events if event.sampled]
    found = []
    for step, (event, want, got) in enumerate(zip(sampled, trace.expected, played.lines, strict=True)):
        if not _agrees(want, got):
            found.append(Mismatch(step, event.bits, want, got))
            if len(found) == MAX_MISMATCHES:
                break
    return tuple(found)
