"""Start a fork server in its sandbox and take child processes from it: the supervisor's side.

The other side is `fork_server` and `child`. The fork server creates namespaces, so it has its own bubblewrap
command line: the isolation of the sandbox plus the one capability that clone(2) and mount(2) need, which no
child keeps. If the machine grants no namespaces inside a sandbox, each child gets a fresh ordinary sandbox
instead (`ChildPool.fresh`): slower, not weaker. Only `sandboxed=False` removes the isolation.
"""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from verirl import sandbox
from verirl.errors import SandboxError
from verirl.sandbox import profile
from verirl_code.execution import child_seccomp
from verirl_code.execution.tagged_json import pack, unpack

BROKEN = 97
"""A child's exit code where its walls could not be made (`fork_server._BROKEN`)."""

_START_SECONDS = 20.0
AHEAD = 4
"""Children that are forked together: what the fork server writes between two forks is copied once for all."""

KINDS = 4
"""Kinds of children that are made ahead, the last asked for."""

_TURNS = 40
"""Number of later children after which a prepared one is too old.

User ids are assigned in turn (`fork_server._USERS`), each to one child at a time.
"""

_INSIDE = ("tagged_json", "child", "fork_server")
_BOOT = """
import json, sys, types
setting = json.load(sys.stdin)
for name in ("verirl_code", "verirl_code.execution"):
    package = types.ModuleType(name)
    package.__path__ = []
    sys.modules[name] = package
for name, source in setting.pop("sources"):
    module = types.ModuleType("verirl_code.execution." + name)
    sys.modules[module.__name__] = module
    setattr(package, name, module)
    exec(compile(source, "<" + name + ">", "exec"), module.__dict__)
sys.modules["verirl_code.execution.fork_server"].main(setting)
"""


@dataclass(frozen=True)
class ChildLimits:
    """What one child may use. `cpu_s` whole seconds; `tmp_mb`: its folder in memory, and each file."""

    memory_mb: int = 1024
    cpu_s: int = 10
    tmp_mb: int = 16
    threads: int = 16


@dataclass(frozen=True)
class ExitState:
    """How a child ended. `code` as subprocess has it; `cpu_s`: user and system time."""

    code: int
    cpu_s: float


class GoneError(Exception):
    """The child ended, or said something that no honest one says."""


class LateError(Exception):
    """The time is over."""


class _ForkServer:
    """One fork server and its control channel."""

    def __init__(self, *, namespaces: bool, sandboxed: bool, home: Path | None) -> None:
        self.latest = 0
        self._ended: dict[int, ExitState] = {}
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            with theirs:
                self.process = _start(theirs.fileno(), namespaces, sandboxed, home)
        except BaseException:
            ours.close()
            raise
        self.control = ours
        self.control.settimeout(_START_SECONDS)
        try:
            hello = self.control.recv(1 << 12)
        except (TimeoutError, ConnectionError):
            hello = b""
        if b"ready" not in hello:
            self.close()
            said = self.process.stderr.read() if self.process.stderr else b""
            words = said.decode(errors="replace").strip().splitlines()
            raise SandboxError(f"the code runner does not start: {words[-1] if words else 'no message'}")

    def start(self, children: Sequence[Sequence[int]], limits: ChildLimits) -> range:
        """Fork children with their descriptors (channel, standard streams) and return their numbers."""
        numbers = range(self.latest + 1, self.latest + 1 + len(children))
        self.latest += len(children)
        words = (numbers[0], len(children), limits.memory_mb, limits.cpu_s, limits.tmp_mb, limits.threads)
        try:
            fds = [fd for one in children for fd in one]
            socket.send_fds(self.control, [b"%d %d %d %d %d %d" % words], fds)
        except OSError:
            raise SandboxError("the code runner was ended from outside") from None
        return numbers

    def end(self, number: int) -> ExitState:
        """End a child, where it has not ended by itself, and say how it ended."""
        if number not in self._ended:
            with contextlib.suppress(OSError):
                self.control.send(b"%d" % number)
        return self.wait(number, time.monotonic() + _START_SECONDS)

    def wait(self, number: int, until: float) -> ExitState:
        """How a child ended; LateError where it has not by then."""
        while number not in self._ended:
            self.control.settimeout(max(0.001, until - time.monotonic()))
            try:
                message = self.control.recv(1 << 16)
            except TimeoutError:
                raise LateError from None
            except ConnectionError:
                message = b""
            if not message:
                raise SandboxError("the code runner was ended from outside")
            told, status, cpu_ns = map(int, message.split())
            self._ended[told] = ExitState(os.waitstatus_to_exitcode(status), cpu_ns / 1e9)
        return self._ended.pop(number)

    def close(self) -> None:
        """End the fork server and everything below it."""
        self.control.close()
        with contextlib.suppress(ProcessLookupError):
            self.process.kill()
        self.process.wait()


