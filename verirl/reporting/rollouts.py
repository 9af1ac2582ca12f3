"""What the model wrote: stage shares while it learned, and the samples worth showing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, NamedTuple

from verirl.io.tolerant_json import lines, number, record, whole
from verirl.runs import RunFolder
from verirl.types import Completion, StageResult, Status, Task, Verdict

SURVEYED = 60
"""So many generations are read, evenly spread: a long run's rollouts fill gigabytes."""

RECENT = 3
"""Samples are picked from so many of the last generations."""

PICKED = 2
"""So many best and so many worst samples; one of each a domain where there are several."""


class Rollout(NamedTuple):
    """One sampled answer, as training or evaluation kept it."""

    task_id: str
    completion: str
    step: int | None
    tokens: int | None
    advantage: float | None
    verdict: Verdict


@dataclass(frozen=True)
class Sample:
    """A sample worth showing, of those drawn last. `error`: it could not be judged."""

    pick: Literal["best", "worst", "error"]
    task_id: str
    domain: str
    prompt: str
    reference: str | None
    completion: str
    step: int | None
    tokens: int | None
    reward: float | None
    advantage: float | None
    passed: bool
    stages: tuple[StageResult, ...]


@dataclass(frozen=True)
class Survey:
    """`shares`: domain → stage → (step, share of judged answers that passed it), oldest first."""

    shares: dict[str, dict[str, list[tuple[int, float]]]] = field(default_factory=dict)
    samples: tuple[Sample, ...] = ()
    versions: dict[str, str] = field(default_factory=dict)


def survey(folder: RunFolder, known: Mapping[str, Task]) -> Survey:
    """Read GRPO's rollouts. `known`: task id → task."""
    files = folder.rollout_files()
    counted: dict[str, list[_Counts]] = {}
    versions: dict[str, str] = {}
    for path in _spread(files, SURVEYED):
        for domain, counts in _count(_rollouts(path), known, int(path.stem)).items():
            counted.setdefault(domain, []).append(counts)
    recent = [row for path in files[-RECENT:] for row in _rollouts(path)]
    for row in recent:
        versions |= _versions(row.verdict)
    return Survey(
        {domain: _shares(counts) for domain, counts in counted.items()},
        pick(recent, known),
        dict(sorted(versions.items())),
    )


def evaluated(folder: RunFolder, model: str, known: Mapping[str, Task]) -> tuple[Sample, ...]:
    """Samples of an evaluation, for a run that has no rollouts."""
    path = folder.evaluation(model)
    verdicts = {
        (verdict.task_id, verdict.sample): verdict
        for value in lines(path.with_suffix(".verdicts.jsonl"))
        if (verdict := record(Verdict, value))
    }
    answers = (record(Completion, value) for value in lines(path.with_suffix(".answers.jsonl")))
    rows = [
        Rollout(answer.task_id, answer.completion, None, None, None, verdict)
        for answer in answers
        if answer and (verdict := verdicts.get((answer.task_id, answer.sample)))
    ]
    return pick(rows, known)


def pick(rows: Sequence[Rollout], known: Mapping[str, Task]) -> tuple[Sample, ...]:
    """The best and the worst of `rows`, by reward and then by advantage, and one that was an error.

    Among equals the rarer one counts: the best has the highest advantage in its group, the worst the lowest.
    """
    by_domain: dict[str, list[Rollout]] = {}
    for row in rows:
        by_domain.setdefault(_domain(row, known), []).append(row)
    wanted = PICKED if len(by_domain) == 1 else 1
    found: list[Sample] = []
    for domain, members in by_domain.items():
        judged = [row for row in members if not row.verdict.is_error and row.verdict.reward]
        judged.sort(key=_worth, reverse=True)
        best = _distinct(judged, wanted)
        worst = [row for row in _distinct(reversed(judged), wanted) if row not in best]
        errors = [row for row in members if row.verdict.is_error][:1]
        found += [_sample("best", row, domain, known) for row in best]
        found += [_sample("worst", row, domain, known) for row in worst]
        found += [_sample("error", row, domain, known) for row in errors]
    return tuple(found)


