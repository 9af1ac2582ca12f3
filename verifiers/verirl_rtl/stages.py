"""The stages of the domain: extract, policy, elaborate, simulate, equivalent, then synthesise and ppa."""

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

MAX_SHOWN_FAULTS = 3
REFERENCE_SCORE = 0.5
"""The `ppa` score of figures that are as good as the reference's."""
MIN_SIMULATION_CPU_S = 2
SIMULATION_CPU_FACTOR = 20
"""A simulation may take `MIN_SIMULATION_CPU_S` plus so many times the CPU time of the reference."""


def run_stages(task: Task, completion: str, context: StageContext) -> Iterator[StageOutcome]:
    """Judge one completion.

    Args:
        task: An RTL task.
        completion: What the model wrote. Untrusted.
        context: Folder and time budget.

    Yields:
        One outcome per stage in the order of the ladder, up to the first correctness stage that did not pass.

    Raises:
        BrokenTaskError: If the reference or the testbench of the task does not run.
    """
    until = time.monotonic() + context.seconds
    spec = read_spec(task.spec)
    try:
        source = extract(completion)
    except NoAnswerError as error:
        yield failed("extract", detail=str(error))
        return
    yield passed("extract")
    recording_started = time.monotonic()
    trace = record(spec, context.folder, until=until) if spec.rule == "replay" else None
    recording_s = time.monotonic() - recording_started
    answer = inspect_answer(source, spec.top, trace.parameters if trace else None)
    if answer.refusal:
        yield failed("policy", detail=answer.refusal, feedback=f"The design was refused: {answer.refusal}.")
        return
    yield passed("policy")
    outcome = _elaborate(answer, trace)
    yield outcome
    if outcome.stage.status is not Status.PASSED:
        return
    outcome = (
        _replay(trace, answer, spec.top, context.folder, until)
        if trace
        else _run_testbench(spec, answer, context.folder, until)
    )
    if outcome.stage.status is Status.TIMEOUT and recording_s > context.seconds / 4:
        outcome = errored(
            "simulate",
            f"recording the reference took {recording_s:.1f} s of {context.seconds:.0f}; try again",
        )
    yield outcome
    if outcome.stage.status is not Status.PASSED:
        return
    outcome = equivalence.judge(spec, trace, answer, context.folder, until=until)
    yield outcome
    if outcome.stage.status in (Status.PASSED, Status.SKIPPED):
        for quality in ppa.judge(spec, trace, answer, context.folder, until=until):
            gains = quality.stage.name == "ppa" and quality.stage.score > REFERENCE_SCORE
            yield _limit_gain(spec, trace, answer, context.folder, until, quality) if gains else quality


def _limit_gain(
    spec: RtlSpec,
    trace: GoldenTrace | None,
    answer: Inspection,
    folder: Path,
    until: float,
    outcome: StageOutcome,
) -> StageOutcome:
    """Take back a gain that may come from output bits that the simulation never changes."""
    if trace is None or not trace.unmoved or equivalence.is_proved_equal(spec, trace, answer, folder, until):
        return outcome
    reason = f"no gain, for {trace.unmoved} bits of the outputs never change, so that anything is right there"
    detail = f"{outcome.stage.detail}; {reason}"
    stage = outcome.stage.model_copy(update={"score": REFERENCE_SCORE, "detail": detail})
    return replace(outcome, stage=stage)


def _elaborate(answer: Inspection, trace: GoldenTrace | None) -> StageOutcome:
    """Whether the answer elaborates with the right ports; with other ports it gets up to half the score."""
    if answer.errors:
        reasons = "; ".join(answer.errors)
        return failed("elaborate", 0.0, reasons, f"The design does not elaborate: {reasons}")
    faults = _port_faults(answer.ports, trace.ports) if trace else []
    if faults and trace:
        share = max(0.0, 1 - len(faults) / len(trace.ports))
        more = f"; and {len(faults) - MAX_SHOWN_FAULTS} more" if len(faults) > MAX_SHOWN_FAULTS else ""
        reasons = "; ".join(faults[:MAX_SHOWN_FAULTS]) + more
        return failed("elaborate", 0.5 * share, reasons, f"The ports are not those asked for: {reasons}.")
    return passed("elaborate")


