"""Run folders that the tests of the report share, and ways to look at a report."""

from __future__ import annotations

import io
import json
from html.parser import HTMLParser
from pathlib import Path

import yaml
from rich.console import Console

from support.evaluations import evaluation, task
from verirl.evaluation.compare import compare
from verirl.reporting import summary, terminal
from verirl.runs import RunFolder
from verirl.types import Message, RewardValue, Source, StageResult, Task, Verdict

RECIPE = {
    "name": "sample",
    "description": "A run for tests",
    "seed": 3,
    "model": {"name": "tiny:xs"},
    "tasks": {"prompts": {"domain": "code", "n": 3}, "held_out": {"domain": "code", "n": 4}},
    "sft": {
        "tasks": "prompts",
        "steps": 4,
        "optimizer": {"learning_rate": 0.001},
        "periodic_eval": {"tasks": "held_out", "every": 2},
    },
    "grpo": {
        "tasks": "prompts",
        "steps": 3,
        "optimizer": {"learning_rate": 0.001},
        "scheme": "binary",
        "periodic_eval": {"tasks": "held_out", "every": 1},
    },
    "control": True,
    "eval": {"tasks": "held_out", "min": ["pass@1>=0.1"], "min_gain": None},
}

START = {"a": "FF", "b": "FC", "c": "PF", "d": "FF"}
BETTER = {"a": "PP", "b": "PP", "c": "PP", "d": "PF"}
SAME = {"a": "FF", "b": "FP", "c": "FF", "d": "FF"}


def verdict(
    name: str, sample: int, outcome: str, domain: str = "code", value: float | None = None
) -> Verdict:
    """`P` passes, `S` does with compile skipped, `F` fails at tests, `C` at compile, `E` is our error."""
    letters = {
        "P": (("compile", "passed"), ("tests", "passed")),
        "S": (("compile", "skipped"), ("tests", "passed")),
        "F": (("compile", "passed"), ("tests", "failed")),
        "C": (("compile", "failed"),),
        "E": (("compile", "passed"), ("tests", "error")),
    }[outcome]
    stages = tuple(
        StageResult(name=stage, status=status, score=float(status == "passed"), detail=f"why {status}")
        for stage, status in letters
    )
    worth = {"P": 1.0, "S": 1.0, "F": 0.4, "C": 0.0, "E": None}[outcome]
    return Verdict(
        task_id=name,
        sample=sample,
        passed=outcome in "PS",
        stages=stages,
        reward=None if worth is None else RewardValue(scheme="binary", value=worth),
        made_by={"domain": f"{domain} 1.2", "python": "3.11"},
    )


def write_rollouts(
    folder: RunFolder,
    generation: int,
    outcomes: dict[str, str],
    *,
    text: str = "an answer",
    domain: str = "code",
    more: bool = False,
) -> None:
    path = folder.rollouts(generation)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a" if more else "w") as stream:
        for name, letters in outcomes.items():
            for sample, outcome in enumerate(letters):
                row = {
                    "task_id": name,
                    "sample": sample,
                    "completion": f"{text} {outcome}",
                    "step": generation,
                    "tokens": 5,
                    "advantage": 0.5 if outcome == "P" else -0.5,
                    "verdict": verdict(name, sample, outcome, domain).model_dump(mode="json"),
                }
                stream.write(json.dumps(row) + "\n")


def log_generation(folder: RunFolder, generation: int, **changes: object) -> None:
    figures: dict[str, object] = {
        "stage": "grpo",
        "generation": generation,
        "step": generation,
        "completions": 8,
        "tokens": 40,
        "passed": 2 + generation,
        "errors": 0,
        "groups": 4,
        "idle_groups": 1,
        "reward": 0.4 + generation / 10,
        "stages": {},
        "seconds": {"generation": 0.5, "verification": 0.25},
    }
    folder.log("generation", **(figures | changes))


