"""Dynamic programming and simulation."""

from __future__ import annotations

from random import Random

from verirl.taskgen.difficulty import among, level
from verirl_code.tasks.families.problem import Args, Family, Piece, Problem, counted, ints, letters, numbers

_ROWS: tuple[Args, ...] = (([],), ([4],), ([-2],), ([3, 3],), ([1, 5, 2, 8, 3, 9],), ([5, -1, 4, -2, 6],))


def _apart(rng: Random, difficulty: float) -> Problem:
    gap, bonus = rng.randint(1, 1 + level(difficulty, 1, 3)), rng.randint(0, level(difficulty, 2, 8))
    m, factor = rng.randint(2, 5), rng.randint(2, 5)
    twist = rng.random() < 0.4 + 0.3 * difficulty
    gain = f"(x * {factor} if i % {m} == 0 else x)" if twist else "x"
    source = (
        f"def pick(a):\n    best = [0] * (len(a) + {gap + 1})\n    for i, x in enumerate(a):\n"
        f"        take = best[i] + {gain}{f' - {bonus}' if bonus else ''}\n"
        f"        best[i + {gap + 1}] = max(best[i + {gap}], take)\n    return best[-1]\n"
    )
    ask = (
        (
            "Choose elements of `a` (or none, for a sum of 0), so that the positions of any two "
            f"chosen ones differ by more than {gap}. "
        )
        + (f"An element at a position (from 0) divisible by {m} counts {factor} times. " if twist else "")
        + (f"Each chosen element costs {bonus}. " if bonus else "")
        + "Return the largest possible sum."
    )
    return Problem("pick", (("a", "list[int]"),), "int", ask, source, numbers(-6, 20, 10), _ROWS)


def _coins(rng: Random, difficulty: float) -> Problem:
    coins = sorted(rng.sample(range(1, 21), level(difficulty, 2, 4)))
    if rng.random() < 0.5:
        source = (
            "def fewest(n):\n    best = [0] + [None] * n\n    for total in range(1, n + 1):\n"
            f"        for coin in {coins}:\n"
            "            if coin <= total and best[total - coin] is not None:\n"
            "                count = best[total - coin] + 1\n"
            "                if best[total] is None or count < best[total]:\n"
            "                    best[total] = count\n"
            "    return -1 if best[n] is None else best[n]\n"
        )
        ask = (
            f"There are coins of {', '.join(map(str, coins))}, as many as you like. Return the "
            "fewest coins that pay exactly `n` (at least 0), or -1 where that cannot be done."
        )
        name = "fewest"
    else:
        once = rng.random() < 0.4
        loop = "range(n, coin - 1, -1)" if once else "range(coin, n + 1)"
        source = (
            f"def ways(n):\n    ways = [1] + [0] * n\n    for coin in {coins}:\n"
            f"        for total in {loop}:\n            ways[total] += ways[total - coin]\n"
            "    return ways[n]\n"
        )
        ask = (
            f"There are coins of {', '.join(map(str, coins))}, "
            f"{'one of each' if once else 'as many as you like'}. Return in how many ways they "
            "pay exactly `n` (at least 0), where their order does not matter; nothing pays 0 in "
            "1 way."
        )
        name = "ways"
    return Problem(
        name,
        (("n", "int"),),
        "int",
        ask,
        source,
        lambda r: (r.randint(0, 40),),
        ((0,), (1,), (coins[0],), (coins[-1],), (coins[0] + coins[1],)),
    )


def _chain(rng: Random, difficulty: float) -> Problem:
    k, m = rng.randint(1, 7), rng.randint(2, 6)
    step = rng.choice(
        (
            Piece(f"at least {k} larger than the one before it", f"a[i] - a[j] >= {k}"),
            Piece("a multiple of the one before it", "a[i] % a[j] == 0"),
            Piece(f"at most {k} away from the one before it", f"abs(a[i] - a[j]) <= {k}"),
            Piece(
                f"not smaller than the one before it, and at most {k + 3} larger",
                f"0 <= a[i] - a[j] <= {k + 3}",
            ),
            Piece(
                f"smaller than the one before it, or larger by a multiple of {m}",
                f"a[i] < a[j] or a[i] > a[j] and (a[i] - a[j]) % {m} == 0",
            ),
        )
    )
    weight = (
        rng.choice((Piece("length", "1"), Piece("sum", "a[i]"))) if difficulty > 0.2 else Piece("length", "1")
    )
    source = (
        "def chain(a):\n    best = []\n    for i in range(len(a)):\n        longest = 0\n"
        f"        for j in range(i):\n            if {step.code}:\n"
        "                longest = max(longest, best[j])\n"
        f"        best.append(longest + {weight.code})\n    return max(best, default=0)\n"
    )
    ask = (
        "Leave out elements of `a` (all at least 1), or none, so that in what remains, in its order, each "
        f"element but the first is {step.say}. Return the largest possible {weight.say} of "
        "what remains; 0 for an empty list."
    )
    edges: tuple[Args, ...] = (([],), ([4],), ([3, 3],), ([1, 5, 2, 8, 3, 9],), ([6, 3, 12, 2, 24],))
    return Problem("chain", (("a", "list[int]"),), "int", ask, source, numbers(1, 20, 9), edges)


