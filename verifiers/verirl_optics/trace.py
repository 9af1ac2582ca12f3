"""Real rays through a lens, one surface after the other. Axes: B lenses, F fields, W wavelengths, R rays.

Spencer and Murty, "General ray-tracing procedure", J. Opt. Soc. Am. 52 (1962) 672. The intersection with a
conic is the one nearest the vertex plane; aspheres start there and are found by Newton's method. A ray that
cannot go on keeps a name for why, and its coordinates from there on are those of no ray: use `valid`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import torch
from torch import Tensor

from verirl_optics.paraxial import first_order
from verirl_optics.pupil import Pupil
from verirl_optics.system import System

NEWTON_STEPS = 40
ON_SURFACE = 1e-10
"""Distance from an asphere, mm, within which a point lies on it."""
BACKWARD = 1e-9
"""Steps shorter than this, mm, do not count as backward: surfaces may touch."""


class Failure(IntEnum):
    """Why a ray ended."""

    NONE = 0
    MISSED = 1
    REFLECTED = 2
    BACKWARD = 3
    NOT_FINITE = 4
    CLIPPED = 5


NAMES = {
    Failure.MISSED: "missed a surface",
    Failure.REFLECTED: "total internal reflection",
    Failure.BACKWARD: "ran backwards between surfaces",
    Failure.NOT_FINITE: "coordinates not finite",
    Failure.CLIPPED: "outside a semi-diameter",
}


@dataclass(frozen=True, slots=True)
class Rays:
    """A bundle: position (z from the vertex of the surface it stands at) and direction cosines, BFWR each."""

    x: Tensor
    y: Tensor
    z: Tensor
    l: Tensor
    m: Tensor
    n: Tensor


@dataclass(frozen=True, slots=True)
class Traced:
    """Rays at the image plane. `failure` holds a `Failure` a ray; `height2`: r² at each surface."""

    rays: Rays
    failure: Tensor
    height2: tuple[Tensor, ...]
    points: tuple[Rays, ...] = ()

    @property
    def valid(self) -> Tensor:
        """Which rays reached the image plane."""
        return self.failure == Failure.NONE


def launch(pupil_x: Tensor, pupil_y: Tensor, entrance: Tensor, fields_BF: Tensor, wavelengths: int) -> Rays:
    """Parallel rays of each field through points (mm, broadcast to BFWR) of the plane z = `entrance` (B).

    `fields_BF` in radians; directions are (0, sin a, cos a); z is measured from the first vertex.
    """
    sine = torch.sin(fields_BF)[:, :, None, None]
    cosine = torch.cos(fields_BF)[:, :, None, None]
    colours = torch.zeros(wavelengths, 1, dtype=sine.dtype, device=sine.device)
    zero = torch.zeros_like(pupil_x + pupil_y + sine + colours)
    z = entrance[:, None, None, None]
    return Rays(zero + pupil_x, zero + pupil_y, zero + z, zero, zero + sine, zero + cosine)


def through_pupil(
    system: System, pupil: Pupil, epd_B: Tensor, fields_BF: Tensor, entrance_B: Tensor | None = None
) -> Rays:
    """Rays through the paraxial entrance pupil (at `entrance_B`) of the primary wavelength, unaimed."""
    entrance = first_order(system).entrance_B if entrance_B is None else entrance_B
    radius = (epd_B / 2.0)[:, None, None, None]
    x, y = pupil.x_R.to(radius), pupil.y_R.to(radius)
    return launch(x * radius, y * radius, entrance, fields_BF, system.index_BSW.shape[-1])


def trace(
    system: System,
    rays: Rays,
    *,
    clip: bool = False,
    stop_after: int | None = None,
    keep: bool = False,
    base_conic: bool = False,
) -> Traced:
    """Trace `rays` to the image plane, or to surface `stop_after` (positions on it, directions behind it).

    `clip` ends rays outside semi-diameters; `keep` keeps the position at every surface. `base_conic`: a ray
    that misses an asphere's conic part misses the asphere, as in programs that start their search there.
    """
    x, y, z, l, m, n = rays.x, rays.y, rays.z, rays.l, rays.m, rays.n
    failure = torch.zeros(x.shape, dtype=torch.int8, device=x.device)
    failure = _mark(failure, ~(torch.isfinite(x + y + z) & (n > 0.0)), Failure.NOT_FINITE)
    before = system.before_BSW
    refracts = (before != system.index_BSW).any(dim=-1)
    path = torch.zeros_like(x)
    begun = torch.zeros_like(x, dtype=torch.bool)
    heights: list[Tensor] = []
    points: list[Rays] = []
    last = system.count - 1 if stop_after is None else stop_after
    for s in range(last + 1):
        if s:
            z = z - system.thickness_BS[:, s - 1, None, None, None]
        c = system.curvature_BS[:, s, None, None, None]
        k = system.conic_BS[:, s, None, None, None]
        terms = system.asphere_BSA[:, s]
        to_plane = -z / n
        x, y = x + to_plane * l, y + to_plane * m
        ahead, missed = _to_conic(x, y, l, m, n, c, k)
        aspheric = terms.requires_grad or bool((terms != 0).any())
        if aspheric:
            off_base = missed
            ahead, missed = _to_asphere(x, y, l, m, n, c, k, terms, ahead)
            missed = missed | off_base if base_conic else missed
        failure = _mark(failure, missed, Failure.MISSED)
        x, y, z = x + ahead * l, y + ahead * m, ahead * n
        step = to_plane + ahead
        path = path + step
        bends = refracts[:, s, None, None, None]
        failure = _mark(failure, bends & begun & (path < -BACKWARD), Failure.BACKWARD)
        path = torch.where(bends, torch.zeros_like(path), path)
        begun = begun | bends
        square = x * x + y * y
        heights.append(square)
        if clip:
            outside = square > (system.semi_BS[:, s, None, None, None] * (1.0 + 1e-12)) ** 2
            failure = _mark(failure, outside, Failure.CLIPPED)
        slope = _slope(square, z, c, k, terms if aspheric else None)
        scale = 1.0 / torch.sqrt(1.0 + 4.0 * slope * slope * square)
        nx, ny, nz = -2.0 * slope * x * scale, -2.0 * slope * y * scale, scale
        ratio = (before[:, s] / system.index_BSW[:, s])[:, None, :, None]
        cosine = l * nx + m * ny + n * nz
        under = 1.0 - ratio * ratio * (1.0 - cosine * cosine)
        failure = _mark(failure, under < 0.0, Failure.REFLECTED)
        root = torch.sqrt(torch.where(under > 0.0, under, torch.ones_like(under)))
        turn = torch.where(cosine < 0.0, -root, root) - ratio * cosine
        l, m, n = ratio * l + turn * nx, ratio * m + turn * ny, ratio * n + turn * nz
        failure = _mark(failure, n <= 0.0, Failure.BACKWARD)
        n = torch.where(n > 0.0, n, torch.ones_like(n))
        if keep:
            points.append(Rays(x, y, z, l, m, n))
    if stop_after is None:
        ahead = (system.thickness_BS[:, -1, None, None, None] - z) / n
        x, y, z = x + ahead * l, y + ahead * m, torch.zeros_like(z)
    failure = _mark(failure, ~torch.isfinite(x + y + l + m + n), Failure.NOT_FINITE)
    return Traced(Rays(x, y, z, l, m, n), failure, tuple(heights), tuple(points))


def _mark(failure: Tensor, where: Tensor, name: Failure) -> Tensor:
    """The first failure of a ray stays its name."""
    return torch.where((failure == 0) & where, torch.full_like(failure, int(name)), failure)


def _to_conic(
    x: Tensor,
    y: Tensor,
    l: Tensor,
    m: Tensor,
    n: Tensor,
    c: Tensor,
    k: Tensor,
) -> tuple[Tensor, Tensor]:
    """Distance from the vertex plane to the conic, and where there is none."""
    f = c * (x * x + y * y)
    g = n - c * (x * l + y * m)
    under = g * g - c * (1.0 + k * n * n) * f
    missed = under < 0.0
    root = torch.sqrt(torch.where(under > 0.0, under, torch.ones_like(under)))
    total = g + root
    missed = missed | (total == 0.0)
    ahead = f / torch.where(total == 0.0, torch.ones_like(total), total)
    # Behind its equator the surface is another sheet, which the sag formula does not describe.
    missed = missed | (1.0 - (1.0 + k) * c * ahead * n <= 0.0)
    return torch.where(missed, torch.zeros_like(ahead), ahead), missed


def _to_asphere(
    x: Tensor,
    y: Tensor,
    l: Tensor,
    m: Tensor,
    n: Tensor,
    c: Tensor,
    k: Tensor,
    terms: Tensor,
    start: Tensor,
) -> tuple[Tensor, Tensor]:
    """Distance from the vertex plane to the asphere; the last Newton step alone carries the gradient."""

    def newton(ahead: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        u, v, w = x + ahead * l, y + ahead * m, ahead * n
        square = u * u + v * v
        sag, slope, real = _sag(square, c, k, terms)
        error = w - sag
        rate = n - 2.0 * slope * (u * l + v * m)
        return error, ahead - error / torch.where(rate == 0.0, torch.ones_like(rate), rate), real

    with torch.no_grad():
        ahead = start.detach().clone()
        for _ in range(NEWTON_STEPS):
            _, better, _ = newton(ahead)
            moved = (better - ahead).abs()
            ahead = torch.where(torch.isfinite(better), better, ahead)
            if not bool((moved > 1e-14).any()):
                break
    _, ahead, _ = newton(ahead)
    with torch.no_grad():
        error, _, real = newton(ahead)
        missed = ~(real & (error.abs() < ON_SURFACE))
    return torch.where(missed, torch.zeros_like(ahead), ahead), missed


def _sag(square: Tensor, c: Tensor, k: Tensor, terms: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Sag, its derivative by r², and where they are real."""
    under = 1.0 - (1.0 + k) * c * c * square
    real = under > 0.0
    root = torch.sqrt(torch.where(real, under, torch.ones_like(under)))
    sag = c * square / (1.0 + root)
    slope = c / (2.0 * root)
    high, rate = torch.zeros_like(square), torch.zeros_like(square)
    for i in range(terms.shape[-1] - 1, -1, -1):
        a = terms[:, i, None, None, None]
        rate = rate * square + (i + 1) * a
        high = high * square + a
    return sag + high * square, slope + rate, real


def sag(system: System, s: int, square: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Sag of surface `s` at r² (four axes, lenses first), its slope by r², and where both are real."""
    return _sag(
        square,
        system.curvature_BS[:, s, None, None, None],
        system.conic_BS[:, s, None, None, None],
        system.asphere_BSA[:, s],
    )


def _slope(square: Tensor, z: Tensor, c: Tensor, k: Tensor, terms: Tensor | None) -> Tensor:
    """Derivative of the sag by r² at a point of the surface."""
    if terms is not None:
        return _sag(square, c, k, terms)[1]
    down = 1.0 - (1.0 + k) * c * z
    return c / (2.0 * torch.where(down > 0.0, down, torch.ones_like(down)))
