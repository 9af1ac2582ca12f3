"""`verirl rtl`: the domain's own commands, found through its entry point."""

from __future__ import annotations

from typing import Any

from verirl import domains

_domain: Any = domains.load("rtl")
command = _domain.command
