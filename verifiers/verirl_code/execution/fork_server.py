"""A warm interpreter in a sandbox that forks one child per verdict, each in its own namespaces.

It never runs an answer itself. The supervisor sends an order together with the child's descriptors; the fork
server forks with clone(2), and the child mounts a working folder in memory, drops every privilege, sets its
limits, installs the system-call filter and closes everything except its channel. The child is the first
process of its namespace, so when it ends, everything that it started ends too. This module uses the standard
library only.
Source: clone(2), namespaces(7), seccomp(2).
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import os
import platform
import random
import resource
import select
import signal
import socket
import struct
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any, NoReturn

from verirl_code.execution import child
from verirl_code.execution.tagged_json import pack

_MAX_ORDER_BYTES = 1 << 12
_FDS_SPACE_BYTES = socket.CMSG_SPACE(12 * 4)
_MIB = 1024 * 1024
_NEW_NAMESPACES = 0x00020000 | 0x20000000
"""CLONE_NEWNS, CLONE_NEWPID. Network, IPC and host name namespaces are shared with the fork server: they are
empty, and the filter denies the system calls that use them. New ones would double the cost of a fork."""

_CLONE_NUMBER = {"x86_64": 56, "aarch64": 220}
_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE, _PR_SET_SECCOMP, _PR_SET_NO_NEW_PRIVS, _PR_CAP_AMBIENT = 1, 4, 22, 38, 47
_PR_CAP_AMBIENT_CLEAR_ALL, _SECCOMP_MODE_FILTER = 4, 2
_MS_NOSUID, _MS_NODEV, _MS_NOEXEC, _MS_PRIVATE, _MS_REC = 2, 4, 8, 1 << 18, 1 << 14
_CAPABILITY_VERSION = 0x20080522
SETUP_FAILED_EXIT_CODE = 97
"""Exit code of a child that could not isolate itself: a failure of this machine, never of the answer."""

CHANNEL_FD = 3
_Step = tuple[Callable[..., Any], tuple[Any, ...]]

_PRELOADED_MODULES = (
    "bisect collections copy datetime functools heapq itertools math operator random re string typing"
)

USER_IDS = 64
"""Number of user ids that children take in turn: the kernel counts threads per user, dying ones included."""

_MAX_CACHED_SETUPS = 512
_WARM_UP_ROUNDS = 32
_REAP_INTERVAL_MS = 50
MAX_DYING_CHILDREN = 12
"""How many ended children the kernel may still be cleaning up when the next is forked."""

_libc = ctypes.PyDLL(None, use_errno=True)
_clone = _libc.syscall
_prctl = _libc.prctl
_prctl.argtypes = (ctypes.c_int, *[ctypes.c_ulong] * 4)
_mount = _libc.mount
_mount.argtypes = (*[ctypes.c_char_p] * 3, ctypes.c_ulong, ctypes.c_char_p)
_capset = _libc.capset
_capset.argtypes = (ctypes.c_void_p, ctypes.c_void_p)


class _Filter(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("code", ctypes.c_char_p))


def main(settings: dict[str, Any]) -> None:
    """Serve orders from the control channel until it closes."""
    for name in _PRELOADED_MODULES.split():
        __import__(name)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _check(_prctl, _PR_SET_DUMPABLE, 0, 0, 0, 0)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if settings["namespaces"]:
        _check(_mount, None, b"/", None, _MS_PRIVATE | _MS_REC, None)
    _warm_up()
    random.seed(0)
    server = _ForkServer(socket.socket(fileno=settings["control"]), settings)
    gc.collect()
    gc.freeze()
    server.serve()


def _warm_up() -> None:
    """Run the child's code a few times, so that caches are filled and code is specialized before the fork.

    A child shares the pages that it only reads; each page that it writes is copied first.
    """
    code = "def f(x):\n    return [x, {'a': (x, 1.5, True, None)}]\n"
    order = {"role": "answer", "code": code, "entry_point": "f"}
    given = [["l", "a"], ["l", ["d", "b", ["f", "0x1p+0"]]]]
    asked = {"nonce": "0", "op": "each", "name": "f", "args": given}
    for _ in range(_WARM_UP_ROUNDS):
        ours, theirs = socket.socketpair()
        with ours, theirs:
            ours.sendall(pack(order) + pack(asked))
            ours.shutdown(socket.SHUT_WR)
            child.main(theirs.fileno())


class _ForkServer:
    """The server. It allocates little: after a fork, each page that it writes is copied, too."""

    def __init__(self, control: socket.socket, settings: dict[str, Any]) -> None:
        self.control = control
        self.settings = settings
        self.null = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
        program = bytes.fromhex(settings["filter"])
        self.filter = _Filter(len(program) // 8, program)
        self.setups: dict[tuple[int, ...], list[_Step]] = {}
        self.running: dict[int, tuple[int, int]] = {}
        self.dying: list[int] = []
        self.poll = select.poll()
        self.poll.register(control, select.POLLIN)
        flags = _NEW_NAMESPACES if settings["namespaces"] else 0
        arguments = (_CLONE_NUMBER[platform.machine()], flags | signal.SIGCHLD, 0, 0, 0, 0)
        self.clone = [ctypes.c_long(argument) for argument in arguments]

    def serve(self) -> None:
        """Execute the orders of the supervisor and report how each child ended."""
        self.control.send(b"ready")
        control = self.control.fileno()
        while True:
            ready = self.poll.poll(_REAP_INTERVAL_MS if self.dying else None)
            if self.dying:
                self.dying = [pid for pid in self.dying if not os.waitpid(pid, os.WNOHANG)[0]]
            readable = [fd for fd, _ in ready]
            for fd in readable:
                if fd != control:
                    self._reap(fd)
            if control in readable and not self._execute_order():
                return

    def _execute_order(self) -> bool:
        order, passed, _, _ = self.control.recvmsg(_MAX_ORDER_BYTES, _FDS_SPACE_BYTES)
        if not order:
            return False
        number, *arguments = map(int, order.split())
        if not arguments:
            self._kill(number)
            return True
        count, *limits = arguments
        fds = [fd for (fd,) in struct.iter_unpack("i", passed[0][2])]
        per_child = len(fds) // count
        plans = [
            (self._setup((number + n) % USER_IDS, *limits), fds[n * per_child : (n + 1) * per_child])
            for n in range(count)
        ]
        while len(self.dying) + count > MAX_DYING_CHILDREN:
            os.waitpid(self.dying.pop(0), 0)
        pids = []
        for setup, own in plans:
            # PyOS_AfterFork_Child is skipped: here are one thread and no lock, and its hooks touch 200 pages.
            pid = _clone(*self.clone)
            if pid == 0:
                self._become_child(setup, own)
            pids.append(pid)
        for child_number, pid in enumerate(pids, number):
            if pid > 0:
                pidfd = os.pidfd_open(pid)
                self.running[pidfd] = pid, child_number
                self.poll.register(pidfd, select.POLLIN)
            else:
                self._report(child_number, SETUP_FAILED_EXIT_CODE << 8, 0)
        for fd in fds:
            os.close(fd)
        return True

    def _kill(self, number: int) -> None:
        """Kill a child and report its CPU time, if possible before the kernel has cleaned up."""
        for pidfd, (pid, other) in self.running.items():
            if number == other:
                cpu_ns = time.clock_gettime_ns(_cpu_clock(pid))
                os.kill(pid, signal.SIGKILL)
                self._unregister(pidfd)
                if self.settings["user"] is None:
                    # Children share a user id: the next one's limit must not count the threads of this one.
                    os.waitpid(pid, 0)
                else:
                    self.dying.append(pid)
                self._report(number, signal.SIGKILL, cpu_ns)
                return

    def _reap(self, pidfd: int) -> None:
        """Reap a child that has ended by itself, and report it."""
        pid, number = self._unregister(pidfd)
        _, status, usage = os.wait4(pid, 0)
        self._report(number, status, round(1e9 * (usage.ru_utime + usage.ru_stime)))

    def _unregister(self, pidfd: int) -> tuple[int, int]:
        self.poll.unregister(pidfd)
        os.close(pidfd)
        return self.running.pop(pidfd)

    def _report(self, number: int, status: int, cpu_ns: int) -> None:
        with contextlib.suppress(ConnectionError):
            self.control.send(b"%d %d %d" % (number, status, cpu_ns))

    def _setup(self, turn: int, *limits: int) -> list[_Step]:
        """Return the isolation steps for these limits, prepared before the fork to keep children short."""
        if (turn, *limits) not in self.setups:
            if len(self.setups) >= _MAX_CACHED_SETUPS:
                self.setups.clear()
            user = self.settings["user"]
            own_user = None if user is None else user + turn
            self.setups[turn, *limits] = list(_setup_steps(self.settings, self.filter, own_user, *limits))
        return self.setups[turn, *limits]

    def _become_child(self, setup: list[_Step], fds: list[int]) -> NoReturn:
        code = SETUP_FAILED_EXIT_CODE
        try:
            _keep_only_descriptors(fds, self.null)
            for function, arguments in setup:
                if function(*arguments):
                    os._exit(SETUP_FAILED_EXIT_CODE)
            code = 1
            child.main(CHANNEL_FD)
            code = 0
        except ConnectionError:
            code = 0
        finally:
            os._exit(code)


def _keep_only_descriptors(fds: list[int], null: int) -> None:
    """Make the child's descriptors numbers 0 to 3, and close all others."""
    channel, *streams = fds
    high = [os.dup2(fd, 100 + n) for n, fd in enumerate((*streams, channel))]
    for number in range(3):
        os.dup2(high[number] if number < len(streams) else null, number)
    os.dup2(high[-1], CHANNEL_FD)
    os.closerange(CHANNEL_FD + 1, 65536)


