"""What a domain is, and how the installed ones are found (entry-point group `verirl.domains`)."""

from __future__ import annotations

import difflib
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import EntryPoint, entry_points, metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, runtime_checkable

from verirl.errors import InputError, ToolMissingError, VerirlError
from verirl.types import DETAIL_LIMIT, Ladder, StageResult, Status, Task, Verdict

if TYPE_CHECKING:
    from rich.console import RenderableType

GROUP = "verirl.domains"
DEADLINE_S = 10.0
"""Seconds for a verdict of a domain that names none."""


@dataclass(frozen=True)
class Job:
    """What a stage may rely on while it judges one completion.

    `folder`: a private temporary folder, emptied afterwards. `seconds`: wall-clock budget of the whole
    verdict, counted from dispatch. `sandboxed`: False only where the user gave `--unsafe-no-sandbox`.
    """

    folder: Path
    seconds: float
    sandboxed: bool = True


@dataclass(frozen=True)
class Finding:
    """One stage's result, with the figures and the words that it adds to the verdict."""

    stage: StageResult
    metrics: Mapping[str, float] = field(default_factory=dict)
    feedback: str = ""


def passed(name: str, score: float = 1.0, detail: str = "", **metrics: float) -> Finding:
    """The stage was climbed; a quality stage says with what `score`."""
    return Finding(_result(name, Status.PASSED, score, detail), metrics)


def failed(name: str, score: float = 0.0, detail: str = "", feedback: str = "", **metrics: float) -> Finding:
    """The answer is at fault; `score` below 1 is partial credit, `feedback` is for the answer's author."""
    return Finding(_result(name, Status.FAILED, score, detail), metrics, feedback or detail)


def timed_out(name: str, detail: str = "", score: float = 0.0) -> Finding:
    """The answer took longer than its limit."""
    return Finding(_result(name, Status.TIMEOUT, score, detail), feedback=detail)


def errored(name: str, detail: str) -> Finding:
    """We could not tell: a tool is missing or broke. Never becomes a reward."""
    return Finding(_result(name, Status.ERROR, 0.0, detail))


def skipped(name: str, detail: str = "") -> Finding:
    """The stage does not apply to this task."""
    return Finding(_result(name, Status.SKIPPED, 0.0, detail))


def _result(name: str, status: Status, score: float, detail: str) -> StageResult:
    return StageResult(name=name, status=status, score=score, detail=detail[:DETAIL_LIMIT])


class Mutant(NamedTuple):
    """A wrong completion near the right one. `kind` names what was changed."""

    kind: str
    completion: str


Importer = Callable[[Path], Iterable[Task]]


@runtime_checkable
class Domain(Protocol):
    """Six questions (synthesis, extraction, stages, mutants, importers, rendering) and their names.

    `version` changes whenever a verdict could; with `tools()` it is part of every verdict's cache key.
    `confined`: its stages run wholly inside the worker process, so that the worker itself is sandboxed.
    A domain whose stages start sandboxed programs of their own sets it to False.
    """

    name: str
    version: str
    ladder: Ladder
    confined: bool

    def tools(self) -> Mapping[str, str]:
        """Tool name → version, for every tool whose version can change a verdict."""
        ...

    def check_spec(self, spec: Mapping[str, Any]) -> None:
        """Raise `SpecError` where a task's spec lacks or misstates what the verifier needs."""
        ...

    @property
    def families(self) -> tuple[str, ...]:
        """The names of the task families that `synth` can make."""
        ...

    def synth(
        self, seed: int, index: int, difficulty: float, *, split: str = "train", family: str | None = None
    ) -> Task:
        """The task at `(split, seed, index)`: deterministic; `family` None means drawn."""
        ...

    def stages(self, task: Task, completion: str, job: Job) -> Iterator[Finding]:
        """Climb the ladder, one finding a stage, in order; the caller stops pulling at the first fall."""
        ...

    def mutants(self, task: Task) -> Sequence[Mutant]:
        """Wrong completions near the task's reference, none of them equivalent to it."""
        ...

    @property
    def importers(self) -> Mapping[str, Importer]:
        """Benchmark name → reader of its published layout."""
        ...

    def render(self, task: Task, completion: str, verdict: Verdict) -> RenderableType:
        """Show a person the answer beside what was asked."""
        ...


