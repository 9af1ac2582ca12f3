"""The thread that runs a pool: it starts workers, gives them entries, and acts on what they report."""

from __future__ import annotations

import os
import secrets
import selectors
import tempfile
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from verirl.errors import PoolError
from verirl.pool import spawn
from verirl.pool.attribution import judge_death, late_outcome, missing_tool_error, start_error, worker_death
from verirl.pool.cache import VerdictCache
from verirl.pool.entry import Entry, JudgedDomain, Waiter
from verirl.pool.outstanding import OutstandingRequests
from verirl.pool.protocol import ProtocolError, outcome_from_wire
from verirl.pool.queues import DomainQueue
from verirl.pool.stats import PoolStats
from verirl.pool.worker_process import State, Worker, end_workers

_STATE_LIMIT_S = {State.STARTING: 120.0, State.ENDING: 5.0}
_MAX_FAILED_STARTS = 2
_MAX_IDLE_DEATHS = 5
_AHEAD_S = 0.01
_MAX_AHEAD_ENTRIES = 16


class PoolLimits(NamedTuple):
    """How many workers there are, and what each may use."""

    workers: int
    memory_mb: int
    recycle_after: int
    sandboxed: bool


class Dispatcher:
    """Owns a pool's workers and its outstanding requests, on a thread of its own.

    Other threads call only `submit`, `cancel`, `count`, `close` and `on_own_thread`. The first two leave an
    order in the inbox and wake the dispatcher's thread. The kernel ties a worker's life to the *thread* that
    started it (PR_SET_PDEATHSIG): workers are started by this one, which lives as long as the pool.
    """

    def __init__(self, limits: PoolLimits, cache: VerdictCache | None) -> None:
        self.stats = PoolStats()
        self.workers: list[Worker] = []
        self._limits = limits
        self.outstanding = OutstandingRequests(self.stats, cache, self._entries_at_workers)
        self._selector = selectors.DefaultSelector()
        self._wake_fd = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._selector.register(self._wake_fd, selectors.EVENT_READ)
        self._inbox: deque[Callable[[], None]] = deque()
        self._lock = threading.Lock()
        self._closing = False
        self._pace_s: dict[str, float] = {}
        self._failed_starts: Counter[str] = Counter()
        self._idle_deaths = 0
        self._cancelled = False
        self._served = 0
        self._thread = threading.Thread(target=self._run, name="verirl-dispatcher", daemon=True)
        self._thread.start()

    # From any thread

    def submit(self, entries: Sequence[Entry]) -> None:
        """Queue entries as one batch; PoolError if the pool is closed."""
        if not self._order(lambda: self._enqueue(entries)):
            raise closed_error()

    def cancel(self, waiters: Sequence[Waiter]) -> None:
        """Forget requests; an entry for which nobody else waits is dropped, or its judge stopped."""
        self._order(lambda: self._cancel(waiters))

    def count(self, *, cached: int, deduplicated: int) -> None:
        """Add to the statistics."""
        with self._lock:
            self.stats.cached += cached
            self.stats.deduplicated += deduplicated

    def close(self) -> None:
        """Fail what is outstanding and end every worker; returns when they are gone."""
        with self._lock:
            if not self._closing:
                self._closing = True
                os.eventfd_write(self._wake_fd, 1)
        if not self.on_own_thread():
            self._thread.join()

    @property
    def is_closed(self) -> bool:
        """Whether no more requests are taken."""
        return self._closing

    def on_own_thread(self) -> bool:
        """Whether the caller runs on the dispatcher's thread, as a future's callback does."""
        return threading.current_thread() is self._thread

    def _order(self, order: Callable[[], None]) -> bool:
        with self._lock:
            if self._closing:
                return False
            self._inbox.append(order)
            os.eventfd_write(self._wake_fd, 1)
            return True

    # The thread

    def _run(self) -> None:
        error: Exception = closed_error()
        try:
            while not self._closing:
                self._step()
        except Exception as bug:  # noqa: BLE001 - those who wait must hear of it
            error = bug
        finally:
            # From here on no order is taken and nobody writes to the wake-up descriptor.
            with self._lock:
                self._closing = True
            self._end(error)

    def _end(self, error: Exception) -> None:
        try:
            while self._inbox:
                self._inbox.popleft()()
        finally:
            self.outstanding.fail_all(error)
            end_workers(self.workers)
            self.workers.clear()
            self._selector.close()
            os.close(self._wake_fd)

    def _step(self) -> None:
        """Give out entries, wait for the next event, and act on all that happened."""
        self._assign()
        self._listen(self._patience_s())
        # Only now, with everything read that came in time, is anybody late.
        now = time.monotonic()
        for worker in list(self.workers):
            until = _deadline(worker)
            if until is not None and now >= until:
                if worker.state is State.READY:
                    self._too_late(worker, now)
                else:
                    self._lost(worker)

    def _listen(self, seconds: float | None) -> None:
        for key, _ in self._selector.select(seconds):
            if key.data is None:
                self._read_inbox()
                continue
            worker, channel = key.data
            if worker.dead:
                continue
            if channel == "data":
                self._hear(worker)
                worker.flush()
            elif channel == "control":
                self._heed(worker)
            else:
                worker.read_stderr()

    def _read_inbox(self) -> None:
        os.eventfd_read(self._wake_fd)
        while self._inbox:
            self._inbox.popleft()()
        if self._cancelled:
            self._cancelled = False
            self._drop_unwanted()

    def _patience_s(self) -> float | None:
        """Return the seconds until the next deadline of any kind; None if there is none."""
        until = [end for worker in self.workers if (end := _deadline(worker)) is not None]
        return max(0.0, min(until) - time.monotonic()) if until else None

    # Requests come and go

    def _enqueue(self, entries: Sequence[Entry]) -> None:
        self.count(cached=0, deduplicated=self.outstanding.add(entries))

    def _cancel(self, waiters: Sequence[Waiter]) -> None:
        self._cancelled |= self.outstanding.cancel(waiters)

    def _fail_domain(self, name: str, error: Exception) -> None:
        """Fail every request of a domain that cannot be judged, and end its workers that are not ready."""
        for worker in [w for w in self.workers if w.plan.domain == name and w.state is State.STARTING]:
            self._bury(worker)
        self.outstanding.fail_domain(name, error)
        self._drop_unwanted()

    def _drop_unwanted(self) -> None:
        """Remove the entries for which nobody waits; stop the judges that are at one of them."""
        self.outstanding.drop_unwanted()
        for worker in self.workers:
            self._stop_unwanted(worker)

    def _entries_at_workers(self) -> list[Entry]:
        return [entry for worker in self.workers for entry in worker.entries]

    def _stop_unwanted(self, worker: Worker) -> None:
        if worker.entries and not worker.entries[0].wanted:
            worker.entries.popleft()
            self._requeue(worker)
            worker.stop(time.monotonic())

    # Workers get entries

    def _assign(self) -> None:
        waiting = sorted(
            (queue for queue in self.outstanding.queues.values() if queue), key=DomainQueue.priority
        )
        now = time.monotonic()
        for queue in waiting:
            domain = queue.entries[0].domain
            own = [worker for worker in self.workers if worker.plan.domain == domain.name]
            for worker in own:
                if queue and worker.state is State.READY and not worker.entries and self._room():
                    self._give(worker, queue, own, now)
            coming = sum(worker.state is not State.READY for worker in own)
            while len(queue) > coming and self._room() and len(own) < self._limits.workers:
                try:
                    own.append(self._start(domain))
                except Exception as error:  # noqa: BLE001 - those who wait must hear of it
                    self._fail_domain(domain.name, error)
                coming += 1
            ahead = self._ahead(domain.name)
            for worker in own if ahead else ():
                most = min(ahead + 1, self._limits.recycle_after - worker.served)
                while worker.state is State.READY and 0 < len(worker.entries) < most:
                    if len(queue) <= self._limits.workers:
                        break
                    self._give(worker, queue, own, now)

    def _give(self, worker: Worker, queue: DomainQueue, own: Sequence[Worker], now: float) -> None:
        self._served += 1
        worker.give(queue.take(worker, own, self._served), now)

    def _room(self) -> bool:
        """Whether one more worker may be at work."""
        at_work = sum(bool(w.entries) or w.state is State.STARTING for w in self.workers)
        return at_work < self._limits.workers

    def _ahead(self, domain: str) -> int:
        """Return how many short jobs a worker gets beyond the one in hand, so that it never waits for us."""
        pace_s = self._pace_s.get(domain)
        return 0 if pace_s is None else min(_MAX_AHEAD_ENTRIES, int(_AHEAD_S / max(pace_s, 1e-6)))

    def _start(self, domain: JudgedDomain) -> Worker:
        if len(self.workers) >= 2 * self._limits.workers:
            for worker in self.workers:
                if not worker.entries and not self.outstanding.queues.get(worker.plan.domain):
                    self._bury(worker)
                    break
        confined = self._limits.sandboxed and domain.confined
        folder = None if confined else Path(tempfile.gettempdir(), f"verirl-{secrets.token_hex(8)}")
        plan = spawn.WorkerCommand(domain.name, self._limits.memory_mb, folder, self._limits.sandboxed)
        process, control = spawn.start(plan)
        worker = Worker(plan, process, control, self._selector, time.monotonic())
        self.workers.append(worker)
        return worker

    def _requeue(self, worker: Worker) -> None:
        """Take back the entries that were sent ahead and never begun."""
        entries = [entry for entry in worker.entries if entry.wanted]
        worker.entries.clear()
        if entries:
            self.outstanding.queues[worker.plan.domain].put_back(entries)

    # What judges report

    def _hear(self, worker: Worker) -> None:
        """Take what the judge says about the job in hand, and only that."""
        try:
            for message in worker.messages():
                if "broken" in message:
                    raise ProtocolError(str(message["broken"])[:500])  # noqa: TRY301
                if not worker.entries or message.get("ticket") != worker.entries[0].ticket:
                    raise ProtocolError("a message about a job that is not in hand")  # noqa: TRY301
                self._take(worker, worker.entries[0], message)
                if worker.stopping:
                    return
        except ProtocolError as error:
            worker.stop(time.monotonic())
            self._died(worker, f"it sent {error}")

    def _take(self, worker: Worker, entry: Entry, message: dict[str, Any]) -> None:
        if "missing" in message:
            self._claims_missing(worker, entry, missing_tool_error(message["missing"]))
            return
        if "outcome" in message:
            try:
                entry.progress.add(outcome_from_wire(message["outcome"]))
            except ProtocolError:
                raise
            except ValueError as error:
                raise ProtocolError(str(error)) from error
        if "end" in message:
            self._finish(worker, entry)

    def _claims_missing(self, worker: Worker, entry: Entry, error: Exception) -> None:
        """Act on a judge's word that a tool is missing, which an answer that took it over may have sent."""
        if entry.suspects or entry.task.reference in (None, entry.completion):
            self._fail_domain(worker.plan.domain, error)
            return
        worker.entries.popleft()
        worker.start_clock(time.monotonic())
        entry.deaths = [str(error)] * 2
        self.outstanding.attribute(entry)
        self._stop_unwanted(worker)

    def _finish(self, worker: Worker, entry: Entry) -> None:
        now = time.monotonic()
        seconds = now - entry.started
        worker.entries.popleft()
        worker.start_clock(now)
        worker.served += 1
        domain = entry.domain.name
        self._pace_s[domain] = 0.9 * self._pace_s.get(domain, seconds) + 0.1 * seconds
        self._failed_starts[domain] = self._idle_deaths = 0
        self.stats.busy_s += seconds
        entry.progress.close()
        self.outstanding.conclude(entry)
        self._stop_unwanted(worker)
        if worker.served >= self._limits.recycle_after and not worker.entries:
            worker.stop(now)

    def _too_late(self, worker: Worker, now: float) -> None:
        entry = worker.entries.popleft()
        waited_ns = worker.waited_ns()
        self._requeue(worker)
        worker.stop(now)
        self.stats.busy_s += now - entry.started
        outcome = late_outcome(entry, waited_ns, now)
        if outcome is not None:
            entry.progress.stop(outcome)
        self.outstanding.conclude(entry)

    # Judges and workers that end

    def _heed(self, worker: Worker) -> None:
        """Act on what the fork server says: ready, or its judge has ended."""
        reports = worker.reports()
        for message in reports or ():
            if "missing" in message:
                self._fail_domain(worker.plan.domain, missing_tool_error(message["missing"]))
            if "ended" in message:
                self._ended(worker, message)
            if worker.dead:
                return
            if ("ready" in message or "ended" in message) and not worker.fork(time.monotonic()):
                reports = None
                break
        if reports is None:
            self._lost(worker)

    def _ended(self, worker: Worker, message: dict[str, Any]) -> None:
        self.stats.respawns += 1
        self._hear(worker)
        if not worker.stopping:
            closed = "it closed its channel" if message.get("stopped") else ""
            self._died(worker, closed or judge_death(message["ended"]))

    def _died(self, worker: Worker, how: str) -> None:
        """Act on the end of a judge in the middle of a job: try once more, then find out who is to blame."""
        self.stats.crashes += 1
        if not worker.entries:
            self._idle_deaths += 1
            if self._idle_deaths >= _MAX_IDLE_DEATHS:
                self._idle_deaths = 0
                self._end_idle(worker.plan.domain, how)
            return
        entry = worker.entries.popleft()
        self.stats.busy_s += time.monotonic() - entry.started
        self._requeue(worker)
        self.outstanding.record_death(entry, how)

    def _end_idle(self, domain: str, how: str) -> None:
        """Give a domain up whose judges end again and again without a job."""
        self._fail_domain(domain, PoolError(f"the workers of '{domain}' keep ending without a job ({how})"))
        for worker in [worker for worker in self.workers if worker.plan.domain == domain]:
            self._bury(worker)

    def _lost(self, worker: Worker) -> None:
        """Act on a fork server that is gone or does not answer."""
        domain = worker.plan.domain
        starting = worker.state is State.STARTING
        self._bury(worker)
        self.stats.respawns += 1
        if starting:
            self._failed_starts[domain] += 1
            if self._failed_starts[domain] >= _MAX_FAILED_STARTS:
                self._fail_domain(domain, start_error(domain, worker.tail.decode(errors="replace").strip()))
        elif not worker.stopping:
            self._died(worker, worker_death(worker.process))

    def _bury(self, worker: Worker) -> None:
        self.workers.remove(worker)
        worker.end()


def _deadline(worker: Worker) -> float | None:
    """Return the monotonic time from which a worker counts as late; None if it has nothing to do."""
    if worker.state is not State.READY:
        return worker.since + _STATE_LIMIT_S[worker.state]
    if not worker.entries:
        return None
    return worker.entries[0].started + worker.entries[0].domain.deadline_s


def closed_error() -> PoolError:
    """Return the error of a pool that can no longer be used."""
    return PoolError("this pool is closed, or belongs to another process: make a new one")
