"""Make a code task from `(split, seed, index)` and a difficulty, with its reference and its tests.

The expected values come from the family's own reference, run here. Tests are added until they distinguish the
reference from every mutant (`families.mutation_operators`) that differs from it on a large set of random
inputs. Inputs, tests and wording depend on the problem alone, so a problem that is drawn twice gives the same
task twice, and the second is dropped. A hash of the reference assigns each problem to one split.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from functools import lru_cache
from random import Random
from typing import Any

from verirl.seeds import rng
from verirl.taskgen import families
from verirl.taskgen.draw import SPLITS, TaskDraw, check_draw, draw_again, start_draw
from verirl.taskgen.families import STYLES
from verirl.types import Task
from verirl_code.tasks.families import FAMILIES as _FAMILIES
from verirl_code.tasks.families import prompt_templates
from verirl_code.tasks.families.bounded_interpreter import BoundedProgram, Outcome, first_difference
from verirl_code.tasks.families.mutation_operators import ProgramMutant, single_mutations, trivial_programs
from verirl_code.tasks.families.problem import Args, Problem

FAMILIES: tuple[str, ...] = tuple(_FAMILIES)
RANDOM_INPUTS = 250
"""Number of random inputs; a mutant counts only if it differs on one of them."""
MIN_TESTS = 8
"""Least number of tests, if a problem has as many inputs."""
SHOWN_TESTS = (2, 3)
"""How many tests the prompt shows; one of these numbers is drawn."""
MAX_USUAL_RESULT_SHARE = 0.8
"""A problem that has the same result on a larger share of its inputs is drawn again."""
PROGRAM_SHARE = 0.35
"""Share of programs among the problems that can be programs (that read and print)."""


@dataclass(frozen=True)
class ReferenceCall:
    """One call of the reference."""

    args: Args
    expected: Any


@dataclass(frozen=True)
class TestedProblem:
    """A problem with its tests.

    Attributes:
        problem: The problem.
        tests: The calls of the reference.
        shown: How many of the first tests the prompt shows.
        mutants: The wrong programs that the tests reject.
        endless: How many more were rejected because they do not end.
    """

    problem: Problem
    tests: tuple[ReferenceCall, ...]
    shown: int
    mutants: tuple[ProgramMutant, ...]
    endless: int


def families_with(style: str) -> tuple[str, ...]:
    """Return the families that have tasks in a style."""
    return families.families_with(_FAMILIES, style)


def generate(
    seed: int,
    index: int,
    difficulty: float,
    *,
    split: str = "train",
    family: str | None = None,
    style: str = "prose",
) -> Task:
    """Make the task at `(split, seed, index)`.

    Args:
        seed: Seed of the task set.
        index: Number of the draw.
        difficulty: From 0 (easiest) to 1.
        split: `train` or `eval`; no problem is in both.
        family: A name of `FAMILIES`, or None to draw one.
        style: `prose` asks for a function or a program in words, with examples; `terse` asks for one lambda
            in a compact notation, in the families that have it.

    Returns:
        A task with a reference answer; the same arguments always give the same task.

    Raises:
        InputError: If an argument is unknown or out of range, or the family has no such task.
    """
    check_draw(difficulty, split=(split, SPLITS), style=(style, STYLES), family=(family, FAMILIES))
    origin = start_draw(
        "code", families_with(style), seed, index, difficulty, split=split, family=family, style=style
    )
    return _task(draw(origin), origin)


def _task(tested: TestedProblem, origin: TaskDraw) -> Task:
    family, style = origin.family, origin.style
    problem = tested.problem
    words = rng("code", "words", family, problem.source)
    program = (
        style == "prose" and prompt_templates.fits_standard_input(problem) and words.random() < PROGRAM_SHARE
    )
    examples = [(test.args, test.expected) for test in tested.tests]
    spec: dict[str, Any]
    if program:
        spec = {"tests": [prompt_templates.program_test(problem, *example) for example in examples]}
    else:
        tests = [{"input": list(args), "expected": expected} for args, expected in examples]
        spec = {"entry_point": problem.name, "tests": tests}
    if tested.shown:
        spec["visible"] = tested.shown
    if style == "terse":
        question = problem.terse
    else:
        spec["reference"] = (
            prompt_templates.whole_program(problem, problem.source) if program else problem.source
        )
        question = prompt_templates.question(problem, examples[: tested.shown], words, program=program)
    form = "program" if program else "function"
    reference = completion(problem, problem.source, form, style)
    return origin.task(question, spec, reference, (family, _FAMILIES[family].subject, style, form))


def completion(problem: Problem, source: str, form: str, style: str) -> str:
    """Return the completion that answers with `source`."""
    if style == "terse":
        return source.strip()
    code = prompt_templates.whole_program(problem, source) if form == "program" else source
    return f"```python\n{code.strip()}\n```"


@lru_cache(maxsize=1024)
def draw(origin: TaskDraw) -> TestedProblem:
    """Draw what a task is made of: the first problem of its split that has more than one result."""
    family, style = origin.family, origin.style
    make = families.maker(_FAMILIES, family, style)
    problems = origin.problems(
        lambda attempt: make(origin.rng(style, attempt), origin.difficulty), lambda problem: problem.source
    )

    def with_tests(problem: Problem) -> TestedProblem | None:
        own = rng("code", "tests", family, style, problem.source)
        return _with_tests(problem, own, 0 if style == "terse" else own.choice(SHOWN_TESTS))

    return next(tested for problem in problems if (tested := with_tests(problem)) is not None)


def inputs_of(problem: Problem, chance: Random, count: int) -> list[Args]:
    """Return the problem's edge cases and `count` random inputs, without repeats."""
    drawn = (*problem.edges, *(problem.draw(chance) for _ in range(count)))
    return list({json.dumps(args, sort_keys=True): args for args in drawn}.values())


