"""The base class of a training stage: one step of a run, such as SFT or GRPO."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Literal, TypeVar

from verirl.training.figures import Chart
from verirl.training.settings import PeriodicEval, Settings

if TYPE_CHECKING:
    from verirl.training.context import RunContext
    from verirl.training.recipe import Recipe

SettingsModel = TypeVar("SettingsModel", bound=Settings)

Role = Literal["prepare", "train", "control", "evaluate"]


class TrainingStage(ABC, Generic[SettingsModel]):
    """One step of a run.

    A stage is a module with its settings (a `Settings` subclass, the recipe's key `name`) and a subclass of
    this one, registered in `verirl.training.stages` or under the entry point `verirl.training_stages`. The
    recipe, the runner, resuming, the evaluation and the report ask the registry; none of them names a stage.

    Attributes:
        name: The recipe's key, and the stage's name in the journal and in the run folder.
        title: What a report calls the stage, such as `GRPO`.
        model_title: What a report calls the model that the stage yields, such as `after GRPO`.
        role: `prepare` yields tasks, `train` and `control` yield a model, `evaluate` scores the models.
        is_start: Whether later models are compared with this one (SFT) rather than with the recipe's model.
        settings_model: The model of the recipe's key.
        after: The name of the stage that it follows; used to order stages from entry points.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    model_title: ClassVar[str] = ""
    role: ClassVar[Role] = "train"
    is_start: ClassVar[bool] = False
    settings_model: ClassVar[type[Settings] | None] = None
    after: ClassVar[str] = ""

    def settings(self, recipe: Recipe) -> SettingsModel | None:
        """Return the stage's part of a recipe; None if the recipe does not have it."""
        part: SettingsModel | None = recipe.part(self.name)
        return part

    def is_wanted(self, recipe: Recipe) -> bool:
        """Return whether the recipe has this stage."""
        return self.settings(recipe) is not None

    def needs(self, recipe: Recipe) -> Mapping[str, str]:
        """Return the task sets that the stage reads: key of the recipe → name of the set."""
        return {}

    def trains_on(self, recipe: Recipe) -> tuple[str, ...]:
        """Return the task sets that the model learns from: no held-out task may be among them."""
        return ()

    def check(self, recipe: Recipe) -> None:
        """Refuse now what would only fail after hours of training.

        Raises:
            ValueError: A sentence that names the key.
        """

    @abstractmethod
    def run(self, context: RunContext) -> dict[str, Any]:
        """Carry the stage out, or go on with it from its last checkpoint.

        Returns:
            Figures for the journal.
        """

    def periodic_eval(self, recipe: Recipe) -> PeriodicEval | None:
        """Return the settings of the stage's held-out curve."""
        return None

    def deadline_s(self, recipe: Recipe) -> float | None:
        """Return the wall-clock limit of a verdict in seconds; None for that of each domain."""
        return None

    def packages(self, recipe: Recipe) -> tuple[str, ...]:
        """Return optional Python packages that the stage needs; each is also the name of its extra."""
        return ()

    def planned_steps(self, recipe: Recipe) -> int | None:
        """Return the number of optimizer steps, if that is known before."""
        return None

    def figures(self, recipe: Recipe, events: Sequence[Mapping[str, Any]]) -> Iterator[Chart]:
        """Yield the charts that a report shows of the stage.

        Args:
            recipe: The run's recipe.
            events: The run's journal, of all stages.
        """
        yield from ()