@cache
def installed() -> Mapping[str, EntryPoint]:
    """Domain name → entry point. Nothing is imported yet."""
    return {point.name: point for point in entry_points(group=GROUP)}


def files(name: str) -> Mapping[str, Path]:
    """What the confined workers of a domain may read besides its code: environment variable → file or folder.

    A domain that needs some has an attribute `files`; each worker sees the path as it is, read-only, and the
    variable with that path.
    """
    found: Mapping[str, Path] = getattr(load(name), "files", {})
    return found


def check_draw(difficulty: float, **choices: tuple[str | None, Sequence[str]]) -> None:
    """What every `synth` asks: `difficulty` in [0, 1], each choice (unless None) among the known ones.

    `choices`: name → (value, known values). Raises InputError on the first that is not.
    """
    if not 0.0 <= difficulty <= 1.0:
        raise InputError(f"difficulty {difficulty:g} is not in [0, 1]")
    for what, (value, known) in choices.items():
        if value is not None and value not in known:
            raise InputError(f"unknown {what} '{value}'; there are: {', '.join(known)}")


def families_with(domain: Domain, options: Mapping[str, Any]) -> tuple[str, ...]:
    """The families that can make a task under these options: a domain that leaves some out has the like."""
    narrowed: Callable[..., tuple[str, ...]] | None = getattr(domain, "families_with", None)
    return domain.families if narrowed is None else narrowed(**options)


def span(domain: Domain, family: str, options: Mapping[str, Any]) -> tuple[float, float]:
    """The difficulties at which a family is at home: all, unless the domain has a method `span` that says."""
    narrowed: Callable[..., tuple[float, float]] | None = getattr(domain, "span", None)
    return (0.0, 1.0) if narrowed is None else narrowed(family, **options)


def deadline(domain: Domain) -> float:
    """Seconds that a verdict may take where nobody says: a domain with slow tools has `deadline_s`."""
    return float(getattr(domain, "deadline_s", DEADLINE_S))


@cache
def load(name: str) -> Domain:
    """The domain called `name`.

    Raises InputError where none is installed or it does not import, ToolMissingError where a Python package
    that it needs is not there.
    """
    points = installed()
    if name not in points:
        near = difflib.get_close_matches(name, points, n=1)
        hint = f"did you mean '{near[0]}'?" if near else f"installed: {', '.join(sorted(points)) or 'none'}"
        raise InputError(f"unknown domain '{name}'; {hint}")
    try:
        found = points[name].load()
        made = found() if callable(found) else found
        domain = made if isinstance(made, Domain) else None
    except ToolMissingError:
        raise
    except ModuleNotFoundError as problem:
        package = f"the Python package '{problem.name}' (for domain '{name}')"
        raise ToolMissingError(package, _install_line(name, str(problem.name))) from problem
    except Exception as problem:
        raise InputError(f"domain '{name}' ({points[name].value}) does not load: {problem}") from problem
    if domain is None:
        raise InputError(f"domain '{name}' ({points[name].value}) does not answer the Domain protocol")
    return domain


def _install_line(domain: str, module: str) -> str:
    ours = domain in (metadata("verirl").get_all("Provides-Extra") or ())
    return f"pip install 'verirl[{domain}]'" if ours else f"pip install {module.partition('.')[0]}"


def load_all() -> Mapping[str, Domain]:
    """Every domain that loads; one that does not warns and is left out, so one breaks no other."""
    loaded: dict[str, Domain] = {}
    for name in sorted(installed()):
        try:
            loaded[name] = load(name)
        except VerirlError as problem:
            warnings.warn(str(problem), stacklevel=2)
    return loaded
