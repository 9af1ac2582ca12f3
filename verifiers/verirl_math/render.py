"""How an answer and its verdict are shown: question, answer, gold answer, and every stage."""

from __future__ import annotations

from typing import TYPE_CHECKING

from verirl.answers import NoAnswerError
from verirl.reporting.answer_view import first_line, framed, ladder
from verirl.reporting.formatting import one_line
from verirl.types import StageResult, Status, Task, Verdict
from verirl_math.answers.extract import extract_answers

if TYPE_CHECKING:
    from rich.console import RenderableType

_SHOWN_CHARS = 400


def render(task: Task, completion: str, verdict: Verdict) -> RenderableType:
    """Return a panel with question, answer, gold answer, and a mark, a score and a reason for each stage.

    Args:
        task: The task, whose last message is the question.
        completion: What the model wrote.
        verdict: The verdict of the completion.
    """
    from rich.table import Table
    from rich.text import Text

    try:
        answer = Text(
            "  and  ".join(one_line(part.text, _SHOWN_CHARS) for part in extract_answers(completion))
        )
    except NoAnswerError as error:
        answer = Text(one_line(str(error), _SHOWN_CHARS), style="italic red")
    facts = Table.grid(padding=(0, 2))
    facts.add_column(style="bold")
    facts.add_column(overflow="fold")
    facts.add_row("question", Text(one_line(task.prompt[-1].content, _SHOWN_CHARS)))
    facts.add_row("answer", answer)
    facts.add_row("gold", Text(one_line(str(task.spec.get("answer", "")), _SHOWN_CHARS)))
    return framed(task, verdict, facts, ladder(verdict, _stage_note))


def _stage_note(stage: StageResult) -> str:
    # The row above shows what was extracted.
    is_extracted = stage.name == "extract" and stage.status is Status.PASSED
    return "" if is_extracted else first_line(stage)
