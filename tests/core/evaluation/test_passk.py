"""pass@k and its intervals, against brute force and figures worked by hand."""

from __future__ import annotations

import itertools
import math
import random
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from verirl.evaluation.passk import (
    difference_interval,
    mean,
    mean_interval,
    pass_at_k,
    sign_test,
    wilson,
)


@given(st.integers(1, 9), st.data())
def test_pass_at_k_is_the_share_of_draws_with_a_pass(n, data):
    c = data.draw(st.integers(0, n))
    k = data.draw(st.integers(1, n))
    draws = list(itertools.combinations([True] * c + [False] * (n - c), k))
    assert pass_at_k(n, c, k) == Fraction(sum(map(any, draws)), len(draws))


@pytest.mark.parametrize(
    ("n", "c", "k", "expected"),
    [
        (4, 2, 1, Fraction(1, 2)),
        (4, 2, 2, Fraction(5, 6)),
        (10, 3, 5, 1 - Fraction(21, 252)),
        (200, 1, 100, Fraction(1, 2)),
        (1, 1, 1, 1),
        (1, 0, 1, 0),
        (5, 0, 5, 0),
        (5, 1, 5, 1),
        (3, 3, 4, None),
        (0, 0, 1, None),
    ],
)
def test_pass_at_k_by_hand(n, c, k, expected):
    assert pass_at_k(n, c, k) == expected


@given(st.integers(1, 300), st.data())
def test_pass_at_k_agrees_with_the_product_form(n, data):
    c, k = data.draw(st.integers(0, n)), data.draw(st.integers(1, n))
    product = 1.0 if n - c < k else 1 - math.prod(1 - k / i for i in range(n - c + 1, n + 1))
    assert float(pass_at_k(n, c, k)) == pytest.approx(1.0 if n - c < k else product, abs=1e-12)


@given(st.integers(1, 30), st.data())
def test_pass_at_k_never_falls_with_k_or_c(n, data):
    c, k = data.draw(st.integers(0, n - 1)), data.draw(st.integers(1, n - 1 or 1))
    assert pass_at_k(n, c, k) <= pass_at_k(n, c + 1, k)
    if k < n:
        assert pass_at_k(n, c, k) <= pass_at_k(n, c, k + 1)


@pytest.mark.parametrize(("n", "c", "k"), [(3, 4, 1), (3, -1, 1), (3, 1, 0)])
def test_pass_at_k_refuses_nonsense(n, c, k):
    with pytest.raises(ValueError, match="no meaning"):
        pass_at_k(n, c, k)


def test_mean_is_exact():
    assert mean([Fraction(1, 3)] * 3 + [Fraction(1, 7)]) == Fraction(2, 7)
    assert mean([]) is None


def test_wilson_by_hand():
    # Ten of ten: the lower end is 1 / (1 + z²/10), with z² = 3.8415.
    assert wilson(1, 10) == pytest.approx((1 / 1.38415, 1), abs=1e-5)
    assert wilson(0, 10) == pytest.approx((0, 0.38415 / 1.38415), abs=1e-5)
    # The textbook's 0.5 of 100.
    assert wilson(0.5, 100) == pytest.approx((0.4038, 0.5962), abs=1e-4)


def test_all_passed_is_not_certainty():
    for count in (1, 5, 100):
        low, high = mean_interval([Fraction(1)] * count)
        assert high == 1
        assert low == pytest.approx(count / (count + 3.8415), abs=1e-4)
        assert mean_interval([Fraction(0)] * count) == pytest.approx((0, 1 - low))


def test_the_interval_of_one_task_is_wide():
    low, high = mean_interval([Fraction(1, 2)])
    assert low < 0.1
    assert high > 0.9


def test_the_bootstrap_agrees_with_the_normal_interval_where_that_holds():
    values = [Fraction(i % 2) for i in range(400)]
    low, high = mean_interval(values)
    half = 1.96 * math.sqrt(0.25 / 400)
    assert (low, high) == pytest.approx((0.5 - half, 0.5 + half), abs=0.008)


def test_the_bootstrap_covers_the_truth():
    """Nominal 95 %: at least 88 % of 200 samples of 60 tasks must hold the true mean (exactly 0.3)."""
    rng = random.Random(7)
    covered = 0
    for _ in range(200):
        values = [Fraction(rng.random() < 0.3) for _ in range(60)]
        low, high = mean_interval(values)
        covered += low <= 0.3 <= high
    assert covered >= 176


def test_intervals_are_the_same_each_time_and_depend_on_the_seed():
    values = [Fraction(i, 10) for i in range(11)]
    assert mean_interval(values, seed=1) == mean_interval(list(values), seed=1)
    assert mean_interval(values, seed=1) != mean_interval(values, seed=2)


@given(st.lists(st.fractions(0, 1, max_denominator=8), min_size=1, max_size=20))
def test_an_interval_holds_its_mean_and_stays_in_bounds(values):
    low, high = mean_interval(values)
    assert 0 <= low <= float(mean(values)) + 1e-12
    assert float(mean(values)) - 1e-12 <= high <= 1


@given(st.lists(st.fractions(-1, 1, max_denominator=4), min_size=1, max_size=20))
def test_a_difference_turned_round_has_its_interval_turned_round(values):
    low, high = difference_interval(values)
    assert -1 <= low <= float(mean(values)) + 1e-12
    assert float(mean(values)) - 1e-12 <= high <= 1
    if len(set(values)) == 1:
        turned = difference_interval([-value for value in values])
        assert turned == pytest.approx((-high, -low))


def test_no_values_no_interval():
    assert mean_interval([]) is None
    assert difference_interval([]) is None


@pytest.mark.parametrize(
    ("better", "worse", "p"),
    [(0, 0, 1), (1, 0, 1), (5, 0, 2 / 32), (0, 5, 2 / 32), (3, 3, 1), (9, 1, 22 / 1024), (6, 2, 74 / 256)],
)
def test_sign_test_by_hand(better, worse, p):
    assert sign_test(better, worse) == pytest.approx(p)
