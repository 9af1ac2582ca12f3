"""Judge Python functions and programs by running them in a sandbox."""

from __future__ import annotations

import platform
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from verirl.domain import Domain

if TYPE_CHECKING:
    from rich.console import RenderableType

    from verirl.domain import Importer, Mutant, StageContext
    from verirl.options import GenerationOptions
    from verirl.outcomes import StageOutcome
    from verirl.spec import Spec
    from verirl.types import Ladder, Task, Verdict
    from verirl_code.options import CodeOptions


class CodeDomain(Domain):
    """The domain `code`; its modules are imported when they are first needed."""

    name = "code"
    version = "1.2"
    confined = False

    @property
    def ladder(self) -> Ladder:
        """The stages extract, parse, runs and tests, then the quality stage efficiency."""
        from verirl_code.ladder import LADDER

        return LADDER

    def tools(self) -> Mapping[str, str]:
        """Return the version of this Python, in which the answers run, too."""
        return {"python": platform.python_version()}

    @property
    def spec_model(self) -> type[Spec]:
        """The pydantic model of a task's `spec`."""
        from verirl_code.spec import CodeSpec

        return CodeSpec

    @property
    def options_model(self) -> type[GenerationOptions]:
        """The options of the task families."""
        from verirl_code.options import CodeOptions

        return CodeOptions

    def check_spec(self, spec: Mapping[str, Any]) -> None:
        """Check the spec of a task, and that the code in it parses and can test an answer."""
        from verirl_code.spec import check_spec

        check_spec(spec)

    @property
    def families(self) -> tuple[str, ...]:
        """The names of the task families."""
        from verirl_code.tasks.generate import FAMILIES

        return FAMILIES

    def families_for(self, options: GenerationOptions) -> tuple[str, ...]:
        """Return the families that have tasks in the style of the options."""
        from verirl_code.tasks.generate import families_with

        return families_with(self._read(options).style)

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
        """Make the task at `(split, seed, index)`."""
        from verirl_code.tasks.generate import generate

        chosen = self._read(options)
        return generate(seed, index, difficulty, split=split, family=family, style=chosen.style)

    def _read(self, options: GenerationOptions | None) -> CodeOptions:
        from verirl_code.options import CodeOptions

        return options if isinstance(options, CodeOptions) else CodeOptions()

    def stages(self, task: Task, completion: str, context: StageContext) -> Iterator[StageOutcome]:
        """Judge one completion."""
        from verirl_code.stages import judge

        return judge(task, completion, context)

    def mutants(self, task: Task) -> Sequence[Mutant]:
        """Return wrong completions close to the task's reference."""
        from verirl_code.tasks.mutants import mutants

        return mutants(task)

    @property
    def importers(self) -> Mapping[str, Importer]:
        """Benchmark name → reader."""
        from verirl_code.tasks.importers import IMPORTERS

        return IMPORTERS

    def render(self, task: Task, completion: str, verdict: Verdict) -> RenderableType:
        """Return the answer next to the test that it fails."""
        from verirl_code.render import render

        return render(task, completion, verdict)


domain = CodeDomain()
