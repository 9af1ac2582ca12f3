"""Lenses of one layout as tensors. Axes: B lenses, S surfaces, A asphere terms, W wavelengths."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from verirl.errors import InputError
from verirl_optics.raytrace.malloc_tuning import keep_freed_memory
from verirl_optics.raytrace.prescription import Prescription

FLOAT = torch.float64


@dataclass(frozen=True, slots=True)
class System:
    """A batch of lenses with the same number of surfaces and the same stop surface.

    Attributes:
        curvature_BS: 1 / radius in 1/mm.
        thickness_BS: Distance to the next surface in mm (the last: to the image plane).
        conic_BS: Conic constants.
        asphere_BSA: Coefficients of r², r⁴, … in mm^(1 − 2i).
        index_BSW: Refractive index behind each surface.
        semi_BS: Semi-diameters in mm, infinite if free.
        stop: Index of the stop surface.
        primary: Index of the wavelength of first-order figures.
    """

    curvature_BS: Tensor
    thickness_BS: Tensor
    conic_BS: Tensor
    asphere_BSA: Tensor
    index_BSW: Tensor
    semi_BS: Tensor
    stop: int
    primary: int = 0

    @property
    def vertex_BS(self) -> Tensor:
        """Curvature at the vertex in 1/mm, with the r² term of an asphere."""
        if self.asphere_BSA.shape[-1] == 0:
            return self.curvature_BS
        return self.curvature_BS + 2.0 * self.asphere_BSA[..., 0]

    @property
    def before_BSW(self) -> Tensor:
        """Index in front of each surface; air in front of the first."""
        return torch.cat([torch.ones_like(self.index_BSW[:, :1]), self.index_BSW[:, :-1]], dim=1)

    @property
    def count(self) -> int:
        """Number of surfaces."""
        return self.curvature_BS.shape[1]


def build_system(
    lenses: Sequence[Prescription], *, device: torch.device | str = "cpu", requires_grad: bool = False
) -> System:
    """Build the tensors of a batch of lenses.

    Args:
        lenses: Lenses with the same number of surfaces and wavelengths and the same stop and primary.
        device: Torch device of the tensors, which are float64.
        requires_grad: Whether curvatures, thicknesses, conics, aspheres and indices get gradients.

    Returns:
        The batch, with as many asphere terms as the lens that has most.

    Raises:
        InputError: If the layouts differ.
        GlassError: If a glass has no index at a wavelength.
    """
    keep_freed_memory()
    first = lenses[0]
    layout = (len(first.surfaces), first.stop, len(first.wavelengths), first.primary)
    if any((len(x.surfaces), x.stop, len(x.wavelengths), x.primary) != layout for x in lenses):
        raise InputError(
            "a batch needs lenses of one layout: as many surfaces and wavelengths, the same stop"
        )
    terms = max(len(surface.asphere) for lens in lenses for surface in lens.surfaces)

    def tensor(values: object) -> Tensor:
        return torch.tensor(values, dtype=FLOAT, device=device, requires_grad=requires_grad)

    indices = []
    for lens in lenses:
        known: dict[object, list[float]] = {None: [1.0] * len(lens.wavelengths)}
        for surface in lens.surfaces:
            medium = surface.medium
            if medium is not None and medium not in known:
                known[medium] = [medium.index(wavelength) for wavelength in lens.wavelengths]
        indices.append([known[surface.medium] for surface in lens.surfaces])
    return System(
        tensor([[s.curvature for s in lens.surfaces] for lens in lenses]),
        tensor([[s.thickness for s in lens.surfaces] for lens in lenses]),
        tensor([[s.conic for s in lens.surfaces] for lens in lenses]),
        tensor([[[*s.asphere, *[0.0] * (terms - len(s.asphere))] for s in lens.surfaces] for lens in lenses]),
        tensor(indices),
        torch.tensor(
            [
                [math.inf if s.semi_diameter is None else s.semi_diameter for s in lens.surfaces]
                for lens in lenses
            ],
            dtype=FLOAT,
            device=device,
        ),
        first.stop,
        first.primary,
    )
