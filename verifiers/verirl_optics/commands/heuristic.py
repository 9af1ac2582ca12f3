"""`verirl optics heuristic`: judge answers, and ask a language model about those that passed."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import click

from verirl.cli import console
from verirl.errors import InputError


@click.command(
    name="heuristic",
    epilog="Example: verirl optics heuristic tasks.jsonl answers.jsonl --model openai:http://localhost:8000/v1#judge",
)
@click.argument("tasks")
@click.argument("answers")
@click.option("--model", required=True, help="The model to ask: openai:URL#MODEL, or any other policy.")
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), help="Write the verdicts here, one per line."
)
@click.option(
    "--reward",
    "scheme_name",
    metavar="SCHEME",
    default="lexicographic",
    show_default=True,
    help="Reward scheme of the verdicts.",
)
@console.workers_option
@console.json_option
@console.quiet_option
def command(
    tasks: str,
    answers: str,
    model: str,
    output: Path | None,
    scheme_name: str,
    workers: int | None,
    as_json: bool,
    quiet: bool,
) -> None:
    """Judge ANSWERS to optics TASKS, with the optional last stage: a language model's opinion of each lens.

    The model sees only the prescription of a lens that passed, as it was read. Its opinion counts after
    quality and never decides whether an answer passes.
    """
    from verirl import models
    from verirl.cli.verify import read_jobs
    from verirl.io.atomic import write_atomically
    from verirl.optional_dependencies import import_optional
    from verirl.pool import VerifierPool
    from verirl.scoring import scheme
    from verirl_optics.ladder import HEURISTIC, LADDER
    from verirl_optics.llm_judge import rate_passed_lenses, with_prescription_feedback

    import_optional("torch", "optics")
    console.check_places((output,), (tasks, answers))
    jobs = read_jobs(tasks, answers)
    strange = next((job.task for job in jobs if job.task.domain != "optics"), None)
    if strange is not None:
        raise InputError(f"task '{strange.id}' is of the domain {strange.domain}; only lenses are rated")
    judge, worth = models.load(model), scheme(scheme_name)
    with VerifierPool(workers) as pool, console.progress("verdicts", len(jobs), quiet=quiet) as advance:
        verdicts = rate_passed_lenses(
            judge, pool.verify([with_prescription_feedback(job) for job in jobs], lambda *_: advance(1))
        )
    verdicts = [
        each
        if each.is_error
        else each.model_copy(update={"reward": worth((*LADDER, HEURISTIC), each.stages)})
        for each in verdicts
    ]
    if output is not None:
        lines = [verdict.to_json() + "\n" for verdict in verdicts]
        write_atomically(output, lambda stream: stream.writelines(lines))
    rated = [stage for verdict in verdicts for stage in verdict.stages if stage.name == HEURISTIC.name]
    counts = Counter(str(stage.status) for stage in rated)
    scores = [stage.score for stage in rated if stage.status == "passed"]
    found = {
        "total": len(verdicts),
        "passed": sum(verdict.passed for verdict in verdicts),
        "rated": counts["passed"],
        "error": counts["error"],
        "mean": sum(scores) / len(scores) if scores else None,
    }
    if as_json:
        console.emit_json(found)
    else:
        mean = "none" if found["mean"] is None else f"{found['mean']:.3f}"
        console.out().print(
            f"{found['passed']} of {found['total']} passed; {found['rated']} rated, mean {mean}",
            highlight=False,
        )
    if counts["error"]:
        first = next(stage.detail for stage in rated if stage.status == "error")
        console.warn(f"{counts['error']} lenses could not be rated, by no fault of theirs: {first}")
