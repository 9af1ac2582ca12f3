"""What a family draws: a problem with its reference in Python and a generator of inputs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Any, NamedTuple

from verirl.taskgen import families

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


class Family(families.Family[Problem]):
    """A family of problems."""


class Piece(NamedTuple):
    """A phrase and the expression that it describes."""

    say: str
    code: str


def counted(number: int, noun: str) -> str:
    """Return a number and its noun in the right form."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


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
