"""Full evaluations of a lens a second, of ours and of optiland's numpy backend: one core, then two processes.

python bench/optics_trace.py [--seconds 2] [--batch 32]

An evaluation: first-order figures, and the RMS spots of 3 fields × 3 wavelengths × 217 hexapolar rays (ours
adds chief rays, distortion, colour and the reasons of lost rays). Ours takes batches of different lenses. On
one core seconds are those of its own CPU time, which other programs disturb least; for two by the clock.
"""

from __future__ import annotations

import argparse
import os
import time
import warnings
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from typing import Any

for _library in ("OMP", "OPENBLAS", "MKL", "NUMBA"):
    os.environ[f"{_library}_NUM_THREADS"] = "1"

import optiland_peer as peer  # noqa: E402 - threads are counted when a library is imported
import torch  # noqa: E402

from verirl_optics.analysis.performance import evaluate, pupil_diameter  # noqa: E402
from verirl_optics.raytrace import pupil  # noqa: E402
from verirl_optics.raytrace.paraxial import first_order  # noqa: E402
from verirl_optics.raytrace.prescription import Prescription  # noqa: E402
from verirl_optics.raytrace.system import FLOAT, build_system  # noqa: E402

RINGS = 8
ROUNDS = 3


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    asked.add_argument(
        "--seconds", type=float, default=2.0, help="for each measurement, of which the best counts"
    )
    asked.add_argument("--batch", type=int, default=32)
    arguments = asked.parse_args()
    if not peer.installed():
        raise SystemExit("optiland is not installed: pip install optiland==0.6.3")
    warnings.simplefilter("ignore")
    print("evaluations a second    optiland   ours, 1 core     ratio   2 processes   over 1, by the clock")
    with ProcessPoolExecutor(2) as processes:
        for name in peer.SAMPLES:
            theirs = peer.sample(name)
            lens = peer.converted(theirs, name)
            other = best(lambda theirs=theirs: spots(theirs), arguments.seconds, clock=time.process_time)
            own = ours(lens, arguments.batch, arguments.seconds, time.process_time)
            clocked = ours(lens, arguments.batch, arguments.seconds)
            pair = [
                sum(
                    each.result()
                    for each in [
                        processes.submit(ours, lens, arguments.batch, arguments.seconds) for _ in range(2)
                    ]
                )
                for _ in range(ROUNDS)
            ]
            both = max(pair)
            scale = f"{both:13.0f} {both / clocked:7.2f}×"
            print(f"{name:22} {other:9.1f} {own:14.0f} {own / other:8.0f}× {scale}", flush=True)


def best(
    work: Callable[[], Any], seconds: float, count: int = 1, clock: Callable[[], float] = time.perf_counter
) -> float:
    """How often `work` (of `count` evaluations) is done a second: the best of some rounds."""
    work()
    rates = []
    for _ in range(ROUNDS):
        done, started = 0, clock()
        while clock() - started < seconds / ROUNDS or not done:
            work()
            done += count
        rates.append(done / (clock() - started))
    return max(rates)


def spots(lens: Any) -> None:
    from optiland.analysis import SpotDiagram

    lens.paraxial.f2()
    SpotDiagram(lens, num_rings=RINGS, distribution="hexapolar").rms_spot_radius()


def ours(
    lens: Prescription, batch: int, seconds: float, clock: Callable[[], float] = time.perf_counter
) -> float:
    torch.set_num_threads(1)
    system = build_system([lens] * batch)
    change = 1.0 + 1e-4 * torch.linspace(-1.0, 1.0, batch, dtype=FLOAT)[:, None]
    fields = torch.deg2rad(torch.tensor([lens.fields], dtype=FLOAT)).expand(batch, -1)
    points = pupil.hexapolar(RINGS)

    def work() -> None:
        from dataclasses import replace

        with torch.inference_mode():
            each = replace(system, curvature_BS=system.curvature_BS * change)
            evaluate(each, pupil_diameter(lens.aperture, first_order(each), each), fields, points)

    return best(work, seconds, batch, clock)


if __name__ == "__main__":
    main()
