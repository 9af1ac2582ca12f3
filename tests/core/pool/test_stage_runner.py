"""The pool's pure parts: running stages, the protocol, and the cache of verdicts."""

from __future__ import annotations

import contextlib
import json
import math
import multiprocessing
import sqlite3
import warnings
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.caches import LADDER, a_verdict, fill_cache
from support.toy_domain import install, on_path, toy_task

from verirl.domain import StageContext
from verirl.outcomes import StageOutcome, failed, passed, skipped, timed_out
from verirl.pool import Request, VerdictCache, VerifierPool
from verirl.pool.cache import cache_key
from verirl.pool.protocol import (
    MAX_FEEDBACK_CHARS,
    MAX_METRICS,
    ProtocolError,
    Unpacker,
    outcome_from_wire,
    outcome_to_wire,
    pack,
)
from verirl.pool.stage_runner import StageRunner, run_stages, verdict
from verirl.types import DETAIL_LIMIT, Stage, Status, Verdict

JOB = StageContext(folder=Path("/nowhere"), seconds=1.0)
TASK = toy_task()


def run(*outcomes: StageOutcome) -> Verdict:
    domain = SimpleNamespace(ladder=LADDER, stages=lambda *_: iter(outcomes))
    found = list(run_stages(domain, TASK, "", JOB, StageRunner(LADDER)))  # type: ignore[arg-type]
    return verdict("t", 0, LADDER, found, {})


def names(result: Verdict) -> list[tuple[str, str]]:
    return [(stage.name, str(stage.status)) for stage in result.stages]


def test_a_whole_ladder_passes() -> None:
    result = run(passed("parse"), failed("style", 0.2), passed("check"), passed("area", 0.7))
    assert result.passed
    assert len(result.stages) == 4


def test_a_failed_correctness_stage_ends_the_run() -> None:
    for failure in (failed("check"), timed_out("check")):
        result = run(passed("parse"), failure, passed("area"))
        assert not result.passed
        assert names(result)[-1][0] == "check"
        assert len(result.stages) == 2


def test_a_quality_stage_may_be_left_out_and_a_skipped_one_is_neutral() -> None:
    assert run(passed("parse"), passed("check")).passed
    assert run(skipped("parse"), passed("check")).passed


@pytest.mark.parametrize(
    "outcomes",
    [
        (),
        (passed("parse"),),
        (passed("check"),),
        (passed("parse"), passed("parse")),
        (passed("parse"), passed("check"), passed("style")),
        (passed("parse"), passed("nothing")),
    ],
)
def test_stages_out_of_order_or_missing_are_an_error(outcomes: tuple[StageOutcome, ...]) -> None:
    result = run(*outcomes)
    assert result.is_error
    assert not result.passed


statuses = st.sampled_from(list(Status))
stage_names = st.sampled_from([stage.name for stage in LADDER] + ["other"])


@st.composite
def any_outcomes(draw: st.DrawFn) -> list[StageOutcome]:
    found = []
    for _ in range(draw(st.integers(0, 6))):
        base = passed(draw(stage_names), draw(st.floats(0, 1)))
        stage = base.stage.model_copy(update={"status": draw(statuses), "score": draw(st.floats())})
        found.append(StageOutcome(stage))
    return found


@given(any_outcomes())
def test_whatever_a_domain_yields_the_verdict_is_sound(outcomes: list[StageOutcome]) -> None:
    result = run(*outcomes)
    order = [stage.name for stage in LADDER]
    places = [order.index(stage.name) for stage in result.stages]
    assert places == sorted(set(places))
    assert all(math.isfinite(stage.score) and 0 <= stage.score <= 1 for stage in result.stages)
    if result.passed:
        assert not result.is_error
        status = {stage.name: stage.status for stage in result.stages}
        assert {status["parse"], status["check"]} <= {Status.PASSED, Status.SKIPPED}
    for stage in result.stages[:-1]:
        assert stage.status is not Status.ERROR


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


@given(st.lists(st.dictionaries(st.text(max_size=8), json_values, max_size=4), max_size=6), st.data())
@settings(max_examples=40)
def test_messages_survive_any_cut(messages: list[dict[str, Any]], data: st.DataObject) -> None:
    stream = b"".join(pack(message) for message in messages)
    unpacker = Unpacker(1 << 20)
    found = []
    while stream:
        size = data.draw(st.integers(1, len(stream)))
        found += list(unpacker.feed(stream[:size]))
        stream = stream[size:]
    assert json.dumps(found) == json.dumps(messages)


