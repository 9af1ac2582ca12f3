"""`verirl eval`: sample a model on tasks, judge, count, hold against gates."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

import click

from verirl.cli import console
from verirl.cli.options import JudgingCommand
from verirl.errors import GateError, InputError

if TYPE_CHECKING:
    from rich.table import Table

    from verirl.evaluation.gates import Gate, GateResult
    from verirl.evaluation.result import Evaluation, Polishing
    from verirl.evaluation.run import Evaluated
    from verirl.types import Record, Task


SHOWN_GROUPS = 12
"""So many groups of each kind fit a terminal; files have all."""


@click.command(
    cls=JudgingCommand,
    name="eval",
    epilog="Example: verirl eval ./model verirl:math-mini -n 4 -k 1 -k 4 --min 'pass@1>=0.5' -o eval.json",
)
@click.argument("model")
@click.argument("tasks")
@click.option("-k", "ks", type=click.IntRange(min=1), multiple=True, default=(1,), help="pass@K; repeatable.")
@click.option("-n", "--samples", type=click.IntRange(min=1), help="Samples a task (default: the largest k).")
@click.option("--temperature", type=console.FiniteRange(min=0), default=1.0, show_default=True)
@click.option("--greedy", is_flag=True, help="One sample a task at temperature 0.")
@click.option("--max-new-tokens", type=click.IntRange(min=1), default=512, show_default=True)
@click.option("--reward", default="lexicographic", show_default=True, help="Scheme of the mean reward.")
@click.option("--min", "minima", multiple=True, metavar="GATE", help="As 'pass@1>=0.5'; repeatable.")
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Write the evaluation here.")
@click.option("--junit", type=click.Path(path_type=Path), help="Write JUnit XML here.")
@click.option("--markdown", type=click.Path(path_type=Path), help="Write Markdown here.")
@click.option("--verdicts", type=click.Path(path_type=Path), help="Write the verdicts here, one a line.")
@click.option("--completions", type=click.Path(path_type=Path), help="Write the completions here.")
@click.option("--limit", type=click.IntRange(min=1), help="Only the first so many tasks.")
@click.option("--seed", type=int, default=0, show_default=True)
@click.option(
    "--deadline",
    type=console.FiniteRange(min=0, min_open=True),
    help="Seconds for a verdict (default: as its domain says).",
)
@click.option("--polish", is_flag=True, help="Also judge each answer after the domain's own optimiser.")
@click.option("--no-cache", is_flag=True, help="Judge everything anew and keep nothing.")
@console.workers_option
@console.unsafe_option
@console.json_option
@console.quiet_option
def command(
    model: str,
    tasks: str,
    ks: tuple[int, ...],
    samples: int | None,
    temperature: float,
    greedy: bool,
    max_new_tokens: int,
    reward: str,
    minima: tuple[str, ...],
    output: Path | None,
    junit: Path | None,
    markdown: Path | None,
    verdicts: Path | None,
    completions: Path | None,
    limit: int | None,
    seed: int,
    deadline: float | None,
    polish: bool,
    no_cache: bool,
    workers: int | None,
    unsafe_no_sandbox: bool,
    as_json: bool,
    quiet: bool,
) -> None:
    """Score MODEL on TASKS: pass@k with 95 % intervals, by domain, tag and difficulty.

    MODEL is a folder or hub name, gguf:PATH, openai:URL#MODEL, replay:FILE, reference or tiny[:SIZE]. A
    completion that could not be judged (an error of ours) is left out and counted. Gates name pass@K,
    mean_reward, error_rate or stage.NAME, with a group or the end of an interval where wanted:
    'pass@1[tag=fractions].low>=0.4'. Leaves with 3 where one is not met.
    """
    from verirl import registry
    from verirl.evaluation import gates as gating
    from verirl.evaluation.polish import PATIENCE, check_polishable, polished
    from verirl.evaluation.result import Settings
    from verirl.evaluation.run import check_settings, evaluate, require_usable
    from verirl.io.sources import read_tasks
    from verirl.models import load
    from verirl.pool import VerdictCache, VerifierPool
    from verirl.presets import find as find_scheme

    wanted = [gating.parse(text) for text in minima]
    answers = model.removeprefix("replay:")
    console.check_places((output, junit, markdown, verdicts, completions), (tasks, answers))
    chosen = read_tasks(tasks)[:limit]
    rate = find_scheme(reward, (task.domain for task in chosen))
    _check_gates(wanted, chosen)
    all_ks = tuple(sorted({*ks, *(gate.k for gate in wanted if gate.k)}))
    if greedy and samples not in (None, 1):
        raise InputError("--greedy takes one sample a task: leave -n out")
    settings = Settings(
        k=all_ks,
        samples=1 if greedy else samples or max(all_ks),
        temperature=0.0 if greedy else temperature,
        max_new_tokens=max_new_tokens,
        seed=seed,
        scheme=rate.name,
    )
    if polish:
        check_polishable(task.domain for task in chosen)
    policy = load(model)
    check_settings(policy, chosen, settings)
    console.warn_if_unsafe(unsafe_no_sandbox)
    with ExitStack() as stack:
        cache = None if no_cache else VerdictCache()
        if cache is not None:
            stack.callback(cache.close)
        pool = stack.enter_context(
            VerifierPool(workers, deadline_s=deadline, cache=cache, sandboxed=not unsafe_no_sandbox)
        )
        found = evaluate(
            policy,
            chosen,
            pool,
            source=tasks,
            settings=settings,
            scheme=rate,
            progress=partial(console.progress, quiet=quiet),
            keep=partial(_records, completions) if completions else None,
        )
        if polish:
            plain = deadline or max(registry.load(task.domain).deadline_s for task in chosen)
            patient = stack.enter_context(
                VerifierPool(
                    workers, deadline_s=PATIENCE * plain, cache=cache, sandboxed=not unsafe_no_sandbox
                )
            )
            bar = console.progress("polishing", len(found.completions), quiet=quiet)
            advance = stack.enter_context(bar)
            _, counted = polished(chosen, found.completions, found.verdicts, patient, advance)
            found = found._replace(evaluation=found.evaluation.model_copy(update={"polish": counted}))
    results = gating.check(wanted, found.evaluation)
    _write(found, results, output, junit, markdown, verdicts)
    require_usable(found.verdicts)
    if as_json:
        console.emit_json(found.evaluation.to_data())
    else:
        for table in tables(found.evaluation):
            console.show(table, quiet=quiet)
    _say_errors(found.evaluation)
    _hold(results, quiet=quiet)


def _check_gates(wanted: Sequence[Gate], tasks: Sequence[Task]) -> None:
    """Refuse a gate on a tag or a stage that is not there before anything is sampled."""
    from verirl import registry
    from verirl.evaluation.gates import select
    from verirl.evaluation.result import rows_of

    if wanted:
        ladders = {name: registry.load(name).ladder for name in {task.domain for task in tasks}}
        rows = rows_of(tasks, (), ladders)
        for gate in wanted:
            select(gate, rows)


def _write(
    found: Evaluated,
    results: Sequence[GateResult],
    output: Path | None,
    junit: Path | None,
    markdown: Path | None,
    verdicts: Path | None,
) -> None:
    from verirl.evaluation.junit import to_junit
    from verirl.evaluation.markdown import to_markdown
    from verirl.io.atomic import write_atomically
    from verirl.io.jsonl import write_records

    if output:
        write_atomically(output, lambda stream: _put(stream, found.evaluation.to_json()))
    if junit:
        write_atomically(junit, lambda stream: _put(stream, to_junit(found.evaluation, found.verdicts)))
    if markdown:
        write_atomically(markdown, lambda stream: _put(stream, to_markdown(found.evaluation, results)))
    if verdicts:
        write_records(verdicts, found.verdicts)


def _records(place: Path, records: Iterable[Record]) -> None:
    from verirl.io.jsonl import write_records

    write_records(place, records)


def _put(stream: TextIO, text: str) -> None:
    stream.write(text)


def _say_errors(evaluation: Evaluation) -> None:
    overall = evaluation.overall
    if overall.errors:
        console.warn(
            f"{overall.errors} of {overall.samples} completions could not be judged (error rate "
            f"{overall.error_rate:.1%}); they are left out of every figure"
        )


def _hold(results: Sequence[GateResult], *, quiet: bool) -> None:
    from rich.text import Text

    for result in results:
        if result.met:
            console.show(Text(f"gate {result.line}", style="green"), quiet=quiet)
        else:
            console.err().print(Text(f"gate {result.line}", style="bold red"), soft_wrap=True)
    unmet = [result for result in results if not result.met]
    if unmet:
        raise GateError(f"{len(unmet)} of {len(results)} gates not met")


def tables(evaluation: Evaluation) -> list[Table]:
    """The figures by group, and how far samples got on each ladder."""
    from rich.markup import escape
    from rich.table import Table

    from verirl.evaluation.markdown import estimate, figures, share
    from verirl.types import known_issues

    ks = evaluation.settings.k
    scores = Table(title=escape(f"{evaluation.model} on {evaluation.tasks.source}"), title_justify="left")
    scores.add_column("group")
    for heading in ("tasks", *(f"pass@{k}" for k in ks), "mean reward", "errors"):
        scores.add_column(heading, justify="right")
    for name, found in figures(evaluation, weakest=SHOWN_GROUPS):
        cells = [escape(estimate(found.pass_at[k])) for k in ks]
        errors = f"{found.errors} ({found.error_rate:.1%})" if found.errors else "0"
        scores.add_row(escape(name), str(found.tasks), *cells, escape(estimate(found.mean_reward)), errors)
    hidden = max(len(found) for found in evaluation.groups.values()) - SHOWN_GROUPS
    if hidden > 0:
        scores.caption = f"the {SHOWN_GROUPS} weakest groups of each kind; files have all"
    ladder = Table(title="Ladder", title_justify="left")
    for heading in ("domain", "stage", "kind"):
        ladder.add_column(heading)
    for heading in ("reached", "passed", "share"):
        ladder.add_column(heading, justify="right")
    for stage in evaluation.stages:
        ladder.add_row(
            escape(stage.domain),
            escape(stage.name),
            stage.kind,
            f"{stage.reached} ({share(stage.reached_share)})",
            str(stage.passed),
            share(stage.passed_share),
        )
    more = [_polish_table(evaluation.polish)] if evaluation.polish else []
    flawed = console.issue_table(
        [
            (row.id, ", ".join(issues), f"{row.c} of {row.n} passed")
            for row in evaluation.rows
            if (issues := known_issues(row.tags))
        ]
    )
    return [scores, ladder, *more, *([flawed] if flawed is not None else [])]


def _polish_table(polish: Polishing) -> Table:
    from rich.markup import escape
    from rich.table import Table

    table = Table(title="Polished", title_justify="left")
    table.add_column("figure")
    for heading in ("samples", "before", "after"):
        table.add_column(heading, justify="right")
    passed = (polish.passed_before, polish.passed_after)
    table.add_row("passed", str(polish.samples), *map(str, passed))
    for name, figure in polish.figures.items():
        table.add_row(
            escape(f"median {name}"), str(figure.samples), f"{figure.before:.5g}", f"{figure.after:.5g}"
        )
    return table
