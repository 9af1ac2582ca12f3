"""One draw of a task: its arguments, its random numbers, its split and its identity.

Everything is a function of (domain, split, seed, index, family, difficulty, style), so a task can be drawn
again from its id and tags. A hash of the problem assigns it to one split.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any, TypeVar

from verirl import __version__, seeds
from verirl.errors import InputError
from verirl.taskgen.families import STYLES
from verirl.types import Message, Source, Task

ProblemT = TypeVar("ProblemT")

SPLITS = ("train", "eval")
EVAL_ONE_IN = 4
"""One problem in this many belongs to the eval split."""
MAX_DRAWS = 1000
"""Draws after which a family has no problem left for a split; chance alone never needs as many."""


def check_draw(difficulty: float, **choices: tuple[str | None, Sequence[str]]) -> None:
    """Check the arguments of one draw.

    Args:
        difficulty: From 0 to 1.
        **choices: Name of an argument → (its value, the values that exist); None is always allowed.

    Raises:
        InputError: For the first argument that is out of range or unknown.
    """
    if not 0.0 <= difficulty <= 1.0:
        raise InputError(f"difficulty {difficulty:g} is not in [0, 1]")
    for what, (value, known) in choices.items():
        if value is not None and value not in known:
            raise InputError(f"unknown {what} '{value}'; there are: {', '.join(known)}")


@dataclass(frozen=True)
class TaskDraw:
    """What one task is drawn from.

    Attributes:
        domain: Name of the domain.
        family: Name of the family.
        split: `train` or `eval`.
        difficulty: From 0 to 1.
        style: `prose` or `terse`.
        source: Seed and index of the draw, and who made the task.
    """

    domain: str
    family: str
    split: str
    difficulty: float
    style: str
    source: Source

    @property
    def seed(self) -> int:
        """Seed of the task set."""
        return self.source.seed or 0

    @property
    def index(self) -> int:
        """Number of the draw."""
        return self.source.index or 0

    def rng(self, *names: str | int) -> Random:
        """Return random numbers for one purpose of this draw."""
        return seeds.rng(self.domain, self.split, self.seed, self.index, self.family, *names)

    def problems(
        self,
        make: Callable[[int], ProblemT],
        identity: Callable[[ProblemT], str],
        noun: str = "problem",
    ) -> Iterator[ProblemT]:
        """Yield the problems of this draw's split, in the order of the attempts.

        Args:
            make: Draws the problem of an attempt, numbered from 0.
            identity: Text of a problem; two different problems have different texts.
            noun: What an error message calls a problem.

        Raises:
            InputError: After `MAX_DRAWS` attempts.
        """
        for attempt in range(MAX_DRAWS):
            problem = make(attempt)
            if split_of(self.domain, self.family, identity(problem)) == self.split:
                yield problem
        raise InputError(
            f"family '{self.family}' has no {noun} for split '{self.split}' at difficulty {self.difficulty:g}"
        )

    def task(self, question: str, spec: dict[str, Any], reference: str, tags: tuple[str, ...]) -> Task:
        """Make the task of this draw."""
        return Task(
            id=f"{self.domain}/{self.family}/{self.split}-{self.source.seed}-{self.source.index:06d}",
            domain=self.domain,
            prompt=(Message(role="user", content=question),),
            spec=spec,
            reference=reference,
            difficulty=self.difficulty,
            tags=tags,
            split="eval" if self.split == "eval" else "train",
            source=self.source,
        )


def start_draw(
    domain: str,
    families: Sequence[str],
    seed: int,
    index: int,
    difficulty: float,
    *,
    split: str,
    family: str | None,
    style: str = "prose",
) -> TaskDraw:
    """Choose the family of a draw, if none is given.

    Args:
        domain: Name of the domain.
        families: Families to choose from.
        seed: Seed of the task set.
        index: Number of the draw.
        difficulty: From 0 to 1.
        split: `train` or `eval`.
        family: Name of the family; None chooses one at random.
        style: `prose` or `terse`.
    """
    name = family or seeds.rng(domain, split, seed, index, "family").choice(families)
    source = Source(name="verirl", version=__version__, license="Apache-2.0", seed=seed, index=index)
    return TaskDraw(domain, name, split, difficulty, style, source)


def split_of(domain: str, family: str, identity: str) -> str:
    """Return the split that a problem belongs to."""
    return "eval" if seeds.derive(domain, family, identity) % EVAL_ONE_IN == 0 else "train"


def draw_again(
    task: Task,
    domain: str,
    families: Mapping[str, Any],
    tags: tuple[str, ...],
    draw: Callable[[TaskDraw], ProblemT],
    write: Callable[[ProblemT, TaskDraw], Task],
) -> ProblemT | None:
    """Return the problem that a generated task was made from.

    Args:
        task: Any task.
        domain: Name of the domain.
        families: The domain's families.
        tags: Meaning of each tag of a generated task; the first three are family, subject and style.
        draw: Draws the problem.
        write: Makes the task of a problem.

    Returns:
        The problem; None if `task` was not generated by this version of the domain.
    """
    source = task.source
    if source is None or source.seed is None or source.index is None or task.difficulty is None:
        return None
    if task.domain != domain or len(task.tags) != len(tags):
        return None
    family, _, style = task.tags[:3]
    if family not in families or style not in STYLES:
        return None
    origin = TaskDraw(domain, family, task.split, task.difficulty, style, source)
    try:
        problem = draw(origin)
    except InputError:
        return None
    return problem if write(problem, origin) == task else None
