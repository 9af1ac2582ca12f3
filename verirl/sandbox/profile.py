"""What a sandboxed program may see and use, and the `bwrap` command line that says so.

Two ways to the same walls. An ordinary user gets a user namespace. Root that may mount gets none:
it would stay the machine's root inside (whose process count the kernel never limits), so the program is
handed to a user id that nothing else on the machine has.
"""

from __future__ import annotations

import math
import os
import secrets
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import NamedTuple

from verirl.sandbox import seccomp

HOME = "/job"
"""The working folder inside: always the same, so that what a tool says of its files is, too."""

_SYSTEM = ("/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32")
_ETC = ("/etc/ld.so.cache", "/etc/ld.so.conf", "/etc/ld.so.conf.d", "/etc/alternatives")
_FIRST_SPARE_UID, _SPARE_UIDS = 0x40000000, 0x30000000
_EVERY_USER = ["0", "0", "4294967295"]
_CAP_SYS_ADMIN, _CAP_SETUID, _CAP_SETGID = 21, 7, 6
_MIB = 1024 * 1024


@dataclass(frozen=True)
class Limits:
    """What one program may use. None means: not limited here.

    `cpu_s`, `memory_mb` (address space) and `open_files` hold for each process; `wall_s`, `processes`
    (threads count) and `tmp_mb` for the whole sandbox; `file_mb` for each file, `output_bytes` for each
    of standard output and standard error.
    """

    cpu_s: float | None = 10.0
    wall_s: float = 10.0
    memory_mb: int | None = 1024
    processes: int | None = 64
    file_mb: int | None = 64
    tmp_mb: int = 256
    open_files: int | None = 256
    output_bytes: int = 1024 * 1024


@dataclass(frozen=True)
class SandboxProfile:
    """What is visible inside. `readable`: paths shown as they are outside, read-only. `folder`: shown as
    `/job`, read-write (a fresh one in memory where None). `files`: put into `/job` first. `masked`: paths
    below a readable one that look empty. `pid_1`: the program is its namespace's first process, reaps what
    is orphaned, and takes everything with it when it ends.
    """

    limits: Limits = Limits()
    readable: tuple[Path, ...] = ()
    masked: tuple[Path, ...] = ()
    folder: Path | None = None
    files: Mapping[str, bytes] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    pid_1: bool = False


class Command(NamedTuple):
    """An argument list, and the descriptors that the child must inherit."""

    argv: list[str]
    fds: tuple[int, ...]


@contextmanager
def wrap(argv: Sequence[str], policy: SandboxProfile, *, user: int | None = None) -> Iterator[Command]:
    """The command that runs `argv` in a sandbox; its descriptors are open until the `with` ends.

    `user`: the id to run under where we are root (`spare_user()`); this process's own where None.
    """
    fds: list[int] = []
    try:
        options = list(_options(policy, fds))
        entry = _enter(policy, user or user_id())
        yield Command(["bwrap", *options, "--", *entry, *argv], tuple(fds))
    finally:
        for fd in fds:
            os.close(fd)


def interpreter() -> tuple[Path, ...]:
    """The folders that this Python needs to start with its installed packages."""
    named = [Path(prefix).absolute() for prefix in (sys.base_prefix, sys.prefix)]
    return tuple(dict.fromkeys([*named, *(path.resolve() for path in named)]))


@cache
def switches_user() -> bool:
    """Whether we are root enough to give the program a user id of its own.

    Not in a container that has but a few of the machine's user ids, nor in one that may not mount.
    """
    if os.geteuid() != 0:
        return False
    capable = all(_capabilities() >> bit & 1 for bit in (_CAP_SYS_ADMIN, _CAP_SETUID, _CAP_SETGID))
    return capable and Path("/proc/self/uid_map").read_text(encoding="ascii").split() == _EVERY_USER


def _capabilities() -> int:
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith("CapEff:"):
            return int(line.split()[1], 16)
    return 0


SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
"""Where a sandboxed program looks for others: the machine's own folders, the only ones it sees."""

_spare: tuple[int, int] | None = None


def user_id() -> int:
    """The id that programs started by this process run under: unused, and stable while it lives."""
    global _spare
    if _spare is None or _spare[0] != os.getpid():
        _spare = os.getpid(), spare_user()
    return _spare[1]


def spare_user() -> int:
    """A user id that nothing on the machine has."""
    return _FIRST_SPARE_UID + secrets.randbelow(_SPARE_UIDS)


def base_environment() -> dict[str, str]:
    """The environment of every program, the same on every machine."""
    private = {"HOME": "/tmp", "TMPDIR": "/tmp"}  # noqa: S108 - the sandbox's own
    return {"PATH": SYSTEM_PATH, **private, "LANG": "C.UTF-8", "TZ": "UTC", "OMP_NUM_THREADS": "1"}


