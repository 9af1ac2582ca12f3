"""An evaluation as Markdown, for a pull request or a README."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from verirl.evaluation.gates import GateResult
from verirl.evaluation.result import Estimate, Evaluation, Metrics

_SPECIAL = re.compile(r"([\\`*_{}\[\]<>|#~])")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


def to_markdown(evaluation: Evaluation, gates: Sequence[GateResult] = ()) -> str:
    """The figures with their intervals, by group and by stage, and the gates."""
    settings = evaluation.settings
    drawn = "greedy" if settings.temperature == 0 else f"temperature {settings.temperature:g}"
    lines = [
        f"# Evaluation of {escape(evaluation.model)}",
        "",
        f"{evaluation.tasks.count} tasks of {escape(evaluation.tasks.source)}, "
        f"{settings.samples} samples a task, {drawn}, seed {settings.seed}, "
        f"reward {escape(settings.scheme)}; 95 % intervals.",
        "",
        *_table(evaluation),
    ]
    if evaluation.overall.errors:
        lines += [
            "",
            f"**{evaluation.overall.errors} of {evaluation.overall.samples} samples could not be judged** "
            "(errors of ours) and are left out.",
        ]
    lines += ["", "| domain | stage | kind | reached | passed | share |", "| - | - | - | -: | -: | -: |"]
    lines += [
        f"| {escape(stage.domain)} | {escape(stage.name)} | {stage.kind} "
        f"| {stage.reached} | {stage.passed} | {share(stage.passed_share)} |"
        for stage in evaluation.stages
    ]
    if gates:
        lines += ["", "| gate | | |", "| - | - | -: |"]
        lines += [
            f"| {escape(held.gate.text)} | {'met' if held.met else '**not met**'} | {share(held.value)} |"
            for held in gates
        ]
    return "\n".join(lines) + "\n"


def _table(evaluation: Evaluation) -> Iterator[str]:
    ks = evaluation.settings.k
    yield "| group | tasks | " + " | ".join(f"pass@{k}" for k in ks) + " | mean reward | errors |"
    yield "| - | -: | " + " | ".join("-:" for _ in ks) + " | -: | -: |"
    for name, found in figures(evaluation):
        cells = [estimate(found.pass_at[k]) for k in ks] + [estimate(found.mean_reward)]
        yield f"| {escape(name)} | {found.tasks} | " + " | ".join(cells) + f" | {found.errors} |"


def figures(evaluation: Evaluation, *, weakest: int | None = None) -> Iterator[tuple[str, Metrics]]:
    """The metrics of all tasks and of each group that holds some of them and not all.

    `weakest`: of each kind of group, only so many, those with the lowest pass@k.
    """
    yield "all", evaluation.overall
    for grouping, found in evaluation.groups.items():
        parts = {name: part for name, part in found.items() if part.tasks < evaluation.overall.tasks}
        kept = set(sorted(parts, key=lambda name: _strength(parts[name]))[:weakest])
        for name, part in parts.items():
            if name in kept:
                yield f"{grouping} {name}", part


def _strength(part: Metrics) -> float:
    value = next(iter(part.pass_at.values())).value
    return 1.0 if value is None else value


def estimate(found: Estimate) -> str:
    """An estimate with its interval and what was left out of it."""
    if found.value is None:
        return "–"
    left = f", {found.left_out} left out" if found.left_out else ""
    return f"{share(found.value)} [{share(found.low)}, {share(found.high)}]{left}"


def share(value: float | None) -> str:
    """A share to three decimals."""
    return "–" if value is None else f"{value:.3f}"


def escape(text: str) -> str:
    """`text` as it stands, whatever Markdown would make of it."""
    return _SPECIAL.sub(r"\\\1", _CONTROL.sub(" ", text))
