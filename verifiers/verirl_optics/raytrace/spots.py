"""Spot sizes: weighted moments of rays at the image plane. Axes as in `trace`."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from verirl_optics.raytrace.pupil import Pupil


@dataclass(frozen=True, slots=True)
class Spot:
    """RMS spot radii and centroids in mm; nan if no ray arrived.

    Attributes:
        rms_BFW: RMS radius of each wavelength about its own centroid.
        poly_BF: RMS radius of all wavelengths about their common centroid.
        centroid_x_BFW: x of each wavelength's centroid.
        centroid_y_BFW: y of each wavelength's centroid.
        arrived_BFW: Share of the rays that arrived, per wavelength.
        arrived_BF: Share of the rays that arrived.
        rays_BF: Number of rays that arrived.
    """

    rms_BFW: Tensor
    poly_BF: Tensor
    centroid_x_BFW: Tensor
    centroid_y_BFW: Tensor
    arrived_BFW: Tensor
    arrived_BF: Tensor
    rays_BF: Tensor


def measure_spots(x: Tensor, y: Tensor, valid: Tensor, pupil: Pupil) -> Spot:
    """Measure the spots of rays at the image plane.

    Args:
        x: x in mm (BFWR).
        y: y in mm (BFWR).
        valid: Which rays arrived (BFWR).
        pupil: The sampling that the rays belong to; its weights count.

    Returns:
        RMS radii and centroids, differentiable at finite spots.
    """
    weight = torch.where(valid, pupil.weight_R.to(x), 0.0)
    share = weight.sum(-1)
    # Where no ray arrived, 0 is divided by 1: a gradient must stay finite for the others' sake.
    whole = torch.where(share > 0.0, share, 1.0)
    x, y = torch.where(valid, x, 0.0), torch.where(valid, y, 0.0)
    mean_y = (weight * y).sum(-1) / whole
    off = y - mean_y[..., None]
    # Each ray of a mirrored pupil has a twin at −x: the mean of x is 0.
    mean_x = torch.zeros_like(mean_y) if pupil.mirrored else (weight * x).sum(-1) / whole
    aside = x if pupil.mirrored else x - mean_x[..., None]
    square = (weight * torch.addcmul(aside * aside, off, off)).sum(-1) / whole
    rays = (valid.to(x) * pupil.rays_R.to(x)).sum((-2, -1))
    poly = _root(_together(square, mean_x, mean_y, share))
    arrived = share.mean(-1)
    rms, mean_x, mean_y = (
        torch.where(share > 0.0, value, torch.nan) for value in (_root(square), mean_x, mean_y)
    )
    return Spot(rms, torch.where(arrived > 0.0, poly, torch.nan), mean_x, mean_y, share, arrived, rays)


def _together(square: Tensor, x: Tensor, y: Tensor, share: Tensor) -> Tensor:
    """Return the mean square (BF) of all rays about the common centroid, by the parallel-axis rule."""
    total = share.sum(-1, keepdim=True)
    weight = share / torch.where(total > 0.0, total, 1.0)
    dx, dy = x - (weight * x).sum(-1, keepdim=True), y - (weight * y).sum(-1, keepdim=True)
    return (weight * (square + dx * dx + dy * dy)).sum(-1)


def rms_about(found: Spot, at_x: Tensor, at_y: Tensor) -> Tensor:
    """Return the RMS distance (BFW) of rays from a point (BFW), by the parallel-axis rule."""
    dx, dy = found.centroid_x_BFW - at_x, found.centroid_y_BFW - at_y
    return _root(found.rms_BFW**2 + dx * dx + dy * dy)


def _root(square: Tensor) -> Tensor:
    """Square root with gradient 0 at 0 instead of infinity: a perfect spot is a minimum."""
    positive = square > 0.0
    return torch.where(positive, torch.sqrt(torch.where(positive, square, torch.ones_like(square))), square)
