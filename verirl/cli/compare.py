"""`verirl compare`: two evaluations of the same tasks, in pairs."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import click

from verirl.cli import console
from verirl.errors import GateError

if TYPE_CHECKING:
    from rich.table import Table

    from verirl.evaluation.compare import Comparison


@click.command(
    name="compare", epilog="Example: verirl compare before/eval.json after/eval.json --min-gain 0.0"
)
@click.argument("a", type=click.Path(path_type=Path))
@click.argument("b", type=click.Path(path_type=Path))
@click.option("-k", type=click.IntRange(min=1), help="Compare pass@K (default: the smallest both report).")
@click.option(
    "--min-gain",
    type=console.FiniteRange(-1, 1),
    help="Leave with 3 where B gains less than this.",
)
@click.option("--seed", type=int, default=0, show_default=True, help="Seed of the bootstrap.")
@console.json_option
@console.quiet_option
def command(
    a: Path, b: Path, k: int | None, min_gain: float | None, seed: int, as_json: bool, quiet: bool
) -> None:
    """Compare evaluation B with evaluation A on the tasks that both hold.

    Shows the mean difference of pass@k over tasks with its paired 95 % interval, how many tasks improved
    and worsened, and how likely so lopsided a split is by chance (two-sided sign test). A and B are files
    that `verirl eval -o` wrote, or folders with an eval.json in them.
    """
    from verirl.evaluation.compare import compare
    from verirl.evaluation.result import read

    found = compare(read(_document(a)), read(_document(b)), k=k, seed=seed)
    if as_json:
        console.emit_json(found.to_dict())
    else:
        console.show(_table(found), quiet=quiet)
    for note in found.notes:
        if not quiet:
            console.warn(note)
    if min_gain is not None and found.exact_gain < Fraction(Decimal(str(min_gain))):
        raise GateError(
            f"B gains {found.gain:+.4f} [{found.low:+.4f}, {found.high:+.4f}] in pass@{found.k}, "
            f"and --min-gain asks for {min_gain:+g}"
        )


def _document(path: Path) -> Path:
    return path / "eval.json" if path.is_dir() else path


def _table(found: Comparison) -> Table:
    from rich.markup import escape
    from rich.table import Table

    title = f"pass@{found.k} on {found.tasks} common tasks"
    table = Table(title=title, title_justify="left", show_header=False)
    table.add_column("")
    table.add_column("", justify="right")
    table.add_row(f"A: {escape(found.a)}", f"{found.a_value:.4f}")
    table.add_row(f"B: {escape(found.b)}", f"{found.b_value:.4f}")
    table.add_row("B − A", escape(f"{found.gain:+.4f} [{found.low:+.4f}, {found.high:+.4f}]"))
    table.add_row(
        "improved / worsened / unchanged", f"{found.improved} / {found.worsened} / {found.unchanged}"
    )
    table.add_row("sign test p", f"{found.p_value:.4g}")
    if found.left_out:
        table.add_row(f"common, with fewer than {found.k} usable samples", str(found.left_out))
    if found.only_a or found.only_b:
        table.add_row("in A alone / in B alone", f"{found.only_a} / {found.only_b}")
    return table
