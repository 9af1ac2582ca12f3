"""The reference of a task, read and elaborated with the parameters that its testbench sets."""

from __future__ import annotations

from verirl.errors import VerirlError
from verirl_rtl.language.inspection import Inspection, inspect_trusted
from verirl_rtl.language.verilog_text import bench_parameters
from verirl_rtl.spec import RtlSpec


class BrokenTaskError(VerirlError, RuntimeError):
    """The reference or the testbench of a task does not run, so no answer to it can be judged."""


def inspect_reference(spec: RtlSpec) -> Inspection:
    """Read and elaborate the reference of a task.

    Args:
        spec: The spec of the task. If it has a testbench, the parameters that the testbench sets on the
            design are applied.

    Returns:
        The inspection; it has at least one output port and no inout port.

    Raises:
        BrokenTaskError: If there is no reference, it does not elaborate, or it cannot be replayed.
    """
    if spec.reference is None:
        raise BrokenTaskError("there is no reference")
    inspection = inspect_trusted(spec.reference, spec.reference_top)
    if not inspection.ok:
        reason = "; ".join(inspection.errors) or inspection.refusal
        raise BrokenTaskError(f"the reference does not elaborate: {reason}")
    if spec.testbench is not None and inspection.parameters:
        overrides = bench_parameters(
            spec.testbench, spec.testbench_top, inspection.text, spec.reference_top, spec.top
        )
        if overrides:
            inspection = inspect_trusted(spec.reference, spec.reference_top, overrides)
    if any(port.direction == "inout" for port in inspection.ports):
        raise BrokenTaskError("a port of the reference is 'inout', which cannot be replayed")
    if not any(port.direction == "output" for port in inspection.ports):
        raise BrokenTaskError("the reference has no output")
    return inspection
