"""Prove that two designs behave the same: Yosys's SAT solver on a miter of both.

Each design is read alone, so that no text can reach into the other, and renamed. Without registers the proof
is complete. With registers it is bounded: `BOUND_STEPS` steps of a global clock from an unknown state
(registers with an initial value start there), each clock edge being a step. `clk2fflogic` keeps the polarity
of clocks, which `async2sync` would lose. Differences that need more steps are left to the simulation. If the
gold design is undefined, any value is right; an undefined output of the gate design is wrong.
"""

from __future__ import annotations

import re
import shutil
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from verirl.outcomes import StageOutcome, failed, passed, skipped
from verirl_rtl.language.inspection import Inspection, Port
from verirl_rtl.reference import inspect_reference
from verirl_rtl.simulation.golden_trace import GoldenTrace
from verirl_rtl.simulation.simulate import compare, simulate
from verirl_rtl.simulation.stimulus import Event, Roles, roles
from verirl_rtl.spec import RtlSpec
from verirl_rtl.synthesis.yosys import checked_name, parameter_options, without_tool_directives
from verirl_rtl.tools import ToolLimits, ToolRun, run

BOUND_STEPS = 20
FIRST_BOUND_STEPS = 6
"""Steps of a first, shorter proof, which finds most differences at little cost."""
RESET_STEPS = 4
"""Steps before those, in which the resets are active."""
PROLOGUE_EVENTS = 32
"""Events of the trace, with resets among them, after which a simulation looks for the difference."""
CONFIRMATION_LIMITS = ToolLimits(wall_s=4, cpu_s=2)
PROOF_LIMITS = ToolLimits(wall_s=5, cpu_s=4, memory_mb=2048)

Outcome = Literal["equal", "different", "undecided"]

_STATE = "t:$dff* t:$adff* t:$aldff* t:$sdff* t:$ff t:$sr t:$dlatch* t:$adlatch* t:$_*FF*_ t:$_*LATCH*_ %u"
_ROW = re.compile(r"^\s*(\d+|init)?\s+\\?(\S+)\s+\S+\s+\S+\s+([01xz-]+)\s*$")
_ERROR = re.compile(r"ERROR: (.*)")
_PROVED = "SAT proof finished - no model found: SUCCESS!"
_REFUTED = "SAT proof finished - model found: FAIL!"
_SHOWN = 12


@dataclass(frozen=True)
class Proof:
    """The result of a proof.

    Attributes:
        outcome: `equal`, `different` or `undecided`.
        sequential: Whether the proof is bounded to `BOUND_STEPS` steps.
        inputs: If different, the inputs that show it: per step, port → bits.
        gold: Outputs of the reference in the last step.
        gate: Outputs of the answer in the last step.
        reason: Why it is undecided.
        seconds: Wall-clock time in seconds.
    """

    outcome: Outcome
    sequential: bool = False
    inputs: tuple[Mapping[str, str], ...] = ()
    gold: Mapping[str, str] | None = None
    gate: Mapping[str, str] | None = None
    reason: str = ""
    seconds: float = 0.0

    @property
    def detail(self) -> str:
        """The result in one line."""
        if self.outcome == "equal":
            return f"equal in the first {BOUND_STEPS} steps" if self.sequential else "equal"
        if self.outcome == "undecided":
            return f"undecided: {self.reason}"
        steps = [" ".join(f"{name}={bits}" for name, bits in step.items()) for step in self.inputs]
        cut = len(steps) - _SHOWN
        said = "; then ".join([*(["…"] if cut > 0 else []), *steps[-_SHOWN:]])
        gold, gate = self.gold or {}, self.gate or {}
        wrong = [name for name in gold if gold[name] != gate.get(name)]
        ends = ", ".join(f"{name} is {gate.get(name)} and should be {gold[name]}" for name in wrong)
        return f"differs for {said or 'no input'}: {ends}"


def judge(
    spec: RtlSpec, trace: GoldenTrace | None, answer: Inspection, folder: Path, *, until: float
) -> StageOutcome:
    """Run the stage `equivalent`.

    An answer only fails if the task requires the proof and a difference was found, with the inputs that show
    it. An undecided proof is neutral and counted in the metric `equivalence_undecided`.

    Args:
        spec: The spec of the task.
        trace: The golden trace of the task, or None.
        answer: The inspected answer.
        folder: A private folder for temporary files.
        until: Value of `time.monotonic()` at which the verdict is due.
    """
    if spec.equivalence == "off":
        return skipped("equivalent", "the task does not ask for a proof")
    proof = _proof(spec, trace, answer, folder, until)
    metrics = (
        {"equivalence_undecided": 1.0}
        if proof.outcome == "undecided"
        else {"equivalent": float(proof.outcome == "equal")}
    )
    if spec.equivalence == "audit":
        return replace(skipped("equivalent", f"audit: {proof.detail}"), metrics=metrics)
    if proof.outcome == "different":
        return failed("equivalent", 0.0, proof.detail, f"The design {proof.detail}", **metrics)
    return passed("equivalent", 1.0, proof.detail, **metrics)


