"""The tables of a report as headings and rows of text, shared by the terminal and the HTML page."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from verirl.reporting.answer_view import STATUS_MARKS
from verirl.reporting.formatting import count, interval, percent, plural, points, seconds
from verirl.reporting.heldout import HeldOut
from verirl.reporting.rollouts import Sample
from verirl.reporting.sanitize import one_line
from verirl.reporting.summary import GrpoSummary, StageTime, Summary, TaskSet
from verirl.training import stages
from verirl.types import StageResult, Status


class Tabulated(NamedTuple):
    """A table of text, not yet cleaned. The first `left` columns are words, the others figures."""

    headings: Sequence[str]
    rows: Sequence[Sequence[str]]
    left: int = 1


def scores(held_out: HeldOut) -> Tabulated:
    """Each model on the held-out tasks."""
    ks = sorted({k for score in held_out.scores for k in score.sampled})
    greedy = any(score.greedy for score in held_out.scores)
    domains = held_out.several_domains
    rows = []
    for score in held_out.scores:
        cells = [interval(score.sampled.get(k)) for k in ks]
        cells += [interval(score.greedy)] * greedy
        cells += [interval(score.domains.get(domain)) for domain in domains]
        reward = "–" if score.mean_reward is None else f"{score.mean_reward:.3f}"
        more = " (more SFT)" if score.model == held_out.control else ""
        rows.append((_name(score.model) + more, *cells, reward))
    heads = [f"pass@{k}" for k in ks] + ["greedy"] * greedy + domains
    return Tabulated(("held-out", *heads, "mean reward"), rows)


def gains(held_out: HeldOut) -> Tabulated:
    """Each model against another, task by task."""
    rows = [
        (
            f"{_name(gain.after)} − {_name(gain.before)}",
            f"{gain.draw}, pass@{gain.k}",
            points(gain, ""),
            f"{gain.improved} / {gain.worsened} / {gain.unchanged}",
            p_value(gain.p_value),
        )
        for gain in held_out.gains
    ]
    heads = ("difference, task by task", "answers", "gain in points", "better / worse / same", "sign test")
    return Tabulated(heads, rows, 2)


def ladder(held_out: HeldOut) -> Tabulated:
    """How many held-out answers passed each stage."""
    models = [score.model for score in held_out.scores]
    rows = [
        (
            f"{shares.domain}: {shares.name}" if held_out.several_domains else shares.name,
            shares.kind,
            *(percent(shares.passed.get(model)) for model in models),
        )
        for shares in held_out.rungs
    ]
    return Tabulated(("held-out answers that passed", "", *map(_name, models)), rows, 2)


def figures(held_out: HeldOut) -> Tabulated:
    """The median of each metric among the held-out answers that passed."""
    models = [score.model for score in held_out.scores]
    rows = [
        (
            f"{figure.domain}: {figure.name}" if held_out.several_domains else figure.name,
            *("–" if (value := figure.median[model]) is None else f"{value:.4g}" for model in models),
        )
        for figure in held_out.figures
    ]
    return Tabulated(("median of the answers that passed", *map(_name, models)), rows)


def task_sets(summary: Summary) -> Tabulated:
    """The task sets and what they were used for."""
    rows = [
        (
            tasks.name,
            ", ".join(tasks.uses) or "–",
            ", ".join(tasks.domains),
            str(tasks.count),
            f"{tasks.difficulty[0]:.2f} to {tasks.difficulty[1]:.2f}" if tasks.difficulty else "–",
            kill_rate(tasks),
        )
        for tasks in summary.tasks
    ]
    heads = ("tasks", "used for", "domain", "how many", "difficulty", "mutants killed")
    return Tabulated(heads, rows, 3)


def stage_times(summary: Summary) -> Tabulated:
    """Progress and wall time of each stage of the recipe."""
    rows = [(stage.name, progress(stage), seconds(stage.wall_seconds)) for stage in summary.stages]
    return Tabulated(("stage", "", "wall time"), rows, 2)


def model(summary: Summary) -> str:
    """The trained model and its size."""
    size = f", {count(summary.parameters)} parameters" if summary.parameters else ""
    return f"model {summary.model}{size}"


def versions(summary: Summary) -> str:
    """Versions of the domains and tools that made the verdicts."""
    return "judged with " + ", ".join(f"{name} {version}" for name, version in summary.versions.items())


def _name(model: str) -> str:
    return stages.titles().get(model, model)


def p_value(value: float) -> str:
    """The p-value of a sign test."""
    return "p < 0.0001" if value < 1e-4 else f"p = {value:.2g}"


def kill_rate(tasks: TaskSet) -> str:
    """The share of wrong answers that a set's checks reject, and how many tasks it was measured on."""
    if tasks.kill_rate is None:
        return "not measured"
    part = "" if tasks.measured == tasks.count else f" ({tasks.measured} measured)"
    return percent(tasks.kill_rate) + part


def progress(stage: StageTime) -> str:
    """Progress of a stage."""
    if stage.state == "not begun":
        return "not begun"
    if not stage.steps:
        return stage.state
    if stage.state == "done":
        return plural(stage.steps, "step")
    return f"at step {stage.steps} of {stage.planned}" if stage.planned else f"at step {stage.steps}"


def sample_title(sample: Sample) -> str:
    """One line that names a sample and why it is shown."""
    head = {"best": "Among the best", "worst": "Among the worst", "error": "Could not be judged"}[sample.pick]
    parts = [head, one_line(sample.task_id, 40)]
    if sample.reward is not None:
        parts.append(f"reward {sample.reward:.3f}")
    if sample.advantage is not None:
        sign = "+" if sample.advantage >= 0 else "−"
        parts.append(f"advantage {sign}{abs(sample.advantage):.2f}")
    if sample.step is not None:
        parts.append(f"step {sample.step}")
    if sample.tokens is not None:
        parts.append(plural(sample.tokens, "token"))
    return " · ".join(parts)


def mark(stage: StageResult) -> str:
    """Mark, name, score and detail of one stage of the ladder."""
    text = f"{STATUS_MARKS[stage.status][0]} {one_line(stage.name, 40)}"
    if stage.status in (Status.TIMEOUT, Status.ERROR, Status.SKIPPED):
        text += f" ({stage.status})"
    if 0 < stage.score < 1:
        text += f" {stage.score:.2f}"
    if stage.detail and stage.status is not Status.PASSED:
        text += f": {one_line(stage.detail)}"
    return text


def split(grpo: GrpoSummary) -> list[tuple[str, float, float]]:
    """How the time of GRPO's steps was spent: name, seconds, share."""
    parts = {
        "writing answers": grpo.generation,
        "judging them": grpo.verification,
        "updating the model": grpo.update,
    }
    total = sum(parts.values()) or 1.0
    return [(name, spent, spent / total) for name, spent in parts.items()]