@given(st.binary(max_size=200))
def test_any_bytes_are_a_message_or_refused(data: bytes) -> None:
    try:
        for message in Unpacker(100).feed(data):
            assert isinstance(message, dict)
    except ProtocolError:
        pass


@given(json_values)
def test_any_json_is_a_outcome_or_refused(value: object) -> None:
    with contextlib.suppress(ProtocolError):
        outcome_from_wire(value)


fields = {
    "name": json_values | st.just("check"),
    "status": json_values | st.just("passed"),
    "score": json_values | st.floats(),
    "seconds": json_values | st.floats(),
    "detail": json_values | st.text(min_size=DETAIL_LIMIT, max_size=DETAIL_LIMIT + 50),
    "metrics": json_values | st.dictionaries(st.text(), st.floats(), min_size=MAX_METRICS),
    "feedback": json_values | st.text(alphabet=st.characters(codec=None), max_size=50),
}


@given(st.fixed_dictionaries(fields))
def test_a_outcome_from_the_wire_is_bounded(value: dict[str, Any]) -> None:
    try:
        outcome = outcome_from_wire(value)
    except ProtocolError:
        return
    assert 0 <= outcome.stage.score <= 1
    assert len(outcome.stage.detail) <= DETAIL_LIMIT
    assert len(outcome.feedback) <= MAX_FEEDBACK_CHARS
    assert len(outcome.metrics) <= MAX_METRICS
    assert all(math.isfinite(figure) for figure in outcome.metrics.values())
    (outcome.feedback + outcome.stage.detail).encode()
    assert outcome_from_wire(outcome_to_wire(outcome)) == outcome


def test_a_number_with_a_million_digits_is_refused() -> None:
    with pytest.raises(ProtocolError):
        list(Unpacker(1 << 21).feed((10**6 + 6).to_bytes(4, "big") + b'{"a":' + b"9" * 10**6 + b"}"))


# The cache


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "deep" / "verdicts.sqlite"


def test_a_verdict_comes_back_marked_as_cached(place: Path) -> None:
    cache = VerdictCache(place)
    assert cache.get("k", LADDER) is None
    cache.put("k", a_verdict())
    cache.close()
    again = VerdictCache(place).get("k", LADDER)
    assert again == a_verdict().model_copy(update={"cached": True})


def test_the_key_covers_all_that_can_change_a_verdict() -> None:
    keys = {
        cache_key("task", "answer", {"domain": "toy 1", "tool": "1"}),
        cache_key("task2", "answer", {"domain": "toy 1", "tool": "1"}),
        cache_key("task", "answer2", {"domain": "toy 1", "tool": "1"}),
        cache_key("task", "answer", {"domain": "toy 2", "tool": "1"}),
        cache_key("task", "answer", {"domain": "toy 1", "tool": "2"}),
        cache_key("task", "answer", {"domain": "toy 1"}),
        cache_key("task", "\ud800", {"domain": "toy 1"}),
    }
    assert len(keys) == 7
    assert cache_key("t", "a", {"x": "1", "y": "2"}) == cache_key("t", "a", {"y": "2", "x": "1"})


@pytest.mark.parametrize(
    "row",
    [
        "nonsense",
        "{}",
        a_verdict().model_copy(update={"passed": False}).to_json(),
        a_verdict(Status.FAILED).model_copy(update={"passed": True}).to_json(),
        a_verdict(Status.TIMEOUT).to_json(),
        a_verdict(Status.ERROR).to_json(),
        verdict("t", 0, LADDER, [passed("other")], {}).to_json(),
        b"\xff\xfe",
        7,
        None,
    ],
)
def test_a_row_that_no_ladder_gives_is_not_believed(place: Path, row: object) -> None:
    cache = VerdictCache(place)
    cache.put("k", a_verdict())
    cache.close()
    with sqlite3.connect(place) as connection:
        connection.execute("UPDATE verdicts SET value = ?", (row,))
    connection.close()
    assert VerdictCache(place).get("k", LADDER) is None


def _spoil_with_noise(place: Path) -> None:
    place.parent.mkdir(parents=True)
    place.write_bytes(b"not a database" * 1000)


def _spoil_with_another_table(place: Path) -> None:
    place.parent.mkdir(parents=True)
    with sqlite3.connect(place) as connection:
        connection.execute("CREATE TABLE verdicts (wrong TEXT)")
    connection.close()


def _spoil_with_a_folder(place: Path) -> None:
    place.mkdir(parents=True)


