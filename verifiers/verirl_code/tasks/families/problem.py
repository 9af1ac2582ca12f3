"""What a family makes: one problem, its reference in Python, and a generator of inputs."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Any, NamedTuple

Args = tuple[Any, ...]
"""The positional arguments of one call: values that JSON holds without loss."""


@dataclass(frozen=True)
class Problem:
    """A function to write, with exactly one right result for each input.

    `args`: name and type of each parameter; `result`: type of the result, as Python writes them. `ask`
    says in full what the function does. `source` defines `name` and is also the problem's identity: two
    problems that differ must differ there. `draw` makes one input; `edges` are inputs that are always
    tried first. `terse`: the question in shorthand, where the problem has one.
    """

    name: str
    args: tuple[tuple[str, str], ...]
    result: str
    ask: str
    source: str
    draw: Callable[[Random], Args]
    edges: tuple[Args, ...] = ()
    terse: str = ""


Make = Callable[[Random, float], Problem]


class Family(NamedTuple):
    """A kind of problem. `make` draws one at a difficulty in [0, 1], `terse` one in shorthand."""

    name: str
    subject: str
    make: Make
    terse: Make | None = None


class Piece(NamedTuple):
    """A phrase and the expression that it stands for."""

    say: str
    code: str


def level(difficulty: float, low: int, high: int) -> int:
    """An integer that rises evenly from `low` to `high` with difficulty."""
    return round(low + (high - low) * difficulty)


def size(difficulty: float, low: int, high: int) -> int:
    """An integer that rises from `low` to `high` with difficulty by equal factors (both positive)."""
    return round(low * math.exp(difficulty * math.log(high / low)))


def counted(number: int, noun: str) -> str:
    """`number` and its noun."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def among(rng: Random, difficulty: float, kinds: tuple[Make, ...]) -> Problem:
    """A problem of one of `kinds`, which stand from easy to hard: a window that moves with difficulty."""
    last = len(kinds) - 1
    centre = difficulty * last
    near = [kind for place, kind in enumerate(kinds) if abs(place - centre) <= max(1.0, last / 3)]
    return rng.choice(near)(rng, difficulty)


def ints(rng: Random, low: int, high: int, longest: int, shortest: int = 0) -> list[int]:
    """Between `shortest` and `longest` integers of [low, high], with repeats more often than by chance."""
    values = [rng.randint(low, high) for _ in range(rng.randint(shortest, longest))]
    for place in range(1, len(values)):
        if rng.random() < 0.15:
            values[place] = values[rng.randrange(place)]
    return values


def numbers(low: int, high: int, longest: int, shortest: int = 0) -> Callable[[Random], Args]:
    """A draw of one list of integers."""
    return lambda rng: (ints(rng, low, high, longest, shortest),)


def integers(*bounds: tuple[int, int]) -> Callable[[Random], Args]:
    """A draw of one integer for each of `bounds`."""
    return lambda rng: tuple(rng.randint(low, high) for low, high in bounds)


def letters(rng: Random, alphabet: str, longest: int, shortest: int = 0) -> str:
    """A string over `alphabet`."""
    return "".join(rng.choice(alphabet) for _ in range(rng.randint(shortest, longest)))
