"""Real rays through a lens, one surface after the other. Axes: B lenses, F fields, W wavelengths, R rays.

Spencer and Murty, "General ray-tracing procedure", J. Opt. Soc. Am. 52 (1962) 672. The intersection with a
conic is the one nearest the vertex plane; aspheres start there and are found by Newton's method. A ray that
cannot go on keeps a name for why, and its coordinates from there on are those of no ray: use `valid`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import IntEnum

import torch
from torch import Tensor

from verirl_optics.raytrace.paraxial import first_order
from verirl_optics.raytrace.pupil import Pupil
from verirl_optics.raytrace.system import System

NEWTON_STEPS = 40
ON_SURFACE = 1e-10
"""Distance from an asphere, mm, within which a point lies on it."""
BACKWARD = 1e-9
"""Steps shorter than this, mm, do not count as backward: surfaces may touch."""
_ONE = torch.ones(1, 1, 1, 1, dtype=torch.float64)


class Failure(IntEnum):
    """Why a ray ended."""

    NONE = 0
    MISSED = 1
    REFLECTED = 2
    BACKWARD = 3
    NOT_FINITE = 4
    CLIPPED = 5


FAILURE_NAMES = {
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
class TracedRays:
    """Rays at the image plane and which of them are `valid`: reached it. `height2`: r² at each surface.

    `ends`: why rays ended, in the order of their way, each with the rays of which it was true; `span`: which
    of those rays are these.
    """

    rays: Rays
    valid: Tensor
    ends: tuple[tuple[Failure, Tensor], ...]
    height2: tuple[Tensor, ...]
    points: tuple[Rays, ...] = ()
    span: slice = field(default_factory=lambda: slice(None))

    @property
    def failure(self) -> Tensor:
        """The first `Failure` of each ray, int8."""
        found = torch.zeros(self.valid.shape, dtype=torch.int8, device=self.valid.device)
        if bool(self.valid.all()):
            return found
        for name, where in reversed(self.ends):
            # The first reason is written last, and stays.
            found.masked_fill_(where[..., self.span], int(name))
        return found

    def part(self, rays: slice) -> TracedRays:
        """Some of the rays of a whole pass, without their heights at the surfaces."""
        bundle = self.rays
        cut = [value[..., rays] for value in (bundle.x, bundle.y, bundle.z, bundle.l, bundle.m, bundle.n)]
        return TracedRays(Rays(*cut), self.valid[..., rays], self.ends, (), span=rays)


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
) -> TracedRays:
    """Trace `rays` to the image plane, or to surface `stop_after` (positions on it, directions behind it).

    `clip` ends rays outside semi-diameters; `keep` keeps the position at every surface. `base_conic`: a ray
    that misses an asphere's conic part misses the asphere, as in programs that start their search there.
    """
    x, y, z, l, m, n = rays.x, rays.y, rays.z, rays.l, rays.m, rays.n
    ratios_BSW = system.before_BSW / system.index_BSW
    ratios = ratios_BSW[:, :, None, :, None].unbind(1)
    squares = (ratios_BSW**2)[:, :, None, :, None].unbind(1)
    thickness, curvature = _each(system.thickness_BS), _each(system.curvature_BS)
    limits, goes_on = map(_each, _backward_limits(system))
    conic, aspheric = _in_use(system.conic_BS), _in_use(system.asphere_BSA)
    ends: list[tuple[Failure, Tensor]] = [
        (Failure.NOT_FINITE, ~(_finite(x + y + z) & (n > 0.0))),
    ]
    path = torch.zeros_like(x)
    heights: list[Tensor] = []
    points: list[Rays] = []
    last = system.count - 1 if stop_after is None else stop_after
    for s in range(last + 1):
        if s:
            z = z - thickness[s - 1]
        c = curvature[s]
        k = system.conic_BS[:, s, None, None, None] if conic[s] else None
        back = z / n
        x, y = torch.addcmul(x, back, l, value=-1.0), torch.addcmul(y, back, m, value=-1.0)
        terms = _terms(system, s) if aspheric[s] else ()
        ahead, z, down, missed = _to_conic(x, y, l, m, n, c, k)
        if terms:
            off_base = missed
            ahead, missed = _to_asphere(x, y, l, m, n, c, k, terms, ahead)
            z = ahead * n
            missed = missed | off_base if base_conic else missed
        ends.append((Failure.MISSED, missed))
        x, y = torch.addcmul(x, ahead, l), torch.addcmul(y, ahead, m)
        path = torch.addcmul(ahead - back, path, goes_on[s])
        ends.append((Failure.BACKWARD, path < limits[s]))
        square = torch.addcmul(x * x, y, y)
        heights.append(square)
        if clip:
            outside = square > (system.semi_BS[:, s, None, None, None] * (1.0 + 1e-12)) ** 2
            ends.append((Failure.CLIPPED, outside))
        # A sphere's normal is of unit length as it stands.
        plain = k is None and not terms
        nx, ny, nz = (-c * x, -c * y, down) if plain else _normal(x, y, square, down, c, k, terms)
        ratio, turned = ratios[s], squares[s]
        cosine = torch.addcmul(torch.addcmul(l * nx, m, ny), n, nz)
        under = torch.addcmul(1.0 - turned, turned, cosine * cosine)
        reflected = under <= 0.0
        ends.append((Failure.REFLECTED, reflected))
        root = torch.sqrt(torch.where(reflected, 1.0, under))
        turn = torch.addcmul(torch.copysign(root, cosine), ratio, cosine, value=-1.0)
        l, m, n = (torch.addcmul(ratio * d, turn, e) for d, e in ((l, nx), (m, ny), (n, nz)))
        turned_back = n <= 0.0
        ends.append((Failure.BACKWARD, turned_back))
        n = torch.where(turned_back, 1.0, n)
        if keep:
            points.append(Rays(x, y, z, l, m, n))
    if stop_after is None:
        ahead = (thickness[-1] - z) / n
        x, y, z = torch.addcmul(x, ahead, l), torch.addcmul(y, ahead, m), torch.zeros_like(z)
    ends.append((Failure.NOT_FINITE, ~_finite(x + y + l + m + n)))
    lost = torch.zeros(x.shape, dtype=torch.bool, device=x.device)
    for _, where in ends:
        lost.logical_or_(where)
    return TracedRays(Rays(x, y, z, l, m, n), ~lost, tuple(ends), tuple(heights), tuple(points))


def _finite(values: Tensor) -> Tensor:
    """As torch.isfinite, in half the time."""
    return (values - values) == 0.0


def _each(values_BS: Tensor) -> tuple[Tensor, ...]:
    """The values of each surface, with the axes of rays."""
    return values_BS[:, :, None, None, None].unbind(1)


def _in_use(values: Tensor) -> list[bool]:
    """For each surface, whether any lens has a value there, or may get one from an optimiser."""
    if values.requires_grad:
        return [values.numel() > 0] * values.shape[1]
    found = (values != 0.0).transpose(0, 1).flatten(1).any(1)
    return [bool(used) for used in found.tolist()]


def _terms(system: System, s: int) -> tuple[Tensor, ...]:
    """The asphere's coefficients at surface `s`, each with the axes of rays."""
    return tuple(a[:, None, None, None] for a in system.asphere_BSA[:, s].unbind(-1))