def _grid_paths(rng: Random, difficulty: float) -> Problem:
    diagonal = rng.random() < 0.3 + 0.4 * difficulty
    best, toll, down = rng.choice(("max", "min")), rng.randint(0, 6), rng.randint(0, 6)
    sign = "-" if best == "max" else "+"
    say = "one to the right or one down" + (", or one of both at once" if diagonal else "")
    extra = (
        "            if i > 0 and j > 0:\n                ways.append(best[i - 1][j - 1]"
        + (f" {sign} {toll}" if toll else "")
        + ")\n"
        if diagonal
        else ""
    )
    source = (
        "def path(grid):\n    best = []\n    for i, row in enumerate(grid):\n"
        "        best.append([])\n        for j, x in enumerate(row):\n"
        "            ways = []\n            if i > 0:\n"
        f"                ways.append(best[i - 1][j]{f' {sign} {down}' if down else ''})\n"
        "            if j > 0:\n                ways.append(best[i][j - 1])\n"
        f"{extra}            best[i].append(x + ({best}(ways) if ways else 0))\n"
        "    return best[-1][-1]\n"
    )
    ask = (
        "Go through `grid` (rows of equal length, at least one number) from the first number "
        f"of the first row to the last of the last row. A step goes {say}. Return the "
        f"{'largest' if best == 'max' else 'smallest'} possible sum of the numbers on the "
        "way, both ends included."
    )
    for kind, much in (("down", down), ("of both at once", toll if diagonal else 0)):
        if much:
            ask += f" Each step {kind} {f'takes {much} away' if best == 'max' else f'adds {much}'}."

    def draw(r: Random) -> Args:
        width = r.randint(1, 4)
        return ([[r.randint(-5, 9) for _ in range(width)] for _ in range(r.randint(1, 4))],)

    return Problem(
        "path",
        (("grid", "list[list[int]]"),),
        "int",
        ask,
        source,
        draw,
        (([[5]],), ([[1, 2, 3]],), ([[1], [2]],), ([[1, 9], [2, 1]],)),
    )


def _two_words(rng: Random, difficulty: float) -> Problem:
    insert, remove, change = rng.randint(1, 6), rng.randint(1, 6), rng.randint(1, 9)
    if rng.random() < 0.5:
        source = (
            f"def cost(s, t):\n    row = [j * {insert} for j in range(len(t) + 1)]\n"
            f"    for i, c in enumerate(s):\n        new = [(i + 1) * {remove}]\n"
            "        for j, d in enumerate(t):\n"
            f"            same = row[j] + (0 if c == d else {change})\n"
            f"            new.append(min(same, row[j + 1] + {remove}, new[j] + {insert}))\n"
            "        row = new\n    return row[-1]\n"
        )
        ask = (
            f"Inserting a character costs {insert}, removing one costs {remove}, changing one "
            f"into another costs {change}. Return the lowest cost of turning `s` into `t`."
        )
        name = "cost"
    else:
        letter, worth = rng.choice("abc"), rng.randint(2, 9)
        other = rng.randint(1, 6)
        source = (
            "def common(s, t):\n    best = [[0] * (len(t) + 1) for _ in range(len(s) + 1)]\n"
            "    for i, c in enumerate(s):\n        for j, d in enumerate(t):\n"
            "            best[i + 1][j + 1] = max(best[i][j + 1], best[i + 1][j])\n"
            "            if c == d:\n"
            f"                gain = {worth} if c == '{letter}' else {other}\n"
            "                best[i + 1][j + 1] = max(best[i + 1][j + 1], best[i][j] + gain)\n"
            "    return best[-1][-1]\n"
        )
        ask = (
            "Remove characters from `s` and from `t` (or none), so that both become the same word. Each "
            f"'{letter}' in that word is worth {worth}, each other character {other}. Return the largest "
            "possible worth of the word; 0 if it must be empty."
        )
        name = "common"

    def draw(r: Random) -> Args:
        return letters(r, "abc", 6), letters(r, "abc", 6)

    return Problem(
        name,
        (("s", "str"), ("t", "str")),
        "int",
        ask,
        source,
        draw,
        (("", ""), ("a", ""), ("", "b"), ("abc", "acb")),
    )


