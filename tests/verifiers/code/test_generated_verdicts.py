"""Tasks of every family, judged: references pass, wrong answers fail."""

from __future__ import annotations

from collections import Counter

import pytest

from verirl import registry
from verirl.pool import Request, VerifierPool
from verirl.taskgen.generate import generate_tasks
from verirl.types import Status, Task
from verirl_code.tasks.families import FAMILIES
from verirl_code.tasks.generate import generate
from verirl_code.tasks.mutants import from_fence

CODE = registry.load("code")
TERSE = tuple(name for name in FAMILIES if FAMILIES[name].terse)
DIFFICULTIES = (0.0, 0.5, 1.0)

OFF_BY_ONE = """

_right = {name}


def {name}(*args):
    value = _right(*args)
    if isinstance(value, int):
        return value + 1
    if isinstance(value, str):
        return value + "x"
    if isinstance(value, list):
        return value + [0]
    return {{**value, "x": 0}}
"""


def drawn(family: str, style: str = "prose") -> list[Task]:
    """Tasks at several difficulties, and in prose both a function and (where there are any) a program."""
    found = []
    for difficulty in DIFFICULTIES:
        tasks = [generate(31, n, difficulty, family=family, style=style) for n in range(8)]
        forms = {task.tags[-1]: task for task in tasks}
        found += list(forms.values())
    return found


def usual_wrong_answers(task: Task) -> dict[str, str]:
    """Return the usual wrong answers: empty body, constant, argument returned, off by one."""
    tests = task.spec["tests"]
    if "stdin" in tests[0]:
        usual = Counter(test["stdout"] for test in tests).most_common(1)[0][0]
        code = from_fence(task.reference or "")
        assert code is not None
        return {
            "empty": "pass\n",
            "constant": f"print({usual!r}, end='')\n",
            "first shown": f"print({tests[0]['stdout']!r}, end='')\n",
            "off by one": code + "\nprint(1)\n",
        }
    usual = Counter(repr(test["expected"]) for test in tests).most_common(1)[0][0]
    name = task.spec["entry_point"]
    code = from_fence(task.reference or "") or task.reference or ""
    head = f"def {name}(*args):\n"
    return {
        "empty": f"{head}    pass\n",
        "constant": f"{head}    return {usual}\n",
        "first shown": f"{head}    return {tests[0]['expected']!r}\n",
        "argument": f"{head}    return args[0]\n",
        "off by one": code + OFF_BY_ONE.format(name=name),
    }


@pytest.mark.parametrize(
    ("family", "style"), [(name, "prose") for name in FAMILIES] + [(name, "terse") for name in TERSE]
)
def test_references_pass_and_the_usual_wrong_answers_fail(
    family: str, style: str, pool: VerifierPool
) -> None:
    tasks = drawn(family, style)
    for verdict in pool.verify([Request(task, task.reference or "") for task in tasks]):
        assert verdict.passed, verdict
    kinds = [(task, kind, code) for task in tasks for kind, code in usual_wrong_answers(task).items()]
    wrong = [Request(task, f"```python\n{code}```", n) for n, (task, _, code) in enumerate(kinds)]
    for (task, kind, _), verdict in zip(kinds, pool.verify(wrong), strict=True):
        assert not verdict.passed, (task.id, kind)
        assert not verdict.is_error, (task.id, kind)
        # They parse and run; only the tests reject them.
        rejecting = next(stage for stage in verdict.stages if stage.status is Status.FAILED)
        assert rejecting.name == "tests", (task.id, kind, rejecting)


def test_twelve_families_are_admitted_with_their_kill_rate(pool: VerifierPool) -> None:
    report = generate_tasks(CODE, 24, 3, pool=pool)
    assert len(report.tasks) == 24
    assert {task.tags[0] for task in report.tasks} == set(FAMILIES)
    assert report.kill_rate is not None
    assert report.kill_rate >= 0.95
    for task in report.tasks:
        assert task.source is not None
        assert task.source.kill_rate is not None
        assert task.source.kill_rate >= 0.95


def test_a_problem_is_one_task_whatever_seed_drew_it(pool: VerifierPool) -> None:
    """At difficulty 0 some shorthand has few problems: a set of them has no question twice."""
    report = generate_tasks(
        CODE,
        150,
        3,
        pool=pool,
        families=["strings"],
        difficulty=(0, 0),
        check_mutants=False,
        options={"style": "terse"},
    )
    assert report.families["strings"].duplicates > 0
    questions = [task.prompt[0].content for task in report.tasks]
    assert len(set(questions)) == len(questions)
    by_question = {task.prompt[0].content: task.spec for task in report.tasks}
    other = [generate(99, n, 0.0, family="strings", style="terse") for n in range(150)]
    shared = [task for task in other if task.prompt[0].content in by_question]
    assert shared
    assert all(task.spec == by_question[task.prompt[0].content] for task in shared)
