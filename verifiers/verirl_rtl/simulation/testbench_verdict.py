"""A benchmark's own rule: bench and answer in one simulation, and a pattern over what the bench says.

Weaker than a replay, and there to be comparable. The answer has been through the policy, which leaves it no
system task to speak with and no name outside itself; its modules but the top are given random names, so that
they cannot stand in for one of the bench's.
"""

from __future__ import annotations

import re
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from verirl_rtl.language.inspection import Inspection, inspect_trusted
from verirl_rtl.language.verilog_text import rename_modules
from verirl_rtl.simulation.harness import CompileResult, compile_icarus, first_complaint, fresh_name
from verirl_rtl.spec import RtlSpec
from verirl_rtl.tools import ToolLimits, run

MAX_OUTPUT_BYTES = 16 << 20
_COUNTED = re.compile(r"^Mismatches: (\d+) in (\d+) samples", re.MULTILINE)


@dataclass(frozen=True)
class TestbenchVerdict:
    """What became of the bench: whether its rule says passed, the share it counted, its last words.

    `broken`: the bench does not compile with the reference in the answer's place either.
    """

    right: bool
    score: float = 0.0
    words: str = ""
    late: bool = False
    broken: bool = False


def judge(spec: RtlSpec, answer: Inspection, folder: Path, bounds: ToolLimits) -> TestbenchVerdict:
    """Run the bench with the answer in it."""
    assert spec.pass_rule is not None
    place = Path(tempfile.mkdtemp(dir=folder))
    try:
        parts = {name: fresh_name("part") for name in answer.modules if name != spec.top}
        built = _built(spec, rename_modules(answer.text, parts), place, bounds)
        if built.problem:
            words = f"the bench does not compile with it: {built.problem}"
            return TestbenchVerdict(
                False, words=words, late=built.late, broken=_is_broken(spec, place, bounds)
            )
        wide = ToolLimits(bounds.wall_s, bounds.cpu_s, bounds.memory_mb, bounds.file_mb, MAX_OUTPUT_BYTES)
        ran = run(["vvp", "-n", "sim", "-none"], place, wide)
    finally:
        shutil.rmtree(place, ignore_errors=True)
    if ran.late:
        return TestbenchVerdict(False, words="the simulation does not end", late=True)
    right = ran.ok and re.search(spec.pass_rule, ran.out) is not None
    return TestbenchVerdict(
        right, 1.0 if right else _counted(ran.out), _last(ran.out) or first_complaint(ran)
    )


def _built(spec: RtlSpec, design: str, place: Path, bounds: ToolLimits) -> CompileResult:
    """The bench, compiled in `place` with `design` where the answer belongs."""
    assert spec.testbench is not None
    files = {"bench.sv": spec.testbench, "answer.sv": design}
    if spec.reference is not None and spec.reference_top != spec.top:
        files["reference.sv"] = spec.reference
    for name, text in {**spec.aux_files, **files}.items():
        (place / name).write_text(text, encoding="utf-8")
    order = [name for name in ("bench.sv", "reference.sv", "answer.sv") if name in files]
    return compile_icarus(place, spec.testbench_top, order, bounds)


def _is_broken(spec: RtlSpec, place: Path, bounds: ToolLimits) -> bool:
    """Whether it is the bench that does not compile: it takes the reference itself no better."""
    if spec.reference is None:
        return False
    modules = inspect_trusted(spec.reference, spec.reference_top).modules
    names = {name: spec.top if name == spec.reference_top else fresh_name("part") for name in modules}
    built = _built(spec, rename_modules(spec.reference, names), place, bounds)
    return bool(built.problem) and not built.late


def _counted(output: str) -> float:
    found = _COUNTED.search(output)
    if found is None or int(found[2]) == 0:
        return 0.0
    return min(0.999, max(0.0, 1 - int(found[1]) / int(found[2])))


def _last(output: str) -> str:
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    return lines[-1][:200] if lines else ""
