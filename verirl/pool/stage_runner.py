"""Run a domain's stages in the order of its ladder, and make a verdict of their outcomes.

Pure functions: no process is started here, and the only clock is the one that times each stage.
"""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from verirl.domain import Domain, StageContext
from verirl.errors import ToolMissingError
from verirl.outcomes import StageOutcome, errored
from verirl.types import Ladder, Stage, StageResult, Status, Task, Verdict, all_correct

_GOING_ON = (Status.PASSED, Status.SKIPPED)


@dataclass
class StageRunner:
    """Progress through one ladder: the outcomes so far, and whether they are final."""

    ladder: Ladder
    outcomes: list[StageOutcome] = field(default_factory=list)
    _reached: int = 0
    ended: bool = False

    def add(self, outcome: StageOutcome) -> None:
        """Add the next outcome; ValueError if its stage is out of order or one before it is missing."""
        name = outcome.stage.name
        if self.ended:
            raise ValueError(f"stage '{name}' was reported after the last stage")
        for position in range(self._reached, len(self.ladder)):
            stage = self.ladder[position]
            if stage.name == name:
                break
            if stage.kind == "correctness":
                raise ValueError(f"stage '{name}' was reported where '{stage.name}' was due")
        else:
            raise ValueError(f"stage '{name}' was reported out of order ({self._last()})")
        self._reached = position + 1
        self.outcomes.append(outcome)
        stopped = stage.kind == "correctness" and outcome.stage.status not in _GOING_ON
        self.ended = stopped or outcome.stage.status is Status.ERROR or self._reached == len(self.ladder)

    def due(self) -> Stage | None:
        """Return the stage in progress; None if none is left."""
        return None if self.ended else self.ladder[self._reached]

    def stop(self, outcome: StageOutcome) -> StageOutcome:
        """End here with the outcome of the stage in progress."""
        if not self.ended:
            self.outcomes.append(outcome)
            self.ended = True
        return outcome

    def close(self) -> StageOutcome | None:
        """End after the domain's last outcome; a correctness stage that it left out is an error."""
        left = [stage.name for stage in self.ladder[self._reached :] if stage.kind == "correctness"]
        if left and not self.ended:
            return self.stop(errored(left[0], "the domain's checks ended without an outcome for this stage"))
        self.ended = True
        return None

    def _last(self) -> str:
        if not self.outcomes:
            return "no stage had been reported yet"
        return f"the last one was '{self.outcomes[-1].stage.name}'"


def run_stages(
    domain: Domain, task: Task, completion: str, job: StageContext, progress: StageRunner
) -> Iterator[StageOutcome]:
    """Run the domain's stages one by one, up to the first failed correctness stage.

    An exception becomes an `error` outcome, never a failure of the answer. MemoryError and RecursionError
    pass through, because only another try can tell who is to blame, and so does ToolMissingError.

    Args:
        domain: The domain that judges.
        task: The task.
        completion: The answer to judge.
        job: Working folder and deadline.
        progress: Where the outcomes are recorded.

    Yields:
        Each outcome, with the time that its stage took.
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
    except (Exception, SystemExit) as error:  # noqa: BLE001 - a domain's bug must not look like a verdict
        stage = progress.due()
        if stage is not None:
            yield progress.stop(errored(stage.name, last_line(error)))
    finally:
        if isinstance(stages, Generator):
            with contextlib.suppress(Exception):
                stages.close()


def _sound(outcome: StageOutcome) -> StageOutcome:
    """Return the outcome with its score clipped to [0, 1]; ValueError if the score is not finite."""
    stage = outcome.stage
    if not math.isfinite(stage.score):
        raise ValueError(f"stage '{stage.name}' gave the score {stage.score}")
    score = min(1.0, max(0.0, stage.score))
    return replace(outcome, stage=stage.model_copy(update={"score": score}))


def timed(outcome: StageOutcome, seconds: float) -> StageOutcome:
    """Return the outcome with the time that its stage took."""
    return replace(outcome, stage=outcome.stage.model_copy(update={"seconds": seconds}))


def last_line(error: BaseException) -> str:
    """Return an exception as `Type: message` on one line."""
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text}"[:500]


def verdict(
    task_id: str, sample: int, ladder: Ladder, outcomes: Sequence[StageOutcome], made_by: Mapping[str, str]
) -> Verdict:
    """Combine outcomes into a verdict: it passes if every correctness stage did and no stage has an error."""
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
