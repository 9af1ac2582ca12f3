"""What every training stage works with: the recipe, the run folder, the verifier, task sets and models."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

from verirl import presets, registry
from verirl.io.atomic import storage_errors
from verirl.io.sources import read_tasks
from verirl.models.local import Loaded, LocalPolicy, load_model
from verirl.progress import Bars
from verirl.runs import RunFolder
from verirl.scoring import reward
from verirl.scoring.shaping import length
from verirl.seeds import derive
from verirl.training.recipe import Recipe
from verirl.training.settings import PeriodicEval
from verirl.types import Task, Verdict
from verirl.verifier import Request, Verifier

if TYPE_CHECKING:
    from verirl.training.stages.base import TrainingStage
    from verirl.training.stages.grpo import Length
    from verirl.training.trl_trainers import Judge


@dataclass(frozen=True)
class Ui:
    """Where a run reports: `say` prints a line; `progress` makes a bar from a description and a total."""

    say: Callable[[str], None]
    progress: Bars


class RunContext:
    """One run: its recipe, its folder, and what stages share."""

    def __init__(self, recipe: Recipe, folder: RunFolder, verifier: Verifier, ui: Ui) -> None:
        self.recipe = recipe
        self.folder = folder
        self.verifier = verifier
        self.ui = ui
        self._tasks: dict[str, list[Task]] = {}

    # --- tasks ---------------------------------------------------------------------------------------------

    def tasks(self, name: str) -> list[Task]:
        """Return a task set of the run folder."""
        if name not in self._tasks:
            self._tasks[name] = read_tasks(self.folder.tasks(name))
        return self._tasks[name]

    def replace_tasks(self, name: str, tasks: list[Task]) -> None:
        """Write a task set anew."""
        self.folder.write_tasks(name, tasks)
        self._tasks[name] = tasks

    def stage_names(self, tasks: Sequence[Task]) -> list[str]:
        """Return the verdict stages of the tasks' domains, each once."""
        names: dict[str, None] = {}
        for name in dict.fromkeys(task.domain for task in tasks):
            names.update(dict.fromkeys(stage.name for stage in registry.load(name).ladder))
        return list(names)

    # --- models --------------------------------------------------------------------------------------------

    def load_start(self, stage: TrainingStage[Any]) -> Loaded:
        """Load the model that a training stage starts from: that of the stage before it, or the recipe's."""
        from verirl.training import stages

        previous = stages.previous_model(self.recipe, stage)
        device = self.recipe.model.device
        if previous is not None:
            return load_model(str(self.folder.model(previous)), device=device, dtype=self._dtype())
        return self.load_base()

    def load_base(self) -> Loaded:
        """Load the model that the recipe names; `tiny` is made from the recipe's seed."""
        name = self.recipe.model.name
        if name == "tiny" or name.startswith("tiny:"):
            return self._make_tiny(name)
        device = self.recipe.model.device
        return load_model(name, device=device, dtype=self._dtype(), seed=self.recipe.seed)

    def _dtype(self) -> str | None:
        # Full fine-tuning needs float32 master weights; autocast does the arithmetic in the wanted type.
        return self.recipe.model.dtype if self.recipe.model.lora else "float32"

    def _make_tiny(self, name: str) -> Loaded:
        from verirl.models import tiny
        from verirl.training.stages.sft import Sft

        # The tokenizer merges what is frequent in the demonstrations, whoever starts from it.
        demonstrations = Sft().settings(self.recipe)
        texts = [
            text
            for task in (self.tasks(demonstrations.tasks) if demonstrations else ())
            for text in (*(turn.content for turn in task.prompt), task.reference or "")
        ]
        tokenizer = tiny.make_tokenizer(texts, vocabulary=self.recipe.model.vocabulary)
        seed = derive("tiny", self.recipe.seed) % 2**31
        model = tiny.make_model(tiny.parse_size(name), tokenizer, seed=seed)
        device = self.recipe.model.device or ("cuda" if torch.cuda.is_available() else "cpu")
        return Loaded(model.to(device), tokenizer)

    def save(self, stage: str, loaded: Loaded) -> None:
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

    # --- verdicts ------------------------------------------------------------------------------------------

    def make_judge(self, tasks: dict[str, Task], scheme: str, brevity: Length | None = None) -> Judge:
        """Make the function that turns a generation's completions into verdicts with rewards.

        Args:
            tasks: Task id → task.
            scheme: The reward scheme.
            brevity: The length tier of the reward, if there is one.
        """
        chosen = presets.find(scheme, (task.domain for task in tasks.values()))

        def judge(
            ids: Sequence[str], completions: Sequence[str], tokens: Sequence[int], first: int
        ) -> list[Verdict]:
            requests = [
                Request(tasks[task], text, first + index)
                for index, (task, text) in enumerate(zip(ids, completions, strict=True))
            ]
            judged = []
            for request, verdict, count in zip(requests, self.verifier.verify(requests), tokens, strict=True):
                ladder = registry.load(request.task.domain).ladder
                rewarded = reward(chosen, ladder, verdict)
                if brevity and rewarded.reward:
                    refined = length(
                        rewarded.reward,
                        ladder,
                        verdict.stages,
                        tokens=count,
                        budget=brevity.budget,
                        span=brevity.ramp,
                        levels=brevity.levels,
                    )
                    rewarded = rewarded.model_copy(update={"reward": refined})
                judged.append(rewarded)
            return judged

        return judge

    # --- the journal ---------------------------------------------------------------------------------------

    def trained_seconds(self, stage: str) -> float:
        """Return the seconds that a stage's optimizer steps took."""
        return float(sum(step["seconds"] for step in self.folder.steps("step", stage)))

    def trained_figures(self, stage: str, model: Any) -> dict[str, Any]:
        """Return what the journal keeps of a stage that trained a model."""
        parameters = sum(parameter.numel() for parameter in model.parameters())
        return {"seconds": self.trained_seconds(stage), "parameters": parameters}

    def follow(
        self, stage: str, total: int, curve: PeriodicEval | None, loaded: Loaded, seconds: float | None
    ) -> FollowedSteps:
        """Show a stage's progress, log its steps, and look at held-out tasks on the way.

        Args:
            stage: The name of the stage.
            total: Optimizer steps to take.
            curve: The settings of the held-out curve.
            loaded: The model in training.
            seconds: Training seconds after which to end; None for no limit.
        """
        look = self._make_look(stage, curve, loaded) if curve else None
        return FollowedSteps(self, stage, total, look, seconds)

    def _make_look(self, stage: str, curve: PeriodicEval, loaded: Loaded) -> Callable[[int], None]:
        from verirl.training.stages.grpo import Grpo

        tasks = self.tasks(curve.tasks)[: curve.first]
        settings = Grpo().settings(self.recipe)
        scheme = settings.scheme if settings else "lexicographic"
        brevity = settings.length if settings else None
        judge = self.make_judge({task.id: task for task in tasks}, scheme, brevity)
        policy = LocalPolicy(loaded, stage)

        def look(step: int) -> None:
            if step % curve.every:
                return
            # Every look draws with the same seed, so that the curve shows the model and not the draw.
            drawn = policy.sample(
                tasks, n=1, temperature=1.0, max_new_tokens=curve.max_new_tokens, seed=self.recipe.seed
            )
            texts = [samples[0] for samples in drawn]
            verdicts = judge([task.id for task in tasks], texts, [0] * len(texts), 0)
            usable = [verdict for verdict in verdicts if not verdict.is_error]
            share = sum(verdict.passed for verdict in usable) / len(usable) if usable else None
            self.folder.log("watch", stage=stage, step=step, passed=share, tasks=len(usable))

        return look


class FollowedSteps:
    """The progress bar, the journal and the held-out curve of one training stage, as one TRL callback."""

    def __init__(
        self,
        context: RunContext,
        stage: str,
        total: int,
        look: Callable[[int], None] | None,
        seconds: float | None,
    ) -> None:
        self._context = context
        self._stage = stage
        self._look = look
        self._seconds = seconds
        self._spent = 0.0
        self._bar = context.ui.progress(stage, total if seconds is None else max(1, int(seconds)))
        self._advance: Callable[[int], None] = lambda _: None

    def __enter__(self) -> Any:
        from verirl.training.trl_trainers import StepLog

        self._advance = self._bar.__enter__()
        return StepLog(self._log, self._watch, self._is_over)

    def __exit__(self, *error: Any) -> None:
        self._bar.__exit__(*error)

    def _log(self, step: int, figures: dict[str, float]) -> None:
        self._context.folder.log("step", stage=self._stage, step=step, **figures)
        before = int(self._spent)
        self._spent += figures["seconds"]
        self._advance(1 if self._seconds is None else int(self._spent) - before)

    def _watch(self, step: int) -> None:
        if self._look is not None:
            self._look(step)

    def _is_over(self) -> bool:
        return self._seconds is not None and self._spent >= self._seconds
