"""Make a completion task of a lens: its surfaces, with some values masked."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

from verirl_optics.answer import Row
from verirl_optics.spec import MASK


def with_masked(rows: Sequence[Row], places: Iterable[tuple[int, str]]) -> dict[str, Any]:
    """Return the keys that turn the spec of a lens into that of its completion task.

    Args:
        rows: The surfaces of the lens.
        places: The values to mask, as (surface, key), such as `(0, "radius")`.
    """
    surfaces: list[dict[str, Any]] = [
        {
            "radius": None if math.isinf(row.radius) else row.radius,
            "thickness": row.thickness,
            "glass": row.glass,
            "stop": row.stop,
            **({"conic": row.conic} if row.conic else {}),
            **({"asphere": list(row.asphere)} if row.asphere else {}),
        }
        for row in rows
    ]
    for surface, key in places:
        surfaces[surface][key] = MASK
    return {"task": "completion", "given": {"surfaces": surfaces}}
