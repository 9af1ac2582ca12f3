"""Run one untrusted program to its end, whatever it does, and report the outcome.

Guarantees: the program sees /usr, its own /tmp and /job, and what the caller lists; no network, no other
process, no home, and no device beyond null, zero, full, random and tty. It has no privilege and cannot gain
any. It cannot outlive the call. Each process is limited in address space, CPU time, file size and open files;
the sandbox is limited in processes, wall-clock time, and files in memory (/tmp, /job, /dev/shm).

Limitations: memory is limited per process, so the whole sandbox may use `processes` times `memory_mb` (no
cgroup is used, because many machines grant none); the same holds for CPU time. A `folder` of the caller is on
a real disk, where only the size of each file is limited. For root without CAP_SYS_ADMIN (as in many
containers) the kernel does not limit processes; then they are counted every 50 ms, and all are ended when
there are too many. The kernel itself, and side channels such as timing, are not hidden. On architectures
other than x86-64 and arm64 no system call is filtered.
"""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import shutil
import signal
import stat
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO

from verirl.errors import SandboxError, ToolMissingError
from verirl.sandbox import processes
from verirl.sandbox.probe import require
from verirl.sandbox.profile import (
    Limits,
    SandboxProfile,
    base_environment,
    limit_script,
    switches_user,
    user_id,
    wrap,
)

_CHUNK_BYTES = 1 << 16
_DRAIN_TIMEOUT_S = 1.0
_COUNT_INTERVAL_S = 0.05
_OWN_PROCESSES = 2
"""Processes of the sandbox itself: bwrap and the first process inside."""


@dataclass(frozen=True)
class Outcome:
    """How a program ended, and what it printed.

    Attributes:
        returncode: As in `subprocess`: −n if signal n ended it (a program that itself exits with 128 + n
            looks the same).
        signal: The number of that signal; None if there was none.
        stdout: Standard output, at most `output_bytes`.
        stderr: Standard error, at most `output_bytes`.
        timed_out: Whether the wall-clock or the CPU limit ended it.
        truncated: Whether it printed more than was kept.
        cpu_s: CPU time of the program and the children that it waited for, in seconds.
        wall_s: Wall-clock time in seconds, including the time to make the sandbox.
    """

    returncode: int
    signal: int | None
    stdout: bytes
    stderr: bytes
    timed_out: bool
    truncated: bool
    cpu_s: float
    wall_s: float

    @property
    def ok(self) -> bool:
        """Whether it ended by itself with exit code 0."""
        return self.returncode == 0 and not self.timed_out


def run(
    argv: Sequence[str],
    *,
    stdin: bytes = b"",
    files: Mapping[str, str | bytes] | None = None,
    folder: Path | None = None,
    limits: Limits = Limits(),  # noqa: B008 - frozen
    readable: Sequence[Path] = (),
    environment: Mapping[str, str] | None = None,
    sandboxed: bool = True,
) -> Outcome:
    """Run a program in a sandbox and wait for its end.

    Args:
        argv: The program and its arguments. Name files relative to the working folder, which is called `/job`
            inside.
        stdin: Standard input.
        files: Content of files in the working folder, by relative name.
        folder: The working folder, read-write; `read_output` reads what the program leaves there. Default: a
            folder in memory that is gone afterwards.
        limits: What the program may use.
        readable: Further paths that the program may read.
        environment: Variables added to the fixed environment.
        sandboxed: If False, only the limits hold.

    Returns:
        How the program ended, and what it printed.

    Raises:
        ToolMissingError: If `argv[0]` or bubblewrap is missing.
        SandboxError: If the sandbox could not be made. Nothing is raised because of what the program did.

    Example:
        >>> run(["tr", "a-z", "A-Z"], stdin=b"hello").stdout  # doctest: +SKIP
        b'HELLO'
    """
    contents = {_checked(name): _bytes(data) for name, data in (files or {}).items()}
    if sandboxed:
        require()
    environment = base_environment() | dict(environment or {})
    _require_program(argv[0], environment["PATH"])
    if not sandboxed:
        return _run_bare(argv, stdin, contents, folder, limits, environment)
    for path in (*readable, *([folder] if folder else ())):
        if not path.exists():
            raise SandboxError(f"'{path}', which '{argv[0]}' may read, does not exist")
    if folder is not None:
        _write_files(folder, contents, user_id() if switches_user() else None)
        contents = {}
    profile = SandboxProfile(limits, tuple(readable), (), folder, contents, environment)
    status_reader, status_writer = os.pipe2(os.O_CLOEXEC)
    with os.fdopen(status_reader, "rb") as status:
        try:
            with wrap(argv, profile) as command:
                options = ["--json-status-fd", str(status_writer)]
                process = _popen(
                    [command.argv[0], *options, *command.argv[1:]], (*command.fds, status_writer)
                )
        finally:
            os.close(status_writer)
        supervisor = _Supervisor(process, stdin, limits)
        outcome = supervisor.outcome()
        if not supervisor.ended_by_us and not _was_entered(status):
            message = outcome.stderr.decode(errors="replace").strip() or "it was ended from outside"
            raise SandboxError(f"the sandbox for '{argv[0]}' could not be made: {message[-500:]}")
    return outcome


