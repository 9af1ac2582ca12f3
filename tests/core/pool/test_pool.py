"""The verifier pool: right verdicts, in order, whatever one job does to its worker."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import Counter, deque
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from support.paths import ROOT
from support.toy_domain import gone, install, on_path, processes_with, toy_task

from verirl.errors import InputError, PoolError, ToolMissingError
from verirl.pool import Request, VerifierPool
from verirl.pool.queues import take_next
from verirl.types import Status, Verdict

WORKER = "verirl.pool.worker"
MARK = f"7{os.getpid()}1"
"""A number of seconds that only this run's tests sleep: finds the processes that they left."""

DEADLINE = 1.5

KINDS = {"confined": ("toy", True), "own sandbox": ("plain", True), "no sandbox": ("toy", False)}


@pytest.fixture(scope="module", autouse=True)
def _domains(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    folder = tmp_path_factory.mktemp("third-party")
    install(folder)
    install(folder, "plain", confined=False)
    install(folder, "broken", extra="import sys\nif 'worker' in sys.argv[0]: raise ImportError('half')")
    install(folder, "lacking", extra="import sys\nif 'worker' in sys.argv[0]: import no_such_part")
    install(folder, "warmed", extra="WARM = []\nToy.warm_up = lambda self: WARM.append(os.getpid())")
    with on_path(folder):
        yield


@pytest.fixture(scope="module", params=KINDS, ids=KINDS)
def kind(request: pytest.FixtureRequest) -> Iterator[tuple[str, VerifierPool]]:
    """A domain's name and a pool that judges it, one for each way of keeping a worker in."""
    name, sandboxed = KINDS[request.param]
    pool = VerifierPool(2, deadline_s=DEADLINE, memory_mb=1024, sandboxed=sandboxed)
    with pool:
        yield name, pool


def judge(kind: tuple[str, VerifierPool], *completions: str, **task: object) -> list[Verdict]:
    name, pool = kind
    subject = toy_task(domain=name, **task)
    return pool.verify([Request(subject, completion) for completion in completions])


def stages(verdict: Verdict) -> list[tuple[str, str]]:
    return [(stage.name, str(stage.status)) for stage in verdict.stages]


PASSED = [("parse", "passed"), ("check", "passed"), ("size", "passed")]
ERRED = [("parse", "passed"), ("check", "error")]
FAILED = [("parse", "passed"), ("check", "failed")]


def test_verdicts_carry_what_the_stages_found(kind: tuple[str, VerifierPool]) -> None:
    right, wrong = judge(kind, "a", "b")
    assert right.passed
    assert stages(right) == PASSED
    assert right.metrics == {"letters": 1.0}
    assert right.stages[2].score == 0.5
    assert right.made_by == {"domain": f"{kind[0]} 1", "toyc": "3.2"}
    assert not wrong.passed
    assert stages(wrong) == FAILED
    assert (wrong.stages[1].detail, wrong.feedback) == ("not a", "look again")


def test_results_keep_order_and_identity(kind: tuple[str, VerifierPool]) -> None:
    name, pool = kind
    tasks = [toy_task(f"t{i}", answer=f"a{i}", domain=name) for i in range(40)]
    jobs = [Request(task, f"a{i % 7}", sample=i) for i, task in enumerate(tasks)]
    seen: dict[int, Verdict] = {}
    verdicts = pool.verify(jobs, lambda index, verdict: seen.__setitem__(index, verdict))
    assert [(v.task_id, v.sample) for v in verdicts] == [(f"t{i}", i) for i in range(40)]
    assert [v.passed for v in verdicts] == [i < 7 for i in range(40)]
    assert [seen[i] for i in range(40)] == verdicts


def test_equal_jobs_are_judged_once(kind: tuple[str, VerifierPool]) -> None:
    name, pool = kind
    before = pool.stats.verified
    same = [toy_task(f"copy/{i}", answer="same", domain=name) for i in range(5)]
    verdicts = pool.verify([Request(task, "same", sample=i) for i, task in enumerate(same)])
    assert [(v.task_id, v.sample, v.passed) for v in verdicts] == [(f"copy/{i}", i, True) for i in range(5)]
    assert pool.stats.verified == before + 1


def test_an_empty_batch(kind: tuple[str, VerifierPool]) -> None:
    assert kind[1].verify([]) == []


@pytest.mark.parametrize("hang", ["while True: pass", "time.sleep(600)", "10 ** 10 ** 9"])
def test_a_deadline_keeps_the_stages_already_passed(kind: tuple[str, VerifierPool], hang: str) -> None:
    late, right = judge(kind, f"do:{hang}", "a")
    if "starved" in late.stages[1].detail and "sleep" not in hang:
        pytest.skip("other processes kept the cores busy")
    assert stages(late) == [("parse", "passed"), ("check", "timeout")]
    assert late.stages[1].seconds >= DEADLINE - late.stages[0].seconds - 0.1
    assert right.passed


def test_a_hang_after_the_correctness_stages_still_passes(kind: tuple[str, VerifierPool]) -> None:
    (verdict,) = judge(kind, "slow size", answer="slow size")
    assert verdict.passed
    assert stages(verdict) == [("parse", "passed"), ("check", "passed"), ("size", "timeout")]


DEATHS = {
    "os._exit(3)": "exit code 3",
    "os._exit(0)": "exit code 0",
    "ctypes.string_at(0)": "SIGSEGV",
    "os.abort()": "SIGABRT",
    "hoard = bytearray(1 << 36)": "out of memory",
    "f = lambda: f(); f()": "out of stack",
    "os.closerange(3, 256)": "",
}


@pytest.mark.parametrize("code", DEATHS)
def test_a_death_on_the_answer_alone_is_the_answers_fault(kind: tuple[str, VerifierPool], code: str) -> None:
    dead, right = judge(kind, f"do:{code}", "a")
    assert stages(dead) == FAILED
    assert DEATHS[code] in dead.stages[1].detail
    assert "not on the reference" in dead.stages[1].detail
    assert right.passed


@pytest.mark.parametrize(
    "reference", [None, "do:os._exit(4)", "do:os._exit(3)", "wrong", "do:time.sleep(60)"]
)
def test_a_death_is_an_error_where_the_reference_fares_no_better(
    kind: tuple[str, VerifierPool], reference: str | None
) -> None:
    (dead,) = judge(kind, "do:os._exit(3)", reference=reference, answer=f"x{reference}")
    assert stages(dead) == ERRED


def test_a_kill_from_outside_is_an_error(kind: tuple[str, VerifierPool]) -> None:
    (killed,) = judge(kind, "do:os.kill(os.getpid(), signal.SIGKILL)")
    assert stages(killed) == ERRED
    assert "from outside" in killed.stages[1].detail


BUGS = {
    "raise ValueError('bad\\nnews')": "ValueError: bad news",
    "sys.exit(0)": "SystemExit",
    "raise KeyboardInterrupt": "",
    "finding = passed('size')": "where 'check' was due",
    "finding = passed('parse')": "'parse'",
    "finding = passed('extra')": "'extra'",
    "finding = StageOutcome(StageResult.model_construct(name='check', status='passed', score=float('nan'),"
    " seconds=0.0, detail=''))": "score nan",
    "finding = passed('check', score=float('inf'))": "ValidationError",
    "finding = 'nonsense'": "AttributeError",
}


@pytest.mark.parametrize("code", BUGS)
def test_a_bug_in_the_domain_is_an_error(kind: tuple[str, VerifierPool], code: str) -> None:
    buggy, right = judge(kind, f"do:{code}", "a")
    assert not buggy.passed
    if BUGS[code]:
        assert stages(buggy) == ERRED
        assert BUGS[code] in buggy.stages[1].detail
    assert right.passed


FORGERIES = {
    "garbage": "b'garbage' * 1000",
    "a huge length": "b'\\xff\\xff\\xff\\xff'",
    "another job's verdict": "pack({'ticket': '0' * 16, 'end': True, 'outcome': {}})",
    "no object": "pack([1, 2])",
    "a deep one": "(20000).to_bytes(4, 'big') + b'[' * 20000",
    "a broken one": "pack({'broken': 'x' * 100000})",
}


@pytest.mark.parametrize("forgery", FORGERIES)
def test_nothing_that_a_worker_says_is_believed_unchecked(
    kind: tuple[str, VerifierPool], forgery: str
) -> None:
    code = f"""do:
from verirl.pool.protocol import pack
for fd in range(3, 64):
    try:
        os.set_blocking(fd, False)
        os.write(fd, {FORGERIES[forgery]})
    except OSError:
        pass
"""
    forged, right = judge(kind, code, "a")
    assert not forged.passed
    assert stages(forged)[0] == ("parse", "passed")
    assert right.passed


def test_what_is_printed_goes_nowhere(kind: tuple[str, VerifierPool]) -> None:
    (loud,) = judge(kind, "do:\nfor fd in (1, 2): os.write(fd, b'x' * (1 << 24))\nprint('more' * 1000)")
    assert loud.passed


def test_texts_and_figures_are_bounded(kind: tuple[str, VerifierPool]) -> None:
    code = """do:
from dataclasses import replace
figures = {f"m{i}": float(i) for i in range(1000)} | {"endless": float("inf")}
stage = StageResult.model_construct(name="check", status="failed", score=7.0, seconds=0.0, detail="d" * 10**6)
from verirl.types import Status
finding = StageOutcome(stage.model_copy(update={"status": Status.FAILED}), figures, "\\ud800" + "f" * 10**6)
"""
    (long,) = judge(kind, code)
    assert stages(long) == FAILED
    assert len(long.stages[1].detail) == 2000
    assert long.stages[1].score == 1.0
    assert len(long.metrics) <= 64
    assert len(long.feedback) <= 4000
    long.to_json().encode()


def test_each_job_finds_its_folder_empty(kind: tuple[str, VerifierPool]) -> None:
    litter = """do:
sub = job.folder / "sub"
sub.mkdir()
(sub / "file").write_text("x")
(job.folder / "link").symlink_to("/etc")
sub.chmod(0)
finding = passed("check", found=float(len(list(job.folder.iterdir()))), job=%d)
"""
    for verdict in judge(kind, *(litter % index for index in range(6))):
        assert verdict.metrics["found"] == 2.0


def test_a_killed_job_leaves_no_file_to_the_next(kind: tuple[str, VerifierPool]) -> None:
    litter = "do:(job.folder / 'left').write_text('x'); time.sleep(60) # %d"
    look = "do:finding = passed('check', found=float(len(list(job.folder.iterdir())))) # %d"
    judge(kind, *(litter % index for index in range(2)))
    assert [v.metrics["found"] for v in judge(kind, *(look % index for index in range(2)))] == [0.0, 0.0]


DAEMON = f"subprocess.Popen(['sleep', '{MARK}'], start_new_session=True)"


@pytest.mark.parametrize("end", ["pass", "time.sleep(60)", "os._exit(3)", "os.kill(os.getpid(), 9)"])
def test_no_daemon_outlives_the_pool(tmp_path: Path, end: str) -> None:
    for name, sandboxed in KINDS.values():
        with VerifierPool(1, deadline_s=1.0, sandboxed=sandboxed) as pool:
            task = toy_task(domain=name)
            pool.verify([Request(task, f"do:{DAEMON}; {end}"), Request(task, "a")])
        assert not processes_with(f"sleep {MARK}")


def test_a_daemon_of_one_job_is_gone_before_the_next_in_a_sandbox() -> None:
    look = """do:
lines = [open(f"/proc/{p}/cmdline").read() for p in os.listdir("/proc") if p.isdigit()]
finding = passed("check", found=float(sum("sleep" in line for line in lines)))
"""
    with VerifierPool(1) as pool:
        task = toy_task()
        first, after = pool.verify([Request(task, f"do:{DAEMON}; {DAEMON}"), Request(task, look)])
    assert first.passed
    assert after.metrics["found"] == 0.0


def test_a_confined_worker_sees_no_task_file_no_home_and_no_network() -> None:
    root = ROOT
    hidden = [str(root / name) for name in ("datasets", "pyproject.toml", ".git")]
    hidden += [str(Path.home() / ".bashrc"), "/etc/passwd", "/var", "/sys"]
    code = f"""do:
hidden = {hidden!r}
visible = [path for path in hidden if os.path.exists(path)]
try:
    socket.create_connection(("192.0.2.1", 80), 0.5)
    visible.append("network")
except OSError:
    pass
finding = failed("check", detail=repr(visible)) if visible else passed("check")
"""
    with VerifierPool(1) as pool:
        (verdict,) = pool.verify([Request(toy_task(), code)])
    assert verdict.stages[1].detail == ""
    assert verdict.passed


def test_the_worker_sees_only_what_the_key_covers(kind: tuple[str, VerifierPool]) -> None:
    (verdict,) = judge(kind, "do:finding = passed('check', detail=f'{task.reference} {task.difficulty}')")
    assert verdict.stages[1].detail == "None None"


def test_a_domain_may_run_sandboxed_programs_of_its_own() -> None:
    code = """do:
from verirl import sandbox
out = sandbox.run(["sh", "-c", "cat in > out; id -u; ls /"], files={"in": "hello"}, folder=job.folder)
finding = passed("check", detail=repr((sandbox.read_output(job.folder, "out"), b"home" in out.stdout)))
"""
    with VerifierPool(2) as pool:
        task = toy_task(domain="plain")
        verdicts = pool.verify([Request(task, f"{code}# {i}") for i in range(6)])
    assert {v.stages[1].detail for v in verdicts} == {"(b'hello', False)"}


def test_a_starved_worker_is_our_error_not_a_timeout() -> None:
    core = min(os.sched_getaffinity(0))
    busy = subprocess.Popen(
        [sys.executable, "-c", f"import os; os.sched_setaffinity(0, {{{core}}})\nwhile True: pass"]
    )
    code = (
        f"do:os.sched_setaffinity(0, {{{core}}})\n"
        "os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))\nwhile True: pass"
    )
    try:
        with VerifierPool(1, deadline_s=3.0) as pool:
            # On a busy machine the hog may itself be kept from the core for a while.
            for attempt in range(3):
                (verdict,) = pool.verify([Request(toy_task(), f"{code}  # {attempt}")])
                if stages(verdict) == ERRED:
                    break
    finally:
        busy.kill()
        busy.wait()
    assert stages(verdict) == ERRED
    assert "starved" in verdict.stages[1].detail


def test_several_domains_in_one_batch() -> None:
    tasks = [toy_task(f"t{i}", answer=f"a{i}", domain=("toy", "plain")[i % 2]) for i in range(20)]
    with VerifierPool(1) as pool:
        verdicts = pool.verify([Request(task, f"a{i}") for i, task in enumerate(tasks)])
    assert all(verdict.passed for verdict in verdicts)
    assert [verdict.made_by["domain"] for verdict in verdicts[:2]] == ["toy 1", "plain 1"]


def test_a_worker_stays_with_a_task_that_it_knows() -> None:
    queue = deque(_waiting(key) for key in "aabbcc")
    one, two = SimpleNamespace(last_task=""), SimpleNamespace(last_task="")
    taken = []
    for worker in (one, two, two, one, one, two):
        entry = take_next(queue, worker, [one, two])
        worker.last_task = entry.key
        taken.append(entry.key)
    assert "".join(taken) == "abbacc"


def test_a_second_try_waits_for_no_other_task() -> None:
    queue = deque([_waiting("a", deaths=["killed"]), _waiting("b")])
    worker = SimpleNamespace(last_task="b")
    assert take_next(queue, worker, [worker]).key == "a"


def _waiting(key: str, **more: object) -> SimpleNamespace:
    return SimpleNamespace(**{"key": key, "deaths": [], "suspects": [], **more})


def test_a_worker_is_recycled() -> None:
    def pid(index: int) -> str:
        return f"do:finding = passed('check', pid=float(os.getpid())) # {index}"

    with VerifierPool(1, recycle_after=5) as pool:
        verdicts = pool.verify([Request(toy_task(), pid(index)) for index in range(60)])
        assert pool.stats.crashes == 0
    served = Counter(verdict.metrics["pid"] for verdict in verdicts)
    assert set(served.values()) == {5}


def test_a_domain_is_warmed_once_before_its_judges_are_forked() -> None:
    code = "do:finding = passed('check', times=len(WARM), parent=float(WARM == [os.getppid()])) # "
    with VerifierPool(1, recycle_after=1) as pool:
        verdicts = pool.verify([Request(toy_task(domain="warmed"), f"{code}{index}") for index in range(3)])
    assert [verdict.metrics for verdict in verdicts] == [{"times": 1.0, "parent": 1.0}] * 3


def test_a_domain_that_does_not_start_in_the_worker_says_why() -> None:
    with VerifierPool(2) as pool, pytest.raises(PoolError, match=r"'broken' do not start.*half"):
        pool.verify([Request(toy_task(domain="broken"), "a")])


def test_a_package_that_the_domain_lacks_in_the_worker_is_named() -> None:
    with VerifierPool(2) as pool, pytest.raises(ToolMissingError, match="no_such_part"):
        pool.verify([Request(toy_task(domain="lacking"), "a")])


def test_an_unknown_domain() -> None:
    with VerifierPool(1) as pool, pytest.raises(InputError, match=r"unknown domain 'tpy'.*'toy'"):
        pool.verify([Request(toy_task(domain="tpy"), "a")])


MISSING = "do:from verirl.errors import ToolMissingError as T; raise T('toyc', 'apt-get install toyc')"


def test_a_missing_tool_passes_through_and_the_pool_goes_on() -> None:
    lacking = toy_task(answer="x", reference=MISSING)
    with VerifierPool(2) as pool:
        with pytest.raises(ToolMissingError, match="apt-get install toyc"):
            pool.verify([Request(lacking, MISSING), *(Request(toy_task(), f"b{i}") for i in range(9))])
        assert pool.verify([Request(toy_task(), "a")])[0].passed


def test_an_answer_that_claims_a_missing_tool_ends_no_batch() -> None:
    jobs = [Request(toy_task(), MISSING), Request(toy_task(), "a")]
    with VerifierPool(1) as pool:
        claims, right = pool.verify(jobs)
    assert stages(claims) == FAILED
    assert "not on the reference" in claims.stages[1].detail
    assert right.passed


@pytest.mark.parametrize("setting", [{"workers": 0}, {"deadline_s": 0}, {"deadline_s": float("inf")}])
def test_a_pool_that_cannot_be(setting: dict[str, float]) -> None:
    with pytest.raises(InputError):
        VerifierPool(**setting)  # type: ignore[arg-type]


def test_a_callback_that_raises_breaks_the_batch_off_and_the_pool_goes_on() -> None:
    def refuse(index: int, verdict: Verdict) -> None:
        raise RuntimeError("enough")

    with VerifierPool(2) as pool:
        with pytest.raises(RuntimeError, match="enough"):
            pool.verify([Request(toy_task(), f"do:time.sleep(0.05) # {i}") for i in range(9)], refuse)
        assert [v.passed for v in pool.verify([Request(toy_task(), "a"), Request(toy_task(), "b")])] == [
            True,
            False,
        ]


def test_workers_killed_between_batches_are_replaced() -> None:
    with VerifierPool(2) as pool:
        pool.verify([Request(toy_task(), f"b{i}") for i in range(8)])
        for worker in list(pool._dispatcher.workers):
            os.kill(worker.process.pid, signal.SIGKILL)
            worker.process.wait()
        assert all(v.passed for v in pool.verify([Request(toy_task(), f"do:pass # {i}") for i in range(8)]))


def test_a_closed_pool_and_a_forked_one_refuse() -> None:
    pool = VerifierPool(1)
    pool.verify([Request(toy_task(), "a")])
    child = os.fork()
    if child == 0:
        try:
            pool.verify([Request(toy_task(), "b")])
        except PoolError:
            os._exit(7)
        os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
    assert pool.verify([Request(toy_task(), "b")])[0].passed is False
    pool.close()
    pool.close()
    with pytest.raises(PoolError):
        pool.verify([Request(toy_task(), "a")])


def test_no_descriptor_and_no_process_is_left() -> None:
    def one() -> None:
        with VerifierPool(2, deadline_s=0.5) as pool:
            pool.verify([Request(toy_task(), text) for text in ("a", "do:os._exit(1)", "do:time.sleep(9)")])
            pool.verify([Request(toy_task(domain="plain"), "a")])

    one()
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(3):
        one()
    assert len(list(Path("/proc/self/fd").iterdir())) == before
    children = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
    assert not [c for c in children if WORKER in Path(f"/proc/{c}/cmdline").read_text()]


TRAINER = """
import sys
sys.path[:0] = {path!r}
from support.toy_domain import toy_task
from verirl.pool import Request, VerifierPool
from verirl.pool.queues import take_next
code = "do:subprocess.Popen(['sleep', '{mark}'], start_new_session=True); time.sleep(60) # %d"
task = toy_task(domain="{domain}")
with VerifierPool(2, deadline_s=60) as pool:
    print("begun", flush=True)
    pool.verify([Request(task, code % i) for i in range(2)])
"""


@pytest.mark.parametrize("domain", ["toy", "plain"])
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_nothing_outlives_a_trainer_that_is_killed(tmp_path: Path, domain: str, how: signal.Signals) -> None:
    path = [entry for entry in sys.path if "third-party" in entry] + [str(ROOT / "tests")]
    mark = f"8{os.getpid()}{int(how)}"
    code = TRAINER.format(path=path, domain=domain, mark=mark)
    trainer = subprocess.Popen(
        [sys.executable, "-c", code],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "TMPDIR": str(tmp_path)},
        start_new_session=True,
    )
    assert trainer.stdout is not None
    with trainer:
        assert trainer.stdout.readline() == b"begun\n"
        until = time.monotonic() + 30
        while len(processes_with(f"sleep {mark}")) < 2 and time.monotonic() < until:
            time.sleep(0.05)
        assert len(processes_with(f"sleep {mark}")) == 2
        trainer.send_signal(how)
    assert gone(f"sleep {mark}")
    until = time.monotonic() + 10
    while any(tmp_path.iterdir()) and time.monotonic() < until:
        time.sleep(0.05)
    assert not list(tmp_path.iterdir())


def test_a_long_batch_with_hostile_answers_loses_nothing() -> None:
    hostile = {7: "do:time.sleep(60)", 31: "do:os._exit(2)", 83: "do:ctypes.string_at(0)", 144: "do:1/0"}
    tasks = [toy_task(f"t{i}", answer=f"a{i}") for i in range(400)]
    jobs = [Request(t, hostile.get(i, f"a{i}" if i % 2 else "wrong")) for i, t in enumerate(tasks)]
    with VerifierPool(2, deadline_s=1.0) as pool:
        verdicts = pool.verify(jobs)
    expected = {7: Status.TIMEOUT, 31: Status.FAILED, 83: Status.FAILED, 144: Status.ERROR}
    for index, verdict in enumerate(verdicts):
        assert verdict.task_id == f"t{index}"
        assert verdict.stages[1].status is expected.get(index, Status.PASSED if index % 2 else Status.FAILED)
