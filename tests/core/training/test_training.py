"""The training stages: what an error does to an update, what a run leaves behind, what it refuses."""

from __future__ import annotations

import json

import pytest
import yaml

torch = pytest.importorskip("torch")
pytest.importorskip("trl")

from support.recipes import SMALL

from verirl.errors import InputError, VerirlError
from verirl.io.jsonl import write_records
from verirl.io.sources import read_tasks
from verirl.models import tiny
from verirl.models.local import Loaded
from verirl.pool import VerifierPool
from verirl.runs import RunFolder
from verirl.scoring import advantages
from verirl.training import checkpoints, trl_trainers
from verirl.training.context import RunContext, Ui
from verirl.training.recipe import load
from verirl.training.run import run_stages
from verirl.training.sampling import Fixed, NoParameters, TaskSource
from verirl.training.settings import Model, Optimizer
from verirl.training.stages.grpo import GrpoSettings
from verirl.training.stages.sft import encode_example
from verirl.types import Message, RewardValue, StageResult, Status, Task, Verdict

GROUP = 4


def verdict(task_id, sample, passed, *, error=False):
    status = Status.ERROR if error else Status.PASSED if passed else Status.FAILED
    reward = None if error else RewardValue(scheme="x", value=float(passed), key=(int(passed),))
    stage = StageResult(name="check", status=status, score=float(passed), detail="the tool is gone")
    return Verdict(task_id=task_id, sample=sample, passed=passed, stages=(stage,), reward=reward)


def trainer_with(judge, tmp_path, monkeypatch, **settings):
    monkeypatch.setattr(trl_trainers, "_train", lambda trainer, resume: trainer)
    tokenizer = tiny.make_tokenizer()
    loaded = Loaded(tiny.make_model(tiny.SIZES["xs"], tokenizer, seed=0), tokenizer)
    tasks = [
        Task(id=f"t{n}", domain="math", prompt=(Message(role="user", content=f"{n}+1"),), spec={})
        for n in range(4)
    ]
    return trl_trainers.run_grpo(
        loaded,
        trl_trainers.Slots(Fixed([TaskSource("sums", tasks, 1.0)], 0, NoParameters()), 2, 2),
        GrpoSettings(
            tasks="-",
            steps=2,
            prompts_per_step=2,
            num_generations=GROUP,
            max_new_tokens=5,
            optimizer=Optimizer(learning_rate=1e-3),
            **settings,
        ),
        Model(),
        judge=judge,
        record=lambda *_: None,
        columns=["reward", "check"],
        seed=0,
        folder=tmp_path,
        resume=None,
        trackers=(),
        callbacks=(),
    )


PASSED = [True, False, True, True, False, False, True, False]
ERRORS = {1, 4, 6, 7}


def judged(ids, texts, tokens, first):
    return [
        verdict(name, first + place, PASSED[place], error=place in ERRORS) for place, name in enumerate(ids)
    ]


@pytest.mark.parametrize("kind", ["grpo", "dr_grpo", "lexicographic"])
def test_an_error_is_absent_from_the_update(kind, tmp_path, monkeypatch):
    trainer = trainer_with(judged, tmp_path, monkeypatch, advantages=kind)
    trainer.model.train()
    out = trainer._generate_and_score_completions(next(iter(trainer.get_train_dataloader())))
    expected = []
    for start in (0, GROUP):
        rewards = [
            None
            if place in ERRORS
            else RewardValue(scheme="x", value=float(PASSED[place]), key=(PASSED[place],))
            for place in range(start, start + GROUP)
        ]
        expected += [value or 0.0 for value in advantages(kind, rewards)]
    assert out["advantages"].tolist() == pytest.approx(expected)
    used = out["completion_mask"].sum(dim=1) > 0
    assert used.tolist() == [place not in ERRORS for place in range(2 * GROUP)]
    assert int(out["num_items_in_batch"]) == int(out["completion_mask"].sum())


