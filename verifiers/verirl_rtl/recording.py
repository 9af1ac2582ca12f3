"""The reference, run once a task: which inputs it was given, in which order, and what it put out.

With a bench, a recorder takes the place of `top` in it and instantiates the reference, so that the bench
drives the reference and every change of an input is written down. Without one, the inputs are our own. Either
way the inputs are then replayed into the reference exactly as they will be into an answer, and what it puts
out is what an answer is held to. The outputs stay in this process's memory.
"""

from __future__ import annotations

import hashlib
import itertools
import math
import shutil
import tempfile
import time
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from verirl.errors import VerirlError
from verirl_rtl.harness import compile_icarus, first_words, fresh, identifier, overrides, span
from verirl_rtl.policy import Inspection, Port, survey
from verirl_rtl.renaming import bench_parameters, renamed
from verirl_rtl.spec import Spec
from verirl_rtl.stimulus import Event, Roles, hints, roles, serialised, stimulus, turned
from verirl_rtl.tools import Bounds, Ran, run
from verirl_rtl.verilating import bench_script
from verirl_rtl.verilating import there as verilator_installed
from verirl_rtl.verilating import usable as verilator_is_there

EVENT_LIMIT, TRACE_BYTES = 300_000, 100_000_000
"""Changes of an input, and bytes of their record, after which a bench is not followed any further."""
LONG_S = 0.8
"""CPU seconds of the reference under Icarus from which a build with Verilator pays off."""
EARLY, LEAST = 4096, 64
"""Events from the first that Icarus plays, too, where Verilator plays all; halved while that takes long."""
AGAIN = 3
"""Further seeds for our inputs while an output of the reference stays constant."""
LONGER = (4, 16, 64)
"""How many times as long our inputs run where that moves more bits of the reference's outputs."""
KEPT, UNFINISHED = 256, 2
SPARE = 0.25
"""Share of a verdict's time that recording leaves."""
KEPT_BYTES = 128 * 1024 * 1024

_RECORDED = Bounds(wall_s=30, cpu_s=15, memory_mb=2048, file_mb=256)
_BRIEF = Bounds(wall_s=15, cpu_s=1, memory_mb=2048, file_mb=256)
"""What Icarus is given before Verilator is tried."""


_KNOWN = str.maketrans("xz", "00")


class BrokenTaskError(VerirlError, RuntimeError):
    """The task's own reference or bench does not run: no answer can be judged."""


@dataclass(frozen=True)
class Recording:
    """What an answer is held to.

    `ports`: those of the reference. `parameters`: what the bench sets, which an answer that has them gets,
    too. `events`: the inputs in order (see `stimulus`). `expected`: the outputs' bits in port order, one line
    a sample, `x` where the reference is undefined. `turned`: the sample from which a bench is played again in
    another order; 0 where it is not. `engine`: the simulator that made them. `seconds`: what its replay took.
    `early`: of the events that Verilator plays, those from the first that Icarus plays, too.
    """

    ports: tuple[Port, ...]
    parameters: Mapping[str, str]
    events: tuple[Event, ...]
    expected: tuple[str, ...] = ()
    turned: int = 0
    engine: str = "icarus"
    seconds: float = 0.0
    early: int = EARLY

    @property
    def long(self) -> bool:
        """Whether it is long enough for Verilator."""
        return self.engine == "verilator" or self.seconds > LONG_S

    @property
    def opening(self) -> Recording:
        """Its first `early` events."""
        events = self.events[: self.early]
        return replace(self, events=events, expected=self.expected[: sum(event.sampled for event in events)])

    @property
    def inputs(self) -> tuple[Port, ...]:
        """The input ports."""
        return tuple(port for port in self.ports if port.direction == "input")

    @property
    def outputs(self) -> tuple[Port, ...]:
        """The output ports."""
        return tuple(port for port in self.ports if port.direction == "output")

    @property
    def steps(self) -> int:
        """Settled points in time at which the outputs are compared."""
        return len(self.expected)

    @cached_property
    def samples(self) -> int:
        """Events after which the outputs are looked at."""
        return sum(event.sampled for event in self.events)

    @cached_property
    def spans(self) -> tuple[tuple[int, int], ...]:
        """Where each output's bits are in a line of `expected`."""
        ends = list(itertools.accumulate((port.width for port in self.outputs), initial=0))
        return tuple(itertools.pairwise(ends))

    @property
    def compared(self) -> int:
        """Samples that an answer must agree with: not those of a second playing."""
        return min(self.turned or len(self.expected), len(self.expected))

    @cached_property
    def total(self) -> int:
        """Samples of single outputs, in the first playing, in which the reference has a defined bit."""
        lines = self.expected[: self.compared]
        return sum(bool(line[low:high].strip("x")) for low, high in self.spans for line in lines)

    @cached_property
    def unmoved(self) -> int:
        """How many bits of the outputs never change."""
        values = {int(line.translate(_KNOWN), 2) for line in self.expected}
        first, moving = min(values), 0
        for value in values:
            moving |= first ^ value
        return sum(port.width for port in self.outputs) - moving.bit_count()

    @cached_property
    def script(self) -> str:
        """The events as the harness reads them: a line each, the sampling flag and the inputs' bits."""
        return "".join(f"{'1' if event.sampled else '0'}{event.bits}\n" for event in self.events)


