"""A run folder read into figures. Nothing is computed that the folder does not hold; what is absent is None.

A run may have been killed at any moment: stages may be missing, a step may be there twice (the later record
counts) and a figure may not be finite (it is left out of the curves).
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, NamedTuple

from verirl.errors import InputError
from verirl.reporting import rollouts
from verirl.reporting.heldout import HeldOut, read_held_out
from verirl.reporting.plan import Plan, read_plan
from verirl.reporting.rollouts import Sample
from verirl.reporting.tolerant_json import lines, number, record, whole
from verirl.runs import RECIPE, RunFolder, latest
from verirl.types import Task

Event = Mapping[str, Any]
Unit = Literal["share", "reward", "loss"]


class Point(NamedTuple):
    """A figure after so many optimiser steps."""

    step: int
    value: float


@dataclass(frozen=True)
class Curve:
    """One line of a chart. `points` are in the order of their steps."""

    name: str
    points: tuple[Point, ...]

    @property
    def ends(self) -> tuple[float, float]:
        """The mean over the first tenth of the curve and over its last, a point at least."""
        values = [point.value for point in self.points]
        size = max(1, len(values) // 10)
        return sum(values[:size]) / size, sum(values[-size:]) / size

    def thinned(self, limit: int) -> tuple[Point, ...]:
        """At most `limit` points, each the mean of a stretch of the curve at the stretch's last step."""
        if len(self.points) <= limit:
            return self.points
        edges = [place * len(self.points) // limit for place in range(limit + 1)]
        stretches = [self.points[a:b] for a, b in itertools.pairwise(edges)]
        return tuple(Point(part[-1].step, sum(p.value for p in part) / len(part)) for part in stretches)


@dataclass(frozen=True)
class Chart:
    """Curves over the same steps, in the same unit; `note` says what is drawn."""

    title: str
    unit: Unit
    curves: tuple[Curve, ...]
    note: str = ""


@dataclass(frozen=True)
class TaskSet:
    """A task set of the run. `kill_rate`: mean over the `measured` tasks that had mutants."""

    name: str
    uses: tuple[str, ...]
    domains: tuple[str, ...]
    count: int
    difficulty: tuple[float, float] | None
    kill_rate: float | None
    measured: int


@dataclass(frozen=True)
class StageTime:
    """How far a stage came. `wall_seconds`: clock time over all sittings; `steps` of `planned`."""

    name: str
    state: Literal["done", "unfinished", "not begun"]
    wall_seconds: float | None
    step_seconds: float | None
    steps: int | None
    planned: int | None


@dataclass(frozen=True)
class Grpo:
    """What GRPO's steps were spent on, in seconds, and what its completions were worth.

    `update` is what remains of the steps' time. `idle_groups` taught nothing: all their completions were
    worth the same. `errors` are completions that could not be judged.
    """

    generation: float
    verification: float
    update: float
    tokens: int
    completions: int
    errors: int
    groups: int
    idle_groups: int

    @property
    def tokens_per_second(self) -> float | None:
        """Tokens sampled in a second of generation."""
        return self.tokens / self.generation if self.generation > 0 else None


@dataclass(frozen=True)
class Summary:
    """Everything that a report shows of one run."""

    folder: str
    recipe: str
    description: str
    seed: int
    model: str
    parameters: int | None
    finished: bool
    last_sign_of_life: str | None
    versions: dict[str, str]
    tasks: tuple[TaskSet, ...]
    stages: tuple[StageTime, ...]
    held_out: HeldOut | None
    charts: tuple[Chart, ...]
    grpo: Grpo | None
    samples: tuple[Sample, ...]

    def to_data(self) -> dict[str, Any]:
        """The summary as JSON data."""
        data = asdict(self)
        data["charts"] = [
            {**asdict(chart), "curves": {curve.name: [*map(list, curve.points)] for curve in chart.curves}}
            for chart in self.charts
        ]
        if self.grpo:
            data["grpo"]["tokens_per_second"] = self.grpo.tokens_per_second
        plain: dict[str, Any] = json.loads(
            json.dumps(data, default=lambda part: part.model_dump(mode="json"))
        )
        return plain

    def stage(self, name: str) -> StageTime | None:
        """The stage `name`, if the recipe has it."""
        return next((stage for stage in self.stages if stage.name == name), None)


def read(folder: RunFolder) -> Summary:
    """Read a run; InputError where the folder holds none."""
    if not folder.begun:
        what = "holds no run (no recipe.yaml)" if folder.path.is_dir() else "no such folder"
        raise InputError.at(folder.path, f"{what}; name a folder that `verirl train --run` wrote")
    plan = read_plan(folder.path / RECIPE)
    events = folder.events()
    tasks = {name: _read_tasks(folder.tasks(name)) for name in plan.tasks}
    known = {task.id: task for name in _by_importance(plan) for task in tasks[name]}
    held_out = read_held_out(folder, plan, events)
    stages = tuple(_stage(plan, name, events) for name in plan.stages())
    survey = rollouts.survey(folder, known)
    return Summary(
        folder=str(folder.path),
        recipe=plan.name,
        description=plan.description,
        seed=plan.seed,
        model=plan.model,
        parameters=next(filter(None, (whole(event.get("parameters")) for event in events)), None),
        finished=all(stage.state == "done" for stage in stages),
        last_sign_of_life=str(events[-1]["at"]) if events and "at" in events[-1] else None,
        versions=survey.versions | (held_out.versions if held_out else {}),
        tasks=tuple(_task_set(plan, name, found) for name, found in tasks.items() if found),
        stages=stages,
        held_out=held_out,
        charts=tuple(_charts(plan, events, survey)),
        grpo=_grpo(events),
        samples=survey.samples or _evaluated(folder, held_out, known),
    )


def _evaluated(folder: RunFolder, held_out: HeldOut | None, known: Mapping[str, Task]) -> tuple[Sample, ...]:
    if held_out is None:
        return ()
    models = [score.model for score in held_out.scores]
    return rollouts.evaluated(folder, "grpo" if "grpo" in models else models[-1], known)


def _total(events: Iterable[Event], key: str) -> float:
    return sum(number(event.get(key)) or 0.0 for event in events)


# --- tasks ---------------------------------------------------------------------------------------------


def _read_tasks(path: Path) -> list[Task]:
    return [task for value in lines(path) if (task := record(Task, value))]


def _by_importance(plan: Plan) -> list[str]:
    """Task sets, those that samples are drawn from last: where two sets share an id, theirs counts."""
    last = [plan.evaluated] if plan.evaluated else []
    last += plan.grpo.tasks if plan.grpo else ()
    return [name for name in plan.tasks if name not in last] + [name for name in last if name in plan.tasks]


def _task_set(plan: Plan, name: str, tasks: Sequence[Task]) -> TaskSet:
    trained = {"SFT": plan.sft, "GRPO": plan.grpo}
    looks = [part.watch.tasks for part in trained.values() if part and part.watch]
    uses = [use for use, part in trained.items() if part and name in part.tasks]
    uses += ["held-out curve"] * (name in looks) + ["evaluation"] * (name == plan.evaluated)
    rates = [task.source.kill_rate for task in tasks if task.source and task.source.kill_rate is not None]
    levels = [task.difficulty for task in tasks if task.difficulty is not None]
    return TaskSet(
        name=name,
        uses=tuple(uses),
        domains=tuple(dict.fromkeys(task.domain for task in tasks)),
        count=len(tasks),
        difficulty=(min(levels), max(levels)) if levels else None,
        kill_rate=sum(rates) / len(rates) if rates else None,
        measured=len(rates),
    )


# --- stages and costs ----------------------------------------------------------------------------------


def _stage(plan: Plan, name: str, events: Sequence[Event]) -> StageTime:
    done = any(event["event"] == "stage_done" and event.get("stage") == name for event in events)
    begun = done or any(event["event"] == "stage_begun" and event.get("stage") == name for event in events)
    steps = latest(events, "step", name)
    training = {"sft": plan.sft, "grpo": plan.grpo}.get(name)
    trains = name in ("sft", "grpo", "control")
    return StageTime(
        name=name,
        state="done" if done else "unfinished" if begun else "not begun",
        wall_seconds=_wall_seconds(name, events) if begun else None,
        step_seconds=_total(steps, "seconds") if trains else None,
        steps=len(steps) if trains else None,
        planned=training.steps if training else None,
    )


def _wall_seconds(name: str, events: Sequence[Event]) -> float:
    """Time from each beginning of the stage to its end, or to the last sign of life of that sitting."""
    total, begun, last = 0.0, None, None
    for event in events:
        kind, stage, at = event["event"], event.get("stage"), _clock(event)
        if begun is not None and kind == "stage_done" and stage == name:
            measured = number(event.get("wall_seconds"))
            total += measured if measured is not None else _between(begun, at)
            begun = None
        elif begun is not None and kind in ("stage_begun", "resumed", "begun"):
            total += _between(begun, last)
            begun = None
        if kind == "stage_begun" and stage == name:
            begun = at
        last = at or last
    return total + (_between(begun, last) if begun is not None else 0.0)


def _clock(event: Event) -> datetime | None:
    try:
        return datetime.fromisoformat(str(event.get("at")))
    except ValueError:
        return None


def _between(begun: datetime | None, ended: datetime | None) -> float:
    if begun is None or ended is None or (begun.tzinfo is None) != (ended.tzinfo is None):
        return 0.0
    return max(0.0, (ended - begun).total_seconds())


def _grpo(events: Sequence[Event]) -> Grpo | None:
    generations = latest(events, "generation", "grpo", key="generation")
    if not generations:
        return None
    steps = latest(events, "step", "grpo")
    last = steps[-1]["step"] if steps else 0
    # A generation whose step a kill cut off has no step to share its time with.
    timed = [
        event
        for event in generations
        if isinstance(event.get("seconds"), dict) and (whole(event.get("step")) or 0) < last
    ]
    parts = [event["seconds"] for event in timed]
    generation, verification = _total(parts, "generation"), _total(parts, "verification")
    return Grpo(
        generation=generation,
        verification=verification,
        update=max(0.0, _total(steps, "seconds") - generation - verification),
        tokens=int(_total(timed, "tokens")),
        completions=int(_total(generations, "completions")),
        errors=int(_total(generations, "errors")),
        groups=int(_total(generations, "groups")),
        idle_groups=int(_total(generations, "idle_groups")),
    )


# --- curves --------------------------------------------------------------------------------------------


def _charts(plan: Plan, events: Sequence[Event], survey: rollouts.Survey) -> Iterable[Chart]:
    found = [
        Chart(
            "SFT: loss",
            "loss",
            _curves({"SFT": _points(latest(events, "step", "sft"), "loss")}),
            "cross-entropy a token on the training references",
        ),
        Chart(
            "SFT: held-out pass share",
            "share",
            _curves(
                {
                    "SFT": _points(latest(events, "watch", "sft"), "passed"),
                    "control": _points(latest(events, "watch", "control"), "passed"),
                }
            ),
            "quick checks on the way; the control goes on where SFT ended",
        ),
        Chart(
            "GRPO: pass share",
            "share",
            _curves(
                {
                    "training prompts": _passed(latest(events, "generation", "grpo", key="generation")),
                    "held-out": _start(plan, events) + _points(latest(events, "watch", "grpo"), "passed"),
                }
            ),
            "sampled answers that passed",
        ),
        Chart(
            "GRPO: mean reward",
            "reward",
            _curves({"reward": _points(latest(events, "generation", "grpo", key="generation"), "reward")}),
            f"scheme {plan.grpo.scheme}: it ranks answers, 1 is the best" if plan.grpo else "",
        ),
    ]
    for domain, shares in survey.shares.items():
        title = f"GRPO: stages passed, {domain}" if len(survey.shares) > 1 else "GRPO: stages passed"
        curves = _curves({name: [Point(*pair) for pair in pairs] for name, pairs in shares.items()})
        found.append(Chart(title, "share", curves, "of all sampled answers"))
    return (chart for chart in found if chart.curves)


def _curves(lines: Mapping[str, Sequence[Point]]) -> tuple[Curve, ...]:
    return tuple(Curve(name, tuple(points)) for name, points in lines.items() if points)


def _points(events: Iterable[Event], key: str) -> list[Point]:
    pairs = ((event.get("step"), number(event.get(key))) for event in events)
    return [Point(step, value) for step, value in pairs if isinstance(step, int) and value is not None]


def _passed(generations: Iterable[Event]) -> list[Point]:
    found = []
    for event in generations:
        passed, step = number(event.get("passed")), event.get("step")
        judged = _total([event], "completions") - _total([event], "errors")
        if passed is not None and judged > 0 and isinstance(step, int):
            found.append(Point(step, passed / judged))
    return found


def _start(plan: Plan, events: Sequence[Event]) -> list[Point]:
    """Where GRPO's held-out curve starts: SFT's last look, if it was the same look at the final model."""
    if not (plan.sft and plan.grpo and plan.sft.watch and plan.sft.watch == plan.grpo.watch):
        return []
    looks = _points(latest(events, "watch", "sft"), "passed")
    return [Point(0, looks[-1].value)] if looks and looks[-1].step == plan.sft.steps else []
