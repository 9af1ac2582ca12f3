"""Numbers, bits and dates."""

from __future__ import annotations

from random import Random

from verirl.taskgen.difficulty import among, level
from verirl_code.tasks.families import compact_prompts
from verirl_code.tasks.families.problem import Args, Family, Piece, Problem, counted, integers

_SMALL: tuple[Args, ...] = ((0,), (1,), (2,), (9,), (10,))


def _digits(rng: Random, difficulty: float) -> Problem:
    base = rng.choice((10, 10, rng.randint(2, 9)))
    k, m = rng.randint(1, base - 1), rng.randint(2, 3)
    test = rng.choice(
        (
            Piece("", ""),
            Piece("even", "d % 2 == 0"),
            Piece(f"at least {k}", f"d >= {k}"),
            Piece(f"not {k}", f"d != {k}"),
            Piece("at an even place", "place % 2 == 0"),
        )
    )
    value = rng.choice(
        (
            Piece("the sum of the {}", "d"),
            Piece("the sum of the squares of the {}", "d * d"),
            Piece(f"{m} times the sum of the {{}}", f"{m} * d"),
            Piece("the sum, over the {}, of the digit times its place", "d * place"),
            Piece("the number of {}", "1"),
        )
    )
    add = f"if {test.code}:\n            total += {value.code}" if test.code else f"total += {value.code}"
    place = "place" in add
    source = (
        "def digits(n):\n    total = 0\n"
        + ("    place = 0\n" if place else "")
        + f"    while n > 0:\n        d = n % {base}\n        {add}\n        n //= {base}\n"
        + ("        place += 1\n" if place else "")
        + "    return total\n"
    )
    which = (
        f"{'decimal digits of `n`' if base == 10 else f'digits of `n` in base {base}'}"
        f"{f' that are {test.say}' if test.say else ''}"
    )
    count = " The last digit is at place 0, the one before it at place 1, and so on." if place else ""
    ask = (
        f"Return {value.say.format(which)} (`n` is at least 0, written without leading zeros).{count} "
        "For n = 0 the result is 0."
    )
    return Problem("digits", (("n", "int"),), "int", ask, source, integers((0, 99_999)), _SMALL)


def _divisors(rng: Random, difficulty: float) -> Problem:
    m, k = rng.randint(2, 6), rng.randint(2, 9)
    test = rng.choice(
        (
            Piece("", ""),
            Piece(" that are odd", " and d % 2 == 1"),
            Piece(f" that are not divisible by {m}", f" and d % {m} != 0"),
            Piece(f" that are greater than {k}", f" and d > {k}"),
            Piece(f" for which n / d is less than {k * 2}", f" and n // d < {k * 2}"),
        )
    )
    power, low = rng.randint(0, 2), rng.randint(1, 3)
    term = ("1", "d", "d * d")[power]
    say = ("how many there are", "their sum", "the sum of their squares")[power]
    source = (
        f"def divisors(n):\n    total = 0\n    for d in range({low}, n + 1):\n"
        f"        if n % d == 0{test.code}:\n            total += {term}\n    return total\n"
    )
    at_least = f"d ≥ {low}" if low > 1 else "d, from 1 to n,"
    ask = f"Take the divisors {at_least} of `n` (at least 1){test.say}. Return {say}; 0 if there are none."
    return Problem(
        "divisors", (("n", "int"),), "int", ask, source, integers((1, 120)), ((1,), (2,), (12,), (36,), (60,))
    )


