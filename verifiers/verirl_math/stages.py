"""The ladder: extract → parse → equivalent, and how well the answer is written."""

from __future__ import annotations

import re
from collections.abc import Iterator
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
from verirl_math.spec import Spec, read_spec

_SHOWN_CHARS = 120
_CHOICE = re.compile(r"\(?[A-Z]\)?|[A-Z][a-z]{1,2}")
_PERCENT = re.compile(r"\bpercent(?:age)?\b|what\s*\\?%|per cent\b", re.IGNORECASE)


class AnswerResult(NamedTuple):
    """What the checker says of one answer's text: at which stage it fell (None: nowhere), and why."""

    fell: str | None
    reason: str = ""
    score: float = 1.0


def judge_completion(task: Task, completion: str) -> Iterator[StageOutcome]:
    """One finding a stage, in order, up to the first that was not climbed."""
    spec = read_spec(task.spec)
    try:
        found = extract_answers(completion)
    except NoAnswerError as problem:
        yield failed("extract", detail=str(problem))
        return
    yield passed("extract", detail=_shown(found[-1].text))
    asked = next((turn.content for turn in reversed(task.prompt) if turn.role == "user"), "")
    rules = EqualityRules(spec.answer_type, spec.tolerance, bool(_PERCENT.search(asked)))
    judgements = [_best(spec, answer, rules, asked) for answer in found]
    worst = min(judgements, key=lambda one: ("parse", "equivalent", None).index(one.fell))
    if worst.fell == "parse":
        yield failed("parse", detail=worst.reason, feedback=f"The answer cannot be read: {worst.reason}.")
        return
    yield passed("parse")
    if worst.fell:
        reason = worst.reason if len(found) == 1 else f"several different boxes; one is wrong: {worst.reason}"
        yield failed("equivalent", detail=reason, feedback=f"The answer is wrong: {reason}.")
        return
    yield passed("equivalent")
    yield passed("form", score=worst.score, detail=worst.reason)


def _best(spec: Spec, found: ExtractedAnswer, rules: EqualityRules, asked: str) -> AnswerResult:
    alone = judge_answer(spec, found.text, rules, asked)
    if alone.fell is None or found.dressed is None:
        return alone
    dressed = judge_answer(spec, found.dressed, rules, asked)
    return alone if dressed.fell else dressed


def judge_answer(spec: Spec, answer: str, rules: EqualityRules, asked: str = "") -> AnswerResult:
    """Whether the text of one answer is the gold of `spec`, and not the question `asked` over again."""
    if _same_words(spec, answer):
        return AnswerResult(None)
    if isinstance(spec.gold, Text):
        return AnswerResult("equivalent", "not the words asked for")
    try:
        node = parse(answer)
    except ParseError as problem:
        return AnswerResult("parse", str(problem))
    try:
        reason = difference(spec.gold, node, rules) or why_unevaluated(asked, spec.gold, node, answer)
    except UndefinedError as problem:
        return AnswerResult("equivalent", f"has no value: {problem}")
    except BudgetError as problem:
        return AnswerResult("equivalent", str(problem))
    except RecursionError:
        return AnswerResult("equivalent", "nested too deeply")
    if reason is not None:
        return AnswerResult("equivalent", reason)
    score, note = simplification_score(spec.gold, node)
    return AnswerResult(None, note, score)


def _same_words(spec: Spec, answer: str) -> bool:
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
