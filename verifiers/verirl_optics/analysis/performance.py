"""Performance of a lens: spots, distortion, color, field curvature, MTF, and thicknesses at the edge.

Lengths in mm, angles in radians. Axes: B lenses, F fields, W wavelengths, R rays, S surfaces.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import accumulate, pairwise

import torch
from torch import Tensor

from verirl.errors import InputError
from verirl_optics.raytrace import pupil as pupils
from verirl_optics.raytrace.paraxial import FirstOrder, first_order
from verirl_optics.raytrace.prescription import Aperture, Prescription
from verirl_optics.raytrace.pupil import Pupil
from verirl_optics.raytrace.spots import Spot, measure_spots, rms_about
from verirl_optics.raytrace.system import System
from verirl_optics.raytrace.trace import Rays, TracedRays, launch, sags, through_pupil, trace

CLOSE_RAY_OFFSET = 1e-3
"""Distance of the close rays of `field_curvature` from the chief ray, in units of the pupil's radius."""
ASPHERE_RINGS_AND_ARMS = (16, 24)
"""Rings and arms of the pupil for a lens with aspheric terms. Ten terms can shape a surface that is right on
six rings and wrong between them, but not on more rings than there are terms.
"""
MAX_SLOPE_SINE = 0.95
"""Greatest height ÷ radius at which a surface can be made."""
AIM_STEPS = 12
AIM_TOLERANCE_MM = 1e-10


@dataclass(frozen=True, slots=True)
class Performance:
    """Figures of a batch at its own image plane, lengths in mm; nan if the chief ray did not arrive.

    Attributes:
        first: Focal lengths and pupils.
        epd_B: Entrance pupil diameter.
        spots: RMS spot radii.
        traced: The rays of the quadrature.
        chief_BFW: Height of the chief ray.
        rms_chief_BFW: RMS spot radius about the chief ray.
        distortion_BF: Relative to EFL · tan(field); 0 on the axis.
        lateral_BF: Spread over the wavelengths of the heights of the chief ray.
        axial_B: Spread over the wavelengths of the paraxial back focal length.
        reach_BS: Greatest height at each surface of a ray that arrives.
        rim_BF: Share of the edge of the pupil that arrives; nan if it was not traced.
    """

    first: FirstOrder
    epd_B: Tensor
    spots: Spot
    traced: TracedRays
    chief_BFW: Tensor
    rms_chief_BFW: Tensor
    distortion_BF: Tensor
    lateral_BF: Tensor
    axial_B: Tensor
    reach_BS: Tensor
    rim_BF: Tensor


def pupil_sampling(lens: Prescription) -> Pupil:
    """Return the quadrature for the spots of `lens`: 6 rings of 12 arms, denser with aspheric terms."""
    return (
        pupils.gauss(*ASPHERE_RINGS_AND_ARMS)
        if any(any(s.asphere) for s in lens.surfaces)
        else pupils.gauss()
    )


def pupil_diameter(aperture: Aperture, first: FirstOrder, system: System) -> Tensor:
    """Compute the entrance pupil diameter of each lens.

    Args:
        aperture: Width of the beam.
        first: First-order figures of the batch.
        system: The batch.

    Returns:
        Diameters in mm (B).

    Raises:
        InputError: If the aperture is of an unknown kind.
    """
    efl = first.efl_BW[:, system.primary]
    match aperture.kind:
        case "epd":
            return torch.full_like(efl, aperture.value)
        case "fno":
            return efl.abs() / aperture.value
        case "stop":
            return 2.0 * aperture.value / first.entrance_scale_B.abs()
        case kind:
            raise InputError(f"an aperture is 'epd', 'fno' or 'stop', not '{kind}'")


