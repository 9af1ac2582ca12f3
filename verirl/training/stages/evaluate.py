"""The stage `eval`: score the start, the results and the control on held-out tasks, and compare them."""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import Field

from verirl.evaluation.compare import Comparison, compare
from verirl.evaluation.gates import check, parse
from verirl.evaluation.result import Evaluation
from verirl.evaluation.result import Settings as DrawSettings
from verirl.io.jsonl import write_records
from verirl.training.settings import Positive, Settings
from verirl.training.stages.base import Role, TrainingStage

if TYPE_CHECKING:
    from verirl.training.context import RunContext
    from verirl.training.recipe import Recipe
    from verirl.types import Completion

COMPARISONS = "comparisons"
"""Name of the file, next to the evaluations, that holds what changed between them."""


class EvalSettings(Settings):
    """How the start, the result and the control are scored on held-out tasks.

    `min` are gates on the result (as of `verirl eval --min`), `min_gain` one on its gain in pass@1.
    """

    tasks: str
    samples: Positive = 4
    k: tuple[Positive, ...] = (1,)
    temperature: float = Field(default=1.0, ge=0)
    greedy: bool = True
    max_new_tokens: Positive = 256
    scheme: str = "lexicographic"
    min: tuple[str, ...] = ()
    min_gain: float | None = None


class Evaluate(TrainingStage[EvalSettings]):
    """The final evaluation."""

    name: ClassVar[str] = "eval"
    title: ClassVar[str] = "evaluation"
    role: ClassVar[Role] = "evaluate"
    settings_model: ClassVar[type[Settings] | None] = EvalSettings

    def needs(self, recipe: Recipe) -> Mapping[str, str]:
        """The held-out tasks."""
        settings = self.settings(recipe)
        return {f"{self.name}.tasks": settings.tasks} if settings else {}

    def check(self, recipe: Recipe) -> None:
        """Refuse gates, k and samples that do not fit together."""
        from verirl.training import stages

        settings = self.settings(recipe)
        if settings is None:
            return
        recipe.check_scheme(settings.scheme, (settings.tasks,))
        for gate in settings.min:
            parse(gate)
        if settings.min_gain is not None and not stages.improvements(recipe):
            raise ValueError("eval.min_gain is a gate on what GRPO gains: it needs that stage")
        if 1 not in settings.k:
            raise ValueError("eval.k must hold 1: the comparison of the stages is in pass@1")
        if max(settings.k) > settings.samples:
            raise ValueError(f"eval.k asks for pass@{max(settings.k)} of {settings.samples} samples")
        if settings.temperature == 0 and settings.samples > 1:
            raise ValueError("eval.samples: at temperature 0 every sample is the same; take 1")

    def run(self, context: RunContext) -> dict[str, Any]:
        """Evaluate every trained model of the run, and compare each with the one it started from."""
        from verirl.training import stages

        settings = self.settings(context.recipe)
        if settings is None:
            return {}
        names = candidates(context.recipe)
        sampled = {name: _score(context, name, settings, greedy=False) for name in names}
        greedy = {}
        if settings.greedy:
            greedy = {name: _score(context, name, settings, greedy=True) for name in names}
        result = stages.result(names) or names[-1]
        pairs = _pairs(names, result)
        seed = context.recipe.seed
        rows = [_row(a, b, "sampled", compare(sampled[a], sampled[b], seed=seed)) for a, b in pairs]
        rows += [_row(a, b, "greedy", compare(greedy[a], greedy[b], k=1)) for a, b in pairs if greedy]
        context.folder.write_text(f"eval/{COMPARISONS}.json", json.dumps(rows, indent=2) + "\n")
        gates = check([parse(text) for text in settings.min], sampled[result])
        unmet = [gate.line for gate in gates if not gate.met]
        gains = [row for row in rows if row["to"] == result and row["draw"] == "sampled"]
        if settings.min_gain is not None and gains and gains[0]["gain"] < settings.min_gain:
            title, gain = stages.find(result).title, gains[0]["gain"]
            unmet.append(f"gain of {title} over {gains[0]['from']}: {gain:.3f} < {settings.min_gain}")
        return {
            "pass_at_1": {name: _pass_at_1(evaluation) for name, evaluation in sampled.items()},
            "unmet": unmet,
        }


def candidates(recipe: Recipe) -> list[str]:
    """Return the names of all models to score; the one that the others are compared with comes first."""
    from verirl.training import stages

    trained = stages.trained(recipe)
    start = [] if any(stage.is_start for stage in trained) else [stages.BASE]
    return [*start, *(stage.name for stage in trained)]


def _pairs(names: list[str], result: str) -> list[tuple[str, str]]:
    """Compare the start with every other model, and the result with the controls."""
    from verirl.training import stages

    controls = stages.controls(names)
    trained = [name for name in names if name not in controls]
    pairs = [(names[0], name) for name in names[1:]]
    pairs += list(itertools.pairwise(trained))
    pairs += [(name, result) for name in controls]
    return list(dict.fromkeys(pairs))


def _score(context: RunContext, name: str, settings: EvalSettings, *, greedy: bool) -> Evaluation:
    from verirl.evaluation.run import evaluate, require_usable
    from verirl.models.local import LocalPolicy, load_model
    from verirl.training import stages

    # What training started from may exist nowhere but in the recipe: a tiny model, or a start by its seed.
    if name == stages.BASE:
        loaded = context.load_base()
    else:
        loaded = load_model(str(context.folder.model(name)), device=context.recipe.model.device)
    policy = LocalPolicy(loaded, f"{context.recipe.name}/{name}")
    samples = 1 if greedy else settings.samples
    label = f"{name}-greedy" if greedy else name

    def keep(completions: list[Completion]) -> None:
        write_records(context.folder.evaluation(label).with_suffix(".answers.jsonl"), completions)

    result = evaluate(
        policy,
        context.tasks(settings.tasks),
        context.verifier,
        source=settings.tasks,
        settings=DrawSettings(
            k=(1,) if greedy else settings.k,
            samples=samples,
            temperature=0.0 if greedy else settings.temperature,
            max_new_tokens=settings.max_new_tokens,
            seed=context.recipe.seed,
            scheme=settings.scheme,
        ),
        progress=lambda what, total: context.ui.progress(f"eval {label}: {what}", total),
        keep=keep,
    )
    require_usable(result.verdicts)
    write_records(context.folder.evaluation(label).with_suffix(".verdicts.jsonl"), result.verdicts)
    context.folder.write_text(f"eval/{label}.json", result.evaluation.to_json())
    figure = result.evaluation.overall.pass_at[1]
    context.ui.say(f"eval: {label}, pass@1 {figure.value:.3f} [{figure.low:.3f}, {figure.high:.3f}]")
    return result.evaluation


def _row(a: str, b: str, draw: str, comparison: Comparison) -> dict[str, Any]:
    return {"from": a, "to": b, "draw": draw, **comparison.to_dict()}


def _pass_at_1(evaluation: Evaluation) -> dict[str, float | None]:
    figure = evaluation.overall.pass_at[min(evaluation.settings.k)]
    return {"value": figure.value, "low": figure.low, "high": figure.high}
