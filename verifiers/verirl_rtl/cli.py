"""`verirl rtl`: the commands that this domain adds to the command line."""

from __future__ import annotations

from pathlib import Path
from typing import TextIO

import click

from verirl.cli import console
from verirl.cli.options import environment_option

LIBERTY_VARIABLE = "VERIRL_LIBERTY"
"""The variable with the path of the standard-cell library."""


def liberty_option() -> click.Option:
    """Make `--liberty`, for every command that judges designs."""
    return environment_option(
        "--liberty",
        variable=LIBERTY_VARIABLE,
        metavar="FILE",
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        help="Standard cells that RTL designs are mapped to, in Liberty format.",
    )


@click.group(name="rtl", epilog="Example: verirl rtl show tasks.jsonl answers.jsonl --vcd waves.vcd")
def command() -> None:
    """Show designs and their verdicts."""


@command.command(
    name="show", epilog="Example: verirl rtl show tasks.jsonl reference --task rtl/fsm/train-1-000002"
)
@click.argument("tasks")
@click.argument("answers")
@click.option("--task", "task_id", metavar="ID", help="Only answers to this task.")
@click.option("--sample", type=click.IntRange(min=0), help="Only this sample of each task.")
@click.option(
    "-n", "--limit", type=click.IntRange(min=1), default=1, show_default=True, help="At most so many."
)
@click.option(
    "--vcd", type=click.Path(path_type=Path), metavar="OUT.vcd", help="Write the replay's waveforms."
)
@click.option(
    "--schematic", type=click.Path(path_type=Path), metavar="OUT.svg", help="Draw the design as a schematic."
)
@console.quiet_option
def show(
    tasks: str,
    answers: str,
    task_id: str | None,
    sample: int | None,
    limit: int,
    vcd: Path | None,
    schematic: Path | None,
    quiet: bool,
) -> None:
    """Judge answers and show each beside its first mismatching cycles, its area, delay and power.

    TASKS and ANSWERS are those of `verirl verify`. The waveform file has the recorded inputs, what the
    reference put out and what the answer did.
    """
    from verirl.errors import InputError
    from verirl.io.sources import read_completions, read_tasks
    from verirl.pool import Request, VerifierPool
    from verirl.types import Completion
    from verirl_rtl import artifacts
    from verirl_rtl.render import render

    known = {task.id: task for task in read_tasks(tasks) if task.domain == "rtl"}
    if answers == "reference":
        given = [Completion(task_id=t.id, completion=t.reference) for t in known.values() if t.reference]
    else:
        given = [one for one in read_completions(answers) if one.task_id in known]
    chosen = [one for one in given if task_id in (None, one.task_id) and sample in (None, one.sample)][:limit]
    if not chosen:
        raise InputError(f"'{answers}' has no such answer to an rtl task of '{tasks}'")
    if (vcd or schematic) and len(chosen) > 1:
        raise InputError("--vcd and --schematic are of one answer: leave --limit at 1")
    with VerifierPool(workers=1) as pool:
        verdicts = pool.verify([Request(known[one.task_id], one.completion, one.sample) for one in chosen])
    for one, verdict in zip(chosen, verdicts, strict=True):
        console.out().print(render(known[one.task_id], one.completion, verdict))
    places = {artifacts.WAVES_FILE: vcd, artifacts.SCHEMATIC_FILE: schematic}
    wanted = tuple(name for name, path in places.items() if path is not None)
    if wanted:
        found, why = artifacts.make_artifacts(known[chosen[0].task_id], chosen[0].completion, wanted)
        for name, reason in why.items():
            console.warn(f"{places[name]} was not written: {reason}")
        for name, text in found.items():
            path = places[name]
            if path is not None:
                _write(path, text)
                console.show(f"→ {path}", quiet=quiet)


def _write(path: Path, text: str) -> None:
    from verirl.io.atomic import write_atomically

    def fill(stream: TextIO) -> None:
        stream.write(text)

    write_atomically(path, fill)


show.params.append(liberty_option())
