"""Make the waveform file and the schematic of one answer in a sandbox, because its text is untrusted.

`make_artifacts` starts this module there as a program. It leaves its files in the working folder and prints
why others could not be made.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from verirl import sandbox
from verirl.errors import VerirlError
from verirl.types import Task

WAVES_FILE = "waves.vcd"
SCHEMATIC_FILE = "schematic.svg"
_LIMITS = sandbox.Limits(wall_s=90, cpu_s=60, memory_mb=4096, file_mb=64)


def make_artifacts(
    task: Task, completion: str, wanted: tuple[str, ...]
) -> tuple[dict[str, str], dict[str, str]]:
    """Make the waveforms and the schematic of an answer.

    Args:
        task: An RTL task.
        completion: The answer. Untrusted.
        wanted: Which of `WAVES_FILE` and `SCHEMATIC_FILE` to make.

    Returns:
        File name → text, and for each file that could not be made: file name → reason.

    Raises:
        ToolMissingError: If bubblewrap is not installed.
        SandboxError: If the sandbox cannot be set up.
    """
    packages = [_package(name) for name in ("verirl", "verirl_rtl")]
    question = {"spec": dict(task.spec), "completion": completion, "wanted": list(wanted)}
    with tempfile.TemporaryDirectory(prefix="verirl-exhibit-") as place:
        folder = Path(place)
        outcome = sandbox.run(
            [sys.executable, "-P", "-m", __name__],
            folder=folder,
            files={"question.json": json.dumps(question)},
            limits=_LIMITS,
            readable=(*sandbox.interpreter(), *packages),
            environment={"PYTHONPATH": os.pathsep.join(str(path.parent) for path in packages)},
        )
        made = {name: sandbox.read_output(folder, name) for name in wanted}
    why = _said(outcome.stdout)
    found = {name: data.decode("utf-8", "replace") for name, data in made.items() if data}
    late = "it took too long" if outcome.timed_out else "the program that makes it broke off"
    return found, {name: why.get(name, late) for name in wanted if name not in found}


def _package(name: str) -> Path:
    spec = find_spec(name)
    if spec is None or not spec.submodule_search_locations:
        raise VerirlError(f"package '{name}' is not where it was imported from")
    return Path(spec.submodule_search_locations[0]).absolute()


def _said(stdout: bytes) -> Mapping[str, str]:
    try:
        value = json.loads(stdout)
    except ValueError:
        return {}
    return {str(k): str(v)[:500] for k, v in value.items()} if isinstance(value, dict) else {}


def main() -> None:
    """Run inside the sandbox: read question.json, write the files, print why others could not be made."""
    question = json.loads(Path("question.json").read_text(encoding="utf-8"))
    why: dict[str, str] = {}
    for name, maker in ((WAVES_FILE, _waves), (SCHEMATIC_FILE, _drawing)):
        if name in question["wanted"]:
            try:
                Path(name).write_text(maker(question, Path.cwd()), encoding="utf-8")
            except (VerirlError, ValueError) as error:
                why[name] = str(error)
    sys.stdout.write(json.dumps(why))


def _waves(question: Mapping[str, Any], folder: Path) -> str:
    from verirl_rtl.extract import extract
    from verirl_rtl.language.inspection import inspect_answer
    from verirl_rtl.simulation.recorder import record
    from verirl_rtl.simulation.simulate import simulate
    from verirl_rtl.simulation.vcd import vcd
    from verirl_rtl.spec import read_spec

    spec = read_spec(question["spec"])
    if spec.reference is None:
        raise ValueError("the task has no reference, so no inputs are recorded")
    trace = record(spec, folder)
    answer = inspect_answer(extract(question["completion"]), spec.top, trace.parameters)
    if not answer.ok:
        raise ValueError(answer.refusal or "; ".join(answer.errors))
    wanted = {(port.name, port.direction, port.width) for port in trace.ports}
    if {(port.name, port.direction, port.width) for port in answer.ports} != wanted:
        raise ValueError("the design has other ports than those asked for")
    played = simulate(trace, answer.text, spec.top, folder, parameters=tuple(answer.parameters))
    if played.error or played.timed_out:
        raise ValueError(played.error or "the simulation does not end")
    return vcd(trace, played.lines)


def _drawing(question: Mapping[str, Any], folder: Path) -> str:
    from verirl_rtl.extract import extract
    from verirl_rtl.spec import read_spec
    from verirl_rtl.synthesis.schematic import schematic

    return schematic(extract(question["completion"]), read_spec(question["spec"]).top, folder)


if __name__ == "__main__":
    main()
