"""Polish: perturbed classical lenses brought back, and damped least squares against Adam from random starts.

    python bench/optics_polish.py [--only perturbed|starts] [--kind KIND] [--first SEED] [--seeds N]

`perturbed`: each classical lens of the benchmark data with every radius and thickness changed by up to ±5
% (`exact`: by just ±5 %; `gauss`: normally, with a standard deviation of 5 %), polished without new glasses
under the limits of the original; counted is how often its spot (a lost ray is half a pupil away) comes to
that of the original or below. `starts`: EFL 50 mm, the same starts, limits and judge for both optimisers,
one thread; Adam runs 300 steps. CPU seconds are the process's. The last line is one ratio.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import time
from dataclasses import replace

import benchmarks
import torch

from verirl_optics.analysis.focus import best_focus
from verirl_optics.analysis.performance import evaluate, gaps
from verirl_optics.lens_io.classical_lenses import lens_from_row
from verirl_optics.optimize.damped_least_squares import minimize
from verirl_optics.optimize.merit import LIMIT_PENALTY, MeritFunction
from verirl_optics.optimize.polish import polish
from verirl_optics.optimize.variables import VariableSet
from verirl_optics.raytrace.glass import find_glass
from verirl_optics.raytrace.paraxial import first_order
from verirl_optics.raytrace.prescription import Aperture, Prescription, Surface
from verirl_optics.raytrace.pupil import gauss
from verirl_optics.raytrace.system import FLOAT, System, build_system
from verirl_optics.requirements import evaluate_lens
from verirl_optics.spec import OpticsSpec, read_spec

COLOURS = (0.4861327, 0.5875618, 0.6562725)
EFL = 50.0
ADAM_STEPS = 300
STEPS = {"singlet": (8, 8), "achromat": (8, 10), "triplet": (20, 15), "double Gauss": (40, 25)}
"""Steps with soft and with hard limits."""


def factor(kind: str, draw: random.Random) -> float:
    """By what a figure is multiplied."""
    if kind == "uniform":
        return 1.0 + draw.uniform(-0.05, 0.05)
    return draw.choice((0.95, 1.05)) if kind == "exact" else 1.0 + draw.gauss(0.0, 0.05)


def perturbed(kind: str, seeds: range) -> float | None:
    """The share of lenses that come back."""
    back = total = 0
    lenses = benchmarks.find("lenses")
    if lenses is None:
        return None
    for line in lenses.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        lens = lens_from_row(row)
        for seed in seeds:
            draw = random.Random(f"{row['id']}{seed}")
            start = replace(
                lens,
                surfaces=tuple(
                    replace(
                        surface,
                        radius=surface.radius * factor(kind, draw),
                        thickness=surface.thickness * factor(kind, draw),
                    )
                    for surface in lens.surfaces
                ),
            )
            began = time.process_time()
            known = polish(lens, glasses=False, steps=1).before
            found = polish(start, lens, glasses=False)
            good = found.after.rank[0] == 2 and found.after.spot <= known.spot
            back, total = back + good, total + 1
            print(
                f"{row['id'][:36]:36} original {known.spot:10.4g} µm, perturbed {found.before.spot:10.4g}, "
                f"polished {found.after.spot:10.4g} {'' if good else '(not back) '}"
                f"{time.process_time() - began:.1f} s",
                flush=True,
            )
    print(f"{back} of {total} perturbed lenses reach at least the spot of the original")
    return back / total


def spec_for(fno: float, half: float, elements: int) -> OpticsSpec:
    return read_spec(
        {
            "task": "synthesis",
            "efl_mm": EFL,
            "efl_rel_tol": 0.01,
            "fno": fno,
            "half_fields_deg": [0.0, round(0.7 * half, 3), half],
            "wavelengths_um": list(COLOURS),
            "primary": 1,
            "elements": {"min": elements, "max": elements},
            "max_total_track_mm": 100.0,
            "min_bfl_mm": 5.0,
            "center_thickness_mm": {"min": 0.8, "max": 20.0},
            "min_edge_thickness_mm": 0.3,
            "min_air_gap_mm": 0.1,
        }
    )


def lens_of(
    spec: OpticsSpec, curvatures: list[float], thicknesses: list[float], glasses: list[str | None], stop: int
) -> Prescription:
    surfaces = tuple(
        Surface(1.0 / c if c else float("inf"), t, find_glass(g) if g else None, stop=s == stop)
        for s, (c, t, g) in enumerate(zip(curvatures, thicknesses, glasses, strict=True))
    )
    return Prescription(
        surfaces, Aperture("epd", spec.epd_mm), spec.half_fields_deg, spec.wavelengths_um, spec.primary
    )


def starts(kind: str, count: int) -> tuple[OpticsSpec, list[Prescription], VariableSet]:
    """Random starts of one form, a triplet's within ± 50 %, a double Gauss's within ± 10 %.

    Every curvature but that of the stop is free, and every thickness.
    """
    draw = random.Random(kind)
    lenses = []
    if kind == "singlet":
        spec = spec_for(5.0, 3.0, 1)
        for _ in range(count):
            front = draw.uniform(-0.02, 0.06)
            bends = [front, front - 1 / (0.5168 * EFL)]
            lenses.append(lens_of(spec, bends, [4.0, 48.0], ["N-BK7", None], 0))
        return spec, lenses, VariableSet((0, 1), (0, 1))
    if kind == "achromat":
        spec = spec_for(5.0, 2.0, 2)
        for _ in range(count):
            # The powers of two thin lenses in contact without colour, bent at will.
            first, last = 0.0809 * draw.uniform(0.8, 1.2), 0.0344 * draw.uniform(0.8, 1.2)
            middle = -first * draw.uniform(0.3, 0.7)
            c = [first + middle, middle, middle + last]
            lenses.append(lens_of(spec, c, [4.0, 2.0, 47.0], ["N-BK7", "SF2", None], 0))
        return spec, lenses, VariableSet((0, 1, 2), (0, 1, 2))
    if kind == "triplet":
        spec = spec_for(5.0, 20.0, 3)
        for _ in range(count):
            cooke = (0.0454, -0.0023, -0.0450, 0.0493, 0.0126, -0.0544)
            c = [value * draw.uniform(0.5, 1.5) for value in cooke]
            t = [3.3, draw.uniform(3.0, 8.0), 1.0, draw.uniform(3.0, 8.0), 3.0, 42.0]
            lenses.append(lens_of(spec, c, t, ["N-SK16", None, "F2", None, "N-SK16", None], 3))
        return spec, lenses, VariableSet(tuple(range(6)), tuple(range(6)))
    spec = spec_for(2.8, 14.0, 6)
    base = [1.779, 0.657, 2.654, 0.0, 4.127, 0.0, -3.524, 0.0, -2.636, 0.564, -1.259]
    gap = [0.0875, 0.012, 0.1257, 0.0378, 0.1425, 0.1243, 0.0378, 0.1083, 0.012, 0.0686, 0.615]
    glasses = ["N-SK2", None, "N-SK16", "F5", None, None, "F5", "N-SK16", None, "N-SK16", None]
    for _ in range(count):
        c = [value / EFL * draw.uniform(0.9, 1.1) for value in base]
        t = [value * EFL * draw.uniform(0.9, 1.1) for value in gap]
        lenses.append(lens_of(spec, c, t, glasses, 5))
    return spec, lenses, VariableSet((0, 1, 2, 3, 4, 6, 7, 8, 9, 10), tuple(range(11)))


def focused(base: System, spec: OpticsSpec) -> System:
    """Scaled to the EFL where it has one, and focused."""
    with torch.no_grad():
        efl = first_order(base).efl_BW[:, spec.primary, None]
        ratio = torch.where((efl > 0.2 * EFL) & (efl < 5.0 * EFL), EFL / efl, torch.ones_like(efl))
        scaled = replace(base, curvature_BS=base.curvature_BS / ratio, thickness_BS=base.thickness_BS * ratio)
        epd = torch.full((len(efl),), spec.epd_mm, dtype=FLOAT)
        plane = best_focus(scaled, epd, angles(spec, len(efl)), gauss(4, 8))
        plane = torch.where(torch.isfinite(plane) & (plane > 0.0), plane, scaled.thickness_BS[:, -1])
        return replace(scaled, thickness_BS=torch.cat([scaled.thickness_BS[:, :-1], plane[:, None]], dim=1))


def angles(spec: OpticsSpec, count: int) -> torch.Tensor:
    return torch.deg2rad(torch.tensor([spec.half_fields_deg], dtype=FLOAT)).expand(count, -1)


def by_damped(spec: OpticsSpec, base: System, free: VariableSet, steps: tuple[int, int]) -> System:
    at = free.read(base)
    for share, part in zip((0.05, 1.0), steps, strict=True):
        at, _ = minimize(MeritFunction(base, spec, free, penalty=share * LIMIT_PENALTY), at, part)
    return free.write(base, at)


def by_adam(spec: OpticsSpec, base: System, free: VariableSet, like: Prescription) -> System:
    """The field's usual way: one gradient of the spot and of penalties a step."""
    scale = torch.tensor([1 / EFL] * len(free.curvatures) + [EFL / 10] * len(free.thicknesses), dtype=FLOAT)
    at = (free.read(base) / scale).requires_grad_()
    adam = torch.optim.Adam([at], lr=0.02)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(adam, ADAM_STEPS)
    epd = torch.full((len(at),), spec.epd_mm, dtype=FLOAT)
    low, high = spec.center_thickness_mm.min, spec.center_thickness_mm.upper
    glass = torch.tensor([surface.medium is not None for surface in like.surfaces[:-1]])
    for _ in range(ADAM_STEPS):
        system = free.write(base, at * scale)
        found = evaluate(system, epd, angles(spec, len(at)), gauss(4, 8))
        spot = (found.spots.poly_BF.nan_to_num() ** 2).mean(1).sqrt() + 5.0 * (
            1 - found.spots.arrived_BF
        ).mean(1)
        middle, edge = gaps(system, found.reach_BS.detach() * 1.02)
        narrow = torch.relu(0.4 - torch.minimum(middle, edge.nan_to_num(nan=-1.0))).sum(1)
        off = (found.first.efl_BW[:, spec.primary] - EFL).abs()
        thick = torch.where(glass, torch.relu(low - middle) + torch.relu(middle - high), 0.0).sum(1)
        loss = spot + 3.0 * (narrow + thick) + torch.relu(off - 0.4)
        adam.zero_grad()
        loss.nan_to_num().sum().backward()  # type: ignore[no-untyped-call]
        at.grad = at.grad.nan_to_num() if at.grad is not None else None
        torch.nn.utils.clip_grad_value_([at], 1.0)
        adam.step()
        schedule.step()
    return free.write(base, (at * scale).detach())


