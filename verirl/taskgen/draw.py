"""One draw of a task: what every family checks and seeds in the same way."""

from __future__ import annotations

from collections.abc import Sequence

from verirl.errors import InputError


def check_draw(difficulty: float, **choices: tuple[str | None, Sequence[str]]) -> None:
    """Check the arguments of one draw.

    Args:
        difficulty: From 0 to 1.
        **choices: Name of an argument → (its value, the values that exist); None is always allowed.

    Raises:
        InputError: For the first argument that is out of range or unknown.
    """
    if not 0.0 <= difficulty <= 1.0:
        raise InputError(f"difficulty {difficulty:g} is not in [0, 1]")
    for what, (value, known) in choices.items():
        if value is not None and value not in known:
            raise InputError(f"unknown {what} '{value}'; there are: {', '.join(known)}")
