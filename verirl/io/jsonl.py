"""JSON lines at the border: every bad line is one message that names file, line and field."""

from __future__ import annotations

import gzip
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple, TextIO, TypeVar

from pydantic import BaseModel, ValidationError

from verirl.errors import InputError
from verirl.io import strict_json
from verirl.io.atomic import write_atomically
from verirl.types import Record

Kind = TypeVar("Kind", bound=BaseModel)

LINE_LIMIT = 64 * 1024 * 1024


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
    except (UnicodeDecodeError, gzip.BadGzipFile, EOFError) as error:
        raise InputError.at(path, f"is not a UTF-8 JSONL file ({error})") from error
    except OSError as error:
        raise InputError.at(path, error.strerror or str(error)) from error


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
            value = strict_json.loads(text)
        except RecursionError as error:
            raise InputError.at(name, "nested too deeply", line=number) from error
        except ValueError as error:
            raise InputError.at(name, f"not valid JSON ({error})", line=number) from error
        if not isinstance(value, dict):
            raise InputError.at(name, f"expected a JSON object, got {type(value).__name__}", line=number)
        yield Line(name, number, value)


def read_records(path: Path | str, kind: type[Kind]) -> Iterator[tuple[Line, Kind]]:
    """Each line of a JSONL file as a `kind`, with the place it came from."""
    for line in read_lines(path):
        try:
            yield line, kind.model_validate(line.value)
        except ValidationError as error:
            raise _explain(line, error, kind) from error


def _explain(line: Line, error: ValidationError, kind: type[BaseModel]) -> InputError:
    first = error.errors(include_url=False)[0]
    field = ".".join(str(part) for part in first["loc"])
    message = first["msg"]
    if first["type"] == "extra_forbidden":
        message = f"unknown field; a {kind.__name__.lower()} has {', '.join(kind.model_fields)}"
    elif first["type"] == "missing":
        message = "missing"
    return InputError.at(line.file, message, line=line.number, field=field)


def write_records(path: Path | str, records: Iterable[Record]) -> int:
    """Write one JSON object a line, atomically; returns how many. `-` is standard output."""
    if str(path) == "-":
        return _write_all(sys.stdout, records)
    count = 0

    def fill(stream: TextIO) -> None:
        nonlocal count
        count = _write_all(stream, records)

    write_atomically(Path(path), fill)
    return count


def _write_all(stream: TextIO, records: Iterable[Record]) -> int:
    count = 0
    for record in records:
        stream.write(record.to_json())
        stream.write("\n")
        count += 1
    return count
