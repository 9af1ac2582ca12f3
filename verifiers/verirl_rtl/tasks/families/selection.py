"""Multiplexers, decoders, encoders and shifters."""

from __future__ import annotations

from random import Random

from verirl.taskgen.difficulty import level
from verirl_rtl.tasks.families.design import Design, Family, Port, inputs, output, width_of


def mux(rng: Random, difficulty: float) -> Design:
    """Two to sixteen words, one of them chosen; where the choice names none the output is 0 or a default."""
    count = rng.randint(2, level(difficulty, 3, 16))
    width = 1 if rng.random() < 0.3 * (1 - difficulty) else width_of(rng, difficulty, 2, 16)
    select = (count - 1).bit_length()
    full = count == 1 << select
    enabled = rng.random() < 0.4 * difficulty
    names = [f"d{k}" for k in range(count)]
    ports: tuple[Port, ...] = (*inputs(*((name, width) for name in names), ("sel", select)),)
    ask = (
        "A combinational multiplexer: `y` is `d0` where `sel` is 0, `d1` where it is 1, and so on up to "
        f"`d{count - 1}`."
    )
    spare = rng.choice(("0", "1"))
    fill = f"{width}'d0" if spare == "0" else f"{{{width}{{1'b1}}}}"
    if not full:
        ask += f" Where `sel` is {count} or more, every bit of `y` is {spare}."
    if enabled:
        ports += inputs("en")
        ask += " Where `en` is 0, `y` is 0 whatever `sel` is."
    first = f"    y = {width}'d0;\n    if (en) begin\n" if enabled else ""
    pad = "    " if enabled else ""
    rows = "\n".join(f"{pad}        {select}'d{k}: y = d{k};" for k in range(count - (1 if full else 0)))
    rest = names[-1] if full else fill
    body = (
        f"always @(*) begin\n{first}{pad}    case (sel)\n{rows}\n{pad}        default: y = {rest};\n"
        f"{pad}    endcase\n{'    end' + chr(10) if enabled else ''}end"
    )
    return Design(f"mux{count}", (*ports, output("y", width, stored=True)), ask, body)


