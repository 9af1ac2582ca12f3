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

from verirl import __version__
from verirl.errors import InputError
from verirl.seeds import derive, rng
from verirl.taskgen.draw import check_draw
from verirl.types import Message, Source, Task
from verirl_code.tasks.families import FAMILIES as _FAMILIES
from verirl_code.tasks.families import prompt_templates
from verirl_code.tasks.families.bounded_interpreter import BoundedProgram, Outcome, first_difference
from verirl_code.tasks.families.mutation_operators import ProgramMutant, single_mutations, trivial_programs
from verirl_code.tasks.families.problem import Args, Problem

FAMILIES: tuple[str, ...] = tuple(_FAMILIES)
STYLES = ("prose", "terse")
SPLITS = ("train", "eval")
EVAL_SHARE = 4
"""One problem in this many belongs to the eval split."""
DRAWS = 1000
"""Draws after which a family has none left for a split: chance alone never takes as many."""
INPUTS = 250
"""Random inputs on which a slip must differ to count as one."""
TESTS = 8
"""At least so many tests, where a problem has as many inputs."""
SHOWN = (2, 3)
USUAL = 0.8
"""A problem with one result on a larger share of its inputs than this is drawn again."""
PROGRAMS = 0.35
"""Share of the problems that can be programs, which read and print, that are."""

_SOURCE = {"name": "verirl", "version": __version__, "license": "Apache-2.0"}


@dataclass(frozen=True)
class Test:
    """One call of the reference."""

    args: Args
    expected: Any


@dataclass(frozen=True)
class Case:
    """A problem with its tests, the first `shown` of them in the prompt, and the slips that they reject.

    `endless`: how many more slips were rejected because they do not end.
    """

    problem: Problem
    tests: tuple[Test, ...]
    shown: int
    mutants: tuple[ProgramMutant, ...]
    endless: int


def families_with(style: str) -> tuple[str, ...]:
    """The families that have tasks in a style."""
    return tuple(name for name in FAMILIES if style != "terse" or _FAMILIES[name].terse)


def generate(
    seed: int,
    index: int,
    difficulty: float,
    *,
    split: str = "train",
    family: str | None = None,
    style: str = "prose",
) -> Task:
    """The task at `(split, seed, index)`; `family` None means drawn, `difficulty` lies in [0, 1].

    `style`: `prose` asks for a function or a program in words, with examples; `terse` for one lambda in
    shorthand, in the families that have it. Raises InputError on an unknown split, family or style, or a
    difficulty out of range.
    """
    check_draw(difficulty, split=(split, SPLITS), style=(style, STYLES), family=(family, FAMILIES))
    known = families_with(style)
    name = family or rng("code", split, seed, index, "family").choice(known)
    case = draw(seed, index, difficulty, split=split, family=name, style=style)
    return _written(case, Source(**_SOURCE, seed=seed, index=index), name, split, difficulty, style)


def _written(case: Case, source: Source, family: str, split: str, difficulty: float, style: str) -> Task:
    problem = case.problem
    words = rng("code", "words", family, problem.source)
    program = style == "prose" and prompt_templates.fits_standard_input(problem) and words.random() < PROGRAMS
    examples = [(test.args, test.expected) for test in case.tests]
    spec: dict[str, Any]
    if program:
        spec = {"tests": [prompt_templates.program_test(problem, *example) for example in examples]}
    else:
        tests = [{"input": list(args), "expected": expected} for args, expected in examples]
        spec = {"entry_point": problem.name, "tests": tests}
    if case.shown:
        spec["visible"] = case.shown
    if style == "terse":
        question = problem.terse
    else:
        spec["reference"] = (
            prompt_templates.whole_program(problem, problem.source) if program else problem.source
        )
        question = prompt_templates.question(problem, examples[: case.shown], words, program=program)
    form = "program" if program else "function"
    return Task(
        id=f"code/{family}/{split}-{source.seed}-{source.index:06d}",
        domain="code",
        prompt=(Message(role="user", content=question),),
        spec=spec,
        reference=completion(problem, problem.source, form, style),
        difficulty=difficulty,
        tags=(family, _FAMILIES[family].subject, style, form),
        split="eval" if split == "eval" else "train",
        source=source,
    )


def completion(problem: Problem, source: str, form: str, style: str) -> str:
    """What a policy would write to answer with `source`."""
    if style == "terse":
        return source.strip()
    code = prompt_templates.whole_program(problem, source) if form == "program" else source
    return f"```python\n{code.strip()}\n```"