def _port_faults(got: Sequence[Port], wanted: Sequence[Port]) -> list[str]:
    remaining = {port.name: port for port in got}
    faults = []
    for port in wanted:
        other = remaining.pop(port.name, None)
        if other is None:
            faults.append(f"no port '{port}'")
        elif (other.direction, other.width) != (port.direction, port.width):
            faults.append(f"port '{other}' should be '{port}'")
    return faults + [f"an extra port '{port}'" for port in remaining.values()]


def _replay(trace: GoldenTrace, answer: Inspection, top: str, folder: Path, until: float) -> StageOutcome:
    """The share of samples that match the reference, beyond what a constant would earn."""
    limits = _tool_limits(until)
    allowed_cpu_s = math.ceil(MIN_SIMULATION_CPU_S + SIMULATION_CPU_FACTOR * trace.seconds)
    limits = replace(limits, cpu_s=min(limits.cpu_s, allowed_cpu_s))
    names = tuple(answer.parameters)
    result = replay(trace, answer.text, top, folder, limits=limits, parameters=names)
    metrics = {"samples_matched": float(result.matched), "samples_total": float(result.total)}
    count = f"{result.matched} of {result.total} samples agree"
    if result.passed:
        return passed("simulate", 1.0, count, **metrics)
    if result.timed_out:
        return timed_out("simulate", result.error)
    if result.error:
        return failed("simulate", 0.0, result.error, f"The design does not simulate: {result.error}")
    if result.memorized:
        reason = "it agrees with the bench as it is, and not when the bench is played in another order"
        return failed(
            "simulate", result.score, reason, f"The design seems to know the bench: {reason}.", **metrics
        )
    first = "; ".join(_describe(trace, mismatch) for mismatch in result.mismatches[:1])
    driven = [event.bits for event in trace.events if event.sampled]
    table = mismatch_table(trace.inputs, trace.outputs, driven, trace.expected, result.mismatches)
    detail, feedback = f"{count}; {first}\n{table}", f"{count}. {first}\n{table}"
    return failed("simulate", result.score, detail, feedback, **metrics)


def _describe(trace: GoldenTrace, mismatch: Mismatch) -> str:
    """The first outputs that are wrong in a sample."""
    faults, start = [], 0
    for port in trace.outputs:
        wanted, got = (side[start : start + port.width] for side in (mismatch.expected, mismatch.got))
        start += port.width
        if any(w not in ("x", g) for w, g in zip(wanted, got, strict=True)):
            faults.append(f"{port.name} = {_value(got)} where {_value(wanted)} is right")
    return f"first at sample {mismatch.step}: {', '.join(faults[:MAX_SHOWN_FAULTS])}"


def _value(bits: str) -> str:
    if len(bits) == 1:
        return bits
    if set(bits) <= {"0", "1"}:
        return f"{len(bits)}'h{int(bits, 2):x}"
    return f"{len(bits)}'b{bits if len(bits) <= 32 else bits[:32] + '…'}"


def _run_testbench(spec: RtlSpec, answer: Inspection, folder: Path, until: float) -> StageOutcome:
    """The outcome of the benchmark's own testbench."""
    verdict = testbench_verdict.judge(spec, answer, folder, _tool_limits(until))
    if verdict.timed_out:
        return timed_out("simulate", verdict.summary, verdict.score)
    if verdict.broken:
        return errored("simulate", f"{verdict.summary}; nor with the reference in its place")
    if not verdict.passed:
        return failed("simulate", verdict.score, f"the bench says: {verdict.summary}")
    return passed("simulate", 1.0, f"the bench says: {verdict.summary}")


def _tool_limits(until: float) -> ToolLimits:
    # CPU time is the answer's alone. A busy machine takes part of the wall-clock time; the pool judges that.
    left = max(1.0, until - time.monotonic())
    return ToolLimits(wall_s=left + 5, cpu_s=max(1, int(0.9 * left)))
