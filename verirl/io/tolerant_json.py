"""Reading what a killed run may have left torn: what cannot be read is passed over, never guessed."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

Record = TypeVar("Record", bound=BaseModel)


def number(value: object) -> float | None:
    """`value` where it is a finite number."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return float(value) if math.isfinite(value) else None
    except OverflowError:
        return None


def whole(value: object) -> int | None:
    """`value` where it is a whole number."""
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def lines(path: Path) -> Iterator[dict[str, Any]]:
    """The JSON objects of a JSONL file; a line that is none, and a file that is not there, give nothing."""
    if not path.is_file():
        return
    with path.open(encoding="utf-8", errors="replace") as stream:
        for text in stream:
            try:
                value = json.loads(text)
                if "\\ud" in text.lower():
                    # Half a surrogate pair is valid JSON and not valid text.
                    value = json.loads(json.dumps(value, ensure_ascii=False).encode("utf-8", "replace"))
            except (ValueError, RecursionError):
                continue
            if isinstance(value, dict):
                yield value


def record(kind: type[Record], value: object) -> Record | None:
    """`value` as a `kind`, where it is one."""
    try:
        return kind.model_validate(value)
    except ValidationError:
        return None
