"""The reward function for a stock GRPOTrainer."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

from verirl.errors import InputError
from verirl.types import Message, StageResult, Status, Task, Verdict
from verirl.verifier import Request

pytestmark = [pytest.mark.needs_sandbox, pytest.mark.needs_modules("datasets", "trl")]


def half(**spec: Any) -> Task:
    ask = Message(role="user", content="Halve 7.")
    return Task(id="half", domain="math", prompt=(ask,), spec={"answer": "7/2", **spec})


def test_text_and_chat_completions() -> None:
    from verirl.integrations.trl import reward_func

    judge = reward_func("math", scheme="binary")
    assert judge.__name__ == "verirl_math"
    chat = [[{"role": "assistant", "content": r"\boxed{3.5}"}], [{"role": "assistant", "content": "no"}]]
    ask = [[{"role": "user", "content": "Halve 7."}]] * 2
    assert judge(prompts=ask, completions=chat, spec=['{"answer": "7/2"}'] * 2) == [1.0, 0.0]
    assert judge(prompts=["Halve 7."], completions=[r"\boxed{7/2}"], spec=[{"answer": "7/2"}]) == [1.0]


def test_rows_of_several_domains() -> None:
    from verirl.integrations.trl import reward_func

    double = {"entry_point": "f", "tests": [{"input": [2], "expected": 4}]}
    values = reward_func(scheme="binary")(
        prompts=["?", "?"],
        completions=[r"\boxed{2}", "```python\ndef f(x):\n    return 2 * x\n```"],
        domain=["math", "code"],
        spec=['{"answer": "2"}', json.dumps(double)],
    )
    assert values == [1.0, 1.0]


def test_what_cannot_be_judged_is_none() -> None:
    from verirl.integrations.trl import reward_func

    class Broken:
        def verify(self, requests: list[Request], on_done: Any = None) -> list[Verdict]:
            stage = StageResult(name="extract", status=Status.ERROR, detail="disk full")
            made_by = {"domain": "math 1"}
            return [Verdict(task_id="t", passed=False, stages=(stage,), made_by=made_by) for _ in requests]

    judge = reward_func("math", verifier=Broken())
    assert judge(prompts=["?"], completions=["1"], spec=['{"answer": "1"}']) == [None]


@pytest.mark.parametrize(
    ("domain", "columns", "message"),
    [
        ("math", {}, "no column 'spec'"),
        (None, {"spec": ['{"answer": "1"}']}, "no column 'domain'"),
        ("math", {"spec": ["{"]}, "row 0: the spec is not valid JSON"),
        ("math", {"spec": [3]}, "row 0: the spec is neither"),
    ],
)
def test_mistakes_are_named(domain: str | None, columns: dict[str, Any], message: str) -> None:
    from verirl.integrations.trl import reward_func

    with pytest.raises(InputError, match=message):
        reward_func(domain)(prompts=["?"], completions=["1"], **columns)


def test_dataset_keeps_specs_of_different_shapes() -> None:
    from verirl.integrations.trl import dataset

    made = dataset([half(), half(tolerance=0.1)])
    assert [json.loads(row["spec"]) for row in made] == [half().spec, half(tolerance=0.1).spec]
    assert made[0]["prompt"] == [{"role": "user", "content": "Halve 7."}]


def test_a_stock_trainer_takes_three_steps(tmp_path: Path) -> None:
    from trl import GRPOConfig, GRPOTrainer

    from datasets import Dataset
    from verirl.integrations.trl import dataset, reward_func
    from verirl.models import tiny

    tasks = [half().model_copy(update={"id": f"t{index}"}) for index in range(4)]
    tokenizer = tiny.make_tokenizer([task.prompt[0].content for task in tasks], vocabulary=0)
    model = tiny.make_model(tiny.parse_size("tiny:xs"), tokenizer, seed=1)
    rows: Dataset = dataset(tasks)
    trainer = GRPOTrainer(
        model=model,
        reward_funcs=[reward_func("math")],
        args=GRPOConfig(
            output_dir=str(tmp_path),
            max_steps=3,
            per_device_train_batch_size=4,
            num_generations=4,
            max_completion_length=6,
            logging_steps=1,
            report_to=[],
            save_strategy="no",
            use_cpu=True,
        ),
        train_dataset=rows,
        processing_class=tokenizer,
    )
    trainer.train()
    logged = [row for row in trainer.state.log_history if "rewards/verirl_math/mean" in row]
    assert len(logged) == 3
    assert all(math.isfinite(row["rewards/verirl_math/mean"]) for row in logged)
