"""JSON lines at the border: every bad line is one message that names file, line and field."""

from __future__ import annotations

import errno
import gzip
import json
import os
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple, TextIO, TypeVar

from pydantic import BaseModel, ValidationError

from verirl import domains
from verirl.errors import InputError, SpecError, StorageError
from verirl.types import Completion, Task, Verdict

Record = TypeVar("Record", bound=BaseModel)

LINE_LIMIT = 64 * 1024 * 1024
SHIPPED = "verirl:"


class Line(NamedTuple):
    """A JSON object and where it stood."""

    file: str
    number: int
    value: dict[str, Any]


def read_lines(path: Path | str) -> Iterator[Line]:
    """The JSON objects of a JSONL file (`.gz` too), or of standard input where `path` is `-`."""
    if str(path) == "-":
        if sys.stdin is None:
            raise InputError("standard input is closed: pipe the lines in, or name a file")
        yield from _parse("<stdin>", sys.stdin)
        return
    path = Path(path)
    try:
        with _open(path) as stream:
            yield from _parse(str(path), stream)
    except (UnicodeDecodeError, gzip.BadGzipFile, EOFError) as problem:
        raise InputError.at(path, f"is not a UTF-8 JSONL file ({problem})") from problem
    except OSError as problem:
        raise InputError.at(path, problem.strerror or str(problem)) from problem


def _open(path: Path) -> TextIO:
    if path.suffix == ".gz":
        return gzip.open(path, "rt", encoding="utf-8")
    return path.open(encoding="utf-8")


def _parse(name: str, stream: TextIO) -> Iterator[Line]:
    # A file without an end, such as a device, may be one line without an end.
    for number, text in enumerate(iter(lambda: stream.readline(LINE_LIMIT + 1), ""), start=1):
        if len(text) > LINE_LIMIT:
            raise InputError.at(name, f"longer than {LINE_LIMIT} characters", line=number)
        text = text.removeprefix("\ufeff") if number == 1 else text
        if not text.strip():
            continue
        try:
            value = json.loads(text, parse_constant=_refuse_constant, object_pairs_hook=_unique)
        except RecursionError as problem:
            raise InputError.at(name, "nested too deeply", line=number) from problem
        except ValueError as problem:
            raise InputError.at(name, f"not valid JSON ({problem})", line=number) from problem
        if not isinstance(value, dict):
            raise InputError.at(name, f"expected a JSON object, got {type(value).__name__}", line=number)
        yield Line(name, number, value)


def _refuse_constant(text: str) -> float:
    raise ValueError(f"{text} is not JSON")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"key '{twice}' appears twice")
    return value


def read_records(path: Path | str, kind: type[Record]) -> Iterator[tuple[Line, Record]]:
    """Each line of a JSONL file as a `kind`, with the place it came from."""
    for line in read_lines(path):
        try:
            yield line, kind.model_validate(line.value)
        except ValidationError as problem:
            raise _explain(line, problem, kind) from problem


def _explain(line: Line, problem: ValidationError, kind: type[BaseModel]) -> InputError:
    first = problem.errors(include_url=False)[0]
    field = ".".join(str(part) for part in first["loc"])
    message = first["msg"]
    if first["type"] == "extra_forbidden":
        message = f"unknown field; a {kind.__name__.lower()} has {', '.join(kind.model_fields)}"
    elif first["type"] == "missing":
        message = "missing"
    return InputError.at(line.file, message, line=line.number, field=field)


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
        domains.load(task.domain).check_spec(task.spec)
    except SpecError as problem:
        field = f"spec.{problem.field}" if problem.field else "spec"
        raise InputError.at(line.file, problem.problem, line=line.number, field=field) from problem
    except InputError as problem:
        raise InputError.at(line.file, str(problem), line=line.number, field="domain") from problem


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
    package = Path(__file__).parent
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


def write_records(path: Path | str, records: Iterable[BaseModel]) -> int:
    """Write one JSON object a line, atomically; returns how many. `-` is standard output."""
    if str(path) == "-":
        return _write_all(sys.stdout, records)
    count = 0

    def fill(stream: TextIO) -> None:
        nonlocal count
        count = _write_all(stream, records)

    write_atomically(Path(path), fill)
    return count


def _write_all(stream: TextIO, records: Iterable[BaseModel]) -> int:
    count = 0
    for record in records:
        stream.write(record.to_json() if hasattr(record, "to_json") else record.model_dump_json())
        stream.write("\n")
        count += 1
    return count


def write_atomically(path: Path, fill: Callable[[TextIO], None]) -> None:
    """Write a text file whole or not at all: readers and a full disk never leave half of one.

    A link is followed. What is no file (a pipe, `/dev/null`) is written to as it stands, never replaced.
    """
    with storage_errors(path):
        if path.exists() and not path.is_file():
            with path.open("w", encoding="utf-8") as stream:
                fill(stream)
            return
        path = Path(os.path.realpath(path))
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        temporary = Path(name)
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as stream:
                fill(stream)
                stream.flush()
                os.fsync(stream.fileno())
            temporary.chmod(0o644)
            temporary.replace(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise


@contextmanager
def storage_errors(path: Path | str) -> Iterator[None]:
    """Turn a failing write into one line that names the file and what to do."""
    try:
        yield
    except OSError as problem:
        advice = "; free some space and run the command again" if problem.errno == errno.ENOSPC else ""
        raise StorageError(f"{path}: {problem.strerror or problem}{advice}") from problem
