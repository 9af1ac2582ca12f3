"""FIFOs, stacks, register files and CRCs."""

from __future__ import annotations

from random import Random

from verirl.taskgen.difficulty import level
from verirl_rtl.tasks.families.clocking import clocking
from verirl_rtl.tasks.families.design import Design, Family, Port, inputs, output, width_of


def fifo(rng: Random, difficulty: float) -> Design:
    """A queue with a power of two of places: full, empty, and what happens at both ends at once."""
    clock = clocking(rng, difficulty)
    place = rng.randint(1, level(difficulty, 1, 3))
    depth = 1 << place
    width = width_of(rng, difficulty, 1, 8)
    counted = rng.random() < 0.4
    ask = (
        f"A queue (first in, first out) of at most {depth} words. {clock.words('the queue becomes empty')}\n"
        f"- `full` is 1 while the queue holds {depth} words, `empty` is 1 while it holds none.\n"
        "- At an edge where `push` is 1 and `full` is 0, `din` is added at the end.\n"
        "- At an edge where `pop` is 1 and `empty` is 0, the oldest word is removed.\n"
        "- Both may happen at one edge; each then depends only on `full` or `empty` as it was before the "
        "edge. So with a full queue `push` is ignored even together with a `pop`, and with an empty one a "
        "`pop` is ignored.\n"
        "- `dout` is the oldest word while the queue holds any, and 0 while it is empty. All outputs "
        "follow the state without a further register."
    )
    if counted:
        ask += "\n- `count` is the number of words in the queue."
    address = f"[{place - 1}:0] " if place > 1 else ""
    word = f"[{width - 1}:0] " if width > 1 else ""
    body = "\n".join(
        [
            f"reg {word}memory [0:{depth - 1}];",
            f"reg {address}head, tail;",
            f"reg [{place}:0] held;",
            f"assign full = held == {place + 1}'d{depth};",
            f"assign empty = held == {place + 1}'d0;",
            f"assign dout = empty ? {width}'d0 : memory[head];",
            *(["assign count = held;"] if counted else []),
            "wire take, give;",
            "assign take = push && !full;",
            "assign give = pop && !empty;",
            clock.always(
                f"head <= {place}'d0;\ntail <= {place}'d0;\nheld <= {place + 1}'d0;",
                "\n".join(
                    [
                        "if (take) begin",
                        "    memory[tail] <= din;",
                        f"    tail <= tail + {place}'d1;",
                        "end",
                        f"if (give) head <= head + {place}'d1;",
                        f"if (take && !give) held <= held + {place + 1}'d1;",
                        f"if (give && !take) held <= held - {place + 1}'d1;",
                    ]
                ),
            ),
        ]
    )
    ports: tuple[Port, ...] = (
        *inputs(*clock.ports, "push", "pop", ("din", width)),
        output("dout", width),
        output("full"),
        output("empty"),
    )
    if counted:
        ports += (output("count", place + 1),)
    greedy = body.replace("push && !full", "push && (!full || pop)")
    early = body.replace(f"held == {place + 1}'d{depth};", f"held >= {place + 1}'d{depth - 1};")
    return Design("fifo", ports, ask, body, clock, slips=(("push when full", greedy), ("full early", early)))


def stack(rng: Random, difficulty: float) -> Design:
    """A stack: last in, first out."""
    clock = clocking(rng, difficulty)
    place = rng.randint(1, level(difficulty, 1, 3))
    depth = 1 << place
    width = width_of(rng, difficulty, 1, 8)
    ask = (
        f"A stack (last in, first out) of at most {depth} words. {clock.words('the stack becomes empty')}\n"
        f"- `full` is 1 while the stack holds {depth} words, `empty` is 1 while it holds none.\n"
        "- At an edge where `push` is 1, `pop` is 0 and `full` is 0, `din` is put on top.\n"
        "- At an edge where `pop` is 1, `push` is 0 and `empty` is 0, the top word is removed.\n"
        "- At all other edges nothing changes; so also where `push` and `pop` are both 1.\n"
        "- `dout` is the top word while the stack holds any, and 0 while it is empty; it follows the state "
        "without a further register."
    )
    word = f"[{width - 1}:0] " if width > 1 else ""
    body = "\n".join(
        [
            f"reg {word}memory [0:{depth - 1}];",
            f"reg [{place}:0] held;",
            f"wire [{place}:0] below;",
            f"assign below = held - {place + 1}'d1;",
            f"assign full = held == {place + 1}'d{depth};",
            f"assign empty = held == {place + 1}'d0;",
            f"assign dout = empty ? {width}'d0 : memory[below[{place - 1}:0]];",
            clock.always(
                f"held <= {place + 1}'d0;",
                "\n".join(
                    [
                        "if (push && !pop && !full) begin",
                        f"    memory[held[{place - 1}:0]] <= din;",
                        f"    held <= held + {place + 1}'d1;",
                        "end",
                        f"if (pop && !push && !empty) held <= held - {place + 1}'d1;",
                    ]
                ),
            ),
        ]
    )
    both = body.replace("push && !pop && !full", "push && !full")
    ports = (
        *inputs(*clock.ports, "push", "pop", ("din", width)),
        output("dout", width),
        output("full"),
        output("empty"),
    )
    return Design("stack", ports, ask, body, clock, slips=(("push wins", both),))


