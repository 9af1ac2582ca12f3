"""The optional last stage: a language model's opinion of a lens that passed all the others.

A worker has no network, so the model is asked outside the worker. It sees only the prescription as the worker
read it and wrote it down again: numbers and catalog names, no other text of the answer. The opinion is a
score of quality; it cannot make an answer pass or fail.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from verirl.answers import NoAnswerError, said
from verirl.errors import VerirlError
from verirl.models import Policy
from verirl.pool import Request
from verirl.types import Message, StageResult, Status, Task, Verdict
from verirl_optics.answer import LINE_NOTATION

REPLY_TOKENS = 2048
MAX_RATING = 10
MAX_PRESCRIPTION_CHARS = 3900
"""Greatest length of a prescription in the feedback of a verdict."""
RUBRIC = (
    "You judge optical designs. A ray tracer has already found that the lens below meets every limit; do not "
    "judge its sharpness. Judge how sensible it is to make: bending and power of each element, angles of "
    "incidence, edges and centres, choice of glasses, sensitivity to tolerances. Each line is a surface, "
    f"{LINE_NOTATION}, in mm, air behind it if no glass is named. Reply with one whole number from 0 "
    f"(absurd) to {MAX_RATING} (as a master would do it), and nothing else."
)
_WHOLE = re.compile(r"[+-]?[0-9]{1,3}")


def with_prescription_feedback(request: Request) -> Request:
    """Return the request with a task whose verdicts carry the lens, as it was read, in their feedback."""
    task = request.task
    return request._replace(task=task.model_copy(update={"spec": {**task.spec, "heuristic": True}}))


def rate_passed_lenses(policy: Policy, verdicts: Sequence[Verdict], *, seed: int = 0) -> list[Verdict]:
    """Add the stage `heuristic` to the verdicts that passed.

    Args:
        policy: The model to ask.
        verdicts: Verdicts of requests from `with_prescription_feedback`.
        seed: Seed of the sampling.

    Returns:
        The verdicts in the same order. If the model gives no number, the stage is an `error`, so that the
        verdict has no reward.
    """
    chosen = [i for i, verdict in enumerate(verdicts) if verdict.passed]
    short = [i for i in chosen if len(verdicts[i].feedback) <= MAX_PRESCRIPTION_CHARS]
    found = dict.fromkeys(chosen, _stage(Status.SKIPPED, detail="the prescription is too long to be shown"))
    found |= dict(zip(short, _ask(policy, [verdicts[i] for i in short], seed), strict=True))
    return [
        verdict
        if i not in found
        else verdict.model_copy(
            update={
                "stages": (*verdict.stages, found[i]),
                "made_by": {**verdict.made_by, "heuristic": policy.name},
            }
        )
        for i, verdict in enumerate(verdicts)
    ]


def _ask(policy: Policy, verdicts: Sequence[Verdict], seed: int) -> list[StageResult]:
    questions = [
        Task(
            id=f"{verdict.task_id}#heuristic-{number}",
            domain="optics",
            prompt=(
                Message(role="system", content=RUBRIC),
                Message(role="user", content=verdict.feedback),
            ),
            spec={},
        )
        for number, verdict in enumerate(verdicts)
    ]
    if not questions:
        return []
    try:
        replies = policy.sample(questions, n=1, temperature=0.0, max_new_tokens=REPLY_TOKENS, seed=seed)
    except VerirlError as error:
        return [_stage(Status.ERROR, detail=str(error))] * len(questions)
    return [opinion(texts[0] if texts else "") for texts in replies]


def opinion(reply: str) -> StageResult:
    """Convert a reply to the stage result: one whole number and nothing else, clamped to 0 … 10."""
    try:
        text = said(reply).strip()
    except NoAnswerError as error:
        return _stage(Status.ERROR, detail=f"the judge: {error}")
    if not _WHOLE.fullmatch(text):
        return _stage(Status.ERROR, detail=f"the judge's reply is no whole number: {text[:60]!a}")
    return _stage(Status.PASSED, min(MAX_RATING, max(0, int(text))) / MAX_RATING)


def _stage(status: Status, score: float = 0.0, detail: str = "") -> StageResult:
    return StageResult(name="heuristic", status=status, score=score, detail=detail[:400])
