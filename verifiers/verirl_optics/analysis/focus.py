"""Best common focus: the image plane with the smallest spots of all fields together. Axes as in `trace`.

Behind the last surface a ray is a straight line, so the mean square spot is a parabola in the distance of the
image plane, and its minimum has a closed form.
"""

from __future__ import annotations

import torch
from torch import Tensor

from verirl_optics.raytrace import pupil as pupils
from verirl_optics.raytrace.pupil import Pupil
from verirl_optics.raytrace.system import System
from verirl_optics.raytrace.trace import through_pupil, trace


def best_focus(
    system: System, epd_B: Tensor, fields_BF: Tensor, pupil: Pupil | None = None, *, clip: bool = False
) -> Tensor:
    """Find the plane with the least quadratic mean, over the fields, of the RMS spot about the centroid.

    Args:
        system: A batch of lenses; its last thicknesses do not matter.
        epd_B: Entrance pupil diameters in mm.
        fields_BF: Field angles in radians.
        pupil: Sampling of the pupil; Gauss quadrature if None.
        clip: End rays outside semi-diameters.

    Returns:
        Distance in mm from the last surface (B); nan if no ray arrives or none converges.
    """
    pupil = pupils.gauss() if pupil is None else pupil
    done = trace(system, through_pupil(system, pupil, epd_B, fields_BF), clip=clip)
    rays, valid = done.rays, done.valid
    weight = torch.where(valid, pupil.weight_R.to(rays.x), torch.zeros_like(rays.x))
    total = weight.sum((-2, -1), keepdim=True)
    weight = weight / torch.where(total > 0.0, total, torch.ones_like(total))
    steep = torch.zeros_like(rays.x[:, 0, 0, 0])
    turned = torch.zeros_like(steep)
    for position, slope, mirrored in (
        (rays.x, rays.l / rays.n, pupil.mirrored),
        (rays.y, rays.m / rays.n, False),
    ):
        at = torch.where(valid, position, torch.zeros_like(position))
        by = torch.where(valid, slope, torch.zeros_like(slope))
        if not mirrored:
            at = at - (weight * at).sum((-2, -1), keepdim=True)
            by = by - (weight * by).sum((-2, -1), keepdim=True)
        steep = steep + (weight * by * by).sum((-3, -2, -1))
        turned = turned + (weight * at * by).sum((-3, -2, -1))
    return system.thickness_BS[:, -1] - turned / torch.where(steep > 0.0, steep, torch.nan)
