"""The official rule of a benchmark: testbench and answer in one simulation, and a pattern over its output.

The rule is weaker than a replay and exists so that results are comparable. The answer has passed the language
rules, so it has no system task to print with and no name outside itself. All its modules except the top get
random names, so that they cannot replace a module of the testbench.
"""

from __future__ import annotations

import re
import shutil
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

from verirl_rtl.language.inspection import Inspection, inspect_trusted
from verirl_rtl.language.verilog_text import rename_modules
from verirl_rtl.reference import BrokenTaskError
from verirl_rtl.simulation.harness import CompileResult, compile_icarus, first_complaint, fresh_name
from verirl_rtl.spec import RtlSpec
from verirl_rtl.tools import ToolLimits, run

MAX_OUTPUT_BYTES = 16 << 20
_MISMATCH_COUNT = re.compile(r"^Mismatches: (\d+) in (\d+) samples", re.MULTILINE)


@dataclass(frozen=True)
class TestbenchVerdict:
    """The result of a testbench.

    Attributes:
        passed: Whether the rule of the benchmark says that the answer passed.
        score: The share of samples that the testbench counted as right.
        summary: The last line of the output, or the reason why there is none.
        timed_out: Whether the simulation or the compiler took too long.
        broken: Whether the testbench does not compile with the reference in the answer's place either.
    """

    __test__ = False

    passed: bool
    score: float = 0.0
    summary: str = ""
    timed_out: bool = False
    broken: bool = False


def judge(spec: RtlSpec, answer: Inspection, folder: Path, limits: ToolLimits) -> TestbenchVerdict:
    """Run the testbench of a task with an answer in it.

    Args:
        spec: A spec with a testbench and a pass rule.
        answer: The inspected answer.
        folder: A private folder for temporary files.
        limits: Limits of the compiler and of the simulation, each.

    Returns:
        The result.

    Raises:
        BrokenTaskError: If the spec has no testbench or no pass rule.
        ToolMissingError: If Icarus Verilog is not installed.
    """
    if spec.pass_rule is None:
        raise BrokenTaskError("there is no pass_rule")
    work_folder = Path(tempfile.mkdtemp(dir=folder))
    try:
        parts = {name: fresh_name("part") for name in answer.modules if name != spec.top}
        built = _compile(spec, rename_modules(answer.text, parts), work_folder, limits)
        if built.error:
            summary = f"the bench does not compile with it: {built.error}"
            broken = _is_broken(spec, work_folder, limits)
            return TestbenchVerdict(False, summary=summary, timed_out=built.timed_out, broken=broken)
        wide = replace(limits, output_bytes=MAX_OUTPUT_BYTES)
        ran = run(["vvp", "-n", "sim", "-none"], work_folder, wide)
    finally:
        shutil.rmtree(work_folder, ignore_errors=True)
    if ran.timed_out:
        return TestbenchVerdict(False, summary="the simulation does not end", timed_out=True)
    passed = ran.ok and re.search(spec.pass_rule, ran.stdout) is not None
    score = 1.0 if passed else _counted_share(ran.stdout)
    return TestbenchVerdict(passed, score, _last_line(ran.stdout) or first_complaint(ran))


def _compile(spec: RtlSpec, design: str, work_folder: Path, limits: ToolLimits) -> CompileResult:
    """Compile the testbench with `design` in the answer's place."""
    if spec.testbench is None:
        raise BrokenTaskError("there is no testbench")
    files = {"bench.sv": spec.testbench, "answer.sv": design}
    if spec.reference is not None and spec.reference_top != spec.top:
        files["reference.sv"] = spec.reference
    for name, text in {**spec.aux_files, **files}.items():
        (work_folder / name).write_text(text, encoding="utf-8")
    order = [name for name in ("bench.sv", "reference.sv", "answer.sv") if name in files]
    return compile_icarus(work_folder, spec.testbench_top, order, limits)


def _is_broken(spec: RtlSpec, work_folder: Path, limits: ToolLimits) -> bool:
    """Whether the testbench does not compile with the reference either."""
    if spec.reference is None:
        return False
    modules = inspect_trusted(spec.reference, spec.reference_top).modules
    names = {name: spec.top if name == spec.reference_top else fresh_name("part") for name in modules}
    built = _compile(spec, rename_modules(spec.reference, names), work_folder, limits)
    return bool(built.error) and not built.timed_out


def _counted_share(output: str) -> float:
    counts = _MISMATCH_COUNT.search(output)
    if counts is None or int(counts[2]) == 0:
        return 0.0
    return min(0.999, max(0.0, 1 - int(counts[1]) / int(counts[2])))


def _last_line(output: str) -> str:
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    return lines[-1][:200] if lines else ""
