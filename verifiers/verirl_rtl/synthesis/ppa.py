"""Area, delay and power of an answer compared with the reference's, and the score of the comparison.

    score = G³ / (1 + G³),   G = (r_area · r_delay · r_power)^(1/3)

over the available figures. Each `r` is the reference's figure divided by the answer's, moved towards 1 by its
dead band (`DEAD_BANDS`: the effect that reordering the same text can have) and limited to 1/4 … 4. For every
task an answer as good as the reference scores ½, one twice as good in every figure 8/9, one half as good 1/9.
In a geometric mean of ratios, one per cent of one figure weighs as much as one per cent of another (as in the
reward of ChipSeek-R1).

Both sides are measured with the same tools. The reference, measured once per task, is the best of
`REFERENCE_RUNS` runs with scrambled names. An answer that is no worse than the reference was with its own
names counts as equally good, and one that is a little worse gets as many runs before it counts as worse. The
netlist of an answer is simulated against the golden trace before it can gain anything.
"""

from __future__ import annotations

import math
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from verirl.outcomes import StageOutcome, failed, passed, skipped, timed_out
from verirl_rtl.language.inspection import Inspection
from verirl_rtl.reference import inspect_reference
from verirl_rtl.simulation.golden_trace import GoldenTrace
from verirl_rtl.simulation.simulate import ReplayResult, SimulationRun, compare, simulate
from verirl_rtl.spec import RtlSpec
from verirl_rtl.synthesis.liberty import CellLibrary, current_library
from verirl_rtl.synthesis.timing_power import analyze, toggles
from verirl_rtl.synthesis.yosys import SYNTHESIS_LIMITS, MappedDesign, Unmapped, best_run, synthesize
from verirl_rtl.tools import ToolLimits, versions

DEAD_BANDS = {"area_um2": 0.03, "delay_ps": 0.10, "power_uw": 0.10}
"""Relative differences that count as equal (measured: the effect of renaming or reordering alone)."""
REFERENCE_RUNS = 3
STEEPNESS = 3.0
MAX_RATIO = 4.0
REPEAT_MIN_SCORE = 0.3
"""Scores above this one and below ½ are worth further runs."""
REPEAT_MAX_CPU_S = 2.0
"""A synthesis that takes more CPU seconds is not repeated."""
SYNTHESIS_CPU_FACTOR = 3
"""The synthesis of an answer may take so many times the CPU time of that of the reference."""
ACTIVITY_EVENTS = 256
"""Events of the trace in which transitions are counted."""
MAX_STORED_BASELINES = 256

_REFERENCE = replace(SYNTHESIS_LIMITS, cpu_s=12)
_SIMULATION = ToolLimits(wall_s=15, cpu_s=15, memory_mb=1024)


@dataclass(frozen=True)
class Figures:
    """Area, delay and power of a mapped design; a figure that no tool gives is None.

    Attributes:
        area_um2: Area in µm².
        delay_ps: Delay in ps.
        power_uw: Power in µW.
        abc: Whether the delay is ABC's, without the time of registers, because OpenSTA is not installed.
    """

    area_um2: float
    delay_ps: float | None
    power_uw: float | None
    abc: bool = False

    def known(self) -> dict[str, float]:
        """Return the figures that are not None: metric → figure."""
        named = {"area_um2": self.area_um2, "delay_ps": self.delay_ps, "power_uw": self.power_uw}
        found = {name: value for name, value in named.items() if value is not None}
        if self.abc and "delay_ps" in found:
            found["delay_abc_ps"] = found.pop("delay_ps")
        return found


