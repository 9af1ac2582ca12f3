"""Polish: derivatives, limits, rounding, glasses, the guarantee, the command and the option of eval."""

from __future__ import annotations

import json
import math
import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from support import lenses

from verirl import registry
from verirl.cli import run
from verirl.evaluation.polish import polished
from verirl.pool import Request, VerifierPool
from verirl.types import Completion, Message, Task
from verirl_optics.analysis.focus import best_focus
from verirl_optics.analysis.performance import evaluate
from verirl_optics.answer import Row, parse, to_lines
from verirl_optics.optimize.damped_least_squares import Linearization, minimize
from verirl_optics.optimize.merit import MeritFunction, refracting_surfaces
from verirl_optics.optimize.polish import polish, polish_rows
from verirl_optics.optimize.variables import VariableSet
from verirl_optics.raytrace import glass
from verirl_optics.raytrace.paraxial import first_order
from verirl_optics.raytrace.prescription import Aperture, Prescription, Surface
from verirl_optics.raytrace.pupil import gauss
from verirl_optics.raytrace.system import FLOAT, System, build_system
from verirl_optics.requirements import evaluate_answer, lens_of_answer
from verirl_optics.spec import OpticsSpec, read_spec

torch.set_num_threads(1)
SPEC: dict[str, Any] = {
    **lenses.SPEC,
    "max_total_track_mm": 64.0,
    "center_thickness_mm": {"min": 0.9, "max": 10.0},
    "max_distortion_pct": 1.0,
    "glasses": ["N-BK7", "N-SK16", "F2", "SF5", "N-LAK9"],
    "max_rms_um": 60.0,
}
TRIPLET = parse("""
22.5 3.2 N-SK16
-430 6.1
-22.3 1.05 F2
20.2 4.8 stop
79 3 N-SK16
-18.4 42.5
""")
ASPHERE = parse("29.8 4.6 F2 conic=-0.6 asphere=0,-1.2e-06,-1e-09 stop\n-199 39.5")
ASPHERE_SPEC = {
    **{key: SPEC[key] for key in ("task", "efl_rel_tol")},
    "efl_mm": 42.1,
    "fno": 3.2,
    "half_fields_deg": [0, 1.5],
    "wavelengths_um": [0.5875618],
    "elements": {"min": 1, "max": 1},
    "max_rms_um": 200.0,
    "aspheres": 1,
}


def error(
    spec: dict[str, Any], rows: tuple[Row, ...], free: VariableSet, count: int, seed: int, **options: Any
) -> tuple[MeritFunction, torch.Tensor]:
    """Some lenses near `rows`, with limits in force that the start breaks."""
    known = read_spec(spec)
    merit = MeritFunction(build_system([lens_of_answer(known, rows)] * count), known, free, **options)
    draw = torch.Generator().manual_seed(seed)
    at = free.read(merit.base)
    return merit, at * (1.0 + 0.01 * torch.randn(at.shape, dtype=FLOAT, generator=draw))


def test_an_idle_surface_in_front_is_no_obstacle() -> None:
    lens = lens_of_answer(read_spec(SPEC), TRIPLET)
    idle = Surface(80.0, 5.0)
    found = polish(replace(lens, surfaces=(idle, *lens.surfaces)), glasses=False)
    plain = polish(lens, glasses=False)
    assert found.after.spot == pytest.approx(plain.after.spot, rel=0.05)
    assert found.after.spot < 0.7 * found.before.spot
    assert found.lens.surfaces[0] == idle


