"""`verirl import`: a benchmark in its published layout becomes tasks."""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from verirl.cli import console
from verirl.errors import InputError, unknown

if TYPE_CHECKING:
    from verirl.domain import Importer
    from verirl.types import Task


@click.command(name="import", epilog="Example: verirl import gsm8k data/gsm8k/test.jsonl -o tasks.jsonl")
@click.argument("source", metavar="SOURCE")
@click.argument("path", metavar="PATH", type=click.Path(path_type=Path))
@click.option(
    "-o", "--output", metavar="FILE", required=True, help="Where the tasks go; - is standard output."
)
@click.option("-n", "--limit", type=click.IntRange(min=1), help="Stop after this many tasks.")
@click.option("--split", type=click.Choice(["train", "eval"]), help="Put every task into this split.")
@click.option("--official", is_flag=True, help="Judge by the benchmark's own bench and pass rule.")
@console.json_option
@console.quiet_option
def command(
    source: str,
    path: Path,
    output: str,
    limit: int | None,
    split: Literal["train", "eval"] | None,
    official: bool,
    as_json: bool,
    quiet: bool,
) -> None:
    """Read a benchmark in its published layout into tasks.

    SOURCE names the layout (an unknown name lists them all); PATH is its file or folder, as downloaded.
    Imported tasks belong to the eval split unless the benchmark says otherwise.
    """
    from verirl.io.jsonl import write_records

    if as_json and output == "-":
        raise InputError("--json and -o - both write to standard output; give -o a file")
    domain, importer = _importer(source, official=official)
    if not path.exists():
        raise InputError.at(path, "no such file or folder")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserWarning)
        tasks = list(itertools.islice(_unique(importer(path), path), limit))
    for each in caught:
        console.warn(str(each.message))
    if not tasks:
        raise InputError.at(path, f"holds no task that '{source}' can read")
    if split is not None:
        tasks = [task.model_copy(update={"split": split}) for task in tasks]
    count = write_records(output, tasks)
    if as_json:
        left_out = sum("left out" in str(each.message) for each in caught)
        console.emit_json(
            {"source": source, "domain": domain, "tasks": count, "left_out": left_out, "output": output}
        )
    elif output != "-":
        console.show(f"{count} {domain} tasks → {output}", quiet=quiet)


def _importer(source: str, *, official: bool) -> tuple[str, Importer]:
    from verirl import registry

    known = {name: domain for domain in registry.load_all().values() for name in domain.importers}
    if source not in known:
        raise unknown("source", source, sorted(known))
    domain = known[source]
    if not official:
        return domain.name, domain.importers[source]
    if source not in domain.official_importers:
        raise InputError(f"'{source}' has one rule, which is used anyway; leave out --official")
    return domain.name, domain.official_importers[source]


def _unique(tasks: Iterable[Task], path: Path) -> Iterator[Task]:
    """The tasks, refused where two have one id."""
    seen: set[str] = set()
    for task in tasks:
        if task.id in seen:
            raise InputError.at(path, f"'{task.id}' appears twice", field="id")
        seen.add(task.id)
        yield task