@dataclass(frozen=True)
class Baseline:
    """The figures of the reference, which those of answers are compared with.

    Attributes:
        figures: Figures of its best run: metric → figure.
        first: Figures of the run with its own names; the difference to `figures` is noise of the tools.
        faithful: Whether its netlist behaves like the reference, so that the netlist of an answer must, too.
        undefined: Its output bits that are x, as those of an answer may be.
        looped: Whether gates of the reference feed themselves, as those of an answer may.
        cpu_s: CPU seconds of mapping it once.
        error: Why there are no figures, or empty.
    """

    figures: Mapping[str, float]
    first: Mapping[str, float] = field(default_factory=dict)
    faithful: bool = True
    undefined: frozenset[tuple[str, int]] = frozenset()
    looped: bool = False
    cpu_s: float = 0.0
    error: str = ""


def score(mine: Mapping[str, float], reference: Mapping[str, float]) -> float | None:
    """Score the figures of an answer against those of the reference.

    Args:
        mine: Figures of the answer: metric → figure, at least 0, smaller is better.
        reference: Figures of the reference. One that is 0 is left out.

    Returns:
        A score in (0, 1), ½ if the answer is as good as the reference; None if no figure can be compared.

    Example:
        >>> score({"area_um2": 100.0}, {"area_um2": 100.0})
        0.5
    """
    shared = [name for name in reference if reference[name] > 0 and name in mine]
    if not shared:
        return None
    logs = [_advantage(name, mine[name], reference[name]) for name in shared]
    return 1 / (1 + math.exp(-STEEPNESS * sum(logs) / len(logs)))


def gain(value: float) -> float:
    """Return the mean ratio `G` of a score; it is above 1 if the answer is better."""
    value = min(max(value, 1e-9), 1 - 1e-9)
    return math.pow(value / (1 - value), 1 / STEEPNESS)


def _advantage(name: str, mine: float, reference: float) -> float:
    widest = math.log(MAX_RATIO)
    raw = math.log(reference / mine) if mine > 0 else math.inf
    band = math.log1p(DEAD_BANDS.get(name.replace("_abc", ""), 0.0))
    return math.copysign(min(max(0.0, abs(raw) - band), widest), raw)


def judge(
    spec: RtlSpec, trace: GoldenTrace | None, answer: Inspection, folder: Path, *, until: float
) -> Iterator[StageOutcome]:
    """Run the stages `synthesise` and `ppa` for a correct answer.

    Args:
        spec: The spec of the task.
        trace: The golden trace of the task; without one there is nothing to compare with.
        answer: The inspected answer.
        folder: A private folder for temporary files.
        until: Value of `time.monotonic()` at which the verdict is due.

    Yields:
        The outcomes of both stages; both are skipped if the reference has no figures.
    """
    why = "the task leaves area, delay and power out" if spec.ppa == "off" else ""
    if trace is None:
        why = why or "there is no reference to compare with"
    if why or trace is None:
        yield from _skipped(why)
        return
    cells = current_library()
    base = baseline(spec, trace, cells, folder)
    if base.error:
        yield from _skipped(base.error)
        return
    mapped = _mapped(spec, trace, answer, cells, folder, range(1), until, base)
    if isinstance(mapped, Unmapped):
        how = timed_out if mapped.timed_out else failed
        yield how("synthesise", detail=mapped.reason)
        return
    yield replace(passed("synthesise"), metrics={"cells": float(sum(mapped.cells.values()))})
    yield _scored(spec, trace, answer, cells, folder, until, mapped, base)


def _skipped(why: str) -> Iterator[StageOutcome]:
    yield skipped("synthesise", why)
    yield skipped("ppa", why)


def _mapped(
    spec: RtlSpec,
    trace: GoldenTrace,
    answer: Inspection,
    cells: CellLibrary,
    folder: Path,
    runs: range,
    until: float,
    base: Baseline,
) -> MappedDesign | Unmapped:
    left = min(SYNTHESIS_LIMITS.wall_s, max(1.0, 0.9 * (until - time.monotonic())))
    given = {name: value for name, value in trace.parameters.items() if name in answer.parameters}
    allowed = max(SYNTHESIS_LIMITS.cpu_s, math.ceil(SYNTHESIS_CPU_FACTOR * base.cpu_s))
    found = synthesize(
        answer.text,
        spec.top,
        cells,
        folder,
        runs=runs,
        parameters=given,
        undefined=base.undefined,
        limits=replace(SYNTHESIS_LIMITS, wall_s=left, cpu_s=allowed),
    )
    if isinstance(found, MappedDesign) and found.looped and not base.looped:
        return Unmapped("gates feed themselves, with no register or latch of the library between")
    return found


