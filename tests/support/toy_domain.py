"""A throw-away domain for the pool's tests: a completion `do:CODE` is executed by the stage `check`.

`install(folder)` writes it as a third party's package with a real entry point.
"""

from __future__ import annotations

import importlib
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from verirl import registry
from verirl.types import Message, Task

SOURCE = """
import ctypes, os, signal, socket, subprocess, sys, time
from verirl.outcomes import StageOutcome, failed, passed, skipped, timed_out, errored
from verirl.domain import Domain
from verirl.spec import Spec
from verirl.types import Stage, StageResult

class ToySpec(Spec):
    answer: str = ""

class Toy(Domain):
    spec_model = ToySpec
    name = "{name}"
    version = "1"
    confined = {confined}
    ladder = (Stage(name="parse"), Stage(name="check"), Stage(name="size", kind="quality", levels=4))
    families = ("toy",)
    importers = {{}}

    def tools(self):
        return {{"toyc": "3.2"}}

    def check_spec(self, spec):
        pass

    def generate(self, seed, index, difficulty, *, split="train", family=None, options=None):
        raise NotImplementedError

    def mutants(self, task):
        return ()

    def render(self, task, completion, verdict):
        return completion

    def stages(self, task, completion, context):
        if completion.startswith("parse:"):
            exec(completion[len("parse:"):])
        yield passed("parse", detail="parsed")
        space = {{"task": task, "job": context, "finding": None}}
        space.update(globals())
        if completion.startswith("do:"):
            exec(completion[len("do:"):], space)
        elif completion != task.spec["answer"]:
            yield failed("check", detail=f"not {{task.spec['answer']}}", feedback="look again")
            return
        yield space["finding"] or passed("check", letters=float(len(completion)))
        if completion == "slow size":
            time.sleep(60)
        yield passed("size", 0.5)

domain = Toy()
{extra}
"""


def install(folder: Path, name: str = "toy", *, confined: bool = True, extra: str = "") -> None:
    """Write the package `{name}_domain`, with its entry point, into `folder`; `extra`: code at its end."""
    (folder / f"{name}_domain.py").write_text(SOURCE.format(name=name, confined=confined, extra=extra))
    metadata = folder / f"{name}_domain-1.0.dist-info"
    metadata.mkdir(exist_ok=True)
    (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}-domain\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text(f"[verirl.domains]\n{name} = {name}_domain:domain\n")


def toy_task(
    identity: str = "toy/1", *, answer: str = "a", domain: str = "toy", reference: str | None = "a"
) -> Task:
    """A task whose right completion is `answer`; a completion `do:CODE` runs CODE in the stage `check`."""
    prompt = (Message(role="user", content="say it"),)
    reference = answer if reference == "a" else reference
    return Task(id=identity, domain=domain, prompt=prompt, spec={"answer": answer}, reference=reference)


@contextmanager
def on_path(folder: Path) -> Iterator[None]:
    """The packages in `folder` are installed while the `with` lasts."""
    _forget()
    sys.path.insert(0, str(folder))
    try:
        yield
    finally:
        sys.path.remove(str(folder))
        _forget()


def _forget() -> None:
    importlib.invalidate_caches()
    registry.installed.cache_clear()
    registry.load.cache_clear()
    for name in [name for name in sys.modules if name.endswith("_domain")]:
        del sys.modules[name]


def processes_with(text: str) -> list[str]:
    """The command lines of living processes that contain `text`."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                line = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            except OSError:
                continue
            if text in line:
                found.append(line)
    return found


def gone(text: str, seconds: float = 10.0) -> bool:
    """Whether no process with `text` in its command line is left, at the latest after `seconds`."""
    until = time.monotonic() + seconds
    while processes_with(text):
        if time.monotonic() > until:
            return False
        time.sleep(0.02)
    return True
