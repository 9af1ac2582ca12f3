"""A recipe carried out: synth → sft → grpo → control → eval; each stage leaves its result in the folder."""

from __future__ import annotations

import gc
import json
import shutil
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

from verirl import presets, registry
from verirl.errors import InputError
from verirl.io.atomic import storage_errors, write_atomically
from verirl.io.sources import read_tasks
from verirl.models.local import Loaded, LocalPolicy, encode_prompt, load_model
from verirl.runs import RunFolder
from verirl.scoring import reward
from verirl.scoring.shaping import length
from verirl.seeds import derive
from verirl.training import schedule
from verirl.training.recipe import Recipe, Sft, TaskSet, Watch
from verirl.types import Task, Verdict

if TYPE_CHECKING:
    from verirl.pool import VerifierPool
    from verirl.training.trl_trainers import Judge, Scored


@dataclass(frozen=True)
class Ui:
    """Where a run speaks: `say` a line, `progress` a bar (description, total) → advance."""

    say: Callable[[str], None]
    progress: Callable[[str, int], AbstractContextManager[Callable[[int], None]]]


class Pipeline:
    """One run of a recipe in its folder. Stages that the journal calls done are not run again."""

    def __init__(self, recipe: Recipe, folder: RunFolder, pool: VerifierPool, ui: Ui) -> None:
        self.recipe = recipe
        self.folder = folder
        self.pool = pool
        self.ui = ui
        self._tasks: dict[str, list[Task]] = {}

    def run(self) -> None:
        """Run every stage that is not done."""
        work = {
            "synth": self.synth,
            "sft": self.sft,
            "grpo": self.grpo,
            "control": self.control,
            "eval": self.evaluate,
        }
        for stage in self.recipe.stages():
            if self.folder.done(stage):
                self.ui.say(f"{stage}: already done")
                continue
            started = time.perf_counter()
            self.folder.log("stage_begun", stage=stage)
            figures = work[stage]()
            _free_memory()
            seconds = round(time.perf_counter() - started, 3)
            self.folder.log("stage_done", stage=stage, wall_seconds=seconds, **figures)
            self.ui.say(f"{stage}: done in {seconds:.1f} s")

    def tasks(self, name: str) -> list[Task]:
        """The task set `name`, from the run folder."""
        if name not in self._tasks:
            self._tasks[name] = read_tasks(self.folder.tasks(name))
        return self._tasks[name]

    # --- synth ---------------------------------------------------------------------------------------------

    def synth(self) -> dict[str, Any]:
        """Make or read every task set of the recipe."""
        sizes = {}
        for name, wanted in self.recipe.tasks.items():
            if not self.folder.tasks(name).is_file():
                tasks = self._read(wanted) if wanted.file else self._make(name, wanted)
                self.folder.write_tasks(name, tasks)
            sizes[name] = len(self.tasks(name))
            self.ui.say(f"synth: {name}, {sizes[name]} tasks")
        self._refuse_leaks()
        self._refuse_shared_ids()
        return {"tasks": sizes}

    def _read(self, wanted: TaskSet) -> list[Task]:
        tasks = read_tasks(wanted.file or "")
        return tasks[: wanted.limit] if wanted.limit else tasks

    def _make(self, name: str, wanted: TaskSet) -> list[Task]:
        from verirl.taskgen.generate import generate_tasks

        count = wanted.n or 0
        with self.ui.progress(f"synth {name}", count) as advance:
            report = generate_tasks(
                registry.load(wanted.domain or ""),
                count,
                seed=self.recipe.seed if wanted.seed is None else wanted.seed,
                difficulty=wanted.difficulty,
                split=wanted.split,
                families=wanted.families or None,
                pool=self.pool,
                on_progress=advance,
                check_mutants=wanted.mutants,
                options=wanted.options,
            )
        return list(report.tasks)

    def _refuse_leaks(self) -> None:
        """Held-out questions must not be trained on, whatever their ids, files and specs."""
        if self.recipe.eval is None:
            return
        held_out = {(task.domain, task.prompt) for task in self.tasks(self.recipe.eval.tasks)}
        trained = {self.recipe.sft.tasks} if self.recipe.sft else set()
        trained |= {mix.tasks for mix in self.recipe.grpo_mixture()}
        for name in sorted(trained):
            kept = [task for task in self.tasks(name) if (task.domain, task.prompt) not in held_out]
            dropped = len(self.tasks(name)) - len(kept)
            if not kept:
                raise InputError(f"tasks '{name}': every one of them is in '{self.recipe.eval.tasks}'")
            if dropped:
                self.ui.say(f"synth: {name}, {dropped} left out: they are held out for evaluation")
                self.folder.write_tasks(name, kept)
                self._tasks[name] = kept

    def _refuse_shared_ids(self) -> None:
        """In a mixture an id names one task: verdicts are asked for, and rollouts read, by it."""
        owners: dict[str, tuple[str, str]] = {}
        for mix in self.recipe.grpo_mixture():
            for task in self.tasks(mix.tasks):
                content = task.content_key()
                first, known = owners.setdefault(task.id, (mix.tasks, content))
                if content != known:
                    raise InputError(
                        f"tasks '{mix.tasks}' and '{first}': both have '{task.id}', for different tasks; "
                        "give each set a seed, or ids, of its own"
                    )

    # --- training ------------------------------------------------------------------------------------------

    def sft(self) -> dict[str, Any]:
        """Fine-tune on references."""
        settings = self.recipe.sft
        if settings is None:
            return {}
        return self._fine_tune("sft", settings.steps, seconds=None)

    def control(self) -> dict[str, Any]:
        """The same SFT run, carried on for as many seconds as GRPO took: what more imitation gives."""
        settings = self.recipe.sft
        if settings is None:
            return {}
        seconds = self._trained_seconds("grpo")
        pace = self._trained_seconds("sft") / settings.steps
        # Twice as many steps as should fit: the clock ends it, not the data.
        bound = settings.steps + max(1, int(2 * seconds / max(pace, 1e-6)))
        shutil.rmtree(self.folder.stage("control"), ignore_errors=True)
        return self._fine_tune("control", bound, seconds=seconds)

    def _fine_tune(self, stage: str, steps: int, seconds: float | None) -> dict[str, Any]:
        from verirl.training.trl_trainers import latest_checkpoint, run_sft

        settings = self.recipe.sft
        if settings is None:
            return {}
        loaded = self.start("sft")
        tasks = self.tasks(settings.tasks)
        unique = self._fitting([encode_example(loaded.tokenizer, task) for task in tasks], settings)
        drawn = schedule.order(len(unique), steps * settings.batch, self.recipe.seed, "sft")
        resume = latest_checkpoint(self.folder.stage("sft"))
        first = settings.steps if stage == "control" else 0
        with self._steps(stage, steps - first, settings.watch, loaded, seconds) as callback:
            model = run_sft(
                loaded,
                [unique[i] for i in drawn],
                settings,
                self.recipe.model,
                steps=steps,
                seed=derive("sft", self.recipe.seed) % 2**31,
                folder=self.folder.stage(stage),
                resume=resume,
                trackers=self.recipe.trackers,
                callbacks=[callback],
            )
        self._save(stage, Loaded(model, loaded.tokenizer))
        return {"seconds": self._trained_seconds(stage), "parameters": _parameters(model)}

    def _fitting(
        self, examples: Sequence[tuple[list[int], list[int]]], settings: Sft
    ) -> list[tuple[list[int], list[int]]]:
        """The examples that are learned whole: one that is cut off would teach never to stop."""
        fitting = [pair for pair in examples if sum(map(len, pair)) <= settings.max_length]
        if not fitting:
            raise InputError(
                f"sft.max_length is {settings.max_length}, and every reference of '{settings.tasks}' "
                "is longer with its prompt"
            )
        if len(fitting) < len(examples):
            self.ui.say(
                f"sft: {len(examples) - len(fitting)} of {len(examples)} references left out: "
                f"longer than sft.max_length ({settings.max_length} tokens with their prompts)"
            )
        return fitting

    def grpo(self) -> dict[str, Any]:
        """Reinforce with verified rewards."""
        from verirl.training.trl_trainers import latest_checkpoint, run_grpo

        settings = self.recipe.grpo
        if settings is None:
            return {}
        mixture = self.recipe.grpo_mixture()
        sets = [self.tasks(mix.tasks) for mix in mixture]
        generations = -(-settings.steps // (settings.updates * settings.iterations))
        count = generations * settings.prompts * settings.updates
        drawn = schedule.mixture(
            [len(tasks) for tasks in sets], [mix.weight for mix in mixture], count, self.recipe.seed
        )
        chosen = [sets[which][index] for which, index in drawn]
        by_id = {task.id: task for task in chosen}
        loaded = self.start("grpo")
        with self._steps("grpo", settings.steps, settings.watch, loaded, None) as callback:
            model = run_grpo(
                loaded,
                [
                    {"prompt": [turn.model_dump() for turn in task.prompt], "task_id": task.id}
                    for task in chosen
                ],
                settings,
                self.recipe.model,
                judge=self._judge(by_id),
                record=self._record,
                columns=["reward", *_stage_names(chosen)],
                seed=derive("grpo", self.recipe.seed) % 2**31,
                folder=self.folder.stage("grpo"),
                resume=latest_checkpoint(self.folder.stage("grpo")),
                trackers=self.recipe.trackers,
                callbacks=[callback],
            )
        self._save("grpo", Loaded(model, loaded.tokenizer))
        return {"seconds": self._trained_seconds("grpo"), "parameters": _parameters(model)}

    def _judge(self, tasks: dict[str, Task]) -> Judge:
        from verirl.pool import Request

        settings = self.recipe.grpo
        named = settings.scheme if settings else "lexicographic"
        chosen = presets.find(named, (task.domain for task in tasks.values()))
        brevity = settings.length if settings else None

        def judge(
            ids: Sequence[str], completions: Sequence[str], tokens: Sequence[int], first: int
        ) -> list[Verdict]:
            requests = [
                Request(tasks[task], text, first + place)
                for place, (task, text) in enumerate(zip(ids, completions, strict=True))
            ]
            found = []
            for request, verdict, count in zip(requests, self.pool.verify(requests), tokens, strict=True):
                ladder = registry.load(request.task.domain).ladder
                rewarded = reward(chosen, ladder, verdict)
                if brevity and rewarded.reward:
                    refined = length(
                        rewarded.reward, ladder, verdict.stages, tokens=count, **brevity.model_dump()
                    )
                    rewarded = rewarded.model_copy(update={"reward": refined})
                found.append(rewarded)
            return found

        return judge

    def _record(
        self, generation: int, step: int, scored: Sequence[Scored], seconds: dict[str, float]
    ) -> None:
        path = self.folder.rollouts(generation)

        def fill(stream: Any) -> None:
            for row in scored:
                line = {
                    "task_id": row.task_id,
                    "sample": row.verdict.sample,
                    "completion": row.completion,
                    "step": step,
                    "tokens": row.tokens,
                    "advantage": row.advantage,
                    "verdict": row.verdict.model_dump(mode="json"),
                }
                stream.write(json.dumps(line, ensure_ascii=False) + "\n")

        write_atomically(path, fill)
        size = self.recipe.grpo.group if self.recipe.grpo else 1
        groups = [scored[start : start + size] for start in range(0, len(scored), size)]
        rewards = [row.verdict.reward.value for row in scored if row.verdict.reward]
        self.folder.log(
            "generation",
            stage="grpo",
            generation=generation,
            step=step,
            completions=len(scored),
            tokens=sum(row.tokens for row in scored),
            passed=sum(row.verdict.passed for row in scored),
            errors=sum(row.verdict.is_error for row in scored),
            groups=len(groups),
            idle_groups=sum(not any(row.advantage for row in group) for group in groups),
            reward=sum(rewards) / len(rewards) if rewards else None,
            stages=_reached(scored),
            seconds={name: round(value, 4) for name, value in seconds.items()},
        )

    def start(self, stage: str) -> Loaded:
        """The model that a training stage starts from."""
        if stage == "grpo" and self.recipe.sft:
            return load_model(
                str(self.folder.model("sft")), device=self.recipe.model.device, dtype=self._dtype()
            )
        name = self.recipe.model.name
        if name == "tiny" or name.startswith("tiny:"):
            return self._tiny(name)
        return load_model(name, device=self.recipe.model.device, dtype=self._dtype(), seed=self.recipe.seed)

    def _dtype(self) -> str | None:
        wanted = self.recipe.model.dtype
        # Full fine-tuning needs float32 master weights; autocast does the arithmetic in the wanted type.
        return wanted if self.recipe.model.lora else "float32"

    def _tiny(self, name: str) -> Loaded:
        from verirl.models import tiny

        texts: list[str] = []
        if self.recipe.sft:
            texts = [
                text
                for task in self.tasks(self.recipe.sft.tasks)
                for text in (*(turn.content for turn in task.prompt), task.reference or "")
            ]
        tokenizer = tiny.make_tokenizer(texts, vocabulary=self.recipe.model.vocabulary)
        seed = derive("tiny", self.recipe.seed) % 2**31
        model = tiny.make_model(tiny.parse_size(name), tokenizer, seed=seed)
        device = self.recipe.model.device or ("cuda" if torch.cuda.is_available() else "cpu")
        return Loaded(model.to(device), tokenizer)

    def _save(self, stage: str, loaded: Loaded) -> None:
        """Leave a whole model: an adapter is merged, so that the next stage and any server can load it."""
        model = loaded.model.merge_and_unload() if hasattr(loaded.model, "merge_and_unload") else loaded.model
        path = self.folder.model(stage)
        half = path.with_name("model.part")
        with storage_errors(path):
            shutil.rmtree(half, ignore_errors=True)
            model.save_pretrained(half)
            loaded.tokenizer.save_pretrained(half)
            shutil.rmtree(path, ignore_errors=True)
            half.rename(path)

    def _trained_seconds(self, stage: str) -> float:
        return float(sum(step["seconds"] for step in self.folder.steps("step", stage)))

    def _steps(
        self, stage: str, total: int, watch: Watch | None, loaded: Loaded, seconds: float | None
    ) -> _Steps:
        look = self._watcher(stage, watch, loaded) if watch else None
        return _Steps(self, stage, total, look, seconds)

    def _watcher(self, stage: str, watch: Watch, loaded: Loaded) -> Callable[[int], None]:
        tasks = self.tasks(watch.tasks)[: watch.first]
        judge = self._judge({task.id: task for task in tasks})
        policy = LocalPolicy(loaded, stage)

        def look(step: int) -> None:
            if step % watch.every:
                return
            # Every look draws with the same seed, so that the curve shows the model and not the draw.
            texts = [
                found[0]
                for found in policy.sample(
                    tasks, n=1, temperature=1.0, max_new_tokens=watch.max_new_tokens, seed=self.recipe.seed
                )
            ]
            verdicts = judge([task.id for task in tasks], texts, [0] * len(texts), 0)
            usable = [verdict for verdict in verdicts if not verdict.is_error]
            share = sum(verdict.passed for verdict in usable) / len(usable) if usable else None
            self.folder.log("watch", stage=stage, step=step, passed=share, tasks=len(usable))

        return look

    # --- evaluation ----------------------------------------------------------------------------------------

    def evaluate(self) -> dict[str, Any]:
        """Score the start, the result and the control on the held-out tasks, and compare them in pairs."""
        from verirl.training.final_evaluation import score_run

        return score_run(self)


class _Steps:
    """The progress bar, the journal and the watcher of one training stage, as one TRL callback."""

    def __init__(
        self,
        pipeline: Pipeline,
        stage: str,
        total: int,
        look: Callable[[int], None] | None,
        seconds: float | None,
    ) -> None:
        self._pipeline = pipeline
        self._stage = stage
        self._look = look
        self._seconds = seconds
        self._spent = 0.0
        self._bar = pipeline.ui.progress(stage, total if seconds is None else max(1, int(seconds)))
        self._advance: Callable[[int], None] = lambda _: None

    def __enter__(self) -> Any:
        from verirl.training.trl_trainers import StepLog

        self._advance = self._bar.__enter__()
        return StepLog(self._log, self._watch, self._over)

    def __exit__(self, *problem: Any) -> None:
        self._bar.__exit__(*problem)

    def _log(self, step: int, figures: dict[str, float]) -> None:
        self._pipeline.folder.log("step", stage=self._stage, step=step, **figures)
        before = int(self._spent)
        self._spent += figures["seconds"]
        self._advance(1 if self._seconds is None else int(self._spent) - before)

    def _watch(self, step: int) -> None:
        if self._look is not None:
            self._look(step)

    def _over(self) -> bool:
        return self._seconds is not None and self._spent >= self._seconds


def encode_example(tokenizer: Any, task: Task) -> tuple[list[int], list[int]]:
    """(prompt ids, completion ids) of a task's reference, as the chat template writes them."""
    if task.reference is None:
        raise InputError(f"task '{task.id}' has no reference to learn from")
    messages = [turn.model_dump() for turn in task.prompt]
    prompt = encode_prompt(tokenizer, task)
    whole = tokenizer.apply_chat_template(
        [*messages, {"role": "assistant", "content": task.reference}], tokenize=True, return_dict=True
    )["input_ids"]
    if whole[: len(prompt)] != prompt:
        raise InputError(
            "the chat template writes a prompt differently once it is answered: cannot train on it"
        )
    return prompt, list(whole[len(prompt) :])


def _stage_names(tasks: Sequence[Task]) -> list[str]:
    names: dict[str, None] = {}
    for name in dict.fromkeys(task.domain for task in tasks):
        names.update(dict.fromkeys(stage.name for stage in registry.load(name).ladder))
    return list(names)


def _reached(scored: Sequence[Scored]) -> dict[str, dict[str, float]]:
    """Stage → how many completions reached it, passed it, and their mean score."""
    found: dict[str, list[tuple[bool, float]]] = {}
    for row in scored:
        for stage in row.verdict.stages:
            found.setdefault(stage.name, []).append((stage.status == "passed", stage.score))
    return {
        name: {
            "reached": len(results),
            "passed": sum(ok for ok, _ in results),
            "score": sum(score for _, score in results) / len(results),
        }
        for name, results in found.items()
    }


def _free_memory() -> None:
    """Trainers are cycles of references: their optimisers must not live on, on a GPU, into the next stage."""
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def _parameters(model: Any) -> int:
    return sum(parameter.numel() for parameter in model.parameters())
