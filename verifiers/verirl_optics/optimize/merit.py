"""What an optimiser of lenses makes small: ray aberrations, and what breaks a limit. Axes as in `trace`.

The sum of squares of the aberrations is the square of the spot that the judge counts: the quadratic mean over
the fields about the centroid of all wavelengths, a ray that does not arrive being half a pupil diameter away.
Limits are kept by penalties on what lacks to each, a little more than the judge asks for.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from verirl_optics.optimize.damped_least_squares import Linearization
from verirl_optics.optimize.per_ray_jacobian import PerRayLenses
from verirl_optics.optimize.variables import VariableSet
from verirl_optics.raytrace.paraxial import first_order
from verirl_optics.raytrace.pupil import Pupil, gauss
from verirl_optics.raytrace.system import FLOAT, System
from verirl_optics.raytrace.trace import Failure, Rays, TracedRays, launch, sag, trace
from verirl_optics.spec import OpticsSpec

LIMIT_PENALTY = 30.0
"""Weight of what lacks to a limit against a spot of the same length."""
LIMIT_MARGIN_REL = 1e-4
"""What is kept from each limit, as a fraction of the focal length."""
EDGE_HEIGHT_FACTOR = 1.021
"""Edges are looked at this much outside the traced height; the judge looks at 1.02."""
MAX_SLOPE_SINE = 0.93
MAX_HEMISPHERE_SHARE = 0.999
EXTRA_RAY_SHARE = 0.01
"""The share of the rays that is kept inside the semi-diameters beyond what the limit asks for."""
EFL_MATCH_REL = 1e-6
"""The share of the EFL within which it counts as the one asked for."""
MAX_CURVATURE_CHANGE_REL = 1.0
"""Largest change of the last curvature × EFL that sets the EFL."""
TOLERANCE_SHARE = 0.97
"""The share of a tolerance (EFL, distortion) that may be used up."""


def refracting_surfaces(system: System) -> list[int]:
    """The surfaces that part two media; a stop in air is none."""
    parts = (system.before_BSW != system.index_BSW).any(-1).any(0)
    return [s for s in range(system.count) if bool(parts[s])]


@dataclass(frozen=True, slots=True)
class _Bundle:
    """What a pass of rays says: heights at the image, which arrived (BFWR), r² at the surfaces (BS).

    `outside`: how far each ray passes outside a semi-diameter, inf where it ended otherwise; None: unasked.
    """

    x: Tensor
    y: Tensor
    valid: Tensor
    square: Tensor
    outside: Tensor | None


class MeritFunction:
    """The residuals of a batch of lenses of one layout under one spec, as a function of their variables.

    They are, in mm: aberrations of rays, what lacks to each limit, and the distortion over its limit.
    `within` is the share of the EFL's tolerance that is free. While it is 0 a step keeps the EFL to first
    order; with a tolerance it would run across it, and end at its border. `solve`: EFL and focus are set
    exactly. `granted` (C), mm: by how much each limit may be broken (see `breaches`).
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
        self._colors = len(spec.wavelengths_um)
        shares = [spec.least_ray_fraction(angle) for angle in spec.half_fields_deg]
        self._share = torch.tensor(shares, dtype=FLOAT, device=device)
        last = base.count - 1
        places = free.thicknesses
        powered = solve and within == 0.0 and last in free.curvatures and last > 0
        self._power = free.curvatures.index(last) if powered else None
        self._focus = len(free.curvatures) + places.index(last) if last in places and solve else None
        self._bendable = TOLERANCE_SHARE * (spec.max_distortion_pct or 0.0) / 100.0
        self._solid = refracting_surfaces(base)
        band = within * spec.efl_rel_tol * spec.efl_mm
        self._spaces = _Spaces(base, spec, free, self._solid, margin * spec.efl_mm, band)

    def residuals(self, variables: Tensor) -> Tensor:
        """Residuals (N, M) at variables (N, P), N a multiple of the lenses, block after block."""
        return self.settled(variables)[0]

    def settled(self, variables: Tensor) -> tuple[Tensor, Tensor]:
        """Residuals (N, M), and the variables (N, P) at which they are: with the EFL asked for, by the last
        curvature, and focused, where these are free.

        To move along the valley of sharp lenses is to change many curvatures at once, and to first order that
        leaves EFL and focus where they are; the second order would end each step early.
        """
        with torch.no_grad():
            system = self.free.write(self.base, variables)
            first = first_order(system)
            if self._power is not None:
                variables = self._powered(system, variables, first.efl_BW, first.bfl_BW)
                system = self.free.write(self.base, variables)
                first = first_order(system)
            done = trace(system, self._launched(first.entrance_B), clip=self.clip)
            found = self._bundle(done, len(variables))
            if self._focus is not None:
                found, variables = self._focused(found, done, variables)
            system = self.free.write(self.base, variables)
            figures = self._figures(system, self._first(system), found.square)
            values = [self._spread(found)[0]]
            if found.outside is not None:
                values.append(self._kept_in(found.outside)[0])
            return torch.cat([*values, *self._broken(figures, found.y)], dim=1), variables

    def _powered(self, system: System, variables: Tensor, efl: Tensor, bfl: Tensor) -> Tensor:
        """The variables with the last curvature that gives the EFL asked for, where it is near."""
        p, last = self.spec.primary, system.count - 1
        efl, bfl = efl[:, p], bfl[:, p]
        height = bfl / efl
        step = system.index_BSW[:, last, p] - system.index_BSW[:, last - 1, p]
        bend = (1.0 / self.spec.efl_mm - 1.0 / efl) / (height * step)
        near = torch.isfinite(bend) & (bend.abs() * self.spec.efl_mm < MAX_CURVATURE_CHANGE_REL)
        variables = variables.clone()
        variables[:, self._power] += torch.where(near, bend, torch.zeros_like(bend))
        return variables

    def _focused(self, found: _Bundle, done: TracedRays, variables: Tensor) -> tuple[_Bundle, Tensor]:
        """The bundle at best common focus (see `focus`), and the variables with the image plane there."""
        along_x = torch.nan_to_num((done.rays.l / done.rays.n).view(found.x.shape))
        along_y = torch.nan_to_num((done.rays.m / done.rays.n).view(found.x.shape))
        weight = torch.where(found.valid, self._weight, torch.zeros_like(found.x))
        total = weight.sum((-2, -1), keepdim=True)
        weight = weight / torch.where(total > 0.0, total, torch.ones_like(total))
        steep = along_y - (weight * along_y).sum((-2, -1), keepdim=True)
        turned = (weight * (found.x * along_x + found.y * steep)).nan_to_num().sum((1, 2, 3))
        bend = (weight * (along_x * along_x + steep * steep)).sum((1, 2, 3))
        move = -turned / torch.where(bend > 0.0, bend, torch.inf)
        column = variables[:, self._focus]
        move = torch.where((column + move > 0.0) & torch.isfinite(move), move, torch.zeros_like(move))
        by = move[:, None, None, None]
        variables = variables.clone()
        variables[:, self._focus] = column + move
        return replace(found, x=found.x + by * along_x, y=found.y + by * along_y), variables

    def linear(self, variables: Tensor) -> Linearization:
        """Residuals and limits at variables (B, P), with their derivatives.

        Rays do not depend on each other: where each has the lens to itself, two passes backwards give the
        derivatives of every ray's x and y by its lens, however many variables there are. What a limit lacks
        is differentiated forwards, at the height that rays have now.
        """
        count = len(variables)
        with torch.no_grad():
            system = self.free.write(self.base, variables)
            start = self._launched(first_order(system).entrance_B)
        alone = PerRayLenses.of(system, start, self.free)
        done = trace(alone.system, alone.rays, clip=self.clip)
        found = self._bundle(done, count)
        shape = found.x.shape
        slope_x = alone.derivatives(done.rays.x, shape, keep=True)
        slope_y = alone.derivatives(done.rays.y, shape, keep=self.clip)
        slope_out = alone.derivatives(self._outside(done), shape) if self.clip else None
        slope_far = self._widened(alone, done, count)
        with torch.no_grad():
            figures, turned = self._turned(variables, found.square, slope_far)
            moved = turned[:, None, None, None, 0]
            slope_x = torch.nan_to_num(slope_x[..., :-1] + slope_x[..., -1:] * moved)
            slope_y = torch.nan_to_num(slope_y[..., :-1] + slope_y[..., -1:] * moved)
            spots, kept, root = self._spread(found)
            total = kept.sum((-2, -1), keepdim=True)
            share = (kept / torch.where(total > 0.0, total, torch.ones_like(total)))[..., None]
            middle = (share * slope_y).sum((2, 3), keepdim=True)
            there = (found.valid * root)[..., None]
            keep = slice(0, self._spots)
            across = (there * slope_x)[..., keep, :].flatten(1, 3)
            along = (there * (slope_y - middle))[..., keep, :].flatten(1, 3)
            room = [self.penalty * figures[:, 2:]]
            walls = [self.penalty * turned[:, 2:]]
            if self.spec.max_distortion_pct is not None:
                chief = slope_y[:, :, self.spec.primary, -1]
                beyond, by = self._distorted(figures, turned, found.y, chief)
                room.append(beyond)
                walls.append(by)
            values, slopes = [spots], [across, along]
            if found.outside is not None and slope_out is not None:
                slope_out = torch.nan_to_num(slope_out[..., :-1] + slope_out[..., -1:] * moved)
                beyond, weight = self._kept_in(found.outside)
                values.append(beyond)
                slopes.append((weight[..., None] * slope_out[..., keep, :]).flatten(1, 3))
            whole = torch.cat([*slopes, *walls], dim=1)
            whole = self._followed(whole, spots.shape[1], figures[:, 1], turned[:, 1])
            limits = torch.cat(room, dim=1)
            split = whole.shape[1] - limits.shape[1]
            return Linearization(torch.cat(values, dim=1), whole[:, :split], limits, whole[:, split:])

    def _widened(self, alone: PerRayLenses, done: TracedRays, lenses: int) -> Tensor:
        """Derivatives (B, S, P + 1) of r² of the ray that passes each surface farthest out."""
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

    def _turned(self, variables: Tensor, square: Tensor, by: Tensor) -> tuple[Tensor, Tensor]:
        """`_figures` (B, C) at r² of `square` (BS), and their derivatives (B, C, P).

        `by`: derivatives (B, S, P + 1) of r² by the variables and by where rays start.
        """
        count, wide = variables.shape
        eye = torch.eye(wide, dtype=FLOAT, device=variables.device).repeat_interleave(count, 0)
        tiled = variables.repeat(wide, 1)
        pair = torch.func.jvp(lambda at: self._first(self.free.write(self.base, at)), (tiled,), (eye,))
        first, along = pair[0], pair[1]
        moved = along[:, 0].view(wide, count, 1)
        rate = torch.nan_to_num(by[..., :-1].movedim(-1, 0) + by[..., -1] * moved)
        both = torch.func.jvp(
            lambda at, found, far: self._figures(self.free.write(self.base, at), found, far),
            (tiled, first, square.repeat(wide, 1)),
            (eye, along, rate.flatten(0, 1)),
        )
        return both[0][:count], both[1].view(wide, count, -1).permute(1, 2, 0)

    def _followed(self, slopes: Tensor, spots: int, efl: Tensor, by: Tensor) -> Tensor:
        """The derivatives (B, M, P) where the last curvature follows EFL's (B) derivatives `by` (B, P), and
        the focus the first `spots` residuals, as `settled` sets them: both then are no variables any more.

        Golub and Pereyra, SIAM J. Numer. Anal. 10 (1973) 413, in Kaufman's form.
        """
        if self._power is not None:
            own = by[:, self._power, None]
            held = ((efl - self.spec.efl_mm).abs() < EFL_MATCH_REL * self.spec.efl_mm)[:, None] & (own != 0.0)
            rate = torch.where(held, by / torch.where(held, own, torch.ones_like(own)), torch.zeros_like(by))
            slopes = _without(slopes, self._power, rate, held)
        if self._focus is not None:
            own = slopes[:, :spots, self._focus]
            size = (own * own).sum(1)[:, None]
            rate = (own[:, None] @ slopes[:, :spots])[:, 0] / torch.where(size > 0.0, size, torch.inf)
            slopes = _without(slopes, self._focus, rate, size > 0.0)
        return slopes

    def breaches(self) -> Tensor:
        """By how much the first lens breaks each limit (C), inf where that has no measure."""
        with torch.no_grad():
            system = self.base
            first = first_order(system)
            done = trace(system, self._launched(first.entrance_B), clip=self.clip)
            square = self._bundle(done, len(system.curvature_BS)).square
            efl, bfl = first.efl_BW[:, self.spec.primary], first.bfl_BW[:, self.spec.primary]
            return self._spaces.lacks(system, efl, bfl, square)[0].nan_to_num(nan=math.inf).clamp_min(0.0)

    def active(self, variables: Tensor) -> tuple[str, ...]:
        """The limits that a lens (P variables) all but touches."""
        with torch.no_grad():
            system = self.free.write(self.base, variables[None])
            done = trace(system, self._launched(first_order(system).entrance_B), clip=self.clip)
            found = self._bundle(done, 1)
            figures = self._figures(system, self._first(system), found.square)
            close = (figures[0, 2:] > -self._spaces.small).tolist()
            names = [name for name, near in zip(self._spaces.names(), close, strict=True) if near]
            off, ideal = self._bent(figures, found.y)
            if self.spec.max_distortion_pct is not None and bool(
                (off.abs() > 0.98 * self._allowed(ideal)).any()
            ):
                names.append("distortion")
            return tuple(dict.fromkeys(names))

    def _launched(self, entrance: Tensor) -> Rays:
        radius = self.spec.epd_mm / 2.0
        here = torch.nan_to_num(entrance, nan=0.0, posinf=0.0, neginf=0.0)
        x, y = self._x[None, None, None] * radius, self._y[None, None, None] * radius
        return launch(x, y, here, self._fields.expand(len(entrance), -1), self._colors)

    def _bundle(self, done: TracedRays, lenses: int) -> _Bundle:
        shape = (lenses, len(self._fields), self._colors, len(self._x))
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
        """How far each ray passes outside the semi-diameter that it exceeds most."""
        semi = self.base.semi_BS[0]
        far = [
            height.clamp_min(1e-30).sqrt() - rim
            for height, rim in zip(done.height2, semi, strict=True)
            if math.isfinite(rim)
        ]
        return torch.relu(torch.stack(far).amax(0)) if far else torch.zeros_like(done.rays.x)

    def _kept_in(self, outside: Tensor) -> tuple[Tensor, Tensor]:
        """The residuals of the rays that must arrive, and their weights (BFW and the spot's rays).

        Those are the nearest, as many of each field as its limit asks for: which ray it is that a rim ends
        jumps, but how far outside it passes does not.
        """
        outside = outside[..., : self._spots]
        weight = (self._weight[: self._spots] / self._colors).expand_as(outside)
        order = outside.flatten(2).argsort(-1)
        nearer = weight.flatten(2).gather(-1, order).cumsum(-1)
        rank = torch.zeros_like(nearer).scatter(-1, order, nearer).view_as(outside)
        must = (rank - weight < self._share[:, None, None] + EXTRA_RAY_SHARE) & torch.isfinite(outside)
        held = self.penalty * must * torch.sqrt(weight / len(self._fields))
        return (held * outside.nan_to_num(posinf=0.0)).flatten(1), held * (outside > 0.0)

    def _spread(self, found: _Bundle) -> tuple[Tensor, Tensor, Tensor]:
        """Aberrations (B, …), the weight of each ray that arrived, and the root of each one's weight."""
        kept = torch.where(found.valid, self._weight, torch.zeros_like(found.x)) / self._colors
        total = kept.sum((-2, -1), keepdim=True)
        height = torch.where(found.valid, found.y, torch.zeros_like(found.y))
        middle = (kept * height).sum((-2, -1), keepdim=True) / torch.where(total > 0.0, total, 1.0)
        root = torch.sqrt(self._weight / (self._colors * len(self._fields)))
        lost = torch.full_like(found.x, self.spec.epd_mm / 2.0)
        across = torch.where(found.valid, found.x, lost) * root
        along = torch.where(found.valid, found.y - middle, torch.zeros_like(middle)) * root
        keep = slice(0, self._spots)
        return torch.cat([across[..., keep].flatten(1), along[..., keep].flatten(1)], dim=1), kept, root

    def _first(self, system: System) -> Tensor:
        """Entrance pupil, EFL and BFL (N, 3)."""
        first, p = first_order(system), self.spec.primary
        return torch.stack([first.entrance_B, first.efl_BW[:, p], first.bfl_BW[:, p]], dim=1)

    def _figures(self, system: System, first: Tensor, square: Tensor) -> Tensor:
        """Entrance pupil, EFL, and what lacks to each limit but distortion (N, 2 + …)."""
        lacks = self._spaces.lacks(system, first[:, 1], first[:, 2], square)
        if self.granted is not None:
            lacks = lacks - self.granted
        lacks = torch.nan_to_num(lacks, neginf=-1.0)
        return torch.cat([first[:, :2], lacks], dim=1)

    def _broken(self, figures: Tensor, height: Tensor) -> list[Tensor]:
        """The residuals of the limits."""
        found = [self.penalty * torch.relu(figures[:, 2:])]
        off, ideal = self._bent(figures, height)
        if self.spec.max_distortion_pct is not None:
            found.append(self.penalty * torch.relu(off.abs() - self._allowed(ideal)))
        return found

    def _distorted(
        self, figures: Tensor, turned: Tensor, height: Tensor, chief: Tensor
    ) -> tuple[Tensor, Tensor]:
        """How far each field is beyond the distortion allowed, penalised, and the derivatives."""
        off, ideal = self._bent(figures, height)
        by_efl = torch.tan(self._fields)[None, :, None] * turned[:, 1:2]
        beyond = (off.abs() - self._allowed(ideal)).clamp_min(-self.spec.efl_mm)
        share = self._bendable * ideal.sign()[..., None]
        return self.penalty * beyond, self.penalty * (
            off.sign()[..., None] * (chief - by_efl) - share * by_efl
        )

    def _bent(self, figures: Tensor, height: Tensor) -> tuple[Tensor, Tensor]:
        """How far each field's chief ray is from where it should be, and where that is (BF)."""
        ideal = figures[:, 1:2] * torch.tan(self._fields)
        return torch.nan_to_num(height[:, :, self.spec.primary, -1] - ideal), ideal

    def _allowed(self, ideal: Tensor) -> Tensor:
        return self._bendable * ideal.abs() + torch.where(ideal == 0.0, torch.inf, 0.0).to(ideal)


