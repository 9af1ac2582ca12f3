"""State machines from tables, sequence detectors, arbiters, debouncers."""

from __future__ import annotations

from random import Random

from verirl.taskgen.difficulty import level
from verirl_rtl.tasks.families.clocking import Clocking, clocking
from verirl_rtl.tasks.families.design import Design, Family, inputs, output

_STATES = "ABCDEFGH"


def fsm(rng: Random, difficulty: float) -> Design:
    """A random Moore or Mealy machine, every state reachable and every two of them told apart."""
    clock = clocking(rng, difficulty)
    count = rng.randint(2, level(difficulty, 3, 7))
    mealy = rng.random() < 0.2 + 0.3 * difficulty
    table, out = _machine(rng, count, mealy)
    wide = (count - 1).bit_length()
    names = _STATES[:count]
    if mealy:
        rows = "\n".join(
            f"    {names[s]}: x=0 -> {names[table[s][0]]}, y={out[s][0]}; x=1 -> {names[table[s][1]]}, "
            f"y={out[s][1]}"
            for s in range(count)
        )
        ask = (
            "The table gives for each state and each value of `x` the next state, taken at the edge, and "
            "the value of `y` while the machine is in that state and `x` has that value (`y` follows `x` "
            "without a register)"
        )
    else:
        rows = "\n".join(
            f"    {names[s]} (y={out[s][0]}): x=0 -> {names[table[s][0]]}, x=1 -> {names[table[s][1]]}"
            for s in range(count)
        )
        ask = (
            "The table gives for each state the value of `y` while the machine is in it, and the next "
            "state, taken at the edge, for each value of `x` at that edge"
        )
    body = _machine_code(clock, names, wide, table, out, mealy)
    turned = [(b, a) for a, b in table]
    start = rng.randrange(1, count)
    slips = (
        ("inputs swapped", _machine_code(clock, names, wide, turned, out, mealy)),
        ("wrong start", _machine_code(clock, names, wide, table, out, mealy, start)),
    )
    words = (
        f"A {'Mealy' if mealy else 'Moore'} state machine. {clock.words('the state becomes A')} "
        f"{ask}:\n{rows}"
    )
    ports = (*inputs(*clock.ports, "x"), output("y", stored=True))
    return Design("fsm", ports, words, body, clock, slips=slips)


_Table = list[tuple[int, int]]


def _machine(rng: Random, count: int, mealy: bool) -> tuple[_Table, _Table]:
    while True:
        table = [(rng.randrange(count), rng.randrange(count)) for _ in range(count)]
        out = [(rng.randint(0, 1), rng.randint(0, 1)) for _ in range(count)]
        if not mealy:
            out = [(first, first) for first, _ in out]
        if _reachable(table) == count and _distinct(table, out) == count:
            return table, out


def _reachable(table: _Table) -> int:
    seen, todo = {0}, [0]
    while todo:
        for after in table[todo.pop()]:
            if after not in seen:
                seen.add(after)
                todo.append(after)
    return len(seen)


def _distinct(table: _Table, out: _Table) -> int:
    """How many states behave differently (Moore's partition refinement)."""
    kinds: list[int] = [0] * len(table)
    while True:
        keys = [(out[s], kinds[table[s][0]], kinds[table[s][1]], kinds[s]) for s in range(len(table))]
        numbered = {key: place for place, key in enumerate(dict.fromkeys(keys))}
        finer = [numbered[key] for key in keys]
        if len(numbered) == len(set(kinds)):
            return len(numbered)
        kinds = finer


def _machine_code(
    clock: Clocking, names: str, wide: int, table: _Table, out: _Table, mealy: bool, start: int = 0
) -> str:
    codes = ", ".join(f"{name} = {wide}'d{place}" for place, name in enumerate(names))
    rows, shown = [], []
    for name, (low, high), (off, on) in zip(names, table, out, strict=True):
        rows.append(f"        {name}: next = x ? {names[high]} : {names[low]};")
        value = f"x ? 1'b{on} : 1'b{off}" if mealy and on != off else f"1'b{on}"
        shown.append(f"        {name}: y = {value};")
    vector = f"[{wide - 1}:0] " if wide > 1 else ""
    return "\n".join(
        [
            f"localparam {vector}{codes};",
            f"reg {vector}state, next;",
            "always @(*) begin",
            "    case (state)",
            *rows,
            f"        default: next = {names[0]};",
            "    endcase",
            "end",
            "always @(*) begin",
            "    case (state)",
            *shown,
            "        default: y = 1'b0;",
            "    endcase",
            "end",
            clock.always(f"state <= {names[start]};", "state <= next;"),
        ]
    )


