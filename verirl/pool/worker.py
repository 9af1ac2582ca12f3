"""The worker's side of the pool: `python -m verirl.pool.worker`.

A worker has two processes. The *fork server* imports the domain once and judges nothing. For each data
channel that the pool sends, it forks a *judge process*, which serves jobs from that channel one at a time.
When a judge process ends, or the pool says stop, the fork server ends everything below it, empties the job's
folder and reports; the next judge process costs a fork, not an import. In a sandbox the fork server is the
first process of its namespace: nothing inside can kill it, and everything inside ends with it.
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import resource
import select
import shutil
import signal
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

from verirl import registry
from verirl.domain import Domain, StageContext
from verirl.errors import ToolMissingError
from verirl.pool.protocol import (
    EXIT_MEMORY,
    EXIT_RECURSION,
    MAX_REQUEST_BYTES,
    Unpacker,
    outcome_to_wire,
    pack,
)
from verirl.pool.stage_runner import StageRunner, last_line, run_stages
from verirl.sandbox import processes
from verirl.types import Task

_MIB = 1024 * 1024
_EXIT_GRACE_S = 0.5
_RECEIVE_BYTES = 1 << 16


class _JobSetting(NamedTuple):
    domain: Domain
    job_folder: Path
    tmp_folder: Path
    confined: bool
    sandboxed: bool
    mounts: frozenset[str]

    def end_leftovers(self) -> None:
        """In a sandbox: end every process but the fork server (the first one) and the caller."""
        with contextlib.suppress(ProcessLookupError):
            while True:
                os.kill(-1, signal.SIGKILL)
                with contextlib.suppress(ChildProcessError):
                    while os.waitpid(-1, os.WNOHANG)[0]:
                        pass
                time.sleep(0.001)

    def empty(self) -> None:
        """Remove the files that jobs have written."""
        _empty(self.job_folder)
        _empty(self.tmp_folder, self.mounts)


def main(argv: list[str]) -> int:
    """Run the fork server until the control channel closes."""
    control_fd, name, memory_mb, folder, *flags = argv
    confined = "confined" in flags
    # On SIGTERM the fork server clears up before it ends; what is in progress then is brought to its end.
    ending = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: ending.set())
    processes.die_with_parent(signal.SIGKILL if confined else signal.SIGTERM)
    processes.adopt_orphans()
    _limit(resource.RLIMIT_CORE, 0)
    _limit(resource.RLIMIT_AS, int(memory_mb) * _MIB)
    with socket.socket(fileno=int(control_fd)) as control, _job_folders(Path(folder), confined) as places:
        mounts = frozenset(entry.name for entry in places[1].iterdir())
        try:
            domain = registry.load(name)
            # A library imported here costs each judge process a fork; imported there, its whole import.
            domain.warm_up()
        except ToolMissingError as error:
            control.send(json.dumps({"missing": [error.tool, error.install]}).encode())
            return 1
        if confined:
            processes.hide_memory()
        gc.collect()
        gc.freeze()
        setting = _JobSetting(domain, *places, confined, "sandboxed" in flags, mounts)
        _ForkServer(control, setting, ending).run()
    return 0


def _limit(which: int, value: int) -> None:
    hard = resource.getrlimit(which)[1]
    allowed = value if hard == resource.RLIM_INFINITY else min(value, hard)
    resource.setrlimit(which, (allowed, allowed))


@contextlib.contextmanager
def _job_folders(folder: Path, confined: bool) -> Iterator[tuple[Path, Path]]:
    """Provide the folder that jobs work in and the one for temporary files; a sandbox has its own."""
    if confined:
        yield folder, Path(tempfile.gettempdir())
        return
    folder.mkdir(mode=0o700)
    try:
        for name in ("job", "tmp"):
            (folder / name).mkdir()
        yield folder / "job", folder / "tmp"
    finally:
        _empty(folder)
        shutil.rmtree(folder, ignore_errors=True)


class _ForkServer:
    def __init__(self, control: socket.socket, setting: _JobSetting, ending: threading.Event) -> None:
        self.control = control
        self.setting = setting
        self.ending = ending
        self.judge = 0
        self.stopped = False

    def run(self) -> None:
        """Fork judge processes and clear up after them until told to end."""
        wake, self._wake = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.set_wakeup_fd(self._wake, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        try:
            self._report({"ready": True})
            while not self.ending.is_set():
                readable, _, _ = select.select([self.control.fileno(), wake], [], [])
                if wake in readable:
                    with contextlib.suppress(BlockingIOError):
                        os.read(wake, 4096)
                    self._reap()
                if self.control.fileno() in readable and not self._carry_out():
                    break
        finally:
            self._end_all()

    def _report(self, message: dict[str, Any]) -> None:
        self.control.send(json.dumps(message).encode())

    def _carry_out(self) -> bool:
        """Carry out one order; False if the pool is gone."""
        try:
            order, fds, _, _ = socket.recv_fds(self.control, 64, 1)
        except ConnectionError:
            return False
        if not order:
            return False
        if order == b"fork":
            with socket.socket(fileno=fds[0]) as channel:
                self._fork(channel)
        elif self.judge and (order == b"stop" or not self._has_ended()):
            self.stopped = True
            os.kill(self.judge, signal.SIGKILL)
        return True

    def _has_ended(self) -> bool:
        """Whether the judge process, whose channel is closed, ends by itself as it should."""
        pidfd = os.pidfd_open(self.judge)
        try:
            return bool(select.select([pidfd], [], [], _EXIT_GRACE_S)[0])
        finally:
            os.close(pidfd)

    def _fork(self, channel: socket.socket) -> None:
        parent = os.getpid()
        pid = os.fork()
        if pid == 0:
            self._become_judge(channel, parent)
        self.judge, self.stopped = pid, False

    def _become_judge(self, channel: socket.socket, parent: int) -> NoReturn:
        code = 1
        try:
            signal.set_wakeup_fd(-1)
            os.close(self._wake)
            self.control.close()
            for number in (signal.SIGCHLD, signal.SIGTERM):
                signal.signal(number, signal.SIG_DFL)
            processes.die_with_parent()
            if os.getppid() == parent:
                _silence()
                code = _serve(channel, self.setting)
        except MemoryError:
            code = EXIT_MEMORY
        except RecursionError:
            code = EXIT_RECURSION
        except (BrokenPipeError, ConnectionResetError):
            code = 0
        except BaseException as error:  # noqa: BLE001 - whatever it is, the pool must hear of it
            channel.sendall(pack({"broken": last_line(error)}))
        finally:
            os._exit(code)

    def _reap(self) -> None:
        """Collect the processes that ended; after the judge process, clear up and report."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            if pid == self.judge:
                self.judge = 0
                self._end_all()
                self.setting.empty()
                self._report({"ended": status, "stopped": self.stopped})

    def _end_all(self) -> None:
        if self.setting.confined:
            with contextlib.suppress(ProcessLookupError):
                os.kill(-1, signal.SIGKILL)
        else:
            processes.end_descendants(os.getpid())
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-1, 0):
                pass


