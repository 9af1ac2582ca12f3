"""The variables of a lens as columns of a tensor. Axes as in `system`; P variables."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from verirl_optics.raytrace.system import System


@dataclass(frozen=True, slots=True)
class VariableSet:
    """The set of quantities that an optimizer may change.

    Attributes:
        curvatures: Surfaces with a variable curvature.
        thicknesses: Surfaces with a variable thickness.
        conics: Surfaces with a variable conic constant.
        terms: Variable asphere coefficients as (surface, term), term 0 being that of r².

    Example:
        >>> VariableSet(curvatures=(0, 1), thicknesses=(1,)).count
        3
    """

    curvatures: tuple[int, ...]
    thicknesses: tuple[int, ...]
    conics: tuple[int, ...] = ()
    terms: tuple[tuple[int, int], ...] = ()

    @property
    def count(self) -> int:
        """Number of variables."""
        return len(self.curvatures) + len(self.thicknesses) + len(self.conics) + len(self.terms)

    def read(self, system: System) -> Tensor:
        """Return the variables of each lens (B, P)."""
        surfaces = [s for s, _ in self.terms]
        terms = [i for _, i in self.terms]
        return torch.cat(
            [
                system.curvature_BS[:, list(self.curvatures)],
                system.thickness_BS[:, list(self.thicknesses)],
                system.conic_BS[:, list(self.conics)],
                system.asphere_BSA[:, surfaces, terms],
            ],
            dim=1,
        )

    def write(self, base: System, variables: Tensor) -> System:
        """Return the lenses of `base` with other values of the variables.

        Args:
            base: A batch of B lenses.
            variables: Values (N, P), N a multiple of B, block after block.

        Returns:
            A batch of N lenses.
        """
        copies = len(variables) // len(base.curvature_BS)
        many = base if copies == 1 else _copied(base, copies)
        sizes = [len(self.curvatures), len(self.thicknesses), len(self.conics), len(self.terms)]
        bend, move, conic, term = torch.split(variables, sizes, dim=1)
        return replace(
            many,
            curvature_BS=_put(many.curvature_BS, self.curvatures, bend),
            thickness_BS=_put(many.thickness_BS, self.thicknesses, move),
            conic_BS=_put(many.conic_BS, self.conics, conic),
            asphere_BSA=_put_terms(many.asphere_BSA, self.terms, term),
        )


def _copied(base: System, copies: int) -> System:
    return replace(
        base,
        curvature_BS=base.curvature_BS.repeat(copies, 1),
        thickness_BS=base.thickness_BS.repeat(copies, 1),
        conic_BS=base.conic_BS.repeat(copies, 1),
        asphere_BSA=base.asphere_BSA.repeat(copies, 1, 1),
        index_BSW=base.index_BSW.repeat(copies, 1, 1),
        semi_BS=base.semi_BS.repeat(copies, 1),
    )


def _put(into: Tensor, places: tuple[int, ...], values: Tensor) -> Tensor:
    if not places:
        return into
    index = torch.tensor(places, device=into.device).expand(len(into), -1)
    return into.scatter(1, index, values)


def _put_terms(into: Tensor, places: tuple[tuple[int, int], ...], values: Tensor) -> Tensor:
    if not places:
        return into
    width = into.shape[-1]
    flat = tuple(s * width + i for s, i in places)
    return _put(into.flatten(1), flat, values).view_as(into)