def register_file(rng: Random, difficulty: float) -> Design:
    """Words by number: one written, one or two read at once."""
    clock = clocking(rng, difficulty)
    place = rng.randint(1, level(difficulty, 2, 4))
    depth = 1 << place
    width = width_of(rng, difficulty, 2, 8)
    reads = rng.randint(1, level(difficulty, 1, 2))
    zero = rng.random() < 0.5 * difficulty
    through = rng.random() < 0.4 * difficulty
    ask = (
        f"A file of {depth} words of {width} bits. {clock.words('every word becomes 0')} At an edge where "
        "`we` is 1, word number `wa` takes the value of `wd`; all other words stay."
    )
    if zero:
        ask += " Word 0 is always 0: writing to it has no effect."
    names = ["a", "b"][:reads]
    for name in names:
        ask += f" `rd{name}` is word number `ra{name}`, without a register."
    if through:
        ask += (
            " While `we` is 1 and a read number equals `wa`, that read port already shows "
            f"`wd`{' (but still 0 for word 0)' if zero else ''}."
        )
    test = f"we && wa != {place}'d0" if zero else "we"
    lines = [f"reg [{width - 1}:0] words [0:{depth - 1}];", "integer i;"]
    for name in names:
        value = f"words[ra{name}]"
        if through:
            value = f"({test} && wa == ra{name}) ? wd : {value}"
        lines.append(f"assign rd{name} = {value};")
    lines.append(
        clock.always(
            f"for (i = 0; i < {depth}; i = i + 1) words[i] <= {width}'d0;", f"if ({test}) words[wa] <= wd;"
        )
    )
    ports = (
        *inputs(*clock.ports, "we", ("wa", place), ("wd", width), *((f"ra{name}", place) for name in names)),
        *(output(f"rd{name}", width) for name in names),
    )
    return Design("register_file", ports, ask, "\n".join(lines), clock)


_POLYNOMIALS = {3: 0x3, 4: 0x3, 5: 0x05, 6: 0x03, 7: 0x09, 8: 0x07, 16: 0x1021}


def crc(rng: Random, difficulty: float) -> Design:
    """A cyclic redundancy check, one bit a cycle or one word at once."""
    wide = rng.choice([w for w in _POLYNOMIALS if w <= level(difficulty, 5, 16)])
    polynomial = f"{wide}'h{_POLYNOMIALS[wide]:x}"
    top = wide - 1
    rule = (
        f"a bit x changes the {wide}-bit remainder r to (r shifted left by one place, a zero coming in), "
        f"XORed with {polynomial} if bit {top} of r (before the shift) XOR x is 1"
    )
    if rng.random() < 0.35:
        width = width_of(rng, difficulty, 2, 12)
        ask = (
            f"The module is combinational. `next` is the remainder after the {width} bits of `d`, its "
            "highest bit first, have been taken into the remainder `crc`, one after another, where "
            f"{rule}."
        )
        body = "\n".join(
            [
                "integer i;",
                "always @(*) begin",
                "    next = crc;",
                f"    for (i = {width - 1}; i >= 0; i = i - 1) begin",
                f"        next = {{next[{top - 1}:0], 1'b0}} ^ ((next[{top}] ^ d[i]) ? {polynomial} : "
                f"{wide}'d0);",
                "    end",
                "end",
            ]
        )
        backwards = body.replace(
            f"for (i = {width - 1}; i >= 0; i = i - 1)", f"for (i = 0; i < {width}; i = i + 1)"
        )
        ports = (*inputs(("crc", wide), ("d", width)), output("next", wide, stored=True))
        return Design("crc_unit", ports, ask, body, slips=(("bit order", backwards),))
    clock = clocking(rng, difficulty)
    initial = rng.choice((0, (1 << wide) - 1))
    ask = (
        f"A serial cyclic redundancy check. {clock.words(f'`crc` becomes {initial}')} At an edge where "
        f"`en` is 1 the bit `d` is taken into the remainder `crc`, where {rule}. Where `en` is 0 `crc` "
        "stays."
    )
    step = f"if (en) crc <= {{crc[{top - 1}:0], 1'b0}} ^ ((crc[{top}] ^ d) ? {polynomial} : {wide}'d0);"
    body = clock.always(f"crc <= {wide}'d{initial};", step)
    ports = (*inputs(*clock.ports, "en", "d"), output("crc", wide, stored=True))
    late = body.replace(f"(crc[{top}] ^ d)", f"crc[{top}]").replace("1'b0}", "d}")
    return Design("crc_unit", ports, ask, body, clock, slips=(("bit enters below", late),))


FAMILIES = (
    Family("fifo", "sequential", fifo),
    Family("stack", "sequential", stack),
    Family("register_file", "sequential", register_file),
    Family("crc", "sequential", crc),
)
