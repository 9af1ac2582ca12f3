"""Record the golden trace of a task by simulating its reference once.

With a testbench, a recording module takes the place of `top` in it and instantiates the reference, so that
the testbench drives the reference and every change of an input is written down. Without one, the inputs come
from `stimulus`. In both cases the inputs are then replayed into the reference exactly as they will be into
an answer, and its outputs are what answers are compared with. The outputs stay in this process's memory.
"""

from __future__ import annotations

import hashlib
import math
import shutil
import tempfile
import time
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from verirl_rtl.language.inspection import Inspection
from verirl_rtl.language.verilog_text import rename_modules
from verirl_rtl.reference import BrokenTaskError, inspect_reference
from verirl_rtl.simulation.golden_trace import LONG_SIMULATION_S, GoldenTrace, TraceStore
from verirl_rtl.simulation.harness import (
    compile_icarus,
    escaped_identifier,
    first_complaint,
    fresh_name,
    overrides,
    vector_range,
)
from verirl_rtl.simulation.simulate import simulate
from verirl_rtl.simulation.stimulus import Event, Roles, hints, reordered, roles, serialized, stimulus
from verirl_rtl.simulation.verilator_build import bench_script, verilator_installed, verilator_usable
from verirl_rtl.spec import RtlSpec
from verirl_rtl.tools import ToolLimits, ToolRun, run

MAX_BENCH_EVENTS = 300_000
MAX_BENCH_TRACE_BYTES = 100_000_000
"""A testbench is followed up to so many input changes and so many bytes of their record."""
MIN_ICARUS_PREFIX_EVENTS = 64
"""The Icarus prefix of a trace is halved while it takes long, down to so many events."""
EXTRA_SEEDS = 3
"""Further seeds for generated inputs while an output of the reference stays constant."""
LENGTH_FACTORS = (4, 16, 64)
"""Factors by which generated inputs are prolonged if that changes more output bits of the reference."""
MAX_PARTIAL_RECORDINGS = 2
VERDICT_TIME_SHARE = 0.25
"""Share of a verdict's time that recording leaves to the rest."""

_FULL_LIMITS = ToolLimits(wall_s=30, cpu_s=15, memory_mb=2048, file_mb=256)
_BRIEF_LIMITS = ToolLimits(wall_s=15, cpu_s=1, memory_mb=2048, file_mb=256)
"""Limits of Icarus before Verilator is tried."""

_traces = TraceStore()
_bench_events: OrderedDict[str, list[Event]] = OrderedDict()
"""Inputs from testbenches whose trace is not complete yet: the next verdict continues from there."""


def record(spec: RtlSpec, folder: Path, *, until: float | None = None) -> GoldenTrace:
    """Return the golden trace of a task; a process records it once and keeps it in memory.

    Args:
        spec: The spec of the task; it has a reference.
        folder: A private folder for temporary files.
        until: Value of `time.monotonic()` at which the verdict is due, or None for no limit.

    Returns:
        The trace, with at least one defined output bit.

    Raises:
        BrokenTaskError: If the reference or the testbench does not run, or not in time.
        ToolMissingError: If a simulator is not installed.
    """
    key = _key(spec)
    stored = _traces.get(key)
    if stored is not None:
        return stored
    end = math.inf
    if until is not None:
        # A verdict that ends during the recording counts as a timeout of the answer, so end before it.
        end = until - VERDICT_TIME_SHARE * (until - time.monotonic())
    trace = _record(spec, key, folder, _TimeBudget(end))
    _traces.put(key, trace)
    _bench_events.pop(key, None)
    return trace


@dataclass(frozen=True)
class _TimeBudget:
    """The limits of the recording's simulations, none of which may run past `until`."""

    until: float

    @property
    def full(self) -> ToolLimits:
        return self._cut(_FULL_LIMITS)

    @property
    def brief(self) -> ToolLimits:
        return self._cut(_BRIEF_LIMITS)

    def _cut(self, limits: ToolLimits) -> ToolLimits:
        left = self.until - time.monotonic()
        return replace(limits, wall_s=max(0.1, min(limits.wall_s, left)))