def _scored(
    spec: RtlSpec,
    trace: GoldenTrace,
    answer: Inspection,
    cells: CellLibrary,
    folder: Path,
    until: float,
    mapped: MappedDesign,
    base: Baseline,
) -> StageOutcome:
    figures, broken = measure(mapped, spec.top, trace, cells, folder)
    if broken and base.faithful:
        return failed("ppa", 0.0, f"the mapped netlist does not do what the design does: {broken}")
    missing = set(base.figures) - set(figures.known())
    value = score(figures.known(), base.figures)
    if missing or value is None:
        return failed("ppa", 0.0, f"the tools give no {', '.join(sorted(missing))} for it")
    reference = base.figures
    if value < 0.5 <= (score(figures.known(), base.first) or 0.0):
        # Compare one run with one run: an equal answer would look worse than the reference's best of three.
        value, reference = 0.5, base.first
    if REPEAT_MIN_SCORE < value < 0.5:
        better = _better(mapped, lambda runs: _mapped(spec, trace, answer, cells, folder, runs, until, base))
        if better is not mapped:
            others, also_broken = measure(better, spec.top, trace, cells, folder)
            second = score(others.known(), base.figures)
            if second is not None and second > value and not also_broken:
                figures, value, mapped = others, second, better
    words = _describe(figures.known(), reference)
    if value > 0.5:
        checked = _replay_netlist(mapped, spec.top, trace, cells, folder)
        if not checked.passed and base.faithful:
            error = checked.error or f"{checked.matched} of {checked.total} samples agree"
            return failed("ppa", 0.0, f"the mapped netlist does not do what the design does: {error}")
        if not checked.passed:
            value, words = 0.5, f"{words}; no gain, for a netlist cannot be checked here"
    beside = {f"reference_{name}": figure for name, figure in reference.items()}
    return replace(passed("ppa", value, words), metrics={**figures.known(), **beside})


def _better(first: MappedDesign, mapped_by: Callable[[range], MappedDesign | Unmapped]) -> MappedDesign:
    """Return the best of all runs.

    A design that is too large for more runs keeps its first one. Nearly every design gives the same result
    with other names, and then needs no further run.
    """
    found = first
    if first.cpu_s > REPEAT_MAX_CPU_S:
        return found
    for runs in (range(1, 2), range(2, REFERENCE_RUNS)):
        again = mapped_by(runs)
        if isinstance(again, Unmapped) or (again.area_um2, again.delay_ps) == (
            found.area_um2,
            found.delay_ps,
        ):
            break
        found = best_run((found, again))
    return found


def _describe(mine: Mapping[str, float], reference: Mapping[str, float]) -> str:
    said = []
    for name, figure in reference.items():
        if name in mine:
            unit = name.rsplit("_", 1)[1].replace("um2", "µm²").replace("uw", "µW")
            what = name.split("_")[0]
            said.append(f"{what} {mine[name]:.4g} {unit} (reference {figure:.4g})")
    return ", ".join(said)


_baselines: OrderedDict[object, Baseline] = OrderedDict()


def baseline(spec: RtlSpec, trace: GoldenTrace, cells: CellLibrary, folder: Path) -> Baseline:
    """Return the figures of the reference, with those that the spec gives; they are kept in memory."""
    key = (
        spec.reference,
        spec.reference_top,
        tuple(sorted(trace.parameters.items())),
        trace.events[:ACTIVITY_EVENTS],
        tuple(sorted(spec.ppa_baseline.items())),
        cells.path,
    )
    if key in _baselines:
        _baselines.move_to_end(key)
        return _baselines[key]
    _baselines[key] = made = _baseline(spec, trace, cells, folder)
    while len(_baselines) > MAX_STORED_BASELINES:
        _baselines.popitem(last=False)
    return made


