"""`verirl verify`: judge answers, one verdict a line."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import click

from verirl.cli.console import (
    FiniteRange,
    check_places,
    emit_json,
    json_option,
    progress,
    quiet_option,
    show,
    unsafe_option,
    warn,
    warn_if_unsafe,
    workers_option,
)
from verirl.cli.options import JudgingCommand

if TYPE_CHECKING:
    from rich.table import Table

    from verirl.pool import Request
    from verirl.scoring import Scheme
    from verirl.types import Task, Verdict

_OUTCOMES = ("passed", "failed", "timeout", "error")


@click.command(
    cls=JudgingCommand,
    epilog="Example: verirl verify tasks.jsonl answers.jsonl -o verdicts.jsonl --reward lexicographic",
)
@click.argument("tasks")
@click.argument("answers")
@click.option(
    "-o", "--output", metavar="FILE", help="Write verdicts here as they come, in order (- for stdout)."
)
@click.option("--reward", "scheme_name", metavar="SCHEME", help="Fill each verdict's reward by this scheme.")
@click.option(
    "--deadline",
    type=FiniteRange(min=0.01),
    help="Seconds a verdict may take (default: as its domain says).",
)
@click.option("--no-cache", is_flag=True, help="Judge everything anew and keep nothing.")
@click.option("--strict", is_flag=True, help="Exit with 3 unless every answer passed.")
@click.option(
    "--show",
    "shown",
    type=click.IntRange(min=1),
    metavar="N",
    help="Draw the first N answers that did not pass, each as its domain shows it.",
)
@workers_option
@unsafe_option
@json_option
@quiet_option
def command(
    tasks: str,
    answers: str,
    output: str | None,
    scheme_name: str | None,
    deadline: float | None,
    no_cache: bool,
    strict: bool,
    shown: int | None,
    workers: int | None,
    unsafe_no_sandbox: bool,
    as_json: bool,
    quiet: bool,
) -> None:
    """Judge ANSWERS to TASKS and show which stages each passed.

    TASKS is a file, a folder of files, '-', or a shipped set such as verirl:math-mini. ANSWERS is a JSONL of
    {"task_id", "completion", "sample"?}, a folder of them (a run's rollouts), '-', or the word reference
    for each task's own answer.
    """
    from verirl import registry
    from verirl.errors import GateError, InputError
    from verirl.pool import VerdictCache, VerifierPool

    if tasks == "-" and answers == "-":
        raise InputError("TASKS and ANSWERS cannot both be standard input")
    if as_json and output == "-":
        raise InputError("--json and -o - both want standard output: choose one")
    check_places((output,), (tasks, answers))
    jobs = read_jobs(tasks, answers)
    rewarded = _scheme(scheme_name, jobs) if scheme_name else None
    warn_if_unsafe(unsafe_no_sandbox)
    counted = _Count(rewarded)
    with ExitStack() as stack:
        cache = None if no_cache else VerdictCache()
        if cache is not None:
            stack.callback(cache.close)
        pool = stack.enter_context(
            VerifierPool(workers, deadline_s=deadline, cache=cache, sandboxed=not unsafe_no_sandbox)
        )
        advance = stack.enter_context(progress("verdicts", len(jobs), quiet=quiet))
        writer = stack.enter_context(_writer(output))
        fallen: list[tuple[Request, Verdict]] = []

        def take(index: int, verdict: Verdict) -> None:
            verdict = counted.add(jobs[index].task.domain, verdict)
            counted.note(jobs[index].task, verdict)
            writer(verdict)
            if not verdict.passed and len(fallen) < (shown or 0):
                fallen.append((jobs[index], verdict))

        ordered = _InOrder(take)

        def on_done(index: int, verdict: Verdict) -> None:
            ordered.add(index, verdict)
            advance(1)

        try:
            pool.verify(jobs, on_done)
        except KeyboardInterrupt:
            warn(
                f"interrupted after {ordered.next} of {len(jobs)} verdicts"
                + (f", which are in {output}" if output else "")
            )
            raise
        stats = pool.stats.as_dict()
    summary = counted.summary(stats, output)
    if as_json:
        emit_json(summary)
    for job, verdict in fallen:
        show(registry.load(job.task.domain).render(job.task, job.completion, verdict), quiet=quiet)
    show(counted.table(), quiet=quiet)
    issues = counted.issues()
    if issues is not None:
        show(issues, quiet=quiet)
    if summary["error"]:
        warn(f"{summary['error']} of {summary['total']} answers could not be judged, by no fault of theirs")
    if strict and summary["passed"] != summary["total"]:
        raise GateError(f"--strict: {summary['passed']} of {summary['total']} answers passed")


def _scheme(name: str, jobs: Sequence[Request]) -> Scheme:
    from verirl import presets

    return presets.find(name, (job.task.domain for job in jobs))


def read_jobs(tasks: str, answers: str) -> list[Request]:
    """The requests that a TASKS and an ANSWERS argument name; InputError at the line that is wrong."""
    from verirl.errors import InputError
    from verirl.io.jsonl import read_records
    from verirl.io.sources import read_tasks, task_files
    from verirl.pool import Request
    from verirl.types import Completion

    by_id: dict[str, Task] = {task.id: task for task in read_tasks(tasks)}
    if answers == "reference":
        for task in by_id.values():
            if task.reference is None:
                raise InputError(f"task '{task.id}' has no reference answer; give ANSWERS as a file")
        return [Request(task, str(task.reference)) for task in by_id.values()]
    jobs = []
    records = (record for path in task_files(answers) for record in read_records(path, Completion))
    for line, answer in records:
        if answer.task_id not in by_id:
            raise InputError.at(
                line.file, f"no task '{answer.task_id}' in {tasks}", line=line.number, field="task_id"
            )
        jobs.append(Request(by_id[answer.task_id], answer.completion, answer.sample))
    if not jobs:
        raise InputError.at(answers, "holds no answer")
    return jobs


@contextmanager
def _writer(output: str | None) -> Iterator[Callable[[Verdict], None]]:
    """Something that writes a verdict at once, so that what is judged is kept whatever happens later."""
    from verirl.io.atomic import storage_errors

    if output is None:
        yield lambda _: None
    elif output == "-":
        yield lambda verdict: _write(sys.stdout, verdict)
    else:
        path = Path(output)
        with storage_errors(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            stream = path.open("w", encoding="utf-8")
        with stream:

            def write(verdict: Verdict) -> None:
                with storage_errors(path):
                    _write(stream, verdict)

            yield write


def _write(stream: TextIO, verdict: Verdict) -> None:
    stream.write(verdict.to_json() + "\n")
    stream.flush()


class _InOrder:
    """Hands on what comes in any order in the order of its index."""

    def __init__(self, hand_on: Callable[[int, Verdict], None]) -> None:
        self.next = 0
        self._hand_on = hand_on
        self._waiting: dict[int, Verdict] = {}

    def add(self, index: int, verdict: Verdict) -> None:
        """Take one, and hand on all that are now due."""
        self._waiting[index] = verdict
        while self.next in self._waiting:
            self._hand_on(self.next, self._waiting.pop(self.next))
            self.next += 1


def outcome(verdict: Verdict) -> str:
    """A verdict in one word: passed, failed, timeout or error."""
    if verdict.is_error:
        return "error"
    if verdict.passed:
        return "passed"
    return "timeout" if any(stage.status == "timeout" for stage in verdict.stages) else "failed"


class _Count:
    """What all the verdicts of one call amount to."""

    def __init__(self, scheme: Scheme | None) -> None:
        self._scheme = scheme
        self._outcomes: Counter[str] = Counter()
        self._stages: dict[tuple[str, str], Counter[str]] = {}
        self._rewards: list[float] = []
        self._issues: list[tuple[str, str, int, str]] = []

    def add(self, name: str, verdict: Verdict) -> Verdict:
        """Count a verdict of the domain `name`; returns it with its reward."""
        from verirl import registry
        from verirl.scoring import reward

        ladder = registry.load(name).ladder
        if self._scheme is not None:
            verdict = reward(self._scheme, ladder, verdict)
            if verdict.reward is not None:
                self._rewards.append(verdict.reward.value)
        self._outcomes[outcome(verdict)] += 1
        reached = {stage.name: str(stage.status) for stage in verdict.stages}
        for stage in ladder:
            self._stages.setdefault((name, stage.name), Counter())[
                reached.get(stage.name, "not reached")
            ] += 1
        return verdict

    def note(self, task: Task, verdict: Verdict) -> None:
        """Keep what is known to be wrong with a task beside the outcome of an answer to it."""
        from verirl.types import known_issues

        for issue in known_issues(task.tags):
            self._issues.append((task.id, issue, verdict.sample, outcome(verdict)))

    def summary(self, stats: Mapping[str, float], output: str | None) -> dict[str, Any]:
        """All of it as plain JSON."""
        total = self._outcomes.total()
        return {
            "total": total,
            **{name: self._outcomes[name] for name in _OUTCOMES},
            "pass_rate": self._outcomes["passed"] / total if total else None,
            "mean_reward": sum(self._rewards) / len(self._rewards) if self._rewards else None,
            "ladder": [
                {"domain": domain, "stage": stage, **counts}
                for (domain, stage), counts in self._stages.items()
            ],
            "known_issues": [
                {"task_id": task, "issue": issue, "sample": sample, "outcome": how}
                for task, issue, sample, how in self._issues
            ],
            "pool": dict(stats),
            "output": output,
        }

    def issues(self) -> Table | None:
        """The tasks with known issues for a person: what each is, and how answers to it fared."""
        from verirl.cli.console import issue_table

        issues: dict[str, dict[str, None]] = {}
        fared: dict[str, dict[int, str]] = {}
        for task, issue, sample, how in self._issues:
            issues.setdefault(task, {})[issue] = None
            fared.setdefault(task, {})[sample] = how
        counts = {task: Counter(hows.values()) for task, hows in fared.items()}
        return issue_table(
            [
                (
                    task,
                    ", ".join(named),
                    ", ".join(f"{counts[task][o]} {o}" for o in _OUTCOMES if counts[task][o]),
                )
                for task, named in issues.items()
            ]
        )

    def table(self) -> Table:
        """Table of how many answers ended at each stage."""
        from rich.table import Table

        columns: Sequence[str] = ("passed", "failed", "timeout", "error", "skipped", "not reached")
        table = Table("", *columns, box=None, padding=(0, 2))
        table.add_row("all answers", *(str(self._outcomes[name] or "–") for name in _OUTCOMES), "", "")
        for (domain, stage), counts in self._stages.items():
            table.add_row(f"{domain} {stage}", *(str(counts[name] or "–") for name in columns))
        return table
