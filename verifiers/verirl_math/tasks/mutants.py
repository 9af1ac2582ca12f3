"""Wrong completions near a task's reference, each shown to be wrong by exact arithmetic.

The particular slips of a problem (a dropped step, a wrong precedence, a swapped operand) are known where
the task is one of ours and can be drawn again. For any other task with a reference there remain the
slips that its gold alone suggests, and the forms that never commit to one answer.
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
"""At most this many wrong answers for one task."""
EVASION_COUNT = 2
"""This many completions that never commit to one answer."""


def mutants(task: Task) -> tuple[Mutant, ...]:
    """Up to six wrong completions, always the same for the same task; none where it has no reference."""
    if task.reference is None:
        return ()
    problem = problem_of(task)
    gold = str(task.spec.get("answer", ""))
    slips = list(_slips(problem) if problem else _slips_of_number(gold))[:MAX_WRONG_ANSWERS]
    write = terse_text if "terse" in task.tags else latex
    found: list[tuple[str, str | None]] = [
        (kind, answer if isinstance(answer, str) else write(answer)) for kind, answer in slips
    ]
    forms = _evasions(gold, found[0][1] if found else None)
    found += rng("math", "mutants", task.content_key()).sample(forms, EVASION_COUNT)
    return tuple(Mutant(kind, rebox(task.reference, answer)) for kind, answer in found)


def _slips(problem: Problem) -> Iterator[WrongAnswer]:
    """The problem's own slips, then the general ones."""
    return _distinct_wrong(problem.answer, (*problem.wrong, *near_misses(problem.answer)))


def _slips_of_number(gold: str) -> Iterator[WrongAnswer]:
    value = read_number(gold)
    return iter(()) if value is None else _distinct_wrong(value, near_misses(value))


def _distinct_wrong(answer: Value, slips: Iterable[WrongAnswer]) -> Iterator[WrongAnswer]:
    """The slips that differ from the answer and from each other."""
    seen: list[Value | str] = [answer]
    for slip in slips:
        if not any(_equal(slip.answer, other) for other in seen):
            seen.append(slip.answer)
            yield slip


def _equal(a: Value | str, b: Value | str) -> bool:
    if isinstance(a, str) or isinstance(b, str):
        return a == b
    return same_answer(a, b)


def _evasions(gold: str, wrong: str | None) -> list[tuple[str, str | None]]:
    """What may stand in the box without being an answer; None stands for no box at all."""
    forms: list[tuple[str, str | None]] = [
        ("empty_box", ""),
        ("no_box", None),
        ("not_a_number", "\\text{NaN}"),
        ("infinite", "\\infty"),
    ]
    if wrong is not None:
        forms += [
            ("hedged", f"{gold} \\text{{ or }} {wrong}"),
            ("two_boxes", f"{gold}}} or \\boxed{{{wrong}"),
        ]
    return forms


MAX_NUMBER_CHARS = 200
"""Characters of a gold that is read as a plain number."""
_UNBOXED = "what was found above, as asked"
_NUMBER = re.compile(r"(-?)(?:(\d+)(?:\.(\d+))?|\\[dt]?frac\{(\d+)\}\{(\d+)\}|(\d+)/(\d+))")


def read_number(text: str) -> Fraction | None:
    """A plain integer, decimal or fraction; None for anything else."""
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
    """The reference with another answer in its last box; with None, words in place of the box."""
    start = reference.rfind("\\boxed{")
    if start < 0:
        return _UNBOXED if answer is None else f"\\boxed{{{answer}}}"
    depth, end = 0, len(reference)
    for place in range(start + len("\\boxed"), len(reference)):
        depth += {"{": 1, "}": -1}.get(reference[place], 0)
        if depth == 0:
            end = place + 1
            break
    box = _UNBOXED if answer is None else f"\\boxed{{{answer}}}"
    return reference[:start] + box + reference[end:]
