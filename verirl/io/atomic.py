"""Write a file whole or not at all, and report a failing write in one line."""

from __future__ import annotations

import errno
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from verirl.errors import StorageError


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
    except OSError as error:
        advice = "; free some space and run the command again" if error.errno == errno.ENOSPC else ""
        raise StorageError(f"{path}: {error.strerror or error}{advice}") from error
