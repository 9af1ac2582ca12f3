"""Which task comes when."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from verirl.training import schedule


@given(st.integers(1, 30), st.integers(0, 100), st.integers(0, 2**32))
def test_every_epoch_visits_every_item_once(size, count, seed):
    order = schedule.order(size, count, seed, "x")
    assert len(order) == count
    for start in range(0, count - size + 1, size):
        assert sorted(order[start : start + size]) == list(range(size))


@given(st.integers(1, 30), st.integers(0, 60), st.integers(0, 60))
def test_more_steps_only_append(size, few, more):
    assert schedule.order(size, few + more, 1, "x")[:few] == schedule.order(size, few, 1, "x")


@given(
    st.lists(st.tuples(st.integers(1, 9), st.floats(0.05, 5)), min_size=1, max_size=4),
    st.integers(1, 120),
    st.integers(0, 99),
)
def test_a_mixture_keeps_to_its_weights_at_every_prefix(parts, count, seed):
    sizes, weights = zip(*parts, strict=True)
    draws = schedule.mixture(sizes, weights, count, seed)
    taken = Counter()
    for position, (which, index) in enumerate(draws, start=1):
        assert 0 <= index < sizes[which]
        taken[which] += 1
        for place, weight in enumerate(weights):
            assert abs(taken[place] - position * weight / sum(weights)) < len(weights)


@given(st.integers(2, 20), st.integers(0, 2**32), st.integers(0, 2**32))
def test_epochs_and_names_differ(size, seed, other):
    order = schedule.order(50 + size, 2 * (50 + size), seed, "a")
    assert order[: 50 + size] != order[50 + size :]
    assert order != schedule.order(50 + size, 2 * (50 + size), seed, "b")
    if seed != other:
        assert order != schedule.order(50 + size, 2 * (50 + size), other, "a")
