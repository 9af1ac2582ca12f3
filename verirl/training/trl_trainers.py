"""The one place that touches TRL: its SFT and GRPO trainers, made to take verdicts and to resume exactly.

Relied on, and pinned by `tests/core/training/test_trl_contract.py`: `GRPOTrainer._generate_single_turn`,
`_calculate_rewards`, `_generate_and_score_completions`, `_compute_loss`, `_save_checkpoint`,
`_load_optimizer_and_scheduler`, and the attributes `_step` and `_buffered_inputs` (TRL 1.16).
"""

from __future__ import annotations

import json
import logging
import math
import os
import time
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from accelerate.utils import gather_object
from transformers import PrinterCallback, TrainerCallback
from trl import GRPOConfig, GRPOTrainer, SFTConfig, SFTTrainer

from verirl.errors import InputError, VerirlError
from verirl.models.local import Loaded, stop_ids
from verirl.models.sampler import sample_tokens, supports
from verirl.scoring import advantages as group_advantages
from verirl.seeds import derive
from verirl.training.checkpoints import seal
from verirl.training.deduplicate import deduplicate_rows
from verirl.training.sampling import SampleResult, SamplingPolicy
from verirl.training.settings import Lora, Model, Optimizer
from verirl.types import Task, Verdict

if TYPE_CHECKING:
    from verirl.training.stages.grpo import GrpoSettings
    from verirl.training.stages.sft import SftSettings

STATE = "verirl_state_{rank}.pt"

# These warn about defaults of the libraries that we set on purpose.
warnings.filterwarnings("ignore", message=".*use_reentrant.*")
warnings.filterwarnings("ignore", category=FutureWarning, module="transformers")
logging.getLogger("transformers.trainer").setLevel(logging.ERROR)


class Scored(NamedTuple):
    """One completion of a generation, judged."""

    task_id: str
    completion: str
    tokens: int
    verdict: Verdict
    advantage: float | None


Judge = Callable[[Sequence[str], Sequence[str], Sequence[int], int], list[Verdict]]
"""(task ids, completions, tokens of each, first sample number) → verdicts with rewards, in order."""

Record = Callable[[int, int, Sequence[Scored], dict[str, float]], None]
"""(generation, step, completions, seconds by part): what a generation wrote and what it was worth."""


class _Checkpoints:
    """Marks a checkpoint as whole once all of it is on the disk."""

    args: Any
    state: Any

    def create_model_card(self, *args: Any, **kwargs: Any) -> None:
        """No card: the run folder says what was trained, and a card per checkpoint costs time."""

    def _save_checkpoint(self, model: Any, trial: Any) -> None:
        super()._save_checkpoint(model, trial)  # type: ignore[misc]
        folder = Path(self.args.output_dir) / f"checkpoint-{self.state.global_step}"
        self._save_more(folder)
        if self.args.should_save:
            seal(folder)

    def _save_more(self, folder: Path) -> None:
        """What a trainer keeps beside what transformers saves."""


class VerifiedSFT(_Checkpoints, SFTTrainer):  # type: ignore[misc]
    """TRL's SFT trainer on token rows that are ready and in their final order."""


