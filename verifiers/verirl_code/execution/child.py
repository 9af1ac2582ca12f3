"""What runs in the sandbox beside one answer, or one test: the far end of a channel to the supervisor.

An answer's child is told the code and then asked, one question at a time; it never holds an expected value, a
later question, or anything that decides a verdict. Whatever the answer does to this process, it can only make
it say something else than it would have: the supervisor compares what was said.

A test's child (`test_code`) runs the task author's code and reaches the answer by asking for it: the answer
lives in another process, and what crosses is plain data, or a number that stands for an object over there.
"""

from __future__ import annotations

import ast
import atexit
import builtins
import contextlib
import gc
import os
import sys
import types
from collections.abc import Iterator
from typing import Any

from verirl_code.execution.tagged_json import Encoder, Line, NotPlainError, decode, encode

ANSWER = "<answer>"
_FILE = "answer.py"
TESTS = "<tests>"
_SHOWN = 300
_KEPT = 100_000
_ITEMS = 1_000_000
_IMMUTABLE = 1 << 8
"""Py_TPFLAGS_IMMUTABLETYPE (the C API's type objects)."""

_flags_of = type.__dict__["__flags__"].__get__


def main(fd: int) -> None:
    """Serve the channel until it closes."""
    line = Line(fd)
    order = line.hear()
    if order is not None:
        roles: dict[str, type[_Answer | _Program | _Tests]]
        roles = {"answer": _Answer, "program": _Program, "tests": _Tests}
        roles[order["role"]](line, order).serve()


class _Answer:
    """Code whose functions are called."""

    def __init__(self, line: Line, order: dict[str, Any]) -> None:
        self.line = line
        self.order = order
        self.kept: list[Any] = []

    def serve(self) -> None:
        module = _load(self.line, self.order, "answer")
        if module is None:
            return
        name = self.order["entry_point"]
        if name is not None and not callable(module.__dict__.get(name)):
            found = "is not a function" if name in module.__dict__ else "is not defined"
            self.line.say({"fell": "runs", "why": f"'{name}' {found}"})
            return
        self.line.say({"ran": True})
        self.names = module.__dict__
        say, hear, respond = self.line.say, self.line.hear, self._respond
        while (question := hear()) is not None:
            if question["op"] == "each":
                for args in question["args"]:
                    call = {"op": "plain", "name": question["name"], "args": args}
                    say({"nonce": question["nonce"], **respond(call)})
            else:
                say({"nonce": question["nonce"], **respond(question)})

    def _respond(self, question: dict[str, Any]) -> dict[str, Any]:
        try:
            value = self._do(question)
        except NotPlainError as problem:
            return {"odd": str(problem)}
        except BaseException as problem:  # noqa: BLE001 - whatever an answer raises is its answer
            return {"raised": _described(problem), "kind": _builtin_kind(problem), "line": _line(problem)}
        try:
            return {"value": encode(value, self._keep if question["op"] != "plain" else None)}
        except NotPlainError as problem:
            return {"odd": str(problem)}
        except BaseException as problem:  # noqa: BLE001 - such as a container changed by a thread meanwhile
            return {"odd": _described(problem)}

    def _do(self, question: dict[str, Any]) -> Any:
        match question["op"]:
            case "plain":
                return self.names[question["name"]](*decode(question["args"]))
            case "name":
                return self.names[question["name"]]
            case "call":
                args, named = (decode(question[key], self.kept.__getitem__) for key in ("args", "named"))
                return self.kept[question["on"]](*args, **named)
            case "get":
                return getattr(self.kept[question["on"]], question["name"])
            case "set":
                value = decode(question["value"], self.kept.__getitem__)
                return setattr(self.kept[question["on"]], question["name"], value)
            case "item":
                return self.kept[question["on"]][decode(question["key"], self.kept.__getitem__)]
            case "iter":
                return _Fresh(iter(self.kept[question["on"]]))
            case "next":
                return [next(self.kept[question["on"]])]
            case "set item":
                key, value = (decode(question[part], self.kept.__getitem__) for part in ("key", "value"))
                self.kept[question["on"]][key] = value
                return None
            case "del item":
                del self.kept[question["on"]][decode(question["key"], self.kept.__getitem__)]
                return None
            case "str":
                return _plain_text(str(self.kept[question["on"]]))
            case "repr":
                return _plain_text(repr(self.kept[question["on"]]))
            case "len":
                return len(self.kept[question["on"]])
            case "true":
                return _truth(self.kept[question["on"]])
        raise ValueError(question["op"])

    def _keep(self, value: Any) -> int:
        if len(self.kept) >= _KEPT:
            raise NotPlainError("too many objects")
        self.kept.append(value.inner if type(value) is _Fresh else value)
        return len(self.kept) - 1


