"""Wrong completions near a task's reference.

The mistakes that people make with the design at hand, single changes to the reference's text, and designs
that do nothing (all outputs 0, 1, X, Z). Each was seen to differ from the reference in a simulation whose
stimulus has nothing to do with the one that judges answers; one that was not is left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from verirl.domains import Mutant
from verirl.seeds import rng
from verirl.types import Task
from verirl_rtl.apart import Face, differ
from verirl_rtl.edits import edits
from verirl_rtl.families.design import Design, Port
from verirl_rtl.synth import completion, design_of

MUTANTS = 8
"""At most this many for one task beside the designs that do nothing, of as many kinds as there are."""
TRIED = 16
_TRIVIAL = {"all 0": "1'b0", "all 1": "1'b1", "all X": "1'bx", "all Z": "1'bz"}


def mutants(task: Task) -> tuple[Mutant, ...]:
    """Wrong completions, always the same for the same task; none where nothing is known of its design."""
    design = design_of(task)
    if design is None:
        return ()
    return tuple(
        Mutant(kind, completion(design, source)) for kind, source in wrong(design, task.content_key())
    )


def wrong(design: Design, key: str) -> list[tuple[str, str]]:
    """Kind and module text of each mutant of a design."""
    clocking = design.clocking
    reset, active = (clocking.reset, clocking.active) if clocking else (None, 1)
    face = Face(design.name, design.ports, clocking.clock if clocking else None, reset, active)
    found = [(kind, design.module(body)) for kind, body in design.slips if body != design.body]
    found += _spread(design.source, reset, key)
    trivial = list(idle(design.name, design.ports))
    tried = list({source: kind for kind, source in [*found, *trivial] if source != design.source}.items())
    apart = differ(face, design.source, [source for source, _ in tried])
    seen = [(kind, source) for (source, kind), other in zip(tried, apart, strict=True) if other]
    some = [one for one in seen if one[0] not in _TRIVIAL][:MUTANTS]
    return [*some, *(one for one in seen if one[0] in _TRIVIAL)]


def _spread(source: str, reset: str | None, key: str) -> list[tuple[str, str]]:
    """Single changes in an order that depends on the task alone, one of each kind before a second of any."""
    kinds: dict[str, list[str]] = {}
    made = edits(source, reset)
    for edit in rng("rtl", "mutants", key).sample(made, len(made)):
        kinds.setdefault(edit.kind, []).append(edit.of(source))
    found: list[tuple[str, str]] = []
    while kinds and len(found) < TRIED:
        for kind in list(kinds):
            found.append((kind, kinds[kind].pop()))
            if not kinds[kind]:
                del kinds[kind]
    return found[:TRIED]


def idle(name: str, ports: Sequence[Port]) -> Iterator[tuple[str, str]]:
    """Modules with the right ports whose outputs never say anything."""
    header = ", ".join(f"{p.direction} [{p.width - 1}:0] {p.name}" for p in ports)
    for kind, value in _TRIVIAL.items():
        body = " ".join(
            f"assign {p.name} = {{{p.width}{{{value}}}}};" for p in ports if p.direction == "output"
        )
        yield kind, f"module {name} ({header});\n    {body}\nendmodule\n"
