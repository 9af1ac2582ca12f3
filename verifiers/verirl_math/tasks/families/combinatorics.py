"""Counting and chance: combinatorics, probability, averages."""

from __future__ import annotations

from collections import Counter
from fractions import Fraction
from math import comb, factorial, perm, prod
from random import Random

from verirl.taskgen.difficulty import level, size
from verirl_math.tasks.families.exact_answers import WrongAnswer, latex
from verirl_math.tasks.families.problem import FRACTION, INTEGER, NUMBER, Family, Problem, Step


def _choose(n: int, k: int) -> Step:
    return Step("", f"\\binom{{{n}}}{{{k}}} = {comb(n, k)}")


def combinatorics(rng: Random, difficulty: float) -> Problem:
    """Selections, orders, words, paths, committees, distributions."""
    kinds = (
        (_selection, _order)
        if difficulty < 0.3
        else (_selection, _order, _word, _paths)
        if difficulty < 0.6
        else (_word, _paths, _committee, _shares)
    )
    return rng.choice(kinds)(rng, difficulty)


def _selection(rng: Random, difficulty: float) -> Problem:
    n = rng.randint(4, size(difficulty, 12, 40))
    k = rng.randint(2, min(n - 1, level(difficulty, 3, 6)))
    what = rng.choice(("books", "players", "cards", "colours", "songs", "flowers"))
    return Problem(
        ask=(
            (
                f"In how many ways can ${k}$ {what} be chosen from ${n}$ different {what}, if the order does "
                "not matter?"
            ),
            f"How many different sets of ${k}$ {what} can be made from ${n}$ different {what}?",
        ),
        form=INTEGER,
        terse=f"C({n},{k}) {what}=?",
        steps=(
            Step(
                "",
                (
                    f"\\frac{{{n}!}}{{{k}! \\cdot {n - k}!}} = \\frac{{{perm(n, k)}}}{{{factorial(k)}}} = "
                    f"{comb(n, k)}"
                ),
                f"{perm(n, k)}/{factorial(k)}={comb(n, k)}",
            ),
        ),
        answer=comb(n, k),
        wrong=(
            WrongAnswer("order_counted", perm(n, k)),
            WrongAnswer("product", n * k),
            WrongAnswer("with_repetition", comb(n + k - 1, k)),
        ),
    )


def _order(rng: Random, difficulty: float) -> Problem:
    n = rng.randint(4, size(difficulty, 12, 25))
    k = rng.randint(2, min(n - 1, level(difficulty, 3, 5)))
    what = rng.choice(("runners", "books", "students", "pictures", "singers"))
    factors = " \\cdot ".join(str(n - i) for i in range(k))
    return Problem(
        ask=(
            f"In how many ways can the first ${k}$ places be filled from ${n}$ {what}, if the order matters?",
            f"How many ordered rows of ${k}$ different {what} can be made from ${n}$ {what}?",
        ),
        form=INTEGER,
        terse=f"P({n},{k}) {what}=?",
        steps=(Step("", f"{factors} = {perm(n, k)}"),),
        answer=perm(n, k),
        wrong=(
            WrongAnswer("order_ignored", comb(n, k)),
            WrongAnswer("with_repetition", n**k),
            WrongAnswer("one_factor_too_many", perm(n, k) * (n - k)),
        ),
    )


_LETTERS = "ABCDEFGHKLMNPRSTU"


def _word(rng: Random, difficulty: float) -> Problem:
    letters = rng.sample(_LETTERS, rng.randint(level(difficulty, 2, 3), level(difficulty, 3, 5)))
    counts = [rng.randint(1, level(difficulty, 2, 4)) for _ in letters]
    counts[0] = max(counts[0], 2)
    word = [letter for letter, n in zip(letters, counts, strict=True) for _ in range(n)]
    rng.shuffle(word)
    text, n = "".join(word), len(word)
    repeats = sorted(count for count in Counter(word).values() if count > 1)
    bottom = prod(factorial(count) for count in repeats)
    answer = factorial(n) // bottom
    under = " \\cdot ".join(f"{count}!" for count in repeats)
    return Problem(
        ask=(
            f"How many different arrangements of the letters of {text} are there?",
            f"In how many distinguishable orders can the letters of the word {text} be written?",
        ),
        form=INTEGER,
        terse=f"orders({text})=?",
        steps=(
            Step(
                "",
                f"\\frac{{{n}!}}{{{under}}} = \\frac{{{factorial(n)}}}{{{bottom}}} = {answer}",
                f"{factorial(n)}/{bottom}={answer}",
            ),
        ),
        answer=answer,
        wrong=(
            WrongAnswer("repeats_ignored", factorial(n)),
            WrongAnswer(
                "one_repeat_divided",
                factorial(n) // factorial(repeats[0]) if len(repeats) > 1 else factorial(n) // 2 + 1,
            ),
            WrongAnswer("repeats_added", Fraction(factorial(n), sum(repeats))),
        ),
    )


