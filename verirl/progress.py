"""Where a long job shows how far it is."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

Bars = Callable[[str, int], AbstractContextManager[Callable[[int], None]]]
"""(description, total) → a context manager that yields what to call with the number of items newly done."""


def no_bars(description: str, total: int) -> AbstractContextManager[Callable[[int], None]]:
    """Show nothing."""
    return nullcontext(lambda _: None)
