"""Start a zygote in its sandbox, and its guests: the supervisor's side of `zygote` and `guest`.

The zygote makes namespaces, so it has a bubblewrap command line of its own: the sandbox's walls, with the one
capability that clone(2) and mount(2) ask for, which no guest keeps. Where the machine grants no namespaces
inside a sandbox, each guest gets a fresh one of the ordinary kind instead (`Nest.fresh`): slower, not
weaker. Only `sandboxed=False` takes the walls away.
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
from verirl_code import barrier
from verirl_code.data import pack, unpack

BROKEN = 97
"""A guest's exit code where its walls could not be made (`zygote._BROKEN`)."""

_START_SECONDS = 20.0
AHEAD = 4
"""Guests that are forked together: what the zygote writes between two forks is copied once for all."""

KINDS = 4
"""Kinds of guests that are made ahead, the last asked for."""

_TURNS = 40
"""Guests after which one made ahead is too old: users come in turn (`zygote._USERS`), each for one guest."""

_INSIDE = ("data", "guest", "zygote")
_BOOT = """
import json, sys, types
setting = json.load(sys.stdin)
package = types.ModuleType("verirl_code")
package.__path__ = []
sys.modules["verirl_code"] = package
for name, source in setting.pop("sources"):
    module = types.ModuleType("verirl_code." + name)
    sys.modules[module.__name__] = module
    setattr(package, name, module)
    exec(compile(source, "<" + name + ">", "exec"), module.__dict__)
sys.modules["verirl_code.zygote"].main(setting)
"""


@dataclass(frozen=True)
class Bounds:
    """What one guest may use. `cpu_s` whole seconds; `tmp_mb`: its folder in memory, and each file."""

    memory_mb: int = 1024
    cpu_s: int = 10
    tmp_mb: int = 16
    threads: int = 16


@dataclass(frozen=True)
class Ended:
    """How a guest ended. `code` as subprocess has it; `cpu_s`: user and system time."""

    code: int
    cpu_s: float


class GoneError(Exception):
    """The guest ended, or said something that no honest one says."""


class LateError(Exception):
    """The time is over."""


class _Zygote:
    """One zygote and its control channel."""

    def __init__(self, *, namespaces: bool, sandboxed: bool, home: Path | None) -> None:
        self.latest = 0
        self._ended: dict[int, Ended] = {}
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

    def start(self, guests: Sequence[Sequence[int]], bounds: Bounds) -> range:
        """Fork guests that each hold their descriptors (a channel, then standard streams); their numbers."""
        numbers = range(self.latest + 1, self.latest + 1 + len(guests))
        self.latest += len(guests)
        words = (numbers[0], len(guests), bounds.memory_mb, bounds.cpu_s, bounds.tmp_mb, bounds.threads)
        try:
            fds = [fd for one in guests for fd in one]
            socket.send_fds(self.control, [b"%d %d %d %d %d %d" % words], fds)
        except OSError:
            raise SandboxError("the code runner was ended from outside") from None
        return numbers

    def end(self, number: int) -> Ended:
        """End a guest, where it has not ended by itself, and say how it ended."""
        if number not in self._ended:
            with contextlib.suppress(OSError):
                self.control.send(b"%d" % number)
        return self.wait(number, time.monotonic() + _START_SECONDS)

    def wait(self, number: int, until: float) -> Ended:
        """How a guest ended; LateError where it has not by then."""
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
            self._ended[told] = Ended(os.waitstatus_to_exitcode(status), cpu_ns / 1e9)
        return self._ended.pop(number)

    def close(self) -> None:
        """End the zygote and everything below it."""
        self.control.close()
        with contextlib.suppress(ProcessLookupError):
            self.process.kill()
        self.process.wait()


def _start(control: int, namespaces: bool, sandboxed: bool, home: Path | None) -> subprocess.Popen[bytes]:
    """The zygote's process. -s -P -S: nothing but the standard library; the environment is ours."""
    here = Path(__file__).parent
    user = profile.user_id() if sandboxed and namespaces and profile.switches_user() else None
    setting = {
        "control": control,
        "namespaces": namespaces,
        "home": str(home) if home else sandbox.HOME,
        "user": user,
        "filter": (barrier.program() or b"").hex(),
        "sources": [(name, (here / f"{name}.py").read_text(encoding="utf-8")) for name in _INSIDE],
    }
    python = [os.path.realpath(sys.executable), "-s", "-P", "-S", "-B", "-c", _BOOT]
    # Bound at the start: what is bound lazily, every guest would bind anew.
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
        stdin = os.memfd_create("zygote")
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
    """The command that makes the zygote's own sandbox. It is the first process of its namespaces."""
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
    # No /proc, and no terminals or shared memory, by which one guest could reach the next; every mount costs.
    yield from ("--perms", "0755", "--dir", "/dev")
    for name in ("full", "null", "random", "urandom", "zero"):
        yield from ("--dev-bind", f"/dev/{name}", f"/dev/{name}")
    # One working folder, which each guest mounts afresh.
    yield from ("--perms", "0755", "--dir", sandbox.HOME)
    yield from ("--symlink", sandbox.HOME.removeprefix("/"), "/tmp")  # noqa: S108 - the sandbox's own
    yield from ("--remount-ro", "/", "--chdir", sandbox.HOME, "--")


