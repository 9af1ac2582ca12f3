"""One pool, several threads: batches and single requests overlap, are cancelled, and meet a closing pool."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor, wait
from pathlib import Path

import pytest
from support.paths import ROOT
from support.toy_domain import install, on_path, toy_task

from verirl.errors import PoolError
from verirl.pool import Request, VerdictCache, VerifierPool
from verirl.types import Status, Verdict

pytestmark = pytest.mark.needs_sandbox

PATIENCE_S = 60.0
"""How long a test waits for what must come; only a failing test waits so long."""


@pytest.fixture(scope="module", autouse=True)
def _domains(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    folder = tmp_path_factory.mktemp("third-party")
    install(folder)
    install(folder, "plain", confined=False)
    install(folder, "broken", extra="import sys\nif 'worker' in sys.argv[0]: raise ImportError('half')")
    with on_path(folder):
        yield


class Gate:
    """A completion of the unsandboxed toy domain that says when it is judged, then waits."""

    def __init__(self, folder: Path, name: str) -> None:
        self._begun = folder / f"{name}.begun"
        self._open = folder / f"{name}.open"
        self.completion = (
            f"do:\nwith open({str(self._begun)!r}, 'a') as log: print(os.getpid(), file=log)\n"
            f"while not os.path.exists({str(self._open)!r}): time.sleep(0.01)"
        )

    def pids(self) -> list[int]:
        """The judge processes that have begun, oldest first."""
        return [int(line) for line in self._begun.read_text().split()] if self._begun.exists() else []

    def await_judge(self, times: int = 1) -> int:
        """Wait until it is judged for the n-th time; the judge's process id."""
        until(lambda: len(self.pids()) >= times)
        return self.pids()[times - 1]

    def open(self) -> None:
        self._open.touch()


def until(condition: Callable[[], object]) -> None:
    end = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < end, "nothing came"
        time.sleep(0.01)


def ended(pid: int) -> bool:
    return not Path(f"/proc/{pid}").exists()


@pytest.fixture
def gate(tmp_path: Path) -> Iterator[Gate]:
    made = Gate(tmp_path, "gate")
    yield made
    made.open()


@pytest.fixture
def open_pool() -> Iterator[VerifierPool]:
    """One worker without a sandbox, so that a completion can wait for a file of the test."""
    with VerifierPool(1, deadline_s=PATIENCE_S, sandboxed=False) as pool:
        yield pool


def requests(name: str, count: int, *, domain: str = "toy") -> list[Request]:
    """`count` requests, each with a task of its own; every second one has the right answer."""
    tasks = [toy_task(f"{name}/{i}", answer=f"{name} {i}", domain=domain) for i in range(count)]
    return [Request(task, f"{name} {i}" if i % 2 else "wrong", i) for i, task in enumerate(tasks)]


def check(name: str, verdicts: list[Verdict]) -> None:
    for index, verdict in enumerate(verdicts):
        assert (verdict.task_id, verdict.sample) == (f"{name}/{index}", index)
        assert verdict.passed is bool(index % 2)


def test_batches_from_several_threads_get_their_own_verdicts_in_order() -> None:
    names = [f"batch{i}" for i in range(6)]
    domains = dict(zip(names, ["toy", "plain"] * 3, strict=True))
    seen: dict[str, dict[int, Verdict]] = {name: {} for name in names}
    threads: dict[str, set[int]] = {name: set() for name in names}

    def judge(name: str) -> tuple[int, list[Verdict]]:
        def on_done(index: int, verdict: Verdict) -> None:
            threads[name].add(threading.get_ident())
            seen[name][index] = verdict

        return threading.get_ident(), pool.verify(requests(name, 40, domain=domains[name]), on_done)

    with VerifierPool(2, deadline_s=PATIENCE_S) as pool, ThreadPoolExecutor(len(names)) as callers:
        results = dict(zip(names, callers.map(judge, names), strict=True))
        assert pool.stats.verified == 40 * len(names)
    for name, (thread, verdicts) in results.items():
        assert len(verdicts) == 40
        check(name, verdicts)
        assert [seen[name][index] for index in range(40)] == verdicts
        assert threads[name] == {thread}