def _paths(rng: Random, difficulty: float) -> Problem:
    a, b = (rng.randint(level(difficulty, 2, 5), level(difficulty, 5, 11)) for _ in range(2))
    if difficulty < 0.5:
        return Problem(
            ask=(
                (
                    f"On a grid, how many shortest paths lead from $(0, 0)$ to $({a}, {b})$ with unit steps "
                    "right and up?"
                ),
                (
                    "A robot moves one unit right or one unit up at a time. In how many ways can it go from "
                    f"$(0, 0)$ to $({a}, {b})$?"
                ),
            ),
            form=INTEGER,
            terse=f"paths to ({a},{b})=?",
            steps=(
                Step(
                    f"Choose which {a} of the {a + b} steps go right:",
                    f"\\binom{{{a + b}}}{{{a}}} = {comb(a + b, a)}",
                ),
            ),
            answer=comb(a + b, a),
            wrong=(
                WrongAnswer("one_step_too_many", comb(a + b + 1, a)),
                WrongAnswer("order_counted", perm(a + b, a)),
                WrongAnswer("product", a * b),
            ),
        )
    c, d = rng.randint(1, a), rng.randint(0, b - 1)
    first, second = comb(c + d, c), comb(a - c + b - d, a - c)
    return Problem(
        ask=(
            (
                f"On a grid, how many shortest paths lead from $(0, 0)$ to $({a}, {b})$ through $({c}, "
                f"{d})$, with unit steps right and up?"
            ),
        ),
        form=INTEGER,
        terse=f"paths to ({a},{b}) via ({c},{d})=?",
        steps=(
            Step("", f"\\binom{{{c + d}}}{{{c}}} = {first}"),
            Step("", f"\\binom{{{a - c + b - d}}}{{{a - c}}} = {second}"),
            Step("", f"{first} \\cdot {second} = {first * second}"),
        ),
        answer=first * second,
        wrong=(
            WrongAnswer("added", first + second),
            WrongAnswer("condition_ignored", comb(a + b, a)),
            WrongAnswer("complement", comb(a + b, a) - first * second),
        ),
    )


def _committee(rng: Random, difficulty: float) -> Problem:
    women, men = rng.randint(4, level(difficulty, 7, 14)), rng.randint(4, level(difficulty, 7, 14))
    w, m = rng.randint(1, 3), rng.randint(1, 3)
    exactly = rng.random() < 0.5
    total = w + m
    counts = range(w, w + 1) if exactly else range(w, min(women, total) + 1)
    parts = [comb(women, i) * comb(men, total - i) for i in counts]
    answer = sum(parts)
    word = "exactly" if exactly else "at least"
    steps = [
        Step(
            "",
            (
                f"\\binom{{{women}}}{{{i}}} \\cdot \\binom{{{men}}}{{{total - i}}} = {comb(women, i)} \\cdot "
                f"{comb(men, total - i)} = {part}"
            ),
        )
        for i, part in zip(counts, parts, strict=True)
    ]
    if len(parts) > 1:
        steps.append(Step("Add the cases:", f"{' + '.join(map(str, parts))} = {answer}"))
    return Problem(
        ask=(
            (
                f"From ${women}$ women and ${men}$ men a committee of ${total}$ people is chosen. In how "
                f"many ways can it have {word} ${w}$ {'woman' if w == 1 else 'women'}?"
            ),
        ),
        form=INTEGER,
        terse=f"{women}w,{men}m,pick {total},{word} {w}w=?",
        steps=tuple(steps),
        answer=answer,
        wrong=(
            WrongAnswer("condition_ignored", comb(women + men, total)),
            WrongAnswer("added", comb(women, w) + comb(men, m)),
            WrongAnswer("others_free", comb(women, w) * comb(women + men - w, m)),
        ),
    )