_kept: OrderedDict[str, Recording] = OrderedDict()
_seen: OrderedDict[str, list[Event]] = OrderedDict()
"""What benches gave whose recording is not whole yet: the next verdict goes on from there."""


def record(spec: Spec, folder: Path, *, until: float | None = None) -> Recording:
    """The recording of a task's reference, from memory where it was made before.

    `until`: the moment of `time.monotonic()` by which it must be there. Raises BrokenTaskError where
    reference or bench do not run (in time), ToolMissingError where a simulator is missing.
    """
    key = _key(spec)
    if key in _kept:
        _kept.move_to_end(key)
        return _kept[key]
    end = math.inf
    if until is not None:
        # A verdict that ends while we record is called late, and lateness is the answer's: end before it.
        end = until - SPARE * (until - time.monotonic())
    made = _record(spec, folder, _Allowed(end))
    _kept[key] = made
    _seen.pop(key, None)
    while len(_kept) > KEPT or (len(_kept) > 1 and sum(map(_size, _kept.values())) > KEPT_BYTES):
        _kept.popitem(last=False)
    return made


def reference_of(spec: Spec) -> Inspection:
    """The reference, read and elaborated as the bench does; BrokenTaskError where it does not."""
    assert spec.reference is not None
    found = survey(spec.reference, spec.reference_top)
    if not found.ok:
        raise BrokenTaskError(f"the reference does not elaborate: {'; '.join(found.errors) or found.refusal}")
    if spec.testbench is not None and found.parameters:
        given = bench_parameters(spec.testbench, spec.testbench_top, found.text, spec.reference_top, spec.top)
        if given:
            found = survey(spec.reference, spec.reference_top, given)
    if any(port.direction == "inout" for port in found.ports):
        raise BrokenTaskError("a port of the reference is 'inout', which cannot be replayed")
    if not any(port.direction == "output" for port in found.ports):
        raise BrokenTaskError("the reference has no output")
    return found


@dataclass(frozen=True)
class _Allowed:
    """What a recording may take: it ends at `until`."""

    until: float

    @property
    def long(self) -> Bounds:
        return self._cut(_RECORDED)

    @property
    def brief(self) -> Bounds:
        return self._cut(_BRIEF)

    def _cut(self, bounds: Bounds) -> Bounds:
        left = self.until - time.monotonic()
        return replace(bounds, wall_s=max(0.1, min(bounds.wall_s, left)))