def _truth(value: Any) -> bool:
    """Whether an object of a type that no Python code can make or change, such as a match, is true."""
    if not _flags_of(type(value)) & _IMMUTABLE:
        raise NotPlainError("an object where true or false is asked")
    return bool(value)


def _plain_text(text: str) -> str:
    """The characters of what may be an answer's own kind of text."""
    return str.__str__(text)


class _Fresh:
    """An iterator, which is always kept over here."""

    def __init__(self, inner: Iterator[Any]) -> None:
        self.inner = inner


class _Program:
    """Code that reads standard input and writes standard output."""

    def __init__(self, line: Line, order: dict[str, Any]) -> None:
        self.line = line
        self.order = order

    def serve(self) -> None:
        for name, fd, mode in (("stdin", 0, "r"), ("stdout", 1, "w")):
            stream = open(fd, mode, encoding="utf-8", errors="surrogateescape", closefd=False)  # noqa: SIM115
            setattr(sys, name, stream)
            setattr(sys, f"__{name}__", stream)
        say, out = self.line.say, sys.stdout
        sys.argv = [_FILE]
        module = _load(self.line, self.order, "__main__")
        try:
            if module is not None:
                _finish(module, out)
            _flush(out)
        except BaseException as problem:  # noqa: BLE001 - whatever an answer raises is its answer
            say({"fell": "runs", "why": _described(problem)})
            return
        if module is not None:
            say({"ran": True})


def _finish(module: types.ModuleType, out: Any) -> None:
    """What an interpreter does at its end: wait for threads, call back, flush, finalise (Py_FinalizeEx)."""
    threading = sys.modules.get("threading")
    if threading is not None:
        threading._shutdown()
    atexit._run_exitfuncs()
    _flush(sys.stdout)
    sys.stdout = out
    for name in [name for name in module.__dict__ if name != "__builtins__"]:
        module.__dict__[name] = None
    gc.collect()


def _flush(stream: Any) -> None:
    if stream is not None and not getattr(stream, "closed", False):
        stream.flush()


def _load(line: Line, order: dict[str, Any], name: str) -> types.ModuleType | None:
    """Compile and run the code as the module `name`; None, and the reason said, where that fails."""
    say = line.say
    try:
        code = compile(order["code"], ANSWER, "exec", dont_inherit=True)
    except BaseException as problem:  # noqa: BLE001 - the parser runs out of memory and stack, too
        at = getattr(problem, "lineno", None)
        why = _described(problem).removesuffix(f" ({ANSWER}, line {at})")
        say({"fell": "parse", "why": why, "line": at if isinstance(at, int) else 0})
        return None
    say({"parsed": True})
    module = types.ModuleType(name)
    module.__file__ = _FILE
    sys.modules[name] = module
    for word in ("exit", "quit"):
        # What `site` gives every program, and the fork server starts without.
        setattr(builtins, word, sys.exit)
    try:
        if order.get("setup"):
            exec(compile(order["setup"], "<setup>", "exec"), module.__dict__)  # noqa: S102 - what this process is for
        exec(code, module.__dict__)  # noqa: S102 - what this process is for
    except SystemExit as problem:
        if name == "__main__" and problem.code in (None, 0):
            return module
        say({"fell": "runs", "why": f"ended itself ({_described(problem)})", "line": _line(problem)})
        return None
    except BaseException as problem:  # noqa: BLE001 - whatever an answer raises is its answer
        say({"fell": "runs", "why": _described(problem), "line": _line(problem)})
        return None
    return module