def _record(spec: RtlSpec, key: str, folder: Path, budget: _TimeBudget) -> GoldenTrace:
    reference = inspect_reference(spec)
    inputs = reference.inputs
    input_roles = roles(inputs, reference.edges, spec.clock, spec.reset)
    seed = int(key[:16], 16)
    literals = hints(reference.text)
    generated = stimulus(inputs, input_roles, seed, literals)

    def traced(events: list[Event]) -> GoldenTrace:
        return _trace(reference, spec.reference_top, events, input_roles, folder, budget)

    if spec.testbench is not None and inputs:
        bench_events = _bench_events.get(key) or _watch_bench(spec, reference, folder, budget)
        _bench_events[key] = bench_events
        if len(_bench_events) > MAX_PARTIAL_RECORDINGS:
            _bench_events.popitem(last=False)
        repetition = reordered(bench_events, seed)
        best = traced([*bench_events, *repetition])
        offset = sum(event.sampled for event in bench_events) if repetition else 0
        best = replace(best, replay_offset=offset)
        for events in ([*best.events, *generated], generated):
            # A testbench may leave an output undefined for good, so that generated inputs only tell
            # something from a fresh start.
            if _constant_outputs(best):
                best = min(best, traced(events), key=lambda trace: len(_constant_outputs(trace)))
    else:
        best = traced(generated)
        for extra in range(EXTRA_SEEDS):
            if inputs and _constant_outputs(best) and not best.long:
                other = traced(stimulus(inputs, input_roles, seed + 1 + extra, literals))
                best = min(best, other, key=lambda trace: len(_constant_outputs(trace)))
        for factor in LENGTH_FACTORS:
            # For example the high bits of a counter, or what it counts up to.
            if not input_roles.clocks or not best.unmoved or best.long:
                break
            other = traced(stimulus(inputs, input_roles, seed, literals, factor))
            if other.unmoved < best.unmoved:
                best = other
            elif not _constant_outputs(best):
                break
    if not best.total:
        raise BrokenTaskError("the reference puts out nothing but X")
    return best


def _constant_outputs(trace: GoldenTrace) -> frozenset[int]:
    """The outputs that never change or are never defined: a constant is right there."""
    lines = trace.expected[: trace.compared]
    return frozenset(
        number
        for number, (low, high) in enumerate(trace.output_slices)
        if len({line[low:high] for line in lines if line[low:high].strip("x")}) < 2
    )


def _trace(
    reference: Inspection,
    top: str,
    events: list[Event],
    input_roles: Roles,
    folder: Path,
    budget: _TimeBudget,
) -> GoldenTrace:
    """Simulate the reference with these inputs."""
    driven = tuple(serialized(events, reference.inputs, input_roles))
    trace = GoldenTrace(reference.ports, reference.overridden, driven)
    outcome = simulate(trace, reference.text, top, folder, "icarus", limits=budget.brief)
    if (outcome.timed_out or outcome.not_compiled) and verilator_usable(budget.full.wall_s):
        icarus_compiles = not outcome.not_compiled
        trace, first_lines = _icarus_prefix(trace, reference, top, folder, budget)
        outcome = simulate(trace, reference.text, top, folder, "verilator", limits=budget.full)
        outcome = replace(outcome, lines=first_lines + outcome.lines[len(first_lines) :])
        if outcome.order_unreliable and icarus_compiles:
            outcome = simulate(trace, reference.text, top, folder, "icarus", limits=budget.full)
    if outcome.error or outcome.timed_out:
        why = "it takes longer than a verdict may (--deadline)" if outcome.timed_out else outcome.error
        raise BrokenTaskError(f"the reference does not run: {why}")
    return replace(trace, expected=outcome.lines, engine=outcome.engine, seconds=outcome.seconds)


