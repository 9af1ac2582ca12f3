"""Lists of numbers, dictionaries, and sorting by keys."""

from __future__ import annotations

from random import Random

from verirl.taskgen.difficulty import among, level
from verirl_code.tasks.families import compact_prompts
from verirl_code.tasks.families.problem import Args, Family, Piece, Problem, letters, numbers


def condition(rng: Random, difficulty: float, name: str = "x") -> Piece:
    """Draw a condition on an integer."""
    k, m = rng.randint(2, 5 + level(difficulty, 0, 20)), rng.randint(3, 9)
    r, low = rng.randint(1, m - 1), rng.randint(-12, 4)
    high = low + rng.randint(3, 14)
    simple = (
        Piece("even", f"{name} % 2 == 0"),
        Piece("odd", f"{name} % 2 != 0"),
        Piece("negative", f"{name} < 0"),
        Piece("positive", f"{name} > 0"),
        Piece(f"greater than {k}", f"{name} > {k}"),
        Piece(f"at most {k}", f"{name} <= {k}"),
    )
    harder = (
        Piece(f"divisible by {m}", f"{name} % {m} == 0"),
        Piece(f"{r} more than a multiple of {m}", f"{name} % {m} == {r}"),
        Piece(f"between {low} and {high} (both included)", f"{low} <= {name} <= {high}"),
        Piece(f"of absolute value greater than {k}", f"abs({name}) > {k}"),
        Piece(f"even and at least {low}", f"{name} % 2 == 0 and {name} >= {low}"),
        Piece(f"negative or greater than {k}", f"{name} < 0 or {name} > {k}"),
    )
    return rng.choice(simple if rng.random() > 0.3 + 0.6 * difficulty else harder)


def image(rng: Random, difficulty: float, name: str = "x") -> Piece:
    """Draw a value computed from an integer."""
    a, b, m = rng.randint(2, 9), rng.randint(1, 9), rng.randint(3, 11)
    simple = (
        Piece("the element itself", name),
        Piece("its square", f"{name} * {name}"),
        Piece("its absolute value", f"abs({name})"),
        Piece(f"{a} times it", f"{a} * {name}"),
    )
    harder = (
        Piece(f"{a} times it plus {b}", f"{a} * {name} + {b}"),
        Piece(f"its remainder modulo {m} (from 0 to {m - 1})", f"{name} % {m}"),
        Piece(f"its distance to {b}", f"abs({name} - {b})"),
        Piece("the sum of the digits of its absolute value", f"sum(int(d) for d in str(abs({name})))"),
    )
    return rng.choice(simple if rng.random() > 0.3 + 0.6 * difficulty else harder)


_numbers = numbers(-30, 40, 10)
_EDGES: tuple[Args, ...] = (([],), ([0],), ([5],), ([-3, -3],), ([1, 2, 3, 4, 5, 6],))


def _fold(rng: Random, difficulty: float) -> Problem:
    test, value = condition(rng, difficulty), image(rng, difficulty)
    kind = rng.choice(("sum", "count", "largest", "collect", "distinct"))
    which = f"the elements of `a` that are {test.say}"
    if kind == "count":
        value = image(rng, difficulty)
        bound = rng.randint(0, 20)
        say = f"how many of {which} have a value above {bound}, where the value of an element is {value.say}"
        steps = f"if {test.code} and {value.code} > {bound}:\n    result += 1"
        start, end = "result = 0", "return result"
    elif kind == "sum":
        say = (
            f"the sum of the values of {which}, where the value of an element is {value.say}; 0 if there are "
            "none"
        )
        start, steps, end = "result = 0", f"if {test.code}:\n    result += {value.code}", "return result"
    elif kind == "largest":
        say = (
            f"the largest value among {which}, where the value of an element is {value.say}; -1 "
            "if there are none"
        )
        start, end = "best = None", "return -1 if best is None else best"
        steps = (
            f"if {test.code}:\n    value = {value.code}\n    if best is None or value > best:\n"
            "        best = value"
        )
    elif kind == "collect":
        say = (
            f"the list of the values of {which}, in their order, where the value of an element is {value.say}"
        )
        start, end = "result = []", "return result"
        steps = f"if {test.code}:\n    result.append({value.code})"
    else:
        say = f"how many different values occur among {which}, where the value of an element is {value.say}"
        start, end = "seen = set()", "return len(seen)"
        steps = f"if {test.code}:\n    seen.add({value.code})"
    inner = "\n".join("        " + line for line in steps.split("\n"))
    name = {
        "sum": "total",
        "count": "how_many",
        "largest": "largest",
        "collect": "chosen",
        "distinct": "distinct",
    }
    return Problem(
        name[kind],
        (("a", "list[int]"),),
        "list[int]" if kind == "collect" else "int",
        f"Return {say}.",
        f"def {name[kind]}(a):\n    {start}\n    for x in a:\n{inner}\n    {end}\n",
        _numbers,
        _EDGES,
    )


