"""Start a worker process: its sandbox, its environment, and its control channel."""

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

_THREADED_LIBRARIES = ("OMP", "OPENBLAS", "MKL", "NUMEXPR")
_ONE_THREAD = {f"{library}_NUM_THREADS": "1" for library in _THREADED_LIBRARIES}
_PYTHON_SETTINGS = {"PYTHONHASHSEED": "0", "PYTHONDONTWRITEBYTECODE": "1", "PYTHONUTF8": "1"}


@dataclass(frozen=True)
class WorkerCommand:
    """Which worker to start, and how.

    A confined worker runs in a sandbox itself; the domain of an unconfined one sandboxes the programs that it
    runs.

    Attributes:
        domain: Name of the domain.
        memory_mb: Limit of the address space.
        folder: Where an unconfined worker keeps its jobs' files; None for a confined one.
        sandboxed: Whether anything is sandboxed at all.
    """

    domain: str
    memory_mb: int
    folder: Path | None
    sandboxed: bool


def start(plan: WorkerCommand) -> tuple[subprocess.Popen[bytes], socket.socket]:
    """Start a fork server; returns its process, with a pipe as standard error, and the control channel."""
    own_end, worker_end = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    try:
        with worker_end:
            argv = _argv(plan, worker_end.fileno())
            if plan.folder is None:
                profile = _profile(plan)
                with sandbox.wrap(argv, profile, user=sandbox.spare_user()) as command:
                    process = _popen(command.argv, (*command.fds, worker_end.fileno()), dict(os.environ))
            else:
                scratch = {"TMPDIR": str(plan.folder / "tmp"), **_path(), **_PYTHON_SETTINGS}
                process = _popen(argv, (worker_end.fileno(),), {**os.environ, **_ONE_THREAD, **scratch})
    except BaseException:
        own_end.close()
        raise
    return process, own_end


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


def _profile(plan: WorkerCommand) -> sandbox.SandboxProfile:
    # The worker sets its own memory limit; one job after the other uses its CPU time, so that has none.
    limits = sandbox.Limits(cpu_s=None, memory_mb=None, file_mb=256, tmp_mb=256, processes=64)
    shipped = sources.shipped_folder()
    files = registry.load(plan.domain).worker_files()
    return sandbox.SandboxProfile(
        limits=limits,
        readable=(*sandbox.interpreter(), *_code(plan.domain), *files.values()),
        masked=(shipped,) if shipped.is_relative_to(Path(verirl.__file__).parent) else (),
        environment={**_ONE_THREAD, **_PYTHON_SETTINGS, **_path(), **{k: str(v) for k, v in files.items()}},
        pid_1=True,
    )


def _path() -> dict[str, str]:
    return {"PYTHONPATH": os.pathsep.join(str(entry) for entry in _extra_entries())}


def _extra_entries() -> list[Path]:
    """Return the folders on `sys.path` that do not belong to the interpreter."""
    own = sandbox.interpreter()
    entries = (Path(entry).absolute() for entry in sys.path)
    return [e for e in dict.fromkeys(entries) if e.is_dir() and not any(e.is_relative_to(p) for p in own)]


def _code(domain: str) -> Iterator[Path]:
    """Yield the modules that a worker imports from outside the interpreter, not the data beside them."""
    names = {"verirl", registry.installed()[domain].module.partition(".")[0]}
    found = [path for name in sorted(names) for path in _module(name)]
    for entry in _extra_entries():
        found += [entry] if entry.name in ("site-packages", "dist-packages") else _importable(entry)
    own = sandbox.interpreter()
    yield from (path for path in dict.fromkeys(found) if not any(path.is_relative_to(p) for p in own))


def _module(name: str) -> list[Path]:
    spec = find_spec(name)
    if spec is None:
        return []
    if spec.submodule_search_locations is not None:
        return [
            Path(folder).absolute() for folder in spec.submodule_search_locations if Path(folder).is_dir()
        ]
    return [Path(spec.origin).absolute()] if spec.origin else []


@cache
def _importable(folder: Path) -> list[Path]:
    """Return the packages, modules and their metadata directly inside `folder`."""
    if not os.access(folder, os.R_OK | os.X_OK):
        return []
    return [
        path
        for path in sorted(folder.iterdir())
        if path.suffix in (".py", ".so", ".dist-info", ".egg-info") or _is_package(path)
    ]


def _is_package(path: Path) -> bool:
    return os.access(path, os.R_OK | os.X_OK) and (path / "__init__.py").is_file()
