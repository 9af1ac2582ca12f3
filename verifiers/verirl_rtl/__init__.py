"""Register-transfer designs in Verilog, judged by simulation, equivalence and synthesis."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from verirl.types import Ladder

if TYPE_CHECKING:
    from click import Command
    from rich.console import RenderableType

    from verirl.domains import Finding, Importer, Job, Mutant
    from verirl.rewards import Scheme
    from verirl.types import Task, Verdict


class RtlDomain:
    """The domain `rtl`; its rooms are imported when they are first needed."""

    name = "rtl"
    version = "1.1"
    confined = True
    deadline_s = 60.0
    """A verdict with area, delay and power runs a dozen tools; each has limits of its own."""

    @property
    def ladder(self) -> Ladder:
        """extract → policy → elaborate → simulate → equivalent, then synthesise and ppa."""
        from verirl_rtl.ladder import LADDER

        return LADDER

    @property
    def presets(self) -> Mapping[str, Scheme]:
        """Published rewards for this ladder."""
        from verirl_rtl.presets import PRESETS

        return PRESETS

    @property
    def files(self) -> Mapping[str, Path]:
        """What a worker reads: the Liberty file in use and, if there is Verilator, its compiled runtime.

        That is compiled once for a machine; a worker that needs it before it is there waits for it.
        """
        from verirl_rtl.liberty import VARIABLE, library_path
        from verirl_rtl.verilating import RUNTIME, begun, there

        return {VARIABLE: library_path(), RUNTIME: begun() if there() else Path(__file__).parent}

    def tools(self) -> Mapping[str, str]:
        """The tools whose version could change a verdict, and the standard cells."""
        from verirl_rtl.liberty import library_version
        from verirl_rtl.tools import versions

        return {**versions(), "liberty": library_version()}

    def warm(self) -> None:
        """Import what every verdict needs, once a worker, and let the reader make what it keeps."""
        from verirl.extras import need

        need("pyslang", "rtl")
        import verirl_rtl.stages  # noqa: F401 - for the import alone
        from verirl_rtl.policy import survey

        survey("module m(input a, output y); assign y = a; endmodule", "m")

    def check_spec(self, spec: Mapping[str, Any]) -> None:
        """Raise SpecError where `spec` is not an RTL spec that an answer can be held to."""
        from verirl_rtl.spec import read_spec

        read_spec(spec)

    @property
    def families(self) -> tuple[str, ...]:
        """The names of the task families."""
        from verirl_rtl.synth import FAMILIES

        return FAMILIES

    def families_with(self, style: str = "prose", **_: object) -> tuple[str, ...]:
        """The families that have tasks in a style."""
        from verirl_rtl.synth import families_with

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
        ppa: str = "score",
    ) -> Task:
        """The task at `(split, seed, index)`, in words (`prose`) or in shorthand (`terse`)."""
        from verirl_rtl.synth import synth

        return synth(seed, index, difficulty, split=split, family=family, style=style, ppa=ppa)

    def stages(self, task: Task, completion: str, job: Job) -> Iterator[Finding]:
        """Judge one completion."""
        from verirl_rtl.stages import climb

        return climb(task, completion, job)

    def mutants(self, task: Task) -> Sequence[Mutant]:
        """Wrong completions near the task's reference."""
        from verirl_rtl.mutants import mutants

        return mutants(task)

    @property
    def importers(self) -> Mapping[str, Importer]:
        """Benchmark name → reader."""
        from verirl_rtl.importers import IMPORTERS

        return IMPORTERS

    @property
    def command(self) -> Command:
        """The click command `verirl rtl`."""
        from verirl_rtl.cli import command

        return command

    def render(self, task: Task, completion: str, verdict: Verdict) -> RenderableType:
        """The answer beside its first mismatching cycle and its area, delay and power."""
        from verirl_rtl.render import render

        return render(task, completion, verdict)


domain = RtlDomain()
