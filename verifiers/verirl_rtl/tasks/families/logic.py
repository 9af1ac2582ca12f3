"""Gates, boolean expressions, truth tables, and rearranged bits."""

from __future__ import annotations

from itertools import product
from random import Random
from typing import NamedTuple

from verirl.taskgen.difficulty import among, level
from verirl_rtl.tasks.families.design import Design, Family, bits, inputs, output, width_of

_GATES = {
    "AND": ("&", False),
    "OR": ("|", False),
    "XOR": ("^", False),
    "NAND": ("&", True),
    "NOR": ("|", True),
    "XNOR": ("^", True),
}
_LETTERS = "abcdefgh"


def gates(rng: Random, difficulty: float) -> Design:
    """A gate of two to eight inputs, or several gates over the same inputs, one bit or bitwise."""
    count = rng.randint(2, level(difficulty, 2, 6))
    width = 1 if rng.random() < 0.5 - 0.3 * difficulty else width_of(rng, difficulty, 2, 32)
    names = list(_LETTERS[:count])
    outs = rng.sample(sorted(_GATES), rng.randint(1, level(difficulty, 1, 4)))
    lines, words = [], []
    for gate in outs:
        sign, inverted = _GATES[gate]
        name = f"y_{gate.lower()}" if len(outs) > 1 else "y"
        expression = f" {sign} ".join(names)
        lines.append(f"assign {name} = {f'~({expression})' if inverted else expression};")
        words.append(f"`{name}` is the {'bitwise ' if width > 1 else ''}{gate} of all {count} inputs")
    names_out = [f"y_{gate.lower()}" for gate in outs] if len(outs) > 1 else ["y"]
    if count > 2 and any(gate in ("XOR", "XNOR") for gate in outs):
        words.append(
            "XOR of more than two bits is 1 where an odd number of them is 1, and XNOR is its inverse"
        )
    return Design(
        f"gates{count}",
        (*inputs(*((name, width) for name in names)), *(output(name, width) for name in names_out)),
        f"The module is combinational. {'; '.join(words)}.",
        "\n".join(lines),
    )


class _Term(NamedTuple):
    """A boolean expression in words, in shorthand, in Verilog, and as its truth table (a bit a row)."""

    say: str
    short: str
    code: str
    table: int
    whole: bool


def expression(rng: Random, names: list[str], among: list[str], compact: bool = False) -> _Term:
    """A random expression that uses `names` one after another; `among` are all the inputs there are.

    It is 1 for some inputs and 0 for others. `compact` brackets every gate, without blanks.
    """
    rows = (1 << (1 << len(among))) - 1
    while True:
        term = _grown(rng, names, among, rows, compact)
        if term.table not in (0, rows):
            return term


def _grown(rng: Random, names: list[str], among: list[str], rows: int, compact: bool) -> _Term:
    if len(names) == 1:
        name = names[0]
        place = among.index(name)
        table = sum(1 << row for row in range(1 << len(among)) if row >> place & 1)
        if rng.random() < 0.35:
            return _Term(f"NOT {name}", f"not {name}", f"~{name}", rows ^ table, True)
        return _Term(name, name, name, table, True)
    cut = rng.randint(1, len(names) - 1)
    left = _grown(rng, names[:cut], among, rows, compact)
    right = _grown(rng, names[cut:], among, rows, compact)
    gate = rng.choice(("AND", "OR", "AND", "OR", "XOR", "NAND", "NOR"))
    sign, inverted = _GATES[gate]
    table = {
        "&": left.table & right.table,
        "|": left.table | right.table,
        "^": left.table ^ right.table,
    }[sign]
    say = f"{_bracketed(left.say)} {gate} {_bracketed(right.say)}"
    short = f"{gate.lower()} {left.short} {right.short}"
    between = sign if compact else f" {sign} "
    inner = between.join(side.code if side.whole else f"({side.code})" for side in (left, right))
    code = f"~({inner})" if inverted else inner
    return _Term(say, short, code, rows ^ table if inverted else table, inverted)


def _bracketed(text: str) -> str:
    return f"({text})" if " " in text and not (text.startswith("NOT ") and text.count(" ") == 1) else text


