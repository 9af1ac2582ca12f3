"""Read tasks, completions and verdicts from a file, a folder, standard input or a shipped set."""

from __future__ import annotations

from pathlib import Path

import verirl
from verirl import registry
from verirl.errors import InputError, SpecError
from verirl.io.jsonl import Line, read_records
from verirl.types import Completion, Task, Verdict

SHIPPED = "verirl:"


def read_tasks(source: Path | str, *, check: bool = True) -> list[Task]:
    """The tasks of a file, a folder of files, `-`, or a shipped set (`verirl:NAME`), in order.

    With `check`, every `spec` is checked by its domain now, so that nothing is refused at reward time.
    """
    tasks: list[Task] = []
    seen: dict[str, str] = {}
    for path in task_files(source):
        for line, task in read_records(path, Task):
            where = f"{line.file}:{line.number}"
            if task.id in seen:
                raise InputError.at(
                    line.file, f"'{task.id}' is already at {seen[task.id]}", line=line.number, field="id"
                )
            seen[task.id] = where
            if check:
                check_task(line, task)
            tasks.append(task)
    if not tasks:
        raise InputError.at(str(source), "holds no task")
    return tasks


def check_task(line: Line, task: Task) -> None:
    """Refuse a task whose domain is unknown or whose spec its domain cannot use."""
    try:
        registry.load(task.domain).check_spec(task.spec)
    except SpecError as error:
        field = f"spec.{error.field}" if error.field else "spec"
        raise InputError.at(line.file, error.problem, line=line.number, field=field) from error
    except InputError as error:
        raise InputError.at(line.file, str(error), line=line.number, field="domain") from error


def task_files(source: Path | str) -> list[Path | str]:
    """The files that a TASKS (or ANSWERS) argument names."""
    text = str(source)
    if text == "-":
        return ["-"]
    if text.startswith(SHIPPED):
        return [_shipped(text.removeprefix(SHIPPED))]
    path = Path(source)
    if path.is_dir():
        found = sorted(p for p in path.iterdir() if p.name.endswith((".jsonl", ".jsonl.gz")))
        if not found:
            raise InputError.at(path, "holds no .jsonl file")
        return list(found)
    if not path.exists():
        raise InputError.at(path, "no such file")
    return [path]


def shipped_folder() -> Path:
    """Where the project's own task files lie: beside the package in a checkout, inside it in a wheel."""
    package = Path(verirl.__file__).parent
    inside = package / "_shipped"
    return inside if inside.is_dir() else package.parent / "datasets"


def _shipped(name: str) -> Path:
    folder = shipped_folder()
    for found in sorted(folder.glob("**/*.jsonl")):
        if found.stem == name:
            return found
    known = ", ".join(sorted(p.stem for p in folder.glob("**/*.jsonl"))) or "none"
    raise InputError(f"no shipped task set '{name}'; there are: {known}")


def read_completions(source: Path | str) -> list[Completion]:
    """The completions of a JSONL file, of a folder of them (a run's rollouts), or of `-`."""
    return [record for path in task_files(source) for _, record in read_records(path, Completion)]


def read_verdicts(source: Path | str) -> list[Verdict]:
    """The verdicts of a JSONL file or of `-`."""
    return [record for _, record in read_records(source, Verdict)]