@settings(max_examples=3, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from(["triplet", "asphere"]))
def test_derivatives_of_the_merit_are_those_of_finite_differences(seed: int, kind: str) -> None:
    if kind == "triplet":
        free = VariableSet((0, 1, 2, 3, 4, 5), (0, 1, 2, 3, 4, 5))
        merit, at = error(SPEC, TRIPLET, free, 3, seed, solve=False, within=0.9)
    else:
        free = VariableSet((0, 1), (0, 1), (0,), ((0, 1), (0, 2)))
        merit, at = error(ASPHERE_SPEC, ASPHERE, free, 3, seed, solve=False, within=0.9)
    near = merit.linear(at)
    slopes = near.slopes
    whole = torch.cat([near.values, torch.relu(near.limits)], dim=1)
    assert torch.allclose(whole, merit.residuals(at), rtol=0, atol=1e-11)
    fields = len(merit.spec.half_fields_deg) * len(merit.spec.wavelengths_um) * 16 * 2
    for p in range(at.shape[1]):
        step = torch.zeros_like(at)
        step[:, p] = 1e-6 * at[:, p].abs().clamp_min(1e-6)
        if p >= 2 * len(free.thicknesses) + 1:
            step[:, p] = 1e-3 * at[:, p].abs()
        found = (merit.residuals(at + step) - merit.residuals(at - step)) / (2.0 * step[:, p, None])
        rays = found[:, :fields] - slopes[:, :fields, p]
        assert float(rays.abs().max()) <= 1e-5 * float(found[:, :fields].abs().max()) + 1e-9
        room = (merit.linear(at + step).limits - merit.linear(at - step).limits) / (2.0 * step[:, p, None])
        walls = near.walls[:, :, p]
        # Between two rays that reach as far there is no slope.
        close = (room - walls).abs() <= 1e-4 * walls.abs() + 1e-4 * float(walls.abs().max())
        assert float(close.double().mean()) >= 0.97


@settings(max_examples=5, deadline=None)
@given(st.integers(0, 10_000))
def test_what_follows_the_other_variables_is_in_their_derivatives(seed: int) -> None:
    """Of the sum of squares where EFL and focus are solved for, by each variable that is left."""
    free = VariableSet((0, 1, 2, 3, 4, 5), (0, 1, 2, 3, 4, 5))
    merit, at = error(SPEC, TRIPLET, free, 3, seed)
    at = merit.settled(at)[1]
    near = merit.linear(at)
    held = torch.relu(near.limits)[:, None]
    slope = 2.0 * (near.values[:, None] @ near.slopes + held @ near.walls)[:, 0]
    assert slope[:, [5, 11]].abs().max() == 0.0
    for p in (0, 1, 2, 3, 4, 6, 7, 8, 9, 10):
        step = torch.zeros_like(at)
        step[:, p] = 1e-6 * at[:, p].abs()
        more, less = ((merit.residuals(at + sign * step) ** 2).sum(1) for sign in (1.0, -1.0))
        found = (more - less) / (2.0 * step[:, p])
        assert torch.allclose(found, slope[:, p], rtol=2e-3, atol=2e-3 * float(slope.abs().max()))


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from(["curvature", "thickness", "conic", "asphere"]))
def test_the_tracers_gradients_are_those_of_finite_differences(seed: int, what: str) -> None:
    """Random triplets with an aspheric surface: of the spots, EFL and BFL by each kind of parameter."""
    draw = random.Random(seed)
    media = [glass.find_glass(name) for name in ("N-SK16", "F2", "N-LAK9")]
    surfaces = [
        Surface(
            radius * draw.uniform(0.9, 1.1),
            thickness * draw.uniform(0.9, 1.1),
            medium,
            draw.uniform(-0.5, 0.5) if s in (0, 5) else 0.0,
            (0.0, draw.uniform(-1e-6, 1e-6)) if s == 5 else (),
            stop=s == 3,
        )
        for s, (radius, thickness, medium) in enumerate(
            zip(
                (22.0, -435.0, -22.2, 20.3, 79.7, -18.4),
                (3.26, 6.0, 1.0, 4.75, 2.95, 42.2),
                (media[0], None, media[1], None, media[2], None),
                strict=True,
            )
        )
    ]
    lens = Prescription(tuple(surfaces), Aperture("epd", 8.0), (0.0, 10.0), (0.4861327, 0.5875618), 1)
    base = build_system([lens])
    fields = torch.deg2rad(torch.tensor([lens.fields], dtype=FLOAT))
    epd = torch.tensor([8.0], dtype=FLOAT)
    name = {"curvature": "curvature_BS", "thickness": "thickness_BS", "conic": "conic_BS"}.get(
        what, "asphere_BSA"
    )

    def merit(values: torch.Tensor) -> torch.Tensor:
        found = evaluate(replace(base, **{name: values}), epd, fields)
        return (
            (found.spots.poly_BF**2).sum() + 1e-3 * found.first.efl_BW.sum() + 1e-3 * found.first.bfl_BW.sum()
        )

    at = getattr(base, name).clone().requires_grad_()
    (slope,) = torch.autograd.grad(merit(at), at)
    place = (0, 5, 1) if what == "asphere" else (0, draw.choice((0, 5)))
    size = {"curvature": 1e-6, "thickness": 1e-4, "conic": 1e-4, "asphere": 1e-9}[what]
    step = torch.zeros_like(at)
    step[place] = size
    with torch.no_grad():
        found = float(merit(at + step) - merit(at - step)) / (2.0 * size)
    assert float(slope[place]) == pytest.approx(found, rel=1e-4, abs=1e-9 / size * 1e-4)


