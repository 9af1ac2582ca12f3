"""Lens design: prescriptions checked by a batched ray tracer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING

from verirl.domain import Domain

if TYPE_CHECKING:
    from click import Command
    from rich.console import RenderableType

    from verirl.domain import Importer, Mutant, StageContext
    from verirl.options import GenerationOptions
    from verirl.outcomes import StageOutcome
    from verirl.scoring import Scheme
    from verirl.spec import Spec
    from verirl.types import Ladder, Task, Verdict
    from verirl_optics.options import OpticsOptions


class OpticsDomain(Domain):
    """The domain `optics`; its modules are imported when they are first needed."""

    name = "optics"
    version = "1.4"
    confined = True

    @property
    def ladder(self) -> Ladder:
        """extract → format → feasible → accurate, then quality."""
        from verirl_optics.ladder import LADDER

        return LADDER

    def reward_presets(self) -> Mapping[str, Scheme]:
        """Return reward schemes for this ladder alone."""
        from verirl_optics.presets import PRESETS

        return PRESETS

    def tools(self) -> Mapping[str, str]:
        """Return the version of PyTorch, which can change a verdict."""
        try:
            return {"torch": version("torch")}
        except PackageNotFoundError:
            return {"torch": "missing"}

    def warm_up(self) -> None:
        """Import what verdicts need, and use one thread, since a worker has one core."""
        from verirl.optional_dependencies import import_optional

        import_optional("torch", "optics").set_num_threads(1)
        from verirl_optics import requirements, stages  # noqa: F401 - for the import alone
        from verirl_optics.raytrace.glass import glass_table

        glass_table()

    @property
    def spec_model(self) -> type[Spec]:
        """The pydantic model of a task's `spec`."""
        from verirl_optics.spec import OpticsSpec

        return OpticsSpec

    @property
    def options_model(self) -> type[GenerationOptions]:
        """The options of the task families."""
        from verirl_optics.options import OpticsOptions

        return OpticsOptions

    @property
    def families(self) -> tuple[str, ...]:
        """The names of the lens families."""
        from verirl_optics.tasks.generate import FAMILIES

        return FAMILIES

    def families_for(self, options: GenerationOptions) -> tuple[str, ...]:
        """Return the families that have tasks in the chosen style."""
        from verirl_optics.tasks import compact_prompts

        return compact_prompts.FAMILIES if self._read(options).style == "terse" else self.families

    def difficulty_range(self, family: str, options: GenerationOptions) -> tuple[float, float]:
        """Return the fifth of the difficulties that is the level of a family; all in style terse."""
        from verirl_optics.tasks.generate import difficulty_range

        return (0.0, 1.0) if self._read(options).style == "terse" else difficulty_range(family)

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
        if self._read(options).style == "terse":
            from verirl_optics.tasks import compact_prompts

            return compact_prompts.generate_task(seed, index, difficulty, split=split, family=family)
        from verirl_optics.tasks.generate import generate_task

        return generate_task(seed, index, difficulty, split=split, family=family)

    def _read(self, options: GenerationOptions | None) -> OpticsOptions:
        from verirl_optics.options import OpticsOptions

        return options if isinstance(options, OpticsOptions) else OpticsOptions()

    def stages(self, task: Task, completion: str, context: StageContext) -> Iterator[StageOutcome]:
        """Judge one completion."""
        from verirl_optics.stages import run_stages

        return run_stages(task, completion)

    def polished(self, task: Task) -> Task | None:
        """Return the task with `polish` set: answers are polished before they are judged."""
        return task.model_copy(update={"spec": {**task.spec, "polish": True}})

    def mutants(self, task: Task) -> Sequence[Mutant]:
        """Return wrong completions close to the reference of the task."""
        from verirl_optics.tasks.mutants import mutants

        return mutants(task)

    @property
    def importers(self) -> Mapping[str, Importer]:
        """Benchmark name → reader."""
        from verirl_optics.tasks.importers import IMPORTERS

        return IMPORTERS

    def commands(self) -> Sequence[Command]:
        """Return `verirl optics`."""
        from verirl_optics.commands.optics import command

        return (command,)

    def render(self, task: Task, completion: str, verdict: Verdict) -> RenderableType:
        """Return the answer next to the limits, with the stages."""
        from verirl_optics.render import render

        return render(task, completion, verdict)


domain = OpticsDomain()
