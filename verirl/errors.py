"""Every error that a person may meet. Each refines a standard type and carries its exit code."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path


class VerirlError(Exception):
    """Base of all errors of this project; `exit_code` is what a command ends with."""

    exit_code = 1


class InputError(VerirlError, ValueError):
    """Bad input or wrong usage: one line that says where, what, and what to do."""

    exit_code = 2

    @classmethod
    def at(
        cls,
        path: Path | str,
        problem: str,
        *,
        line: int | None = None,
        field: str | None = None,
    ) -> InputError:
        """An error at a place: `FILE:LINE: field 'FIELD': PROBLEM`."""
        where = f"{path}:{line}" if line is not None else str(path)
        what = f"field '{field}': {problem}" if field else problem
        return cls(f"{where}: {what}")


class SpecError(InputError):
    """A task's `spec` lacks or misstates what its domain needs. `field` is the path inside the spec."""

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(f"field 'spec.{field}': {problem}" if field else f"field 'spec': {problem}")
        self.field = field
        self.problem = problem

    def __reduce__(self) -> tuple[type[SpecError], tuple[str, str]]:
        return type(self), (self.field, self.problem)


class GateError(VerirlError, AssertionError):
    """A gate (`--min`, `--strict`, `--min-gain`) was not met."""

    exit_code = 3


class ToolMissingError(VerirlError, RuntimeError):
    """A needed tool or optional package is missing; the message ends with the line that installs it."""

    exit_code = 4

    def __init__(self, tool: str, install: str) -> None:
        super().__init__(f"{tool} is missing; install it with: {install}")
        self.tool = tool
        self.install = install

    def __reduce__(self) -> tuple[type[ToolMissingError], tuple[str, str]]:
        return type(self), (self.tool, self.install)


class StorageError(VerirlError, OSError):
    """A file could not be written or read (disk full, no permission)."""


class PoolError(VerirlError, RuntimeError):
    """The verifier pool cannot work at all (its workers do not start)."""


class SandboxError(VerirlError, RuntimeError):
    """The sandbox could not be made for a program: our failure, never the program's."""


def unknown(what: str, name: str, known: Iterable[str], *, listed: str = "there are") -> InputError:
    """An error for a name that does not exist, with the nearest one that does.

    Args:
        what: What the name stands for, such as `domain`.
        name: The name that was given.
        known: The names that exist.
        listed: Introduces the list of names if none is near.

    Returns:
        The error to raise.

    Example:
        >>> str(unknown("scheme", "binray", ["binary", "gated"]))
        "unknown scheme 'binray'; did you mean 'binary'?"
    """
    return InputError(f"unknown {what} '{name}'; {suggestion(name, known, listed=listed)}")


def suggestion(name: str, known: Iterable[str], *, listed: str = "there are") -> str:
    """`did you mean 'X'?`, or the list of what is known if nothing is near.

    Args:
        name: The name that was given.
        known: The names that exist, in the order in which to list them.
        listed: Introduces the list of names if none is near.

    Returns:
        The second half of an error message.
    """
    names = list(known)
    near = nearest(name, names)
    return f"did you mean '{near}'?" if near else f"{listed}: {', '.join(names) or 'none'}"


def nearest(name: str, known: Iterable[str], *, likeness: float = 0.6) -> str | None:
    """Return the name that is spelled most like another.

    Args:
        name: The name that was given.
        known: The names that exist.
        likeness: Least likeness, from 0 to 1.

    Returns:
        The nearest name; None if none is near enough.

    Example:
        >>> nearest("binray", ["binary", "gated"])
        'binary'
    """
    import difflib

    return next(iter(difflib.get_close_matches(name, list(known), n=1, cutoff=likeness)), None)
