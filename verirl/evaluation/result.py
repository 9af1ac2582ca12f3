"""The evaluation document (`eval.json`): what was asked, what came out, task by task.

It is the same, byte for byte, for the same answers: nothing in it depends on the clock except `timing`,
which is left out where no model was sampled.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from statistics import median
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from verirl import __version__
from verirl.errors import InputError
from verirl.evaluation.passk import mean, mean_interval, pass_at_k
from verirl.types import Ladder, Status, Task, Verdict, fingerprint

DIGITS = 9
"""Decimals that are kept: enough for any use, and the same on every machine."""

BINS = 5
"""Difficulty is reported in so many equal parts of [0, 1]."""

FORMAT: Literal[1] = 1
"""Version of the document; a reader refuses another."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class StageCount(_Part):
    """Of a task's usable samples: how many reached a stage, passed it, and skipped it (also reached)."""

    reached: int = 0
    passed: int = 0
    skipped: int = 0


class TaskRow(_Part):
    """One task: `n` usable samples of which `c` passed; `errors` more were our failure and do not count."""

    id: str
    content: str
    domain: str
    tags: tuple[str, ...] = ()
    difficulty: float | None = None
    n: int = Field(ge=0)
    c: int = Field(ge=0)
    errors: int = Field(default=0, ge=0)
    mean_reward: float | None = None
    stages: dict[str, StageCount] = {}

    @model_validator(mode="after")
    def _counts(self) -> TaskRow:
        if self.c > self.n:
            raise ValueError(f"task '{self.id}': {self.c} of {self.n} samples passed")
        return self


class Estimate(_Part):
    """A mean over `tasks` tasks with its 95 % interval; `left_out` tasks had too few usable samples."""

    value: float | None
    low: float | None
    high: float | None
    tasks: int
    left_out: int = 0


class Metrics(_Part):
    """The figures of a set of tasks. `pass_at`: k → estimate. `samples` counts errors too."""

    tasks: int
    samples: int
    errors: int
    error_rate: float
    pass_at: dict[int, Estimate]
    mean_reward: Estimate


class StageShare(_Part):
    """How usable samples fared at one stage of a domain's ladder. `passed_share` leaves skipped ones out."""

    domain: str
    name: str
    kind: str
    reached: int
    passed: int
    skipped: int
    reached_share: float | None
    passed_share: float | None


class Measured(_Part):
    """A figure that a domain's verdicts give: its median over the `passed` samples that have it."""

    domain: str
    name: str
    passed: int
    median: float


class TaskSource(_Part):
    """Which tasks: as they were named, how many, and a hash of their contents in order."""

    source: str
    count: int
    content: str


class Settings(_Part):
    """How completions were drawn and judged."""

    k: tuple[int, ...]
    samples: int
    temperature: float
    max_new_tokens: int
    seed: int
    scheme: str


class Timing(_Part):
    """Wall-clock seconds of sampling and of judging."""

    sampling_s: float
    judging_s: float


class PolishedFigure(_Part):
    """The medians of one of the verdicts' figures over samples that passed before and after."""

    samples: int
    before: float
    after: float


class Polishing(_Part):
    """Usable samples before and after a domain's optimiser; `unfinished` ones of it count as they are."""

    samples: int
    passed_before: int
    passed_after: int
    unfinished: int
    figures: dict[str, PolishedFigure]


class Evaluation(_Part):
    """The document. `groups`: `domain`, `tag` or `difficulty` → name → metrics."""

    format: Literal[1] = FORMAT
    model: str
    tasks: TaskSource
    settings: Settings
    overall: Metrics
    groups: dict[str, dict[str, Metrics]]
    stages: tuple[StageShare, ...]
    measured: tuple[Measured, ...] = ()
    rows: tuple[TaskRow, ...]
    made_by: dict[str, str]
    timing: Timing | None = None
    polish: Polishing | None = None

    def to_data(self) -> dict[str, Any]:
        """The document as JSON data."""
        optional = (("timing", self.timing), ("polish", self.polish))
        absent = {name for name, value in optional if value is None}
        return self.model_dump(mode="json", exclude=absent)

    def to_json(self) -> str:
        """The document as indented JSON, the same bytes for the same value."""
        return json.dumps(self.to_data(), ensure_ascii=False, indent=2) + "\n"


