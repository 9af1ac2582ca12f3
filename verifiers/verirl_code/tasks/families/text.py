"""Strings and parsing."""

from __future__ import annotations

import re
from random import Random

from verirl.taskgen.difficulty import among, level
from verirl_code.tasks.families import compact_prompts
from verirl_code.tasks.families.problem import Args, Family, Piece, Problem, counted, letters

_VOWEL = "aeiou"


def _mark(rng: Random) -> Piece:
    """Draw a kind of character."""
    letter = rng.choice("abcdeot")
    return rng.choice(
        (
            Piece("a vowel (aeiou)", f"c in '{_VOWEL}'"),
            Piece("a lower-case letter other than a vowel (aeiou)", f"c.islower() and c not in '{_VOWEL}'"),
            Piece("a digit", "c.isdigit()"),
            Piece("a capital letter", "c.isupper()"),
            Piece(f"the letter '{letter}'", f"c == '{letter}'"),
            Piece(f"a lower-case letter after '{letter}' in the alphabet", f"c.islower() and c > '{letter}'"),
        )
    )


def _line(rng: Random) -> Args:
    return (letters(rng, "abcdeotABE 123", 14),)


_LINES: tuple[Args, ...] = (("",), ("a",), ("Abe 1",), ("aabbcc112",))


def _characters(rng: Random, difficulty: float) -> Problem:
    mark, width = _mark(rng), rng.randint(2, 4)
    kind = rng.choice(("count", "drop", "double", "places", "mask")[: level(difficulty, 3, 5)])
    weight = rng.randint(1, 5)
    if kind == "count":
        ask = (
            f"Return the sum of the scores of the characters of `s`: {mark.say} scores {width}, "
            f"any other character {weight - width}."
        )
        run = f"result += {width} if {mark.code} else {weight - width}"
        start, result = "0", "int"
    elif kind == "places":
        ask = (
            f"Return the list of the positions in `s` at which there is {mark.say}; "
            f"the first character has position {weight}."
        )
        run, start, result = f"if {mark.code}:\n            result.append(i + {weight})", "[]", "list[int]"
    else:
        other = rng.choice("*#._")
        say, code = {
            "drop": (
                f"without each character that is {mark.say}, and with '{other}' after each that is kept",
                f"'' if {mark.code} else c + '{other}'",
            ),
            "double": (
                f"with each character that is {mark.say} written {width} times",
                f"c * {width} if {mark.code} else c",
            ),
            "mask": (
                (
                    f"with '{other}' in place of each character that is {mark.say} and stands at a "
                    f"position (from 0) divisible by {width}"
                ),
                f"'{other}' if {mark.code} and i % {width} == 0 else c",
            ),
        }[kind]
        ask, run, start, result = f"Return `s` {say}.", f"result += {code}", "''", "str"
    loop = "for i, c in enumerate(s)" if "i " in run else "for c in s"
    source = f"def marked(s):\n    result = {start}\n    {loop}:\n        {run}\n    return result\n"
    return Problem("marked", (("s", "str"),), result, ask, source, _line, _LINES)


def _words(rng: Random, difficulty: float) -> Problem:
    length, put = rng.randint(2, 4), rng.choice(" -_/")
    keep = rng.choice(
        (
            Piece(f"have at least {length} letters", f"len(w) >= {length}"),
            Piece(f"have fewer than {length} letters", f"len(w) < {length}"),
            Piece("begin and end with the same letter", "w[0] == w[-1]"),
            Piece("contain some letter more than once", "len(set(w)) < len(w)"),
            Piece("contain the letter 'a'", "'a' in w"),
        )
    )
    change = rng.choice(
        (
            Piece("reversed", "w[::-1]"),
            Piece("in capitals", "w.upper()"),
            Piece("with its first letter moved to the end", "w[1:] + w[0]"),
            Piece("with its first letter as a capital", "w.capitalize()"),
            Piece("without its last letter (of one letter nothing is left, which is joined too)", "w[:-1]"),
            Piece("followed by its length (ab as ab2)", "w + str(len(w))"),
        )
    )
    others = rng.random() < difficulty
    tail = "        else:\n            result.append(w)\n" if others else ""
    source = (
        f"def rewritten(s):\n    result = []\n    for w in s.split():\n        if {keep.code}:\n"
        f"            result.append({change.code})\n{tail}    return '{put}'.join(result)\n"
    )
    rest = "Keep the other words as they are" if others else "Leave the other words out"
    ask = (
        "`s` is words of lower-case letters with single spaces between them, or empty. Take the words "
        f"that {keep.say} and write each of them {change.say}. {rest}. Return what there is then, in its "
        f"order, joined by '{put}'; the empty string where no word is left."
    )

    def draw(r: Random) -> Args:
        return (" ".join(letters(r, "abcd", 5, 1) for _ in range(r.randint(0, 6))),)

    return Problem("rewritten", (("s", "str"),), "str", ask, source, draw, (("",), ("a",), ("aba abc",)))


