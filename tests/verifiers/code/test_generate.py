"""Generated code tasks: ids, splits, tests and mutants, family by family."""

from __future__ import annotations

import json
import random
import re
from typing import Any

import pytest

from verirl.errors import InputError
from verirl.taskgen.draw import TaskDraw
from verirl.types import Message, Source, Task
from verirl_code.spec import check_spec
from verirl_code.tasks import generate as generation
from verirl_code.tasks.families import FAMILIES
from verirl_code.tasks.families.bounded_interpreter import BoundedProgram, first_difference, loosely_equal
from verirl_code.tasks.families.mutation_operators import single_mutations
from verirl_code.tasks.generate import generate, inputs_of, problem_with_tests_of
from verirl_code.tasks.mutants import MAX_MUTANTS, from_fence, mutants

TERSE = tuple(name for name in FAMILIES if FAMILIES[name].terse)
EVERY = tuple(FAMILIES)


def drawn(family: str, count: int = 6, seed: int = 4, **options: Any) -> list[Task]:
    return [generate(seed, n, n / max(1, count - 1), family=family, **options) for n in range(count)]


def test_there_are_twelve_families_of_several_subjects() -> None:
    assert len(FAMILIES) >= 12
    assert len({family.subject for family in FAMILIES.values()}) >= 5


@pytest.mark.parametrize("family", EVERY)
def test_a_task_is_the_same_whenever_it_is_drawn(family: str) -> None:
    first = [task.to_json() for task in drawn(family)]
    generation.draw.cache_clear()
    assert [task.to_json() for task in drawn(family)] == first
    assert [task.to_json() for task in drawn(family, seed=5)] != first


@pytest.mark.parametrize("family", EVERY)
def test_specs_are_whole_plain_and_shown_tests_lead(family: str) -> None:
    for task in drawn(family):
        check_spec(task.spec)
        assert json.loads(json.dumps(task.spec)) == task.spec
        assert len(task.spec["tests"]) >= 8
        shown, hidden = task.spec["tests"][: task.spec["visible"]], task.spec["tests"][task.spec["visible"] :]
        assert 2 <= len(shown) < len(task.spec["tests"])
        assert all(one not in shown for one in hidden)
        prompt = task.prompt[0].content
        for test in shown:
            assert ("stdin" in test and test["stdin"] in prompt) or repr(test.get("expected")) in prompt


@pytest.mark.parametrize("family", EVERY)
def test_expected_values_are_what_the_reference_text_gives(family: str) -> None:
    """The reference is run again, plainly, from the text that a policy would have to write."""
    for task in drawn(family, 6):
        if task.tags[-1] != "function":
            continue
        space: dict = {}
        exec(from_fence(task.reference), space)
        call = space[task.spec["entry_point"]]
        for test in task.spec["tests"]:
            given = json.loads(json.dumps(test["input"]))
            assert call(*given) == test["expected"]
            assert given == test["input"], "the reference changes its arguments"


@pytest.mark.parametrize("family", EVERY)
def test_the_splits_share_no_problem(family: str) -> None:
    def problems(split: str) -> set[str]:
        return {problem_with_tests_of(task).problem.source for task in drawn(family, 10, split=split)}

    assert not problems("train") & problems("eval")


TYPO = re.compile(r"  |[,;.] ?[,;](?!')|,\.|\{\w+\}|(?<!-)\b1 (?!less|more|points)[a-z]{3,}s\b|\bNone\b")


@pytest.mark.parametrize("family", EVERY)
def test_questions_are_whole_sentences_that_name_every_parameter(family: str) -> None:
    for n in range(300):
        problem = FAMILIES[family].make(random.Random(n), n / 299)
        assert not TYPO.search(problem.ask), problem.ask
        assert problem.ask[0].isupper() or problem.ask[0] == "`"
        assert problem.ask.endswith(".")
        for name, _ in problem.args:
            assert f"`{name}`" in problem.ask, problem.ask


