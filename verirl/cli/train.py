"""`verirl train`: carry out a recipe."""

from __future__ import annotations

import os
import shutil
from contextlib import closing
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

FULL_BYTES = 1 << 20
"""Less free space than this means that a failing write failed for want of space."""

QUIET_LIBRARIES = {
    # Idle OpenMP threads must not spin: training and verification share the cores.
    "OMP_WAIT_POLICY": "passive",
    "TOKENIZERS_PARALLELISM": "false",
    "TRANSFORMERS_VERBOSITY": "error",
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "HF_DATASETS_DISABLE_PROGRESS_BARS": "1",
}


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
    from verirl import sandbox
    from verirl.errors import InputError

    if list_recipes:
        return _list(as_json)
    if lora:
        overrides += (f"model.lora.rank={lora}",)
    if track:
        overrides += (f"trackers=[{', '.join(track)}]",)
    chosen, folder = _resolve(recipe, overrides, run_dir, resume)
    if show_recipe:
        out().print(chosen.to_yaml(), end="", markup=False, highlight=False, soft_wrap=True)
        return 0
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        raise InputError("one process trains for now: start verirl without torchrun or accelerate launch")
    folder.lock()
    if folder.begun and not resume:
        raise InputError.at(folder.path, "already holds a run; add --resume, or choose another with --run")
    warn_if_unsafe(unsafe_no_sandbox)
    # Verdicts from the cache need no sandbox: without this, its lack would stop a run hours later.
    if not unsafe_no_sandbox:
        sandbox.require()
    _set_up_libraries(chosen)
    folder.write_text("recipe.yaml", chosen.to_yaml())
    folder.log("resumed" if resume else "begun", recipe=chosen.name, seed=chosen.seed)
    try:
        _carry_out(chosen, folder, workers, unsafe=unsafe_no_sandbox, quiet=quiet)
    except KeyboardInterrupt:
        folder.log("interrupted")
        show(f"go on with: verirl train --run {folder.path} --resume", quiet=quiet)
        raise
    except Exception as problem:
        _explain_full_disk(problem, folder.path)
        raise
    return _finish(folder, as_json=as_json, quiet=quiet)


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


def _resolve(
    argument: str | None, overrides: tuple[str, ...], run_dir: Path | None, resume: bool
) -> tuple[Recipe, RunFolder]:
    from verirl.errors import InputError
    from verirl.runs import RECIPE, RunFolder
    from verirl.training.recipe import find, load

    if argument is None and not (resume and run_dir):
        raise InputError("name a recipe (verirl train --list shows those built in), or --run DIR --resume")
    asked = load(find(argument), overrides) if argument else None
    folder = RunFolder(run_dir or Path("runs") / (asked.name if asked else ""))
    if not resume:
        if asked is None:
            raise InputError("name a recipe")
        return asked, folder
    if not folder.begun:
        raise InputError.at(folder.path, "holds no run to resume")
    stored = load(folder.path / RECIPE, () if asked else overrides)
    if asked is not None and asked != stored:
        raise InputError.at(folder.path, f"was begun with another recipe ({_difference(stored, asked)})")
    if asked is None and overrides:
        raise InputError("--set does not go with --resume: a run keeps the recipe that it was begun with")
    return stored, folder


def _difference(stored: Recipe, asked: Recipe) -> str:
    before, now = _flat(stored.model_dump()), _flat(asked.model_dump())
    changed = [key for key in before | now if before.get(key) != now.get(key)]
    key = changed[0]
    return f"{key} is {before.get(key)!r} there and {now.get(key)!r} here"


def _flat(value: object, prefix: str = "") -> dict[str, object]:
    if not isinstance(value, dict):
        return {prefix: value}
    found: dict[str, object] = {}
    for key, inner in value.items():
        found |= _flat(inner, f"{prefix}.{key}" if prefix else str(key))
    return found


def _set_up_libraries(recipe: Recipe) -> None:
    """Import what the recipe needs, so that a package that is missing is said before anything is begun."""
    for name, value in QUIET_LIBRARIES.items():
        os.environ.setdefault(name, value)
    cores = len(os.sched_getaffinity(0))
    os.environ.setdefault("OMP_NUM_THREADS", str(recipe.threads or cores))
    from verirl.optional_dependencies import import_optional

    for tracker in recipe.trackers:
        import_optional(tracker, tracker)
    if recipe.grpo and recipe.grpo.sampler == "vllm":
        import_optional("vllm", "vllm")
    torch = import_optional("torch", "train")
    import_optional("trl", "train")
    from transformers.utils import logging as transformers_logging

    transformers_logging.disable_progress_bar()
    torch.set_num_threads(recipe.threads or cores)


def _carry_out(recipe: Recipe, folder: RunFolder, workers: int | None, *, unsafe: bool, quiet: bool) -> None:
    from verirl.pool import VerdictCache, VerifierPool
    from verirl.training.pipeline import Pipeline, Ui

    ui = Ui(
        say=lambda line: show(line, quiet=quiet),
        progress=lambda what, total: progress(what, total, quiet=quiet),
    )
    deadline = recipe.grpo.deadline_s if recipe.grpo else None
    with (
        closing(VerdictCache()) as cache,
        VerifierPool(
            workers or recipe.workers, deadline_s=deadline, cache=cache, sandboxed=not unsafe
        ) as pool,
    ):
        Pipeline(recipe, folder, pool, ui).run()


def _explain_full_disk(problem: Exception, folder: Path) -> None:
    """Libraries wrap a failing write in errors of their own; the disk itself says what was wrong."""
    from verirl.errors import StorageError, VerirlError

    if not isinstance(problem, VerirlError) and shutil.disk_usage(folder).free < FULL_BYTES:
        raise StorageError(
            f"{folder}: no space left; free some and go on with: verirl train --run {folder} --resume"
        ) from problem


def _finish(folder: RunFolder, *, as_json: bool, quiet: bool) -> int:
    from verirl.errors import GateError
    from verirl.reporting import summary, terminal

    if not quiet:
        for part in terminal.render(summary.read(folder)):
            show(part)
    if as_json:
        emit_json(summary.read(folder).to_data())
    scored = folder.done("eval")
    if scored and scored.get("unmet"):
        raise GateError("gate not met: " + "; ".join(scored["unmet"]))
    return 0
