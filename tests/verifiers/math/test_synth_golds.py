"""Every gold is found again from the words of the prompt alone, by other means than the family's own."""

from __future__ import annotations

import itertools
import math
import re
import statistics
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import pytest
import sympy
from sympy.parsing.sympy_parser import (
    convert_xor,
    implicit_multiplication_application,
    parse_expr,
    standard_transformations,
)

from verirl_math.tasks.generate import FAMILIES, generate_task

X = sympy.Symbol("x")
TRANSFORMATIONS = (*standard_transformations, convert_xor, implicit_multiplication_application)


def read(text: str) -> Any:
    """Shorthand (`2x^2-3/4`) or simple LaTeX as a sympy expression."""
    while (changed := re.sub(r"\\frac\{((?:[^{}]|\{[^{}]*\})*)\}\{([^{}]*)\}", r"((\1)/(\2))", text)) != text:
        text = changed
    text = re.sub(r"\\sqrt\{([^{}]*)\}", r"sqrt(\1)", text).replace("\\pi", "pi").replace("\\", "")
    text = text.replace("{", "(").replace("}", ")")
    text = re.sub(r"(?<=[\dxt)])\s*(?=(?:sin|cos|e\^|e\b|pi|sqrt))", "*", text)
    return parse_expr(text, transformations=TRANSFORMATIONS, local_dict={"e": sympy.E, "x": X})


def parts(text: str) -> list[Any]:
    """The expressions of `(1, 2)` or `\\{1, 2\\}`."""
    inner = re.fullmatch(r"(?:\(|\\\{)(.*)(?:\)|\\\})", text)
    assert inner is not None, text
    return [read(part) for part in inner[1].split(", ")]


def ints(text: str) -> list[int]:
    return [int(n) for n in re.findall(r"-?\d+", text)]


def same(a: Any, b: Any) -> bool:
    return bool(sympy.simplify(sympy.sympify(a) - sympy.sympify(b)) == 0)


def rational(gold: str) -> Fraction:
    value = sympy.Rational(read(gold))
    return Fraction(int(value.p), int(value.q))


def arithmetic(asked: str, gold: str) -> bool:
    return same(read(asked[:-2]), read(gold))


def modular(asked: str, gold: str) -> bool:
    m = int(asked.split(" mod ")[1][:-2])
    head = asked.split(" mod ")[0]
    if head.startswith("1/"):
        return [x for x in range(m) if int(head[2:]) * x % m == 1] == [int(gold)]
    return int(gold) == read(head) % m


def gcd_lcm(asked: str, gold: str) -> bool:
    numbers = ints(asked)
    if asked.startswith("gcd"):
        return int(gold) == max(d for d in range(1, min(numbers) + 1) if not any(n % d for n in numbers))
    return int(gold) == sympy.ilcm(*numbers)


def number_base(asked: str, gold: str) -> bool:
    if " to base " in asked:
        number, base = ints(asked)
        return _numeral(gold) == (number, base)
    numerals = [(int(digits, int(base)), int(base)) for digits, base in re.findall(r"(\d+)_(\d+)", asked)]
    if len(numerals) == 2:
        return _numeral(gold) == (numerals[0][0] + numerals[1][0], numerals[0][1])
    return int(gold) == numerals[0][0]


def _numeral(gold: str) -> tuple[int, int]:
    digits, base = re.fullmatch(r"(\d+)_\{(\d+)\}", gold).groups()
    return int(digits, int(base)), int(base)


def powers(asked: str, gold: str) -> bool:
    if asked.startswith("log"):
        base, value = ints(asked)
        exponent = rational(gold)
        return base**exponent.numerator == value**exponent.denominator
    return same(read(asked[:-2]), read(gold))


def linear_equation(asked: str, gold: str) -> bool:
    equation, unknown = asked[:-2].split(",")
    left, right = (read(side) for side in equation.split("="))
    return sympy.solve(left - right, sympy.Symbol(unknown)) == [read(gold)]


def quadratic_equation(asked: str, gold: str) -> bool:
    left, right = (read(side) for side in asked.split(",")[0].split("="))
    found, wanted = sympy.roots(sympy.Poly(left - right, X)), parts(gold)
    return len(found) == len(wanted) == 2 and all(any(same(root, one) for one in wanted) for root in found)


def linear_system(asked: str, gold: str) -> bool:
    equations = [equation.split("=") for equation in asked.split(",(")[0].split(",")]
    names = sympy.symbols("x y z")[: len(equations)]
    found = sympy.solve([read(left) - read(right) for left, right in equations], names)
    return [found[name] for name in names] == parts(gold)