@pytest.mark.parametrize("family", EVERY)
def test_a_family_has_hundreds_of_problems_at_every_difficulty(family: str) -> None:
    for difficulty in (0.0, 0.5, 1.0):
        made = [FAMILIES[family].make(random.Random(n), difficulty) for n in range(600)]
        assert len({problem.source for problem in made}) >= 120, difficulty


def test_the_styles_share_no_problem_across_splits_either() -> None:
    for family in TERSE:
        train = {problem_with_tests_of(task).problem.source for task in drawn(family, 60, style="terse")}
        held_out = {
            problem_with_tests_of(task).problem.source
            for task in drawn(family, 60, split="eval", style="terse")
        }
        assert not train & held_out


@pytest.mark.parametrize("family", EVERY)
def test_the_tests_kill_the_mutants_that_fresh_inputs_tell_apart(family: str) -> None:
    """Kill rate on inputs that the tests were not chosen from."""
    judged = killed = 0
    for number, task in enumerate(drawn(family, 3, seed=21)):
        case = problem_with_tests_of(task)
        problem = case.problem
        reference = BoundedProgram(problem.source, problem.name)
        fresh = inputs_of(problem, random.Random(number), 600)
        right = [reference(args) for args in fresh]
        tests = [test.args for test in case.tests]
        wanted = [reference(args) for args in tests]
        for mutant in single_mutations(problem.source):
            if first_difference(mutant.source, problem.name, fresh, right) is not None:
                judged += 1
                killed += first_difference(mutant.source, problem.name, tests, wanted) is not None
    assert judged > 20
    assert killed >= 0.95 * judged


@pytest.mark.parametrize("family", EVERY)
def test_mutants_are_many_distinct_and_always_the_same(family: str) -> None:
    for task in drawn(family, 3):
        found = mutants(task)
        assert 5 <= len(found) <= MAX_MUTANTS
        assert found == mutants(task)
        texts = {mutant.completion for mutant in found}
        assert len(texts) == len(found)
        assert task.reference not in texts


def test_a_task_from_elsewhere_gets_only_trivial_mutants() -> None:
    task = drawn("lists", 1)[0]
    other = task.model_copy(update={"prompt": (Message(role="user", content="changed"),)})
    assert problem_with_tests_of(other) is None
    assert {m.kind for m in mutants(other)} <= {
        "empty body",
        "constant",
        "result off by one",
        "empty program",
    }
    assert mutants(Task(id="x", domain="code", prompt=task.prompt, spec=task.spec)) == ()


def test_shorthand_is_short_and_varied() -> None:
    prompts = set()
    for family in TERSE:
        for n in range(300):
            source = Source(name="verirl", seed=8, index=n)
            origin = TaskDraw("code", family, "train", 0.2 + 0.4 * n / 300, "terse", source)
            case = generation.draw(origin)
            assert len(case.problem.terse) <= 40
            assert len(case.problem.source) <= 64
            prompts.add(case.problem.terse)
    assert len(prompts) >= 600


def test_what_cannot_be_made_is_refused() -> None:
    for wrong in (
        {"family": "nosuch"},
        {"style": "verse"},
        {"split": "test"},
        {"family": "graphs", "style": "terse"},
    ):
        with pytest.raises(InputError):
            generate(1, 1, 0.5, **wrong)
    with pytest.raises(InputError):
        generate(1, 1, 1.5)


def test_a_mutant_that_never_ends_is_ended_by_a_count() -> None:
    right = BoundedProgram("def f(n):\n    while n > 0:\n        n -= 1\n    return n\n", "f")
    inputs = [(3,)]
    endless = "def f(n):\n    while n > 0:\n        pass\n    return n\n"
    assert first_difference(endless, "f", inputs, [right(args) for args in inputs]) == (0, "endless")
    assert (
        first_difference("def f(n):\n    return f(n)\n", "f", inputs, [right(args) for args in inputs])
        is not None
    )


def test_equal_as_data() -> None:
    assert loosely_equal([1, (2, 3.0)], [True, [2, 3]])
    assert not loosely_equal({"a": 1}, {"a": 2})
    assert not loosely_equal("a", ["a"])
    assert not loosely_equal(None, 0)
