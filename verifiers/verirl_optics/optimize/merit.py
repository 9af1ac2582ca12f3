"""The merit function of lens optimization: ray aberrations, and how far each limit is violated. Axes as in
`trace`.

The sum of squares of the aberrations is the square of the spot that a verdict measures: the quadratic mean
over the fields about the centroid of all wavelengths, with a lost ray half a pupil diameter away. Limits are
enforced by penalties, with a small margin over what a verdict asks for.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from verirl_optics.optimize.damped_least_squares import Linearization
from verirl_optics.optimize.per_ray_jacobian import PerRayLenses
from verirl_optics.optimize.space_limits import SpaceLimits
from verirl_optics.optimize.variables import VariableSet
from verirl_optics.raytrace.paraxial import first_order
from verirl_optics.raytrace.pupil import Pupil, gauss
from verirl_optics.raytrace.system import FLOAT, System
from verirl_optics.raytrace.trace import Failure, Rays, TracedRays, launch, trace
from verirl_optics.spec import OpticsSpec

LIMIT_PENALTY = 30.0
"""Weight of a violated limit relative to a spot of the same length."""
LIMIT_MARGIN_REL = 1e-4
"""Distance to each limit, as a fraction of the focal length."""
EXTRA_RAY_SHARE = 0.01
"""Share of the rays kept inside the semi-diameters in addition to what the limit asks for."""
EFL_MATCH_REL = 1e-6
"""Relative deviation up to which the EFL counts as the one asked for."""
MAX_CURVATURE_CHANGE_REL = 1.0
"""Greatest change of the last curvature × EFL that may set the EFL."""
TOLERANCE_SHARE = 0.97
"""Share of a tolerance (EFL, distortion) that may be used."""


def refracting_surfaces(system: System) -> list[int]:
    """Return the surfaces between two different media; a stop in air is not among them."""
    parts = (system.before_BSW != system.index_BSW).any(-1).any(0)
    return [s for s in range(system.count) if bool(parts[s])]


@dataclass(frozen=True, slots=True)
class _Bundle:
    """The rays of a pass.

    Attributes:
        x: x at the image plane in mm (BFWR).
        y: y at the image plane in mm (BFWR).
        valid: Which rays arrived (BFWR).
        square: Greatest r² of an arriving ray at each surface (BS).
        outside: How far each ray passes outside a semi-diameter in mm, infinite if it ended for another
            reason; None if semi-diameters do not matter.
    """

    x: Tensor
    y: Tensor
    valid: Tensor
    square: Tensor
    outside: Tensor | None


class MeritFunction:
    """The residuals in mm of a batch of lenses of one layout under one spec, as a function of the variables.

    Residuals are the aberrations of rays, the violation of each limit, and the distortion beyond its limit.

    Args:
        base: The batch of lenses.
        spec: The limits.
        free: The variables.
        pupil: Sampling of the pupil; a coarse one if None.
        clip: Whether semi-diameters vignette.
        margin: Distance to each limit, as a fraction of the EFL.
        penalty: Weight of the limits.
        solve: Set EFL and focus exactly instead of by penalties.
        within: Share of the EFL tolerance that is free. While it is 0, a step keeps the EFL to first order;
            with a tolerance it would cross it and end at its border.
        granted: By how much each limit may be violated, in mm (C); see `breaches`.
    """

    def __init__(
        self,
        base: System,
        spec: OpticsSpec,
        free: VariableSet,
        *,
        pupil: Pupil | None = None,
        clip: bool = False,
        margin: float = LIMIT_MARGIN_REL,
        penalty: float = LIMIT_PENALTY,
        solve: bool = True,
        within: float = 0.0,
        granted: Tensor | None = None,
    ) -> None:
        self.granted = granted
        self.penalty = penalty
        self.base, self.spec, self.free, self.clip = base, spec, free, clip
        device = base.curvature_BS.device
        spot = gauss(4, 8) if pupil is None else pupil
        # With the judge's own pupil the edge has the judge's points too, so that both see the same heights.
        edge = torch.linspace(-math.pi / 2, math.pi / 2, 5 if pupil is None else 13, dtype=FLOAT)
        # Rays for the spot, for the edge of the pupil, and the chief ray, in one pass.
        self._x = torch.cat([spot.x_R, torch.cos(edge).clamp_min(0.0), torch.zeros(1, dtype=FLOAT)]).to(
            device
        )
        self._y = torch.cat([spot.y_R, torch.sin(edge), torch.zeros(1, dtype=FLOAT)]).to(device)
        self._weight = torch.cat([spot.weight_R, torch.zeros(len(edge) + 1, dtype=FLOAT)]).to(device)
        self._spots = len(spot.x_R)
        self._fields = torch.deg2rad(torch.tensor(spec.half_fields_deg, dtype=FLOAT, device=device))
        self._wavelength_count = len(spec.wavelengths_um)
        shares = [spec.least_ray_fraction(angle) for angle in spec.half_fields_deg]
        self._least_fraction = torch.tensor(shares, dtype=FLOAT, device=device)
        last = base.count - 1
        places = free.thicknesses
        powered = solve and within == 0.0 and last in free.curvatures and last > 0
        self._power = free.curvatures.index(last) if powered else None
        self._focus = len(free.curvatures) + places.index(last) if last in places and solve else None
        self._distortion_share = TOLERANCE_SHARE * (spec.max_distortion_pct or 0.0) / 100.0
        self._solid = refracting_surfaces(base)
        band = within * spec.efl_rel_tol * spec.efl_mm
        self._space_limits = SpaceLimits(base, spec, free, self._solid, margin * spec.efl_mm, band)

    def residuals(self, variables: Tensor) -> Tensor:
        """Return the residuals (N, M) at variables (N, P), N a multiple of the batch, block after block."""
        return self.settled(variables)[0]

    def settled(self, variables: Tensor) -> tuple[Tensor, Tensor]:
        """Return residuals (N, M) and the variables (N, P) at which they hold.

        If they are free, the last curvature is set to give the EFL asked for, and the last thickness to best
        focus. Moving along the valley of sharp lenses changes many curvatures at once, which to first order
        keeps EFL and focus; the second order would end each step early.
        """
        with torch.no_grad():
            system = self.free.write(self.base, variables)
            first = first_order(system)
            if self._power is not None:
                variables = self._with_efl(system, variables, first.efl_BW, first.bfl_BW)
                system = self.free.write(self.base, variables)
                first = first_order(system)
            done = trace(system, self._rays(first.entrance_B), clip=self.clip)
            bundle = self._bundle(done, len(variables))
            if self._focus is not None:
                bundle, variables = self._with_focus(bundle, done, variables)
            system = self.free.write(self.base, variables)
            figures = self._figures(system, self._first(system), bundle.square)
            values = [self._aberrations(bundle)[0]]
            if bundle.outside is not None:
                values.append(self._rim_residuals(bundle.outside)[0])
            return torch.cat([*values, *self._limit_residuals(figures, bundle.y)], dim=1), variables

    def _with_efl(self, system: System, variables: Tensor, efl: Tensor, bfl: Tensor) -> Tensor:
        """Return the variables with the last curvature that gives the EFL asked for, if it is near."""
        p, last = self.spec.primary, system.count - 1
        efl, bfl = efl[:, p], bfl[:, p]
        height = bfl / efl
        step = system.index_BSW[:, last, p] - system.index_BSW[:, last - 1, p]
        bend = (1.0 / self.spec.efl_mm - 1.0 / efl) / (height * step)
        near = torch.isfinite(bend) & (bend.abs() * self.spec.efl_mm < MAX_CURVATURE_CHANGE_REL)
        variables = variables.clone()
        variables[:, self._power] += torch.where(near, bend, torch.zeros_like(bend))
        return variables

    def _with_focus(self, bundle: _Bundle, done: TracedRays, variables: Tensor) -> tuple[_Bundle, Tensor]:
        """Return the bundle at best common focus, and the variables with the image plane there."""
        along_x = torch.nan_to_num((done.rays.l / done.rays.n).view(bundle.x.shape))
        along_y = torch.nan_to_num((done.rays.m / done.rays.n).view(bundle.x.shape))
        weight = torch.where(bundle.valid, self._weight, torch.zeros_like(bundle.x))
        total = weight.sum((-2, -1), keepdim=True)
        weight = weight / torch.where(total > 0.0, total, torch.ones_like(total))
        steep = along_y - (weight * along_y).sum((-2, -1), keepdim=True)
        turned = (weight * (bundle.x * along_x + bundle.y * steep)).nan_to_num().sum((1, 2, 3))
        bend = (weight * (along_x * along_x + steep * steep)).sum((1, 2, 3))
        move = -turned / torch.where(bend > 0.0, bend, torch.inf)
        column = variables[:, self._focus]
        move = torch.where((column + move > 0.0) & torch.isfinite(move), move, torch.zeros_like(move))
        by = move[:, None, None, None]
        variables = variables.clone()
        variables[:, self._focus] = column + move
        return replace(bundle, x=bundle.x + by * along_x, y=bundle.y + by * along_y), variables

    def linear(self, variables: Tensor) -> Linearization:
        """Return residuals and limits at variables (B, P), with their derivatives.

        Rays do not depend on each other: since each has its own copy of the lens, two backward passes give
        the derivatives of x and y of every ray, however many variables there are. Limits are differentiated
        in forward mode, at the current height of the rays.
        """
        count = len(variables)
        with torch.no_grad():
            system = self.free.write(self.base, variables)
            start = self._rays(first_order(system).entrance_B)
        alone = PerRayLenses.of(system, start, self.free)
        done = trace(alone.system, alone.rays, clip=self.clip)
        bundle = self._bundle(done, count)
        shape = bundle.x.shape
        slope_x = alone.derivatives(done.rays.x, shape, keep=True)
        slope_y = alone.derivatives(done.rays.y, shape, keep=self.clip)
        slope_out = alone.derivatives(self._outside(done), shape) if self.clip else None
        slope_far = self._outermost_ray_derivatives(alone, done, count)
        with torch.no_grad():
            figures, turned = self._limit_derivatives(variables, bundle.square, slope_far)
            moved = turned[:, None, None, None, 0]
            slope_x = torch.nan_to_num(slope_x[..., :-1] + slope_x[..., -1:] * moved)
            slope_y = torch.nan_to_num(slope_y[..., :-1] + slope_y[..., -1:] * moved)
            spots, kept, root = self._aberrations(bundle)
            total = kept.sum((-2, -1), keepdim=True)
            share = (kept / torch.where(total > 0.0, total, torch.ones_like(total)))[..., None]
            middle = (share * slope_y).sum((2, 3), keepdim=True)
            there = (bundle.valid * root)[..., None]
            keep = slice(0, self._spots)
            across = (there * slope_x)[..., keep, :].flatten(1, 3)
            along = (there * (slope_y - middle))[..., keep, :].flatten(1, 3)
            room = [self.penalty * figures[:, 2:]]
            walls = [self.penalty * turned[:, 2:]]
            if self.spec.max_distortion_pct is not None:
                chief = slope_y[:, :, self.spec.primary, -1]
                beyond, by = self._distortion_limits(figures, turned, bundle.y, chief)
                room.append(beyond)
                walls.append(by)
            values, slopes = [spots], [across, along]
            if bundle.outside is not None and slope_out is not None:
                slope_out = torch.nan_to_num(slope_out[..., :-1] + slope_out[..., -1:] * moved)
                beyond, weight = self._rim_residuals(bundle.outside)
                values.append(beyond)
                slopes.append((weight[..., None] * slope_out[..., keep, :]).flatten(1, 3))
            whole = torch.cat([*slopes, *walls], dim=1)
            whole = self._eliminate_solved(whole, spots.shape[1], figures[:, 1], turned[:, 1])
            limits = torch.cat(room, dim=1)
            split = whole.shape[1] - limits.shape[1]
            return Linearization(torch.cat(values, dim=1), whole[:, :split], limits, whole[:, split:])

    def _outermost_ray_derivatives(self, alone: PerRayLenses, done: TracedRays, lenses: int) -> Tensor:
        """Return derivatives (B, S, P + 1) of r² of the outermost ray at each surface."""
        surfaces = len(done.height2)
        with torch.no_grad():
            square = torch.stack([height.view(lenses, -1) for height in done.height2], dim=1)
            far = torch.where(done.valid.view(lenses, 1, -1), square, -1.0).argmax(-1)
            each = square.shape[-1]
            rows = (far + each * torch.arange(lenses, device=far.device)[:, None]).flatten()
        few = alone.part(rows)
        heights = torch.stack(trace(few.system, few.rays, clip=self.clip).height2)
        own = heights.view(surfaces, lenses, surfaces).diagonal(dim1=0, dim2=2)
        return few.derivatives(own, own.shape)

    def _limit_derivatives(self, variables: Tensor, square: Tensor, by: Tensor) -> tuple[Tensor, Tensor]:
        """Return `_figures` (B, C) at r² of `square` (BS), and their derivatives (B, C, P).

        `by`: derivatives (B, S, P + 1) of r² by the variables and by the start position of the rays.
        """
        count, wide = variables.shape
        eye = torch.eye(wide, dtype=FLOAT, device=variables.device).repeat_interleave(count, 0)
        tiled = variables.repeat(wide, 1)
        pair = torch.func.jvp(lambda at: self._first(self.free.write(self.base, at)), (tiled,), (eye,))
        first, along = pair[0], pair[1]
        moved = along[:, 0].view(wide, count, 1)
        rate = torch.nan_to_num(by[..., :-1].movedim(-1, 0) + by[..., -1] * moved)
        both = torch.func.jvp(
            lambda at, start, far: self._figures(self.free.write(self.base, at), start, far),
            (tiled, first, square.repeat(wide, 1)),
            (eye, along, rate.flatten(0, 1)),
        )
        return both[0][:count], both[1].view(wide, count, -1).permute(1, 2, 0)

    def _eliminate_solved(self, slopes: Tensor, spots: int, efl: Tensor, by: Tensor) -> Tensor:
        """Eliminate the last curvature and the focus from derivatives (B, M, P), as `settled` sets them.

        The last curvature follows from the EFL (B) with derivatives `by` (B, P), the focus from the first
        `spots` residuals. Golub and Pereyra, SIAM J. Numer. Anal. 10 (1973) 413, in Kaufman's form.
        """
        if self._power is not None:
            own = by[:, self._power, None]
            held = ((efl - self.spec.efl_mm).abs() < EFL_MATCH_REL * self.spec.efl_mm)[:, None] & (own != 0.0)
            rate = torch.where(held, by / torch.where(held, own, torch.ones_like(own)), torch.zeros_like(by))
            slopes = _eliminate(slopes, self._power, rate, held)
        if self._focus is not None:
            own = slopes[:, :spots, self._focus]
            size = (own * own).sum(1)[:, None]
            rate = (own[:, None] @ slopes[:, :spots])[:, 0] / torch.where(size > 0.0, size, torch.inf)
            slopes = _eliminate(slopes, self._focus, rate, size > 0.0)
        return slopes

    def breaches(self) -> Tensor:
        """Return by how much the first lens violates each limit in mm (C), infinite if it has no measure."""
        with torch.no_grad():
            system = self.base
            first = first_order(system)
            done = trace(system, self._rays(first.entrance_B), clip=self.clip)
            square = self._bundle(done, len(system.curvature_BS)).square
            efl, bfl = first.efl_BW[:, self.spec.primary], first.bfl_BW[:, self.spec.primary]
            return (
                self._space_limits.violations(system, efl, bfl, square)[0]
                .nan_to_num(nan=math.inf)
                .clamp_min(0.0)
            )

    def active(self, variables: Tensor) -> tuple[str, ...]:
        """Return the names of the limits that a lens (P variables) nearly touches."""
        with torch.no_grad():
            system = self.free.write(self.base, variables[None])
            done = trace(system, self._rays(first_order(system).entrance_B), clip=self.clip)
            bundle = self._bundle(done, 1)
            figures = self._figures(system, self._first(system), bundle.square)
            close = (figures[0, 2:] > -self._space_limits.small).tolist()
            names = [name for name, near in zip(self._space_limits.names(), close, strict=True) if near]
            off, ideal = self._distortion_error(figures, bundle.y)
            if self.spec.max_distortion_pct is not None and bool(
                (off.abs() > 0.98 * self._allowed(ideal)).any()
            ):
                names.append("distortion")
            return tuple(dict.fromkeys(names))

    def _rays(self, entrance: Tensor) -> Rays:
        radius = self.spec.epd_mm / 2.0
        here = torch.nan_to_num(entrance, nan=0.0, posinf=0.0, neginf=0.0)
        x, y = self._x[None, None, None] * radius, self._y[None, None, None] * radius
        return launch(x, y, here, self._fields.expand(len(entrance), -1), self._wavelength_count)

    def _bundle(self, done: TracedRays, lenses: int) -> _Bundle:
        shape = (lenses, len(self._fields), self._wavelength_count, len(self._x))
        valid = done.valid.view(shape)
        square = torch.stack([height.detach().view(shape) for height in done.height2], dim=1)
        reach = torch.where(valid[:, None], square, torch.zeros_like(square)).amax((2, 3, 4))
        outside = None
        if self.clip:
            ended = torch.zeros_like(done.valid)
            for name, where in done.ends:
                ended |= where & (name != Failure.CLIPPED)
            outside = self._outside(done).detach().masked_fill(ended, math.inf).view(shape)
        return _Bundle(
            done.rays.x.detach().view(shape), done.rays.y.detach().view(shape), valid, reach, outside
        )

    def _outside(self, done: TracedRays) -> Tensor:
        """Return how far each ray passes outside the semi-diameter that it exceeds most."""
        semi = self.base.semi_BS[0]
        far = [
            height.clamp_min(1e-30).sqrt() - rim
            for height, rim in zip(done.height2, semi, strict=True)
            if math.isfinite(rim)
        ]
        return torch.relu(torch.stack(far).amax(0)) if far else torch.zeros_like(done.rays.x)

    def _rim_residuals(self, outside: Tensor) -> tuple[Tensor, Tensor]:
        """Return the residuals of the rays that must arrive, and their weights (BFW, and rays of the spot).

        Those are the nearest, as many per field as its limit asks for. Which ray a rim ends is
        discontinuous, but how far outside it passes is not.
        """
        outside = outside[..., : self._spots]
        weight = (self._weight[: self._spots] / self._wavelength_count).expand_as(outside)
        order = outside.flatten(2).argsort(-1)
        nearer = weight.flatten(2).gather(-1, order).cumsum(-1)
        rank = torch.zeros_like(nearer).scatter(-1, order, nearer).view_as(outside)
        must = (rank - weight < self._least_fraction[:, None, None] + EXTRA_RAY_SHARE) & torch.isfinite(
            outside
        )
        held = self.penalty * must * torch.sqrt(weight / len(self._fields))
        return (held * outside.nan_to_num(posinf=0.0)).flatten(1), held * (outside > 0.0)

    def _aberrations(self, bundle: _Bundle) -> tuple[Tensor, Tensor, Tensor]:
        """Return aberrations (B, …), the weight of each ray that arrived, and the root of every weight."""
        kept = torch.where(bundle.valid, self._weight, torch.zeros_like(bundle.x)) / self._wavelength_count
        total = kept.sum((-2, -1), keepdim=True)
        height = torch.where(bundle.valid, bundle.y, torch.zeros_like(bundle.y))
        middle = (kept * height).sum((-2, -1), keepdim=True) / torch.where(total > 0.0, total, 1.0)
        root = torch.sqrt(self._weight / (self._wavelength_count * len(self._fields)))
        lost = torch.full_like(bundle.x, self.spec.epd_mm / 2.0)
        across = torch.where(bundle.valid, bundle.x, lost) * root
        along = torch.where(bundle.valid, bundle.y - middle, torch.zeros_like(middle)) * root
        keep = slice(0, self._spots)
        return torch.cat([across[..., keep].flatten(1), along[..., keep].flatten(1)], dim=1), kept, root

    def _first(self, system: System) -> Tensor:
        """Return entrance pupil, EFL and BFL (N, 3)."""
        first, p = first_order(system), self.spec.primary
        return torch.stack([first.entrance_B, first.efl_BW[:, p], first.bfl_BW[:, p]], dim=1)

    def _figures(self, system: System, first: Tensor, square: Tensor) -> Tensor:
        """Return entrance pupil, EFL, and the violation of each limit but distortion (N, 2 + …)."""
        violations = self._space_limits.violations(system, first[:, 1], first[:, 2], square)
        if self.granted is not None:
            violations = violations - self.granted
        violations = torch.nan_to_num(violations, neginf=-1.0)
        return torch.cat([first[:, :2], violations], dim=1)

    def _limit_residuals(self, figures: Tensor, height: Tensor) -> list[Tensor]:
        """Return the residuals of the limits."""
        residuals = [self.penalty * torch.relu(figures[:, 2:])]
        off, ideal = self._distortion_error(figures, height)
        if self.spec.max_distortion_pct is not None:
            residuals.append(self.penalty * torch.relu(off.abs() - self._allowed(ideal)))
        return residuals

    def _distortion_limits(
        self, figures: Tensor, turned: Tensor, height: Tensor, chief: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Return by how much each field exceeds the allowed distortion, penalized, and the derivatives."""
        off, ideal = self._distortion_error(figures, height)
        by_efl = torch.tan(self._fields)[None, :, None] * turned[:, 1:2]
        beyond = (off.abs() - self._allowed(ideal)).clamp_min(-self.spec.efl_mm)
        share = self._distortion_share * ideal.sign()[..., None]
        return self.penalty * beyond, self.penalty * (
            off.sign()[..., None] * (chief - by_efl) - share * by_efl
        )

    def _distortion_error(self, figures: Tensor, height: Tensor) -> tuple[Tensor, Tensor]:
        """Return the error of the chief ray height of each field, and the ideal height (BF)."""
        ideal = figures[:, 1:2] * torch.tan(self._fields)
        return torch.nan_to_num(height[:, :, self.spec.primary, -1] - ideal), ideal

    def _allowed(self, ideal: Tensor) -> Tensor:
        return self._distortion_share * ideal.abs() + torch.where(ideal == 0.0, torch.inf, 0.0).to(ideal)


def _eliminate(slopes: Tensor, column: int, rate: Tensor, where: Tensor) -> Tensor:
    """Eliminate variable `column`, which follows the others at `rate` (B, P), from derivatives."""
    followed = slopes - slopes[:, :, column, None] * rate[:, None]
    # The rest of the own column is rounding error, which a solver would take for a direction.
    own = torch.where(where, torch.zeros_like(slopes[:, :, column]), slopes[:, :, column])
    followed[:, :, column] = own
    return followed
