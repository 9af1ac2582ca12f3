"""The eval stage of a run: the start, the result and the control on the same held-out tasks, in pairs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from verirl.evaluation.compare import Comparison, compare
from verirl.evaluation.gates import check, parse
from verirl.evaluation.result import Evaluation, Settings
from verirl.evaluation.run import evaluate, require_usable
from verirl.io.jsonl import write_records
from verirl.models.local import LocalPolicy, load_model
from verirl.types import Completion

if TYPE_CHECKING:
    from verirl.training.pipeline import Pipeline
    from verirl.training.recipe import Eval

BASE = "base"
"""What a run that has no SFT started from."""

COMPARISONS = "comparisons"
"""Name of the file, beside the evaluations, that holds what changed between them."""


def score_run(run: Pipeline) -> dict[str, Any]:
    """Evaluate every trained model of the run, and compare each with the one it started from."""
    settings = run.recipe.eval
    if settings is None:
        return {}
    names = candidates(run)
    found = {name: _score(run, name, where, settings, greedy=False) for name, where in names.items()}
    greedy = {}
    if settings.greedy:
        greedy = {name: _score(run, name, where, settings, greedy=True) for name, where in names.items()}
    pairs = [(a, b) for a, b in _pairs(list(names)) if a in found and b in found]
    rows = [_row(a, b, "sampled", compare(found[a], found[b], seed=run.recipe.seed)) for a, b in pairs]
    rows += [_row(a, b, "greedy", compare(greedy[a], greedy[b], k=1)) for a, b in pairs if greedy]
    run.folder.write_text(f"eval/{COMPARISONS}.json", json.dumps(rows, indent=2) + "\n")
    last = "grpo" if "grpo" in found else list(found)[-1]
    results = check([parse(text) for text in settings.min], found[last])
    unmet = [str(result) for result in results if not result.met]
    gains = [row for row in rows if row["to"] == "grpo" and row["draw"] == "sampled"]
    if settings.min_gain is not None and gains and gains[0]["gain"] < settings.min_gain:
        unmet.append(f"gain of GRPO over {gains[0]['from']}: {gains[0]['gain']:.3f} < {settings.min_gain}")
    return {
        "pass_at_1": {name: _pass_at_1(evaluation) for name, evaluation in found.items()},
        "unmet": unmet,
    }


def candidates(run: Pipeline) -> dict[str, str]:
    """Name → model of everything that the run has to score; what it started from comes first."""
    trained = [name for name in ("sft", "grpo", "control") if name in run.recipe.stages()]
    found = {} if "sft" in trained else {BASE: run.recipe.model.name}
    return found | {name: str(run.folder.model(name)) for name in trained}


def _pairs(names: list[str]) -> list[tuple[str, str]]:
    start = names[0]
    others = [(start, name) for name in names[1:]]
    return [*others, ("control", "grpo")]


def _score(run: Pipeline, name: str, model: str, settings: Eval, *, greedy: bool) -> Evaluation:
    # What training started from may exist nowhere but in the recipe: a tiny model, or a start by its seed.
    loaded = run.start("grpo") if name == BASE else load_model(model, device=run.recipe.model.device)
    policy = LocalPolicy(loaded, f"{run.recipe.name}/{name}")
    samples = 1 if greedy else settings.samples
    label = f"{name}-greedy" if greedy else name

    def keep(completions: list[Completion]) -> None:
        write_records(run.folder.evaluation(label).with_suffix(".answers.jsonl"), completions)

    result = evaluate(
        policy,
        run.tasks(settings.tasks),
        run.pool,
        source=settings.tasks,
        settings=Settings(
            k=(1,) if greedy else settings.k,
            samples=samples,
            temperature=0.0 if greedy else settings.temperature,
            max_new_tokens=settings.max_new_tokens,
            seed=run.recipe.seed,
            scheme=settings.scheme,
        ),
        progress=lambda what, total: run.ui.progress(f"eval {label}: {what}", total),
        keep=keep,
    )
    require_usable(result.verdicts)
    write_records(run.folder.evaluation(label).with_suffix(".verdicts.jsonl"), result.verdicts)
    run.folder.write_text(f"eval/{label}.json", result.evaluation.to_json())
    figure = result.evaluation.overall.pass_at[1]
    run.ui.say(f"eval: {label}, pass@1 {figure.value:.3f} [{figure.low:.3f}, {figure.high:.3f}]")
    return result.evaluation


def _row(a: str, b: str, draw: str, comparison: Comparison) -> dict[str, Any]:
    return {"from": a, "to": b, "draw": draw, **comparison.to_dict()}


def _pass_at_1(evaluation: Evaluation) -> dict[str, float | None]:
    figure = evaluation.overall.pass_at[min(evaluation.settings.k)]
    return {"value": figure.value, "low": figure.low, "high": figure.high}
