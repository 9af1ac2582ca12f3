"""The base class of a domain: a field whose answers a machine can check.

This module imports nothing heavy, since `verirl --help` loads every domain for the commands that it brings.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from verirl.errors import InputError

if TYPE_CHECKING:
    import click
    from rich.console import RenderableType

    from verirl.options import GenerationOptions
    from verirl.outcomes import StageOutcome
    from verirl.scoring import Scheme
    from verirl.spec import Spec
    from verirl.types import Ladder, Task, Verdict

DEADLINE_S = 10.0
"""Default wall-clock limit of a verdict, in seconds."""


@dataclass(frozen=True)
class StageContext:
    """What a stage may use while it judges one completion.

    Attributes:
        folder: A private temporary folder, emptied afterwards.
        seconds: Wall-clock budget of the whole verdict, counted from dispatch.
        sandboxed: False only if the user gave `--unsafe-no-sandbox`.
    """

    folder: Path
    seconds: float
    sandboxed: bool = True


class Mutant(NamedTuple):
    """A wrong completion close to the right one. `kind` names what was changed."""

    kind: str
    completion: str


Importer = Callable[[Path], "Iterable[Task]"]
"""A reader of a benchmark's published files."""


class Domain(ABC):
    """A field whose answers a machine can check: its tasks, its stages and how to show an answer.

    A domain is a package that announces a subclass, or an instance of one, under the entry point
    `verirl.domains`. Five members are required: `name`, `version`, `ladder`, `spec_model` and `stages`. All
    other members have defaults. A member that is missing or misspelt is named when the domain is loaded.

    A domain whose modules import slowly should import them inside the methods: `verirl --help` loads every
    domain.

    Example:
        A complete domain is in `docs/how-to/add-a-domain.md`; in short:

        >>> from verirl import Domain, Spec, Stage, failed, passed
        >>> class EchoSpec(Spec):
        ...     text: str
        >>> class Echo(Domain):
        ...     name = "echo"
        ...     version = "1"
        ...     ladder = (Stage(name="equal"),)
        ...     spec_model = EchoSpec
        ...     def stages(self, task, completion, context):
        ...         yield passed("equal") if completion == task.spec["text"] else failed("equal")
    """

    confined: bool = True
    """Whether the stages run inside the worker process, which is then sandboxed itself.

    Set it to False if the stages start sandboxed programs of their own (see `verirl.sandbox`).
    """

    deadline_s: float = DEADLINE_S
    """Default wall-clock limit of a verdict, in seconds."""

    @property
    @abstractmethod
    def name(self) -> str:
        """The name of the domain, as in its entry point."""

    @property
    @abstractmethod
    def version(self) -> str:
        """Changes whenever a verdict could; with `tools()` it is part of every verdict's cache key."""

    @property
    @abstractmethod
    def ladder(self) -> Ladder:
        """The stages that an answer goes through, most important first."""

    @property
    @abstractmethod
    def spec_model(self) -> type[Spec]:
        """The pydantic model of a task's `spec`."""

    @abstractmethod
    def stages(self, task: Task, completion: str, context: StageContext) -> Iterator[StageOutcome]:
        """Judge one completion.

        Args:
            task: The task, whose spec has been checked.
            completion: What the model wrote. Untrusted.
            context: Folder, time budget and sandbox state.

        Yields:
            One outcome per stage, in the order of `ladder`. The caller stops at the first correctness stage
            that did not pass.
        """

    def check_spec(self, spec: Mapping[str, Any]) -> None:
        """Check the spec of a task when it is read, so that nothing is refused at reward time.

        Args:
            spec: The spec as it was read from JSON.

        Raises:
            SpecError: If the spec lacks or misstates what the verifier needs; it names the field.
        """
        from verirl.spec import read_spec

        read_spec(self.spec_model, spec)

    def tools(self) -> Mapping[str, str]:
        """Return tool name → version for every tool whose version can change a verdict."""
        return {}

    def worker_files(self) -> Mapping[str, Path]:
        """Return the files that confined workers may read besides the domain's code.

        Returns:
            Environment variable → file or folder. A worker sees each path read-only, and the variable with
            that path.
        """
        return {}

    def warm_up(self) -> None:
        """Import what verdicts need. Called once in each worker, before it judges."""
        return

    @property
    def families(self) -> tuple[str, ...]:
        """The names of the task families that `generate` can make."""
        return ()

    @property
    def options_model(self) -> type[GenerationOptions]:
        """The pydantic model of the options that `generate` takes."""
        from verirl.options import GenerationOptions

        return GenerationOptions

    def families_for(self, options: GenerationOptions) -> tuple[str, ...]:
        """Return the families that can make a task under these options."""
        return self.families

    def difficulty_range(self, family: str, options: GenerationOptions) -> tuple[float, float]:
        """Return the lowest and the highest difficulty at which a family makes tasks, inside [0, 1]."""
        return (0.0, 1.0)

    def generate(
        self,
        seed: int,
        index: int,
        difficulty: float,
        *,
        split: str = "train",
        family: str | None = None,
        options: GenerationOptions | None = None,
    ) -> Task:
        """Make the task at `(split, seed, index)`; the same arguments always make the same task.

        Args:
            seed: Seed of the task set.
            index: Number of the draw.
            difficulty: From 0 (easiest) to 1.
            split: `train` or `eval`; no problem is in both.
            family: One of `families`, or None to draw one.
            options: An instance of `options_model`, or None for the defaults.

        Returns:
            A task with a reference answer.

        Raises:
            InputError: If an argument is out of range, or the family has no such task.
        """
        raise InputError(f"domain '{self.name}' makes no tasks; import them instead (verirl import)")

    def mutants(self, task: Task) -> Sequence[Mutant]:
        """Return wrong completions close to the task's reference, none of them equivalent to it."""
        return ()

    @property
    def importers(self) -> Mapping[str, Importer]:
        """Benchmark name → reader of its published files."""
        return {}

    @property
    def official_importers(self) -> Mapping[str, Importer]:
        """Benchmark name → reader whose tasks are judged by the benchmark's own rule (`--official`)."""
        return {}

    def reward_presets(self) -> Mapping[str, Scheme]:
        """Return reward schemes for this domain's ladder alone, by name."""
        return {}

    def polished(self, task: Task) -> Task | None:
        """Return the same task, but with answers improved by a local optimizer before they are judged.

        Returns:
            The task for `verirl eval --polish`, or None if the domain has no optimizer.
        """
        return None

    def commands(self) -> Sequence[click.Command]:
        """Return commands to add to the command line, such as `verirl optics`."""
        return ()

    def judging_options(self) -> Sequence[click.Option]:
        """Return options to add to the commands that judge (`verify`, `eval`, `train`).

        Each must have `expose_value=False`; see `verirl.cli.options.environment_option`.
        """
        return ()

    def render(self, task: Task, completion: str, verdict: Verdict) -> RenderableType:
        """Return what to show a person of an answer, next to what was asked."""
        from rich.text import Text

        return Text(completion)
