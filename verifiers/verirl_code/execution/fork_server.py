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

_ORDER_LIMIT = 1 << 12
_ROOM_FOR_FDS = socket.CMSG_SPACE(12 * 4)
_MIB = 1024 * 1024
_NEW_NAMESPACES = 0x00020000 | 0x20000000
"""CLONE_NEWNS, CLONE_NEWPID. Network, IPC and host name namespaces are shared with the fork server: they are
empty, and the filter denies the system calls that use them. New ones would double the cost of a fork."""

_CLONE = {"x86_64": 56, "aarch64": 220}
_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE, _PR_SET_SECCOMP, _PR_SET_NO_NEW_PRIVS, _PR_CAP_AMBIENT = 1, 4, 22, 38, 47
_CLEAR_ALL, _FILTER = 4, 2
_MS_NOSUID, _MS_NODEV, _MS_NOEXEC, _MS_PRIVATE, _MS_REC = 2, 4, 8, 1 << 18, 1 << 14
_CAPABILITY_VERSION = 0x20080522
_BROKEN = 97
"""Exit code of a child that could not make its walls: our failure, never the answer's."""

_CHANNEL = 3
_Step = tuple[Callable[..., Any], tuple[Any, ...]]

_WARM = "bisect collections copy datetime functools heapq itertools math operator random re string typing"

_USERS = 64
"""User ids that children take in turn: the kernel counts a user's threads, those of dying children too."""

_WALLS_LIMIT = 512
_REHEARSALS = 32
_REAP_MS = 50
_DYING_LIMIT = 12
"""How many ended children the kernel may still be clearing away when the next is forked."""

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


def main(setting: dict[str, Any]) -> None:
    """Serve orders from the control channel until it closes."""
    for name in _WARM.split():
        __import__(name)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _must(_prctl, _PR_SET_DUMPABLE, 0, 0, 0, 0)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if setting["namespaces"]:
        _must(_mount, None, b"/", None, _MS_PRIVATE | _MS_REC, None)
    _rehearse()
    random.seed(0)
    server = _ForkServer(socket.socket(fileno=setting["control"]), setting)
    gc.collect()
    gc.freeze()
    server.serve()


def _rehearse() -> None:
    """Be a child a few times: caches are filled and code is specialised before the fork.

    What a child need not write, it shares; every page that it writes is copied first.
    """
    code = "def f(x):\n    return [x, {'a': (x, 1.5, True, None)}]\n"
    order = {"role": "answer", "code": code, "entry_point": "f"}
    given = [["l", "a"], ["l", ["d", "b", ["f", "0x1p+0"]]]]
    asked = {"nonce": "0", "op": "each", "name": "f", "args": given}
    for _ in range(_REHEARSALS):
        ours, theirs = socket.socketpair()
        with ours, theirs:
            ours.sendall(pack(order) + pack(asked))
            ours.shutdown(socket.SHUT_WR)
            child.main(theirs.fileno())


