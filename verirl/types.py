"""The nouns of verirl: frozen, typed, and each exactly one JSON object of the outward contract."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

DETAIL_LIMIT = 2000
"""Characters of a stage's detail that are kept; an answer must not be able to fill the disk."""

Score = Annotated[float, Field(ge=0.0, le=1.0)]


class Record(BaseModel):
    """A frozen value that is one JSON object of the outward contract."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    def to_json(self) -> str:
        """One line of JSON, the same bytes for the same value."""
        return json.dumps(
            self.model_dump(mode="json", exclude_none=False), ensure_ascii=False, separators=(",", ":")
        )


class Message(Record):
    """One turn of a chat prompt."""

    role: Literal["system", "user", "assistant"]
    content: str


class Source(Record):
    """Where a task came from. `kill_rate`: share of its mutants that its checks reject."""

    name: str
    version: str = ""
    seed: int | None = None
    index: int | None = None
    license: str = ""
    kill_rate: Score | None = None


KNOWN_ISSUE = "known-issue:"
"""What stands before the name of a flaw of the task itself, among its tags."""


def known_issues(tags: Iterable[str]) -> tuple[str, ...]:
    """The flaws that tags name."""
    return tuple(tag.removeprefix(KNOWN_ISSUE) for tag in tags if tag.startswith(KNOWN_ISSUE))


class Task(Record):
    """A prompt whose answer a machine can check. `spec` is for the verifier and never shown to a policy."""

    id: str = Field(min_length=1)
    domain: str = Field(min_length=1)
    prompt: tuple[Message, ...] = Field(min_length=1)
    spec: dict[str, Any]
    reference: str | None = None
    difficulty: Score | None = None
    tags: tuple[str, ...] = ()
    split: Literal["train", "eval"] = "train"
    source: Source | None = None

    def content_key(self) -> str:
        """SHA-256 of domain, prompt and spec: two tasks with the same key are the same task."""
        return fingerprint(
            {"domain": self.domain, "prompt": [m.model_dump() for m in self.prompt], "spec": self.spec}
        )


class Completion(Record):
    """What a policy wrote for a task. `sample` numbers several completions of one task.

    Answers come from anywhere (a rollout, another system's log): fields that are not ours are ignored.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    task_id: str = Field(min_length=1)
    completion: str
    sample: int = Field(default=0, ge=0)


class Status(StrEnum):
    """`failed` and `timeout` are the answer's fault; `error` is ours and never becomes a reward."""

    PASSED = "passed"
    FAILED = "failed"
    TIMEOUT = "timeout"
    ERROR = "error"
    SKIPPED = "skipped"

    @property
    def is_passing(self) -> bool:
        """Whether the next stage is reached: `passed`, or `skipped`, which is neutral."""
        return self in (Status.PASSED, Status.SKIPPED)


class Stage(Record):
    """One stage of a domain's ladder. `levels`: into how many a score is quantized in a lexicographic key."""

    name: str
    kind: Literal["correctness", "quality"] = "correctness"
    weight: float = Field(default=1.0, gt=0)
    levels: int = Field(default=2, ge=2)


Ladder = tuple[Stage, ...]
"""Stages, most important first."""


class StageResult(Record):
    """What one stage found. `score` in [0, 1]; a stage that passed may still score below 1 (quality)."""

    name: str
    status: Status
    score: Score = 0.0
    seconds: float = Field(default=0.0, ge=0)
    detail: str = ""


class RewardValue(Record):
    """A verdict's worth under a scheme: a number in [0, 1] and a lexicographic key."""

    scheme: str
    value: Score
    key: tuple[int, ...] = ()


class Verdict(Record):
    """What the ladder said of one completion, and what it was made with."""

    task_id: str
    sample: int = 0
    passed: bool
    stages: tuple[StageResult, ...]
    metrics: dict[str, float] = {}
    reward: RewardValue | None = None
    feedback: str = ""
    made_by: dict[str, str] = {}
    cached: bool = False

    @property
    def is_error(self) -> bool:
        """Whether we, not the answer, failed: such a verdict has no reward."""
        return any(stage.status is Status.ERROR for stage in self.stages)


def first_unpassed(ladder: Ladder, stages: Iterable[StageResult]) -> int | None:
    """Return the index of the first correctness stage that is missing or did not pass.

    Stages after it do not count as reached. A quality stage never ends the ladder, and `skipped` is neutral.

    Args:
        ladder: The domain's stages, in order.
        stages: Results of some of them.

    Returns:
        An index into `ladder`; None if every correctness stage passed.
    """
    passing = {result.name for result in stages if result.status.is_passing}
    return next(
        (
            index
            for index, stage in enumerate(ladder)
            if stage.kind == "correctness" and stage.name not in passing
        ),
        None,
    )


def all_correct(ladder: Ladder, stages: Iterable[StageResult]) -> bool:
    """Return whether every correctness stage of `ladder` was reached and passed."""
    return first_unpassed(ladder, stages) is None


def fingerprint(value: Mapping[str, Any]) -> str:
    """SHA-256 (hex) of canonical JSON: equal values have equal fingerprints, whatever their key order."""
    text = json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
