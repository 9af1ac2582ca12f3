"""Real rays through a lens, one surface after the other. Axes: B lenses, F fields, W wavelengths, R rays.

Spencer and Murty, "General ray-tracing procedure", J. Opt. Soc. Am. 52 (1962) 672. The intersection with a
conic is the one nearest the vertex plane; Newton's method finds an asphere from there. A ray that cannot go
on keeps the reason, and its coordinates from there on are meaningless: use `valid`.
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
SURFACE_TOLERANCE_MM = 1e-10
"""Distance from an asphere within which a point lies on it."""
BACKWARD_TOLERANCE_MM = 1e-9
"""Shorter steps do not count as backward: surfaces may touch."""
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
    """A bundle of rays, BFWR each.

    Attributes:
        x: Position in mm.
        y: Position in mm.
        z: Position in mm, from the vertex of the surface at which the ray stands.
        l: Direction cosine along x.
        m: Direction cosine along y.
        n: Direction cosine along z, the axis.
    """

    x: Tensor
    y: Tensor
    z: Tensor
    l: Tensor
    m: Tensor
    n: Tensor


@dataclass(frozen=True, slots=True)
class TracedRays:
    """The result of a pass through a lens.

    Attributes:
        rays: Rays at the image plane.
        valid: Which rays reached it (BFWR).
        ends: Reasons to end, in the order along the path, each with the rays that it concerns.
        height2: r² in mm² of every ray at each surface.
        points: Position and direction at each surface, if they were kept.
        ray_slice: The part of the rays of `ends` that this is.
    """

    rays: Rays
    valid: Tensor
    ends: tuple[tuple[Failure, Tensor], ...]
    height2: tuple[Tensor, ...]
    points: tuple[Rays, ...] = ()
    ray_slice: slice = field(default_factory=lambda: slice(None))

    @property
    def failure(self) -> Tensor:
        """The first `Failure` of each ray (BFWR, int8)."""
        found = torch.zeros(self.valid.shape, dtype=torch.int8, device=self.valid.device)
        if bool(self.valid.all()):
            return found
        for name, where in reversed(self.ends):
            # The first reason is written last, and stays.
            found.masked_fill_(where[..., self.ray_slice], int(name))
        return found

    def part(self, rays: slice) -> TracedRays:
        """Return some of the rays of a pass, without their heights at the surfaces."""
        bundle = self.rays
        cut = [value[..., rays] for value in (bundle.x, bundle.y, bundle.z, bundle.l, bundle.m, bundle.n)]
        return TracedRays(Rays(*cut), self.valid[..., rays], self.ends, (), ray_slice=rays)


def launch(pupil_x: Tensor, pupil_y: Tensor, entrance: Tensor, fields_BF: Tensor, wavelengths: int) -> Rays:
    """Make parallel rays of each field through points of a plane.

    Args:
        pupil_x: x of the points in mm, broadcast to BFWR.
        pupil_y: y of the points in mm, broadcast to BFWR.
        entrance: z of the plane in mm from the first vertex (B).
        fields_BF: Field angles in radians; directions are (0, sin a, cos a).
        wavelengths: Number of wavelengths.
    """
    sine = torch.sin(fields_BF)[:, :, None, None]
    cosine = torch.cos(fields_BF)[:, :, None, None]
    colors = torch.zeros(wavelengths, 1, dtype=sine.dtype, device=sine.device)
    zero = torch.zeros_like(pupil_x + pupil_y + sine + colors)
    z = entrance[:, None, None, None]
    return Rays(zero + pupil_x, zero + pupil_y, zero + z, zero, zero + sine, zero + cosine)


def through_pupil(
    system: System, pupil: Pupil, epd_B: Tensor, fields_BF: Tensor, entrance_B: Tensor | None = None
) -> Rays:
    """Make rays through the paraxial entrance pupil of the primary wavelength, without aiming.

    Args:
        system: A batch of lenses.
        pupil: Sample points of the pupil.
        epd_B: Entrance pupil diameters in mm.
        fields_BF: Field angles in radians.
        entrance_B: Position of the pupil in mm from the first vertex; computed if None.
    """
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
    """Trace rays through a batch of lenses.

    Args:
        system: A batch of lenses.
        rays: Rays in front of the first surface.
        clip: End rays outside semi-diameters.
        stop_after: Trace only up to this surface: positions on it, directions behind it.
        keep: Keep position and direction at every surface.
        base_conic: A ray that misses the conic part of an asphere misses the asphere, as in programs that
            start their search there.

    Returns:
        The rays at the image plane, differentiable by the tensors of `system`.

    Example:
        >>> from verirl_optics.raytrace.prescription import Aperture, Prescription, Surface
        >>> from verirl_optics.raytrace.pupil import gauss
        >>> from verirl_optics.raytrace.system import build_system
        >>> mirrorless = Prescription((Surface(float("inf"), 10.0, stop=True),), Aperture("epd", 2.0))
        >>> system = build_system([mirrorless])
        >>> epd_B, fields_BF = torch.tensor([2.0]), torch.zeros(1, 1)
        >>> tuple(trace(system, through_pupil(system, gauss(), epd_B, fields_BF, torch.zeros(1))).valid.shape)
        (1, 1, 1, 36)
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
    """Do what torch.isfinite does in half the time."""
    return (values - values) == 0.0


