"""Bring a start to a focus: Adam on curvatures and air spaces, the EFL held by scaling."""

from __future__ import annotations

import math
from dataclasses import replace

import torch
from torch import Tensor

from verirl_optics.analysis import evaluate, gaps
from verirl_optics.forms import Start
from verirl_optics.glass import find
from verirl_optics.paraxial import first_order
from verirl_optics.prescription import Aperture, Prescription, Surface
from verirl_optics.pupil import gauss
from verirl_optics.system import FLOAT, System, build

RATE = 0.02
THINNEST_EDGE = 0.012
"""Edge of a glass, and gap of air, ÷ EFL, under which the merit rises."""
PENALTY = 30.0


def optimise(
    start: Start,
    fno: float,
    fields: tuple[float, ...],
    wavelengths: tuple[float, ...],
    primary: int,
    steps: int,
) -> Prescription | None:
    """The lens of EFL 1 that `steps` of Adam reach from `start`, at its best focus; None where it broke."""
    base = build([_unit(start, fno, fields, wavelengths, primary)])
    angles = torch.deg2rad(torch.tensor([fields], dtype=FLOAT))
    bend = base.curvature_BS.clone().requires_grad_()
    move = base.thickness_BS[:, list(start.moves)].clone().requires_grad_()
    focus = torch.zeros(1, dtype=FLOAT, requires_grad=True)
    adam = torch.optim.Adam([{"params": [bend], "lr": RATE}, {"params": [move, focus], "lr": RATE / 10}])
    best: tuple[float, System] | None = None
    for _ in range(steps + 1):
        system = _system(base, start, bend, move, focus)
        merit = _merit(system, start, fno, angles)
        value = float(merit.detach())
        if not math.isfinite(value):
            break
        if best is None or value < best[0]:
            best = (value, system)
        adam.zero_grad()
        merit.backward()  # type: ignore[no-untyped-call]
        adam.step()
    if best is None:
        return None
    final = best[1]
    surfaces = tuple(
        Surface(
            math.inf if abs(c) < 1e-6 else 1.0 / c,
            t,
            None if glass is None else find(glass),
            stop=s == start.stop,
        )
        for s, (c, t, glass) in enumerate(
            zip(
                final.curvature_BS[0].detach().tolist(),
                final.thickness_BS[0].detach().tolist(),
                start.glasses,
                strict=True,
            )
        )
    )
    return replace(_unit(start, fno, fields, wavelengths, primary), surfaces=surfaces)


def _unit(
    start: Start, fno: float, fields: tuple[float, ...], wavelengths: tuple[float, ...], primary: int
) -> Prescription:
    surfaces = tuple(
        Surface(1.0 / c if c else math.inf, t, None if glass is None else find(glass), stop=s == start.stop)
        for s, (c, t, glass) in enumerate(
            zip(start.curvatures, start.thicknesses, start.glasses, strict=True)
        )
    )
    return Prescription(surfaces, Aperture("epd", 1.0 / fno), fields, wavelengths, primary)


def _system(base: System, start: Start, bend: Tensor, move: Tensor, focus: Tensor) -> System:
    """The lens scaled to EFL 1, its image `focus` behind the paraxial one."""
    thickness = base.thickness_BS.clone()
    if start.moves:
        thickness[:, list(start.moves)] = move
    loose = replace(base, curvature_BS=bend, thickness_BS=thickness)
    scale = first_order(loose).efl_BW[:, base.primary, None]
    held = replace(base, curvature_BS=bend * scale, thickness_BS=thickness / scale)
    image = first_order(held).bfl_BW[:, base.primary] + focus
    return replace(held, thickness_BS=torch.cat([held.thickness_BS[:, :-1], image[:, None]], dim=1))


def _merit(system: System, start: Start, fno: float, angles: Tensor) -> Tensor:
    epd = torch.full((1,), 1.0 / fno, dtype=FLOAT)
    found = evaluate(system, epd, angles, gauss(4, 8))
    lost = 1.0 - found.spots.arrived_BF
    spots = (found.spots.poly_BF**2 + lost / (2.0 * fno) ** 2).mean().sqrt()
    centre, edge = gaps(system, found.reach_BS.detach() * 1.05)
    short = torch.relu(THINNEST_EDGE - torch.minimum(centre, edge.nan_to_num(nan=-1.0)))
    return spots + PENALTY * (short**2).sum()