def evaluate(
    system: System,
    epd_B: Tensor,
    fields_BF: Tensor,
    pupil: Pupil | None = None,
    *,
    clip: bool = False,
    aim: bool = False,
    rim: bool = False,
) -> Performance:
    """Trace every field and wavelength of a batch and measure it at its image plane.

    Args:
        system: A batch of lenses.
        epd_B: Entrance pupil diameters in mm.
        fields_BF: Field angles in radians.
        pupil: Sampling of the pupil; Gauss quadrature of 6 rings and 12 arms if None.
        clip: End rays outside semi-diameters.
        aim: Send each ray through its point of the real stop.
        rim: Trace the edge of the pupil too; it counts only for `rim_BF` and `reach_BS`.

    Returns:
        The figures, differentiable by the tensors of `system`.
    """
    pupil = pupils.gauss() if pupil is None else pupil
    first = first_order(system)
    # One pass for all: its cost hardly depends on the number of rays.
    parts = (pupil, pupils.chief(), *((pupils.rim(),) if rim else ()))
    points = pupils.joined(parts)
    start = through_pupil(system, points, epd_B, fields_BF, first.entrance_B)
    whole = trace(system, aim_rays(system, start, points, epd_B) if aim else start, clip=clip)
    done, chief, *edge = _split(whole, [len(part.x_R) for part in parts])
    lost = torch.full_like(chief.rays.y[..., 0], torch.nan)
    chief_BFW = torch.where(chief.valid[..., 0], chief.rays.y[..., 0], lost)
    p = system.primary
    ideal = first.efl_BW[:, p, None] * torch.tan(fields_BF)
    flat = ideal.abs() < 1e-12
    distortion = (chief_BFW[..., p] - ideal) / torch.where(flat, torch.ones_like(ideal), ideal)
    valid = whole.valid
    reach = torch.stack([torch.where(valid, square, 0.0).amax((1, 2, 3)) for square in whole.height2], dim=1)
    spots = measure_spots(done.rays.x, done.rays.y, done.valid, pupil)
    return Performance(
        first,
        epd_B,
        spots,
        done,
        chief_BFW,
        rms_about(spots, chief.rays.x[..., 0], chief_BFW),
        torch.where(flat, torch.zeros_like(distortion), distortion),
        chief_BFW.amax(-1) - chief_BFW.amin(-1),
        first.bfl_BW.amax(-1) - first.bfl_BW.amin(-1),
        reach.sqrt(),
        edge[0].valid.to(distortion).mean((-2, -1)) if rim else torch.full_like(distortion, torch.nan),
    )


def _split(whole: TracedRays, sizes: list[int]) -> list[TracedRays]:
    """Split a pass into its bundles, without the heights at the surfaces."""
    ends = list(accumulate(sizes, initial=0))
    return [whole.part(slice(start, end)) for start, end in pairwise(ends)]


