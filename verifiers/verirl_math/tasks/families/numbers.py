"""Numbers: arithmetic, fractions, modular arithmetic, divisors, bases, powers."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import gcd, lcm, prod
from random import Random

from verirl.taskgen.difficulty import level, size
from verirl_math.tasks.families.exact_answers import Numeral, WrongAnswer, in_base, latex
from verirl_math.tasks.families.problem import INTEGER, NUMBER, Family, Problem, Step, signed


@dataclass(frozen=True)
class _Term:
    """One term of a sum: how it is written, what it is worth, and the steps that say so."""

    text: str
    value: int
    tokens: tuple[int | str, ...]
    steps: tuple[Step, ...] = ()


def arithmetic(rng: Random, difficulty: float) -> Problem:
    """Sums and differences of numbers, products and bracketed products."""
    bound, factor = size(difficulty, 9, 300), size(difficulty, 4, 25)
    count = rng.randint(level(difficulty, 2, 3), level(difficulty, 2, 5))
    compound = 0 if difficulty < 0.25 else rng.randint(level(difficulty, 0, 1), level(difficulty, 1, 3))
    places = set(rng.sample(range(count), min(compound, count)))
    terms = [
        _compound(rng, factor, brackets=difficulty >= 0.5 and rng.random() < 0.5)
        if place in places
        else _plain(rng.randint(1, bound))
        for place in range(count)
    ]
    steps = [step for term in terms for step in term.steps]
    total, text = terms[0].value, terms[0].text
    tokens = list(terms[0].tokens)
    partial = total
    for term in terms[1:]:
        minus = rng.random() < 0.5 and (difficulty >= 0.35 or total >= term.value)
        sign, change = ("-", -term.value) if minus else ("+", term.value)
        text += f" {sign} {term.text}"
        tokens += [sign, *term.tokens]
        steps.append(Step("", f"{total} {sign} {signed(term.value)} = {total + change}"))
        partial, total = total, total + change
    flipped = 2 * partial - total
    return Problem(
        ask=(
            f"Calculate ${text}$.",
            f"What is ${text}$?",
            f"Evaluate the expression ${text}$.",
            f"Work out ${text}$, minding the order of operations.",
        ),
        form=INTEGER,
        terse=text.replace(" ", "").replace("\\cdot", "*") + "=?",
        steps=tuple(steps),
        answer=total,
        wrong=(
            WrongAnswer("left_to_right", _left_to_right(tokens)),
            WrongAnswer("last_sign_flipped", flipped),
            WrongAnswer("dropped_step", partial),
            WrongAnswer("restated", text),
        ),
    )


def _plain(number: int) -> _Term:
    return _Term(str(number), number, (number,))


def _compound(rng: Random, factor: int, *, brackets: bool) -> _Term:
    a, b, c = (rng.randint(2, max(3, factor)) for _ in range(3))
    if not brackets:
        step = Step("", f"{a} \\cdot {b} = {a * b}")
        return _Term(f"{a} \\cdot {b}", a * b, (a, "*", b), (step,))
    sign = rng.choice("+-")
    inner = a + b if sign == "+" else a - b
    steps = (
        Step("", f"{a} {sign} {b} = {inner}"),
        Step("", f"{c} \\cdot {signed(inner)} = {c * inner}"),
    )
    return _Term(f"{c} \\cdot ({a} {sign} {b})", c * inner, (c, "*", a, sign, b), steps)


def _left_to_right(tokens: list[int | str]) -> int:
    total = int(tokens[0])
    for sign, number in zip(tokens[1::2], tokens[2::2], strict=True):
        n = int(number)
        total = total + n if sign == "+" else total - n if sign == "-" else total * n
    return total


def fractions(rng: Random, difficulty: float) -> Problem:
    """Fractions added, subtracted, multiplied and divided, left to right."""
    bound = size(difficulty, 6, 40)
    count = 2 if difficulty < 0.5 else rng.randint(2, level(difficulty, 2, 4))
    signs = "+-" if difficulty < 0.2 else "+-*/"
    first = _proper(rng, bound)
    operations = [(rng.choice(signs), _proper(rng, bound)) for _ in range(count - 1)]
    if len({sign in "+-" for sign, _ in operations}) > 1:
        # One kind of operation a problem: precedence is the arithmetic family's subject.
        operations = [("+" if sign in "*/" else sign, number) for sign, number in operations]
    symbols = {"+": "+", "-": "-", "*": "\\cdot", "/": "\\div"}
    text, short = latex(first), _ratio(first)
    steps: list[Step] = []
    total = first
    naive = first
    for sign, number in operations:
        if sign == "-" and difficulty < 0.35 and number > total:
            sign = "+"
        text += f" {symbols[sign]} {latex(number)}"
        short += sign + (f"({_ratio(number)})" if sign == "/" else _ratio(number))
        after, lines = _fraction_step(total, sign, number)
        steps += lines
        naive, total = total, after
    sign, number = operations[-1]
    top = naive.numerator - number.numerator if sign == "-" else naive.numerator + number.numerator
    mistakes = {
        "+": WrongAnswer("tops_and_bottoms", Fraction(top, naive.denominator + number.denominator)),
        "-": WrongAnswer("tops_and_bottoms", Fraction(top, naive.denominator + number.denominator)),
        "*": WrongAnswer("divided_instead", naive / number),
        "/": WrongAnswer("multiplied_instead", naive * number),
    }
    return Problem(
        ask=(f"Calculate ${text}$.", f"What is ${text}$?", f"Simplify ${text}$ to a single number."),
        form=NUMBER,
        terse=short + "=?",
        steps=tuple(steps),
        answer=total,
        wrong=(mistakes[sign], WrongAnswer("dropped_step", naive), WrongAnswer("restated", text)),
    )


def _proper(rng: Random, bound: int) -> Fraction:
    while True:
        bottom = rng.randint(2, bound)
        value = Fraction(rng.randint(1, bottom + bound // 3), bottom)
        if value.denominator > 1:
            return value


def _ratio(value: Fraction) -> str:
    return f"{value.numerator}/{value.denominator}"


def _over(top: int, bottom: int) -> str:
    return f"{'-' if top < 0 else ''}\\frac{{{abs(top)}}}{{{bottom}}}"


def _fraction_step(a: Fraction, sign: str, b: Fraction) -> tuple[Fraction, list[Step]]:
    """The lines that carry out `a sign b`, with the unreduced result if it differs."""
    if sign in "+-":
        bottom = lcm(a.denominator, b.denominator)
        x, y = (n.numerator * (bottom // n.denominator) for n in (a, b))
        top = x + y if sign == "+" else x - y
        line = f"{_over(x, bottom)} {sign} {_over(y, bottom)} = {_over(top, bottom)}"
        short = f"{x}/{bottom}{sign}{y}/{bottom}={top}/{bottom}"
        words = "Bring both to a common denominator:"
    else:
        by = b if sign == "*" else 1 / b
        top, bottom = a.numerator * by.numerator, a.denominator * by.denominator
        line = f"{latex(a)} \\cdot {latex(by)} = {_over(top, bottom)}"
        short = f"{_ratio(a)}*{_ratio(by)}={top}/{bottom}"
        words = "Multiply the tops and the bottoms:" if sign == "*" else "Multiply by the reciprocal:"
    after = Fraction(top, bottom)
    if after.denominator != bottom:
        reduced = str(after)
        line, short = f"{line} = {latex(after)}", f"{short}={reduced}"
    return after, [Step(words, line, short)]


def modular(rng: Random, difficulty: float) -> Problem:
    """Remainders of sums, products and powers; inverses."""
    m = rng.randint(3, size(difficulty, 9, 97))
    bound = size(difficulty, 20, 500)
    kind = rng.choice(
        ("+", "*") if difficulty < 0.35 else ("*", "^") if difficulty < 0.7 else ("^", "inverse")
    )
    if kind == "inverse":
        return _inverse(rng, size(difficulty, 20, 200))
    if kind == "^":
        return _power(rng, m, difficulty)
    a, b = rng.randint(2, bound), rng.randint(2, bound if kind == "+" else max(9, bound // 10))
    value = a + b if kind == "+" else a * b
    symbol = "+" if kind == "+" else "\\cdot"
    text = f"{a} {symbol} {b}"
    quotient, rest = divmod(value, m)
    return Problem(
        ask=(
            f"What is the remainder when ${text}$ is divided by ${m}$?",
            f"Find $({text}) \\bmod {m}$.",
            f"Compute the least non-negative residue of ${text}$ modulo ${m}$.",
        ),
        form=f"Give an integer from 0 to {m - 1}.",
        terse=f"({a}{kind}{b}) mod {m}=?",
        steps=(
            Step("", f"{text} = {value}"),
            Step("Take out the multiple of the modulus:", f"{value} - {quotient} \\cdot {m} = {rest}"),
        ),
        answer=rest,
        wrong=(
            WrongAnswer("quotient", quotient),
            WrongAnswer("unreduced", value),
            WrongAnswer("other_operation", (a * b if kind == "+" else a + b) % m),
            WrongAnswer("complement", (m - rest) % m),
        ),
    )


def _power(rng: Random, m: int, difficulty: float) -> Problem:
    base = rng.randint(2, max(3, m - 1))
    exponent = rng.randint(level(difficulty, 2, 15), level(difficulty, 4, 120))
    steps = []
    result, square, left = 1, base % m, exponent
    bit = 1
    while True:
        if left & 1:
            after = result * square % m
            if result != 1 or left == 1:
                steps.append(
                    Step("Multiply it in:", f"{result} \\cdot {square} \\equiv {after} \\pmod{{{m}}}")
                )
            result = after
        left >>= 1
        if not left:
            break
        bit *= 2
        after = square * square % m
        steps.append(
            Step(
                "Square:",
                f"{base}^{{{bit}}} \\equiv {square}^2 \\equiv {after} \\pmod{{{m}}}",
                f"{base}^{bit}={square}*{square}={after}",
            )
        )
        square = after
    text = f"{base}^{{{exponent}}}"
    return Problem(
        ask=(
            f"What is the remainder when ${text}$ is divided by ${m}$?",
            f"Find ${text} \\bmod {m}$.",
            f"Compute ${text}$ modulo ${m}$.",
        ),
        form=f"Give an integer from 0 to {m - 1}.",
        terse=f"{base}^{exponent} mod {m}=?",
        steps=tuple(steps),
        answer=pow(base, exponent, m),
        wrong=(
            WrongAnswer("one_factor_too_many", pow(base, exponent + 1, m)),
            WrongAnswer("multiplied_by_exponent", base * exponent % m),
            WrongAnswer("exponent_reduced", pow(base, exponent % m, m)),
        ),
    )


def _inverse(rng: Random, bound: int) -> Problem:
    m = rng.randint(5, bound)
    a = rng.choice([n for n in range(2, m) if gcd(n, m) == 1])
    inverse = pow(a, -1, m)
    quotient = a * inverse // m
    return Problem(
        ask=(
            f"Find the inverse of ${a}$ modulo ${m}$, between $1$ and ${m - 1}$.",
            f"Which integer $x$ with $1 \\leq x \\leq {m - 1}$ satisfies ${a}x \\equiv 1 \\pmod{{{m}}}$?",
        ),
        form=INTEGER,
        terse=f"1/{a} mod {m}=?",
        steps=(
            *_euclid(m, a),
            Step("Going back up, the inverse is", f"x = {inverse}"),
            Step("Check:", f"{a} \\cdot {inverse} = {a * inverse} = {quotient} \\cdot {m} + 1"),
        ),
        answer=inverse,
        wrong=(
            WrongAnswer("negative_inverse", m - inverse),
            WrongAnswer("complement", m - a),
            WrongAnswer("restated", f"\\frac{{1}}{{{a}}}"),
        ),
    )


def _euclid(a: int, b: int) -> list[Step]:
    steps = []
    while b:
        quotient, rest = divmod(a, b)
        tail = f" + {rest}" if rest else ""
        steps.append(Step("", f"{a} = {quotient} \\cdot {b}{tail}"))
        a, b = b, rest
    return steps


def gcd_lcm(rng: Random, difficulty: float) -> Problem:
    """Greatest common divisors and least common multiples of two or three numbers."""
    common = rng.randint(1, size(difficulty, 6, 40))
    bound = size(difficulty, 8, 120)
    count = 3 if difficulty >= 0.6 and rng.random() < 0.5 else 2
    numbers = [common * factor for factor in rng.sample(range(2, bound + 1), count)]
    multiple = difficulty >= 0.15 and rng.random() < 0.5
    listed = ", ".join(f"${n}$" for n in numbers[:-1]) + f" and ${numbers[-1]}$"
    steps: list[Step] = []
    value = numbers[0]
    for n in numbers[1:]:
        divisor = gcd(value, n)
        steps += _euclid(max(value, n), min(value, n))
        if multiple:
            line = f"\\frac{{{value} \\cdot {n}}}{{{divisor}}} = {lcm(value, n)}"
            steps.append(
                Step(
                    f"The greatest common divisor is {divisor}, so the least common multiple is",
                    line,
                    f"{value}*{n}/{divisor}={lcm(value, n)}",
                )
            )
            value = lcm(value, n)
        else:
            steps.append(Step(f"The last remainder that is not zero is {divisor}.", "", ""))
            value = divisor
    smallest = next(p for p in range(2, value + 2) if value % p == 0) if value > 1 else 2
    name = "least common multiple" if multiple else "greatest common divisor"
    return Problem(
        ask=(f"Find the {name} of {listed}.", f"What is the {name} of {listed}?"),
        form=INTEGER,
        terse=f"{'lcm' if multiple else 'gcd'}({','.join(map(str, numbers))})=?",
        steps=tuple(steps),
        answer=value,
        wrong=(
            WrongAnswer("the_other", gcd(*numbers) if multiple else lcm(*numbers)),
            WrongAnswer("product", prod(numbers)),
            WrongAnswer("smaller_divisor" if not multiple else "smaller_multiple", value // smallest),
            WrongAnswer("doubled", 2 * value),
        ),
    )


def number_base(rng: Random, difficulty: float) -> Problem:
    """Numbers written in other bases: reading, writing, adding."""
    base = rng.choice([n for n in range(2, level(difficulty, 4, 9) + 1) if n != 10])
    bound = size(difficulty, 40, 4000)
    a, b = rng.randint(base, bound), rng.randint(base, bound)
    kind = rng.choice(("read", "write") if difficulty < 0.5 else ("read", "write", "add"))
    if kind == "read":
        return _read_base(a, base)
    value = a if kind == "write" else a + b
    steps, rest = [], value
    if kind == "add":
        steps = [*_positional(a, base), *_positional(b, base), Step("", f"{a} + {b} = {value}")]
    while rest:
        quotient, digit = divmod(rest, base)
        steps.append(Step("", f"{rest} = {quotient} \\cdot {base} + {digit}"))
        rest = quotient
    answer = in_base(value, base)
    steps.append(Step("Read the remainders from the last to the first:", latex(answer), answer.digits))
    left, right = latex(in_base(a, base)), latex(in_base(b, base))
    if kind == "write":
        ask: tuple[str, ...] = (
            f"Write the decimal number ${a}$ in base ${base}$.",
            f"Convert ${a}$ from base ten to base ${base}$.",
        )
        short = f"{a} to base {base}=?"
    else:
        ask = (f"Add ${left} + {right}$, both in base ${base}$, and write the sum in base ${base}$.",)
        short = f"{left}+{right}=?".replace("{", "").replace("}", "")
    return Problem(
        ask=ask,
        form=f"Write the answer with its base as a subscript, like $10_{{{base}}}$.",
        terse=short,
        steps=tuple(steps),
        answer=answer,
        wrong=(
            WrongAnswer("shifted", Numeral(answer.digits + "0", base)),
            WrongAnswer("wrong_base", Numeral(in_base(value, max(2, base - 1)).digits, base)),
            *(
                [WrongAnswer("decimal_digits", Numeral(str(value), base))]
                if max(str(value)) < str(base)
                else []
            ),
            WrongAnswer("one_too_many", in_base(value + 1, base)),
        ),
    )


def _positional(number: int, base: int) -> list[Step]:
    written = in_base(number, base)
    powers = range(len(written.digits) - 1, -1, -1)
    summands = " + ".join(
        f"{digit} \\cdot {base**power}"
        for digit, power in zip(written.digits, powers, strict=True)
        if digit != "0"
    )
    return [
        Step(
            "",
            f"{latex(written)} = {summands} = {number}",
            f"{summands}={number}".replace(" \\cdot ", "*").replace(" ", ""),
        )
    ]


def _read_base(number: int, base: int) -> Problem:
    written = in_base(number, base)
    text = latex(written)
    return Problem(
        ask=(
            f"Write ${text}$ in base ten.",
            f"What decimal number is ${text}$?",
            f"Convert ${text}$ from base ${base}$ to base ten.",
        ),
        form=INTEGER,
        terse=f"{written.digits}_{base}=?",
        steps=tuple(_positional(number, base)),
        answer=number,
        wrong=(
            WrongAnswer("digits_as_decimal", int(written.digits)),
            WrongAnswer("reversed", int(written.digits[::-1], base)),
            WrongAnswer("wrong_base", int(written.digits, base + 1)),
            WrongAnswer("shifted", number * base),
        ),
    )


def powers(rng: Random, difficulty: float) -> Problem:
    """Powers of one base multiplied and divided; logarithms of powers."""
    base = rng.randint(2, level(difficulty, 9, 15))
    top = level(difficulty, 3, 12)
    p, q = rng.randint(1, top), rng.randint(1, top)
    if rng.random() < 0.4:
        exponent = rng.randint(2, 4)
        value = base**exponent
        root = rng.randint(2, 4) if difficulty >= 0.5 else 1
        text = f"\\log_{{{base**root}}} {value}" if root > 1 else f"\\log_{{{base}}} {value}"
        answer = Fraction(exponent, root)
        return Problem(
            ask=(f"Find ${text}$.", f"What is the exact value of ${text}$?"),
            form=NUMBER,
            terse=f"log_{base**root}({value})=?",
            steps=(
                Step("", f"{value} = {base}^{{{exponent}}}"),
                *([Step("", f"{base**root} = {base}^{{{root}}}")] if root > 1 else []),
                *(
                    [Step("", f"\\frac{{{exponent}}}{{{root}}} = {latex(answer)}")]
                    if root > 1 and exponent % root == 0
                    else []
                ),
            ),
            answer=answer,
            wrong=(
                WrongAnswer("ratio", Fraction(value, base**root)),
                WrongAnswer("multiplied", exponent * root + 1),
                WrongAnswer("restated", text),
            ),
        )
    minus = difficulty >= 0.3 and rng.random() < 0.6
    if minus:
        # The result stays short: the exponent that is left is small, whatever was cancelled.
        r = max(1, p + q - rng.randint(level(difficulty, 1, -3), 4))
    else:
        p, q, r = min(p, 3), min(q, 3), 0
    exponent = p + q - r
    text = f"{base}^{{{p}}} \\cdot {base}^{{{q}}}"
    short = f"{base}^{p}*{base}^{q}"
    if minus:
        text, short = f"\\frac{{{text}}}{{{base}^{{{r}}}}}", f"{short}/{base}^{r}"
    answer = Fraction(base) ** exponent
    sums = f"{p} + {q} - {r} = {exponent}" if minus else f"{p} + {q} = {exponent}"
    return Problem(
        ask=(f"Evaluate ${text}$.", f"Calculate ${text}$."),
        form=NUMBER,
        terse=f"{short}=?",
        steps=(
            Step("Combine the exponents:", sums),
            Step("", f"{base}^{{{exponent}}} = {latex(answer)}", f"{base}^{exponent}={answer}"),
        ),
        answer=answer,
        wrong=(
            WrongAnswer("exponents_multiplied", Fraction(base) ** min(p * q - r, exponent + 6)),
            WrongAnswer("base_times_exponent", base * exponent),
            WrongAnswer("one_power_more", answer * base),
            WrongAnswer("restated", text),
        ),
    )


FAMILIES = (
    Family("arithmetic", "arithmetic", arithmetic),
    Family("fractions", "arithmetic", fractions),
    Family("modular", "number theory", modular),
    Family("gcd_lcm", "number theory", gcd_lcm),
    Family("number_base", "number theory", number_base),
    Family("powers", "arithmetic", powers),
)