def dynamic_programming(rng: Random, difficulty: float) -> Problem:
    """Draw a problem of dynamic programming: choices, coins, chains, paths in a grid, two words."""
    return among(rng, difficulty, (_coins, _apart, _chain, _grid_paths, _two_words))


def _robot(rng: Random, difficulty: float) -> Problem:
    width, turn = rng.randint(3, 9), rng.randrange(4)
    dx, dy = ((0, 1), (1, 0), (0, -1), (-1, 0))[turn]
    looks = ("larger y", "larger x", "smaller y", "smaller x")[turn]
    step, rule = rng.randint(1, 3), rng.choice(("wrap", "stop", "free"))
    move = {
        "wrap": "x, y = nx % {w}, ny % {w}",
        "stop": "if 0 <= nx < {w} and 0 <= ny < {w}:\n                x, y = nx, ny",
        "free": "x, y = nx, ny",
    }[rule].format(w=width)
    result = rng.choice(
        (
            Piece("[x, y], the square where it ends", "[x, y]"),
            Piece(
                "how many different squares it has stood on, the first one and those after each step",
                "len(seen)",
            ),
            Piece("|x| + |y| at the end", "abs(x) + abs(y)"),
        )
    )
    source = (
        f"def robot(s):\n    x = y = 0\n    dx, dy = {dx}, {dy}\n    seen = {{(0, 0)}}\n"
        "    for c in s:\n        if c == 'L':\n            dx, dy = -dy, dx\n"
        "        elif c == 'R':\n            dx, dy = dy, -dx\n        elif c == 'F':\n"
        f"            nx, ny = x + {step} * dx, y + {step} * dy\n            {move}\n"
        f"            seen.add((x, y))\n    return {result.code}\n"
    )
    field = {
        "wrap": (
            f"The field is {width} × {width} squares (0 to {width - 1} each way), and who leaves "
            "it on one side comes in on the other."
        ),
        "stop": (
            f"The field is {width} × {width} squares (0 to {width - 1} each way); a move that "
            "would end outside is not made."
        ),
        "free": "The field has no borders.",
    }[rule]
    ask = (
        f"A robot stands at x = 0, y = 0 and looks towards {looks}. "
        "The characters of `s` are its orders, from left to right: 'L' turns it "
        "left by 90 degrees, 'R' right (from larger y to larger x), and "
        f"'F' moves it {step} forward in one step; any "
        f"other character does nothing. {field} Return {result.say}."
    )

    def draw(r: Random) -> Args:
        return (letters(r, "FFFFLR.", 14),)

    return Problem(
        "robot",
        (("s", "str"),),
        "list[int]" if result.code == "[x, y]" else "int",
        ask,
        source,
        draw,
        (("",), ("F",), ("LF",), ("RFF",), ("FFRFFRFF",), ("FRFRFRF",)),
    )


def _account(rng: Random, difficulty: float) -> Problem:
    start, limit, fee = rng.randint(0, 30), rng.randint(0, 20), rng.randint(0, 3)
    every, interest = rng.randint(2, 4), rng.randint(1, 5)
    twist = rng.random() < difficulty
    result = rng.choice(
        (
            Piece("the balance at the end", "balance"),
            Piece("how many moves were refused", "refused"),
            Piece(
                (
                    "the lowest balance there was after a move, refused or not; the balance at "
                    "the start where there are no moves"
                ),
                "lowest",
            ),
        )
    )
    balance = "balance if lowest is None else " if result.code == "lowest" else ""
    source = (
        (
            (
                f"def account(moves):\n    balance = {start}\n    refused = 0\n    lowest = None\n"
                f"    for n, move in enumerate(moves, 1):\n        cost = {fee} if move < 0 else 0\n"
                f"        if balance + move - cost < -{limit}:\n            refused += 1\n"
                "        else:\n            balance += move - cost\n"
            )
            + (
                f"        if n % {every} == 0 and balance > 0:\n            balance += {interest}\n"
                if twist
                else ""
            )
            + (
                "        lowest = balance if lowest is None else min(lowest, balance)\n"
                f"    return {balance}{result.code}\n"
            )
        )
        .replace("enumerate(moves, 1)", "enumerate(moves, 1)" if twist else "moves")
        .replace("for n, move in moves", "for move in moves")
    )
    ask = (
        (
            f"An account holds {start}. Each number of `moves` is paid in, or out where it is "
            f"negative{f'; paying out costs {fee} more' if fee else ''}. A move that would bring "
            f"the account below {-limit} is refused and changes nothing."
        )
        + (
            (
                f" After every {every}. move (refused ones counted), {interest} is added if the "
                "account is then above 0; that still belongs to the move."
            )
            if twist
            else ""
        )
        + f" Return {result.say}."
    )
    return Problem(
        "account",
        (("moves", "list[int]"),),
        "int",
        ask,
        source,
        numbers(-25, 20, 10),
        (([],), ([-start - limit],), ([-start - limit - 1],), ([5, -3, 8, -40],)),
    )


