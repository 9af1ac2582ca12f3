"""Classical forms of lenses, and a start for each, not yet optimised: thin lenses, or a scaled patent."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from verirl_optics.glass import Medium, find

CROWNS = ("N-BK7", "N-K5", "N-SK5", "N-SK16", "N-BAK4", "N-LAK9", "N-PSK3", "K7")
FLINTS = ("F2", "SF2", "SF5", "N-F2", "SF1", "N-SF5")
STRONG_CROWNS = ("N-SK16", "N-SK4", "N-LAK9", "N-LAK10")
TRIPLET_FLINTS = ("F2", "SF2", "N-F2")


@dataclass(frozen=True, slots=True)
class Start:
    """Curvatures × EFL, thicknesses ÷ EFL (the last is found by focusing), glass behind each surface.

    `moves` are the thicknesses that an optimiser may change; it may change every curvature.
    """

    curvatures: tuple[float, ...]
    thicknesses: tuple[float, ...]
    glasses: tuple[str | None, ...]
    stop: int
    moves: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Form:
    """A form with the ranges its tasks are drawn from: EFL in mm, f-number, half field in degrees."""

    name: str
    elements: int
    efl: tuple[float, float]
    fno: tuple[float, float]
    half_field: tuple[float, float]
    start: Callable[[Random, float], Start]
    steps: int
    masked: tuple[int, int]


def _singlet(draw: Random, fno: float) -> Start:
    glass = draw.choice(CROWNS + FLINTS)
    power = 1.0 / (_nd(glass) - 1.0)
    shape = draw.uniform(-0.3, 1.5)
    thick = draw.uniform(0.05, 0.08) + 0.06 / fno
    return Start((power * (1 + shape) / 2, -power * (1 - shape) / 2), (thick, 1.0), (glass, None), 0)


def _achromat(draw: Random, fno: float) -> Start:
    crown, flint = draw.choice(CROWNS), draw.choice(FLINTS)
    front, back = find(crown), find(flint)
    first = front.vd / (front.vd - back.vd) / (front.nd - 1.0)
    second = -back.vd / (front.vd - back.vd) / (back.nd - 1.0)
    middle = -first * draw.uniform(0.45, 0.6)
    thick = draw.uniform(0.06, 0.08) + 0.2 / fno
    return Start(
        (first + middle, middle, middle - second),
        (thick, draw.uniform(0.03, 0.05) + 0.05 / fno, 1.0),
        (crown, flint, None),
        0,
    )


def _triplet(draw: Random, fno: float) -> Start:
    # Proportions of a Cooke triplet of 1893 (H. D. Taylor) as textbooks print it for EFL 50 mm, f/5.
    curvatures = (2.2713, -0.1147, -2.2509, 2.4640, 0.6275, -2.7181)
    thicknesses = (0.0652, 0.1202, 0.0200, 0.0950, 0.0590, 0.84)
    crown, flint, last = draw.choice(STRONG_CROWNS), draw.choice(TRIPLET_FLINTS), draw.choice(STRONG_CROWNS)
    return Start(
        tuple(c * draw.uniform(0.98, 1.02) for c in curvatures),
        tuple(t * draw.uniform(0.98, 1.02) for t in thicknesses),
        (crown, None, flint, None, last, None),
        3,
        (1, 3),
    )


def _nd(glass: str) -> float:
    medium: Medium = find(glass)
    return medium.nd


FORMS = {
    form.name: form
    for form in (
        Form("singlet", 1, (20.0, 150.0), (5.0, 10.0), (1.0, 4.0), _singlet, 40, (1, 1)),
        Form("achromat", 2, (30.0, 200.0), (5.0, 10.0), (0.5, 2.0), _achromat, 60, (2, 3)),
        Form("triplet", 3, (30.0, 120.0), (5.0, 8.0), (8.0, 18.0), _triplet, 80, (3, 4)),
    )
}
