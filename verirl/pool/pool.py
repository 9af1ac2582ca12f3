"""The verifier pool: warm workers, a deadline for each job, and nobody blamed for another's failure."""

from __future__ import annotations

import contextlib
import math
import os
import secrets
import selectors
import signal
import subprocess
import tempfile
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple, Self

from verirl import registry, sandbox
from verirl.domain import Domain
from verirl.errors import InputError, PoolError, ToolMissingError
from verirl.outcomes import errored, failed, timed_out
from verirl.pool import spawn
from verirl.pool.cache import VerdictCache, cache_key
from verirl.pool.protocol import ProtocolError, finding_from_wire
from verirl.pool.stage_runner import StageRunner, timed, verdict
from verirl.pool.worker_process import Entry, State, Worker, died_of
from verirl.types import Ladder, Status, Task, Verdict
from verirl.verifier import Request

_GRACE_SECONDS = {State.STARTING: 120.0, State.ENDING: 5.0}
_STARTS = 2
_IDLE_DEATHS = 5
_AHEAD_SECONDS = 0.01
_AHEAD_JOBS = 16
_REACH = 32
"""Jobs at the head of a queue among which a worker finds one of a task that it knows."""

_STORED = (Status.PASSED, Status.FAILED, Status.SKIPPED)


@dataclass
class PoolStats:
    """What a pool has done since it was made. `busy_s`: seconds that its workers spent judging."""

    verified: int = 0
    cached: int = 0
    deduplicated: int = 0
    timeouts: int = 0
    crashes: int = 0
    errors: int = 0
    respawns: int = 0
    busy_s: float = 0.0

    def as_dict(self) -> dict[str, float]:
        """The counts by name."""
        return asdict(self)


class _Known(NamedTuple):
    """What the pool needs of a domain, asked once."""

    domain: Domain
    ladder: Ladder
    made_by: dict[str, str]


@dataclass
class _Batch:
    """One call of `verify`."""

    jobs: Sequence[Request]
    on_done: Callable[[int, Verdict], None] | None
    results: list[Verdict | None]
    queues: dict[str, deque[Entry]] = field(default_factory=dict)
    wires: dict[str, dict[str, Any]] = field(default_factory=dict)
    left: int = 0


