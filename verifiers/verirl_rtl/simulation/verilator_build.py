"""Build a simulation with Verilator quickly: one unoptimized C++ unit on a runtime that is compiled once.

Stock `verilator --binary` compiles its runtime library and its headers again for each design, which takes
seconds. Here both are compiled once per machine and version of the tools, and kept. A design then costs one
run of Verilator and one run of the compiler on its output.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shlex
import shutil
import subprocess
import sys
import time
import warnings
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files
from pathlib import Path

from verirl.errors import ToolMissingError, VerirlError
from verirl.requirements import install_line
from verirl_rtl.language.inspection import Port
from verirl_rtl.simulation.harness import escaped_identifier, overrides, vector_range
from verirl_rtl.tools import version

RUNTIME_VARIABLE = "VERIRL_VERILATOR_RUNTIME"
READY_FILE = "ready"
"""File in the runtime's folder that says that the folder is complete."""
STARTED_FILE = "begun"
"""File in the runtime's folder that its builder locks while it works."""
LOCK_GRACE_S = 5.0
"""Seconds within which the builder of the runtime takes the lock."""

ORDER_WARNING = "BLKANDNBLK"
"""Verilator's warning of blocking and nonblocking assignments to one variable, whose order it changes."""
WARNING_OPTIONS = (
    "-Wno-fatal",
    "-Wno-lint",
    "-Wno-style",
    f"-Wwarn-{ORDER_WARNING}",
    "-Wno-MULTIDRIVEN",
    "-Wno-UNOPTFLAT",
    "-Wno-STMTDLY",
    "-Wno-INITIALDLY",
    "-Wno-MODDUP",
    "-Wno-TIMESCALEMOD",
)
_COMMON = ("-DVL_TIME_CONTEXT", "-DVERILATOR=1", "-DVM_COVERAGE=0", "-DVM_SC=0", "-faligned-new", "-w")
_OBJECTS = ("verilated.cpp", "verilated_threads.cpp", "verilated_timing.cpp", "verilated_vcd_c.cpp")
_PRELUDE = """#pragma once
#include "verilated.h"
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <vector>
"""
TIMING_HEADER = '#include "verilated_timing.h"\n'


class RuntimeAwaitedError(VerirlError, RuntimeError):
    """The runtime library of Verilator is not compiled yet."""


class RuntimeBuildError(VerirlError, RuntimeError):
    """The runtime library of Verilator does not compile on this machine."""


def compiler_flags(*, timed: bool = False) -> list[str]:
    """Return the compiler options of a unit; the precompiled header fits only the same options."""
    return ["-O0", *_COMMON, *(["-std=gnu++20", "-fcoroutines"] if timed else ["-std=gnu++17"])]


def verilator_installed() -> bool:
    """Whether Verilator and a compiler are installed."""
    return all(shutil.which(tool) for tool in ("verilator", "g++"))


@cache
def verilator_root() -> Path:
    """Return the folder of Verilator's own files.

    Raises:
        ToolMissingError: If Verilator or the compiler is not installed.
    """
    for tool in ("verilator", "g++"):
        if shutil.which(tool) is None:
            raise ToolMissingError(tool, install_line(tool))
    said = subprocess.run(
        ["verilator", "--getenv", "VERILATOR_ROOT"], capture_output=True, text=True, check=False
    )
    return Path(said.stdout.strip() or "/usr/share/verilator")


@cache
def runtime_folder() -> Path:
    """Return the folder of the compiled runtime and headers; compile it if needed, which takes about 10 s.

    Returns:
        `${XDG_CACHE_HOME:-~/.cache}/verirl/verilator-…`, with a hash of everything that went into it. Workers
        get the folder from `RUNTIME_VARIABLE` and compile nothing.

    Raises:
        RuntimeBuildError: If there is no runtime and it cannot be compiled.
        ToolMissingError: If Verilator or the compiler is not installed.
    """
    given = os.environ.get(RUNTIME_VARIABLE)
    where = Path(given) if given else _default_folder()
    if not (where / READY_FILE).is_file():
        if given:
            raise RuntimeBuildError(f"{RUNTIME_VARIABLE}: '{given}' is not a compiled runtime of Verilator")
        try:
            _build(where)
        except OSError as error:
            raise RuntimeBuildError(f"Verilator's runtime cannot be kept in '{where}': {error}") from error
    return where


