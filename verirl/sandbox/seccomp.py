"""The system calls that no sandboxed program may make, as a classic BPF program for `bwrap --seccomp`.

Namespaces hide the machine; this filter keeps a program from making namespaces of its own (in which it
could mount memory that no limit counts), from tracing its neighbours, and from the corners of the kernel
that a checker never needs. It denies by list, so that compilers and simulators keep working.
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
_ALLOW, _KILL, _ERRNO = 0x7FFF0000, 0x80000000, 0x00050000
_X32_BIT = 0x40000000
_NEW_NAMESPACE = 0x7E020000
"""Every CLONE_NEW* flag that clone(2) takes."""

_FAMILIES = (1, 2, 10, 16)
"""AF_UNIX, AF_INET, AF_INET6, AF_NETLINK: the ones that a network namespace confines."""


class _Abi(NamedTuple):
    audit: int
    column: int
    clone: int
    socket: int


_ABIS = {"x86_64": _Abi(0xC000003E, 1, 56, 41), "aarch64": _Abi(0xC00000B7, 2, 220, 198)}

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
"""Name, number on x86_64, number on aarch64. Shared memory is here because no limit counts it."""


def program(machine: str | None = None) -> bytes | None:
    """The filter for this machine (`sock_filter` records), or None for an architecture without a table."""
    abi = _ABIS.get(machine or platform.machine())
    return None if abi is None else b"".join(_instructions(abi))


def _instructions(abi: _Abi) -> Iterator[bytes]:
    yield _op(_LOAD, _ARCHITECTURE)
    yield _op(_EQUAL, abi.audit, if_true=1)
    yield _op(_RETURN, _KILL)
    yield _op(_LOAD, _NUMBER)
    yield from _deny(_AT_LEAST, _X32_BIT, errno.ENOSYS)
    for entry in _DENIED.replace("\n", ",").split(","):
        if entry.strip():
            yield from _deny(_EQUAL, int(entry.split()[abi.column]), errno.EPERM)
    # glibc falls back from clone3, whose flags lie behind a pointer that no filter can read.
    yield from _deny(_EQUAL, _CLONE3, errno.ENOSYS)
    yield _op(_EQUAL, abi.clone, if_false=4)
    yield _op(_LOAD, _FIRST_ARGUMENT)
    yield from _deny(_ANY_BIT, _NEW_NAMESPACE, errno.EPERM)
    yield _op(_RETURN, _ALLOW)
    yield _op(_EQUAL, abi.socket, if_true=1)
    yield _op(_RETURN, _ALLOW)
    yield _op(_LOAD, _FIRST_ARGUMENT)
    for left, family in zip(range(len(_FAMILIES), 0, -1), _FAMILIES, strict=True):
        yield _op(_EQUAL, family, if_true=left)
    yield _op(_RETURN, _ERRNO | errno.EAFNOSUPPORT)
    yield _op(_RETURN, _ALLOW)


def _deny(test: int, value: int, number: int) -> Iterator[bytes]:
    yield _op(test, value, if_false=1)
    yield _op(_RETURN, _ERRNO | number)


def _op(code: int, value: int, *, if_true: int = 0, if_false: int = 0) -> bytes:
    return struct.pack("=HBBI", code, if_true, if_false, value)