def test_a_small_batch_does_not_wait_for_all_of_a_large_one(open_pool: VerifierPool, gate: Gate) -> None:
    done: list[str] = []
    first = open_pool.submit(Request(toy_task(), gate.completion))
    gate.await_judge()
    futures: list[Future[Verdict]] = []
    with ThreadPoolExecutor(1) as caller:
        large_begun = threading.Event()

        def large() -> None:
            large_begun.set()
            open_pool.verify(requests("large", 300), lambda *_: done.append("large"))

        running = caller.submit(large)
        large_begun.wait()
        until(lambda: open_pool._dispatcher.outstanding.queues["toy"].entries)
        for request in requests("small", 2):
            future = open_pool.submit(request)
            future.add_done_callback(lambda _: done.append("small"))
            futures.append(future)
        gate.open()
        running.result(PATIENCE_S)
    assert first.result(PATIENCE_S).passed
    assert not wait(futures, PATIENCE_S).not_done
    assert done.count("large") == 300
    assert "small" not in done[150:]


def test_submit_gives_a_future(open_pool: VerifierPool) -> None:
    futures = [open_pool.submit(request) for request in requests("single", 20)]
    assert not wait(futures, PATIENCE_S).not_done
    check("single", [future.result() for future in futures])


def test_a_future_from_the_cache_is_done_at_once(tmp_path: Path) -> None:
    cache = VerdictCache(tmp_path / "verdicts.sqlite")
    with VerifierPool(1, cache=cache, deadline_s=PATIENCE_S) as pool:
        fresh = pool.submit(Request(toy_task(), "a")).result(PATIENCE_S)
        again = pool.submit(Request(toy_task("other"), "a", 3))
        assert again.done()
        assert (again.result().cached, again.result().task_id, again.result().sample) == (True, "other", 3)
        assert (pool.stats.verified, pool.stats.cached) == (1, 1)
    assert not fresh.cached
    cache.close()
    with VerifierPool(1, cache=VerdictCache(tmp_path / "verdicts.sqlite")) as pool:
        assert pool.submit(Request(toy_task(), "a")).result(PATIENCE_S).cached


def test_a_callback_of_a_future_may_submit_but_not_verify(open_pool: VerifierPool) -> None:
    answers: Future[tuple[Future[Verdict], BaseException | None]] = Future()

    def callback(_: Future[Verdict]) -> None:
        try:
            open_pool.verify(requests("inner", 1))
        except PoolError as error:
            answers.set_result((open_pool.submit(Request(toy_task(), "b")), error))

    open_pool.submit(Request(toy_task(), "a")).add_done_callback(callback)
    second, error = answers.result(PATIENCE_S)
    assert "wait for itself" in str(error)
    assert not second.result(PATIENCE_S).passed


def test_a_request_cancelled_before_its_turn_is_not_judged(
    open_pool: VerifierPool, gate: Gate, tmp_path: Path
) -> None:
    first = open_pool.submit(Request(toy_task(), gate.completion))
    gate.await_judge()
    never = Gate(tmp_path, "never")
    cancelled = open_pool.submit(Request(toy_task(), never.completion))
    after = open_pool.submit(Request(toy_task(), "a"))
    assert cancelled.cancel()
    gate.open()
    assert first.result(PATIENCE_S).passed
    assert after.result(PATIENCE_S).passed
    assert not wait([cancelled], PATIENCE_S).not_done
    with pytest.raises(CancelledError):
        cancelled.result()
    assert never.pids() == []
    assert open_pool.stats.verified == 2


def test_a_request_cancelled_while_it_is_judged_ends_its_judge(open_pool: VerifierPool, gate: Gate) -> None:
    future = open_pool.submit(Request(toy_task(), gate.completion))
    pid = gate.await_judge()
    assert future.cancel()
    until(lambda: ended(pid))
    assert open_pool.verify([Request(toy_task(), "a")])[0].passed
    assert (open_pool.stats.verified, open_pool.stats.crashes) == (1, 0)


