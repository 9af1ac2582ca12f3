"""The order in which a domain's entries are judged: fair between batches, and by a worker's last task."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Protocol

from verirl.pool.entry import Entry

LOOKAHEAD_ENTRIES = 32
"""Entries at the head of a queue among which a worker finds one of a task that it knows."""


class KnowsTask(Protocol):
    """A worker, as far as the order of a queue is concerned."""

    last_task: str


class DomainQueue:
    """The entries of one domain that wait for a worker.

    Batches take turns: the n-th entry of a batch has the n-th turn after the turn that was served when the
    batch came. Equal turns go in order of arrival. A small batch therefore does not wait for all of a large
    one, and a stream of small ones does not stop a large one.
    """

    def __init__(self) -> None:
        self.entries: deque[Entry] = deque()
        self._turn = 0.0
        self._served_at = 0

    def __bool__(self) -> bool:
        return bool(self.entries)

    def __len__(self) -> int:
        return len(self.entries)

    def add_batch(self, batch: Sequence[Entry]) -> None:
        """Append a batch, interleaved with those that wait already."""
        for place, entry in enumerate(batch, 1):
            entry.turn = self._turn + place
        if batch and self.entries and self.entries[-1].turn > batch[0].turn:
            self.entries = deque(sorted([*self.entries, *batch], key=lambda entry: entry.turn))
        else:
            self.entries.extend(batch)

    def put_first(self, entry: Entry) -> None:
        """Put a second try or a control run before everything else."""
        entry.turn = 0.0
        self.entries.appendleft(entry)

    def put_back(self, entries: Iterable[Entry]) -> None:
        """Put entries back that were taken, in the order given, and never begun."""
        self.entries.extendleft(reversed(list(entries)))

    def priority(self) -> tuple[bool, int]:
        """Sort key of queues with entries: second tries and control runs first, then the
        domain that has waited longest."""
        return self.entries[0].turn > 0, self._served_at

    def take(self, worker: KnowsTask, workers: Sequence[KnowsTask], served_at: int) -> Entry:
        """Remove and return the next entry for `worker`.

        Args:
            worker: The worker that will judge the entry.
            workers: All workers of the domain.
            served_at: Count of entries that the pool has given out.
        """
        entry = take_next(self.entries, worker, workers)
        self._turn = max(self._turn, entry.turn)
        self._served_at = served_at
        return entry

    def drop_unwanted(self) -> None:
        """Remove the entries for which nobody waits any more."""
        if not all(entry.wanted for entry in self.entries):
            self.entries = deque(entry for entry in self.entries if entry.wanted)


def take_next(entries: deque[Entry], worker: KnowsTask, workers: Sequence[KnowsTask]) -> Entry:
    """Take the entry for `worker`: of the task that it had last, else of one that no other worker has.

    What a domain keeps of a task (a recorded simulation, a reference's figures) is then made once, not once
    per worker. An entry waits behind at most LOOKAHEAD_ENTRIES later ones; a second try waits for none.
    """
    elsewhere = {other.last_task for other in workers if other is not worker}
    place = 0
    if not (entries[0].deaths or entries[0].suspects):
        near = list(islice(entries, LOOKAHEAD_ENTRIES))
        same = (at for at, entry in enumerate(near) if entry.key == worker.last_task)
        other = (at for at, entry in enumerate(near) if entry.key not in elsewhere)
        place = next(same, next(other, 0))
    entry = entries[place]
    del entries[place]
    return entry
