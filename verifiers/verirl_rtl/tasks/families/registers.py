"""Registers, counters, shift registers, LFSRs, edge detectors, PWM and clock dividers."""

from __future__ import annotations

from random import Random

from verirl.taskgen.difficulty import level
from verirl_rtl.tasks.families.clocking import clocking
from verirl_rtl.tasks.families.design import Design, Family, Port, inputs, output, width_of


def register(rng: Random, difficulty: float) -> Design:
    """A register with an enable, a synchronous clear, or an enable for each byte."""
    clock = clocking(rng, difficulty)
    width = width_of(rng, difficulty, 1, 32)
    initial = rng.choice((0, 0, (1 << width) - 1, rng.randrange(1 << width)))
    effect = f"`q` becomes {initial}"
    ports: tuple[Port, ...] = inputs(*clock.ports, ("d", width))
    kind = rng.choice(("plain", "enable", *(("clear", "bytes") if difficulty > 0.3 else ())))
    start = f"q <= {width}'d{initial};"
    if kind == "plain":
        ask, step = "At each edge without a reset `q` takes the value of `d`.", "q <= d;"
    elif kind == "enable":
        ports += inputs("en")
        ask = "At an edge where `en` is 1 `q` takes the value of `d`; where `en` is 0 it stays."
        step = "if (en) q <= d;"
    elif kind == "clear":
        ports += inputs("en", "clear")
        ask = (
            "At an edge where `clear` is 1 `q` becomes 0, whatever `en` is. Where `clear` is 0 and `en` is "
            "1 `q` takes the value of `d`; otherwise it stays."
        )
        step = f"if (clear) q <= {width}'d0;\nelse if (en) q <= d;"
    else:
        count = rng.randint(2, 4)
        width = 8 * count
        initial = 0
        effect, start = "`q` becomes 0", f"q <= {width}'d0;"
        ports = inputs(*clock.ports, ("d", width), ("we", count))
        ask = (
            f"`q` consists of {count} bytes, byte k being `q[8k+7:8k]`. At an edge where `we[k]` is 1, "
            "byte k takes the value of byte k of `d`; where it is 0, byte k stays. The bytes do not "
            "depend on each other."
        )
        step = "\n".join(
            f"if (we[{k}]) q[{8 * k + 7}:{8 * k}] <= d[{8 * k + 7}:{8 * k}];" for k in range(count)
        )
    ports += (output("q", width, stored=True),)
    words = f"A {width}-bit register. {clock.words(effect)} {ask}"
    return Design("register", ports, words, clock.always(start, step), clock)


def counter(rng: Random, difficulty: float) -> Design:
    """A counter: up, down or both, modulo anything, with enable, load and terminal count."""
    clock = clocking(rng, difficulty)
    width = width_of(rng, difficulty, 2, 6)
    whole = rng.random() < 0.4
    modulus = 1 << width if whole else rng.randint((1 << (width - 1)) + 1, 1 << width)
    last = modulus - 1
    kind = rng.choice(("up", "down", *(("both", "load") if difficulty > 0.25 else ())))
    enabled = kind == "both" or rng.random() < 0.5
    initial = last if kind == "down" else 0
    ports: tuple[Port, ...] = inputs(*clock.ports, *(["en"] if enabled else []))
    when = "At an edge where `en` is 1" if enabled else "At each edge without a reset"
    up, down = f"goes up by 1 (after {last} comes 0)", f"goes down by 1 (after 0 comes {last})"
    high = f"q <= q == {width}'d{last} ? {width}'d0 : q + {width}'d1;"
    low = f"q <= q == {width}'d0 ? {width}'d{last} : q - {width}'d1;"
    stay = " Where `en` is 0 it stays." if enabled else ""
    if kind == "both":
        ports += inputs("up")
        ask = f"{when} `q` {up}, if `up` is 1, and {down}, if `up` is 0.{stay}"
        step = f"if (en) begin\n    if (up) {high}\n    else {low}\nend"
    elif kind == "load":
        ports += inputs("load", ("d", width))
        beyond = "" if modulus == 1 << width else f" (a `d` larger than {last} loads {last})"
        value = "d" if modulus == 1 << width else f"d > {width}'d{last} ? {width}'d{last} : d"
        ask = (
            f"At an edge where `load` is 1 `q` takes the value of `d`{beyond}, whatever else. Otherwise: "
            f"{when.lower()} `q` {up}.{stay}"
        )
        ask = ask.replace("Otherwise: at each edge without a reset", "At all other edges")
        step = f"if (load) q <= {value};\nelse {'if (en) ' if enabled else ''}{high}"
    else:
        ask = f"{when} `q` {up if kind == 'up' else down}.{stay}"
        step = f"{'if (en) ' if enabled else ''}{high if kind == 'up' else low}"
    body = clock.always(f"q <= {width}'d{initial};", step)
    ports += (output("q", width, stored=True),)
    if rng.random() < 0.3 + 0.4 * difficulty and kind != "both":
        at = 0 if kind == "down" else last
        ports += (output("tc"),)
        ask += f" `tc` is 1 while `q` is {at}, else 0; it follows `q` without a delay."
        body += f"\nassign tc = q == {width}'d{at};"
    return Design(
        "counter", ports, f"A counter `q`. {clock.words(f'`q` becomes {initial}')} {ask}", body, clock
    )


