"""Put an answer to its tests: the supervisor's part, which alone knows what is expected.

The answer is asked once its code has run, with a number that it cannot foresee, so it cannot answer what it
was not asked. The tests come in an order that hangs on the answer's own text, so none can know it by heart;
where they are so few that an order could be guessed, a fresh process is asked them again, backwards.
"""

from __future__ import annotations

import ast
import json
import math
import os
import secrets
import signal
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from verirl.errors import SandboxError
from verirl.seeds import rng
from verirl.types import fingerprint
from verirl_code.execution.child_pool import (
    BROKEN,
    Child,
    ChildLimits,
    ChildPool,
    ExitState,
    GoneError,
    LateError,
    readable,
)
from verirl_code.execution.tagged_json import DEPTH_LIMIT
from verirl_code.grading.value_equality import difference, difference_of_text, shown
from verirl_code.spec import Case, CodeSpec

OUTPUT_LIMIT = 8 * 1024 * 1024
"""Bytes of a program's output that are read; one that writes more has failed."""

ASKED_AT_ONCE = 64
"""Tests whose arguments are sent in one message, once the code has run; each is replied to by itself."""

ASKED_AGAIN_BELOW = 5
"""With fewer tests than this an order could be guessed, so a fresh process is asked them again, backwards."""

ASKED_AGAIN = 3
_DRAWS = 8
_WORDS = 400


@dataclass(frozen=True)
class Result:
    """What became of one test. `why`: in words, empty where it was right.

    `line`: of the answer, `test_line`: of the test code, from 1; 0 for none.
    """

    right: bool
    why: str = ""
    line: int = 0
    late: bool = False
    test_line: int = 0


@dataclass(frozen=True)
class Trial:
    """What became of an answer. `fell`: parse, runs, or None; `results`: by the number of the test."""

    fell: str | None = None
    why: str = ""
    line: int = 0
    late: bool = False
    results: dict[int, Result] = field(default_factory=dict)
    total: int = 0
    cpu_s: float = 0.0

    @property
    def is_right(self) -> bool:
        """Whether every test was passed."""
        return self.fell is None and sum(one.right for one in self.results.values()) == self.total > 0

    @property
    def is_late(self) -> bool:
        """Whether the time was over before it had come to its end."""
        return self.late or any(one.late for one in self.results.values())


class _FellError(Exception):
    """The answer does not come as far as its tests."""

    def __init__(self, stage: str, why: str, line: int = 0, *, late: bool = False) -> None:
        super().__init__(why)
        self.trial = Trial(stage, why, line, late)


@dataclass(frozen=True)
class _Room:
    """Where children come from, what they may use, until when."""

    pool: ChildPool
    limits: ChildLimits
    until: float
    home: Path | None

    @contextmanager
    def child(self, *, streams: bool = False) -> Iterator[Child]:
        child = self.pool.take(self.limits, self.home, streams=streams)
        try:
            yield child
        finally:
            child.close()


def attempt(
    spec: CodeSpec, code: str, pool: ChildPool, seconds: float, *, key: str, home: Path | None = None
) -> Trial:
    """Run `code` against the tests of `spec` within `seconds` of wall clock. `key`: orders the tests."""
    limits = ChildLimits(memory_mb=spec.memory_mb, cpu_s=math.ceil(spec.time_s))
    room = _Room(pool, limits, time.monotonic() + seconds, home)
    try:
        if spec.test_code is not None:
            return _tested(spec, code, room)
        if spec.is_program:
            return _programs(spec, code, room, key)
        return _calls(spec, code, room, key)
    except _FellError as fall:
        return fall.trial


# -- functions ------------------------------------------------------------------------------------------


def _calls(spec: CodeSpec, code: str, room: _Room, key: str) -> Trial:
    order = order_of(spec.cases, key, code)
    results, cpu_s = _asked(spec, code, room, order)
    few = 1 < len(order) < ASKED_AGAIN_BELOW
    if few and len(results) == len(order) and all(result.right for result in results.values()):
        fresh, _ = _asked(spec, code, room, order[::-1])
        for number in order:
            result = fresh.get(number, Result(False, "not reached"))
            if not result.right:
                results[number] = replace(result, why=f"asked again in a fresh process: {result.why}")
    return Trial(results=results, total=len(order), cpu_s=cpu_s)