class Guest:
    """One forked process: its channel, its standard streams where it has some, and its end."""

    def __init__(self, zygote: _Zygote, number: int, ends: _Ends, bounds: Bounds, *, alone: bool) -> None:
        self.bounds = bounds
        self.ended: Ended | None = None
        self.channel = ends.channel
        self.stdin, self.stdout = ends.stdin, ends.stdout
        self._zygote = zygote
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

    def wait(self, until: float) -> Ended:
        """How it ended by itself; LateError where it has not."""
        if self.ended is None:
            self.ended = self._zygote.wait(self.number, until)
        return self.ended

    def close(self) -> Ended:
        """End it, with whatever it started."""
        self.let_go()
        if self.ended is None:
            self.ended = self._zygote.end(self.number)
        if self._alone:
            self._zygote.close()
        return self.ended

    def let_go(self) -> None:
        """Close our ends of its channel and streams."""
        self.channel.close()
        for fd in (self.stdin, self.stdout):
            if fd >= 0:
                os.close(fd)
        self.stdin = self.stdout = -1


class _Ends(NamedTuple):
    """Our ends of what a guest holds: its channel; its input, a file in memory, and its output, or -1."""

    channel: socket.socket
    stdin: int = -1
    stdout: int = -1


def _guests(zygote: _Zygote, kind: _Kind, count: int, *, alone: bool = False) -> list[Guest]:
    """Fork guests of one kind."""
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
        numbers = zygote.start(theirs, kind.bounds)
    return [
        Guest(zygote, number, ends, kind.bounds, alone=alone)
        for number, ends in zip(numbers, ours, strict=True)
    ]


class _Kind(NamedTuple):
    """What guests are made ahead for: the same bounds, with standard streams or without."""

    bounds: Bounds
    streams: bool


class Nest:
    """Where guests come from: one warm zygote, or a fresh sandbox for each."""

    def __init__(self, *, sandboxed: bool = True, fresh: bool = False) -> None:
        self.sandboxed = sandboxed
        self.fresh = fresh
        self._zygote: _Zygote | None = None
        self._spares: dict[_Kind, list[Guest]] = {}
        # Where guests share a user, those made ahead are counted with the threads of the one that runs.
        own_users = profile.switches_user()
        self._ahead, self._kinds = (AHEAD, KINDS) if own_users else (1, 1)
        if sandboxed:
            sandbox.require()
            if not fresh and not self._works():
                self.fresh = True

    def guest(self, bounds: Bounds, home: Path | None = None, *, streams: bool = False) -> Guest:
        """Fork a guest. `home`: the working folder, without a sandbox; `streams`: with standard streams."""
        kind = _Kind(bounds, streams)
        if not self.sandboxed or self.fresh:
            zygote = _Zygote(
                namespaces=False, sandboxed=self.sandboxed, home=home if not self.sandboxed else None
            )
            return _guests(zygote, kind, 1, alone=True)[0]
        if self._zygote is None or self._zygote.process.poll() is not None:
            self.close()
            self._zygote = _Zygote(namespaces=True, sandboxed=True, home=None)
        # The next ones' walls are made while this one works: they are the most of what a verdict waits for.
        spares = self._spares.pop(kind, [])
        while True:
            if not spares:
                spares = _guests(self._zygote, kind, self._ahead)
            guest = spares.pop(0)
            if guest.is_waiting():
                break
            guest.close()
        if not spares:
            spares = _guests(self._zygote, kind, self._ahead)
        self._spares[kind] = spares
        self._tidy(self._zygote.latest)
        return guest

    def _tidy(self, latest: int) -> None:
        """Close those made ahead of kinds that are asked for no more, or of a user whose turn comes again."""
        for place, kind in enumerate(reversed([*self._spares])):
            spares = self._spares[kind]
            while spares and (place >= self._kinds or spares[0].number <= latest - _TURNS):
                spares.pop(0).close()
            if not spares:
                del self._spares[kind]

    def _works(self) -> bool:
        """Whether guests can have namespaces here: by making one."""
        try:
            guest = self.guest(Bounds())
        except SandboxError:
            return False
        guest.channel.shutdown(socket.SHUT_WR)
        try:
            return guest.wait(time.monotonic() + _START_SECONDS).code == 0
        except (LateError, SandboxError):
            return False
        finally:
            with contextlib.suppress(SandboxError, LateError):
                guest.close()

    def close(self) -> None:
        """End the zygote, if there is one."""
        for spares in self._spares.values():
            for one in spares:
                one.let_go()
        self._spares.clear()
        if self._zygote is not None:
            self._zygote.close()
            self._zygote = None


@cache
def _nest_of(_pid: int, sandboxed: bool) -> Nest:
    made = Nest(sandboxed=sandboxed)
    atexit.register(made.close)
    return made


def nest(sandboxed: bool) -> Nest:
    """This process's own nest: a fork must not speak on its parent's channel."""
    return _nest_of(os.getpid(), sandboxed)


def readable(fd: int, seconds: float) -> bool:
    """Whether there is something to read within `seconds`."""
    return bool(select.select([fd], [], [], max(0.0, seconds))[0])


def signal_name(code: int) -> str:
    """The name of the signal that an exit code stands for."""
    try:
        return signal.Signals(-code).name
    except ValueError:
        return f"signal {-code}"