def _start(control: int, namespaces: bool, sandboxed: bool, home: Path | None) -> subprocess.Popen[bytes]:
    """The fork server's process. -s -P -S: nothing but the standard library; the environment is ours."""
    here = Path(__file__).parent
    user = profile.user_id() if sandboxed and namespaces and profile.switches_user() else None
    setting = {
        "control": control,
        "namespaces": namespaces,
        "home": str(home) if home else sandbox.HOME,
        "user": user,
        "filter": (child_seccomp.program() or b"").hex(),
        "sources": [(name, (here / f"{name}.py").read_text(encoding="utf-8")) for name in _INSIDE],
    }
    python = [os.path.realpath(sys.executable), "-s", "-P", "-S", "-B", "-c", _BOOT]
    # Bound at the start: what is bound lazily, every child would bind anew.
    environment = {"PYTHONHASHSEED": "0", "PYTHONUTF8": "1", "LD_BIND_NOW": "1"}
    with contextlib.ExitStack() as stack:
        fds: tuple[int, ...] = (control,)
        if not sandboxed:
            argv = python
        elif namespaces:
            argv = [*_bwrap(environment), *python]
        else:
            walls = sandbox.SandboxProfile(
                limits=sandbox.Limits(cpu_s=None, memory_mb=None, tmp_mb=16, processes=64),
                readable=_interpreter(),
                environment=environment,
                pid_1=True,
            )
            command = stack.enter_context(sandbox.wrap(python, walls))
            argv, fds = command.argv, (control, *command.fds)
        stdin = os.memfd_create("fork_server")
        stack.callback(os.close, stdin)
        os.write(stdin, json.dumps(setting).encode())
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
    """The command that makes the fork server's own sandbox. It is the first process of its namespaces."""
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
    # No /proc, and no terminals or shared memory, by which one child could reach the next; every mount costs.
    yield from ("--perms", "0755", "--dir", "/dev")
    for name in ("full", "null", "random", "urandom", "zero"):
        yield from ("--dev-bind", f"/dev/{name}", f"/dev/{name}")
    # One working folder, which each child mounts afresh.
    yield from ("--perms", "0755", "--dir", sandbox.HOME)
    yield from ("--symlink", sandbox.HOME.removeprefix("/"), "/tmp")  # noqa: S108 - the sandbox's own
    yield from ("--remount-ro", "/", "--chdir", sandbox.HOME, "--")


class Child:
    """One forked process: its channel, its standard streams where it has some, and its end."""

    def __init__(
        self, server: _ForkServer, number: int, ends: _Ends, limits: ChildLimits, *, alone: bool
    ) -> None:
        self.limits = limits
        self.ended: ExitState | None = None
        self.channel = ends.channel
        self.stdin, self.stdout = ends.stdin, ends.stdout
        self._server = server
        self.number = number
        self._alone = alone
        self._buffer = bytearray()
        self._poll = select.poll()

    def say(self, message: dict[str, Any], until: float) -> None:
        """Send a message; GoneError where nobody listens, LateError where it is not taken in time."""
        view = memoryview(pack(message))
        while view:
            try:
                view = view[self.channel.send(view, socket.MSG_DONTWAIT) :]
            except BlockingIOError:
                self._wait(select.POLLOUT, until)
            except OSError:
                raise GoneError("it ended") from None

    def hear(self, until: float) -> dict[str, Any]:
        """The next message; GoneError where there will be none, LateError where none came in time."""
        while True:
            if time.monotonic() > until:
                raise LateError
            try:
                message = unpack(self._buffer)
            except ValueError as problem:
                raise GoneError(f"it said what it should not ({problem})") from None
            if message is not None:
                return message
            self._wait(select.POLLIN, until)
            try:
                piece = self.channel.recv(1 << 16)
            except OSError:
                piece = b""
            if not piece:
                raise GoneError("it ended")
            self._buffer += piece

    def _wait(self, event: int, until: float) -> None:
        """Until the channel is ready; LateError where the time is over before."""
        left = until - time.monotonic()
        self._poll.register(self.channel, event)
        if left <= 0 or not self._poll.poll(1000 * left + 1):
            raise LateError

    def is_waiting(self) -> bool:
        """Whether it is still there and has said nothing."""
        self._poll.register(self.channel, select.POLLIN)
        return not self._poll.poll(0)

    def wait(self, until: float) -> ExitState:
        """How it ended by itself; LateError where it has not."""
        if self.ended is None:
            self.ended = self._server.wait(self.number, until)
        return self.ended

    def close(self) -> ExitState:
        """End it, with whatever it started."""
        self.let_go()
        if self.ended is None:
            self.ended = self._server.end(self.number)
        if self._alone:
            self._server.close()
        return self.ended

    def let_go(self) -> None:
        """Close our ends of its channel and streams."""
        self.channel.close()
        for fd in (self.stdin, self.stdout):
            if fd >= 0:
                os.close(fd)
        self.stdin = self.stdout = -1


