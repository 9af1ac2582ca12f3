"""The ray tracer compared with stored reference figures, closed forms and finite differences."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from typing import Any

import pytest
import torch
from support.paths import BENCHMARKS

from verirl_optics.analysis.performance import evaluate, field_curvature, gaps, mtf, pupil_diameter
from verirl_optics.analysis.reference_values import reference_values
from verirl_optics.lens_io.classical_lenses import lens_from_row, medium_of
from verirl_optics.raytrace import glass
from verirl_optics.raytrace import pupil as pupils
from verirl_optics.raytrace.paraxial import first_order, seidel
from verirl_optics.raytrace.prescription import Aperture, Prescription, Surface
from verirl_optics.raytrace.spots import measure_spots
from verirl_optics.raytrace.system import FLOAT, System, build_system
from verirl_optics.raytrace.trace import Failure, Rays, launch, through_pupil, trace

torch.set_num_threads(1)
BENCHMARK = BENCHMARKS / "optics"
RELATIVE = ("efl", "bfl", "fno", "total_track")


def rows(name: str) -> list[dict[str, Any]]:
    path = BENCHMARK / name
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


LENSES = {row["id"]: row for row in rows("classical_lenses.jsonl")}
ORACLE = {row["id"]: row for row in rows("classical_lenses_oracle.jsonl")}
needs_benchmark = pytest.mark.needs_benchmarks("optics")


@needs_benchmark
@pytest.mark.parametrize("name", LENSES)
def test_agrees_with_the_reference_figures(name: str) -> None:
    found, known = reference_values(lens_from_row(LENSES[name])), ORACLE[name]
    for key in RELATIVE if known["note"] is None else RELATIVE[3:]:
        assert found[key] == pytest.approx(known[key], rel=1e-9, abs=0), key
    assert found["bfl_by_wavelength"] == pytest.approx(known["bfl_by_wavelength"], rel=1e-9, abs=1e-12)
    if known["seidel_abs"]:
        assert found["seidel_abs"] == pytest.approx(known["seidel_abs"], rel=1e-6, abs=1e-9)
    for mine, theirs in zip(found["fields"], known["fields"], strict=True):
        assert set(mine) == set(theirs)
        for key, value in theirs.items():
            if value is None or isinstance(value, int):
                assert mine[key] == value, key
            else:
                assert mine[key] == pytest.approx(value, rel=0, abs=1e-9), key


@needs_benchmark
def test_the_glass_table_has_the_benchmarks_glasses() -> None:
    seen = 0
    for row in LENSES.values():
        for surface in row["surfaces"]:
            material = surface["material"] or {}
            if material.get("kind") not in ("catalog", "model", "index"):
                continue
            by_formula = medium_of(
                material if material["kind"] != "index" else {**material, "n": surface["n"][0]}
            )
            for wavelength, index in zip(row["wavelengths_um"], surface["n"], strict=True):
                assert by_formula.index(wavelength) == pytest.approx(index, abs=1e-9)
            if material["kind"] == "catalog":
                seen += 1
                shipped = glass.find_glass(material["name"])
                if shipped.vendor == material["vendor"]:
                    assert shipped.coefficients == tuple(material["coefficients"])
                else:
                    assert shipped.nd == pytest.approx(material["nd"], abs=1e-3)
    assert seen > 50


def test_glass_figures_are_those_of_the_catalogue() -> None:
    assert glass.find_glass("N-BK7").nd == pytest.approx(1.5168, abs=5e-6)
    assert glass.find_glass("N-BK7").vd == pytest.approx(64.17, abs=5e-3)
    assert glass.find_glass("N-SF6").nd == pytest.approx(1.80518, abs=5e-6)
    through = glass.model_glass(1.62, 36.4)
    slope = through.index(glass.LINE_F) - through.index(glass.LINE_C)
    assert (through.index(glass.LINE_D), 0.62 / slope) == pytest.approx((1.62, 36.4))
    assert glass.nearest(1.5168, 64.2, list(glass.glass_table().values())).nd == pytest.approx(
        1.5168, abs=1e-3
    )


@pytest.mark.parametrize("name", ["n-bk7", "N-BK7 ", "N‑BK7", "NBK7", "N-ВK7", "", "BK7X"])
def test_no_glass_is_matched_by_likeness(name: str) -> None:
    with pytest.raises(glass.GlassError):
        glass.find_glass(name)


def test_no_index_outside_the_measured_range() -> None:
    with pytest.raises(glass.GlassError, match="N-BK7 has no index at 5"):
        glass.find_glass("N-BK7").index(5.0)


def lens(*surfaces: Surface, epd: float = 5.0, fields: tuple[float, ...] = (0.0,)) -> Prescription:
    return Prescription(surfaces, Aperture("epd", epd), fields, (0.4861327, 0.5875618, 0.6562725), 1)


BK7 = glass.find_glass("N-BK7")
SINGLET = lens(Surface(51.0, 4.0, BK7, stop=True), Surface(-51.0, 48.0), epd=10.0, fields=(0.0, 3.0, 5.0))
TRIPLET = lens(
    Surface(
        22.01359,
        3.25896,
        glass.find_glass("SK16") if "SK16" in glass.glass_table() else glass.find_glass("N-SK16"),
    ),
    Surface(-435.76044, 6.00755),
    Surface(-22.21328, 0.99997, glass.find_glass("F2")),
    Surface(20.29192, 4.75041, stop=True),
    Surface(79.6836, 2.95208, glass.find_glass("N-SK16")),
    Surface(-18.39533, 42.20778),
    epd=10.0,
    fields=(0.0, 14.0, 20.0),
)


def tensors(prescription: Prescription) -> tuple[System, torch.Tensor, torch.Tensor]:
    system = build_system([prescription])
    epd = pupil_diameter(prescription.aperture, first_order(system), system)
    return system, epd, torch.deg2rad(torch.tensor([prescription.fields], dtype=FLOAT))


def test_a_thick_lens_has_the_focal_length_of_the_formula() -> None:
    n = BK7.index(0.5875618)
    power = (n - 1) * (2 / 51.0 - (n - 1) * 4.0 / (n * 51.0**2))
    assert float(first_order(build_system([SINGLET])).efl_BW[0, 1]) == pytest.approx(1 / power, rel=1e-14)


def test_a_parabola_and_an_ellipsoid_image_a_star_to_a_point() -> None:
    """k = −n'²… : a convex ellipsoid of k = −1/n² focuses parallel light perfectly inside the glass."""
    n = BK7.index(0.5875618)
    f = 30.0 * n / (n - 1)
    eye = replace(
        lens(Surface(30.0, f, BK7, conic=-1 / n**2, stop=True), epd=20.0), wavelengths=(0.5875618,), primary=0
    )
    system, epd, fields = tensors(eye)
    assert float(evaluate(system, epd, fields).spots.poly_BF[0, 0]) < 1e-12
    assert abs(float(seidel(system, epd, torch.zeros(1, dtype=FLOAT)).sum(1)[0, 0])) < 1e-12