class _AnswerRaisedError(Exception):
    """The answer raised something that is not a built-in exception."""


class _NoDataError(BaseException):
    """The answer gave an object where only data can be judged; no `except Exception` of a test hides it."""


class _Tests:
    """A task author's test code, run against an answer that lives elsewhere."""

    def __init__(self, line: Line, order: dict[str, Any]) -> None:
        self.line = line
        self.order = order
        self.asked = False

    def serve(self) -> None:
        passed, total, why, at = 0, 0, "", 0
        for step, counts in self._steps():
            total += counts
            try:
                step()
                passed += counts
            except BaseException as problem:  # noqa: BLE001 - a test fails by raising anything
                why = why or _described(problem)
                at = at or _line(problem, TESTS)
                if not counts:
                    total += 1
                    break
        if total == 0:
            # Code that raises on failure, and did not.
            passed = total = 1
        if not self.asked:
            passed, why = 0, why or "the tests ask nothing of the answer"
        self.line.say({"passed": passed, "total": total, "why": why, "line": at})

    def _steps(self) -> Iterator[tuple[Any, int]]:
        """What to run in turn, and whether it counts as a test of its own."""
        scope: dict[str, Any] = {"__name__": "__main__"}
        parts = [ast.parse(self.order[key] or "", TESTS) for key in ("setup", "test_code")]
        self._lend(parts, scope)
        entry = self.order["entry_point"]
        candidate = scope.get(entry) if entry else None
        yield (lambda: exec(compile(parts[0], "<setup>", "exec"), scope)), 0  # noqa: S102 - what this process is for
        if entry:
            candidate = self._name(entry)
            scope[entry] = candidate
        counted = "check" not in {one.name for one in parts[1].body if isinstance(one, ast.FunctionDef)}
        for statement in parts[1].body:
            code = compile(ast.Module([statement], []), TESTS, "exec")
            counts = counted and isinstance(statement, ast.Assert)
            yield (lambda code=code: exec(code, scope)), int(counts)  # noqa: S102 - what this process is for
        if not counted:
            yield (lambda: scope["check"](candidate)), 1

    def _lend(self, parts: list[ast.Module], scope: dict[str, Any]) -> None:
        """Give the tests the names that they use and do not define: modules, else the answer's."""
        nodes = [node for part in parts for node in ast.walk(part)]
        named = [node for node in nodes if isinstance(node, ast.Name)]
        for name in dict.fromkeys(node.id for node in named if isinstance(node.ctx, ast.Load)):
            if hasattr(builtins, name):
                continue
            if name in sys.stdlib_module_names:
                with contextlib.suppress(ImportError):
                    scope[name] = __import__(name)
                continue
            try:
                scope[name] = self._name(name)
            except Exception:  # noqa: BLE001, S112 - a name of the tests' own; else they will say so
                continue

    def _name(self, name: str) -> Any:
        return self.ask({"op": "name", "name": name})

    def ask(self, question: dict[str, Any]) -> Any:
        """Ask the answer's process; raise what it raised."""
        self.line.say({"ask": question})
        reply = self.line.hear()
        if reply is None:
            os._exit(1)
        if "value" in reply:
            value = decode(reply["value"], lambda number: _Remote(self, number))
            # To look up a function is no question yet; a constant of the answer's is one.
            self.asked = self.asked or question["op"] != "name" or type(value) is not _Remote
            return value
        if "odd" in reply:
            raise _NoDataError(f"not plain data: {reply['odd']}")
        self.asked = self.asked or question["op"] != "name"
        kind = getattr(builtins, str(reply.get("kind")), None)
        if not (isinstance(kind, type) and issubclass(kind, Exception)):
            kind = _AnswerRaisedError
        if kind in (StopIteration, StopAsyncIteration) and question["op"] != "next":
            # It would end a `map` or a `for` of the tests as if there were nothing more to test.
            kind = _AnswerRaisedError
        name, _, words = (described := str(reply.get("raised"))).partition(": ")
        try:
            made = kind if kind.__name__ == name else type(name, (kind,), {})
            raised = made(words) if words else made()
        except (TypeError, ValueError):
            raised = _AnswerRaisedError(described)
        raise raised

    def plain(self, value: Any) -> Any:
        """A value of ours for the other side."""
        encoder = Encoder(_number)
        return encoder.encode(value)


