"""Inputs for a design that comes without a bench: exhaustive where they are few, else random and corners.

What a reference compares with is seldom met by chance, so the numbers in its text are among the values: as
they are, off by one, in a field of a wider input, and bit by bit on an input of one bit.

A script is a list of events; each is the value of every input (MSB first, in port order) and whether the
outputs are looked at once everything has settled. An event that moves data and a clock is played as two, data
first: what a register catches must not hang on the order in which a simulator runs two processes.
"""

from __future__ import annotations

import itertools
import random
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from verirl_rtl.language.inspection import Port

EXHAUSTIVE_BITS = 10
RANDOM_VECTORS = 1200
RESET_PHASE_CYCLES, FREE_RUN_CYCLES = 640, 1100
"""Clock cycles with resets now and then, and in one run without."""
MAX_MEMORIZABLE_EVENTS = 20_000
"""Events of a bench that an answer of the greatest length might hold a table of."""

MAX_LITERALS = 48
"""Numbers of a reference's text that are tried."""

_NUMBER = re.compile(
    r"(?<![\w'.])(?:(\d+)?\s*'\s*[sS]?([bodhBODH])\s*([0-9a-fA-F_]+)|(\d[\d_]*))(?![\w'.])", re.ASCII
)
_FIELD = re.compile(r"(?<![\w$])(\w+)\[\s*(\d{1,4})\s*:\s*(\d{1,4})\s*\]", re.ASCII)
_BASES = {"b": 2, "o": 8, "d": 10, "h": 16}

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


@dataclass(frozen=True, slots=True)
class NumberLiteral:
    """A number in a text, and its width where it states one."""

    value: int
    width: int | None = None


@dataclass(frozen=True, slots=True)
class Hints:
    """The numbers of a text, and the fields (of what, high and low bit) that it selects."""

    numbers: tuple[NumberLiteral, ...] = ()
    fields: tuple[tuple[str, int, int], ...] = ()


NO_HINTS = Hints()


def literals(text: str) -> tuple[NumberLiteral, ...]:
    """The numbers above 1 in a Verilog text, in order."""
    found: dict[NumberLiteral, None] = {}
    for match in _NUMBER.finditer(text):
        width, base, digits, plain = match.groups()
        try:
            value = int((digits or plain).replace("_", ""), _BASES.get((base or "d").lower(), 10))
        except ValueError:
            continue
        if value > 1:
            found[NumberLiteral(value, int(width) if width else None)] = None
    return tuple(found)[:MAX_LITERALS]


def hints(text: str) -> Hints:
    """What a Verilog text says of the values that matter to it."""
    fields = {(name, int(high), int(low)): None for name, high, low in _FIELD.findall(text)}
    return Hints(literals(text), tuple(fields))


def stimulus(
    inputs: Sequence[Port], found: Roles, seed: int, telling: Hints = NO_HINTS, longer: int = 1
) -> list[Event]:
    """The events for a design of these inputs; the same for the same seed.

    `telling`: what is to be tried. `longer`: how many times as long the run without a reset is.
    """
    draw = _ValueSource(seed, telling)
    if not inputs:
        return [Event("", True)]
    if found.clocks:
        return list(_clocked(inputs, found, draw, FREE_RUN_CYCLES * longer))
    total = sum(port.width for port in inputs)
    if total <= EXHAUSTIVE_BITS:
        values = list(range(1 << total))
        again = values[:]
        draw.shuffle(again)
        return [Event(format(value, f"0{total}b"), True) for value in values + again]
    return [Event(bits, True) for bits in itertools.islice(_vectors(inputs, draw), RANDOM_VECTORS)]


