"""Make a task set: draw tasks, drop duplicates, and admit those whose checks reject every mutant.

A task is admitted if its reference passes every stage of the ladder and every mutant fails one. Draws are
numbered, admitted in that order and verified in blocks of a fixed size, so the set depends on the arguments
alone, not on the number or the speed of the workers.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from verirl.domain import Domain
from verirl.errors import InputError, VerirlError
from verirl.options import GenerationOptions
from verirl.seeds import rng
from verirl.taskgen.options import read_options
from verirl.types import Source, Status, Task, Verdict
from verirl.verifier import Request, Verifier

BLOCK_DRAWS = 256
"""At most this many draws are verified together."""
MAX_STALE_DRAWS = 400
"""Draws of one family in a row without a new task, after which it counts as exhausted."""
MAX_REFUSALS_IN_A_ROW = 64
"""Refusals in a row after which generation gives up: the generator and the checks disagree."""
RETRIES = 2
"""How often an `error` verdict is requested again before generation gives up."""


class Refusal(NamedTuple):
    """A task that was not admitted: `reason` is `reference` or the kind of the mutant that passed."""

    task_id: str
    reason: str
    detail: str


@dataclass(frozen=True)
class FamilyReport:
    """Counts of one family. `kill_rate` is None if no mutant was verified."""

    admitted: int = 0
    refused: int = 0
    duplicates: int = 0
    mutants: int = 0
    killed: int = 0
    exhausted: bool = False

    @property
    def kill_rate(self) -> float | None:
        """Share of this family's mutants that the checks rejected."""
        return self.killed / self.mutants if self.mutants else None


@dataclass(frozen=True)
class GenerationReport:
    """A task set and how it was admitted.

    Attributes:
        tasks: The admitted tasks, in the order of their draws.
        refused: The tasks that were not admitted.
        families: Counts per family.
        errors: Number of `error` verdicts, each of which was requested again.
        left_out: Families without tasks under the given options.
    """

    tasks: tuple[Task, ...]
    refused: tuple[Refusal, ...]
    families: Mapping[str, FamilyReport]
    errors: int = 0
    left_out: tuple[str, ...] = ()

    @property
    def kill_rate(self) -> float | None:
        """Share of all judged mutants that the checks rejected, those of refused tasks included."""
        judged = sum(part.mutants for part in self.families.values())
        return sum(part.killed for part in self.families.values()) / judged if judged else None


@dataclass
class _Family:
    """Progress of a family that is drawn from at difficulties from `low` to `high`."""

    name: str
    low: float
    high: float
    counts: Counter[str] = field(default_factory=Counter)
    stale: int = 0
    exhausted: bool = False

    def report(self) -> FamilyReport:
        return FamilyReport(**self.counts, exhausted=self.exhausted)


def generate_tasks(
    domain: Domain,
    n: int,
    seed: int,
    *,
    pool: Verifier,
    difficulty: tuple[float, float] = (0.0, 1.0),
    split: str = "train",
    families: Sequence[str] | None = None,
    check_mutants: bool = True,
    on_progress: Callable[[int], None] | None = None,
    options: Mapping[str, Any] | GenerationOptions | None = None,
) -> GenerationReport:
    """Generate distinct tasks, and admit those that the domain's checks can tell from their mutants.

    Args:
        domain: The domain.
        n: Number of tasks.
        seed: Seed of all draws.
        pool: Verifies references and mutants.
        difficulty: Range of the difficulties, each drawn uniformly; if no families are named, restricted to
            each family's own range.
        split: `train` or `eval`.
        families: Families to draw from in turn; None for all that have tasks.
        check_mutants: False verifies only references; the tasks then carry no kill rate.
        on_progress: Called with the number of tasks that were just admitted.
        options: The domain's generation options.

    Returns:
        The tasks and the counts per family. The same arguments give the same tasks.

    Raises:
        InputError: If an argument is invalid or the families have fewer than `n` distinct tasks.
        VerirlError: If a verdict stays an error, or the checks refuse many tasks in a row.
    """
    low, high = _check(domain, n, difficulty, families)
    chosen = options if isinstance(options, GenerationOptions) else read_options(domain, options or {})
    live = (
        [_Family(name, low, high) for name in dict.fromkeys(families)]
        if families
        else _families_in_range(domain, low, high, chosen)
    )
    admission = _Admission(domain, pool, check_mutants=check_mutants)
    everyone = tuple(live)
    tasks: list[Task] = []
    index = 0
    while len(tasks) < n:
        block: list[tuple[_Family, Task]] = []
        while len(block) < min(BLOCK_DRAWS, n - len(tasks)) and live:
            family = live[index % len(live)]
            drawn = rng(domain.name, split, seed, index, "difficulty").uniform(family.low, family.high)
            task = domain.generate(
                seed, index, round(drawn, 4), split=split, family=family.name, options=chosen
            )
            index += 1
            if admission.is_new(task):
                family.stale = 0
                block.append((family, task))
                continue
            family.counts["duplicates"] += 1
            family.stale += 1
            if family.stale >= MAX_STALE_DRAWS:
                family.exhausted = True
                live.remove(family)
        if not block:
            raise InputError(_exhausted(domain, n, tasks, everyone, (low, high)))
        admitted = admission.admitted(block)
        tasks += admitted
        if on_progress is not None:
            on_progress(len(admitted))
    return GenerationReport(
        tuple(tasks),
        tuple(admission.refused),
        {family.name: family.report() for family in everyone},
        admission.errors,
        ()
        if families
        else tuple(name for name in domain.families if name not in {one.name for one in everyone}),
    )