def shift_register(rng: Random, difficulty: float) -> Design:
    """Bits moved along: left or right, serial or parallel."""
    clock = clocking(rng, difficulty)
    width = width_of(rng, difficulty, 3, 16)
    top = width - 1
    kind = rng.choice(("serial", "parallel", *(("load", "both") if difficulty > 0.25 else ())))
    left = rng.random() < 0.5
    ports: tuple[Port, ...] = inputs(*clock.ports)
    shifts = {True: f"r <= {{r[{top - 1}:0], din}};", False: f"r <= {{din, r[{top}:1]}};"}
    words = {
        True: f"moves every bit up by one place (bit i to bit i + 1); `din` enters at bit 0 and bit {top} "
        "is dropped",
        False: f"moves every bit down by one place (bit i to bit i - 1); `din` enters at bit {top} and bit "
        "0 is dropped",
    }
    declared = f"reg [{top}:0] r;\n"
    show = "assign q = r;"
    out = output("q", width)
    shown = "`q` always shows all of `r`."
    if kind == "both":
        ports += inputs("din", "left", "en")
        ask = (
            f"An edge where `en` is 1 and `left` is 1 {words[True]}. Where `en` is 1 and `left` is 0 it "
            f"{words[False]}. Where `en` is 0 `r` stays."
        )
        step = f"if (en) begin\n    if (left) {shifts[True]}\n    else {shifts[False]}\nend"
    elif kind == "load":
        ports += inputs("din", "load", ("d", width))
        ask = f"An edge where `load` is 1 stores `d` in `r`. An edge where `load` is 0 {words[left]}."
        step = f"if (load) r <= d;\nelse {shifts[left]}"
    else:
        enabled = rng.random() < 0.5
        ports += inputs("din", *(["en"] if enabled else []))
        when = "An edge where `en` is 1" if enabled else "Each edge without a reset"
        ask = f"{when} {words[left]}.{' Where `en` is 0 `r` stays.' if enabled else ''}"
        step = f"{'if (en) ' if enabled else ''}{shifts[left]}"
        if kind == "serial":
            end = top if left else 0
            out, show = output("dout"), f"assign dout = r[{end}];"
            shown = f"`dout` always shows bit {end} of `r`."
    body = declared + show + "\n" + clock.always(f"r <= {width}'d0;", step)
    words_all = (
        f"A shift register. Its store `r` has {width} bits. {clock.words('`r` becomes 0')} {ask} {shown}"
    )
    return Design("shift_register", (*ports, out), words_all, body, clock)


_TAPS = {3: (3, 2), 4: (4, 3), 5: (5, 3), 6: (6, 5), 7: (7, 6), 8: (8, 6, 5, 4), 9: (9, 5), 10: (10, 7),
         11: (11, 9), 12: (12, 11, 10, 4), 15: (15, 14), 16: (16, 15, 13, 4)}  # fmt: skip
"""Taps of maximal length (Xilinx XAPP052), counted from 1."""