def _with_tests(problem: Problem, chance: Random, shown: int) -> TestedProblem | None:
    """Choose tests for a problem; None if nearly all of its inputs have the same result."""
    inputs = inputs_of(problem, chance, RANDOM_INPUTS)
    reference = BoundedProgram(problem.source, problem.name)
    right = [reference(args) for args in inputs]
    for args, outcome in zip(inputs, right, strict=True):
        if outcome.failure:
            raise RuntimeError(f"the reference of '{problem.name}' fails on {args}: {outcome.failure}")
    usual, often = Counter(json.dumps(outcome.value, sort_keys=True) for outcome in right).most_common(1)[0]
    if often > MAX_USUAL_RESULT_SHARE * len(right):
        return None
    chosen = _first_tests(problem, chance, inputs, shown)
    examples = [(inputs[place], right[place].value) for place in chosen[:shown]]
    names = tuple(name for name, _ in problem.args)
    made = {
        mutant.source: mutant
        for mutant in (
            *trivial_programs(problem.name, names, problem.source, examples, json.loads(usual)),
            *single_mutations(problem.source),
        )
    }
    rejected: list[ProgramMutant] = []
    endless = 0
    for mutant in made.values():
        failure = _failure_of(mutant, problem.name, inputs, right, chosen)
        if failure == "endless":
            endless += 1
        elif failure is not None:
            rejected.append(mutant)
    tests = tuple(ReferenceCall(inputs[place], right[place].value) for place in chosen)
    return TestedProblem(problem, tests, shown, tuple(rejected), endless)


def _first_tests(problem: Problem, chance: Random, inputs: list[Args], shown: int) -> list[int]:
    """Return the indices of the first tests: random ones to show, then the edge cases, then random ones."""
    edges = range(len(problem.edges))
    others = list(range(len(problem.edges), len(inputs)))
    front = chance.sample(others, min(shown, len(others)))
    rest = [place for place in others if place not in front]
    more = chance.sample(rest, min(max(0, MIN_TESTS - shown - len(edges)), len(rest)))
    return [*front, *edges, *more]


def _failure_of(
    mutant: ProgramMutant, name: str, inputs: list[Args], right: list[Outcome], chosen: list[int]
) -> str | None:
    """Add an input on which a mutant fails to `chosen` and return how it fails; None if it never does."""
    found = first_difference(mutant.source, name, [inputs[p] for p in chosen], [right[p] for p in chosen])
    if found is not None:
        return found[1]
    found = first_difference(mutant.source, name, inputs, right)
    if found is None:
        return None
    chosen.append(found[0])
    return found[1]


def problem_with_tests_of(task: Task) -> TestedProblem | None:
    """Draw again what `generate` made `task` from; None for a task from elsewhere."""
    return draw_again(task, "code", _FAMILIES, ("family", "subject", "style", "form"), draw, _task)
