"""Wrong completions close to a task's reference.

For a generated task they are the mutants that differ from the reference on its inputs. The code of any other
task must not run here, so for those there are only trivial answers, which are wrong for any task.
"""

from __future__ import annotations

from verirl.domain import Mutant
from verirl.seeds import rng
from verirl.taskgen.mutants import spread
from verirl.types import Task
from verirl_code.tasks.generate import completion, problem_with_tests_of

MAX_MUTANTS = 10
"""Most mutants of one task, of as many kinds as there are."""


def mutants(task: Task) -> tuple[Mutant, ...]:
    """Return up to MAX_MUTANTS wrong completions, always the same for the same task.

    Args:
        task: The task; without a reference it has no mutants.
    """
    if task.reference is None:
        return ()
    tested = problem_with_tests_of(task)
    if tested is None:
        return _trivial_mutants(task)
    _, _, style, form = task.tags
    order = rng("code", "mutants", task.content_key())
    chosen = spread(order, tested.mutants, lambda mutant: mutant.kind, MAX_MUTANTS)
    return tuple(
        Mutant(mutant.kind, completion(tested.problem, mutant.source, form, style)) for mutant in chosen
    )


_WRONG_RESULT_TEMPLATE = """

def _verirl_off(value):
    if isinstance(value, bool):
        return not value
    if isinstance(value, (float, complex)):
        return 2 * value + 1
    if isinstance(value, int):
        return value + 1
    if isinstance(value, str):
        return value + "x"
    if isinstance(value, (list, tuple)):
        return value + type(value)([0])
    if isinstance(value, (set, frozenset)):
        return value | {{"x"}}
    if isinstance(value, dict):
        return {{**value, "x": 0}}
    return 0 if value is None else None


_verirl_right = {name}


def {name}(*args, **options):
    return _verirl_off(_verirl_right(*args, **options))
"""


def _trivial_mutants(task: Task) -> tuple[Mutant, ...]:
    name = task.spec.get("entry_point")
    if not isinstance(name, str) or not name.isidentifier():
        return (Mutant("empty program", "```python\npass\n```"),)
    head = f"def {name}(*args, **options):\n"
    chosen = [("empty body", f"{head}    pass\n"), ("constant", f"{head}    return -987654321\n")]
    code = from_fence(task.reference or "")
    if code is not None:
        chosen.append(("result off by one", code.rstrip() + "\n" + _WRONG_RESULT_TEMPLATE.format(name=name)))
    return tuple(Mutant(kind, f"```python\n{source}```") for kind, source in chosen)


def from_fence(reference: str) -> str | None:
    """Return the code of a reference that is one fenced block; None for anything else."""
    opening, _, rest = reference.partition("\n")
    code, closing, tail = rest.rpartition("\n```")
    return code if opening == "```python" and closing and not tail.strip() else None
