"""Pins the parts of TRL that `verirl.training.trl_trainers` relies on, so that an upgrade fails here first.

Facts about source are read from its syntax tree, so comments and layout do not matter.
"""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Callable
from dataclasses import fields
from typing import Any

import pytest
import transformers
import trl
from trl import GRPOConfig, GRPOTrainer, SFTConfig, SFTTrainer

from verirl.training import deduplicate, trl_trainers
from verirl.training.stages.grpo import GrpoSettings


def source(function: Callable[..., Any]) -> str:
    """The function's code without comments, in one fixed layout."""
    return ast.unparse(ast.parse(textwrap.dedent(inspect.getsource(inspect.unwrap(function)))))


def names(function: Callable[..., Any]) -> list[str]:
    return list(inspect.signature(function).parameters)


def test_version() -> None:
    assert trl.__version__.split(".")[:2] == ["1", "16"], "check trl_trainers with this TRL, then pin it"


@pytest.mark.parametrize(
    ("method", "parameters"),
    [
        (
            "_generate_single_turn",
            ["self", "prompt_ids", "images", "multimodal_fields", "num_generations", "has_tool_images"],
        ),
        ("_calculate_rewards", ["self", "inputs", "prompts", "completions", "completion_ids_list"]),
        ("_generate_and_score_completions", ["self", "inputs"]),
        ("_compute_loss", ["self", "model", "inputs"]),
        ("_save_checkpoint", ["self", "model", "trial"]),
        ("_load_optimizer_and_scheduler", ["self", "checkpoint"]),
    ],
)
def test_signatures(method: str, parameters: list[str]) -> None:
    assert names(getattr(GRPOTrainer, method)) == parameters


@pytest.mark.parametrize(
    ("ours", "theirs", "own"),
    [
        (trl_trainers.VerifiedGRPO, GRPOTrainer, {"__init__", "_fill", "_sample", "_save_more"}),
        (trl_trainers.VerifiedSFT, SFTTrainer, set()),
        (trl_trainers._Checkpoints, GRPOTrainer, {"_save_more"}),
        (trl_trainers._Checkpoints, SFTTrainer, {"_save_more"}),
    ],
)
def test_what_is_overridden_exists_and_takes_the_same_arguments(
    ours: type, theirs: type, own: set[str]
) -> None:
    for name, function in vars(ours).items():
        if not inspect.isfunction(function):
            continue
        if name in own:
            assert name == "__init__" or not hasattr(theirs, name), f"{name} hides one of TRL's"
            continue
        assert hasattr(theirs, name), f"TRL never calls {name}"
        expected = inspect.signature(getattr(theirs, name)).parameters.values()
        required = [p.name for p in expected if p.default is p.empty and p.kind is p.POSITIONAL_OR_KEYWORD]
        inspect.signature(function).bind(*required)


def test_generation_is_two_values_and_called_by_position() -> None:
    called = "self._generate_single_turn(prompt_ids, images, multimodal_fields, num_generations)"
    assert f"completion_ids, logprobs = {called}" in source(GRPOTrainer._generate)
    # Without vLLM TRL has no log-probabilities of the sampler either: None is what it expects.
    assert "logprobs = None" in source(GRPOTrainer._generate_single_turn)


def test_rewards_are_asked_for_once_a_generation() -> None:
    code = source(GRPOTrainer._generate_and_score_completions)
    call = "rewards_per_func = self._calculate_rewards(inputs, prompts, completions, completion_ids_list)"
    assert code.count("_calculate_rewards") == 1
    assert call in code
    # A row that is NaN throughout is unscorable; one NaN among figures is left out of the sum.
    assert "unscorable_mask = torch.isnan(rewards_per_func).all(dim=1)" in code
    assert "nansum(" in code
    assert "rewards_per_func = gather(rewards_per_func)" in source(GRPOTrainer._calculate_rewards)


def test_the_batch_has_the_keys_that_are_rewritten() -> None:
    code = source(GRPOTrainer._generate_and_score_completions)
    for key in (
        "prompt_ids",
        "prompt_mask",
        "completion_ids",
        "completion_mask",
        "advantages",
        "num_items_in_batch",
    ):
        assert f"'{key}': {key}" in code
    assert "if tool_mask is not None:\n        output['tool_mask'] = tool_mask" in code
    for key in deduplicate.TRIMMED_KEYS:
        assert key in code


def test_a_generation_is_kept_by_these_attributes_and_no_others() -> None:
    init = source(GRPOTrainer.__init__)
    assert "self._step = 0" in init
    assert "self._buffered_inputs = None" in init
    step = source(GRPOTrainer.training_step)
    assert "self._step += 1" in step
    prepare = source(GRPOTrainer._prepare_inputs)
    assert "generate_every = self.args.steps_per_generation * self.num_iterations" in prepare
    assert "if self._step % generate_every == 0 or self._buffered_inputs is None:" in prepare
    assert "inputs = self._buffered_inputs[self._step % self.args.steps_per_generation]" in prepare
    assert {node.attr for node in _self_writes(prepare)} == {"_buffered_inputs"}


