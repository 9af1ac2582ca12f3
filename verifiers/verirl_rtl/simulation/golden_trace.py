"""The golden trace: the inputs that the reference of a task was given, its outputs, and a store of traces."""

from __future__ import annotations

import itertools
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property

from verirl_rtl.language.inspection import Port
from verirl_rtl.simulation.stimulus import Event

LONG_SIMULATION_S = 0.8
"""CPU seconds of the reference under Icarus from which a build with Verilator pays off."""
ICARUS_PREFIX_EVENTS = 4096
"""Events at the start that Icarus also simulates if Verilator simulates the whole trace."""
MAX_STORED_TRACES = 256
MAX_STORED_BYTES = 128 * 1024 * 1024

_UNDEFINED_AS_ZERO = str.maketrans("xz", "00")


@dataclass(frozen=True)
class GoldenTrace:
    """The recorded inputs and outputs of a reference, which answers are compared with.

    Attributes:
        ports: The ports of the reference.
        parameters: Parameters that the testbench sets; an answer that has them gets the same values.
        events: The inputs in order (see `stimulus`).
        expected: The output bits in port order, one line per sample; `x` if the reference is undefined.
        replay_offset: The sample from which the events of a testbench are repeated in another order; 0 if
            they are not.
        engine: The simulator that made `expected`: `icarus` or `verilator`.
        seconds: CPU seconds that the simulation of the reference took.
        icarus_prefix: Number of events at the start that Icarus also simulates if Verilator simulates all.
    """

    ports: tuple[Port, ...]
    parameters: Mapping[str, str]
    events: tuple[Event, ...]
    expected: tuple[str, ...] = ()
    replay_offset: int = 0
    engine: str = "icarus"
    seconds: float = 0.0
    icarus_prefix: int = ICARUS_PREFIX_EVENTS

    @property
    def long(self) -> bool:
        """Whether the simulation is long enough for a Verilator build to pay off."""
        return self.engine == "verilator" or self.seconds > LONG_SIMULATION_S

    @property
    def prefix(self) -> GoldenTrace:
        """The trace of the first `icarus_prefix` events."""
        return self.first(self.icarus_prefix)

    def first(self, count: int) -> GoldenTrace:
        """Return the trace of the first `count` events."""
        events = self.events[:count]
        return replace(self, events=events, expected=self.expected[: sum(event.sampled for event in events)])

    @property
    def inputs(self) -> tuple[Port, ...]:
        """The input ports."""
        return tuple(port for port in self.ports if port.direction == "input")

    @property
    def outputs(self) -> tuple[Port, ...]:
        """The output ports."""
        return tuple(port for port in self.ports if port.direction == "output")

    @property
    def steps(self) -> int:
        """Number of settled points in time at which the outputs are compared."""
        return len(self.expected)

    @cached_property
    def samples(self) -> int:
        """Number of events after which the outputs are sampled."""
        return sum(event.sampled for event in self.events)

    @cached_property
    def output_slices(self) -> tuple[tuple[int, int], ...]:
        """First and last (exclusive) bit of each output in a line of `expected`."""
        ends = list(itertools.accumulate((port.width for port in self.outputs), initial=0))
        return tuple(itertools.pairwise(ends))

    @property
    def compared(self) -> int:
        """Number of samples that an answer must match; those of the repetition are not among them."""
        return min(self.replay_offset or len(self.expected), len(self.expected))

    @cached_property
    def total(self) -> int:
        """Number of samples of single outputs, without the repetition, with at least one defined bit."""
        lines = self.expected[: self.compared]
        return sum(bool(line[low:high].strip("x")) for low, high in self.output_slices for line in lines)

    @cached_property
    def unmoved(self) -> int:
        """Number of output bits that never change."""
        values = {int(line.translate(_UNDEFINED_AS_ZERO), 2) for line in self.expected}
        first, moving = min(values), 0
        for value in values:
            moving |= first ^ value
        return sum(port.width for port in self.outputs) - moving.bit_count()

    @cached_property
    def script(self) -> str:
        """The events as the harness reads them: per event, one line with its sampling flag and input bits."""
        return "".join(f"{'1' if event.sampled else '0'}{event.bits}\n" for event in self.events)

    @property
    def stored_bytes(self) -> int:
        """Approximate memory that the trace takes."""
        return sum(len(event.bits) for event in self.events) + sum(map(len, self.expected))


class TraceStore:
    """Recently used golden traces of one process, by key, bounded in number and in bytes."""

    def __init__(self) -> None:
        self._traces: OrderedDict[str, GoldenTrace] = OrderedDict()

    def get(self, key: str) -> GoldenTrace | None:
        """Return the trace under a key, or None."""
        if key not in self._traces:
            return None
        self._traces.move_to_end(key)
        return self._traces[key]

    def put(self, key: str, trace: GoldenTrace) -> None:
        """Store a trace and drop the least recently used ones that exceed the limits."""
        self._traces[key] = trace
        while len(self._traces) > MAX_STORED_TRACES or (
            len(self._traces) > 1
            and sum(stored.stored_bytes for stored in self._traces.values()) > MAX_STORED_BYTES
        ):
            self._traces.popitem(last=False)
