"""What a run set out to do: the few keys of its recipe that a report names.

A run is kept for longer than the recipe's keys stay the same, so keys that are not known do not matter here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from verirl.errors import InputError
from verirl.reporting.tolerant_json import whole

Keys = Mapping[str, Any]


@dataclass(frozen=True)
class Watch:
    """A look at held-out tasks during training: which, and `settings`, everything that fixes what it sees."""

    tasks: str
    settings: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Training:
    """A training stage: its task sets, how many steps, its look."""

    tasks: tuple[str, ...]
    steps: int | None
    watch: Watch | None
    scheme: str


@dataclass(frozen=True)
class Plan:
    """A recipe as a report needs it. `gates`: how many conditions the evaluation had to meet."""

    name: str
    description: str
    seed: int
    model: str
    tasks: tuple[str, ...]
    sft: Training | None
    grpo: Training | None
    control: bool
    evaluated: str | None
    gates: int

    def stages(self) -> tuple[str, ...]:
        """The stages of the run, in order."""
        present = {
            "synth": True,
            "sft": self.sft is not None,
            "grpo": self.grpo is not None,
            "control": self.control,
            "eval": self.evaluated is not None,
        }
        return tuple(name for name, there in present.items() if there)


def read_plan(path: Path) -> Plan:
    """The plan in a recipe file; InputError where it is none."""
    try:
        keys = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError, RecursionError) as problem:
        raise InputError.at(path, f"is no recipe ({' '.join(str(problem).split())})") from problem
    if not isinstance(keys, dict) or "name" not in keys:
        raise InputError.at(path, "is no recipe: a mapping with a 'name' is expected")
    evaluation = _inner(keys, "eval")
    minima = evaluation.get("min")
    return Plan(
        name=str(keys["name"]),
        description=str(keys.get("description") or ""),
        seed=whole(keys.get("seed")) or 0,
        model=str(_inner(keys, "model").get("name") or "tiny:s"),
        tasks=tuple(map(str, _inner(keys, "tasks"))),
        sft=_training(_inner(keys, "sft")),
        grpo=_training(_inner(keys, "grpo")),
        control=bool(keys.get("control")),
        evaluated=str(evaluation.get("tasks")) if evaluation else None,
        gates=(len(minima) if isinstance(minima, list) else 0) + (evaluation.get("min_gain") is not None),
    )


def _inner(keys: Keys, name: str) -> Keys:
    found = keys.get(name)
    return found if isinstance(found, dict) else {}


def _training(keys: Keys) -> Training | None:
    if not keys:
        return None
    named = keys.get("tasks")
    mixture = named if isinstance(named, list) else [named]
    return Training(
        tasks=tuple(str(part.get("tasks")) if isinstance(part, dict) else str(part) for part in mixture),
        steps=whole(keys.get("steps")),
        watch=_watch(_inner(keys, "watch")),
        scheme=str(keys.get("scheme") or ""),
    )


def _watch(keys: Keys) -> Watch | None:
    if not keys:
        return None
    fixed = sorted((str(key), str(value)) for key, value in keys.items() if key != "every")
    return Watch(str(keys.get("tasks")), tuple(fixed))
