"""Two evaluations of the same tasks, compared in pairs: what changed, by how much, how surely."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from verirl.errors import InputError
from verirl.evaluation.passk import difference_interval, mean, pass_at_k, sign_test
from verirl.evaluation.result import DIGITS, Evaluation, TaskRow


@dataclass(frozen=True)
class Comparison:
    """B against A in pass@k, over the tasks that both hold with at least k usable samples.

    `gain` is the mean over tasks of B's pass@k minus A's, [`low`, `high`] its paired 95 % interval,
    `p_value` that of a two-sided sign test. `only_a`, `only_b`: tasks that one side alone holds;
    `left_out`: common ones with too few usable samples. `notes`: how the evaluations were made differently.
    """

    a: str
    b: str
    k: int
    tasks: int
    a_value: float
    b_value: float
    gain: float
    exact_gain: Fraction
    low: float
    high: float
    improved: int
    worsened: int
    unchanged: int
    p_value: float
    only_a: int
    only_b: int
    left_out: int
    notes: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """The comparison as JSON data."""
        return {name: value for name, value in self.__dict__.items() if name != "exact_gain"}


def compare(a: Evaluation, b: Evaluation, *, k: int | None = None, seed: int = 0) -> Comparison:
    """Compare two evaluations in pass@k (default: the smallest k that both report).

    Tasks are paired by what they ask, not by id. Raises InputError where the two have no task in common,
    where one id stands for different tasks, or where no common task has k usable samples on both sides.
    """
    k = k or min(set(a.settings.k) & set(b.settings.k), default=1)
    rows_a, rows_b = _by_content(a), _by_content(b)
    _refuse_changed(a, b)
    common = [content for content in rows_a if content in rows_b]
    if not common:
        raise InputError("the evaluations have no task in common: there is nothing to compare")
    before, after = [], []
    for content in common:
        first, second = (pass_at_k(rows[content].n, rows[content].c, k) for rows in (rows_a, rows_b))
        if first is not None and second is not None:
            before.append(first)
            after.append(second)
    differences = [second - first for first, second in zip(before, after, strict=True)]
    gain, interval = mean(differences), difference_interval(differences, seed=seed)
    if gain is None or interval is None:
        raise InputError(f"no common task has {k} usable samples in both evaluations: choose a smaller -k")
    better = sum(d > 0 for d in differences)
    worse = sum(d < 0 for d in differences)
    return Comparison(
        a=a.model,
        b=b.model,
        k=k,
        tasks=len(differences),
        a_value=_mean(before),
        b_value=_mean(after),
        gain=_round(gain),
        exact_gain=gain,
        low=_round(interval.low),
        high=_round(interval.high),
        improved=better,
        worsened=worse,
        unchanged=len(differences) - better - worse,
        p_value=_round(sign_test(better, worse)),
        only_a=len(rows_a) - len(common),
        only_b=len(rows_b) - len(common),
        left_out=len(common) - len(differences),
        notes=_notes(a, b),
    )


def _by_content(evaluation: Evaluation) -> dict[str, TaskRow]:
    """What is asked → its row; a task that is there under two ids has the samples of both."""
    found: dict[str, TaskRow] = {}
    for row in evaluation.rows:
        same = found.get(row.content)
        if same is not None:
            row = same.model_copy(update={"n": same.n + row.n, "c": same.c + row.c})
        found[row.content] = row
    return found


def _refuse_changed(a: Evaluation, b: Evaluation) -> None:
    contents = {row.id: row.content for row in a.rows}
    changed = [row.id for row in b.rows if contents.get(row.id, row.content) != row.content]
    if changed:
        raise InputError(
            f"{len(changed)} tasks have the same id and a different prompt or spec in the two evaluations, "
            f"first '{changed[0]}': evaluate both models on the same tasks"
        )


def _notes(a: Evaluation, b: Evaluation) -> tuple[str, ...]:
    notes = []
    settings = (
        ("samples", a.settings.samples, b.settings.samples),
        ("temperature", a.settings.temperature, b.settings.temperature),
        ("max_new_tokens", a.settings.max_new_tokens, b.settings.max_new_tokens),
    )
    for name, first, second in settings:
        if first != second:
            notes.append(f"{name} differs: {first} and {second}")
    notes += [
        f"{tool} differs: {a.made_by[tool]} and {b.made_by[tool]}"
        for tool in sorted(a.made_by.keys() & b.made_by.keys())
        if a.made_by[tool] != b.made_by[tool]
    ]
    for side, evaluation in (("A", a), ("B", b)):
        if evaluation.overall.errors:
            notes.append(f"{side} has {evaluation.overall.errors} errors, which are left out")
    return tuple(notes)


def _mean(values: Sequence[Fraction]) -> float:
    return _round(sum(values, Fraction(0)) / len(values))


def _round(value: Fraction | float) -> float:
    return round(float(value), DIGITS)
