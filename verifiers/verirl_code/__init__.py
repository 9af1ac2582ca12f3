"""Python functions and programs, judged by running them where they can do no harm."""

from __future__ import annotations

import platform
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from verirl.types import Ladder

if TYPE_CHECKING:
    from rich.console import RenderableType

    from verirl.domains import Finding, Importer, Job, Mutant
    from verirl.types import Task, Verdict


class CodeDomain:
    """The domain `code`; its rooms are imported when they are first needed."""

    name = "code"
    version = "1.2"
    confined = False

    @property
    def ladder(self) -> Ladder:
        """extract → parse → runs → tests, then efficiency."""
        from verirl_code.ladder import LADDER

        return LADDER

    def tools(self) -> Mapping[str, str]:
        """The interpreter that answers run in is this one."""
        return {"python": platform.python_version()}

    def check_spec(self, spec: Mapping[str, Any]) -> None:
        """Raise SpecError where `spec` is not a code spec that can be checked."""
        from verirl_code.spec import check_spec

        check_spec(spec)

    @property
    def families(self) -> tuple[str, ...]:
        """The names of the task families."""
        from verirl_code.synth import FAMILIES

        return FAMILIES

    def families_with(self, style: str = "prose", **_: object) -> tuple[str, ...]:
        """The families that have tasks in a style."""
        from verirl_code.synth import families_with

        return families_with(style)

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
        """The task at `(split, seed, index)`, in words (`prose`) or as one lambda in shorthand (`terse`)."""
        from verirl_code.synth import synth

        return synth(seed, index, difficulty, split=split, family=family, style=style)

    def stages(self, task: Task, completion: str, job: Job) -> Iterator[Finding]:
        """Judge one completion."""
        from verirl_code.stages import climb

        return climb(task, completion, job)

    def mutants(self, task: Task) -> Sequence[Mutant]:
        """Wrong completions near the task's reference."""
        from verirl_code.mutants import mutants

        return mutants(task)

    @property
    def importers(self) -> Mapping[str, Importer]:
        """Benchmark name → reader."""
        from verirl_code.importers import IMPORTERS

        return IMPORTERS

    def render(self, task: Task, completion: str, verdict: Verdict) -> RenderableType:
        """The answer beside the test that it fails."""
        from verirl_code.render import render

        return render(task, completion, verdict)


domain = CodeDomain()
