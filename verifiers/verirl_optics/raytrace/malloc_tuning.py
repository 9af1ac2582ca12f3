"""The tracer's memory stays with the process between two operations."""

from __future__ import annotations

import ctypes
from functools import cache

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
_LARGEST_BYTES = 32 << 20
"""More than that glibc does not take for its threshold."""

_KEPT_BYTES = 256 << 20


@cache
def keep_freed_memory() -> None:
    """Have the allocator keep up to 256 MB that was freed; once a process, and nothing where libc cannot.

    A batch's tensors are some hundred kilobytes each. By default glibc maps each one anew and gives it back,
    and clearing the pages takes a third of a trace. Source: mallopt(3).
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return
    mallopt(_MMAP_THRESHOLD, _LARGEST_BYTES)
    mallopt(_TRIM_THRESHOLD, _KEPT_BYTES)