def aim_rays(system: System, rays: Rays, pupil: Pupil, epd_B: Tensor) -> Rays:
    """Move each ray so that it meets its point of the real stop, by Newton's method per ray.

    The stop radius is the height of the axial marginal ray of the primary wavelength at the stop. A ray for
    which the search does not converge stays where it ended.

    Args:
        system: A batch of lenses.
        rays: Rays through the paraxial pupil.
        pupil: Sample points that the rays belong to.
        epd_B: Entrance pupil diameters in mm.

    Returns:
        The moved rays.
    """
    zero = torch.zeros_like(epd_B)[:, None]
    edge = Pupil(torch.zeros(1), torch.ones(1), torch.ones(1))
    marginal = trace(system, through_pupil(system, edge, epd_B, zero), stop_after=system.stop)
    radius = marginal.rays.y[:, 0, system.primary, 0][:, None, None, None]
    goal_x, goal_y = pupil.x_R.to(radius) * radius, pupil.y_R.to(radius) * radius
    step = (epd_B * 1e-6)[:, None, None, None]
    x, y = rays.x, rays.y

    def at_stop(u: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
        moved = Rays(u, v, rays.z, rays.l, rays.m, rays.n)
        found = trace(system, moved, stop_after=system.stop)
        return found.rays.x - goal_x, found.rays.y - goal_y

    for _ in range(AIM_STEPS):
        ex, ey = at_stop(x, y)
        if not bool(((ex.abs() + ey.abs()) > AIM_TOLERANCE_MM).any()):
            break
        xx, yx = at_stop(x + step, y)
        xy, yy = at_stop(x, y + step)
        a, b, c, d = (xx - ex) / step, (xy - ex) / step, (yx - ey) / step, (yy - ey) / step
        det = a * d - b * c
        good = torch.isfinite(det) & (det.abs() > 1e-9)
        det = torch.where(good, det, torch.ones_like(det))
        bound = epd_B[:, None, None, None]
        dx = torch.clamp((d * ex - b * ey) / det, -bound, bound)
        dy = torch.clamp((a * ey - c * ex) / det, -bound, bound)
        x = torch.where(good, x - dx, x)
        y = torch.where(good, y - dy, y)
    return Rays(x, y, rays.z, rays.l, rays.m, rays.n)


def field_curvature(system: System, epd_B: Tensor, fields_BF: Tensor) -> tuple[Tensor, Tensor]:
    """Find where rays close to the chief ray cross, at the primary wavelength.

    Args:
        system: A batch of lenses.
        epd_B: Entrance pupil diameters in mm.
        fields_BF: Field angles in radians.

    Returns:
        Tangential and sagittal focus in mm from the image plane, along the axis (BF each); nan if one of the
        rays, a thousandth of the pupil radius from the chief ray, does not arrive.
    """
    entrance = first_order(system).entrance_B
    width = (epd_B / 2.0 * CLOSE_RAY_OFFSET)[:, None, None, None]
    offsets = torch.tensor([[1.0, -1.0, 0.0, 0.0], [0.0, 0.0, 1.0, -1.0]]).to(width)
    rays = launch(offsets[0] * width, offsets[1] * width, entrance, fields_BF, system.index_BSW.shape[-1])
    done = trace(system, rays)
    end = done.rays
    p = system.primary
    slope_x, slope_y = (end.l / end.n)[:, :, p], (end.m / end.n)[:, :, p]
    x, y = end.x[:, :, p], end.y[:, :, p]
    sagittal = -(x[..., 0] - x[..., 1]) / (slope_x[..., 0] - slope_x[..., 1])
    tangential = -(y[..., 2] - y[..., 3]) / (slope_y[..., 2] - slope_y[..., 3])
    arrived = done.valid[:, :, p]
    both = arrived[..., 0] & arrived[..., 1], arrived[..., 2] & arrived[..., 3]
    return torch.where(both[1], tangential, torch.nan), torch.where(both[0], sagittal, torch.nan)


def mtf(done: TracedRays, pupil: Pupil, cycles_per_mm: float) -> tuple[Tensor, Tensor]:
    """Compute the geometric MTF of all wavelengths together, without diffraction.

    Args:
        done: Rays at the image plane.
        pupil: The sampling that the rays belong to.
        cycles_per_mm: Spatial frequency.

    Returns:
        Tangential and sagittal modulation (BF each).
    """
    weight = torch.where(done.valid, pupil.weight_R.to(done.rays.x), 0.0)
    weight = weight / weight.sum((-2, -1), keepdim=True)
    turn = 2.0 * torch.pi * cycles_per_mm

    def modulation(height: Tensor, mirrored: bool) -> Tensor:
        phase = torch.where(done.valid, height, torch.zeros_like(height)) * turn
        real = (weight * torch.cos(phase)).sum((-2, -1))
        imaginary = torch.zeros_like(real) if mirrored else (weight * torch.sin(phase)).sum((-2, -1))
        return torch.sqrt(real**2 + imaginary**2)

    return modulation(done.rays.y, False), modulation(done.rays.x, pupil.mirrored)


def gaps(system: System, height_BS: Tensor) -> tuple[Tensor, Tensor]:
    """Compute center and edge thickness of the space behind each surface but the last.

    The edge is at the greater height of the two surfaces. A surface that cannot be made up to there, such as
    a deep hollow behind a wider surface, has a flat rim from `MAX_SLOPE_SINE` of its radius on.

    Args:
        system: A batch of lenses.
        height_BS: Height of each surface in mm.

    Returns:
        Thicknesses in mm on the axis and at the edge, shape (B, S − 1) each.
    """
    center = system.thickness_BS[:, :-1]
    if system.count < 2:
        return center, center
    square = torch.maximum(height_BS[:, :-1], height_BS[:, 1:]) ** 2
    end = MAX_SLOPE_SINE**2 / ((1.0 + system.conic_BS) * system.curvature_BS**2).clamp_min(1e-30)
    near, _ = sags(system, torch.minimum(square, end[:, :-1]))
    far, _ = sags(system, torch.minimum(square, end[:, 1:]), first=1)
    return center, center + (far - near)