@lru_cache(maxsize=1024)
def draw(seed: int, index: int, difficulty: float, *, split: str, family: str, style: str) -> Case:
    """The case behind a task: the first draw that belongs to `split` and has more than one result."""
    known = _FAMILIES[family]
    make = known.terse if style == "terse" else known.make
    if make is None:
        there = ", ".join(families_with("terse"))
        raise InputError(f"family '{family}' has no style 'terse'; there are: {there}")
    for attempt in range(DRAWS):
        chance = rng("code", split, seed, index, family, style, attempt)
        problem = make(chance, difficulty)
        if split_of(family, problem) != split:
            continue
        own = rng("code", "tests", family, style, problem.source)
        case = _case(problem, own, 0 if style == "terse" else own.choice(SHOWN))
        if case is not None:
            return case
    raise InputError(f"family '{family}' has no problem for split '{split}' at difficulty {difficulty:g}")


def split_of(family: str, problem: Problem) -> str:
    """The split that a problem belongs to."""
    return "eval" if derive("code", family, problem.source) % EVAL_SHARE == 0 else "train"


def inputs_of(problem: Problem, chance: Random, count: int) -> list[Args]:
    """The problem's edges and `count` random inputs, without repeats."""
    drawn = (*problem.edges, *(problem.draw(chance) for _ in range(count)))
    return list({json.dumps(args, sort_keys=True): args for args in drawn}.values())


def _case(problem: Problem, chance: Random, shown: int) -> Case | None:
    """The problem with enough tests; None where nearly all of its inputs have one result."""
    inputs = inputs_of(problem, chance, INPUTS)
    reference = BoundedProgram(problem.source, problem.name)
    right = [reference(args) for args in inputs]
    for args, outcome in zip(inputs, right, strict=True):
        if outcome.failure:
            raise AssertionError(f"the reference of '{problem.name}' fails on {args}: {outcome.failure}")
    usual, often = Counter(json.dumps(one.value, sort_keys=True) for one in right).most_common(1)[0]
    if often > USUAL * len(right):
        return None
    chosen = _first(problem, chance, inputs, shown)
    examples = [(inputs[place], right[place].value) for place in chosen[:shown]]
    names = tuple(name for name, _ in problem.args)
    made = {
        slip.source: slip
        for slip in (
            *trivial_programs(problem.name, names, problem.source, examples, json.loads(usual)),
            *single_mutations(problem.source),
        )
    }
    rejected: list[ProgramMutant] = []
    endless = 0
    for slip in made.values():
        fell = _rejected(slip, problem.name, inputs, right, chosen)
        if fell == "endless":
            endless += 1
        elif fell is not None:
            rejected.append(slip)
    tests = tuple(Test(inputs[place], right[place].value) for place in chosen)
    return Case(problem, tests, shown, tuple(rejected), endless)


def _first(problem: Problem, chance: Random, inputs: list[Args], shown: int) -> list[int]:
    """The tests to begin with: random ones to be shown, then the edges, then random ones."""
    edges = range(len(problem.edges))
    others = list(range(len(problem.edges), len(inputs)))
    front = chance.sample(others, min(shown, len(others)))
    rest = [place for place in others if place not in front]
    more = chance.sample(rest, min(max(0, TESTS - shown - len(edges)), len(rest)))
    return [*front, *edges, *more]


def _rejected(
    slip: ProgramMutant, name: str, inputs: list[Args], right: list[Outcome], chosen: list[int]
) -> str | None:
    """How the slip fell, after adding to `chosen` the input on which it does; None where it never does."""
    found = first_difference(slip.source, name, [inputs[p] for p in chosen], [right[p] for p in chosen])
    if found is not None:
        return found[1]
    found = first_difference(slip.source, name, inputs, right)
    if found is None:
        return None
    chosen.append(found[0])
    return found[1]


def case_of(task: Task) -> Case | None:
    """The case that `synth` made `task` from, drawn again; None for a task from elsewhere."""
    source = task.source
    if source is None or source.seed is None or source.index is None or task.difficulty is None:
        return None
    if task.domain != "code" or len(task.tags) != len(("family", "subject", "style", "form")):
        return None
    family, _, style, _ = task.tags
    if family not in FAMILIES or style not in STYLES:
        return None
    try:
        case = draw(source.seed, source.index, task.difficulty, split=task.split, family=family, style=style)
    except InputError:
        return None
    return case if _written(case, source, family, task.split, task.difficulty, style) == task else None