def lfsr(rng: Random, difficulty: float) -> Design:
    """A linear feedback shift register in Fibonacci or Galois form."""
    clock = clocking(rng, difficulty)
    width = rng.choice([w for w in _TAPS if w <= level(difficulty, 5, 16)])
    taps = [tap - 1 for tap in _TAPS[width]]
    seed = rng.randrange(1, 1 << width)
    enabled = rng.random() < 0.5
    when = "At an edge where `en` is 1" if enabled else "At each edge without a reset"
    stay = " Where `en` is 0 it stays." if enabled else ""
    top = width - 1
    if difficulty < 0.4 or rng.random() < 0.5:
        gate = "XOR" if rng.random() < 0.75 else "XNOR"
        if gate == "XNOR":
            seed = rng.randrange((1 << width) - 1)
        said = ", ".join(f"`q[{tap}]`" for tap in taps)
        inner = " ^ ".join(f"q[{tap}]" for tap in taps)
        feedback = f"~({inner})" if gate == "XNOR" else inner
        inverse = " inverted" if gate == "XNOR" else ""
        ask = (
            f"{when} every bit of `q` moves up by one place (bit i to bit i + 1) and bit 0 becomes the XOR "
            f"of {said} as they were before the edge{f', {inverse.strip()}' if inverse else ''}.{stay}"
        )
        step = f"{'if (en) ' if enabled else ''}q <= {{q[{top - 1}:0], {feedback}}};"
        slip = step.replace(
            f"q[{taps[-1]}]{')' if gate == 'XNOR' else ''}}}",
            f"q[{(taps[-1] or 1) - 1}]{')' if gate == 'XNOR' else ''}}}",
        )
    else:
        mask = sum(1 << tap for tap in taps)
        ask = (
            f"{when} every bit of `q` moves down by one place (bit i to bit i - 1), a 0 entering at bit "
            f"{top}; if bit 0 was 1 before the edge, the result is then XORed with "
            f"{width}'b{mask:0{width}b}.{stay}"
        )
        step = (
            f"{'if (en) ' if enabled else ''}q <= (q >> 1) ^ (q[0] ? {width}'b{mask:0{width}b} : {width}'d0);"
        )
        slip = step.replace("q >> 1", "q << 1")
    body = clock.always(f"q <= {width}'d{seed};", step)
    ports = (*inputs(*clock.ports, *(["en"] if enabled else [])), output("q", width, stored=True))
    words = f"A linear feedback shift register `q`. {clock.words(f'`q` becomes {seed}')} {ask}"
    return Design(
        "lfsr", ports, words, body, clock, slips=(("taps", clock.always(f"q <= {width}'d{seed};", slip)),)
    )


def edge_detector(rng: Random, difficulty: float) -> Design:
    """Pulses, or bits that stay, where an input changes between two edges of the clock."""
    clock = clocking(rng, difficulty)
    width = 1 if rng.random() < 0.6 - 0.4 * difficulty else width_of(rng, difficulty, 2, 12)
    kinds = {"rise": ("0", "1", "d & ~last"), "fall": ("1", "0", "~d & last"), "change": ("", "", "d ^ last")}
    kind = rng.choice(sorted(kinds))
    old, new, code = kinds[kind]
    each = "" if width == 1 else " All this holds for each bit on its own."
    seen = f"it was {old} and is now {new}" if old else "it is not what it was"
    ports = inputs(*clock.ports, ("d", width))
    declared = f"reg {f'[{width - 1}:0] ' if width > 1 else ''}last;\n"
    zero = f"{width}'d0"
    mode = rng.choice(("now", "stored", *(("held",) if difficulty > 0.3 else ())))
    remember = "`last` (internal) takes the value of `d` at each edge without a reset."
    if mode == "now":
        ask = (
            f"{remember} `y` is 1 while `d` compared with `last` shows that {seen}, without a further "
            f"register.{each}"
        )
        body = declared + f"assign y = {code};\n" + clock.always(f"last <= {zero};", "last <= d;")
        out, effect = output("y", width), "`last` becomes 0"
    else:
        hold = mode == "held"
        ask = (
            f"{remember} At the same edge `y` becomes 1 if `d` compared with `last` (before the edge) "
            "shows that "
            f"{seen}{', and stays 1 until the next reset' if hold else '; otherwise `y` becomes 0'}.{each}"
        )
        step = f"last <= d;\ny <= {'y | (' + code + ')' if hold else code};"
        body = declared + clock.always(f"last <= {zero};\ny <= {zero};", step)
        out, effect = output("y", width, stored=True), "`last` and `y` become 0"
    wrong = "d ^ last" if kind != "change" else "d & ~last"
    words = f"An edge detector for `d`. {clock.words(effect)} {ask}"
    return Design(
        "edges", (*ports, out), words, body, clock, slips=(("other edge", body.replace(code, wrong)),)
    )