def sequence_detector(rng: Random, difficulty: float) -> Design:
    """A pattern in a stream of bits, with or without overlaps."""
    clock = clocking(rng, difficulty)
    length = rng.randint(2, level(difficulty, 3, 6))
    pattern = "".join(rng.choice("01") for _ in range(length))
    overlaps = rng.random() < 0.5
    stored = rng.random() < 0.5
    after = _prefixes(pattern, overlaps)
    wide = length.bit_length()
    ask = (
        "At each edge without a reset one bit is received: the value of `x` at that edge. The pattern is "
        f"{pattern}, its leftmost bit received first. "
    )
    if stored:
        ask += (
            f"`y` becomes 1 at an edge whose bit completes the pattern (the last {length} bits received "
            "since the reset are the pattern), and becomes 0 at all other edges."
        )
    else:
        ask += (
            "`y` is 1 while `x`, taken as the next bit, completes the pattern (together with the last "
            f"{length - 1} bits received since the reset), else 0; it follows `x` without a register."
        )
    if overlaps:
        ask += " Occurrences may overlap: a bit may belong to several of them."
    else:
        ask += (
            " Occurrences do not overlap: after the edge whose bit completes the pattern, the search "
            "starts again with the next bit, and the bits before it no longer count."
        )

    def code(steps: list[tuple[int, int]]) -> str:
        rows = [
            f"        {wide}'d{s}: next = x ? {wide}'d{high} : {wide}'d{low};"
            for s, (low, high) in enumerate(steps)
        ]
        found = f"(state == {wide}'d{length - 1}) && (x == 1'b{pattern[-1]})"
        head = [
            f"reg [{wide - 1}:0] state, next;",
            "always @(*) begin",
            "    case (state)",
            *rows,
            f"        default: next = {wide}'d0;",
            "    endcase",
            "end",
        ]
        if stored:
            head.append(clock.always(f"state <= {wide}'d0;\ny <= 1'b0;", f"state <= next;\ny <= {found};"))
        else:
            head += [f"assign y = {found};", clock.always(f"state <= {wide}'d0;", "state <= next;")]
        return "\n".join(head)

    ports = (*inputs(*clock.ports, "x"), output("y", stored=stored))
    words = (
        "A sequence detector. "
        f"{clock.words('the bits received before are forgotten' + (' and `y` becomes 0' if stored else ''))} "
        f"{ask}"
    )
    slips = (("overlaps", code(_prefixes(pattern, not overlaps))),)
    return Design("detector", ports, words, code(after), clock, slips=slips)


def _prefixes(pattern: str, overlaps: bool) -> list[tuple[int, int]]:
    """State s: the last s bits are a prefix of the pattern. Next states for 0 and 1."""
    found = []
    for state in range(len(pattern)):
        row = []
        for bit in "01":
            text = pattern[:state] + bit
            whole = text == pattern
            longest = (
                0
                if whole and not overlaps
                else next(
                    size
                    for size in range(min(len(text), len(pattern) - 1), -1, -1)
                    if text.endswith(pattern[:size])
                )
            )
            row.append(longest)
        found.append((row[0], row[1]))
    return found


