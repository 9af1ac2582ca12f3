"""External tools: their versions, and running one of them within limits.

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
_PACKAGE_OF = {"vvp": "iverilog"}
_VERSION_OPTIONS = {"iverilog": "-V", "verilator": "--version", "yosys": "-V", "sta": "-version"}


@dataclass(frozen=True)
class ToolLimits:
    """Limits of one run of a tool.

    Attributes:
        wall_s: Wall-clock time in seconds.
        cpu_s: CPU time in seconds.
        memory_mb: Address space in MiB.
        file_mb: Size of each file that it writes, in MiB.
        output_bytes: How much of its standard output and of its standard error is read.
    """

    wall_s: float = 10.0
    cpu_s: int = 10
    memory_mb: int = 1024
    file_mb: int = 64
    output_bytes: int = 1 << 20


@dataclass(frozen=True)
class ToolRun:
    """The result of one run of a tool.

    Attributes:
        returncode: Its exit status.
        stdout: Its standard output, cut to `ToolLimits.output_bytes`.
        stderr: Its standard error, cut in the same way.
        timed_out: Whether the limit on wall-clock or CPU time ended it.
        truncated: Whether there was more standard output than was read.
        seconds: Wall-clock time in seconds.
        cpu_s: CPU time of the process and its children in seconds.
    """

    returncode: int
    stdout: str
    stderr: str
    timed_out: bool
    truncated: bool
    seconds: float
    cpu_s: float = 0.0

    @property
    def ok(self) -> bool:
        """Whether it ended by itself with exit status 0, and its output is complete."""
        return self.returncode == 0 and not self.timed_out and not self.truncated


def run(
    argv: Sequence[str],
    folder: Path,
    limits: ToolLimits = ToolLimits(),
    *,
    stdin: str = "",
    environment: Mapping[str, str] | None = None,
) -> ToolRun:
    """Run a tool in a folder, within limits, in a process group of its own.

    Args:
        argv: Command and arguments.
        folder: Working and home directory of the tool; its output goes through files there.
        limits: Limits of the run.
        stdin: Text for its standard input.
        environment: Variables on top of PATH, HOME and LC_ALL.

    Returns:
        The result. The whole process group has ended.

    Raises:
        ToolMissingError: If the tool is not installed.
    """
    if shutil.which(argv[0]) is None:
        raise ToolMissingError(argv[0], install_line(_PACKAGE_OF.get(argv[0], argv[0])))
    out, err = folder / ".out", folder / ".err"
    started = time.monotonic()
    cpu_before = _children_cpu_s()
    timed_out = False
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
            _limit(process.pid, limits)
            timed_out = not _ended(process, stdin.encode(), limits.wall_s)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    stdout, truncated = _read(out, limits.output_bytes)
    stderr, _ = _read(err, limits.output_bytes)
    timed_out = timed_out or process.returncode == -signal.SIGXCPU
    return ToolRun(
        returncode=process.returncode,
        stdout=stdout,
        stderr=stderr,
        timed_out=timed_out,
        truncated=truncated,
        seconds=time.monotonic() - started,
        cpu_s=_children_cpu_s() - cpu_before,
    )


def _ended(process: subprocess.Popen[bytes], stdin: bytes, seconds: float) -> bool:
    """Whether it ended in time. Waiting on a pidfd returns at once when it ends; `wait` would poll."""
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


def _children_cpu_s() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def _limit(pid: int, limits: ToolLimits) -> None:
    for which, value in (
        (resource.RLIMIT_CPU, limits.cpu_s),
        (resource.RLIMIT_AS, limits.memory_mb * _MIB),
        (resource.RLIMIT_FSIZE, limits.file_mb * _MIB),
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
    """Return tool → version; `missing` if it is not installed."""
    found = {name: version(name) for name in _VERSION_OPTIONS}
    try:
        found["pyslang"] = metadata.version("pyslang")
    except metadata.PackageNotFoundError:
        found["pyslang"] = "missing"
    return found


@cache
def version(name: str) -> str:
    """Return the version of a tool; `missing` if it is not installed."""
    path = shutil.which(name)
    if path is None:
        return "missing"
    done = subprocess.run(
        [path, _VERSION_OPTIONS[name]], capture_output=True, text=True, timeout=20, check=False
    )
    match = _VERSION.search(done.stdout + done.stderr)
    return match[0] if match else "unknown"