def test_nothing_is_learned_from_errors_alone(tmp_path, monkeypatch):
    def broken(ids, texts, tokens, first):
        return [verdict(name, first, False, error=True) for name in ids]

    trainer = trainer_with(broken, tmp_path, monkeypatch)
    trainer.model.train()
    with pytest.raises(VerirlError, match=r"verification failed for every completion.*the tool is gone"):
        trainer._generate_and_score_completions(next(iter(trainer.get_train_dataloader())))


def test_each_completion_is_verified_once_and_fills_a_column_a_stage(tmp_path, monkeypatch):
    seen = []

    def judge(ids, texts, tokens, first):
        seen.append((list(ids), list(texts), first))
        return judged(ids, texts, tokens, first)

    trainer = trainer_with(judge, tmp_path, monkeypatch)
    trainer.model.train()
    trainer._generate_and_score_completions(next(iter(trainer.get_train_dataloader())))
    assert len(seen) == 1
    assert seen[0][0] == ["t0"] * GROUP + ["t1"] * GROUP
    figures = trainer._metrics["train"]
    usable = [place for place in range(2 * GROUP) if place not in ERRORS]
    share = sum(PASSED[place] for place in usable) / len(usable)
    assert figures["rewards/check/mean"] == [pytest.approx(share)]
    assert figures["reward"] == [pytest.approx(share)]


def test_a_batch_that_does_not_split_is_refused(tmp_path, monkeypatch):
    with pytest.raises(InputError, match="not a multiple"):
        trainer_with(judged, tmp_path, monkeypatch, micro_batch=3)


def test_a_checkpoint_that_was_cut_off_is_not_resumed_from(tmp_path):
    for step in (2, 10, 12, 14):
        folder = tmp_path / f"checkpoint-{step}"
        folder.mkdir()
        (folder / "model.safetensors").write_bytes(bytes(100))
        if step != 12:
            checkpoints.seal(folder)
    assert checkpoints.latest_checkpoint(tmp_path).name == "checkpoint-14"
    (tmp_path / "checkpoint-14" / "model.safetensors").write_bytes(bytes(99))
    assert checkpoints.latest_checkpoint(tmp_path).name == "checkpoint-10"
    assert checkpoints.latest_checkpoint(tmp_path / "nothing") is None


def test_an_example_is_a_prompt_as_sampled_and_an_answer_that_ends():
    tokenizer = tiny.make_tokenizer()
    task = Task(
        id="a", domain="math", prompt=(Message(role="user", content="1+1"),), spec={}, reference="\\boxed{2}"
    )
    prompt, answer = encode_example(tokenizer, task)
    assert tokenizer.decode(prompt) == "<|user|>1+1<|end|><|assistant|>"
    assert tokenizer.decode(answer) == "\\boxed{2}<|end|>"


def run(recipe_text, folder, **changes):
    value = yaml.safe_load(recipe_text)
    value.update(changes)
    folder.mkdir(exist_ok=True)
    path = folder / "given.yaml"
    path.write_text(yaml.safe_dump(value))
    recipe = load(path)
    said = []
    quiet = Ui(say=said.append, progress=lambda what, total: _Silent())
    with VerifierPool(1) as pool:
        run_stages(RunContext(recipe, RunFolder(folder), pool, quiet))
    return said


class _Silent:
    def __enter__(self):
        return lambda _: None

    def __exit__(self, *_):
        pass


def test_a_whole_run_leaves_what_it_should(tmp_path):
    scored = {
        "tasks": "held_out",
        "samples": 2,
        "max_new_tokens": 8,
        "min": ["pass@1>=0.99"],
        "min_gain": 0.9,
    }
    said = run(SMALL, tmp_path / "run", control=True, eval=scored)
    folder = RunFolder(tmp_path / "run")
    stages = ["synth", "sft", "grpo", "control", "eval"]
    assert [event["stage"] for event in folder.events("stage_done")] == stages
    assert any(line.startswith("eval: grpo-greedy, pass@1") for line in said)
    pairs = json.loads((tmp_path / "run" / "eval" / "comparisons.json").read_text())
    sampled = [(row["from"], row["to"]) for row in pairs if row["draw"] == "sampled"]
    assert sampled == [("sft", "grpo"), ("sft", "control"), ("control", "grpo")]
    unmet = folder.done("eval")["unmet"]
    assert len(unmet) == 2
    assert unmet[0].startswith("pass@1>=0.99: not met, it is ")
    assert "gain of GRPO over sft" in unmet[1]
    assert len(folder.steps("step", "sft")) == 6
    assert min(step["step"] for step in folder.steps("step", "control")) == 7
    rows = [json.loads(line) for path in folder.rollout_files() for line in path.read_text().splitlines()]
    # Seven steps of 16 completions; a generation feeds three steps, so three generations were made.
    assert len(rows) == 3 * 3 * 16
    assert {"task_id", "sample", "completion", "verdict", "advantage"} <= set(rows[0])
    from verirl import models

    assert models.load(f"replay:{tmp_path / 'run' / 'rollouts'}").name
    again = run(SMALL, tmp_path / "run", control=True, eval=scored)
    assert again == [f"{stage}: already done" for stage in stages]


