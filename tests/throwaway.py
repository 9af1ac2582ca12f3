"""A throw-away domain for the pool's tests: what a completion says is what its checks do.

`install(folder)` writes it as a third party's package with a real entry point.
"""

from __future__ import annotations

from pathlib import Path

from verirl.types import Message, Task

SOURCE = """
import ctypes, os, signal, socket, subprocess, sys, time
from verirl.domains import Finding, failed, passed, skipped, timed_out, errored
from verirl.types import Stage, StageResult

class Toy:
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

    def synth(self, seed, index, difficulty, *, split="train", family=None):
        raise NotImplementedError

    def mutants(self, task):
        return ()

    def render(self, task, completion, verdict):
        return completion

    def stages(self, task, completion, job):
        if completion.startswith("parse:"):
            exec(completion[len("parse:"):])
        yield passed("parse", detail="parsed")
        space = {{"task": task, "job": job, "finding": None}}
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
    """Write the package `{name}_domain` and its metadata into `folder`."""
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
