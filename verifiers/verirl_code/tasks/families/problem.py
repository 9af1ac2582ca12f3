"""What a family draws: a problem with its reference in Python and a generator of inputs."""

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

    Attributes:
        name: The name of the function.
        args: Name and type of each parameter, as Python writes them.
        result: The type of the result.
        ask: What the function does, in full sentences.
        source: The reference, which defines `name`. It is also the problem's identity: two problems that
            differ must differ here.
        draw: Draws one input.
        edges: Inputs that are always tried first.
        terse: The question in the compact notation, if the problem has one.
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
    """A kind of problem.

    Attributes:
        name: The name of the family.
        subject: The field that it belongs to; a tag of its tasks.
        make: Draws a problem at a difficulty in [0, 1].
        terse: Draws one in the compact notation, if the family has any.
    """

    name: str
    subject: str
    make: Make
    terse: Make | None = None


class Piece(NamedTuple):
    """A phrase and the expression that it describes."""

    say: str
    code: str


def level(difficulty: float, low: int, high: int) -> int:
    """An integer that rises evenly from `low` to `high` with difficulty."""
    return round(low + (high - low) * difficulty)


def size(difficulty: float, low: int, high: int) -> int:
    """An integer that rises from `low` to `high` with difficulty by equal factors (both positive)."""
    return round(low * math.exp(difficulty * math.log(high / low)))


def counted(number: int, noun: str) -> str:
    """Return a number and its noun in the right form."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def among(rng: Random, difficulty: float, kinds: tuple[Make, ...]) -> Problem:
    """A problem of one of `kinds`, which stand from easy to hard: a window that moves with difficulty."""
    last = len(kinds) - 1
    center = difficulty * last
    near = [kind for place, kind in enumerate(kinds) if abs(place - center) <= max(1.0, last / 3)]
    return rng.choice(near)(rng, difficulty)


def ints(rng: Random, low: int, high: int, longest: int, shortest: int = 0) -> list[int]:
    """Draw `shortest` to `longest` integers of [low, high], with more repeats than by chance."""
    values = [rng.randint(low, high) for _ in range(rng.randint(shortest, longest))]
    for place in range(1, len(values)):
        if rng.random() < 0.15:
            values[place] = values[rng.randrange(place)]
    return values


def numbers(low: int, high: int, longest: int, shortest: int = 0) -> Callable[[Random], Args]:
    """Return a function that draws one list of integers."""
    return lambda rng: (ints(rng, low, high, longest, shortest),)


def integers(*bounds: tuple[int, int]) -> Callable[[Random], Args]:
    """Return a function that draws one integer per element of `bounds`."""
    return lambda rng: tuple(rng.randint(low, high) for low, high in bounds)


def letters(rng: Random, alphabet: str, longest: int, shortest: int = 0) -> str:
    """Draw a string over `alphabet`."""
    return "".join(rng.choice(alphabet) for _ in range(rng.randint(shortest, longest)))