def arbiter(rng: Random, difficulty: float) -> Design:
    """One of several requests granted: by fixed priority, or in turn."""
    count = rng.randint(2, level(difficulty, 3, 6))
    top = count - 1
    if rng.random() < 0.6 - 0.6 * difficulty:
        low = rng.random() < 0.5
        which = "lowest" if low else "highest"
        ask = (
            "A combinational arbiter with fixed priority: `grant` has exactly one bit set, that of the "
            f"{which}-numbered bit of `req` that is 1; it is 0 where `req` is 0."
        )
        body = "assign grant = req & (~req + 1'b1);"
        if not low:
            body = "\n".join(
                [
                    "integer i;",
                    "always @(*) begin",
                    f"    grant = {count}'d0;",
                    f"    for (i = 0; i < {count}; i = i + 1) begin",
                    f"        if (req[i]) grant = {count}'d1 << i;",
                    "    end",
                    "end",
                ]
            )
        ports = (*inputs(("req", count)), output("grant", count, stored=not low))
        return Design("arbiter", ports, ask, body)
    clock = clocking(rng, difficulty)
    wide = top.bit_length()
    ask = (
        f"A round-robin arbiter for {count} requesters. "
        f"{clock.words('`grant` becomes 0 and the turn goes to requester 0')} At each edge without a "
        "reset, the requesters are looked at one by one, beginning with the one whose turn it is and "
        f"going up (from {top} on to 0): the first whose bit of `req` is 1 is granted, so that `grant` "
        "becomes a word with just that bit set, and the turn goes to the requester after it. Where `req` "
        "is 0, `grant` becomes 0 and the turn stays where it is."
    )
    steps = [f"grant <= {count}'d0;", "found = 1'b0;"]
    body = "\n".join(
        [
            f"reg [{max(wide, 1) - 1}:0] turn;".replace("[0:0] ", ""),
            "reg found;",
            "integer i, k;",
            clock.always(
                f"grant <= {count}'d0;\nturn <= {wide}'d0;",
                "\n".join(
                    [
                        *steps,
                        f"for (i = 0; i < {count}; i = i + 1) begin",
                        f"    k = (turn + i) % {count};",
                        "    if (req[k] && !found) begin",
                        "        found = 1'b1;",
                        f"        grant <= {count}'d1 << k;",
                        f"        turn <= (k == {top}) ? 0 : k + 1;",
                        "    end",
                        "end",
                    ]
                ),
            ),
        ]
    )
    stuck = body.replace(f"turn <= (k == {top}) ? 0 : k + 1;", "turn <= k;")
    ports = (*inputs(*clock.ports, ("req", count)), output("grant", count, stored=True))
    return Design("arbiter", ports, ask, body, clock, slips=(("turn stays", stuck),))


def debouncer(rng: Random, difficulty: float) -> Design:
    """An output that follows its input only after it has been steady."""
    clock = clocking(rng, difficulty)
    steady = rng.randint(2, level(difficulty, 3, 6))
    wide = (steady - 1).bit_length()
    ask = (
        "At each edge without a reset: if `d` equals `y`, an internal count becomes 0 and `y` stays. If "
        f"`d` differs from `y` and the count is {steady - 1}, `y` takes the value of `d` and the count "
        f"becomes 0. If `d` differs from `y` and the count is less than {steady - 1}, the count goes up by "
        f"1 and `y` stays. So `d` must differ from `y` at {steady} edges in a row."
    )
    step = "\n".join(
        [
            f"if (d == y) count <= {wide}'d0;",
            f"else if (count == {wide}'d{steady - 1}) begin",
            "    y <= d;",
            f"    count <= {wide}'d0;",
            f"end else count <= count + {wide}'d1;",
        ]
    )
    body = f"reg [{wide - 1}:0] count;\n".replace("[0:0] ", "")
    body += clock.always(f"y <= 1'b0;\ncount <= {wide}'d0;", step)
    words = f"A debouncer. {clock.words('`y` and the count become 0')} {ask}"
    ports = (*inputs(*clock.ports, "d"), output("y", stored=True))
    forgets = body.replace(f"if (d == y) count <= {wide}'d0;", "if (d == y) count <= count;")
    return Design("debouncer", ports, words, body, clock, slips=(("count kept", forgets),))


FAMILIES = (
    Family("fsm", "sequential", fsm, plain=True),
    Family("sequence_detector", "sequential", sequence_detector),
    Family("arbiter", "sequential", arbiter),
    Family("debouncer", "sequential", debouncer),
)
