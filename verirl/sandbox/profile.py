"""The profile of a sandbox, and the `bwrap` command line that enforces it.

There are two ways to the same isolation. For an ordinary user, the program gets a user namespace. For a root
user that may mount, it gets none: inside one it would still be the machine's root, whose process count the
kernel never limits. Instead it runs under a user id that nothing else on the machine has.
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
"""The working folder inside: always the same, so that tools name their files alike on every machine."""

_SYSTEM_FOLDERS = ("/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32")
_LINKER_FILES = ("/etc/ld.so.cache", "/etc/ld.so.conf", "/etc/ld.so.conf.d", "/etc/alternatives")
_FIRST_SPARE_UID, _SPARE_UIDS = 0x40000000, 0x30000000
_ALL_USER_IDS = ["0", "0", "4294967295"]
_CAP_SYS_ADMIN, _CAP_SETUID, _CAP_SETGID = 21, 7, 6
_MIB = 1024 * 1024


@dataclass(frozen=True)
class Limits:
    """What one program may use; None stands for no limit.

    Attributes:
        cpu_s: CPU time of each process, in seconds.
        wall_s: Wall-clock time of the whole sandbox, in seconds.
        memory_mb: Address space of each process, in MiB.
        processes: Number of processes in the sandbox, threads included.
        file_mb: Size of each file that it writes, in MiB.
        tmp_mb: Size of each file system in memory (`/tmp`, `/dev/shm`, `/job`), in MiB.
        open_files: Number of open files of each process.
        output_bytes: Number of bytes that are kept of each of standard output and standard error.

    Example:
        >>> Limits(cpu_s=5, wall_s=5, memory_mb=512).processes
        64
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
    """What a program sees and may use.

    Attributes:
        limits: What it may use.
        readable: Paths that are visible as they are outside, read-only.
        masked: Paths below a readable one that look empty inside.
        folder: Folder that is visible as `/job`, read-write; None for a fresh one in memory.
        files: Content of files that are put into `/job` first, by relative name.
        environment: Variables added to the fixed environment.
        pid_1: Whether the program itself is the first process of its namespace: it then has to reap orphans,
            and everything inside ends with it.

    Example:
        >>> SandboxProfile(readable=interpreter(), limits=Limits(cpu_s=None)).pid_1
        False
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
def wrap(argv: Sequence[str], profile: SandboxProfile, *, user: int | None = None) -> Iterator[Command]:
    """Provide the command that runs `argv` in a sandbox; its descriptors are open inside the `with`.

    Args:
        argv: The program and its arguments.
        profile: What it sees and may use.
        user: User id to run under if this process is root, as from `spare_user()`; default: one that stays
            the same while this process lives.

    Yields:
        The command to start.
    """
    fds: list[int] = []
    try:
        options = list(_options(profile, fds))
        entry = _enter(profile, user or user_id())
        yield Command(["bwrap", *options, "--", *entry, *argv], tuple(fds))
    finally:
        for fd in fds:
            os.close(fd)


def interpreter() -> tuple[Path, ...]:
    """Return the folders that this Python needs to start with its installed packages."""
    named = [Path(prefix).absolute() for prefix in (sys.base_prefix, sys.prefix)]
    return tuple(dict.fromkeys([*named, *(path.resolve() for path in named)]))


@cache
def switches_user() -> bool:
    """Whether this process may give a program a user id of its own.

    Root may not in a container that has only a few of the machine's user ids, or that may not mount.
    """
    if os.geteuid() != 0:
        return False
    capable = all(_capabilities() >> bit & 1 for bit in (_CAP_SYS_ADMIN, _CAP_SETUID, _CAP_SETGID))
    return capable and Path("/proc/self/uid_map").read_text(encoding="ascii").split() == _ALL_USER_IDS


def _capabilities() -> int:
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith("CapEff:"):
            return int(line.split()[1], 16)
    return 0


SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
"""The search path of a sandboxed program: the system folders, the only ones that it sees."""

_current_spare: tuple[int, int] | None = None


def user_id() -> int:
    """Return the user id of programs that this process starts: unused, and the same while it lives."""
    global _current_spare
    if _current_spare is None or _current_spare[0] != os.getpid():
        _current_spare = os.getpid(), spare_user()
    return _current_spare[1]


def spare_user() -> int:
    """Return a random user id that nothing on the machine has."""
    return _FIRST_SPARE_UID + secrets.randbelow(_SPARE_UIDS)


def base_environment() -> dict[str, str]:
    """Return the environment of every program, the same on every machine."""
    private = {"HOME": "/tmp", "TMPDIR": "/tmp"}  # noqa: S108 - the sandbox's own
    return {"PATH": SYSTEM_PATH, **private, "LANG": "C.UTF-8", "TZ": "UTC", "OMP_NUM_THREADS": "1"}


def _options(profile: SandboxProfile, fds: list[int]) -> Iterator[str]:
    yield from ("--unshare-pid", "--unshare-net", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try")
    yield from ("--new-session", "--die-with-parent", "--hostname", "sandbox", "--clearenv")
    if switches_user():
        # Kept until the user id is switched; the last one is for entering a working folder of that user.
        yield from ("--cap-drop", "ALL")
        for capability in ("CAP_SETUID", "CAP_SETGID", "CAP_DAC_READ_SEARCH"):
            yield from ("--cap-add", capability)
    else:
        yield from ("--unshare-user", "--disable-userns")
    # Else bwrap's own first process would be left behind, with nobody to wait for it or count its CPU time.
    yield "--as-pid-1"
    yield from _environment(profile)
    yield from _system()
    yield from _scratch(profile)
    yield from _readable(profile)
    yield from ("--remount-ro", "/")
    yield from _files(profile, fds)
    filter_ = seccomp.program()
    if filter_ is not None:
        fds.append(_memory_file(filter_))
        yield from ("--seccomp", str(fds[-1]))
    yield from ("--chdir", HOME)


def _environment(profile: SandboxProfile) -> Iterator[str]:
    for name, value in (base_environment() | dict(profile.environment)).items():
        yield from ("--setenv", name, value)


def _system() -> Iterator[str]:
    yield from ("--ro-bind", "/usr", "/usr")
    for path in _SYSTEM_FOLDERS:
        if Path(path).is_symlink():
            yield from ("--symlink", os.readlink(path), path)  # noqa: PTH115 - the text, not the target
        elif Path(path).is_dir():
            yield from ("--ro-bind", path, path)
    yield from _parents(Path(_LINKER_FILES[0]))
    for path in _LINKER_FILES:
        yield from ("--ro-bind-try", path, path)
    # Read-only, because a root that cannot switch users could write the machine's settings in /proc/sys.
    yield from ("--proc", "/proc", "--remount-ro", "/proc", "--dev", "/dev")


def _scratch(profile: SandboxProfile) -> Iterator[str]:
    size = str(profile.limits.tmp_mb * _MIB)
    for path in ("/tmp", "/dev/shm"):  # noqa: S108 - the sandbox's own
        yield from ("--perms", "1777", "--size", size, "--tmpfs", path)
    yield from ("--remount-ro", "/dev")
    if profile.folder is None:
        yield from ("--perms", "0777", "--size", size, "--tmpfs", HOME)
    else:
        yield from ("--bind", str(profile.folder), HOME)


def _readable(profile: SandboxProfile) -> Iterator[str]:
    for path in profile.readable:
        if not path.is_relative_to("/usr"):
            yield from _parents(path)
            yield from ("--ro-bind-try", str(path), str(path))
    for path in profile.masked:
        if path.is_dir():
            yield from ("--tmpfs", str(path), "--remount-ro", str(path))


def _parents(path: Path) -> Iterator[str]:
    # bwrap would make missing folders closed to other users, and inside the program is another user.
    for parent in reversed(path.parents[:-1]):
        yield from ("--perms", "0755", "--dir", str(parent))


def _files(profile: SandboxProfile, fds: list[int]) -> Iterator[str]:
    for name, data in profile.files.items():
        for parent in reversed(Path(name).parents[:-1]):
            yield from ("--perms", "0777", "--dir", f"{HOME}/{parent}")
        fds.append(_memory_file(data))
        yield from ("--perms", "0666", "--file", str(fds[-1]), f"{HOME}/{name}")


def _memory_file(data: bytes) -> int:
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


def _enter(profile: SandboxProfile, user: int) -> list[str]:
    """Return the last steps before the program: set the limits, then the user id, which ends all privilege.

    Unless the program has to be the first process, a shell stays as that, because the kernel keeps signals
    such as SIGABRT from a first process. The shell reaps orphans and prints nothing.
    """
    last = 'exec "$@"' if profile.pid_1 else 'exec 3>&2 2>/dev/null; (exec "$@" 2>&3 3>&-)'
    shell_counts = not profile.pid_1 and not switches_user()
    entry = ["sh", "-c", limit_script(profile.limits, own_processes=int(shell_counts)) + last, "sh"]
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
    """Return the shell commands that set the limits of each process (POSIX sh: dash, bash, busybox).

    Args:
        limits: The limits.
        own_processes: How many processes of the sandbox itself count as the program's; None if the program's
            cannot be told from the user's others, so that their number is not limited.
    """
    commands = ["ulimit -c 0"]
    if limits.cpu_s is not None:
        seconds = max(1, math.ceil(limits.cpu_s))
        commands += [f"ulimit -S -t {seconds}", f"ulimit -H -t {seconds + 1}"]
    if limits.memory_mb is not None:
        commands.append(f"ulimit -v {limits.memory_mb * 1024}")
    if limits.file_mb is not None:
        commands.append(f"ulimit -f {limits.file_mb * 2048}")
    if limits.open_files is not None:
        commands.append(f"ulimit -n {limits.open_files}")
    if limits.processes is not None and own_processes is not None:
        # dash and busybox say -p, bash says -u
        count = limits.processes + own_processes
        commands.append(f"{{ ulimit -p {count} || ulimit -u {count}; }} 2>/dev/null")
    return "; ".join(commands) + "; "