def decoder(rng: Random, difficulty: float) -> Design:
    """A number to one line of many, with enable and either polarity."""
    select = rng.randint(1, level(difficulty, 2, 4))
    count = 1 << select if rng.random() < 0.7 else rng.randint(max(2, (1 << select) // 2 + 1), 1 << select)
    low = rng.random() < 0.15 + 0.35 * difficulty
    enable = rng.choice(("", "en", "en_n")) if rng.random() < 0.3 + 0.6 * difficulty else ""
    ports = inputs(("a", select), *([enable] if enable else []))
    on, off = ("0", "1") if low else ("1", "0")
    ask = f"A combinational decoder: bit number `a` of `y` is {on} and every other bit is {off}."
    if count < 1 << select:
        ask += f" Where `a` is {count} or more, every bit of `y` is {off}."
    condition = {"": "1'b1", "en": "en", "en_n": "!en_n"}[enable]
    if enable:
        ask += (
            f" Where `{enable}` is {0 if enable == 'en' else 1}, every bit of `y` is {off} whatever `a` is."
        )
    within = f"{condition} && a < {count}" if count < 1 << select else condition
    idle = f"{{{count}{{1'b{off}}}}}"
    body = f"always @(*) begin\n    y = {idle};\n    if ({within}) y[a] = 1'b{on};\nend"
    if within == "1'b1":
        body = f"always @(*) begin\n    y = {idle};\n    y[a] = 1'b{on};\nend"
    return Design(f"decode{count}", (*ports, output("y", count, stored=True)), ask, body)


def encoder(rng: Random, difficulty: float) -> Design:
    """The place of the highest or lowest asserted line, and whether there is one."""
    count = rng.randint(3, level(difficulty, 4, 16))
    wide = (count - 1).bit_length()
    high = rng.random() < 0.5
    low_active = rng.random() < 0.4 * difficulty
    valid = rng.random() < 0.7
    test = "!d[i]" if low_active else "d[i]"
    asserted = "0" if low_active else "1"
    loop = f"for (i = 0; i < {count}; i = i + 1)" if high else f"for (i = {count - 1}; i >= 0; i = i - 1)"
    other = f"for (i = {count - 1}; i >= 0; i = i - 1)" if high else f"for (i = 0; i < {count}; i = i + 1)"
    body = "\n".join(
        [
            "integer i;",
            "always @(*) begin",
            f"    y = {wide}'d0;",
            f"    {loop} begin",
            f"        if ({test}) y = i;",
            "    end",
            *(["    valid = " + ("~&d;" if low_active else "|d;")] if valid else []),
            "end",
        ]
    )
    ask = (
        f"A combinational priority encoder: `y` is the number of the {'highest' if high else 'lowest'} bit "
        f"of `d` that is {asserted}. Where no bit of `d` is {asserted}, `y` is 0."
    )
    ports = (*inputs(("d", count)), output("y", wide, stored=True))
    if valid:
        ask += f" `valid` is 1 where any bit of `d` is {asserted}, else 0."
        ports += (output("valid", stored=True),)
    return Design(
        f"encode{count}", ports, ask, body, slips=(("priority reversed", body.replace(loop, other)),)
    )


_SHIFTS = {
    "left": ("a << n", "shifted left by `n` places, zeros coming in at the bottom"),
    "right": ("a >> n", "shifted right by `n` places, zeros coming in at the top"),
    "arithmetic": (
        "$signed(a) >>> n",
        "shifted right by `n` places, copies of its top bit coming in at the top",
    ),
    "rotate_left": ("", "rotated left by `n` places: what leaves at the top comes in at the bottom"),
    "rotate_right": ("", "rotated right by `n` places: what leaves at the bottom comes in at the top"),
}


def shifter(rng: Random, difficulty: float) -> Design:
    """A shift or rotation by a variable amount, of one kind or chosen by an opcode."""
    amount = rng.randint(1, level(difficulty, 2, 5))
    width = 1 << amount
    count = rng.randint(1, level(difficulty, 1, 4))
    kinds = rng.sample(sorted(_SHIFTS), count)
    codes = {name: _shift(name, width) for name in kinds}
    if count == 1:
        ask = f"A combinational shifter: `y` is `a` {_SHIFTS[kinds[0]][1]}."
        body = f"assign y = {codes[kinds[0]]};"
        ports = (*inputs(("a", width), ("n", amount)), output("y", width))
        wrong = tuple(
            (f"{name} instead", f"assign y = {_shift(name, width)};") for name in _SHIFTS if name != kinds[0]
        )
        return Design("shifter", ports, ask, body, slips=wrong)
    wide = (count - 1).bit_length()
    listed = "\n".join(f"    {k}: `a` {_SHIFTS[name][1]}" for k, name in enumerate(kinds))
    ask = f"A combinational shifter. `op` says what `y` is:\n{listed}"
    if count < 1 << wide:
        ask += f"\nWhere `op` is {count} or more, `y` is `a` unchanged."
    rows = "\n".join(f"        {wide}'d{k}: y = {codes[name]};" for k, name in enumerate(kinds))
    body = f"always @(*) begin\n    case (op)\n{rows}\n        default: y = a;\n    endcase\nend"
    ports = (*inputs(("a", width), ("n", amount), ("op", wide)), output("y", width, stored=True))
    return Design("shifter", ports, ask, body)


def _shift(name: str, width: int) -> str:
    if name == "rotate_left":
        return f"(a << n) | (a >> ({width} - n))"
    if name == "rotate_right":
        return f"(a >> n) | (a << ({width} - n))"
    return _SHIFTS[name][0]


FAMILIES = (
    Family("mux", "combinational", mux),
    Family("decoder", "combinational", decoder),
    Family("encoder", "combinational", encoder),
    Family("shifter", "combinational", shifter),
)
