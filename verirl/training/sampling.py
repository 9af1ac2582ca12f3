"""Mixing policies: which tasks each generation of GRPO samples completions for.

A policy is one class with its parameters beside it, registered by `@sampling_policy(NAME)` or announced by a
package under the entry point `verirl.sampling_policies`. It sees what earlier generations were worth
(`observe`), so it can adapt. What it remembers goes into every checkpoint (`state_dict`), so resuming stays
exact.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any, ClassVar, NamedTuple, TypeVar

from pydantic import ValidationError

from verirl import plugins
from verirl.errors import InputError, unknown
from verirl.training import schedule
from verirl.training.settings import Settings
from verirl.types import Task, Verdict

GROUP = "verirl.sampling_policies"


class TaskSource(NamedTuple):
    """One source of a mixture: its name in the recipe, its tasks, its weight."""

    name: str
    tasks: Sequence[Task]
    weight: float


class SampleResult(NamedTuple):
    """What one completion of a generation was worth; `advantage` is None if it could not be judged."""

    task_id: str
    verdict: Verdict
    advantage: float | None


class NoParameters(Settings):
    """The parameters of a policy that has none."""


class SamplingPolicy(ABC):
    """Chooses the tasks of each generation.

    Attributes:
        parameters_model: The keys of `grpo.sampling` beside `policy`.
    """

    parameters_model: ClassVar[type[Settings]] = NoParameters

    def __init__(self, sources: Sequence[TaskSource], seed: int, parameters: Settings) -> None:
        self.sources = sources
        self.seed = seed
        self.parameters = parameters

    @abstractmethod
    def choose(self, generation: int, count: int) -> list[Task]:
        """Return the `count` tasks of a generation, in order.

        Called once per generation, in rising order, except that a resumed run repeats none that it finished.
        """

    def observe(self, generation: int, results: Sequence[SampleResult]) -> None:
        """Take note of what a generation's completions were worth."""
        return

    def state_dict(self) -> dict[str, Any]:
        """Return what a checkpoint has to keep: plain numbers, texts, lists and dictionaries."""
        return {}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from the state of a checkpoint."""
        return


PolicyClass = TypeVar("PolicyClass", bound=type[SamplingPolicy])

_registered: dict[str, type[SamplingPolicy]] = {}


def sampling_policy(name: str) -> Callable[[PolicyClass], PolicyClass]:
    """Register a policy under the name that a recipe uses."""

    def register(kind: PolicyClass) -> PolicyClass:
        _registered[name] = kind
        return kind

    return register


@sampling_policy("fixed")
class Fixed(SamplingPolicy):
    """Every source in proportion to its weight, item by item in shuffled epochs, whatever happens."""

    def __init__(self, sources: Sequence[TaskSource], seed: int, parameters: Settings) -> None:
        super().__init__(sources, seed, parameters)
        self._draws: list[tuple[int, int]] = []

    def choose(self, generation: int, count: int) -> list[Task]:
        """Return the next `count` draws of the schedule."""
        first, end = generation * count, (generation + 1) * count
        if len(self._draws) < end:
            sizes = [len(source.tasks) for source in self.sources]
            weights = [source.weight for source in self.sources]
            # A longer schedule begins like a shorter one.
            self._draws = schedule.mixture(sizes, weights, 2 * end, self.seed)
        return [self.sources[which].tasks[index] for which, index in self._draws[first:end]]


@cache
def policies() -> Mapping[str, type[SamplingPolicy]]:
    """Return all policies by name, those of installed packages included.

    Raises:
        InputError: If an installed policy does not load.
    """
    known = dict(_registered)
    for name, kind in plugins.subclasses(GROUP, "sampling policy", SamplingPolicy):  # type: ignore[type-abstract]
        known.setdefault(name, kind)
    return known


def read_parameters(name: str, values: Mapping[str, Any]) -> Settings:
    """Validate the parameters of a policy.

    Raises:
        InputError: If there is no such policy, or a parameter is wrong.
    """
    if name not in policies():
        raise unknown("sampling policy", name, policies())
    model = policies()[name].parameters_model
    try:
        return model.model_validate(dict(values))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        key = ".".join(map(str, first["loc"]))
        if first["type"] == "extra_forbidden":
            known = ", ".join(model.model_fields) or "none"
            raise InputError(f"sampling policy '{name}' has no parameter '{key}'; it has: {known}") from error
        raise InputError(f"sampling policy '{name}': {key}: {first['msg']}") from error


def make_policy(
    name: str, values: Mapping[str, Any], sources: Sequence[TaskSource], seed: int
) -> SamplingPolicy:
    """Make the policy of a recipe.

    Args:
        name: The policy.
        values: Its parameters.
        sources: The mixture.
        seed: The recipe's seed.

    Raises:
        InputError: If there is no such policy, or a parameter is wrong.
    """
    parameters = read_parameters(name, values)
    return policies()[name](sources, seed, parameters)
