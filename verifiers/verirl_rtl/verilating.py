"""A design into a program, fast: Verilator, then one unoptimised unit of C++ on a runtime compiled once.

Stock `verilator --binary` compiles its runtime library and its headers again for each design, in seconds.
Here both are compiled once for a machine and a version of the tools, and kept; a design then costs one run of
Verilator and one of the compiler on what it wrote.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tempfile
import warnings
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cache
from importlib.resources import files
from pathlib import Path

from verirl.errors import ToolMissingError, VerirlError
from verirl.tools import install_line
from verirl_rtl.harness import identifier, overrides, span
from verirl_rtl.policy import Port
from verirl_rtl.tools import version

RUNTIME = "VERIRL_VERILATOR_RUNTIME"

QUIET = (
    "-Wno-fatal",
    "-Wno-lint",
    "-Wno-style",
    "-Wno-BLKANDNBLK",
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
TIMED = '#include "verilated_timing.h"\n'


class RuntimeBuildError(VerirlError, RuntimeError):
    """Verilator's own runtime library does not compile on this machine."""


def flags(*, timed: bool = False) -> list[str]:
    """What a unit is compiled with; the precompiled header only fits the same."""
    return ["-O0", *_COMMON, *(["-std=gnu++20", "-fcoroutines"] if timed else ["-std=gnu++17"])]


def there() -> bool:
    """Whether Verilator and a compiler are installed."""
    return all(shutil.which(tool) for tool in ("verilator", "g++"))


@cache
def root() -> Path:
    """Verilator's own files; ToolMissingError where Verilator or the compiler is not installed."""
    for tool in ("verilator", "g++"):
        if shutil.which(tool) is None:
            raise ToolMissingError(tool, install_line(tool))
    said = subprocess.run(
        ["verilator", "--getenv", "VERILATOR_ROOT"], capture_output=True, text=True, check=False
    )
    return Path(said.stdout.strip() or "/usr/share/verilator")


@cache
def runtime() -> Path:
    """The folder of compiled runtime and headers, made where it is missing.

    `${XDG_CACHE_HOME:-~/.cache}/verirl/verilator-…`, named after what went into it. A worker is told where,
    and makes none. RuntimeBuildError where there is none and none can be made.
    """
    told = os.environ.get(RUNTIME)
    where = Path(told) if told else _place()
    if not (where / "ready").is_file():
        if told:
            raise RuntimeBuildError(f"{RUNTIME}: '{told}' is no compiled runtime of Verilator's")
        try:
            _make(where)
        except OSError as problem:
            raise RuntimeBuildError(
                f"Verilator's runtime cannot be kept in '{where}': {problem}"
            ) from problem
    return where


@cache
def usable() -> bool:
    """Whether Verilator, a compiler and the compiled runtime are there; a warning where only that is not."""
    if not there():
        return False
    try:
        runtime()
    except RuntimeBuildError as problem:
        warnings.warn(f"{problem}; going on without Verilator", stacklevel=2)
        return False
    return True


def _place() -> Path:
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path("~/.cache").expanduser())
    compiler = subprocess.run(["g++", "-dumpfullversion"], capture_output=True, text=True, check=False).stdout
    parts = (str(root()), version("verilator"), compiler, _PRELUDE, *flags(), *flags(timed=True))
    return base / "verirl" / f"verilator-{hashlib.sha256(repr(parts).encode()).hexdigest()[:16]}"


def _make(where: Path) -> None:
    where.parent.mkdir(parents=True, exist_ok=True)
    include = root() / "include"
    made = Path(tempfile.mkdtemp(dir=where.parent))
    try:
        made.chmod(0o755)
        for kind, head in (("plain", _PRELUDE), ("timed", _PRELUDE + TIMED)):
            (made / kind).mkdir()
            header = made / kind / "prelude.h"
            header.write_text(head)
            _compile([*flags(timed=kind == "timed"), "-x", "c++-header", str(header), f"-I{include}"])
        for source in _OBJECTS:
            target = made / source.replace(".cpp", ".o")
            _compile(
                [
                    "-O2",
                    *flags(timed=True)[1:],
                    "-c",
                    str(include / source),
                    "-o",
                    str(target),
                    f"-I{include}",
                ]
            )
        (made / "ready").touch()
        with suppress(OSError):
            made.rename(where)
    finally:
        shutil.rmtree(made, ignore_errors=True)


def _compile(arguments: Sequence[str]) -> None:
    done = subprocess.run(["g++", *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeBuildError(f"Verilator's runtime does not compile: {done.stderr.strip()[:300]}")


def harness(name: str, top: str, ports: Sequence[Port], parameters: Mapping[str, str]) -> str:
    """A module around `top` whose ports have plain names, so that no name collides with one of C++."""
    declared = ", ".join(
        f"{port.direction} {span(port.width)} p{number}" for number, port in enumerate(ports)
    )
    joined = ", ".join(f".{identifier(port.name)}(p{number})" for number, port in enumerate(ports))
    return (
        f"module {name}({declared});\n{identifier(top)} {overrides(parameters)}dut ({joined});\nendmodule\n"
    )


def ports_header(ports: Sequence[Port], *, trace: bool = False) -> str:
    """What `model.cpp` must know. No `-D` on the command line: the precompiled header would not fit it."""
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
    """The files, beside `design.sv`, that a build of a model needs."""
    return {
        "harness.sv": harness(name, top, ports, parameters),
        "ports.h": ports_header(ports, trace=trace),
        "model.cpp": (files("verirl_rtl") / "model.cpp").read_text(encoding="utf-8"),
    }


def model_script(name: str, *, trace: bool = False) -> str:
    """The shell's lines that make the program `model` of `harness.sv` and `design.sv`."""
    options = ["--cc", "--no-timing", "--x-assign", "unique", "--x-initial", "unique", *QUIET]
    options += ["--trace"] if trace else []
    return _script(
        [*options, "--top-module", name, "harness.sv", "design.sv"],
        ["model.cpp"],
        flags(),
        "plain",
        ("verilated", "verilated_threads", *(["verilated_vcd_c"] if trace else [])),
    )


def bench_script(top: str, sources: Sequence[str]) -> str:
    """The lines that make the program `model` of a bench with its own time."""
    options = ["--cc", "--timing", "--main", "--exe", *QUIET, "--top-module", top, *sources]
    return _script(
        options,
        [],
        flags(timed=True),
        "timed",
        ("verilated", "verilated_threads", "verilated_timing"),
    )


def _script(
    options: Sequence[str], own: Sequence[str], compiling: Sequence[str], kind: str, objects: Sequence[str]
) -> str:
    kept = runtime()
    linked = " ".join(f"{kept}/{name}.o" for name in objects)
    include = f"{root()}/include"
    return "\n".join(
        [
            "set -e",
            f"export VERILATOR_ROOT={root()}",
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
    """The compiled program behind the Perl one, which only sets VERILATOR_ROOT and starts it."""
    return "verilator_bin" if shutil.which("verilator_bin") else "verilator"