def _families_in_range(domain: Domain, low: float, high: float, options: GenerationOptions) -> list[_Family]:
    found = []
    for name in domain.families_for(options):
        least, most = domain.difficulty_range(name, options)
        # A family that begins where the range ends has nothing in it, unless the range is that one point.
        if max(low, least) < min(high, most) or (low == high and (least <= low < most or low == most == 1.0)):
            found.append(_Family(name, max(low, least), min(high, most)))
    if not found:
        raise InputError(
            f"domain '{domain.name}' has no family at difficulty {low:g}:{high:g} under these options; "
            "name one (--family) or widen --difficulty"
        )
    return found


class _Admission:
    """Admission: verifies the tasks of a block and keeps the counts."""

    def __init__(self, domain: Domain, pool: Verifier, *, check_mutants: bool) -> None:
        self.refused: list[Refusal] = []
        self.errors = 0
        self._domain = domain
        self._pool = pool
        self._check_mutants = check_mutants
        self._seen: set[str] = set()
        self._in_a_row = 0

    def is_new(self, task: Task) -> bool:
        key = task.content_key()
        if key in self._seen:
            return False
        self._seen.add(key)
        return True

    def admitted(self, block: list[tuple[_Family, Task]]) -> list[Task]:
        """The tasks of a block that pass admission, in order, each with its kill rate."""
        jobs: list[Request] = []
        spans: list[tuple[int, list[str]]] = []
        for _, task in block:
            kinds: list[str] = []
            start = len(jobs)
            if task.reference is not None:
                jobs.append(Request(task, task.reference))
                for sample, mutant in enumerate(
                    self._domain.mutants(task) if self._check_mutants else (), start=1
                ):
                    jobs.append(Request(task, mutant.completion, sample))
                    kinds.append(mutant.kind)
            spans.append((start, kinds))
        verdicts = self._verdicts(jobs)
        found: list[Task] = []
        for (family, task), (start, kinds) in zip(block, spans, strict=True):
            refusal = self._judge(family, task, verdicts[start : start + 1 + len(kinds)], kinds)
            if refusal is None:
                family.counts["admitted"] += 1
                found.append(_with_kill_rate(task, 1.0 if kinds else None))
                self._in_a_row = 0
                continue
            family.counts["refused"] += 1
            self.refused.append(refusal)
            self._in_a_row += 1
            if self._in_a_row >= MAX_REFUSALS_IN_A_ROW:
                raise VerirlError(
                    f"domain '{self._domain.name}': {MAX_REFUSALS_IN_A_ROW} tasks in a row were refused; "
                    f"the last, {task.id}: {refusal.reason} ({refusal.detail})"
                )
        return found

    def _judge(
        self, family: _Family, task: Task, verdicts: list[Verdict], kinds: list[str]
    ) -> Refusal | None:
        if task.reference is None:
            return Refusal(task.id, "reference", "the domain gave none")
        reference, *others = verdicts
        survivors = [kind for kind, verdict in zip(kinds, others, strict=True) if verdict.passed]
        family.counts["mutants"] += len(kinds)
        family.counts["killed"] += len(kinds) - len(survivors)
        if not reference.passed:
            return Refusal(task.id, "reference", _failure(reference))
        if survivors:
            return Refusal(task.id, survivors[0], f"{len(survivors)} of {len(kinds)} mutants passed")
        return None

    def _verdicts(self, jobs: list[Request]) -> list[Verdict]:
        verdicts = self._pool.verify(jobs)
        for _ in range(RETRIES):
            broken = [place for place, verdict in enumerate(verdicts) if verdict.is_error]
            if not broken:
                break
            self.errors += len(broken)
            for place, verdict in zip(broken, self._pool.verify([jobs[p] for p in broken]), strict=True):
                verdicts[place] = verdict
        for job, verdict in zip(jobs, verdicts, strict=True):
            if verdict.is_error:
                raise VerirlError(f"{job.task.id}: could not be judged: {_failure(verdict)}")
        return verdicts


def _failure(verdict: Verdict) -> str:
    """Return the stage that a completion failed, and why."""
    for stage in verdict.stages:
        if stage.status not in (Status.PASSED, Status.SKIPPED):
            return f"{stage.name}: {stage.detail or stage.status}"
    return "not every stage was reached"


def _with_kill_rate(task: Task, rate: float | None) -> Task:
    source = task.source or Source(name="verirl")
    return task.model_copy(update={"source": source.model_copy(update={"kill_rate": rate})})


def _check(
    domain: Domain,
    n: int,
    difficulty: tuple[float, float],
    families: Sequence[str] | None,
) -> tuple[float, float]:
    low, high = difficulty
    if n < 1:
        raise InputError(f"the number of tasks must be at least 1, not {n}")
    if not 0.0 <= low <= high <= 1.0:
        raise InputError(f"difficulty {low:g}:{high:g} is not a range inside [0, 1]")
    if not domain.families:
        raise InputError(f"domain '{domain.name}' makes no tasks; import them instead (verirl import)")
    for name in families or ():
        if name not in domain.families:
            raise InputError(
                f"domain '{domain.name}' has no family '{name}'; there are: {', '.join(domain.families)}"
            )
    return low, high


def _exhausted(
    domain: Domain,
    n: int,
    tasks: Sequence[Task],
    families: Sequence[_Family],
    difficulty: tuple[float, float],
) -> str:
    each = ", ".join(f"{family.name} {family.counts['admitted']}" for family in families)
    return (
        f"domain '{domain.name}' has only {len(tasks)} of {n} distinct tasks at difficulty "
        f"{difficulty[0]:g}:{difficulty[1]:g} ({each}); ask for fewer, widen --difficulty, or add a --family"
    )
