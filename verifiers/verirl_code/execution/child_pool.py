"""Child processes, prepared ahead of the answers that run in them.

If the machine grants no namespaces inside a sandbox, each child gets a fresh ordinary sandbox instead
(`ChildPool.fresh`): slower, not weaker. Only `sandboxed=False` removes the isolation.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import select
import socket
import time
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from verirl import sandbox
from verirl.errors import SandboxError
from verirl.sandbox import profile
from verirl_code.execution.fork_server_process import (
    START_TIMEOUT_S,
    ChildLimits,
    DeadlineError,
    ExitState,
    ForkServerProcess,
)
from verirl_code.execution.tagged_json import pack, unpack

SETUP_FAILED_EXIT_CODE = 97
"""Exit code of a child that could not isolate itself (`fork_server.SETUP_FAILED_EXIT_CODE`)."""

FORK_BATCH = 4
"""Children that are forked together: what the fork server writes between two forks is copied once for all."""

MAX_KINDS = 4
"""How many kinds of children are prepared ahead; the kinds last asked for stay."""

MAX_AGE_CHILDREN = 40
"""Number of later children after which a prepared one is too old.

User ids are assigned in turn (`fork_server.USER_IDS`), each to one child at a time.
"""


class ChildGoneError(Exception):
    """The child ended, or sent something that it would not send by itself."""


class ChildProcess:
    """One forked process: its channel, its standard streams if it has any, and how it ended."""

    def __init__(
        self, server: ForkServerProcess, number: int, ends: _Ends, limits: ChildLimits, *, owns_server: bool
    ) -> None:
        self.number = number
        self.limits = limits
        self.exit_state: ExitState | None = None
        self.channel = ends.channel
        self.stdin, self.stdout = ends.stdin, ends.stdout
        self._server = server
        self._owns_server = owns_server
        self._buffer = bytearray()
        self._poll = select.poll()

    def send(self, message: dict[str, Any], deadline: float) -> None:
        """Send a message.

        Args:
            message: What to send; plain JSON.
            deadline: When to give up, on the monotonic clock.

        Raises:
            ChildGoneError: If the child has closed its end.
            DeadlineError: If the child does not read it in time.
        """
        view = memoryview(pack(message))
        while view:
            try:
                view = view[self.channel.send(view, socket.MSG_DONTWAIT) :]
            except BlockingIOError:
                self._wait_for(select.POLLOUT, deadline)
            except OSError:
                raise ChildGoneError("it ended") from None

    def receive(self, deadline: float) -> dict[str, Any]:
        """Return the next message.

        Args:
            deadline: When to give up, on the monotonic clock.

        Raises:
            ChildGoneError: If the child has closed its end, or sent something else than a message.
            DeadlineError: If no message comes in time.
        """
        while True:
            if time.monotonic() > deadline:
                raise DeadlineError
            try:
                message = unpack(self._buffer)
            except ValueError as error:
                raise ChildGoneError(f"it said what it should not ({error})") from None
            if message is not None:
                return message
            self._wait_for(select.POLLIN, deadline)
            try:
                piece = self.channel.recv(1 << 16)
            except OSError:
                piece = b""
            if not piece:
                raise ChildGoneError("it ended")
            self._buffer += piece

    def _wait_for(self, event: int, deadline: float) -> None:
        left_s = deadline - time.monotonic()
        self._poll.register(self.channel, event)
        if left_s <= 0 or not self._poll.poll(1000 * left_s + 1):
            raise DeadlineError

    def is_idle(self) -> bool:
        """Return whether it still runs and has sent nothing."""
        self._poll.register(self.channel, select.POLLIN)
        return not self._poll.poll(0)

    def wait(self, deadline: float) -> ExitState:
        """Wait until it has ended by itself.

        Args:
            deadline: When to give up, on the monotonic clock.

        Returns:
            How it ended.

        Raises:
            DeadlineError: If it has not ended by then.
        """
        if self.exit_state is None:
            self.exit_state = self._server.wait(self.number, deadline)
        return self.exit_state

    def close(self) -> ExitState:
        """End it with everything that it started, and return how it ended."""
        self.release()
        if self.exit_state is None:
            self.exit_state = self._server.kill(self.number)
        if self._owns_server:
            self._server.close()
        return self.exit_state

    def release(self) -> None:
        """Close this side's ends of its channel and streams."""
        self.channel.close()
        for fd in (self.stdin, self.stdout):
            if fd >= 0:
                os.close(fd)
        self.stdin = self.stdout = -1