def _run_bare(
    argv: Sequence[str],
    stdin: bytes,
    contents: Mapping[str, bytes],
    folder: Path | None,
    limits: Limits,
    environment: Mapping[str, str],
) -> Outcome:
    with contextlib.ExitStack() as stack:
        if folder is None:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="verirl-")))
        _write_files(folder, contents, None)
        script = limit_script(limits, own_processes=None)
        process = _popen(["sh", "-c", f'{script}exec "$@"', "sh", *argv], (), environment, folder)
        return _Supervisor(process, stdin, limits).outcome()


def _popen(
    argv: Sequence[str],
    fds: tuple[int, ...],
    environment: Mapping[str, str] | None = None,
    folder: Path | None = None,
) -> subprocess.Popen[bytes]:
    pipe = subprocess.PIPE
    return subprocess.Popen(
        argv,
        stdin=pipe,
        stdout=pipe,
        stderr=pipe,
        pass_fds=fds,
        env=environment,
        cwd=folder,
        start_new_session=True,
        bufsize=0,
    )


def _was_entered(status: IO[bytes]) -> bool:
    """Whether bwrap got as far as running the command: only then does it report an exit code."""
    for line in status.read(_CHUNK_BYTES).splitlines():
        with contextlib.suppress(ValueError):
            if "exit-code" in json.loads(line):
                return True
    return False


class _Supervisor:
    """Feeds a process, reads its output up to a bound, and ends it in time."""

    def __init__(self, process: subprocess.Popen[bytes], stdin: bytes, limits: Limits) -> None:
        self.process = process
        self.limits = limits
        self.started = time.monotonic()
        self._unsent = memoryview(stdin)
        self._kept: dict[int, bytearray] = {}
        self._truncated = False
        self.ended_by_us = False
        # The kernel limits the number of processes of every user except the machine's root.
        self._counts_processes = os.geteuid() == 0 and not switches_user()
        self._selector = selectors.DefaultSelector()

    def outcome(self) -> Outcome:
        """Wait for the process, or end it at its limit; nothing of it is left afterwards."""
        timed_out = False
        usage = None
        pidfd = os.pidfd_open(self.process.pid)
        try:
            out, err = self._listen(pidfd)
            timed_out = not self._until_ended(pidfd)
            self.ended_by_us |= timed_out
        finally:
            usage = self._end(kill=not _has_ended(pidfd))
            os.close(pidfd)
            self._drain()
        return self._result(bytes(out), bytes(err), timed_out, usage)

    def _listen(self, pidfd: int) -> tuple[bytearray, bytearray]:
        stdin, stdout, stderr = self.process.stdin, self.process.stdout, self.process.stderr
        if stdin is None or stdout is None or stderr is None:
            raise ValueError("the process has no pipes")
        for stream in (stdin, stdout, stderr):
            os.set_blocking(stream.fileno(), False)
        self._selector.register(pidfd, selectors.EVENT_READ)
        for stream in (stdout, stderr):
            self._kept[stream.fileno()] = bytearray()
            self._selector.register(stream, selectors.EVENT_READ, stream)
        if self._unsent:
            self._selector.register(stdin, selectors.EVENT_WRITE, stdin)
        else:
            stdin.close()
        return self._kept[stdout.fileno()], self._kept[stderr.fileno()]

    def _until_ended(self, pidfd: int) -> bool:
        """Serve the pipes until the process has ended; False if the wall-clock limit came first."""
        until = self.started + self.limits.wall_s
        while (left := until - time.monotonic()) > 0:
            if self._counts_processes and self._has_too_many():
                self.ended_by_us = True
                return True
            for key, _ in self._selector.select(
                min(left, _COUNT_INTERVAL_S) if self._counts_processes else left
            ):
                if key.fd == pidfd:
                    return True
                if key.fd in self._kept:
                    self._read(key.data)
                else:
                    self._write(key.data)
        return False

    def _has_too_many(self) -> bool:
        limit = self.limits.processes
        return limit is not None and len(processes.descendants(self.process.pid)) > limit + _OWN_PROCESSES

    def _write(self, stream: IO[bytes]) -> None:
        try:
            self._unsent = self._unsent[os.write(stream.fileno(), self._unsent[:_CHUNK_BYTES]) :]
        except BlockingIOError:
            return
        except BrokenPipeError:
            self._unsent = self._unsent[:0]
        if not self._unsent:
            self._selector.unregister(stream)
            stream.close()

    def _read(self, stream: IO[bytes]) -> bool:
        """Read what is there; False if there is nothing."""
        try:
            data = os.read(stream.fileno(), _CHUNK_BYTES)
        except BlockingIOError:
            return False
        if not data:
            self._selector.unregister(stream)
            return False
        kept = self._kept[stream.fileno()]
        room = self.limits.output_bytes - len(kept)
        kept += data[:room]
        self._truncated |= len(data) > room
        return True

    def _drain(self) -> None:
        """Read what is still in the pipes, without waiting for an escaped writer (if unsandboxed)."""
        until = time.monotonic() + _DRAIN_TIMEOUT_S
        registered = [key.data for key in self._selector.get_map().values() if key.fd in self._kept]
        for stream in registered:
            while self._read(stream) and time.monotonic() < until:
                pass
        self._selector.close()
        for pipe in (self.process.stdin, self.process.stdout, self.process.stderr):
            if pipe is not None:
                pipe.close()

    def _end(self, *, kill: bool) -> float:
        """Collect the process, after killing its whole tree if asked to; returns its CPU time in seconds."""
        if kill:
            processes.end_descendants(self.process.pid)
            os.kill(self.process.pid, signal.SIGKILL)
        with contextlib.suppress(ProcessLookupError, PermissionError):
            # The process group can be addressed as long as its leader has not been collected.
            os.killpg(self.process.pid, signal.SIGKILL)
        _, status, usage = os.wait4(self.process.pid, 0)
        self.process.returncode = os.waitstatus_to_exitcode(status)
        return usage.ru_utime + usage.ru_stime

    def _result(self, out: bytes, err: bytes, timed_out: bool, cpu_s: float) -> Outcome:
        code = self.process.returncode
        if 128 < code <= 128 + signal.SIGRTMAX:
            code = 128 - code
        ended_by = -code if code < 0 else None
        limit = self.limits.cpu_s
        # The hard limit, one second after the soft one, kills; the kernel counts CPU time coarsely.
        over = limit is not None and ended_by == signal.SIGKILL and cpu_s >= limit
        return Outcome(
            returncode=code,
            signal=ended_by,
            stdout=out,
            stderr=err,
            timed_out=timed_out or over or ended_by == signal.SIGXCPU,
            truncated=self._truncated,
            cpu_s=cpu_s,
            wall_s=time.monotonic() - self.started,
        )


