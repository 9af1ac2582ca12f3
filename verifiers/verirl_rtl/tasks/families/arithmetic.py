"""Adders, subtractors, comparators, multipliers, dividers, ALUs and Gray code."""

from __future__ import annotations

from random import Random

from verirl.taskgen.difficulty import among, level
from verirl_rtl.tasks.families.clocking import clocking
from verirl_rtl.tasks.families.design import Design, Family, Port, inputs, output, width_of


def adder(rng: Random, difficulty: float) -> Design:
    """Two numbers added: with carries, with the overflow of two's complement, or saturating."""
    width = width_of(rng, difficulty, 2, 32)
    carry_in = rng.random() < 0.4
    kind = rng.choice(
        ("plain", "carry", "carry", *(("overflow", "saturate", "both") if difficulty > 0.3 else ()))
    )
    terms = "a + b + cin" if carry_in else "a + b"
    ports: tuple[Port, ...] = inputs(("a", width), ("b", width), *(["cin"] if carry_in else []))
    what = "`a` + `b` + `cin`" if carry_in else "`a` + `b`"
    body = ""
    if kind == "plain":
        ask = f"`s` is {what} modulo 2^{width}."
        ports += (output("s", width),)
        body = f"assign s = {terms};"
    elif kind == "carry":
        ask = (
            f"All numbers are unsigned. {{`cout`, `s`}} is the {width + 1}-bit sum {what}; `cout` is its "
            "top bit."
        )
        ports += (output("s", width), output("cout"))
        body = f"assign {{cout, s}} = {terms};"
    elif kind == "saturate":
        ask = (
            f"All numbers are unsigned. `s` is {what}, or {(1 << width) - 1} where the sum is larger than "
            "that."
        )
        ports += (output("s", width),)
        body = f"wire [{width}:0] sum;\nassign sum = {terms};\n"
        body += f"assign s = sum[{width}] ? {{{width}{{1'b1}}}} : sum[{width - 1}:0];"
    else:
        top = width - 1
        ask = (
            f"`a`, `b` and `s` are two's complement numbers. `s` is {what} modulo 2^{width}. `overflow` is "
            f"1 where the true sum does not fit into {width} bits."
        )
        ports += (output("s", width), output("overflow"))
        body = f"assign overflow = (a[{top}] == b[{top}]) && (s[{top}] != a[{top}]);"
        if kind == "both":
            ask += (
                f" `cout` is the carry out of the top bit when all {width} bits are added as unsigned "
                "numbers."
            )
            ports += (output("cout"),)
            body = f"assign {{cout, s}} = {terms};\n{body}"
        else:
            body = f"assign s = {terms};\n{body}"
    return Design("adder", ports, f"The module is combinational. {ask}", body)


def subtractor(rng: Random, difficulty: float) -> Design:
    """A difference: modulo, with borrow, absolute, or not below 0."""
    width = width_of(rng, difficulty, 2, 32)
    ports: tuple[Port, ...] = inputs(("a", width), ("b", width))
    kind = rng.choice(("plain", "borrow", "borrow_in", *(("absolute", "floor") if difficulty > 0.2 else ())))
    unsigned = "All numbers are unsigned. "
    if kind == "plain":
        ask, body = f"`d` is `a` - `b` modulo 2^{width}.", "assign d = a - b;"
        ports += (output("d", width),)
    elif kind == "borrow":
        ask = (
            f"{unsigned}`d` is `a` - `b` modulo 2^{width}. `borrow` is 1 where `a` is less than `b`, else 0."
        )
        body = "assign d = a - b;\nassign borrow = a < b;"
        ports += (output("d", width), output("borrow"))
    elif kind == "borrow_in":
        ask = (
            f"{unsigned}`d` is `a` - `b` - `bin` modulo 2^{width}. `bout` is 1 where `a` is less than `b` "
            f"+ `bin` (counted without wrapping, in {width + 1} bits), else 0."
        )
        body = "assign {bout, d} = {1'b0, a} - {1'b0, b} - bin;"
        ports += (*inputs("bin"), output("d", width), output("bout"))
    elif kind == "absolute":
        ask, body = (
            f"{unsigned}`d` is the absolute difference of `a` and `b`.",
            "assign d = a < b ? b - a : a - b;",
        )
        ports += (output("d", width),)
    else:
        ask = f"{unsigned}`d` is `a` - `b`, or 0 where `b` is larger than `a`."
        body = f"assign d = a < b ? {width}'d0 : a - b;"
        ports += (output("d", width),)
    return Design("subtractor", ports, f"The module is combinational. {ask}", body)


