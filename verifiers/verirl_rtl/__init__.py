"""Register-transfer designs in Verilog, judged by simulation, equivalence and synthesis."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from verirl.domain import Domain

if TYPE_CHECKING:
    from click import Command, Option
    from rich.console import RenderableType

    from verirl.domain import Importer, Mutant, StageContext
    from verirl.options import GenerationOptions
    from verirl.outcomes import StageOutcome
    from verirl.scoring import Scheme
    from verirl.spec import Spec
    from verirl.types import Ladder, Task, Verdict
    from verirl_rtl.options import RtlOptions


class RtlDomain(Domain):
    """The domain `rtl`. Its modules are imported when they are first used."""

    name = "rtl"
    version = "1.1"
    confined = True
    deadline_s = 60.0
    """Wall-clock limit of a verdict in seconds: with area, delay and power it runs a dozen tools."""

    @property
    def ladder(self) -> Ladder:
        """The stages extract, policy, elaborate, simulate, equivalent, synthesise and ppa."""
        from verirl_rtl.ladder import LADDER

        return LADDER

    def reward_presets(self) -> Mapping[str, Scheme]:
        """Return published rewards for this ladder."""
        from verirl_rtl.presets import PRESETS

        return PRESETS

    def worker_files(self) -> Mapping[str, Path]:
        """Return the Liberty file in use and, if Verilator is installed, the folder of its compiled runtime.

        The runtime is compiled once per machine, in the background; a worker that needs it earlier waits.
        """
        from verirl_rtl.simulation.verilator_build import (
            RUNTIME_VARIABLE,
            start_runtime_build,
            verilator_installed,
        )
        from verirl_rtl.synthesis.liberty import LIBERTY_VARIABLE, library_path

        return {
            LIBERTY_VARIABLE: library_path(),
            RUNTIME_VARIABLE: start_runtime_build() if verilator_installed() else Path(__file__).parent,
        }

    def tools(self) -> Mapping[str, str]:
        """Return the tools whose version could change a verdict, and the standard-cell library."""
        from verirl_rtl.synthesis.liberty import library_version
        from verirl_rtl.tools import versions

        return {**versions(), "liberty": library_version()}

    def warm_up(self) -> None:
        """Import what every verdict needs, and let pyslang fill its caches."""
        from verirl.optional_dependencies import import_optional

        import_optional("pyslang", "rtl")
        import verirl_rtl.stages  # noqa: F401 - for the import alone
        from verirl_rtl.language.inspection import inspect_trusted

        inspect_trusted("module m(input a, output y); assign y = a; endmodule", "m")

    @property
    def spec_model(self) -> type[Spec]:
        """The pydantic model of a task's `spec`."""
        from verirl_rtl.spec import RtlSpec

        return RtlSpec

    @property
    def options_model(self) -> type[GenerationOptions]:
        """The options of the task families."""
        from verirl_rtl.options import RtlOptions

        return RtlOptions

    @property
    def families(self) -> tuple[str, ...]:
        """The names of the task families."""
        from verirl_rtl.tasks.generate import FAMILIES

        return FAMILIES

    def families_for(self, options: GenerationOptions) -> tuple[str, ...]:
        """Return the families that have tasks in the chosen style."""
        from verirl_rtl.tasks.generate import families_with

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
        from verirl_rtl.tasks.generate import generate

        chosen = self._read(options)
        return generate(
            seed, index, difficulty, split=split, family=family, style=chosen.style, ppa=chosen.ppa
        )

    def _read(self, options: GenerationOptions | None) -> RtlOptions:
        from verirl_rtl.options import RtlOptions

        return options if isinstance(options, RtlOptions) else RtlOptions()

    def stages(self, task: Task, completion: str, context: StageContext) -> Iterator[StageOutcome]:
        """Judge one completion."""
        from verirl_rtl.stages import run_stages

        return run_stages(task, completion, context)

    def mutants(self, task: Task) -> Sequence[Mutant]:
        """Return wrong completions close to the task's reference."""
        from verirl_rtl.tasks.mutants import mutants

        return mutants(task)

    @property
    def importers(self) -> Mapping[str, Importer]:
        """Benchmark name → reader."""
        from verirl_rtl.tasks.importers import IMPORTERS

        return IMPORTERS

    def commands(self) -> Sequence[Command]:
        """Return `verirl rtl`."""
        from verirl_rtl.cli import command

        return (command,)

    @property
    def official_importers(self) -> Mapping[str, Importer]:
        """Benchmark name → reader whose tasks are judged by the benchmark's own testbench."""
        from verirl_rtl.tasks.importers import OFFICIAL_IMPORTERS

        return OFFICIAL_IMPORTERS

    def judging_options(self) -> Sequence[Option]:
        """Return `--liberty`."""
        from verirl_rtl.cli import liberty_option

        return (liberty_option(),)

    def render(self, task: Task, completion: str, verdict: Verdict) -> RenderableType:
        """Return the answer with its first mismatching samples and its area, delay and power."""
        from verirl_rtl.render import render

        return render(task, completion, verdict)


domain = RtlDomain()