def test_the_square_term_counts_in_the_focal_length_as_real_rays_say() -> None:
    bent = lens(Surface(60.0, 3.0, BK7, asphere=(0.004, 1e-6), stop=True), Surface(-80.0, 30.0), epd=0.01)
    system, epd, fields = tensors(bent)
    end = trace(system, through_pupil(system, pupils.rim(4), epd, fields)).rays
    top = 1
    real = -(0.005) / float(end.m[0, 0, 1, top] / end.n[0, 0, 1, top])
    assert float(first_order(system).efl_BW[0, 1]) == pytest.approx(real, rel=1e-6)


def test_an_asphere_can_be_the_conic_that_it_approximates() -> None:
    """Sag of a paraboloid is c r²/2 exactly: as an asphere without curvature it must trace the same."""
    parabola = lens(
        Surface(40.0, 3.0, BK7, conic=-1.0, stop=True), Surface(math.inf, 70.0), fields=(0.0, 4.0)
    )
    terms = lens(
        Surface(math.inf, 3.0, BK7, asphere=(1 / 80.0,), stop=True),
        Surface(math.inf, 70.0),
        fields=(0.0, 4.0),
    )
    first, second = (evaluate(*tensors(item)) for item in (parabola, terms))
    assert torch.allclose(first.traced.rays.y, second.traced.rays.y, rtol=0, atol=1e-12)
    sums = [
        seidel(tensors(item)[0], torch.tensor([5.0], dtype=FLOAT), torch.tensor([0.07], dtype=FLOAT))
        for item in (parabola, terms)
    ]
    assert torch.allclose(sums[0], sums[1], rtol=0, atol=1e-14)


def test_third_order_theory_is_the_limit_of_real_rays() -> None:
    """Transverse axial aberration of a slow lens is S1 / (2 n' u') (Welford, chapter 8)."""
    system, _, fields = tensors(replace(SINGLET, fields=(0.0,)))
    epd = torch.tensor([1.0], dtype=FLOAT)
    first = first_order(system)
    system = replace(system, thickness_BS=torch.stack([system.thickness_BS[:, 0], first.bfl_BW[:, 1]], dim=1))
    s1 = float(seidel(system, epd, torch.zeros(1, dtype=FLOAT)).sum(1)[0, 0])
    end = trace(system, through_pupil(system, pupils.rim(4), epd, fields)).rays
    slope = -0.5 / float(first.efl_BW[0, 1])
    assert float(end.y[0, 0, 1, 1]) == pytest.approx(s1 / (2 * slope), rel=2e-3)


