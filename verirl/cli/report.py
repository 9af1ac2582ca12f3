"""`verirl report`: what a run learned, in the terminal, as JSON or as one HTML file."""

from __future__ import annotations

from pathlib import Path
from typing import TextIO

import click

from verirl.cli import console


@click.command(epilog="Example: verirl report runs/quickstart --html report.html")
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--html", type=click.Path(path_type=Path), help="Write the report here, as one file.")
@console.json_option
@console.quiet_option
def command(run: Path, html: Path | None, as_json: bool, quiet: bool) -> None:
    """Show what RUN learned: the verdict, curves, ladders, samples, costs.

    RUN is a folder that `verirl train` wrote; it may be unfinished or still running. The report goes to
    standard output; with --html and --quiet only the file is written.
    """
    from verirl.errors import InputError
    from verirl.io.atomic import write_atomically
    from verirl.reporting import page, summary, terminal
    from verirl.runs import RunFolder

    if html is not None and html.is_dir():
        raise InputError.at(html, "is a folder; name a file")
    found = summary.read(RunFolder(run))
    if html is not None:

        def fill(stream: TextIO) -> None:
            stream.write(page.render(found))

        write_atomically(html, fill)
    if as_json:
        console.emit_json(found.to_data())
    elif not (quiet and html):
        for part in terminal.render(found):
            console.out().print(part)
    if html is not None:
        console.show(f"wrote {html}", quiet=quiet)
