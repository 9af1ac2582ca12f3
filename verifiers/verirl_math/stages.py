"""Judging a completion: extract, parse and compare its answer, then score how it is written."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

from verirl.answers import NoAnswerError
from verirl.outcomes import StageOutcome, failed, passed
from verirl.types import Task
from verirl_math.answers.extract import ExtractedAnswer, extract_answers
from verirl_math.answers.simplification import simplification_score
from verirl_math.answers.unevaluated import why_unevaluated
from verirl_math.equivalence.compare import EqualityRules, difference
from verirl_math.equivalence.exact import UndefinedError
from verirl_math.parsing.expressions import BudgetError, ParseError, Text
from verirl_math.parsing.normalize import normalize_words
from verirl_math.parsing.parser import parse
from verirl_math.spec import MathSpec, read_spec

_SHOWN_CHARS = 120
_CHOICE = re.compile(r"\(?[A-Z]\)?|[A-Z][a-z]{1,2}")
_PERCENT = re.compile(r"\bpercent(?:age)?\b|what\s*\\?%|per cent\b", re.IGNORECASE)


class AnswerResult(NamedTuple):
    """The result for one answer's text: the stage that it failed (None: it passed all), and why."""

    failed_stage: str | None
    reason: str = ""
    score: float = 1.0


def judge_completion(task: Task, completion: str) -> Iterator[StageOutcome]:
    """Judge one completion.

    Args:
        task: A math task. Whether its prompt asks for a percentage matters for a bare `%`.
        completion: What the model wrote.

    Yields:
        One outcome per stage, in order, up to the first that did not pass.
    """
    spec = read_spec(task.spec)
    try:
        answers = extract_answers(completion)
    except NoAnswerError as error:
        yield failed("extract", detail=str(error))
        return
    yield passed("extract", detail=_shown(answers[-1].text))
    asked = next((turn.content for turn in reversed(task.prompt) if turn.role == "user"), "")
    rules = replace(spec.rules, percent=bool(_PERCENT.search(asked)))
    results = [_best(spec, answer, rules, asked) for answer in answers]
    worst = min(results, key=lambda result: ("parse", "equivalent", None).index(result.failed_stage))
    if worst.failed_stage == "parse":
        yield failed("parse", detail=worst.reason, feedback=f"The answer cannot be read: {worst.reason}.")
        return
    yield passed("parse")
    if worst.failed_stage:
        reason = (
            worst.reason if len(answers) == 1 else f"several different boxes; one is wrong: {worst.reason}"
        )
        yield failed("equivalent", detail=reason, feedback=f"The answer is wrong: {reason}.")
        return
    yield passed("equivalent")
    yield passed("form", score=worst.score, detail=worst.reason)


def _best(spec: MathSpec, answer: ExtractedAnswer, rules: EqualityRules, asked: str) -> AnswerResult:
    alone = judge_answer(spec, answer.text, rules, asked)
    if alone.failed_stage is None or answer.dressed is None:
        return alone
    dressed = judge_answer(spec, answer.dressed, rules, asked)
    return alone if dressed.failed_stage else dressed


def judge_answer(spec: MathSpec, answer: str, rules: EqualityRules, asked: str = "") -> AnswerResult:
    """Judge the text of one answer.

    Args:
        spec: The spec of the task.
        answer: What the box contains.
        rules: How the answer is compared with the gold one.
        asked: The question; an answer that only repeats its unevaluated expression is wrong.
    """
    if _same_words(spec, answer):
        return AnswerResult(None)
    if isinstance(spec.gold, Text):
        return AnswerResult("equivalent", "not the words asked for")
    try:
        node = parse(answer)
    except ParseError as error:
        return AnswerResult("parse", str(error))
    try:
        reason = difference(spec.gold, node, rules) or why_unevaluated(asked, spec.gold, node, answer)
    except UndefinedError as error:
        return AnswerResult("equivalent", f"has no value: {error}")
    except BudgetError as error:
        return AnswerResult("equivalent", str(error))
    except RecursionError:
        return AnswerResult("equivalent", "nested too deeply")
    if reason is not None:
        return AnswerResult("equivalent", reason)
    score, note = simplification_score(spec.gold, node)
    return AnswerResult(None, note, score)


def _same_words(spec: MathSpec, answer: str) -> bool:
    """Whether gold and answer are the same words; a short gold such as `B` may also be a variable."""
    flat = normalize_words(answer)
    if isinstance(spec.gold, Text):
        return bool(flat) and flat == spec.gold.words
    letters = spec.answer.strip(" $.")
    return (
        letters in answer and _CHOICE.fullmatch(letters) is not None and flat == normalize_words(spec.answer)
    )


def _shown(answer: str) -> str:
    return answer if len(answer) <= _SHOWN_CHARS else f"{answer[:_SHOWN_CHARS]}…"