@pytest.mark.parametrize("prescription", [SINGLET, TRIPLET], ids=["singlet", "triplet"])
def test_half_a_pupil_says_what_the_whole_one_does(prescription: Prescription) -> None:
    system, epd, fields = tensors(prescription)
    half = evaluate(system, epd, fields).spots
    whole = evaluate(system, epd, fields, pupils.gauss(mirrored=False)).spots
    assert torch.allclose(half.poly_BF, whole.poly_BF, rtol=1e-12)
    assert torch.allclose(half.rms_BFW, whole.rms_BFW, rtol=1e-12)
    assert torch.equal(half.rays_BF, whole.rays_BF)
    finer = evaluate(system, epd, fields, pupils.gauss(16, 40)).spots
    assert torch.allclose(half.poly_BF, finer.poly_BF, rtol=1e-3)


def test_gradients_agree_with_finite_differences() -> None:
    bent = replace(
        TRIPLET,
        surfaces=(
            replace(TRIPLET.surfaces[0], conic=-0.3, asphere=(0.0, 1e-6, -1e-9)),
            *TRIPLET.surfaces[1:],
        ),
    )
    base, epd, fields = tensors(bent)

    def merit(c: torch.Tensor, t: torch.Tensor, k: torch.Tensor, a: torch.Tensor) -> torch.Tensor:
        system = replace(base, curvature_BS=c, thickness_BS=t, conic_BS=k, asphere_BSA=a)
        found = evaluate(system, epd, fields)
        sums = seidel(system, epd, torch.tan(fields[:, -1])).sum()
        return found.spots.poly_BF.sum() + 1e-3 * found.first.efl_BW[:, 1].sum() + sums

    inputs = [
        value.clone().requires_grad_()
        for value in (base.curvature_BS, base.thickness_BS, base.conic_BS, base.asphere_BSA)
    ]
    gradients = torch.autograd.grad(merit(*inputs), inputs)
    for place, (value, steps) in enumerate(zip(inputs, (1e-7, 1e-5, 1e-4, None), strict=True)):
        flat = value.detach().flatten()
        for i in (0, flat.numel() // 2, flat.numel() - 1):
            step = steps if steps is not None else (1e-7, 1e-9, 1e-11)[i % 3]
            ends = []
            for sign in (1.0, -1.0):
                moved = flat.clone()
                moved[i] += sign * step
                values = [item.detach() for item in inputs]
                values[place] = moved.reshape(value.shape)
                ends.append(float(merit(*values)))
            slope = (ends[0] - ends[1]) / (2 * step)
            assert float(gradients[place].flatten()[i]) == pytest.approx(slope, rel=1e-4, abs=1e-6)


def test_a_batch_is_its_lenses_one_by_one() -> None:
    stretched = replace(TRIPLET, surfaces=(replace(TRIPLET.surfaces[0], radius=23.0), *TRIPLET.surfaces[1:]))
    system = build_system([TRIPLET, stretched])
    fields = torch.deg2rad(torch.tensor([TRIPLET.fields] * 2, dtype=FLOAT))
    both = evaluate(system, torch.tensor([10.0, 10.0], dtype=FLOAT), fields).spots.poly_BF
    alone = [evaluate(*tensors(item)).spots.poly_BF[0] for item in (TRIPLET, stretched)]
    assert torch.allclose(both, torch.stack(alone), rtol=1e-13)


def test_aimed_rays_meet_the_stop() -> None:
    system, epd, fields = tensors(TRIPLET)
    pupil = pupils.gauss()
    from verirl_optics.analysis.performance import aim_rays

    rays = aim_rays(system, through_pupil(system, pupil, epd, fields), pupil, epd)
    at_stop = trace(system, rays, stop_after=system.stop).rays
    edge = trace(
        system,
        launch(
            torch.zeros(1),
            torch.full((1,), 5.0, dtype=FLOAT),
            first_order(system).entrance_B,
            fields[:, :1],
            3,
        ),
        stop_after=system.stop,
    ).rays.y[0, 0, 1, 0]
    assert torch.allclose(at_stop.y, (pupil.y_R * edge).expand_as(at_stop.y), rtol=0, atol=1e-9)
    plain, real = evaluate(system, epd, fields), evaluate(system, epd, fields, aim=True)
    assert torch.allclose(plain.spots.poly_BF[:, 0], real.spots.poly_BF[:, 0], rtol=5e-2)
    assert not torch.allclose(plain.spots.poly_BF[:, 2], real.spots.poly_BF[:, 2], rtol=1e-3)


def test_field_curvature_of_a_thin_lens_is_that_of_theory() -> None:
    """Stop at a thin lens: sagittal and tangential foci lie −h²(1 + 1/n)/2f and −h²(3 + 1/n)/2f off."""
    n = BK7.index(0.5875618)
    thin = lens(Surface(100.0, 1e-6, BK7, stop=True), Surface(-100.0, 50.0 / (n - 1)), epd=0.5, fields=(0.5,))
    system, epd, fields = tensors(thin)
    tangential, sagittal = field_curvature(system, epd, fields)
    f = float(first_order(system).efl_BW[0, 1])
    square = (f * math.tan(math.radians(0.5))) ** 2
    assert float(sagittal[0, 0]) == pytest.approx(-square * (1 + 1 / n) / (2 * f), rel=1e-2)
    assert float(tangential[0, 0]) == pytest.approx(-square * (3 + 1 / n) / (2 * f), rel=1e-2)


def test_mtf_starts_at_one_and_falls() -> None:
    system, epd, fields = tensors(TRIPLET)
    done = evaluate(system, epd, fields).traced
    at = [mtf(done, pupils.gauss(), cycles) for cycles in (0.0, 10.0, 30.0)]
    assert torch.allclose(at[0][0], torch.ones(1, 3, dtype=FLOAT))
    assert bool((at[1][0] < at[0][0]).all())
    assert bool((at[2][1] < at[1][1]).all())


def test_mtf_of_a_disc_of_light_is_that_of_theory() -> None:
    """A plano-hyperbolic lens of k = −n² has no error on axis; out of focus its spot is an even disc."""
    n = BK7.index(0.5875618)
    sharp = replace(
        lens(Surface(math.inf, 4.0, BK7, stop=True), Surface(-50.0, 50.0 / (n - 1) + 1.0, conic=-(n**2))),
        wavelengths=(0.5875618,),
        primary=0,
        aperture=Aperture("epd", 2.0),
    )
    system, epd, fields = tensors(sharp)
    done = evaluate(system, epd, fields, pupils.gauss(16, 24)).traced
    disc = 1.0 * (n - 1) / 50.0
    for cycles in (0.0, 20.0, 50.0, 70.0):
        x = torch.tensor(2 * math.pi * cycles * disc, dtype=FLOAT)
        known = abs(float(2 * torch.special.bessel_j1(x) / x)) if cycles else 1.0
        for side in mtf(done, pupils.gauss(16, 24), cycles):
            assert float(side[0, 0]) == pytest.approx(known, abs=1e-3)


def test_pupils_of_an_image_in_glass_are_where_a_chief_ray_says() -> None:
    eye = lens(Surface(math.inf, 3.0, stop=True), Surface(8.0, 24.0, BK7), epd=2.0)
    system, epd, _ = tensors(eye)
    field = torch.tensor([[1e-5]], dtype=FLOAT)
    end = trace(system, through_pupil(system, pupils.chief(), epd, field)).rays
    crossing = 24.0 - float(end.y[0, 0, 1, 0] * end.n[0, 0, 1, 0] / end.m[0, 0, 1, 0])
    assert float(first_order(system).exit_B[0]) == pytest.approx(crossing, rel=1e-6)


def test_edges_are_where_the_sags_say() -> None:
    system, _, _ = tensors(SINGLET)
    center, edge = gaps(system, torch.tensor([[10.0, 12.0]], dtype=FLOAT))
    depth = 51.0 - math.sqrt(51.0**2 - 144.0)
    assert float(center[0, 0]) == 4.0
    assert float(edge[0, 0]) == pytest.approx(4.0 - 2 * depth, rel=1e-12)


def test_a_deep_hollow_behind_a_wider_surface_has_a_flat_rim() -> None:
    deep = lens(Surface(math.inf, 2.0, BK7, stop=True), Surface(10.0, 20.0), Surface(60.0, 3.0, BK7))
    _, edge = gaps(build_system([deep]), torch.tensor([[14.0, 9.0, 14.0]], dtype=FLOAT))
    rim, wide = (radius - math.sqrt(radius**2 - y**2) for radius, y in ((10.0, 9.5), (60.0, 14.0)))
    assert edge[0].tolist() == pytest.approx([2.0 + rim, 20.0 - rim + wide], rel=1e-12)


def failures(prescription: Prescription, **options: bool) -> set[int]:
    system, epd, fields = tensors(prescription)
    done = trace(system, through_pupil(system, pupils.hexapolar(), epd, fields), **options)
    found = measure_spots(done.rays.x, done.rays.y, done.valid, pupils.hexapolar())
    assert not bool(torch.isinf(found.poly_BF).any())
    return set(done.failure.flatten().tolist()) - {0}


def test_each_way_to_lose_a_ray_has_its_name() -> None:
    missing = lens(Surface(4.0, 2.0, BK7, stop=True), Surface(-60.0, 10.0), epd=9.0)
    assert Failure.MISSED in failures(missing)
    inside = lens(Surface(math.inf, 6.0, BK7, stop=True), Surface(-5.0, 10.0), epd=9.0)
    assert Failure.REFLECTED in failures(inside)
    crossing = lens(Surface(20.0, 0.1, BK7, stop=True), Surface(-20.0, 20.0), epd=16.0)
    assert Failure.BACKWARD in failures(crossing)
    stopped = lens(Surface(50.0, 3.0, BK7, semi_diameter=2.0, stop=True), Surface(-50.0, 48.0))
    assert failures(stopped) == set()
    assert failures(stopped, clip=True) == {Failure.CLIPPED}


def test_a_ray_that_is_no_number_is_no_small_spot() -> None:
    system, _, _ = tensors(SINGLET)
    point = torch.tensor([0.0, math.nan, math.inf], dtype=FLOAT)
    zero = torch.zeros(1, 1, 3, 3, dtype=FLOAT)
    done = trace(system, Rays(zero + point, zero, zero, zero, zero, zero + 1.0))
    assert done.failure[0, 0, 0].tolist() == [Failure.NONE, Failure.NOT_FINITE, Failure.NOT_FINITE]
    lost = measure_spots(
        done.rays.x[..., 1:],
        done.rays.y[..., 1:],
        done.valid[..., 1:],
        pupils.Pupil(zero[0, 0, 0, :2], zero[0, 0, 0, :2], torch.ones(2) / 2),
    )
    assert bool(torch.isnan(lost.poly_BF).all())
    assert float(lost.arrived_BF) == 0.0


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here")
def test_a_gpu_says_what_the_processor_says() -> None:
    system, epd, fields = tensors(TRIPLET)
    here = evaluate(system, epd, fields).spots.poly_BF
    there = evaluate(build_system([TRIPLET], device="cuda"), epd.cuda(), fields.cuda()).spots.poly_BF
    assert torch.allclose(here, there.cpu(), rtol=0, atol=1e-12)


def test_a_wavelength_that_arrives_nowhere_leaves_the_others_gradient_alone() -> None:
    x = torch.tensor([[[[0.1, -0.2, 0.3]], [[1.0, 2.0, 3.0]]]], dtype=FLOAT).reshape(1, 1, 2, 3)
    x.requires_grad_()
    valid = torch.tensor([True, True, True, False, False, False]).reshape(1, 1, 2, 3)
    points = torch.zeros(3, dtype=FLOAT)
    pupil = pupils.Pupil(points, points, torch.full((3,), 1.0 / 3.0, dtype=FLOAT))
    found = measure_spots(x, 2.0 * x, valid, pupil)
    found.poly_BF.sum().backward()
    assert x.grad is not None
    assert torch.isfinite(x.grad).all()
    assert math.isnan(found.rms_BFW[0, 0, 1].item())
    alone = measure_spots(x[:, :, :1].detach(), 2.0 * x[:, :, :1].detach(), valid[:, :, :1], pupil)
    assert found.poly_BF.item() == pytest.approx(alone.poly_BF.item(), rel=1e-14)


def test_a_pupil_first_used_in_a_verdict_serves_gradients_too() -> None:
    lens = Prescription(
        (Surface(50.0, 5.0, glass.find_glass("N-BK7"), stop=True), Surface(-50.0, 47.0)), Aperture("epd", 5.0)
    )
    with torch.inference_mode():
        evaluate(
            build_system([lens]),
            torch.tensor([5.0], dtype=FLOAT),
            torch.zeros(1, 1, dtype=FLOAT),
            pupils.gauss(7, 14),
        )
    system = build_system([lens], requires_grad=True)
    found = evaluate(
        system, torch.tensor([5.0], dtype=FLOAT), torch.zeros(1, 1, dtype=FLOAT), pupils.gauss(7, 14)
    )
    found.spots.poly_BF.sum().backward()
    assert torch.isfinite(system.curvature_BS.grad).all()
