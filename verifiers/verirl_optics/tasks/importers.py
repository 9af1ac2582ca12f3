"""Import published lenses as tasks: one to design and one to complete each lens.

A file that cannot be read is an error with file, line and field; a lens that cannot be turned into a task (no
matching catalog glass, not feasible) is skipped with a warning.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from verirl.domain import Importer
from verirl.errors import InputError
from verirl.io.jsonl import Line, read_lines
from verirl.io.rows import data_files
from verirl.optional_dependencies import import_optional
from verirl.types import Source, Task

if TYPE_CHECKING:
    from verirl_optics.raytrace.prescription import Prescription
    from verirl_optics.tasks.task_from_lens import Question


def lenses(path: Path) -> Iterator[Task]:
    """Import JSON lines of prescriptions: rows of the benchmark, or objects as `verirl optics show` reads."""
    import_optional("torch", "optics")
    from verirl_optics.lens_io.lens_file import from_object

    for line in _lines(path):
        try:
            lens = from_object(line.value)
        except InputError as error:
            raise InputError.at(line.file, str(error), line=line.number) from error
        source = line.value.get("source")
        reference = source.get("reference") if isinstance(source, dict) else None
        licence = str(line.value.get("licence") or UNKNOWN)
        yield from _tasks(lens, lens.name or f"lens-{line.number}", _where(line), reference, licence)


def zmx(path: Path) -> Iterator[Task]:
    """Import a Zemax `.zmx` file, or a folder of them, skipping files that cannot be read."""
    import_optional("torch", "optics")
    if not path.is_dir():
        yield from _zmx(path, path.stem)
        return
    found = sorted(file for file in path.rglob("*") if file.suffix.lower() == ".zmx")
    if not found:
        raise InputError.at(path, "holds no .zmx file")
    for file in found:
        try:
            yield from _zmx(file, file.relative_to(path).with_suffix("").as_posix())
        except InputError as error:
            warnings.warn(f"left out: {error}", stacklevel=2)


def _zmx(path: Path, name: str) -> Iterator[Task]:
    from verirl_optics.lens_io.lens_file import read_lenses

    for lens in read_lenses(path):
        yield from _tasks(lens, name, str(path))


def question_answers(path: Path) -> Iterator[Task]:
    """Import JSON lines of question and answer, as OptiDesignQA is described (see `optidesignqa`)."""
    import_optional("torch", "optics")
    from verirl_optics.lens_io.optidesignqa import read_pair

    for line in _lines(path):
        try:
            name, lens, asked = read_pair(line.value)
        except InputError as error:
            raise InputError.at(line.file, str(error), line=line.number) from error
        yield from _tasks(lens, name or f"pair-{line.number}", _where(line), asked=asked)


IMPORTERS: Mapping[str, Importer] = {"lenses": lenses, "zmx": zmx, "optidesignqa": question_answers}
UNKNOWN = "unknown"


def _lines(path: Path) -> Iterator[Line]:
    for file in data_files(path, (".jsonl",)):
        yield from read_lines(file)


def _where(line: Line) -> str:
    return f"{line.file}:{line.number}"


def _tasks(
    lens: Prescription,
    name: str,
    where: str,
    reference: str | None = None,
    licence: str = UNKNOWN,
    asked: Question | None = None,
) -> Iterator[Task]:
    from verirl_optics.tasks.task_from_lens import LensError, tasks_from_lens

    try:
        yield from tasks_from_lens(
            lens, name, Source(name=reference or Path(where).name, license=licence), asked
        )
    except LensError as error:
        warnings.warn(f"{where}: '{name}' left out: {error}", stacklevel=3)
