"""Word problems with several steps, and percentages."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from math import gcd
from random import Random

from verirl.taskgen.difficulty import level, size
from verirl_math.tasks.families.exact_answers import WrongAnswer, latex
from verirl_math.tasks.families.problem import INTEGER, Family, Problem, Step

_NAMES = (
    "Ada",
    "Ben",
    "Chi",
    "Dora",
    "Emil",
    "Fatima",
    "Goran",
    "Hana",
    "Ivo",
    "Juno",
    "Kofi",
    "Lena",
    "Mira",
    "Nils",
    "Olga",
    "Priya",
)
_OBJECTS = ("pencils", "stickers", "apples", "marbles", "cards", "shells", "stamps", "beads")


def word_problem(rng: Random, difficulty: float) -> Problem:
    """A story whose numbers must be combined in two to five steps."""
    if difficulty < 0.3:
        stories: tuple[Callable[[Random, float], Problem], ...] = (_boxes, _savings, _shop)
    elif difficulty < 0.65:
        stories = (_shop, _boxes_shared, _travel, _ages, _savings)
    else:
        stories = (_shop, _workers, _meeting, _mixture, _ages, _tickets, _boxes_shared)
    return rng.choice(stories)(rng, difficulty)


def _boxes(rng: Random, difficulty: float) -> Problem:
    name, thing = rng.choice(_NAMES), rng.choice(_OBJECTS)
    boxes, each = rng.randint(2, size(difficulty, 9, 30)), rng.randint(3, size(difficulty, 12, 40))
    total = boxes * each
    given = rng.randint(1, total - 1)
    left = total - given
    return Problem(
        ask=(
            (
                f"{name} has {boxes} boxes with {each} {thing} in each. {name} gives away {given} {thing}. "
                f"How many {thing} are left?"
            ),
            (
                f"There are {each} {thing} in each of {name}'s {boxes} boxes. After {given} {thing} are "
                "given away, how many remain?"
            ),
        ),
        form=INTEGER,
        terse=f"{name}: {boxes} boxes of {each} {thing}, gives {given}, left?",
        steps=(
            Step(f"The number of {thing} at first is", f"{boxes} \\cdot {each} = {total}"),
            Step("After the gift", f"{total} - {given} = {left}"),
        ),
        answer=left,
        wrong=(
            WrongAnswer("dropped_step", total),
            WrongAnswer("added", total + given),
            WrongAnswer("boxes_added", boxes + each - given),
        ),
    )


def _boxes_shared(rng: Random, difficulty: float) -> Problem:
    name, thing = rng.choice(_NAMES), rng.choice(_OBJECTS)
    friends, share = rng.randint(2, level(difficulty, 5, 12)), rng.randint(3, size(difficulty, 12, 60))
    boxes = rng.randint(2, level(difficulty, 6, 15))
    kept = rng.randint(1, 30)
    total = friends * share + kept
    boxes, each, loose = _split_boxes(total, boxes)
    steps = (
        Step("In the boxes are", f"{boxes} \\cdot {each} = {boxes * each}"),
        Step("With the loose ones", f"{boxes * each} + {loose} = {total}"),
        Step(f"Without the {kept} that are kept", f"{total} - {kept} = {total - kept}"),
        Step("Each friend gets", f"\\frac{{{total - kept}}}{{{friends}}} = {share}"),
    )
    return Problem(
        ask=(
            (
                f"{name} has {boxes} boxes of {each} {thing} and {loose} loose {thing}. {name} keeps {kept} "
                f"and shares the rest equally among {friends} friends. How many {thing} does each friend "
                "get?"
            ),
            (
                f"In {boxes} boxes {name} keeps {each} {thing} each, and {loose} more lie on the table. "
                f"{name} sets {kept} {thing} aside and deals the others out to {friends} friends, the same "
                "number to each. How many does one friend receive?"
            ),
        ),
        form=INTEGER,
        terse=f"{name}: {boxes} boxes of {each} {thing}+{loose}, keeps {kept}, {friends} friends, each?",
        steps=steps,
        answer=share,
        wrong=(
            WrongAnswer("kept_added", Fraction(total + kept, friends)),
            WrongAnswer("dropped_step", total - kept),
            WrongAnswer("loose_forgotten", Fraction(boxes * each - kept, friends)),
            WrongAnswer("nothing_kept", Fraction(total, friends)),
        ),
    )


def _split_boxes(total: int, boxes: int) -> tuple[int, int, int]:
    """`(boxes, each, loose)` with boxes·each + loose = total and loose > 0."""
    each, loose = divmod(total, boxes)
    if each == 0:
        return 1, total - 1, 1
    return (boxes, each, loose) if loose else (boxes, each - 1, boxes) if each > 1 else (boxes - 1, 1, 1)


def _savings(rng: Random, difficulty: float) -> Problem:
    name = rng.choice(_NAMES)
    start, weekly, weeks = (
        rng.randint(5, size(difficulty, 40, 300)),
        rng.randint(2, size(difficulty, 12, 40)),
        rng.randint(3, size(difficulty, 10, 40)),
    )
    spent = rng.randint(1, start + weekly * weeks - 1)
    saved = weekly * weeks
    return Problem(
        ask=(
            (
                f"{name} has {start} coins and saves {weekly} coins a week for {weeks} weeks. Then {name} "
                f"spends {spent} coins. How many coins does {name} have now?"
            ),
            (
                f"Starting with {start} coins, {name} puts aside {weekly} coins every week. After {weeks} "
                f"weeks {name} buys something for {spent} coins. How many coins remain?"
            ),
        ),
        form=INTEGER,
        terse=f"{name}: {start}+{weekly}/week,{weeks} weeks,spends {spent},now?",
        steps=(
            Step("Saved:", f"{weekly} \\cdot {weeks} = {saved}"),
            Step("Together:", f"{start} + {saved} = {start + saved}"),
            Step("After spending:", f"{start + saved} - {spent} = {start + saved - spent}"),
        ),
        answer=start + saved - spent,
        wrong=(
            WrongAnswer("dropped_step", start + saved),
            WrongAnswer("start_forgotten", saved - spent),
            WrongAnswer("one_week_only", start + weekly - spent),
        ),
    )


def _shop(rng: Random, difficulty: float) -> Problem:
    name = rng.choice(_NAMES)
    count = 2 if difficulty < 0.6 else 3
    items = rng.sample(("pens", "books", "cups", "lamps", "rulers", "hats", "bags"), count)
    prices = [rng.randint(2, size(difficulty, 12, 60)) for _ in items]
    amounts = [rng.randint(2, size(difficulty, 6, 15)) for _ in items]
    costs = [p * n for p, n in zip(prices, amounts, strict=True)]
    total = sum(costs)
    paid = total + rng.randint(1, size(difficulty, 20, 100))
    listed = [f"{n} {item} at {p} coins each" for n, item, p in zip(amounts, items, prices, strict=True)]
    bought = ", ".join(listed[:-1]) + f" and {listed[-1]}"
    short = "+".join(f"{n} {item} at {p}" for n, item, p in zip(amounts, items, prices, strict=True))
    return Problem(
        ask=(
            f"{name} buys {bought} and pays with {paid} coins. How many coins of change does {name} get?",
            f"In a shop {name} takes {bought}. From {paid} coins, how many does {name} get back?",
        ),
        form=INTEGER,
        terse=f"{name} buys {short}, pays {paid}, change?",
        steps=(
            *(
                Step(f"The {item} cost", f"{n} \\cdot {p} = {n * p}")
                for item, n, p in zip(items, amounts, prices, strict=True)
            ),
            Step("Together:", f"{' + '.join(map(str, costs))} = {total}"),
            Step("Change:", f"{paid} - {total} = {paid - total}"),
        ),
        answer=paid - total,
        wrong=(
            WrongAnswer("dropped_step", total),
            WrongAnswer("one_of_each", paid - sum(prices)),
            WrongAnswer("last_forgotten", paid - total + costs[-1]),
        ),
    )


def _travel(rng: Random, difficulty: float) -> Problem:
    name = rng.choice(_NAMES)
    first, second = (rng.randint(3, size(difficulty, 20, 90)) for _ in range(2))
    hours, more = (rng.randint(2, level(difficulty, 5, 9)) for _ in range(2))
    total = first * hours + second * more
    answer = Fraction(total, hours + more)
    return Problem(
        ask=(
            (
                f"{name} travels {hours} hours at {first} km/h and then {more} hours at {second} km/h. What "
                "is the average speed of the whole trip in km/h?"
            ),
            (
                f"For {hours} hours {name} rides at {first} km/h, for the next {more} hours at {second} "
                "km/h. Find the average speed over the whole time in km/h."
            ),
        ),
        form="Give the number alone, as an integer or a fraction in lowest terms, without a unit.",
        terse=f"{name}: {hours}h at {first},{more}h at {second},average?",
        steps=(
            Step(
                "The distances are",
                f"{first} \\cdot {hours} = {first * hours}, {second} \\cdot {more} = {second * more}",
            ),
            Step("Together:", f"{first * hours} + {second * more} = {total}"),
            Step("In", f"{hours} + {more} = {hours + more}"),
            Step(
                "hours, so the average is",
                f"\\frac{{{total}}}{{{hours + more}}} = {latex(answer)}"
                if latex(answer) != f"\\frac{{{total}}}{{{hours + more}}}"
                else latex(answer),
                f"{total}/{hours + more}={answer}",
            ),
        ),
        answer=answer,
        wrong=(
            WrongAnswer("plain_mean", Fraction(first + second, 2)),
            WrongAnswer("dropped_step", total),
            WrongAnswer("sum_of_speeds", first + second),
        ),
    )


def _ages(rng: Random, difficulty: float) -> Problem:
    older, younger = rng.sample(_NAMES, 2)
    times = rng.randint(2, level(difficulty, 4, 6))
    young = rng.randint(2, size(difficulty, 10, 20))
    later = rng.randint(2, size(difficulty, 10, 30))
    total = (times + 1) * young + 2 * later
    return Problem(
        ask=(
            (
                f"{older} is {times} times as old as {younger}. In {later} years the sum of their ages will "
                f"be {total}. How old is {younger} now?"
            ),
            (
                f"The age of {older} is {times} times that of {younger}, and {later} years from now they "
                f"will be {total} years old together. Find {younger}'s present age."
            ),
        ),
        form="Give the number of years as an integer, without a unit.",
        terse=f"{older}={times}*{younger}, sum in {later} years={total}, {younger}=?",
        steps=(
            Step("The sum of the ages now is", f"{total} - 2 \\cdot {later} = {total - 2 * later}"),
            Step(f"That is {times} + 1 times {younger}'s age:", f"{times} + 1 = {times + 1}"),
            Step("so the age is", f"\\frac{{{total - 2 * later}}}{{{times + 1}}} = {young}"),
        ),
        answer=young,
        wrong=(
            WrongAnswer("years_counted_once", Fraction(total - later, times + 1)),
            WrongAnswer("the_older_one", times * young),
            WrongAnswer("wrong_share", Fraction(total - 2 * later, times)),
            WrongAnswer("later_age", young + later),
        ),
    )


def _workers(rng: Random, difficulty: float) -> Problem:
    first, second = rng.sample(_NAMES, 2)
    a, b = rng.sample(range(2, level(difficulty, 8, 24)), 2)
    answer = Fraction(a * b, a + b)
    rate = Fraction(1, a) + Fraction(1, b)
    return Problem(
        ask=(
            (
                f"{first} paints a fence in {a} hours, {second} paints it in {b} hours. How many hours do "
                "they need together?"
            ),
            (
                f"Alone, {first} finishes a job in {a} hours and {second} in {b} hours. In how many hours do "
                "they finish it when they work at the same time?"
            ),
        ),
        form="Give the number of hours as an integer or a fraction in lowest terms, without a unit.",
        terse=f"{first} {a}h,{second} {b}h,together?",
        steps=(
            Step("In one hour they do", f"\\frac{{1}}{{{a}}} + \\frac{{1}}{{{b}}} = {latex(rate)}"),
            Step("of the work, so they need", f"1 / {latex(rate)} = {latex(answer)}", f"1/({rate})={answer}"),
        ),
        answer=answer,
        wrong=(
            WrongAnswer("mean", Fraction(a + b, 2)),
            WrongAnswer("dropped_step", rate),
            WrongAnswer("difference", abs(a - b)),
            WrongAnswer("sum", a + b),
        ),
    )


def _meeting(rng: Random, difficulty: float) -> Problem:
    first, second = rng.sample(_NAMES, 2)
    u, v = rng.sample(range(3, size(difficulty, 12, 90)), 2)
    head = rng.randint(1, 4)
    hours = rng.randint(1, 9)
    distance = u * head + (u + v) * hours
    return Problem(
        ask=(
            (
                f"Two towns are {distance} km apart. {first} leaves one of them for the other at {u} km/h. "
                f"{head} {'hour' if head == 1 else 'hours'} later {second} leaves the other town towards "
                f"{first} at {v} km/h. How many hours after {second}'s start do they meet?"
            ),
        ),
        form="Give the number of hours as an integer or a fraction in lowest terms, without a unit.",
        terse=f"{distance}km,{first} {u}km/h,{second} {v}km/h starts {head}h later,meet after?",
        steps=(
            Step(f"Before {second} starts, {first} covers", f"{u} \\cdot {head} = {u * head}"),
            Step("What is left is", f"{distance} - {u * head} = {distance - u * head}"),
            Step("Together they are this fast:", f"{u} + {v} = {u + v}"),
            Step("so they meet after", f"\\frac{{{distance - u * head}}}{{{u + v}}} = {hours}"),
        ),
        answer=hours,
        wrong=(
            WrongAnswer("from_the_first_start", hours + head),
            WrongAnswer("head_start_ignored", Fraction(distance, u + v)),
            WrongAnswer("speeds_subtracted", Fraction(distance - u * head, abs(u - v))),
        ),
    )


def _mixture(rng: Random, difficulty: float) -> Problem:
    a, b = rng.randint(1, size(difficulty, 8, 40)), rng.randint(1, size(difficulty, 8, 40))
    p, q = (5 * k for k in rng.sample(range(1, 20), 2))
    salt = Fraction(a * p + b * q, 100)
    answer = Fraction(a * p + b * q, a + b)
    tail = latex(answer)
    whole = a * p + b * q
    return Problem(
        ask=(
            (
                f"{a} kg of a {p} percent salt solution are mixed with {b} kg of a {q} percent salt "
                "solution. What is the concentration of the mixture in percent?"
            ),
        ),
        form="Give the number of percent, an integer or a fraction in lowest terms, without a percent sign.",
        terse=f"{a}kg {p} percent+{b}kg {q} percent,percent?",
        steps=(
            Step("", f"{a} \\cdot {p} + {b} \\cdot {q} = {whole}"),
            Step("", f"{a} + {b} = {a + b}"),
            Step(
                "",
                f"\\frac{{{whole}}}{{{a + b}}}"
                + ("" if tail == f"\\frac{{{whole}}}{{{a + b}}}" else f" = {tail}"),
                f"{whole}/{a + b}={answer}",
            ),
        ),
        answer=answer,
        wrong=(
            WrongAnswer("plain_mean", Fraction(p + q, 2)),
            WrongAnswer("amount_of_salt", salt),
            WrongAnswer("weights_swapped", Fraction(a * q + b * p, a + b)),
            WrongAnswer("added", p + q),
        ),
    )


def _tickets(rng: Random, difficulty: float) -> Problem:
    adults, children = (rng.randint(3, size(difficulty, 20, 200)) for _ in range(2))
    low, high = sorted(rng.sample(range(2, 15), 2))
    people, income = adults + children, adults * high + children * low
    return Problem(
        ask=(
            (
                f"A show sold {people} tickets for {income} coins in all. A child's ticket costs {low} coins "
                f"and an adult's {high} coins. How many adults came?"
            ),
            (
                f"{people} people paid {income} coins for a show: adults {high} coins each, children {low} "
                "coins each. How many of them were adults?"
            ),
        ),
        form=INTEGER,
        terse=f"{people} tickets,{income} coins,adult {high},child {low},adults?",
        steps=(
            Step("If all were children:", f"{people} \\cdot {low} = {people * low}"),
            Step("That is short by", f"{income} - {people * low} = {income - people * low}"),
            Step("Each adult adds", f"{high} - {low} = {high - low}"),
            Step("so there are", f"\\frac{{{income - people * low}}}{{{high - low}}} = {adults}"),
        ),
        answer=adults,
        wrong=(
            WrongAnswer("the_children", children),
            WrongAnswer("dropped_step", income - people * low),
            WrongAnswer("divided_at_once", Fraction(income, high + low)),
        ),
    )


def percentage(rng: Random, difficulty: float) -> Problem:
    """Shares of an amount, changes one after another, and the amount before a change."""
    kinds = (
        (_share,)
        if difficulty < 0.25
        else (_share, _change)
        if difficulty < 0.5
        else (_change, _changes, _before)
    )
    return rng.choice(kinds)(rng, difficulty)


def _whole_amount(rng: Random, p: int, bound: int) -> int:
    """An amount of which `p` percent is a whole number."""
    step = 100 // gcd(100, p)
    return step * rng.randint(1, max(2, bound // step))


def _share(rng: Random, difficulty: float) -> Problem:
    p = (
        10 * rng.randint(1, 9)
        if difficulty < 0.15
        else 5 * rng.randint(1, 19)
        if difficulty < 0.4
        else rng.randint(1, 99)
    )
    amount = _whole_amount(rng, p, size(difficulty, 200, 2000))
    answer = p * amount // 100
    return Problem(
        ask=(f"What is ${p}$ percent of ${amount}$?", f"Find ${p}$ percent of ${amount}$."),
        form=INTEGER,
        terse=f"{p} percent of {amount}=?",
        steps=(
            Step("", f"{amount} \\cdot {p} = {amount * p}"),
            Step("", f"\\frac{{{amount * p}}}{{100}} = {answer}"),
        ),
        answer=answer,
        wrong=(
            WrongAnswer("the_rest", amount - answer),
            WrongAnswer("hundredth_forgotten", amount * p),
            WrongAnswer("increased", amount + answer),
        ),
    )


def _change(rng: Random, difficulty: float) -> Problem:
    up = rng.random() < 0.5
    p = 5 * rng.randint(1, 19)
    amount = _whole_amount(rng, p, size(difficulty, 200, 3000))
    part = p * amount // 100
    answer = amount + part if up else amount - part
    verb, sign = ("rises", "+") if up else ("falls", "-")
    return Problem(
        ask=(
            f"A price of {amount} coins {verb} by {p} percent. What is the new price in coins?",
            (
                f"The price of a bicycle is {amount} coins and {verb} by {p} percent. Find the new price in "
                "coins."
            ),
        ),
        form="Give an integer, without a unit.",
        terse=f"{amount}{sign}{p} percent=?",
        steps=(
            Step("The change is", f"\\frac{{{amount} \\cdot {p}}}{{100}} = {part}"),
            Step("", f"{amount} {sign} {part} = {answer}"),
        ),
        answer=answer,
        wrong=(
            WrongAnswer("change_alone", part),
            WrongAnswer("other_direction", 2 * amount - answer),
            WrongAnswer("percent_as_amount", amount + p if up else amount - p),
        ),
    )


def _changes(rng: Random, difficulty: float) -> Problem:
    count = rng.randint(2, level(difficulty, 2, 3))
    moves = [rng.choice((-1, 1)) * 10 * rng.randint(1, 5) for _ in range(count)]
    amount = 10**count * rng.randint(1, size(difficulty, 5, 40))
    steps, value = [], amount
    for move in moves:
        after = value * (100 + move) // 100
        steps.append(
            Step(
                f"{'Up' if move > 0 else 'Down'} {abs(move)} percent:",
                f"\\frac{{{value} \\cdot {100 + move}}}{{100}} = {after}",
            )
        )
        value, before = after, value
    changes = ", then ".join(f"{'rises' if move > 0 else 'falls'} by {abs(move)} percent" for move in moves)
    return Problem(
        ask=(
            f"A price of {amount} coins {changes}. What is the price in the end, in coins?",
            (
                f"A town has {amount} inhabitants. Their number {changes}. How many inhabitants are there in "
                "the end?"
            ),
        ),
        form="Give an integer, without a unit.",
        terse=f"{amount}{''.join(f'{m:+d} percent' for m in moves)}=?",
        steps=tuple(steps),
        answer=value,
        wrong=(
            WrongAnswer("percentages_added", Fraction(amount * (100 + sum(moves)), 100)),
            WrongAnswer("dropped_step", before),
            WrongAnswer("sign_flip", Fraction(before * (100 - moves[-1]), 100)),
        ),
    )


def _before(rng: Random, difficulty: float) -> Problem:
    move = rng.choice((-1, 1)) * 5 * rng.randint(1, 16)
    original = _whole_amount(rng, abs(move), size(difficulty, 200, 3000))
    after = original * (100 + move) // 100
    verb = "rose" if move > 0 else "fell"
    return Problem(
        ask=(
            f"A price {verb} by {abs(move)} percent to {after} coins. What was it before, in coins?",
            f"After a price {verb} by {abs(move)} percent, it is {after} coins. Find the old price in coins.",
        ),
        form="Give an integer, without a unit.",
        terse=f"?{move:+d} percent={after}",
        steps=(
            Step(
                "The new price is this many percent of the old one:",
                f"100 {'+' if move > 0 else '-'} {abs(move)} = {100 + move}",
            ),
            Step("so the old price was", f"\\frac{{{after} \\cdot 100}}{{{100 + move}}} = {original}"),
        ),
        answer=original,
        wrong=(
            WrongAnswer("percent_of_the_new", Fraction(after * (100 - move), 100)),
            WrongAnswer("same_direction", Fraction(after * (100 + move), 100)),
            WrongAnswer("change_alone", abs(original - after)),
        ),
    )


FAMILIES = (
    Family("word_problem", "word problems", word_problem),
    Family("percentage", "arithmetic", percentage),
)