def _windows(rng: Random, difficulty: float) -> Problem:
    width, test = rng.randint(2, 3 + level(difficulty, 0, 2)), condition(rng, difficulty, "s")
    source = (
        "def windows(a):\n    count = 0\n"
        f"    for i in range(len(a) - {width - 1}):\n        s = sum(a[i:i + {width}])\n"
        f"        if {test.code}:\n            count += 1\n    return count\n"
    )
    ask = (
        f"Return how many runs of {width} neighbouring elements of `a` (runs may overlap) have a sum that is "
        f"{test.say}."
    )
    return Problem("windows", (("a", "list[int]"),), "int", ask, source, _numbers, _EDGES)


def _neighbours(rng: Random, difficulty: float) -> Problem:
    gap, a = rng.randint(1, 6), rng.randint(1, 12)
    kind = rng.choice(("rises", "close", "streak"))
    ask, test = {
        "rises": (f"is more than {a} larger than the element before it", f"a[i] - a[i - {gap}] > {a}"),
        "close": (f"differs from the element before it by at most {a}", f"abs(a[i] - a[i - {gap}]) <= {a}"),
        "streak": (
            f"added to the element before it gives a multiple of {a + 1}",
            f"(a[i] + a[i - {gap}]) % {a + 1} == 0",
        ),
    }[kind]
    before = "the element before it" if gap == 1 else f"the element {gap} places before it"
    ask = ask.replace("the element before it", before)
    longest = rng.random() < difficulty
    if longest:
        source = (
            f"def {kind}(a):\n    best = run = 0\n    for i in range({gap}, len(a)):\n        if {test}:\n"
            "            run += 1\n            best = max(best, run)\n        else:\n"
            "            run = 0\n    return best\n"
        )
        say = f"Return the length of the longest run of consecutive elements of `a` each of which {ask}."
    else:
        source = (
            f"def {kind}(a):\n    count = 0\n    for i in range({gap}, len(a)):\n        if {test}:\n"
            "            count += 1\n    return count\n"
        )
        say = f"Return how many elements of `a` there are each of which {ask}."
    say += (
        f" The first {gap} elements have no such partner and do not count."
        if gap > 1
        else " The first element has none before it and does not count."
    )
    return Problem(kind, (("a", "list[int]"),), "int", say, source, numbers(-8, 12, 14), _EDGES)


def _rearranged(rng: Random, difficulty: float) -> Problem:
    test, turn = condition(rng, difficulty), rng.randint(1, 4)
    backwards = rng.random() < 0.5
    tail = "rest[::-1]" if backwards else "rest"
    order = "in reverse order" if backwards else "in their order"
    source = (
        "def rearranged(a):\n    first = []\n    rest = []\n    for x in a:\n"
        f"        if {test.code}:\n            first.append(x)\n        else:\n            rest.append(x)\n"
        f"    result = first + {tail}\n    if not result:\n        return []\n    k = {turn} % len(result)\n"
        "    return result[k:] + result[:k]\n"
    )
    ask = (
        f"Put the elements of `a` that are {test.say} first, in their order, then the others {order}. "
        f"Then move the first element to the end, {turn} time{'s' if turn > 1 else ''}, and return the list; "
        "the empty list stays empty."
    )
    return Problem("rearranged", (("a", "list[int]"),), "list[int]", ask, source, _numbers, _EDGES)


def lists(rng: Random, difficulty: float) -> Problem:
    """Draw a problem of filtering, mapping and reducing, of neighbors, windows or rearrangement."""
    return among(rng, difficulty, (_fold, _fold, _neighbours, _windows, _rearranged))