def _backward_limits(system: System) -> tuple[Tensor, Tensor]:
    """The path between two refracting surfaces that counts as backward at each surface, and as what share of
    the path so far goes on there: none behind a refracting surface, all of it behind an idle one.
    """
    refracts = (system.before_BSW != system.index_BSW).any(dim=-1)
    earlier = refracts.cumsum(1) - refracts.long() > 0
    limit = torch.where(refracts & earlier, -BACKWARD, -torch.inf)
    goes_on = torch.cat([torch.zeros_like(refracts[:, :1]), ~refracts[:, :-1]], dim=1)
    return limit.to(system.curvature_BS), goes_on.to(system.curvature_BS)


def _to_conic(
    x: Tensor, y: Tensor, l: Tensor, m: Tensor, n: Tensor, c: Tensor, k: Tensor | None
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """From the vertex plane to the conic (`k` None: a sphere): distance, sag, 1 − (1 + k) c · sag, missed."""
    f = c * torch.addcmul(x * x, y, y)
    g = torch.addcmul(n, c, torch.addcmul(x * l, y, m), value=-1.0)
    under = torch.addcmul(g * g, c if k is None else c * (1.0 + k * n * n), f, value=-1.0)
    off = under <= 0.0
    ahead = f / (g + torch.sqrt(torch.where(off, 1.0, under)))
    z = ahead * n
    down = torch.addcmul(_ONE.to(z), c if k is None else (1.0 + k) * c, z, value=-1.0)
    # Behind its equator the surface is another sheet, which the sag formula does not describe.
    missed = off | ~(down > 0.0)
    return torch.where(missed, 0.0, ahead), z, down, missed


def _to_asphere(
    x: Tensor,
    y: Tensor,
    l: Tensor,
    m: Tensor,
    n: Tensor,
    c: Tensor,
    k: Tensor | None,
    terms: Sequence[Tensor],
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


def _sag(
    square: Tensor, c: Tensor, k: Tensor | None, terms: Sequence[Tensor]
) -> tuple[Tensor, Tensor, Tensor]:
    """Sag, its derivative by r², and where they are real."""
    bend = c * c if k is None else (1.0 + k) * c * c
    under = 1.0 - bend * square
    real = under > 0.0
    root = torch.sqrt(torch.where(real, under, 1.0))
    sag = c * square / (1.0 + root)
    slope = c / (2.0 * root)
    if not terms:
        return sag, slope, real
    high, rate = torch.zeros_like(square), torch.zeros_like(square)
    for i in range(len(terms) - 1, -1, -1):
        rate = rate * square + (i + 1) * terms[i]
        high = high * square + terms[i]
    return sag + high * square, slope + rate, real


def sag(system: System, s: int, square: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Sag of surface `s` at r² (four axes, lenses first), its slope by r², and where both are real."""
    return _sag(
        square,
        system.curvature_BS[:, s, None, None, None],
        system.conic_BS[:, s, None, None, None],
        _terms(system, s),
    )


def sags(system: System, square_BS: Tensor, first: int = 0) -> tuple[Tensor, Tensor]:
    """Sag (B, S) at `square_BS` of as many surfaces as it has from `first` on, and where it is real."""
    part = slice(first, first + square_BS.shape[1])
    terms = system.asphere_BSA[:, part].unbind(-1)
    depth, _, real = _sag(square_BS, system.curvature_BS[:, part], system.conic_BS[:, part], terms)
    return depth, real


def _normal(
    x: Tensor, y: Tensor, square: Tensor, down: Tensor, c: Tensor, k: Tensor | None, terms: Sequence[Tensor]
) -> tuple[Tensor, Tensor, Tensor]:
    """The unit normal at a point of a conic or an asphere, along the axis at the vertex."""
    slope = _sag(square, c, k, terms)[1] if terms else c / (2.0 * torch.where(down > 0.0, down, 1.0))
    scale = 1.0 / torch.sqrt(1.0 + 4.0 * slope * slope * square)
    return -2.0 * slope * x * scale, -2.0 * slope * y * scale, scale