def _self_writes(code: str) -> list[ast.Attribute]:
    return [
        node
        for node in ast.walk(ast.parse(code))
        if isinstance(node, ast.Attribute)
        and isinstance(node.ctx, ast.Store)
        and isinstance(node.value, ast.Name)
        and node.value.id == "self"
    ]


def test_the_trainer_has_the_attributes_that_are_read() -> None:
    init = source(GRPOTrainer.__init__)
    for name in ("_entropy_bonus_enabled", "num_generations", "max_completion_length", "temperature", "beta"):
        assert f"self.{name} = " in init
    assert "self.loss_type = args.loss_type" in init
    base = source(transformers.Trainer.__init__)
    assert "self.model_wrapped" in base
    assert "self.is_fsdp_enabled" in source(transformers.Trainer.create_accelerator_and_postprocess)


@pytest.mark.parametrize("loss", GrpoSettings.model_fields["loss_type"].annotation.__args__)  # type: ignore[union-attr]
def test_each_loss_is_one_that_trl_knows(loss: str) -> None:
    assert f"'{loss}'" in source(GRPOTrainer._compute_loss)


def test_what_each_loss_is_divided_by() -> None:
    """`deduplicate_rows` drops rows, and `_generate_and_score_completions` changes the token count."""
    code = source(GRPOTrainer._compute_loss)
    row_mean = "((per_token_loss * mask).sum(-1) / mask.sum(-1).clamp(min=1.0)).mean()"
    assert f"if self.loss_type in ['grpo', 'sapo']:\n        loss = {row_mean}" in code
    fixed = "(per_token_loss * mask).sum() / (per_token_loss.size(0) * self.max_completion_length)"
    assert f"elif self.loss_type == 'dr_grpo':\n        loss = {fixed}" in code
    assert "elif self.loss_type == 'bnpo':\n        loss = (per_token_loss * mask).sum() / mask.sum()" in code
    tokens = "inputs['num_items_in_batch'].clamp(min=1.0) / self.accelerator.num_processes"
    assert f"elif self.loss_type in ['cispo', 'dapo', 'vespo']:\n        normalizer = {tokens}" in code


def test_a_row_without_advantage_has_no_loss() -> None:
    code = source(GRPOTrainer._compute_loss)
    assert "per_token_loss1 = coef_1 * advantages" in code
    assert "per_token_loss2 = coef_2 * advantages" in code
    assert "per_token_loss = -clamped_ratios * advantages * per_token_logps" in code


@pytest.mark.parametrize("trainer", [GRPOTrainer, SFTTrainer])
def test_checkpoints_are_saved_by_transformers_under_the_step(trainer: type) -> None:
    assert "super()._save_checkpoint(model, trial)" in source(trainer._save_checkpoint)  # type: ignore[attr-defined]
    below = source(transformers.Trainer._save_checkpoint)
    assert "checkpoint_folder = f'{PREFIX_CHECKPOINT_DIR}-{self.state.global_step}'" in below
    assert transformers.trainer_utils.PREFIX_CHECKPOINT_DIR == "checkpoint"


def test_state_is_loaded_before_training_goes_on() -> None:
    assert "super()._load_optimizer_and_scheduler(checkpoint)" in source(
        GRPOTrainer._load_optimizer_and_scheduler
    )
    whole = ast.unparse(ast.parse(inspect.getsource(transformers.trainer)))
    assert "self._load_optimizer_and_scheduler(resume_from_checkpoint)" in whole


def test_prompts_keep_their_order() -> None:
    code = source(GRPOTrainer._get_train_sampler)
    assert "RepeatSampler(" in code
    assert "shuffle=self.shuffle_dataset" in code
    assert "self.shuffle_dataset = args.shuffle_dataset" in source(GRPOTrainer.__init__)


def test_every_setting_that_is_passed_is_one() -> None:
    """A misspelt or dropped option of TRL's configurations would only show when a run starts."""
    tree = ast.parse(inspect.getsource(trl_trainers))
    common = next(n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef) and n.name == "_common")
    shared = {
        key.value
        for node in ast.walk(common)
        if isinstance(node, ast.Return) and isinstance(node.value, ast.Dict)
        for key in node.value.keys
        if isinstance(key, ast.Constant)
    }
    assert len(shared) > 10
    for config in (GRPOConfig, SFTConfig):
        calls = [
            node
            for node in ast.walk(tree)
            if isinstance(node, ast.Call)
            and isinstance(node.func, ast.Name)
            and node.func.id == config.__name__
        ]
        assert len(calls) == 1
        passed = shared | {keyword.arg for keyword in calls[0].keywords if keyword.arg}
        assert passed <= {field.name for field in fields(config)}


@pytest.mark.parametrize("kind", ["SFTConfig", "GRPOConfig"])
def test_a_trainer_keeps_to_one_device_where_several_are_in_sight(kind, tmp_path, monkeypatch):
    config = getattr(trl_trainers, kind)(output_dir=str(tmp_path), use_cpu=True, bf16=False)
    assert config.n_gpu <= 1
    monkeypatch.setattr(config, "_n_gpu", 2)
    assert config.n_gpu == 2
    assert trl_trainers._on_one_device(config).n_gpu == 1
    assert config.train_batch_size == config.per_device_train_batch_size