def polynomial(asked: str, gold: str) -> bool:
    if " mod " in asked:
        top, bottom = (read(side) for side in asked[:-2].split(" mod "))
        return same(sympy.rem(top, bottom, X), read(gold))
    left = read(asked.split("=")[0])
    if "p<q" in asked:
        p, q = parts(gold)
        return p < q and same(sympy.expand(left - (X + p) * (X + q)), 0)
    return sympy.Poly(sympy.expand(left), X).all_coeffs() == parts(gold)


def inequality(asked: str, gold: str) -> bool:
    left, sign, right = re.fullmatch(r"(.+?)(<=|>=|<|>)(.+),x in\?", asked).groups()
    if left.startswith("|"):
        left = f"Abs({left[1:-1]})"
    compare: dict[str, Callable[[Any, Any], bool]] = {
        "<": lambda a, b: a < b,
        ">": lambda a, b: a > b,
        "<=": lambda a, b: a <= b,
        ">=": lambda a, b: a >= b,
    }
    low, high = gold[1:-1].split(", ")
    ends = [read(end) for end in (low, high) if "infty" not in end]
    places = {e + step for e in ends for step in (-sympy.Rational(1, 97), 0, sympy.Rational(1, 97))}
    places |= {sympy.Integer(-(10**6)), sympy.Integer(10**6), sum(ends) / len(ends)}
    f, bound = read(left), read(right)
    for x in places:
        inside = ("infty" in low or x > read(low) or (gold[0] == "[" and x == read(low))) and (
            "infty" in high or x < read(high) or (gold[-1] == "]" and x == read(high))
        )
        if compare[sign](f.subs(X, x), bound) != inside:
            return False
    return True


def sequence(asked: str, gold: str) -> bool:
    if asked.startswith("a1="):
        first, p, q, n = re.fullmatch(r"a1=(-?\d+),a'=(\d+)a([+-]\d+),a(\d+)=\?", asked).groups()
        value = int(first)
        for _ in range(int(n) - 1):
            value = int(p) * value + int(q)
        return int(gold) == value
    listed, kind, n = re.fullmatch(r"(.+?),\.\.(?:\(geometric\))?;(term|sum) (\d+)=\?", asked).groups()
    terms = [Fraction(term) for term in listed.split(",")]
    while len(terms) < int(n):
        terms.append(terms[-1] * terms[1] / terms[0] if "geometric" in asked else 2 * terms[-1] - terms[-2])
    terms = terms[: int(n)]
    return rational(gold) == (terms[-1] if kind == "term" else sum(terms))


def derivative(asked: str, gold: str) -> bool:
    if asked.startswith("f="):
        f, at = re.fullmatch(r"f=(.+),f'\((-?\d+)\)=\?", asked).groups()
        return same(sympy.diff(read(f), X).subs(X, int(at)), read(gold))
    return same(sympy.diff(read(asked[1:-4]), X), read(gold))


def integral(asked: str, gold: str) -> bool:
    if asked.startswith("F'"):
        found = read(gold)
        return same(sympy.diff(found, X), read(asked[3:].split(",")[0])) and same(found.subs(X, 0), 0)
    f, low, high = re.fullmatch(r"S\((.+)\),(-?\d+)\.\.(-?\d+)=\?", asked).groups()
    return same(sympy.integrate(read(f), (X, int(low), int(high))), read(gold))


def limit(asked: str, gold: str) -> bool:
    f, place = re.fullmatch(r"lim (.+),x->(.+)=\?", asked).groups()
    return same(sympy.limit(read(f), X, sympy.oo if place == "oo" else int(place)), read(gold))


def matrices(asked: str, gold: str) -> bool:
    given = [
        sympy.Matrix([[int(n) for n in row.split(",")] for row in rows.split(";")])
        for rows in re.findall(r"\[(.+?)\]", asked)
    ]
    if asked.startswith("det"):
        return given[0].det() == int(gold)
    body = gold.removeprefix("\\begin{pmatrix}").removesuffix("\\end{pmatrix}")
    found = sympy.Matrix([[read(entry) for entry in row.split("&")] for row in body.split("\\\\")])
    if asked.startswith("inv"):
        return given[0] * found == sympy.eye(2)
    return found == (given[0] + given[1] if "]+[" in asked else given[0] * given[1])


def _paths(a: int, b: int) -> int:
    row = [1] * (a + 1)
    for _ in range(b):
        row = list(itertools.accumulate(row))
    return row[-1]


