"""Wrong completions close to a task's reference, each shown to be wrong by exact arithmetic.

For a generated task they are the results of typical mistakes in its problem (a dropped step, a wrong
precedence, a swapped operand). For any other task they are numbers near its gold answer. Some mutants of
every task evade the question: an empty box, two boxes, no box.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from fractions import Fraction

from verirl.domain import Mutant
from verirl.seeds import rng
from verirl.types import Task
from verirl_math.tasks.families.exact_answers import (
    Value,
    WrongAnswer,
    latex,
    near_misses,
    same_answer,
    terse_text,
)
from verirl_math.tasks.families.problem import Problem
from verirl_math.tasks.generate import problem_of

MAX_WRONG_ANSWERS = 4
"""Most mutants of one task that give a wrong answer."""
EVASION_COUNT = 2
"""Number of mutants of one task that do not commit to one answer."""
MAX_NUMBER_CHARS = 200
"""Characters of a gold answer that is read as a plain number."""

_UNBOXED = "what was found above, as asked"
_NUMBER = re.compile(r"(-?)(?:(\d+)(?:\.(\d+))?|\\[dt]?frac\{(\d+)\}\{(\d+)\}|(\d+)/(\d+))")


def mutants(task: Task) -> tuple[Mutant, ...]:
    """Return up to six wrong completions, always the same for the same task.

    Args:
        task: The task; without a reference it has no mutants.
    """
    if task.reference is None:
        return ()
    problem = problem_of(task)
    gold = str(task.spec.get("answer", ""))
    wrong_answers = list(_wrong_answers(problem) if problem else _wrong_numbers(gold))[:MAX_WRONG_ANSWERS]
    write = terse_text if "terse" in task.tags else latex
    boxes: list[tuple[str, str | None]] = [
        (kind, answer if isinstance(answer, str) else write(answer)) for kind, answer in wrong_answers
    ]
    evasions = _evasions(gold, boxes[0][1] if boxes else None)
    boxes += rng("math", "mutants", task.content_key()).sample(evasions, EVASION_COUNT)
    return tuple(Mutant(kind, rebox(task.reference, box)) for kind, box in boxes)


def _wrong_answers(problem: Problem) -> Iterator[WrongAnswer]:
    """Yield the problem's own wrong answers, then those that suit any answer of its type."""
    return _distinct_wrong(problem.answer, (*problem.wrong, *near_misses(problem.answer)))


def _wrong_numbers(gold: str) -> Iterator[WrongAnswer]:
    value = read_number(gold)
    return iter(()) if value is None else _distinct_wrong(value, near_misses(value))


def _distinct_wrong(answer: Value, candidates: Iterable[WrongAnswer]) -> Iterator[WrongAnswer]:
    """Yield the candidates that differ from the answer and from each other."""
    seen: list[Value | str] = [answer]
    for candidate in candidates:
        if not any(_equal(candidate.answer, other) for other in seen):
            seen.append(candidate.answer)
            yield candidate


def _equal(a: Value | str, b: Value | str) -> bool:
    if isinstance(a, str) or isinstance(b, str):
        return a == b
    return same_answer(a, b)


def _evasions(gold: str, wrong: str | None) -> list[tuple[str, str | None]]:
    """Return kind and content of boxes that hold no answer; None: there is no box at all."""
    evasions: list[tuple[str, str | None]] = [
        ("empty_box", ""),
        ("no_box", None),
        ("not_a_number", "\\text{NaN}"),
        ("infinite", "\\infty"),
    ]
    if wrong is not None:
        evasions += [
            ("hedged", f"{gold} \\text{{ or }} {wrong}"),
            ("two_boxes", f"{gold}}} or \\boxed{{{wrong}"),
        ]
    return evasions


def read_number(text: str) -> Fraction | None:
    """Return the value of a plain integer, decimal or fraction; None for anything else."""
    if len(text) > MAX_NUMBER_CHARS:
        return None
    match = _NUMBER.fullmatch(text.strip().strip("$").replace(",\\!", "").strip())
    if match is None:
        return None
    sign, whole, decimals, top, bottom, left, right = match.groups()
    if whole is not None:
        size = Fraction(f"{whole}.{decimals or 0}")
    elif int(bottom or right) == 0:
        return None
    else:
        size = Fraction(int(top or left), int(bottom or right))
    return -size if sign else size


def rebox(reference: str, answer: str | None) -> str:
    """Replace the answer in the last box of a completion.

    Args:
        reference: The completion.
        answer: The new content of the box; None puts words in place of the box.

    Example:
        >>> rebox(r"So it is \\boxed{5}.", "6")
        'So it is \\\\boxed{6}.'
    """
    start = reference.rfind("\\boxed{")
    if start < 0:
        return _UNBOXED if answer is None else f"\\boxed{{{answer}}}"
    depth, end = 0, len(reference)
    for position in range(start + len("\\boxed"), len(reference)):
        depth += {"{": 1, "}": -1}.get(reference[position], 0)
        if depth == 0:
            end = position + 1
            break
    box = _UNBOXED if answer is None else f"\\boxed{{{answer}}}"
    return reference[:start] + box + reference[end:]
