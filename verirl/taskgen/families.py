"""Families of problems: named makers, and the mapping from names to them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any, Generic, TypeVar

from verirl.errors import InputError

ProblemT = TypeVar("ProblemT")
FamilyT = TypeVar("FamilyT", bound="Family[Any]")

STYLES = ("prose", "terse")
"""Styles of a question: in words, or in shorthand."""


@dataclass(frozen=True)
class Family(Generic[ProblemT]):
    """A kind of problem.

    Attributes:
        name: The family's name in task ids and tags.
        subject: The second tag of its tasks.
        make: Draws a problem at a difficulty from 0 to 1.
        terse: Draws a problem for the style `terse`; None if the family has none in that style.
    """

    name: str
    subject: str
    make: Callable[[Random, float], ProblemT]
    terse: Callable[[Random, float], ProblemT] | None = None


def by_name(*groups: Sequence[FamilyT]) -> Mapping[str, FamilyT]:
    """Map each family's name to the family, in the order given."""
    return {family.name: family for group in groups for family in group}


def families_with(families: Mapping[str, Family[Any]], style: str) -> tuple[str, ...]:
    """Return the names of the families that have tasks in a style."""
    return tuple(name for name, family in families.items() if style != "terse" or family.terse)


def maker(
    families: Mapping[str, Family[ProblemT]], name: str, style: str
) -> Callable[[Random, float], ProblemT]:
    """Return what draws the problems of a family in a style; InputError if there is none."""
    family = families[name]
    make = family.terse if style == "terse" else family.make
    if make is None:
        known = ", ".join(families_with(families, style))
        raise InputError(f"family '{name}' has no style '{style}'; there are: {known}")
    return make
