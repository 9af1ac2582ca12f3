"""Messages between the pool and its workers: JSON behind a length, bounded and checked, never pickled.

What comes from a worker is untrusted: the text that it judged may have taken it over. So the pool reads
at most `REPLY_LIMIT` bytes a message, believes only the ticket that it gave out for the job in hand, and
builds every value anew.
"""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Iterator, Mapping
from typing import Any

from verirl.outcomes import StageOutcome
from verirl.types import DETAIL_LIMIT, StageResult, Status

REPLY_LIMIT = 256 * 1024
REQUEST_LIMIT = 256 * 1024 * 1024
FEEDBACK_LIMIT = 4000
METRIC_LIMIT = 64
EXIT_MEMORY, EXIT_RECURSION = 77, 78
"""Exit codes of a judge that ran out of memory, or of stack."""

_HEAD = struct.Struct(">I")


class ProtocolError(ValueError):
    """The other side sent something that no honest one would."""


def pack(message: Mapping[str, Any]) -> bytes:
    """One message as bytes. Lone surrogates travel as escapes."""
    body = json.dumps(message, separators=(",", ":")).encode("ascii")
    return _HEAD.pack(len(body)) + body


class Unpacker:
    """Bytes in, messages out; refuses a message longer than `limit` before it has arrived."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[dict[str, Any]]:
        """The messages that `data` completes; ProtocolError where it is none."""
        self._buffer += data
        while len(self._buffer) >= _HEAD.size:
            (size,) = _HEAD.unpack_from(self._buffer)
            if size > self._limit:
                raise ProtocolError(f"a message of {size} bytes")
            end = _HEAD.size + size
            if len(self._buffer) < end:
                return
            body = bytes(self._buffer[_HEAD.size : end])
            del self._buffer[:end]
            yield _object(body)


def _object(body: bytes) -> dict[str, Any]:
    try:
        value = json.loads(body)
    except (ValueError, RecursionError) as problem:
        raise ProtocolError("a message that is not JSON") from problem
    if not isinstance(value, dict):
        raise ProtocolError("a message that is no object")
    return value


def finding_to_wire(finding: StageOutcome) -> dict[str, Any]:
    """A finding as plain JSON, cut to its bounds."""
    stage = finding.stage
    return {
        "name": stage.name,
        "status": stage.status.value,
        "score": stage.score,
        "seconds": stage.seconds,
        "detail": stage.detail[:DETAIL_LIMIT],
        "metrics": _metrics(finding.metrics),
        "feedback": finding.feedback[:FEEDBACK_LIMIT],
    }


def finding_from_wire(value: Any) -> StageOutcome:
    """The finding in a worker's message; ProtocolError where it is not one."""
    if not isinstance(value, dict):
        raise ProtocolError("a finding that is no object")
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
            raise ProtocolError("metrics that are no object")
        return StageOutcome(stage, _metrics(metrics), _text(value["feedback"], FEEDBACK_LIMIT))
    except (KeyError, TypeError, ValueError) as problem:
        raise ProtocolError(f"a finding that is malformed ({type(problem).__name__})") from problem


def _text(value: Any, limit: int) -> str:
    if not isinstance(value, str):
        raise ProtocolError("a text that is none")
    return value[:limit].encode("utf-8", "replace").decode("utf-8")


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ProtocolError("a number that is none")
    return float(value)


def _metrics(metrics: Mapping[str, Any]) -> dict[str, float]:
    """The finite figures among `metrics`, at most METRIC_LIMIT."""
    kept: dict[str, float] = {}
    for name, value in metrics.items():
        if len(kept) == METRIC_LIMIT:
            break
        if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
            kept[_text(str(name), 100)] = float(value)
    return kept
