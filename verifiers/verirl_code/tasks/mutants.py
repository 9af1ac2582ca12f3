"""Wrong completions near a task's reference.

For a task of ours they are the slips that were seen to differ from the reference on its inputs. For any
other task nothing may be run here: there remain the answers in bad faith, wrong whatever the task is.
"""

from __future__ import annotations

from verirl.domain import Mutant
from verirl.seeds import rng
from verirl.types import Task
from verirl_code.tasks.families.mutation_operators import ProgramMutant
from verirl_code.tasks.generate import Case, case_of, completion

MUTANTS = 10
"""At most this many for one task, of as many kinds as there are."""


def mutants(task: Task) -> tuple[Mutant, ...]:
    """Up to ten wrong completions, always the same for the same task; none where it has no reference."""
    if task.reference is None:
        return ()
    case = case_of(task)
    if case is None:
        return _foreign(task)
    _, _, style, form = task.tags
    return tuple(
        Mutant(slip.kind, completion(case.problem, slip.source, form, style))
        for slip in _spread(case, task.content_key())
    )


def _spread(case: Case, key: str) -> list[ProgramMutant]:
    """Slips in an order that depends on the task alone, one of each kind before a second of any."""
    kinds: dict[str, list[ProgramMutant]] = {}
    for slip in rng("code", "mutants", key).sample(case.mutants, len(case.mutants)):
        kinds.setdefault(slip.kind, []).append(slip)
    found: list[ProgramMutant] = []
    while kinds and len(found) < MUTANTS:
        for kind in list(kinds):
            found.append(kinds[kind].pop())
            if not kinds[kind]:
                del kinds[kind]
    return found[:MUTANTS]


_WRONG_RESULT = """

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


def _foreign(task: Task) -> tuple[Mutant, ...]:
    name = task.spec.get("entry_point")
    if not isinstance(name, str) or not name.isidentifier():
        return (Mutant("empty program", "```python\npass\n```"),)
    head = f"def {name}(*args, **options):\n"
    found = [("empty body", f"{head}    pass\n"), ("constant", f"{head}    return -987654321\n")]
    code = fenced(task.reference or "")
    if code is not None:
        found.append(("result off by one", code.rstrip() + "\n" + _WRONG_RESULT.format(name=name)))
    return tuple(Mutant(kind, f"```python\n{source}```") for kind, source in found)


def fenced(reference: str) -> str | None:
    """The code of a reference that is one fenced block; None for anything else."""
    opening, _, rest = reference.partition("\n")
    code, closing, tail = rest.rpartition("\n```")
    return code if opening == "```python" and closing and not tail.strip() else None
