"""Plane and solid figures with exact measures."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from math import gcd, isqrt
from random import Random

from verirl.taskgen.difficulty import size
from verirl_math.tasks.families.exact_answers import (
    Basis,
    LinearCombination,
    Value,
    WrongAnswer,
    latex,
    linear_combination,
    surd,
    terse_text,
)
from verirl_math.tasks.families.problem import EXACT, INTEGER, NUMBER, Family, Problem, Step, signed


def geometry(rng: Random, difficulty: float) -> Problem:
    """Rectangles and triangles; circles, distances and angles; polygons and solids."""
    if difficulty < 0.25:
        kinds: tuple[Callable[[Random, float], Problem], ...] = (_rectangle, _triangle_area)
    elif difficulty < 0.6:
        kinds = (_triangle_area, _circle, _right_triangle, _angles)
    else:
        kinds = (_right_triangle, _distance, _polygon, _box, _cylinder)
    return rng.choice(kinds)(rng, difficulty)


def _rectangle(rng: Random, difficulty: float) -> Problem:
    a, b = (rng.randint(2, size(difficulty, 15, 60)) for _ in range(2))
    area = rng.random() < 0.5
    answer, other = (a * b, 2 * (a + b)) if area else (2 * (a + b), a * b)
    name = "area" if area else "perimeter"
    return Problem(
        ask=(
            f"A rectangle is ${a}$ long and ${b}$ wide. Find its {name}.",
            f"What is the {name} of a rectangle with sides ${a}$ and ${b}$?",
        ),
        form=INTEGER,
        terse=f"{name} of rectangle {a},{b}=?",
        steps=(Step("", f"{a} \\cdot {b} = {answer}" if area else f"2 \\cdot ({a} + {b}) = {answer}"),),
        answer=answer,
        wrong=(
            WrongAnswer("other_measure", other),
            WrongAnswer("two_sides_only", a + b),
            WrongAnswer("doubled", 2 * answer),
        ),
    )


def _triangle_area(rng: Random, difficulty: float) -> Problem:
    base, height = (rng.randint(2, size(difficulty, 15, 80)) for _ in range(2))
    answer = Fraction(base * height, 2)
    line = f"\\frac{{{base} \\cdot {height}}}{{2}} = {latex(answer)}"
    return Problem(
        ask=(
            f"A triangle has base ${base}$ and height ${height}$. Find its area.",
            f"What is the area of a triangle with base ${base}$ and height ${height}$?",
        ),
        form=NUMBER,
        terse=f"area of triangle {base},{height}=?",
        steps=(Step("", line, f"{base}*{height}/2={answer}"),),
        answer=answer,
        wrong=(
            WrongAnswer("half_forgotten", 2 * answer),
            WrongAnswer("added", base + height),
            WrongAnswer("halved_twice", answer / 2),
        ),
    )


def _pi(factor: int | Fraction) -> LinearCombination:
    return linear_combination({Basis(0, "pi"): factor})


def _circle(rng: Random, difficulty: float) -> Problem:
    r = rng.randint(2, size(difficulty, 12, 150))
    area = rng.random() < 0.5
    diameter = rng.random() < 0.5
    given = f"diameter ${2 * r}$" if diameter else f"radius ${r}$"
    name = "area" if area else "circumference"
    factor = r * r if area else 2 * r
    halved = [Step("", f"r = \\frac{{{2 * r}}}{{2}} = {r}")] if diameter else []
    return Problem(
        ask=(f"Find the {name} of a circle with {given}.", f"A circle has {given}. What is its {name}?"),
        form="Give the exact value in terms of $\\pi$.",
        terse=f"{name} of circle {'d' if diameter else 'r'}={2 * r if diameter else r}?",
        steps=(
            *halved,
            Step("", f"{f'{r}^2' if area else f'2 {chr(92)}cdot {r}'} \\cdot \\pi = {latex(_pi(factor))}"),
        ),
        answer=_pi(factor),
        wrong=(
            WrongAnswer("other_measure", _pi(2 * r if area else r * r)),
            WrongAnswer("diameter_for_radius", _pi(4 * factor if area else 2 * factor)),
            WrongAnswer("pi_forgotten", factor),
        ),
    )


def _right_triangle(rng: Random, difficulty: float) -> Problem:
    if difficulty < 0.6:
        while True:
            m, n = sorted(rng.sample(range(1, 6), 2), reverse=True)
            if (m - n) % 2 and gcd(m, n) == 1:
                break
        k = rng.randint(1, size(difficulty, 4, 40))
        a, b = k * (m * m - n * n), 2 * k * m * n
    else:
        a, b = (rng.randint(2, size(difficulty, 5, 30)) for _ in range(2))
    square = a * a + b * b
    answer = _root(square)
    if difficulty >= 0.4 and rng.random() < 0.5 and isqrt(square) ** 2 == square:
        # A leg is asked for, from the hypotenuse and the other leg.
        c = isqrt(square)
        return Problem(
            ask=(
                f"A right triangle has hypotenuse ${c}$ and one leg ${a}$. Find the other leg.",
                (
                    f"The hypotenuse of a right triangle is ${c}$ and one leg is ${a}$. How long is the "
                    "other leg?"
                ),
            ),
            form=INTEGER,
            terse=f"hypotenuse {c},leg {a},leg=?",
            steps=(
                Step("", f"{c}^2 - {a}^2 = {c * c} - {a * a} = {b * b}"),
                Step("", f"\\sqrt{{{b * b}}} = {b}"),
            ),
            answer=b,
            wrong=(
                WrongAnswer("root_forgotten", b * b),
                WrongAnswer("subtracted", c - a),
                WrongAnswer("added", _root(c * c + a * a)),
            ),
        )
    return Problem(
        ask=(
            f"The legs of a right triangle are ${a}$ and ${b}$. Find the hypotenuse.",
            f"How long is the hypotenuse of a right triangle with legs ${a}$ and ${b}$?",
        ),
        form=EXACT,
        terse=f"legs {a},{b},hypotenuse=?",
        steps=(
            Step("", f"{a}^2 + {b}^2 = {a * a} + {b * b} = {square}"),
            _root_step(square, answer),
        ),
        answer=answer,
        wrong=(
            WrongAnswer("root_forgotten", square),
            WrongAnswer("added", a + b),
            WrongAnswer("squares_forgotten", _root(a + b)),
        ),
    )


def _root(square: int) -> Value:
    width = isqrt(square)
    return width if width * width == square else surd(0, 1, square)


def _root_step(square: int, answer: Value) -> Step:
    root = f"\\sqrt{{{square}}}"
    return Step("", root if latex(answer) == root else f"{root} = {latex(answer)}")


def _angles(rng: Random, difficulty: float) -> Problem:
    if rng.random() < 0.5:
        a = rng.randint(15, 120)
        b = rng.randint(10, 170 - a)
        c = 180 - a - b
        return Problem(
            ask=(
                f"Two angles of a triangle measure ${a}$ and ${b}$ degrees. How many degrees has the third?",
                f"A triangle has angles of ${a}$ and ${b}$ degrees. Find the third angle in degrees.",
            ),
            form="Give the number of degrees as an integer, without a unit.",
            terse=f"triangle angles {a},{b},?",
            steps=(Step("", f"180 - {a} - {b} = {c}"),),
            answer=c,
            wrong=(
                WrongAnswer("full_turn", 360 - a - b),
                WrongAnswer("sum", a + b),
                WrongAnswer("one_angle_only", 180 - a),
            ),
        )
    n = rng.choice((5, 6, 8, 9, 10, 12, 15, 18, 20, 24, 30, 36))
    given = rng.randint(1, n - 2)
    total = (n - 2) * 180
    k = n - given
    return Problem(
        ask=(
            f"How many degrees do ${k}$ interior angles of a regular polygon with ${n}$ sides have in total?",
        ),
        form="Give the number of degrees as an integer, without a unit.",
        terse=f"{k} angles of regular {n}-gon=?",
        steps=(
            Step("", f"({n} - 2) \\cdot 180 = {total}"),
            Step("", f"\\frac{{{total}}}{{{n}}} = {total // n}"),
            Step("", f"{k} \\cdot {total // n} = {k * total // n}"),
        ),
        answer=k * total // n,
        wrong=(
            WrongAnswer("all_angles", total),
            WrongAnswer("exterior", k * 360 // n),
            WrongAnswer("full_turn_too_many", Fraction(k * n * 180, n)),
        ),
    )


def _distance(rng: Random, difficulty: float) -> Problem:
    bound = size(difficulty, 5, 20)
    three = difficulty >= 0.8 and rng.random() < 0.5
    n = 3 if three else 2
    while True:
        p, q = ([rng.randint(-bound, bound) for _ in range(n)] for _ in range(2))
        if p != q:
            break
    gaps = [b - a for a, b in zip(p, q, strict=True)]
    square = sum(gap * gap for gap in gaps)
    answer = _root(square)
    left, right = (", ".join(map(str, point)) for point in (p, q))
    added = " + ".join(f"{signed(gap)}^2" for gap in gaps)
    return Problem(
        ask=(
            f"Find the distance between the points $({left})$ and $({right})$.",
            f"How far apart are the points $({left})$ and $({right})$?",
        ),
        form=EXACT,
        terse=f"dist(({left}),({right}))=?".replace(" ", ""),
        steps=(
            Step("", f"{added} = {square}"),
            _root_step(square, answer),
        ),
        answer=answer,
        wrong=(
            WrongAnswer("root_forgotten", square),
            WrongAnswer("gaps_added", sum(abs(gap) for gap in gaps)),
            WrongAnswer(
                "coordinates_added", _root(max(1, sum((a + b) ** 2 for a, b in zip(p, q, strict=True))))
            ),
        ),
    )


def _polygon(rng: Random, difficulty: float) -> Problem:
    """The area of a triangle from its corners, by the shoelace formula."""
    bound = size(difficulty, 6, 20)
    while True:
        corners = [(rng.randint(-bound, bound), rng.randint(-bound, bound)) for _ in range(3)]
        crossings = [a * d - c * b for (a, b), (c, d) in zip(corners, corners[1:] + corners[:1], strict=True)]
        if sum(crossings):
            break
    double = sum(crossings)
    answer = Fraction(abs(double), 2)
    listed = ", ".join(f"$({x}, {y})$" for x, y in corners[:2]) + f" and $({corners[2][0]}, {corners[2][1]})$"
    steps = [
        Step("", f"{a} \\cdot {signed(d)} - {signed(c)} \\cdot {signed(b)} = {crossing}")
        for ((a, b), (c, d)), crossing in zip(
            zip(corners, corners[1:] + corners[:1], strict=True), crossings, strict=True
        )
    ]
    added = " + ".join(str(signed(crossing)) for crossing in crossings)
    return Problem(
        ask=(
            f"Find the area of the triangle with the corners {listed}.",
            f"A triangle has the vertices {listed}. What is its area?",
        ),
        form=NUMBER,
        terse="area " + "".join(f"({x},{y})" for x, y in corners) + "=?",
        steps=(
            *steps,
            Step("Add:", f"{added} = {double}"),
            Step(
                "Half its size is",
                f"\\frac{{{abs(double)}}}{{2}}" + (f" = {answer}" if answer.denominator == 1 else ""),
                f"{abs(double)}/2={answer}",
            ),
        ),
        answer=answer,
        wrong=(
            WrongAnswer("half_forgotten", 2 * answer),
            WrongAnswer("last_term_dropped", Fraction(abs(double - crossings[-1]), 2)),
            WrongAnswer("orientation_sign", -answer),
        ),
    )


def _box(rng: Random, difficulty: float) -> Problem:
    a, b, c = (rng.randint(2, size(difficulty, 10, 40)) for _ in range(3))
    volume, surface = a * b * c, 2 * (a * b + b * c + a * c)
    asked_volume = rng.random() < 0.4
    name = "volume" if asked_volume else "surface area"
    answer = volume if asked_volume else surface
    steps = (
        (Step("", f"{a} \\cdot {b} \\cdot {c} = {volume}"),)
        if asked_volume
        else (
            Step(
                "The three faces have the areas",
                f"{a} \\cdot {b} = {a * b}, {b} \\cdot {c} = {b * c}, {a} \\cdot {c} = {a * c}",
            ),
            Step("", f"2 \\cdot ({a * b} + {b * c} + {a * c}) = {surface}"),
        )
    )
    return Problem(
        ask=(
            f"A box has the edges ${a}$, ${b}$ and ${c}$. Find its {name}.",
            f"What is the {name} of a rectangular box with edges ${a}$, ${b}$ and ${c}$?",
        ),
        form=INTEGER,
        terse=f"{name} of box {a},{b},{c}=?",
        steps=steps,
        answer=answer,
        wrong=(
            WrongAnswer("other_measure", surface if asked_volume else volume),
            WrongAnswer("edges_added", 4 * (a + b + c)),
            WrongAnswer("half", Fraction(answer, 2)),
        ),
    )


def _cylinder(rng: Random, difficulty: float) -> Problem:
    r, h = rng.randint(2, size(difficulty, 8, 25)), rng.randint(2, size(difficulty, 10, 40))
    cone = rng.random() < 0.5
    factor = Fraction(r * r * h, 3 if cone else 1)
    name = "cone" if cone else "cylinder"
    product = f"{r}^2 \\cdot {h} \\cdot \\pi"
    line = f"\\frac{{{product}}}{{3}} = {latex(_pi(factor))}" if cone else f"{product} = {latex(_pi(factor))}"
    short = f"{r}^2*{h}{'/3' if cone else ''}*pi={terse_text(_pi(factor))}"
    return Problem(
        ask=(
            f"Find the volume of a {name} with radius ${r}$ and height ${h}$.",
            f"A {name} has base radius ${r}$ and height ${h}$. What is its volume?",
        ),
        form="Give the exact value in terms of $\\pi$.",
        terse=f"volume of {name} r={r},h={h}?",
        steps=(Step("", line, short),),
        answer=_pi(factor),
        wrong=(
            WrongAnswer("other_solid", _pi(factor * 3 if cone else factor / 3)),
            WrongAnswer("square_forgotten", _pi(factor / r)),
            WrongAnswer("pi_forgotten", factor),
        ),
    )


FAMILIES = (Family("geometry", "geometry", geometry),)