def _interval(rng: Random, difficulty: float) -> Problem:
    p, q, m = rng.randint(2, 6), rng.randint(3, 11), rng.randint(2, 9)
    r = rng.randint(1, q - 1)
    tests = (
        Piece(f"divisible by {p} but not by {q}", f"x % {p} == 0 and x % {q} != 0"),
        Piece(f"{r} more than a multiple of {q}", f"x % {q} == {r}"),
        Piece(f"divisible by exactly one of {p} and {q}", f"(x % {p} == 0) != (x % {q} == 0)"),
        Piece(f"with a digit sum divisible by {m}", f"sum(int(d) for d in str(x)) % {m} == 0"),
        Piece(f"with the digit {r % 10} among their decimal digits", f"'{r % 10}' in str(x)"),
    )
    test = rng.choice(tests[: level(difficulty, 3, 5)])
    what = rng.choice(
        (
            Piece("how many", "count += 1"),
            Piece("the sum of the", "count += x"),
            Piece("the largest of the", "count = x"),
        )
    )
    source = (
        "def interval(a, b):\n    count = 0\n    for x in range(a, b + 1):\n"
        f"        if {test.code}:\n            {what.code}\n    return count\n"
    )
    that = "" if test.say.startswith("with") else "that are "
    there = " there are" if what.say == "how many" else ""
    ask = (
        f"Return {what.say} integers from `a` to `b` (both included, both at least 1) "
        f"{that}{test.say}{there}; 0 if there are none."
    )

    def draw(r: Random) -> Args:
        a = r.randint(1, 80)
        return a, max(1, a + r.randint(-2, 60))

    return Problem(
        "interval",
        (("a", "int"), ("b", "int")),
        "int",
        ask,
        source,
        draw,
        ((1, 1), (5, 4), (1, 40), (30, 66)),
    )


def _steps(rng: Random, difficulty: float) -> Problem:
    m = rng.randint(2, 2 + level(difficulty, 0, 3))
    a, b, limit = rng.randint(2, 5), rng.randint(1, 7), rng.randint(15, 40)
    end = rng.choice((1, 1, rng.randint(1, 4)))
    what = rng.choice(
        (
            Piece("how many steps are made", "steps"),
            Piece("the largest number reached, the first included", "top"),
            Piece("the number at which it stops", "n"),
        )
    )
    source = (
        f"def walk(n):\n    steps = 0\n    top = n\n    while n > {end} and steps < {limit}:\n"
        f"        if n % {m} == 0:\n            n //= {m}\n        else:\n"
        f"            n = {a} * n + {b}\n        steps += 1\n        top = max(top, n)\n"
        f"    return {what.code}\n"
    )
    ask = (
        f"Start at `n` (at least 1). A step divides a multiple of {m} by {m} and turns any "
        f"other number x into {a}x + {b}. "
        f"Stop as soon as the number is at most {end} (at once, where `n` is), or after {limit} steps. "
        f"Return {what.say}."
    )
    return Problem("walk", (("n", "int"),), "int", ask, source, integers((1, 200)), ((1,), (2,), (3,), (16,)))


def _primes(rng: Random, difficulty: float) -> Problem:
    m = rng.randint(3, 8)
    r, gap = rng.randrange(m), rng.choice((2, 4, 6))
    tests = (
        Piece(f"with remainder {r} modulo {m}", f"x % {m} == {r}"),
        Piece(f"for which x + {gap} is prime too", f"prime(x + {gap})"),
        Piece("whose decimal digits, read backwards, give a prime too", "prime(int(str(x)[::-1]))"),
        Piece(f"whose digit sum is at least {m}", f"sum(int(d) for d in str(x)) >= {m}"),
    )
    test = rng.choice(tests)
    what = rng.choice(
        (
            Piece("how many there are", "len(found)"),
            Piece("their sum", "sum(found)"),
            Piece("the list of them, from small to large", "found"),
            Piece("the largest of them", "max(found, default=0)"),
        )
    )
    low = rng.randint(2, 12)
    source = (
        "def prime(x):\n    if x < 2:\n        return False\n    d = 2\n"
        "    while d * d <= x:\n        if x % d == 0:\n            return False\n"
        "        d += 1\n    return True\n\n\n"
        f"def primes(n):\n    found = []\n    for x in range({low}, n + 1):\n"
        f"        if prime(x) and {test.code}:\n            found.append(x)\n"
        f"    return {what.code}\n"
    )
    none = "" if what.code == "found" else "; 0 if there are none"
    ask = f"Consider the primes x with {low} ≤ x ≤ `n` {test.say}. Return {what.say}{none}."
    return Problem(
        "primes",
        (("n", "int"),),
        "list[int]" if what.code == "found" else "int",
        ask,
        source,
        integers((0, 150)),
        ((0,), (2,), (13,), (40,), (97,)),
    )


