"""pass@k without bias, and how sure one may be of a mean over tasks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from fractions import Fraction
from functools import lru_cache
from math import comb, fsum, sqrt
from typing import NamedTuple

from verirl import seeds

RESAMPLES = 1000
LEVEL = 0.95
Z = 1.959963984540054
"""The standard normal quantile of LEVEL, two-sided."""


class Interval(NamedTuple):
    """The two ends of a 95 % interval."""

    low: float
    high: float


def pass_at_k(n: int, c: int, k: int) -> Fraction | None:
    """The chance that k of n samples, c of which passed, hold one that passed; None where k > n.

    1 − C(n − c, k) / C(n, k), the unbiased estimate of Chen et al. 2021 (arXiv 2107.03374), exact here.
    """
    if k < 1 or not 0 <= c <= n:
        raise ValueError(f"pass@{k} of {c} passes in {n} samples has no meaning")
    if k > n:
        return None
    return 1 - Fraction(comb(n - c, k), comb(n, k))


def mean(values: Sequence[Fraction]) -> Fraction | None:
    """The exact mean; None of nothing."""
    if not values:
        return None
    return sum((value * count for value, count in Counter(values).items()), Fraction(0)) / len(values)


def mean_interval(values: Sequence[Fraction], *, seed: int = 0) -> Interval | None:
    """A 95 % interval of the mean of values in [0, 1], one a task: how it would vary over other such tasks.

    The percentile bootstrap over tasks, with a seed. Where all tasks have one value, as when all pass, the
    bootstrap has no spread to go by; then Wilson's interval for that share of so many tasks. None of nothing.
    """
    if not values:
        return None
    if len(set(values)) == 1:
        return wilson(float(values[0]), len(values))
    low, high = _bootstrap(tuple(map(float, values)), seed)
    return Interval(max(0.0, low), min(1.0, high))


def difference_interval(differences: Sequence[Fraction], *, seed: int = 0) -> Interval | None:
    """A 95 % interval of the mean of paired differences in [−1, 1], one a task; None of nothing.

    As `mean_interval`; where all tasks differ by the same, Wilson's bounds on the size of that difference.
    """
    if not differences:
        return None
    if len(set(differences)) == 1:
        size = float(differences[0])
        low, high = wilson(abs(size), len(differences))
        if size == 0:
            return Interval(-high, high)
        return Interval(low, high) if size > 0 else Interval(-high, -low)
    return _bootstrap(tuple(map(float, differences)), seed)


def wilson(share: float, count: int) -> Interval:
    """Wilson's 95 % interval of a share observed in `count` trials; it is sound at 0 and 1 too."""
    shrink = 1 + Z * Z / count
    centre = (share + Z * Z / (2 * count)) / shrink
    half = Z / shrink * sqrt(share * (1 - share) / count + Z * Z / (4 * count * count))
    low = 0.0 if share == 0 else max(0.0, centre - half)
    high = 1.0 if share == 1 else min(1.0, centre + half)
    return Interval(min(low, share), max(high, share))


@lru_cache(maxsize=64)
def _bootstrap(values: tuple[float, ...], seed: int) -> Interval:
    rng = seeds.rng("bootstrap", seed)
    count = len(values)
    means = sorted(fsum(rng.choices(values, k=count)) / count for _ in range(RESAMPLES))
    tail = int(RESAMPLES * (1 - LEVEL) / 2)
    centre = fsum(values) / count
    return Interval(min(means[tail], centre), max(means[-1 - tail], centre))


def sign_test(better: int, worse: int) -> float:
    """Two-sided p-value of so many tasks better and so many worse if either were as likely; 1 of none."""
    total = better + worse
    tail = sum(comb(total, i) for i in range(min(better, worse) + 1))
    return float(min(Fraction(1), Fraction(2 * tail, 2**total)))