def combinatorics(asked: str, gold: str) -> bool:
    n = ints(asked)
    if asked.startswith("C("):
        found = math.prod(range(n[0] - n[1] + 1, n[0] + 1)) // math.prod(range(1, n[1] + 1))
    elif asked.startswith("P("):
        found = math.prod(range(n[0] - n[1] + 1, n[0] + 1))
    elif asked.startswith("orders"):
        word = asked[len("orders(") : -3]
        found, placed = 1, 0
        for letter in set(word):
            placed += word.count(letter)
            found *= _paths(word.count(letter), placed - word.count(letter))
    elif asked.startswith("paths"):
        found = _paths(*n) if len(n) == 2 else _paths(n[2], n[3]) * _paths(n[0] - n[2], n[1] - n[3])
    elif "pick" in asked:
        women, men, total, wanted = n
        counts = [wanted] if "exactly" in asked else range(wanted, total + 1)
        found = sum(_choose(women, w) * _choose(men, total - w) for w in counts)
    else:
        balls, boxes, least = n
        ways = [1] + [0] * balls
        for _ in range(boxes):
            ways = [sum(ways[t - k] for k in range(least, t + 1)) for t in range(balls + 1)]
        found = ways[balls]
    return int(gold) == found


def _choose(n: int, k: int) -> int:
    return _paths(k, n - k) if 0 <= k <= n else 0


def probability(asked: str, gold: str) -> bool:
    n = ints(asked)
    if dice := re.fullmatch(r"(\d)d(\d+),P\(sum(=|>=)(\d+)\)=\?", asked):
        count, sides, total = int(dice[1]), int(dice[2]), int(dice[4])
        sums = [sum(faces) for faces in itertools.product(range(1, sides + 1), repeat=count)]
        found = Fraction(sum(s == total if dice[3] == "=" else s >= total for s in sums), len(sums))
    elif "draw" in asked:
        red, blue, draws, wanted = n
        found = _drawn(red, blue, draws, wanted)
    elif "coins" in asked:
        tosses, heads = n
        good = [sum(row) for row in itertools.product((0, 1), repeat=tosses)]
        found = Fraction(sum(h >= heads if ">=" in asked else h == heads for h in good), len(good))
    elif asked.startswith("p="):
        p, times = re.fullmatch(r"p=(.+),n=(\d+),P\(>=1\)=\?", asked).groups()
        found = Fraction(0)
        for _ in range(int(times)):
            found += (1 - found) * Fraction(p)
    else:
        found = Fraction(n[0], n[0] + n[1])
    return rational(gold) == found


def _drawn(red: int, blue: int, draws: int, wanted: int) -> Fraction:
    """Ball by ball, without a formula."""
    if draws == 0:
        return Fraction(wanted == 0)
    total, chance = red + blue, Fraction(0)
    if red and wanted:
        chance += Fraction(red, total) * _drawn(red - 1, blue, draws - 1, wanted - 1)
    if blue:
        chance += Fraction(blue, total) * _drawn(red, blue - 1, draws - 1, wanted)
    return chance


def averages(asked: str, gold: str) -> bool:
    numbers = ints(asked)
    if "? mean" in asked:
        return statistics.mean(map(Fraction, [*numbers[:-1], int(gold)])) == numbers[-1]
    find = statistics.mean if asked.startswith("mean") else statistics.median
    return rational(gold) == find(list(map(Fraction, numbers)))


def geometry(asked: str, gold: str) -> bool:
    n, found = ints(asked), read(gold)
    pi, sqrt = sympy.pi, sympy.sqrt
    if asked.startswith("dist"):
        half = len(n) // 2
        return same(found, sympy.Point(*n[:half]).distance(sympy.Point(*n[half:])))
    if asked.startswith("area ("):
        corners = [sympy.Point(n[i], n[i + 1]) for i in (0, 2, 4)]
        return same(found, abs(sympy.Triangle(*corners).area))
    if "circle" in asked:
        r = sympy.Rational(n[0], 2 if "d=" in asked else 1)
        return same(found, pi * r**2 if "area" in asked else 2 * pi * r)
    rules = {
        "area of rectangle": lambda: n[0] * n[1],
        "perimeter": lambda: sum(2 * side for side in n),
        "area of triangle": lambda: sympy.Rational(n[0], 2) * n[1],
        "legs": lambda: sqrt(n[0] ** 2 + n[1] ** 2),
        "hypotenuse": lambda: sqrt(n[0] ** 2 - n[1] ** 2),
        "triangle angles": lambda: 180 - sum(n),
        "angles of regular": lambda: n[0] * (180 - sympy.Rational(360, abs(n[1]))),
        "volume of box": lambda: n[0] * n[1] * n[2],
        "surface": lambda: 2 * sum(a * b for a, b in itertools.combinations(n, 2)),
        "cylinder": lambda: pi * n[0] ** 2 * n[1],
        "cone": lambda: pi * n[0] ** 2 * n[1] / 3,
    }
    rule = next(rule for words, rule in rules.items() if words in asked)
    return same(found, rule())