def numbers(rng: Random, difficulty: float) -> Problem:
    """Draw a problem on digits, divisors, numbers in an interval, iteration or primes."""
    return among(rng, difficulty, (_digits, _divisors, _interval, _steps, _primes))


_NUMBERS: tuple[Args, ...] = ((0,), (1,), (2,), (3,), (255,), (170,))


def _count_bits(rng: Random, difficulty: float) -> Problem:
    width = rng.randint(1, 1 + level(difficulty, 1, 3))
    pattern = "".join(rng.choice("01") for _ in range(width))
    if "1" not in pattern:
        pattern = "1" + pattern[1:]
    low, longest = rng.randint(0, 5), rng.random() < 0.4
    value = int(pattern, 2)
    source = (
        f"def pattern(n):\n    count = 0\n    run = best = 0\n    n >>= {low}\n"
        f"    while n > 0:\n        if n & {2**width - 1} == {value}:\n"
        "            count += 1\n            run += 1\n"
        "            best = max(best, run)\n        else:\n            run = 0\n"
        f"        n >>= 1\n    return {'best' if longest else 'count'}\n"
    )
    shifted = (
        f"`n` (at least 0) without its lowest {counted(low, 'bit')}, n >> {low}"
        if low
        else "`n` (at least 0)"
    )
    ask = (
        f"Let m be {shifted}. Mark each place p, from 0 (the lowest bit) to that of m's highest 1, where "
        f"the {f'{width} lowest bits' if width > 1 else 'lowest bit'} of m >> p "
        f"{f'are {pattern}, the lowest one last' if width > 1 else 'is 1'}. Return "
        + (
            "the length of the longest run of neighbouring marked places; 0 if there are none."
            if longest
            else "how many marked places there are."
        )
    )
    return Problem("pattern", (("n", "int"),), "int", ask, source, integers((0, 4095)), _NUMBERS)


def _edit_bits(rng: Random, difficulty: float) -> Problem:
    width = rng.choice((6, 8, 10))
    steps: list[Piece] = []
    while len(steps) < level(difficulty, 2, 4):
        k, mask = rng.randint(1, 3), rng.randint(1, 2**width - 1)
        bit = rng.randrange(width)
        step = rng.choice(
            (
                Piece(f"rotate it left by {k}", f"n = (n << {k} | n >> {width - k}) & {2**width - 1}"),
                Piece(f"rotate it right by {k}", f"n = (n >> {k} | n << {width - k}) & {2**width - 1}"),
                Piece(f"exclusive-or it with {mask}", f"n = n ^ {mask}"),
                Piece(f"set bit {bit}", f"n = n | 1 << {bit}"),
                Piece(f"clear bit {bit}", f"n = n & ~(1 << {bit})"),
                Piece("reverse the order of its bits", f"n = int(format(n, '0{width}b')[::-1], 2)"),
                Piece(f"flip all of its {width} bits", f"n = n ^ {2**width - 1}"),
                Piece(f"add {mask}, modulo {2**width}", f"n = (n + {mask}) % {2**width}"),
            )
        )
        # Twice the same kind in a row is one step, or none.
        if not steps or steps[-1].say.split()[0] != step.say.split()[0]:
            steps.append(step)
    lines = "".join(f"    {step.code}\n" for step in steps)
    source = f"def edited(n):\n    n = n & {2**width - 1}\n{lines}    return n\n"
    ask = (
        (
            f"Keep the lowest {width} bits of `n` (at least 0) as a number of {width} bits (bit 0 "
            "is the lowest). Then, in order: "
        )
        + "; ".join(step.say for step in steps)
        + ". Return the number."
    )
    return Problem("edited", (("n", "int"),), "int", ask, source, integers((0, 2 ** (width + 1))), _NUMBERS)