def _cipher(rng: Random, difficulty: float) -> Problem:
    shift, step = rng.randint(1, 25), rng.randint(1, 3)
    growing = rng.random() < difficulty
    move = f"{shift} + {step} * i" if growing else str(shift)
    back = rng.random() < 0.4
    source = (
        f"def shifted(s):\n    result = ''\n    i = 0\n    for c in s:\n        if 'a' <= c <= 'z':\n"
        f"            place = (ord(c) - ord('a') {'-' if back else '+'} ({move})) % 26\n"
        "            result += chr(ord('a') + place)\n"
        "            i += 1\n        else:\n            result += c\n    return result\n"
    )
    where = f"{'back' if back else 'on'} in the alphabet, around its end"
    ask = (
        (
            f"Move the lower-case letters (a to z) of `s` {where}: the first by {counted(shift, 'place')}, "
            f"each further one by {step} more than the lower-case letter before it."
        )
        if growing
        else f"Move each lower-case letter (a to z) of `s` by {counted(shift, 'place')} {where}."
    )
    ask += (
        f" Other characters stay as they are{' and do not count' if growing else ''}. Return the new string."
    )

    def draw(r: Random) -> Args:
        return (letters(r, "abcxyzmn AZ1", 12),)

    return Problem("shifted", (("s", "str"),), "str", ask, source, draw, (("",), ("az",), ("a a",)))


def _runs(rng: Random, difficulty: float) -> Problem:
    least = rng.randint(1, 1 + level(difficulty, 1, 3))
    form = rng.choice(
        (
            Piece("the character and the length of the run", "c + str(n)"),
            Piece("the length of the run and the character", "str(n) + c"),
            Piece("the character, once", "c"),
            Piece("the run itself, followed by its length", "c * n + str(n)"),
        )
    )
    put, letter = rng.choice(("", "-", ",", "/", "+")), rng.choice("abc")
    skip = rng.random() < 0.3 + 0.5 * difficulty
    other = f" and c != '{letter}'" if skip else ""
    test = f"n >= {least}{other}"
    source = (
        "def runs(s):\n    result = []\n    i = 0\n    while i < len(s):\n        c = s[i]\n        n = 0\n"
        "        while i < len(s) and s[i] == c:\n            n += 1\n            i += 1\n"
        f"        if {test}:\n            result.append({form.code})\n    return '{put}'.join(result)\n"
    )
    rules = [f"at least {least} long"] if least > 1 else []
    rules += [f"not of the character '{letter}'"] if skip else []
    such = f" that is {' and '.join(rules)}" if rules else ""
    joined = f"joined by '{put}'" if put else "joined without anything between them"
    ask = (
        "A run is a stretch of equal characters, as long as it can be. Return one piece for each run of "
        f"`s`{such}, in their order, {joined}: {form.say}."
    )

    def draw(r: Random) -> Args:
        return ("".join(r.choice("abc") * r.randint(1, 4) for _ in range(r.randint(0, 6))),)

    return Problem("runs", (("s", "str"),), "str", ask, source, draw, (("",), ("a",), ("aaabccaaaa",)))


def _mirror(rng: Random, difficulty: float) -> Problem:
    least, odd = rng.randint(2, 2 + level(difficulty, 0, 3)), rng.choice(("", "odd", "even"))
    letter = rng.choice("abc")
    with_letter = rng.random() < 0.3 + 0.4 * difficulty
    test = {"": "", "odd": " and len(t) % 2 == 1", "even": " and len(t) % 2 == 0"}[odd]
    test += f" and '{letter}' in t" if with_letter else ""
    start, step, end, say = rng.choice(
        (
            (
                "count = 0",
                "count += 1",
                "count",
                "how many {} there are; equal ones at different places count each",
            ),
            (
                "best = 0",
                "best = max(best, len(t))",
                "best",
                "the length of the longest of all {}; 0 if there are none",
            ),
            ("total = 0", "total += len(t)", "total", "the sum of the lengths of all {}"),
            ("seen = set()", "seen.add(t)", "len(seen)", "how many different {} there are"),
        )
    )
    source = (
        f"def mirrors(s):\n    {start}\n    for i in range(len(s)):\n"
        f"        for j in range(i + {least}, len(s) + 1):\n"
        f"            t = s[i:j]\n            if t == t[::-1]{test}:\n                {step}\n"
        f"    return {end}\n"
    )
    holds = f", contain '{letter}'" if with_letter else ""
    which = (
        f"stretches of neighbouring characters of `s` that read the same backwards{holds} and have "
        f"{f'an {odd} length of ' if odd else ''}at least {least} characters"
    )
    ask = f"Return {say.format(which)}."

    def draw(r: Random) -> Args:
        return (letters(r, "abc"[: r.randint(1, 3)], 10),)

    return Problem(
        "mirrors", (("s", "str"),), "int", ask, source, draw, (("",), ("aa",), ("abcba",), ("abba",))
    )


