"""Verdicts kept between runs, keyed by what was judged and by the versions that judged it."""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
import threading
import time
import warnings
from collections.abc import Mapping
from pathlib import Path

from pydantic import ValidationError

from verirl.types import Ladder, Status, Verdict, all_correct

_MAX_PENDING_VERDICTS = 512
_LOCK_TIMEOUT_S = 5.0
_FILL_AFTER_EVICTION = 0.9
_MIB = 1024 * 1024

CACHED_STATUSES = (Status.PASSED, Status.FAILED, Status.SKIPPED)
"""Only verdicts whose stages all have one of these are kept: the others may go otherwise next time."""

_SCHEMA = "CREATE TABLE IF NOT EXISTS verdicts (key TEXT PRIMARY KEY, used INTEGER, value TEXT) WITHOUT ROWID"


def default_path() -> Path:
    """Return `${XDG_CACHE_HOME:-~/.cache}/verirl/verdicts.sqlite`."""
    base = os.environ.get("XDG_CACHE_HOME") or str(Path("~/.cache").expanduser())
    return Path(base) / "verirl" / "verdicts.sqlite"


def cache_key(content_key: str, completion: str, made_by: Mapping[str, str]) -> str:
    """Return a SHA-256 over the task's content, the completion, and the versions of domain and tools."""
    digest = hashlib.sha256(content_key.encode())
    for part in (json.dumps(sorted(made_by.items())), completion):
        data = part.encode("utf-8", "surrogatepass")
        digest.update(len(data).to_bytes(8, "big") + data)
    return digest.hexdigest()


class VerdictCache:
    """A bounded SQLite file of verdicts, safe for several threads and processes at once.

    A cache never costs a verdict: if the file is damaged, locked for long, or on a full disk, there is one
    warning and from then on no cache.

    Args:
        path: The SQLite file; default: `${XDG_CACHE_HOME:-~/.cache}/verirl/verdicts.sqlite`.
        max_mb: Size in MiB beyond which the least recently used verdicts are dropped.

    Example:
        >>> with VerifierPool(cache=VerdictCache("verdicts.sqlite")) as pool:  # doctest: +SKIP
        ...     verdicts = pool.verify(requests)
    """

    def __init__(self, path: Path | str | None = None, *, max_mb: float = 512.0) -> None:
        self.path = Path(path) if path is not None else default_path()
        self._max_bytes = int(max_mb * _MIB)
        self._pending: dict[str, str | None] = {}
        self._off = False
        self._owner = 0
        self._connection: sqlite3.Connection | None = None
        self._lock = threading.RLock()

    def get(self, key: str, ladder: Ladder) -> Verdict | None:
        """Return the verdict stored under `key`; None if there is none that `ladder` could have given."""
        with self._lock:
            text = self._pending.get(key)
            if text is None:
                text = self._read(key)
        if text is None:
            return None
        try:
            verdict = Verdict.model_validate_json(text)
        except ValidationError:
            return None
        names = {stage.name for stage in ladder}
        sound = (
            all(stage.name in names and stage.status in CACHED_STATUSES for stage in verdict.stages)
            and bool(verdict.stages)
            and verdict.passed == all_correct(ladder, verdict.stages)
        )
        if not sound:
            return None
        with self._lock:
            self._pending.setdefault(key, None)
        return verdict.model_copy(update={"cached": True})

    def put(self, key: str, verdict: Verdict) -> None:
        """Store a verdict; it reaches the file at the next `flush`, or after a few hundred."""
        text = verdict.to_json()
        with self._lock:
            if not self._off:
                self._pending[key] = text
                if len(self._pending) >= _MAX_PENDING_VERDICTS:
                    self.flush()

    def flush(self) -> None:
        """Write new verdicts, and when known ones were last used."""
        with self._lock:
            self._flush()

    def _flush(self) -> None:
        pending, self._pending = self._pending, {}
        if not pending:
            return
        now = int(time.time())
        new = [(key, now, text) for key, text in pending.items() if text is not None]
        used = [(now, key) for key, text in pending.items() if text is None]
        try:
            connection = self._open()
            if connection is None:
                return
            with connection:
                connection.executemany("INSERT OR REPLACE INTO verdicts VALUES (?, ?, ?)", new)
                connection.executemany("UPDATE verdicts SET used = ? WHERE key = ?", used)
            self._evict(connection)
        except (sqlite3.Error, OSError, UnicodeError) as error:
            self._give_up(error)

    def close(self) -> None:
        """Flush and close the file."""
        with self._lock:
            self._flush()
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    def _read(self, key: str) -> str | None:
        try:
            connection = self._open()
            if connection is None:
                return None
            row = connection.execute("SELECT value FROM verdicts WHERE key = ?", (key,)).fetchone()
        except (sqlite3.Error, OSError) as error:
            self._give_up(error)
            return None
        return row[0] if row is not None and isinstance(row[0], str) else None

    def _open(self) -> sqlite3.Connection | None:
        if self._off:
            return None
        if self._connection is None or self._owner != os.getpid():
            self.path.parent.mkdir(parents=True, exist_ok=True)
            # An SQLite connection must not cross a fork, nor be closed on the other side of one.
            connection = sqlite3.connect(self.path, timeout=_LOCK_TIMEOUT_S, check_same_thread=False)
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = NORMAL")
            connection.execute(_SCHEMA)
            connection.commit()
            self._connection, self._owner = connection, os.getpid()
        return self._connection

    def _evict(self, connection: sqlite3.Connection) -> None:
        """Drop the least recently used verdicts until a tenth of the bound is free."""
        (pages,), (free,), (size,) = (
            connection.execute(f"PRAGMA {name}").fetchone()
            for name in ("page_count", "freelist_count", "page_size")
        )
        if (pages - free) * size <= self._max_bytes:
            return
        (rows,) = connection.execute("SELECT COUNT(*) FROM verdicts").fetchone()
        keep = int(rows * _FILL_AFTER_EVICTION * self._max_bytes / ((pages - free) * size))
        with connection:
            connection.execute(
                "DELETE FROM verdicts WHERE key IN (SELECT key FROM verdicts ORDER BY used LIMIT ?)",
                (rows - keep,),
            )

    def _give_up(self, error: Exception) -> None:
        self._off = True
        self._pending.clear()
        warnings.warn(f"verdict cache {self.path}: {error}; going on without it", stacklevel=2)