_TESTS = {
    "eq": ("==", "equal to"),
    "ne": ("!=", "not equal to"),
    "lt": ("<", "less than"),
    "le": ("<=", "less than or equal to"),
    "gt": (">", "greater than"),
    "ge": (">=", "greater than or equal to"),
}


def comparator(rng: Random, difficulty: float) -> Design:
    """Comparisons of two numbers, or the smaller and the larger of them."""
    width = width_of(rng, difficulty, 2, 32)
    signed = rng.random() < 0.2 + 0.4 * difficulty
    left, right = ("$signed(a)", "$signed(b)") if signed else ("a", "b")
    number = "two's complement" if signed else "unsigned"
    ports: tuple[Port, ...] = inputs(("a", width), ("b", width))
    if rng.random() < 0.3:
        kinds = rng.sample(("min", "max"), rng.randint(1, 2))
        which = {"min": ("smaller", "<"), "max": ("larger", ">")}
        ask = "; ".join(f"`{kind}` is the {which[kind][0]} of `a` and `b`" for kind in kinds)
        body = "\n".join(f"assign {kind} = {left} {which[kind][1]} {right} ? a : b;" for kind in kinds)
        slip = "\n".join(f"assign {kind} = {left} {which[kind][1]} {right} ? b : a;" for kind in kinds)
        ports += tuple(output(kind, width) for kind in kinds)
    else:
        kinds = rng.sample(sorted(_TESTS), rng.randint(1, level(difficulty, 2, 4)))
        ask = "; ".join(f"`{kind}` is 1 where `a` is {_TESTS[kind][1]} `b`, else 0" for kind in kinds)
        body = "\n".join(f"assign {kind} = {left} {_TESTS[kind][0]} {right};" for kind in kinds)
        slip = ""
        ports += tuple(output(kind) for kind in kinds)
    other = (
        body.replace("$signed(a)", "a").replace("$signed(b)", "b")
        if signed
        else (body.replace(" a ", " $signed(a) ").replace(" b;", " $signed(b);"))
    )
    slips = (("signedness", other), *((("swapped", slip),) if slip else ()))
    return Design(
        "compare",
        ports,
        f"The module is combinational. `a` and `b` are {number} numbers. {ask}.",
        body,
        slips=slips,
    )


def multiplier(rng: Random, difficulty: float) -> Design:
    """A product: whole, signed, by a constant, or added to a third number."""
    width = width_of(rng, difficulty, 2, 8)
    kind = rng.choice(("plain", "constant", *(("signed", "accumulate") if difficulty > 0.25 else ())))
    wide = 2 * width
    ports: tuple[Port, ...] = inputs(("a", width))
    slips: tuple[tuple[str, str], ...] = ()
    if kind == "constant":
        factor = rng.randint(3, level(difficulty, 9, 60))
        wide = width + factor.bit_length()
        ask, body = f"`p` is {factor} times the unsigned number `a`.", f"assign p = a * {wide}'d{factor};"
    elif kind == "signed":
        ports += inputs(("b", width))
        ask = "`a`, `b` and `p` are two's complement numbers; `p` is the product of `a` and `b`."
        body = "assign p = $signed(a) * $signed(b);"
        slips = (("signedness", "assign p = a * b;"),)
    elif kind == "accumulate":
        ports += inputs(("b", width), ("c", wide))
        ask = f"All numbers are unsigned. `p` is `a` times `b`, plus `c`, modulo 2^{wide}."
        body = "assign p = a * b + c;"
    else:
        ports += inputs(("b", width))
        ask, body = "All numbers are unsigned. `p` is the product of `a` and `b`.", "assign p = a * b;"
    return Design(
        "multiplier", (*ports, output("p", wide)), f"The module is combinational. {ask}", body, slips=slips
    )


def _divide(rng: Random, difficulty: float) -> Design:
    width = width_of(rng, difficulty, 2, 8)
    ask = (
        "The module is combinational; all numbers are unsigned. `q` is the quotient of `a` divided by `b`, "
        "rounded down, and `r` the remainder. Where `b` is 0, every bit of `q` is 1 and `r` is `a`."
    )
    body = (
        f"assign q = b == {width}'d0 ? {{{width}{{1'b1}}}} : a / b;\nassign r = b == {width}'d0 ? a : a % b;"
    )
    ports = (*inputs(("a", width), ("b", width)), output("q", width), output("r", width))
    return Design("divider", ports, ask, body)


