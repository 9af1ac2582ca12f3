"""Curves over optimizer steps, read from a run's journal."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from verirl.io.tolerant_json import number

Event = Mapping[str, Any]
Unit = Literal["share", "reward", "loss"]


class Point(NamedTuple):
    """A figure after so many optimizer steps."""

    step: int
    value: float


@dataclass(frozen=True)
class Curve:
    """One line of a chart. `points` are in the order of their steps."""

    name: str
    points: tuple[Point, ...]

    @property
    def ends(self) -> tuple[float, float]:
        """The mean over the first tenth of the curve and over its last, at least one point each."""
        values = [point.value for point in self.points]
        size = max(1, len(values) // 10)
        return sum(values[:size]) / size, sum(values[-size:]) / size

    def thinned(self, limit: int) -> tuple[Point, ...]:
        """At most `limit` points, each the mean of a stretch of the curve at the stretch's last step."""
        if len(self.points) <= limit:
            return self.points
        edges = [place * len(self.points) // limit for place in range(limit + 1)]
        stretches = [self.points[a:b] for a, b in itertools.pairwise(edges)]
        return tuple(Point(part[-1].step, sum(p.value for p in part) / len(part)) for part in stretches)


@dataclass(frozen=True)
class Chart:
    """Curves over the same steps, in the same unit; `note` says what is drawn."""

    title: str
    unit: Unit
    curves: tuple[Curve, ...]
    note: str = ""


def make_curves(lines: Mapping[str, Sequence[Point]]) -> tuple[Curve, ...]:
    """Make curves of those lines that have points."""
    return tuple(Curve(name, tuple(points)) for name, points in lines.items() if points)


def points_of(events: Iterable[Event], key: str) -> list[Point]:
    """Read a figure of events that have it and a step; a figure that is not finite is left out."""
    pairs = ((event.get("step"), number(event.get(key))) for event in events)
    return [Point(step, value) for step, value in pairs if isinstance(step, int) and value is not None]