def _worth(row: Rollout) -> tuple[float, float]:
    return (row.verdict.reward.value if row.verdict.reward else 0.0, row.advantage or 0.0)


def _distinct(rows: Iterable[Rollout], wanted: int) -> list[Rollout]:
    """The first `wanted` rows of different tasks."""
    found: dict[str, Rollout] = {}
    for row in rows:
        if len(found) == wanted:
            break
        found.setdefault(row.task_id, row)
    return list(found.values())


def _sample(
    name: Literal["best", "worst", "error"], row: Rollout, domain: str, known: Mapping[str, Task]
) -> Sample:
    task = known.get(row.task_id)
    return Sample(
        pick=name,
        task_id=row.task_id,
        domain=domain,
        prompt="\n\n".join(turn.content for turn in task.prompt) if task else "",
        reference=task.reference if task else None,
        completion=row.completion,
        step=row.step,
        tokens=row.tokens,
        reward=row.verdict.reward.value if row.verdict.reward else None,
        advantage=row.advantage,
        passed=row.verdict.passed,
        stages=row.verdict.stages,
    )


def _rollouts(path: Path) -> Iterator[Rollout]:
    for value in lines(path):
        answer, verdict = record(Completion, value), record(Verdict, value.get("verdict"))
        if answer and verdict:
            yield Rollout(
                answer.task_id,
                answer.completion,
                whole(value.get("step")),
                whole(value.get("tokens")),
                number(value.get("advantage")),
                verdict,
            )


def _spread(files: Sequence[Path], wanted: int) -> list[Path]:
    """`wanted` of the files, evenly spread, the first and the last among them."""
    if len(files) <= wanted:
        return list(files)
    return [files[place * (len(files) - 1) // (wanted - 1)] for place in range(wanted)]


class _Counts(NamedTuple):
    """Of one generation: how many answers were judged, and stage → [passed, skipped]."""

    step: int
    judged: int
    stages: dict[str, list[int]]


def _count(rows: Iterable[Rollout], known: Mapping[str, Task], generation: int) -> dict[str, _Counts]:
    found: dict[str, _Counts] = {}
    for row in rows:
        if row.verdict.is_error:
            continue
        domain = _domain(row, known)
        step = generation if row.step is None else row.step
        before = found.get(domain, _Counts(step, 0, {}))
        found[domain] = before._replace(judged=before.judged + 1)
        for stage in row.verdict.stages:
            counts = before.stages.setdefault(stage.name, [0, 0])
            counts[0] += stage.status is Status.PASSED
            counts[1] += stage.status is Status.SKIPPED
    return found


def _shares(generations: Sequence[_Counts]) -> dict[str, list[tuple[int, float]]]:
    """An answer that did not get to a stage did not pass it; one that skipped it does not count."""
    names = dict.fromkeys(name for counts in generations for name in counts.stages)
    found: dict[str, list[tuple[int, float]]] = {name: [] for name in names}
    for counts in generations:
        for name in names:
            passed, skipped = counts.stages.get(name, (0, 0))
            if counts.judged > skipped:
                found[name].append((counts.step, passed / (counts.judged - skipped)))
    return found


def _domain(row: Rollout, known: Mapping[str, Task]) -> str:
    made_by = row.verdict.made_by.get("domain", "").rpartition(" ")[0]
    task = known.get(row.task_id)
    return made_by or (task.domain if task else "unknown")


def _versions(verdict: Verdict) -> dict[str, str]:
    found: dict[str, str] = {}
    for tool, version in verdict.made_by.items():
        name, _, figure = version.rpartition(" ")
        found |= {name: figure} if tool == "domain" and name else {tool: version}
    return found