def test_a_cancelled_request_that_another_waits_for_is_judged(open_pool: VerifierPool, gate: Gate) -> None:
    futures = [open_pool.submit(Request(toy_task(f"twin/{i}"), gate.completion)) for i in range(3)]
    gate.await_judge()
    assert futures[0].cancel()
    assert futures[2].cancel()
    gate.open()
    assert futures[1].result(PATIENCE_S).task_id == "twin/1"
    assert len(gate.pids()) == 1
    assert not futures[1].cancel()


def test_a_cancelled_suspect_ends_the_control_run_that_nobody_else_needs(
    open_pool: VerifierPool, gate: Gate
) -> None:
    task = toy_task(answer="x", reference=gate.completion)
    future = open_pool.submit(Request(task, "do:os._exit(3)"))
    pid = gate.await_judge()
    assert future.cancel()
    until(lambda: ended(pid))
    assert open_pool.verify([Request(toy_task(), "a")])[0].passed
    assert open_pool.stats.verified == 1


def test_equal_requests_of_overlapping_batches_are_judged_once(open_pool: VerifierPool, gate: Gate) -> None:
    def judge(name: str) -> list[Verdict]:
        return open_pool.verify([Request(toy_task(f"{name}/{i}"), gate.completion, i) for i in range(2)])

    with ThreadPoolExecutor(4) as callers:
        batches = {name: callers.submit(judge, name) for name in ("b0", "b1", "b2", "b3")}
        gate.await_judge()
        until(lambda: open_pool.stats.deduplicated == 7)
        gate.open()
        for name, batch in batches.items():
            verdicts = batch.result(PATIENCE_S)
            assert [(v.task_id, v.sample, v.passed) for v in verdicts] == [
                (f"{name}/0", 0, True),
                (f"{name}/1", 1, True),
            ]
    assert len(gate.pids()) == 1
    assert open_pool.stats.verified == 1


def test_closing_fails_what_is_outstanding(gate: Gate) -> None:
    pool = VerifierPool(1, deadline_s=PATIENCE_S, sandboxed=False)
    running = pool.submit(Request(toy_task(), gate.completion))
    pid = gate.await_judge()
    queued = [pool.submit(request) for request in requests("queued", 5)]
    with ThreadPoolExecutor(1) as caller:
        batch = caller.submit(pool.verify, requests("batch", 5))
        until(lambda: len(pool._dispatcher.outstanding.in_flight) == 11)
        pool.close()
        for future in (running, *queued, batch):
            with pytest.raises(PoolError, match="this pool is closed"):
                future.result(PATIENCE_S)
    assert ended(pid)
    with pytest.raises(PoolError, match="this pool is closed"):
        pool.submit(Request(toy_task(), "a"))
    assert running.cancel() is False


def test_a_callback_that_raises_abandons_only_its_own_batch(open_pool: VerifierPool, gate: Gate) -> None:
    other = open_pool.submit(Request(toy_task("other"), "a"))
    asked = [*requests("refused", 1), Request(toy_task(answer="other"), gate.completion)]

    def refuse(index: int, verdict: Verdict) -> None:
        gate.await_judge()
        raise RuntimeError("enough")

    with pytest.raises(RuntimeError, match="enough"):
        open_pool.verify(asked, refuse)
    until(lambda: ended(gate.pids()[0]))
    assert other.result(PATIENCE_S).passed
    check("after", open_pool.verify(requests("after", 4)))


def test_a_worker_killed_while_batches_overlap_costs_no_verdict(gate: Gate) -> None:
    with VerifierPool(2, deadline_s=PATIENCE_S, sandboxed=False) as pool, ThreadPoolExecutor(2) as callers:
        blocked = pool.submit(Request(toy_task(), gate.completion))
        gate.await_judge()
        batches = {name: callers.submit(pool.verify, requests(name, 60)) for name in ("one", "two")}
        (worker,) = [
            w for w in list(pool._dispatcher.workers) if w.entries and "gate" in w.entries[0].completion
        ]
        os.kill(worker.process.pid, signal.SIGKILL)
        gate.await_judge(2)
        gate.open()
        for name, batch in batches.items():
            check(name, batch.result(PATIENCE_S))
        assert blocked.result(PATIENCE_S).passed
        assert pool.stats.crashes == 1


