"""What no answer may ask of the kernel, on top of what the sandbox's own filter denies (seccomp(2)).

A guest is one process that is already running: it starts no program and no process (threads it may), opens no
socket, signals nobody, and changes no limit.
"""

from __future__ import annotations

import errno
import platform
import struct
from collections.abc import Iterator

from verirl.sandbox import seccomp

_LOAD, _EQUAL, _ANY_BIT, _RETURN = 0x20, 0x15, 0x45, 0x06
_KILL, _ERRNO = 0x80000000, 0x00050000
_NUMBER, _ARCHITECTURE, _FIRST_ARGUMENT = 0, 4, 16
_NEW_LIMIT = 32
"""Where prlimit(2) has the pointer to the limit to set (64 bits)."""

_CLONE_THREAD = 0x10000
_AUDIT = {"x86_64": (0xC000003E, 1, 56, 302), "aarch64": (0xC00000B7, 2, 220, 261)}
"""Machine → its audit number, its column below, the numbers of clone and prlimit64."""

_DENIED = """
    execve 59 221, execveat 322 281, fork 57 -, vfork 58 -
    socket 41 198, connect 42 203, bind 49 200, listen 50 201, accept 43 202, accept4 288 242
    sendmsg 46 211, sendmmsg 307 269, recvmsg 47 212, recvmmsg 299 243
    setrlimit 160 164, io_setup 206 0, kill 62 129, tkill 200 130, rt_sigqueueinfo 129 138
    rt_tgsigqueueinfo 297 240, pidfd_send_signal 424 424, pidfd_open 434 434, pidfd_getfd 438 438
    process_madvise 440 440, semget 64 190, mq_open 240 180, fanotify_init 300 262
    personality 135 92, sched_setscheduler 144 119, sched_setattr 314 274, mlockall 151 230
    vhangup 153 58, kcmp 312 272, lookup_dcookie 212 18, mbind 237 235, migrate_pages 256 238
    move_pages 279 239
"""
"""Name, number on x86_64, number on aarch64."""


def programs(machine: str | None = None) -> tuple[bytes, ...]:
    """The filters (`sock_filter` records) to install, in order; none for an architecture without a table.

    One does: what this module's table does not deny goes on to the sandbox's own filter, which follows.
    """
    name = machine or platform.machine()
    base = seccomp.program(name)
    return (b"".join(_instructions(*_AUDIT[name])) + base,) if base is not None else ()


def _instructions(audit: int, column: int, clone: int, prlimit: int) -> Iterator[bytes]:
    yield _op(_LOAD, _ARCHITECTURE)
    yield _op(_EQUAL, audit, if_true=1)
    yield _op(_RETURN, _KILL)
    yield _op(_LOAD, _NUMBER)
    for entry in _DENIED.replace("\n", ",").split(","):
        number = entry.split()[column] if entry.strip() else "-"
        if number != "-":
            yield _op(_EQUAL, int(number), if_false=1)
            yield _op(_RETURN, _ERRNO | errno.EPERM)
    yield _op(_EQUAL, prlimit, if_false=6)
    for half in (0, 4):
        yield _op(_LOAD, _NEW_LIMIT + half)
        yield _op(_EQUAL, 0, if_true=1)
        yield _op(_RETURN, _ERRNO | errno.EPERM)
    yield _op(_EQUAL, clone, if_false=3)
    yield _op(_LOAD, _FIRST_ARGUMENT)
    yield _op(_ANY_BIT, _CLONE_THREAD, if_true=1)
    yield _op(_RETURN, _ERRNO | errno.EPERM)


def _op(code: int, value: int, *, if_true: int = 0, if_false: int = 0) -> bytes:
    return struct.pack("=HBBI", code, if_true, if_false, value)