_KEYS = (
    Piece("its first letter", "w[0]"),
    Piece("its last letter", "w[-1]"),
    Piece("its length, written as text", "str(len(w))"),
    Piece("its first two letters (of a word of one letter, that letter)", "w[:2]"),
    Piece("the letter of it that comes first in the alphabet", "min(w)"),
    Piece("the letter of it that comes last in the alphabet", "max(w)"),
    Piece("the text of its letters in alphabetical order", "''.join(sorted(w))"),
)
_GROUP_VALUES = (
    Piece("how many words have that key (equal words count each)", "len(words)"),
    Piece(
        "the total length of the words with that key (equal words count each)", "sum(len(w) for w in words)"
    ),
    Piece("the length of the longest word with that key", "max(len(w) for w in words)"),
    Piece("the word with that key that comes first alphabetically", "min(words)"),
    Piece("the last word with that key in the order of `words`", "words[-1]"),
    Piece("how many different words have that key", "len(set(words))"),
    Piece(
        "the words with that key in alphabetical order (equal ones too), joined by '-'",
        "'-'.join(sorted(words))",
    ),
)


def _words(rng: Random) -> Args:
    return ([letters(rng, "abcde", 5, 1) for _ in range(rng.randint(0, 9))],)


def _grouped(rng: Random, difficulty: float) -> Problem:
    key = rng.choice(_KEYS[: level(difficulty, 4, len(_KEYS))])
    value = rng.choice(_GROUP_VALUES[: level(difficulty, 4, len(_GROUP_VALUES))])
    shortest = rng.randint(1, 2 + level(difficulty, 0, 2))
    least = rng.randint(1, 1 + level(difficulty, 0, 2))
    letter = rng.choice("abcde")
    only = rng.choice(
        (
            Piece("", ""),
            Piece(f"Only words that contain '{letter}' count. ", f"'{letter}' not in w"),
            Piece(f"Words that contain '{letter}' are left out at the start. ", f"'{letter}' in w"),
            Piece(f"Words that begin with '{letter}' are left out at the start. ", f"w[0] == '{letter}'"),
        )
    )
    ask = (
        f"`words` is a list of words. {only.say}The key of a word is {key.say}. Return a dictionary from "
        f"each key to {value.say}."
    )
    if shortest > 1:
        ask += f" Words with fewer than {shortest} letters are left out at the start."
    if least > 1:
        ask += f" Keys that fewer than {least} words have (equal words count each) are left out."
    tests = [f"len(w) < {shortest}"] if shortest > 1 else []
    tests += [only.code] if only.code else []
    skip = f"        if {' or '.join(tests)}:\n            continue\n" if tests else ""
    keep = f" if len(words) >= {least}" if least > 1 else ""
    source = (
        f"def grouped(words):\n    groups = {{}}\n    for w in words:\n{skip}"
        f"        groups.setdefault({key.code}, []).append(w)\n"
        f"    return {{key: {value.code} for key, words in groups.items(){keep}}}\n"
    )
    result = "dict[str, int]" if value.code.startswith(("len", "sum", "max")) else "dict[str, str]"
    edges: tuple[Args, ...] = (([],), (["a"],), (["abc", "abc", "acb"],))
    return Problem("grouped", (("words", "list[str]"),), result, ask, source, _words, edges)


