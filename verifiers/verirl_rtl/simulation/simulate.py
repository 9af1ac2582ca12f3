"""Recorded inputs played into a design, and its outputs held against what the reference put out."""

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
from verirl_rtl.simulation.verilator_build import ORDER_WARNING, model_files, model_script
from verirl_rtl.simulation.verilator_build import verilator_usable as verilator_is_there
from verirl_rtl.tools import ToolLimits, ToolRun, run

Engine = Literal["auto", "icarus", "verilator"]
MAX_MISMATCHES = 8
VERILATOR_MODELS = 3
"""Verilated models side by side: undefined is 0, 1, and random."""
MEMORIZED_CREDIT = 0.5
"""Credit in the second playing of a bench below which the first one was learnt by heart."""
BUILD_MB, BUILD_CPU_S = 1536, 8


@dataclass(frozen=True)
class SimulationRun:
    """What a design put out: a line of bits a sample. `problem`: why there is less than that.

    `uncompiled`: the engine does not take the text; `doubted`: it says that it may not do what the text says.
    `seconds`: CPU time of the simulation.
    """

    lines: tuple[str, ...] = ()
    problem: str = ""
    late: bool = False
    uncompiled: bool = False
    doubted: bool = False
    seconds: float = 0.0
    engine: str = "icarus"


@dataclass(frozen=True)
class Mismatch:
    """A sample in which outputs are wrong: the number of the sample, its inputs, and both sides' outputs."""

    step: int
    inputs: str
    expected: str
    got: str


@dataclass(frozen=True)
class ReplayResult:
    """An answer against the reference.

    `matched` of `total` samples agree; a sample is one output port at one settled point in time where the
    reference is defined in at least one bit. `score`: the mean over the outputs that vary of the samples that
    agree beyond those of the best constant, as a share. `late`: it ran out of time. `problem`: why it did not
    run to its end. `learnt`: a bench's samples agree, but hardly any does when it is played in another order.
    """

    matched: int
    total: int
    score: float
    mismatches: tuple[Mismatch, ...] = ()
    late: bool = False
    problem: str = ""
    engine: str = "icarus"
    learnt: bool = False

    @property
    def right(self) -> bool:
        """Whether every sample agrees, and not because the bench was learnt by heart."""
        return not self.late and not self.problem and not self.learnt and self.matched == self.total > 0


def replay(
    recording: GoldenTrace,
    source: str,
    top: str,
    folder: Path,
    engine: Engine = "auto",
    *,
    bounds: ToolLimits = ToolLimits(),  # noqa: B008 - frozen
    parameters: Sequence[str] | None = None,
) -> ReplayResult:
    """Play a recording into `top` of a canonical text; `parameters`: the names that it has."""
    played = simulate(recording, source, top, folder, engine, bounds=bounds, parameters=parameters)
    if played.problem or played.late:
        return ReplayResult(
            0, recording.total, 0.0, late=played.late, problem=played.problem, engine=played.engine
        )
    return compare(recording, played)


def simulate(
    recording: GoldenTrace,
    source: str,
    top: str,
    folder: Path,
    engine: Engine = "auto",
    *,
    bounds: ToolLimits = ToolLimits(),  # noqa: B008 - frozen
    parameters: Sequence[str] | None = None,
) -> SimulationRun:
    """The outputs of a design for recorded inputs."""
    names = recording.parameters.keys() if parameters is None else parameters
    given = {name: value for name, value in recording.parameters.items() if name in names}
    place = Path(tempfile.mkdtemp(dir=folder))
    try:
        if engine == "auto":
            return _chosen(recording, source, top, given, place, bounds)
        run_it = _icarus if engine == "icarus" else _verilator
        return run_it(recording, source, top, given, place, bounds)
    finally:
        shutil.rmtree(place, ignore_errors=True)


def _chosen(
    recording: GoldenTrace, source: str, top: str, given: Mapping[str, str], place: Path, bounds: ToolLimits
) -> SimulationRun:
    """Verilator for what runs long, Icarus else; the other one for what the first cannot do.

    Verilator knows no X and does not order all assignments as the standard says, so Icarus plays the opening
    of what Verilator plays, and has the last word there.
    """
    if not recording.long or not _verilator_may(recording, bounds):
        played = _icarus(recording, source, top, given, place, bounds)
        if not played.uncompiled or played.late or not _verilator_may(recording, bounds):
            return played
        other = _verilator(recording, source, top, given, place, bounds)
        return played if other.uncompiled else other
    start = SimulationRun(uncompiled=True)
    if recording.icarus_prefix:
        start = _icarus(recording.prefix, source, top, given, place, bounds)
        if start.late or (start.problem and not start.uncompiled):
            return start
    played = _verilator(recording, source, top, given, place, bounds)
    if played.doubted or (played.uncompiled and not played.late):
        # The bound on CPU time is of a reference that Verilator runs.
        patient = replace(bounds, cpu_s=max(bounds.cpu_s, int(0.8 * bounds.wall_s)))
        other = _icarus(recording, source, top, given, place, patient)
        return played if other.uncompiled else other
    if played.problem:
        return played
    return replace(played, lines=start.lines + played.lines[len(start.lines) :])


def _verilator_may(recording: GoldenTrace, bounds: ToolLimits) -> bool:
    """Whether Verilator is there, and no output is ever 'z', which it does not know."""
    two_valued = not any("z" in line for line in recording.expected)
    return two_valued and verilator_is_there(max(0.0, 0.75 * bounds.wall_s - 5))