def _number(value: Any) -> int:
    if type(value) is not _Remote:
        raise NotPlainError(f"the tests pass a value of type {type(value).__name__}")
    return int(object.__getattribute__(value, "_number"))


def _ask(remote: _Remote, **question: Any) -> Any:
    tests = object.__getattribute__(remote, "_tests")
    number = object.__getattribute__(remote, "_number")
    return tests.ask({**question, "on": number})


class _Remote:
    """An object of the answer's that is not plain data: equal to, or in order with, nothing."""

    __slots__ = ("_number", "_tests")

    def __init__(self, tests: _Tests, number: int) -> None:
        object.__setattr__(self, "_tests", tests)
        object.__setattr__(self, "_number", number)

    def __call__(self, *args: Any, **named: Any) -> Any:
        tests = object.__getattribute__(self, "_tests")
        return _ask(self, op="call", args=tests.plain(list(args)), named=tests.plain(named))

    def __getattr__(self, name: str) -> Any:
        return _ask(self, op="get", name=name)

    def __setattr__(self, name: str, value: Any) -> None:
        _ask(self, op="set", name=name, value=object.__getattribute__(self, "_tests").plain(value))

    def __getitem__(self, key: Any) -> Any:
        return _ask(self, op="item", key=object.__getattribute__(self, "_tests").plain(key))

    def __setitem__(self, key: Any, value: Any) -> None:
        plain = object.__getattribute__(self, "_tests").plain
        _ask(self, op="set item", key=plain(key), value=plain(value))

    def __delitem__(self, key: Any) -> None:
        _ask(self, op="del item", key=object.__getattribute__(self, "_tests").plain(key))

    def __str__(self) -> str:
        return str(_ask(self, op="str"))

    def __repr__(self) -> str:
        return str(_ask(self, op="repr"))

    def __iter__(self) -> Iterator[Any]:
        iterator = _ask(self, op="iter")
        for _ in range(_ITEMS):
            try:
                [item] = _ask(iterator, op="next")
            except StopIteration:
                return
            yield item

    def __next__(self) -> Any:
        [item] = _ask(self, op="next")
        return item

    def __len__(self) -> int:
        return int(_ask(self, op="len"))

    def __bool__(self) -> bool:
        return _ask(self, op="true") is True

    def _refuse(self, *_: Any) -> Any:
        raise _NoDataError("the answer gave an object that is not plain data")

    __eq__ = __ne__ = __lt__ = __le__ = __gt__ = __ge__ = _refuse
    __contains__ = __hash__ = _refuse


def _described(problem: BaseException) -> str:
    """`Type: message`, whatever the exception's own methods do; the type alone where that says it all."""
    name = type(problem).__name__
    try:
        words = str(problem).strip()
    except BaseException:  # noqa: BLE001 - hostile by assumption
        words = ""
    return (name if words in ("", name) else f"{name}: {words}")[:_SHOWN].rstrip(": ")


def _builtin_kind(problem: BaseException) -> str:
    """The nearest built-in class of an exception."""
    return next((kind.__name__ for kind in type(problem).__mro__ if kind.__module__ == "builtins"), "")


def _line(problem: BaseException, file: str = ANSWER) -> int:
    """The innermost line of `file` that an exception passed through; 0 for none."""
    found, trace = 0, problem.__traceback__
    for _ in range(10_000):
        if trace is None:
            break
        if trace.tb_frame.f_code.co_filename == file:
            found = trace.tb_lineno
        trace = trace.tb_next
    return found
