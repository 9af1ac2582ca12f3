"""Wrong completions near a task's reference.

The mistakes that people make with the design at hand, single changes to the reference's text, and designs
that do nothing (all outputs 0, 1, X, Z). Each was seen to differ from the reference in a simulation whose
stimulus has nothing to do with the one that judges answers; one that was not is left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from verirl.domain import Mutant
from verirl.errors import SpecError
from verirl.seeds import rng
from verirl.taskgen.mutants import spread
from verirl.types import Task
from verirl_rtl.language.verilog_text import rename_textually, to_fence
from verirl_rtl.reference import BrokenTaskError, inspect_reference
from verirl_rtl.simulation.stimulus import roles
from verirl_rtl.spec import RtlSpec, read_spec
from verirl_rtl.tasks.distinguish import ModuleInterface, which_differ
from verirl_rtl.tasks.families.design import Design, Port
from verirl_rtl.tasks.generate import completion, design_of
from verirl_rtl.tasks.mutation_operators import mutations

MAX_MUTANTS = 8
"""At most this many for one task beside the designs that do nothing, of as many kinds as there are."""
MAX_TRIED = 16
_TRIVIAL = {"all 0": "1'b0", "all 1": "1'b1", "all X": "1'bx", "all Z": "1'bz"}


def mutants(task: Task) -> tuple[Mutant, ...]:
    """Wrong completions, always the same for the same task; none where its reference does not elaborate."""
    key = task.content_key()
    design = design_of(task)
    if design is not None:
        return tuple(Mutant(kind, completion(design, source)) for kind, source in wrong_designs(design, key))
    try:
        spec = read_spec(task.spec)
        face = _face(spec)
        return tuple(
            Mutant(kind, to_fence(rename_textually(source, face.name, spec.top)))
            for kind, source in _apart(face, spec.reference or "", [], key)
        )
    except (SpecError, BrokenTaskError, ValueError):
        return ()


def wrong_designs(design: Design, key: str) -> list[tuple[str, str]]:
    """Kind and module text of each mutant of a design."""
    clocking = design.clocking
    face = ModuleInterface(design.name, design.ports)
    if clocking is not None:
        face = ModuleInterface(design.name, design.ports, clocking.clock, clocking.reset, clocking.active)
    slips = [(kind, design.module(body)) for kind, body in design.slips if body != design.body]
    return _apart(face, design.source, slips, key)


def _face(spec: RtlSpec) -> ModuleInterface:
    """The ports of a reference from elsewhere, its clock and its reset."""
    if spec.reference is None:
        raise BrokenTaskError("there is no reference")
    found = inspect_reference(spec)
    what = roles(found.inputs, found.edges, spec.clock, spec.reset)
    reset = next(iter(what.resets), None)
    ports = tuple(
        Port(port.name, "input" if port.direction == "input" else "output", port.width)
        for port in found.ports
    )
    clock = what.clocks[0] if what.clocks else None
    return ModuleInterface(spec.reference_top, ports, clock, reset, what.resets.get(reset or "", 1))


def _apart(
    face: ModuleInterface, reference: str, slips: Sequence[tuple[str, str]], key: str
) -> list[tuple[str, str]]:
    """The slips, single changes and idle designs that were seen to differ from the reference."""
    edits = spread(
        rng("rtl", "mutants", key), mutations(reference, face.reset), lambda edit: edit.kind, MAX_TRIED
    )
    found = [*slips, *((edit.kind, edit.of(reference)) for edit in edits)]
    tried = {
        source: kind for kind, source in [*found, *idle_designs(face.name, face.ports)] if source != reference
    }
    apart = which_differ(face, reference, list(tried))
    seen = [(kind, source) for (source, kind), other in zip(tried.items(), apart, strict=True) if other]
    some = [one for one in seen if one[0] not in _TRIVIAL][:MAX_MUTANTS]
    return [*some, *(one for one in seen if one[0] in _TRIVIAL)]


def idle_designs(name: str, ports: Sequence[Port]) -> Iterator[tuple[str, str]]:
    """Modules with the right ports whose outputs never say anything."""
    header = ", ".join(f"{p.direction} [{p.width - 1}:0] {p.name}" for p in ports)
    for kind, value in _TRIVIAL.items():
        body = " ".join(
            f"assign {p.name} = {{{p.width}{{{value}}}}};" for p in ports if p.direction == "output"
        )
        yield kind, f"module {name} ({header});\n    {body}\nendmodule\n"