def rimmed(shrink: float = 1.0) -> Prescription:
    """The triplet with rims that end rays of the widest field."""
    lens = lens_of_answer(read_spec(SPEC), TRIPLET)
    rims = (5.6, 5.4, 4.2, 4.0, 4.6, 5.0)
    return replace(
        lens,
        surfaces=tuple(
            replace(surface, semi_diameter=rim * shrink)
            for surface, rim in zip(lens.surfaces, rims, strict=True)
        ),
    )


@settings(max_examples=3, deadline=None)
@given(st.integers(0, 10_000))
def test_how_far_rays_pass_outside_a_rim_has_the_slope_of_finite_differences(seed: int) -> None:
    lens = rimmed()
    known = read_spec({**SPEC, "min_valid_ray_fraction": {"full_field": 0.97}})
    free = VariableSet((0, 1, 2, 3, 4, 5), (0, 1, 2, 3, 4, 5))
    merit = MeritFunction(build_system([lens] * 2), known, free, clip=True, solve=False)
    draw = torch.Generator().manual_seed(seed)
    at = free.read(merit.base)
    at = at * (1.0 + 0.01 * torch.randn(at.shape, dtype=FLOAT, generator=draw))
    values, slopes, limits, _ = merit.linear(at)
    whole = torch.cat([values, torch.relu(limits)], dim=1)
    assert torch.allclose(whole, merit.residuals(at), rtol=0, atol=1e-11)
    walls = limits.shape[1]
    rims = slice(-len(known.half_fields_deg) * len(known.wavelengths_um) * 32, None)
    assert bool((values[:, rims] > 0.0).any())
    for p in range(at.shape[1]):
        step = torch.zeros_like(at)
        step[:, p] = 1e-7 * at[:, p].abs()
        found = (merit.residuals(at + step) - merit.residuals(at - step)) / (2.0 * step[:, p, None])
        found = found[:, :-walls]
        inside = values[:, rims] > 1e-4 * merit.penalty
        known_slope = slopes[:, rims, p][inside]
        near = (found[:, rims][inside] - known_slope).abs() <= 1e-4 * known_slope.abs() + 1e-4
        # Where a ray grazes a surface, or exceeds two rims by as much, differences do not tell.
        assert float(near.double().mean()) >= 0.9


def test_a_lens_that_lives_on_its_rims_comes_back() -> None:
    lens = rimmed()
    draw = random.Random(3)
    start = replace(
        lens,
        surfaces=tuple(
            replace(surface, radius=surface.radius * (1.0 + draw.uniform(-0.05, 0.05)))
            for surface in lens.surfaces
        ),
    )
    known = polish(lens, glasses=False, steps=1).before
    assert known.figures["valid_ray_fraction"] < 1.0
    found = polish(start, lens, glasses=False)
    assert found.before.rank[0] < 2
    assert found.after.rank[0] == 2
    assert found.after.spot <= known.spot


