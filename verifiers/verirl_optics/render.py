"""Show a person an answer next to the limits of its task."""

from __future__ import annotations

from typing import TYPE_CHECKING

from verirl.answers import NoAnswerError
from verirl.reporting.answer_view import framed, ladder
from verirl.reporting.formatting import clean, one_line
from verirl.types import Task, Verdict
from verirl_optics.extract import extract

if TYPE_CHECKING:
    from rich.console import RenderableType

_SHOWN = 1200
_LIMITS = (
    ("efl_mm", "efl_mm"),
    ("fno", "fno"),
    ("bfl_mm", "min_bfl_mm"),
    ("total_track_mm", "max_total_track_mm"),
    ("rms_spot_um", "max_rms_um"),
    ("distortion_pct", "max_distortion_pct"),
)


def render(task: Task, completion: str, verdict: Verdict) -> RenderableType:
    """Return the surfaces, a table of figures and limits, and the stages with their reasons."""
    from rich.table import Table
    from rich.text import Text

    try:
        answer = Text(clean(extract(completion)[:_SHOWN]))
    except NoAnswerError as error:
        answer = Text(one_line(str(error)), style="italic red")
    figures = Table("figure", "found", "asked for", box=None)
    for found, asked in _LIMITS:
        if found in verdict.metrics:
            limit = task.spec.get(asked)
            figures.add_row(found, f"{verdict.metrics[found]:.5g}", "" if limit is None else f"{limit:g}")
    return framed(task, verdict, answer, figures, ladder(verdict))
