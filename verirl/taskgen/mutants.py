"""The choice among many mutants of one task."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random
from typing import TypeVar

MutantT = TypeVar("MutantT")


def spread(
    rng: Random, mutants: Sequence[MutantT], kind: Callable[[MutantT], str], limit: int
) -> list[MutantT]:
    """Choose mutants of as many kinds as possible: one of each kind before a second of any.

    Args:
        rng: Source of randomness; it decides the order.
        mutants: The mutants to choose from.
        kind: Returns the kind of a mutant.
        limit: Largest number of mutants to return.

    Returns:
        Up to `limit` mutants.

    Example:
        >>> chosen = spread(Random(0), ["aa", "ab", "ac", "b"], lambda text: text[0], 2)
        >>> sorted(text[0] for text in chosen)
        ['a', 'b']
    """
    kinds: dict[str, list[MutantT]] = {}
    for mutant in rng.sample(mutants, len(mutants)):
        kinds.setdefault(kind(mutant), []).append(mutant)
    chosen: list[MutantT] = []
    while kinds and len(chosen) < limit:
        for name in list(kinds):
            chosen.append(kinds[name].pop())
            if not kinds[name]:
                del kinds[name]
    return chosen[:limit]