def _record(spec: Spec, folder: Path, allowed: _Allowed) -> Recording:
    found = reference_of(spec)
    inputs = [port for port in found.ports if port.direction == "input"]
    what = roles(inputs, found.edges, spec.clock, spec.reset)
    seed = int(_key(spec)[:16], 16)
    telling = hints(found.text)
    own = stimulus(inputs, what, seed, telling)
    if spec.testbench is not None and inputs:
        seen = _seen.get(_key(spec)) or _watched(spec, found, folder, allowed)
        _seen[_key(spec)] = seen
        if len(_seen) > UNFINISHED:
            _seen.popitem(last=False)
        more = turned(seen, seed)
        best = _settled(found, spec.reference_top, [*seen, *more], what, folder, allowed)
        best = replace(best, turned=sum(event.sampled for event in seen) if more else 0)
        for events in ([*best.events, *own], own):
            # A bench may leave an output undefined for good, so that our inputs only tell from a fresh start.
            if _still(best):
                other = _settled(found, spec.reference_top, events, what, folder, allowed)
                best = min(best, other, key=lambda one: len(_still(one)))
    else:
        best = _settled(found, spec.reference_top, own, what, folder, allowed)
        for again in range(AGAIN):
            if inputs and _still(best) and not best.long:
                events = stimulus(inputs, what, seed + 1 + again, telling)
                other = _settled(found, spec.reference_top, events, what, folder, allowed)
                best = min(best, other, key=lambda one: len(_still(one)))
        for longer in LONGER:
            # High bits of a counter, say, or what it counts up to.
            if not what.clocks or not best.unmoved or best.long:
                break
            events = stimulus(inputs, what, seed, telling, longer)
            other = _settled(found, spec.reference_top, events, what, folder, allowed)
            if other.unmoved < best.unmoved:
                best = other
            elif not _still(best):
                break
    if not best.total:
        raise BrokenTaskError("the reference puts out nothing but X")
    return best


def _still(recording: Recording) -> frozenset[int]:
    """The outputs that never change, or are never defined: there, a constant is right."""
    seen = recording.expected[: recording.compared]
    return frozenset(
        number
        for number, (low, high) in enumerate(recording.spans)
        if len({line[low:high] for line in seen if line[low:high].strip("x")}) < 2
    )


def _settled(
    found: Inspection, top: str, events: list[Event], what: Roles, folder: Path, allowed: _Allowed
) -> Recording:
    """The reference's answer to these inputs."""
    from verirl_rtl.replay import play

    inputs = [port for port in found.ports if port.direction == "input"]
    recording = Recording(found.ports, found.overridden, tuple(serialised(events, inputs, what)))
    played = play(recording, found.text, top, folder, "icarus", bounds=allowed.brief)
    if (played.late or played.uncompiled) and verilator_is_there(allowed.long.wall_s):
        taken = not played.uncompiled
        recording, first = _opened(recording, found, top, folder, allowed)
        played = play(recording, found.text, top, folder, "verilator", bounds=allowed.long)
        played = replace(played, lines=first + played.lines[len(first) :])
        if played.doubted and taken:
            played = play(recording, found.text, top, folder, "icarus", bounds=allowed.long)
    if played.problem or played.late:
        why = "it takes longer than a verdict may (--deadline)" if played.late else played.problem
        raise BrokenTaskError(f"the reference does not run: {why}")
    return replace(recording, expected=played.lines, engine=played.engine, seconds=played.seconds)