def test_length_is_the_last_tier_of_what_is_rewarded(tmp_path):
    grpo = yaml.safe_load(SMALL)["grpo"] | {
        "steps": 1,
        "steps_per_generation": 1,
        "scheme": "lexicographic",
        "length": {"budget": 2, "ramp": 8, "levels": 9},
        "periodic_eval": None,
    }
    run(SMALL, tmp_path / "run", sft=None, grpo=grpo)
    lines = RunFolder(tmp_path / "run").rollouts(0).read_text().splitlines()
    for row in map(json.loads, lines):
        assert row["verdict"]["reward"]["scheme"] == "lexicographic+length"
        assert row["verdict"]["reward"]["key"][-1] == max(0, min(8, 10 - row["tokens"]))


def test_held_out_tasks_are_not_trained_on(tmp_path):
    (tmp_path / "a").mkdir()
    run(SMALL, tmp_path / "a", sft=None, grpo=None)
    held_out = read_tasks(tmp_path / "a" / "tasks" / "held_out.jsonl")
    renamed = [task.model_copy(update={"id": f"other-{task.id}"}) for task in held_out[:4]]
    demos = read_tasks(tmp_path / "a" / "tasks" / "demos.jsonl")
    write_records(tmp_path / "leaky.jsonl", [*demos, *renamed])
    value = yaml.safe_load(SMALL)
    tasks = {"demos": {"file": str(tmp_path / "leaky.jsonl")}, "held_out": value["tasks"]["held_out"]}
    scored = {"tasks": "held_out", "samples": 1, "max_new_tokens": 4, "greedy": False}
    said = run(SMALL, tmp_path / "b", tasks=tasks, eval=scored, grpo=None)
    assert any("demos, 4 left out" in line for line in said)
    assert len(read_tasks(tmp_path / "b" / "tasks" / "demos.jsonl")) == len(demos)


def test_a_held_out_question_is_not_trained_on_whatever_its_spec(tmp_path):
    (tmp_path / "a").mkdir()
    run(SMALL, tmp_path / "a", sft=None, grpo=None)
    held_out = read_tasks(tmp_path / "a" / "tasks" / "held_out.jsonl")
    reworded = held_out[0].model_copy(
        update={"id": "other", "spec": {"answer": f"0+{held_out[0].spec['answer']}"}}
    )
    demos = read_tasks(tmp_path / "a" / "tasks" / "demos.jsonl")
    write_records(tmp_path / "leaky.jsonl", [*demos, reworded])
    value = yaml.safe_load(SMALL)
    tasks = {"demos": {"file": str(tmp_path / "leaky.jsonl")}, "held_out": value["tasks"]["held_out"]}
    scored = {"tasks": "held_out", "samples": 1, "max_new_tokens": 4, "greedy": False}
    sft = value["sft"] | {"steps": 1, "periodic_eval": None}
    said = run(SMALL, tmp_path / "b", tasks=tasks, eval=scored, sft=sft, grpo=None)
    assert any("demos, 1 left out" in line for line in said)


