"""Formatting of shares, gains, times and counts for a reader."""

from __future__ import annotations

from typing import TYPE_CHECKING

# Some callers import these two from here.
from verirl.reporting.sanitize import clean as clean
from verirl.reporting.sanitize import one_line as one_line

if TYPE_CHECKING:
    from verirl.reporting.heldout import Gain, Share
    from verirl.training.figures import Unit


def percent(share: float | None) -> str:
    """A share in percent, one decimal; only none at all is 0 % and only all is 100 %."""
    if share is None:
        return "–"
    if 0 < share < 0.0005:
        return "<0.1 %"
    if 0.9995 <= share < 1:
        return ">99.9 %"
    return f"{100 * share:.1f} %" if 0 < share < 1 else f"{100 * share:.0f} %"


def interval(share: Share | None) -> str:
    """A share with its interval, in percent."""
    if share is None or share.value is None:
        return "–"
    if share.low is None or share.high is None:
        return percent(share.value)
    return f"{percent(share.value)} [{100 * share.low:.1f}, {100 * share.high:.1f}]"


def signed(share: float) -> str:
    """A difference of shares in points, with its sign."""
    rounded = round(100 * share, 1)
    return f"{'+' if rounded > 0 else '−' if rounded < 0 else '±'}{abs(rounded):.1f}"


def points(gain: Gain, unit: str = " points") -> str:
    """A gain with its interval, in points."""
    return f"{signed(gain.gain)}{unit} [{signed(gain.low)}, {signed(gain.high)}]"


def seconds(value: float | None) -> str:
    """A time that a person reads at a glance."""
    if value is None:
        return "–"
    if value < 9.95:
        return f"{value:.1f} s"
    whole = round(value)
    if whole < 120:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    return f"{minutes} min {rest} s" if minutes < 120 else f"{minutes // 60} h {minutes % 60} min"


def count(value: float) -> str:
    """A large number with a unit prefix, a small one whole."""
    for size, prefix in ((1e12, "T"), (1e9, "B"), (1e6, "M"), (1e4, "k")):
        if value >= size:
            return f"{value / (1e3 if prefix == 'k' else size):.3g} {prefix}"
    return f"{value:.0f}"


def figure(unit: Unit, value: float) -> str:
    """A point of a chart, in its unit."""
    return percent(value) if unit == "share" else f"{value:.3f}"


def plural(number: int, noun: str) -> str:
    """`number` and its noun."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