def is_proved_equal(
    spec: RtlSpec, trace: GoldenTrace, answer: Inspection, folder: Path, until: float
) -> bool:
    """Return whether a complete proof shows that an answer always behaves like the reference."""
    proof = _proof(spec, trace, answer, folder, until)
    return proof.outcome == "equal" and not proof.sequential


def _confirmed(
    proof: Proof, found: Inspection, spec: RtlSpec, trace: GoldenTrace, answer: Inspection, folder: Path
) -> Proof:
    """Keep a difference between designs with state only if a simulation shows it, too.

    The proof starts in any state, even in unreachable ones.
    """
    if proof.outcome != "different" or not proof.sequential:
        return proof
    story = _events(proof.inputs, trace.inputs, found.edges)
    for start in ((), trace.events[:PROLOGUE_EVENTS]):
        asked = replace(
            trace, events=(*start, *story), expected=(), replay_offset=0, engine="icarus", seconds=0.0
        )
        gold = simulate(asked, found.text, spec.reference_top, folder, limits=CONFIRMATION_LIMITS)
        names = tuple(answer.parameters)
        gate = simulate(asked, answer.text, spec.top, folder, limits=CONFIRMATION_LIMITS, parameters=names)
        if gold.error or gate.error or compare(replace(asked, expected=gold.lines), gate).mismatches:
            return proof
    return Proof("undecided", True, reason="it differs only from a state that nothing leads to")


def _events(steps: Sequence[Mapping[str, str]], inputs: Sequence[Port], edges: Sequence[str]) -> list[Event]:
    """The steps as events: inputs with edges change first, because a register captures the earlier values."""
    state = {port.name: "0" * port.width for port in inputs}
    made = []
    for step in steps:
        for moving in (edges, [name for name in state if name not in edges]):
            state |= {name: step[name] for name in moving if name in state and name in step}
            made.append(Event("".join(state.values()), True))
    return made


def _proof(spec: RtlSpec, trace: GoldenTrace | None, answer: Inspection, folder: Path, until: float) -> Proof:
    found = inspect_reference(spec)
    given = trace.parameters if trace is not None else {}
    seconds = min(PROOF_LIMITS.wall_s, max(1.0, 0.8 * (until - time.monotonic())))
    proof = prove(
        found.text,
        spec.reference_top,
        answer.text,
        spec.top,
        folder,
        parameters=given,
        gate_parameters={name: value for name, value in given.items() if name in answer.parameters},
        what=roles(found.inputs, found.edges, spec.clock, spec.reset),
        limits=replace(PROOF_LIMITS, wall_s=seconds),
    )
    return proof if trace is None else _confirmed(proof, found, spec, trace, answer, folder)


def prove(
    gold: str,
    gold_top: str,
    gate: str,
    gate_top: str,
    folder: Path,
    *,
    parameters: Mapping[str, str] | None = None,
    gate_parameters: Mapping[str, str] | None = None,
    what: Roles | None = None,
    limits: ToolLimits = PROOF_LIMITS,
) -> Proof:
    """Compare two modules whose ports have the same names.

    Args:
        gold: Text of the reference.
        gold_top: Its module.
        gate: Text of the answer. Untrusted.
        gate_top: Its module.
        folder: A private folder for temporary files.
        parameters: Values for the parameters of `gold_top`.
        gate_parameters: Values for the parameters of `gate_top`.
        what: Roles of the inputs; resets are active for the first two cycles of the clocks.
        limits: Limits of Yosys.

    Returns:
        The result; it is undecided if Yosys cannot read a text or exceeds the limits.
    """
    place = Path(tempfile.mkdtemp(dir=folder))
    try:
        (place / "gold.sv").write_text(without_tool_directives(gold))
        (place / "gate.sv").write_text(without_tool_directives(gate))
        reading = [
            *_read("gold", gold_top, parameter_options(parameters or {})),
            *_read("gate", gate_top, parameter_options(gate_parameters or {})),
        ]
        return _prove(reading, place, limits, _started(what))
    finally:
        shutil.rmtree(place, ignore_errors=True)