def pwm(rng: Random, difficulty: float) -> Design:
    """A counter against a threshold: on for `duty` cycles of each period."""
    clock = clocking(rng, difficulty)
    width = level(difficulty, 2, 4)
    period = rng.randint((1 << (width - 1)) + 1, 1 << width)
    last = period - 1
    latched = rng.random() < 0.5 * difficulty
    ports = (*inputs(*clock.ports, ("duty", width)), output("y"))
    ask = (
        f"An internal counter goes up by 1 at each edge without a reset, from {last} back to 0. `y` is 1 "
        "while the counter is less than "
    )
    count = f"count <= count == {width}'d{last} ? {width}'d0 : count + {width}'d1;"
    declared = f"reg [{width - 1}:0] count;\n"
    if latched:
        ask += (
            "`level`, an internal register that takes the value of `duty` at each edge at which the "
            f"counter goes from {last} to 0, and only there."
        )
        body = f"{declared}reg [{width - 1}:0] level;\nassign y = count < level;\n" + clock.always(
            f"count <= {width}'d0;\nlevel <= {width}'d0;",
            f"{count}\nif (count == {width}'d{last}) level <= duty;",
        )
        effect = "the counter and `level` become 0"
    else:
        ask += "`duty`, as it is at that moment, else 0."
        body = f"{declared}assign y = count < duty;\n" + clock.always(f"count <= {width}'d0;", count)
        effect = "the counter becomes 0"
    slip = body.replace("count < ", "count <= ", 1)
    return Design(
        "pwm",
        ports,
        f"A pulse width modulator. {clock.words(effect)} {ask}",
        body,
        clock,
        slips=(("one longer", slip),),
    )


def divided_clock(rng: Random, difficulty: float) -> Design:
    """A tick or a square wave every so many cycles."""
    clock = clocking(rng, difficulty)
    every = rng.randint(2, level(difficulty, 5, 14))
    width = (every - 1).bit_length()
    square = rng.random() < 0.5
    ports = (*inputs(*clock.ports), output("y", stored=True))
    done = f"count == {width}'d{every - 1}"
    if square:
        ask = (
            f"`y` then changes once in {every} edges and stays in between: the first time at edge number "
            f"{every} after the reset has ended (the first edge without a reset is number 1)."
        )
        step = (
            f"if ({done}) begin\n    count <= {width}'d0;\n    y <= ~y;\nend else count <= count + "
            f"{width}'d1;"
        )
    else:
        ask = (
            f"Count the edges without a reset from 1. `y` becomes 1 at edge number {every} and every "
            f"{every} edges after that, and 0 at all others: it is 1 for one cycle of {every}."
        )
        step = f"y <= {done};\nif ({done}) count <= {width}'d0;\nelse count <= count + {width}'d1;"
    body = f"reg [{width - 1}:0] count;\n".replace("[0:0] ", "")
    body += clock.always(f"count <= {width}'d0;\ny <= 1'b0;", step)
    words = (
        f"A frequency divider. {clock.words('`y` becomes 0 and the counting of edges starts again')} {ask}"
    )
    return Design("divide_clock", ports, words, body, clock)


FAMILIES = (
    Family("register", "sequential", register),
    Family("counter", "sequential", counter),
    Family("shift_register", "sequential", shift_register),
    Family("lfsr", "sequential", lfsr),
    Family("edge_detector", "sequential", edge_detector),
    Family("pwm", "sequential", pwm),
    Family("clock_divider", "sequential", divided_clock),
)
