"""The pool's view of one worker: its process, its channels, and the jobs that it was given."""

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
from verirl.pool.protocol import REPLY_LIMIT, Unpacker, pack
from verirl.pool.stage_runner import StageRunner
from verirl.sandbox import processes

_TAIL = 8192
_RECEIVE = 1 << 18
_CREDENTIALS = struct.Struct("3i")
_CLOSE_SECONDS = 2.0


class State(Enum):
    """Importing; serving; or its judge is coming to an end and a new one is to be forked."""

    STARTING = "starting"
    READY = "ready"
    ENDING = "ending"


@dataclass
class Worker:
    """A nursery process and, when ready, the judge that it forked. `last_task`: key of the last it got."""

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
    _unpacker: Unpacker = field(default_factory=lambda: Unpacker(REPLY_LIMIT))
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
        """Have the nursery fork a judge for a fresh channel; False where the nursery is gone."""
        self._close_data()
        ours, theirs = socket.socketpair()
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        ours.setblocking(False)
        self._data, self._unpacker, self.last_task = ours, Unpacker(REPLY_LIMIT), ""
        self.state, self.since, self.served, self.stopping = State.READY, now, 0, False
        self.selector.register(ours, selectors.EVENT_READ, (self, "data"))
        with theirs:
            try:
                socket.send_fds(self.control, [b"fork"], [theirs.fileno()])
            except OSError:
                return False
        return True

    def give(self, entry: Entry, now: float) -> None:
        """Send a job. Its deadline counts from now, or from when the one before it ends."""
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
        """The first of our jobs is now the one in hand."""
        if self.entries:
            self.entries[0].started = now
            self.entries[0].waited_ns = self.waited_ns()

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
        """What the judge has said; ProtocolError where it cannot be believed. Ends at the channel's end."""
        while self._data is not None:
            try:
                if self._schedstat is None:
                    data, ancillary, _, _ = self._data.recvmsg(_RECEIVE, socket.CMSG_SPACE(_CREDENTIALS.size))
                    self._meet(ancillary)
                else:
                    data = self._data.recv(_RECEIVE)
            except BlockingIOError:
                return
            except ConnectionResetError:
                data = b""
            if not data:
                # The judge has ended, or has closed its channel: then the nursery is to end it.
                self._leave(b"hangup", time.monotonic())
                return
            for message in self._unpacker.feed(data):
                if "hello" not in message:
                    yield message
            if len(data) < _RECEIVE:
                return

    def _meet(self, ancillary: list[tuple[int, int, bytes]]) -> None:
        """Learn the judge's process id from the kernel, to ask how long it waited for a core."""
        for level, kind, data in ancillary:
            if level == socket.SOL_SOCKET and kind == socket.SCM_CREDENTIALS:
                pid = _CREDENTIALS.unpack(data[: _CREDENTIALS.size])[0]
                try:
                    self._schedstat = os.open(f"/proc/{pid}/schedstat", os.O_RDONLY | os.O_CLOEXEC)
                except OSError:
                    self._schedstat = -1
                self.start_waiting()

    def start_waiting(self) -> None:
        """Take the waiting time so far as the zero of the job in hand."""
        if self.entries:
            self.entries[0].waited_ns = self.waited_ns()

    def waited_ns(self) -> int | None:
        """Nanoseconds that the judge has been runnable without a core; None where unknown."""
        if self._schedstat is None or self._schedstat < 0:
            return None
        try:
            return int(os.pread(self._schedstat, 100, 0).split()[1])
        except (OSError, IndexError, ValueError):
            return None

    def reports(self) -> list[dict[str, Any]] | None:
        """What the nursery has said; None where it has said all that it ever will."""
        said: list[dict[str, Any]] = []
        while True:
            try:
                data = self.control.recv(4096)
            except BlockingIOError:
                return said
            except OSError:
                data = b""
            if not data:
                return said or None
            with contextlib.suppress(ValueError, RecursionError):
                message = json.loads(data)
                if isinstance(message, dict) and isinstance(message.get("ended", 0), int):
                    said.append(message)

    def read_stderr(self) -> None:
        """Keep the end of what the nursery complained of."""
        stream = self.process.stderr
        if stream is None:
            return
        try:
            data = os.read(stream.fileno(), 65536)
        except BlockingIOError:
            return
        if data:
            self.tail += data
            del self.tail[:-_TAIL]
        else:
            self.selector.unregister(stream)
            stream.close()
            self.process.stderr = None

    def stop(self, now: float) -> None:
        """Have the judge, and everything below it, killed on our account."""
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
        """Kill the nursery and everything below it; returns when it is gone."""
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
    """End a nursery whose control channel is closed: by itself, or else by SIGKILL of its whole tree."""
    try:
        process.wait(_CLOSE_SECONDS)
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