class VerifierPool:
    """Judges completions on warm worker processes; use it as a context manager.

    `workers`: how many jobs run at once (default: the cores that this process may use). `deadline_s`:
    wall-clock budget of a verdict, counted from when a worker starts it (default: the domain's).
    `memory_mb`: address space of each worker. `recycle_after`: jobs after which a worker's memory is
    thrown away. `cache`: where verdicts are kept between runs; none where None.
    `sandboxed=False`: answers run with our rights.

    `verify` raises PoolError where workers do not start, ToolMissingError where bubblewrap or a domain's
    tool is missing, InputError where a domain is not installed.
    """

    def __init__(
        self,
        workers: int | None = None,
        *,
        deadline_s: float | None = None,
        memory_mb: int = 2048,
        recycle_after: int = 2000,
        cache: VerdictCache | None = None,
        sandboxed: bool = True,
    ) -> None:
        self.workers = len(os.sched_getaffinity(0)) if workers is None else workers
        finite = deadline_s is None or 0 < deadline_s < math.inf
        if self.workers < 1 or recycle_after < 1 or memory_mb < 1 or not finite:
            raise InputError("a pool needs at least one worker, a finite deadline, and positive limits")
        self.deadline_s = deadline_s
        self.stats = PoolStats()
        self._memory_mb = memory_mb
        self._recycle_after = recycle_after
        self._cache = cache
        self._sandboxed = sandboxed
        self._lock = threading.Lock()
        self._owner = os.getpid()
        self._selector = selectors.DefaultSelector()
        self._alive: list[Worker] = []
        self._known: dict[str, _Known] = {}
        self._pace: dict[str, float] = {}
        self._failed_starts: dict[str, int] = {}
        self._idle_deaths = 0
        self._controls: dict[str, bool] = {}
        # The kernel ties a worker's life to the *thread* that started it: this one lives as long as we do.
        self._starter = ThreadPoolExecutor(max_workers=1, thread_name_prefix="verirl-starter")
        self._close = weakref.finalize(self, _close, os.getpid(), self._alive, self._starter, self._selector)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End every worker. Nothing of the pool is left when this returns."""
        self._close()

    def verify(
        self, jobs: Sequence[Request], on_done: Callable[[int, Verdict], None] | None = None
    ) -> list[Verdict]:
        """The verdict of each job, in the order of `jobs`.

        `on_done(index, verdict)` is called as verdicts come, in any order, on the calling thread.
        """
        if os.getpid() != self._owner or not self._close.alive:
            raise PoolError("this pool is closed, or belongs to another process: make a new one")
        jobs = [Request(*job) for job in jobs]
        with self._lock:
            batch = _Batch(jobs, on_done, [None] * len(jobs), left=len(jobs))
            try:
                self._plan(batch)
                self._listen(batch, 0.0)
                while batch.left:
                    self._step(batch)
            finally:
                self._abandon()
                if self._cache is not None:
                    self._cache.flush()
        return [found for found in batch.results if found is not None]

    def _plan(self, batch: _Batch) -> None:
        """Fold equal jobs into one, answer what the cache knows, and queue the rest."""
        keys: dict[int, str] = {}
        entries: dict[tuple[str, str], Entry] = {}
        for index, job in enumerate(batch.jobs):
            key = keys.get(id(job.task)) or keys.setdefault(id(job.task), job.task.content_key())
            entry = entries.get((key, job.completion))
            if entry is not None:
                entry.indexes.append(index)
                self.stats.deduplicated += 1
            else:
                entries[key, job.completion] = self._entry(batch, key, job.task, job.completion, [index])
        for entry in entries.values():
            if self._cache is not None:
                known = self._known[entry.task.domain]
                entry.cache_key = cache_key(entry.key, entry.completion, known.made_by)
                found = self._cache.get(entry.cache_key, known.ladder)
                if found is not None:
                    self.stats.cached += len(entry.indexes)
                    self._deliver(batch, entry, found)
                    continue
            batch.queues.setdefault(entry.task.domain, deque()).append(entry)
        if batch.queues and self._sandboxed:
            sandbox.require()

    def _entry(self, batch: _Batch, key: str, task: Task, completion: str, indexes: list[int]) -> Entry:
        known = self._know(task.domain)
        if key not in batch.wires:
            # A worker sees what the key covers and no more: a verdict cannot hang on anything else.
            bare = Task(id=key[:16], domain=task.domain, prompt=task.prompt, spec=task.spec)
            batch.wires[key] = bare.model_dump(mode="json")
        return Entry(key, task, completion, indexes, StageRunner(known.ladder), batch.wires[key])

    def _know(self, name: str) -> _Known:
        if name not in self._known:
            domain = registry.load(name)
            made_by = {"domain": f"{domain.name} {domain.version}", **domain.tools()}
            self._known[name] = _Known(domain, domain.ladder, made_by)
        return self._known[name]

    def _deadline(self, domain: str) -> float:
        """Seconds that a verdict of `domain` may take."""
        return self._known[domain].domain.deadline_s if self.deadline_s is None else self.deadline_s

    def _step(self, batch: _Batch) -> None:
        """Give out jobs, wait for the next event, and act on all that happened."""
        self._assign(batch)
        self._listen(batch, self._patience())
        # Only now, with everything read that came in time, is anybody late.
        now = time.monotonic()
        for worker in list(self._alive):
            if worker.state is State.READY and worker.entries:
                if now >= worker.entries[0].started + self._deadline(worker.plan.domain):
                    self._too_late(batch, worker, now)
            elif worker.state is not State.READY and now >= worker.since + _GRACE_SECONDS[worker.state]:
                self._lost(batch, worker)

    def _listen(self, batch: _Batch, seconds: float) -> None:
        for key, _ in self._selector.select(seconds):
            worker, channel = key.data
            if worker.dead:
                continue
            if channel == "data":
                self._hear(batch, worker)
                worker.flush()
            elif channel == "control":
                self._heed(batch, worker)
            else:
                worker.read_stderr()

    def _patience(self) -> float:
        """Seconds until the next deadline of any kind."""
        until = [
            worker.entries[0].started + self._deadline(worker.plan.domain)
            if worker.state is State.READY and worker.entries
            else worker.since + _GRACE_SECONDS[worker.state]
            for worker in self._alive
            if worker.entries or worker.state is not State.READY
        ]
        return max(0.0, min(until, default=time.monotonic() + 1.0) - time.monotonic())

    def _assign(self, batch: _Batch) -> None:
        waiting = sorted((q for q in batch.queues.values() if q), key=lambda q: min(q[0].indexes, default=-1))
        now = time.monotonic()
        for queue in waiting:
            domain = queue[0].task.domain
            own = [worker for worker in self._alive if worker.plan.domain == domain]
            for worker in own:
                if queue and worker.state is State.READY and not worker.entries and self._room():
                    worker.give(_next(queue, worker, own), self._deadline(domain), now)
            coming = sum(worker.state is not State.READY for worker in own)
            while queue and len(queue) > coming and self._room() and len(own) < self.workers:
                own.append(self._start(domain, batch))
                coming += 1
            ahead = self._ahead(domain)
            for worker in own if ahead else ():
                most = min(ahead + 1, self._recycle_after - worker.served)
                while worker.state is State.READY and 0 < len(worker.entries) < most:
                    if len(queue) <= self.workers:
                        break
                    worker.give(_next(queue, worker, own), self._deadline(domain), now)

    def _room(self) -> bool:
        """Whether one more worker may be at work."""
        return sum(bool(w.entries) or w.state is State.STARTING for w in self._alive) < self.workers

    def _ahead(self, domain: str) -> int:
        """How many short jobs to send a worker beyond the one in hand, so that it never waits for us."""
        pace = self._pace.get(domain)
        return 0 if pace is None else min(_AHEAD_JOBS, int(_AHEAD_SECONDS / max(pace, 1e-6)))

    def _start(self, domain: str, batch: _Batch) -> Worker:
        if len(self._alive) >= 2 * self.workers:
            for worker in self._alive:
                if not worker.entries and not batch.queues.get(worker.plan.domain):
                    self._bury(worker)
                    break
        confined = self._sandboxed and self._known[domain].domain.confined
        folder = None if confined else Path(tempfile.gettempdir(), f"verirl-{secrets.token_hex(8)}")
        plan = spawn.WorkerCommand(domain, self._memory_mb, folder, self._sandboxed)
        process, control = self._starter.submit(spawn.start, plan).result()
        worker = Worker(plan, process, control, self._selector, time.monotonic())
        self._alive.append(worker)
        return worker

    def _hear(self, batch: _Batch, worker: Worker) -> None:
        """Take what the judge says about the job in hand, and only that."""
        try:
            for message in worker.messages():
                if "broken" in message:
                    raise ProtocolError(str(message["broken"])[:500])  # noqa: TRY301
                if not worker.entries or message.get("ticket") != worker.entries[0].ticket:
                    raise ProtocolError("a message about a job that is not in hand")  # noqa: TRY301
                self._take(batch, worker, worker.entries[0], message)
        except ProtocolError as problem:
            worker.stop(time.monotonic())
            self._died(batch, worker, f"it sent {problem}")

    def _take(self, batch: _Batch, worker: Worker, entry: Entry, message: dict[str, Any]) -> None:
        if "missing" in message:
            self._claims_missing(batch, worker, entry, _missing(message["missing"]))
            return
        if "finding" in message:
            try:
                entry.climb.add(finding_from_wire(message["finding"]))
            except ProtocolError:
                raise
            except ValueError as problem:
                raise ProtocolError(str(problem)) from problem
        if "end" in message:
            self._finish(batch, worker, entry)

    def _claims_missing(self, batch: _Batch, worker: Worker, entry: Entry, problem: Exception) -> None:
        """A tool is missing, says the judge; an answer that took it over must not end the whole call."""
        if entry.suspects or entry.task.reference in (None, entry.completion):
            raise problem
        worker.entries.popleft()
        worker.start_clock(time.monotonic())
        entry.deaths = [str(problem)] * 2
        self._blame(batch, entry)

    def _finish(self, batch: _Batch, worker: Worker, entry: Entry) -> None:
        now = time.monotonic()
        seconds = now - entry.started
        worker.entries.popleft()
        worker.start_clock(now)
        worker.served += 1
        domain = entry.task.domain
        self._pace[domain] = 0.9 * self._pace.get(domain, seconds) + 0.1 * seconds
        self._failed_starts[domain] = self._idle_deaths = 0
        self.stats.busy_s += seconds
        entry.climb.close()
        self._conclude(batch, entry)
        if worker.served >= self._recycle_after and not worker.entries:
            worker.stop(now)

    def _too_late(self, batch: _Batch, worker: Worker, now: float) -> None:
        entry = worker.entries.popleft()
        waited = worker.waited()
        self._requeue(batch, worker)
        worker.stop(now)
        self.stats.busy_s += now - entry.started
        rung = entry.climb.due()
        if rung is not None:
            deadline = self._deadline(worker.plan.domain)
            hungry = 0 if waited is None or entry.waited is None else (waited - entry.waited) / 1e9
            if hungry > deadline / 2:
                detail = f"machine starved: waited {hungry:.1f} of {deadline:g} s for a core"
                finding = errored(rung.name, detail)
            else:
                finding = timed_out(rung.name, f"no verdict within {deadline:g} s")
            before = sum(found.stage.seconds for found in entry.climb.findings)
            entry.climb.stop(timed(finding, max(0.0, now - entry.started - before)))
        self._conclude(batch, entry)

    def _heed(self, batch: _Batch, worker: Worker) -> None:
        """Act on what the nursery says: ready, or its judge has ended."""
        said = worker.reports()
        for message in said or ():
            if "missing" in message:
                raise _missing(message["missing"])
            if "ready" in message or "ended" in message:
                if "ended" in message:
                    self._ended(batch, worker, message)
                if not worker.fork(time.monotonic()):
                    said = None
                    break
        if said is None:
            self._lost(batch, worker)

    def _ended(self, batch: _Batch, worker: Worker, message: dict[str, Any]) -> None:
        self.stats.respawns += 1
        self._hear(batch, worker)
        if not worker.stopping:
            closed = "it closed its channel" if message.get("stopped") else ""
            self._died(batch, worker, closed or died_of(message["ended"]))

    def _died(self, batch: _Batch, worker: Worker, how: str) -> None:
        """The judge ended in the middle of a job: try once more, then find out whose fault it is."""
        self.stats.crashes += 1
        if not worker.entries:
            self._idle_deaths += 1
            if self._idle_deaths >= _IDLE_DEATHS:
                raise PoolError(f"the workers of '{worker.plan.domain}' keep ending without a job ({how})")
            return
        entry = worker.entries.popleft()
        self.stats.busy_s += time.monotonic() - entry.started
        self._requeue(batch, worker)
        entry.deaths.append(how)
        if len(entry.deaths) == 1:
            batch.queues[entry.task.domain].appendleft(entry)
        else:
            self._blame(batch, entry)

    def _blame(self, batch: _Batch, entry: Entry) -> None:
        """After two deaths: is it the answer, or would the task's own reference die as well?"""
        reference = entry.task.reference
        if (
            entry.suspects
            or set(entry.deaths) == {signal.SIGKILL.name}
            or reference in (None, entry.completion)
        ):
            self._convict(batch, entry, None)
        elif (fine := self._controls.get(entry.key)) is not None:
            self._convict(batch, entry, fine)
        else:
            queue = batch.queues[entry.task.domain]
            running = [e for w in self._alive for e in w.entries]
            for control in (*queue, *running):
                if control.suspects and control.key == entry.key:
                    control.suspects.append(entry)
                    return
            control = self._entry(batch, entry.key, entry.task, str(reference), [])
            control.suspects.append(entry)
            queue.appendleft(control)

    def _convict(self, batch: _Batch, entry: Entry, reference_fine: bool | None) -> None:
        rung = entry.climb.due()
        name = rung.name if rung is not None else entry.climb.ladder[-1].name
        how = f"the checker died twice on this answer ({entry.deaths[-1]})"
        if reference_fine:
            entry.climb.stop(failed(name, detail=f"{how}, not on the reference"))
        elif set(entry.deaths) == {signal.SIGKILL.name}:
            entry.climb.stop(errored(name, "the worker was killed from outside, twice"))
        elif reference_fine is None:
            entry.climb.stop(errored(name, f"{how}; the task has no other answer to compare with"))
        else:
            entry.climb.stop(errored(name, f"{how}, and the task's reference does not pass either"))
        self._conclude(batch, entry)

    def _conclude(self, batch: _Batch, entry: Entry) -> None:
        """The findings are final: deliver the verdict, or, of a control run, judge those who wait for it."""
        known = self._known[entry.task.domain]
        found = verdict(entry.task.id, 0, known.ladder, [*entry.climb.findings], known.made_by)
        if entry.suspects:
            self._controls[entry.key] = found.passed
            suspects, entry.suspects = entry.suspects, []
            for suspect in suspects:
                self._convict(batch, suspect, found.passed)
            return
        self.stats.verified += 1
        self.stats.errors += found.is_error
        self.stats.timeouts += any(stage.status is Status.TIMEOUT for stage in found.stages)
        if self._cache is not None and not entry.deaths and all(s.status in _STORED for s in found.stages):
            self._cache.put(entry.cache_key, found)
        self._deliver(batch, entry, found)

    def _deliver(self, batch: _Batch, entry: Entry, found: Verdict) -> None:
        for index in entry.indexes:
            job = batch.jobs[index]
            own = found.model_copy(update={"task_id": job.task.id, "sample": job.sample})
            batch.results[index] = own
            batch.left -= 1
            if batch.on_done is not None:
                batch.on_done(index, own)

    def _requeue(self, batch: _Batch, worker: Worker) -> None:
        """Take back the jobs that were sent ahead and never begun."""
        while worker.entries:
            entry = worker.entries.pop()
            batch.queues[entry.task.domain].appendleft(entry)

    def _lost(self, batch: _Batch, worker: Worker) -> None:
        """The nursery itself is gone or does not answer."""
        domain = worker.plan.domain
        starting = worker.state is State.STARTING
        self._bury(worker)
        self.stats.respawns += 1
        if starting:
            self._failed_starts[domain] = self._failed_starts.get(domain, 0) + 1
            if self._failed_starts[domain] >= _STARTS:
                raise _no_start(domain, worker.tail.decode(errors="replace").strip())
        elif not worker.stopping:
            self._died(batch, worker, _how_ended(worker.process))

    def _bury(self, worker: Worker) -> None:
        self._alive.remove(worker)
        worker.end()

    def _abandon(self) -> None:
        """Where a batch was broken off: have no worker go on with its jobs."""
        for worker in self._alive:
            if worker.entries:
                worker.entries.clear()
                worker.stop(time.monotonic())