def boolean(rng: Random, difficulty: float) -> Design:
    """One or more boolean functions given as nested gates."""
    count = rng.randint(2, level(difficulty, 3, 7))
    names = list(_LETTERS[:count])
    outs = ["y"] if rng.random() < 0.7 else ["y", "z"]
    lines, words = [], []
    for out in outs:
        uses = rng.sample(names, count) + rng.choices(names, k=level(difficulty, 0, 4))
        term = expression(rng, uses, names)
        words.append(f"{out} = {term.say}")
        lines.append(f"assign {out} = {term.code};")
    ask = "Combinational logic on single bits, brackets first:\n" + "\n".join(f"    {line}" for line in words)
    ports = (*inputs(*names), *map(output, outs))
    return Design("boolean", ports, ask, "\n".join(lines))


def boolean_terse(rng: Random, difficulty: float) -> Design:
    """A boolean function of six inputs in prefix shorthand: `or a nand b c`."""
    names = list(_LETTERS[:6])
    uses = rng.choices(names, k=rng.randint(2, level(difficulty, 2, 6)))
    term = expression(rng, uses, names, compact=True)
    ports = (*inputs(*names), output("y"))
    return Design("t", ports, term.short, f"assign y={term.code};", terse=term.short)


def truth_table(rng: Random, difficulty: float) -> Design:
    """A function given by the inputs for which it is 1."""
    count = rng.randint(2, level(difficulty, 3, 6))
    names = list(_LETTERS[:count])
    size = 1 << count
    ones = sorted(rng.sample(range(size), rng.randint(1, min(size - 1, level(difficulty, 3, 16)))))
    listed = ", ".join(map(str, ones))
    joined = ", ".join(names)
    if rng.random() < 0.5:
        ask = (
            f"Read the inputs as the {count}-bit number {{{joined}}}, with `{names[0]}` as its most "
            f"significant bit. `y` is 1 for the values {listed} and 0 for all others. The module is "
            "combinational."
        )
    else:
        heading = " ".join([*names, "|", "y"])
        rows = "\n".join(
            "    " + " ".join([*map(str, row), "|", str(int(place in ones))])
            for place, row in enumerate(product((0, 1), repeat=count))
        )
        ask = f"Combinational logic with this truth table:\n    {heading}\n{rows}"
    cases = ", ".join(f"{count}'d{one}" for one in ones)
    body = (
        f"always @(*) begin\n    case ({{{joined}}})\n        {cases}: y = 1'b1;\n"
        "        default: y = 1'b0;\n    endcase\nend"
    )
    backwards = body.replace(f"{{{joined}}}", f"{{{', '.join(reversed(names))}}}")
    ports = (*inputs(*names), output("y", stored=True))
    return Design("lookup", ports, ask, body, slips=(("bit order", backwards),))


def _reverse(rng: Random, difficulty: float) -> Design:
    width = width_of(rng, difficulty, 3, 32)
    body = "\n".join(
        [
            "integer i;",
            "always @(*) begin",
            f"    for (i = 0; i < {width}; i = i + 1) begin",
            f"        y[i] = a[{width - 1} - i];",
            "    end",
            "end",
        ]
    )
    ask = (
        f"`y` is `a` with its bits in reverse order: `y[0]` is `a[{width - 1}]`, `y[{width - 1}]` is `a[0]`."
    )
    return _bits(width, width, ask, body)


def _swap(rng: Random, difficulty: float) -> Design:
    part = rng.choice((2, 4, 8))
    count = rng.randint(2, level(difficulty, 2, 6))
    width = part * count
    pieces = [f"a[{k * part + part - 1}:{k * part}]" for k in range(count)]
    ask = (
        f"`a` consists of {count} groups of {part} bits. `y` has the same groups in reverse order (the "
        "lowest group of `a` is the highest of `y`), the order of the bits inside each group unchanged."
    )
    return _bits(width, width, ask, f"assign y = {{{', '.join(pieces)}}};", stored=False)


def _count_ones(rng: Random, difficulty: float) -> Design:
    width = width_of(rng, difficulty, 3, 24)
    wide = width.bit_length()
    what = rng.choice((1, 0))
    test = "a[i]" if what else "!a[i]"
    body = "\n".join(
        [
            "integer i;",
            "always @(*) begin",
            f"    y = {wide}'d0;",
            f"    for (i = 0; i < {width}; i = i + 1) begin",
            f"        if ({test}) y = y + {wide}'d1;",
            "    end",
            "end",
        ]
    )
    return _bits(
        width, wide, f"`y` is the number of bits of `a` that are {what}, as an unsigned number.", body
    )