class _Ends(NamedTuple):
    """This side's ends of a child's channel, input (a file in memory) and output; -1 for none."""

    channel: socket.socket
    stdin: int = -1
    stdout: int = -1


class _Kind(NamedTuple):
    """What prepared children must have in common: the limits, and whether they have standard streams."""

    limits: ChildLimits
    streams: bool


def _fork(
    server: ForkServerProcess, kind: _Kind, count: int, *, owns_server: bool = False
) -> list[ChildProcess]:
    """Fork `count` children of one kind."""
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
        numbers = server.fork(theirs, kind.limits)
    return [
        ChildProcess(server, number, ends, kind.limits, owns_server=owns_server)
        for number, ends in zip(numbers, ours, strict=True)
    ]


class ChildPool:
    """Prepares and hands out child processes.

    Args:
        sandboxed: False removes the isolation (`--unsafe-no-sandbox`); limits and filters stay.
        fresh: Start a sandbox per child instead of forking from one server.

    Raises:
        ToolMissingError: If the sandbox's tools are not installed.
    """

    def __init__(self, *, sandboxed: bool = True, fresh: bool = False) -> None:
        self.sandboxed = sandboxed
        self.fresh = fresh
        self._server: ForkServerProcess | None = None
        self._spares: dict[_Kind, list[ChildProcess]] = {}
        # If children share a user, the threads of prepared ones count against the limit of the running one.
        own_users = profile.switches_user()
        self._batch, self._max_kinds = (FORK_BATCH, MAX_KINDS) if own_users else (1, 1)
        if sandboxed:
            sandbox.require()
            if not fresh and not self._works():
                self.fresh = True

    def take(self, limits: ChildLimits, home: Path | None = None, *, streams: bool = False) -> ChildProcess:
        """Return a new child, which the caller closes.

        Args:
            limits: What it may use.
            home: Its working folder if there is no sandbox.
            streams: Whether it has a standard input (a file in memory) and output (a pipe).

        Raises:
            SandboxError: If the sandbox does not start.
        """
        kind = _Kind(limits, streams)
        if not self.sandboxed or self.fresh:
            server = ForkServerProcess(
                namespaces=False, sandboxed=self.sandboxed, home=home if not self.sandboxed else None
            )
            return _fork(server, kind, 1, owns_server=True)[0]
        if self._server is None or self._server.process.poll() is not None:
            self.close()
            self._server = ForkServerProcess(namespaces=True, sandboxed=True, home=None)
        # The next children isolate themselves while this one works: that is most of what a verdict waits for.
        spares = self._spares.pop(kind, [])
        while True:
            if not spares:
                spares = _fork(self._server, kind, self._batch)
            child = spares.pop(0)
            if child.is_idle():
                break
            child.close()
        if not spares:
            spares = _fork(self._server, kind, self._batch)
        self._spares[kind] = spares
        self._drop_old_spares(self._server.last_number)
        return child

    def _drop_old_spares(self, last_number: int) -> None:
        """Close prepared children whose kind is no longer asked for, or whose user id comes up again."""
        for recency, kind in enumerate(reversed([*self._spares])):
            spares = self._spares[kind]
            while spares and (
                recency >= self._max_kinds or spares[0].number <= last_number - MAX_AGE_CHILDREN
            ):
                spares.pop(0).close()
            if not spares:
                del self._spares[kind]

    def _works(self) -> bool:
        """Find out whether children can have namespaces here, by making one."""
        try:
            child = self.take(ChildLimits())
        except SandboxError:
            return False
        child.channel.shutdown(socket.SHUT_WR)
        try:
            return child.wait(time.monotonic() + START_TIMEOUT_S).code == 0
        except (DeadlineError, SandboxError):
            return False
        finally:
            with contextlib.suppress(SandboxError, DeadlineError):
                child.close()

    def close(self) -> None:
        """End the fork server, if there is one, and with it all prepared children."""
        for spares in self._spares.values():
            for child in spares:
                child.release()
        self._spares.clear()
        if self._server is not None:
            self._server.close()
            self._server = None


@cache
def _pool_of_process(_pid: int, sandboxed: bool) -> ChildPool:
    pool = ChildPool(sandboxed=sandboxed)
    atexit.register(pool.close)
    return pool


def shared_pool(sandboxed: bool) -> ChildPool:
    """Return the pool of this process. A forked process gets another: channels must not be shared."""
    return _pool_of_process(os.getpid(), sandboxed)


def wait_until_readable(fd: int, timeout_s: float) -> bool:
    """Return whether there is something to read within `timeout_s`."""
    return bool(select.select([fd], [], [], max(0.0, timeout_s))[0])