def _bit_pairs(rng: Random, difficulty: float) -> Problem:
    k, sign = rng.randint(1, 3), rng.choice(("^", "&", "|"))
    name = {"^": "exclusive or", "&": "bitwise and", "|": "bitwise or"}[sign]
    test = rng.choice(
        (
            Piece(f"has exactly {k} one{'s' if k > 1 else ''}", f"ones == {k}"),
            Piece(f"has at least {k} one{'s' if k > 1 else ''}", f"ones >= {k}"),
            Piece("has an odd number of ones", "ones % 2 == 1"),
            Piece(f"has at most {k} one{'s' if k > 1 else ''}", f"ones <= {k}"),
        )
    )
    gap = rng.randint(1, 1 + level(difficulty, 0, 3))
    every = rng.random() < 0.5
    inner = f"range(i + {gap}, len(a))" if every else f"range(i + {gap}, min(i + {gap + 1}, len(a)))"
    source = (
        "def pairs(a):\n    count = 0\n    for i in range(len(a)):\n"
        f"        for j in {inner}:\n            ones = bin(a[i] {sign} a[j]).count('1')\n"
        f"            if {test.code}:\n                count += 1\n    return count\n"
    )
    apart = f"with j - i at least {gap}" if every else f"with j - i = {gap}"
    ask = (
        f"Return how many pairs of positions i < j {apart} there are in `a` (numbers of at "
        f"least 0) for which the {name} of a[i] and a[j] {test.say} in binary."
    )

    def draw(r: Random) -> Args:
        return ([r.randint(0, 31) for _ in range(r.randint(0, 8))],)

    return Problem(
        "pairs", (("a", "list[int]"),), "int", ask, source, draw, (([],), ([1, 2, 3],), ([7, 7, 0, 8],))
    )


def bits(rng: Random, difficulty: float) -> Problem:
    """Draw a problem on the bits of a number: editing, patterns, pairs."""
    return among(rng, difficulty, (_edit_bits, _edit_bits, _bit_pairs, _count_bits))


_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


def _day(r: Random) -> str:
    return f"{r.randint(1995, 2032):04d}-{r.randint(1, 12):02d}-{r.randint(1, 28):02d}"


def _day_walk(rng: Random, difficulty: float) -> Problem:
    free = sorted(rng.sample(range(7), rng.randint(1, 1 + level(difficulty, 0, 2))))
    back = rng.random() < 0.4
    source = (
        "from datetime import date, timedelta\n\n\ndef working_day(day, n):\n"
        "    d = date.fromisoformat(day)\n    while n > 0:\n"
        f"        d {'-' if back else '+'}= timedelta(days=1)\n"
        f"        if d.weekday() not in {tuple(free)}:\n            n -= 1\n    return d.isoformat()\n"
    )
    names = " and ".join(_DAYS[one] for one in free)
    ask = (
        f"Nobody works on {names}. Go {'back' if back else 'on'} from `day` (YYYY-MM-DD) by "
        "`n` working days (n at least 0; `day` itself does not count, and 0 gives `day`). "
        "Return that day in the same form."
    )
    return Problem(
        "working_day",
        (("day", "str"), ("n", "int")),
        "str",
        ask,
        source,
        lambda r: (_day(r), r.randint(0, 25)),
        (("2024-02-28", 1), ("2023-12-31", 0), ("2024-03-01", 3)),
    )