def _started(what: Roles | None) -> list[str]:
    """The options of `sat` that keep the resets active for two clock cycles."""
    if what is None or not what.resets:
        return []
    held = [(step, name, value) for step in range(1, RESET_STEPS + 1) for name, value in what.resets.items()]
    held += [(step, name, 1 - step % 2) for step in range(1, RESET_STEPS + 1) for name in what.clocks]
    return [f"-set-at {step} in_{name} {value}" for step, name, value in held if name.isidentifier()]


def _prove(reading: Sequence[str], place: Path, limits: ToolLimits, start: Sequence[str]) -> Proof:
    built = _run([*reading, *_MITER], place, limits)
    if not built.ok:
        return Proof("undecided", reason=_reason(built), seconds=built.seconds)
    sequential = bool((place / "state").read_text().strip())
    seconds, equal, reason = built.seconds, 0, "it takes too long"
    for steps in (FIRST_BOUND_STEPS, BOUND_STEPS) if sequential else (0,):
        left = limits.wall_s - seconds
        if left <= 0:
            break
        solved = _run(_solve(steps, left, start), place, replace(limits, wall_s=left))
        seconds += solved.seconds
        if _REFUTED in solved.stdout:
            inputs, gold_out, gate_out = _model(solved.stdout.splitlines())
            return Proof("different", sequential, inputs, gold_out, gate_out, seconds=seconds)
        if _PROVED not in solved.stdout:
            reason = _reason(solved)
            break
        equal = steps
    else:
        return Proof("equal", sequential, seconds=seconds)
    sofar = f" (equal in the first {equal} steps)" if equal else ""
    return Proof("undecided", sequential, reason=reason + sofar, seconds=seconds)


_MITER = [
    "design -copy-from gold -as gold gold",
    "design -copy-from gate -as gate gate",
    f"tee -q -o state select -list {_STATE}",
    "miter -equiv -ignore_gold_x -make_outputs -make_assert -flatten gold gate miter",
    "hierarchy -top miter",
    "write_rtlil miter.il",
]


def _read(name: str, top: str, given: str) -> list[str]:
    return [
        f"read_verilog -sv -nosynthesis -noblackbox {name}.sv",
        f"hierarchy -check -top {checked_name(top)}{given}",
        "proc",
        "flatten",
        "opt_clean",
        "memory",
        "opt -fast -keepdc",
        f"rename -top {name}",
        f"design -stash {name}",
        "design -reset-vlog",
    ]


def _solve(steps: int, seconds: float, start: Sequence[str]) -> list[str]:
    undefined = "-enable_undef -set-def-inputs -set-init-undef"
    shown = "-show-inputs -show-outputs"
    timed = f"-timeout {max(1, int(seconds))}"
    bound = " ".join([f"-seq {steps + RESET_STEPS * bool(start)}", *start, ""]) if steps else ""
    return [
        "read_rtlil miter.il",
        *(["clk2fflogic", "opt -fast -keepdc"] if steps else []),
        f"sat -prove-asserts {bound}{undefined} {shown} {timed} miter",
    ]


def _run(script: Sequence[str], place: Path, limits: ToolLimits) -> ToolRun:
    (place / "script.ys").write_text("\n".join(script))
    return run(["yosys", "script.ys"], place, limits, environment={"TMPDIR": str(place)})


def _reason(ran: ToolRun) -> str:
    if ran.timed_out or "SAT solver timed out" in ran.stdout or "Interrupted" in ran.stdout:
        return "it takes too long"
    said = _ERROR.search(ran.stderr) or _ERROR.search(ran.stdout)
    return f"Yosys: {said[1].strip()[:300]}" if said else "it takes too much memory"


def _model(
    lines: Sequence[str],
) -> tuple[tuple[Mapping[str, str], ...], Mapping[str, str], Mapping[str, str]]:
    """Read the table that `sat` prints: the inputs of each step, and both sides' outputs in the last."""
    steps: dict[int, dict[str, str]] = {}
    for line in lines:
        row = _ROW.match(line)
        if row is not None and row[1] != "init":
            steps.setdefault(int(row[1] or 1), {})[row[2]] = row[3]
    if not steps:
        return (), {}, {}
    last = steps[max(steps)]
    # The counterexample ends at the first step in which the outputs differ.
    for number in sorted(steps):
        if steps[number].get("trigger") == "1":
            last = steps[number]
            steps = {key: value for key, value in steps.items() if key <= number}
            break
    inputs = tuple(_part(steps[number], "in_") for number in sorted(steps))
    return inputs, _part(last, "gold_"), _part(last, "gate_")


def _part(values: Mapping[str, str], prefix: str) -> dict[str, str]:
    return {name.removeprefix(prefix): bits for name, bits in values.items() if name.startswith(prefix)}
