"""Reading published data sets: fields of a row, the data files of a folder, and rows that are left out."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path

from verirl.errors import InputError
from verirl.io.jsonl import Line


def text_field(line: Line, field: str, *, may_be_blank: bool = True) -> str:
    """Return a field of a row that must be text, with plain line ends.

    Args:
        line: The row.
        field: Name of the field.
        may_be_blank: Whether a text without a visible character is accepted.

    Raises:
        InputError: If the field is missing or is not such a text; the error names file, line and field.
    """
    value = line.value.get(field)
    if not isinstance(value, str) or not (may_be_blank or value.strip()):
        what = "missing" if field not in line.value else "must be text"
        raise InputError.at(line.file, what, line=line.number, field=field)
    return value.replace("\r\n", "\n")


def data_files(path: Path, suffixes: Sequence[str]) -> list[Path]:
    """Return the data files that a path stands for.

    Args:
        path: A file, or a folder of files.
        suffixes: Endings of the files of a folder, without `.gz`, such as `.jsonl`.

    Returns:
        The file itself, or the folder's files by name, compressed ones included.

    Raises:
        InputError: If the file is Parquet, or the folder has no such file.
    """
    if not path.is_dir():
        if path.suffix == ".parquet":
            raise InputError.at(path, "is Parquet; save it as JSON lines first (datasets: .to_json(FILE))")
        return [path]
    endings = tuple(ending for suffix in suffixes for ending in (suffix, f"{suffix}.gz"))
    files = sorted(file for file in path.iterdir() if file.name.endswith(endings))
    if not files:
        raise InputError.at(path, f"holds no {' or '.join(suffixes)} file")
    return files


def warn_left_out(where: Line | Path | str, reason: object) -> None:
    """Warn that a row is left out.

    Args:
        where: The row, or the file or folder that it comes from.
        reason: Why, in words or as the error that was raised.
    """
    place = f"{where.file}:{where.number}" if isinstance(where, Line) else str(where)
    warnings.warn(f"{place}: left out: {reason}", stacklevel=3)
