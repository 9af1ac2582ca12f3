"""The requests that a pool has not answered yet: who waits for them, and what becomes of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from verirl.pool.attribution import Attribution
from verirl.pool.cache import CACHED_STATUSES, VerdictCache
from verirl.pool.entry import Entry, Waiter
from verirl.pool.queues import DomainQueue
from verirl.pool.stage_runner import verdict
from verirl.pool.stats import PoolStats
from verirl.types import Status


class OutstandingRequests:
    """Queues of entries by domain, and the way from an entry's outcomes to the verdicts of those who wait.

    Used by the dispatcher's thread alone.

    Args:
        stats: Counts that this class keeps up to date.
        cache: Where verdicts are stored; None stores none.
        at_workers: Returns the entries that workers have.
    """

    def __init__(
        self, stats: PoolStats, cache: VerdictCache | None, at_workers: Callable[[], list[Entry]]
    ) -> None:
        self.queues: dict[str, DomainQueue] = {}
        self.in_flight: dict[tuple[str, str], Entry] = {}
        self._stats = stats
        self._cache = cache
        self._at_workers = at_workers
        self._attribution = Attribution()

    def add(self, entries: Sequence[Entry]) -> int:
        """Queue entries as one batch; returns how many of them are in flight already and only get waiters."""
        new: dict[str, list[Entry]] = {}
        shared = 0
        for entry in entries:
            twin = self.in_flight.get(entry.identity)
            if twin is None:
                self.in_flight[entry.identity] = entry
                new.setdefault(entry.domain.name, []).append(entry)
                continue
            for waiter in entry.waiters:
                waiter.entry = twin
            twin.waiters += entry.waiters
            shared += 1
        for name, batch in new.items():
            self.queues.setdefault(name, DomainQueue()).add_batch(batch)
        return shared

    def cancel(self, waiters: Iterable[Waiter]) -> bool:
        """Forget requests; returns whether any was outstanding, so that entries may have become unwanted."""
        cancelled = False
        for waiter in waiters:
            if waiter.entry is not None and waiter in waiter.entry.waiters:
                waiter.entry.waiters.remove(waiter)
                waiter.drop()
                cancelled = True
        return cancelled

    def fail_domain(self, domain: str, error: Exception) -> None:
        """Fail every request of a domain."""
        for entry in [entry for entry in self.in_flight.values() if entry.domain.name == domain]:
            entry.fail(error)

    def fail_all(self, error: Exception) -> None:
        """Fail every request."""
        for entry in list(self.in_flight.values()):
            entry.fail(error)

    def drop_unwanted(self) -> None:
        """Remove the entries for which nobody waits, and withdraw them from control runs."""
        queued = [entry for queue in self.queues.values() for entry in queue.entries]
        for control in (*queued, *self._at_workers()):
            control.suspects = [suspect for suspect in control.suspects if suspect.waiters]
        self.in_flight = {key: entry for key, entry in self.in_flight.items() if entry.wanted}
        for queue in self.queues.values():
            queue.drop_unwanted()

    def record_death(self, entry: Entry, how: str) -> None:
        """Take note that the judge died on an entry: try once more, then find out who is to blame."""
        entry.deaths.append(how)
        if len(entry.deaths) == 1:
            self.queues[entry.domain.name].put_first(entry)
        else:
            self.attribute(entry)

    def attribute(self, entry: Entry) -> None:
        """Decide about an entry whose judge died twice, or have its task's reference judged first."""
        outcome = self._attribution.after_deaths(entry)
        if outcome is not None:
            entry.progress.stop(outcome)
            self.conclude(entry)
            return
        queue = self.queues[entry.domain.name]
        for control in (*queue.entries, *self._at_workers()):
            if control.suspects and control.key == entry.key:
                control.suspects.append(entry)
                return
        queue.put_first(entry.control())

    def conclude(self, entry: Entry) -> None:
        """Deliver the verdict; or, of a control run, decide about the entries that wait for it."""
        domain = entry.domain
        result = verdict(entry.task.id, 0, domain.ladder, [*entry.progress.outcomes], domain.made_by)
        if entry.suspects:
            self._attribution.record_control(entry.key, result.passed)
            suspects, entry.suspects = entry.suspects, []
            for suspect in suspects:
                self.attribute(suspect)
            return
        self._stats.verified += 1
        self._stats.errors += result.is_error
        self._stats.timeouts += any(stage.status is Status.TIMEOUT for stage in result.stages)
        stored = not entry.deaths and all(stage.status in CACHED_STATUSES for stage in result.stages)
        if self._cache is not None and stored:
            self._cache.put(entry.cache_key, result)
        self.in_flight.pop(entry.identity, None)
        entry.resolve(result)
