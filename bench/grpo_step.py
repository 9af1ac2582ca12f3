"""Seconds a GRPO step: verirl's trainer against stock TRL, same model, same prompts, same verdicts, one run.

    OMP_WAIT_POLICY=passive python bench/grpo_step.py [--steps 12] [--long]

A model is first taught small sums (so that groups are mixed, as in training). Then both trainers take the
same number of steps from it, in turns. `--long` puts 400 tokens of instructions before every prompt.
"""

from __future__ import annotations

import argparse
import copy
import os
import statistics
import tempfile
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from transformers import PrinterCallback
from transformers.utils import logging as transformers_logging
from trl import GRPOConfig, GRPOTrainer

from datasets import Dataset
from verirl import registry
from verirl.models import tiny
from verirl.models.local import Loaded
from verirl.pool import Request, VerifierPool
from verirl.scoring import reward, scheme
from verirl.taskgen.generate import generate_tasks
from verirl.training import schedule
from verirl.training.sampling import NoParameters, SamplingPolicy, TaskSource
from verirl.training.settings import Model, Optimizer
from verirl.training.stages.grpo import GrpoSettings
from verirl.training.stages.sft import SftSettings, encode_example
from verirl.training.trl_trainers import Slots, StepLog, run_grpo, run_sft
from verirl.types import Message, Task, Verdict

PROMPTS, GROUP, NEW_TOKENS = 16, 8, 48
OPTIMIZER = Optimizer(learning_rate=1e-4)


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--steps", type=int, default=12)
    arguments.add_argument("--taught", type=int, default=600, help="SFT steps of the start")
    arguments.add_argument("--long", action="store_true")
    asked = arguments.parse_args()
    warnings.filterwarnings("ignore")
    transformers_logging.set_verbosity_error()
    transformers_logging.disable_progress_bar()
    torch.set_num_threads(len(os.sched_getaffinity(0)))
    with VerifierPool() as pool, tempfile.TemporaryDirectory() as folder:
        tasks = _tasks(pool, long=asked.long)
        start = _taught(tasks, asked.taught, Path(folder))
        judge = _Judge(tasks, pool)
        chosen = [tasks[i] for i in schedule.order(len(tasks), asked.steps * PROMPTS, 0, "bench")]
        rows = [
            {"prompt": [turn.model_dump() for turn in task.prompt], "task_id": task.id} for task in chosen
        ]
        ours = _ours(_copy(start), chosen, judge, asked.steps, Path(folder))
        stock = _stock(_copy(start), rows, judge, asked.steps, Path(folder))
    # The first step of each warms caches and is no step of a run.
    mine, theirs = statistics.median(ours[1:]), statistics.median(stock[1:])
    width = len(encode_example(start.tokenizer, tasks[0])[0])
    print(f"model: {sum(p.numel() for p in start.model.parameters())} parameters; prompts of ~{width} tokens")
    print(
        f"a step: {PROMPTS} prompts x {GROUP} completions, up to {NEW_TOKENS} new tokens; {asked.steps} steps"
    )
    print(f"stock TRL  {theirs:.3f} s a step (median)")
    print(f"verirl     {mine:.3f} s a step (median)")
    print(f"ratio      {theirs / mine:.2f}")


def _tasks(pool: VerifierPool, *, long: bool) -> list[Task]:
    made = generate_tasks(
        registry.load("math"), 1500, 1, pool=pool, difficulty=(0.1, 0.25), families=["arithmetic"],
        check_mutants=False, options={"style": "terse"},
    ).tasks  # fmt: skip
    if not long:
        return list(made)
    preface = Message(role="system", content="".join(f"[{number}] Add with care. " for number in range(18)))
    return [task.model_copy(update={"prompt": (preface, *task.prompt)}) for task in made]


def _taught(tasks: Sequence[Task], steps: int, folder: Path) -> Loaded:
    tokenizer = tiny.make_tokenizer([task.reference or "" for task in tasks], vocabulary=288)
    loaded = Loaded(tiny.make_model(tiny.SIZES["s"], tokenizer, seed=0, context=1024), tokenizer)
    examples = [encode_example(tokenizer, task) for task in tasks]
    settings = SftSettings(
        tasks="-", steps=steps, batch=32, checkpoint_every=10**6,
        optimizer=Optimizer(learning_rate=1e-3, warmup=0.02, beta2=0.99),
    )  # fmt: skip
    order = schedule.order(len(examples), steps * 32, 0, "bench-sft")
    run_sft(
        loaded, [examples[i] for i in order], settings, Model(), steps=steps, seed=0, folder=folder / "sft",
        resume=None, trackers=(), callbacks=(),
    )  # fmt: skip
    return loaded