def _each(values_BS: Tensor) -> tuple[Tensor, ...]:
    """Split values by surface, with the axes of rays."""
    return values_BS[:, :, None, None, None].unbind(1)


def _in_use(values: Tensor) -> list[bool]:
    """Return for each surface whether any lens has a value there, or may get one from an optimizer."""
    if values.requires_grad:
        return [values.numel() > 0] * values.shape[1]
    found = (values != 0.0).transpose(0, 1).flatten(1).any(1)
    return [bool(used) for used in found.tolist()]


def _terms(system: System, s: int) -> tuple[Tensor, ...]:
    """Return the asphere coefficients of surface `s`, each with the axes of rays."""
    return tuple(a[:, None, None, None] for a in system.asphere_BSA[:, s].unbind(-1))


def _backward_limits(system: System) -> tuple[Tensor, Tensor]:
    """Return for each surface the path that counts as backward, and the share of the path that carries over.

    A path is measured between refracting surfaces: behind one it starts anew, behind an idle surface all of
    it carries over.
    """
    refracts = (system.before_BSW != system.index_BSW).any(dim=-1)
    earlier = refracts.cumsum(1) - refracts.long() > 0
    limit = torch.where(refracts & earlier, -BACKWARD_TOLERANCE_MM, -torch.inf)
    goes_on = torch.cat([torch.zeros_like(refracts[:, :1]), ~refracts[:, :-1]], dim=1)
    return limit.to(system.curvature_BS), goes_on.to(system.curvature_BS)


def _to_conic(
    x: Tensor, y: Tensor, l: Tensor, m: Tensor, n: Tensor, c: Tensor, k: Tensor | None
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Intersect a conic (`k` None: a sphere): distance, sag, 1 − (1 + k) c · sag, missed."""
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
    """Intersect an asphere: distance, missed; only the last Newton step carries the gradient."""

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
        missed = ~(real & (error.abs() < SURFACE_TOLERANCE_MM))
    return torch.where(missed, torch.zeros_like(ahead), ahead), missed


def _sag(
    square: Tensor, c: Tensor, k: Tensor | None, terms: Sequence[Tensor]
) -> tuple[Tensor, Tensor, Tensor]:
    """Return sag, its derivative by r², and where both are real."""
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
    """Compute the sag of one surface.

    Args:
        system: A batch of lenses.
        s: Index of the surface.
        square: r² in mm², four axes, lenses first.

    Returns:
        Sag in mm, its derivative by r², and where both are real.
    """
    return _sag(
        square,
        system.curvature_BS[:, s, None, None, None],
        system.conic_BS[:, s, None, None, None],
        _terms(system, s),
    )


def sags(system: System, square_BS: Tensor, first: int = 0) -> tuple[Tensor, Tensor]:
    """Return the sag (B, S) of surfaces from `first` on at r² of `square_BS`, and where it is real."""
    part = slice(first, first + square_BS.shape[1])
    terms = system.asphere_BSA[:, part].unbind(-1)
    depth, _, real = _sag(square_BS, system.curvature_BS[:, part], system.conic_BS[:, part], terms)
    return depth, real


def _normal(
    x: Tensor, y: Tensor, square: Tensor, down: Tensor, c: Tensor, k: Tensor | None, terms: Sequence[Tensor]
) -> tuple[Tensor, Tensor, Tensor]:
    """Return the unit normal at a point of a conic or an asphere."""
    slope = _sag(square, c, k, terms)[1] if terms else c / (2.0 * torch.where(down > 0.0, down, 1.0))
    scale = 1.0 / torch.sqrt(1.0 + 4.0 * slope * slope * square)
    return -2.0 * slope * x * scale, -2.0 * slope * y * scale, scale
