"""Evaluate a policy: sample, judge, count."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from verirl import presets, registry
from verirl.errors import InputError, VerirlError
from verirl.evaluation.junit import fall
from verirl.evaluation.result import Evaluation, Settings, Timing, build
from verirl.models import Policy
from verirl.progress import Bars, no_bars
from verirl.scoring import Scheme, check_ladder, reward
from verirl.types import Completion, Task, Verdict
from verirl.verifier import Verifier

if TYPE_CHECKING:
    from verirl.pool import Request


class Evaluated(NamedTuple):
    """An evaluation, and the completions and verdicts (with rewards) that it counts, in order."""

    evaluation: Evaluation
    completions: list[Completion]
    verdicts: list[Verdict]


def evaluate(
    policy: Policy,
    tasks: Sequence[Task],
    pool: Verifier,
    *,
    source: str,
    settings: Settings,
    scheme: Scheme | None = None,
    progress: Bars = no_bars,
    keep: Callable[[list[Completion]], None] | None = None,
) -> Evaluated:
    """Sample completions for each task, judge them in `pool`, and count.

    `source` is what the tasks are called in the document. `scheme` is by default the one that the settings
    name. `keep` is given the completions before they are judged. Raises InputError where the settings make
    no sense for the policy or the policy has no completion for a task.
    """
    check_settings(policy, tasks, settings)
    rate = scheme or presets.find(settings.scheme, (task.domain for task in tasks))
    ladders = {name: registry.load(name).ladder for name in dict.fromkeys(task.domain for task in tasks)}
    for ladder in ladders.values():
        check_ladder(ladder)
    started = time.monotonic()
    with progress("sampling", len(tasks) * settings.samples) as advance:
        drawn = policy.sample(
            tasks,
            n=settings.samples,
            temperature=settings.temperature,
            max_new_tokens=settings.max_new_tokens,
            seed=settings.seed,
            on_progress=advance,
        )
    sampled = time.monotonic()
    jobs, completions = _jobs(tasks, drawn)
    if keep:
        keep(completions)
    with progress("judging", len(jobs)) as advance:
        judged = pool.verify(jobs, on_done=lambda *_: advance(1))
    ended = time.monotonic()
    verdicts = [
        reward(rate, ladders[job.task.domain], verdict) for job, verdict in zip(jobs, judged, strict=True)
    ]
    timing = Timing(sampling_s=round(sampled - started, 3), judging_s=round(ended - sampled, 3))
    evaluation = build(
        model=policy.name,
        source=source,
        tasks=tasks,
        verdicts=verdicts,
        ladders=ladders,
        settings=settings if policy.sampled else _of_stored(settings, drawn),
        timing=timing if policy.sampled else None,
    )
    return Evaluated(evaluation, completions, verdicts)


def check_settings(policy: Policy, tasks: Sequence[Task], settings: Settings) -> None:
    """Refuse, before anything is spent, what cannot come out right."""
    if not tasks:
        raise InputError("there is no task to evaluate on")
    if settings.samples < 1 or not settings.k or min(settings.k) < 1:
        raise InputError("an evaluation needs at least one sample and k of at least 1")
    if not policy.sampled:
        return
    if max(settings.k) > settings.samples:
        raise InputError(
            f"pass@{max(settings.k)} needs at least {max(settings.k)} samples a task, and there are "
            f"{settings.samples}: raise -n"
        )
    if settings.temperature == 0 and settings.samples > 1:
        raise InputError(
            "at temperature 0 every sample of a task is the same: take one (-n 1) or raise the temperature"
        )


def _jobs(tasks: Sequence[Task], drawn: Sequence[Sequence[str]]) -> tuple[list[Request], list[Completion]]:
    from verirl.pool import Request

    if len(drawn) != len(tasks):
        raise VerirlError(f"the policy answered {len(drawn)} of {len(tasks)} tasks")
    jobs = [
        Request(task, text, sample)
        for task, texts in zip(tasks, drawn, strict=True)
        for sample, text in enumerate(texts)
    ]
    completions = [
        Completion(task_id=job.task.id, completion=job.completion, sample=job.sample) for job in jobs
    ]
    return jobs, completions


def _of_stored(settings: Settings, drawn: Sequence[Sequence[str]]) -> Settings:
    """Stored answers are as many as they are."""
    return settings.model_copy(update={"samples": max(map(len, drawn), default=0)})


def require_usable(verdicts: Sequence[Verdict]) -> None:
    """Raise VerirlError where no verdict at all is usable: that is our failure and no score of 0."""
    if verdicts and all(verdict.is_error for verdict in verdicts):
        # The detail may quote the answer: no control character of it reaches the terminal.
        first = "".join(c if c.isprintable() else " " for c in fall(verdicts[0]))[:300]
        raise VerirlError(
            f"none of {len(verdicts)} completions could be judged, so there is no score; {first}"
        )
