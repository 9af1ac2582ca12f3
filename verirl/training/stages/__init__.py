"""The training stages: a registry that recipe, runner, evaluation and report ask.

A new stage is a module here, added to `_BUILT_IN`, or a class that a package announces under the entry point
`verirl.training_stages`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

from verirl import plugins
from verirl.errors import InputError
from verirl.training.stages.base import TrainingStage
from verirl.training.stages.control import Control
from verirl.training.stages.evaluate import Evaluate
from verirl.training.stages.generate import Generate
from verirl.training.stages.grpo import Grpo
from verirl.training.stages.sft import Sft

if TYPE_CHECKING:
    from verirl.training.recipe import Recipe

GROUP = "verirl.training_stages"

Stage = TrainingStage[Any]

_BUILT_IN: tuple[type[Stage], ...] = (Generate, Sft, Grpo, Control, Evaluate)

BASE = "base"
"""The name of the model that a run starts from, where a stage's name is expected."""


@cache
def registered() -> tuple[Stage, ...]:
    """Return all stages in the order in which a run goes through them.

    Raises:
        InputError: If an installed stage does not load or has the name of another.
    """
    stages: list[Stage] = [kind() for kind in _BUILT_IN]
    for _, kind in plugins.subclasses(GROUP, "training stage", TrainingStage):  # type: ignore[type-abstract]
        _insert(stages, kind())
    return tuple(stages)


def _insert(stages: list[Stage], stage: Stage) -> None:
    names = [other.name for other in stages]
    if stage.name in names:
        raise InputError(f"there are two training stages '{stage.name}'")
    if stage.after not in names:
        raise InputError(f"training stage '{stage.name}' follows '{stage.after}', which does not exist")
    stages.insert(names.index(stage.after) + 1, stage)


def find(name: str) -> Stage:
    """Return the stage of a name.

    Raises:
        InputError: If there is none.
    """
    for stage in registered():
        if stage.name == name:
            return stage
    raise InputError(f"unknown training stage '{name}'")


def wanted(recipe: Recipe) -> tuple[Stage, ...]:
    """Return the stages that a recipe has, in order."""
    return tuple(stage for stage in registered() if stage.is_wanted(recipe))


def trained(recipe: Recipe) -> tuple[Stage, ...]:
    """Return the stages of a recipe that yield a model to compare, in order; a control comes last."""
    stages = wanted(recipe)
    return (*(s for s in stages if s.role == "train"), *(s for s in stages if s.role == "control"))


def improvements(recipe: Recipe) -> tuple[Stage, ...]:
    """Return the stages of a recipe whose models are compared with a start: GRPO and the like."""
    return tuple(stage for stage in wanted(recipe) if stage.role == "train" and not stage.is_start)


def result(names: Iterable[str]) -> str | None:
    """Return which of some models is the result of the run: the last that is not a control.

    Args:
        names: Names of models, as in `titles`.
    """
    roles = {stage.name: stage.role for stage in registered()}
    order = [stage.name for stage in registered()]
    models = [name for name in names if roles.get(name) == "train"]
    return max(models, key=order.index, default=None)


def controls(names: Iterable[str]) -> tuple[str, ...]:
    """Return which of some models are controls."""
    known = {stage.name for stage in registered() if stage.role == "control"}
    return tuple(name for name in names if name in known)


def titles() -> Mapping[str, str]:
    """Return the name of each model that a run may have → what a report calls it, in the order of showing."""
    stages = registered()
    models = [s for s in stages if s.role == "train"] + [s for s in stages if s.role == "control"]
    return {BASE: "the start"} | {stage.name: stage.model_title for stage in models}


def previous_model(recipe: Recipe, stage: Stage) -> str | None:
    """Return the stage whose model this one starts from; None if it starts from the recipe's model."""
    before: Sequence[Stage] = [other for other in wanted(recipe) if other.role == "train"]
    names = [other.name for other in before]
    index = names.index(stage.name) if stage.name in names else len(names)
    return names[index - 1] if index else None
