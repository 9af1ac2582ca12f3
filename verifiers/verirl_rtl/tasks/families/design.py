"""What a family makes: the ports of a module, what it does in words, and a body that does it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Literal, NamedTuple

from verirl.taskgen import families
from verirl_rtl.tasks.families.clocking import Clocking


class Port(NamedTuple):
    """A port of the module. `stored`: an output that a procedural block assigns."""

    name: str
    direction: Literal["input", "output"]
    width: int = 1
    stored: bool = False

    @property
    def declaration(self) -> str:
        """The port as the module's header declares it."""
        return f"{self.direction} {'reg ' if self.stored else ''}{span(self.width)}{self.name}"

    @property
    def words(self) -> str:
        """The port as a prompt lists it."""
        width = "1 bit" if self.width == 1 else f"{self.width} bits, [{self.width - 1}:0]"
        return f"- `{self.name}`: {self.direction}, {width}"


@dataclass(frozen=True)
class Design:
    """A module to write, with exactly one right behaviour.

    `name`: of the module. `ask` says in full what it does, in every corner. `body` stands between the header
    and `endmodule`. `slips` are bodies that are wrong in the way that people are. `terse`: the question in
    shorthand, where the design has one. `answer`: another right body, which the worked answer has.
    """

    name: str
    ports: tuple[Port, ...]
    ask: str
    body: str
    clocking: Clocking | None = None
    slips: tuple[tuple[str, str], ...] = ()
    terse: str = ""
    answer: str = ""

    @property
    def source(self) -> str:
        """The whole module."""
        return self.module(self.body)

    def module(self, body: str) -> str:
        """A module with these ports and another body."""
        if self.terse:
            return f"module {self.name}({grouped(self.ports)});{body}endmodule"
        ports = ",\n".join(f"    {port.declaration}" for port in self.ports)
        inner = "\n".join(f"    {line}" if line else "" for line in body.strip("\n").split("\n"))
        return f"module {self.name} (\n{ports}\n);\n{inner}\nendmodule\n"


@dataclass(frozen=True)
class Family(families.Family[Design]):
    """A family of designs; its subject is `combinational` or `sequential`.

    `plain`: its words call ports by name without backquotes, so the names stay as they are.
    """

    plain: bool = False


def inputs(*ports: tuple[str, int] | str) -> tuple[Port, ...]:
    """Input ports from names (one bit) or (name, width)."""
    return tuple(Port(p, "input") if isinstance(p, str) else Port(p[0], "input", p[1]) for p in ports)


def output(name: str, width: int = 1, *, stored: bool = False) -> Port:
    """An output port."""
    return Port(name, "output", width, stored)


def grouped(ports: Sequence[Port]) -> str:
    """A header that says direction and width once for neighbours that share them."""
    parts: list[str] = []
    last = ("", 0, False)
    for port in ports:
        kind = (port.direction, port.width, port.stored)
        parts.append(port.name if kind == last else port.declaration)
        last = kind
    return ",".join(parts)


def span(width: int) -> str:
    """The range of a declaration, with a blank behind it; nothing for one bit."""
    return "" if width == 1 else f"[{width - 1}:0] "


def bits(name: str, width: int) -> str:
    """How a prompt calls a signal."""
    return f"`{name}`" if width == 1 else f"`{name}[{width - 1}:0]`"


def width_of(rng: Random, difficulty: float, low: int, high: int) -> int:
    """A width near a middle that rises from `low` to `high` by equal factors."""
    middle = low * math.exp(difficulty * math.log(high / low))
    return max(low, min(high, round(middle * rng.uniform(0.75, 1.33))))
