"""Start a worker process: what it sees, what it may use, and the two channels it gets."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import verirl
from verirl import registry, sandbox
from verirl.io import sources

_LIBRARIES = ("OMP", "OPENBLAS", "MKL", "NUMEXPR")
_THREADS = {f"{library}_NUM_THREADS": "1" for library in _LIBRARIES}
_SAME_EVERYWHERE = {"PYTHONHASHSEED": "0", "PYTHONDONTWRITEBYTECODE": "1", "PYTHONUTF8": "1"}


@dataclass(frozen=True)
class WorkerCommand:
    """What a worker is for. It is confined to a sandbox itself, or else its domain sandboxes its programs.

    `folder`: where an unconfined worker keeps its jobs' files; None for a confined one.
    """

    domain: str
    memory_mb: int
    folder: Path | None
    sandboxed: bool


def start(plan: WorkerCommand) -> tuple[subprocess.Popen[bytes], socket.socket]:
    """The process and our end of its control channel. Its standard error is a pipe."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    try:
        with theirs:
            argv = _argv(plan, theirs.fileno())
            if plan.folder is None:
                policy = _policy(plan)
                with sandbox.wrap(argv, policy, user=sandbox.spare_user()) as command:
                    process = _popen(command.argv, (*command.fds, theirs.fileno()), dict(os.environ))
            else:
                scratch = {"TMPDIR": str(plan.folder / "tmp"), **_path(), **_SAME_EVERYWHERE}
                process = _popen(argv, (theirs.fileno(),), {**os.environ, **_THREADS, **scratch})
    except BaseException:
        ours.close()
        raise
    return process, ours


def _argv(plan: WorkerCommand, control: int) -> list[str]:
    folder = str(plan.folder or sandbox.HOME)
    flags = ["confined"] * (plan.folder is None) + ["sandboxed"] * plan.sandboxed
    module = ["-P", "-m", "verirl.pool.worker"]
    return [sys.executable, *module, str(control), plan.domain, str(plan.memory_mb), folder, *flags]


def _popen(argv: list[str], fds: tuple[int, ...], environment: dict[str, str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        argv,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        pass_fds=fds,
        env=environment,
        start_new_session=True,
    )


def _policy(plan: WorkerCommand) -> sandbox.SandboxProfile:
    # The worker sets its own memory limit; one job after the other uses its CPU time, so that has none.
    limits = sandbox.Limits(cpu_s=None, memory_mb=None, file_mb=256, tmp_mb=256, processes=64)
    shipped = sources.shipped_folder()
    files = registry.load(plan.domain).worker_files()
    return sandbox.SandboxProfile(
        limits=limits,
        readable=(*sandbox.interpreter(), *_code(plan.domain), *files.values()),
        masked=(shipped,) if shipped.is_relative_to(Path(verirl.__file__).parent) else (),
        environment={**_THREADS, **_SAME_EVERYWHERE, **_path(), **{k: str(v) for k, v in files.items()}},
        pid_1=True,
    )


def _path() -> dict[str, str]:
    return {"PYTHONPATH": os.pathsep.join(str(entry) for entry in _extra_entries())}


def _extra_entries() -> list[Path]:
    """Folders on this interpreter's path that do not come with it."""
    own = sandbox.interpreter()
    entries = (Path(entry).absolute() for entry in sys.path)
    return [e for e in dict.fromkeys(entries) if e.is_dir() and not any(e.is_relative_to(p) for p in own)]


def _code(domain: str) -> Iterator[Path]:
    """The code that a worker imports from outside the interpreter: modules, never the data beside them."""
    names = {"verirl", registry.installed()[domain].module.partition(".")[0]}
    found = [place for name in sorted(names) for place in _module(name)]
    for entry in _extra_entries():
        found += [entry] if entry.name in ("site-packages", "dist-packages") else _importable(entry)
    own = sandbox.interpreter()
    yield from (path for path in dict.fromkeys(found) if not any(path.is_relative_to(p) for p in own))


def _module(name: str) -> list[Path]:
    spec = find_spec(name)
    if spec is None:
        return []
    if spec.submodule_search_locations is not None:
        return [Path(place).absolute() for place in spec.submodule_search_locations if Path(place).is_dir()]
    return [Path(spec.origin).absolute()] if spec.origin else []


@cache
def _importable(folder: Path) -> list[Path]:
    """Packages, modules and their metadata directly inside `folder`."""
    if not os.access(folder, os.R_OK | os.X_OK):
        return []
    return [
        path
        for path in sorted(folder.iterdir())
        if path.suffix in (".py", ".so", ".dist-info", ".egg-info") or _is_package(path)
    ]


def _is_package(path: Path) -> bool:
    return os.access(path, os.R_OK | os.X_OK) and (path / "__init__.py").is_file()
