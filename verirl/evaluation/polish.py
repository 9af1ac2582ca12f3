"""What an optimiser of the field makes of a policy's answers: judged once more, polished first.

A domain that has such an optimizer overrides `Domain.polished`: the same task, for which its stages polish an
answer before they judge it. The verdicts of the answers as they are stay what an evaluation is
about; these stand beside them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from statistics import median
from typing import TYPE_CHECKING

from verirl import registry
from verirl.domain import Domain
from verirl.errors import InputError
from verirl.evaluation.result import DIGITS, PolishedFigure, Polishing
from verirl.types import Completion, Status, Task, Verdict

if TYPE_CHECKING:
    from verirl.verifier import Verifier

PATIENCE = 12.0
"""A polished verdict may take so many times the deadline of a plain one."""


def check_polishable(used: Iterable[str]) -> None:
    """Check before any work that every domain has an optimizer.

    Args:
        used: Names of domains.

    Raises:
        InputError: If a domain has no optimizer.
    """
    for name in dict.fromkeys(used):
        kind = type(registry.load(name))
        if kind.polished is Domain.polished:
            raise InputError(f"--polish: the domain '{name}' has nothing that polishes an answer")


def polished(
    tasks: Sequence[Task],
    completions: Sequence[Completion],
    verdicts: Sequence[Verdict],
    pool: Verifier,
    on_done: Callable[[int], None] = lambda _: None,
) -> tuple[list[Verdict], Polishing]:
    """The better verdict of each completion, as it is or polished, and what that comes to.

    `verdicts` are those of the completions as they are, in their order.
    """
    from verirl.verifier import Request

    other = {task.id: registry.load(task.domain).polished(task) or task for task in tasks}
    jobs = [Request(other[item.task_id], item.completion, item.sample) for item in completions]
    judged = pool.verify(jobs, on_done=lambda *_: on_done(1))
    best = [
        after if not after.is_error and _scores(after) >= _scores(before) else before
        for before, after in zip(verdicts, judged, strict=True)
    ]
    unfinished = sum(
        any(s.status in (Status.ERROR, Status.TIMEOUT) for s in after.stages) for after in judged
    )
    return best, _count(verdicts, best, unfinished)


def _scores(verdict: Verdict) -> tuple[float, ...]:
    return tuple(stage.score for stage in verdict.stages)


def _count(before: Sequence[Verdict], after: Sequence[Verdict], unfinished: int) -> Polishing:
    pairs = [(one, two) for one, two in zip(before, after, strict=True) if not one.is_error]
    both = [(one.metrics, two.metrics) for one, two in pairs if one.passed and two.passed]
    names = sorted(set.intersection(*(set(one) & set(two) for one, two in both))) if both else []
    return Polishing(
        samples=len(pairs),
        passed_before=sum(one.passed for one, _ in pairs),
        passed_after=sum(two.passed for _, two in pairs),
        unfinished=unfinished,
        figures={name: _figure(name, both) for name in names},
    )


def _figure(name: str, both: Sequence[tuple[Mapping[str, float], Mapping[str, float]]]) -> PolishedFigure:
    return PolishedFigure(
        samples=len(both),
        before=round(median(one[name] for one, _ in both), DIGITS),
        after=round(median(two[name] for _, two in both), DIGITS),
    )