def _without(slopes: Tensor, column: int, rate: Tensor, where: Tensor) -> Tensor:
    """Derivatives (B, M, P) by the others alone; a change of one moves variable `column` by `rate` (B, P)."""
    followed = slopes - slopes[:, :, column, None] * rate[:, None]
    # What is left of the own column is rounding error, which a solver would take for a direction.
    own = torch.where(where, torch.zeros_like(slopes[:, :, column]), slopes[:, :, column])
    followed[:, :, column] = own
    return followed


class _Spaces:
    """The limits on a lens's lengths, for all its spaces at once."""

    def __init__(
        self,
        base: System,
        spec: OpticsSpec,
        free: VariableSet,
        surfaces: list[int],
        small: float,
        band: float,
    ) -> None:
        device = base.curvature_BS.device
        self.spec = spec
        self.surfaces = surfaces
        self.small, self.band = small, band
        self.near, self.far = surfaces[:-1], surfaces[1:]
        glass = [bool((base.index_BSW[0, s] != 1.0).any()) for s in self.near]
        low, high = spec.center_thickness_mm.min, spec.center_thickness_mm.upper

        def limits(of_glass: float, of_air: float) -> Tensor:
            return torch.tensor([of_glass if is_glass else of_air for is_glass in glass], device=device).to(
                FLOAT
            )

        self.center = limits(low, spec.min_air_gap_mm)
        self.edge = limits(spec.min_edge_thickness_mm, spec.min_air_gap_mm)
        self.zone = limits(min(low, spec.min_edge_thickness_mm), spec.min_air_gap_mm)
        self.thickest = limits(high, math.inf)
        self.bounded = bool(torch.isfinite(self.thickest).any())
        # Beside a stop in air: between elements, in front of them all, or behind.
        whole = {near for near, far in zip(self.near, self.far, strict=True) if far - near == 1}
        self.alone = [s for s in free.thicknesses if s < base.count - 1 and s not in whole]
        aspheric = bool(
            free.terms or free.conics or (base.conic_BS != 0.0).any() or (base.asphere_BSA != 0.0).any()
        )
        self.shares = (0.25, 0.5, 0.75) if aspheric else ()
        self.slopes = (*self.shares, 1.0) if aspheric else ()

    def lacks(self, system: System, efl: Tensor, bfl: Tensor, square: Tensor) -> Tensor:
        """What lacks to each limit, mm (B, C); at most 0 where it is kept, nan where it has no measure.

        `square`: r² of the rays (BS).
        """
        spec, thickness, small = self.spec, system.thickness_BS, self.small
        found = [
            (efl - spec.efl_mm).abs() - self.band,
            spec.min_bfl_mm + small - bfl,
            small - thickness[:, -1],
        ]
        if spec.max_total_track_mm is not None:
            found.append(thickness.sum(1) + small - spec.max_total_track_mm)
        end = torch.cumsum(thickness, 1)
        between = (end[:, self.far] - thickness[:, self.far]) - (end[:, self.near] - thickness[:, self.near])
        widest = torch.maximum(square[:, self.near], square[:, self.far]) * EDGE_HEIGHT_FACTOR**2
        parts = [torch.stack(found, dim=1), self.center + small - between]
        parts.append(self.edge + small - self._room(system, between, widest))
        parts += [self.zone + small - self._room(system, between, widest * share) for share in self.shares]
        if self.bounded:
            parts.append(between + small - self.thickest)
        if self.alone:
            parts.append(small / 100.0 - thickness[:, self.alone])
        height2 = square[:, self.surfaces].clamp_min(0.0)
        steep = system.curvature_BS[:, self.surfaces].abs() * height2.sqrt()
        parts.append((steep - MAX_SLOPE_SINE) * spec.efl_mm * 0.1)
        for share in self.slopes:
            parts.append((self._sine(system, height2 * share) - MAX_SLOPE_SINE) * spec.efl_mm * 0.1)
        # Past its hemisphere a surface has no edge there.
        root = torch.sqrt((1.0 + system.conic_BS).clamp_min(0.0)) * system.curvature_BS.abs()
        both = torch.maximum(root[:, self.near], root[:, self.far]) * widest.clamp_min(0.0).sqrt()
        parts.append((both - MAX_HEMISPHERE_SHARE) * spec.efl_mm * 0.1)
        return torch.cat(parts, dim=1)

    def names(self) -> list[str]:
        """What each of `lacks` is about."""
        found = ["EFL", "BFL", "image distance"] + ["track"] * (self.spec.max_total_track_mm is not None)
        spaces = [f"surfaces {near + 1} to {far + 1}" for near, far in zip(self.near, self.far, strict=True)]
        for kind in ("centre", "edge", *["room"] * len(self.shares), *["centre at most"] * self.bounded):
            found += [f"{kind}, {space}" for space in spaces]
        found += [f"thickness behind surface {s + 1}" for s in self.alone]
        found += [f"slope of surface {s + 1}" for s in self.surfaces] * (1 + len(self.slopes))
        return found + [f"edge, {space}" for space in spaces]

    def _room(self, system: System, between: Tensor, square: Tensor) -> Tensor:
        return between + self._sag(system, self.far, square) - self._sag(system, self.near, square)

    def _sag(self, system: System, surfaces: list[int], square: Tensor) -> Tensor:
        """Sag of several surfaces (B, Q) at r² of the same shape."""
        return self._shape(system, surfaces, square)[0]

    def _sine(self, system: System, square: Tensor) -> Tensor:
        """The sine of the slope of each solid surface (B, Q) at r² of the same shape."""
        tangent2 = 4.0 * square * self._shape(system, self.surfaces, square)[1] ** 2
        return torch.sqrt((tangent2 / (1.0 + tangent2)).clamp_min(1e-30))

    def _shape(self, system: System, surfaces: list[int], square: Tensor) -> tuple[Tensor, Tensor]:
        """Sag, and its slope by r²."""
        terms = system.asphere_BSA[:, surfaces]
        one = System(
            system.curvature_BS[:, surfaces].reshape(-1, 1),
            square.reshape(-1, 1),
            system.conic_BS[:, surfaces].reshape(-1, 1),
            terms.reshape(square.numel(), 1, terms.shape[-1]),
            system.index_BSW[:1],
            system.semi_BS[:1],
            0,
        )
        depth, slope, _ = sag(one, 0, square.reshape(-1, 1, 1, 1))
        return depth.view(square.shape), slope.view(square.shape)
