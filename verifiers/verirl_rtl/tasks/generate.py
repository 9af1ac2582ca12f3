"""Make an RTL task from `(split, seed, index)` and a difficulty, with its reference.

The reference is the specification: an answer is replayed against it and, where the design is combinational,
proved equal to it. A design belongs to one split for ever: a hash of its module says which.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from verirl import __version__
from verirl.errors import InputError
from verirl.seeds import derive, rng
from verirl.taskgen.draw import check_draw
from verirl.types import Message, Source, Task
from verirl_rtl.language.verilog_text import to_fence
from verirl_rtl.tasks.families import FAMILIES as _FAMILIES
from verirl_rtl.tasks.families.design import Design
from verirl_rtl.tasks.families.naming import dressed

FAMILIES: tuple[str, ...] = tuple(_FAMILIES)
STYLES = ("prose", "terse")
SPLITS = ("train", "eval")
PPA = ("score", "off")
EVAL_ONE_IN = 4
"""One design in this many belongs to the eval split."""
MAX_DRAWS = 1000
"""Draws after which a family has none left for a split: chance alone never takes as many."""

_SOURCE = {"name": "verirl", "version": __version__, "license": "Apache-2.0"}
_HARD_TO_PROVE = ("multiplier", "divider", "sharing")
_OPENINGS = (
    "Write a synthesisable Verilog module named `{name}` with these ports:",
    "Implement this module in Verilog. Its name is `{name}` and it has these ports:",
    "Design a Verilog module `{name}`. Ports:",
)
_CLOSING = "Answer with the whole module in one ```verilog block."


def families_with(style: str) -> tuple[str, ...]:
    """The families that have tasks in a style."""
    return tuple(name for name in FAMILIES if style != "terse" or _FAMILIES[name].terse)


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
    known = families_with(style)
    name = family or rng("rtl", split, seed, index, "family").choice(known)
    design = draw(seed, index, difficulty, split=split, family=name, style=style)
    made = Source(**_SOURCE, seed=seed, index=index)
    return _written(design, made, name, split, difficulty, style, ppa)


def _written(
    design: Design, source: Source, family: str, split: str, difficulty: float, style: str, ppa: str
) -> Task:
    words = rng("rtl", split, source.seed or 0, source.index or 0, family, "words")
    spec: dict[str, Any] = {"top": design.name, "reference": design.source}
    if ppa != "score":
        spec["ppa"] = ppa
    if design.clocking is not None:
        spec |= {"clock": design.clocking.clock, "reset": design.clocking.reset}
    elif style == "prose" and family not in _HARD_TO_PROVE:
        spec["equivalence"] = "require"
    question = design.terse or _question(design, words.choice(_OPENINGS))
    return Task(
        id=f"rtl/{family}/{split}-{source.seed}-{source.index:06d}",
        domain="rtl",
        prompt=(Message(role="user", content=question),),
        spec=spec,
        reference=completion(design, design.module(design.answer or design.body)),
        difficulty=difficulty,
        tags=(family, "sequential" if design.clocking else "combinational", style),
        split="eval" if split == "eval" else "train",
        source=source,
    )


def _question(design: Design, opening: str) -> str:
    ports = "\n".join(port.words for port in design.ports)
    return f"{opening.format(name=design.name)}\n{ports}\n\n{design.ask}\n\n{_CLOSING}"


def completion(design: Design, source: str) -> str:
    """What a policy would write to answer with `source`."""
    return source if design.terse else to_fence(source)


@lru_cache(maxsize=1024)
def draw(seed: int, index: int, difficulty: float, *, split: str, family: str, style: str) -> Design:
    """The design behind a task: the first draw that belongs to `split`."""
    known = _FAMILIES[family]
    make = known.terse if style == "terse" else known.make
    if make is None:
        there = ", ".join(families_with("terse"))
        raise InputError(f"family '{family}' has no style 'terse'; there are: {there}")
    for attempt in range(MAX_DRAWS):
        chance = rng("rtl", split, seed, index, family, style, attempt)
        design = make(chance, difficulty)
        if style == "prose" and not known.plain:
            design = dressed(chance, design)
        if split_of(family, design) == split:
            return design
    raise InputError(f"family '{family}' has no design for split '{split}' at difficulty {difficulty:g}")


def split_of(family: str, design: Design) -> str:
    """The split that a design belongs to."""
    return "eval" if derive("rtl", family, design.source) % EVAL_ONE_IN == 0 else "train"


def design_of(task: Task) -> Design | None:
    """The design that `synth` made `task` from, drawn again; None for a task from elsewhere."""
    source = task.source
    if source is None or source.seed is None or source.index is None or task.difficulty is None:
        return None
    if task.domain != "rtl" or len(task.tags) != len(("family", "subject", "style")):
        return None
    family, _, style = task.tags
    if family not in FAMILIES or style not in STYLES:
        return None
    try:
        design = draw(
            source.seed, source.index, task.difficulty, split=task.split, family=family, style=style
        )
    except InputError:
        return None
    ppa = str(task.spec.get("ppa", "score"))
    made = _written(design, source, family, task.split, task.difficulty, style, ppa)
    return design if made == task else None
