"""Plain data between processes that do not trust each other: tagged JSON, bounded, never pickled.

`null`, `true`, whole numbers of up to 64 bits and text stand for themselves; everything else is a list whose
first element is its tag. Only exact built-in types are plain data (and the dictionaries of `collections`, as
dictionaries; and these types themselves, by name): what a subclass says of itself is nobody's business. This
module is also the child's, so it imports nothing but the standard library.
"""

from __future__ import annotations

import json
import os
import struct
from collections import Counter, OrderedDict, defaultdict
from collections.abc import Callable, Iterable, Iterator
from typing import Any

DEPTH_LIMIT = 60
NODE_LIMIT = 200_000
MESSAGE_LIMIT = 4 * 1024 * 1024
"""Bytes of one message from a child."""

_HEAD = struct.Struct(">I")
_text_of = json.JSONEncoder(separators=(",", ":")).encode
_WORD = 1 << 63
_BIG_BITS = 1 << 20
_TAG: dict[type, str] = {list: "l", tuple: "t", set: "s", frozenset: "z"}
_KIND_OF_TAG = {letter: kind for kind, letter in _TAG.items()}
_TYPES = (bool, int, float, complex, str, bytes, bytearray, list, tuple, set, frozenset, dict)
_TYPE_OF_NAME = {kind.__name__: kind for kind in _TYPES}
_DICTS = frozenset((dict, Counter, OrderedDict, defaultdict))


class NotPlainError(ValueError):
    """The value cannot be written as plain data; the message says why."""


Keep = Callable[[Any], int]
"""Keeps an object that is not plain data and gives the number that stands for it."""


class Encoder:
    """Writes one value as tagged JSON, counting what it has written."""

    def __init__(self, keep: Keep | None = None) -> None:
        self._keep = keep
        self._left = NODE_LIMIT

    def encode(self, value: Any, depth: int = 0) -> Any:
        """The tagged form of `value`; NotPlainError where it has none."""
        self._left -= 1
        if self._left < 0:
            raise NotPlainError(f"more than {NODE_LIMIT} values")
        if depth > DEPTH_LIMIT:
            raise NotPlainError(f"nested deeper than {DEPTH_LIMIT}")
        kind = type(value)
        if value is None or kind is bool or kind is str:
            return value
        if kind is int:
            return _whole(value)
        if kind is float:
            return ["f", float.hex(value)]
        if kind in _TAG:
            if len(value) > self._left:
                raise NotPlainError(f"more than {NODE_LIMIT} values")
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
            if kind is str or (kind is int and -_WORD <= item < _WORD):
                # Most of all data, without a call.
                self._left -= 1
                yield item
            else:
                yield self.encode(item, depth)


def _whole(value: int) -> Any:
    if -_WORD <= value < _WORD:
        return value
    if value.bit_length() > _BIG_BITS:
        raise NotPlainError("a whole number of more than a million bits")
    return ["i", hex(value)]


def encode(value: Any, keep: Keep | None = None) -> Any:
    """The tagged form of `value`; what is not plain data is kept by `keep`, or is a NotPlainError."""
    return Encoder(keep).encode(value)


def decode(node: Any, find: Callable[[int], Any] | None = None) -> Any:
    """The value of a tagged form; `find` gives what a kept object's number stands for. ValueError if none."""
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
    """One message as bytes."""
    body = _text_of(message).encode("ascii")
    return _HEAD.pack(len(body)) + body


def unpack(buffer: bytearray, limit: int = MESSAGE_LIMIT) -> dict[str, Any] | None:
    """The first whole message of `buffer`, which it is cut from; ValueError where that is none."""
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
    except RecursionError as problem:
        raise ValueError("a message that is nested too deeply") from problem
    if not isinstance(value, dict):
        raise ValueError("a message that is no object")  # noqa: TRY004 - malformed data, not a caller's type
    return value


class Line:
    """A child's end of its channel."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._buffer = bytearray()

    def hear(self) -> dict[str, Any] | None:
        """The next message; None where the other side has closed."""
        while True:
            message = unpack(self._buffer, 1 << 30)
            if message is not None:
                return message
            piece = os.read(self._fd, 1 << 13)
            if not piece:
                return None
            self._buffer += piece

    def say(self, message: dict[str, Any]) -> None:
        """Send one message, whole."""
        view = memoryview(pack(message))
        while view:
            view = view[os.write(self._fd, view) :]
