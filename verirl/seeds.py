"""Random draws, each seeded by a hash, so that seeds, splits and domains never share items by arithmetic."""

from __future__ import annotations

import hashlib
import random


def derive(*parts: str | int) -> int:
    """Return a 63-bit seed, a hash of `parts` that depends on each part and on the borders between them."""
    text = "\x1f".join(f"{type(part).__name__}:{part}" for part in parts)
    return int.from_bytes(hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()[:8], "big") >> 1


def rng(*parts: str | int) -> random.Random:
    """Return a generator for the draw named by `parts`, by convention (domain, split, seed, index)."""
    return random.Random(derive(*parts))