def _divide_steps(rng: Random, difficulty: float) -> Design:
    width = width_of(rng, difficulty, 3, 8)
    clock = clocking(rng, difficulty)
    wide = width.bit_length()
    ask = (
        f"A sequential divider of unsigned numbers. {clock.words('`busy`, `done`, `q` and `r` become 0')}\n"
        f"- Where `busy` is 0 and `start` is 1 at an edge, `a` and `b` are taken over and `busy` becomes 1.\n"
        f"- `busy` then stays 1 for {width} cycles: at edge number {width} after that one it becomes 0, "
        "`q` becomes the quotient (rounded down) and `r` the remainder of the numbers taken over, and "
        "`done` becomes 1.\n"
        "- At all other edges `done` becomes 0. `q` and `r` keep their values until the next division ends.\n"
        "- While `busy` is 1, `start`, `a` and `b` have no effect.\n"
        "- Division by 0 gives a `q` of all ones and the number taken over from `a` as `r`."
    )
    body = "\n".join(
        [
            f"reg [{width - 1}:0] divisor, quotient;",
            f"reg [{width - 1}:0] rest;",
            f"reg [{wide - 1}:0] left;",
            f"wire [{width}:0] next;",
            "wire fits;",
            f"assign next = {{rest, quotient[{width - 1}]}};",
            "assign fits = next >= {1'b0, divisor};",
            clock.always(
                f"busy <= 1'b0;\ndone <= 1'b0;\nq <= {width}'d0;\nr <= {width}'d0;\nleft <= {wide}'d0;",
                "\n".join(
                    [
                        "done <= 1'b0;",
                        "if (!busy) begin",
                        "    if (start) begin",
                        "        busy <= 1'b1;",
                        "        divisor <= b;",
                        "        quotient <= a;",
                        f"        rest <= {width}'d0;",
                        f"        left <= {wide}'d{width};",
                        "    end",
                        "end else begin",
                        "    rest <= fits ? next - {1'b0, divisor} : next;",
                        f"    quotient <= {{quotient[{width - 2}:0], fits}};",
                        f"    left <= left - {wide}'d1;",
                        f"    if (left == {wide}'d1) begin",
                        "        busy <= 1'b0;",
                        "        done <= 1'b1;",
                        f"        q <= {{quotient[{width - 2}:0], fits}};",
                        "        r <= fits ? next - {1'b0, divisor} : next;",
                        "    end",
                        "end",
                    ]
                ),
            ),
        ]
    )
    stored = (output("busy", stored=True), output("done", stored=True))
    numbers = (output("q", width, stored=True), output("r", width, stored=True))
    ports = (*inputs(*clock.ports, "start", ("a", width), ("b", width)), *stored, *numbers)
    return Design("divider", ports, ask, body, clock)


def divider(rng: Random, difficulty: float) -> Design:
    """Quotient and remainder, at once or one bit a cycle."""
    return among(rng, difficulty, (_divide, _divide, _divide_steps))


_OPERATIONS = {
    "add": ("a + b", "`a` + `b`"),
    "subtract": ("a - b", "`a` - `b`"),
    "and": ("a & b", "the bitwise AND of `a` and `b`"),
    "or": ("a | b", "the bitwise OR of `a` and `b`"),
    "xor": ("a ^ b", "the bitwise XOR of `a` and `b`"),
    "nor": ("~(a | b)", "the bitwise NOR of `a` and `b`"),
    "not": ("~a", "the bitwise inverse of `a`"),
    "increment": ("a + 1'b1", "`a` + 1"),
    "negate": ("-a", "0 - `a`"),
    "double": ("a << 1", "`a` shifted left by one place, a zero coming in"),
    "halve": ("a >> 1", "`a` shifted right by one place, a zero coming in"),
    "pass": ("b", "`b`"),
}


