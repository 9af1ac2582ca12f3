"""Tasks, verdicts and evaluations that the tests of `verirl.evaluation` share."""

from __future__ import annotations

from collections.abc import Sequence

from verirl.evaluation.result import Evaluation, Settings, build
from verirl.types import Ladder, Message, RewardValue, Stage, StageResult, Status, Task, Verdict

LADDER: Ladder = (
    Stage(name="compile"),
    Stage(name="tests", levels=11),
    Stage(name="speed", kind="quality"),
)

OUTCOMES: dict[str, tuple[tuple[str, Status], ...]] = {
    "P": (("compile", Status.PASSED), ("tests", Status.PASSED), ("speed", Status.PASSED)),
    "s": (("compile", Status.PASSED), ("tests", Status.PASSED), ("speed", Status.SKIPPED)),
    "F": (("compile", Status.PASSED), ("tests", Status.FAILED)),
    "T": (("compile", Status.PASSED), ("tests", Status.TIMEOUT)),
    "C": (("compile", Status.FAILED),),
    "E": (("compile", Status.PASSED), ("tests", Status.ERROR)),
}
"""P passes, s does with its last stage skipped, F and T fall at the tests, C does not compile, E is ours."""


def task(
    name: str, *, text: str | None = None, tags: Sequence[str] = (), difficulty: float | None = None
) -> Task:
    return Task(
        id=name,
        domain="code",
        prompt=(Message(role="user", content=text or f"write {name}"),),
        spec={},
        tags=tuple(tags),
        difficulty=difficulty,
        split="eval",
    )


def verdict(name: str, sample: int, outcome: str, detail: str = "why") -> Verdict:
    stages = tuple(
        StageResult(name=stage, status=status, score=1.0 if status is Status.PASSED else 0.0, detail=detail)
        for stage, status in OUTCOMES[outcome]
    )
    passed = outcome in "Ps"
    reward = None if outcome == "E" else RewardValue(scheme="binary", value=float(passed))
    return Verdict(
        task_id=name,
        sample=sample,
        passed=passed,
        stages=stages,
        reward=reward,
        made_by={"domain": "code 1.2", "python": "3.11"},
    )


def evaluation(
    outcomes: dict[str, str],
    *,
    k: Sequence[int] = (1,),
    tasks: Sequence[Task] | None = None,
    **settings: object,
) -> Evaluation:
    """The evaluation of outcomes such as {"a": "PPF"}: three samples of task a, two of which passed."""
    chosen = tasks or [task(name) for name in outcomes]
    verdicts = [
        verdict(name, sample, outcome)
        for name, letters in outcomes.items()
        for sample, outcome in enumerate(letters)
    ]
    asked = {
        "k": tuple(k),
        "samples": max(map(len, outcomes.values())),
        "temperature": 1.0,
        "max_new_tokens": 64,
        "seed": 0,
        "scheme": "binary",
        **settings,
    }
    return build(
        model="m",
        source="t.jsonl",
        tasks=chosen,
        verdicts=verdicts,
        ladders={"code": LADDER},
        settings=Settings.model_validate(asked),
    )
