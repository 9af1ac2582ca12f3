"""Plain data between processes that do not trust each other: tagged JSON, bounded, never pickled.

`null`, `true`, whole numbers of up to 64 bits and text stand for themselves. Everything else is a list
whose first element is its tag. Only exact built-in types are plain data (and the dictionaries of
`collections`, as dictionaries; and these types themselves, by name): a subclass could lie about itself. The
source of this module is also sent to the fork server, so it imports nothing but the standard library.
"""

from __future__ import annotations

import json
import os
import struct
from collections import Counter, OrderedDict, defaultdict
from collections.abc import Callable, Iterable, Iterator
from typing import Any

MAX_DEPTH = 60
MAX_NODES = 200_000
MAX_MESSAGE_BYTES = 4 * 1024 * 1024
"""Largest message from a child."""

_HEAD = struct.Struct(">I")
_text_of = json.JSONEncoder(separators=(",", ":")).encode
_INT64_BOUND = 1 << 63
_MAX_INT_BITS = 1 << 20
_TAG: dict[type, str] = {list: "l", tuple: "t", set: "s", frozenset: "z"}
_KIND_OF_TAG = {letter: kind for kind, letter in _TAG.items()}
_TYPES = (bool, int, float, complex, str, bytes, bytearray, list, tuple, set, frozenset, dict)
_TYPE_OF_NAME = {kind.__name__: kind for kind in _TYPES}
_DICTS = frozenset((dict, Counter, OrderedDict, defaultdict))


class NotPlainError(ValueError):
    """The value cannot be written as plain data; the message says why."""


Keep = Callable[[Any], int]
"""Keeps an object that is not plain data and returns the number that stands for it."""


class Encoder:
    """Encodes one value as tagged JSON and counts its nodes."""

    def __init__(self, keep: Keep | None = None) -> None:
        self._keep = keep
        self._left = MAX_NODES

    def encode(self, value: Any, depth: int = 0) -> Any:
        """Return the tagged form of `value`; NotPlainError if it has none."""
        self._left -= 1
        if self._left < 0:
            raise NotPlainError(f"more than {MAX_NODES} values")
        if depth > MAX_DEPTH:
            raise NotPlainError(f"nested deeper than {MAX_DEPTH}")
        kind = type(value)
        if value is None or kind is bool or kind is str:
            return value
        if kind is int:
            return _whole(value)
        if kind is float:
            return ["f", float.hex(value)]
        if kind in _TAG:
            if len(value) > self._left:
                raise NotPlainError(f"more than {MAX_NODES} values")
            return [_TAG[kind], *self._items(value, depth + 1)]
        if kind in _DICTS:
            pairs = dict.items(value)
            return ["d", *(self.encode(part, depth + 1) for pair in pairs for part in pair)]
        if kind is complex:
            return ["c", float.hex(value.real), float.hex(value.imag)]
        if kind is bytes or kind is bytearray:
            return ["b", value.hex()]
        if kind is type and value in _TYPES:
            return ["y", value.__name__]
        if self._keep is not None:
            return ["r", self._keep(value)]
        raise NotPlainError(f"a value of type {type.__dict__['__name__'].__get__(kind)}")

    def _items(self, values: Iterable[Any], depth: int) -> Iterator[Any]:
        for item in values:
            kind = type(item)
            if kind is str or (kind is int and -_INT64_BOUND <= item < _INT64_BOUND):
                # The most frequent case, without a call.
                self._left -= 1
                yield item
            else:
                yield self.encode(item, depth)


def _whole(value: int) -> Any:
    if -_INT64_BOUND <= value < _INT64_BOUND:
        return value
    if value.bit_length() > _MAX_INT_BITS:
        raise NotPlainError("a whole number of more than a million bits")
    return ["i", hex(value)]


def encode(value: Any, keep: Keep | None = None) -> Any:
    """Return the tagged form of a value.

    Args:
        value: The value.
        keep: Called with each object that is not plain data; without it, such an object is an error.

    Raises:
        NotPlainError: If the value is not plain data, or is too large or too deep.

    Example:
        >>> encode((1, 2.5, {"a": None}))
        ['t', 1, ['f', '0x1.4000000000000p+1'], ['d', 'a', None]]
    """
    return Encoder(keep).encode(value)


def decode(node: Any, find: Callable[[int], Any] | None = None) -> Any:
    """Return the value of a tagged form.

    Args:
        node: The tagged form. Untrusted.
        find: Returns the object that a number stands for.

    Raises:
        ValueError: If this is no tagged form.

    Example:
        >>> decode(["t", 1, ["f", "0x1.4p+1"]])
        (1, 2.5)
    """
    if node is None or isinstance(node, (bool, int, str)):
        return node
    if not isinstance(node, list) or not node:
        raise ValueError("not a tagged value")
    tag, *items = node
    if tag == "f":
        return float.fromhex(items[0])
    if tag == "i":
        return int(items[0], 16)
    if tag == "c":
        return complex(float.fromhex(items[0]), float.fromhex(items[1]))
    if tag == "b":
        return bytes.fromhex(items[0])
    if tag == "y" and items[0] in _TYPE_OF_NAME:
        return _TYPE_OF_NAME[items[0]]
    if tag == "r" and find is not None:
        return find(items[0])
    values = [decode(item, find) if isinstance(item, list) else item for item in items]
    if tag == "l":
        return values
    if tag == "d":
        return dict(zip(values[::2], values[1::2], strict=True))
    if tag in _KIND_OF_TAG:
        return _KIND_OF_TAG[tag](values)
    raise ValueError("an unknown tag")


def pack(message: dict[str, Any]) -> bytes:
    """Return a message as bytes, with its length in front."""
    body = _text_of(message).encode("ascii")
    return _HEAD.pack(len(body)) + body


def unpack(buffer: bytearray, limit: int = MAX_MESSAGE_BYTES) -> dict[str, Any] | None:
    """Cut the first message from a buffer.

    Args:
        buffer: What was received; the message is removed from it.
        limit: The most bytes that a message may have.

    Returns:
        The message, or None if it is not complete yet.

    Raises:
        ValueError: If the bytes are no message.
    """
    if len(buffer) < _HEAD.size:
        return None
    (size,) = _HEAD.unpack_from(buffer)
    if size > limit:
        raise ValueError(f"a message of {size} bytes")
    end = _HEAD.size + size
    if len(buffer) < end:
        return None
    body = buffer[_HEAD.size : end]
    del buffer[:end]
    try:
        value = json.loads(body.decode())
    except RecursionError as error:
        raise ValueError("a message that is nested too deeply") from error
    if not isinstance(value, dict):
        raise ValueError("a message that is no object")  # noqa: TRY004 - malformed data, not a caller's type
    return value


class Line:
    """A child's end of its channel."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._buffer = bytearray()

    def hear(self) -> dict[str, Any] | None:
        """Return the next message; None if the other side has closed."""
        while True:
            message = unpack(self._buffer, 1 << 30)
            if message is not None:
                return message
            piece = os.read(self._fd, 1 << 13)
            if not piece:
                return None
            self._buffer += piece

    def say(self, message: dict[str, Any]) -> None:
        """Send one message."""
        view = memoryview(pack(message))
        while view:
            view = view[os.write(self._fd, view) :]