@cache
def start_runtime_build() -> Path:
    """Return the folder of the runtime; if it is missing, another process compiles it in the background."""
    where = _default_folder()
    try:
        where.mkdir(parents=True, exist_ok=True)
        where.chmod(0o755)
        if not (where / READY_FILE).is_file():
            (where / STARTED_FILE).touch()
            # The shell ends at once, so that no process has to wait for the builder that it leaves behind.
            maker = f"exec {shlex.join([sys.executable, '-P', '-m', __name__])} >/dev/null 2>&1"
            environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
            subprocess.run(
                ["sh", "-c", f"{maker} </dev/null &"], env=environment, check=True, start_new_session=True
            )
    except OSError as error:
        warnings.warn(f"Verilator's runtime cannot be kept in '{where}': {error}", stacklevel=2)
    return where


def verilator_usable(seconds: float) -> bool:
    """Check for Verilator, a compiler and the compiled runtime; warn if only the runtime is missing.

    Args:
        seconds: How long a worker may wait for a runtime that is being compiled.

    Returns:
        Whether models can be built.

    Raises:
        RuntimeAwaitedError: If the runtime is not ready in time, which is not a fault of the answer.
    """
    if not verilator_installed():
        return False
    if given := os.environ.get(RUNTIME_VARIABLE):
        _await(Path(given), seconds)
    try:
        runtime_folder()
    except RuntimeBuildError as error:
        warnings.warn(f"{error}; going on without Verilator", stacklevel=2)
        return False
    return True


def _await(where: Path, seconds: float) -> None:
    """Return when the runtime is ready, or when no process is building it."""
    began = time.monotonic()
    while not (where / READY_FILE).is_file() and (where / STARTED_FILE).is_file():
        spent = time.monotonic() - began
        if spent > LOCK_GRACE_S and not _is_locked(where / STARTED_FILE):
            return
        if spent > seconds:
            raise RuntimeAwaitedError("Verilator's runtime is still being compiled; try again in a minute")
        time.sleep(0.05)


def _is_locked(path: Path) -> bool:
    """Whether a process holds a lock on a file."""
    with path.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def _default_folder() -> Path:
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path("~/.cache").expanduser())
    compiler = subprocess.run(["g++", "-dumpfullversion"], capture_output=True, text=True, check=False).stdout
    parts = (
        str(verilator_root()),
        version("verilator"),
        compiler,
        _PRELUDE,
        *compiler_flags(),
        *compiler_flags(timed=True),
    )
    return base / "verirl" / f"verilator-{hashlib.sha256(repr(parts).encode()).hexdigest()[:16]}"


def _build(where: Path) -> None:
    """Compile into a folder that workers may already see; a second builder waits for the first one."""
    include = verilator_root() / "include"
    where.mkdir(parents=True, exist_ok=True)
    where.chmod(0o755)
    with (where / STARTED_FILE).open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if (where / READY_FILE).is_file():
            return
        for kind, head in (("plain", _PRELUDE), ("timed", _PRELUDE + TIMING_HEADER)):
            (where / kind).mkdir(exist_ok=True)
            header = where / kind / "prelude.h"
            header.write_text(head)
            _compile(
                [*compiler_flags(timed=kind == "timed"), "-x", "c++-header", str(header), f"-I{include}"]
            )
        for source in _OBJECTS:
            target = where / source.replace(".cpp", ".o")
            _compile(
                [
                    "-O2",
                    *compiler_flags(timed=True)[1:],
                    "-c",
                    str(include / source),
                    "-o",
                    str(target),
                    f"-I{include}",
                ]
            )
        (where / READY_FILE).touch()