def compare(kind: str, count: int) -> float:
    """CPU seconds a feasible design: Adam's ÷ ours."""
    spec, lenses, free = starts(kind, count)
    cost = {}
    for name in ("Adam", "damped least squares"):
        began = time.process_time()
        base = focused(build_system(lenses), spec)
        made = (
            by_adam(spec, base, free, lenses[0])
            if name == "Adam"
            else by_damped(spec, base, free, STEPS[kind])
        )
        found = focused_at(made, spec)
        seconds = time.process_time() - began
        spots = [spot for spot in (judged(lens, found, b, spec) for b, lens in enumerate(lenses)) if spot]
        cost[name] = seconds / max(1, len(spots))
        best, middle = (min(spots), statistics.median(spots)) if spots else (0.0, 0.0)
        print(
            f"{kind:13} {name:21} feasible {len(spots)}/{count}, best {best:.1f}, median {middle:.1f} µm, "
            f"{cost[name]:.3f} CPU s a feasible design",
            flush=True,
        )
    return cost["Adam"] / cost["damped least squares"]


def focused_at(made: System, spec: OpticsSpec) -> System:
    with torch.no_grad():
        epd = torch.full((len(made.curvature_BS),), spec.epd_mm, dtype=FLOAT)
        plane = best_focus(made, epd, angles(spec, len(epd)))
        plane = torch.where(torch.isfinite(plane), plane, made.thickness_BS[:, -1])
        return replace(made, thickness_BS=torch.cat([made.thickness_BS[:, :-1], plane[:, None]], dim=1))


def judged(lens: Prescription, found: System, b: int, spec: OpticsSpec) -> float | None:
    """The spot of a design that keeps every limit, µm."""
    bend, move = found.curvature_BS[b].tolist(), found.thickness_BS[b].tolist()
    surfaces = tuple(
        replace(surface, radius=1.0 / c if c else float("inf"), thickness=t)
        for surface, c, t in zip(lens.surfaces, bend, move, strict=True)
    )
    result = evaluate_lens(spec, replace(lens, surfaces=surfaces))
    return result.spot if result.rank[0] == 2 else None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--only", choices=("perturbed", "starts"))
    parser.add_argument("--kind", choices=("uniform", "exact", "gauss"), default="uniform")
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--count", type=int, default=64)
    options = parser.parse_args()
    torch.set_num_threads(1)
    if options.only != "perturbed":
        ratios = [compare(kind, options.count) for kind in STEPS]
        ratio = statistics.geometric_mean(ratios)
        print(f"CPU time a feasible design, Adam ÷ damped least squares: {ratio:.1f}")
    if options.only != "starts":
        seeds = range(options.first, options.first + options.seeds)
        print(f"share of perturbed lenses that come back: {perturbed(options.kind, seeds):.3f}")


if __name__ == "__main__":
    main()
