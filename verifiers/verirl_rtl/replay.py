"""Recorded inputs played into a design, and its outputs held against what the reference put out."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from verirl_rtl.harness import compile_icarus, first_words, fresh, harness
from verirl_rtl.policy import Port
from verirl_rtl.recording import Recording
from verirl_rtl.tools import Bounds, run

Engine = Literal["auto", "icarus", "verilator"]
SHOWN = 8


@dataclass(frozen=True)
class Played:
    """What a design put out: a line of bits a sample. `problem`: why there is less than that."""

    lines: tuple[str, ...] = ()
    problem: str = ""
    late: bool = False
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
class Replay:
    """An answer against the reference.

    `matched` of `total` samples agree; a sample is one output port at one settled point in time where the
    reference is defined in at least one bit. `score`: see `credit`. `late`: it ran out of time. `problem`: why
    it did not run to its end.
    """

    matched: int
    total: int
    score: float
    mismatches: tuple[Mismatch, ...] = ()
    late: bool = False
    problem: str = ""
    engine: str = "icarus"

    @property
    def right(self) -> bool:
        """Whether every sample agrees."""
        return not self.late and not self.problem and self.matched == self.total > 0


def replay(
    recording: Recording,
    source: str,
    top: str,
    folder: Path,
    engine: Engine = "auto",
    *,
    bounds: Bounds = Bounds(),
    parameters: Sequence[str] | None = None,
) -> Replay:
    """Play a recording into `top` of a canonical text; `parameters`: the names that it has."""
    played = play(recording, source, top, folder, engine, bounds=bounds, parameters=parameters)
    if played.problem or played.late:
        return Replay(0, _samples(recording), 0.0, (), played.late, played.problem, played.engine)
    return compared(recording, played)


def play(
    recording: Recording,
    source: str,
    top: str,
    folder: Path,
    engine: Engine = "auto",
    *,
    bounds: Bounds = Bounds(),
    parameters: Sequence[str] | None = None,
) -> Played:
    """The outputs of a design for recorded inputs."""
    place = Path(tempfile.mkdtemp(dir=folder))
    try:
        return _icarus(recording, source, top, place, bounds, parameters)
    finally:
        shutil.rmtree(place, ignore_errors=True)


def _icarus(
    recording: Recording, source: str, top: str, place: Path, bounds: Bounds, parameters: Sequence[str] | None
) -> Played:
    started = time.monotonic()
    name = fresh("play")
    given = {
        key: value for key, value in recording.parameters.items() if parameters is None or key in parameters
    }
    (place / "harness.v").write_text(harness(name, top, recording.ports, given, len(recording.events)))
    (place / "design.sv").write_text(source)
    (place / "script").write_text(recording.script)
    built = compile_icarus(place, name, ["harness.v", "design.sv"], bounds)
    if built.problem:
        return Played(problem=built.problem, late=built.late)
    samples = sum(event.sampled for event in recording.events)
    width = sum(port.width for port in recording.outputs)
    wide = Bounds(bounds.wall_s, bounds.cpu_s, bounds.memory_mb, bounds.file_mb, samples * (width + 1) + 4096)
    ran = run(["vvp", "-n", "sim"], place, wide)
    lines = tuple(line for line in ran.out.split("\n")[:-1] if not line.startswith("VCD info:"))
    seconds = time.monotonic() - started
    if ran.late:
        return Played(problem="the simulation does not end", late=True, seconds=seconds)
    if not ran.ok or len(lines) != samples or any(len(line) != width for line in lines):
        return Played(
            problem=f"the simulation broke off: {first_words(ran) or ran.code}"[:300], seconds=seconds
        )
    return Played(lines, seconds=seconds)


def compared(recording: Recording, played: Played) -> Replay:
    """The samples of a run against the recorded ones; every output has a count of its own."""
    spans = _spans(recording.outputs)
    total = _samples(recording)
    if played.lines == recording.expected:
        return Replay(total, total, 1.0, engine=played.engine)
    credits: list[float] = []
    matched = 0
    for low, high in spans:
        wanted = [line[low:high] for line in recording.expected]
        right = [_agrees(want, line[low:high]) for want, line in zip(wanted, played.lines, strict=True)]
        counted = [number for number, want in enumerate(wanted) if want.strip("x")]
        hits = sum(right[number] for number in counted)
        matched += hits
        if counted:
            common = Counter(wanted[number] for number in counted).most_common(1)[0][1]
            credits.append(_credit(hits, common, len(counted)))
    varying = [one for one in credits if one >= 0]
    score = sum(varying) / len(varying) if varying else matched / max(total, 1)
    if matched == total:
        score = 1.0
    return Replay(
        matched,
        total,
        score if matched == total else min(score, 0.999),
        _first(recording, played),
        engine=played.engine,
    )


def _credit(hits: int, common: int, counted: int) -> float:
    """Hits beyond those of the best constant, as a share; -1 for an output that is constant."""
    if common == counted:
        return -1.0
    return max(0.0, (hits - common) / (counted - common))


def _agrees(want: str, got: str) -> bool:
    return want == got or ("x" in want and all(w in ("x", g) for w, g in zip(want, got, strict=True)))


def _samples(recording: Recording) -> int:
    return sum(
        bool(line[low:high].strip("x"))
        for low, high in _spans(recording.outputs)
        for line in recording.expected
    )


def _spans(outputs: Sequence[Port]) -> list[tuple[int, int]]:
    spans, start = [], 0
    for port in outputs:
        spans.append((start, start + port.width))
        start += port.width
    return spans


def _first(recording: Recording, played: Played) -> tuple[Mismatch, ...]:
    sampled = [event for event in recording.events if event.sampled]
    found = []
    for step, (event, want, got) in enumerate(zip(sampled, recording.expected, played.lines, strict=True)):
        if not _agrees(want, got):
            found.append(Mismatch(step, event.bits, want, got))
            if len(found) == SHOWN:
                break
    return tuple(found)
