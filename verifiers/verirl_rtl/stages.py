"""The ladder: extract → policy → elaborate → simulate → equivalent, then synthesise and ppa."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from verirl.answers import NoAnswerError
from verirl.domain import StageContext
from verirl.outcomes import StageOutcome, errored, failed, passed, timed_out
from verirl.types import Status, Task
from verirl_rtl.extract import extract
from verirl_rtl.formal import equivalence
from verirl_rtl.language.inspection import Inspection, Port, inspect_answer
from verirl_rtl.simulation import testbench_verdict
from verirl_rtl.simulation.golden_trace import GoldenTrace
from verirl_rtl.simulation.mismatch_table import mismatch_table
from verirl_rtl.simulation.recorder import record
from verirl_rtl.simulation.simulate import Mismatch, replay
from verirl_rtl.spec import RtlSpec, read_spec
from verirl_rtl.synthesis import ppa
from verirl_rtl.tools import ToolLimits

MAX_SHOWN = 3
REFERENCE_SCORE = 0.5
"""The score of figures as good as the reference's."""
MIN_SIMULATION_CPU_S, SIMULATION_CPU_FACTOR = 2, 20
"""CPU seconds that any simulation may take, and how many times those of the reference's on top."""


def run_stages(task: Task, completion: str, job: StageContext) -> Iterator[StageOutcome]:
    """One finding a stage, in order, up to the first that was not climbed."""
    until = time.monotonic() + job.seconds
    spec = read_spec(task.spec)
    try:
        source = extract(completion)
    except NoAnswerError as problem:
        yield failed("extract", detail=str(problem))
        return
    yield passed("extract")
    began = time.monotonic()
    recording = record(spec, job.folder, until=until) if spec.rule == "replay" else None
    spent = time.monotonic() - began
    answer = inspect_answer(source, spec.top, recording.parameters if recording else None)
    if answer.refusal:
        yield failed("policy", detail=answer.refusal, feedback=f"The design was refused: {answer.refusal}.")
        return
    yield passed("policy")
    found = _elaborated(answer, recording)
    yield found
    if found.stage.status is not Status.PASSED:
        return
    found = (
        _replayed(recording, answer, spec.top, job.folder, until)
        if recording
        else _benched(spec, answer, job.folder, until)
    )
    if found.stage.status is Status.TIMEOUT and spent > job.seconds / 4:
        found = errored(
            "simulate", f"recording the reference took {spent:.1f} s of {job.seconds:.0f}; try again"
        )
    yield found
    if found.stage.status is not Status.PASSED:
        return
    found = equivalence.judge(spec, recording, answer, job.folder, until=until)
    yield found
    if found.stage.status in (Status.PASSED, Status.SKIPPED):
        for finding in ppa.judge(spec, recording, answer, job.folder, until=until):
            gained = finding.stage.name == "ppa" and finding.stage.score > REFERENCE_SCORE
            yield _deserved(spec, recording, answer, job.folder, until, finding) if gained else finding


def _deserved(
    spec: RtlSpec,
    recording: GoldenTrace | None,
    answer: Inspection,
    folder: Path,
    until: float,
    found: StageOutcome,
) -> StageOutcome:
    """A gain, but none by what the simulation cannot see: bits that stay as they are all the time."""
    if recording is None or not recording.unmoved or equivalence.held(spec, recording, answer, folder, until):
        return found
    words = (
        f"no gain, for {recording.unmoved} bits of the outputs never change, so that anything is right there"
    )
    stage = found.stage.model_copy(
        update={"score": REFERENCE_SCORE, "detail": f"{found.stage.detail}; {words}"}
    )
    return replace(found, stage=stage)


def _elaborated(answer: Inspection, recording: GoldenTrace | None) -> StageOutcome:
    """Whether it elaborates and has the ports that were asked for; half a score for what elaborates."""
    if answer.errors:
        words = "; ".join(answer.errors)
        return failed("elaborate", 0.0, words, f"The design does not elaborate: {words}")
    wrong = _differences(answer.ports, recording.ports) if recording else []
    if wrong and recording:
        share = max(0.0, 1 - len(wrong) / len(recording.ports))
        words = "; ".join(wrong[:MAX_SHOWN]) + (
            f"; and {len(wrong) - MAX_SHOWN} more" if len(wrong) > MAX_SHOWN else ""
        )
        return failed("elaborate", 0.5 * share, words, f"The ports are not those asked for: {words}.")
    return passed("elaborate")


