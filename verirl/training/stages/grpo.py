"""The stage `grpo`: reinforcement learning on verified rewards."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import ConfigDict, Field, model_validator

from verirl.io.tolerant_json import number
from verirl.runs import latest
from verirl.seeds import derive
from verirl.training.figures import Chart, Event, Point, make_curves, points_of
from verirl.training.sampling import TaskSource, make_policy, read_parameters
from verirl.training.settings import Mix, Optimizer, PeriodicEval, Positive, Rate, Settings, check_divides
from verirl.training.stages.base import TrainingStage

if TYPE_CHECKING:
    from verirl.training.context import RunContext
    from verirl.training.recipe import Recipe
    from verirl.training.trl_trainers import Scored


class Length(Settings):
    """A last tier below every stage: full up to `budget` tokens, empty from `budget` + `ramp` tokens on."""

    renamed: ClassVar[dict[str, str]] = {"span": "ramp"}

    budget: Positive
    ramp: Positive
    levels: Annotated[int, Field(ge=2)] = 17


class Sampling(Settings):
    """How the tasks of each generation are chosen: a policy, and the policy's own parameters."""

    model_config = ConfigDict(frozen=True, extra="allow")

    policy: str = "fixed"

    @property
    def parameters(self) -> dict[str, Any]:
        """The keys beside `policy`."""
        return dict(self.__pydantic_extra__ or {})


class GrpoSettings(Settings):
    """Group-relative policy optimization (Shao et al. 2024) on verified rewards.

    A step updates on `prompts_per_step` × `num_generations` completions. `steps_per_generation` steps share
    one generation; `num_iterations` is how often each completion is used (μ). `advantages` names the
    estimator; `loss_type` and the rest are TRL's. `beta` is the weight of the KL term to the start.
    `deduplicate` leaves rows without advantage out of the update and lets one row stand for equal ones, which
    changes its cost and not its gradient.
    """

    renamed: ClassVar[dict[str, str]] = {
        "fold": "deduplicate",
        "group": "num_generations",
        "iterations": "num_iterations",
        "loss": "loss_type",
        "optimiser": "optimizer",
        "prompts": "prompts_per_step",
        "sampler": "generation_backend",
        "updates": "steps_per_generation",
        "watch": "periodic_eval",
    }

    tasks: str | tuple[Mix, ...]
    sampling: Sampling = Sampling()
    steps: Positive
    prompts_per_step: Positive = 8
    num_generations: Annotated[int, Field(ge=2)] = 8
    micro_batch: Positive | None = None
    steps_per_generation: Positive = 1
    num_iterations: Positive = 1
    optimizer: Optimizer
    temperature: Rate = 1.0
    max_new_tokens: Positive = 256
    scheme: str = "lexicographic"
    advantages: str = "lexicographic"
    gamma: float = Field(default=1.0, gt=0, le=1)
    advantage_params: dict[str, float] = Field(default={})
    length: Length | None = None
    loss_type: Literal["dapo", "grpo", "dr_grpo", "bnpo", "cispo"] = "dapo"
    epsilon: Rate = 0.2
    epsilon_high: Rate | None = None
    beta: float = Field(default=0.0, ge=0)
    generation_backend: Literal["verirl", "transformers", "vllm"] = "verirl"
    deduplicate: bool = True
    deadline_s: Rate | None = None
    checkpoint_every: Positive = 50
    periodic_eval: PeriodicEval | None = None

    @model_validator(mode="after")
    def _estimator_is_known(self) -> GrpoSettings:
        from verirl.scoring.advantages import validate

        validate(self.advantages, {"gamma": self.gamma, **self.advantage_params})
        return self

    @property
    def mixture(self) -> tuple[Mix, ...]:
        """The sources of the prompts."""
        return (Mix(tasks=self.tasks),) if isinstance(self.tasks, str) else self.tasks