def _stock(rng: Random, difficulty: float) -> Problem:
    limit, fee = rng.randint(5, 30), rng.randint(0, level(difficulty, 0, 4))
    floor = rng.choice((0, 0, -5, -10))
    drop = rng.random() < 0.5
    ask = (
        "Each entry of `moves` is a list of an item's name and an amount. Every item starts at 0; the "
        "amounts are added in their order. "
        f"A move that would bring its item below {floor} is left out; one that "
        f"would bring it above {limit} sets it to {limit}."
    )
    if fee:
        ask += f" Each move that takes something out (a negative amount) takes {fee} more."
    ask += " Return a dictionary from item to amount at the end, " + (
        "without the items whose amount is 0." if drop else "with every item that `moves` names."
    )
    source = (
        "def stock(moves):\n    held = {}\n    for item, amount in moves:\n"
        + (f"        if amount < 0:\n            amount -= {fee}\n" if fee else "")
        + "        new = held.get(item, 0) + amount\n        held.setdefault(item, 0)\n"
        f"        if new < {floor}:\n"
        f"            continue\n        held[item] = min(new, {limit})\n"
        + ("    return {item: n for item, n in held.items() if n != 0}\n" if drop else "    return held\n")
    )

    def draw(r: Random) -> Args:
        return ([[r.choice(("nut", "bolt", "gear")), r.randint(-12, 18)] for _ in range(r.randint(0, 9))],)

    edges: tuple[Args, ...] = (([],), ([["nut", floor]],), ([["nut", limit], ["nut", 1], ["nut", -limit]],))
    return Problem("stock", (("moves", "list[list]"),), "dict[str, int]", ask, source, draw, edges)


def _merged(rng: Random, difficulty: float) -> Problem:
    rule = rng.choice(
        (
            Piece("the sum of both values", "p[k] + q[k]"),
            Piece("the larger value", "max(p[k], q[k])"),
            Piece("the smaller value", "min(p[k], q[k])"),
            Piece("the value in `p` minus the value in `q`", "p[k] - q[k]"),
            Piece("the product of both values", "p[k] * q[k]"),
        )
    )
    a, test = rng.randint(2, 9), condition(rng, difficulty, "v")
    only_q = rng.choice(
        (
            Piece("its value", "q[k]"),
            Piece("minus its value", "-q[k]"),
            Piece(f"{a} times its value", f"{a} * q[k]"),
        )
    )
    source = (
        "def merged(p, q):\n    result = {}\n    for k in sorted(set(p) | set(q)):\n"
        "        if k in p and k in q:\n"
        f"            v = {rule.code}\n        elif k in p:\n            v = p[k]\n"
        f"        else:\n            v = {only_q.code}\n"
        f"        if {test.code}:\n            result[k] = v\n    return result\n"
    )
    ask = (
        f"Merge two dictionaries. A key of both gets {rule.say}; a key of `p` alone keeps its "
        "value; a key of `q` alone "
        f"gets {only_q.say}. Return the merged dictionary with only the keys whose new value is {test.say}."
    )

    def draw(r: Random) -> Args:
        def one() -> dict[str, int]:
            return {key: r.randint(-15, 25) for key in "abcdefg" if r.random() < 0.55}

        return one(), one()

    args = (("p", "dict[str, int]"), ("q", "dict[str, int]"))
    return Problem(
        "merged", args, "dict[str, int]", ask, source, draw, (({}, {}), ({"a": 1}, {"a": 1}), ({}, {"b": 4}))
    )


def dicts(rng: Random, difficulty: float) -> Problem:
    """Draw a problem of grouping words, keeping stock or merging dictionaries."""
    return among(rng, difficulty, (_grouped, _grouped, _merged, _stock))


_WORD_ORDERS = (
    Piece("length, shortest first", "len(w)"),
    Piece("number of letters 'a', fewest first", "w.count('a')"),
    Piece("number of letters 'b', most first", "-w.count('b')"),
    Piece("number of different letters, fewest first", "len(set(w))"),
    Piece("last letter, alphabetically", "w[-1]"),
    Piece("the word read backwards, alphabetically", "w[::-1]"),
    Piece("the text of its letters in alphabetical order, alphabetically", "sorted(w)"),
    Piece("the letter of it that comes last in the alphabet, alphabetically", "max(w)"),
    Piece("number of letters other than 'c', most first", "-len(w.replace('c', ''))"),
    Piece("position of its last 'a' (-1 without one), smallest first", "w.rfind('a')"),
)


