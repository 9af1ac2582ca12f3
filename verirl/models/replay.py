"""Policies that ask no model: completions from a file, and each task's own reference."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from verirl.errors import InputError
from verirl.io.sources import read_completions
from verirl.models import Progress
from verirl.types import Task


class ReferencePolicy:
    """Answers each task with its own reference, once."""

    name = "reference"
    sampled = False

    def sample(
        self,
        tasks: Sequence[Task],
        *,
        n: int,
        temperature: float,
        max_new_tokens: int,
        seed: int,
        on_progress: Progress | None = None,
    ) -> list[list[str]]:
        """One completion a task; InputError for a task that has no reference."""
        for task in tasks:
            if task.reference is None:
                raise InputError(f"task '{task.id}' has no reference")
        if on_progress:
            on_progress(len(tasks))
        return [[task.reference or ""] for task in tasks]


class ReplayPolicy:
    """Answers from a JSONL file of completions, wherever they came from; ordered by their `sample`."""

    sampled = False

    def __init__(self, path: str) -> None:
        if not path:
            raise InputError("replay: needs a file, as in replay:answers.jsonl")
        self.name = f"replay:{Path(path).name}"
        found: dict[str, dict[int, str]] = {}
        for record in read_completions(path):
            samples = found.setdefault(record.task_id, {})
            if record.sample in samples:
                raise InputError.at(path, f"task '{record.task_id}' has sample {record.sample} twice")
            samples[record.sample] = record.completion
        self._completions = {
            task: [text for _, text in sorted(samples.items())] for task, samples in found.items()
        }

    def sample(
        self,
        tasks: Sequence[Task],
        *,
        n: int,
        temperature: float,
        max_new_tokens: int,
        seed: int,
        on_progress: Progress | None = None,
    ) -> list[list[str]]:
        """All stored completions of each task (`n` does not apply); InputError where a task has none."""
        missing = [task.id for task in tasks if task.id not in self._completions]
        if missing:
            raise InputError(f"{self.name} has no completion for {len(missing)} tasks, first '{missing[0]}'")
        answers = [self._completions[task.id] for task in tasks]
        if on_progress:
            on_progress(sum(map(len, answers)))
        return answers
