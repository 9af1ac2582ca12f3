"""Keep freed memory in the process between two operations of the tracer."""

from __future__ import annotations

import ctypes
from functools import cache

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
_LARGEST_BYTES = 32 << 20
"""Greatest threshold that glibc accepts."""

_KEPT_BYTES = 256 << 20


@cache
def keep_freed_memory() -> None:
    """Make the allocator keep up to 256 MB of freed memory; does nothing if libc has no `mallopt`.

    The tensors of a batch have some hundred kilobytes each. By default glibc maps each one anew and returns
    it, and clearing the pages takes a third of a trace. Source: mallopt(3).
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return
    mallopt(_MMAP_THRESHOLD, _LARGEST_BYTES)
    mallopt(_TRIM_THRESHOLD, _KEPT_BYTES)