def _differences(got: Sequence[Port], wanted: Sequence[Port]) -> list[str]:
    have = {port.name: port for port in got}
    wrong = []
    for port in wanted:
        other = have.pop(port.name, None)
        if other is None:
            wrong.append(f"no port '{port}'")
        elif (other.direction, other.width) != (port.direction, port.width):
            wrong.append(f"port '{other}' should be '{port}'")
    return wrong + [f"an extra port '{port}'" for port in have.values()]


def _replayed(
    recording: GoldenTrace, answer: Inspection, top: str, folder: Path, until: float
) -> StageOutcome:
    """The share of samples that agree with the reference, beyond what a constant would earn."""
    bounds = _bounds(until)
    allowed = math.ceil(MIN_SIMULATION_CPU_S + SIMULATION_CPU_FACTOR * recording.seconds)
    bounds = replace(bounds, cpu_s=min(bounds.cpu_s, allowed))
    names = tuple(answer.parameters)
    found = replay(recording, answer.text, top, folder, bounds=bounds, parameters=names)
    metrics = {"samples_matched": float(found.matched), "samples_total": float(found.total)}
    count = f"{found.matched} of {found.total} samples agree"
    if found.right:
        return passed("simulate", 1.0, count, **metrics)
    if found.late:
        return timed_out("simulate", found.problem)
    if found.problem:
        return failed("simulate", 0.0, found.problem, f"The design does not simulate: {found.problem}")
    if found.learnt:
        words = "it agrees with the bench as it is, and not when the bench is played in another order"
        return failed(
            "simulate", found.score, words, f"The design seems to know the bench: {words}.", **metrics
        )
    words = "; ".join(_told(recording, one) for one in found.mismatches[:1])
    driven = [event.bits for event in recording.events if event.sampled]
    waves = mismatch_table(recording.inputs, recording.outputs, driven, recording.expected, found.mismatches)
    return failed(
        "simulate", found.score, f"{count}; {words}\n{waves}", f"{count}. {words}\n{waves}", **metrics
    )


def _told(recording: GoldenTrace, one: Mismatch) -> str:
    """The first outputs that are wrong in a sample."""
    words, start = [], 0
    for port in recording.outputs:
        want, got = (side[start : start + port.width] for side in (one.expected, one.got))
        start += port.width
        if any(w not in ("x", g) for w, g in zip(want, got, strict=True)):
            words.append(f"{port.name} = {_value(got)} where {_value(want)} is right")
    return f"first at sample {one.step}: {', '.join(words[:MAX_SHOWN])}"


def _value(bits: str) -> str:
    if len(bits) == 1:
        return bits
    if set(bits) <= {"0", "1"}:
        return f"{len(bits)}'h{int(bits, 2):x}"
    return f"{len(bits)}'b{bits if len(bits) <= 32 else bits[:32] + '…'}"


def _benched(spec: RtlSpec, answer: Inspection, folder: Path, until: float) -> StageOutcome:
    """What the benchmark's own bench says."""
    said = testbench_verdict.judge(spec, answer, folder, _bounds(until))
    if said.late:
        return timed_out("simulate", said.words, said.score)
    if said.broken:
        return errored("simulate", f"{said.words}; nor with the reference in its place")
    if not said.right:
        return failed("simulate", said.score, f"the bench says: {said.words}")
    return passed("simulate", 1.0, f"the bench says: {said.words}")


def _bounds(until: float) -> ToolLimits:
    # CPU time is the answer's own; of wall-clock time a busy machine takes its part, which the pool judges.
    left = max(1.0, until - time.monotonic())
    return ToolLimits(wall_s=left + 5, cpu_s=max(1, int(0.9 * left)))
