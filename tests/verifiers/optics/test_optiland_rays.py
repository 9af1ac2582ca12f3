"""The tracer compared with optiland ray by ray; skipped if optiland is not installed."""

from __future__ import annotations

import math
import sys

import pytest
import torch
from support.paths import BENCH

sys.path.insert(0, str(BENCH))

import optiland_peer as peer

from verirl_optics.analysis.performance import evaluate, pupil_diameter
from verirl_optics.raytrace import pupil as pupils
from verirl_optics.raytrace.paraxial import first_order
from verirl_optics.raytrace.pupil import Pupil
from verirl_optics.raytrace.spots import measure_spots
from verirl_optics.raytrace.system import FLOAT, build_system
from verirl_optics.raytrace.trace import through_pupil, trace

pytestmark = [
    pytest.mark.slow,
    pytest.mark.needs_modules("optiland"),
    pytest.mark.filterwarnings("ignore"),
]
PUPILS = {"hexapolar": pupils.hexapolar(), "gauss": pupils.gauss(mirrored=False)}
CLOSE = 1e-9
"""Of a length in mm, and relative for focal lengths."""


@pytest.mark.parametrize("name", peer.SAMPLES)
def test_first_order_figures(name: str) -> None:
    theirs = peer.sample(name)
    lens = peer.converted(theirs, name)
    system = build_system([lens])
    first = first_order(system)
    p = lens.primary
    assert first.efl_BW[0, p].item() == pytest.approx(float(theirs.paraxial.f2()), rel=CLOSE)
    assert first.entrance_B.item() == pytest.approx(float(theirs.paraxial.EPL()), rel=CLOSE, abs=CLOSE)
    diameter = pupil_diameter(lens.aperture, first, system).item()
    assert diameter == pytest.approx(float(theirs.paraxial.EPD()), rel=CLOSE)


@pytest.mark.parametrize("sampling", PUPILS)
@pytest.mark.parametrize("name", peer.SAMPLES)
def test_rays_and_spots(name: str, sampling: str) -> None:
    theirs = peer.sample(name)
    lens = peer.converted(theirs, name)
    pupil = PUPILS[sampling]
    system = build_system([lens])
    epd = pupil_diameter(lens.aperture, first_order(system), system)
    fields = torch.deg2rad(torch.tensor([lens.fields], dtype=FLOAT))
    ours = trace(system, through_pupil(system, pupil, epd, fields))
    found = measure_spots(ours.rays.x, ours.rays.y, ours.valid, pupil)
    widest = max(lens.fields)
    for f, angle in enumerate(lens.fields):
        for w, wavelength in enumerate(lens.wavelengths):
            rays = theirs.trace_generic(
                0.0, angle / widest, pupil.x_R.numpy(), pupil.y_R.numpy(), wavelength=wavelength
            )
            x, y = (torch.from_numpy(value.copy()).reshape(-1) for value in (rays.x, rays.y))
            assert ours.valid[0, f, w].all()
            assert (ours.rays.x[0, f, w] - x).abs().max() < CLOSE
            assert (ours.rays.y[0, f, w] - y).abs().max() < CLOSE
            assert found.rms_BFW[0, f, w].item() == pytest.approx(_rms(x, y, pupil), abs=CLOSE)


def _rms(x: torch.Tensor, y: torch.Tensor, pupil: Pupil) -> float:
    weight = pupil.weight_R
    mean_x, mean_y = (weight * x).sum(), (weight * y).sum()
    return math.sqrt(float((weight * ((x - mean_x) ** 2 + (y - mean_y) ** 2)).sum()))


@pytest.mark.parametrize("name", peer.SAMPLES)
def test_the_mirrored_quadrature_that_verdicts_use_gives_the_same_spot(name: str) -> None:
    lens = peer.converted(peer.sample(name), name)
    system = build_system([lens])
    epd = pupil_diameter(lens.aperture, first_order(system), system)
    fields = torch.deg2rad(torch.tensor([lens.fields], dtype=FLOAT))
    half = evaluate(system, epd, fields).spots.poly_BF
    whole = evaluate(system, epd, fields, PUPILS["gauss"]).spots.poly_BF
    assert (half - whole).abs().max() < 1e-12
