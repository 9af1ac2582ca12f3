"""Other names for the ports of a design: as one house writes them or another, the same in words and code."""

from __future__ import annotations

import re
from dataclasses import replace
from random import Random

from verirl_rtl.tasks.families.design import Design

_WORDS = {
    "input": {
        "a": ("x", "op_a", "lhs", "num_a", "first"),
        "b": ("w", "op_b", "rhs", "num_b", "second"),
        "d": ("din", "data", "value"),
        "n": ("amount", "shamt"),
        "en": ("ce", "enable"),
        "sel": ("select", "choice"),
        "op": ("opcode", "func"),
        "req": ("request",),
        "push": ("wr_en", "enq"),
        "pop": ("rd_en", "deq"),
    },
    "output": {
        "b": ("number", "binary"),
        "d": ("diff", "delta"),
        "y": ("result", "z", "f"),
        "q": ("state_q", "value_q"),
        "s": ("sum", "total"),
        "p": ("product", "prod"),
        "grant": ("gnt",),
    },
}
_DIVISION = {"q": ("quotient", "quot"), "r": ("remainder", "rest")}
"""What `q` means where there is an `r` beside it."""
_HOUSES = (
    ("{}", "{}"),
    ("{}", "{}"),
    ("{}_i", "{}_o"),
    ("i_{}", "o_{}"),
    ("{}_in", "{}_out"),
    ("in_{}", "out_{}"),
)
_NAME = re.compile(r"(?<!['\w$.`])[A-Za-z_]\w*")
_QUOTED = re.compile(r"`([^`]*)`")


def rename_ports(rng: Random, design: Design) -> Design:
    """The design with its data ports renamed throughout; clock and reset keep their names.

    In `ask` only what stands in backquotes is code.
    """
    kept = set(design.clocking.ports) if design.clocking else set()
    taken = {
        name for text in (design.body, *(body for _, body in design.slips)) for name in _NAME.findall(text)
    }
    taken |= {port.name for port in design.ports} | {design.name}
    house = dict(zip(("input", "output"), rng.choice(_HOUSES), strict=True))
    names: dict[str, str] = {}
    known = (
        {**_WORDS["output"], **_DIVISION}
        if {"q", "r"} <= {port.name for port in design.ports}
        else _WORDS["output"]
    )
    for port in design.ports:
        if port.name in kept:
            continue
        others = (_WORDS["input"] if port.direction == "input" else known).get(port.name, ())
        word = rng.choice((port.name, *others))
        name = house[port.direction].format(word)
        if name != port.name and name not in taken:
            names[port.name] = name
            taken.add(name)

    def code(text: str) -> str:
        return _NAME.sub(lambda match: names.get(match[0], match[0]), text)

    return replace(
        design,
        ports=tuple(port._replace(name=names.get(port.name, port.name)) for port in design.ports),
        ask=_QUOTED.sub(lambda match: f"`{code(match[1])}`", design.ask),
        body=code(design.body),
        slips=tuple((kind, code(body)) for kind, body in design.slips),
    )
