"""Make a task set: draw, drop what was seen, and admit only what the domain's own checks can tell apart.

A task is admitted where its reference climbs the whole ladder and every mutant falls off it. Draws are
numbered, admitted in the order of their numbers and judged in blocks of a fixed size, so the set depends
on the arguments alone: not on the number of workers, nor on which of them was quick.
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

BLOCK = 256
"""At most this many draws are judged together; fewer where fewer are still wanted."""
STALE = 400
"""Draws of one family in a row without a new task, after which it counts as exhausted."""
HOPELESS = 64
"""Refusals in a row after which the domain and its own checks clearly disagree."""
RETRIES = 2
"""How often an `error` verdict is asked for again before synthesis gives up."""


class Refusal(NamedTuple):
    """A task that was not admitted: `reason` is `reference` or the kind of the mutant that passed."""

    task_id: str
    reason: str
    detail: str


@dataclass(frozen=True)
class FamilyReport:
    """One family's part of a synthesis. `kill_rate` is None where no mutant was judged."""

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
    """The tasks, and what it took to make them.

    `errors`: verdicts that came only when asked again. `left_out`: families that have no task under these
    options.
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
    """What is known of a family while it is drawn from, at difficulties from `low` to `high`."""

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
    """`n` distinct tasks of `domain`, spread evenly over `families` (None: all that have one).

    The difficulty of each draw is uniform in `difficulty`; where no families are named, in the part of it at
    which its family is at home. With `check_mutants` False only references are
    judged, and the tasks carry no kill rate. `options` go to the domain's `synth`. `on_progress` hears how
    many more tasks were admitted.

    Raises InputError on bad arguments and where the families have no `n` distinct tasks; VerirlError where
    a verdict stays an error.
    """
    low, high = _check(domain, n, difficulty, families)
    chosen = options if isinstance(options, GenerationOptions) else read_options(domain, options or {})
    live = (
        [_Family(name, low, high) for name in dict.fromkeys(families)]
        if families
        else _at_home(domain, low, high, chosen)
    )
    made = _Making(domain, pool, check_mutants=check_mutants)
    everyone = tuple(live)
    tasks: list[Task] = []
    index = 0
    while len(tasks) < n:
        block: list[tuple[_Family, Task]] = []
        while len(block) < min(BLOCK, n - len(tasks)) and live:
            family = live[index % len(live)]
            drawn = rng(domain.name, split, seed, index, "difficulty").uniform(family.low, family.high)
            task = domain.generate(
                seed, index, round(drawn, 4), split=split, family=family.name, options=chosen
            )
            index += 1
            if made.is_new(task):
                family.stale = 0
                block.append((family, task))
                continue
            family.counts["duplicates"] += 1
            family.stale += 1
            if family.stale >= STALE:
                family.exhausted = True
                live.remove(family)
        if not block:
            raise InputError(_exhausted(domain, n, tasks, everyone, (low, high)))
        admitted = made.admitted(block)
        tasks += admitted
        if on_progress is not None:
            on_progress(len(admitted))
    return GenerationReport(
        tuple(tasks),
        tuple(made.refused),
        {family.name: family.report() for family in everyone},
        made.errors,
        ()
        if families
        else tuple(name for name in domain.families if name not in {one.name for one in everyone}),
    )


def _at_home(domain: Domain, low: float, high: float, options: GenerationOptions) -> list[_Family]:
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


class _Making:
    """The judging side of one synthesis."""

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
            if self._in_a_row >= HOPELESS:
                raise VerirlError(
                    f"domain '{self._domain.name}': {HOPELESS} tasks in a row were refused; "
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
            return Refusal(task.id, "reference", _fall(reference))
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
                raise VerirlError(f"{job.task.id}: could not be judged: {_fall(verdict)}")
        return verdicts


def _fall(verdict: Verdict) -> str:
    """The stage at which a completion fell, and why."""
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
