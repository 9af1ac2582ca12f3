"""A recipe: what to train, on which tasks, through which stages; YAML, checked to the last key."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import yaml
from pydantic import Field, ValidationError, create_model, model_validator

from verirl.errors import InputError, suggestion
from verirl.models.tiny import parse_size
from verirl.presets import find as find_scheme
from verirl.training import recipe_file, stages
from verirl.training.settings import Model, Positive, Settings, TaskSet

RECIPES = Path(__file__).parent.parent / "recipes"


class RecipeBase(Settings):
    """The keys of a recipe that belong to no stage; `Recipe` adds one key per training stage."""

    name: str = Field(min_length=1, pattern=r"^[\w.-]+$")
    description: str = ""
    seed: int = 0
    threads: Positive | None = None
    workers: Positive | None = None
    model: Model = Model()
    tasks: dict[str, TaskSet] = Field(min_length=1)
    control: bool = False
    trackers: tuple[Literal["tensorboard", "trackio", "wandb"], ...] = ()

    @model_validator(mode="before")
    @classmethod
    def _read_former_names(cls, value: Any) -> Any:
        return recipe_file.with_current_names(cls, value) if isinstance(value, dict) else value

    @model_validator(mode="after")
    def _task_sets_exist(self) -> RecipeBase:
        for stage in stages.wanted(self):
            for place, name in stage.needs(self).items():
                if name not in self.tasks:
                    raise ValueError(f"{place} names '{name}', and 'tasks' has {', '.join(self.tasks)}")
        return self

    @model_validator(mode="after")
    def _stages_fit(self) -> RecipeBase:
        """Refuse now what would only fail after hours of training."""
        if self.model.name.partition(":")[0] == "tiny":
            parse_size(self.model.name)
        for stage in stages.wanted(self):
            stage.check(self)
        return self

    def part(self, name: str) -> Any:
        """Return the settings of the training stage called `name`; None if the recipe does not have it."""
        return dict(self).get(name)

    def check_scheme(self, name: str, sets: Iterable[str]) -> None:
        """Check a reward scheme against the domains of task sets.

        A preset goes with its own domain. Of which domain the tasks of a file are is known when it is read.
        """
        made = [self.tasks[tasks].domain for tasks in sets]
        find_scheme(name, [domain for domain in made if domain] or None)

    def stages(self) -> tuple[str, ...]:
        """Return the names of the stages that this recipe runs, in order."""
        return tuple(stage.name for stage in stages.wanted(self))

    def to_yaml(self) -> str:
        """Return the resolved recipe, every default written out."""
        return yaml.safe_dump(self.model_dump(mode="json"), sort_keys=False, allow_unicode=True)

    @classmethod
    def load(cls, recipe: Path | str, overrides: tuple[str, ...] = ()) -> Recipe:
        """Read a recipe by path or built-in name.

        Args:
            recipe: A YAML file, or the name of a built-in recipe.
            overrides: `KEY.PATH=VALUE` texts, as for `verirl train --set`.

        Returns:
            The checked recipe.

        Raises:
            InputError: If there is no such recipe, or a key is wrong; it names file, line and key.

        Example:
            >>> Recipe.load("quickstart", ("seed=3",)).seed
            3
        """
        return load(find(str(recipe)), overrides)


_STAGE_KEYS: dict[str, Any] = {
    stage.name: (stage.settings_model | None, None)
    for stage in stages.registered()
    if stage.settings_model is not None
}

if TYPE_CHECKING:
    Recipe = RecipeBase
else:
    Recipe = create_model("Recipe", __base__=RecipeBase, __module__=__name__, **_STAGE_KEYS)
    Recipe.__doc__ = "A whole run. Stages that are absent are not run."


def built_in() -> dict[str, str]:
    """The recipes that come with verirl: name → description."""
    found = {}
    for path in sorted(RECIPES.glob("*.yaml")):
        found[path.stem] = str(
            recipe_file.parse(path, path.read_text(encoding="utf-8")).get("description", "")
        )
    return found


def find(argument: str) -> Path:
    """The file that a RECIPE argument names: a path, or a built-in recipe."""
    path = Path(argument)
    if path.is_file():
        return path
    shipped = RECIPES / f"{argument}.yaml"
    if shipped.is_file():
        return shipped
    raise InputError(f"no recipe '{argument}'; {suggestion(argument, built_in(), listed='built in')}")


def load(path: Path, overrides: tuple[str, ...] = ()) -> Recipe:
    """Read and check a recipe file.

    Args:
        path: A YAML file. Keys may have their former names.
        overrides: `KEY.PATH=VALUE` texts.

    Returns:
        The checked recipe.

    Raises:
        InputError: If the file cannot be read, or a key is wrong; it names file, line and key.
    """
    text = recipe_file.read_text(path)
    value = recipe_file.with_current_names(Recipe, recipe_file.parse(path, text))
    changed = {recipe_file.override(Recipe, value, override) for override in overrides}
    try:
        return Recipe.model_validate(value)
    except ValidationError as error:
        raise recipe_file.explain(Recipe, path, text, error, changed) from error


def load_stored(path: Path) -> Recipe:
    """Read the recipe of a run folder, which may be of another version: unknown keys are left out.

    Args:
        path: The `recipe.yaml` of a run folder.

    Returns:
        The recipe, as far as this version knows its keys.

    Raises:
        InputError: If the file is not a recipe.
    """
    try:
        value = recipe_file.with_current_names(Recipe, recipe_file.parse(path, recipe_file.read_text(path)))
    except InputError as error:
        raise InputError.at(path, f"is not a recipe ({error})") from error
    while True:
        try:
            return Recipe.model_validate(value)
        except ValidationError as error:
            if not recipe_file.drop_unknown_key(value, error):
                reason = " ".join(str(error.errors(include_url=False)[0]["msg"]).split())
                raise InputError.at(path, f"is not a recipe ({reason})") from error
