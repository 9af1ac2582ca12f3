"""The first mismatching samples as a small waveform table: one row per signal, one column per sample."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Protocol

SAMPLES_BEFORE = 4
SAMPLES_AFTER = 3
MAX_SIGNALS = 12
"""Rows of inputs and, beside the outputs that are wrong, of outputs."""
MAX_VALUE_CHARS = 12
"""Characters of one value."""
SAMPLE_HEADING = "sample"


class Line(Protocol):
    """A port of the design."""

    @property
    def name(self) -> str:
        """Its name."""
        ...

    @property
    def width(self) -> int:
        """Its width in bits."""
        ...


class Wrong(Protocol):
    """A sample in which outputs are wrong: its number and the design's outputs."""

    @property
    def step(self) -> int:
        """The number of the sample."""
        ...

    @property
    def got(self) -> str:
        """All output bits, in port order."""
        ...


def mismatch_table(
    inputs: Sequence[Line],
    outputs: Sequence[Line],
    driven: Sequence[str],
    expected: Sequence[str],
    wrong: Sequence[Wrong],
) -> str:
    """The samples around the first of `wrong`, which holds the first samples that are wrong, in order.

    `driven`, `expected`: the bits of all inputs and all outputs, one text a sample, in port order, `x` where
    the reference is undefined. A wrong output has two rows, wanted and got, and a `!` where they differ.
    """
    if not wrong:
        return ""
    at = wrong[0].step
    last = len(expected) - 1
    if len(wrong) > 1:
        last = min(last, max(at, wrong[-1].step))
    steps = range(max(0, at - SAMPLES_BEFORE), min(at + SAMPLES_AFTER, last) + 1)
    got = {one.step: one.got for one in wrong}
    rows: list[list[str]] = [[SAMPLE_HEADING, *map(str, steps)]]
    rows += _rows(inputs, steps, driven)[:MAX_SIGNALS]
    quiet: list[list[str]] = []
    start = 0
    for port in outputs:
        cut = slice(start, start + port.width)
        start += port.width
        wanted = {step: expected[step][cut] for step in steps}
        real = {step: got[step][cut] if step in got else wanted[step] for step in steps}
        if all(_agrees(wanted[step], real[step]) for step in steps):
            quiet.append([port.name, *(value(wanted[step]) for step in steps)])
            continue
        rows.append([f"{port.name} wanted", *(value(wanted[step]) for step in steps)])
        marked = (value(real[s]) + ("" if _agrees(wanted[s], real[s]) else "!") for s in steps)
        rows.append([f"{port.name} got", *marked])
    return _aligned([*rows, *quiet[:MAX_SIGNALS]])


def value(bits: str) -> str:
    """Return bits as a table shows them: hexadecimal if there are several, undefined digits as `x` or `z`."""
    if len(bits) == 1:
        return bits
    padded = bits.zfill(-(-len(bits) // 4) * 4)
    digits = [padded[place : place + 4] for place in range(0, len(padded), 4)]
    text = "".join(
        f"{int(d, 2):x}" if set(d) <= {"0", "1"} else ("z" if set(d) == {"z"} else "x") for d in digits
    )
    return text if len(text) <= MAX_VALUE_CHARS else f"{text[: MAX_VALUE_CHARS - 1]}…"


def cells(table: str) -> list[list[str]]:
    """Return the rows of a table that `mismatch_table` wrote; none if the text is something else."""
    lines = table.strip("\n").split("\n")
    if not lines[0].startswith(SAMPLE_HEADING + " "):
        return []
    return [re.split(r"\s{2,}", line.strip()) for line in lines]


def _rows(ports: Sequence[Line], steps: range, samples: Sequence[str]) -> list[list[str]]:
    rows, start = [], 0
    for port in ports:
        cut = slice(start, start + port.width)
        start += port.width
        rows.append([port.name, *(value(samples[step][cut]) for step in steps)])
    return rows


def _agrees(wanted: str, got: str) -> bool:
    return all(w in ("x", g) for w, g in zip(wanted, got, strict=True))


def _aligned(rows: Sequence[Sequence[str]]) -> str:
    wide = [max(len(row[place]) for row in rows) for place in range(len(rows[0]))]
    lines = []
    for name, *values in rows:
        shown = (text.rjust(size) for text, size in zip(values, wide[1:], strict=True))
        lines.append("  ".join([name.ljust(wide[0]), *shown]))
    return "\n".join(lines)
