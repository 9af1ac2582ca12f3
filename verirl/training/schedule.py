"""Which task comes when: a pure function of the seed, so that resuming never skips or repeats a prompt."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice

from verirl.seeds import rng


def epochs(size: int, seed: int, name: str) -> Iterator[int]:
    """Indices 0..size−1 for ever, each epoch a fresh shuffle drawn from (`seed`, `name`, epoch)."""
    epoch = 0
    while True:
        order = list(range(size))
        rng("schedule", name, seed, epoch).shuffle(order)
        yield from order
        epoch += 1


def order(size: int, count: int, seed: int, name: str) -> list[int]:
    """The first `count` indices of `epochs`."""
    return list(islice(epochs(size, seed, name), count))


def mixture(sizes: Sequence[int], weights: Sequence[float], count: int, seed: int) -> list[tuple[int, int]]:
    """`count` draws of (set, index): sets in proportion to `weights` at every prefix, items by `epochs`.

    The next set is the one furthest below its share (largest-remainder scheduling), so that the mixture is
    exact rather than exact on average. Ties go to the earlier set.
    """
    streams = [epochs(size, seed, f"set{place}") for place, size in enumerate(sizes)]
    total = sum(weights)
    taken = [0] * len(sizes)
    draws = []
    for position in range(1, count + 1):
        behind = [position * weight / total - have for weight, have in zip(weights, taken, strict=True)]
        chosen = behind.index(max(behind))
        taken[chosen] += 1
        draws.append((chosen, next(streams[chosen])))
    return draws