def _parity(rng: Random, difficulty: float) -> Design:
    width = width_of(rng, difficulty, 2, 40)
    kind = rng.choice(("even", "odd"))
    body = f"assign y = {'' if kind == 'even' else '~'}^a;"
    ask = (
        f"`y` is the {kind}-parity bit of `a`: it makes the number of ones among all bits of `a` and `y` "
        f"together {kind}."
    )
    return _bits(width, 1, ask, body, stored=False)


def _extend(rng: Random, difficulty: float) -> Design:
    width = width_of(rng, difficulty, 2, 16)
    more = rng.randint(1, level(difficulty, 4, 16))
    signed = rng.random() < 0.7
    fill = f"{{{more}{{a[{width - 1}]}}}}" if signed else f"{more}'d0"
    what = (
        "two's complement number; `y` is the same number (sign extension)"
        if signed
        else ("an unsigned number; `y` is the same number (zero extension)")
    )
    ask = (
        f"`a` is a {what}, {width + more} bits wide."
        if signed
        else f"`a` is {what}, {width + more} bits wide."
    )
    return _bits(width, width + more, ask, f"assign y = {{{fill}, a}};", stored=False)


def _lowest(rng: Random, difficulty: float) -> Design:
    width = width_of(rng, difficulty, 3, 24)
    body = "assign y = a & (~a + 1'b1);"
    if rng.random() < 0.5:
        ask = "`y` has exactly one bit set, at the place of the lowest 1 of `a`; it is 0 where `a` is 0."
        return _bits(width, width, ask, body, stored=False)
    wide = width.bit_length()
    body = "\n".join(
        [
            "integer i;",
            "always @(*) begin",
            f"    y = {wide}'d{width};",
            f"    for (i = 0; i < {width}; i = i + 1) begin",
            f"        if (a[i]) y = {width - 1} - i;",
            "    end",
            "end",
        ]
    )
    ask = (
        f"`y` is the number of zeros above the highest 1 of `a` (leading zeros); it is {width} where `a` "
        "is 0."
    )
    return _bits(width, wide, ask, body)


def _bits(width: int, wide: int, ask: str, body: str, *, stored: bool = True) -> Design:
    ports = (*inputs(("a", width)), output("y", wide, stored=stored))
    return Design("bits", ports, f"The module is combinational. {ask}", body)


def rearranged(rng: Random, difficulty: float) -> Design:
    """Bits reversed, swapped, counted, extended or searched."""
    return among(rng, difficulty, (_reverse, _parity, _swap, _extend, _count_ones, _lowest))


def half_adders(rng: Random, difficulty: float) -> Design:
    """A named small circuit over one-bit inputs: half adder, full adder, majority, and their like."""
    kinds = {
        "majority": (
            3,
            "`y` is 1 where at least two of the three inputs are 1",
            "(a & b) | (a & c) | (b & c)",
        ),
        "minority": (
            3,
            "`y` is 1 where at most one of the three inputs is 1",
            "~((a & b) | (a & c) | (b & c))",
        ),
        "implication": (2, "`y` is 0 only where `a` is 1 and `b` is 0", "~a | b"),
        "inhibit": (2, "`y` is 1 only where `a` is 1 and `b` is 0", "a & ~b"),
        "equal": (3, "`y` is 1 where all three inputs are equal", "(a & b & c) | (~a & ~b & ~c)"),
        "exactly_one": (
            3,
            "`y` is 1 where exactly one of the three inputs is 1",
            "(a & ~b & ~c) | (~a & b & ~c) | (~a & ~b & c)",
        ),
    }
    name = rng.choice(sorted(kinds))
    count, say, code = kinds[name]
    width = 1 if rng.random() < 0.6 - 0.5 * difficulty else width_of(rng, difficulty, 2, 24)
    names = _LETTERS[:count]
    each = (
        f", for each of the {width} places of {', '.join(bits(n, width) for n in names)}" if width > 1 else ""
    )
    ports = (*inputs(*((n, width) for n in names)), output("y", width))
    return Design(name, ports, f"The module is combinational: {say}{each}.", f"assign y = {code};")


FAMILIES = (
    Family("gates", "combinational", gates),
    Family("boolean", "combinational", boolean, boolean_terse, plain=True),
    Family("truth_table", "combinational", truth_table, plain=True),
    Family("named_gates", "combinational", half_adders),
    Family("bits", "combinational", rearranged),
)