def _sorted_words(rng: Random, difficulty: float) -> Problem:
    keys = rng.sample(_WORD_ORDERS, level(difficulty, 1, 3))
    whole = rng.choice(("w", ""))
    code = [key.code for key in keys] + ([whole] if whole else [])
    ends = (
        "Words equal in all that stand in alphabetical order."
        if whole
        else "Words equal in all that stay in the order in which they stand in `words`."
    )
    first = f"Sort `words` by {keys[0].say}" + "".join(
        f"; those equal in that by {key.say}" for key in keys[1:]
    )
    cut = rng.choice((0, rng.randint(1, 6)))
    ask = f"{first}. {ends} Return " + (
        f"the list of the first {cut} of them (of all, where there are fewer)." if cut else "the sorted list."
    )
    key = code[0] if len(code) == 1 else f"({', '.join(code)})"
    source = (
        f"def ordered(words):\n    result = sorted(words, key=lambda w: {key})\n"
        f"    return result{f'[:{cut}]' if cut else ''}\n"
    )

    def draw(r: Random) -> Args:
        return ([letters(r, "abc", 5, 1) for _ in range(r.randint(2, 9))],)

    return Problem(
        "ordered", (("words", "list[str]"),), "list[str]", ask, source, draw, (([],), (["b", "a"],))
    )


def _sorted_numbers(rng: Random, difficulty: float) -> Problem:
    m, c = rng.randint(2, 9), rng.choice((-3, -2, -1, *range(1, 16)))
    orders = [
        rng.choice(
            (
                Piece(f"remainder modulo {m} (from 0 to {m - 1}), smallest first", f"x % {m}"),
                Piece(f"remainder modulo {m} (from 0 to {m - 1}), largest first", f"-(x % {m})"),
            )
        ),
        Piece(f"distance to {c}, nearest first", f"abs(x - {c})"),
        Piece("absolute value, largest first", "-abs(x)"),
        Piece("last digit of the absolute value, smallest first", "abs(x) % 10"),
        Piece("number of digits (without the sign), most first", "-len(str(abs(x)))"),
        Piece("sign, negative numbers first", "x >= 0"),
    ]
    keys = rng.sample(orders, level(difficulty, 1, 3))
    ends = rng.choice((Piece("from small to large", "x"), Piece("from large to small", "-x")))
    ask = (
        f"Sort `a` by {keys[0].say}"
        + "".join(f"; those equal in that by {key.say}" for key in keys[1:])
        + f"; those equal in all that {ends.say}. Return the sorted list."
    )
    key = ", ".join([piece.code for piece in keys] + [ends.code])
    source = f"def arranged(a):\n    return sorted(a, key=lambda x: ({key}))\n"
    return Problem(
        "arranged",
        (("a", "list[int]"),),
        "list[int]",
        ask,
        source,
        numbers(-120, 140, 9, 2),
        (([],), ([3, -3, 2],)),
    )


def _ranking(rng: Random, difficulty: float) -> Problem:
    most = rng.random() < 0.5
    points = sorted((rng.randint(1, 12) for _ in range(level(difficulty, 2, 4))), reverse=True)
    ties = rng.choice(
        (
            Piece("alphabetically", "n"),
            Piece("by the length of the name, shortest first, then alphabetically", "len(n), n"),
        )
    )
    source = (
        f"def ranking(races):\n    points = {points}\n    score = {{}}\n    for race in races:\n"
        "        for place, n in enumerate(race):\n            score.setdefault(n, 0)\n"
        "            if place < len(points):\n"
        "                score[n] += points[place]\n"
        f"    return sorted(score, key=lambda n: ({'-' if most else ''}score[n], "
        f"{ties.code}))\n"
    )
    ask = (
        f"Each race is a list of names from first to last. The first {len(points)} places give "
        f"{', '.join(map(str, points))} points, later places none. "
        "Return the list of all names in `races`, each once, "
        f"{'most' if most else 'fewest'} points first; names with equal points {ties.say}."
    )
    names = ("ann", "bo", "cleo", "dan", "eve", "al")

    def draw(r: Random) -> Args:
        return ([r.sample(names, r.randint(1, 5)) for _ in range(r.randint(0, 4))],)

    return Problem(
        "ranking", (("races", "list[list[str]]"),), "list[str]", ask, source, draw, (([],), ([["bo", "al"]],))
    )


def sorting(rng: Random, difficulty: float) -> Problem:
    """Draw a problem of sorting by several keys, with ties."""
    return among(rng, difficulty, (_sorted_words, _sorted_numbers, _sorted_words, _ranking))


FAMILIES = (
    Family("lists", "collections", lists, compact_prompts.list_chain),
    Family("dicts", "collections", dicts),
    Family("sorting", "collections", sorting),
)
