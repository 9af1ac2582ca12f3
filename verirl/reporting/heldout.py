"""The held-out figures of a run: what its `eval/` folder says, model by model and in pairs."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import TypeAdapter

from verirl.errors import InputError
from verirl.evaluation.result import Evaluation, Metrics
from verirl.evaluation.result import read as read_evaluation
from verirl.runs import RunFolder
from verirl.training import stages
from verirl.training.recipe import Recipe
from verirl.training.stages.evaluate import COMPARISONS, EvalSettings, Evaluate


@dataclass(frozen=True)
class Share:
    """A pass@k with its 95 % interval; None where no task had k usable samples."""

    value: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True)
class Score:
    """One model on the held-out tasks. `sampled`: k → pass@k; `domains`: the smallest k's, by domain."""

    model: str
    sampled: dict[int, Share]
    greedy: Share | None
    domains: dict[str, Share]
    mean_reward: float | None
    samples: int
    errors: int


@dataclass(frozen=True)
class Gain:
    """What `after` gained over `before` in pass@k, task by task, with the paired 95 % interval."""

    before: str
    after: str
    draw: str
    k: int
    tasks: int
    gain: float
    low: float
    high: float
    improved: int
    worsened: int
    unchanged: int
    p_value: float

    @property
    def excludes_zero(self) -> bool:
        """Whether the interval lies wholly on one side of 0."""
        return self.low > 0 or self.high < 0


@dataclass(frozen=True)
class StageShares:
    """A stage of a domain's ladder: model → the share of its answers that passed it."""

    domain: str
    name: str
    kind: str
    passed: dict[str, float | None]


@dataclass(frozen=True)
class Figure:
    """A metric of a domain: model → its median among the answers that passed; None where it has none."""

    domain: str
    name: str
    median: dict[str, float | None]


@dataclass(frozen=True)
class HeldOut:
    """The evaluation stage of a run: how it was drawn, scores, gains, ladders and figures.

    `gates`: how many gates of the recipe were checked; `unmet`: those that were not met.
    """

    tasks: str
    count: int
    samples: int
    temperature: float
    scores: tuple[Score, ...]
    gains: tuple[Gain, ...]
    rungs: tuple[StageShares, ...]
    figures: tuple[Figure, ...]
    gates: int
    unmet: tuple[str, ...]
    versions: dict[str, str]

    def gain(self, before: str, after: str, draw: str = "sampled") -> Gain | None:
        """The gain of `after` over `before`, if the two were compared."""
        wanted = (before, after, draw)
        return next((gain for gain in self.gains if (gain.before, gain.after, gain.draw) == wanted), None)

    @property
    def several_domains(self) -> list[str]:
        """The domains of the held-out tasks, where there are several."""
        found = list(dict.fromkeys(domain for score in self.scores for domain in score.domains))
        return found if len(found) > 1 else []

    @property
    def result(self) -> str | None:
        """The model that the run was for, if it was scored and is not the start."""
        name = stages.result(score.model for score in self.scores)
        return None if name == self.start else name

    @property
    def control(self) -> str | None:
        """The control, if it was scored."""
        return next(iter(stages.controls(score.model for score in self.scores)), None)

    @property
    def start(self) -> str:
        """The model that the others are compared with."""
        return self.scores[0].model


def read_held_out(folder: RunFolder, recipe: Recipe, events: Sequence[Mapping[str, Any]]) -> HeldOut | None:
    """What was scored so far; None where nothing was."""
    sampled = {name: found for name in stages.titles() if (found := _evaluation(folder, name))}
    if not sampled:
        return None
    greedy = {name: found for name in sampled if (found := _evaluation(folder, f"{name}-greedy"))}
    any_one = next(iter(sampled.values()))
    scored = [
        event for event in events if event["event"] == "stage_done" and event.get("stage") == Evaluate.name
    ]
    unmet = scored[-1].get("unmet") if scored else None
    settings = Evaluate().settings(recipe)
    return HeldOut(
        tasks=settings.tasks if settings else any_one.tasks.source,
        count=any_one.tasks.count,
        samples=any_one.settings.samples,
        temperature=any_one.settings.temperature,
        scores=tuple(_score(name, found, greedy.get(name)) for name, found in sampled.items()),
        gains=tuple(_gains(folder)),
        rungs=_rungs(sampled),
        figures=_figures(sampled),
        gates=_gates(settings) if scored and settings else 0,
        unmet=tuple(map(str, unmet)) if isinstance(unmet, list) else (),
        versions=any_one.made_by,
    )


def _gates(settings: EvalSettings) -> int:
    return len(settings.min) + (settings.min_gain is not None)


def _evaluation(folder: RunFolder, name: str) -> Evaluation | None:
    path = folder.evaluation(name)
    return read_evaluation(path) if path.is_file() else None


def _score(name: str, sampled: Evaluation, greedy: Evaluation | None) -> Score:
    overall = sampled.overall
    smallest = min(overall.pass_at)
    domains = sampled.groups.get("domain", {})
    return Score(
        model=name,
        sampled={k: _share(overall, k) for k in sorted(overall.pass_at)},
        greedy=_share(greedy.overall, min(greedy.overall.pass_at)) if greedy else None,
        domains={domain: _share(metrics, smallest) for domain, metrics in domains.items()},
        mean_reward=overall.mean_reward.value,
        samples=overall.samples,
        errors=overall.errors,
    )


def _share(metrics: Metrics, k: int) -> Share:
    found = metrics.pass_at[k]
    return Share(found.value, found.low, found.high)


def _gains(folder: RunFolder) -> list[Gain]:
    path = folder.evaluation(COMPARISONS)
    if not path.is_file():
        return []
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))
        return TypeAdapter(list[Gain]).validate_python(
            [{**row, "before": row["from"], "after": row["to"]} for row in rows]
        )
    except (ValueError, TypeError, KeyError) as problem:
        reason = " ".join(str(problem).split())
        raise InputError.at(path, f"is no list of comparisons ({reason})") from problem


def _rungs(evaluations: Mapping[str, Evaluation]) -> tuple[StageShares, ...]:
    kinds = {
        (stage.domain, stage.name): stage.kind
        for evaluation in evaluations.values()
        for stage in evaluation.stages
    }
    shares = {
        name: {(stage.domain, stage.name): stage.passed_share for stage in evaluation.stages}
        for name, evaluation in evaluations.items()
    }
    return tuple(
        StageShares(domain, stage, kind, {name: found.get((domain, stage)) for name, found in shares.items()})
        for (domain, stage), kind in kinds.items()
    )


def _figures(evaluations: Mapping[str, Evaluation]) -> tuple[Figure, ...]:
    medians = {
        name: {(found.domain, found.name): found.median for found in evaluation.measured}
        for name, evaluation in evaluations.items()
    }
    keys = sorted({key for found in medians.values() for key in found})
    return tuple(
        Figure(domain, metric, {name: found.get((domain, metric)) for name, found in medians.items()})
        for domain, metric in keys
    )
