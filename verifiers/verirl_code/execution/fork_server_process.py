"""Start the fork server in its sandbox and control it: the supervisor's side of `fork_server`.

The fork server creates namespaces, so it has its own bubblewrap command line: the isolation of the sandbox
plus the one capability that clone(2) and mount(2) need, which no child keeps.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from verirl import sandbox
from verirl.errors import SandboxError
from verirl.sandbox import profile
from verirl_code.execution import child_seccomp

START_TIMEOUT_S = 20.0

_SHIPPED_MODULES = ("tagged_json", "child", "fork_server")
"""Modules whose source the fork server gets on standard input: its sandbox has no folder of this package."""

_BOOT = """
import json, sys, types
settings = json.load(sys.stdin)
for name in ("verirl_code", "verirl_code.execution"):
    package = types.ModuleType(name)
    package.__path__ = []
    sys.modules[name] = package
for name, source in settings.pop("sources"):
    module = types.ModuleType("verirl_code.execution." + name)
    sys.modules[module.__name__] = module
    setattr(package, name, module)
    exec(compile(source, "<" + name + ">", "exec"), module.__dict__)
sys.modules["verirl_code.execution.fork_server"].main(settings)
"""


@dataclass(frozen=True)
class ChildLimits:
    """What one child process may use.

    Attributes:
        memory_mb: Address space.
        cpu_s: CPU time in whole seconds, of all threads together.
        tmp_mb: Size of its folder in memory, and of each file.
        threads: How many threads it may have.
    """

    memory_mb: int = 1024
    cpu_s: int = 10
    tmp_mb: int = 16
    threads: int = 16


@dataclass(frozen=True)
class ExitState:
    """How a child ended.

    Attributes:
        code: Exit code as `subprocess` has it: negative for a signal.
        cpu_s: User and system time.
    """

    code: int
    cpu_s: float


class DeadlineError(Exception):
    """The time for something is over."""


class ForkServerProcess:
    """A running fork server and its control channel."""

    def __init__(self, *, namespaces: bool, sandboxed: bool, home: Path | None) -> None:
        self.last_number = 0
        self._exits: dict[int, ExitState] = {}
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            with theirs:
                self.process = _start(theirs.fileno(), namespaces, sandboxed, home)
        except BaseException:
            ours.close()
            raise
        self.control = ours
        self.control.settimeout(START_TIMEOUT_S)
        try:
            greeting = self.control.recv(1 << 12)
        except (TimeoutError, ConnectionError):
            greeting = b""
        if b"ready" not in greeting:
            self.close()
            stderr = self.process.stderr.read() if self.process.stderr else b""
            lines = stderr.decode(errors="replace").strip().splitlines()
            raise SandboxError(f"the code runner does not start: {lines[-1] if lines else 'no message'}")

    def fork(self, descriptors: Sequence[Sequence[int]], limits: ChildLimits) -> range:
        """Fork one child per element of `descriptors`.

        Args:
            descriptors: What each child gets: its channel, then its standard streams if it has any.
            limits: The limits of all of them.

        Returns:
            The numbers of the children.

        Raises:
            SandboxError: If the fork server is gone.
        """
        numbers = range(self.last_number + 1, self.last_number + 1 + len(descriptors))
        self.last_number += len(descriptors)
        order = (numbers[0], len(descriptors), limits.memory_mb, limits.cpu_s, limits.tmp_mb, limits.threads)
        try:
            fds = [fd for own in descriptors for fd in own]
            socket.send_fds(self.control, [b"%d %d %d %d %d %d" % order], fds)
        except OSError:
            raise SandboxError("the code runner was ended from outside") from None
        return numbers

    def kill(self, number: int) -> ExitState:
        """End a child if it has not ended by itself, and return how it ended."""
        if number not in self._exits:
            with contextlib.suppress(OSError):
                self.control.send(b"%d" % number)
        return self.wait(number, time.monotonic() + START_TIMEOUT_S)

    def wait(self, number: int, deadline: float) -> ExitState:
        """Wait until a child has ended by itself.

        Args:
            number: The number of the child.
            deadline: When to give up, on the monotonic clock.

        Returns:
            How it ended.

        Raises:
            DeadlineError: If it has not ended by then.
            SandboxError: If the fork server is gone.
        """
        while number not in self._exits:
            self.control.settimeout(max(0.001, deadline - time.monotonic()))
            try:
                message = self.control.recv(1 << 16)
            except TimeoutError:
                raise DeadlineError from None
            except ConnectionError:
                message = b""
            if not message:
                raise SandboxError("the code runner was ended from outside")
            ended, status, cpu_ns = map(int, message.split())
            self._exits[ended] = ExitState(os.waitstatus_to_exitcode(status), cpu_ns / 1e9)
        return self._exits.pop(number)

    def close(self) -> None:
        """End the fork server and all its children."""
        self.control.close()
        with contextlib.suppress(ProcessLookupError):
            self.process.kill()
        self.process.wait()


def _start(control: int, namespaces: bool, sandboxed: bool, home: Path | None) -> subprocess.Popen[bytes]:
    """Start the process. -s -P -S leave it the standard library alone; its environment is fixed here."""
    folder = Path(__file__).parent
    user = profile.user_id() if sandboxed and namespaces and profile.switches_user() else None
    settings = {
        "control": control,
        "namespaces": namespaces,
        "home": str(home) if home else sandbox.HOME,
        "user": user,
        "filter": (child_seccomp.program() or b"").hex(),
        "sources": [(name, (folder / f"{name}.py").read_text(encoding="utf-8")) for name in _SHIPPED_MODULES],
    }
    python = [os.path.realpath(sys.executable), "-s", "-P", "-S", "-B", "-c", _BOOT]
    # LD_BIND_NOW: symbols are bound once here, or else again in every child.
    environment = {"PYTHONHASHSEED": "0", "PYTHONUTF8": "1", "LD_BIND_NOW": "1"}
    with contextlib.ExitStack() as stack:
        fds: tuple[int, ...] = (control,)
        if not sandboxed:
            argv = python
        elif namespaces:
            argv = [*_bwrap(environment), *python]
        else:
            isolation = sandbox.SandboxProfile(
                limits=sandbox.Limits(cpu_s=None, memory_mb=None, tmp_mb=16, processes=64),
                readable=_interpreter(),
                environment=environment,
                pid_1=True,
            )
            command = stack.enter_context(sandbox.wrap(python, isolation))
            argv, fds = command.argv, (control, *command.fds)
        stdin = os.memfd_create("fork_server")
        stack.callback(os.close, stdin)
        os.write(stdin, json.dumps(settings).encode())
        os.lseek(stdin, 0, os.SEEK_SET)
        return subprocess.Popen(
            argv,
            stdin=stdin,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            pass_fds=fds,
            env={**profile.base_environment(), **environment},
            start_new_session=True,
        )


def _interpreter() -> tuple[Path, ...]:
    return (Path(sys.base_prefix).resolve(),)


def _bwrap(environment: dict[str, str]) -> Iterator[str]:
    """Yield the command that makes the fork server's sandbox and makes it the first process in it."""
    yield from ("bwrap", "--unshare-pid", "--unshare-net", "--unshare-ipc", "--unshare-uts")
    yield from ("--unshare-cgroup-try", "--new-session", "--die-with-parent", "--as-pid-1")
    yield from ("--hostname", "sandbox", "--clearenv", "--cap-drop", "ALL", "--cap-add", "CAP_SYS_ADMIN")
    if profile.switches_user():
        yield from ("--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID", "--cap-add", "CAP_KILL")
    else:
        yield "--unshare-user"
    for name, value in {**profile.base_environment(), **environment}.items():
        yield from ("--setenv", name, value)
    yield from ("--ro-bind", "/usr", "/usr")
    for name in ("/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32"):
        path = Path(name)
        if path.is_symlink():
            yield from ("--symlink", str(path.readlink()), name)
        elif path.is_dir():
            yield from ("--ro-bind", name, name)
    for path in _interpreter():
        if not path.is_relative_to("/usr"):
            for parent in reversed(path.parents[:-1]):
                yield from ("--perms", "0755", "--dir", str(parent))
            yield from ("--ro-bind", str(path), str(path))
    # Without /proc, terminals and shared memory one child cannot reach another; and every mount costs time.
    yield from ("--perms", "0755", "--dir", "/dev")
    for name in ("full", "null", "random", "urandom", "zero"):
        yield from ("--dev-bind", f"/dev/{name}", f"/dev/{name}")
    # The one working folder, on which each child mounts its own.
    yield from ("--perms", "0755", "--dir", sandbox.HOME)
    yield from ("--symlink", sandbox.HOME.removeprefix("/"), "/tmp")  # noqa: S108 - the sandbox's own
    yield from ("--remount-ro", "/", "--chdir", sandbox.HOME, "--")
