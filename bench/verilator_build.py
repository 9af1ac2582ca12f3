"""A design into a Verilated program: our build against stock `verilator --binary`, on the same designs.

    python bench/verilator_build.py [FILE] [--designs 6]

Ours makes the program that replays recorded inputs (the compiled runtime is there before); stock makes the
benchmark's bench with the design in it, its reference included, as its users do; and, to compare like with
like, stock on our own harness and main program (`--exe --build`). One core. Wall clock and CPU seconds,
means. Prints one JSON document; `ratio` and `ratio_same_sources` are of CPU seconds.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import tempfile
import time
from pathlib import Path

import benchmarks

from verirl_rtl.language.inspection import inspect_trusted
from verirl_rtl.simulation import verilator_build
from verirl_rtl.spec import read_spec
from verirl_rtl.tasks.importers import IMPORTERS

STOCK = ("verilator", "-Wno-fatal", "-Wno-BLKANDNBLK", "-j", "1")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path, nargs="?")
    parser.add_argument("--designs", type=int, default=6)
    options = parser.parse_args()
    file = options.file or benchmarks.find("verilogeval-v2")
    if file is None:
        return
    found = [task for task in IMPORTERS["verilogeval-v2"](file) if "testbench" in task.spec]
    verilator_build.runtime_folder()
    spent: dict[str, list[tuple[float, float]]] = {"ours": [], "stock": [], "stock, same sources": []}
    for task in found[5 :: len(found) // options.designs][: options.designs]:
        spec = read_spec(task.spec)
        assert spec.reference is not None
        assert spec.testbench is not None
        design = inspect_trusted(spec.reference, spec.reference_top)
        files = verilator_build.model_files("play", spec.reference_top, design.ports, {}) | {
            "design.sv": design.text
        }
        spent["ours"].append(timed(["sh", "-c", verilator_build.model_script("play")], files))
        kept = verilator_build.runtime_folder() / "plain" / "prelude.h"
        same = ["--cc", "--exe", "--build", "--no-timing", "--prefix", "Vdut", "--top-module", "play"]
        same += ["--x-assign", "unique", "--x-initial", "unique", "harness.sv", "design.sv", "model.cpp"]
        same += ["-CFLAGS", "-I.. -DVL_TIME_CONTEXT"]
        spent["stock, same sources"].append(timed([*STOCK, *same], files | {"prelude.h": kept.read_text()}))
        again = spec.reference.replace(f"module {spec.reference_top}", f"module {spec.top}", 1)
        bench = {"tb.sv": spec.testbench, "ref.sv": spec.reference, "top.sv": again}
        spent["stock"].append(timed([*STOCK, "--binary", "--timing", "--top-module", "tb", *bench], bench))
    means = {
        name: [round(sum(one[kind] for one in all_) / len(all_), 3) for kind in (0, 1)]
        for name, all_ in spent.items()
    }
    print(
        json.dumps(
            {
                "designs": options.designs,
                "wall_and_cpu_s": means,
                "ratio": round(means["stock"][1] / means["ours"][1], 1),
                "ratio_same_sources": round(means["stock, same sources"][1] / means["ours"][1], 1),
            },
            indent=1,
        )
    )


def timed(argv: list[str], files: dict[str, str]) -> tuple[float, float]:
    """Wall clock and CPU seconds of a build in a fresh folder; it must succeed."""
    with tempfile.TemporaryDirectory() as name:
        for file, text in files.items():
            (Path(name) / file).write_text(text)
        before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
        subprocess.run(argv, cwd=name, check=True, capture_output=True)
        wall, after = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


if __name__ == "__main__":
    main()