def test_what_the_model_breaks_is_granted_and_no_more() -> None:
    lens = lens_of_answer(read_spec(SPEC), TRIPLET)
    strict = read_spec({**SPEC, "min_edge_thickness_mm": 2.5, "max_distortion_pct": None})
    free = VariableSet((0, 1, 2, 3, 4, 5), (0, 1, 2, 3, 4, 5))
    options: dict[str, Any] = {"pupil": gauss(), "margin": 0.0, "solve": False}
    bare = MeritFunction(build_system([lens]), strict, free, **options)
    granted = bare.breaches()
    merit = MeritFunction(build_system([lens]), strict, free, granted=granted, **options)
    at = free.read(bare.base)
    spots = len(gauss().x_R) * len(strict.half_fields_deg) * len(strict.wavelengths_um) * 2
    assert float(granted.max()) > 0.1
    assert float(bare.residuals(at)[0, spots:].max()) > 0.1
    assert float(merit.residuals(at)[0, spots:].abs().max()) < 1e-9
    at[0, 6] -= 0.1
    assert float(merit.residuals(at)[0, spots:].max()) > 0.05 * merit.penalty


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here")
def test_cpu_and_gpu_agree() -> None:
    merit, at = error(SPEC, TRIPLET, VariableSet((0, 1, 2, 3, 4, 5), (0, 1, 2, 3, 4, 5)), 4, 1)
    there = MeritFunction(_on_gpu(merit.base), merit.spec, merit.free)
    for mine, theirs in zip(merit.linear(at), there.linear(at.cuda()), strict=True):
        assert torch.allclose(mine, theirs.cpu(), rtol=1e-9, atol=1e-12)
    base = build_system([lens_of_answer(read_spec(ASPHERE_SPEC), ASPHERE)])
    fields, epd = torch.tensor([[0.0, 0.02]], dtype=FLOAT), torch.tensor([13.0], dtype=FLOAT)
    here = evaluate(base, epd, fields)
    gone = evaluate(_on_gpu(base), epd.cuda(), fields.cuda())
    for name in ("poly_BF", "rms_BFW", "centroid_BFW"):
        assert torch.allclose(getattr(here.spots, name), getattr(gone.spots, name).cpu(), rtol=0, atol=1e-12)
    assert torch.allclose(here.first.efl_BW, gone.first.efl_BW.cpu(), rtol=1e-12)


def _on_gpu(system: System) -> System:
    names = ("curvature_BS", "thickness_BS", "conic_BS", "asphere_BSA", "index_BSW", "semi_BS")
    return replace(system, **{name: getattr(system, name).cuda() for name in names})