def test_an_id_of_a_mixture_names_one_task(tmp_path):
    value = yaml.safe_load(SMALL)
    sums = value["tasks"]["demos"] | {"n": 5}
    tasks = {"easy": sums, "hard": sums | {"difficulty": [0.8, 0.9]}, "held_out": value["tasks"]["held_out"]}
    grpo = value["grpo"] | {
        "tasks": [{"tasks": "easy"}, {"tasks": "hard"}],
        "steps": 1,
        "periodic_eval": None,
    }
    with pytest.raises(InputError, match=r"'hard' and 'easy'.*'math/arithmetic/train-5-000000'.*seed"):
        run(SMALL, tmp_path / "same", tasks=tasks, sft=None, grpo=grpo)
    tasks["hard"]["seed"] = 6
    run(SMALL, tmp_path / "other", tasks=tasks, sft=None, grpo=grpo)


def test_references_that_do_not_fit_are_left_out_whole(tmp_path):
    value = yaml.safe_load(SMALL)
    run(SMALL, tmp_path / "a", sft=None, grpo=None)
    demos = read_tasks(tmp_path / "a" / "tasks" / "demos.jsonl")
    long = demos[0].model_copy(update={"id": "long", "prompt": (Message(role="user", content="1+" * 200),)})
    write_records(tmp_path / "some.jsonl", [*demos, long])
    write_records(tmp_path / "all.jsonl", [long])
    sft = value["sft"] | {"steps": 2, "max_length": 100, "periodic_eval": None}
    tasks = {"demos": {"file": str(tmp_path / "some.jsonl")}, "held_out": value["tasks"]["held_out"]}
    said = run(SMALL, tmp_path / "b", tasks=tasks, sft=sft, grpo=None)
    assert any("1 of 41 references left out: longer than sft.max_length" in line for line in said)
    tasks["demos"] = {"file": str(tmp_path / "all.jsonl")}
    with pytest.raises(InputError, match=r"sft\.max_length is 100.*longer"):
        run(SMALL, tmp_path / "c", tasks=tasks, sft=sft, grpo=None)


def test_a_model_from_nothing_has_a_reference_model_too(tmp_path, monkeypatch):
    trainer = trainer_with(judged, tmp_path, monkeypatch, beta=0.1)
    reference = trainer.ref_model.state_dict()
    start = trainer.model.state_dict()
    assert start.keys() == reference.keys()
    assert all(torch.equal(start[name], reference[name]) for name in start)


def test_lora_trains_and_leaves_a_whole_model(tmp_path):
    model = {"name": "tiny:xs", "lora": {"rank": 2, "alpha": 4}}
    run(SMALL, tmp_path / "run", model=model)
    from verirl import models

    for stage in ("sft", "grpo"):
        files = {path.name for path in (tmp_path / "run" / stage / "model").iterdir()}
        assert "model.safetensors" in files
        assert "adapter_config.json" not in files
    assert models.load(str(tmp_path / "run" / "grpo" / "model")).sampled


def test_a_tracker_writes_its_events(tmp_path):
    pytest.importorskip("tensorboard")
    value = yaml.safe_load(SMALL)["sft"] | {"steps": 2, "periodic_eval": None}
    run(SMALL, tmp_path / "run", trackers=["tensorboard"], sft=value, grpo=None)
    assert list((tmp_path / "run").rglob("events.out.tfevents*"))


def test_without_sft_the_start_that_is_scored_is_the_one_that_was_trained(tmp_path):
    from verirl.models.local import load_model

    grpo = yaml.safe_load(SMALL)["grpo"] | {"steps": 1, "steps_per_generation": 1, "periodic_eval": None}
    grpo["optimizer"] = {"learning_rate": 1e-30}
    scored = {"tasks": "held_out", "samples": 1, "max_new_tokens": 6}
    run(SMALL, tmp_path / "run", sft=None, grpo=grpo, eval=scored)
    evaluations = tmp_path / "run" / "eval"
    before, after = (
        [json.loads(line)["completion"] for line in (evaluations / f"{name}.answers.jsonl").open()]
        for name in ("base", "grpo")
    )
    # A step of no size leaves the weights as they were, so both write the same.
    assert before == after
    assert load_model(str(tmp_path / "run" / "grpo" / "model")).tokenizer("1")["input_ids"]