def order_of(cases: Sequence[Case], key: str, code: str) -> list[int]:
    """The order that this answer to the task `key` is asked in.

    It hangs on every character of the answer, so none can hold it; and where the expected values can tell,
    it is not the order in which the tests are written down.
    """
    draw = rng("code", "order", key, code)
    order = list(range(len(cases)))
    for _ in range(_DRAWS):
        draw.shuffle(order)
        if any(cases[number].expected != case.expected for number, case in zip(order, cases, strict=True)):
            return order
    return [*range(1, len(cases)), 0]


def _asked(spec: CodeSpec, code: str, room: _Room, order: Sequence[int]) -> tuple[dict[int, Result], float]:
    """Ask one process the tests in `order`, up to one that ends it or the time."""
    results: dict[int, Result] = {}
    with room.child() as child:
        _open(child, {"role": "answer", "code": code, "entry_point": spec.entry_point}, room)
        number = order[0]
        try:
            for start in range(0, len(order), ASKED_AT_ONCE):
                asked = order[start : start + ASKED_AT_ONCE]
                number = asked[0]
                given = [spec.cases[number].given for number in asked]
                nonce = _say(child, {"op": "each", "name": spec.entry_point, "args": given}, room.until)
                for number in asked:
                    results[number] = _judged(spec.cases[number], _hear(child, nonce, room.until))
        except LateError:
            results[number] = Result(False, "did not return in time", late=True)
        except GoneError as problem:
            results[number] = _gone(child, room, str(problem))
    return results, child.ended.cpu_s if child.ended else 0.0


def _say(child: Child, question: dict[str, Any], until: float) -> str:
    """Put a question; the nonce that its reply has to bear."""
    nonce = secrets.token_hex(8)
    child.say({"nonce": nonce, **question}, until)
    return nonce


def _hear(child: Child, nonce: str, until: float) -> dict[str, Any]:
    """The reply to the question `nonce`; GoneError where it is not."""
    reply = child.hear(until)
    if reply.get("nonce") != nonce:
        raise GoneError("it said what it was not asked")
    value = reply.get("value")
    if isinstance(value, list) and _depth(value) > DEPTH_LIMIT + 2:
        raise GoneError("it said what no value looks like")
    return reply


def _ask(child: Child, question: dict[str, Any], until: float) -> dict[str, Any]:
    """The reply to one question."""
    return _hear(child, _say(child, question, until), until)


def _depth(node: Any) -> int:
    """How deep lists pool in `node`, counted no further than is of interest."""
    level, depth = [node], 0
    while level and depth <= DEPTH_LIMIT + 2:
        level = [item for one in level if isinstance(one, list) for item in one]
        depth += 1
    return depth


def _judged(case: Case, reply: dict[str, Any]) -> Result:
    if "value" in reply:
        why = difference(case.expected, reply["value"])
        return Result(why is None, why or "")
    if "odd" in reply:
        return Result(False, f"did not return plain data: {_word(reply['odd'])}")
    return Result(False, f"raised {_word(reply.get('raised'))}", _whole(reply.get("line")))


def _open(child: Child, order: dict[str, Any], room: _Room) -> None:
    """Give a child its code and see it through to where it can be asked; _FellError where it does not."""
    stage = "parse"
    try:
        child.say(order, room.until)
        for word, following in (("parsed", "runs"), ("ran", "")):
            message = child.hear(room.until)
            if "fell" in message:
                why = _word(message.get("why"))
                raise _FellError("parse" if stage == "parse" else "runs", why, _whole(message.get("line")))
            if word not in message:
                raise GoneError("it said what it was not asked")  # noqa: TRY301 - the same as a dead child
            stage = following or stage
    except LateError:
        raise _FellError(stage, "not done in time", late=True) from None
    except GoneError as problem:
        gone = _gone(child, room, str(problem), before_parse=stage == "parse")
        raise _FellError(stage, gone.why, late=gone.late) from None


def _gone(child: Child, room: _Room, words: str, *, before_parse: bool = False) -> Result:
    """What a process died of, or why it is not believed any more. SandboxError where it was our doing."""
    try:
        ended = child.wait(min(room.until, time.monotonic() + 0.2)) if words == "it ended" else child.close()
    except LateError:
        ended = child.close()
    if before_parse and ended.code == BROKEN:
        raise SandboxError(f"the walls around an answer could not be made: {words}")
    return _death(ended, room.limits, words)


def _death(ended: ExitState, limits: ChildLimits, words: str) -> Result:
    if words != "it ended":
        return Result(False, f"took over its process: {words}")
    if ended.code >= 0:
        return Result(False, f"ended its process (exit code {ended.code})")
    if ended.cpu_s >= limits.cpu_s - 0.5:
        return Result(False, "used up its CPU time", late=True)
    return Result(False, f"crashed its process ({_signal(-ended.code)})")


