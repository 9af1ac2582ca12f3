"""Generate inputs for a design without a testbench: all values if they are few, else random and corner cases.

Random values seldom hit what a reference compares with, so the numbers in its text are among the values: as
they are, off by one, in a field of a wider input, and bit by bit on an input of one bit.

The inputs are a list of events. Each has the value of every input (MSB first, in port order) and says whether
the outputs are sampled when everything has settled. An event that changes data and a clock is played as two,
data first: the value that a register captures must not depend on the order in which a simulator runs two
processes.
"""

from __future__ import annotations

import itertools
import random
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from verirl_rtl.language.inspection import Port

EXHAUSTIVE_BITS = 10
"""Input bits up to which a design without a clock gets all values."""
RANDOM_VECTORS = 1200
RESET_PHASE_CYCLES = 640
"""Clock cycles with resets now and then."""
FREE_RUN_CYCLES = 1100
"""Clock cycles of the run without a reset that follows."""
MAX_MEMORIZABLE_EVENTS = 20_000
"""Longest testbench whose outputs an answer could hold in a table, in events."""

MAX_LITERALS = 48
"""How many numbers of the reference's text are tried."""

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
    """The input bits in port order, and whether the outputs are sampled after the event."""

    bits: str
    sampled: bool


@dataclass(frozen=True)
class Roles:
    """The inputs by role: clocks, resets (name → active value), and data."""

    clocks: tuple[str, ...]
    resets: dict[str, int]
    data: tuple[str, ...]


def roles(inputs: Sequence[Port], edges: Iterable[str], clock: str | None, reset: str | None) -> Roles:
    """Assign a role to each input.

    Args:
        inputs: The input ports.
        edges: Names of the inputs whose edges the reference waits for.
        clock: The clock according to the spec, or None.
        reset: The reset according to the spec, or None.

    Returns:
        The roles; names such as `clk` and `rst_n` decide what spec and edges leave open.
    """
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
    """A number in a text, and its width if the text gives one."""

    value: int
    width: int | None = None


@dataclass(frozen=True, slots=True)
class Hints:
    """The numbers of a text, and the fields that it selects: (signal, high bit, low bit)."""

    numbers: tuple[NumberLiteral, ...] = ()
    fields: tuple[tuple[str, int, int], ...] = ()


NO_HINTS = Hints()


def literals(text: str) -> tuple[NumberLiteral, ...]:
    """Return the numbers above 1 in a Verilog text, in order."""
    numbers: dict[NumberLiteral, None] = {}
    for match in _NUMBER.finditer(text):
        width, base, digits, plain = match.groups()
        try:
            value = int((digits or plain).replace("_", ""), _BASES.get((base or "d").lower(), 10))
        except ValueError:
            continue
        if value > 1:
            numbers[NumberLiteral(value, int(width) if width else None)] = None
    return tuple(numbers)[:MAX_LITERALS]


def hints(text: str) -> Hints:
    """Return the numbers and fields of a Verilog text, which its behavior is likely to depend on."""
    fields = {(name, int(high), int(low)): None for name, high, low in _FIELD.findall(text)}
    return Hints(literals(text), tuple(fields))


def stimulus(
    inputs: Sequence[Port], input_roles: Roles, seed: int, preferred: Hints = NO_HINTS, length_factor: int = 1
) -> list[Event]:
    """Generate the events for a design.

    Args:
        inputs: The input ports in order.
        input_roles: The roles of the inputs.
        seed: The same seed gives the same events.
        preferred: Numbers and fields to try.
        length_factor: Factor for the length of the run without a reset.

    Returns:
        The events, each of them sampled.
    """
    draw = _ValueSource(seed, preferred)
    if not inputs:
        return [Event("", True)]
    if input_roles.clocks:
        return list(_clocked(inputs, input_roles, draw, FREE_RUN_CYCLES * length_factor))
    total = sum(port.width for port in inputs)
    if total <= EXHAUSTIVE_BITS:
        values = list(range(1 << total))
        again = values[:]
        draw.shuffle(again)
        return [Event(format(value, f"0{total}b"), True) for value in values + again]
    return [Event(bits, True) for bits in itertools.islice(_vectors(inputs, draw), RANDOM_VECTORS)]