def _silence() -> None:
    """Discard whatever a job prints."""
    null = os.open(os.devnull, os.O_RDWR)
    for fd in (0, 1, 2):
        os.dup2(null, fd)
    os.close(null)


def _serve(channel: socket.socket, setting: _JobSetting) -> int:
    """Judge what arrives until the pool closes the channel."""
    channel.sendall(pack({"hello": True}))
    unpacker = Unpacker(MAX_REQUEST_BYTES)
    tasks: dict[str, Task] = {}
    while data := channel.recv(_RECEIVE_BYTES):
        for request in unpacker.feed(data):
            if (text := request.get("task")) is not None:
                tasks = {request["key"]: Task.model_validate(text)}
            _judge(channel, setting, tasks[request["key"]], request)
    return 0


def _judge(channel: socket.socket, setting: _JobSetting, task: Task, request: dict[str, Any]) -> None:
    """Send each outcome as soon as it is there; the last one only when the job has left nothing behind."""
    ticket = {"ticket": request["ticket"]}
    job = StageContext(folder=setting.job_folder, seconds=request["seconds"], sandboxed=setting.sandboxed)
    progress = StageRunner(setting.domain.ladder)
    last: dict[str, Any] = {}
    try:
        for outcome in run_stages(setting.domain, task, request["completion"], job, progress):
            last = {"outcome": outcome_to_wire(outcome)}
            if not progress.ended:
                channel.sendall(pack({**ticket, **last}))
                last = {}
    except ToolMissingError as error:
        last = {"missing": [error.tool, error.install]}
    if setting.confined:
        setting.end_leftovers()
        setting.empty()
    else:
        _empty(setting.job_folder)
    channel.sendall(pack({**ticket, **last, "end": True}))


def _empty(folder: Path, kept: frozenset[str] = frozenset()) -> None:
    """Remove what is inside `folder`, whatever its permissions, except the names in `kept`."""
    if not folder.is_dir():
        return
    with contextlib.suppress(PermissionError):
        folder.chmod(0o700)
    for entry in [entry for entry in folder.iterdir() if entry.name not in kept]:
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry, onerror=_open_up)
        else:
            with contextlib.suppress(OSError):
                entry.unlink()


def _open_up(_function: Any, name: str, _error: Any) -> None:
    """Restore the permission to remove what a job had closed, and try once more."""
    path = Path(name)
    for closed in (path.parent, path):
        with contextlib.suppress(OSError):
            if not closed.is_symlink():
                closed.chmod(0o700)
    with contextlib.suppress(OSError):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