def _baseline(spec: RtlSpec, trace: GoldenTrace, cells: CellLibrary, folder: Path) -> Baseline:
    found = inspect_reference(spec)

    def mapped_by(runs: range) -> MappedDesign | Unmapped:
        top, given = spec.reference_top, trace.parameters
        return synthesize(
            found.text, top, cells, folder, runs=runs, parameters=given, undefined=None, limits=_REFERENCE
        )

    plain = mapped_by(range(1))
    if isinstance(plain, Unmapped):
        return Baseline({}, error=f"the reference has no figures: {plain.reason}")
    mapped = _better(plain, mapped_by)
    figures, broken = measure(mapped, spec.reference_top, trace, cells, folder)
    if figures.delay_ps is None:
        return Baseline({}, error="OpenSTA cannot read the reference's netlist")
    known = _stated(figures, spec)
    if not any(value > 0 for value in known.values()):
        return Baseline({}, error="the reference takes no cells")
    first = known
    if mapped is not plain:
        first = _stated(measure(plain, spec.reference_top, trace, cells, folder)[0], spec)
    faithful = not broken and _replay_netlist(mapped, spec.reference_top, trace, cells, folder).passed
    return Baseline(known, first, faithful, mapped.undefined, mapped.looped, plain.cpu_s)


def _stated(figures: Figures, spec: RtlSpec) -> dict[str, float]:
    """The figures, replaced by those that the spec gives."""
    known = figures.known()
    return known | {name: value for name, value in spec.ppa_baseline.items() if name in known}


def measure(
    mapped: MappedDesign, top: str, trace: GoldenTrace, cells: CellLibrary, folder: Path
) -> tuple[Figures, str]:
    """Return the figures of a mapped design, and how it differs from the design in its first events.

    The difference is empty if there is none. The transitions are counted in the same events.
    """
    if versions().get("sta", "missing") == "missing":
        return Figures(mapped.area_um2, mapped.delay_ps, None, abc=True), ""
    start = trace.first(ACTIVITY_EVENTS)
    wave = folder / f"{secrets.token_hex(8)}.vcd"
    dump = f'initial begin $dumpfile("{wave}"); $dumpvars(1, {top}); end\nendmodule\n'
    try:
        dumping = mapped.simulated.rstrip().removesuffix("endmodule") + dump
        played = _simulate_netlist(mapped, dumping, top, start, cells, folder)
        broken = played.error or _difference(compare(start, played))
        activity = None if played.error else toggles(wave.read_text(), len(start.events))
    finally:
        wave.unlink(missing_ok=True)
    timing = analyze(mapped, top, cells, folder, activity)
    if timing is None:
        return Figures(mapped.area_um2, None, None), broken
    return Figures(mapped.area_um2, timing.delay_ps, timing.power_uw), broken


def _difference(found: ReplayResult) -> str:
    return "" if found.passed or not found.total else f"{found.matched} of {found.total} samples agree"


def _replay_netlist(
    mapped: MappedDesign, top: str, trace: GoldenTrace, cells: CellLibrary, folder: Path
) -> ReplayResult:
    played = _simulate_netlist(mapped, mapped.simulated, top, trace, cells, folder)
    if played.error or played.timed_out:
        return ReplayResult(0, 1, 0.0, (), played.timed_out, played.error or "it takes too long")
    return compare(trace, played)


def _simulate_netlist(
    mapped: MappedDesign, netlist: str, top: str, trace: GoldenTrace, cells: CellLibrary, folder: Path
) -> SimulationRun:
    text = netlist + cells.modelled(mapped.cells)
    # A netlist has no parameters.
    return simulate(trace, text, top, folder, limits=_SIMULATION, parameters=(), engine="icarus")