class _ValueSource(random.Random):
    """Random values that prefer the numbers of the reference's text."""

    def __init__(self, seed: int, preferred: Hints) -> None:
        super().__init__(seed)
        self.literals = preferred.numbers
        self.fields = preferred.fields
        self.words = [
            format(one.value, f"0{one.width}b")
            for one in preferred.numbers
            if one.width is not None and 2 < one.width <= 32 and one.value < 1 << one.width
        ]

    def value(self, port: Port) -> int:
        """Draw a value for a port: a corner case, a power of two, a small, a random or a preferred number."""
        kind = self.random()
        if kind < 0.1:
            return self.choice(_corners(port))
        if kind < 0.2:
            return 1 << self.randrange(port.width)
        if kind < 0.3:
            return self.getrandbits(port.width) & self.getrandbits(port.width)
        if kind < 0.4:
            return min(self.randrange(16), _mask(port))
        if self.literals and kind < (0.8 if len(self.parts(port)) > 1 else 0.6):
            return self.near(port, self.choice(self.literals))
        return self.getrandbits(port.width)

    def near_or_any(self, port: Port) -> int:
        """Draw a value near a preferred number, or any value, with equal chance."""
        if not self.literals:
            return self.value(port)
        return self.near(port, self.choice(self.literals)) if self.random() < 0.5 else self.value(port)

    def near(self, port: Port, one: NumberLiteral) -> int:
        """Draw a value near a number: the number, one next to it, or a wider value with it in a field."""
        fields = self.parts(port)
        if fields and self.random() < (0.8 if len(fields) > 1 else 0.4):
            return self.with_fields(port, fields)
        width = one.width or one.value.bit_length()
        if width < port.width and self.random() < 0.4:
            place = self.choice((0, port.width - width, self.randrange(port.width - width + 1)))
            rest = self.getrandbits(port.width) & ~(((1 << width) - 1) << place)
            return (rest | one.value << place) & _mask(port)
        return (one.value + self.choice((-1, 0, 0, 0, 1, self.randrange(16)))) & _mask(port)

    def parts(self, port: Port) -> list[tuple[int, int]]:
        """Return the fields of a port that the reference selects: (high bit, low bit)."""
        return [
            (high, low)
            for name, high, low in self.fields
            if name == port.name and low <= high < port.width > high - low + 1
        ]

    def with_fields(self, port: Port, fields: Sequence[tuple[int, int]]) -> int:
        """Draw a value whose fields hold numbers of their width, as far as they do not overlap."""
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
        """Return the numbers of a width; if there is none, those without a width that fit."""
        sized = [one.value for one in self.literals if one.width == width]
        return sized or [one.value for one in self.literals if one.width is None and one.value < 1 << width]

    def neighbors(self, inputs: Sequence[Port]) -> dict[str, int]:
        """Draw two inputs and give them two neighboring numbers of the text."""
        wide = [port for port in inputs if port.width > 1]
        if len(wide) < 2 or len(self.literals) < 2:
            return {}
        place = self.randrange(len(self.literals) - 1)
        pair = zip(self.sample(wide, 2), self.literals[place : place + 2], strict=True)
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
    for one, port in itertools.islice(itertools.product(draw.literals, inputs), 96):
        for value in (one.value - 1, one.value, one.value + 1):
            if 0 <= value <= _mask(port):
                others = {other.name: draw.near_or_any(other) for other in inputs}
                yield _bits(inputs, others | {port.name: value})
    for _ in range(4 * len(draw.literals)):
        yield _bits(inputs, {port.name: draw.near_or_any(port) for port in inputs} | draw.neighbors(inputs))
    while True:
        values = {port.name: draw.value(port) for port in inputs}
        if draw.random() < 0.2:
            same = draw.getrandbits(64)
            values |= {port.name: same & _mask(port) for port in inputs if draw.random() < 0.7}
        yield _bits(inputs, values)


