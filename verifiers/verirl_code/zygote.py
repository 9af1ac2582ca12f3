"""A small warm interpreter in a sandbox that forks one guest a verdict, each in namespaces of its own.

It runs no answer itself. The supervisor sends an order with the guest's descriptors; the zygote forks with
clone(2), and the child makes itself a working folder in memory, gives up every right, sets its limits,
installs the system-call filters and closes everything but its channel. As its namespace's first process, its
end is the end of whatever it started. Runs on the standard library alone.
Source: clone(2), namespaces(7), seccomp(2).
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import json
import os
import platform
import random
import resource
import select
import signal
import socket
import sys
from typing import Any, NoReturn

from verirl_code import guest

_ORDER_LIMIT = 1 << 16
_MIB = 1024 * 1024
_NEW_NAMESPACES = 0x00020000 | 0x20000000
"""CLONE_NEWNS, CLONE_NEWPID. Network, IPC and host name are the zygote's own namespaces: empty, and behind
system calls that no guest can make; fresh ones would double the cost of a fork."""

_CLONE = {"x86_64": 56, "aarch64": 220}
_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE, _PR_SET_SECCOMP, _PR_SET_NO_NEW_PRIVS, _PR_CAP_AMBIENT = 1, 4, 22, 38, 47
_CLEAR_ALL, _FILTER = 4, 2
_MS_NOSUID, _MS_NODEV, _MS_NOEXEC, _MS_PRIVATE, _MS_REC = 2, 4, 8, 1 << 18, 1 << 14
_CAPABILITY_VERSION = 0x20080522
_BROKEN = 97
"""Exit code of a child that could not make its walls: our failure, never the answer's."""

_WARM = "bisect collections copy datetime functools heapq itertools math operator random re string typing"

_libc = ctypes.PyDLL(None, use_errno=True)


class _Filter(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("code", ctypes.c_char_p))


def main(setting: dict[str, Any]) -> None:
    """Serve orders from the control channel until it closes."""
    for name in _WARM.split():
        __import__(name)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _call("prctl", _PR_SET_DUMPABLE, 0, 0, 0, 0)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if setting["namespaces"]:
        _call("mount", None, b"/", None, _MS_PRIVATE | _MS_REC, None)
    filters = [bytes.fromhex(text) for text in setting["filters"]]
    gc.collect()
    gc.freeze()
    with socket.socket(fileno=setting["control"]) as control:
        _Zygote(control, setting, filters).serve()


class _Zygote:
    def __init__(self, control: socket.socket, setting: dict[str, Any], filters: list[bytes]) -> None:
        self.control = control
        self.setting = setting
        self.filters = filters
        self.running: dict[int, tuple[int, int]] = {}

    def serve(self) -> None:
        """Fork guests, end them when told to, and say how each ended."""
        self.control.send(b'{"ready":true}')
        while True:
            control = self.control.fileno()
            readable, _, _ = select.select([control, *self.running], [], [])
            for pidfd in self.running.keys() & set(readable):
                self._collect(pidfd)
            if control in readable and not self._obey():
                return

    def _obey(self) -> bool:
        order, fds, _, _ = socket.recv_fds(self.control, _ORDER_LIMIT, 4)
        if not order:
            return False
        command = json.loads(order)
        if "end" in command:
            for pid, number in self.running.values():
                if number == command["end"]:
                    os.kill(pid, signal.SIGKILL)
            return True
        try:
            pid = self._fork()
        except OSError as problem:
            self._say({"ended": command["start"], "status": _BROKEN << 8, "cpu_s": 0.0, "why": str(problem)})
            pid = -1
        if pid == 0:
            self._become_guest(command, fds)
        for fd in fds:
            os.close(fd)
        if pid > 0:
            self.running[os.pidfd_open(pid)] = pid, command["start"]
        return True

    def _fork(self) -> int:
        if not self.setting["namespaces"]:
            return os.fork()
        flags = _NEW_NAMESPACES | signal.SIGCHLD
        pid = _libc.syscall(_CLONE[platform.machine()], flags, 0, 0, 0, 0)
        if pid == 0:
            ctypes.pythonapi.PyOS_AfterFork_Child()
        elif pid < 0:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
        return int(pid)

    def _collect(self, pidfd: int) -> None:
        pid, number = self.running.pop(pidfd)
        os.close(pidfd)
        _, status, usage = os.wait4(pid, 0)
        self._say({"ended": number, "status": status, "cpu_s": usage.ru_utime + usage.ru_stime})

    def _say(self, message: dict[str, Any]) -> None:
        with contextlib.suppress(ConnectionError):
            self.control.send(json.dumps(message).encode())

    def _become_guest(self, command: dict[str, Any], fds: list[int]) -> NoReturn:
        code = _BROKEN
        try:
            self.control.detach()
            channel = _only(fds)
            _wall(self.setting, command, self.filters)
            code = 1
            random.seed(0)
            guest.main(channel)
            code = 0
        except ConnectionError:
            code = 0
        except OSError as problem:
            if code == _BROKEN:
                with contextlib.suppress(OSError):
                    os.write(channel, f"walls: {problem}".encode())
        finally:
            os._exit(code)