def read(path: Path | str) -> Evaluation:
    """The evaluation in a file; InputError where it is none."""
    try:
        return Evaluation.model_validate_json(Path(path).read_bytes())
    except OSError as error:
        raise InputError.at(path, error.strerror or str(error)) from error
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        field = ".".join(map(str, first["loc"])) or None
        raise InputError.at(path, f"is no evaluation: {first['msg']}", field=field) from error


def rows_of(
    tasks: Sequence[Task], verdicts: Iterable[Verdict], ladders: Mapping[str, Ladder]
) -> tuple[TaskRow, ...]:
    """One row a task, in order. A verdict's reward counts where it has one."""
    by_task: dict[str, list[Verdict]] = {task.id: [] for task in tasks}
    for verdict in verdicts:
        by_task[verdict.task_id].append(verdict)
    return tuple(_row(task, by_task[task.id], ladders[task.domain]) for task in tasks)


def _row(task: Task, verdicts: Sequence[Verdict], ladder: Ladder) -> TaskRow:
    usable = [verdict for verdict in verdicts if not verdict.is_error]
    rewards = [Fraction(verdict.reward.value) for verdict in usable if verdict.reward]
    average = mean(rewards)
    return TaskRow(
        id=task.id,
        content=task.content_key(),
        domain=task.domain,
        tags=task.tags,
        difficulty=task.difficulty,
        n=len(usable),
        c=sum(verdict.passed for verdict in usable),
        errors=len(verdicts) - len(usable),
        mean_reward=None if average is None else _round(average),
        stages={stage.name: _count(stage.name, usable) for stage in ladder},
    )


def _count(name: str, verdicts: Sequence[Verdict]) -> StageCount:
    found = [stage.status for verdict in verdicts for stage in verdict.stages if stage.name == name]
    return StageCount(
        reached=len(found), passed=found.count(Status.PASSED), skipped=found.count(Status.SKIPPED)
    )


def estimate(values: Sequence[Fraction | None], seed: int = 0) -> Estimate:
    """The mean of the values that there are, one a task, with its interval."""
    usable = [value for value in values if value is not None]
    value, interval = mean(usable), mean_interval(usable, seed=seed)
    low, high = interval or (None, None)
    return Estimate(
        value=None if value is None else _round(value),
        low=None if low is None else _round(low),
        high=None if high is None else _round(high),
        tasks=len(usable),
        left_out=len(values) - len(usable),
    )


def pass_values(rows: Sequence[TaskRow], k: int) -> list[Fraction | None]:
    """pass@k of each task, exactly; None where it has fewer than k usable samples."""
    return [pass_at_k(row.n, row.c, k) for row in rows]


def reward_values(rows: Sequence[TaskRow]) -> list[Fraction | None]:
    """The mean reward of each task; None where no sample is usable."""
    return [None if row.mean_reward is None else Fraction(row.mean_reward) for row in rows]


def error_rate(rows: Sequence[TaskRow]) -> Fraction:
    """The share of samples that could not be judged."""
    samples = sum(row.n + row.errors for row in rows)
    return Fraction(sum(row.errors for row in rows), samples or 1)


def metrics(rows: Sequence[TaskRow], ks: Sequence[int], seed: int = 0) -> Metrics:
    """The figures of some rows."""
    return Metrics(
        tasks=len(rows),
        samples=sum(row.n + row.errors for row in rows),
        errors=sum(row.errors for row in rows),
        error_rate=_round(error_rate(rows)),
        pass_at={k: estimate(pass_values(rows, k), seed) for k in ks},
        mean_reward=estimate(reward_values(rows), seed),
    )


def stage_share(rows: Sequence[TaskRow], name: str) -> Fraction | None:
    """The share of usable samples that passed stage `name`, of those to which it applies.

    A sample that did not get there did not pass. None where no row has the stage, or all skipped it.
    """
    counts = [(row.n, row.stages[name]) for row in rows if name in row.stages]
    judged = sum(n - count.skipped for n, count in counts)
    return Fraction(sum(count.passed for _, count in counts), judged) if judged else None