class Grpo(TrainingStage[GrpoSettings]):
    """GRPO."""

    name: ClassVar[str] = "grpo"
    title: ClassVar[str] = "GRPO"
    model_title: ClassVar[str] = "after GRPO"
    settings_model: ClassVar[type[Settings] | None] = GrpoSettings

    def needs(self, recipe: Recipe) -> Mapping[str, str]:
        """The sources of the prompts, and the tasks of the held-out curve."""
        settings = self.settings(recipe)
        if settings is None:
            return {}
        sources = {f"{self.name}.tasks.{place}": mix.tasks for place, mix in enumerate(settings.mixture)}
        curve = settings.periodic_eval
        return sources | ({f"{self.name}.periodic_eval.tasks": curve.tasks} if curve else {})

    def trains_on(self, recipe: Recipe) -> tuple[str, ...]:
        """The sources of the prompts."""
        settings = self.settings(recipe)
        return tuple(mix.tasks for mix in settings.mixture) if settings else ()

    def check(self, recipe: Recipe) -> None:
        """Refuse schemes, policies and batches that do not fit."""
        settings = self.settings(recipe)
        if settings is None:
            return
        recipe.check_scheme(settings.scheme, self.trains_on(recipe))
        if settings.length and settings.scheme != "lexicographic":
            raise ValueError("grpo.length is a tier of the lexicographic scheme and goes with no other")
        read_parameters(settings.sampling.policy, settings.sampling.parameters)
        batch = settings.prompts_per_step * settings.num_generations
        name = "grpo.prompts_per_step × grpo.num_generations"
        check_divides(name, batch, "grpo.micro_batch", settings.micro_batch)

    def periodic_eval(self, recipe: Recipe) -> PeriodicEval | None:
        """The settings of the held-out curve."""
        settings = self.settings(recipe)
        return settings.periodic_eval if settings else None

    def deadline_s(self, recipe: Recipe) -> float | None:
        """The deadline of the recipe."""
        settings = self.settings(recipe)
        return settings.deadline_s if settings else None

    def packages(self, recipe: Recipe) -> tuple[str, ...]:
        """vLLM, if it is the generation backend."""
        settings = self.settings(recipe)
        return ("vllm",) if settings and settings.generation_backend == "vllm" else ()

    def planned_steps(self, recipe: Recipe) -> int | None:
        """The optimizer steps of the recipe."""
        settings = self.settings(recipe)
        return settings.steps if settings else None

    def run(self, context: RunContext) -> dict[str, Any]:
        """Reinforce with verified rewards."""
        from verirl.models.local import Loaded
        from verirl.training.checkpoints import latest_checkpoint
        from verirl.training.trl_trainers import Slots, run_grpo

        settings = self.settings(context.recipe)
        if settings is None:
            return {}
        sources = [TaskSource(mix.tasks, context.tasks(mix.tasks), mix.weight) for mix in settings.mixture]
        tasks = [task for source in sources for task in source.tasks]
        policy = make_policy(
            settings.sampling.policy, settings.sampling.parameters, sources, context.recipe.seed
        )
        generations = -(-settings.steps // (settings.steps_per_generation * settings.num_iterations))
        slots = Slots(policy, generations, settings.prompts_per_step * settings.steps_per_generation)
        loaded = context.load_start(self)
        with context.follow(self.name, settings.steps, settings.periodic_eval, loaded, None) as callback:
            model = run_grpo(
                loaded,
                slots,
                settings,
                context.recipe.model,
                judge=context.make_judge({task.id: task for task in tasks}, settings.scheme, settings.length),
                record=lambda *generation: _record(context, settings, *generation),
                columns=["reward", *context.stage_names(tasks)],
                seed=derive(self.name, context.recipe.seed) % 2**31,
                folder=context.folder.stage(self.name),
                resume=latest_checkpoint(context.folder.stage(self.name)),
                trackers=context.recipe.trackers,
                callbacks=[callback],
            )
        context.save(self.name, Loaded(model, loaded.tokenizer))
        return context.trained_figures(self.name, model)

    def figures(self, recipe: Recipe, events: Sequence[Mapping[str, Any]]) -> Iterator[Chart]:
        """Pass share of training prompts and of held-out tasks, and the mean reward."""
        settings = self.settings(recipe)
        generations = latest(events, "generation", self.name, key="generation")
        looks = points_of(latest(events, "watch", self.name), "passed")
        yield Chart(
            "GRPO: pass share",
            "share",
            make_curves(
                {
                    "training prompts": _passed(generations),
                    "held-out": _start_of_curve(self, recipe, events) + looks,
                }
            ),
            "sampled answers that passed",
        )
        yield Chart(
            "GRPO: mean reward",
            "reward",
            make_curves({"reward": points_of(generations, "reward")}),
            f"scheme {settings.scheme}: it ranks answers, 1 is the best" if settings else "",
        )


def _passed(generations: Iterable[Event]) -> list[Point]:
    points = []
    for event in generations:
        passed, step = number(event.get("passed")), event.get("step")
        judged = (number(event.get("completions")) or 0.0) - (number(event.get("errors")) or 0.0)
        if passed is not None and judged > 0 and isinstance(step, int):
            points.append(Point(step, passed / judged))
    return points


def _start_of_curve(stage: Grpo, recipe: Recipe, events: Sequence[Event]) -> list[Point]:
    """Return the last look at the model before, if it was the same look at its final weights."""
    from verirl.training import stages

    previous = stages.previous_model(recipe, stage)
    if previous is None:
        return []
    before = stages.find(previous)
    curves = [kind.periodic_eval(recipe) for kind in (before, stage)]
    if None in curves or len({curve.model_dump_json(exclude={"every"}) for curve in curves if curve}) != 1:
        return []
    looks = points_of(latest(events, "watch", previous), "passed")
    return [Point(0, looks[-1].value)] if looks and looks[-1].step == before.planned_steps(recipe) else []


def _record(
    context: RunContext,
    settings: GrpoSettings,
    generation: int,
    step: int,
    scored: Sequence[Scored],
    seconds: Mapping[str, float],
) -> None:
    """Write a generation's rollouts and its journal entry."""
    from verirl.io.atomic import write_atomically

    def fill(stream: Any) -> None:
        for row in scored:
            line = {
                "task_id": row.task_id,
                "sample": row.verdict.sample,
                "completion": row.completion,
                "step": step,
                "tokens": row.tokens,
                "advantage": row.advantage,
                "verdict": row.verdict.model_dump(mode="json"),
            }
            stream.write(json.dumps(line, ensure_ascii=False) + "\n")

    write_atomically(context.folder.rollouts(generation), fill)
    size = settings.num_generations
    groups = [scored[start : start + size] for start in range(0, len(scored), size)]
    rewards = [row.verdict.reward.value for row in scored if row.verdict.reward]
    context.folder.log(
        "generation",
        stage=Grpo.name,
        generation=generation,
        step=step,
        completions=len(scored),
        tokens=sum(row.tokens for row in scored),
        passed=sum(row.verdict.passed for row in scored),
        errors=sum(row.verdict.is_error for row in scored),
        groups=len(groups),
        idle_groups=sum(not any(row.advantage for row in group) for group in groups),
        reward=sum(rewards) / len(rewards) if rewards else None,
        stages=_reached(scored),
        seconds={name: round(value, 4) for name, value in seconds.items()},
    )


def _reached(scored: Sequence[Scored]) -> dict[str, dict[str, float]]:
    """Return stage → how many completions reached it, passed it, and their mean score."""
    results: dict[str, list[tuple[bool, float]]] = {}
    for row in scored:
        for stage in row.verdict.stages:
            results.setdefault(stage.name, []).append((stage.status == "passed", stage.score))
    return {
        name: {
            "reached": len(pairs),
            "passed": sum(ok for ok, _ in pairs),
            "score": sum(score for _, score in pairs) / len(pairs),
        }
        for name, pairs in results.items()
    }