def test_damped_least_squares_finds_the_bottom_of_a_curved_valley() -> None:
    """Rosenbrock's function, from several starts at once."""

    class Valley:
        def settled(self, at: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            x, y = at[:, 0], at[:, 1]
            return torch.stack([10.0 * (y - x * x), 1.0 - x], dim=1), at

        def linear(self, at: torch.Tensor) -> Linearization:
            x = at[:, 0]
            zero, one = torch.zeros_like(x), torch.ones_like(x)
            rows = [torch.stack([-20.0 * x, 10.0 * one], dim=1), torch.stack([-one, zero], dim=1)]
            slopes = torch.stack(rows, dim=1)
            return Linearization(self.settled(at)[0], slopes, slopes[:, :0, 0], slopes[:, :0])

    starts = torch.tensor([[-1.2, 1.0], [3.0, -2.0], [0.0, 0.0], [math.nan, 0.0]], dtype=FLOAT)
    at, cost = minimize(Valley(), starts, 60)
    assert torch.allclose(at[:3], torch.ones(3, 2, dtype=FLOAT), atol=1e-6)
    assert bool(torch.isnan(at[3]).any())
    assert float(cost[:3].max()) < 1e-12


def test_damped_least_squares_does_not_creep_along_a_wall() -> None:
    """The nearest point to (3, 2) with x ≤ 1, which the start is just inside of, in a handful of steps."""

    class Room:
        def settled(self, at: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            near = self.linear(at)
            return torch.cat([near.values, torch.relu(near.limits)], dim=1), at

        def linear(self, at: torch.Tensor) -> Linearization:
            x, y = at[:, 0], at[:, 1]
            slopes = torch.tensor([[1.0, 0.0], [-0.9, 1.0]], dtype=FLOAT).expand(len(at), -1, -1)
            wall = torch.tensor([[1e4, 0.0]], dtype=FLOAT).expand(len(at), -1, -1)
            values = torch.stack([x - 3.0, (y - 2.0) - 0.9 * (x - 3.0)], dim=1)
            return Linearization(values, slopes, 1e4 * (x - 1.0)[:, None], wall)

    at, cost = minimize(Room(), torch.tensor([[0.999, -5.0], [-4.0, 9.0]], dtype=FLOAT), 6)
    assert torch.allclose(at, torch.tensor([1.0, 0.2], dtype=FLOAT), atol=1e-3)
    assert cost.tolist() == pytest.approx([4.0, 4.0], rel=1e-3)


def test_the_search_holds_focal_length_and_focus() -> None:
    free = VariableSet((0, 1, 2, 3, 4, 5), (0, 1, 2, 3, 4, 5))
    merit, at = error(SPEC, TRIPLET, free, 3, 4)
    values, settled = merit.settled(at)
    system = free.write(merit.base, settled)
    assert first_order(system).efl_BW[:, 1].tolist() == pytest.approx([50.0] * 3, rel=1e-9)
    fields = torch.deg2rad(torch.tensor(merit.spec.half_fields_deg, dtype=FLOAT)).expand(3, -1)
    from verirl_optics.raytrace.pupil import gauss

    plane = best_focus(system, torch.full((3,), 10.0, dtype=FLOAT), fields, gauss(4, 8))
    assert system.thickness_BS[:, -1].tolist() == pytest.approx(plane.tolist(), abs=1e-9)
    assert torch.isfinite(values).all()


def test_best_focus_is_the_least_spot() -> None:
    spec = read_spec(SPEC)
    focused = (*TRIPLET[:-1], replace(TRIPLET[-1], thickness=0.0, focus=True))
    found = evaluate_answer(spec, focused).figures["rms_spot_um"]
    plane = lens_of_answer(spec, focused).surfaces[-1].thickness
    for off in (-0.02, 0.02):
        moved = (*TRIPLET[:-1], replace(TRIPLET[-1], thickness=plane + off))
        assert evaluate_answer(spec, moved).figures["rms_spot_um"] > found


def check_limits(spec: OpticsSpec, before: tuple[Row, ...], after: tuple[Row, ...]) -> None:
    first, last = evaluate_answer(spec, before), evaluate_answer(spec, after)
    assert last.rank >= first.rank
    if first.rank[0] == 2:
        assert last.figures["rms_spot_um"] <= first.figures["rms_spot_um"]
    assert parse(to_lines(after, 12)) == after


def test_a_triplet_gets_sharper_and_keeps_every_limit() -> None:
    spec = read_spec(SPEC)
    rows, found = polish_rows(spec, TRIPLET, steps=15, glasses=False)
    check_limits(spec, TRIPLET, rows)
    assert found.after.rank[0] == 2
    assert found.after.figures["rms_spot_um"] < 0.8 * found.before.figures["rms_spot_um"]
    assert [row.glass for row in rows] == [row.glass for row in TRIPLET]
    assert all(float(f"{row.radius:.5g}") == row.radius for row in rows)
    assert found.active
    again, _ = polish_rows(spec, rows, steps=15, glasses=False)
    check_limits(spec, rows, again)


def test_other_glasses_come_from_the_tasks_list() -> None:
    poor = tuple(replace(row, glass="N-BK7") if row.glass == "N-SK16" else row for row in TRIPLET)
    spec = read_spec({**SPEC, "max_rms_um": 500.0, "max_distortion_pct": 5.0})
    rows, found = polish_rows(spec, poor, steps=10)
    check_limits(spec, poor, rows)
    assert found.swaps
    assert {row.glass for row in rows} <= {*SPEC["glasses"], None}


def test_what_a_completion_gives_stays() -> None:
    given = [
        {"radius": row.radius, "thickness": row.thickness, "glass": row.glass, "stop": row.stop}
        for row in TRIPLET
    ]
    given[2]["radius"] = "?"
    given[5]["thickness"] = "?"
    given[4]["glass"] = "?"
    spec = read_spec({**SPEC, "task": "completion", "given": {"surfaces": given}})
    start = (*TRIPLET[:5], replace(TRIPLET[5], thickness=42.9))
    rows, found = polish_rows(spec, start, steps=10)
    check_limits(spec, start, rows)
    assert found.better
    for s, (old, new) in enumerate(zip(start, rows, strict=True)):
        assert (old.radius == new.radius) or s == 2
        assert (old.thickness == new.thickness) or s == 5
        assert (old.glass == new.glass) or s == 4


def test_aspheres_and_the_word_focus_survive() -> None:
    spec = read_spec(ASPHERE_SPEC)
    start = (ASPHERE[0], replace(ASPHERE[1], thickness=0.0, focus=True))
    rows, found = polish_rows(spec, start, steps=15, glasses=False)
    check_limits(spec, start, rows)
    assert found.after.spot < 0.5 * found.before.spot
    assert rows[-1].focus
    assert rows[0].conic != ASPHERE[0].conic


@pytest.mark.parametrize(
    "text",
    [
        "0.001 0.001 N-BK7 stop\n-0.001 0.001",
        "inf 1 N-BK7 stop\ninf 40",
        "1e6 1e6 N-BK7 stop\n-1e6 1e6",
        "-51 4 N-BK7 stop\n51 48",
        "5 40 N-BK7 stop\n-5 1",
        "51 4 N-BK7 stop\n-51 -48",
        "51 4 N-BK7\n-51 0\ninf 1e-9 stop\n51 0 N-BK7\n-51 focus",
    ],
)
def test_what_cannot_be_polished_comes_back_no_worse(text: str) -> None:
    spec = read_spec({**ASPHERE_SPEC, "aspheres": 0})
    rows = parse(text)
    after, _ = polish_rows(spec, rows, steps=4, glasses=False)
    assert evaluate_answer(spec, after).rank >= evaluate_answer(spec, rows).rank


@settings(max_examples=4, deadline=None)
@given(st.integers(0, 10_000))
def test_never_worse_than_the_start(seed: int) -> None:
    draw = random.Random(seed)
    rows = tuple(
        replace(
            row, radius=row.radius * draw.uniform(0.8, 1.2), thickness=row.thickness * draw.uniform(0.8, 1.2)
        )
        for row in parse("51 4 N-BK7 stop\n-51 48.6")
    )
    spec = read_spec({**ASPHERE_SPEC, "fno": 8.0, "aspheres": 0})
    after, _ = polish_rows(spec, rows, steps=6, glasses=False)
    check_limits(spec, rows, after)


def test_a_lens_without_a_task_keeps_what_it_is() -> None:
    lens = lens_of_answer(read_spec(SPEC), TRIPLET)
    draw = random.Random(3)
    bent = replace(
        lens,
        surfaces=tuple(replace(s, radius=s.radius * (1 + draw.uniform(-0.05, 0.05))) for s in lens.surfaces),
    )
    found = polish(bent, lens, steps=15, glasses=False)
    known = polish(lens, steps=1, glasses=False).before
    assert found.after.rank[0] == 2
    assert found.after.spot <= known.spot
    assert found.after.figures["efl_mm"] == pytest.approx(known.figures["efl_mm"], rel=0.01)
    assert found.lens.total_track <= 1.1 * lens.total_track
    assert refracting_surfaces(build_system([found.lens])) == refracting_surfaces(build_system([lens]))


def task(spec: dict[str, Any]) -> Task:
    return Task(id="t", domain="optics", prompt=(Message(role="user", content="Design."),), spec=spec)


def test_on_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    answer, tasks, out = tmp_path / "a.txt", tmp_path / "t.jsonl", tmp_path / "better.txt"
    answer.write_text(f"```\n{to_lines(TRIPLET)}\n```\n")
    tasks.write_text(task(SPEC).model_dump_json() + "\n")
    arguments = ["optics", "polish", str(answer), "--steps", "6", "--no-glasses", "--json"]
    assert run([*arguments, "--task", str(tasks), "-o", str(out)]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["after"]["rms_spot_um"] <= told["before"]["rms_spot_um"]
    assert told["after"]["keeps_limits"]
    assert (
        evaluate_answer(read_spec(SPEC), parse(out.read_text())).figures["rms_spot_um"]
        == told["after"]["rms_spot_um"]
    )
    lens, better = tmp_path / "l.txt", tmp_path / "better.json"
    lens.write_text(to_lines(TRIPLET))
    assert run(["optics", "polish", str(lens), "--steps", "3", "--no-glasses", "-o", str(better)]) == 0
    assert "keeps every limit" in capsys.readouterr().out
    assert run(["optics", "show", str(better), "--json"]) == 0
    capsys.readouterr()
    for wrong in (["--id", "x"], ["--task", str(tasks), "--id", "x"], ["--task", str(tmp_path / "no.jsonl")]):
        assert run(["optics", "polish", str(answer), *wrong]) == 2
        assert len(capsys.readouterr().err.strip().splitlines()) == 1
    answer.write_text("I cannot.")
    assert run([*arguments, "--task", str(tasks)]) == 2
    assert "a.txt" in capsys.readouterr().err


def test_eval_counts_before_and_after(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made = registry.load("optics").generate(3, 0, 0.1, family="singlet")
    blurred = to_lines(
        tuple(replace(row, thickness=row.thickness * 1.1) for row in parse(str(made.reference)))
    )
    tasks, answers = tmp_path / "t.jsonl", tmp_path / "a.jsonl"
    tasks.write_text(made.model_dump_json() + "\n")
    lines = [
        Completion(task_id=made.id, completion=text, sample=n).model_dump_json()
        for n, text in enumerate((blurred, str(made.reference), "I cannot."))
    ]
    answers.write_text("\n".join(lines) + "\n")
    arguments = [
        "eval",
        f"replay:{answers}",
        str(tasks),
        "--no-cache",
        "-w",
        "1",
        "--deadline",
        "60",
        "--json",
        "-q",
    ]
    assert run([*arguments, "--polish"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["polish"]["samples"] == 3
    assert (found["polish"]["passed_before"], found["polish"]["passed_after"]) == (1, 2)
    assert found["overall"]["pass_at"]["1"]["value"] == pytest.approx(1 / 3)
    spot = found["polish"]["figures"]["rms_spot_um"]
    assert spot["after"] <= spot["before"]
    assert run(arguments) == 0
    assert "polish" not in json.loads(capsys.readouterr().out)
    math_task = Task(
        id="m",
        domain="math",
        prompt=(Message(role="user", content="1+1"),),
        spec={"answer": "2"},
        reference="2",
    )
    tasks.write_text(math_task.model_dump_json() + "\n")
    assert run(["eval", "reference", str(tasks), "--polish"]) == 2
    assert "math" in capsys.readouterr().err


def test_a_polished_verdict_that_is_no_better_does_not_count() -> None:
    class Judge:
        def verify(self, jobs: Any, on_done: Any = None) -> Any:
            with VerifierPool(1, deadline_s=60.0) as pool:
                found = pool.verify([Request(task(ASPHERE_SPEC), job.completion, job.sample) for job in jobs])
            first = found[0].stages[0].model_copy(update={"score": 0.0, "status": "failed"})
            return [found[0].model_copy(update={"stages": (first,), "passed": False})]

    with VerifierPool(1, deadline_s=60.0) as pool:
        [plain] = pool.verify([Request(task(ASPHERE_SPEC), to_lines(ASPHERE))])
    best, counted = polished(
        [task(ASPHERE_SPEC)], [Completion(task_id="t", completion=to_lines(ASPHERE))], [plain], Judge()
    )
    assert best == [plain]
    assert counted.passed_after == counted.passed_before == 1