def _has_ended(pidfd: int) -> bool:
    with selectors.DefaultSelector() as selector:
        selector.register(pidfd, selectors.EVENT_READ)
        return bool(selector.select(0))


def _require_program(program: str, path: str) -> None:
    if "/" not in program and shutil.which(program, path=path) is None:
        raise ToolMissingError(program, f"sudo apt-get install {program}   (verirl doctor knows the package)")


def _checked(name: str) -> str:
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or not path.parts or "\0" in name:
        raise ValueError(f"'{name}' is not a file name inside the working folder")
    return str(path)


def _bytes(data: str | bytes) -> bytes:
    return data.encode("utf-8", "surrogateescape") if isinstance(data, str) else data


def _write_files(folder: Path, contents: Mapping[str, bytes], owner: int | None) -> None:
    """Write files into the folder, following no link that an earlier program may have left there."""
    home = folder.resolve(strict=True)
    if owner is not None:
        os.chown(home, owner, owner)
    for name, data in contents.items():
        path = home / name
        for parent in reversed(path.relative_to(home).parents[:-1]):
            (home / parent).mkdir(exist_ok=True)
        if path.parent.resolve() != path.parent:
            raise ValueError(f"'{name}' leads out of the working folder")
        path.unlink(missing_ok=True)
        with os.fdopen(
            os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o644), "wb"
        ) as out:
            out.write(data)


def read_output(folder: Path, name: str, limit: int = 16 * 1024 * 1024) -> bytes | None:
    """Read a regular file that a program left in its working folder.

    No link is followed and no pipe waited for, because the program chose what is there.

    Args:
        folder: The working folder.
        name: Name of the file, relative to the folder.
        limit: Number of bytes to read at most.

    Returns:
        The content; None if there is no such regular file.
    """
    *parents, last = PurePosixPath(_checked(name)).parts
    with contextlib.ExitStack() as stack:
        try:
            here = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            stack.callback(os.close, here)
            for part in parents:
                here = os.open(part, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=here)
                stack.callback(os.close, here)
            fd = os.open(last, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=here)
        except OSError:
            return None
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            os.close(fd)
            return None
        with os.fdopen(fd, "rb") as stream:
            return stream.read(limit)
