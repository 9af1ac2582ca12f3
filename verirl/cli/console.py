"""What every command shares: where words go, how progress looks, and the options of the contract."""

from __future__ import annotations

import functools
import json
import math
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.table import Table

Wrapped = TypeVar("Wrapped", bound=Callable[..., Any])

SHOWN_ISSUES = 20
"""Rows of the table of tasks with known issues; JSON has all."""

PLAIN_WIDTH = 110
"""Characters a line where there is no terminal to ask."""

PLAIN_SECONDS = 5.0
"""Where there is no terminal, progress is at most one line in this many seconds."""


class FiniteRange(click.FloatRange):
    """A range of numbers that `nan` and `inf` are not in."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The number; click's own usage error for anything else."""
        number = super().convert(value, param, ctx)
        if not math.isfinite(number):
            self.fail(f"{value} is not a finite number.", param, ctx)
        return number


json_option = click.option(
    "--json", "as_json", is_flag=True, help="Print one JSON document on standard output."
)
quiet_option = click.option("-q", "--quiet", is_flag=True, help="Print errors and the result alone.")
workers_option = click.option(
    "-w",
    "--workers",
    type=click.IntRange(min=1),
    default=None,
    help="Verifier processes (default: one a core).",
)
unsafe_option = click.option(
    "--unsafe-no-sandbox",
    is_flag=True,
    help="Run without bubblewrap. Answers then run with your rights: only for text that you trust.",
)


def interactive() -> bool:
    """Whether a person watches standard error: a terminal, and not CI."""
    return sys.stderr.isatty() and os.environ.get("CI", "").lower() not in ("1", "true", "yes")


@functools.cache
def err() -> Console:
    """Where tables, progress and warnings go: standard error."""
    from rich.console import Console

    return _console(Console, stderr=True)


@functools.cache
def out() -> Console:
    """Where a result that is not JSON goes: standard output."""
    from rich.console import Console

    return _console(Console, stderr=False)


def _console(kind: type[Console], *, stderr: bool) -> Console:
    stream = sys.stderr if stderr else sys.stdout
    if stream.isatty() and interactive():
        return kind(stderr=stderr)
    columns = os.environ.get("COLUMNS", "")
    width = int(columns) if columns.isdecimal() and int(columns) else PLAIN_WIDTH
    return kind(stderr=stderr, no_color=True, highlight=False, width=width, force_terminal=False)


def emit_json(value: Any) -> None:
    """Print one JSON document on standard output."""
    sys.stdout.write(json.dumps(value, ensure_ascii=False, indent=2) + "\n")
    sys.stdout.flush()


def show(renderable: RenderableType, *, quiet: bool = False) -> None:
    """Print a table or a line for a person, on standard error, unless `quiet`."""
    if not quiet:
        err().print(renderable)


def issue_table(rows: Sequence[tuple[str, str, str]]) -> Table | None:
    """Tasks with known issues: (task, issue, how answers fared); None where there are none."""
    from rich.markup import escape
    from rich.table import Table

    if not rows:
        return None
    table = Table(title="Tasks with known issues", title_justify="left", box=None, padding=(0, 2))
    for heading in ("task", "issue", "answers"):
        table.add_column(heading)
    for row in rows[:SHOWN_ISSUES]:
        table.add_row(*map(escape, row))
    if len(rows) > SHOWN_ISSUES:
        table.caption = f"and {len(rows) - SHOWN_ISSUES} more"
    return table


def warn(message: str) -> None:
    """A warning that even `--quiet` does not silence."""
    from rich.text import Text

    from verirl.reporting.formatting import clean

    err().print(Text(f"warning: {clean(message)}", style="yellow"))


def warn_if_unsafe(unsafe: bool) -> None:
    """Say, on each run, that the sandbox is off."""
    if unsafe:
        warn("the sandbox is off (--unsafe-no-sandbox): answers run with your rights")


Advance = Callable[[int], None]
"""Called with the number of items that are newly done."""


@contextmanager
def progress(description: str, total: int, *, quiet: bool = False) -> Iterator[Advance]:
    """A bar with an ETA on a terminal, a line every few seconds elsewhere, nothing when `quiet`."""
    if quiet:
        yield lambda _: None
    elif interactive():
        with _bar(description, total) as advance:
            yield advance
    else:
        yield _plain(description, total)


@contextmanager
def _bar(description: str, total: int) -> Iterator[Advance]:
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=err(), transient=True) as bar:
        row = bar.add_task(description, total=total)
        yield lambda count: bar.advance(row, count)


def _plain(description: str, total: int) -> Advance:
    started = time.monotonic()
    done = 0
    last = started

    def advance(count: int) -> None:
        nonlocal done, last
        done += count
        now = time.monotonic()
        if now - last >= PLAIN_SECONDS:
            last = now
            left = (now - started) / max(done, 1) * (total - done)
            err().print(f"{description}: {done}/{total}, about {left:.0f} s left")

    return advance


def check_places(outputs: Sequence[Path | str | None], inputs: Sequence[Path | str] = ()) -> None:
    """Refuse, before any work, an output that is a folder, an input, or another output; `-` is no file."""
    from verirl.errors import InputError

    read = {Path(place).resolve() for place in inputs}
    taken: set[Path] = set()
    for place in outputs:
        if place is None or str(place) == "-":
            continue
        path = Path(place)
        if path.is_dir():
            raise InputError.at(path, "is a folder; name a file")
        if path.resolve() in read:
            raise InputError.at(path, "is an input; name another file for the output")
        # A device such as /dev/null may be named twice.
        if path.resolve() in taken and (path.is_file() or not path.exists()):
            raise InputError.at(path, "is named for two outputs; name a file for each")
        taken.add(path.resolve())
