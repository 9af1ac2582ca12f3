"""Run one untrusted program to its end, whatever it does, and say what came of it.

What this covers: the program sees /usr, its own /tmp and /job, and what the caller lists; no network, no
other process, no home, no device beyond null, zero, full, random and tty. It has no privilege and cannot
gain any. It cannot outlive the call. Each process is limited in address space, CPU time, file size and open
files; the sandbox in processes, wall-clock time, and memory files (/tmp, /job, /dev/shm).

What it does not cover: memory is limited for each process, so the sandbox as a whole may use `processes`
times `memory_mb` (no cgroup is asked for, because many machines grant none); CPU time likewise. A `folder`
of the caller's is on a real disk, where only the size of each file is limited. Where we are root without
CAP_SYS_ADMIN (as in many containers) the kernel does not limit processes; then they are counted every 50 ms
and all ended when there are too many. The kernel itself, and side channels such as timing, are not hidden.
On architectures other than x86-64 and arm64 no system call is filtered.
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

_CHUNK = 1 << 16
_LAST_WORDS_SECONDS = 1.0
_COUNT_SECONDS = 0.05
_OWN_PROCESSES = 2
"""bwrap and the first process."""


@dataclass(frozen=True)
class Outcome:
    """What came of a program.

    `returncode`: as `subprocess` has it, −n where signal n ended it (a program that itself exits with
    128 + n looks the same). `signal`: that n, else None. `stdout`, `stderr`: their first
    `output_bytes`; `truncated` says that there was more. `timed_out`: the wall-clock or the CPU limit
    ended it. `cpu_s`: of the program and the children it waited for; `wall_s` includes making the sandbox.
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
        """Whether it ended by itself, with 0."""
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
    """Run `argv` in a working folder that holds `files` (relative name → content), within `limits`.

    The working folder is `folder`, where given (read-write; what the program leaves there can be read
    with `read_output`), and otherwise in memory and gone afterwards. Name files relative to it: inside it
    is called /job. `readable`: further paths that the program may read.

    Raises ToolMissingError where `argv[0]` or bubblewrap is missing, SandboxError where the sandbox could
    not be made; never anything because of what the program did. `sandboxed=False` keeps only the limits.
    """
    contents = {_checked(name): _bytes(data) for name, data in (files or {}).items()}
    if sandboxed:
        require()
    environment = base_environment() | dict(environment or {})
    _find(argv[0], environment["PATH"])
    if not sandboxed:
        return _run_bare(argv, stdin, contents, folder, limits, environment)
    for path in (*readable, *([folder] if folder else ())):
        if not path.exists():
            raise SandboxError(f"'{path}', which '{argv[0]}' is to see, does not exist")
    if folder is not None:
        _lay_out(folder, contents, user_id() if switches_user() else None)
        contents = {}
    policy = SandboxProfile(limits, tuple(readable), (), folder, contents, environment)
    status_reader, status_writer = os.pipe2(os.O_CLOEXEC)
    with os.fdopen(status_reader, "rb") as status:
        try:
            with wrap(argv, policy) as command:
                options = ["--json-status-fd", str(status_writer)]
                process = _popen(
                    [command.argv[0], *options, *command.argv[1:]], (*command.fds, status_writer)
                )
        finally:
            os.close(status_writer)
        watch = _Watch(process, stdin, limits)
        outcome = watch.outcome()
        if not watch.ended_by_us and not _was_entered(status):
            words = outcome.stderr.decode(errors="replace").strip() or "it was ended from outside"
            raise SandboxError(f"the sandbox for '{argv[0]}' could not be made: {words[-500:]}")
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
        _lay_out(folder, contents, None)
        script = limit_script(limits, own_processes=None)
        process = _popen(["sh", "-c", f'{script}exec "$@"', "sh", *argv], (), environment, folder)
        return _Watch(process, stdin, limits).outcome()


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
    """Whether bwrap came as far as running the command: only then does it report an exit code."""
    for line in status.read(_CHUNK).splitlines():
        with contextlib.suppress(ValueError):
            if "exit-code" in json.loads(line):
                return True
    return False


