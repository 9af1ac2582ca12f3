"""A run folder read into figures. Nothing is computed that the folder does not hold; what is absent is None.

A run may have been killed at any moment: stages may be missing, a step may be there twice (the later record
counts) and a figure may not be finite (it is left out of the curves).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from verirl.errors import InputError
from verirl.io.tolerant_json import lines, number, record, whole
from verirl.reporting import rollouts
from verirl.reporting.heldout import HeldOut, read_held_out
from verirl.reporting.rollouts import Sample
from verirl.runs import RECIPE, RunFolder, latest
from verirl.training import stages
from verirl.training.figures import Chart, Event, Point, make_curves
from verirl.training.recipe import Recipe, load_stored
from verirl.training.stages.grpo import Grpo
from verirl.types import Task


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
class GrpoSummary:
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
    grpo: GrpoSummary | None
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
    recipe = load_stored(folder.path / RECIPE)
    events = folder.events()
    tasks = {name: _read_tasks(folder.tasks(name)) for name in recipe.tasks}
    known = {task.id: task for name in _by_importance(recipe) for task in tasks[name]}
    held_out = read_held_out(folder, recipe, events)
    times = tuple(_stage(recipe, stage, events) for stage in stages.wanted(recipe))
    survey = rollouts.survey(folder, known)
    return Summary(
        folder=str(folder.path),
        recipe=recipe.name,
        description=recipe.description,
        seed=recipe.seed,
        model=recipe.model.name,
        parameters=next(filter(None, (whole(event.get("parameters")) for event in events)), None),
        finished=all(stage.state == "done" for stage in times),
        last_sign_of_life=str(events[-1]["at"]) if events and "at" in events[-1] else None,
        versions=survey.versions | (held_out.versions if held_out else {}),
        tasks=tuple(_task_set(recipe, name, found) for name, found in tasks.items() if found),
        stages=times,
        held_out=held_out,
        charts=tuple(_charts(recipe, events, survey)),
        grpo=_grpo(events),
        samples=survey.samples or _evaluated(folder, held_out, known),
    )


def _evaluated(folder: RunFolder, held_out: HeldOut | None, known: Mapping[str, Task]) -> tuple[Sample, ...]:
    if held_out is None:
        return ()
    models = [score.model for score in held_out.scores]
    return rollouts.evaluated(folder, stages.result(models) or models[-1], known)


def _total(events: Iterable[Event], key: str) -> float:
    return sum(number(event.get(key)) or 0.0 for event in events)


# --- tasks ---------------------------------------------------------------------------------------------


def _read_tasks(path: Path) -> list[Task]:
    return [task for value in lines(path) if (task := record(Task, value))]


def _by_importance(recipe: Recipe) -> list[str]:
    """Task sets, those that samples are drawn from last: if two sets share an id, theirs counts."""
    wanted = stages.wanted(recipe)
    last = [name for stage in wanted if stage.role == "evaluate" for name in stage.needs(recipe).values()]
    last += [name for stage in stages.improvements(recipe) for name in stage.trains_on(recipe)]
    return [name for name in recipe.tasks if name not in last] + [n for n in last if n in recipe.tasks]


def _task_set(recipe: Recipe, name: str, tasks: Sequence[Task]) -> TaskSet:
    wanted = stages.wanted(recipe)
    looks = [curve.tasks for stage in wanted if (curve := stage.periodic_eval(recipe))]
    scored = [used for stage in wanted if stage.role == "evaluate" for used in stage.needs(recipe).values()]
    uses = [stage.title for stage in wanted if name in stage.trains_on(recipe)]
    uses += ["held-out curve"] * (name in looks) + ["evaluation"] * (name in scored)
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


def _stage(recipe: Recipe, stage: stages.Stage, events: Sequence[Event]) -> StageTime:
    name = stage.name
    done = any(event["event"] == "stage_done" and event.get("stage") == name for event in events)
    begun = done or any(event["event"] == "stage_begun" and event.get("stage") == name for event in events)
    steps = latest(events, "step", name)
    trains = stage.role in ("train", "control")
    return StageTime(
        name=name,
        state="done" if done else "unfinished" if begun else "not begun",
        wall_seconds=_wall_seconds(name, events) if begun else None,
        step_seconds=_total(steps, "seconds") if trains else None,
        steps=len(steps) if trains else None,
        planned=stage.planned_steps(recipe),
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


def _grpo(events: Sequence[Event]) -> GrpoSummary | None:
    generations = latest(events, "generation", Grpo.name, key="generation")
    if not generations:
        return None
    steps = latest(events, "step", Grpo.name)
    last = steps[-1]["step"] if steps else 0
    # A generation whose step a kill cut off has no step to share its time with.
    timed = [
        event
        for event in generations
        if isinstance(event.get("seconds"), dict) and (whole(event.get("step")) or 0) < last
    ]
    parts = [event["seconds"] for event in timed]
    generation, verification = _total(parts, "generation"), _total(parts, "verification")
    return GrpoSummary(
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


def _charts(recipe: Recipe, events: Sequence[Event], survey: rollouts.Survey) -> Iterable[Chart]:
    charts = [chart for stage in stages.wanted(recipe) for chart in stage.figures(recipe, events)]
    for domain, shares in survey.shares.items():
        title = f"GRPO: stages passed, {domain}" if len(survey.shares) > 1 else "GRPO: stages passed"
        curves = make_curves({name: [Point(*pair) for pair in pairs] for name, pairs in shares.items()})
        charts.append(Chart(title, "share", curves, "of all sampled answers"))
    return (chart for chart in charts if chart.curves)
