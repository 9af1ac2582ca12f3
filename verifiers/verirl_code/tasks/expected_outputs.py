"""Run a benchmark's own solution in the sandbox: some benchmarks publish inputs without results."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from typing import Any, NamedTuple

from verirl.sandbox import Limits, interpreter, run

MAX_RESULT_CHARS = 64 * 1024
"""Length of one result as JSON; a test with a longer one is left out."""

_LIMITS = Limits(cpu_s=60.0, wall_s=90.0, memory_mb=4096, processes=1, output_bytes=64 * 1024 * 1024)

_DRIVER = """
import json, sys

def plain(value, depth=0):
    kind = type(value)
    if depth > 50:
        raise ValueError
    if kind is float:
        if value != value or value in (float("inf"), float("-inf")):
            raise ValueError
        return value
    if value is None or kind in (bool, int, str):
        return value
    if kind in (list, tuple):
        return [plain(item, depth + 1) for item in value]
    if issubclass(kind, dict) and all(type(key) in (str, int) for key in value):
        return {key: plain(item, depth + 1) for key, item in value.items()}
    raise ValueError

sys.setrecursionlimit(20000)
job = json.load(open("job.json", encoding="utf-8"))
out = sys.stdout
sys.stdout = sys.stderr
space = {"__name__": "solution"}
exec(compile(job["code"], "solution", "exec"), space)
call = space[job["name"]]
for given in job["inputs"]:
    try:
        text = json.dumps({"value": plain(call(*given))})
    except BaseException:
        text = "null"
    out.write((text if len(text) <= job["limit"] else "null") + "\\n")
out.flush()
"""


class ReturnedValue(NamedTuple):
    """A value that a call returned (None is a value, too)."""

    value: Any


def run_reference(code: str, name: str, inputs: Sequence[Sequence[Any]]) -> list[ReturnedValue | None]:
    """Call a function of the solution on each input.

    Args:
        code: The solution. It runs in the sandbox.
        name: The function to call.
        inputs: The positional arguments of each call.

    Returns:
        Per input the value returned, or None if the call raised, returned something that JSON cannot hold or
        that is longer than MAX_RESULT_CHARS, or was not reached in 60 s of CPU time.
    """
    job = json.dumps({"code": code, "name": name, "inputs": inputs, "limit": MAX_RESULT_CHARS})
    outcome = run(
        [sys.executable, "-I", "driver.py"],
        files={"driver.py": _DRIVER, "job.json": job},
        limits=_LIMITS,
        readable=interpreter(),
    )
    returned: list[ReturnedValue | None] = []
    for line in outcome.stdout.decode(errors="replace").split("\n")[: len(inputs)]:
        try:
            value = json.loads(line)
        except ValueError:
            break
        returned.append(
            ReturnedValue(value["value"]) if isinstance(value, dict) and "value" in value else None
        )
    return returned + [None] * (len(inputs) - len(returned))
