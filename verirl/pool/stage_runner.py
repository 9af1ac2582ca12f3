"""How a ladder is climbed and what the outcomes amount to. Pure: no process, no clock but the stages'."""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from verirl.domain import Domain, StageContext
from verirl.errors import ToolMissingError
from verirl.outcomes import StageOutcome, errored
from verirl.types import Ladder, Stage, StageResult, Status, Task, Verdict, all_correct

_STANDS = (Status.PASSED, Status.SKIPPED)


@dataclass
class StageRunner:
    """The outcomes so far on one ladder, and whether they are final."""

    ladder: Ladder
    outcomes: list[StageOutcome] = field(default_factory=list)
    _reached: int = 0
    ended: bool = False

    def add(self, outcome: StageOutcome) -> None:
        """Take the next outcome; ValueError where it names no rung above the last, or leaves one out."""
        name = outcome.stage.name
        if self.ended:
            raise ValueError(f"gave '{name}' after the ladder had ended")
        for position in range(self._reached, len(self.ladder)):
            rung = self.ladder[position]
            if rung.name == name:
                break
            if rung.kind == "correctness":
                raise ValueError(f"gave '{name}' where '{rung.name}' was due")
        else:
            raise ValueError(f"gave '{name}', which is no rung above '{self._last()}'")
        self._reached = position + 1
        self.outcomes.append(outcome)
        fell = rung.kind == "correctness" and outcome.stage.status not in _STANDS
        self.ended = fell or outcome.stage.status is Status.ERROR or self._reached == len(self.ladder)

    def due(self) -> Stage | None:
        """The rung that is being climbed; None where none is left."""
        return None if self.ended else self.ladder[self._reached]

    def stop(self, outcome: StageOutcome) -> StageOutcome:
        """End here: `outcome` is what became of the rung in progress."""
        if not self.ended:
            self.outcomes.append(outcome)
            self.ended = True
        return outcome

    def close(self) -> StageOutcome | None:
        """The domain has no more to say; a correctness rung that it left out is our error."""
        left = [rung.name for rung in self.ladder[self._reached :] if rung.kind == "correctness"]
        if left and not self.ended:
            return self.stop(errored(left[0], "the domain's checks ended without an outcome for this stage"))
        self.ended = True
        return None

    def _last(self) -> str:
        return self.outcomes[-1].stage.name if self.outcomes else "the ground"


def run_stages(
    domain: Domain, task: Task, completion: str, job: StageContext, progress: StageRunner
) -> Iterator[StageOutcome]:
    """Pull the domain's stages one by one, timed, up to the first fall; `progress` keeps the score.

    An exception is our error, never the answer's; except that MemoryError and RecursionError pass through
    (whose fault they are is found out by trying again), as does ToolMissingError.
    """
    stages: Iterator[StageOutcome] = iter(())
    try:
        started = time.perf_counter()
        stages = iter(domain.stages(task, completion, job))
        while progress.due() is not None:
            outcome = next(stages, None)
            if outcome is None:
                break
            outcome = timed(_sound(outcome), time.perf_counter() - started)
            progress.add(outcome)
            yield outcome
            started = time.perf_counter()
        missing = progress.close()
        if missing is not None:
            yield missing
    except (MemoryError, RecursionError, ToolMissingError, GeneratorExit):
        raise
    except (Exception, SystemExit) as problem:  # noqa: BLE001 - a domain's bug must not look like a verdict
        rung = progress.due()
        if rung is not None:
            yield progress.stop(errored(rung.name, last_line(problem)))
    finally:
        close = getattr(stages, "close", None)
        if close is not None:
            with contextlib.suppress(Exception):
                close()


def _sound(outcome: StageOutcome) -> StageOutcome:
    """The outcome with its score in [0, 1]; ValueError where it has none."""
    stage = outcome.stage
    if not math.isfinite(stage.score):
        raise ValueError(f"stage '{stage.name}' gave the score {stage.score}")
    score = min(1.0, max(0.0, stage.score))
    return replace(outcome, stage=stage.model_copy(update={"score": score}))


def timed(outcome: StageOutcome, seconds: float) -> StageOutcome:
    """The outcome with the time that its stage took."""
    return replace(outcome, stage=outcome.stage.model_copy(update={"seconds": seconds}))


def last_line(problem: BaseException) -> str:
    """`Type: message`, on one line, of an exception."""
    text = " ".join(str(problem).split())
    return f"{type(problem).__name__}: {text}"[:500]


def verdict(
    task_id: str, sample: int, ladder: Ladder, outcomes: Sequence[StageOutcome], made_by: Mapping[str, str]
) -> Verdict:
    """What the outcomes amount to."""
    stages: tuple[StageResult, ...] = tuple(outcome.stage for outcome in outcomes)
    metrics: dict[str, float] = {}
    for outcome in outcomes:
        metrics |= outcome.metrics
    feedback = "\n".join(outcome.feedback for outcome in outcomes if outcome.feedback)
    return Verdict(
        task_id=task_id,
        sample=sample,
        passed=all_correct(ladder, stages) and not any(s.status is Status.ERROR for s in stages),
        stages=stages,
        metrics=metrics,
        feedback=feedback,
        made_by=dict(made_by),
    )