class VerifiedGRPO(_Checkpoints, GRPOTrainer):  # type: ignore[misc]
    """TRL's GRPO trainer whose rewards are verdicts.

    What differs: each completion is verified once and fills one column a stage; advantages come from
    `verirl.scoring` (lexicographic keys if wanted); samples whose verdict is an error are masked out of the
    update; sampling reads each prompt once; rows without advantage and rows that repeat another cost no
    forward pass (`deduplicate`); and a checkpoint holds the generation under way, so resuming is exact
    anywhere.
    """

    def __init__(
        self,
        *args: Any,
        judge: Judge,
        record: Record,
        columns: Sequence[str],
        slots: Slots,
        recipe: GrpoSettings,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, reward_funcs=[_column(name) for name in columns], **kwargs)
        self._judge = judge
        self._record = record
        self._columns = list(columns)
        self._slots = slots
        self._recipe = recipe
        self._generation = 0
        self._seconds: dict[str, float] = {}
        self._advantages: list[float | None] = []
        plain = not (self.is_fsdp_enabled or self.is_deepspeed_enabled)
        self._fast = recipe.generation_backend == "verirl" and plain and supports(self.model)
        self._stop_ids = stop_ids(Loaded(self.accelerator.unwrap_model(self.model), self.processing_class))

    def _generate_single_turn(
        self,
        prompt_ids: Any,
        images: Any,
        multimodal_fields: Any,
        num_generations: Any,
        *rest: Any,
        **more: Any,
    ) -> Any:
        started = time.perf_counter()
        if self._fast:
            result = self._sample(prompt_ids), None
        else:
            result = super()._generate_single_turn(
                prompt_ids, images, multimodal_fields, num_generations, *rest, **more
            )
        self._seconds["generation"] = time.perf_counter() - started
        return result

    def _sample(self, prompt_ids: list[list[int]]) -> list[list[int]]:
        model = self.accelerator.unwrap_model(self.model_wrapped)
        was_training = model.training
        model.eval()
        try:
            with self.accelerator.autocast():
                return sample_tokens(
                    model,
                    prompt_ids,
                    max_new_tokens=self.max_completion_length,
                    temperature=self.temperature,
                    stop_ids=self._stop_ids,
                    pad_id=self.processing_class.pad_token_id,
                    seed=derive("grpo", self.args.seed, self._generation, self.accelerator.process_index),
                )
        finally:
            model.train(was_training)

    def _calculate_rewards(
        self, inputs: Any, prompts: Any, completions: Any, completion_ids_list: Any
    ) -> torch.Tensor:
        started = time.perf_counter()
        tasks = [row["task_id"] for row in inputs]
        texts = [turns[-1]["content"] for turns in completions]
        first = self._generation * len(tasks) * self.accelerator.num_processes
        first += self.accelerator.process_index * len(tasks)
        verdicts = self._judge(tasks, texts, [len(ids) for ids in completion_ids_list], first)
        everyone = gather_object([verdict.reward for verdict in verdicts])
        if all(reward is None for reward in everyone):
            raise VerirlError(_all_errors(verdicts))
        size = self.num_generations
        spread: list[float | None] = []
        for start in range(0, len(everyone), size):
            spread += group_advantages(
                self._recipe.advantages,
                everyone[start : start + size],
                gamma=self._recipe.gamma,
                **self._recipe.advantage_params,
            )
        here = self.accelerator.process_index * len(tasks)
        self._advantages = spread[here : here + len(tasks)]
        self._seconds["verification"] = time.perf_counter() - started
        scored = [
            Scored(task, text, len(ids), verdict, advantage)
            for task, text, ids, verdict, advantage in zip(
                tasks, texts, completion_ids_list, verdicts, self._advantages, strict=True
            )
        ]
        self._record(self._generation, self.state.global_step, scored, dict(self._seconds))
        results = [SampleResult(row.task_id, row.verdict, row.advantage) for row in scored]
        self._slots.policy.observe(self._generation, results)
        rows = [_row(verdict, self._columns) for verdict in verdicts]
        local = torch.tensor(rows, dtype=torch.float32, device=self.accelerator.device)
        gathered: torch.Tensor = self.accelerator.gather(local)
        return gathered

    def _generate_and_score_completions(self, inputs: Any) -> Any:
        out = super()._generate_and_score_completions(self._fill(inputs))
        device = self.accelerator.device
        out["advantages"] = torch.tensor([value or 0.0 for value in self._advantages], device=device)
        absent = torch.tensor([value is None for value in self._advantages], device=device)
        if "tool_mask" not in out:
            mask = out["completion_mask"].masked_fill(absent.unsqueeze(1), 0)
            out["completion_mask"] = mask
            out["num_items_in_batch"] = (
                self.accelerator.gather(mask.sum()).sum().to(out["num_items_in_batch"].dtype)
            )
        self._generation += 1
        return out

    def _fill(self, rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        """Put the tasks that the sampling policy chooses for this generation into the rows of the dataset."""
        first = self._generation * self._slots.size
        tasks = self._slots.policy.choose(self._generation, self._slots.size)
        return [_prompt_row(tasks[row["slot"] - first]) for row in rows]

    def _compute_loss(self, model: Any, inputs: Any) -> Any:
        if (
            not self._recipe.deduplicate
            or self.beta != 0
            or self._entropy_bonus_enabled
            or self.loss_type == "bnpo"
        ):
            return super()._compute_loss(model, inputs)
        folded, share = deduplicate_rows(inputs)
        loss = super()._compute_loss(model, folded)
        # These two average over rows, of which only a share is left; the others divide by a figure of the
        # whole generation, which folding leaves alone.
        return loss * share if self.loss_type in ("grpo", "dr_grpo") else loss

    def _save_more(self, folder: Path) -> None:
        state = {
            "step": self._step,
            "generation": self._generation,
            "buffer": self._buffered_inputs,
            "sampling": self._slots.policy.state_dict(),
        }
        torch.save(state, folder / STATE.format(rank=self.accelerator.process_index))

    def _load_optimizer_and_scheduler(self, checkpoint: str | None) -> None:
        super()._load_optimizer_and_scheduler(checkpoint)
        if checkpoint is None:
            return
        path = Path(checkpoint) / STATE.format(rank=self.accelerator.process_index)
        state = torch.load(path, map_location=self.accelerator.device, weights_only=True)
        self._step, self._generation = state["step"], state["generation"]
        self._buffered_inputs = state["buffer"]
        self._slots.policy.load_state_dict(state.get("sampling", {}))


class Slots(NamedTuple):
    """The prompts of a run, chosen while it goes on: `size` tasks for each of `generations`."""

    policy: SamplingPolicy
    generations: int
    size: int


_PLACEHOLDER = [{"role": "user", "content": ""}]
"""The prompt of a slot that no task was chosen for yet."""


def _prompt_row(task: Task) -> dict[str, Any]:
    return {"prompt": [turn.model_dump() for turn in task.prompt], "task_id": task.id}


def _column(name: str) -> Callable[..., list[float]]:
    """TRL names its reward columns after functions; ours are filled together in `_calculate_rewards`."""

    def column(**_: Any) -> list[float]:
        raise RuntimeError(f"column {name} is filled by VerifiedGRPO._calculate_rewards")

    column.__name__ = name
    return column


def _row(verdict: Verdict, columns: Sequence[str]) -> list[float]:
    """The reward, then a score for each stage; NaN for what was not reached, and all NaN for an error."""
    if verdict.reward is None:
        return [math.nan] * len(columns)
    scores = {stage.name: stage.score for stage in verdict.stages}
    return [verdict.reward.value, *(scores.get(name, math.nan) for name in columns[1:])]


def _all_errors(verdicts: Sequence[Verdict]) -> str:
    details = [stage.detail for verdict in verdicts for stage in verdict.stages if stage.detail]
    reason = details[-1].splitlines()[-1] if details and details[-1] else "no detail"
    return f"verification failed for every completion of a generation, so nothing can be learned: {reason}"


class StepLog(TrainerCallback):  # type: ignore[misc]
    """Hands each step's figures to `log`, lets `watch` look at the model, and ends training when `over`."""

    def __init__(
        self,
        log: Callable[[int, dict[str, float]], None],
        watch: Callable[[int], None],
        over: Callable[[], bool],
    ) -> None:
        self._log = log
        self._watch = watch
        self._over = over
        self._started = time.perf_counter()
        self._seconds = 0.0

    def on_step_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Start the step's clock."""
        self._started = time.perf_counter()
        self._seconds = 0.0

    def on_optimizer_step(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Stop the clock before anything looks at the model or saves it."""
        self._seconds = time.perf_counter() - self._started

    def on_log(
        self, args: Any, state: Any, control: Any, logs: dict[str, Any] | None = None, **_: Any
    ) -> None:
        """One journal entry a step; the closing summary of transformers has no `loss`."""
        if state.is_world_process_zero and logs and "loss" in logs:
            figures = {key: float(value) for key, value in logs.items() if isinstance(value, int | float)}
            self._log(state.global_step, {**figures, "seconds": round(self._seconds, 5)})
            control.should_training_stop |= self._over()

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Let the watcher look at the model."""
        if state.is_world_process_zero:
            self._watch(state.global_step)


def run_sft(
    loaded: Loaded,
    rows: Sequence[tuple[Sequence[int], Sequence[int]]],
    settings: SftSettings,
    model: Model,
    *,
    steps: int,
    seed: int,
    folder: Path,
    resume: Path | None,
    trackers: Sequence[str],
    callbacks: Sequence[Any],
) -> Any:
    """Fine-tune on `rows` of (prompt ids, completion ids), in the order given; returns the trained model."""
    from datasets import Dataset

    micro = settings.micro_batch or settings.batch
    data = Dataset.from_dict(
        {
            "input_ids": [[*prompt, *answer] for prompt, answer in rows],
            "labels": [[*[-100] * len(prompt), *answer] for prompt, answer in rows],
        }
    )
    config = SFTConfig(
        **_common(loaded, settings.optimizer, model, seed, folder, trackers, settings.checkpoint_every),
        max_steps=steps,
        per_device_train_batch_size=micro,
        gradient_accumulation_steps=_whole(settings.batch, micro, "sft.batch", "sft.micro_batch"),
        max_length=settings.max_length,
        train_sampling_strategy="sequential",
        dataset_kwargs={"skip_prepare_dataset": True},
    )
    trainer = VerifiedSFT(
        model=loaded.model,
        args=_on_one_device(config),
        train_dataset=data,
        processing_class=loaded.tokenizer,
        peft_config=_lora(model.lora),
        callbacks=list(callbacks),
    )
    return _train(trainer, resume)


def run_grpo(
    loaded: Loaded,
    slots: Slots,
    settings: GrpoSettings,
    model: Model,
    *,
    judge: Judge,
    record: Record,
    columns: Sequence[str],
    seed: int,
    folder: Path,
    resume: Path | None,
    trackers: Sequence[str],
    callbacks: Sequence[Any],
) -> Any:
    """Reinforce on the tasks that fill the slots; returns the trained model."""
    from datasets import Dataset

    world = int(os.environ.get("WORLD_SIZE", "1"))
    batch = settings.prompts_per_step * settings.num_generations
    micro = settings.micro_batch or max(1, batch // world)
    accumulation = _whole(
        batch, micro * world, "grpo.prompts_per_step × grpo.num_generations", "grpo.micro_batch"
    )
    config = GRPOConfig(
        **_common(loaded, settings.optimizer, model, seed, folder, trackers, settings.checkpoint_every),
        max_steps=settings.steps,
        per_device_train_batch_size=micro,
        gradient_accumulation_steps=accumulation,
        steps_per_generation=accumulation * settings.steps_per_generation,
        num_iterations=settings.num_iterations,
        num_generations=settings.num_generations,
        max_completion_length=settings.max_new_tokens,
        temperature=settings.temperature,
        top_k=0,
        top_p=1.0,
        loss_type=settings.loss_type,
        epsilon=settings.epsilon,
        epsilon_high=settings.epsilon_high,
        beta=settings.beta,
        # Advantages are ours; TRL's scaling would only be thrown away.
        scale_rewards="none",
        reward_weights=[1.0] + [0.0] * (len(columns) - 1),
        shuffle_dataset=False,
        use_vllm=settings.generation_backend == "vllm",
        log_completions=False,
    )
    if settings.beta and model.lora is None:
        _make_findable(loaded, folder / "start")
    trainer = VerifiedGRPO(
        model=loaded.model,
        args=_on_one_device(config),
        train_dataset=Dataset.from_list(
            [{"prompt": _PLACEHOLDER, "slot": slot} for slot in range(slots.generations * slots.size)]
        ),
        processing_class=loaded.tokenizer,
        peft_config=_lora(model.lora),
        callbacks=list(callbacks),
        judge=judge,
        record=record,
        columns=columns,
        slots=slots,
        recipe=settings,
    )
    return _train(trainer, resume)


def _make_findable(loaded: Loaded, folder: Path) -> None:
    """TRL loads the reference model from where the model's config says that the model came from.

    A model from random weights or from a GGUF file came from nowhere that transformers could load as it is.
    """
    name = loaded.model.config._name_or_path
    if not name or (Path(name).is_dir() and not (Path(name) / "config.json").is_file()):
        loaded.model.save_pretrained(folder)
        loaded.model.config._name_or_path = str(folder)


def _common(
    loaded: Loaded,
    optimizer: Optimizer,
    model: Model,
    seed: int,
    folder: Path,
    trackers: Sequence[str],
    checkpoint_every: int,
) -> dict[str, Any]:
    on_gpu = loaded.model.device.type == "cuda"
    return {
        "output_dir": str(folder),
        "seed": seed,
        "use_cpu": not on_gpu,
        "bf16": on_gpu and model.dtype in (None, "bfloat16"),
        "fp16": on_gpu and model.dtype == "float16",
        "learning_rate": optimizer.learning_rate,
        "warmup_steps": optimizer.warmup,
        "lr_scheduler_type": {"constant": "constant_with_warmup"}.get(optimizer.schedule, optimizer.schedule),
        "weight_decay": optimizer.weight_decay,
        "adam_beta2": optimizer.beta2,
        "max_grad_norm": optimizer.max_grad_norm,
        "gradient_checkpointing": model.gradient_checkpointing,
        "save_strategy": "steps",
        "save_steps": checkpoint_every,
        "save_total_limit": 2,
        "logging_steps": 1,
        "report_to": list(trackers) or "none",
        "disable_tqdm": True,
        "remove_unused_columns": False,
        "dataloader_pin_memory": on_gpu,
    }


def _on_one_device(config: Any) -> Any:
    """`config` for one device: transformers would spread over all GPUs in sight, which TRL's GRPO refuses."""
    config._n_gpu = min(config.n_gpu, 1)
    return config


def _whole(batch: int, micro: int, name: str, part: str) -> int:
    if batch % micro:
        raise InputError(f"{name} is {batch}, which is not a multiple of {part} × processes ({micro})")
    return batch // micro


def _lora(lora: Lora | None) -> Any:
    if lora is None:
        return None
    from peft import LoraConfig

    return LoraConfig(
        r=lora.rank,
        lora_alpha=lora.alpha,
        lora_dropout=lora.dropout,
        target_modules="all-linear",
        task_type="CAUSAL_LM",
    )


def _train(trainer: Any, resume: Path | None) -> Any:
    trainer.remove_callback(PrinterCallback)
    if resume is not None and _steps_of(resume) >= trainer.args.max_steps > 0:
        # Nothing is left to do, and the trainer would take one step more before it looked.
        trainer._load_from_checkpoint(str(resume))
    else:
        trainer.train(resume_from_checkpoint=str(resume) if resume else None)
    return trainer.accelerator.unwrap_model(trainer.model)


def _steps_of(checkpoint: Path) -> int:
    state = json.loads((checkpoint / "trainer_state.json").read_text(encoding="utf-8"))
    return int(state["global_step"])
