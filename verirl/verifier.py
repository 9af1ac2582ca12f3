"""The interface of everything that judges: the local pool, a remote server, a cluster."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol, runtime_checkable

from verirl.types import Task, Verdict


class Request(NamedTuple):
    """A completion to judge.

    Attributes:
        task: The task.
        completion: The answer to it, as the model wrote it.
        sample: Number of the completion among several for one task.

    Example:
        >>> Request(task, "The answer is \\boxed{4}.", sample=1)  # doctest: +SKIP
    """

    task: Task
    completion: str
    sample: int = 0


@runtime_checkable
class Verifier(Protocol):
    """Something that judges completions; `verirl.pool.VerifierPool` is the local one.

    Example:
        >>> def accuracy(verifier: Verifier, requests: list[Request]) -> float:
        ...     verdicts = verifier.verify(requests)
        ...     return sum(verdict.passed for verdict in verdicts) / len(verdicts)
    """

    def verify(
        self, requests: Sequence[Request], on_done: Callable[[int, Verdict], None] | None = None
    ) -> list[Verdict]:
        """Judge a batch.

        Args:
            requests: The completions to judge.
            on_done: Called with the index of a request and its verdict as soon as that is known, in any
                order.

        Returns:
            One verdict per request, in the order of `requests`.
        """
        ...
