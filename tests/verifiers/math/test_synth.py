"""The math families: deterministic, well formed, disjoint between splits, graded by difficulty, checkable."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from verirl import registry
from verirl.domain import StageContext
from verirl.errors import InputError
from verirl.io.sources import read_tasks
from verirl.pool import Request, VerifierPool
from verirl.types import Task, all_correct
from verirl_math.tasks.families.exact_answers import (
    LinearCombination,
    Numeral,
    answer_type,
    latex,
    linear_combination,
    poly,
    same_answer,
    surd,
    terse_text,
)
from verirl_math.tasks.generate import FAMILIES, STYLES, draw_problem, generate_task, problem_of, split_of
from verirl_math.tasks.mutants import EVASION_COUNT, MAX_WRONG_ANSWERS, mutants, read_number, rebox

coordinates = {
    "seed": st.integers(0, 2**40),
    "index": st.integers(0, 10**6),
    "difficulty": st.floats(0, 1),
    "family": st.sampled_from(FAMILIES),
    "style": st.sampled_from(STYLES),
    "split": st.sampled_from(["train", "eval"]),
}


def passes(task: Task, completion: str, folder: Path) -> bool:
    domain = registry.load("math")
    found = tuple(finding.stage for finding in domain.stages(task, completion, StageContext(folder, 10.0)))
    return all_correct(domain.ladder, found)


def some(family: str, count: int, seed: int = 5) -> Iterator[Task]:
    for index in range(count):
        for style in STYLES:
            yield generate_task(seed, index, index / max(1, count - 1), family=family, style=style)


@settings(max_examples=150, deadline=None)
@given(**coordinates)
def test_a_task_is_determined_by_its_coordinates(
    seed: int, index: int, difficulty: float, family: str, style: str, split: str
) -> None:
    task = generate_task(seed, index, difficulty, split=split, family=family, style=style)
    again = generate_task(seed, index, difficulty, split=split, family=family, style=style)
    assert task.to_json() == again.to_json()
    assert task.split == split
    assert task.tags[0] == family
    assert task.id == f"math/{family}/{split}-{seed}-{index:06d}"
    assert Task.model_validate_json(task.to_json()) == task
    assert task.reference is not None
    assert task.reference.count("\\boxed{") == 1
    registry.load("math").check_spec(task.spec)
    assert problem_of(task) is not None


@settings(max_examples=60, deadline=None)
@given(**coordinates)
def test_reference_passes_and_mutants_fail(
    seed: int, index: int, difficulty: float, family: str, style: str, split: str
) -> None:
    task = generate_task(seed, index, difficulty, split=split, family=family, style=style)
    assert passes(task, task.reference or "", Path())
    for mutant in mutants(task):
        assert not passes(task, mutant.completion, Path()), mutant


@pytest.mark.parametrize("family", FAMILIES)
def test_admission_at_every_difficulty(family: str, tmp_path: Path) -> None:
    for task in some(family, 12):
        assert passes(task, task.reference or "", tmp_path), task
        found = mutants(task)
        assert 4 <= len(found) <= MAX_WRONG_ANSWERS + EVASION_COUNT
        assert len({mutant.completion for mutant in found}) == len(found)
        assert found == mutants(Task.model_validate_json(task.to_json()))
        for mutant in found:
            assert not passes(task, mutant.completion, tmp_path), (task.spec, mutant)


@pytest.mark.slow
@pytest.mark.parametrize("family", FAMILIES)
def test_a_thousand_of_a_family_through_the_pool(family: str) -> None:
    tasks = [
        generate_task(21, index, index / 999, family=family, style=STYLES[index % 2]) for index in range(1000)
    ]
    jobs = [Request(task, task.reference or "") for task in tasks]
    wrong = [Request(task, mutant.completion, 1) for task in tasks for mutant in mutants(task)]
    with VerifierPool(workers=2) as pool:
        assert [v.task_id for v in pool.verify(jobs) if not v.passed] == []
        assert [v.task_id for v in pool.verify(wrong) if v.passed or v.is_error] == []


@pytest.mark.parametrize("family", FAMILIES)
def test_splits_share_no_problem(family: str) -> None:
    shorthand = {
        split: {
            draw_problem(seed, index, difficulty, split=split, family=family).terse
            for seed in (1, 2)
            for index in range(30)
            for difficulty in (0.0, 0.5)
        }
        for split in ("train", "eval")
    }
    assert not shorthand["train"] & shorthand["eval"]
    for split in shorthand:
        problem = draw_problem(9, 4, 1.0, split=split, family=family)
        assert split_of(family, problem) == split


@pytest.mark.parametrize("family", FAMILIES)
def test_problems_vary(family: str) -> None:
    drawn = [draw_problem(3, index, 0.5, split="train", family=family).terse for index in range(300)]
    assert len(set(drawn)) > 200
    other = {draw_problem(4, index, 0.5, split="train", family=family).terse for index in range(300)}
    assert len(other & set(drawn)) < 150


@pytest.mark.parametrize("family", FAMILIES)
def test_difficulty_makes_problems_longer(family: str) -> None:
    def length(difficulty: float) -> float:
        tasks = [generate_task(6, index, difficulty, family=family, style="terse") for index in range(80)]
        return sum(len(task.prompt[0].content) + len(task.reference or "") for task in tasks) / len(tasks)

    assert length(0.0) < length(1.0)
    assert length(0.0) < 1.1 * length(0.5) < 1.2 * length(1.0)


@pytest.mark.parametrize("family", ["arithmetic", "fractions", "modular", "gcd_lcm", "linear_equation"])
def test_easy_shorthand_is_short(family: str) -> None:
    tasks = [generate_task(7, index, 0.1, family=family, style="terse") for index in range(200)]
    assert max(len(task.prompt[0].content) for task in tasks) <= 30
    lengths = sorted(len(task.reference or "") for task in tasks)
    assert lengths[len(lengths) // 2] <= 40
    assert all((task.prompt[0].content + (task.reference or "")).isascii() for task in tasks)


def test_shorthand_of_a_sum() -> None:
    task = next(
        task
        for index in range(500)
        if (task := generate_task(1, index, 0.2, family="arithmetic", style="terse")).reference.count("=")
        == 2
        and "*" not in task.prompt[0].content
    )
    first, second, box = (task.reference or "").split("\n")
    assert task.prompt[0].content.startswith(first.split("=")[0])
    assert second.startswith(first.split("=")[1])
    assert box == f"\\boxed{{{second.split('=')[1]}}}"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"difficulty": 1.5}, "difficulty 1.5"),
        ({"difficulty": float("nan")}, "difficulty nan"),
        ({"split": "test"}, "unknown split 'test'"),
        ({"family": "algebra"}, "unknown family 'algebra'"),
        ({"style": "rhyme"}, "unknown style 'rhyme'"),
    ],
)
def test_wrong_arguments_are_named(change: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        generate_task(**{"seed": 0, "index": 0, "difficulty": 0.5, **change})


def test_a_foreign_task_has_mutants_of_its_gold(tmp_path: Path) -> None:
    task = Task(
        id="gsm8k/1",
        domain="math",
        prompt=({"role": "user", "content": "How many?"},),
        spec={"answer": "1,234"},
        reference="Count them.\n\\boxed{1234}",
    )
    assert problem_of(task) is None
    for gold in ("42", "-3.5", "\\frac{3}{4}", "x^2 + 1"):
        foreign = task.model_copy(update={"spec": {"answer": gold}, "reference": f"So \\boxed{{{gold}}}."})
        found = mutants(foreign)
        assert len(found) >= EVASION_COUNT
        assert passes(foreign, foreign.reference or "", tmp_path)
        assert not any(passes(foreign, mutant.completion, tmp_path) for mutant in found), found
    assert mutants(task.model_copy(update={"reference": None})) == ()


def test_a_task_that_was_edited_is_not_ours() -> None:
    task = generate_task(1, 2, 0.5, family="arithmetic")
    assert problem_of(task) is not None
    assert problem_of(task.model_copy(update={"spec": {"answer": "0"}})) is None
    assert problem_of(task.model_copy(update={"tags": ("arithmetic",)})) is None


@settings(max_examples=200)
@given(st.integers(-999, 999), st.integers(1, 99))
def test_numbers_are_read_as_they_are_written(top: int, bottom: int) -> None:
    value = Fraction(top, bottom)
    assert read_number(latex(value)) == value == read_number(terse_text(value))


@pytest.mark.parametrize(
    ("text", "value"),
    [("12", 12), ("$-0.5$", -0.5), ("\\dfrac{1}{4}", 0.25), ("3/0", None), ("9" * 9999, None), ("x", None)],
)
def test_read_number(text: str, value: float | None) -> None:
    assert read_number(text) == value


def test_rebox() -> None:
    assert rebox("so \\boxed{\\frac{1}{2}}.", "3") == "so \\boxed{3}."
    assert "boxed" not in rebox("so \\boxed{1}", None)
    assert rebox("no box", "3") == "\\boxed{3}"
    assert rebox("\\boxed{1} then \\boxed{2}", "3") == "\\boxed{1} then \\boxed{3}"
    assert rebox("cut \\boxed{\\frac{1", "3") == "cut \\boxed{3}"


def test_exact_values() -> None:
    assert same_answer(surd(1, 1, 8), surd(1, 2, 2))
    assert same_answer(surd(1, 2, 9), 7)
    assert not same_answer(surd(0, 1, 2), surd(0, 1, 3))
    assert latex(surd(1, 1, 5).scaled(1)) == "1 + \\sqrt{5}"
    assert latex(linear_combination({})) == "0"
    assert latex(poly(1, -1, 3)) == "3x^2 - x + 1"
    assert isinstance(poly(1) + poly(2), LinearCombination)
    assert same_answer(Numeral("101", 2), Numeral("12", 3))
    assert answer_type(Numeral("101", 2)) == "number"
    assert poly(1, 2, 3).derivative() == poly(2, 6)
    with pytest.raises(ValueError, match="not a polynomial"):
        surd(0, 1, 2).at(1)


def test_shipped_set_is_what_its_card_says() -> None:
    tasks = read_tasks("verirl:math-mini")
    assert {task.tags[0] for task in tasks} == set(FAMILIES)
    assert all(task.split == "eval" and task.source and task.source.kill_rate == 1.0 for task in tasks)
    assert all(problem_of(task) is not None for task in tasks)
    assert len({task.content_key() for task in tasks}) == len(tasks)