def _spoil_with_a_file_above(place: Path) -> None:
    place.parent.write_text("")


def _spoil_with_a_full_disk(place: Path) -> None:
    place.parent.mkdir(parents=True)
    place.symlink_to("/dev/full")


@pytest.mark.parametrize(
    "spoil",
    [
        _spoil_with_noise,
        _spoil_with_another_table,
        _spoil_with_a_folder,
        _spoil_with_a_file_above,
        _spoil_with_a_full_disk,
    ],
)
def test_a_cache_that_fails_warns_once_and_is_no_cache(place: Path, spoil: Any) -> None:
    spoil(place)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        cache = VerdictCache(place)
        for index in range(5):
            assert cache.get(f"k{index}", LADDER) is None
            cache.put(f"k{index}", a_verdict())
            cache.flush()
        cache.close()
    assert len(caught) == 1
    assert "going on without" in str(caught[0].message)


def test_a_cache_that_another_process_locks_is_no_cache(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("verirl.pool.cache._LOCK_TIMEOUT_S", 0.1)
    VerdictCache(place).close()
    cache = VerdictCache(place)
    cache.put("k", a_verdict())
    cache.flush()
    holder = sqlite3.connect(place)
    holder.execute("BEGIN EXCLUSIVE")
    cache.put("l", a_verdict())
    with pytest.warns(UserWarning, match="locked"):
        cache.flush()
    holder.close()
    assert VerdictCache(place).get("k", LADDER) is not None


def test_the_cache_stays_within_its_bound_and_drops_the_least_recently_used(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = iter(range(10**6))
    monkeypatch.setattr("verirl.pool.cache.time.time", lambda: next(clock))
    cache = VerdictCache(place, max_mb=0.25)
    for index in range(600):
        cache.put(f"k{index}", a_verdict(detail=f"{index}" + "x" * 1500))
        if index % 20 == 0:
            assert cache.get("k0", LADDER) is not None
            cache.flush()
    cache.close()
    with sqlite3.connect(place) as connection:
        kept = {key for (key,) in connection.execute("SELECT key FROM verdicts")}
    connection.close()
    assert "k0" in kept
    assert "k599" in kept
    assert "k1" not in kept
    assert 30 < len(kept) < 170


def test_several_processes_share_one_cache(place: Path) -> None:
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=fill_cache, args=(str(place), name)) for name in "abc"]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert [writer.exitcode for writer in writers] == [0, 0, 0]
    cache = VerdictCache(place)
    assert all(cache.get(f"{name}{index}", LADDER) for name in "abc" for index in range(200))
    cache.close()


@pytest.fixture
def toy(tmp_path: Path) -> Iterator[None]:
    folder = tmp_path / "third-party"
    folder.mkdir()
    install(folder)
    with on_path(folder):
        yield


def test_only_what_was_judged_is_stored(place: Path, toy: None) -> None:
    answers = ["a", "b", "do:time.sleep(60)", "do:1/0", "do:os._exit(1)", "do:sys.exit(0)"]
    jobs = [Request(toy_task(), answer) for answer in answers]
    fresh = []
    for _ in range(2):
        cache = VerdictCache(place)
        with VerifierPool(2, deadline_s=0.5, cache=cache) as pool:
            fresh.append(pool.verify(jobs))
        cache.close()
    assert [verdict.cached for verdict in fresh[0]] == [False] * 6
    assert [verdict.cached for verdict in fresh[1]] == [True, True, False, False, False, False]
    assert [v.model_copy(update={"cached": False}) for v in fresh[1][:2]] == fresh[0][:2]


def test_a_cached_verdict_carries_the_asking_job(place: Path, toy: None) -> None:
    cache = VerdictCache(place)
    with VerifierPool(1, cache=cache) as pool:
        pool.verify([Request(toy_task("one"), "a", 1)])
        (again,) = pool.verify([Request(toy_task("two"), "a", 2)])
    cache.close()
    assert (again.task_id, again.sample, again.cached) == ("two", 2, True)
    assert pool.stats.cached == 1
    assert pool.stats.verified == 1


def test_a_stage_out_of_order_is_reported_in_plain_words() -> None:
    result = run(passed("parse"), passed("check"), passed("style"))
    detail = "ValueError: stage 'style' was reported out of order (the last one was 'check')"
    assert result.stages[-1].detail == detail
    with pytest.raises(ValueError, match=r"'x' was reported out of order \(no stage had been reported yet\)"):
        StageRunner((Stage(name="size", kind="quality"),)).add(passed("x"))
