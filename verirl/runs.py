"""The run folder: resolved recipe, append-only journal, task sets, rollouts, checkpoints, evaluations.

Everything in it can be read with `cat`, `jq` or pandas, and whatever is written is written whole, so that a
run that was killed at any moment can be resumed.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any, TextIO

from verirl.errors import InputError
from verirl.io import tolerant_json
from verirl.io.atomic import storage_errors, write_atomically
from verirl.io.jsonl import write_records
from verirl.types import Task

RECIPE, JOURNAL, LOCK = "recipe.yaml", "journal.jsonl", ".lock"


class RunFolder:
    """One run's folder. Opened for writing by one process at a time; read by anyone."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock: IO[str] | None = None

    def lock(self) -> None:
        """Keep other processes from writing here; InputError where one already does."""
        with storage_errors(self.path):
            self.path.mkdir(parents=True, exist_ok=True)
            self._lock = (self.path / LOCK).open("w")
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise InputError.at(self.path, "another process is running this run") from error

    @property
    def begun(self) -> bool:
        """Whether a run was started here."""
        return (self.path / RECIPE).is_file()

    def tasks(self, name: str) -> Path:
        """Where the task set `name` lies."""
        return self.path / "tasks" / f"{name}.jsonl"

    def stage(self, name: str) -> Path:
        """The folder of a training stage: its checkpoints and its `model`."""
        return self.path / name

    def model(self, stage: str) -> Path:
        """Where a training stage leaves its model."""
        return self.stage(stage) / "model"

    def evaluation(self, name: str) -> Path:
        """Where the evaluation of the stage `name` lies."""
        return self.path / "eval" / f"{name}.json"

    def rollouts(self, generation: int) -> Path:
        """Where the completions of one generation lie, with their verdicts."""
        return self.path / "rollouts" / f"{generation:06d}.jsonl"

    def rollout_files(self) -> list[Path]:
        """All rollouts, oldest first."""
        return sorted((self.path / "rollouts").glob("[0-9]*.jsonl"))

    def write_text(self, name: str, text: str) -> None:
        """Write a small file whole."""

        def fill(stream: TextIO) -> None:
            stream.write(text)

        write_atomically(self.path / name, fill)

    def write_tasks(self, name: str, tasks: Iterable[Task]) -> int:
        """Write a task set whole; returns how many."""
        return write_records(self.tasks(name), tasks)

    def log(self, event: str, **fields: Any) -> None:
        """Append one event to the journal. A line torn by a kill is closed, and readers skip it."""
        record = {"event": event, "at": datetime.now(UTC).isoformat(timespec="milliseconds"), **fields}
        line = (json.dumps(record, ensure_ascii=False) + "\n").encode()
        path = self.path / JOURNAL
        with storage_errors(path), path.open("ab+") as stream:
            if stream.tell() > 0:
                stream.seek(-1, os.SEEK_END)
                if stream.read(1) != b"\n":
                    line = b"\n" + line
            stream.write(line)

    def events(self, kind: str | None = None) -> list[dict[str, Any]]:
        """The journal's events in order, those of one `kind` if given."""
        found = (event for event in tolerant_json.lines(self.path / JOURNAL) if "event" in event)
        return [event for event in found if kind is None or event["event"] == kind]

    def steps(self, kind: str, stage: str) -> list[Mapping[str, Any]]:
        """The events `kind` of `stage` that count (see `latest`), one a step."""
        return latest(self.events(), kind, stage)

    def done(self, stage: str) -> Mapping[str, Any] | None:
        """The event that says that `stage` was finished, if it was."""
        found = [event for event in self.events("stage_done") if event["stage"] == stage]
        return found[-1] if found else None


def latest(
    events: Iterable[Mapping[str, Any]], kind: str, stage: str, key: str = "step"
) -> list[Mapping[str, Any]]:
    """The events `kind` of `stage` that count, by rising `key`; one without a whole `key` does not.

    A resumed stage goes back to its last checkpoint, or begins again: what it then records voids the records
    of that step and of all later ones.
    """
    found: list[Mapping[str, Any]] = []
    for event in events:
        if event["event"] == kind and event.get("stage") == stage and type(event.get(key)) is int:
            while found and found[-1][key] >= event[key]:
                found.pop()
            found.append(event)
    return found