def _setup_steps(
    settings: dict[str, Any],
    filter_: _Filter,
    user: int | None,
    memory_mb: int,
    cpu_s: int,
    tmp_mb: int,
    threads: int,
) -> Iterator[_Step]:
    """Yield the calls that isolate a child, in order; each returns 0 or None if it succeeded."""
    yield _setsid, ()
    if settings["namespaces"]:
        size = f"size={tmp_mb}m,mode=1777,nr_inodes=4096".encode()
        yield _mount, (b"tmpfs", b"/job", b"tmpfs", _MS_NOSUID | _MS_NODEV | _MS_NOEXEC, size)
    yield os.chdir, (settings["home"],)
    yield _umask, (0o077,)
    limits = {
        resource.RLIMIT_AS: memory_mb * _MIB,
        resource.RLIMIT_STACK: min(64, memory_mb) * _MIB,
        resource.RLIMIT_CPU: cpu_s,
        resource.RLIMIT_FSIZE: tmp_mb * _MIB,
        resource.RLIMIT_NOFILE: 64,
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_MEMLOCK: 0,
        resource.RLIMIT_MSGQUEUE: 0,
    }
    if settings["namespaces"]:
        # With a shared user id the fork server and one prepared child count, too.
        limits[resource.RLIMIT_NPROC] = threads + (2 if user is None else 0)
    for which, value in limits.items():
        hard = resource.getrlimit(which)[1]
        allowed = value if hard == resource.RLIM_INFINITY else min(value, hard)
        yield resource.setrlimit, (which, (allowed, allowed))
    if user is not None:
        yield os.setgroups, ([],)
        yield os.setresgid, (user, user, user)
        yield os.setresuid, (user, user, user)
    if settings["namespaces"]:
        yield _prctl, (_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0)
        yield _capset, ((ctypes.c_uint32 * 2)(_CAPABILITY_VERSION, 0), (ctypes.c_uint32 * 6)())
    yield _prctl, (_PR_SET_DUMPABLE, 0, 0, 0, 0)
    yield _prctl, (_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    yield _prctl, (_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    if filter_.length:
        yield _prctl, (_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, ctypes.addressof(filter_), 0, 0)


def _setsid() -> None:
    os.setsid()


def _umask(mask: int) -> None:
    os.umask(mask)


def _cpu_clock(pid: int) -> int:
    """Return the id of the clock of a process's CPU time (clock_getcpuclockid(3))."""
    return (~pid << 3) | 2


def _check(function: Any, *arguments: Any) -> None:
    """Call a function of the C library and raise OSError if it fails."""
    if function(*arguments) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{function.__name__}: {os.strerror(number)}")


if __name__ == "__main__":
    sys.exit("this is the inside of a sandbox; see verirl_code.execution.fork_server_process")
