"""The tracer compared with optiland on many kinds of lens: conics, plates, wide fields, odd stops, sizes."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from support.paths import BENCH
from torch import Tensor

sys.path.insert(0, str(BENCH))

import optiland_peer as peer

from verirl_optics.analysis.performance import evaluate, field_curvature
from verirl_optics.raytrace import pupil as pupils
from verirl_optics.raytrace.glass import Medium, find_glass, glass_table, model_glass
from verirl_optics.raytrace.paraxial import first_order, seidel
from verirl_optics.raytrace.prescription import Aperture, Prescription, Surface
from verirl_optics.raytrace.system import FLOAT, System, build_system
from verirl_optics.raytrace.trace import Failure, through_pupil, trace

torch.set_num_threads(1)
LINES = (0.4861327, 0.5875618, 0.6562725)
CLOSE = 1e-9
Written = tuple[Any, ...]


def lens(
    epd: float, fields: tuple[float, ...], *rows: Written, waves: tuple[float, ...] = LINES
) -> Prescription:
    """Rows of radius, thickness, glass (or None), and what else a surface has by name."""
    surfaces = tuple(_surface(*row) for row in rows)
    return Prescription(surfaces, Aperture("epd", epd), fields, waves, len(waves) // 2)


def _surface(
    radius: float, thickness: float, glass: str | Medium | None = None, more: dict[str, Any] | None = None
) -> Surface:
    return Surface(radius, thickness, find_glass(glass) if isinstance(glass, str) else glass, **(more or {}))


STOP: dict[str, Any] = {"stop": True}
PLANE = math.inf
HIGH = (0.0, 1e-6, -3e-9, 1e-12, -2e-15, 1e-19, 3e-22, 0.0, 0.0, 1e-29)
LENSES = {
    "hyperboloid": lens(12, (0, 2, 4), (PLANE, 6, "N-BK7", STOP), (-25, 48, None, {"conic": -2.3})),
    "ellipsoid": lens(20, (0, 1), (25, 8, "N-BK7", {"conic": -0.43, **STOP}), (PLANE, 40)),
    "oblate": lens(10, (0, 3), (40, 5, "F2", {"conic": 1.7, **STOP}), (-60, 36, None, {"conic": 0.8})),
    "bent by its square term": lens(
        10, (0, 3), (PLANE, 5, "N-BK7", {"asphere": (0.01, 1e-6), **STOP}), (-80, 55)
    ),
    "ten terms": lens(
        12,
        (0, 2, 5),
        (30, 5, "N-BK7", {"conic": -0.6, "asphere": HIGH, **STOP}),
        (-90, 44, None, {"asphere": (0.0, 2e-7)}),
    ),
    "aspheres off the stop": lens(
        3,
        (0, 10, 20),
        (PLANE, 5, None, STOP),
        (-30, 4, "N-BK7", {"conic": -1.2, "asphere": (0.0, -2e-5, 1e-7)}),
        (-12, 25, None, {"conic": -0.5, "asphere": (0.0, 1e-6)}),
    ),
    "plate": lens(8, (0, 4), (51, 4, "N-BK7", STOP), (-51, 10), (PLANE, 10, "F2"), (PLANE, 30)),
    "cemented triplet": lens(
        12, (0, 2), (60, 6, "N-BK7", STOP), (-30, 2, "F2"), (45, 6, "N-SK16"), (-70, 80)
    ),
    "stop in front": lens(4, (0, 15, 25), (PLANE, 12, None, STOP), (-40, 4, "N-BK7"), (-16, 30)),
    "stop behind": lens(4, (0, 10, 18), (16, 4, "N-BK7"), (40, 12), (PLANE, 20, None, STOP)),
    "stop in glass": lens(5, (0, 8), (22, 3, "N-BK7"), (PLANE, 3, "N-BK7", STOP), (-30, 20)),
    "curved stop": lens(
        6, (0, 6), (30, 3, "N-BK7"), (-60, 2), (-40, 2, None, STOP), (50, 3, "F2"), (90, 60)
    ),
    "fish-eye": lens(
        1.5,
        (0, 30, 60),
        (60, 2, "N-BK7"), (10, 10), (40, 4, "SF5"), (-60, 4),
        (PLANE, 1, None, STOP), (30, 4, "N-SK16"), (-12, 14),
    ),
    "f/0.8": lens(
        16, (0, 1), (13, 9, "N-LAK9", {"conic": -0.7, "asphere": (0.0, 1e-5), **STOP}), (-80, 10)
    ),
    "ball": lens(4, (0, 1), (5, 10, "SF5", STOP), (-5, 1)),
    "telecentric": lens(6, (0, 5), (PLANE, 48, None, STOP), (51, 4, "N-BK7"), (-51, 48)),
    "negative": lens(6, (0, 5), (-40, 2, "N-BK7", STOP), (60, 30)),
    "telephoto": lens(8, (0, 2, 4), (30, 5, "N-BK7", STOP), (-70, 25), (-20, 1.5, "F2"), (60, 25)),
    "retrofocus": lens(
        4,
        (0, 15, 30),
        (80, 2, "N-BK7"), (18, 25), (40, 5, "N-SK16"), (-90, 3),
        (PLANE, 3, None, STOP), (60, 4, "N-BK7"), (-40, 50),
    ),
    "field lens": lens(8, (0, 6), (51, 4, "N-BK7", STOP), (-51, 46.5), (60, 2, "N-BK7"), (PLANE, 0.01)),
    "touching": lens(8, (0, 3), (51, 4, "N-BK7", STOP), (-51, 0), (-51, 0), (80, 3, "F2"), (-200, 30)),
    "relay": lens(6, (0, 1), (30, 5, "N-BK7", STOP), (-30, 90), (30, 6, "N-BK7"), (-30, 60)),
    "microscopic": lens(8e-3, (0, 3), (51e-3, 4e-3, "N-BK7", STOP), (-51e-3, 48e-3)),
    "gigantic": lens(8e3, (0, 3), (51e3, 4e3, "N-BK7", STOP), (-51e3, 48e3)),
    "one field, aside": lens(8, (7,), (51, 4, "N-BK7", STOP), (-51, 48), waves=(0.6328,)),
    "below the axis": lens(8, (0, -4, 4), (51, 4, "N-BK7", STOP), (-51, 48)),
    "infrared": lens(8, (0, 4), (51, 4, "N-SF6", STOP), (-51, 30), waves=(1.0, 1.55, 2.2)),
    "a glass by nd and Vd": lens(8, (0, 5), (40, 4, model_glass(1.62, 60.3), STOP), (-70, 40)),
}  # fmt: skip
ROUND = [name for name in LENSES if not any(surface.aspheric for surface in LENSES[name].surfaces)]
WHOLE = pupils.gauss(mirrored=False)
live = [
    pytest.mark.slow,
    pytest.mark.needs_modules("optiland"),
    pytest.mark.filterwarnings("ignore"),
]


def beam(item: Prescription) -> tuple[System, Tensor, Tensor]:
    fields = torch.deg2rad(torch.tensor([item.fields], dtype=FLOAT))
    return build_system([item]), torch.tensor([item.aperture.value], dtype=FLOAT), fields


@pytest.mark.parametrize("name", LENSES)
def test_first_order_figures_are_the_limit_of_real_rays(name: str) -> None:
    item = LENSES[name]
    system, _, _ = beam(item)
    first, p = first_order(system), item.primary
    height = 1e-5 * item.aperture.value
    edge = pupils.Pupil(torch.zeros(1), torch.ones(1), torch.ones(1))
    axis = torch.zeros(1, 1, dtype=FLOAT)
    ray = trace(system, through_pupil(system, edge, torch.tensor([2 * height], dtype=FLOAT), axis)).rays
    slope = (ray.m / ray.n)[0, 0, p, 0].item()
    crossing = item.surfaces[-1].thickness - ray.y[0, 0, p, 0].item() / slope
    assert first.efl_BW[0, p].item() == pytest.approx(-height / slope, rel=1e-6)
    assert first.bfl_BW[0, p].item() == pytest.approx(crossing, rel=1e-5)


@pytest.mark.parametrize("name", [name for name in LENSES if LENSES[name].fields != (7,)])
def test_each_seidel_sum_is_the_limit_of_real_rays(name: str) -> None:
    """Transverse errors at the paraxial focus, of a hundredth of beam and field (Welford, chapter 8)."""
    item = LENSES[name]
    system, epd, fields = beam(item)
    first, p = first_order(system), item.primary
    efl, small = first.efl_BW[0, p].item(), 1e-2
    focus = torch.cat([system.thickness_BS[:, :-1], first.bfl_BW[:, p : p + 1]], dim=1)
    height, tangent = small * epd[0].item() / 2.0, small * torch.tan(fields.abs().amax()).item()
    points = pupils.Pupil(
        *torch.tensor([[0.0, 0.0, 1.0, 0.0], [1.0, -1.0, 0.0, 0.0]], dtype=FLOAT), WHOLE.x_R
    )
    angles = torch.tensor([[0.0, math.atan(tangent)]], dtype=FLOAT)
    rays = trace(replace(system, thickness_BS=focus), through_pupil(system, points, small * epd, angles)).rays
    x, y = rays.x[0, :, p], rays.y[0, :, p]
    scale = -2.0 * height / efl / small**4
    spherical = (y[0, 0] - y[0, 1]) / 2.0
    coma = (y[1, 0] + y[1, 1] - 2.0 * y[1, 3]) / 6.0
    tangential, sagittal = (y[1, 0] - y[1, 1]) / 2.0 - spherical, x[1, 2] - spherical
    bent = (tangential - sagittal) / 2.0
    real = torch.stack([spherical, coma, bent, sagittal - bent, y[1, 3] - efl * tangent]) * scale
    sums = seidel(system, epd, torch.tan(fields.abs().amax(-1))).sum(1)[0]
    assert (real - sums).abs().max() < 1e-2 * sums.abs().max()


@pytest.mark.parametrize("name", LENSES)
def test_gradients_agree_with_finite_differences(name: str) -> None:
    item = LENSES[name]
    system, epd, fields = beam(item)
    size = item.aperture.value

    def merit(bend: Tensor, gap: Tensor, conic: Tensor, terms: Tensor, index: Tensor) -> Tensor:
        made = System(bend, gap, conic, terms, index, system.semi_BS, system.stop, system.primary)
        found = evaluate(made, epd, fields)
        spots = (found.spots.poly_BF**2).sum() / size
        return spots + found.first.bfl_BW.sum() + found.first.efl_BW.sum() + found.chief_BFW.sum()

    start = (system.curvature_BS, system.thickness_BS, system.conic_BS, system.asphere_BSA, system.index_BSW)
    inputs = [value.clone().requires_grad_() for value in start]
    value = merit(*inputs)
    slopes = torch.autograd.grad(value, inputs, allow_unused=True)
    for place, step in ((0, 1e-6 / size), (1, 1e-5 * size), (2, 1e-4), (4, 1e-6)):
        flat = start[place].flatten()
        for i in {0, flat.numel() - 1}:

            def at(by: float, place: int = place, i: int = i, flat: Tensor = flat) -> float:
                moved = flat.clone()
                moved[i] += by
                values = [*start[:place], moved.reshape(start[place].shape), *start[place + 1 :]]
                with torch.no_grad():
                    return merit(*values).item()

            near, far = at(step) - at(-step), at(2 * step) - at(-2 * step)
            slope, known = slopes[place], (8 * near - far) / (12 * step)
            noise = 1e-10 * abs(value.item()) / step
            assert slope is not None
            assert slope.flatten()[i].item() == pytest.approx(known, rel=1e-5, abs=noise)


def test_where_no_ray_arrives_there_is_no_field_curvature() -> None:
    """A biconvex lens without thickness: every ray beside the axis runs backwards."""
    item = lens(5, (0, 3), (51, 0, "N-BK7", STOP), (-51, 48))
    system, epd, fields = beam(item)
    done = trace(system, through_pupil(system, WHOLE, epd, fields))
    assert not done.valid.any()
    assert set(done.failure.flatten().tolist()) == {Failure.BACKWARD}
    for focus in field_curvature(system, epd, fields):
        assert torch.isnan(focus).all()


def optiland_lens(item: Prescription) -> Any:
    optic = peer.blank()
    optic.surfaces.add(index=0, radius=PLANE, thickness=PLANE)
    for place, surface in enumerate(item.surfaces, start=1):
        how: dict[str, Any] = {"conic": surface.conic} if surface.aspheric else {}
        if surface.medium is not None:
            how["material"] = peer.material(surface.medium.index)
        if surface.asphere:
            how |= {"surface_type": "even_asphere", "coefficients": list(surface.asphere), "tol": 1e-14}
        # optiland's aspheres divide by the radius.
        radius = 1e30 if surface.asphere and math.isinf(surface.radius) else surface.radius
        optic.surfaces.add(
            index=place, radius=radius, thickness=surface.thickness, is_stop=surface.stop, **how
        )
    optic.surfaces.add(index=len(item.surfaces) + 1)
    optic.set_aperture(aperture_type="EPD", value=item.aperture.value)
    optic.fields.set_type(field_type="angle")
    for angle in item.fields:
        optic.fields.add(y=angle)
    for place, wave in enumerate(item.wavelengths):
        optic.wavelengths.add(value=wave, is_primary=place == item.primary)
    return optic


def marked(test: Callable[..., None]) -> Callable[..., None]:
    for mark in live:
        test = mark(test)
    return test


@marked
@pytest.mark.parametrize("name", LENSES)
def test_optiland_says_the_same_of_first_order_and_of_every_ray(name: str) -> None:
    item = LENSES[name]
    optic = optiland_lens(item)
    system, epd, fields = beam(item)
    first, p, last = first_order(system), item.primary, item.surfaces[-1].thickness
    if not any(surface.asphere and surface.asphere[0] for surface in item.surfaces):
        # Its paraxial figures leave the r² term out; real rays, above, say that it counts.
        pairs = (
            (first.efl_BW[0, p], optic.paraxial.f2()),
            (first.bfl_BW[0, p], last + float(optic.paraxial.F2())),
            (first.entrance_B[0], optic.paraxial.EPL()),
            (first.exit_B[0], last + float(optic.paraxial.XPL())),
        )
        for ours, theirs in pairs:
            assert float(ours) == pytest.approx(float(theirs), rel=1e-8, abs=CLOSE)
    done = trace(system, through_pupil(system, WHOLE, epd, fields))
    assert done.valid.any()
    widest = max(map(abs, item.fields)) or 1.0
    for f, angle in enumerate(item.fields):
        for w, wave in enumerate(item.wavelengths):
            rays = optic.trace_generic(
                0.0, angle / widest, WHOLE.x_R.numpy(), WHOLE.y_R.numpy(), wavelength=wave
            )
            x, y = (torch.from_numpy(value.copy()).reshape(-1) for value in (rays.x, rays.y))
            valid = done.valid[0, f, w]
            assert torch.equal(valid, torch.isfinite(x) & torch.isfinite(y))
            size = CLOSE * max(1.0, float(y[valid].abs().max()) if valid.any() else 1.0)
            assert (done.rays.x[0, f, w] - x)[valid].abs().amax() < size
            assert (done.rays.y[0, f, w] - y)[valid].abs().amax() < size


@marked
@pytest.mark.parametrize("name", ROUND)
def test_optiland_says_the_same_of_third_order_and_field_curvature(name: str) -> None:
    item = LENSES[name]
    optic = optiland_lens(item)
    system, epd, fields = beam(item)
    sums = seidel(system, epd, torch.tan(fields.abs().amax(-1))).sum(1)[0].abs().tolist()
    known = [abs(value) for value in peer.seidel_sums(optic)]
    assert sums == pytest.approx(known, rel=1e-6, abs=CLOSE)
    widest = max(range(len(item.fields)), key=lambda f: item.fields[f])
    if item.fields[widest] > 0.0 and len(item.fields) > 1:
        along, across = peer.field_curvature(optic, item.wavelengths[item.primary])
        found = [float(focus[0, widest]) for focus in field_curvature(system, epd, fields)]
        assert found == pytest.approx([along, across], rel=1e-4, abs=1e-5)


@marked
@pytest.mark.parametrize("vendor", ["schott", "ohara", "hoya", "cdgm", "hikari", "sumita"])
def test_optiland_has_the_same_index_of_each_makers_glasses(vendor: str) -> None:
    glasses = [medium for medium in glass_table().values() if medium.vendor == vendor]
    seen = 0
    for medium in glasses[:: max(1, len(glasses) // 12)]:
        known = peer.catalogue_glass(medium.name, vendor)
        low, high = medium.wavelength_range_um
        for wave in (*LINES, max(low, 0.4), min(high, 1.0)):
            if known is not None and low <= wave <= high:
                assert medium.index(wave) == pytest.approx(known(wave), abs=CLOSE)
                seen += 1
    assert seen > 20
