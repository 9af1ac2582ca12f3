"""First-order figures and Seidel sums, differentiable. Axes as in `system`.

Welford, "Aberrations of Optical Systems" (1986), chapters 3 and 8; y-nu trace at the vertex curvatures.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from verirl_optics.raytrace.system import System


@dataclass(frozen=True, slots=True)
class FirstOrder:
    """First-order figures in mm.

    Attributes:
        efl_BW: Effective focal length.
        bfl_BW: Distance from the last surface to the paraxial focus.
        entrance_B: Distance of the entrance pupil from the first surface, at the primary wavelength.
        exit_B: Distance of the exit pupil from the last surface, at the primary wavelength.
        entrance_scale_B: Stop diameter ÷ entrance pupil diameter.
    """

    efl_BW: Tensor
    bfl_BW: Tensor
    entrance_B: Tensor
    exit_B: Tensor
    entrance_scale_B: Tensor


@dataclass(frozen=True, slots=True)
class _Ray:
    """A paraxial ray: heights `y` at and angles times index `nu` behind each surface (BW each)."""

    y: list[Tensor]
    nu: list[Tensor]


def _trace(system: System, y: Tensor, nu: Tensor) -> _Ray:
    """Trace a paraxial ray from height `y` at the first surface and slope `nu` in front of it."""
    power = (system.vertex_BS[:, :, None] * (system.index_BSW - system.before_BSW)).unbind(1)
    reduced = (system.thickness_BS[:, :, None] / system.index_BSW).unbind(1)
    ray = _Ray([], [])
    for s in range(system.count):
        if s:
            y = torch.addcmul(y, reduced[s - 1], nu)
        nu = torch.addcmul(nu, y, power[s], value=-1.0)
        ray.y.append(y)
        ray.nu.append(nu)
    return ray


def first_order(system: System) -> FirstOrder:
    """Compute focal lengths and pupils by a y-nu trace (Welford, chapter 3).

    Args:
        system: A batch of lenses.

    Returns:
        First-order figures; infinite or nan if the lens is afocal or a pupil lies at infinity.
    """
    one = torch.ones_like(system.index_BSW[:, 0])
    zero = torch.zeros_like(one)
    # An axial ray and one tilted at the first vertex, in one pass: every other is a sum of the two.
    both = _trace(system, torch.stack([one, zero]), torch.stack([zero, one]))
    axial, end = both.y[-1][0], both.nu[-1][0]
    efl = -1.0 / end * system.index_BSW[:, -1]
    bfl = -axial / end * system.index_BSW[:, -1]
    p = system.primary
    straight, tilted = both.y[system.stop][..., p]
    y, nu = both.y[-1][..., p], both.nu[-1][..., p]
    exit_ = -(straight * y[1] - tilted * y[0]) / (straight * nu[1] - tilted * nu[0])
    return FirstOrder(efl, bfl, tilted / straight, exit_ * system.index_BSW[:, -1, p], straight)


def seidel(system: System, epd_B: Tensor, tangent_B: Tensor) -> Tensor:
    """Compute the Seidel sums S1 … S5 of each surface at the primary wavelength (Welford, chapter 8).

    An asphere contributes the difference of its r⁴ term from that of the sphere of its vertex curvature;
    conic and r² term are included.

    Args:
        system: A batch of lenses.
        epd_B: Entrance pupil diameters in mm.
        tangent_B: Tangent of the field angle.

    Returns:
        Sums in mm, shape (B, S, 5).
    """
    p = system.primary
    first = first_order(system)
    index = system.index_BSW
    start = (epd_B / 2.0)[:, None].expand_as(index[:, 0])
    slope = tangent_B[:, None].expand_as(start)
    marginal = _trace(system, start, torch.zeros_like(start))
    chief = _trace(system, -first.entrance_B[:, None] * slope, slope)
    y = torch.stack([value[:, p] for value in marginal.y], dim=1)
    ybar = torch.stack([value[:, p] for value in chief.y], dim=1)
    nu_after = torch.stack([value[:, p] for value in marginal.nu], dim=1)
    nubar_after = torch.stack([value[:, p] for value in chief.nu], dim=1)
    n, m = system.before_BSW[..., p], index[..., p]
    c = system.vertex_BS
    nu_before = torch.cat([torch.zeros_like(y[:, :1]), nu_after[:, :-1]], dim=1)
    nubar_before = torch.cat([tangent_B[:, None], nubar_after[:, :-1]], dim=1)
    a, abar = nu_before + n * y * c, nubar_before + n * ybar * c
    step = nu_after / m**2 - nu_before / n**2
    invariant = (nubar_before * y - nu_before * ybar)[:, :1]
    petzval = invariant**2 * c * (1.0 / m - 1.0 / n)
    s1 = -(a**2) * y * step
    s2 = -a * abar * y * step
    s3 = -(abar**2) * y * step
    s4 = -petzval
    # Welford's form with Ā/A is singular where A = 0; this one, algebraically the same, is not.
    s5 = -abar * (
        abar**2 * (1.0 / m**2 - 1.0 / n**2) * y - (invariant + abar * y) * ybar * c * (1 / m - 1 / n)
    )
    quartic = system.asphere_BSA[..., 1] if system.asphere_BSA.shape[-1] > 1 else torch.zeros_like(c)
    excess = 8.0 * ((1.0 + system.conic_BS) * system.curvature_BS**3 / 8.0 + quartic - c**3 / 8.0) * (m - n)
    extra = torch.stack(
        [
            excess * y**4,
            excess * y**3 * ybar,
            excess * y**2 * ybar**2,
            torch.zeros_like(y),
            excess * y * ybar**3,
        ],
        dim=-1,
    )
    return torch.stack([s1, s2, s3, s4, s5], dim=-1) + extra
