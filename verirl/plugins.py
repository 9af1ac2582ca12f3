"""What other packages add under an entry-point group, loaded with one-line errors."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.metadata import EntryPoint, entry_points
from typing import Any, TypeVar

from verirl.errors import InputError

Kind = TypeVar("Kind")


def load(point: EntryPoint, what: str) -> Any:
    """Load what an entry point names.

    Args:
        point: The entry point.
        what: What it adds, for the error message, such as `advantage`.

    Raises:
        InputError: If it does not load.
    """
    try:
        return point.load()
    except Exception as error:
        raise InputError(f"{what} '{point.name}' ({point.value}) does not load: {error}") from error


def subclasses(group: str, what: str, base: type[Kind]) -> Iterator[tuple[str, type[Kind]]]:
    """Yield the name and the class of each entry point of a group.

    Args:
        group: The entry-point group.
        what: What the group's entry points add, for the error messages, such as `training stage`.
        base: The class that each must be a subclass of.

    Raises:
        InputError: If one does not load, or is not such a class.
    """
    for point in entry_points(group=group):
        kind = load(point, what)
        if not (isinstance(kind, type) and issubclass(kind, base)):
            raise InputError(f"{what} '{point.name}' ({point.value}) is not a {base.__name__}")
        yield point.name, kind
