"""What the domains' generators share: difficulty, families, draws, and the choice among mutants."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from verirl.errors import InputError
from verirl.taskgen import draw as draws
from verirl.taskgen.difficulty import among, level, size
from verirl.taskgen.draw import TaskDraw, check_draw, draw_again, split_of, start_draw
from verirl.taskgen.families import Family, by_name, families_with, maker
from verirl.taskgen.mutants import spread

difficulties = st.floats(0, 1)
FAMILIES = by_name(
    [Family("sums", "numbers", lambda rng, difficulty: rng.randint(0, 9))],
    [Family("both", "numbers", lambda rng, _: rng.randint(0, 9), lambda rng, _: -rng.randint(1, 9))],
)


@given(difficulties, difficulties, st.integers(1, 50), st.integers(0, 500))
def test_level_and_size_rise_from_low_to_high(first: float, second: float, low: int, more: int) -> None:
    high = low + more
    easy, hard = sorted((first, second))
    for rises in (level, size):
        assert low == rises(0.0, low, high)
        assert high == rises(1.0, low, high)
        assert low <= rises(easy, low, high) <= rises(hard, low, high) <= high


@given(difficulties, st.integers(1, 12), st.integers())
def test_among_draws_a_kind_near_the_difficulty(difficulty: float, count: int, seed: int) -> None:
    kinds = [lambda rng, _, index=index: index for index in range(count)]
    drawn = among(Random(seed), difficulty, kinds)
    assert abs(drawn - difficulty * (count - 1)) <= max(1, (count - 1) / 3)


@given(st.lists(st.text("abc", min_size=1, max_size=3), max_size=30), st.integers(0, 12), st.integers())
def test_spread_takes_one_of_each_kind_before_a_second(texts: list[str], limit: int, seed: int) -> None:
    chosen = spread(Random(seed), texts, lambda text: text[0], limit)
    assert len(chosen) == min(limit, len(texts))
    counts = [sum(text[0] == kind for text in chosen) for kind in {text[0] for text in texts}]
    available = [sum(text[0] == kind for text in texts) for kind in {text[0] for text in texts}]
    for count, most in zip(counts, available, strict=True):
        assert count <= most
        assert count == most or count >= max(counts) - 1
    assert chosen == spread(Random(seed), texts, lambda text: text[0], limit)


@given(st.text(), st.text())
def test_a_problem_belongs_to_one_split(family: str, identity: str) -> None:
    assert split_of("math", family, identity) == split_of("math", family, identity)
    assert split_of("math", family, identity) in draws.SPLITS


def test_about_one_problem_in_four_is_for_evaluation() -> None:
    share = sum(split_of("math", "sums", str(index)) == "eval" for index in range(2000)) / 2000
    assert share == pytest.approx(1 / draws.EVAL_ONE_IN, abs=0.03)


def test_families_by_style() -> None:
    assert families_with(FAMILIES, "prose") == ("sums", "both")
    assert families_with(FAMILIES, "terse") == ("both",)
    assert maker(FAMILIES, "both", "terse")(Random(0), 0.5) < 0
    with pytest.raises(InputError, match="family 'sums' has no style 'terse'; there are: both"):
        maker(FAMILIES, "sums", "terse")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"difficulty": 1.5}, "difficulty 1.5 is not in"),
        ({"difficulty": 0.5, "split": ("dev", ("train", "eval"))}, "unknown split 'dev'; there are: train"),
    ],
)
def test_arguments_of_a_draw_are_checked(arguments, message) -> None:
    with pytest.raises(InputError, match=message):
        check_draw(**arguments)
    check_draw(0.5, split=(None, ("train",)))


def number_of(origin: TaskDraw) -> int:
    return next(origin.problems(lambda attempt: origin.rng(attempt).randint(0, 99), str))


def task_of(number: int, origin: TaskDraw):
    return origin.task(
        f"{number}?", {"answer": str(number)}, str(number), (origin.family, "numbers", "prose")
    )


@pytest.mark.parametrize("split", draws.SPLITS)
@given(seed=st.integers(0, 999), index=st.integers(0, 999))
def test_a_task_is_drawn_again_from_its_source(split: str, seed: int, index: int) -> None:
    origin = start_draw("math", list(FAMILIES), seed, index, 0.5, split=split, family=None)
    number = number_of(origin)
    task = task_of(number, origin)
    assert task.id == f"math/{origin.family}/{split}-{seed}-{index:06d}"
    assert split_of("math", origin.family, str(number)) == split
    again = {"draw": number_of, "write": task_of}
    tags = ("family", "subject", "style")
    assert draw_again(task, "math", FAMILIES, tags, **again) == number
    assert draw_again(task, "code", FAMILIES, tags, **again) is None
    other = task.model_copy(update={"spec": {"answer": "other"}})
    assert draw_again(other, "math", FAMILIES, tags, **again) is None


def test_a_family_without_problems_for_a_split_is_an_error() -> None:
    origin = start_draw("math", ["sums"], 0, 0, 0.5, split="train", family="sums")
    eval_only = next(str(i) for i in range(100) if split_of("math", "sums", str(i)) == "eval")
    with pytest.raises(InputError, match=r"has no problem for split 'train' at difficulty 0\.5"):
        next(origin.problems(lambda attempt: eval_only, str))
