"""The outside tools: their versions, and one run of one of them within limits.

The worker that runs them is sandboxed as a whole (the domain is `confined`). A tool that reads a model's text
gets a process group, limits and a folder of its own on top, and nothing of the worker's descriptors.
"""

from __future__ import annotations

import contextlib
import os
import re
import resource
import select
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from pathlib import Path

from verirl.errors import ToolMissingError
from verirl.requirements import install_line

_MIB = 1024 * 1024
_VERSION = re.compile(r"\d+(?:\.\d+)+")
_COMES_WITH = {"vvp": "iverilog"}
_ASKED = {"iverilog": "-V", "verilator": "--version", "yosys": "-V", "sta": "-version"}


@dataclass(frozen=True)
class ToolLimits:
    """What one run of a tool may use: seconds of wall clock and of CPU, address space, bytes of a file."""

    wall_s: float = 10.0
    cpu_s: int = 10
    memory_mb: int = 1024
    file_mb: int = 64
    output_bytes: int = 1 << 20


@dataclass(frozen=True)
class ToolRun:
    """What came of a run. `late`: the wall clock or CPU limit ended it; `cut`: output beyond the limit.

    `seconds`: wall clock. `cpu_s`: CPU time of it and of its children.
    """

    code: int
    out: str
    err: str
    late: bool
    cut: bool
    seconds: float
    cpu_s: float = 0.0

    @property
    def ok(self) -> bool:
        """Whether it ended by itself, with 0."""
        return self.code == 0 and not self.late and not self.cut


def run(
    argv: Sequence[str],
    folder: Path,
    bounds: ToolLimits = ToolLimits(),
    *,
    stdin: str = "",
    environment: Mapping[str, str] | None = None,
) -> ToolRun:
    """Run a tool in `folder`; ToolMissingError where it is not installed."""
    if shutil.which(argv[0]) is None:
        raise ToolMissingError(argv[0], install_line(_COMES_WITH.get(argv[0], argv[0])))
    out, err = folder / ".out", folder / ".err"
    started = time.monotonic()
    used = _used()
    late = False
    with out.open("wb") as out_file, err.open("wb") as err_file:
        process = subprocess.Popen(
            argv,
            cwd=folder,
            stdin=subprocess.PIPE if stdin else subprocess.DEVNULL,
            stdout=out_file,
            stderr=err_file,
            start_new_session=True,
            env={"PATH": os.environ.get("PATH", "/usr/bin:/bin"), "HOME": str(folder), "LC_ALL": "C"}
            | dict(environment or {}),
        )
        try:
            # From outside, right after the exec: a function run before it would make each start a slow fork.
            _limit(process.pid, bounds)
            late = not _ended(process, stdin.encode(), bounds.wall_s)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    said, cut = _read(out, bounds.output_bytes)
    complained, _ = _read(err, bounds.output_bytes)
    late = late or process.returncode == -signal.SIGXCPU
    return ToolRun(
        process.returncode, said, complained, late, cut, time.monotonic() - started, _used() - used
    )


def _ended(process: subprocess.Popen[bytes], stdin: bytes, seconds: float) -> bool:
    """Whether it ended in time. A descriptor of the process wakes us at once, where `wait` would poll."""
    if stdin:
        try:
            process.communicate(stdin, timeout=seconds)
        except subprocess.TimeoutExpired:
            return False
        return True
    pidfd = os.pidfd_open(process.pid)
    try:
        return bool(select.select([pidfd], [], [], seconds)[0])
    finally:
        os.close(pidfd)


def _used() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def _limit(pid: int, bounds: ToolLimits) -> None:
    for which, value in (
        (resource.RLIMIT_CPU, bounds.cpu_s),
        (resource.RLIMIT_AS, bounds.memory_mb * _MIB),
        (resource.RLIMIT_FSIZE, bounds.file_mb * _MIB),
        (resource.RLIMIT_CORE, 0),
    ):
        hard = resource.getrlimit(which)[1]
        allowed = value if hard == resource.RLIM_INFINITY else min(value, hard)
        with contextlib.suppress(ProcessLookupError):
            resource.prlimit(pid, which, (allowed, allowed if which != resource.RLIMIT_CPU else hard))


def _read(path: Path, limit: int) -> tuple[str, bool]:
    with path.open("rb") as file:
        data = file.read(limit + 1)
    return data[:limit].decode("utf-8", "replace"), len(data) > limit


@cache
def versions() -> Mapping[str, str]:
    """Tool → version (`missing` where it is not installed)."""
    found = {name: version(name) for name in _ASKED}
    try:
        found["pyslang"] = metadata.version("pyslang")
    except metadata.PackageNotFoundError:
        found["pyslang"] = "missing"
    return found


@cache
def version(name: str) -> str:
    """The version of one of the tools; `missing` where it is not installed."""
    path = shutil.which(name)
    if path is None:
        return "missing"
    done = subprocess.run([path, _ASKED[name]], capture_output=True, text=True, timeout=20, check=False)
    match = _VERSION.search(done.stdout + done.stderr)
    return match[0] if match else "unknown"