def _shares(rng: Random, difficulty: float) -> Problem:
    boxes = rng.randint(level(difficulty, 2, 4), level(difficulty, 3, 7))
    least = rng.choice((0, 1))
    balls = boxes * least + rng.randint(level(difficulty, 2, 6), level(difficulty, 6, 18))
    free = balls - boxes * least
    answer = comb(free + boxes - 1, boxes - 1)
    what, where = rng.choice((("coins", "children"), ("balls", "boxes"), ("sweets", "bags")))
    condition = "each gets at least one" if least else "some may get none"
    steps = [Step("Give one to each first:", f"{balls} - {boxes} = {free}")] if least else []
    return Problem(
        ask=(
            (
                f"In how many ways can ${balls}$ identical {what} be shared among ${boxes}$ different "
                f"{where}, if {condition}?"
            ),
        ),
        form=INTEGER,
        terse=f"{balls} same {what},{boxes} {where},min {least}=?",
        steps=(*steps, _choose(free + boxes - 1, boxes - 1)),
        answer=answer,
        wrong=(
            WrongAnswer(
                "other_condition", comb(balls + boxes - 1, boxes - 1) if least else comb(balls - 1, boxes - 1)
            ),
            WrongAnswer("balls_told_apart", boxes**balls),
            WrongAnswer("one_bar_too_many", comb(free + boxes, boxes)),
        ),
    )


def probability(rng: Random, difficulty: float) -> Problem:
    """Dice, coins and draws; one event, several, or none."""
    kinds = (
        (_one_draw, _dice)
        if difficulty < 0.3
        else (_dice, _draws, _coins)
        if difficulty < 0.65
        else (_draws, _coins, _at_least_one)
    )
    return rng.choice(kinds)(rng, difficulty)


_COLORS = ("red", "blue", "green", "white", "black", "yellow")


def _one_draw(rng: Random, difficulty: float) -> Problem:
    colours = rng.sample(_COLORS, 2)
    counts = [rng.randint(1, size(difficulty, 12, 60)) for _ in colours]
    total, wanted = sum(counts), counts[0]
    answer = Fraction(wanted, total)
    bag = f"${counts[0]}$ {colours[0]} and ${counts[1]}$ {colours[1]}"
    return Problem(
        ask=(
            (
                f"A bag holds {bag} balls. One is drawn at random. What is the probability that it is "
                f"{colours[0]}?"
            ),
            (
                f"From a bag with {bag} marbles one is picked at random. Find the probability of a "
                f"{colours[0]} one."
            ),
        ),
        form=FRACTION,
        terse=f"{counts[0]} {colours[0]},{counts[1]} {colours[1]},P({colours[0]})=?",
        steps=(Step("", f"{counts[0]} + {counts[1]} = {total}"), _reduced(wanted, total)),
        answer=answer,
        wrong=(
            WrongAnswer("odds", Fraction(wanted, counts[1])),
            WrongAnswer("complement", 1 - answer),
            WrongAnswer("inverse", 1 / answer),
        ),
    )


def _reduced(top: int, bottom: int) -> Step:
    value = Fraction(top, bottom)
    text = f"\\frac{{{top}}}{{{bottom}}}"
    return Step(
        "",
        text if value.denominator == bottom else f"{text} = {latex(value)}",
        f"{top}/{bottom}" if value.denominator == bottom else f"{top}/{bottom}={value}",
    )


