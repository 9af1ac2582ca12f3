"""The installed domains, found through the entry-point group `verirl.domains`."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Mapping
from functools import cache
from importlib.metadata import EntryPoint, entry_points, metadata
from typing import Any

from verirl.domain import Domain
from verirl.errors import InputError, ToolMissingError, VerirlError, nearest, unknown

GROUP = "verirl.domains"

_FORMER_MEMBERS = {
    "check": "stages",
    "deadline": "deadline_s",
    "files": "worker_files",
    "polishing": "polished",
    "presets": "reward_presets",
    "span": "difficulty_range",
    "synth": "generate",
    "warm": "warm_up",
}
"""Names that people write for members of `Domain`, and what the members are called."""


@cache
def installed() -> Mapping[str, EntryPoint]:
    """Find the installed domains without importing any.

    Returns:
        Domain name → its entry point.
    """
    return {point.name: point for point in entry_points(group=GROUP)}


@cache
def load(name: str) -> Domain:
    """Load an installed domain.

    Args:
        name: The name of the entry point, such as `math`.

    Returns:
        The domain; the same object on every call.

    Raises:
        InputError: If no such domain is installed, it does not import, or a member is missing or misspelt.
        ToolMissingError: If a Python package that it needs is not installed.

    Example:
        >>> load("math").name
        'math'
    """
    points = installed()
    if name not in points:
        raise unknown("domain", name, points, listed="installed")
    point = points[name]
    try:
        found = point.load()
        if inspect.isclass(found) and issubclass(found, Domain):
            _check_members(name, found)
            found = found()
    except ToolMissingError:
        raise
    except ModuleNotFoundError as error:
        package = f"the Python package '{error.name}' (for domain '{name}')"
        raise ToolMissingError(package, _install_line(name, str(error.name))) from error
    except InputError:
        raise
    except Exception as error:
        raise InputError(f"domain '{name}' ({point.value}) does not load: {error}") from error
    if not isinstance(found, Domain):
        raise InputError(
            f"domain '{name}' ({point.value}) is not a subclass of verirl.Domain, nor an instance of one"
        )
    _check_members(name, type(found))
    _check_values(name, found)
    return found


def _check_members(name: str, kind: type[Domain]) -> None:
    """Name the members that are missing or misspelt, before anything calls them."""
    missing = sorted(getattr(kind, "__abstractmethods__", ()))
    if missing:
        raise InputError(f"domain '{name}' lacks: {', '.join(missing)}")
    known = [member for member in dir(Domain) if not member.startswith("_")]
    for member in sorted(_own_members(kind) - set(known)):
        near = _FORMER_MEMBERS.get(member) or nearest(member, known, likeness=0.8)
        if near:
            raise InputError(f"domain '{name}' has an unknown member '{member}'; did you mean '{near}'?")


def _check_values(name: str, domain: Domain) -> None:
    """Name the constants that have a wrong value, before anything relies on them."""
    if domain.name != name:
        raise InputError(f"domain '{name}': its member 'name' is {domain.name!r}, not the entry point's name")
    if not isinstance(domain.version, str) or not domain.version:
        raise InputError(f"domain '{name}': its member 'version' must be a text, such as \"1.0\"")
    if not isinstance(domain.confined, bool):
        raise InputError(f"domain '{name}': its member 'confined' must be True or False")
    if not isinstance(domain.deadline_s, int | float) or not 0 < domain.deadline_s < float("inf"):
        raise InputError(f"domain '{name}': its member 'deadline_s' must be a number of seconds above 0")


def _own_members(kind: type[Any]) -> set[str]:
    """The public members that a domain's own classes add."""
    classes = [base for base in kind.__mro__ if base not in Domain.__mro__]
    return {member for base in classes for member in vars(base) if not member.startswith("_")}


def _install_line(domain: str, module: str) -> str:
    is_extra = domain in (metadata("verirl").get_all("Provides-Extra") or ())
    return f"pip install 'verirl[{domain}]'" if is_extra else f"pip install {module.partition('.')[0]}"


def load_all() -> Mapping[str, Domain]:
    """Load every installed domain.

    Returns:
        Domain name → domain. One that does not load is left out with a warning, so that it breaks no other.
    """
    loaded: dict[str, Domain] = {}
    for name in sorted(installed()):
        try:
            loaded[name] = load(name)
        except VerirlError as error:
            warnings.warn(str(error), stacklevel=2)
    return loaded
