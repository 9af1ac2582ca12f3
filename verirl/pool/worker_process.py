"""The pool's side of one worker: its process, its channels, and the entries that it was given."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import selectors
import shutil
import socket
import struct
import subprocess
import time
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from verirl.pool import spawn
from verirl.pool.entry import Entry
from verirl.pool.protocol import MAX_REPLY_BYTES, Unpacker, pack
from verirl.pool.stage_runner import StageRunner
from verirl.sandbox import processes

_STDERR_TAIL_BYTES = 8192
_RECEIVE_BYTES = 1 << 18
_CREDENTIALS = struct.Struct("3i")
_CREDENTIALS_SPACE = socket.CMSG_SPACE(_CREDENTIALS.size)
_CLOSE_GRACE_S = 2.0


class State(Enum):
    """STARTING: importing its domain. READY: a judge process serves. ENDING: the judge process is to end."""

    STARTING = "starting"
    READY = "ready"
    ENDING = "ending"


@dataclass
class Worker:
    """A fork server and, when ready, the judge process that it forked.

    Attributes:
        plan: How the worker was started.
        process: The fork server.
        control: Channel to the fork server.
        selector: Where the channels are registered.
        since: Monotonic time of the last change of state.
        state: Current state.
        entries: The entry in hand, and those sent ahead.
        served: Number of entries that the current judge process has finished.
        stopping: Whether the pool has had the judge process killed.
        dead: Whether the fork server is gone.
        tail: The end of what the fork server printed to standard error.
        last_task: Content key of the task that the judge process got last.
    """

    plan: spawn.WorkerCommand
    process: subprocess.Popen[bytes]
    control: socket.socket
    selector: selectors.BaseSelector
    since: float
    state: State = State.STARTING
    entries: deque[Entry] = field(default_factory=deque)
    served: int = 0
    stopping: bool = False
    dead: bool = False
    tail: bytearray = field(default_factory=bytearray)
    _data: socket.socket | None = None
    _unpacker: Unpacker = field(default_factory=lambda: Unpacker(MAX_REPLY_BYTES))
    _outbox: bytearray = field(default_factory=bytearray)
    last_task: str = ""
    _schedstat: int | None = None

    def __post_init__(self) -> None:
        self.control.setblocking(False)
        self.selector.register(self.control, selectors.EVENT_READ, (self, "control"))
        if self.process.stderr is not None:
            os.set_blocking(self.process.stderr.fileno(), False)
            self.selector.register(self.process.stderr, selectors.EVENT_READ, (self, "stderr"))

    def fork(self, now: float) -> bool:
        """Have the fork server fork a judge process for a fresh channel; False if the fork server is gone."""
        self._close_data()
        own_end, judge_end = socket.socketpair()
        own_end.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        own_end.setblocking(False)
        self._data, self._unpacker, self.last_task = own_end, Unpacker(MAX_REPLY_BYTES), ""
        self.state, self.since, self.served, self.stopping = State.READY, now, 0, False
        self.selector.register(own_end, selectors.EVENT_READ, (self, "data"))
        with judge_end:
            try:
                socket.send_fds(self.control, [b"fork"], [judge_end.fileno()])
            except OSError:
                return False
        return True

    def give(self, entry: Entry, now: float) -> None:
        """Send an entry. Its deadline counts from now, or from when the one before it ends."""
        entry.ticket = secrets.token_hex(8)
        entry.progress = StageRunner(entry.domain.ladder)
        message = {
            "ticket": entry.ticket,
            "key": entry.key,
            "completion": entry.completion,
            "seconds": entry.domain.deadline_s,
        }
        if entry.key != self.last_task:
            message["task"] = entry.task_json
            self.last_task = entry.key
        self.entries.append(entry)
        if len(self.entries) == 1:
            self.start_clock(now)
        self._outbox += pack(message)
        self.flush()

    def start_clock(self, now: float) -> None:
        """Start the deadline of the first entry, which is now the one in hand."""
        if self.entries:
            self.entries[0].started = now
            self.start_waiting()

    def flush(self) -> None:
        """Send what the channel takes, and listen for room for the rest."""
        if self._data is None:
            return
        with contextlib.suppress(BlockingIOError, BrokenPipeError, ConnectionResetError):
            while self._outbox:
                del self._outbox[: self._data.send(self._outbox)]
        wanted = selectors.EVENT_READ | (selectors.EVENT_WRITE if self._outbox else 0)
        if self.selector.get_key(self._data).events != wanted:
            self.selector.modify(self._data, wanted, (self, "data"))

    def messages(self) -> Iterator[dict[str, Any]]:
        """Yield the judge process's messages that are there; ProtocolError if one is malformed."""
        while self._data is not None:
            try:
                if self._schedstat is None:
                    data, ancillary, _, _ = self._data.recvmsg(_RECEIVE_BYTES, _CREDENTIALS_SPACE)
                    self._identify(ancillary)
                else:
                    data = self._data.recv(_RECEIVE_BYTES)
            except BlockingIOError:
                return
            except ConnectionResetError:
                data = b""
            if not data:
                # The judge process has ended, or has closed its channel: then the fork server ends it.
                self._leave(b"hangup", time.monotonic())
                return
            for message in self._unpacker.feed(data):
                if "hello" not in message:
                    yield message
            if len(data) < _RECEIVE_BYTES:
                return

    def _identify(self, ancillary: list[tuple[int, int, bytes]]) -> None:
        """Learn the judge's process id from the kernel, which counts how long it waits for a core."""
        for level, kind, data in ancillary:
            if level == socket.SOL_SOCKET and kind == socket.SCM_CREDENTIALS:
                pid = _CREDENTIALS.unpack(data[: _CREDENTIALS.size])[0]
                try:
                    self._schedstat = os.open(f"/proc/{pid}/schedstat", os.O_RDONLY | os.O_CLOEXEC)
                except OSError:
                    self._schedstat = -1
                self.start_waiting()

    def start_waiting(self) -> None:
        """Take the waiting time so far as the zero point of the entry in hand."""
        if self.entries:
            self.entries[0].waited_ns = self.waited_ns()

    def waited_ns(self) -> int | None:
        """Return the nanoseconds that the judge process was runnable without a core; None if unknown."""
        if self._schedstat is None or self._schedstat < 0:
            return None
        try:
            return int(os.pread(self._schedstat, 100, 0).split()[1])
        except (OSError, IndexError, ValueError):
            return None

    def reports(self) -> list[dict[str, Any]] | None:
        """Return the fork server's messages; None if its channel is closed and none is left."""
        received: list[dict[str, Any]] = []
        while True:
            try:
                data = self.control.recv(4096)
            except BlockingIOError:
                return received
            except OSError:
                data = b""
            if not data:
                return received or None
            with contextlib.suppress(ValueError, RecursionError):
                message = json.loads(data)
                if isinstance(message, dict) and isinstance(message.get("ended", 0), int):
                    received.append(message)

    def read_stderr(self) -> None:
        """Keep the end of what the fork server prints to standard error."""
        stream = self.process.stderr
        if stream is None:
            return
        try:
            data = os.read(stream.fileno(), 65536)
        except BlockingIOError:
            return
        if data:
            self.tail += data
            del self.tail[:-_STDERR_TAIL_BYTES]
        else:
            self.selector.unregister(stream)
            stream.close()
            self.process.stderr = None

    def stop(self, now: float) -> None:
        """Have the judge process, and everything below it, killed by the pool's wish."""
        if self.state is State.READY:
            self.stopping = True
            self._leave(b"stop", now)

    def _leave(self, order: bytes, now: float) -> None:
        self.state, self.since = State.ENDING, now
        with contextlib.suppress(OSError):
            self.control.send(order)
        self._close_data()

    def _close_data(self) -> None:
        if self._data is not None:
            self.selector.unregister(self._data)
            self._data.close()
            self._data = None
        if self._schedstat is not None and self._schedstat >= 0:
            os.close(self._schedstat)
        self._schedstat = None
        self._outbox.clear()

    def end(self) -> None:
        """Kill the fork server and everything below it; returns when it is gone."""
        self.dead = True
        self._close_data()
        with contextlib.suppress(KeyError, ValueError):
            self.selector.unregister(self.control)
        self.control.close()
        end_process(self.process)
        if self.plan.folder is not None:
            shutil.rmtree(self.plan.folder, ignore_errors=True)
        while self.process.stderr is not None:
            before = len(self.tail)
            self.read_stderr()
            if self.process.stderr is not None and len(self.tail) == before:
                self.selector.unregister(self.process.stderr)
                self.process.stderr.close()
                self.process.stderr = None


def end_process(process: subprocess.Popen[bytes]) -> None:
    """Wait for a fork server whose control channel is closed; after a grace time, kill its whole tree."""
    try:
        process.wait(_CLOSE_GRACE_S)
    except subprocess.TimeoutExpired:
        processes.end_descendants(process.pid)
        process.kill()
        process.wait()


def end_workers(workers: Iterable[Worker]) -> None:
    """End several workers at once."""
    workers = list(workers)
    for worker in workers:
        with contextlib.suppress(OSError):
            worker.control.shutdown(socket.SHUT_RDWR)
    for worker in workers:
        worker.end()