def alu(rng: Random, difficulty: float) -> Design:
    """Two to ten operations chosen by an opcode, with flags."""
    width = width_of(rng, difficulty, 2, 16)
    count = rng.randint(2, level(difficulty, 4, 10))
    wide = max(1, (count - 1).bit_length())
    # At least one of the operations looks at `b`.
    names = ["add" if rng.random() < 0.5 else "xor"]
    names += rng.sample(sorted(_OPERATIONS.keys() - names), count - 1)
    rng.shuffle(names)
    flags = rng.sample(("zero", "negative"), rng.randint(0, level(difficulty, 1, 2)))
    listed = "\n".join(f"    {k}: {_OPERATIONS[name][1]}" for k, name in enumerate(names))
    ask = f"A combinational arithmetic unit. `op` says what `y` is, always modulo 2^{width}:\n{listed}"
    if count < 1 << wide:
        ask += f"\nWhere `op` is {count} or more, `y` is 0."
    words = {"zero": "`zero` is 1 where `y` is 0, else 0.", "negative": "`negative` is the top bit of `y`."}
    codes = {"zero": f"assign zero = y == {width}'d0;", "negative": f"assign negative = y[{width - 1}];"}
    for flag in flags:
        ask += f"\n{words[flag]}"
    rows = "\n".join(f"        {wide}'d{k}: y = {_OPERATIONS[name][0]};" for k, name in enumerate(names))
    body = f"always @(*) begin\n    case (op)\n{rows}\n        default: y = {width}'d0;\n    endcase\nend"
    body = "\n".join([body, *(codes[flag] for flag in flags)])
    swapped = (
        body.replace(_OPERATIONS[names[0]][0] + ";", "\0")
        .replace(_OPERATIONS[names[1]][0] + ";", _OPERATIONS[names[0]][0] + ";")
        .replace("\0", _OPERATIONS[names[1]][0] + ";")
    )
    ports = (
        *inputs(("a", width), ("b", width), ("op", wide)),
        output("y", width, stored=True),
        *(output(flag) for flag in flags),
    )
    return Design("alu", ports, ask, body, slips=(("opcodes swapped", swapped),))


def gray(rng: Random, difficulty: float) -> Design:
    """Binary to Gray code or back, or a counter in Gray code."""
    width = width_of(rng, difficulty, 2, 16)
    code = (
        "In the Gray code of a number n, bit i is bit i of n XOR bit i + 1 of n (the top bit of n is "
        "unchanged)."
    )
    kind = rng.choice(("to", "from", *(("count",) if difficulty > 0.3 else ())))
    top = width - 1
    if kind == "to":
        ask = f"The module is combinational. `g` is the Gray code of the unsigned number `b`. {code}"
        ports = (*inputs(("b", width)), output("g", width))
        return Design(
            "to_gray",
            ports,
            ask,
            "assign g = b ^ (b >> 1);",
            slips=(("wrong way", "assign g = b ^ (b << 1);"),),
        )
    loop = "\n".join(
        [
            "integer i;",
            "always @(*) begin",
            f"    b[{top}] = g[{top}];",
            f"    for (i = {top - 1}; i >= 0; i = i - 1) begin",
            "        b[i] = b[i + 1] ^ g[i];",
            "    end",
            "end",
        ]
    )
    if kind == "from":
        ask = f"The module is combinational. `b` is the unsigned number whose Gray code is `g`. {code}"
        ports = (*inputs(("g", width)), output("b", width, stored=True))
        return Design("from_gray", ports, ask, loop, slips=(("one step", "always @(*) b = g ^ (g >> 1);"),))
    clock = clocking(rng, difficulty)
    width = min(width, 6)
    ask = (
        f"A counter whose output `g` is in Gray code. {clock.words('the count becomes 0')} At each edge "
        f"without a reset where `en` is 1 the count goes up by 1, from {(1 << width) - 1} back to 0, and "
        f"otherwise it stays. `g` is always the Gray code of the count. {code}"
    )
    body = "\n".join(
        [
            f"reg [{width - 1}:0] count;",
            "assign g = count ^ (count >> 1);",
            clock.always(f"count <= {width}'d0;", f"if (en) count <= count + {width}'d1;"),
        ]
    )
    ports = (*inputs(*clock.ports, "en"), output("g", width))
    return Design("gray_counter", ports, ask, body, clock)


FAMILIES = (
    Family("adder", "combinational", adder),
    Family("subtractor", "combinational", subtractor),
    Family("comparator", "combinational", comparator),
    Family("multiplier", "combinational", multiplier),
    Family("divider", "combinational", divider),
    Family("alu", "combinational", alu),
    Family("gray", "combinational", gray),
)