def difficulty_bin(difficulty: float | None) -> str | None:
    """The name of the bin that a difficulty lies in, as `0.2-0.4`."""
    if difficulty is None:
        return None
    index = min(int(difficulty * BINS), BINS - 1)
    return f"{index / BINS:.1f}-{(index + 1) / BINS:.1f}"


GROUPINGS: Mapping[str, Callable[[TaskRow], tuple[str, ...]]] = {
    "domain": lambda row: (row.domain,),
    "tag": lambda row: row.tags,
    "difficulty": lambda row: tuple(filter(None, (difficulty_bin(row.difficulty),))),
}
"""Each way to group tasks: row → the groups that it is in."""


def groups(rows: Sequence[TaskRow]) -> dict[str, dict[str, list[TaskRow]]]:
    """Grouping → group → its rows, groups in alphabetical order."""
    found: dict[str, dict[str, list[TaskRow]]] = {}
    for grouping, names_of in GROUPINGS.items():
        members: dict[str, list[TaskRow]] = {}
        for row in rows:
            for name in dict.fromkeys(names_of(row)):
                members.setdefault(name, []).append(row)
        found[grouping] = dict(sorted(members.items()))
    return found


def _shares(rows: Sequence[TaskRow], ladders: Mapping[str, Ladder]) -> tuple[StageShare, ...]:
    found = []
    for domain, members in groups(rows)["domain"].items():
        samples = sum(row.n for row in members)
        for stage in ladders[domain]:
            counts = [row.stages[stage.name] for row in members]
            share = stage_share(members, stage.name)
            reached = sum(count.reached for count in counts)
            found.append(
                StageShare(
                    domain=domain,
                    name=stage.name,
                    kind=stage.kind,
                    reached=reached,
                    passed=sum(count.passed for count in counts),
                    skipped=sum(count.skipped for count in counts),
                    reached_share=_round(Fraction(reached, samples)) if samples else None,
                    passed_share=None if share is None else _round(share),
                )
            )
    return tuple(found)


def _measured(tasks: Iterable[Task], verdicts: Iterable[Verdict]) -> tuple[Measured, ...]:
    """The median of each metric among the samples that passed, by domain and name."""
    domains = {task.id: task.domain for task in tasks}
    values: dict[tuple[str, str], list[float]] = {}
    for verdict in verdicts:
        for name, value in verdict.metrics.items() if verdict.passed else ():
            values.setdefault((domains[verdict.task_id], name), []).append(value)
    return tuple(
        Measured(domain=domain, name=name, passed=len(found), median=_round(median(found)))
        for (domain, name), found in sorted(values.items())
    )


def build(
    *,
    model: str,
    source: str,
    tasks: Sequence[Task],
    verdicts: Sequence[Verdict],
    ladders: Mapping[str, Ladder],
    settings: Settings,
    timing: Timing | None = None,
) -> Evaluation:
    """The document of these verdicts. `ladders`: domain → ladder, for each domain of the tasks."""
    rows = rows_of(tasks, verdicts, ladders)
    return Evaluation(
        model=model,
        tasks=TaskSource(
            source=source, count=len(rows), content=fingerprint({"tasks": [row.content for row in rows]})
        ),
        settings=settings,
        overall=metrics(rows, settings.k, settings.seed),
        groups={
            grouping: {name: metrics(members, settings.k, settings.seed) for name, members in found.items()}
            for grouping, found in groups(rows).items()
        },
        stages=_shares(rows, ladders),
        measured=_measured(tasks, verdicts),
        rows=rows,
        made_by=_made_by(verdicts),
        timing=timing,
    )


def _made_by(verdicts: Iterable[Verdict]) -> dict[str, str]:
    """Name → version of verirl, and of every domain and tool that had a part in a verdict."""
    found = {"verirl": __version__}
    for verdict in verdicts:
        for tool, version in verdict.made_by.items():
            name, _, number = version.rpartition(" ")
            found |= {name: number} if tool == "domain" and name else {tool: version}
    return dict(sorted(found.items()))


def _round(value: Fraction | float) -> float:
    return round(float(value), DIGITS)
