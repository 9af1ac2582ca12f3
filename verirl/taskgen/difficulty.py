"""How difficulty sets the size and the kind of a problem."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from random import Random
from typing import TypeVar

ProblemT = TypeVar("ProblemT")


def level(difficulty: float, low: int, high: int) -> int:
    """Return an integer that rises linearly from `low` to `high`.

    Args:
        difficulty: From 0 to 1.
        low: Value at difficulty 0.
        high: Value at difficulty 1.

    Example:
        >>> [level(d, 2, 10) for d in (0.0, 0.5, 1.0)]
        [2, 6, 10]
    """
    return round(low + (high - low) * difficulty)


def size(difficulty: float, low: int, high: int) -> int:
    """Return an integer that rises geometrically from `low` to `high`, both positive.

    Args:
        difficulty: From 0 to 1.
        low: Value at difficulty 0.
        high: Value at difficulty 1.

    Example:
        >>> [size(d, 10, 1000) for d in (0.0, 0.5, 1.0)]
        [10, 100, 1000]
    """
    return round(low * math.exp(difficulty * math.log(high / low)))


def among(rng: Random, difficulty: float, kinds: Sequence[Callable[[Random, float], ProblemT]]) -> ProblemT:
    """Draw a problem of one of `kinds`: those in a window that moves with difficulty.

    Args:
        rng: Source of randomness.
        difficulty: From 0 to 1.
        kinds: Makers of problems, from easy to hard.
    """
    last = len(kinds) - 1
    center = difficulty * last
    near = [kind for index, kind in enumerate(kinds) if abs(index - center) <= max(1.0, last / 3)]
    return rng.choice(near)(rng, difficulty)
