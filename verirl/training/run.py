"""Run a recipe: each stage in turn, each leaving its result in the run folder."""

from __future__ import annotations

import gc
import os
import shutil
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from verirl.errors import InputError, StorageError, VerirlError
from verirl.optional_dependencies import import_optional
from verirl.progress import Bars, no_bars
from verirl.runs import RECIPE, RunFolder
from verirl.training import stages
from verirl.training.recipe import Recipe, find, load
from verirl.verifier import Verifier

if TYPE_CHECKING:
    from verirl.training.context import RunContext

FULL_DISK_BYTES = 1 << 20
"""With less free space than this, a failing write is blamed on the disk."""

QUIET_LIBRARIES = {
    # Idle OpenMP threads must not spin: training and verification share the cores.
    "OMP_WAIT_POLICY": "passive",
    "TOKENIZERS_PARALLELISM": "false",
    "TRANSFORMERS_VERBOSITY": "error",
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "HF_DATASETS_DISABLE_PROGRESS_BARS": "1",
}
"""Environment variables of the libraries, unless they are set."""


def train(
    recipe: Recipe | Path | str | None,
    *,
    run: Path | str | None = None,
    resume: bool = False,
    overrides: tuple[str, ...] = (),
    verifier: Verifier | None = None,
    workers: int | None = None,
    sandboxed: bool = True,
    say: Callable[[str], None] = lambda _: None,
    progress: Bars = no_bars,
) -> RunFolder:
    """Run a recipe, or go on with a run.

    Args:
        recipe: A recipe, a YAML file, or the name of a built-in recipe; None to resume `run`.
        run: The run folder (default: `runs/NAME`).
        resume: Whether to go on with the run in that folder.
        overrides: `KEY.PATH=VALUE` texts, for a recipe that is read from a file.
        verifier: Judges the completions (default: a pool with the recipe's settings and a cache).
        workers: Processes of the default pool (default: as the recipe says, or one per core).
        sandboxed: False to run answers without a sandbox, with your rights.
        say: Called with each line that the run reports.
        progress: Makes a progress bar from a description and a total.

    Returns:
        The run folder.

    Raises:
        InputError: If the recipe is wrong, the folder holds another run, or there is nothing to resume.
        ToolMissingError: If a package or the sandbox is not installed.
    """
    chosen, folder = resolve(recipe, overrides, None if run is None else Path(run), resume)
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        raise InputError("one process trains for now: start verirl without torchrun or accelerate launch")
    folder.lock()
    if folder.begun and not resume:
        raise InputError.at(folder.path, "already holds a run; add --resume, or choose another with --run")
    if sandboxed and verifier is None:
        from verirl import sandbox

        # Verdicts from the cache need no sandbox: without this, its lack would stop a run hours later.
        sandbox.require()
    _set_up_libraries(chosen)
    from verirl.training.context import RunContext, Ui

    folder.write_text(RECIPE, chosen.to_yaml())
    folder.log("resumed" if resume else "begun", recipe=chosen.name, seed=chosen.seed)
    try:
        with ExitStack() as stack:
            judge = verifier or _pool(chosen, workers, sandboxed, stack)
            run_stages(RunContext(chosen, folder, judge, Ui(say, progress)))
    except KeyboardInterrupt:
        folder.log("interrupted")
        raise
    except Exception as error:
        _explain_full_disk(error, folder.path)
        raise
    return folder


def resolve(
    recipe: Recipe | Path | str | None, overrides: tuple[str, ...], run: Path | None, resume: bool
) -> tuple[Recipe, RunFolder]:
    """Find the recipe and the folder of a run.

    Raises:
        InputError: If there is no such recipe, or the folder does not fit to it.
    """
    if recipe is None and not (resume and run):
        raise InputError("name a recipe (verirl train --list shows those built in), or --run DIR --resume")
    if isinstance(recipe, Recipe) and overrides:
        raise InputError("overrides go with a recipe file or name, not with a recipe that is read already")
    asked = recipe if recipe is None or isinstance(recipe, Recipe) else load(find(str(recipe)), overrides)
    folder = RunFolder(run or Path("runs") / (asked.name if asked else ""))
    if asked is not None and not resume:
        return asked, folder
    if not folder.begun:
        raise InputError.at(folder.path, "holds no run to resume")
    stored = load(folder.path / RECIPE)
    if asked is not None and asked != stored:
        raise InputError.at(folder.path, f"was begun with another recipe ({_difference(stored, asked)})")
    if asked is None and overrides:
        raise InputError("--set does not go with --resume: a run keeps the recipe that it was begun with")
    return stored, folder


def run_stages(context: RunContext) -> None:
    """Run every stage of the recipe that the journal does not call done."""
    for stage in stages.wanted(context.recipe):
        if context.folder.done(stage.name):
            context.ui.say(f"{stage.name}: already done")
            continue
        started = time.perf_counter()
        context.folder.log("stage_begun", stage=stage.name)
        figures = stage.run(context)
        _free_memory()
        seconds = round(time.perf_counter() - started, 3)
        context.folder.log("stage_done", stage=stage.name, wall_seconds=seconds, **figures)
        context.ui.say(f"{stage.name}: done in {seconds:.1f} s")


def _pool(recipe: Recipe, workers: int | None, sandboxed: bool, stack: ExitStack) -> Verifier:
    from verirl.pool import VerdictCache, VerifierPool

    cache = VerdictCache()
    stack.callback(cache.close)
    deadlines = [stage.deadline_s(recipe) for stage in stages.wanted(recipe)]
    deadline = next((seconds for seconds in deadlines if seconds is not None), None)
    pool = VerifierPool(workers or recipe.workers, deadline_s=deadline, cache=cache, sandboxed=sandboxed)
    return stack.enter_context(pool)


def _difference(stored: Recipe, asked: Recipe) -> str:
    before, now = _flat(stored.model_dump()), _flat(asked.model_dump())
    changed = [key for key in before | now if before.get(key) != now.get(key)]
    key = changed[0]
    return f"{key} is {before.get(key)!r} there and {now.get(key)!r} here"


def _flat(value: object, prefix: str = "") -> dict[str, object]:
    if not isinstance(value, dict):
        return {prefix: value}
    flat: dict[str, object] = {}
    for key, inner in value.items():
        flat |= _flat(inner, f"{prefix}.{key}" if prefix else str(key))
    return flat


def _set_up_libraries(recipe: Recipe) -> None:
    """Import what the recipe needs, so that a missing package is reported before anything begins."""
    for name, value in QUIET_LIBRARIES.items():
        os.environ.setdefault(name, value)
    cores = len(os.sched_getaffinity(0))
    os.environ.setdefault("OMP_NUM_THREADS", str(recipe.threads or cores))
    for tracker in recipe.trackers:
        import_optional(tracker, tracker)
    for package in (name for stage in stages.wanted(recipe) for name in stage.packages(recipe)):
        import_optional(package, package)
    torch = import_optional("torch", "train")
    import_optional("trl", "train")
    from transformers.utils import logging as transformers_logging

    transformers_logging.disable_progress_bar()
    torch.set_num_threads(recipe.threads or cores)


def _explain_full_disk(error: Exception, folder: Path) -> None:
    """Libraries wrap a failing write in errors of their own; the disk itself says what was wrong."""
    if not isinstance(error, VerirlError) and shutil.disk_usage(folder).free < FULL_DISK_BYTES:
        raise StorageError(
            f"{folder}: no space left; free some and go on with: verirl train --run {folder} --resume"
        ) from error


def _free_memory() -> None:
    """Trainers are cycles of references: their optimizers must not live on, on a GPU, into the next stage."""
    import torch

    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