def write_eval(folder: RunFolder, models: dict[str, dict[str, str]], **asked: object) -> None:
    found = {name: evaluation(outcomes, **asked) for name, outcomes in models.items()}
    (folder.path / "eval").mkdir(exist_ok=True)
    for name, document in found.items():
        folder.write_text(f"eval/{name}.json", document.to_json())
        folder.write_text(f"eval/{name}-greedy.json", document.to_json())
    names = list(found)
    pairs = [(names[0], name) for name in names[1:]]
    pairs += [("control", "grpo")] if {"control", "grpo"} <= set(names) else []
    rows = [
        {"from": a, "to": b, "draw": draw, **compare(found[a], found[b], k=1).to_dict()}
        for draw in ("sampled", "greedy")
        for a, b in pairs
    ]
    folder.write_text("eval/comparisons.json", json.dumps(rows))


def held_out() -> list[Task]:
    return [task(name) for name in START]


def prompts() -> list[Task]:
    source = Source(name="verirl", kill_rate=0.75)
    return [
        Task(
            id=name,
            domain="code",
            prompt=(Message(role="user", content=f"write {name}"),),
            spec={},
            reference=f"the right {name}",
            difficulty=0.5,
            source=source,
        )
        for name in ("p", "q", "r")
    ]


def whole_run(path: Path, recipe: dict[str, object] | None = None) -> RunFolder:
    """A finished run of every stage."""
    folder = RunFolder(path)
    path.mkdir(parents=True)
    folder.write_text("recipe.yaml", yaml.safe_dump(RECIPE if recipe is None else recipe))
    folder.write_tasks("prompts", prompts())
    folder.write_tasks("held_out", held_out())
    folder.log("begun", recipe="sample", seed=3)
    folder.log("stage_begun", stage="synth")
    folder.log("stage_done", stage="synth", wall_seconds=1.5)
    folder.log("stage_begun", stage="sft")
    for step in range(1, 5):
        folder.log("step", stage="sft", step=step, loss=5.0 - step, seconds=0.5)
        if step % 2 == 0:
            folder.log("watch", stage="sft", step=step, passed=0.1 * step, tasks=10)
    folder.log("stage_done", stage="sft", wall_seconds=3.0, seconds=2.0, parameters=123_456)
    folder.log("stage_begun", stage="grpo")
    for step in range(3):
        log_generation(folder, step)
        write_rollouts(folder, step, {"p": "PF", "q": "CF", "r": "FF"})
        folder.log("step", stage="grpo", step=step + 1, loss=0.1, seconds=2.0)
        folder.log("watch", stage="grpo", step=step + 1, passed=0.5, tasks=10)
    folder.log("stage_done", stage="grpo", wall_seconds=7.0, seconds=6.0, parameters=123_456)
    folder.log("stage_begun", stage="control")
    folder.log("step", stage="control", step=5, loss=0.5, seconds=6.0)
    folder.log("stage_done", stage="control", wall_seconds=6.5, seconds=6.0)
    folder.log("stage_begun", stage="eval")
    write_eval(folder, {"sft": START, "grpo": BETTER, "control": SAME})
    folder.log("stage_done", stage="eval", wall_seconds=2.0, unmet=[])
    return folder


def plain(found: summary.Summary, width: int = 110) -> str:
    """What a pipe gets."""
    stream = io.StringIO()
    out = Console(file=stream, width=width, no_color=True, highlight=False, force_terminal=False)
    for part in terminal.render(found):
        out.print(part)
    return stream.getvalue()


def flat(text: str) -> str:
    return " ".join(text.split())


def chart(found: summary.Summary, title: str) -> dict[str, list[tuple[int, float]]]:
    drawn = next(chart for chart in found.charts if chart.title == title)
    return {curve.name: [tuple(point) for point in curve.points] for curve in drawn.curves}


class Page(HTMLParser):
    """A page's tags, attributes and text; every element that must be closed is."""

    VOID = ("meta", "br", "circle", "path")

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.words: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        if tag not in self.VOID:
            assert self.open.pop() == tag

    def handle_data(self, data):
        self.words.append(data)
