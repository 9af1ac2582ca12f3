"""Make an RTL task from `(split, seed, index)` and a difficulty, with its reference.

The reference is the specification: an answer is replayed against it and, where the design is combinational,
proved equal to it. A design belongs to one split for ever: a hash of its module says which.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from verirl.taskgen import families
from verirl.taskgen.draw import SPLITS, TaskDraw, check_draw, draw_again, start_draw
from verirl.taskgen.families import STYLES
from verirl.types import Task
from verirl_rtl.language.verilog_text import to_fence
from verirl_rtl.tasks.families import FAMILIES as _FAMILIES
from verirl_rtl.tasks.families.design import Design
from verirl_rtl.tasks.families.naming import rename_ports

FAMILIES: tuple[str, ...] = tuple(_FAMILIES)
PPA = ("score", "off")
_HARD_TO_PROVE = ("multiplier", "divider", "sharing")
_OPENINGS = (
    "Write a synthesisable Verilog module named `{name}` with these ports:",
    "Implement this module in Verilog. Its name is `{name}` and it has these ports:",
    "Design a Verilog module `{name}`. Ports:",
)
_CLOSING = "Answer with the whole module in one ```verilog block."


def families_with(style: str) -> tuple[str, ...]:
    """The families that have tasks in a style."""
    return families.families_with(_FAMILIES, style)


def generate(
    seed: int,
    index: int,
    difficulty: float,
    *,
    split: str = "train",
    family: str | None = None,
    style: str = "prose",
    ppa: str = "score",
) -> Task:
    """The task at `(split, seed, index)`; `family` None means drawn, `difficulty` lies in [0, 1].

    `style`: `prose` asks in words for a module with ports that it names; `terse` in shorthand for a module
    `t` on one line, in the families that have it. `ppa`: whether area, delay and power are judged (`score`)
    or not (`off`). Raises InputError on an unknown split, family, style or `ppa`, or a difficulty out of
    range.
    """
    check_draw(
        difficulty, split=(split, SPLITS), style=(style, STYLES), ppa=(ppa, PPA), family=(family, FAMILIES)
    )
    origin = start_draw(
        "rtl", families_with(style), seed, index, difficulty, split=split, family=family, style=style
    )
    return _task(draw(origin), origin, ppa)


def _task(design: Design, origin: TaskDraw, ppa: str) -> Task:
    family, style = origin.family, origin.style
    words = origin.rng("words")
    spec: dict[str, Any] = {"top": design.name, "reference": design.source}
    if ppa != "score":
        spec["ppa"] = ppa
    if design.clocking is not None:
        spec |= {"clock": design.clocking.clock, "reset": design.clocking.reset}
    elif style == "prose" and family not in _HARD_TO_PROVE:
        spec["equivalence"] = "require"
    question = design.terse or _question(design, words.choice(_OPENINGS))
    subject = "sequential" if design.clocking else "combinational"
    reference = completion(design, design.module(design.answer or design.body))
    return origin.task(question, spec, reference, (family, subject, style))


def _question(design: Design, opening: str) -> str:
    ports = "\n".join(port.words for port in design.ports)
    return f"{opening.format(name=design.name)}\n{ports}\n\n{design.ask}\n\n{_CLOSING}"


def completion(design: Design, source: str) -> str:
    """What a policy would write to answer with `source`."""
    return source if design.terse else to_fence(source)


@lru_cache(maxsize=1024)
def draw(origin: TaskDraw) -> Design:
    """Return the design behind a task: the first draw that belongs to its split."""
    family, style = _FAMILIES[origin.family], origin.style
    make = families.maker(_FAMILIES, family.name, style)

    def attempt(number: int) -> Design:
        chance = origin.rng(style, number)
        design = make(chance, origin.difficulty)
        return rename_ports(chance, design) if style == "prose" and not family.plain else design

    return next(origin.problems(attempt, lambda design: design.source, noun="design"))


def design_of(task: Task) -> Design | None:
    """Return the design that `generate` made `task` from, drawn again; None for a task from elsewhere."""
    ppa = str(task.spec.get("ppa", "score"))
    tags = ("family", "subject", "style")
    return draw_again(task, "rtl", _FAMILIES, tags, draw, lambda design, origin: _task(design, origin, ppa))
