"""The order of the tests."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from verirl_code.grading.grade_functions import order_of_tests
from verirl_code.spec import Case


@given(st.lists(st.integers(0, 3), min_size=2, max_size=8), st.text(max_size=20))
def test_the_order_is_never_the_published_one(values: list[int], code: str) -> None:
    cases = [Case(["l", number], value) for number, value in enumerate(values)]
    order = order_of_tests(cases, "task", code)
    assert sorted(order) == list(range(len(cases)))
    assert order == order_of_tests(cases, "task", code)
    if len(set(values)) == len(values):
        assert [cases[number].expected for number in order] != values


def test_the_order_depends_on_every_character_of_the_answer() -> None:
    cases = [Case(["l", number], number) for number in range(8)]
    orders = {tuple(order_of_tests(cases, "task", f"def f(x): return x  # {n}")) for n in range(50)}
    assert len(orders) == 50
