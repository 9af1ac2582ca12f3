"""The stage `control`: SFT continued for as long as the training after it took, to compare with."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any, ClassVar

from verirl.training.settings import Settings
from verirl.training.stages.base import Role, TrainingStage
from verirl.training.stages.sft import Sft, fine_tune

if TYPE_CHECKING:
    from verirl.training.context import RunContext
    from verirl.training.recipe import Recipe


class Control(TrainingStage[Settings]):
    """More SFT. It is switched on by `control: true`."""

    name: ClassVar[str] = "control"
    title: ClassVar[str] = "control"
    model_title: ClassVar[str] = "control"
    role: ClassVar[Role] = "control"

    def is_wanted(self, recipe: Recipe) -> bool:
        """Whether the recipe asks for a control."""
        return recipe.control

    def check(self, recipe: Recipe) -> None:
        """A control needs SFT to continue, and training to compare with."""
        from verirl.training import stages

        if not recipe.control:
            return
        settings = Sft().settings(recipe)
        if settings is None or not stages.improvements(recipe):
            raise ValueError("'control' continues SFT for as long as GRPO takes: it needs both stages")
        if settings.optimizer.schedule != "constant":
            raise ValueError("'control' carries SFT on: that is fair with sft.optimizer.schedule 'constant'")

    def run(self, context: RunContext) -> dict[str, Any]:
        """Continue SFT for as many seconds as the training after it took."""
        from verirl.training import stages

        settings = Sft().settings(context.recipe)
        if settings is None:
            return {}
        others = stages.improvements(context.recipe)
        seconds = sum(context.trained_seconds(stage.name) for stage in others)
        pace = context.trained_seconds(Sft.name) / settings.steps
        # Twice as many steps as should fit: the clock ends it, not the data.
        bound = settings.steps + max(1, int(2 * seconds / max(pace, 1e-6)))
        shutil.rmtree(context.folder.stage(self.name), ignore_errors=True)
        return fine_tune(context, self.name, settings, steps=bound, first=settings.steps, seconds=seconds)
