"""Messages between the pool and its workers: length-prefixed JSON, bounded and checked, never pickled.

A worker's messages are untrusted, because the text that it judged may have taken it over. The pool reads at
most `MAX_REPLY_BYTES` per message, accepts only the ticket of the job in hand, and builds every value anew.
"""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Iterator, Mapping
from typing import Any

from verirl.outcomes import StageOutcome
from verirl.types import DETAIL_LIMIT, StageResult, Status

MAX_REPLY_BYTES = 256 * 1024
MAX_REQUEST_BYTES = 256 * 1024 * 1024
MAX_FEEDBACK_CHARS = 4000
MAX_METRICS = 64
EXIT_MEMORY, EXIT_RECURSION = 77, 78
"""Exit codes of a judge process that ran out of memory or of stack."""

_LENGTH = struct.Struct(">I")


class ProtocolError(ValueError):
    """The other side sent a message that breaks the protocol."""


def pack(message: Mapping[str, Any]) -> bytes:
    """Return one message as bytes. Lone surrogates are escaped."""
    body = json.dumps(message, separators=(",", ":")).encode("ascii")
    return _LENGTH.pack(len(body)) + body


class Unpacker:
    """Splits a byte stream into messages; refuses one longer than `limit` bytes before it has arrived."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[dict[str, Any]]:
        """Yield the messages that `data` completes; ProtocolError if one is malformed or too long."""
        self._buffer += data
        while len(self._buffer) >= _LENGTH.size:
            (size,) = _LENGTH.unpack_from(self._buffer)
            if size > self._limit:
                raise ProtocolError(f"a message of {size} bytes")
            end = _LENGTH.size + size
            if len(self._buffer) < end:
                return
            body = bytes(self._buffer[_LENGTH.size : end])
            del self._buffer[:end]
            yield _object(body)


def _object(body: bytes) -> dict[str, Any]:
    try:
        value = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise ProtocolError("a message that is not JSON") from error
    if not isinstance(value, dict):
        raise ProtocolError("a message that is not an object")
    return value


def outcome_to_wire(outcome: StageOutcome) -> dict[str, Any]:
    """Return an outcome as plain JSON, cut to its bounds."""
    stage = outcome.stage
    return {
        "name": stage.name,
        "status": stage.status.value,
        "score": stage.score,
        "seconds": stage.seconds,
        "detail": stage.detail[:DETAIL_LIMIT],
        "metrics": _metrics(outcome.metrics),
        "feedback": outcome.feedback[:MAX_FEEDBACK_CHARS],
    }


def outcome_from_wire(value: Any) -> StageOutcome:
    """Return the outcome in a worker's message; ProtocolError if it is malformed."""
    if not isinstance(value, dict):
        raise ProtocolError("an outcome that is not an object")
    try:
        stage = StageResult(
            name=_text(value["name"], 200),
            status=Status(value["status"]),
            score=_number(value["score"]),
            seconds=_number(value["seconds"]),
            detail=_text(value["detail"], DETAIL_LIMIT),
        )
        metrics = value["metrics"]
        if not isinstance(metrics, dict):
            raise ProtocolError("metrics that are not an object")
        return StageOutcome(stage, _metrics(metrics), _text(value["feedback"], MAX_FEEDBACK_CHARS))
    except (KeyError, TypeError, ValueError) as error:
        raise ProtocolError(f"a malformed outcome ({type(error).__name__})") from error


def _text(value: Any, limit: int) -> str:
    if not isinstance(value, str):
        raise ProtocolError("a value that is not a text")
    return value[:limit].encode("utf-8", "replace").decode("utf-8")


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ProtocolError("a value that is not a finite number")
    return float(value)


def _metrics(metrics: Mapping[str, Any]) -> dict[str, float]:
    """Return the finite numbers among `metrics`, at most MAX_METRICS."""
    kept: dict[str, float] = {}
    for name, value in metrics.items():
        if len(kept) == MAX_METRICS:
            break
        if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
            kept[_text(str(name), 100)] = float(value)
    return kept