def _clocked(inputs: Sequence[Port], input_roles: Roles, draw: _ValueSource, run: int) -> Iterator[Event]:
    """Reset, then phases in which each input follows one pattern, so that deep states are reached."""
    widths = {port.name: port for port in inputs}
    state = {port.name: 0 for port in inputs} | input_roles.resets
    periods = {
        name: 1 if number == 0 else draw.choice((1, 2, 3)) for number, name in enumerate(input_roles.clocks)
    }
    patterns: dict[str, ActivityPattern] = {}
    left = 0
    yield Event(_bits(inputs, state), True)
    for cycle in range(RESET_PHASE_CYCLES + run):
        running = cycle >= RESET_PHASE_CYCLES + 3
        if left == 0 or cycle == RESET_PHASE_CYCLES:
            left = draw.choice((64, 160, 320)) if running else draw.choice((8, 16, 32, 64, 160))
            patterns = {name: ActivityPattern(widths[name], draw) for name in input_roles.data}
        left -= 1
        for name in input_roles.data:
            value = patterns[name].next(cycle < 2)
            if value is not None:
                state[name] = value
        if draw.random() < 0.1:
            _repeat(input_roles.data, widths, state, draw)
        elif draw.random() < 0.05:
            state |= draw.neighbors([widths[name] for name in input_roles.data])
        for name, active in input_roles.resets.items():
            hit = cycle < 3 or (not running and (cycle >= RESET_PHASE_CYCLES or draw.random() < 1 / 60))
            state[name] = active if hit else 1 - active
        yield Event(_bits(inputs, state), True)
        for level in (1, 0):
            moving = [name for name in input_roles.clocks if (2 * cycle + 1 - level) % periods[name] == 0]
            for name in moving:
                state[name] = level if periods[name] == 1 else 1 - state[name]
            yield Event(_bits(inputs, state), True)
            if level == 1 and not running and draw.random() < 1 / 30:
                for name, active in input_roles.resets.items():
                    state[name] = active
                    yield Event(_bits(inputs, state), True)
                    state[name] = 1 - active
                    yield Event(_bits(inputs, state), True)
            if level == 1 and not running and draw.random() < 1 / 8:
                for name in input_roles.data:
                    if draw.random() < 0.5:
                        state[name] = draw.value(widths[name])
                yield Event(_bits(inputs, state), True)


def _repeat(
    names: Sequence[str], widths: Mapping[str, Port], state: dict[str, int], draw: _ValueSource
) -> None:
    """Give one wide input the value of another, because operands are seldom equal by chance."""
    wide = [name for name in names if widths[name].width > 3]
    if len(wide) > 1:
        one, other = draw.sample(wide, 2)
        state[one] = state[other] & _mask(widths[one])


class ActivityPattern:
    """The activity of one input during one phase."""

    def __init__(self, port: Port, draw: _ValueSource) -> None:
        self.port, self.draw = port, draw
        self.bias = draw.choice((0.0, 0.1, 0.5, 0.5, 0.5, 0.9, 1.0))
        self.change = draw.choice((0.05, 0.5, 1.0, 1.0))
        self.favors_literals = bool(draw.literals) and draw.random() < 0.3
        self.queue: list[int] = []
        self.backwards = draw.random() < 0.3

    def next(self, first: bool) -> int | None:
        """Return the value for the next cycle, or None if it stays."""
        draw, port = self.draw, self.port
        if port.width > 1:
            if not first and draw.random() >= self.change:
                return None
            return draw.near_or_any(port) if self.favors_literals else draw.value(port)
        if self.favors_literals and draw.words:
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
    """Repeat the events of a testbench from a point in the middle to the end and then from the start.

    A design that reacts to its inputs behaves like the reference; one that has memorized the testbench does
    not. Events with undefined inputs are left out, because the design is usually undefined there, too.

    Args:
        events: The events of the testbench.
        seed: Decides where the repetition starts.

    Returns:
        The repetition; empty if the testbench is too long to be memorized.
    """
    if len(events) > MAX_MEMORIZABLE_EVENTS:
        return []
    known = [event for event in events if set(event.bits) <= {"0", "1"}]
    middle = random.Random(seed).randint(len(known) // 4, 3 * len(known) // 4)
    return [replace(event, sampled=True) for event in known[middle:] + known[:middle]]


def serialized(events: Sequence[Event], inputs: Sequence[Port], input_roles: Roles) -> list[Event]:
    """Split events so that data, resets and clocks change one after the other, in this order."""
    if not input_roles.clocks:
        return list(events)
    rank = dict.fromkeys(input_roles.resets, 1) | dict.fromkeys(input_roles.clocks, 2)
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