def _verilator(
    recording: GoldenTrace, source: str, top: str, given: Mapping[str, str], place: Path, bounds: ToolLimits
) -> SimulationRun:
    name = fresh_name("play")
    for file, text in model_files(name, top, recording.ports, given).items():
        (place / file).write_text(text, encoding="utf-8")
    (place / "design.sv").write_text(source, encoding="utf-8")
    (place / "script").write_text(recording.script, encoding="utf-8")
    built = run(["sh", "-c", model_script(name)], place, _building(bounds))
    if not built.ok:
        problem = first_complaint(built) or "Verilator does not compile it"
        return SimulationRun(problem=problem, late=built.late, uncompiled=True, engine="verilator")
    command = ["sh", "-c", f"exec ./model {VERILATOR_MODELS} < script"]
    played = _lines(recording, run(command, place, _wide(recording, bounds)), "verilator")
    return replace(played, doubted=ORDER_WARNING in built.err)


def _icarus(
    recording: GoldenTrace, source: str, top: str, given: Mapping[str, str], place: Path, bounds: ToolLimits
) -> SimulationRun:
    name = fresh_name("play")
    (place / "harness.v").write_text(harness(name, top, recording.ports, given, len(recording.events)))
    (place / "design.sv").write_text(for_icarus(source), encoding="utf-8")
    (place / "script").write_text(recording.script, encoding="utf-8")
    built = compile_canonical(place, name, ["harness.v", "design.sv"], _building(bounds))
    if built.problem:
        return SimulationRun(problem=built.problem, late=built.late, uncompiled=True)
    return _lines(recording, run(["vvp", "-n", "sim"], place, _wide(recording, bounds)), "icarus")


def _building(bounds: ToolLimits) -> ToolLimits:
    """Room for compilers, whose time has nothing to do with that of the simulation."""
    return replace(bounds, memory_mb=BUILD_MB, cpu_s=max(bounds.cpu_s, BUILD_CPU_S))


def _wide(recording: GoldenTrace, bounds: ToolLimits) -> ToolLimits:
    """Bounds with room for every line that is expected, and little more."""
    room = recording.samples * (_width(recording) + 1) + 4096
    return replace(bounds, output_bytes=room, file_mb=max(bounds.file_mb, (room >> 20) + 1))


def _width(recording: GoldenTrace) -> int:
    return sum(port.width for port in recording.outputs)


def _lines(recording: GoldenTrace, ran: ToolRun, engine: str) -> SimulationRun:
    """What a simulation printed, if it is a line of the right length for each sample."""
    if ran.late:
        return SimulationRun(problem="the simulation does not end", late=True, engine=engine)
    # A simulator's warnings have other signs than bits.
    lines = tuple(line for line in ran.out.split("\n")[:-1] if line and not line.strip("01xz"))
    width = _width(recording)
    if not ran.ok or len(lines) != recording.samples or any(len(line) != width for line in lines):
        why = first_complaint(ran) or f"it ended with {ran.code}"
        return SimulationRun(problem=f"the simulation broke off: {why}"[:300], engine=engine)
    return SimulationRun(lines, seconds=ran.cpu_s, engine=engine)


def compare(recording: GoldenTrace, played: SimulationRun) -> ReplayResult:
    """The samples of a run against the recorded ones; every output has a count of its own."""
    total = recording.total
    if played.lines == recording.expected:
        return ReplayResult(total, total, 1.0, engine=played.engine)
    end = recording.compared
    matched = 0
    credits: list[tuple[float, float]] = []
    for low, high in recording.output_slices:
        wanted = [line[low:high] for line in recording.expected]
        right = [_agrees(want, line[low:high]) for want, line in zip(wanted, played.lines, strict=True)]
        matched += sum(ok for ok, want in zip(right[:end], wanted[:end], strict=True) if want.strip("x"))
        credits.append((_credit(wanted[:end], right[:end]), _credit(wanted[end:], right[end:])))
    first = _first(recording, played)
    again = _mean([later for _, later in credits])
    if matched == total:
        # Stale memory and the like may differ in the second playing; who has learnt the first knows nothing.
        learnt = 0 <= again < MEMORIZED_CREDIT
        return ReplayResult(
            matched,
            total,
            again if learnt else 1.0,
            first if learnt else (),
            learnt=learnt,
            engine=played.engine,
        )
    score = _mean([min((one for one in pair if one >= 0), default=-1.0) for pair in credits])
    score = min(score if score >= 0 else matched / max(total, 1), 0.999)
    return ReplayResult(matched, total, score, first, engine=played.engine)


def _mean(credits: Sequence[float]) -> float:
    """Over the outputs that vary; -1 where none does."""
    varying = [one for one in credits if one >= 0]
    return sum(varying) / len(varying) if varying else -1.0


def _credit(wanted: Sequence[str], right: Sequence[bool]) -> float:
    """Hits beyond those of the best constant, as a share; -1 for an output that is constant or undefined."""
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


def _first(recording: GoldenTrace, played: SimulationRun) -> tuple[Mismatch, ...]:
    sampled = [event for event in recording.events if event.sampled]
    found = []
    for step, (event, want, got) in enumerate(zip(sampled, recording.expected, played.lines, strict=True)):
        if not _agrees(want, got):
            found.append(Mismatch(step, event.bits, want, got))
            if len(found) == MAX_MISMATCHES:
                break
    return tuple(found)
