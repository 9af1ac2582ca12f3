"""The code that runs inside a child: the far end of the channel to the supervisor.

A child with the role `answer` or `program` gets the answer's code. It is then asked one question at a time,
and never holds an expected value, a later question, or anything that decides a verdict. Whatever the answer
does to this process can only change what the process says, and the supervisor compares what it says.

A child with the role `tests` runs the task author's test code, which reaches the answer by asking for it:
the answer is in another process, and what crosses is plain data, or a number that stands for an object over
there.

The first message of the supervisor is the order: `role`, and then `code`, `entry_point` and `setup`, or
`test_code`, `entry_point` and `setup`. Names of exception classes here are part of verdicts.
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

ANSWER_FILE = "<answer>"
_MODULE_FILE = "answer.py"
TESTS_FILE = "<tests>"
_MAX_DESCRIPTION_CHARS = 300
_MAX_KEPT_OBJECTS = 100_000
_MAX_ITERATED_ITEMS = 1_000_000
_IMMUTABLE_TYPE_FLAG = 1 << 8
"""Py_TPFLAGS_IMMUTABLETYPE of the C API: no Python code can make or change such a type."""

_flags_of = type.__dict__["__flags__"].__get__


def main(fd: int) -> None:
    """Serve the channel with descriptor `fd` until it closes."""
    line = Line(fd)
    order = line.hear()
    if order is not None:
        roles: dict[str, type[_Answer | _Program | _Tests]]
        roles = {"answer": _Answer, "program": _Program, "tests": _Tests}
        roles[order["role"]](line, order).serve()


class _Answer:
    """The role `answer`: code whose functions are called."""

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
            fault = "is not a function" if name in module.__dict__ else "is not defined"
            self.line.say({"failed": "runs", "reason": f"'{name}' {fault}"})
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
            value = self._execute(question)
        except NotPlainError as error:
            return {"not_plain": str(error)}
        except BaseException as error:  # noqa: BLE001 - whatever an answer raises is its answer
            kind, line_number = _builtin_class_name(error), _line_of(error)
            return {"raised": _describe_exception(error), "kind": kind, "line": line_number}
        try:
            return {"value": encode(value, self._keep if question["op"] != "plain" else None)}
        except NotPlainError as error:
            return {"not_plain": str(error)}
        except BaseException as error:  # noqa: BLE001 - such as a container changed by a thread meanwhile
            return {"not_plain": _describe_exception(error)}

    def _execute(self, question: dict[str, Any]) -> Any:
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
                return _IteratorToKeep(iter(self.kept[question["on"]]))
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
                return _exact_text(str(self.kept[question["on"]]))
            case "repr":
                return _exact_text(repr(self.kept[question["on"]]))
            case "len":
                return len(self.kept[question["on"]])
            case "true":
                return _truth(self.kept[question["on"]])
        raise ValueError(question["op"])

    def _keep(self, value: Any) -> int:
        if len(self.kept) >= _MAX_KEPT_OBJECTS:
            raise NotPlainError("too many objects")
        self.kept.append(value.inner if type(value) is _IteratorToKeep else value)
        return len(self.kept) - 1


def _truth(value: Any) -> bool:
    """Return the truth of an object whose type no Python code can make or change, such as a match."""
    if not _flags_of(type(value)) & _IMMUTABLE_TYPE_FLAG:
        raise NotPlainError("an object where true or false is asked")
    return bool(value)


def _exact_text(text: str) -> str:
    """Return the characters of a string as an exact `str`: the answer may have subclassed it."""
    return str.__str__(text)


class _IteratorToKeep:
    """Marks an iterator, which is always kept in this process."""

    def __init__(self, inner: Iterator[Any]) -> None:
        self.inner = inner


class _Program:
    """The role `program`: code that reads standard input and writes standard output."""

    def __init__(self, line: Line, order: dict[str, Any]) -> None:
        self.line = line
        self.order = order

    def serve(self) -> None:
        for name, fd, mode in (("stdin", 0, "r"), ("stdout", 1, "w")):
            stream = open(fd, mode, encoding="utf-8", errors="surrogateescape", closefd=False)  # noqa: SIM115
            setattr(sys, name, stream)
            setattr(sys, f"__{name}__", stream)
        say, out = self.line.say, sys.stdout
        sys.argv = [_MODULE_FILE]
        module = _load(self.line, self.order, "__main__")
        try:
            if module is not None:
                _finish(module, out)
            _flush(out)
        except BaseException as error:  # noqa: BLE001 - whatever an answer raises is its answer
            say({"failed": "runs", "reason": _describe_exception(error)})
            return
        if module is not None:
            say({"ran": True})


def _finish(module: types.ModuleType, out: Any) -> None:
    """End as an interpreter does: wait for threads, run atexit callbacks, flush, finalize (Py_FinalizeEx)."""
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
    """Compile and run the code as the module `name`; if that fails, report why and return None."""
    say = line.say
    try:
        code = compile(order["code"], ANSWER_FILE, "exec", dont_inherit=True)
    except BaseException as error:  # noqa: BLE001 - the parser runs out of memory and stack, too
        line_number = getattr(error, "lineno", None)
        reason = _describe_exception(error).removesuffix(f" ({ANSWER_FILE}, line {line_number})")
        say({"failed": "parse", "reason": reason, "line": line_number if isinstance(line_number, int) else 0})
        return None
    say({"parsed": True})
    module = types.ModuleType(name)
    module.__file__ = _MODULE_FILE
    sys.modules[name] = module
    for function_name in ("exit", "quit"):
        # These come from `site`, which the fork server does not import.
        setattr(builtins, function_name, sys.exit)
    try:
        if order.get("setup"):
            exec(compile(order["setup"], "<setup>", "exec"), module.__dict__)  # noqa: S102 - what this process is for
        exec(code, module.__dict__)  # noqa: S102 - what this process is for
    except SystemExit as error:
        if name == "__main__" and error.code in (None, 0):
            return module
        reason = f"ended itself ({_describe_exception(error)})"
        say({"failed": "runs", "reason": reason, "line": _line_of(error)})
        return None
    except BaseException as error:  # noqa: BLE001 - whatever an answer raises is its answer
        say({"failed": "runs", "reason": _describe_exception(error), "line": _line_of(error)})
        return None
    return module


class _AnswerRaisedError(Exception):
    """The answer raised something that is not a built-in exception. The name is part of verdicts."""


class _NoDataError(BaseException):
    """The answer gave an object where data is needed. No `except Exception` of a test hides it."""


class _Tests:
    """The role `tests`: test code, run against an answer in another process."""

    def __init__(self, line: Line, order: dict[str, Any]) -> None:
        self.line = line
        self.order = order
        self.has_asked = False

    def serve(self) -> None:
        passed, total, reason, line_number = 0, 0, "", 0
        for step, counts in self._steps():
            total += counts
            try:
                step()
                passed += counts
            except BaseException as error:  # noqa: BLE001 - a test fails by raising anything
                reason = reason or _describe_exception(error)
                line_number = line_number or _line_of(error, TESTS_FILE)
                if not counts:
                    total += 1
                    break
        if total == 0:
            # Code without asserts at the top level raises if a test fails, and it did not.
            passed = total = 1
        if not self.has_asked:
            passed, reason = 0, reason or "the tests ask nothing of the answer"
        self.line.say({"passed": passed, "total": total, "reason": reason, "line": line_number})

    def _steps(self) -> Iterator[tuple[Any, int]]:
        """Yield what to run in turn, and whether it counts as a test."""
        scope: dict[str, Any] = {"__name__": "__main__"}
        parts = [ast.parse(self.order[key] or "", TESTS_FILE) for key in ("setup", "test_code")]
        self._provide_names(parts, scope)
        entry = self.order["entry_point"]
        candidate = scope.get(entry) if entry else None
        yield (lambda: exec(compile(parts[0], "<setup>", "exec"), scope)), 0  # noqa: S102 - what this process is for
        if entry:
            candidate = self._name(entry)
            scope[entry] = candidate
        functions = {node.name for node in parts[1].body if isinstance(node, ast.FunctionDef)}
        counts_asserts = "check" not in functions
        for statement in parts[1].body:
            code = compile(ast.Module([statement], []), TESTS_FILE, "exec")
            counts = counts_asserts and isinstance(statement, ast.Assert)
            yield (lambda code=code: exec(code, scope)), int(counts)  # noqa: S102 - what this process is for
        if not counts_asserts:
            yield (lambda: scope["check"](candidate)), 1

    def _provide_names(self, parts: list[ast.Module], scope: dict[str, Any]) -> None:
        """Give the tests the names that they use: modules of the standard library, else the answer's."""
        nodes = [node for part in parts for node in ast.walk(part)]
        names = [node for node in nodes if isinstance(node, ast.Name)]
        for name in dict.fromkeys(node.id for node in names if isinstance(node.ctx, ast.Load)):
            if hasattr(builtins, name):
                continue
            if name in sys.stdlib_module_names:
                with contextlib.suppress(ImportError):
                    scope[name] = __import__(name)
                continue
            try:
                scope[name] = self._name(name)
            except Exception:  # noqa: BLE001, S112 - the tests may define it; if not, they raise NameError
                continue

    def _name(self, name: str) -> Any:
        return self.ask({"op": "name", "name": name})

    def ask(self, question: dict[str, Any]) -> Any:
        """Ask the answer's process and return the value; raise what the answer raised."""
        self.line.say({"ask": question})
        reply = self.line.hear()
        if reply is None:
            os._exit(1)
        if "value" in reply:
            value = decode(reply["value"], lambda number: _Remote(self, number))
            # Looking up a function does not test it; looking up a constant does.
            self.has_asked = self.has_asked or question["op"] != "name" or type(value) is not _Remote
            return value
        if "not_plain" in reply:
            raise _NoDataError(f"not plain data: {reply['not_plain']}")
        self.has_asked = self.has_asked or question["op"] != "name"
        kind = getattr(builtins, str(reply.get("kind")), None)
        if not (isinstance(kind, type) and issubclass(kind, Exception)):
            kind = _AnswerRaisedError
        if kind in (StopIteration, StopAsyncIteration) and question["op"] != "next":
            # It would silently end a `map` or a `for` loop of the tests.
            kind = _AnswerRaisedError
        name, _, message = (description := str(reply.get("raised"))).partition(": ")
        try:
            error_class = kind if kind.__name__ == name else type(name, (kind,), {})
            raised = error_class(message) if message else error_class()
        except (TypeError, ValueError):
            raised = _AnswerRaisedError(description)
        raise raised

    def plain(self, value: Any) -> Any:
        """Return the tagged form of a value that the tests pass to the answer."""
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
    """An object in the answer's process. It cannot be compared or hashed. The name is part of verdicts."""

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
        for _ in range(_MAX_ITERATED_ITEMS):
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


def _describe_exception(error: BaseException) -> str:
    """Return `Type: message`, or the type alone if the message adds nothing."""
    name = type(error).__name__
    try:
        message = str(error).strip()
    except BaseException:  # noqa: BLE001 - hostile by assumption
        message = ""
    return (name if message in ("", name) else f"{name}: {message}")[:_MAX_DESCRIPTION_CHARS].rstrip(": ")


def _builtin_class_name(error: BaseException) -> str:
    """Return the name of the nearest built-in class of an exception."""
    return next((kind.__name__ for kind in type(error).__mro__ if kind.__module__ == "builtins"), "")


def _line_of(error: BaseException, file: str = ANSWER_FILE) -> int:
    """Return the innermost line of `file` that an exception passed through; 0 if there is none."""
    line_number, trace = 0, error.__traceback__
    for _ in range(10_000):
        if trace is None:
            break
        if trace.tb_frame.f_code.co_filename == file:
            line_number = trace.tb_lineno
        trace = trace.tb_next
    return line_number
