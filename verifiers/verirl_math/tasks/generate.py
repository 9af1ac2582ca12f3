"""Generating math tasks: a question, its gold answer and a worked solution.

A hash of a problem's shorthand assigns the problem to one split. A draw that belongs to the other split is
drawn again, so the splits share no problem, whatever the seeds, styles and difficulties.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from verirl.taskgen import draw
from verirl.taskgen.draw import SPLITS, TaskDraw, check_draw, start_draw
from verirl.taskgen.families import STYLES
from verirl.types import Task
from verirl_math.tasks.families import FAMILIES as _FAMILIES
from verirl_math.tasks.families.exact_answers import answer_type, latex, terse_text
from verirl_math.tasks.families.problem import Problem, Step, shorthand

FAMILIES: tuple[str, ...] = tuple(_FAMILIES)

_BOX_SENTENCES = (
    "Put the final answer in \\boxed{}.",
    "Write your final answer in \\boxed{}.",
    "End with the answer in \\boxed{}.",
)


def generate_task(
    seed: int,
    index: int,
    difficulty: float,
    *,
    split: str = "train",
    family: str | None = None,
    style: str = "prose",
) -> Task:
    """Generate one task; the same arguments give the same task.

    Args:
        seed: Seed of the task set.
        index: Number of the task in it.
        difficulty: From 0 to 1.
        split: `train` or `eval`.
        family: Name of the family; None draws one.
        style: `prose`: a question in words and a solution in LaTeX; `terse`: both in shorthand.

    Raises:
        InputError: If the split, family or style is unknown, or the difficulty is out of range.
    """
    check_draw(difficulty, split=(split, SPLITS), style=(style, STYLES), family=(family, FAMILIES))
    origin = start_draw("math", FAMILIES, seed, index, difficulty, split=split, family=family, style=style)
    return _task(_draw(origin), origin)


def _task(problem: Problem, origin: TaskDraw) -> Task:
    question, reference = _WRITERS[origin.style](problem, origin.rng("words"))
    spec = {"answer": latex(problem.answer), "answer_type": answer_type(problem.answer)}
    tags = (origin.family, _FAMILIES[origin.family].subject, origin.style)
    return origin.task(question, spec, reference, tags)


def _draw(origin: TaskDraw) -> Problem:
    """Return the problem behind a task: the first draw that belongs to its split."""
    make = _FAMILIES[origin.family].make
    problems = origin.problems(
        lambda attempt: make(origin.rng(attempt), origin.difficulty), lambda problem: problem.terse
    )
    return next(problems)


def draw_problem(seed: int, index: int, difficulty: float, *, split: str, family: str) -> Problem:
    """Return the problem behind a task, which is the same in both styles."""
    return _draw(start_draw("math", FAMILIES, seed, index, difficulty, split=split, family=family))


def split_of(family: str, problem: Problem) -> str:
    """Return the split that a problem belongs to."""
    return draw.split_of("math", family, problem.terse)


def problem_of(task: Task) -> Problem | None:
    """Return the problem that a task was generated from, drawn again; None for a task from elsewhere."""
    return draw.draw_again(task, "math", _FAMILIES, ("family", "subject", "style"), _draw, _task)


def _prose(problem: Problem, words: Random) -> tuple[str, str]:
    question = f"{words.choice(problem.ask)} {problem.form} {words.choice(_BOX_SENTENCES)}"
    lines = [_sentence(step) for step in problem.steps]
    return question, "\n".join([*lines, f"The answer is \\boxed{{{latex(problem.answer)}}}."])


def _sentence(step: Step) -> str:
    if not step.math:
        return step.say
    math = f"${step.math}$."
    return f"{step.say} {math}" if step.say else math


def _terse(problem: Problem, words: Random) -> tuple[str, str]:
    lines = [shorthand(step.math) if step.terse is None else step.terse for step in problem.steps]
    answer = f"\\boxed{{{terse_text(problem.answer)}}}"
    return problem.terse, "\n".join([*(line for line in lines if line), answer])


_WRITERS: dict[str, Callable[[Problem, Random], tuple[str, str]]] = {"prose": _prose, "terse": _terse}