def _compile(arguments: Sequence[str]) -> None:
    done = subprocess.run(["g++", *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeBuildError(f"Verilator's runtime does not compile: {done.stderr.strip()[:300]}")


def harness(name: str, top: str, ports: Sequence[Port], parameters: Mapping[str, str]) -> str:
    """Return a module around `top` whose ports have plain names, so that no name collides with one of C++."""
    declared = ", ".join(
        f"{port.direction} {vector_range(port.width)} p{number}" for number, port in enumerate(ports)
    )
    joined = ", ".join(f".{escaped_identifier(port.name)}(p{number})" for number, port in enumerate(ports))
    instance = f"{escaped_identifier(top)} {overrides(parameters)}dut ({joined});"
    return f"module {name}({declared});\n{instance}\nendmodule\n"


def ports_header(ports: Sequence[Port], *, trace: bool = False) -> str:
    """Return the macros for `model.cpp`. As `-D` options they would not fit the precompiled header."""
    lines = ["#define VERIRL_TRACE"] if trace else []
    lines += ['#include "prelude.h"', '#include "Vdut.h"']
    for direction, call, move in (("input", "put", "from"), ("output", "get", "to")):
        mine = [
            (f"p{number}", port.width) for number, port in enumerate(ports) if port.direction == direction
        ]
        body = " ".join(f"{call}(dut->{name}, {move}, {width}); {move} += {width};" for name, width in mine)
        lines.append(f"#define {call.upper()}_ALL {body}")
        lines.append(f"#define {direction.upper()}_BITS {sum(width for _, width in mine)}")
    return "\n".join(lines) + "\n"


def model_files(
    name: str, top: str, ports: Sequence[Port], parameters: Mapping[str, str], *, trace: bool = False
) -> dict[str, str]:
    """Return the files that a build of a model needs besides `design.sv`: name → text."""
    return {
        "harness.sv": harness(name, top, ports, parameters),
        "ports.h": ports_header(ports, trace=trace),
        "model.cpp": (files("verirl_rtl.simulation") / "model.cpp").read_text(encoding="utf-8"),
    }


def model_script(name: str, *, trace: bool = False) -> str:
    """Return the shell script that builds the program `model` from `harness.sv` and `design.sv`."""
    options = ["--cc", "--no-timing", "--x-assign", "unique", "--x-initial", "unique", *WARNING_OPTIONS]
    options += ["--trace"] if trace else []
    return _script(
        [*options, "--top-module", name, "harness.sv", "design.sv"],
        ["model.cpp"],
        compiler_flags(),
        "plain",
        ("verilated", "verilated_threads", *(["verilated_vcd_c"] if trace else [])),
    )


def bench_script(top: str, sources: Sequence[str]) -> str:
    """Return the shell script that builds the program `model` from a testbench that keeps its own time."""
    options = ["--cc", "--timing", "--main", "--exe", *WARNING_OPTIONS, "--top-module", top, *sources]
    return _script(
        options,
        [],
        compiler_flags(timed=True),
        "timed",
        ("verilated", "verilated_threads", "verilated_timing"),
    )


def _script(
    options: Sequence[str], own: Sequence[str], compiling: Sequence[str], kind: str, objects: Sequence[str]
) -> str:
    kept = runtime_folder()
    linked = " ".join(f"{kept}/{name}.o" for name in objects)
    include = f"{verilator_root()}/include"
    return "\n".join(
        [
            "set -e",
            f"export VERILATOR_ROOT={verilator_root()}",
            f"{_binary()} {' '.join(options)} --prefix Vdut --Mdir obj",
            "{ echo '#include \"prelude.h\"'; for f in obj/*.cpp "
            + " ".join(own)
            + '; do echo "#include \\"$f\\""; done; } > all.cpp',
            f"g++ {' '.join(compiling)} -I{kept}/{kind} -I. -Iobj -I{include} -I{include}/vltstd all.cpp"
            f" {linked} -lpthread -o model",
            "",
        ]
    )


@cache
def _binary() -> str:
    """The compiled program; the Perl script in front of it only sets VERILATOR_ROOT."""
    return "verilator_bin" if shutil.which("verilator_bin") else "verilator"


if __name__ == "__main__":
    runtime_folder()
