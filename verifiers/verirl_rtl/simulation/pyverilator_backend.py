"""The other backend of `verilated`: the fork `pyverilator-mm`, which loads a design into a Python process.

That process is this module, in a sandbox of its own; it speaks the same lines of bits as `model.cpp` does.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
from importlib import import_module
from pathlib import Path

from verirl.errors import ToolMissingError

INSTALL_COMMAND = "pip install 'verirl[pyverilator]'"


def require_pyverilator() -> None:
    """Raise ToolMissingError if the fork is not installed; `pyverilator` from PyPI does not import."""
    from importlib.metadata import PackageNotFoundError, distribution

    try:
        distribution("pyverilator-mm")
    except PackageNotFoundError:
        raise ToolMissingError("pyverilator-mm", INSTALL_COMMAND) from None


def build(folder: Path, top: str) -> None:
    """Build `model` from the files `harness.sv` and `design.sv` in a folder."""
    source = folder / f"{top}.sv"
    source.write_text((folder / "harness.sv").read_text() + (folder / "design.sv").read_text())
    options = ["--no-timing", "-Wno-lint", "-Wno-style", "-Wno-BLKANDNBLK", "--top-module", top]
    with contextlib.chdir(folder), contextlib.redirect_stdout(sys.stderr):
        import_module("pyverilator").PyVerilator.build(source.name, args=options, quiet=True, dump_en=False)
        shutil.copyfile(f"obj_dir/V{top}", "model")


def serve() -> None:
    """Apply lines of bits from standard input to `model`, and print the bits of its outputs."""
    simulation = import_module("pyverilator").PyVerilator(os.path.abspath("model"), auto_eval=False)  # noqa: PTH100 - a string for dlopen
    inputs, outputs = (
        sorted(ports, key=lambda port: int(port[0][1:])) for ports in (simulation.inputs, simulation.outputs)
    )
    for line in sys.stdin:
        start = 1
        for name, width in inputs:
            simulation[name] = int(line[start : start + width], 2)
            start += width
        simulation.eval()
        bits = "".join(format(simulation[name], f"0{width}b") for name, width in outputs)
        sys.stdout.write(f"{bits}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    serve()
