"""Figures as a person reads them, and text of others made safe to show."""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from verirl.reporting.heldout import Gain, Share
    from verirl.training.figures import Unit


# --- figures -------------------------------------------------------------------------------------------


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


# --- text that a model or a file gave ------------------------------------------------------------------


def clean(text: str) -> str:
    """`text` with every character that would move a cursor, hide or reorder others made visible."""
    return "".join(map(_visible, text.replace("\r\n", "\n").replace("\t", "    ")))


def _visible(character: str) -> str:
    if character == "\n" or character.isprintable():
        return character
    kind = unicodedata.category(character)
    if kind == "Zs":
        return " "
    code = ord(character)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{{{code:x}}}"


def one_line(text: str, limit: int = 160) -> str:
    """Cleaned text on one line, cut at `limit` characters."""
    flat = " ".join(clean(text[: 4 * limit]).split())
    return flat if len(flat) <= limit else flat[: limit - 1] + "…"


def cut(text: str, rows: int, characters: int) -> str:
    """Cleaned text cut in its middle: how an answer begins and how it ends both tell."""
    whole = clean(text.strip("\n"))
    if len(whole) > characters:
        left = len(whole) - characters
        head = characters // 2
        whole = f"{whole[:head]} … {left} characters left out … {whole[len(whole) - characters + head :]}"
    kept = whole.split("\n")
    if len(kept) > rows:
        head = rows // 2
        left = len(kept) - rows
        kept = [*kept[:head], f"… {plural(left, 'line')} left out …", *kept[len(kept) - rows + head :]]
    return "\n".join(kept)