def _icarus_prefix(
    trace: GoldenTrace, reference: Inspection, top: str, folder: Path, budget: _TimeBudget
) -> tuple[GoldenTrace, tuple[str, ...]]:
    """The trace with a prefix that Icarus simulates in a short time, and the outputs of that prefix."""
    while trace.icarus_prefix >= MIN_ICARUS_PREFIX_EVENTS:
        outcome = simulate(trace.prefix, reference.text, top, folder, "icarus", limits=budget.brief)
        if not outcome.timed_out and outcome.seconds <= LONG_SIMULATION_S:
            # Verilator, which knows no Z, simulates the rest.
            sound = not outcome.error and not any("z" in line for line in outcome.lines)
            return (trace, outcome.lines) if sound else (replace(trace, icarus_prefix=0), ())
        trace = replace(trace, icarus_prefix=trace.icarus_prefix // 2)
    return replace(trace, icarus_prefix=0), ()


def _watch_bench(spec: RtlSpec, reference: Inspection, folder: Path, budget: _TimeBudget) -> list[Event]:
    """The inputs from the testbench to the reference: one event per change, sampled as a time step ends."""
    if spec.testbench is None:
        raise BrokenTaskError("there is no testbench")
    core = fresh_name("core")
    copies = {name: core if name == spec.reference_top else fresh_name("part") for name in reference.modules}
    files = {"bench.sv": spec.testbench, "core.sv": rename_modules(reference.text, copies)}
    if spec.reference_top != spec.top:
        files["reference.sv"] = reference.text
    files["watch.sv"] = _recording_module(spec.top, core, reference)
    bench_folder = Path(tempfile.mkdtemp(dir=folder))
    try:
        for name, text in {**spec.aux_files, **files}.items():
            (bench_folder / name).write_text(text, encoding="utf-8")
        names = [name for name in ("bench.sv", "reference.sv", "core.sv", "watch.sv") if name in files]
        done = _run_bench(bench_folder, spec.testbench_top, names, budget)
        record_file = bench_folder / "trace"
        if done.timed_out or not record_file.is_file():
            slow = "it takes longer than a verdict may (--deadline)"
            why = slow if done.timed_out else first_complaint(done) or f"'{spec.top}' is not used"
            raise BrokenTaskError(f"the bench does not run: {why}")
        width = sum(port.width for port in reference.inputs)
        return _read_events(record_file.read_text().splitlines(), width)
    finally:
        shutil.rmtree(bench_folder, ignore_errors=True)


def _run_bench(bench_folder: Path, top: str, names: Sequence[str], budget: _TimeBudget) -> ToolRun:
    """Run the testbench under Icarus, or under Verilator if Icarus does not compile it."""
    built = compile_icarus(bench_folder, top, names, budget.full)
    simulation = ["vvp", "-n", "sim", "-none"]
    if not built.error:
        done = run(simulation, bench_folder, budget.brief if verilator_installed() else budget.full)
        if not done.timed_out or not verilator_installed():
            return done
        if not verilator_usable(budget.full.wall_s):
            return run(simulation, bench_folder, budget.full)
    elif not verilator_usable(budget.full.wall_s):
        raise BrokenTaskError(f"the bench does not compile with the reference: {built.error}")
    second = run(["sh", "-c", bench_script(top, names)], bench_folder, budget.full)
    if second.timed_out:
        return second
    if not second.ok:
        raise BrokenTaskError(
            f"the bench does not compile with the reference: {built.error}; {first_complaint(second)}"
        )
    return run([str(bench_folder / "model")], bench_folder, budget.full)


def _recording_module(top: str, core: str, reference: Inspection) -> str:
    """A module in the place of `top` that passes everything to the reference and writes down its inputs."""
    ports = ", ".join(
        f"{port.direction} {vector_range(port.width)} {escaped_identifier(port.name)}"
        for port in reference.ports
    )
    connections = ", ".join(
        f".{escaped_identifier(port.name)}({escaped_identifier(port.name)})" for port in reference.ports
    )
    inputs = [escaped_identifier(port.name) for port in reference.inputs]
    parameters = ", ".join(
        f"parameter {escaped_identifier(name)} = {value}" for name, value in reference.parameters.items()
    )
    passed = overrides({name: escaped_identifier(name) for name in reference.parameters})
    width = sum(port.width for port in reference.inputs)
    limit = min(MAX_BENCH_EVENTS, MAX_BENCH_TRACE_BYTES // (width + 60))
    file, count, inner = fresh_name("file"), fresh_name("count"), fresh_name("inner")
    written = f'$fdisplay({file}, "%m %0d %b", $time, {{{", ".join(inputs)}}});'
    return f"""`timescale 1ps/1ps
module {escaped_identifier(top)} {f"#({parameters}) " if parameters else ""}({ports});
{core} {passed}{inner} ({connections});
integer {file}, {count};
initial begin
{count} = 0;
{file} = $fopen("trace", "w");
{written}
end
always @({" or ".join(inputs)}) if ({file}) begin
{written}
{count} = {count} + 1;
if ({count} >= {limit}) $finish;
end
endmodule
"""


def _read_events(lines: Sequence[str], width: int) -> list[Event]:
    """The events of the first instance; time 0 only as it ends, and no event that changes nothing."""
    changes: list[tuple[str, str]] = []
    instance = lines[0].split()[0] if lines else ""
    for line in lines:
        words = line.split()
        if len(words) != 3 or len(words[2]) != width:
            break
        if words[0] == instance:
            changes.append((words[1], words[2].lower()))
    if not changes:
        raise BrokenTaskError("the bench gives the reference no input")
    first_time = changes[0][0]
    start = max(number for number, (moment, _) in enumerate(changes) if moment == first_time)
    events: list[Event] = []
    for number, (moment, bits) in enumerate(changes[start:], start):
        last = number + 1 == len(changes) or changes[number + 1][0] != moment
        if events and events[-1].bits == bits:
            events[-1] = Event(bits, events[-1].sampled or last)
        else:
            events.append(Event(bits, last))
    return events


def _key(spec: RtlSpec) -> str:
    parts = (spec.top, spec.reference, spec.reference_top, spec.testbench, spec.testbench_top)
    return hashlib.sha256(
        repr((parts, sorted(spec.aux_files.items()), spec.clock, spec.reset)).encode()
    ).hexdigest()