def _no_start(domain: str, said: str) -> PoolError:
    last = said.splitlines()[-1] if said else "they said nothing"
    problem = PoolError(f"the workers of domain '{domain}' do not start: {last[-1000:]}")
    problem.add_note(f"The end of what a worker said:\n{said}")
    return problem


def _missing(value: Any) -> Exception:
    if isinstance(value, list) and len(value) == 2 and all(isinstance(part, str) for part in value):
        return ToolMissingError(value[0][:200], value[1][:500])
    return PoolError("a worker reported a missing tool without naming it")


def _how_ended(process: subprocess.Popen[bytes]) -> str:
    code = process.returncode or 0
    number = -code if code < 0 else code - 128
    with contextlib.suppress(ValueError):
        return signal.Signals(number).name
    return f"exit code {code}"


def _close(
    owner: int,
    alive: list[Worker],
    starter: ThreadPoolExecutor,
    selector: selectors.BaseSelector,
) -> None:
    if os.getpid() != owner:
        return
    _end_all(alive)
    starter.shutdown(wait=False)
    selector.close()


def _end_all(workers: Iterable[Worker]) -> None:
    workers = list(workers)
    for worker in workers:
        with contextlib.suppress(OSError):
            worker.control.shutdown(2)
    for worker in workers:
        worker.end()


def _next(queue: deque[Entry], worker: Worker, own: Sequence[Worker]) -> Entry:
    """Take the job for `worker`: of the task that it had last, else of one that no other is at.

    What a domain keeps of a task (a recorded simulation, a reference's figures) is then made once, not once a
    worker. Nothing waits behind more than `_REACH` others, and a second try for none.
    """
    elsewhere = {other.last_task for other in own if other is not worker}
    place = 0
    if not (queue[0].deaths or queue[0].suspects):
        near = list(islice(queue, _REACH))
        same = (at for at, entry in enumerate(near) if entry.key == worker.last_task)
        other = (at for at, entry in enumerate(near) if entry.key not in elsewhere)
        place = next(same, next(other, 0))
    entry = queue[place]
    del queue[place]
    return entry