def _only(fds: list[int]) -> int:
    """Put the guest's descriptors in their places, 0 to 3, and close every other one."""
    channel, *streams = fds
    high = [os.dup2(fd, 100 + place) for place, fd in enumerate((*streams, channel))]
    null = os.open(os.devnull, os.O_RDWR)
    for place in range(3):
        os.dup2(high[place] if place < len(streams) else null, place)
    os.dup2(high[-1], 3)
    os.closerange(4, 65536)
    return 3


def _wall(setting: dict[str, Any], command: dict[str, Any], filters: list[bytes]) -> None:
    """Give up everything that the answer is not to have. What fails here is our failure."""
    _call("prctl", _PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    os.setsid()
    if setting["namespaces"]:
        size = f"size={command['tmp_mb']}m,mode=1777,nr_inodes=4096".encode()
        _call("mount", b"tmpfs", b"/job", b"tmpfs", _MS_NOSUID | _MS_NODEV | _MS_NOEXEC, size)
    os.chdir(setting["home"])
    os.umask(0o077)
    memory = command["memory_mb"] * _MIB
    _limit(resource.RLIMIT_AS, memory)
    _limit(resource.RLIMIT_STACK, min(64 * _MIB, memory))
    _limit(resource.RLIMIT_CPU, command["cpu_s"])
    _limit(resource.RLIMIT_FSIZE, command["tmp_mb"] * _MIB)
    _limit(resource.RLIMIT_NOFILE, 64)
    _limit(resource.RLIMIT_CORE, 0)
    _limit(resource.RLIMIT_MEMLOCK, 0)
    _limit(resource.RLIMIT_MSGQUEUE, 0)
    if setting["namespaces"]:
        _limit(resource.RLIMIT_NPROC, command["threads"])
    if setting["user"] is not None:
        os.setgroups([])
        os.setresgid(setting["user"], setting["user"], setting["user"])
        os.setresuid(setting["user"], setting["user"], setting["user"])
    if setting["namespaces"]:
        _call("prctl", _PR_CAP_AMBIENT, _CLEAR_ALL, 0, 0, 0)
        head = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION, 0)
        _call("capset", head, (ctypes.c_uint32 * 6)())
    _call("prctl", _PR_SET_DUMPABLE, 0, 0, 0, 0)
    _call("prctl", _PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    _call("prctl", _PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    for code in filters:
        wanted = _Filter(len(code) // 8, code)
        _call("prctl", _PR_SET_SECCOMP, _FILTER, ctypes.byref(wanted), 0, 0)


def _limit(which: int, value: int) -> None:
    hard = resource.getrlimit(which)[1]
    allowed = value if hard == resource.RLIM_INFINITY else min(value, hard)
    resource.setrlimit(which, (allowed, allowed))


def _call(name: str, *arguments: Any) -> None:
    function = getattr(_libc, name)
    wide = [ctypes.c_ulong(one) if isinstance(one, int) else one for one in arguments]
    if name == "prctl":
        wide[0] = ctypes.c_int(arguments[0])
    if function(*wide) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}")


if __name__ == "__main__":
    sys.exit("this is the inside of a sandbox; see verirl_code.launch")
