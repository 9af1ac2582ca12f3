"""`verirl train`: carry out a recipe."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from verirl.cli.console import (
    emit_json,
    json_option,
    out,
    progress,
    quiet_option,
    show,
    unsafe_option,
    warn_if_unsafe,
    workers_option,
)
from verirl.cli.options import JudgingCommand

if TYPE_CHECKING:
    from verirl.runs import RunFolder
    from verirl.training.recipe import Recipe


@click.command(cls=JudgingCommand, epilog="Example: verirl train quickstart --set seed=3 --run runs/third")
@click.argument("recipe", required=False)
@click.option("--set", "overrides", multiple=True, metavar="KEY.PATH=VALUE", help="Override a key.")
@click.option("--lora", type=click.IntRange(min=1), metavar="RANK", help="Train low-rank adapters (peft).")
@click.option(
    "--track",
    multiple=True,
    type=click.Choice(["tensorboard", "trackio", "wandb"]),
    help="Send the steps' figures there too.",
)
@click.option("--run", "run_dir", type=click.Path(path_type=Path), help="The run folder [runs/NAME].")
@click.option("--resume", is_flag=True, help="Go on with the run in the folder, from where it was.")
@click.option("--list", "list_recipes", is_flag=True, help="List the built-in recipes.")
@click.option("--show", "show_recipe", is_flag=True, help="Print the resolved recipe and stop.")
@workers_option
@unsafe_option
@json_option
@quiet_option
def command(
    recipe: str | None,
    overrides: tuple[str, ...],
    lora: int | None,
    track: tuple[str, ...],
    run_dir: Path | None,
    resume: bool,
    list_recipes: bool,
    show_recipe: bool,
    workers: int | None,
    unsafe_no_sandbox: bool,
    as_json: bool,
    quiet: bool,
) -> int:
    """Run RECIPE: a YAML file or a built-in name. Stages: synth, sft, grpo, control, eval, or a part of them.

    The run folder holds everything that is made. A run that was stopped at any moment goes on with
    --resume and ends with the same weights.
    """
    from verirl.training.run import resolve

    if list_recipes:
        return _list(as_json)
    if lora:
        overrides += (f"model.lora.rank={lora}",)
    if track:
        overrides += (f"trackers=[{', '.join(track)}]",)
    chosen, folder = resolve(recipe, overrides, run_dir, resume)
    if show_recipe:
        out().print(chosen.to_yaml(), end="", markup=False, highlight=False, soft_wrap=True)
        return 0
    warn_if_unsafe(unsafe_no_sandbox)
    try:
        _train(chosen, folder, workers, resume=resume, unsafe=unsafe_no_sandbox, quiet=quiet)
    except KeyboardInterrupt:
        show(f"go on with: verirl train --run {folder.path} --resume", quiet=quiet)
        raise
    return _finish(folder, as_json=as_json, quiet=quiet)


def _train(
    recipe: Recipe, folder: RunFolder, workers: int | None, *, resume: bool, unsafe: bool, quiet: bool
) -> None:
    from verirl.training.run import train

    train(
        recipe,
        run=folder.path,
        resume=resume,
        workers=workers,
        sandboxed=not unsafe,
        say=lambda line: show(line, quiet=quiet),
        progress=lambda what, total: progress(what, total, quiet=quiet),
    )


def _list(as_json: bool) -> int:
    from verirl.training.recipe import built_in

    recipes = built_in()
    if as_json:
        emit_json(recipes)
    else:
        from rich.table import Table

        table = Table(box=None, show_header=False, pad_edge=False)
        for name, description in recipes.items():
            table.add_row(name, description)
        out().print(table)
    return 0


def _finish(folder: RunFolder, *, as_json: bool, quiet: bool) -> int:
    from verirl.errors import GateError
    from verirl.reporting import summary, terminal

    read = summary.read(folder)
    if not quiet:
        for part in terminal.render(read):
            show(part)
    if as_json:
        emit_json(read.to_data())
    unmet = read.held_out.unmet if read.held_out else ()
    if unmet:
        raise GateError("gate not met: " + "; ".join(unmet))
    return 0
