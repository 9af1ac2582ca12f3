"""The stage `sft`: supervised fine-tuning on the references of a task set."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from verirl.errors import InputError
from verirl.runs import latest
from verirl.seeds import derive
from verirl.training import schedule
from verirl.training.figures import Chart, make_curves, points_of
from verirl.training.settings import Optimizer, PeriodicEval, Positive, Settings, check_divides
from verirl.training.stages.base import TrainingStage

if TYPE_CHECKING:
    from verirl.training.context import RunContext
    from verirl.training.recipe import Recipe
    from verirl.types import Task


class SftSettings(Settings):
    """Supervised fine-tuning on the references of a task set."""

    renamed: ClassVar[dict[str, str]] = {"optimiser": "optimizer", "watch": "periodic_eval"}

    tasks: str
    steps: Positive
    batch: Positive = 32
    micro_batch: Positive | None = None
    optimizer: Optimizer
    max_length: Positive = 1024
    checkpoint_every: Positive = 100
    periodic_eval: PeriodicEval | None = None


class Sft(TrainingStage[SftSettings]):
    """Supervised fine-tuning."""

    name: ClassVar[str] = "sft"
    title: ClassVar[str] = "SFT"
    model_title: ClassVar[str] = "after SFT"
    is_start: ClassVar[bool] = True
    settings_model: ClassVar[type[Settings] | None] = SftSettings

    def needs(self, recipe: Recipe) -> Mapping[str, str]:
        """The demonstrations, and the tasks of the held-out curve."""
        settings = self.settings(recipe)
        if settings is None:
            return {}
        curve = settings.periodic_eval
        looks = {f"{self.name}.periodic_eval.tasks": curve.tasks} if curve else {}
        return {f"{self.name}.tasks": settings.tasks} | looks

    def trains_on(self, recipe: Recipe) -> tuple[str, ...]:
        """The demonstrations."""
        settings = self.settings(recipe)
        return (settings.tasks,) if settings else ()

    def check(self, recipe: Recipe) -> None:
        """Refuse batches that micro-batches do not divide."""
        settings = self.settings(recipe)
        if settings:
            check_divides("sft.batch", settings.batch, "sft.micro_batch", settings.micro_batch)

    def periodic_eval(self, recipe: Recipe) -> PeriodicEval | None:
        """The settings of the held-out curve."""
        settings = self.settings(recipe)
        return settings.periodic_eval if settings else None

    def planned_steps(self, recipe: Recipe) -> int | None:
        """The optimizer steps of the recipe."""
        settings = self.settings(recipe)
        return settings.steps if settings else None

    def run(self, context: RunContext) -> dict[str, Any]:
        """Fine-tune on references."""
        settings = self.settings(context.recipe)
        if settings is None:
            return {}
        return fine_tune(context, self.name, settings, steps=settings.steps, first=0, seconds=None)

    def figures(self, recipe: Recipe, events: Sequence[Mapping[str, Any]]) -> Iterator[Chart]:
        """Training loss, and the held-out pass share of SFT and of what continues it."""
        from verirl.training import stages

        yield Chart(
            "SFT: loss",
            "loss",
            make_curves({"SFT": points_of(latest(events, "step", self.name), "loss")}),
            "cross-entropy per token on the training references",
        )
        continued = {
            stage.model_title: points_of(latest(events, "watch", stage.name), "passed")
            for stage in stages.registered()
            if stage.role == "control"
        }
        yield Chart(
            "SFT: held-out pass share",
            "share",
            make_curves({"SFT": points_of(latest(events, "watch", self.name), "passed"), **continued}),
            "quick checks during training; the control continues where SFT ended",
        )


def fine_tune(
    context: RunContext, stage: str, settings: SftSettings, *, steps: int, first: int, seconds: float | None
) -> dict[str, Any]:
    """Run SFT, or continue it.

    Args:
        context: The run.
        stage: The name of the stage whose folder and journal entries this is.
        settings: The SFT settings.
        steps: Optimizer steps to end at.
        first: Optimizer steps that SFT has taken already.
        seconds: Training seconds after which to end; None for no limit.

    Returns:
        Figures for the journal.
    """
    from verirl.models.local import Loaded
    from verirl.training.checkpoints import latest_checkpoint
    from verirl.training.trl_trainers import run_sft

    loaded = context.load_start(Sft())
    tasks = context.tasks(settings.tasks)
    unique = _fitting(context, [encode_example(loaded.tokenizer, task) for task in tasks], settings)
    order = schedule.order(len(unique), steps * settings.batch, context.recipe.seed, Sft.name)
    resume = latest_checkpoint(context.folder.stage(Sft.name))
    with context.follow(stage, steps - first, settings.periodic_eval, loaded, seconds) as callback:
        model = run_sft(
            loaded,
            [unique[i] for i in order],
            settings,
            context.recipe.model,
            steps=steps,
            seed=derive(Sft.name, context.recipe.seed) % 2**31,
            folder=context.folder.stage(stage),
            resume=resume,
            trackers=context.recipe.trackers,
            callbacks=[callback],
        )
    context.save(stage, Loaded(model, loaded.tokenizer))
    return context.trained_figures(stage, model)


def _fitting(
    context: RunContext, examples: Sequence[tuple[list[int], list[int]]], settings: SftSettings
) -> list[tuple[list[int], list[int]]]:
    """Return the examples that are learned whole: one that is cut off would teach never to stop."""
    fitting = [pair for pair in examples if sum(map(len, pair)) <= settings.max_length]
    if not fitting:
        raise InputError(
            f"sft.max_length is {settings.max_length}, and every reference of '{settings.tasks}' "
            "is longer with its prompt"
        )
    if len(fitting) < len(examples):
        context.ui.say(
            f"sft: {len(examples) - len(fitting)} of {len(examples)} references left out: "
            f"longer than sft.max_length ({settings.max_length} tokens with their prompts)"
        )
    return fitting


def encode_example(tokenizer: Any, task: Task) -> tuple[list[int], list[int]]:
    """Encode a task's reference as the chat template writes it.

    Args:
        tokenizer: A transformers tokenizer with a chat template.
        task: A task with a reference.

    Returns:
        Prompt ids and completion ids.

    Raises:
        InputError: If the task has no reference, or the template writes a prompt differently once answered.
    """
    from verirl.models.local import encode_prompt

    if task.reference is None:
        raise InputError(f"task '{task.id}' has no reference to learn from")
    messages = [turn.model_dump() for turn in task.prompt]
    prompt = encode_prompt(tokenizer, task)
    whole = tokenizer.apply_chat_template(
        [*messages, {"role": "assistant", "content": task.reference}], tokenize=True, return_dict=True
    )["input_ids"]
    if whole[: len(prompt)] != prompt:
        raise InputError(
            "the chat template writes a prompt differently once it is answered: cannot train on it"
        )
    return prompt, list(whole[len(prompt) :])
