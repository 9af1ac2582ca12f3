"""Classical design forms with a starting design for each: thin lenses, or a scaled patent."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from verirl_optics.raytrace.glass import FDC_WAVELENGTHS_UM, LINE_D, Medium, find_glass

CROWNS = ("N-BK7", "N-K5", "N-SK5", "N-SK16", "N-BAK4", "N-LAK9", "N-PSK3", "K7")
FLINTS = ("F2", "SF2", "SF5", "N-F2", "SF1", "N-SF5")
STRONG_CROWNS = ("N-SK16", "N-SK4", "N-LAK9", "N-LAK10")
TRIPLET_FLINTS = ("F2", "SF2", "N-F2")


@dataclass(frozen=True, slots=True)
class StartingDesign:
    """A lens that is not yet optimized, scaled to EFL 1.

    Attributes:
        curvatures: Curvatures × EFL; an optimizer may change all of them.
        thicknesses: Thicknesses ÷ EFL; the last one is found by focusing.
        glasses: Glass behind each surface, None for air.
        stop: Index of the stop surface.
        moves: Thicknesses that an optimizer may change.
        aspheres: (surface, conic, coefficients of r², r⁴, …); an optimizer may change all but that of r².
    """

    curvatures: tuple[float, ...]
    thicknesses: tuple[float, ...]
    glasses: tuple[str | None, ...]
    stop: int
    moves: tuple[int, ...] = ()
    aspheres: tuple[tuple[int, float, tuple[float, ...]], ...] = ()


@dataclass(frozen=True, slots=True)
class DesignForm:
    """A design form and the ranges from which its tasks are drawn.

    Attributes:
        name: Name of the family.
        level: 1 (easiest) to `LEVELS`.
        elements: Number of glass elements.
        efl: Range of the EFL in mm.
        fno: Range of the f-number.
        half_field: Range of the half field in degrees.
        start: Draws a starting design for an f-number.
        steps: Steps of the optimizer.
        masked: Range of the number of values that a completion task masks.
        wavelengths: Wavelengths in µm.
        worst: RMS spot in µm per mm of EFL above which another start is drawn.
    """

    name: str
    level: int
    elements: int
    efl: tuple[float, float]
    fno: tuple[float, float]
    half_field: tuple[float, float]
    start: Callable[[Random, float], StartingDesign]
    steps: int
    masked: tuple[int, int]
    wavelengths: tuple[float, ...] = FDC_WAVELENGTHS_UM
    worst: float = 10.0


def _singlet(draw: Random, fno: float) -> StartingDesign:
    glass = draw.choice(CROWNS + FLINTS)
    power = 1.0 / (_nd(glass) - 1.0)
    shape = draw.uniform(-0.3, 1.5)
    thick = draw.uniform(0.05, 0.08) + 0.06 / fno
    return StartingDesign((power * (1 + shape) / 2, -power * (1 - shape) / 2), (thick, 1.0), (glass, None), 0)


def _achromat(draw: Random, fno: float) -> StartingDesign:
    crown, flint = draw.choice(CROWNS), draw.choice(FLINTS)
    front, back = find_glass(crown), find_glass(flint)
    first = front.vd / (front.vd - back.vd) / (front.nd - 1.0)
    second = -back.vd / (front.vd - back.vd) / (back.nd - 1.0)
    middle = -first * draw.uniform(0.45, 0.6)
    thick = draw.uniform(0.06, 0.08) + 0.2 / fno
    return StartingDesign(
        (first + middle, middle, middle - second),
        (thick, draw.uniform(0.03, 0.05) + 0.05 / fno, 1.0),
        (crown, flint, None),
        0,
    )


def _triplet(draw: Random, fno: float) -> StartingDesign:
    # Proportions of a Cooke triplet of 1893 (H. D. Taylor) as textbooks print it for EFL 50 mm, f/5.
    curvatures = (2.2713, -0.1147, -2.2509, 2.4640, 0.6275, -2.7181)
    thicknesses = (0.0652, 0.1202, 0.0200, 0.0950, 0.0590, 0.84)
    crown, flint, last = draw.choice(STRONG_CROWNS), draw.choice(TRIPLET_FLINTS), draw.choice(STRONG_CROWNS)
    return StartingDesign(
        tuple(c * draw.uniform(0.98, 1.02) for c in curvatures),
        tuple(t * draw.uniform(0.98, 1.02) for t in thicknesses),
        (crown, None, flint, None, last, None),
        3,
        (1, 3),
    )


def _asphere(draw: Random, fno: float) -> StartingDesign:
    start = _singlet(draw, fno)
    # The first surface as steep as one that focuses alone in glass: an ellipsoid of k = −1/n².
    nd = _nd(str(start.glasses[0]))
    first = 0.85 / (nd - 1.0)
    second = first - 1.0 / (nd - 1.0)
    bent = ((0, -1.0 / nd**2, (0.0, draw.uniform(-0.01, 0.01), 0.0)),)
    thick = draw.uniform(0.06, 0.1) + 0.15 / fno
    return StartingDesign((first, second), (thick, 1.0), start.glasses, 0, (), bent)


def _tessar(draw: Random, fno: float) -> StartingDesign:
    # A Cooke triplet whose last element is split into a cemented pair (P. Rudolph 1902).
    front = _triplet(draw, fno)
    curvatures = (*front.curvatures[:4], *(c * draw.uniform(0.95, 1.05) for c in (0.3, 2.0, -2.4)))
    thicknesses = (*front.thicknesses[:4], 0.03, 0.075, 0.8)
    pair = (draw.choice(("LLF1", "N-K5", "N-SK2")), draw.choice(STRONG_CROWNS))
    return StartingDesign(curvatures, thicknesses, (*front.glasses[:4], *pair, None), 3, (1, 3))


def _gauss(draw: Random, fno: float) -> StartingDesign:
    # Proportions of a double Gauss of six elements as textbooks print it for EFL 100 mm, f/3.
    curvatures = (1.779, 0.657, 2.654, 0.0, 4.127, 0.0, -3.524, 0.0, -2.636, 0.564, -1.259)
    thicknesses = (0.0875, 0.012, 0.1257, 0.0378, 0.1425, 0.1243, 0.0378, 0.1083, 0.012, 0.0686, 0.615)
    crowns = [draw.choice(("N-SK16", "N-SK4", "N-LAK9", "N-SK2")) for _ in range(4)]
    flint = draw.choice(("F5", "F2", "N-F2"))
    glasses = (crowns[0], None, crowns[1], flint, None, None, flint, crowns[2], None, crowns[3], None)
    return StartingDesign(
        tuple(c * draw.uniform(0.98, 1.02) for c in curvatures), thicknesses, glasses, 5, (1, 4, 5, 8)
    )


def _retrofocus(draw: Random, fno: float) -> StartingDesign:
    # A negative meniscus far in front of a triplet: powers −½ and 1.11, 0.7 apart, leave more than 1 behind.
    rear = _triplet(draw, fno)
    power = 1.11
    nd = _nd(front := draw.choice(("N-BK7", "N-K5", "N-SK5")))
    first = draw.uniform(0.3, 0.45)
    curvatures = (first, first + 0.5 / (nd - 1.0), *(c * power for c in rear.curvatures))
    thicknesses = (0.06, 0.6, *(t / power for t in rear.thicknesses[:-1]), 1.0)
    return StartingDesign(curvatures, thicknesses, (front, None, *rear.glasses), 5, (1, 3, 5))


def _nd(glass: str) -> float:
    medium: Medium = find_glass(glass)
    return medium.nd


DESIGN_FORMS = {
    form.name: form
    for form in (
        DesignForm("singlet", 1, 1, (20.0, 150.0), (5.0, 10.0), (1.0, 4.0), _singlet, 8, (1, 1)),
        DesignForm("achromat", 2, 2, (30.0, 200.0), (5.0, 10.0), (0.5, 2.0), _achromat, 10, (2, 3)),
        DesignForm("triplet", 3, 3, (30.0, 120.0), (5.0, 8.0), (8.0, 18.0), _triplet, 14, (3, 4), worst=1.5),
        DesignForm(
            "asphere",
            4,
            1,
            (20.0, 80.0),
            (2.0, 4.0),
            (0.3, 1.5),
            _asphere,
            12,
            (2, 2),
            (LINE_D,),
            worst=0.3,
        ),
        DesignForm("tessar", 4, 4, (30.0, 120.0), (4.0, 6.0), (10.0, 22.0), _tessar, 24, (4, 5), worst=0.8),
        DesignForm("gauss", 5, 6, (35.0, 100.0), (2.5, 3.2), (10.0, 16.0), _gauss, 24, (5, 7), worst=0.5),
        DesignForm(
            "retrofocus", 5, 4, (15.0, 60.0), (4.0, 6.3), (15.0, 25.0), _retrofocus, 30, (4, 6), worst=1.5
        ),
    )
}
LEVELS = 5
