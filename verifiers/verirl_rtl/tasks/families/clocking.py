"""Clock edge and reset of a sequential design: drawn once, the same in the words and in the code."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import Literal

_NAMES = {
    ("sync", 1): ("rst", "reset", "srst"),
    ("sync", 0): ("rst_n", "reset_n", "resetn"),
    ("async", 1): ("arst", "areset", "rst"),
    ("async", 0): ("arst_n", "aresetn", "rst_n"),
}


@dataclass(frozen=True)
class Clocking:
    """Which edge of `clock` stores, and how `reset` clears: at an edge (`sync`) or at once (`async`)."""

    clock: str = "clk"
    edge: Literal["posedge", "negedge"] = "posedge"
    reset: str = "rst"
    kind: Literal["sync", "async"] = "sync"
    active: Literal[0, 1] = 1

    @property
    def ports(self) -> tuple[str, str]:
        """The names of clock and reset."""
        return self.clock, self.reset

    @property
    def edge_words(self) -> str:
        """The storing edge, in words."""
        return f"{'rising' if self.edge == 'posedge' else 'falling'} edge of `{self.clock}`"

    @property
    def asserted(self) -> str:
        """The condition that holds while the reset is asserted."""
        return self.reset if self.active else f"!{self.reset}"

    def words(self, effect: str) -> str:
        """The sentence that says what the reset does."""
        high = "high" if self.active else "low"
        how = f"`{self.reset}` is an active-{high} {'a' if self.kind == 'async' else ''}synchronous reset"
        if self.kind == "async":
            return (
                f"{how}: while it is {high}, {effect}, at once and whatever the clock and the other inputs "
                f"do. Otherwise all state changes on the {self.edge_words} only."
            )
        return (
            f"{how}: on a {self.edge_words} where it is {high}, {effect}, whatever the other inputs are. "
            f"All state changes on the {self.edge_words} only."
        )

    def always(self, on_reset: str, otherwise: str) -> str:
        """The procedural block with both branches (each one or more lines of statements)."""
        also = ""
        if self.kind == "async":
            also = f" or {'posedge' if self.active else 'negedge'} {self.reset}"
        inner = [f"    {line}" for line in on_reset.strip("\n").split("\n")]
        rest = [f"    {line}" for line in otherwise.strip("\n").split("\n")]
        return "\n".join(
            [
                f"always @({self.edge} {self.clock}{also}) begin",
                f"    if ({self.asserted}) begin",
                *(f"    {line}" for line in inner),
                "    end else begin",
                *(f"    {line}" for line in rest),
                "    end",
                "end",
            ]
        )


def clocking(rng: Random, difficulty: float) -> Clocking:
    """A rising edge and a synchronous active-high reset at first; other edges and resets with difficulty."""
    kind: Literal["sync", "async"] = "async" if rng.random() < 0.15 + 0.35 * difficulty else "sync"
    active: Literal[0, 1] = 0 if rng.random() < 0.1 + 0.4 * difficulty else 1
    edge: Literal["posedge", "negedge"] = "negedge" if rng.random() < 0.2 * difficulty else "posedge"
    clock = rng.choice(("clk", "clk", "clk", "clock"))
    return Clocking(clock, edge, rng.choice(_NAMES[kind, active]), kind, active)
