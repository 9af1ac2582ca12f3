"""A run that was stopped anywhere and resumed ends with the weights of one that was not."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import pytest
from support.recipes import SMALL

from verirl.pool import VerifierPool
from verirl.runs import RunFolder
from verirl.training.recipe import load

pytest.importorskip("trl")


def weights(folder: Path, stage: str) -> str:
    return hashlib.sha256((folder / stage / "model" / "model.safetensors").read_bytes()).hexdigest()


class PowerCut(BaseException):
    """Ends a run where it stands; nothing in the product catches it."""


@contextmanager
def _cut_at(ui_calls, stage, step):
    def advance(count):
        ui_calls[stage] = ui_calls.get(stage, 0) + count
        if stage == step[0] and ui_calls[stage] == step[1]:
            raise PowerCut

    yield advance


def _run(recipe_path: Path, folder: Path, pool, cut=("", 0)) -> None:
    from verirl.training.context import RunContext, Ui
    from verirl.training.run import run_stages

    calls: dict[str, int] = {}
    ui = Ui(say=lambda _: None, progress=lambda what, total: _cut_at(calls, what, cut))
    recipe = load(recipe_path)
    run = RunFolder(folder)
    run.write_text("recipe.yaml", recipe.to_yaml())
    run_stages(RunContext(recipe, run, pool, ui))


@pytest.fixture(scope="module")
def recipe_path(tmp_path_factory):
    path = tmp_path_factory.mktemp("recipe") / "small.yaml"
    path.write_text(SMALL)
    return path


@pytest.fixture(scope="module")
def pool():
    with VerifierPool(1) as found:
        yield found


@pytest.fixture(scope="module")
def whole(recipe_path, pool, tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole") / "run"
    _run(recipe_path, folder, pool)
    return folder


@pytest.mark.parametrize("cut", [("sft", 3), ("sft", 4), ("grpo", 1), ("grpo", 3), ("grpo", 5), ("grpo", 6)])
def test_the_weights_after_a_cut_are_those_of_a_whole_run(recipe_path, pool, whole, tmp_path, cut):
    with pytest.raises(PowerCut):
        _run(recipe_path, tmp_path / "run", pool, cut)
    _run(recipe_path, tmp_path / "run", pool)
    assert weights(tmp_path / "run", "sft") == weights(whole, "sft")
    assert weights(tmp_path / "run", "grpo") == weights(whole, "grpo")


@pytest.mark.parametrize("stage", ["sft", "grpo"])
def test_a_stage_cut_between_its_last_checkpoint_and_its_end_takes_no_step_more(
    recipe_path, pool, whole, tmp_path, stage
):
    folder = tmp_path / "run"
    shutil.copytree(whole, folder)
    shutil.rmtree(folder / stage / "model")
    events = (folder / "journal.jsonl").read_text().splitlines(keepends=True)
    ends = [(json.loads(line)["event"], json.loads(line).get("stage")) for line in events]
    (folder / "journal.jsonl").write_text("".join(events[: ends.index(("stage_done", stage))]))
    _run(recipe_path, folder, pool)
    assert weights(folder, "grpo") == weights(whole, "grpo")


def test_training_changed_the_weights_at_all(whole):
    assert weights(whole, "sft") != weights(whole, "grpo")


def test_the_rollouts_after_a_cut_are_those_of_a_whole_run(recipe_path, pool, whole, tmp_path):
    with pytest.raises(PowerCut):
        _run(recipe_path, tmp_path / "run", pool, ("grpo", 5))
    _run(recipe_path, tmp_path / "run", pool)
    assert _completions(tmp_path / "run") == _completions(whole)


def _completions(folder: Path) -> list[tuple[str, int, str]]:
    lines = [line for path in RunFolder(folder).rollout_files() for line in path.read_text().splitlines()]
    rows = [json.loads(line) for line in lines]
    assert len({row["sample"] for row in rows}) == len(rows)
    return [(row["task_id"], row["sample"], row["completion"]) for row in rows]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("stage", "step"), [("sft", 3), ("grpo", 2), ("grpo", 4), ("grpo", 5)], ids=lambda value: str(value)
)
def test_kill_dash_nine_and_resume(recipe_path, whole, tmp_path, stage, step):
    folder = tmp_path / "run"
    command = [sys.executable, "-m", "verirl", "train", str(recipe_path), "--run", str(folder), "--quiet"]
    with subprocess.Popen(command, env=_env()) as process:
        _wait_for_step(folder, stage, step, process)
        process.send_signal(signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL
    subprocess.run([*command, "--resume"], env=_env(), check=True, timeout=240)
    assert weights(folder, "sft") == weights(whole, "sft")
    assert weights(folder, "grpo") == weights(whole, "grpo")


def _env() -> dict[str, str]:
    return {**os.environ, "OMP_NUM_THREADS": "1"}


def _wait_for_step(folder: Path, stage: str, step: int, process: subprocess.Popen[bytes]) -> None:
    run = RunFolder(folder)
    for _ in range(24_000):
        if any(event["step"] >= step for event in run.steps("step", stage)):
            return
        assert process.poll() is None, "the run ended before it could be killed"
        time.sleep(0.01)
    raise AssertionError(f"{stage} never reached step {step}")