class _Watch:
    """Feed a process, read what it says up to a bound, and end it in time."""

    def __init__(self, process: subprocess.Popen[bytes], stdin: bytes, limits: Limits) -> None:
        self.process = process
        self.limits = limits
        self.started = time.monotonic()
        self._unsent = memoryview(stdin)
        self._kept: dict[int, bytearray] = {}
        self._truncated = False
        self.ended_by_us = False
        # The kernel limits the number of processes of every user but the machine's root.
        self._watched = os.geteuid() == 0 and not switches_user()
        self._selector = selectors.DefaultSelector()

    def outcome(self) -> Outcome:
        """Wait for the end, or bring it about; nothing of the process is left afterwards."""
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
            self._hear_last_words()
        return self._tell(bytes(out), bytes(err), timed_out, usage)

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
        """Serve the pipes until the process has ended; False where the wall-clock limit came first."""
        until = self.started + self.limits.wall_s
        while (left := until - time.monotonic()) > 0:
            if self._watched and self._crowded():
                self.ended_by_us = True
                return True
            for key, _ in self._selector.select(min(left, _COUNT_SECONDS) if self._watched else left):
                if key.fd == pidfd:
                    return True
                if key.fd in self._kept:
                    self._read(key.data)
                else:
                    self._write(key.data)
        return False

    def _crowded(self) -> bool:
        limit = self.limits.processes
        return limit is not None and len(processes.descendants(self.process.pid)) > limit + _OWN_PROCESSES

    def _write(self, stream: IO[bytes]) -> None:
        try:
            self._unsent = self._unsent[os.write(stream.fileno(), self._unsent[:_CHUNK]) :]
        except BlockingIOError:
            return
        except BrokenPipeError:
            self._unsent = self._unsent[:0]
        if not self._unsent:
            self._selector.unregister(stream)
            stream.close()

    def _read(self, stream: IO[bytes]) -> bool:
        """Take what is there; False where nothing is, now or ever."""
        try:
            data = os.read(stream.fileno(), _CHUNK)
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

    def _hear_last_words(self) -> None:
        """Read what is still in the pipes; never wait for a writer that got away (only without sandbox)."""
        until = time.monotonic() + _LAST_WORDS_SECONDS
        registered = [key.data for key in self._selector.get_map().values() if key.fd in self._kept]
        for stream in registered:
            while self._read(stream) and time.monotonic() < until:
                pass
        self._selector.close()
        for pipe in (self.process.stdin, self.process.stdout, self.process.stderr):
            if pipe is not None:
                pipe.close()

    def _end(self, *, kill: bool) -> float:
        """Collect the process, killing its whole tree first where asked; returns its CPU seconds."""
        if kill:
            processes.end_descendants(self.process.pid)
            os.kill(self.process.pid, signal.SIGKILL)
        with contextlib.suppress(ProcessLookupError, PermissionError):
            # In its own session: what is left of it can be found while its leader is not yet collected.
            os.killpg(self.process.pid, signal.SIGKILL)
        _, status, usage = os.wait4(self.process.pid, 0)
        self.process.returncode = os.waitstatus_to_exitcode(status)
        return usage.ru_utime + usage.ru_stime

    def _tell(self, out: bytes, err: bytes, timed_out: bool, cpu_s: float) -> Outcome:
        code = self.process.returncode
        if 128 < code <= 128 + signal.SIGRTMAX:
            code = 128 - code
        ended_by = -code if code < 0 else None
        limit = self.limits.cpu_s
        # The hard limit, a second past the other one, kills; the kernel's count of CPU time is coarse.
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


def _find(program: str, path: str) -> None:
    if "/" not in program and shutil.which(program, path=path) is None:
        raise ToolMissingError(program, f"sudo apt-get install {program}   (verirl doctor knows the package)")


def _checked(name: str) -> str:
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or not path.parts or "\0" in name:
        raise ValueError(f"'{name}' is not a file name inside the working folder")
    return str(path)


def _bytes(data: str | bytes) -> bytes:
    return data.encode("utf-8", "surrogateescape") if isinstance(data, str) else data


def _lay_out(folder: Path, contents: Mapping[str, bytes], owner: int | None) -> None:
    """Write files into the folder, through no link that an earlier program may have left there."""
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
    """The first `limit` bytes of a regular file that a program left in `folder`; None where there is none.

    Follows no link and waits for no pipe: the program chose what lies there.
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
