"""Values as tagged JSON, and when two of them are equal."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from verirl_code.execution.tagged_json import MAX_NODES, NotPlainError, decode, encode, pack, unpack
from verirl_code.grading.value_equality import difference, difference_of_text, shown

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=4),
    max_leaves=12,
)
NAN, INF = float("nan"), float("inf")


@given(JSON)
def test_a_value_is_itself_and_survives_the_wire(value: Any) -> None:
    wire = unpack(bytearray(pack({"value": encode(value)})))
    assert wire is not None
    assert difference(encode(value), wire["value"]) is None
    assert difference(encode(value), encode(decode(wire["value"]))) is None
    assert shown(wire["value"])


@pytest.mark.parametrize(
    ("expected", "got"),
    [
        (3, 3.0),
        (3.0, 3),
        (0.3, 0.1 + 0.2),
        (1e6, 1e6 + 0.5),
        (0.0, -0.0),
        (NAN, NAN),
        (INF, INF),
        (10**40, 10**40),
        ([1, 2], (1, 2)),
        ([[1, 2], [3]], [(1, 2), (3,)]),
        ([], ()),
        ({"a": [1.0]}, {"a": (1.0000000001,)}),
        ({"1": 2, "2": 3}, {2: 3, 1: 2}),
        ({"true": 1}, {True: 1}),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}),
        ({1, 2, (3, 4)}, {(3, 4), 2, 1}),
        (frozenset({1}), frozenset({1})),
        (b"a", b"a"),
        (1 + 2j, 1 + 2j),
    ],
)
def test_equal(expected: Any, got: Any) -> None:
    assert difference(encode(expected), encode(got)) is None


@pytest.mark.parametrize(
    ("expected", "got"),
    [
        (1, True),
        (True, 1),
        (0, False),
        (False, 0.0),
        (0, None),
        (3, 3.0000000001),
        (10**17, float(10**17 + 16)),
        (1e-8, 0.0),
        (1.0, 1.00001),
        (1.0, NAN),
        (NAN, 1.0),
        (NAN, None),
        (INF, -INF),
        (INF, 1e308),
        (1, "1"),
        ("1", 1),
        ("a", "a "),
        ("", []),
        ("ab", ["a", "b"]),
        ([], {}),
        ([], None),
        ([1, 2], [2, 1]),
        ([1, 2], [1, 2, 3]),
        ([1, 2], {1, 2}),
        ([1], [True]),
        ({"a": 1}, {"a": True}),
        ({"a": 1}, {"a": 1, "b": 2}),
        ({"a": None}, {}),
        ({"1": 2}, {1: 2, "1": 2}),
        ({1, 2}, {1, 3}),
        ({1}, frozenset({1})),
        ({1}, {True}),
        (b"a", "a"),
    ],
)
def test_different(expected: Any, got: Any) -> None:
    assert difference(encode(expected), encode(got))


@pytest.mark.parametrize(
    "got",
    [[], ["?", 1], ["f"], ["f", 1], ["f", "x"], ["i", "zz"], ["d", 1], ["r", 0], ["c", "1"], {"a": 1}, 0.5],
)
def test_what_no_encoder_writes_is_no_value(got: Any) -> None:
    for expected in (1, 1.0, [1], {"a": 1}, "a"):
        assert difference(encode(expected), got)


def test_what_is_no_plain_data_is_refused() -> None:
    class Whole(int):
        pass

    for value in (
        Whole(1),
        object(),
        len,
        range(3),
        [Whole(1)],
        {"a": {1}.__iter__()},
        [0] * (MAX_NODES + 1),
    ):
        with pytest.raises(NotPlainError):
            encode(value)


@pytest.mark.parametrize(
    ("expected", "got", "same"),
    [
        ("1\n2\n", "1\n2", True),
        ("1 \n2", "1\n2   \n\n", True),
        ("a b", "a  b", False),
        ("  *", "*", False),
        ("0.5", "0.50000001", True),
        ("x 0.5 y", "x 0.5000000001 y", True),
        ("1", "1.0", False),
        ("1", "2", False),
        ("1.0", "nan", False),
        ("1\n2", "1", False),
        ("", "", True),
        ("", "x", False),
        ("1.5", "1" * 5000, False),
    ],
)
def test_output_is_compared_line_by_line(expected: str, got: str, same: bool) -> None:
    assert (difference_of_text(expected, got) is None) is same