class _ValueSource(random.Random):
    """Chance, and the numbers to which it comes back."""

    def __init__(self, seed: int, telling: Hints) -> None:
        super().__init__(seed)
        self.telling = telling.numbers
        self.fields = telling.fields
        self.words = [
            format(one.value, f"0{one.width}b")
            for one in telling.numbers
            if one.width is not None and 2 < one.width <= 32 and one.value < 1 << one.width
        ]

    def value(self, port: Port) -> int:
        """A value for a port, of one kind or another."""
        kind = self.random()
        if kind < 0.1:
            return self.choice(_corners(port))
        if kind < 0.2:
            return 1 << self.randrange(port.width)
        if kind < 0.3:
            return self.getrandbits(port.width) & self.getrandbits(port.width)
        if kind < 0.4:
            return min(self.randrange(16), _mask(port))
        if self.telling and kind < (0.8 if len(self.parts(port)) > 1 else 0.6):
            return self.told(port, self.choice(self.telling))
        return self.getrandbits(port.width)

    def either(self, port: Port) -> int:
        """A value about a number, or any."""
        if not self.telling:
            return self.value(port)
        return self.told(port, self.choice(self.telling)) if self.random() < 0.5 else self.value(port)

    def told(self, port: Port, one: NumberLiteral) -> int:
        """A value about a number: itself or next to it, or, in a wider port, a field of it."""
        fields = self.parts(port)
        if fields and self.random() < (0.8 if len(fields) > 1 else 0.4):
            return self.filled(port, fields)
        width = one.width or one.value.bit_length()
        if width < port.width and self.random() < 0.4:
            place = self.choice((0, port.width - width, self.randrange(port.width - width + 1)))
            rest = self.getrandbits(port.width) & ~(((1 << width) - 1) << place)
            return (rest | one.value << place) & _mask(port)
        return (one.value + self.choice((-1, 0, 0, 0, 1, self.randrange(16)))) & _mask(port)

    def parts(self, port: Port) -> list[tuple[int, int]]:
        """The fields of a port."""
        return [
            (high, low)
            for name, high, low in self.fields
            if name == port.name and low <= high < port.width > high - low + 1
        ]

    def filled(self, port: Port, fields: Sequence[tuple[int, int]]) -> int:
        """A value whose fields hold numbers of their width, as far as they do not overlap."""
        value, taken = self.getrandbits(port.width), 0
        for high, low in self.sample(fields, len(fields)):
            width = high - low + 1
            mask = ((1 << width) - 1) << low
            if taken & mask or self.random() > 0.85:
                continue
            taken |= mask
            value = value & ~mask | self.choice([0, 1, *self.fitting(width)]) << low & mask
        return value

    def fitting(self, width: int) -> list[int]:
        """The numbers of a width; where there is none, those that state no width."""
        sized = [one.value for one in self.telling if one.width == width]
        return sized or [one.value for one in self.telling if one.width is None and one.value < 1 << width]

    def beside(self, inputs: Sequence[Port]) -> dict[str, int]:
        """For two inputs, two numbers that stand one after the other."""
        wide = [port for port in inputs if port.width > 1]
        if len(wide) < 2 or len(self.telling) < 2:
            return {}
        place = self.randrange(len(self.telling) - 1)
        pair = zip(self.sample(wide, 2), self.telling[place : place + 2], strict=True)
        return {port.name: one.value & _mask(port) for port, one in pair}


def _vectors(inputs: Sequence[Port], draw: _ValueSource) -> Iterator[str]:
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
    for one, port in itertools.islice(itertools.product(draw.telling, inputs), 96):
        for value in (one.value - 1, one.value, one.value + 1):
            if 0 <= value <= _mask(port):
                others = {other.name: draw.either(other) for other in inputs}
                yield _bits(inputs, others | {port.name: value})
    for _ in range(4 * len(draw.telling)):
        yield _bits(inputs, {port.name: draw.either(port) for port in inputs} | draw.beside(inputs))
    while True:
        values = {port.name: draw.value(port) for port in inputs}
        if draw.random() < 0.2:
            same = draw.getrandbits(64)
            values |= {port.name: same & _mask(port) for port in inputs if draw.random() < 0.7}
        yield _bits(inputs, values)


