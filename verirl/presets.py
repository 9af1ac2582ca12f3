"""Reward schemes that a domain brings for its own ladder, beside those that fit every ladder.

A domain's `reward_presets()` maps names to schemes (see `verirl.scoring.Scheme`). A preset is used
wherever a scheme is named, on tasks of its domain alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from verirl import registry
from verirl.errors import InputError, nearest
from verirl.scoring import SCHEMES, Scheme, scheme


def presets(domain: str) -> Mapping[str, Scheme]:
    """The presets of the domain called `domain`, by name; empty where it has none.

    Raises InputError where one is no scheme, or has the name of a scheme that fits every ladder.
    """
    found: Any = registry.load(domain).reward_presets()
    if not isinstance(found, Mapping):
        raise InputError(f"domain '{domain}': `reward_presets` must map names to schemes")
    for name, made in found.items():
        if name in SCHEMES:
            raise InputError(f"domain '{domain}': its preset '{name}' has the name of a common scheme")
        if isinstance(made, type) or not isinstance(made, Scheme) or made.name != name:
            raise InputError(f"domain '{domain}': its preset '{name}' is no scheme of that name")
    return dict(found)


def installed() -> dict[str, tuple[str, ...]]:
    """Preset name → the domains that have it, over every domain that loads."""
    found: dict[str, tuple[str, ...]] = {}
    for domain in registry.load_all():
        for name in presets(domain):
            found[name] = (*found.get(name, ()), domain)
    return found


def find(name: str, used: Iterable[str] | None = None) -> Scheme:
    """The scheme called `name`, where the tasks are of the domains `used` (None: not known yet).

    Raises InputError for an unknown name, and for a preset on tasks of any other domain than its own.
    """
    if name in SCHEMES:
        return scheme(name)
    known = installed()
    if name not in known:
        near = nearest(name, [*SCHEMES, *known])
        own = "".join(f", {preset} (domain {' or '.join(where)})" for preset, where in known.items())
        hint = f"did you mean '{near}'?" if near else f"there are: {', '.join(SCHEMES)}{own}"
        raise InputError(f"unknown reward scheme '{name}'; {hint}")
    wanted = known[name][:1] if used is None else tuple(dict.fromkeys(used)) or known[name][:1]
    others = [domain for domain in wanted if domain not in known[name]]
    if others or len(wanted) > 1:
        raise InputError(
            f"the reward '{name}' is a preset of {' or '.join(known[name])} alone, and there are tasks of "
            f"{', '.join(others or wanted)}; a scheme for every ladder is one of {', '.join(SCHEMES)}"
        )
    return presets(wanted[0])[name]
