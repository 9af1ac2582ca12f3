"""The system calls that no sandboxed program may make, as a classic BPF program for `bwrap --seccomp`.

Namespaces hide the machine. This filter keeps a program from making namespaces of its own (in which it could
mount memory that no limit counts), from tracing other processes, and from rarely used parts of the kernel. It
denies by list, so that compilers and simulators keep working.
Source: seccomp(2), linux/filter.h, the kernel's system-call tables.
"""

from __future__ import annotations

import errno
import platform
import struct
from collections.abc import Iterator
from typing import NamedTuple

_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_NUMBER, _ARCHITECTURE, _FIRST_ARGUMENT = 0, 4, 16
_NEW_LIMIT = 32
"""Offset of the pointer to the new limit among the arguments of prlimit(2) (64 bits)."""
_ALLOW, _KILL, _ERRNO = 0x7FFF0000, 0x80000000, 0x00050000
_X32_BIT = 0x40000000
_NEW_NAMESPACE = 0x7E020000
"""Every CLONE_NEW* flag that clone(2) takes."""

_THREAD = 0x10000
"""CLONE_THREAD."""

_FAMILIES = (1, 2, 10, 16)
"""AF_UNIX, AF_INET, AF_INET6, AF_NETLINK: the socket families that a network namespace confines."""


class _Abi(NamedTuple):
    audit: int
    column: int
    clone: int
    socket: int
    prlimit: int


_ABIS = {"x86_64": _Abi(0xC000003E, 1, 56, 41, 302), "aarch64": _Abi(0xC00000B7, 2, 220, 198, 261)}

_CLONE3 = 435

_DENIED = """
    ptrace 101 117, process_vm_readv 310 270, process_vm_writev 311 271, perf_event_open 298 241
    mount 165 40, umount2 166 39, pivot_root 155 41, chroot 161 51, unshare 272 97, setns 308 268
    open_tree 428 428, move_mount 429 429, fsopen 430 430, fsconfig 431 431, fsmount 432 432
    fspick 433 433, mount_setattr 442 442, open_by_handle_at 304 265, name_to_handle_at 303 264
    bpf 321 280, userfaultfd 323 282, io_uring_setup 425 425, io_uring_enter 426 426
    io_uring_register 427 427, keyctl 250 219, add_key 248 217, request_key 249 218
    shmget 29 194, msgget 68 186, memfd_create 319 279, memfd_secret 447 447
    kexec_load 246 104, kexec_file_load 320 294, init_module 175 105, finit_module 313 273
    delete_module 176 106, swapon 167 224, swapoff 168 225, reboot 169 142, quotactl 179 60
    acct 163 89, syslog 103 116
"""
"""Name, number on x86_64, number on aarch64. Shared memory is denied because no limit counts it."""


def program(machine: str | None = None, *, also: str = "", confined: bool = False) -> bytes | None:
    """Return the filter for a machine.

    Args:
        machine: Name of the architecture as from `platform.machine()`; default: this machine's.
        also: Further calls to deny, written as the table here (`-` if an architecture lacks the call).
        confined: Also keep clone(2) from making processes (threads are allowed) and limits from being set.

    Returns:
        The filter as `sock_filter` records; None for an architecture without a table.
    """
    abi = _ABIS.get(machine or platform.machine())
    return None if abi is None else b"".join(_instructions(abi, also, confined))


def _instructions(abi: _Abi, also: str, confined: bool) -> Iterator[bytes]:
    ends = {
        "allow": [_op(_RETURN, _ALLOW)],
        "deny": [_op(_RETURN, _ERRNO | errno.EPERM)],
        "unknown": [_op(_RETURN, _ERRNO | errno.ENOSYS)],
        "clone": _clone(confined),
        "prlimit": _prlimit(confined),
        "socket": _socket(),
    }
    # glibc falls back from clone3, whose flags lie behind a pointer that no filter can read.
    end_of = {abi.clone: "clone", abi.socket: "socket", abi.prlimit: "prlimit", _CLONE3: "unknown"}
    for table in (_DENIED, also):
        for entry in table.replace("\n", ",").split(","):
            if entry.strip() and (number := entry.split()[abi.column]) != "-":
                end_of[int(number)] = "deny"
    yield _op(_LOAD, _ARCHITECTURE)
    yield _op(_EQUAL, abi.audit, if_true=1)
    yield _op(_RETURN, _KILL)
    yield _op(_LOAD, _NUMBER)
    yield from _search(end_of, ends)


def _search(end_of: dict[int, str], ends: dict[str, list[bytes]]) -> Iterator[bytes]:
    """Find the action for the loaded call number by binary search: "allow" unless listed.

    Numbers from the x32 bit on are "unknown".

    When a filter is installed, the kernel runs it on every call number (seccomp_cache_prepare) and translates
    it. Every sandboxed program waits for that, so both the search and the filter are short.
    """
    starts = [(0, end_of.get(0, "allow"))]
    for number in sorted({one for call in end_of for one in (call, call + 1)}):
        end = end_of.get(number, "allow")
        if end != starts[-1][1]:
            starts.append((number, end))
    nodes: list[tuple[int, int | str, int | str]] = []

    def place(part: list[tuple[int, str]]) -> int | str:
        if len(part) == 1:
            return part[0][1]
        half, at = len(part) // 2, len(nodes)
        nodes.append((0, 0, 0))
        low = place(part[:half])
        nodes[at] = (part[half][0], place(part[half:]), low)
        return at

    place([*starts, (_X32_BIT, "unknown")])
    places: dict[int | str, int] = {at: at for at in range(len(nodes))}
    size = len(nodes)
    for name, end_ in ends.items():
        places[name] = size
        size += len(end_)
    for at, (first, high, low) in enumerate(nodes):
        yield _op(_AT_LEAST, first, if_true=places[high] - at - 1, if_false=places[low] - at - 1)
    for end_ in ends.values():
        yield from end_


def _clone(confined: bool) -> list[bytes]:
    return [
        _op(_LOAD, _FIRST_ARGUMENT),
        *_deny(_ANY_BIT, _NEW_NAMESPACE, errno.EPERM),
        *(_unless(_ANY_BIT, _THREAD, errno.EPERM) if confined else ()),
        _op(_RETURN, _ALLOW),
    ]


def _prlimit(confined: bool) -> list[bytes]:
    if not confined:
        return [_op(_RETURN, _ALLOW)]
    zero = [
        one for half in (0, 4) for one in (_op(_LOAD, _NEW_LIMIT + half), *_unless(_EQUAL, 0, errno.EPERM))
    ]
    return [*zero, _op(_RETURN, _ALLOW)]


def _socket() -> list[bytes]:
    families = zip(range(len(_FAMILIES), 0, -1), _FAMILIES, strict=True)
    return [
        _op(_LOAD, _FIRST_ARGUMENT),
        *(_op(_EQUAL, family, if_true=left) for left, family in families),
        _op(_RETURN, _ERRNO | errno.EAFNOSUPPORT),
        _op(_RETURN, _ALLOW),
    ]


def _deny(test: int, value: int, number: int) -> Iterator[bytes]:
    yield _op(test, value, if_false=1)
    yield _op(_RETURN, _ERRNO | number)


def _unless(test: int, value: int, number: int) -> Iterator[bytes]:
    yield _op(test, value, if_true=1)
    yield _op(_RETURN, _ERRNO | number)


def _op(code: int, value: int, *, if_true: int = 0, if_false: int = 0) -> bytes:
    return struct.pack("=HBBI", code, if_true, if_false, value)
