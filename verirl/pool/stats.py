"""Counts of what a verifier pool has done."""

from __future__ import annotations

from dataclasses import asdict, dataclass


@dataclass
class PoolStats:
    """Counts since the pool was made.

    Attributes:
        verified: Distinct requests that were judged.
        cached: Requests answered from the cache.
        deduplicated: Requests that shared the verdict of an equal one.
        timeouts: Judged requests with a stage that ran into the deadline.
        crashes: Judge processes that ended without being told to.
        errors: Judged requests with an `error` stage.
        respawns: Judge processes and workers that ended and were, or will be, replaced.
        busy_s: Seconds that workers spent judging.

    Example:
        >>> PoolStats(verified=3).as_dict()["verified"]
        3
    """

    verified: int = 0
    cached: int = 0
    deduplicated: int = 0
    timeouts: int = 0
    crashes: int = 0
    errors: int = 0
    respawns: int = 0
    busy_s: float = 0.0

    def as_dict(self) -> dict[str, float]:
        """Return the counts by name."""
        return asdict(self)
