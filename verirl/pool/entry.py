"""A distinct request inside the pool, and those who wait for its verdict."""

from __future__ import annotations

from abc import ABC, abstractmethod
from concurrent.futures import Future
from dataclasses import dataclass, field
from queue import SimpleQueue
from typing import Any, NamedTuple

from verirl.pool.stage_runner import StageRunner
from verirl.types import Ladder, Task, Verdict
from verirl.verifier import Request


class JudgedDomain(NamedTuple):
    """The properties of a domain that the pool uses, read once."""

    name: str
    ladder: Ladder
    made_by: dict[str, str]
    deadline_s: float
    confined: bool


@dataclass(eq=False)
class Waiter(ABC):
    """One request as it was submitted. `entry`: the distinct request that answers it."""

    request: Request
    entry: Entry | None = field(default=None, init=False, repr=False)

    @abstractmethod
    def resolve(self, verdict: Verdict) -> None:
        """Hand over the verdict of the entry."""

    @abstractmethod
    def fail(self, error: Exception) -> None:
        """Report that there will be no verdict."""

    @abstractmethod
    def drop(self) -> None:
        """Take note that the request was cancelled and has been removed."""

    def own(self, verdict: Verdict) -> Verdict:
        """Return the entry's verdict under this request's identity."""
        return verdict.model_copy(update={"task_id": self.request.task.id, "sample": self.request.sample})


@dataclass(eq=False)
class FutureWaiter(Waiter):
    """A request whose verdict goes into a future."""

    future: Future[Verdict]

    def resolve(self, verdict: Verdict) -> None:
        """Set the future's result, unless it was cancelled."""
        if self.future.set_running_or_notify_cancel():
            self.future.set_result(self.own(verdict))

    def fail(self, error: Exception) -> None:
        """Set the future's exception, unless it was cancelled."""
        if self.future.set_running_or_notify_cancel():
            self.future.set_exception(error)

    def drop(self) -> None:
        """Let those who wait for the cancelled future go on."""
        self.future.set_running_or_notify_cancel()


class Arrivals:
    """The results of a batch on their way to the thread that waits for it.

    Args:
        expected: Number of requests in the batch.
        one_by_one: If False, the thread is woken only once, by the last result or the first error: to switch
            threads for each verdict costs throughput.
    """

    def __init__(self, expected: int, *, one_by_one: bool) -> None:
        self._missing = expected
        self._one_by_one = one_by_one
        self._collected: list[tuple[BatchWaiter, Verdict | Exception]] = []
        self._ready: SimpleQueue[list[tuple[BatchWaiter, Verdict | Exception]]] = SimpleQueue()

    def put(self, waiter: BatchWaiter, result: Verdict | Exception) -> None:
        """Add a result."""
        self._missing -= 1
        self._collected.append((waiter, result))
        if self._one_by_one or not self._missing or isinstance(result, Exception):
            self._ready.put(self._collected)
            self._collected = []

    def get(self) -> list[tuple[BatchWaiter, Verdict | Exception]]:
        """Wait for results, and take them."""
        return self._ready.get()


@dataclass(eq=False)
class BatchWaiter(Waiter):
    """A request of a batch, whose verdict goes to the thread that waits for the batch."""

    index: int
    arrivals: Arrivals

    def resolve(self, verdict: Verdict) -> None:
        """Queue the verdict for the waiting thread."""
        self.arrivals.put(self, verdict)

    def fail(self, error: Exception) -> None:
        """Queue the error for the waiting thread."""
        self.arrivals.put(self, error)

    def drop(self) -> None:
        """Do nothing: the waiting thread has left."""


@dataclass(eq=False)
class Entry:
    """One distinct (task, completion) that is to be judged, in one or more tries.

    Attributes:
        key: Content key of the task.
        task: The task; a worker sees only `task_json`.
        waiters: The requests that this entry answers; empty for a control run.
        progress: The outcomes so far in the current try.
        suspects: If this is the control run of a task's reference, the entries that wait for it.
        deaths: How the judge process died in each try.
        turn: Position in the fair order of its domain's queue.
        ticket: Names the current try in messages.
        started: Monotonic time at which the current try became the worker's job in hand.
        waited_ns: The judge process's waiting time for a core at that moment.
    """

    key: str
    task: Task
    completion: str
    domain: JudgedDomain
    progress: StageRunner
    task_json: dict[str, Any]
    waiters: list[Waiter] = field(default_factory=list)
    cache_key: str = ""
    deaths: list[str] = field(default_factory=list)
    suspects: list[Entry] = field(default_factory=list)
    turn: float = 0.0
    ticket: str = ""
    started: float = 0.0
    waited_ns: int | None = None

    @property
    def identity(self) -> tuple[str, str]:
        """Equal for entries that must get equal verdicts."""
        return self.key, self.completion

    @property
    def wanted(self) -> bool:
        """Whether anybody still waits for the result."""
        return bool(self.waiters or self.suspects)

    def control(self) -> Entry:
        """Return the control run of this entry's task: its reference, with this entry as the suspect."""
        return Entry(
            self.key,
            self.task,
            str(self.task.reference),
            self.domain,
            StageRunner(self.domain.ladder),
            self.task_json,
            suspects=[self],
        )

    def resolve(self, verdict: Verdict) -> None:
        """Give the verdict to everybody who waits for it."""
        waiters, self.waiters = self.waiters, []
        for waiter in waiters:
            waiter.resolve(verdict)

    def fail(self, error: Exception) -> None:
        """Tell everybody who waits that there will be no verdict."""
        waiters, self.waiters = self.waiters, []
        for waiter in waiters:
            waiter.fail(error)