def _signal(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _word(value: object) -> str:
    """A child's words, on one line."""
    text = value if isinstance(value, str) else "nothing"
    return " ".join(text[:_WORDS].encode("utf-8", "replace").decode().split())


def _whole(value: object) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 10**7 else 0


# -- programs -------------------------------------------------------------------------------------------


def _programs(spec: CodeSpec, code: str, room: _Room, key: str) -> Trial:
    order = list(range(len(spec.cases)))
    rng("code", "order", key).shuffle(order)
    results: dict[int, Result] = {}
    cpu_s = 0.0
    for number in order:
        fall, results[number], used = _program(spec.cases[number], code, room)
        cpu_s += used
        if fall == "parse" or (fall == "runs" and len(results) == 1):
            one = results[number]
            return Trial(fall, one.why, one.line, one.late)
        if results[number].late:
            break
    return Trial(results=results, total=len(order), cpu_s=cpu_s)


def _program(case: Case, code: str, room: _Room) -> tuple[str | None, Result, float]:
    """One run: where it fell (None: it came to its end), what is to be said of its output, its CPU time."""
    given = case.given.encode("utf-8", "surrogateescape")
    with room.child(streams=True) as child:
        # Not `write`: the place from which it reads is the child's, too.
        at = 0
        while at < len(given):
            at += os.pwrite(child.stdin, given[at:], at)
        fall, result = _watched(child, case, code, room)
    return fall, result, child.ended.cpu_s if child.ended else 0.0


def _watched(child: Child, case: Case, code: str, room: _Room) -> tuple[str | None, Result]:
    stage = "parse"
    try:
        child.say({"role": "program", "code": code}, room.until)
        first = child.hear(room.until)
        if "fell" in first:
            return "parse", Result(False, _word(first.get("why")), _whole(first.get("line")))
        stage = "runs"
        output = _output(child.stdout, room.until)
        if len(output) > OUTPUT_LIMIT:
            return None, Result(False, f"wrote more than {OUTPUT_LIMIT} bytes")
        try:
            last = child.hear(room.until)
        except GoneError:
            last = {}
        if "fell" in last:
            return "runs", Result(False, f"raised {_word(last.get('why'))}", _whole(last.get("line")))
        # One that says nothing more may still have ended well (os._exit): its exit code is waited for.
        code_of_end = 0 if "ran" in last else child.wait(room.until).code
    except LateError:
        return stage, Result(False, "did not end in time", late=True)
    except GoneError as problem:
        return stage, _gone(child, room, str(problem), before_parse=stage == "parse")
    if code_of_end != 0:
        return "runs", _death(child.close(), room.limits, "it ended")
    why = difference_of_text(case.expected, output.decode("utf-8", "surrogateescape"))
    return None, Result(why is None, why or "")


def _output(reader: int, until: float) -> bytes:
    """What is written until the end, or a little more than the limit; LateError where neither comes."""
    kept = bytearray()
    while len(kept) <= OUTPUT_LIMIT:
        if not readable(reader, until - time.monotonic()):
            raise LateError
        piece = os.read(reader, 1 << 16)
        if not piece:
            break
        kept += piece
    return bytes(kept)


# -- test code ------------------------------------------------------------------------------------------


def _tested(spec: CodeSpec, code: str, room: _Room) -> Trial:
    """Two processes, neither of which sees the other: one runs the tests, one the answer; we pass on."""
    order = {"role": "answer", "code": code, "entry_point": spec.entry_point, "setup": _lent(spec.setup_code)}
    tests = {
        "role": "tests",
        "test_code": spec.test_code,
        "setup": spec.setup_code,
        "entry_point": spec.entry_point,
    }
    log = _Log()
    with room.child() as answer:
        _open(answer, order, room)
        with room.child() as tester:
            told = _passed_on(tester, answer, tests, room, log)
    if _all_passed(told) and log.calls and not log.shows_state:
        told = _repeated(order, tests, log, room) or told
    cpu_s = answer.ended.cpu_s if answer.ended else 0.0
    if isinstance(told, Result):
        return Trial(results={0: told}, total=1, cpu_s=cpu_s)
    right, total = _whole(told.get("passed")), max(1, _whole(told.get("total")))
    wrong = Result(False, _word(told.get("why")), test_line=_whole(told.get("line")))
    results = {number: Result(True) if number < right else wrong for number in range(total)}
    return Trial(results=results, total=total, cpu_s=cpu_s)


@dataclass
class _Log:
    """The calls that tests made with plain data, and what came back: name, arguments, value."""

    names: dict[int, str] = field(default_factory=dict)
    calls: list[tuple[str, Any, Any]] = field(default_factory=list)

    def add(self, question: dict[str, Any], reply: dict[str, Any]) -> None:
        """Take note of one exchange."""
        value = reply.get("value")
        if question["op"] == "name" and isinstance(value, list) and _is_kept(value):
            self.names[value[1]] = question["name"]
        elif question["op"] == "call" and question["on"] in self.names and "value" in reply:
            plain = question["named"] == ["d"] and not _has_kept(question["args"]) and not _has_kept(value)
            if plain:
                self.calls.append((self.names[question["on"]], question["args"], value))

    @property
    def shows_state(self) -> bool:
        """Whether the tests count on what went before: several functions, or a call with several results."""
        first: dict[str, Any] = {}
        calls = ((json.dumps([name, args]), value) for name, args, value in self.calls)
        return len({name for name, _, _ in self.calls}) > 1 or any(
            first.setdefault(call, value) != value for call, value in calls
        )


def _is_kept(node: Any) -> bool:
    return isinstance(node, list) and len(node) == 2 and node[0] == "r" and isinstance(node[1], int)


def _has_kept(node: Any) -> bool:
    """Whether an object that is no data is part of a tagged value."""
    return isinstance(node, list) and (_is_kept(node) or any(_has_kept(item) for item in node))


def _all_passed(told: object) -> bool:
    return isinstance(told, dict) and _whole(told.get("passed")) == _whole(told.get("total")) > 0


def _repeated(order: dict[str, Any], tests: dict[str, Any], log: _Log, room: _Room) -> Result | None:
    """Ask a fresh process some of what the tests asked, in another order; what is wrong with it, if anything.

    Test code asks in an order of its own, which an answer could have learnt by heart. Where another value
    comes back, that may be by chance (`random`): then this process, out of step by now, is put to the tests.
    """
    draw = rng("code", "again", fingerprint({"test_code": tests["test_code"]}))
    again = draw.sample(range(len(log.calls)), min(ASKED_AGAIN, len(log.calls)))
    if len(again) > 1 and again == sorted(again):
        again.reverse()
    try:
        with room.child() as child:
            _open(child, order, room)
            same = True
            for number in again:
                name, args, value = log.calls[number]
                reply = _ask(child, {"op": "plain", "name": name, "args": args}, room.until)
                if "value" not in reply:
                    return Result(False, "asked again in a fresh process, it gave no value")
                same = same and difference(value, reply["value"]) is None
            if same:
                return None
            with room.child() as tester:
                if _all_passed(_passed_on(tester, child, tests, room, _Log())):
                    return None
        return Result(False, "asked again in a fresh process, it gave another value")
    except (LateError, GoneError, _FellError):
        return Result(False, "asked again in a fresh process, it gave no value")


def _passed_on(
    tester: Child, answer: Child, tests: dict[str, Any], room: _Room, log: _Log
) -> dict[str, Any] | Result:
    """The tests' last word, or what became of the answer meanwhile."""
    try:
        tester.say(tests, room.until)
        while "ask" in (message := tester.hear(room.until)):
            try:
                reply = _ask(answer, message["ask"], room.until)
            except GoneError as problem:
                return _gone(answer, room, str(problem))
            log.add(message["ask"], reply)
            tester.say(
                {name: reply[name] for name in ("value", "odd", "raised", "kind") if name in reply},
                room.until,
            )
    except LateError:
        return Result(False, "did not return in time", late=True)
    except GoneError:
        # What an answer gives can only be data; a test that dies of it (too much, too deep) has not passed.
        return Result(False, "the tests did not come to an end")
    return message


def _lent(setup: str) -> str:
    """What of the setup the answer may use as well: its imports and definitions, nothing that tests."""
    kinds = (ast.Import, ast.ImportFrom, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    body: list[ast.stmt] = [one for one in ast.parse(setup).body if isinstance(one, kinds)]
    return ast.unparse(ast.Module(body, []))


def told(case: Case, spec: CodeSpec) -> str:
    """A test in words: the call, or the standard input."""
    if spec.is_program:
        return f"standard input {case.given[:200]!r}"
    inside = shown(case.given)
    return f"{spec.entry_point}({inside[1:-1] if inside.endswith(']') else inside[1:]})"
