"""The functions of `import verirl`: a few lines each over the packages that do the work."""

from __future__ import annotations

import atexit
import os
import threading
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from verirl import presets, registry
from verirl.errors import InputError
from verirl.progress import Bars, no_bars
from verirl.scoring import Scheme
from verirl.scoring import reward as with_reward
from verirl.types import Message, Task, Verdict
from verirl.verifier import Request, Verifier

if TYPE_CHECKING:
    from verirl.evaluation.run import Evaluated
    from verirl.models import Policy
    from verirl.pool import VerifierPool
    from verirl.reporting.summary import Summary
    from verirl.training.recipe import Recipe

_shared: tuple[int, VerifierPool] | None = None
_shared_lock = threading.Lock()


def shared_pool() -> VerifierPool:
    """Return the pool that `verify` and its relatives use unless they are given a verifier.

    It starts workers when they are needed, at most one per core, and ends them when the process exits.

    Returns:
        The pool of this process.
    """
    global _shared
    from verirl.pool import VerifierPool

    with _shared_lock:
        if _shared is None or _shared[0] != os.getpid() or _shared[1].is_closed:
            pool = VerifierPool()
            atexit.register(pool.close)
            _shared = (os.getpid(), pool)
        return _shared[1]


def verify(
    domain: str,
    answer: str,
    spec: Mapping[str, Any],
    *,
    prompt: str = "",
    verifier: Verifier | None = None,
) -> Verdict:
    """Judge one answer.

    Args:
        domain: The name of an installed domain, such as `math`, `code`, `rtl` or `optics`.
        answer: What a model wrote. Untrusted: it is only read or run inside the sandbox.
        spec: What the domain's verifier needs (`verirl spec DOMAIN` prints its JSON Schema).
        prompt: The question. Some rules read it, for example whether a percentage was asked for.
        verifier: A pool of your own (default: one that this process shares).

    Returns:
        The verdict. `verdict.is_error` means that the answer could not be judged.

    Raises:
        InputError: If the domain is unknown or the spec is incomplete.
        ToolMissingError: If the domain needs a tool that is not installed.

    Example:
        >>> verify("math", "Half of 7 is \\\\boxed{3.5}.", {"answer": "7/2"}).passed
        True
    """
    if not isinstance(spec, Mapping):
        raise InputError(f"a spec must be an object such as {{'answer': '7/2'}}, not {type(spec).__name__}")
    return verify_many(domain, [answer], [spec], prompts=[prompt], verifier=verifier)[0]


def verify_many(
    domain: str,
    answers: Sequence[str],
    specs: Mapping[str, Any] | Sequence[Mapping[str, Any]],
    *,
    prompts: Sequence[str] | None = None,
    verifier: Verifier | None = None,
) -> list[Verdict]:
    """Judge many answers at once, on all cores.

    To judge answers to tasks, use `VerifierPool.verify` with one `Request(task, completion)` each.

    Args:
        domain: The name of an installed domain.
        answers: What a model wrote, one text per answer.
        specs: One spec for all answers, or one per answer.
        prompts: The questions, one per answer (default: empty).
        verifier: A pool of your own (default: one that this process shares).

    Returns:
        One verdict per answer, in the order of `answers`.

    Raises:
        InputError: If the domain is unknown, a spec is incomplete, or the lengths differ.
        ToolMissingError: If the domain needs a tool that is not installed.

    Example:
        >>> verdicts = verify_many("math", ["\\\\boxed{2}", "\\\\boxed{3}"], {"answer": "2"})
        >>> [verdict.passed for verdict in verdicts]
        [True, False]
    """
    if isinstance(answers, str):
        raise InputError("verify_many takes several answers: pass a list of texts, or call verify")
    if isinstance(specs, str):
        raise InputError("a spec must be an object such as {'answer': '7/2'}, not a text")
    answers = list(answers)
    each = [specs] * len(answers) if isinstance(specs, Mapping) else list(specs)
    asked = [""] * len(answers) if prompts is None else list(prompts)
    if not len(answers) == len(each) == len(asked):
        raise InputError(f"{len(answers)} answers, {len(each)} specs and {len(asked)} prompts do not match")
    checker = registry.load(domain)
    tasks: dict[int, Task] = {}
    requests = []
    for index, (answer, spec, prompt) in enumerate(zip(answers, each, asked, strict=True)):
        task = tasks.get(id(spec)) if prompts is None else None
        if task is None:
            if not isinstance(spec, Mapping):
                raise InputError(f"a spec must be an object, not {type(spec).__name__}")
            checker.check_spec(spec)
            task = Task(
                id=str(index),
                domain=domain,
                prompt=(Message(role="user", content=prompt),),
                spec=dict(spec),
            )
            tasks[id(spec)] = task
        requests.append(Request(task, answer, index if isinstance(specs, Mapping) else 0))
    return (verifier or shared_pool()).verify(requests)


def reward(
    verdict: Verdict, scheme: str | Scheme = "lexicographic", *, domain: str | None = None
) -> float | None:
    """Turn a verdict into a reward.

    Args:
        verdict: A verdict of `verify`, a pool, or a verdicts file.
        scheme: The name of a reward scheme or of a domain's preset, or a scheme of your own.
        domain: The verdict's domain (default: the one that the verdict names in `made_by`).

    Returns:
        A number in [0, 1]; None if the answer could not be judged, so that the sample can be left out.

    Raises:
        InputError: If the scheme is unknown, or does not fit the domain.

    Example:
        >>> reward(verify("math", "\\\\boxed{3.5}", {"answer": "7/2"}), "binary")
        1.0
    """
    name = domain or verdict.made_by.get("domain", "").partition(" ")[0]
    if not name:
        raise InputError("the verdict does not name its domain: pass domain=…")
    chosen = presets.find(scheme, (name,)) if isinstance(scheme, str) else scheme
    value = with_reward(chosen, registry.load(name).ladder, verdict).reward
    return None if value is None else value.value


