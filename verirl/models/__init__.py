"""Policies: whatever writes completions. `load` turns the MODEL argument of the contract into one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

from verirl.errors import InputError
from verirl.types import Task

Progress = Callable[[int], None]
"""Called with the number of completions that are newly done."""


class Policy(Protocol):
    """Writes completions for tasks. It sees a task's `prompt` and nothing else of it.

    `sampled` is False where asking again gives the same completions (a replay file, the references).
    """

    name: str
    sampled: bool

    def sample(
        self,
        tasks: Sequence[Task],
        *,
        n: int,
        temperature: float,
        max_new_tokens: int,
        seed: int,
        on_progress: Progress | None = None,
    ) -> list[list[str]]:
        """Up to `n` completions for each task, in the order of `tasks`. `temperature` 0 is greedy."""
        ...


def load(model: str, *, device: str | None = None, adapter: str | None = None) -> Policy:
    """The policy that a MODEL argument names.

    `reference`, `replay:FILE`, `openai:URL#MODEL`, `gguf:PATH`, `tiny[:SIZE]`, or a transformers folder
    or hub name. Raises InputError where it names nothing, ToolMissingError where a package is missing.
    """
    kind, _, rest = model.partition(":")
    if model == "reference":
        from verirl.models.replay import ReferencePolicy

        return ReferencePolicy()
    if kind == "replay":
        from verirl.models.replay import ReplayPolicy

        return ReplayPolicy(rest)
    if kind == "openai":
        from verirl.models.openai import OpenAIPolicy

        return OpenAIPolicy.from_argument(rest)
    if kind in ("gguf", "tiny") or (model and not _names_nothing(model)):
        from verirl.models.local import LocalPolicy

        return LocalPolicy.load(model, device=device, adapter=adapter)
    raise InputError(
        f"no model '{model}'; give a transformers folder or hub name, gguf:PATH, openai:URL#MODEL, "
        "replay:FILE, reference, or tiny[:SIZE]"
    )


def _names_nothing(model: str) -> bool:
    looks_like_path = model.startswith((".", "/", "~")) or model.count("/") > 1
    return looks_like_path and not Path(model).expanduser().exists()