def word_problem(asked: str, gold: str) -> bool:
    """From the prose: each story by the numbers in the order in which it tells them."""
    n = ints(asked.split(" Give ")[0])
    found = rational(gold)
    if "solution" in asked:
        a, p, b, q = n
        return (a + b) * found == a * p + b * q
    if "fence" in asked or "job" in asked:
        return found * (Fraction(1, n[0]) + Fraction(1, n[1])) == 1
    if "km apart" in asked:
        distance, u, head, v = n
        return u * (head + found) + v * found == distance
    if "km/h" in asked:
        hours, first, more, second = n if "For " in asked.split("Give")[0] else (n[0], n[1], n[2], n[3])
        return found * (hours + more) == hours * first + more * second
    if "times" in asked:
        times, later, total = n
        return found + later + times * found + later == total
    if "tickets" in asked or "for a show" in asked:
        people, income = n[:2]
        low, high = sorted(n[2:])
        return found * high + (people - found) * low == income
    if "coins each" in asked:
        *bought, paid = n
        return found == paid - sum(a * b for a, b in zip(bought[::2], bought[1::2], strict=True))
    if "week" in asked:
        start, weekly, weeks, spent = n
        return found == start + weekly * weeks - spent
    if "friends" in asked:
        boxes, each, loose, kept, friends = n
        return friends * found + kept == boxes * each + loose
    a, b, given = n
    return found == a * b - given


def percentage(asked: str, gold: str) -> bool:
    found = rational(gold)
    if share := re.fullmatch(r"(\d+) percent of (\d+)=\?", asked):
        return found * 100 == int(share[1]) * int(share[2])
    if asked.startswith("?"):
        move, after = ints(asked)
        return found * (100 + move) == 100 * after
    amount, *moves = ints(asked)
    return found == amount * math.prod((1 + Fraction(move, 100) for move in moves), start=Fraction(1))


SOLVERS: dict[str, Callable[[str, str], bool]] = {
    "fractions": arithmetic,
    **{
        solver.__name__: solver
        for solver in (
            arithmetic, modular, gcd_lcm, number_base, powers, linear_equation, quadratic_equation,
            linear_system, polynomial, inequality, sequence, derivative, integral, limit, matrices,
            combinatorics, probability, averages, geometry, word_problem, percentage,
        )
    },
}  # fmt: skip


def check(family: str, seed: int, count: int) -> None:
    for index in range(count):
        difficulty = index / max(1, count - 1)
        prose = generate_task(seed, index, difficulty, family=family)
        terse = generate_task(seed, index, difficulty, family=family, style="terse")
        asked = (prose if family == "word_problem" else terse).prompt[0].content
        assert SOLVERS[family](asked, prose.spec["answer"]), (asked, prose.spec, prose.prompt[0].content)
        assert prose.spec == terse.spec


def test_every_family_has_a_solver() -> None:
    assert set(SOLVERS) == set(FAMILIES)


@pytest.mark.parametrize("family", FAMILIES)
def test_gold_is_found_again(family: str) -> None:
    check(family, seed=11, count=16)


@pytest.mark.slow
@pytest.mark.parametrize("family", FAMILIES)
def test_golds_are_found_again(family: str) -> None:
    check(family, seed=12, count=300)


@pytest.mark.parametrize("family", FAMILIES)
def test_prose_and_shorthand_name_the_same_numbers(family: str) -> None:
    for index in range(30):
        difficulty = index / 29
        prose, terse = (
            generate_task(13, index, difficulty, family=family, style=style).prompt[0].content
            for style in ("prose", "terse")
        )
        told = set(re.findall(r"\d+", prose.replace("two", "2").replace("three", "3")))
        asked = set(re.findall(r"\d+", re.sub(r"min [01]|a1|a'|'", "", terse)))
        assert asked <= told | {"1"}, (prose, terse)


def test_a_wrong_gold_is_noticed() -> None:
    for family in FAMILIES:
        task = generate_task(14, 3, 0.5, family=family)
        asked = (
            task if family == "word_problem" else generate_task(14, 3, 0.5, family=family, style="terse")
        ).prompt[0]
        kind, gold = task.spec["answer_type"], task.spec["answer"]
        if "_{" in gold:
            wrong = "1" + gold
        elif kind in ("number", "expression"):
            wrong = f"{gold} + 1"
        else:
            wrong = re.sub(r"\d+", lambda m: str(int(m[0]) + 1), gold, count=1)
        try:
            noticed = not SOLVERS[family](asked.content, wrong)
        except (ValueError, TypeError):
            noticed = True
        assert noticed, (family, asked.content, wrong)
