"""`verirl synth`: make checked tasks of a domain."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from verirl.cli import console

if TYPE_CHECKING:
    from rich.table import Table

    from verirl.taskgen.generate import GenerationReport


class Range(click.ParamType[tuple[float, float]]):
    """`LO:HI`, or one number for both."""

    name = "LO[:HI]"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[float, float]:
        """A pair of numbers with 0 ≤ LO ≤ HI ≤ 1."""
        if isinstance(value, tuple):
            return value
        low, colon, high = str(value).partition(":")
        try:
            pair = (float(low), float(high if colon else low))
        except ValueError:
            self.fail(f"'{value}' is not a number or LO:HI", param, ctx)
        if not 0.0 <= pair[0] <= pair[1] <= 1.0:
            self.fail(f"'{value}' is not a range inside 0:1", param, ctx)
        return pair


class Option(click.ParamType[tuple[str, Any]]):
    """`KEY=VALUE`; a value that reads as JSON is that value, anything else is text."""

    name = "KEY=VALUE"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, Any]:
        """The key and the value."""
        if isinstance(value, tuple):
            return value
        key, equals, text = str(value).partition("=")
        if not key or not equals:
            self.fail(f"'{value}' is not KEY=VALUE", param, ctx)
        try:
            return key, json.loads(text)
        except ValueError:
            return key, text


@click.command(
    epilog="Example: verirl synth math -n 1000 --seed 7 -o tasks.jsonl --difficulty 0:0.4 -O style=terse"
)
@click.argument("domain")
@click.option("-n", "count", type=click.IntRange(min=1), required=True, help="How many distinct tasks.")
@click.option("--seed", type=int, default=0, show_default=True, help="Another seed, other tasks.")
@click.option("-o", "--output", default="-", show_default=True, help="JSONL to write; - is standard output.")
@click.option(
    "--difficulty", type=Range(), default="0:1", show_default=True, help="From trivial (0) to hard (1)."
)
@click.option("--split", type=click.Choice(["train", "eval"]), default="train", show_default=True)
@click.option("-f", "--family", "families", multiple=True, help="Only this family (repeatable).")
@click.option(
    "-O", "--option", "options", type=Option(), multiple=True, help="An option of the domain (repeatable)."
)
@click.option("--mutants/--no-mutants", default=True, help="Check that wrong answers are rejected.")
@console.workers_option
@console.json_option
@console.quiet_option
@console.unsafe_option
def command(
    domain: str,
    count: int,
    seed: int,
    output: str,
    difficulty: tuple[float, float],
    split: str,
    families: tuple[str, ...],
    options: Sequence[tuple[str, Any]],
    mutants: bool,
    workers: int | None,
    as_json: bool,
    quiet: bool,
    unsafe_no_sandbox: bool,
) -> None:
    """Make COUNT distinct tasks of DOMAIN with reference answers.

    A task is admitted only if the domain's checks accept its reference and reject wrong answers near it.
    The same arguments give the same file, byte for byte.
    """
    from rich.text import Text

    from verirl import registry
    from verirl.io.jsonl import write_records
    from verirl.pool import VerifierPool
    from verirl.taskgen.generate import generate_tasks
    from verirl.taskgen.options import read_options

    if as_json and output == "-":
        raise click.UsageError("--json needs -o FILE: standard output cannot hold the tasks as well")
    if output != "-" and Path(output).is_dir():
        raise click.UsageError(f"-o {output} is a folder: name a file")
    console.warn_if_unsafe(unsafe_no_sandbox)
    found = registry.load(domain)
    chosen = read_options(found, dict(options))
    started = time.monotonic()
    with (
        VerifierPool(workers=workers, sandboxed=not unsafe_no_sandbox) as pool,
        console.progress(f"synth {domain}", count, quiet=quiet) as advance,
    ):
        report = generate_tasks(
            found,
            count,
            seed,
            pool=pool,
            difficulty=difficulty,
            split=split,
            families=families or None,
            check_mutants=mutants,
            on_progress=advance,
            options=chosen,
        )
    write_records(output, report.tasks)
    seconds = time.monotonic() - started
    if as_json:
        console.emit_json(summary(report, output, seconds))
    console.show(table(report, output, seconds), quiet=quiet)
    if report.left_out:
        asked = " ".join(
            [f"--difficulty {difficulty[0]:g}:{difficulty[1]:g}"] + [f"-O {k}={v}" for k, v in options]
        )
        words = (
            f"{len(report.left_out)} families have no task with {asked} and are left out (--json names them)"
        )
        console.show(Text(words), quiet=quiet)


def summary(report: GenerationReport, output: str, seconds: float) -> dict[str, Any]:
    """The report without its tasks, for `--json`."""
    return {
        "output": output,
        "tasks": len(report.tasks),
        "refused": [refusal._asdict() for refusal in report.refused],
        "kill_rate": report.kill_rate,
        "errors": report.errors,
        "left_out": list(report.left_out),
        "seconds": round(seconds, 3),
        "families": {
            name: {
                "tasks": part.admitted,
                "refused": part.refused,
                "duplicates": part.duplicates,
                "mutants": part.mutants,
                "kill_rate": part.kill_rate,
                "exhausted": part.exhausted,
            }
            for name, part in report.families.items()
        },
    }


def table(report: GenerationReport, output: str, seconds: float) -> Table:
    """One row a family, and the sum."""
    from rich.table import Table

    shown = Table(title=f"{len(report.tasks)} tasks → {output} in {seconds:.1f} s", title_justify="left")
    shown.add_column("family")
    for name in ("tasks", "mutants", "kill rate", "refused", "duplicates"):
        shown.add_column(name, justify="right")
    for name, part in report.families.items():
        shown.add_row(
            name + (" (exhausted)" if part.exhausted else ""),
            str(part.admitted),
            str(part.mutants),
            _percent(part.kill_rate),
            str(part.refused),
            str(part.duplicates),
        )
    shown.add_section()
    parts = report.families.values()
    shown.add_row(
        "all",
        str(len(report.tasks)),
        str(sum(part.mutants for part in parts)),
        _percent(report.kill_rate),
        str(len(report.refused)),
        str(sum(part.duplicates for part in parts)),
    )
    return shown


def _percent(rate: float | None) -> str:
    return "–" if rate is None else f"{100 * rate:.2f} %"
