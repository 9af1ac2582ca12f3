"""Make a mathematics task from `(split, seed, index)` and a difficulty, with its worked answer.

A problem belongs to one split for ever: a hash of its shorthand says which. A draw that lands in the
other split is drawn again, so the splits share no problem, whatever the seeds, styles and difficulties.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from verirl import __version__
from verirl.errors import InputError
from verirl.seeds import derive, rng
from verirl.taskgen.draw import check_draw
from verirl.types import Message, Source, Task
from verirl_math.tasks.families import FAMILIES as _FAMILIES
from verirl_math.tasks.families.exact_answers import answer_type, latex, terse_text
from verirl_math.tasks.families.problem import Problem, Step, shorthand

FAMILIES: tuple[str, ...] = tuple(_FAMILIES)
STYLES = ("prose", "terse")
SPLITS = ("train", "eval")
EVAL_ONE_IN = 4
"""One problem in this many belongs to the eval split."""
MAX_DRAWS = 1000
"""Draws after which a family has none left for a split: chance alone never takes as many."""

_SOURCE = {"name": "verirl", "version": __version__, "license": "Apache-2.0"}
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
    """The task at `(split, seed, index)`; `family` None means drawn, `difficulty` lies in [0, 1].

    `style`: `prose` is a question in words and a solution in LaTeX; `terse` is both in shorthand.
    Raises InputError on an unknown split, family or style, or a difficulty out of range.
    """
    check_draw(difficulty, split=(split, SPLITS), style=(style, STYLES), family=(family, FAMILIES))
    name = family or rng("math", split, seed, index, "family").choice(FAMILIES)
    problem = draw_problem(seed, index, difficulty, split=split, family=name)
    return _written(problem, Source(**_SOURCE, seed=seed, index=index), name, split, difficulty, style)


def _written(
    problem: Problem, source: Source, family: str, split: str, difficulty: float, style: str
) -> Task:
    words = rng("math", split, source.seed or 0, source.index or 0, family, "words")
    question, reference = _WRITERS[style](problem, words)
    return Task(
        id=f"math/{family}/{split}-{source.seed}-{source.index:06d}",
        domain="math",
        prompt=(Message(role="user", content=question),),
        spec={"answer": latex(problem.answer), "answer_type": answer_type(problem.answer)},
        reference=reference,
        difficulty=difficulty,
        tags=(family, _FAMILIES[family].subject, style),
        split="eval" if split == "eval" else "train",
        source=source,
    )


def draw_problem(seed: int, index: int, difficulty: float, *, split: str, family: str) -> Problem:
    """The problem behind a task: the first draw that belongs to `split`."""
    make = _FAMILIES[family].make
    for attempt in range(MAX_DRAWS):
        problem = make(rng("math", split, seed, index, family, attempt), difficulty)
        if split_of(family, problem) == split:
            return problem
    raise InputError(f"family '{family}' has no problem for split '{split}' at difficulty {difficulty:g}")


def split_of(family: str, problem: Problem) -> str:
    """The split that a problem belongs to."""
    return "eval" if derive("math", family, problem.terse) % EVAL_ONE_IN == 0 else "train"


def problem_of(task: Task) -> Problem | None:
    """The problem that `synth` made `task` from, drawn again; None for a task from elsewhere."""
    source = task.source
    if source is None or source.seed is None or source.index is None or task.difficulty is None:
        return None
    if task.domain != "math" or len(task.tags) != len(("family", "subject", "style")):
        return None
    family, _, style = task.tags
    if family not in _FAMILIES or style not in STYLES:
        return None
    try:
        problem = draw_problem(source.seed, source.index, task.difficulty, split=task.split, family=family)
    except InputError:
        return None
    again = _written(problem, source, family, task.split, task.difficulty, style)
    return problem if again == task else None


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
