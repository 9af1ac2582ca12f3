"""Mixing policies: the default schedule, and a policy that adapts and resumes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pytest
import yaml

pytest.importorskip("trl")

from support.recipes import SMALL

from verirl.pool import VerifierPool
from verirl.runs import RunFolder
from verirl.training import sampling, schedule
from verirl.training.recipe import Recipe
from verirl.training.sampling import Fixed, NoParameters, SampleResult, SamplingPolicy, TaskSource
from verirl.types import Message, Task

SOURCES = [
    TaskSource(name, [Task(id=f"{name}{n}", domain="math", prompt=ask, spec={}) for n in range(size)], weight)
    for name, size, weight in (("a", 5, 1.0), ("b", 3, 2.0))
    for ask in [(Message(role="user", content="?"),)]
]


def test_fixed_is_the_schedule_cut_into_generations() -> None:
    policy = Fixed(SOURCES, 7, NoParameters())
    chosen = [task.id for generation in range(6) for task in policy.choose(generation, 4)]
    draws = schedule.mixture([5, 3], [1.0, 2.0], 24, 7)
    assert chosen == [SOURCES[which].tasks[index].id for which, index in draws]
    again = Fixed(SOURCES, 7, NoParameters())
    assert [task.id for task in again.choose(5, 4)] == chosen[20:]


class Failing(SamplingPolicy):
    """Asks again what failed in the generation before."""

    seen: list[list[str]] = []  # noqa: RUF012 - shared on purpose: the test reads it

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.failed: list[str] = []

    def choose(self, generation: int, count: int) -> list[Task]:
        tasks = {task.id: task for source in self.sources for task in source.tasks}
        ids = (self.failed + list(tasks))[:count]
        self.seen.append(ids)
        return [tasks[name] for name in ids]

    def observe(self, generation: int, results: Sequence[SampleResult]) -> None:
        self.failed = sorted({row.task_id for row in results if not row.verdict.passed})

    def state_dict(self) -> dict[str, Any]:
        return {"failed": self.failed}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self.failed = list(state["failed"])


@pytest.fixture
def adaptive() -> Iterator[None]:
    sampling.sampling_policy("failing")(Failing)
    sampling.policies.cache_clear()
    yield
    del sampling._registered["failing"]
    sampling.policies.cache_clear()


@pytest.mark.needs_sandbox
@pytest.mark.usefixtures("adaptive")
def test_a_policy_sees_what_earlier_generations_were_worth(tmp_path) -> None:
    from contextlib import nullcontext

    from verirl.training.context import RunContext, Ui
    from verirl.training.run import run_stages

    value = yaml.safe_load(SMALL)
    value["sft"] = None
    value["grpo"] |= {"steps": 3, "steps_per_generation": 1, "periodic_eval": None}
    value["grpo"]["sampling"] = {"policy": "failing"}
    Failing.seen.clear()
    folder = RunFolder(tmp_path)
    ui = Ui(say=lambda _: None, progress=lambda *_: nullcontext(lambda _: None))
    with VerifierPool(1) as pool:
        run_stages(RunContext(Recipe.model_validate(value), folder, pool, ui))
    assert len(Failing.seen) == 3
    for generation, path in enumerate(folder.rollout_files()):
        import json

        rows = [json.loads(line) for line in path.read_text().splitlines()]
        assert list(dict.fromkeys(row["task_id"] for row in rows)) == Failing.seen[generation]
        if generation + 1 < len(Failing.seen):
            failed = sorted({row["task_id"] for row in rows if not row["verdict"]["passed"]})
            assert Failing.seen[generation + 1][: len(failed)] == failed[: len(Failing.seen[generation + 1])]