def strings(rng: Random, difficulty: float) -> Problem:
    """Draw a problem on characters, words, ciphers, runs or palindromes."""
    return among(rng, difficulty, (_characters, _words, _cipher, _runs, _mirror))


def _fields(rng: Random, difficulty: float) -> Problem:
    between, equals = rng.sample(";,|/&", 1)[0], rng.choice("=:>")
    rule = rng.choice(
        (
            Piece("the later value counts", "{v}"),
            Piece("the values are added", "result.get(k, 0) + {v}"),
            Piece("the largest value counts", "max(result.get(k, {v}), {v})"),
            Piece("the first value counts", "result.get(k, {v})"),
        )
    )
    scale, low = rng.randint(1, 1 + level(difficulty, 2, 8)), rng.randint(-9, 5)
    limited = rng.random() < 0.2 + 0.6 * difficulty
    value = "v"
    skip = f"        if v < {low}:\n            continue\n" if limited else ""
    factor = f"        v = {scale} * v\n" if scale > 1 else ""
    source = (
        f"def fields(s):\n    result = {{}}\n    for part in s.split('{between}'):\n"
        "        part = part.strip()\n"
        f"        if '{equals}' not in part:\n            continue\n"
        f"        k, text = part.split('{equals}')\n        v = int(text)\n"
        f"{skip}{factor}        result[k.strip()] = "
        f"{rule.code.format(v=value).replace('(k,', '(k.strip(),')}\n    return result\n"
    )
    ask = (
        f"`s` is parts separated by '{between}', or empty. A part is a name, '{equals}' and an integer, with "
        f"or without spaces around each of them; parts without '{equals}' are left out. Return a dictionary "
        "from name (without spaces) to value."
        + (f" Parts with an integer below {low} are left out." if limited else "")
        + (f" The value is {scale} times the integer." if scale > 1 else "")
        + f" Where a name comes again, {rule.say}."
    )

    def draw(r: Random) -> Args:
        parts = [
            r.choice(("", " "))
            + (
                f"{r.choice('abc')}{r.choice(('', ' '))}{equals}{r.randint(-12, 20)}"
                if r.random() < 0.85
                else r.choice("abc")
            )
            for _ in range(r.randint(0, 6))
        ]
        return (between.join(parts),)

    return Problem(
        "fields",
        (("s", "str"),),
        "dict[str, int]",
        ask,
        source,
        draw,
        (("",), (f"a{equals}1",), (f"a{equals}1{between}a{equals}2",)),
    )


def _clock(rng: Random, difficulty: float) -> Problem:
    units = rng.choice((("d", 24, "h", 60, "m"), ("h", 60, "m", 60, "s"), ("w", 7, "d", 24, "h")))
    big, per_big, mid, per_mid, small = units
    extra = rng.randint(0, level(difficulty, 5, 30))
    round_to = rng.choice((1, rng.choice((5, 10, 15)))) if difficulty > 0.1 else 1
    source = (
        "def duration(s):\n"
        f"    worth = {{'{small}': 1, '{mid}': {per_mid}, '{big}': {per_big * per_mid}}}\n"
        f"    total = {extra}\n    number = ''\n"
        "    for c in s:\n        if c.isdigit():\n            number += c\n"
        "        elif c in worth:\n            total += int(number) * worth[c]\n"
        "            number = ''\n"
        + (f"    total = total // {round_to} * {round_to}\n" if round_to > 1 else "")
        + "    return total\n"
    )
    ask = (
        f"`s` is a duration such as '2{big} 3{mid}15{small}': numbers, each followed by its "
        "unit, with or without spaces "
        f"between; 1{big} is {per_big}{mid}, 1{mid} is {per_mid}{small}. Units may be "
        f"missing, come in any order or come again. Return the total in {small}"
        + (f", plus {extra}" if extra else "")
        + (f", rounded down to a multiple of {round_to}." if round_to > 1 else ".")
    )

    def draw(r: Random) -> Args:
        return (
            r.choice(("", " ")).join(
                f"{r.randint(0, 70)}{r.choice((big, mid, small))}" for _ in range(r.randint(0, 4))
            ),
        )

    return Problem(
        "duration", (("s", "str"),), "int", ask, source, draw, (("",), (f"1{big}",), (f"2{mid}3{small}",))
    )


