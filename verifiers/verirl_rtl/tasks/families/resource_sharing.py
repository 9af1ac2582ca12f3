"""Arithmetic whose literal form has an operator too many: a multiplier that two terms could share.

The reference is literal, as most people write it. In shorthand the worked answers share the multiplier now
and then, so that a policy has seen it done; only area tells it that this is the better answer.
"""

from __future__ import annotations

from random import Random
from typing import NamedTuple

from verirl_rtl.tasks.families.design import Design, Family, Port, inputs, output, width_of

SHARED = 1 / 3
"""Share of the worked answers in shorthand that use one multiplier."""


class _Form(NamedTuple):
    """An expression over p, q, r (and s) in words, as written, and with one multiplier."""

    say: str
    literal: str
    shared: str


_FORMS = (
    _Form("{p} times {q} plus {u} times {v}", "{p}*{q}+{u}*{v}", "{x}*({y}+{z})"),
    _Form("{p} times {q} minus {u} times {v}", "{p}*{q}-{u}*{v}", "{x}*({y}-{z})"),
    _Form(
        "{p} times {q} where `s` is 1, and {u} times {v} where `s` is 0",
        "s?{p}*{q}:{u}*{v}",
        "{x}*(s?{y}:{z})",
    ),
)


def _drawn(rng: Random, letters: str, forms: tuple[_Form, ...]) -> tuple[str, str, str, str]:
    x, y, z = rng.sample(letters, 3)
    (p, q), (u, v) = rng.sample((x, y), 2), rng.sample((x, z), 2)
    form = rng.choice(forms)
    names = {"p": p, "q": q, "u": u, "v": v, "x": x, "y": y, "z": z}
    quoted = {key: f"`{name}`" for key, name in names.items()}
    uses = "s" if "s?" in form.literal else ""
    return form.say.format(**quoted), form.literal.format(**names), form.shared.format(**names), uses


def sharing(rng: Random, difficulty: float) -> Design:
    """A sum, a difference or a choice of two products with a common factor."""
    width = width_of(rng, difficulty, 2, 6)
    say, literal, _, uses = _drawn(rng, "abc", _FORMS)
    wide = 2 * width + 1
    ask = f"The module is combinational; all numbers are unsigned. `y` is {say}, modulo 2^{wide}."
    ports: tuple[Port, ...] = inputs(("a", width), ("b", width), ("c", width), *uses)
    return Design("products", (*ports, output("y", wide)), ask, f"assign y = {spaced(literal)};")


def spaced(expression: str) -> str:
    """An expression with blanks around its binary operators, brackets around products that are chosen."""
    text = expression
    for sign in ("*", "+", "-", "?", ":"):
        text = text.replace(sign, f" {sign} ")
    return text


def sharing_terse(rng: Random, difficulty: float) -> Design:
    """A sum or a choice over six two-bit operands, the expression itself being the question."""
    _, literal, shared, _ = _drawn(rng, "abcdef", (_FORMS[0], _FORMS[2]))
    chosen = shared if rng.random() < SHARED else literal
    ports = (*inputs(*((name, 2) for name in "abcdef"), "s"), output("y", 5))
    return Design("t", ports, literal, f"assign y={literal};", terse=literal, answer=f"assign y={chosen};")


FAMILIES = (Family("sharing", "combinational", sharing, sharing_terse),)
