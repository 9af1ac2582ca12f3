"""JSON as its standard says: no NaN or Infinity, and no key twice."""

from __future__ import annotations

import json
from typing import Any


def loads(text: str) -> Any:
    """Parse JSON.

    Args:
        text: One JSON value.

    Returns:
        The value.

    Raises:
        ValueError: If the text is not JSON, holds NaN or Infinity, or an object has a key twice.
        RecursionError: If it is nested too deeply.

    Example:
        >>> loads('{"a": [1, 2]}')
        {'a': [1, 2]}
    """
    return json.loads(text, parse_constant=_refuse_constant, object_pairs_hook=_unique)


def _refuse_constant(text: str) -> float:
    raise ValueError(f"{text} is not JSON")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"key '{twice}' appears twice")
    return value