def test_a_domain_that_does_not_start_fails_its_own_requests_only() -> None:
    with VerifierPool(2, deadline_s=PATIENCE_S) as pool, ThreadPoolExecutor(1) as caller:
        good = caller.submit(pool.verify, requests("good", 20))
        bad = [pool.submit(request) for request in requests("bad", 3, domain="broken")]
        for future in bad:
            with pytest.raises(PoolError, match=r"'broken' do not start.*half"):
                future.result(PATIENCE_S)
        check("good", good.result(PATIENCE_S))
        with pytest.raises(PoolError, match=r"'broken' do not start.*half"):
            pool.verify([*requests("mixed", 4), *requests("bad", 3, domain="broken")])
        check("again", pool.verify(requests("again", 4)))


def test_a_judge_that_keeps_ending_without_a_job_is_not_replaced_for_ever() -> None:
    with VerifierPool(1, deadline_s=PATIENCE_S, sandboxed=False) as pool:
        assert pool.verify([Request(toy_task(), "a")])[0].passed
        (server,) = [worker.process.pid for worker in pool._dispatcher.workers]
        children = Path(f"/proc/{server}/task/{server}/children")
        killed: set[str] = set()
        end = time.monotonic() + PATIENCE_S
        while pool._dispatcher.workers and time.monotonic() < end:
            for pid in children.read_text().split() if children.exists() else ():
                if pid not in killed:
                    killed.add(pid)
                    os.kill(int(pid), signal.SIGSEGV)
            time.sleep(0.01)
        assert len(killed) == 5
        assert pool.verify([Request(toy_task(), "b")])[0].passed is False


INTERRUPTED = """
import os, signal, sys, threading
sys.path[:0] = {path!r}
from support.toy_domain import toy_task
from verirl.pool import Request, VerifierPool
with VerifierPool(2, deadline_s=60, sandboxed=False) as pool:
    other = []
    asked = [Request(toy_task(), f"do:time.sleep(0.01) # {{i}}") for i in range(200)]
    thread = threading.Thread(target=lambda: other.extend(pool.verify(asked)))
    hang = f"do:os.kill({{os.getpid()}}, signal.SIGINT); time.sleep(600)"
    thread.start()
    try:
        pool.verify([Request(toy_task("hang"), hang)])
    except KeyboardInterrupt:
        print("interrupted", flush=True)
    thread.join()
    print(len(other), all(verdict.passed for verdict in other), pool.stats.verified)
"""


def test_an_interrupt_abandons_one_batch_while_another_goes_on() -> None:
    path = [entry for entry in sys.path if "third-party" in entry] + [str(ROOT / "tests")]
    code = INTERRUPTED.format(path=path)
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=2 * PATIENCE_S, check=False
    )
    assert done.stdout == "interrupted\n200 True 200\n", done.stderr


def test_many_threads_submit_cancel_and_verify_at_once() -> None:
    def judge(number: int) -> None:
        name = f"thread{number}"
        futures = [pool.submit(request) for request in requests(name, 12)]
        for future in futures[::3]:
            future.cancel()
        check(f"{name}b", pool.verify(requests(f"{name}b", 6)))
        assert not wait(futures, PATIENCE_S).not_done
        for index, future in enumerate(futures):
            if not future.cancelled():
                assert future.result().passed is bool(index % 2)

    with VerifierPool(2, deadline_s=PATIENCE_S) as pool, ThreadPoolExecutor(8) as callers:
        for done in [callers.submit(judge, number) for number in range(8)]:
            done.result(2 * PATIENCE_S)
        assert not pool._dispatcher.outstanding.in_flight
        (crashed,) = pool.verify([Request(toy_task(), "do:os._exit(3)")])
        assert crashed.stages[1].status is Status.FAILED