class _ForkServer:
    """Few words and few objects: after each fork, every page that it writes is copied, too."""

    def __init__(self, control: socket.socket, setting: dict[str, Any]) -> None:
        self.control = control
        self.setting = setting
        self.null = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
        program = bytes.fromhex(setting["filter"])
        self.filter = _Filter(len(program) // 8, program)
        self.walls: dict[tuple[int, ...], list[_Step]] = {}
        self.running: dict[int, tuple[int, int]] = {}
        self.dying: list[int] = []
        self.poll = select.poll()
        self.poll.register(control, select.POLLIN)
        flags = _NEW_NAMESPACES if setting["namespaces"] else 0
        words = (_CLONE[platform.machine()], flags | signal.SIGCHLD, 0, 0, 0, 0)
        self.clone = [ctypes.c_long(word) for word in words]

    def serve(self) -> None:
        """Fork children, end them when told to, and say how each ended."""
        self.control.send(b"ready")
        control = self.control.fileno()
        while True:
            ready = self.poll.poll(_REAP_MS if self.dying else None)
            if self.dying:
                self.dying = [pid for pid in self.dying if not os.waitpid(pid, os.WNOHANG)[0]]
            readable = [fd for fd, _ in ready]
            for fd in readable:
                if fd != control:
                    self._collect(fd)
            if control in readable and not self._obey():
                return

    def _obey(self) -> bool:
        order, passed, _, _ = self.control.recvmsg(_ORDER_LIMIT, _ROOM_FOR_FDS)
        if not order:
            return False
        number, *words = map(int, order.split())
        if not words:
            self._end(number)
            return True
        count, *limits = words
        fds = [fd for (fd,) in struct.iter_unpack("i", passed[0][2])]
        each = len(fds) // count
        plans = [
            (self._walls((number + place) % _USERS, *limits), fds[place * each : (place + 1) * each])
            for place in range(count)
        ]
        while len(self.dying) + count > _DYING_LIMIT:
            os.waitpid(self.dying.pop(0), 0)
        pids = []
        for walls, own in plans:
            # Without PyOS_AfterFork_Child: here is one thread and no lock, and its hooks touch 200 pages.
            pid = _clone(*self.clone)
            if pid == 0:
                self._become_child(walls, own)
            pids.append(pid)
        for place, pid in enumerate(pids):
            if pid > 0:
                pidfd = os.pidfd_open(pid)
                self.running[pidfd] = pid, number + place
                self.poll.register(pidfd, select.POLLIN)
            else:
                self._say(number + place, _BROKEN << 8, 0)
        for fd in fds:
            os.close(fd)
        return True

    def _end(self, number: int) -> None:
        """Kill a child and say what it used; where it can, without waiting for the kernel's clearing away."""
        for pidfd, (pid, other) in self.running.items():
            if number == other:
                cpu_ns = time.clock_gettime_ns(_cpu_clock(pid))
                os.kill(pid, signal.SIGKILL)
                self._forget(pidfd)
                if self.setting["user"] is None:
                    # Children share a user, and the next one's threads are not to be counted with this one's.
                    os.waitpid(pid, 0)
                else:
                    self.dying.append(pid)
                self._say(number, signal.SIGKILL, cpu_ns)
                return

    def _collect(self, pidfd: int) -> None:
        """Reap a child that has ended by itself, and say so."""
        pid, number = self._forget(pidfd)
        _, status, usage = os.wait4(pid, 0)
        self._say(number, status, round(1e9 * (usage.ru_utime + usage.ru_stime)))

    def _forget(self, pidfd: int) -> tuple[int, int]:
        self.poll.unregister(pidfd)
        os.close(pidfd)
        return self.running.pop(pidfd)

    def _say(self, number: int, status: int, cpu_ns: int) -> None:
        with contextlib.suppress(ConnectionError):
            self.control.send(b"%d %d %d" % (number, status, cpu_ns))

    def _walls(self, turn: int, *limits: int) -> list[_Step]:
        """The steps for these limits, made before the fork: what a child makes itself, it makes each time."""
        if (turn, *limits) not in self.walls:
            if len(self.walls) >= _WALLS_LIMIT:
                self.walls.clear()
            user = self.setting["user"]
            own = None if user is None else user + turn
            self.walls[turn, *limits] = list(_steps(self.setting, self.filter, own, *limits))
        return self.walls[turn, *limits]

    def _become_child(self, walls: list[_Step], fds: list[int]) -> NoReturn:
        code = _BROKEN
        try:
            _only(fds, self.null)
            for function, arguments in walls:
                if function(*arguments):
                    os._exit(_BROKEN)
            code = 1
            child.main(_CHANNEL)
            code = 0
        except ConnectionError:
            code = 0
        finally:
            os._exit(code)


def _only(fds: list[int], null: int) -> None:
    """Put the child's descriptors in their places, 0 to 3, and close every other one."""
    channel, *streams = fds
    high = [os.dup2(fd, 100 + place) for place, fd in enumerate((*streams, channel))]
    for place in range(3):
        os.dup2(high[place] if place < len(streams) else null, place)
    os.dup2(high[-1], _CHANNEL)
    os.closerange(_CHANNEL + 1, 65536)


def _steps(
    setting: dict[str, Any],
    filter_: _Filter,
    user: int | None,
    memory_mb: int,
    cpu_s: int,
    tmp_mb: int,
    threads: int,
) -> Iterator[_Step]:
    """What takes from a child all that the answer is not to have, in order; each gives 0 or None."""
    yield _setsid, ()
    if setting["namespaces"]:
        size = f"size={tmp_mb}m,mode=1777,nr_inodes=4096".encode()
        yield _mount, (b"tmpfs", b"/job", b"tmpfs", _MS_NOSUID | _MS_NODEV | _MS_NOEXEC, size)
    yield os.chdir, (setting["home"],)
    yield _umask, (0o077,)
    wanted = {
        resource.RLIMIT_AS: memory_mb * _MIB,
        resource.RLIMIT_STACK: min(64, memory_mb) * _MIB,
        resource.RLIMIT_CPU: cpu_s,
        resource.RLIMIT_FSIZE: tmp_mb * _MIB,
        resource.RLIMIT_NOFILE: 64,
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_MEMLOCK: 0,
        resource.RLIMIT_MSGQUEUE: 0,
    }
    if setting["namespaces"]:
        # Where children share a user, there is a child made ahead and the fork server itself.
        wanted[resource.RLIMIT_NPROC] = threads + (2 if user is None else 0)
    for which, value in wanted.items():
        hard = resource.getrlimit(which)[1]
        allowed = value if hard == resource.RLIM_INFINITY else min(value, hard)
        yield resource.setrlimit, (which, (allowed, allowed))
    if user is not None:
        yield os.setgroups, ([],)
        yield os.setresgid, (user, user, user)
        yield os.setresuid, (user, user, user)
    if setting["namespaces"]:
        yield _prctl, (_PR_CAP_AMBIENT, _CLEAR_ALL, 0, 0, 0)
        yield _capset, ((ctypes.c_uint32 * 2)(_CAPABILITY_VERSION, 0), (ctypes.c_uint32 * 6)())
    yield _prctl, (_PR_SET_DUMPABLE, 0, 0, 0, 0)
    yield _prctl, (_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    yield _prctl, (_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    if filter_.length:
        yield _prctl, (_PR_SET_SECCOMP, _FILTER, ctypes.addressof(filter_), 0, 0)


def _setsid() -> None:
    os.setsid()


def _umask(mask: int) -> None:
    os.umask(mask)


def _cpu_clock(pid: int) -> int:
    """The clock of a process's CPU time (clock_getcpuclockid(3))."""
    return (~pid << 3) | 2


def _must(function: Any, *arguments: Any) -> None:
    if function(*arguments) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{function.__name__}: {os.strerror(number)}")


if __name__ == "__main__":
    sys.exit("this is the inside of a sandbox; see verirl_code.execution.child_pool")