def _copy(loaded: Loaded) -> Loaded:
    return Loaded(copy.deepcopy(loaded.model), loaded.tokenizer)


class _Judge:
    def __init__(self, tasks: Sequence[Task], pool: VerifierPool) -> None:
        self._tasks = {task.id: task for task in tasks}
        self._pool = pool
        self._scheme = scheme("lexicographic")
        self._ladder = registry.load("math").ladder

    def __call__(
        self, ids: Sequence[str], texts: Sequence[str], tokens: Sequence[int], first: int
    ) -> list[Verdict]:
        jobs = [
            Request(self._tasks[i], text, first + n)
            for n, (i, text) in enumerate(zip(ids, texts, strict=True))
        ]
        return [reward(self._scheme, self._ladder, verdict) for verdict in self._pool.verify(jobs)]


class _Given(SamplingPolicy):
    """The tasks in the order given, so that both trainers see the same."""

    def __init__(self, tasks: Sequence[Task]) -> None:
        super().__init__([TaskSource("tasks", tasks, 1.0)], 0, NoParameters())

    def choose(self, generation: int, count: int) -> list[Task]:
        return list(self.sources[0].tasks[generation * count : (generation + 1) * count])


class _Clock:
    """Seconds of each step, by the same callback for both trainers."""

    def __init__(self) -> None:
        self.seconds: list[float] = []
        self.callback = StepLog(self._log, lambda _: None, lambda: False)

    def _log(self, step: int, figures: dict[str, float]) -> None:
        self.seconds.append(figures["seconds"])


def _ours(loaded: Loaded, tasks: Sequence[Task], judge: _Judge, steps: int, folder: Path) -> list[float]:
    clock = _Clock()
    settings = GrpoSettings(
        tasks="-", steps=steps, prompts_per_step=PROMPTS, num_generations=GROUP, optimizer=OPTIMIZER,
        max_new_tokens=NEW_TOKENS,
        advantages="dr_grpo", checkpoint_every=10**6,
    )  # fmt: skip
    slots = Slots(_Given(tasks), steps, PROMPTS)
    run_grpo(
        loaded, slots, settings, Model(), judge=judge, record=lambda *_: None,
        columns=["reward", *(stage.name for stage in registry.load("math").ladder)], seed=0,
        folder=folder / "ours", resume=None, trackers=(), callbacks=[clock.callback],
    )  # fmt: skip
    return clock.seconds


def _stock(loaded: Loaded, rows: Any, judge: _Judge, steps: int, folder: Path) -> list[float]:
    def verified(completions: Any, task_id: list[str], **_: Any) -> list[float | None]:
        verdicts = judge(task_id, [turns[-1]["content"] for turns in completions], [], 0)
        return [verdict.reward.value if verdict.reward else None for verdict in verdicts]

    clock = _Clock()
    config = GRPOConfig(
        output_dir=str(folder / "stock"), max_steps=steps, per_device_train_batch_size=PROMPTS * GROUP,
        num_generations=GROUP, max_completion_length=NEW_TOKENS, temperature=1.0, top_k=0, loss_type="dapo",
        scale_rewards="none", learning_rate=OPTIMIZER.learning_rate, shuffle_dataset=False, use_cpu=True,
        bf16=False, gradient_checkpointing=False, report_to="none", disable_tqdm=True, logging_steps=1,
        save_strategy="no", seed=0,
    )  # fmt: skip
    trainer = GRPOTrainer(
        model=loaded.model, reward_funcs=verified, args=config, train_dataset=Dataset.from_list(rows),
        processing_class=loaded.tokenizer, callbacks=[clock.callback],
    )  # fmt: skip
    trainer.remove_callback(PrinterCallback)
    trainer.train()
    return clock.seconds


if __name__ == "__main__":
    main()