_SWAPPED = re.compile(r"\b[xy]\b")
_OPERATIONS = (
    ("the sum", "x + y"),
    ("the difference", "x - y"),
    ("the product", "x * y"),
    ("the larger", "max(x, y)"),
    ("the smaller", "min(x, y)"),
    ("the distance", "abs(x - y)"),
    ("twice the left one plus the right one", "2 * x + y"),
)


def _chain(rng: Random, difficulty: float) -> Problem:
    signs = rng.sample("+-*#@&", level(difficulty, 2, 3))
    uses = rng.sample(_OPERATIONS, len(signs))
    order = rng.choice(("left", "right"))
    cases = "".join(
        f"        {'elif' if n else 'if'} sign == '{sign}':\n            x = {code}\n"
        for n, (sign, (_, code)) in enumerate(zip(signs, uses, strict=True))
    )
    if order == "right":
        # From the right, what is known so far is the right operand.
        cases = _SWAPPED.sub(lambda found: {"x": "y", "y": "x"}[found[0]], cases).replace(" y = ", " x = ")
    pairs = "zip(parts[1::2], parts[2::2])" if order == "left" else "zip(parts[-2::-2], parts[-3::-2])"
    source = (
        "def evaluate(s):\n    parts = s.split()\n"
        f"    x = int(parts[{0 if order == 'left' else -1}])\n    for sign, text in {pairs}:\n"
        f"        y = int(text)\n{cases}    return x\n"
    )
    ask = (
        "`s` is integers (-4 is one) with an operator between each two, all separated by single spaces. "
        + "; ".join(
            f"'{sign}' gives {say} of both" if "twice" not in say else f"'{sign}' gives {say}"
            for sign, (say, _) in zip(signs, uses, strict=True)
        )
        .replace("the difference of both", "the left minus the right number")
        .replace("the distance of both", "the absolute difference of both")
        + (
            ". All operators bind equally; evaluate from "
            f"{'left to right' if order == 'left' else 'right to left'} and return the value."
        )
    )

    def draw(r: Random) -> Args:
        text = str(r.randint(-9, 20))
        for _ in range(r.randint(0, 4)):
            text += f" {r.choice(signs)} {r.randint(-9, 20)}"
        return (text,)

    edges = tuple((f"3 {sign} 5 {sign} 2",) for sign in signs)
    return Problem("evaluate", (("s", "str"),), "int", ask, source, draw, (("4",), *edges))


def _brackets(rng: Random, difficulty: float) -> Problem:
    kinds = rng.sample(("()", "[]", "{}", "<>"), level(difficulty, 1, 3))
    deepest = rng.choice((0, rng.randint(2, 4)))
    pairs = ", ".join(f"'{kind[1]}': '{kind[0]}'" for kind in kinds)
    opening = "".join(kind[0] for kind in kinds)
    result = rng.choice(("depth", "pairs"))
    source = (
        (
            f"def nesting(s):\n    match = {{{pairs}}}\n    stack = []\n    depth = 0\n"
            f"    pairs = 0\n    for c in s:\n        if c in '{opening}':\n"
            "            stack.append(c)\n"
        )
        + (f"            if len(stack) > {deepest}:\n                return -1\n" if deepest else "")
        + "            depth = max(depth, len(stack))\n        elif c in match:\n"
        "            if not stack or stack.pop() != match[c]:\n                return -1\n"
        "            pairs += 1\n"
        f"    return {result} if not stack else -1\n"
    )
    ask = (
        f"The brackets of `s` are {' '.join(kinds)}; other characters do not matter. Return "
        + ("how deeply they nest (0 without any)" if result == "depth" else "how many pairs there are")
        + ", or -1 where some bracket has no partner of its kind, or pairs overlap without one being inside "
        + ("the other" + (f", or they nest more than {deepest} deep." if deepest else "."))
    )

    def draw(r: Random) -> Args:
        out = ""
        stack: list[str] = []
        for _ in range(r.randint(0, 10)):
            if stack and r.random() < 0.5:
                out += stack.pop()
            else:
                kind = r.choice(kinds)
                out, stack = out + kind[0], [*stack, kind[1]]
            if r.random() < 0.1:
                out += r.choice("x)]}>")
        return (out + ("".join(reversed(stack)) if r.random() < 0.8 else ""),)

    first = kinds[0]
    return Problem(
        "nesting",
        (("s", "str"),),
        "int",
        ask,
        source,
        draw,
        (("",), (first,), (first[1] + first[0],), (first * 3,), (first[0] * 3 + first[1] * 3,)),
    )


def parsing(rng: Random, difficulty: float) -> Problem:
    """Draw a problem of parsing fields, durations, expressions or brackets."""
    return among(rng, difficulty, (_clock, _fields, _chain, _brackets))


FAMILIES = (
    Family("strings", "text", strings, compact_prompts.string_chain),
    Family("parsing", "text", parsing),
)