def _cells(rng: Random, difficulty: float) -> Problem:
    rule, steps, ring = rng.randrange(1, 255), rng.randint(1, 1 + level(difficulty, 0, 4)), rng.random() < 0.5
    left, right = (
        ("cells[i - 1]", "cells[(i + 1) % len(cells)]")
        if ring
        else ("(cells[i - 1] if i > 0 else 0)", "(cells[i + 1] if i + 1 < len(cells) else 0)")
    )
    count = rng.random() < 0.4
    source = (
        f"def cells(row):\n    cells = row\n    for _ in range({steps}):\n        new = []\n"
        "        for i in range(len(cells)):\n"
        f"            value = 4 * {left} + 2 * cells[i] + {right}\n"
        f"            new.append({rule} >> value & 1)\n        cells = new\n"
        f"    return {'sum(cells)' if count else 'cells'}\n"
    )
    edge = (
        "the row is closed to a ring, in which a single cell is its own neighbour"
        if ring
        else "beyond both ends there are zeros"
    )
    table = ", ".join(f"{n:03b} gives {rule >> n & 1}" for n in range(8))
    ask = (
        "`row` holds zeros and ones. In a step every cell takes a new value at the same time "
        f"from its left neighbour, itself and its right neighbour: {table}; {edge}. Return "
        f"{'how many ones there are' if count else 'the row'} after {steps} "
        f"step{'s' if steps > 1 else ''}."
    )

    def draw(r: Random) -> Args:
        return ([r.randint(0, 1) for _ in range(r.randint(1, 9))],)

    return Problem(
        "cells",
        (("row", "list[int]"),),
        "int" if count else "list[int]",
        ask,
        source,
        draw,
        (([1],), ([0],), ([0, 0, 1, 0, 0],), ([1, 1, 0, 1],)),
    )


def _queue(rng: Random, difficulty: float) -> Problem:
    slot, room, pause = rng.randint(2, 6), rng.randint(2, 4), rng.randint(0, 3)
    limited = rng.random() < difficulty
    front = rng.random() < 0.4
    source = (
        "def served(jobs):\n    queue = [[i, n] for i, n in enumerate(jobs) if n > 0]\n"
        + (f"    queue = queue[:{room + 2}]\n" if limited else "")
        + (
            "    done = []\n    time = 0\n    while queue:\n"
            f"        i, n = queue.pop({'-1' if front else '0'})\n        if n <= {slot}:\n"
            "            time += n\n"
            f"            done.append({'time' if rng.random() < 0.5 else 'i'})\n        else:\n"
            f"            time += {slot + pause}\n"
            f"            queue.insert({'0' if front else 'len(queue)'}, [i, n - {slot}])\n"
            "    return done\n"
        )
    )
    what = (
        "the times at which jobs end, in that order"
        if "append(time)" in source
        else "the numbers of the jobs in the order in which they end"
    )
    more = f", which takes {counted(pause, 'unit')} of time more" if pause else ""
    ask = (
        "Job number i (from 0) of `jobs` needs jobs[i] units of time; those that need none (0 or less) "
        "are left "
        f"out{f', and so are all after the first {room + 2} that remain' if limited else ''}. "
        f"The others wait in a row in their order. Always the {'last' if front else 'first'} "
        f"of the row gets up to {slot} units of time; if it needs more, it goes with what is "
        f"left to the {'front' if front else 'end'} of the row"
        f"{more}. "
        f"Time starts at 0. Return the list of {what}."
    )
    return Problem(
        "served",
        (("jobs", "list[int]"),),
        "list[int]",
        ask,
        source,
        lambda r: (ints(r, 0, 12, 7),),
        (([],), ([0],), ([slot],), ([slot + 1, 1],), ([3, 9, 4, 1, 12, 2],)),
    )


def simulation(rng: Random, difficulty: float) -> Problem:
    """Draw a problem of simulation: a robot, an account, a row of cells or a queue."""
    return among(rng, difficulty, (_account, _robot, _queue, _cells))


FAMILIES = (
    Family("dynamic_programming", "planning", dynamic_programming),
    Family("simulation", "planning", simulation),
)
