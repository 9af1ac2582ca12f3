"""The ladder: extract → parse → equivalent, and how well the answer is written."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from verirl.answers import NoAnswerError
from verirl.outcomes import StageOutcome, failed, passed
from verirl.types import Task
from verirl_math.compare import Rules, difference
from verirl_math.exact import UndefinedError
from verirl_math.extract import Found, extract
from verirl_math.form import form
from verirl_math.nodes import BudgetError, ParseError, Text
from verirl_math.parser import parse
from verirl_math.restated import undone
from verirl_math.spec import Spec, read_spec
from verirl_math.text import words

_SHOWN = 120
_CHOICE = re.compile(r"\(?[A-Z]\)?|[A-Z][a-z]{1,2}")
_PERCENT = re.compile(r"\bpercent(?:age)?\b|what\s*\\?%|per cent\b", re.IGNORECASE)


class Judgement(NamedTuple):
    """What the checker says of one answer's text: at which stage it fell (None: nowhere), and why."""

    fell: str | None
    reason: str = ""
    score: float = 1.0


def climb(task: Task, completion: str) -> Iterator[StageOutcome]:
    """One finding a stage, in order, up to the first that was not climbed."""
    spec = read_spec(task.spec)
    try:
        found = extract(completion)
    except NoAnswerError as problem:
        yield failed("extract", detail=str(problem))
        return
    yield passed("extract", detail=_shown(found[-1].text))
    asked = next((turn.content for turn in reversed(task.prompt) if turn.role == "user"), "")
    rules = Rules(spec.answer_type, spec.tolerance, bool(_PERCENT.search(asked)))
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


def _best(spec: Spec, found: Found, rules: Rules, asked: str) -> Judgement:
    alone = judge(spec, found.text, rules, asked)
    if alone.fell is None or found.dressed is None:
        return alone
    dressed = judge(spec, found.dressed, rules, asked)
    return alone if dressed.fell else dressed


def judge(spec: Spec, answer: str, rules: Rules, asked: str = "") -> Judgement:
    """Whether the text of one answer is the gold of `spec`, and not the question `asked` over again."""
    if _same_words(spec, answer):
        return Judgement(None)
    if isinstance(spec.gold, Text):
        return Judgement("equivalent", "not the words asked for")
    try:
        node = parse(answer)
    except ParseError as problem:
        return Judgement("parse", str(problem))
    try:
        reason = difference(spec.gold, node, rules) or undone(asked, spec.gold, node, answer)
    except UndefinedError as problem:
        return Judgement("equivalent", f"has no value: {problem}")
    except BudgetError as problem:
        return Judgement("equivalent", str(problem))
    except RecursionError:
        return Judgement("equivalent", "nested too deeply")
    if reason is not None:
        return Judgement("equivalent", reason)
    score, note = form(spec.gold, node)
    return Judgement(None, note, score)


def _same_words(spec: Spec, answer: str) -> bool:
    """Whether gold and answer are the same words; a short gold such as `B` may also be a variable."""
    flat = words(answer)
    if isinstance(spec.gold, Text):
        return bool(flat) and flat == spec.gold.words
    letters = spec.answer.strip(" $.")
    return letters in answer and _CHOICE.fullmatch(letters) is not None and flat == words(spec.answer)


def _shown(answer: str) -> str:
    return answer if len(answer) <= _SHOWN else f"{answer[:_SHOWN]}…"