def _dice(rng: Random, difficulty: float) -> Problem:
    count = 2 if difficulty < 0.5 else rng.randint(2, 3)
    sides = rng.choice((6,) if difficulty < 0.15 else (4, 6, 8, 10, 12))
    total = rng.randint(count + 1, count * sides - 1)
    exactly = rng.random() < 0.5
    ways = {count: 1}
    totals: Counter[int] = Counter({0: 1})
    for _ in range(count):
        totals = Counter(
            {t: sum(totals[t - face] for face in range(1, sides + 1)) for t in range(1, count * sides + 1)}
        )
    ways = {t: n for t, n in totals.items() if n and (t == total if exactly else t >= total)}
    good, cases = sum(ways.values()), sides**count
    answer = Fraction(good, cases)
    word = "exactly" if exactly else "at least"
    dice = f"{'two' if count == 2 else 'three'} fair {sides}-sided dice"
    listed = ", ".join(f"{n} for a sum of {t}" for t, n in sorted(ways.items()))
    return Problem(
        ask=(
            (
                f"The faces of each of {dice} are numbered from $1$ to ${sides}$. All are rolled once. "
                f"What is the probability that the sum is {word} ${total}$?"
            ),
            f"Find the probability that {dice} with faces $1$ to ${sides}$ show a sum of {word} ${total}$.",
        ),
        form=NUMBER,
        terse=f"{count}d{sides},P(sum{'=' if exactly else '>='}{total})=?",
        steps=(
            Step(
                f"Favourable outcomes: {listed}.",
                "",
                f"{'+'.join(str(ways[t]) for t in sorted(ways))}={good}",
            ),
            Step("All outcomes:", f"{sides}^{count} = {cases}"),
            _reduced(good, cases),
        ),
        answer=answer,
        wrong=(
            WrongAnswer("sums_equally_likely", Fraction(len(ways), count * (sides - 1) + 1)),
            WrongAnswer("complement", 1 - answer),
            WrongAnswer("one_outcome_missed", Fraction(good - 1, cases)),
        ),
    )


def _draws(rng: Random, difficulty: float) -> Problem:
    red, blue = (rng.randint(3, level(difficulty, 6, 20)) for _ in range(2))
    k = rng.randint(2, level(difficulty, 2, 4))
    wanted = rng.randint(max(0, k - blue), min(k, red))
    total = red + blue
    good, cases = comb(red, wanted) * comb(blue, k - wanted), comb(total, k)
    answer = Fraction(good, cases)
    return Problem(
        ask=(
            (
                f"A bag holds ${red}$ red and ${blue}$ blue balls. ${k}$ are drawn at random without "
                f"replacement. What is the probability that exactly ${wanted}$ of them "
                f"{'is' if wanted == 1 else 'are'} red?"
            ),
        ),
        form=NUMBER,
        terse=f"{red} red,{blue} blue,draw {k},P({wanted} red)=?",
        steps=(
            Step("", f"\\binom{{{red}}}{{{wanted}}} \\cdot \\binom{{{blue}}}{{{k - wanted}}} = {good}"),
            _choose(total, k),
            _reduced(good, cases),
        ),
        answer=answer,
        wrong=(
            WrongAnswer(
                "with_replacement",
                comb(k, wanted) * Fraction(red, total) ** wanted * Fraction(blue, total) ** (k - wanted),
            ),
            WrongAnswer("orders_ignored", answer / comb(k, wanted)),
            WrongAnswer("complement", 1 - answer),
        ),
    )


def _coins(rng: Random, difficulty: float) -> Problem:
    n = rng.randint(level(difficulty, 3, 6), level(difficulty, 5, 14))
    k = rng.randint(1, n - 1)
    exactly = rng.random() < 0.5
    counts = [k] if exactly else list(range(k, n + 1))
    good = sum(comb(n, i) for i in counts)
    answer = Fraction(good, 2**n)
    word = "exactly" if exactly else "at least"
    return Problem(
        ask=(
            (
                f"A fair coin is tossed ${n}$ times. What is the probability of {word} ${k}$ "
                f"{'head' if k == 1 else 'heads'}?"
            ),
        ),
        form=NUMBER,
        terse=f"{n} coins,P(heads{'=' if exactly else '>='}{k})=?",
        steps=(
            Step("", " + ".join(f"\\binom{{{n}}}{{{i}}}" for i in counts) + f" = {good}"),
            Step("", f"2^{{{n}}} = {2**n}"),
            _reduced(good, 2**n),
        ),
        answer=answer,
        wrong=(
            WrongAnswer("one_order_only", Fraction(1, 2**n)),
            WrongAnswer("share_of_heads", Fraction(k, n)),
            WrongAnswer("complement", 1 - answer),
            WrongAnswer("other_condition", Fraction(sum(comb(n, i) for i in range(k + 1, n + 1)), 2**n)),
        ),
    )


