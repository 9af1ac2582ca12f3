"""Inputs for a design that comes without a bench: exhaustive where they are few, else random and corners.

A script is a list of events; each is the value of every input (MSB first, in port order) and whether the
outputs are looked at once everything has settled. An event that moves data and a clock is played as two, data
first: what a register catches must not hang on the order in which a simulator runs two processes.
"""

from __future__ import annotations

import itertools
import random
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from verirl_rtl.policy import Port

EXHAUSTIVE_BITS = 10
VECTORS = 1200
CYCLES = 1000
LEARNT = 20_000
"""Events of a bench that an answer of the greatest length might hold a table of."""

_CLOCK = re.compile(r"clk|clock|(?:^|_)ck(?:$|_)", re.IGNORECASE)
_RESET = re.compile(r"rst|reset|clr\b|clear|arst|(?:^|_)por(?:$|_)", re.IGNORECASE)
_LOW = re.compile(r"(?:_n|_ni|_b|_l|n|_bar)$|^n_?(?:rst|reset)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Event:
    """The inputs' bits in port order, and whether the outputs are sampled after it."""

    bits: str
    sampled: bool


@dataclass(frozen=True)
class Roles:
    """The inputs by what they do: clocks, resets (name → value that resets), and data."""

    clocks: tuple[str, ...]
    resets: dict[str, int]
    data: tuple[str, ...]


def roles(inputs: Sequence[Port], edges: Iterable[str], clock: str | None, reset: str | None) -> Roles:
    """Which input is what: from the task, from the edges that the reference waits for, and by name."""
    single = {port.name for port in inputs if port.width == 1}
    waited = [name for name in edges if name in single]
    clocks = [name for name in waited if name == clock or (_CLOCK.search(name) and name != reset)]
    clocks = (
        clocks or [name for name in waited if not _RESET.search(name) and name != reset][:1] or waited[:1]
    )
    if clock in single and clock not in clocks:
        clocks.append(clock)
    resets = {
        port.name: 0 if _LOW.search(port.name) else 1
        for port in inputs
        if port.name in single
        and port.name not in clocks
        and (port.name == reset or _RESET.search(port.name) or port.name in waited)
    }
    data = tuple(port.name for port in inputs if port.name not in clocks and port.name not in resets)
    return Roles(tuple(clocks), resets, data)


def stimulus(inputs: Sequence[Port], found: Roles, seed: int) -> list[Event]:
    """The events for a design of these inputs; the same for the same seed."""
    draw = random.Random(seed)
    if not inputs:
        return [Event("", True)]
    if found.clocks:
        return list(_clocked(inputs, found, draw))
    total = sum(port.width for port in inputs)
    if total <= EXHAUSTIVE_BITS:
        values = list(range(1 << total))
        again = values[:]
        draw.shuffle(again)
        return [Event(format(value, f"0{total}b"), True) for value in values + again]
    return [Event(bits, True) for bits in itertools.islice(_vectors(inputs, draw), VECTORS)]


def _vectors(inputs: Sequence[Port], draw: random.Random) -> Iterator[str]:
    zeros = {port.name: 0 for port in inputs}
    ones = {port.name: _mask(port) for port in inputs}
    yield _bits(inputs, zeros)
    yield _bits(inputs, ones)
    for port in inputs:
        for base in (zeros, ones):
            for value in _corners(port):
                yield _bits(inputs, base | {port.name: value})
    corners = [_corners(port) for port in inputs]
    for choice in itertools.islice(itertools.product(*corners), 128):
        yield _bits(inputs, {port.name: value for port, value in zip(inputs, choice, strict=True)})
    while True:
        values = {port.name: _value(port, draw) for port in inputs}
        if draw.random() < 0.2:
            same = draw.getrandbits(64)
            values |= {port.name: same & _mask(port) for port in inputs if draw.random() < 0.7}
        yield _bits(inputs, values)


def _clocked(inputs: Sequence[Port], found: Roles, draw: random.Random) -> Iterator[Event]:
    """Reset, then phases: each input keeps to a habit for a while, so that deep states are reached too."""
    widths = {port.name: port for port in inputs}
    state = {port.name: 0 for port in inputs} | found.resets
    periods = {name: 1 if number == 0 else draw.choice((1, 2, 3)) for number, name in enumerate(found.clocks)}
    habits: dict[str, tuple[float, float]] = {}
    left = 0
    yield Event(_bits(inputs, state), True)
    for cycle in range(CYCLES):
        if left == 0:
            left = draw.choice((8, 16, 32, 64, 160))
            habits = {name: _habit(widths[name], draw) for name in found.data}
        left -= 1
        for name in found.data:
            bias, change = habits[name]
            if cycle < 2 or draw.random() < change:
                port = widths[name]
                state[name] = int(draw.random() < bias) if port.width == 1 else _value(port, draw)
        for name, active in found.resets.items():
            hit = cycle < 3 or draw.random() < 1 / 80
            state[name] = active if hit else 1 - active
        yield Event(_bits(inputs, state), True)
        for level in (1, 0):
            moving = [name for name in found.clocks if (2 * cycle + 1 - level) % periods[name] == 0]
            for name in moving:
                state[name] = level if periods[name] == 1 else 1 - state[name]
            yield Event(_bits(inputs, state), True)
            if level == 1 and draw.random() < 1 / 40:
                for name, active in found.resets.items():
                    state[name] = active
                    yield Event(_bits(inputs, state), True)
                    state[name] = 1 - active
                    yield Event(_bits(inputs, state), True)
            if level == 1 and draw.random() < 1 / 10:
                for name in found.data:
                    if draw.random() < 0.5:
                        state[name] = _value(widths[name], draw)
                yield Event(_bits(inputs, state), True)


def _habit(port: Port, draw: random.Random) -> tuple[float, float]:
    """How often a one-bit input is 1, and how often an input changes, for one phase."""
    bias = draw.choice((0.0, 0.1, 0.5, 0.5, 0.5, 0.9, 1.0))
    change = draw.choice((0.05, 0.5, 1.0, 1.0))
    return bias, change if port.width > 1 else 1.0 if change > 0.1 else 0.3


def _mask(port: Port) -> int:
    return (1 << port.width) - 1


def _corners(port: Port) -> list[int]:
    top = _mask(port)
    return sorted({0, 1, top, top - 1 if top > 1 else top, top >> 1, (top >> 1) + 1})


def _value(port: Port, draw: random.Random) -> int:
    kind = draw.random()
    if kind < 0.1:
        return draw.choice(_corners(port))
    if kind < 0.2:
        return 1 << draw.randrange(port.width)
    if kind < 0.3:
        return draw.getrandbits(port.width) & draw.getrandbits(port.width)
    if kind < 0.4:
        return min(draw.randrange(16), _mask(port))
    return draw.getrandbits(port.width)


def _bits(inputs: Sequence[Port], values: dict[str, int]) -> str:
    return "".join(format(values[port.name], f"0{port.width}b") for port in inputs)


def turned(events: Sequence[Event], seed: int) -> list[Event]:
    """A bench's events once more, from somewhere in their middle to their end and then from their start.

    What looks at its inputs and what it has seen of them does as the reference does; what has learnt the
    bench by heart does not. Events with undefined inputs are left out: a bench has them where the design is
    undefined, too. Nothing for a bench too long to be learnt.
    """
    if len(events) > LEARNT:
        return []
    known = [event for event in events if set(event.bits) <= {"0", "1"}]
    middle = random.Random(seed).randint(len(known) // 4, 3 * len(known) // 4)
    return [replace(event, sampled=True) for event in known[middle:] + known[:middle]]


def serialised(events: Sequence[Event], inputs: Sequence[Port], found: Roles) -> list[Event]:
    """Events in which data, resets and clocks move one after the other, in this order."""
    if not found.clocks:
        return list(events)
    rank = dict.fromkeys(found.resets, 1) | dict.fromkeys(found.clocks, 2)
    parts: list[tuple[int, int, int]] = []
    start = 0
    for port in inputs:
        parts.append((rank.get(port.name, 0), start, start + port.width))
        start += port.width
    made: list[Event] = []
    before = ""
    for event in events:
        if before:
            moving = sorted({level for level, low, high in parts if event.bits[low:high] != before[low:high]})
            for level in moving[:-1]:
                before = "".join(
                    (event.bits if one <= level else before)[low:high] for one, low, high in parts
                )
                made.append(Event(before, False))
        made.append(event)
        before = event.bits
    return made