class _Ends(NamedTuple):
    """Our ends of what a child holds: its channel; its input, a file in memory, and its output, or -1."""

    channel: socket.socket
    stdin: int = -1
    stdout: int = -1


def _fork(server: _ForkServer, kind: _Kind, count: int, *, alone: bool = False) -> list[Child]:
    """Fork children of one kind."""
    ours: list[_Ends] = []
    with contextlib.ExitStack() as stack:
        theirs: list[list[int]] = []
        for _ in range(count):
            channel, far = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
            stack.callback(far.close)
            if kind.streams:
                stdin = os.memfd_create("stdin")
                stdout, writer = os.pipe2(os.O_CLOEXEC)
                stack.callback(os.close, writer)
                ours.append(_Ends(channel, stdin, stdout))
                theirs.append([far.fileno(), stdin, writer])
            else:
                ours.append(_Ends(channel))
                theirs.append([far.fileno()])
        numbers = server.start(theirs, kind.limits)
    return [
        Child(server, number, ends, kind.limits, alone=alone)
        for number, ends in zip(numbers, ours, strict=True)
    ]


class _Kind(NamedTuple):
    """What children are made ahead for: the same limits, with standard streams or without."""

    limits: ChildLimits
    streams: bool


class ChildPool:
    """Where children come from: one warm fork server, or a fresh sandbox for each."""

    def __init__(self, *, sandboxed: bool = True, fresh: bool = False) -> None:
        self.sandboxed = sandboxed
        self.fresh = fresh
        self._server: _ForkServer | None = None
        self._spares: dict[_Kind, list[Child]] = {}
        # Where children share a user, those made ahead are counted with the threads of the one that runs.
        own_users = profile.switches_user()
        self._ahead, self._kinds = (AHEAD, KINDS) if own_users else (1, 1)
        if sandboxed:
            sandbox.require()
            if not fresh and not self._works():
                self.fresh = True

    def take(self, limits: ChildLimits, home: Path | None = None, *, streams: bool = False) -> Child:
        """Fork a child. `home`: the working folder, without a sandbox; `streams`: with standard streams."""
        kind = _Kind(limits, streams)
        if not self.sandboxed or self.fresh:
            server = _ForkServer(
                namespaces=False, sandboxed=self.sandboxed, home=home if not self.sandboxed else None
            )
            return _fork(server, kind, 1, alone=True)[0]
        if self._server is None or self._server.process.poll() is not None:
            self.close()
            self._server = _ForkServer(namespaces=True, sandboxed=True, home=None)
        # The next ones' walls are made while this one works: they are the most of what a verdict waits for.
        spares = self._spares.pop(kind, [])
        while True:
            if not spares:
                spares = _fork(self._server, kind, self._ahead)
            child = spares.pop(0)
            if child.is_waiting():
                break
            child.close()
        if not spares:
            spares = _fork(self._server, kind, self._ahead)
        self._spares[kind] = spares
        self._tidy(self._server.latest)
        return child

    def _tidy(self, latest: int) -> None:
        """Close those made ahead of kinds that are asked for no more, or of a user whose turn comes again."""
        for place, kind in enumerate(reversed([*self._spares])):
            spares = self._spares[kind]
            while spares and (place >= self._kinds or spares[0].number <= latest - _TURNS):
                spares.pop(0).close()
            if not spares:
                del self._spares[kind]

    def _works(self) -> bool:
        """Whether children can have namespaces here: by making one."""
        try:
            child = self.take(ChildLimits())
        except SandboxError:
            return False
        child.channel.shutdown(socket.SHUT_WR)
        try:
            return child.wait(time.monotonic() + _START_SECONDS).code == 0
        except (LateError, SandboxError):
            return False
        finally:
            with contextlib.suppress(SandboxError, LateError):
                child.close()

    def close(self) -> None:
        """End the fork server, if there is one."""
        for spares in self._spares.values():
            for one in spares:
                one.let_go()
        self._spares.clear()
        if self._server is not None:
            self._server.close()
            self._server = None


@cache
def _pool_of_process(_pid: int, sandboxed: bool) -> ChildPool:
    made = ChildPool(sandboxed=sandboxed)
    atexit.register(made.close)
    return made


def shared_pool(sandboxed: bool) -> ChildPool:
    """This process's own pool: a fork must not speak on its parent's channel."""
    return _pool_of_process(os.getpid(), sandboxed)


def readable(fd: int, seconds: float) -> bool:
    """Whether there is something to read within `seconds`."""
    return bool(select.select([fd], [], [], max(0.0, seconds))[0])


def signal_name(code: int) -> str:
    """The name of the signal that an exit code stands for."""
    try:
        return signal.Signals(-code).name
    except ValueError:
        return f"signal {-code}"
