"""Whether Icarus Verilog, Verilator and the SAT solver say the same of mutants, and why where they do not.

    python bench/rtl_agreement.py [--count 500] [--seed 1]

The mutants are single changes to the references of synthesised tasks and of VerilogEval v2 and RTLLM v2
(see benchmarks.py), as many of each, unfiltered: some are equivalent to their reference. Each is
replayed against the recorded reference with both simulators, and held against it by the solver. Where two of
the three disagree, the reason is looked for by a run, not guessed: the solver's counterexample is played into
both designs; the time of the first mismatch is held against the solver's bound. The last line is the share of
mutants on which all that decided agree.
"""

from __future__ import annotations

import argparse
import itertools
import random
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import benchmarks

from verirl.errors import VerirlError
from verirl.types import Task
from verirl_rtl.formal.equivalence import BOUND_STEPS, Proof, prove
from verirl_rtl.language.inspection import inspect_trusted
from verirl_rtl.reference import inspect_reference
from verirl_rtl.simulation.golden_trace import GoldenTrace
from verirl_rtl.simulation.recorder import record
from verirl_rtl.simulation.simulate import ReplayResult, replay, simulate
from verirl_rtl.simulation.stimulus import Event, roles
from verirl_rtl.spec import RtlSpec, read_spec
from verirl_rtl.tasks.generate import generate
from verirl_rtl.tasks.importers import IMPORTERS
from verirl_rtl.tasks.mutation_operators import mutations
from verirl_rtl.tools import ToolLimits

SIMULATION = ToolLimits(wall_s=20, cpu_s=20, memory_mb=2048)


class Case(NamedTuple):
    name: str
    spec: RtlSpec
    text: str


def cases(seed: int) -> Iterator[Case]:
    """Mutants of drawn tasks without end, at most two of each task at a time."""
    draw = random.Random(seed)
    synthesised = (generate(seed, index, draw.random()) for index in itertools.count())
    imported: list[Task] = []
    for name in ("verilogeval-v2", "rtllm-v2"):
        path = benchmarks.find(name)
        if path is not None:
            imported += IMPORTERS[name](path)
    draw.shuffle(imported)
    sources = itertools.cycle([synthesised, itertools.cycle(imported)] if imported else [synthesised])
    for source in sources:
        task = next(source)
        spec = read_spec(task.spec)
        if spec.reference is None:
            continue
        changes = mutations(spec.reference)
        for change in draw.sample(changes, min(2, len(changes))):
            yield Case(f"{task.id} ({change.kind})", spec, change.of(spec.reference))


def simulated(case: Case, recording: GoldenTrace, text: str, engine: str, folder: Path) -> str:
    found = replay(recording, text, case.spec.reference_top, folder, engine, limits=SIMULATION)
    if found.timed_out or found.error:
        return "undecided"
    return "equal" if found.passed else "different"


def reason(
    case: Case, recording: GoldenTrace, text: str, said: dict[str, str], proof: Proof, folder: Path
) -> str:
    """Why the three disagree, by trying it."""
    simulators = {said["icarus"], said["verilator"]} - {"undecided"}
    if len(simulators) == 2:
        return apart(case, recording, text, folder)
    if simulators == {"equal"}:
        return missed(case, recording, text, proof, folder)
    found = replay(recording, text, case.spec.reference_top, folder, "icarus", limits=SIMULATION)
    return too_deep(recording, found)


def apart(case: Case, recording: GoldenTrace, text: str, folder: Path) -> str:
    """The simulators disagree: what the first sample looks like in which they do."""
    top = case.spec.reference_top
    first, second = (simulate(recording, text, top, folder, engine) for engine in ("icarus", "verilator"))
    if second.order_unreliable:
        return "blocking and nonblocking assignments to one variable, which Verilator does not support"
    for one, two, wanted in zip(first.lines, second.lines, recording.expected, strict=False):
        if one != two:
            if set(one + wanted) & set("xz"):
                return "x or z, which Verilator does not know"
            break
    return "UNEXPLAINED: the simulators differ"


def missed(case: Case, recording: GoldenTrace, text: str, proof: Proof, folder: Path) -> str:
    """The solver found a difference that the replay did not: play it into both designs."""
    events = tuple(
        Event("".join(step.get(port.name, "0" * port.width) for port in recording.inputs), True)
        for step in proof.inputs
    )
    script = replace(recording, events=events, expected=())
    reference = inspect_reference(case.spec)
    gold = simulate(script, reference.text, case.spec.reference_top, folder, "icarus").lines
    gate = simulate(script, text, case.spec.reference_top, folder, "icarus").lines
    if any(want != got and "x" not in want for want, got in zip(gold, gate, strict=False)):
        return "the stimulus misses it: the counterexample tells them apart in simulation, too"
    if proof.sequential:
        return "a state that no reset leads to: the counterexample starts there, the simulation does not"
    return "UNEXPLAINED: the counterexample does not tell them apart in simulation"


def too_deep(recording: GoldenTrace, found: ReplayResult) -> str:
    """The replay found a difference that the solver did not."""
    step = found.mismatches[0].step if found.mismatches else 0
    if step >= BOUND_STEPS // 2:
        return f"deeper than the solver's {BOUND_STEPS} steps"
    if found.mismatches and "x" in found.mismatches[0].got:
        return "an x of the simulator: its if and case do not see both branches"
    return f"UNEXPLAINED: a difference in sample {step}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=500)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    outcomes: Counter[tuple[str, str, str]] = Counter()
    reasons: Counter[str] = Counter()
    judged = agreed = 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for case in cases(options.seed):
            if judged == options.count:
                break
            try:
                recording = record(case.spec, folder)
                mutant = inspect_trusted(case.text, case.spec.reference_top, recording.parameters)
            except VerirlError as error:
                print(f"left out: {case.name}: {error}")
                continue
            if not mutant.ok or mutant.ports != recording.ports:
                continue  # another width of a port, mostly
            said = {
                engine: simulated(case, recording, mutant.text, engine, folder)
                for engine in ("icarus", "verilator")
            }
            reference = inspect_reference(case.spec)
            top = case.spec.reference_top
            given = recording.parameters
            what = roles(recording.inputs, reference.edges, case.spec.clock, case.spec.reset)
            proof = prove(
                reference.text,
                top,
                mutant.text,
                top,
                folder,
                parameters=given,
                gate_parameters=given,
                what=what,
            )
            outcomes[(said["icarus"], said["verilator"], proof.outcome)] += 1
            judged += 1
            decided = {*said.values(), proof.outcome} - {"undecided"}
            if len(decided) < 2:
                agreed += 1
                continue
            why = reason(case, recording, mutant.text, said, proof, folder)
            reasons[why] += 1
            print(f"{case.name}: {said | {'sat': proof.outcome}}: {why}", flush=True)
    print("\nIcarus     Verilator  SAT        mutants")
    for outcome, number in sorted(outcomes.items()):
        print("".join(word.ljust(11) for word in outcome) + str(number))
    print()
    for why, number in reasons.most_common():
        print(f"{number:4d}  {why}")
    print(f"agree: {agreed} of {judged} ({100 * agreed / max(judged, 1):.1f} %)")
    return int(any(why.startswith("UNEXPLAINED") for why in reasons))


if __name__ == "__main__":
    sys.exit(main())