def _at_least_one(rng: Random, difficulty: float) -> Problem:
    bottom = rng.randint(3, level(difficulty, 6, 12))
    top = rng.randint(1, bottom - 1)
    n = rng.randint(2, level(difficulty, 3, 5))
    p = Fraction(top, bottom)
    none = (1 - p) ** n
    answer = 1 - none
    return Problem(
        ask=(
            (
                f"An experiment succeeds with probability ${latex(p)}$, independently each time. It is done "
                f"${n}$ times. What is the probability of at least one success?"
            ),
        ),
        form=FRACTION,
        terse=f"p={p},n={n},P(>=1)=?",
        steps=(
            Step(
                "None succeeds with probability",
                f"\\left({latex(1 - p)}\\right)^{n} = {latex(none)}",
                f"({1 - p})^{n}={none}",
            ),
            Step("", f"1 - {latex(none)} = {latex(answer)}", f"1-{none}={answer}"),
        ),
        answer=answer,
        wrong=(
            WrongAnswer("complement", none),
            WrongAnswer("multiplied", n * p),
            WrongAnswer("all_succeed", p**n),
            WrongAnswer("one_exactly", n * p * (1 - p) ** (n - 1)),
        ),
    )


def averages(rng: Random, difficulty: float) -> Problem:
    """Means and medians, and the number that is missing."""
    bound = size(difficulty, 12, 90)
    count = rng.randint(level(difficulty, 3, 5), level(difficulty, 4, 9))
    numbers = [rng.randint(1, bound) for _ in range(count)]
    kind = rng.choice(("mean", "median") if difficulty < 0.4 else ("mean", "median", "missing"))
    listed = ", ".join(map(str, numbers))
    total = sum(numbers)
    ordered = sorted(numbers)
    middle = Fraction(ordered[(count - 1) // 2] + ordered[count // 2], 2)
    mean = Fraction(total, count)
    added = " + ".join(map(str, numbers))
    if kind == "mean":
        steps: tuple[Step, ...] = (Step("", f"{added} = {total}"), _divided(total, count))
        wrong = (
            WrongAnswer("median", middle),
            WrongAnswer("sum", total),
            WrongAnswer("one_too_few", Fraction(total, count - 1)),
        )
        ask: tuple[str, ...] = (
            f"Find the mean of ${listed}$.",
            f"What is the average (arithmetic mean) of the numbers ${listed}$?",
        )
        answer = mean
    elif kind == "median":
        put = Step("In order:", ", ".join(map(str, ordered)))
        between = Step(
            "",
            f"\\frac{{{ordered[count // 2 - 1]} + {ordered[count // 2]}}}{{2}} = {latex(middle)}",
            f"({ordered[count // 2 - 1]}+{ordered[count // 2]})/2={middle}",
        )
        steps = (put, Step("The middle one is", str(middle))) if count % 2 else (put, between)
        wrong = (
            WrongAnswer("mean", mean),
            WrongAnswer("not_sorted", Fraction(numbers[(count - 1) // 2] + numbers[count // 2], 2)),
            WrongAnswer("neighbour", Fraction(ordered[count // 2 - 1])),
        )
        ask = (f"Find the median of ${listed}$.", f"What is the median of the numbers ${listed}$?")
        answer = middle
    else:
        goal = rng.randint(1, bound)
        missing = goal * (count + 1) - total
        steps = (
            Step("", f"{goal} \\cdot {count + 1} = {goal * (count + 1)}"),
            Step("", f"{added} = {total}"),
            Step("", f"{goal * (count + 1)} - {total} = {missing}"),
        )
        wrong = (
            WrongAnswer("one_too_few", goal * count - total),
            WrongAnswer("difference_of_means", goal - mean),
            WrongAnswer("total_needed", goal * (count + 1)),
        )
        ask = (
            f"The numbers ${listed}$ and one more number have the mean ${goal}$. Find that number.",
            f"Which number must join ${listed}$ so that the mean of all becomes ${goal}$?",
        )
        answer = Fraction(missing)
        return Problem(ask, INTEGER, f"{listed.replace(' ', '')},? mean {goal}", steps, answer, wrong)
    return Problem(ask, NUMBER, f"{kind}({listed.replace(' ', '')})=?", steps, answer, wrong)


def _divided(total: int, count: int) -> Step:
    value = Fraction(total, count)
    text = f"\\frac{{{total}}}{{{count}}}"
    if value.denominator == count:
        return Step("", text)
    return Step("", f"{text} = {latex(value)}")


FAMILIES = (
    Family("combinatorics", "combinatorics", combinatorics),
    Family("probability", "probability", probability),
    Family("averages", "statistics", averages),
)
