"""The stage `synth`: make or read every task set of the recipe, and refuse what must not be trained on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from verirl import registry
from verirl.errors import InputError
from verirl.training.settings import Settings, TaskSet
from verirl.training.stages.base import Role, TrainingStage

if TYPE_CHECKING:
    from verirl.training.context import RunContext
    from verirl.training.recipe import Recipe
    from verirl.types import Task


class Generate(TrainingStage[Settings]):
    """Task generation. Its settings are the recipe's `tasks`."""

    name: ClassVar[str] = "synth"
    title: ClassVar[str] = "synth"
    role: ClassVar[Role] = "prepare"

    def is_wanted(self, recipe: Recipe) -> bool:
        """Every run has task sets."""
        return True

    def run(self, context: RunContext) -> dict[str, Any]:
        """Make or read every task set that is not in the run folder yet."""
        sizes = {}
        for name, wanted in context.recipe.tasks.items():
            if not context.folder.tasks(name).is_file():
                tasks = _read(wanted) if wanted.file else _generate(context, name, wanted)
                context.folder.write_tasks(name, tasks)
            sizes[name] = len(context.tasks(name))
            context.ui.say(f"{self.name}: {name}, {sizes[name]} tasks")
        _refuse_leaks(context)
        _refuse_shared_ids(context)
        return {"tasks": sizes}


def _read(wanted: TaskSet) -> list[Task]:
    from verirl.io.sources import read_tasks

    tasks = read_tasks(wanted.file or "")
    return tasks[: wanted.limit] if wanted.limit else tasks


def _generate(context: RunContext, name: str, wanted: TaskSet) -> list[Task]:
    from verirl.taskgen.generate import generate_tasks

    count = wanted.n or 0
    with context.ui.progress(f"{Generate.name} {name}", count) as advance:
        report = generate_tasks(
            registry.load(wanted.domain or ""),
            count,
            seed=context.recipe.seed if wanted.seed is None else wanted.seed,
            difficulty=wanted.difficulty,
            split=wanted.split,
            families=wanted.families or None,
            pool=context.verifier,
            on_progress=advance,
            check_mutants=wanted.mutants,
            options=wanted.options,
        )
    return list(report.tasks)


def _refuse_leaks(context: RunContext) -> None:
    """Held-out questions must not be trained on, whatever their ids, files and specs."""
    from verirl.training import stages

    recipe = context.recipe
    scored = [
        name
        for stage in stages.wanted(recipe)
        if stage.role == "evaluate"
        for name in stage.needs(recipe).values()
    ]
    held_out = {(task.domain, task.prompt) for name in scored for task in context.tasks(name)}
    trained = {name for stage in stages.wanted(recipe) for name in stage.trains_on(recipe)}
    for name in sorted(trained) if held_out else ():
        kept = [task for task in context.tasks(name) if (task.domain, task.prompt) not in held_out]
        dropped = len(context.tasks(name)) - len(kept)
        if not kept:
            raise InputError(f"tasks '{name}': every one of them is in '{scored[0]}'")
        if dropped:
            context.ui.say(f"{Generate.name}: {name}, {dropped} left out: they are held out for evaluation")
            context.replace_tasks(name, kept)


def _refuse_shared_ids(context: RunContext) -> None:
    """In a mixture an id names one task: verdicts are asked for, and rollouts read, by it."""
    from verirl.training import stages

    for stage in stages.wanted(context.recipe):
        owners: dict[str, tuple[str, str]] = {}
        for name in stage.trains_on(context.recipe):
            for task in context.tasks(name):
                content = task.content_key()
                first, known = owners.setdefault(task.id, (name, content))
                if content != known:
                    raise InputError(
                        f"tasks '{name}' and '{first}': both have '{task.id}', for different tasks; "
                        "give each set a seed, or ids, of its own"
                    )
