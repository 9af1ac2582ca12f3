"""The advantage estimators: those of this package, and those that installed packages add.

An estimator is one function with its claims and its parameters beside it, declared with `@advantage`. Each
module of this package declares one. Another package adds one by an entry point in the group
`verirl.advantages`, whose name is the estimator's and whose value is the decorated function.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.metadata import entry_points
from typing import Any, TypeVar

from verirl import options, plugins
from verirl.errors import InputError, unknown
from verirl.options import Options
from verirl.types import RewardValue

GROUP = "verirl.advantages"

PROPERTIES = frozenset({"zero-sum", "order", "scale-free", "error-neutral"})
"""The properties that an estimator may claim; `verirl.scoring.properties` tests them."""

SHARED_PARAMS = frozenset({"gamma", "epsilon"})
"""Parameters that every estimator accepts, used or not, so that one can be exchanged for another."""

Params = TypeVar("Params", bound=Options)


@dataclass(frozen=True)
class Estimator:
    """An advantage estimator.

    Attributes:
        name: The name in recipes and reports.
        estimate: Maps the rewards of one group (two or more, no errors) and the parameters to one advantage
            per reward, in order.
        claims: Names of the properties that `verirl audit rewards` checks.
        params: Model of the parameters.
    """

    name: str
    estimate: Callable[[Sequence[RewardValue], Any], list[float]]
    claims: frozenset[str]
    params: type[Options]

    def read_params(self, values: Mapping[str, Any]) -> Options:
        """Validate parameters; InputError if one is unknown or out of range."""
        known = self.params.model_fields
        kept = {name: value for name, value in values.items() if name in known or name not in SHARED_PARAMS}
        return options.read(self.params, kept, f"advantage '{self.name}'")


def advantage(
    name: str, *, claims: set[str] | frozenset[str], params: type[Params]
) -> Callable[[Callable[[Sequence[RewardValue], Params], list[float]]], Estimator]:
    """Declare an advantage estimator.

    Args:
        name: The name in recipes and reports.
        claims: Properties that hold for every group: some of `zero-sum`, `order`, `scale-free` and
            `error-neutral`.
        params: Pydantic model of the parameters; `Options` if there are none.

    Returns:
        A decorator that makes an `Estimator` of a function. The function gets the rewards of one group, at
        least two and without errors, and the parameters, and returns one advantage per reward.

    Raises:
        InputError: If a claim is not the name of a property.

    Example:
        >>> @advantage("minus-mean", claims={"zero-sum"}, params=Options)
        ... def minus_mean(rewards, params):
        ...     mean = sum(reward.value for reward in rewards) / len(rewards)
        ...     return [reward.value - mean for reward in rewards]
        >>> minus_mean.name
        'minus-mean'
    """
    for claim in sorted(claims):
        if claim not in PROPERTIES:
            raise unknown("property", claim, sorted(PROPERTIES))

    def declare(estimate: Callable[[Sequence[RewardValue], Params], list[float]]) -> Estimator:
        return Estimator(name, estimate, frozenset(claims), params)

    return declare


@cache
def _built_in() -> Mapping[str, Estimator]:
    """The estimators of this package's modules."""
    package = importlib.import_module(__package__)
    modules = [
        importlib.import_module(f"{__package__}.{module.name}")
        for module in pkgutil.iter_modules(package.__path__)
    ]
    declared = [value for module in modules for value in vars(module).values()]
    return {one.name: one for one in declared if isinstance(one, Estimator)}


@cache
def _entry_points() -> Mapping[str, Any]:
    return {point.name: point for point in entry_points(group=GROUP) if point.name not in _built_in()}


def names() -> tuple[str, ...]:
    """Return the names of the estimators that are installed, ours first."""
    return (*_built_in(), *sorted(_entry_points()))


@cache
def find(name: str) -> Estimator:
    """Return an estimator.

    Args:
        name: One of `names()`.

    Returns:
        The estimator.

    Raises:
        InputError: If there is none of that name, or an installed package's does not load.
    """
    if name in _built_in():
        return _built_in()[name]
    if name not in _entry_points():
        raise unknown("advantage", name, names())
    point = _entry_points()[name]
    estimator = plugins.load(point, "advantage")
    if not isinstance(estimator, Estimator):
        raise InputError(f"advantage '{name}' ({point.value}) is not declared with @advantage")
    return estimator


def validate(name: str, params: Mapping[str, Any] | None = None) -> Options:
    """Check the name of an estimator and its parameters.

    Args:
        name: One of `names()`.
        params: Parameter name → value. `gamma` and `epsilon` are accepted for every estimator.

    Returns:
        The validated parameters.

    Raises:
        InputError: If the estimator or a parameter is unknown, or a value is out of range.
    """
    return find(name).read_params(params or {})


def advantages(kind: str, rewards: Sequence[RewardValue | None], **params: Any) -> list[float | None]:
    """Compute the group-relative advantage of each answer to one prompt.

    Args:
        kind: Name of the estimator: `grpo`, `dr_grpo`, `lexicographic`, `rloo`, or an installed one.
        rewards: Rewards of the group's answers; None for an answer that could not be verified.
        **params: The estimator's parameters, such as `gamma` (lexicographic) and `epsilon` (grpo). These
            two are ignored by the estimators that do not have them.

    Returns:
        One advantage per reward, in order, and None where the reward is None. An answer that could not be
        verified changes nothing for the others. A group with fewer than two rewards gets zeros, since there
        is nothing to compare.

    Raises:
        InputError: If the estimator or a parameter is unknown or out of range, or the rewards lack what the
            estimator compares (such as a lexicographic key).

    Example:
        >>> rewards = [RewardValue(scheme="binary", value=value) for value in (1.0, 0.0)]
        >>> advantages("dr_grpo", [*rewards, None])
        [0.5, -0.5, None]
    """
    estimator = find(kind)
    values = estimator.read_params(params)
    usable = [reward for reward in rewards if reward is not None]
    if len(usable) < 2:
        return [None if reward is None else 0.0 for reward in rewards]
    estimates = iter(estimator.estimate(usable, values))
    return [None if reward is None else next(estimates) for reward in rewards]