def _between(rng: Random, difficulty: float) -> Problem:
    weekday, day, month = rng.randrange(7), rng.randint(2, 28), rng.randint(2, 12)
    tests = [
        Piece(f"a {_DAYS[weekday]}", f"d.weekday() == {weekday}"),
        Piece(f"day {day} of a month", f"d.day == {day}"),
        Piece("the last day of a month", "(d + timedelta(days=1)).day == 1"),
        Piece(f"in the first {day} days of a month", f"d.day <= {day}"),
        Piece(f"in month {month} or later in its year", f"d.month >= {month}"),
        Piece(
            f"neither a {_DAYS[weekday]} nor a {_DAYS[(weekday + 1) % 7]}",
            f"d.weekday() not in {(weekday, (weekday + 1) % 7)}",
        ),
    ]
    picked = rng.sample(tests, level(difficulty, 1, 2))
    last = rng.random() < 0.5
    source = (
        "from datetime import date, timedelta\n\n\ndef days_between(first, last):\n"
        "    d = date.fromisoformat(first)\n    end = date.fromisoformat(last)\n"
        "    count = 0\n"
        f"    while d {'<=' if last else '<'} end:\n"
        f"        if {' and '.join(piece.code for piece in picked)}:\n            count += 1\n"
        "        d += timedelta(days=1)\n    return count\n"
    )
    ask = (
        "Return how many days from `first` to `last` (YYYY-MM-DD; `last` "
        f"{'included' if last else 'not included'}) there are that are "
        f"{' and '.join(piece.say for piece in picked)}; 0 where `last` is before `first`."
    )

    def draw(r: Random) -> Args:
        from datetime import date, timedelta

        first = date.fromisoformat(_day(r))
        return first.isoformat(), (first + timedelta(days=r.randint(-3, 120))).isoformat()

    return Problem(
        "days_between",
        (("first", "str"), ("last", "str")),
        "int",
        ask,
        source,
        draw,
        (
            ("2024-02-01", "2024-03-31"),
            ("2024-01-01", "2024-01-01"),
            ("2024-05-01", "2024-04-30"),
            ("2023-01-01", "2023-12-31"),
        ),
    )


def _calendar(rng: Random, difficulty: float) -> Problem:
    months, weekday, n = rng.randint(1, 30), rng.randrange(7), rng.randint(1, 4)
    shift = rng.randint(0, 20)
    if rng.random() < 0.5:
        source = (
            "from datetime import date, timedelta\n\n\ndef due(day):\n"
            f"    d = date.fromisoformat(day)\n    month = d.month - 1 + {months}\n"
            "    year = d.year + month // 12\n    month = month % 12 + 1\n"
            "    leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)\n"
            "    length = [31, 29 if leap else 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31][month "
            "- 1]\n"
            f"    return (date(year, month, min(d.day, length)) + timedelta(days={shift})).isoformat()\n"
        )
        ask = (
            f"Return the same day of the month as `day` (YYYY-MM-DD) {months} "
            f"month{'s' if months > 1 else ''} later, in the same form; where that month is too "
            "short, take its last day."
        ) + (f" Then go on by {shift} day{'s' if shift > 1 else ''}." if shift else "")

        def draw(r: Random) -> Args:
            from datetime import date, timedelta

            return (
                (
                    date(r.randint(1995, 2032), 1, 1)
                    + timedelta(days=r.choice((30, 58, 59, 89, r.randrange(365))))
                ).isoformat(),
            )

        edges: tuple[Args, ...] = (("2023-01-31",), ("2024-01-30",), ("2023-08-31",), ("2023-12-31",))
        return Problem("due", (("day", "str"),), "str", ask, source, draw, edges)
    source = (
        "from datetime import date, timedelta\n\n\ndef meeting(year, month):\n"
        "    d = date(year, month, 1)\n    seen = 0\n    while True:\n"
        f"        if d.weekday() == {weekday}:\n            seen += 1\n"
        f"            if seen == {n}:\n"
        f"                return (d + timedelta(days={shift})).isoformat()\n"
        "        d += timedelta(days=1)\n"
    )
    after = f"the day {shift} day{'s' if shift > 1 else ''} after " if shift else ""
    ask = (
        f"Return {after}the "
        f"{('first', 'second', 'third', 'fourth')[n - 1]} {_DAYS[weekday]} of month `month` (1 to 12) of "
        "`year`, as YYYY-MM-DD."
    )
    return Problem(
        "meeting",
        (("year", "int"), ("month", "int")),
        "str",
        ask,
        source,
        integers((1990, 2040), (1, 12)),
        ((2024, 2), (2023, 12)),
    )


def dates(rng: Random, difficulty: float) -> Problem:
    """Draw a problem on working days, counts of days, months or weekdays."""
    return among(rng, difficulty, (_between, _calendar, _day_walk))


FAMILIES = (
    Family("numbers", "arithmetic", numbers, compact_prompts.integers_chain),
    Family("bits", "arithmetic", bits),
    Family("dates", "dates", dates),
)
