"""Mark checkpoints as complete, and find the newest complete one."""

from __future__ import annotations

import json
from pathlib import Path

SIZES_FILE = "verirl_complete.json"
"""Sizes of all files of a checkpoint, written last. A checkpoint that was cut off, or whose files were
truncated later, does not match it and is never resumed from."""


def latest_checkpoint(folder: Path) -> Path | None:
    """Return the newest complete checkpoint of a stage.

    Args:
        folder: The folder of the stage, which holds `checkpoint-STEP` folders.

    Returns:
        The complete checkpoint with the highest step, or None if there is none.
    """
    complete = [path for path in folder.glob("checkpoint-*") if _is_complete(path)]
    return max(complete, key=lambda path: int(path.name.rpartition("-")[2]), default=None)


def seal(checkpoint: Path) -> None:
    """Mark a checkpoint as complete. Call this after all of its files are written."""
    (checkpoint / SIZES_FILE).write_text(json.dumps(_sizes(checkpoint)), encoding="utf-8")


def _is_complete(checkpoint: Path) -> bool:
    try:
        return bool(json.loads((checkpoint / SIZES_FILE).read_text(encoding="utf-8")) == _sizes(checkpoint))
    except (OSError, ValueError):
        return False


def _sizes(folder: Path) -> dict[str, int]:
    files = (path for path in folder.rglob("*") if path.is_file() and path.name != SIZES_FILE)
    return {str(path.relative_to(folder)): path.stat().st_size for path in files}