def _opened(
    recording: Recording, found: Inspection, top: str, folder: Path, allowed: _Allowed
) -> tuple[Recording, tuple[str, ...]]:
    """How much of its start Icarus plays in the time of a short recording, and what it says there."""
    from verirl_rtl.replay import play

    while recording.early >= LEAST:
        played = play(recording.opening, found.text, top, folder, "icarus", bounds=allowed.brief)
        if not played.late and played.seconds <= LONG_S:
            # Verilator, which knows no Z, plays the rest.
            sound = not played.problem and not any("z" in line for line in played.lines)
            return (recording, played.lines) if sound else (replace(recording, early=0), ())
        recording = replace(recording, early=recording.early // 2)
    return replace(recording, early=0), ()


def _watched(spec: Spec, found: Inspection, folder: Path, allowed: _Allowed) -> list[Event]:
    """The inputs that the bench gives to the reference: an event a change, sampled as a time step ends."""
    assert spec.testbench is not None
    core = fresh("core")
    copies = {name: core if name == spec.reference_top else fresh("part") for name in found.modules}
    files = {"bench.sv": spec.testbench, "core.sv": renamed(found.text, copies)}
    if spec.reference_top != spec.top:
        files["reference.sv"] = found.text
    files["watch.sv"] = _recorder(spec.top, core, found)
    place = Path(tempfile.mkdtemp(dir=folder))
    try:
        for name, text in {**spec.aux_files, **files}.items():
            (place / name).write_text(text, encoding="utf-8")
        names = [name for name in ("bench.sv", "reference.sv", "core.sv", "watch.sv") if name in files]
        done = _run_bench(place, spec.testbench_top, names, allowed)
        trace = place / "trace"
        if done.late or not trace.is_file():
            slow = "it takes longer than a verdict may (--deadline)"
            why = slow if done.late else first_words(done) or f"'{spec.top}' is not used"
            raise BrokenTaskError(f"the bench does not run: {why}")
        width = sum(port.width for port in found.ports if port.direction == "input")
        return _events(trace.read_text().splitlines(), width)
    finally:
        shutil.rmtree(place, ignore_errors=True)


def _run_bench(place: Path, top: str, names: Sequence[str], allowed: _Allowed) -> Ran:
    """The bench under Icarus, or under Verilator where Icarus does not take it."""
    built = compile_icarus(place, top, names, allowed.long)
    simulation = ["vvp", "-n", "sim", "-none"]
    if not built.problem:
        done = run(simulation, place, allowed.brief if verilator_installed() else allowed.long)
        if not done.late or not verilator_installed():
            return done
        if not verilator_is_there(allowed.long.wall_s):
            return run(simulation, place, allowed.long)
    elif not verilator_is_there(allowed.long.wall_s):
        raise BrokenTaskError(f"the bench does not compile with the reference: {built.problem}")
    second = run(["sh", "-c", bench_script(top, names)], place, allowed.long)
    if second.late:
        return second
    if not second.ok:
        raise BrokenTaskError(
            f"the bench does not compile with the reference: {built.problem}; {first_words(second)}"
        )
    return run([str(place / "model")], place, allowed.long)


def _recorder(top: str, core: str, found: Inspection) -> str:
    """A module in the place of `top` that hands everything to the reference and writes its inputs down."""
    ports = ", ".join(f"{port.direction} {span(port.width)} {identifier(port.name)}" for port in found.ports)
    joined = ", ".join(f".{identifier(port.name)}({identifier(port.name)})" for port in found.ports)
    inputs = [identifier(port.name) for port in found.ports if port.direction == "input"]
    parameters = ", ".join(
        f"parameter {identifier(name)} = {value}" for name, value in found.parameters.items()
    )
    passed = overrides({name: identifier(name) for name in found.parameters})
    width = sum(port.width for port in found.ports if port.direction == "input")
    limit = min(EVENT_LIMIT, TRACE_BYTES // (width + 60))
    file, count, inner = fresh("file"), fresh("count"), fresh("inner")
    written = f'$fdisplay({file}, "%m %0d %b", $time, {{{", ".join(inputs)}}});'
    return f"""`timescale 1ps/1ps
module {identifier(top)} {f"#({parameters}) " if parameters else ""}({ports});
{core} {passed}{inner} ({joined});
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


def _events(lines: Sequence[str], width: int) -> list[Event]:
    """The trace of the first instance; time 0 only as it ends, and nothing that changes nothing."""
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
    first = changes[0][0]
    start = max(number for number, (moment, _) in enumerate(changes) if moment == first)
    kept: list[Event] = []
    for number, (moment, bits) in enumerate(changes[start:], start):
        last = number + 1 == len(changes) or changes[number + 1][0] != moment
        if kept and kept[-1].bits == bits:
            kept[-1] = Event(bits, kept[-1].sampled or last)
        else:
            kept.append(Event(bits, last))
    return kept


def _key(spec: Spec) -> str:
    parts = (spec.top, spec.reference, spec.reference_top, spec.testbench, spec.testbench_top)
    return hashlib.sha256(
        repr((parts, sorted(spec.aux_files.items()), spec.clock, spec.reset)).encode()
    ).hexdigest()


def _size(recording: Recording) -> int:
    return sum(len(event.bits) for event in recording.events) + sum(map(len, recording.expected))