def _options(policy: SandboxProfile, fds: list[int]) -> Iterator[str]:
    yield from ("--unshare-pid", "--unshare-net", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try")
    yield from ("--new-session", "--die-with-parent", "--hostname", "sandbox", "--clearenv")
    if switches_user():
        # Kept until the user id is switched; the last one to enter a working folder that is its alone.
        yield from ("--cap-drop", "ALL")
        for capability in ("CAP_SETUID", "CAP_SETGID", "CAP_DAC_READ_SEARCH"):
            yield from ("--cap-add", capability)
    else:
        yield from ("--unshare-user", "--disable-userns")
    # bwrap's own first process would be left behind, unwaited for and with its CPU time uncounted.
    yield "--as-pid-1"
    yield from _environment(policy)
    yield from _system()
    yield from _scratch(policy)
    yield from _readable(policy)
    yield from ("--remount-ro", "/")
    yield from _files(policy, fds)
    filter_ = seccomp.program()
    if filter_ is not None:
        fds.append(_holding(filter_))
        yield from ("--seccomp", str(fds[-1]))
    yield from ("--chdir", HOME)


def _environment(policy: SandboxProfile) -> Iterator[str]:
    for name, value in (base_environment() | dict(policy.environment)).items():
        yield from ("--setenv", name, value)


def _system() -> Iterator[str]:
    yield from ("--ro-bind", "/usr", "/usr")
    for path in _SYSTEM:
        if Path(path).is_symlink():
            yield from ("--symlink", os.readlink(path), path)  # noqa: PTH115 - the text, not the target
        elif Path(path).is_dir():
            yield from ("--ro-bind", path, path)
    yield from _parents(Path(_ETC[0]))
    for path in _ETC:
        yield from ("--ro-bind-try", path, path)
    # Read-only, for a root that could not switch users may write the machine's settings in /proc/sys.
    yield from ("--proc", "/proc", "--remount-ro", "/proc", "--dev", "/dev")


def _scratch(policy: SandboxProfile) -> Iterator[str]:
    size = str(policy.limits.tmp_mb * _MIB)
    for path in ("/tmp", "/dev/shm"):  # noqa: S108 - the sandbox's own
        yield from ("--perms", "1777", "--size", size, "--tmpfs", path)
    yield from ("--remount-ro", "/dev")
    if policy.folder is None:
        yield from ("--perms", "0777", "--size", size, "--tmpfs", HOME)
    else:
        yield from ("--bind", str(policy.folder), HOME)


def _readable(policy: SandboxProfile) -> Iterator[str]:
    for path in policy.readable:
        if not path.is_relative_to("/usr"):
            yield from _parents(path)
            yield from ("--ro-bind-try", str(path), str(path))
    for path in policy.masked:
        if path.is_dir():
            yield from ("--tmpfs", str(path), "--remount-ro", str(path))


def _parents(path: Path) -> Iterator[str]:
    # bwrap makes missing ones closed to every other user, and inside the program is another user.
    for parent in reversed(path.parents[:-1]):
        yield from ("--perms", "0755", "--dir", str(parent))


def _files(policy: SandboxProfile, fds: list[int]) -> Iterator[str]:
    for name, data in policy.files.items():
        for parent in reversed(Path(name).parents[:-1]):
            yield from ("--perms", "0777", "--dir", f"{HOME}/{parent}")
        fds.append(_holding(data))
        yield from ("--perms", "0666", "--file", str(fds[-1]), f"{HOME}/{name}")


def _holding(data: bytes) -> int:
    fd = os.memfd_create("verirl")
    try:
        view = memoryview(data)
        while view:
            view = view[os.write(fd, view) :]
        os.lseek(fd, 0, os.SEEK_SET)
    except BaseException:
        os.close(fd)
        raise
    return fd


def _enter(policy: SandboxProfile, user: int) -> list[str]:
    """The last steps before the program, inside: limits, then the user id (which ends all privilege).

    Unless the program is to be the first process, the shell stays as that: the kernel would keep signals
    such as SIGABRT from a first process. It reaps what is orphaned, and says nothing of its own.
    """
    last = 'exec "$@"' if policy.pid_1 else 'exec 3>&2 2>/dev/null; (exec "$@" 2>&3 3>&-)'
    shell_counts = not policy.pid_1 and not switches_user()
    entry = ["sh", "-c", limit_script(policy.limits, own_processes=int(shell_counts)) + last, "sh"]
    if switches_user():
        entry += [
            "setpriv",
            "--reuid",
            str(user),
            "--regid",
            str(user),
            "--clear-groups",
            "--inh-caps=-all",
            "--",
        ]
    return entry


def limit_script(limits: Limits, *, own_processes: int | None = 0) -> str:
    """The shell's words for the limits that hold for each process (POSIX sh: dash, bash, busybox).

    `own_processes`: how many of ours count as the program's; None where its processes cannot be told from
    the user's others, and are not limited.
    """
    words = ["ulimit -c 0"]
    if limits.cpu_s is not None:
        seconds = max(1, math.ceil(limits.cpu_s))
        words += [f"ulimit -S -t {seconds}", f"ulimit -H -t {seconds + 1}"]
    if limits.memory_mb is not None:
        words.append(f"ulimit -v {limits.memory_mb * 1024}")
    if limits.file_mb is not None:
        words.append(f"ulimit -f {limits.file_mb * 2048}")
    if limits.open_files is not None:
        words.append(f"ulimit -n {limits.open_files}")
    if limits.processes is not None and own_processes is not None:
        # dash and busybox say -p, bash says -u
        count = limits.processes + own_processes
        words.append(f"{{ ulimit -p {count} || ulimit -u {count}; }} 2>/dev/null")
    return "; ".join(words) + "; "
