"""System calls that a child may not make, besides those that the sandbox's own filter denies (seccomp(2)).

A child is one process that already runs: it starts no program and no process (threads are allowed), opens no
socket, sends no signal, and changes no limit.
"""

from __future__ import annotations

from verirl.sandbox import seccomp

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


def program(machine: str | None = None) -> bytes | None:
    """Return the filter to install.

    Args:
        machine: The architecture as `platform.machine()` names it; None for this one.

    Returns:
        `sock_filter` records, or None for an architecture without a table.
    """
    return seccomp.program(machine, also=_DENIED, confined=True)