def rewards(
    verdicts: Iterable[Verdict], scheme: str | Scheme = "lexicographic", *, domain: str | None = None
) -> list[float | None]:
    """Turn verdicts into rewards, one per verdict; see `reward`.

    Args:
        verdicts: Verdicts of one or of several domains.
        scheme: The name of a reward scheme or of a domain's preset, or a scheme of your own.
        domain: The verdicts' domain (default: the one that each verdict names).

    Returns:
        Numbers in [0, 1]; None for each answer that could not be judged.
    """
    return [reward(verdict, scheme, domain=domain) for verdict in verdicts]


def generate_tasks(
    domain: str,
    n: int,
    *,
    seed: int = 0,
    difficulty: tuple[float, float] = (0.0, 1.0),
    split: str = "train",
    families: Sequence[str] | None = None,
    options: Mapping[str, Any] | None = None,
    check_mutants: bool = True,
    verifier: Verifier | None = None,
) -> list[Task]:
    """Make distinct tasks with reference answers, as `verirl synth` does.

    Args:
        domain: The name of an installed domain.
        n: How many tasks.
        seed: Another seed makes other tasks; the same arguments make the same tasks.
        difficulty: Range inside [0, 1].
        split: `train` or `eval`; no problem is in both.
        families: Only these task families.
        options: Options of the domain, such as `{"style": "terse"}`.
        check_mutants: Whether to admit a task only if wrong answers close to its reference fail.
        verifier: A pool of your own (default: one that this process shares).

    Returns:
        The tasks.

    Raises:
        InputError: If an argument is wrong, or the families do not have `n` distinct tasks.
    """
    from verirl.taskgen.generate import generate_tasks as generate

    made = generate(
        registry.load(domain),
        n,
        seed,
        pool=verifier or shared_pool(),
        difficulty=difficulty,
        split=split,
        families=families,
        options=options,
        check_mutants=check_mutants,
    )
    return list(made.tasks)


def evaluate(
    model: str | Policy,
    tasks: Sequence[Task],
    *,
    k: Sequence[int] = (1,),
    samples: int | None = None,
    temperature: float = 1.0,
    max_new_tokens: int = 512,
    seed: int = 0,
    scheme: str = "lexicographic",
    verifier: Verifier | None = None,
    progress: Bars | None = None,
) -> Evaluated:
    """Score a model on tasks: pass@k with 95 % intervals, as `verirl eval` does.

    Args:
        model: What `verirl eval` takes as MODEL (a folder or hub name, `gguf:PATH`, `openai:URL#MODEL`,
            `replay:FILE`, `reference`, `tiny`), or an object with a method `sample` (`verirl.models.Policy`).
        tasks: The tasks.
        k: Which pass@k to report.
        samples: Completions per task (default: the largest k).
        temperature: Sampling temperature; 0 is greedy.
        max_new_tokens: Token limit of a completion.
        seed: Seed of sampling.
        scheme: The reward scheme of the mean reward.
        verifier: A pool of your own (default: one that this process shares).
        progress: Called with a description and a total; returns a context manager that yields a function to
            call with the number of items newly done.

    Returns:
        The evaluation (`.evaluation.overall.pass_at[1].value`), the completions and the verdicts.

    Raises:
        InputError: If the settings do not fit together, or the model is unknown.

    Example:
        >>> tasks = generate_tasks("math", 4, families=["fractions"])
        >>> evaluate("reference", tasks).evaluation.overall.pass_at[1].value
        1.0
    """
    from verirl import models
    from verirl.evaluation.result import Settings
    from verirl.evaluation.run import evaluate as run_evaluation

    return run_evaluation(
        models.load(model) if isinstance(model, str) else model,
        tasks,
        verifier or shared_pool(),
        source="tasks",
        settings=Settings(
            k=tuple(k),
            samples=samples or max(k),
            temperature=temperature,
            max_new_tokens=max_new_tokens,
            seed=seed,
            scheme=scheme,
        ),
        progress=progress or no_bars,
    )


def train(
    recipe: Recipe | str | Path,
    *,
    run: str | Path,
    resume: bool = False,
    overrides: Sequence[str] = (),
    verifier: Verifier | None = None,
) -> Summary:
    """Run a recipe, as `verirl train` does.

    Args:
        recipe: A recipe, a YAML file, or the name of a built-in recipe.
        run: The run folder; everything that is made is written there.
        resume: Whether to go on with the run in that folder.
        overrides: `KEY.PATH=VALUE` texts, as for `--set`.
        verifier: A pool of your own (default: a pool with the recipe's settings, closed at the end).

    Returns:
        What `report` returns for the run.

    Raises:
        InputError: If the recipe is wrong, or the folder already holds a run.
    """
    from verirl.training.run import train as run_recipe

    run_recipe(recipe, run=run, resume=resume, overrides=tuple(overrides), verifier=verifier)
    return report(run)


def report(run: str | Path) -> Summary:
    """Read what a run learned, as `verirl report` shows it.

    Args:
        run: A run folder; the run may be unfinished or still going on.

    Returns:
        The summary; `.to_data()` is the document that `verirl report --json` prints.

    Raises:
        InputError: If the folder holds no run.
    """
    from verirl.reporting.summary import read
    from verirl.runs import RunFolder

    return read(RunFolder(Path(run)))