def _clocked(inputs: Sequence[Port], found: Roles, draw: _ValueSource, run: int) -> Iterator[Event]:
    """Reset, then phases: each input keeps to a habit for a while, so that deep states are reached too."""
    widths = {port.name: port for port in inputs}
    state = {port.name: 0 for port in inputs} | found.resets
    periods = {name: 1 if number == 0 else draw.choice((1, 2, 3)) for number, name in enumerate(found.clocks)}
    habits: dict[str, _ActivityPattern] = {}
    left = 0
    yield Event(_bits(inputs, state), True)
    for cycle in range(RESET_PHASE_CYCLES + run):
        running = cycle >= RESET_PHASE_CYCLES + 3
        if left == 0 or cycle == RESET_PHASE_CYCLES:
            left = draw.choice((64, 160, 320)) if running else draw.choice((8, 16, 32, 64, 160))
            habits = {name: _ActivityPattern(widths[name], draw) for name in found.data}
        left -= 1
        for name in found.data:
            value = habits[name].next(cycle < 2)
            if value is not None:
                state[name] = value
        if draw.random() < 0.1:
            _repeat(found.data, widths, state, draw)
        elif draw.random() < 0.05:
            state |= draw.beside([widths[name] for name in found.data])
        for name, active in found.resets.items():
            hit = cycle < 3 or (not running and (cycle >= RESET_PHASE_CYCLES or draw.random() < 1 / 60))
            state[name] = active if hit else 1 - active
        yield Event(_bits(inputs, state), True)
        for level in (1, 0):
            moving = [name for name in found.clocks if (2 * cycle + 1 - level) % periods[name] == 0]
            for name in moving:
                state[name] = level if periods[name] == 1 else 1 - state[name]
            yield Event(_bits(inputs, state), True)
            if level == 1 and not running and draw.random() < 1 / 30:
                for name, active in found.resets.items():
                    state[name] = active
                    yield Event(_bits(inputs, state), True)
                    state[name] = 1 - active
                    yield Event(_bits(inputs, state), True)
            if level == 1 and not running and draw.random() < 1 / 8:
                for name in found.data:
                    if draw.random() < 0.5:
                        state[name] = draw.value(widths[name])
                yield Event(_bits(inputs, state), True)


def _repeat(
    names: Sequence[str], widths: Mapping[str, Port], state: dict[str, int], draw: _ValueSource
) -> None:
    """Give one wide input the value of another: equality of operands is seldom met by chance."""
    wide = [name for name in names if widths[name].width > 3]
    if len(wide) > 1:
        one, other = draw.sample(wide, 2)
        state[one] = state[other] & _mask(widths[one])


class _ActivityPattern:
    """What one input does for one phase."""

    def __init__(self, port: Port, draw: _ValueSource) -> None:
        self.port, self.draw = port, draw
        self.bias = draw.choice((0.0, 0.1, 0.5, 0.5, 0.5, 0.9, 1.0))
        self.change = draw.choice((0.05, 0.5, 1.0, 1.0))
        self.fond = bool(draw.telling) and draw.random() < 0.3
        self.queue: list[int] = []
        self.backwards = draw.random() < 0.3

    def next(self, first: bool) -> int | None:
        """The value for the coming cycle; None where it stays."""
        draw, port = self.draw, self.port
        if port.width > 1:
            if not first and draw.random() >= self.change:
                return None
            return draw.either(port) if self.fond else draw.value(port)
        if self.fond and draw.words:
            if not self.queue:
                word = draw.choice(draw.words)
                self.queue = [int(bit) for bit in (word if self.backwards else word[::-1])]
                self.queue += [draw.randrange(2) for _ in range(draw.randrange(3))]
            return self.queue.pop()
        if not first and draw.random() >= (1.0 if self.change > 0.1 else 0.3):
            return None
        return int(draw.random() < self.bias)


def _mask(port: Port) -> int:
    return (1 << port.width) - 1


def _corners(port: Port) -> list[int]:
    top = _mask(port)
    return sorted({0, 1, top, top - 1 if top > 1 else top, top >> 1, (top >> 1) + 1})


def _bits(inputs: Sequence[Port], values: dict[str, int]) -> str:
    return "".join(format(values[port.name], f"0{port.width}b") for port in inputs)


def reordered(events: Sequence[Event], seed: int) -> list[Event]:
    """A bench's events once more, from somewhere in their middle to their end and then from their start.

    What looks at its inputs and what it has seen of them does as the reference does; what has learnt the
    bench by heart does not. Events with undefined inputs are left out: a bench has them where the design is
    undefined, too. Nothing for a bench too long to be learnt.
    """
    if len(events) > MAX_MEMORIZABLE_EVENTS:
        return []
    known = [event for event in events if set(event.bits) <= {"0", "1"}]
    middle = random.Random(seed).randint(len(known) // 4, 3 * len(known) // 4)
    return [replace(event, sampled=True) for event in known[middle:] + known[:middle]]


def serialized(events: Sequence[Event], inputs: Sequence[Port], found: Roles) -> list[Event]:
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
