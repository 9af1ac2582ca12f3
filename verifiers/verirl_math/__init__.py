"""Mathematics with exactly checkable answers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

from verirl.types import Ladder

if TYPE_CHECKING:
    from rich.console import RenderableType

    from verirl.domains import Finding, Importer, Job, Mutant
    from verirl.types import Task, Verdict


class MathDomain:
    """The domain `math`; its rooms are imported when they are first needed."""

    name = "math"
    version = "1.4"
    confined = True

    @property
    def ladder(self) -> Ladder:
        """extract → parse → equivalent, then form."""
        from verirl_math.ladder import LADDER

        return LADDER

    def tools(self) -> Mapping[str, str]:
        """The packages whose version could change a verdict."""
        return {name: _version(name) for name in ("mpmath", "sympy")}

    def check_spec(self, spec: Mapping[str, Any]) -> None:
        """Raise SpecError where `spec` is not a math spec whose gold can be checked."""
        from verirl_math.spec import check_spec

        check_spec(spec)

    @property
    def families(self) -> tuple[str, ...]:
        """The names of the problem families."""
        from verirl_math.synth import FAMILIES

        return FAMILIES

    def synth(
        self,
        seed: int,
        index: int,
        difficulty: float,
        *,
        split: str = "train",
        family: str | None = None,
        style: str = "prose",
    ) -> Task:
        """The task at `(split, seed, index)`, in words (`prose`) or in shorthand (`terse`)."""
        from verirl_math.synth import synth

        return synth(seed, index, difficulty, split=split, family=family, style=style)

    def stages(self, task: Task, completion: str, job: Job) -> Iterator[Finding]:
        """Judge one completion."""
        from verirl_math.stages import climb

        return climb(task, completion)

    def mutants(self, task: Task) -> Sequence[Mutant]:
        """Wrong completions near the task's reference."""
        from verirl_math.mutants import mutants

        return mutants(task)

    @property
    def importers(self) -> Mapping[str, Importer]:
        """Benchmark name → reader."""
        from verirl_math.importers import IMPORTERS

        return IMPORTERS

    def render(self, task: Task, completion: str, verdict: Verdict) -> RenderableType:
        """The answer beside the gold, with the ladder."""
        from verirl_math.render import render

        return render(task, completion, verdict)


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "missing"


domain = MathDomain()
