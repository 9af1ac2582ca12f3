"""The `tiny-code` recipe: its tasks can be made, and fit what it allows a policy to write."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from verirl import registry
from verirl.cli import run
from verirl.models import tiny
from verirl.pool import VerifierPool
from verirl.taskgen.generate import generate_tasks
from verirl.training.recipe import RECIPES, load
from verirl_code.tasks.families import FAMILIES

RECIPE = load(RECIPES / "tiny-code.yaml")

SMALL = {
    "tasks.demos.n": 12,
    "tasks.prompts.n": 12,
    "tasks.held_out.n": 8,
    "model.name": "tiny:xs",
    "sft.steps": 8,
    "sft.batch": 8,
    "grpo.steps": 3,
    "grpo.prompts": 4,
    "grpo.group": 4,
    "eval.samples": 2,
    "eval.min_gain": -1,
}


def test_it_is_a_whole_recipe_with_its_control_and_its_gate() -> None:
    assert RECIPE.stages() == ("synth", "sft", "grpo", "control", "eval")
    assert RECIPE.eval is not None
    assert RECIPE.eval.min_gain is not None
    assert RECIPE.eval.min_gain >= 0.2
    assert RECIPE.tasks["held_out"].split == "eval"
    assert all(FAMILIES[name].terse for wanted in RECIPE.tasks.values() for name in wanted.families)


@pytest.mark.needs_sandbox
@pytest.mark.needs_modules("transformers")
def test_its_tasks_can_be_made_and_answered_within_its_bounds() -> None:
    made = {}
    with VerifierPool(workers=1) as pool:
        for name, wanted in RECIPE.tasks.items():
            report = generate_tasks(
                registry.load("code"),
                24,
                wanted.seed or 0,
                pool=pool,
                difficulty=wanted.difficulty,
                split=wanted.split,
                families=wanted.families,
                check_mutants=wanted.mutants,
                options=wanted.options,
            )
            made[name] = report.tasks
            assert {task.tags[0] for task in report.tasks} == set(wanted.families)
    assert not {t.prompt for t in made["held_out"]} & {t.prompt for t in (*made["demos"], *made["prompts"])}
    tokenizer = tiny.make_tokenizer(
        [text for task in made["demos"] for text in (task.prompt[0].content, task.reference or "")],
        vocabulary=RECIPE.model.vocabulary,
    )
    longest = max(len(tokenizer.encode(task.reference)) for tasks in made.values() for task in tasks)
    assert RECIPE.grpo is not None
    assert longest < RECIPE.grpo.max_new_tokens


@pytest.mark.slow
@pytest.mark.needs_sandbox
@pytest.mark.needs_modules("trl")
def test_a_few_steps_of_it(tmp_path: Path) -> None:
    changes = [part for key, value in SMALL.items() for part in ("--set", f"{key}={value}")]
    assert run(["train", "tiny-code", "--run", str(tmp_path), "--quiet", "--workers", "1", *changes]) == 0
    journal = [json.loads(line) for line in (tmp_path / "journal.jsonl").read_text().splitlines()]
    done = {event["stage"]: event for event in journal if event["event"] == "stage_done"}
    assert tuple(done) == RECIPE.stages()
    assert set(done["eval"]["pass_at_1"]) == {"sft", "grpo", "control"}
    generations = [event for event in journal if event["event"] == "generation"]
    assert len(generations) == 3
    assert all(event["errors"] == 0 and event["completions"] == 16 for event in generations)
