"""Spots: weighted moments of rays at the image plane. Axes as in `trace`."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from verirl_optics.pupil import Pupil


@dataclass(frozen=True, slots=True)
class Spot:
    """RMS radii, mm: `rms_BFW` a wavelength about its centroid, `poly_BF` all about one common centroid.

    nan where no ray arrived. `centroid_BFW` is the height y of each wavelength's centroid; `arrived_BFW` and
    `arrived_BF` are the shares of rays, `rays_BF` their number.
    """

    rms_BFW: Tensor
    poly_BF: Tensor
    centroid_BFW: Tensor
    arrived_BFW: Tensor
    arrived_BF: Tensor
    rays_BF: Tensor


def spot(x: Tensor, y: Tensor, valid: Tensor, pupil: Pupil) -> Spot:
    """The spots of rays at `x`, `y` (BFWR) of which `valid` arrived."""
    weight = torch.where(valid, pupil.weight_R.to(x), torch.zeros_like(x))
    x = torch.where(valid, x, torch.zeros_like(x))
    y = torch.where(valid, y, torch.zeros_like(y))
    rms, _, centroid = _about_centroid(x, y, weight, pupil.mirrored, (-1,))
    poly, _, _ = _about_centroid(x, y, weight, pupil.mirrored, (-2, -1))
    share = weight.sum(-1)
    rays = (valid.to(x) * pupil.rays_R.to(x)).sum((-2, -1))
    return Spot(rms, poly, centroid, share, share.mean(-1), rays)


def rms_about(x: Tensor, y: Tensor, valid: Tensor, pupil: Pupil, at_x: Tensor, at_y: Tensor) -> Tensor:
    """RMS distance (BFW) from a given point (`at_x`, `at_y`, BFW), such as the chief ray's."""
    weight = torch.where(valid, pupil.weight_R.to(x), torch.zeros_like(x))
    square = (x - at_x[..., None]) ** 2 + (y - at_y[..., None]) ** 2
    square = torch.where(valid, square, torch.zeros_like(square))
    return _root((weight * square).sum(-1) / weight.sum(-1))


def _about_centroid(
    x: Tensor, y: Tensor, weight: Tensor, mirrored: bool, axes: tuple[int, ...]
) -> tuple[Tensor, Tensor, Tensor]:
    total = weight.sum(axes, keepdim=True)
    # Each ray of a mirrored pupil has a twin at −x: the mean of x is 0.
    mean_x = torch.zeros_like(total) if mirrored else (weight * x).sum(axes, keepdim=True) / total
    mean_y = (weight * y).sum(axes, keepdim=True) / total
    square = (weight * ((x - mean_x) ** 2 + (y - mean_y) ** 2)).sum(axes, keepdim=True) / total
    return _root(square).squeeze(axes), mean_x.squeeze(axes), mean_y.squeeze(axes)


def _root(square: Tensor) -> Tensor:
    """Square root whose gradient at 0 is 0, not inf: a perfect spot is a minimum."""
    positive = square > 0.0
    return torch.where(positive, torch.sqrt(torch.where(positive, square, torch.ones_like(square))), square)
