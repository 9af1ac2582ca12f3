"""Mathematics with exactly checkable answers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

from verirl.domain import Domain

if TYPE_CHECKING:
    from rich.console import RenderableType

    from verirl.domain import Importer, Mutant, StageContext
    from verirl.options import GenerationOptions
    from verirl.outcomes import StageOutcome
    from verirl.spec import Spec
    from verirl.types import Ladder, Task, Verdict
    from verirl_math.options import MathOptions


class MathDomain(Domain):
    """The domain `math`; its modules are imported when they are first needed."""

    name = "math"
    version = "1.4"
    confined = True

    @property
    def ladder(self) -> Ladder:
        """The stages: extract → parse → equivalent, then form."""
        from verirl_math.ladder import LADDER

        return LADDER

    def tools(self) -> Mapping[str, str]:
        """The packages whose version could change a verdict."""
        return {name: _version(name) for name in ("mpmath", "sympy")}

    @property
    def spec_model(self) -> type[Spec]:
        """The pydantic model of a task's `spec`."""
        from verirl_math.spec import MathSpec

        return MathSpec

    @property
    def options_model(self) -> type[GenerationOptions]:
        """The options of the task families."""
        from verirl_math.options import MathOptions

        return MathOptions

    def check_spec(self, spec: Mapping[str, Any]) -> None:
        """Raise SpecError if `spec` is not a math spec, or its gold answer cannot be checked."""
        from verirl_math.spec import check_spec

        check_spec(spec)

    @property
    def families(self) -> tuple[str, ...]:
        """The names of the problem families."""
        from verirl_math.tasks.generate import FAMILIES

        return FAMILIES

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
        from verirl_math.tasks.generate import generate_task

        style = self._read_options(options).style
        return generate_task(seed, index, difficulty, split=split, family=family, style=style)

    def _read_options(self, options: GenerationOptions | None) -> MathOptions:
        from verirl_math.options import MathOptions

        return options if isinstance(options, MathOptions) else MathOptions()

    def stages(self, task: Task, completion: str, context: StageContext) -> Iterator[StageOutcome]:
        """Judge one completion."""
        from verirl_math.stages import judge_completion

        return judge_completion(task, completion)

    def mutants(self, task: Task) -> Sequence[Mutant]:
        """Make wrong completions that resemble the task's reference."""
        from verirl_math.tasks.mutants import mutants

        return mutants(task)

    @property
    def importers(self) -> Mapping[str, Importer]:
        """Name of a benchmark → what imports it."""
        from verirl_math.tasks.importers import IMPORTERS

        return IMPORTERS

    def render(self, task: Task, completion: str, verdict: Verdict) -> RenderableType:
        """Show the answer, the gold answer and every stage."""
        from verirl_math.render import render

        return render(task, completion, verdict)


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "missing"


domain = MathDomain()
