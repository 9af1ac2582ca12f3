"""Sequences: arithmetic, geometric, and by a linear recursion."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from random import Random

from verirl.taskgen.difficulty import level, size
from verirl_math.tasks.families.exact_answers import WrongAnswer, latex
from verirl_math.tasks.families.problem import INTEGER, NUMBER, Family, Problem, Step, nonzero, signed


def sequence(rng: Random, difficulty: float) -> Problem:
    """Arithmetic and geometric sequences, their sums, and linear recursions."""
    easy = ("nth",) if difficulty < 0.25 else ("nth", "sum", "recursion")
    kind = rng.choice(easy if difficulty < 0.6 else ("sum", "recursion", "geometric", "geometric_sum"))
    bound = size(difficulty, 9, 40)
    a, d = rng.randint(1, bound), nonzero(rng, bound) if difficulty >= 0.3 else rng.randint(1, bound)
    if kind in ("nth", "sum"):
        n = rng.randint(size(difficulty, 4, 20), size(difficulty, 12, 80))
        return _arithmetic_sequence(a, d, n, total=kind == "sum")
    if kind == "recursion":
        return _recursion(
            a,
            rng.randint(2, level(difficulty, 2, 4)),
            nonzero(rng, size(difficulty, 5, 12)),
            rng.randint(level(difficulty, 2, 5), level(difficulty, 3, 7)),
        )
    bottom = 1 if difficulty < 0.75 else rng.randint(1, 3)
    ratio = Fraction(rng.choice((-3, -2, 2, 3, 4)), bottom)
    if ratio == 1:
        ratio = Fraction(2)
    return _geometric(
        a, ratio, rng.randint(level(difficulty, 2, 5), level(difficulty, 4, 7)), total=kind == "geometric_sum"
    )


def _arithmetic_sequence(a: int, d: int, n: int, *, total: bool) -> Problem:
    listed = f"{a}, {a + d}, {a + 2 * d}, \\ldots"
    last = a + (n - 1) * d
    steps = [Step(f"The difference is {d}, so term {n} is", f"{a} + {n - 1} \\cdot {signed(d)} = {last}")]
    answer = Fraction(last)
    what = f"term number ${n}$"
    if total:
        answer = Fraction(n * (a + last), 2)
        steps.append(
            Step(
                "The sum is",
                f"\\frac{{{n} \\cdot ({a} + {signed(last)})}}{{2}} = {answer}",
                f"{n}*({a}+{signed(last)})/2={answer}",
            )
        )
        what = f"the sum of the first ${n}$ terms"
    return Problem(
        ask=(
            f"Find {what} of the arithmetic sequence ${listed}$.",
            f"What is {what} of the arithmetic sequence that begins ${listed}$?",
        ),
        form=INTEGER,
        terse=f"{a},{a + d},{a + 2 * d},..;{'sum' if total else 'term'} {n}=?",
        steps=tuple(steps),
        answer=answer,
        wrong=(
            WrongAnswer("one_step_too_far", answer + (last + d if total else d)),
            WrongAnswer("last_term" if total else "forgot_first", last if total else (n - 1) * d),
            WrongAnswer("one_step_short", answer - (last if total else d)),
        ),
    )


def _recursion(a: int, p: int, q: int, n: int) -> Problem:
    steps, value, before = [], a, a
    for i in range(2, n + 1):
        before, value = value, p * value + q
        steps.append(
            Step("", f"a_{i} = {p} \\cdot {signed(before)} {'+' if q > 0 else '-'} {abs(q)} = {value}")
        )
    rule = f"a_{{k+1}} = {p}a_k {'+' if q > 0 else '-'} {abs(q)}"
    return Problem(
        ask=(
            f"A sequence has $a_1 = {a}$ and ${rule}$ for $k \\geq 1$. Find $a_{n}$.",
            f"Let $a_1 = {a}$ and ${rule}$. What is $a_{n}$?",
        ),
        form=INTEGER,
        terse=f"a1={a},a'={p}a{'+' if q > 0 else '-'}{abs(q)},a{n}=?",
        steps=tuple(steps),
        answer=value,
        wrong=(
            WrongAnswer("one_step_too_far", p * value + q),
            WrongAnswer("dropped_step", before),
            WrongAnswer("sign_of_constant", p * before - q),
        ),
    )


def _geometric(a: int, ratio: Fraction, n: int, *, total: bool) -> Problem:
    terms = [a * ratio**i for i in range(n)]
    listed = ", ".join(latex(term) for term in terms[:3])
    last = terms[-1]
    steps = [
        Step(
            "",
            f"{latex(before)} \\cdot {_around(ratio)} = {latex(after)}",
            f"{before}*{signed(ratio)}={after}",
        )
        for before, after in pairwise(terms)
    ]
    answer = last
    what = f"term number ${n}$"
    if total:
        answer = sum(terms, Fraction(0))
        plus = " + ".join(_around(term) for term in terms)
        steps.append(
            Step("Add:", f"{plus} = {latex(answer)}", f"{'+'.join(signed(term) for term in terms)}={answer}")
        )
        what = f"the sum of the first ${n}$ terms"
    return Problem(
        ask=(
            f"Find {what} of the geometric sequence ${listed}, \\ldots$",
            f"A geometric sequence begins ${listed}, \\ldots$ What is {what}?",
        ),
        form=NUMBER,
        terse=f"{','.join(str(term) for term in terms[:3])},..(geometric);{'sum' if total else 'term'} {n}=?",
        steps=tuple(steps),
        answer=answer,
        wrong=(
            WrongAnswer("one_step_too_far", answer + last * ratio if total else last * ratio),
            WrongAnswer("one_step_short", answer - last if total else last / ratio),
            WrongAnswer("arithmetic", a + (n - 1) * (terms[1] - a)),
        ),
    )


def _around(value: Fraction) -> str:
    text = latex(value)
    return f"\\left({text}\\right)" if text.startswith("-") else text


FAMILIES = (Family("sequence", "algebra", sequence),)
