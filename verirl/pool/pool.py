"""The verifier pool: judges completions on warm worker processes, for any number of threads at once."""

from __future__ import annotations

import math
import os
import weakref
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Any, Self

from verirl import registry, sandbox
from verirl.errors import InputError, PoolError
from verirl.pool.cache import VerdictCache, cache_key
from verirl.pool.dispatcher import Dispatcher, PoolLimits, closed_error
from verirl.pool.entry import Arrivals, BatchWaiter, Entry, FutureWaiter, JudgedDomain, Waiter
from verirl.pool.stage_runner import StageRunner
from verirl.pool.stats import PoolStats
from verirl.types import Task, Verdict
from verirl.verifier import Request


class VerifierPool:
    """Judges completions on warm, sandboxed worker processes.

    Any thread may call any method at any time. Requests are judged as they come: those of several batches
    take turns, and equal requests (same task content, same completion) are judged once. A pool belongs to
    the process that made it.

    Args:
        workers: Number of requests that are judged at once; default: the cores that this process may use.
        deadline_s: Wall-clock budget of a verdict in seconds, counted from when a worker starts it; default:
            the domain's own.
        memory_mb: Address space of each worker process.
        recycle_after: Number of requests after which a judge process is replaced by a fresh one.
        cache: Where verdicts are kept between runs; None keeps none.
        sandboxed: If False, answers run with the rights of this process.

    Raises:
        InputError: If a limit is not positive or the deadline is not finite.

    Example:
        >>> with VerifierPool(workers=2) as pool:  # doctest: +SKIP
        ...     (verdict,) = pool.verify([Request(task, "The answer is \\\\boxed{4}.")])
        ...     future = pool.submit(Request(task, "The answer is \\\\boxed{5}."))
        ...     print(verdict.passed, future.result().passed)
        True False
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
        self._cache = cache
        self._sandboxed = sandboxed
        self._owner_pid = os.getpid()
        self._domains: dict[str, JudgedDomain] = {}
        self._dispatcher = Dispatcher(PoolLimits(self.workers, memory_mb, recycle_after, sandboxed), cache)
        self._close = weakref.finalize(self, _close, os.getpid(), self._dispatcher, cache)

    @property
    def stats(self) -> PoolStats:
        """Counts of what the pool has done so far."""
        return self._dispatcher.stats

    @property
    def is_closed(self) -> bool:
        """Whether the pool takes no more requests."""
        return not self._close.alive or self._dispatcher.is_closed

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End every worker; requests that are still waiting fail with PoolError.

        Returns when no process of the pool is left, unless a future's callback calls it.
        """
        self._close()

    def verify(
        self, requests: Sequence[Request], on_done: Callable[[int, Verdict], None] | None = None
    ) -> list[Verdict]:
        """Judge a batch and wait for it.

        Args:
            requests: The completions to judge.
            on_done: Called on this thread with the index of a request and its verdict, as verdicts come, in
                any order. If it raises, the rest of the batch is abandoned; the pool goes on.

        Returns:
            One verdict per request, in the order of `requests`.

        Raises:
            PoolError: If workers do not start, or the pool is or gets closed.
            ToolMissingError: If bubblewrap or a domain's tool is missing.
            InputError: If a task's domain is not installed.
        """
        self._check_usable()
        if self._dispatcher.on_own_thread():
            raise PoolError("verify() would wait for itself here: a future's callback may only submit()")
        arrivals = Arrivals(len(requests), one_by_one=on_done is not None)
        waiters = [BatchWaiter(Request(*each), index, arrivals) for index, each in enumerate(requests)]
        verdicts: dict[int, Verdict] = {}
        try:
            self._enqueue(waiters)
            while len(verdicts) < len(waiters):
                for waiter, result in arrivals.get():
                    verdict = _own_verdict(waiter, result)
                    verdicts[waiter.index] = verdict
                    if on_done is not None:
                        on_done(waiter.index, verdict)
        except BaseException:
            self._dispatcher.cancel(waiters)
            raise
        finally:
            if self._cache is not None:
                self._cache.flush()
        return [verdicts[index] for index in range(len(waiters))]

    def submit(self, request: Request) -> Future[Verdict]:
        """Queue one request and return at once.

        Args:
            request: The completion to judge.

        Returns:
            The future verdict. `cancel()` works until the verdict is there: it removes the request from the
            queue, or ends its judge process unless another request waits for the same verdict. The future
            fails with the errors that `verify` raises while it waits. Its callbacks run on the pool's own
            thread, or on this one when the cache has the verdict: they must be short, and may call `submit`
            but not `verify`.

        Raises:
            PoolError: If the pool is closed.
            ToolMissingError: If bubblewrap is missing.
            InputError: If the task's domain is not installed.

        Example:
            >>> future = pool.submit(Request(task, completion))  # doctest: +SKIP
            >>> future.add_done_callback(lambda done: print(done.result().passed))  # doctest: +SKIP
        """
        self._check_usable()
        future: Future[Verdict] = Future()
        waiter = FutureWaiter(Request(*request), future)
        self._enqueue([waiter])
        dispatcher, owner_pid = self._dispatcher, self._owner_pid

        def forget(done: Future[Verdict]) -> None:
            if done.cancelled() and os.getpid() == owner_pid:
                dispatcher.cancel([waiter])

        future.add_done_callback(forget)
        return future

    def _check_usable(self) -> None:
        if os.getpid() != self._owner_pid or not self._close.alive:
            raise closed_error()

    def _enqueue(self, waiters: Sequence[Waiter]) -> None:
        """Fold equal requests into one, answer what the cache knows, and hand the rest to the dispatcher."""
        keys: dict[int, str] = {}
        entries: dict[tuple[str, str], Entry] = {}
        tasks_json: dict[str, dict[str, Any]] = {}
        for waiter in waiters:
            task, completion = waiter.request.task, waiter.request.completion
            if not isinstance(completion, str):
                raise InputError(f"the completion must be a string, not {type(completion).__name__}")
            key = keys.get(id(task)) or keys.setdefault(id(task), task.content_key())
            entry = entries.get((key, completion))
            if entry is None:
                if key not in tasks_json:
                    tasks_json[key] = _visible_task(key, task)
                domain = self._domain(task.domain)
                progress = StageRunner(domain.ladder)
                entry = Entry(key, task, completion, domain, progress, tasks_json[key])
                entries[key, completion] = entry
            waiter.entry = entry
            entry.waiters.append(waiter)
        unknown = list(entries.values())
        cached = 0
        if self._cache is not None:
            unknown = []
            for entry in entries.values():
                entry.cache_key = cache_key(entry.key, entry.completion, entry.domain.made_by)
                verdict = self._cache.get(entry.cache_key, entry.domain.ladder)
                if verdict is None:
                    unknown.append(entry)
                else:
                    cached += len(entry.waiters)
                    entry.resolve(verdict)
        self._dispatcher.count(cached=cached, deduplicated=len(waiters) - len(entries))
        if unknown:
            if self._sandboxed:
                sandbox.require()
            self._dispatcher.submit(unknown)

    def _domain(self, name: str) -> JudgedDomain:
        if name not in self._domains:
            domain = registry.load(name)
            self._domains[name] = JudgedDomain(
                name,
                domain.ladder,
                {"domain": f"{domain.name} {domain.version}", **domain.tools()},
                domain.deadline_s if self.deadline_s is None else self.deadline_s,
                domain.confined,
            )
        return self._domains[name]


def _own_verdict(waiter: BatchWaiter, result: Verdict | Exception) -> Verdict:
    if isinstance(result, Exception):
        raise result
    return waiter.own(result)


def _visible_task(key: str, task: Task) -> dict[str, Any]:
    """Return what a worker sees of a task: what the content key covers, for no verdict may depend on more."""
    bare = Task(id=key[:16], domain=task.domain, prompt=task.prompt, spec=task.spec)
    return bare.model_dump(mode="json")


def _close(owner_pid: int, dispatcher: Dispatcher, cache: VerdictCache | None) -> None:
    if os.getpid() != owner_pid:
        return
    dispatcher.close()
    if cache is not None:
        cache.flush()
