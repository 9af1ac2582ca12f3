"""Recipes: current and former key names, and what the registries say of them."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from support.recipes import SMALL

from verirl.errors import InputError
from verirl.training import stages
from verirl.training.recipe import Recipe, load, load_stored

FORMER = """
name: former
tasks: {sums: {domain: math, n: 4}}
sft:
  tasks: sums
  steps: 2
  optimiser: {learning_rate: 0.1}
  watch: {tasks: sums, every: 1}
grpo:
  tasks: sums
  steps: 2
  prompts: 3
  group: 4
  updates: 2
  iterations: 2
  loss: grpo
  sampler: transformers
  fold: false
  optimiser: {learning_rate: 0.1}
  length: {budget: 5, span: 6}
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A recipe file with the key names of version 0.1."""
    path = tmp_path / "former.yaml"
    path.write_text(FORMER, encoding="utf-8")
    return path


def test_former_names_are_read(path: Path) -> None:
    recipe = load(path)
    grpo = recipe.part("grpo")
    assert (grpo.prompts_per_step, grpo.num_generations) == (3, 4)
    assert (grpo.steps_per_generation, grpo.num_iterations) == (2, 2)
    assert (grpo.loss_type, grpo.generation_backend, grpo.deduplicate) == ("grpo", "transformers", False)
    assert grpo.length.ramp == 6
    assert recipe.part("sft").periodic_eval.every == 1
    assert recipe.part("sft").optimizer.learning_rate == 0.1
    assert recipe == Recipe.model_validate(yaml.safe_load(FORMER))


def test_a_resolved_recipe_has_the_current_names_and_reads_back_equal(path: Path) -> None:
    recipe = load(path)
    text = recipe.to_yaml()
    for former in ("optimiser", "watch", "group:", "updates", "iterations:\n", "sampler:", "fold", "span"):
        assert former not in text.replace("num_iterations", ""), former
    path.write_text(text, encoding="utf-8")
    assert load(path) == recipe


@pytest.mark.parametrize("override", ["grpo.group=6", "grpo.num_generations=6"])
def test_overrides_take_either_name(path: Path, override: str) -> None:
    assert load(path, (override,)).part("grpo").num_generations == 6


def test_a_nested_override_takes_either_name(path: Path) -> None:
    for key in ("sft.optimiser.warmup", "sft.optimizer.warmup"):
        assert load(path, (f"{key}=0.5",)).part("sft").optimizer.warmup == 0.5
    assert load(path, ("grpo.length={budget: 1, span: 9}",)).part("grpo").length.ramp == 9


def test_both_names_are_one_too_many(path: Path) -> None:
    path.write_text(FORMER.replace("  group: 4", "  group: 4\n  num_generations: 4"), encoding="utf-8")
    with pytest.raises(InputError, match="'group' is the former name of 'num_generations'"):
        load(path)


def test_a_mistake_under_a_former_name_has_its_line(path: Path) -> None:
    path.write_text(FORMER.replace("group: 4", "group: 1"), encoding="utf-8")
    with pytest.raises(InputError, match=r"former\.yaml:13: field 'grpo\.num_generations'"):
        load(path)


def test_a_stored_recipe_of_another_version_is_read_without_its_unknown_keys(path: Path) -> None:
    path.write_text(FORMER.replace("  group: 4", "  group: 4\n  turns: {max: 3}") + "later: 1\n")
    assert load_stored(path).part("grpo").num_generations == 4
    with pytest.raises(InputError, match="unknown key"):
        load(path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"advantages": "grop"}, "unknown advantage 'grop'; did you mean 'grpo'"),
        ({"advantages": "dr_grpo", "advantage_params": {"alpha": 1}}, "alpha"),
        ({"sampling": {"policy": "fixd"}}, "unknown sampling policy 'fixd'; did you mean 'fixed'"),
        ({"sampling": {"policy": "fixed", "rate": 2}}, "has no parameter 'rate'"),
    ],
)
def test_registries_name_what_is_wrong(tmp_path: Path, change: dict[str, object], message: str) -> None:
    value = yaml.safe_load(SMALL)
    value["grpo"] |= change
    path = tmp_path / "r.yaml"
    path.write_text(yaml.safe_dump(value), encoding="utf-8")
    with pytest.raises(InputError, match=message):
        load(path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("n: 4", "nn: 4"), r":3: field 'tasks\.sums\.nn': unknown key; did you mean 'n'"),
        (
            ("grpo:\n  tasks: sums", "grpo:\n  tasks: [{tasks: sums, wieght: 2}]"),
            r":10: field 'grpo\.tasks\.0\.wieght': unknown key; did you mean 'weight'",
        ),
    ],
)
def test_a_misspelt_key_inside_a_list_or_a_mapping_is_named(
    path: Path, change: tuple[str, str], message: str
) -> None:
    path.write_text(FORMER.replace(*change), encoding="utf-8")
    with pytest.raises(InputError, match=message):
        load(path)


def test_a_set_of_tasks_may_have_the_former_name_of_a_key(path: Path) -> None:
    path.write_text(FORMER.replace("sums", "watch"), encoding="utf-8")
    assert list(load(path, ("tasks.watch.n=5",)).tasks) == ["watch"]
    with pytest.raises(InputError, match=r"--set tasks\.watch\.nn: unknown key"):
        load(path, ("tasks.watch.nn=5",))


def test_stages_of_a_recipe(path: Path) -> None:
    recipe = load(path)
    assert recipe.stages() == ("synth", "sft", "grpo")
    assert [stage.name for stage in stages.trained(recipe)] == ["sft", "grpo"]
    assert stages.previous_model(recipe, stages.find("grpo")) == "sft"
    assert stages.previous_model(recipe, stages.find("sft")) is None
    assert stages.result(["base", "sft", "grpo", "control"]) == "grpo"
    assert stages.controls(["sft", "control"]) == ("control",)
    with pytest.raises(InputError, match="unknown training stage 'dpo'"):
        stages.find("dpo")
