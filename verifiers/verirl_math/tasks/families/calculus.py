"""Calculus: derivatives, integrals, limits."""

from __future__ import annotations

from fractions import Fraction
from random import Random

from verirl.taskgen.difficulty import level, size
from verirl_math.tasks.families.exact_answers import (
    ONE,
    Basis,
    LinearCombination,
    Rational,
    Value,
    WrongAnswer,
    latex,
    linear_combination,
    poly,
    terse_text,
)
from verirl_math.tasks.families.problem import (
    EXACT,
    INTEGER,
    NUMBER,
    Family,
    Problem,
    Step,
    nonzero,
    shorthand,
    signed,
)


def _polynomial(rng: Random, degree: int, bound: int, *, constant: bool = True) -> LinearCombination:
    low = rng.randint(-bound, bound) if constant else 0
    middle = (rng.randint(-bound, bound) for _ in range(degree - 1))
    return poly(low, *middle, nonzero(rng, bound))


def derivative(rng: Random, difficulty: float) -> Problem:
    """Polynomials; products with exp, sin and cos; at a point or as a function."""
    bound = size(difficulty, 5, 12)
    p = _polynomial(rng, rng.randint(level(difficulty, 1, 2), level(difficulty, 3, 5)), bound)
    kind = (
        ""
        if difficulty < 0.35
        else rng.choice(("", "exp", "sin", "cos"))
        if difficulty < 0.7
        else rng.choice(("exp", "sin", "cos"))
    )
    if not kind and rng.random() < 0.5:
        return _slope(p, rng.randint(level(difficulty, 0, -5), level(difficulty, 2, 5)))
    if not kind:
        f, text, steps = (
            p,
            latex(p),
            [Step("", f"({latex(piece)})' = {latex(piece.derivative())}") for piece in _pieces(p)],
        )
        wrong: list[WrongAnswer] = [
            WrongAnswer(
                "exponents_kept",
                linear_combination({basis: c * basis.power for basis, c in p.terms if basis.power}),
            ),
            WrongAnswer(
                "factors_forgotten",
                linear_combination({Basis(basis.power - 1): c for basis, c in p.terms if basis.power}),
            ),
        ]
    else:
        k = rng.choice((-1, 1)) * rng.randint(1, level(difficulty, 2, 6))
        p = _polynomial(rng, level(difficulty, 1, 3), bound)
        k = abs(k) if kind != "exp" else k
        g = linear_combination({Basis(0, kind, k): 1})
        f = p * g
        text = f"{_factor(p)} {latex(g)}"
        chain, rest = p * g.derivative(), p.derivative() * g
        steps = [
            Step("", f"({latex(p)})' = {latex(p.derivative())}"),
            Step("By the chain rule", f"({latex(g)})' = {latex(g.derivative())}"),
            Step(
                "By the product rule",
                f"({latex(p.derivative())}){latex(g)} + {_factor(p)}({latex(g.derivative())})",
            ),
        ]
        wrong = [
            WrongAnswer("product_of_derivatives", p.derivative() * g.derivative()),
            WrongAnswer("chain_factor_forgotten", rest + chain.scaled(Fraction(1, k))),
            WrongAnswer("product_rule_term_dropped", rest if rest.terms else chain.scaled(2)),
        ]
    answer = f.derivative()
    return Problem(
        ask=(
            f"Differentiate $f(x) = {text}$ with respect to $x$.",
            f"Find $f'(x)$ for $f(x) = {text}$.",
            f"What is the derivative of ${text}$ with respect to $x$?",
        ),
        form="Give $f'(x)$ as an expression in $x$.",
        terse=f"({shorthand(text)})'=?",
        steps=(*steps, Step("Together:", f"f'(x) = {latex(answer)}", f"f'={terse_text(answer)}")),
        answer=answer,
        wrong=(
            *wrong,
            WrongAnswer("not_differentiated", f),
            WrongAnswer("restated", f"\\frac{{d}}{{dx}}\\left({text}\\right)"),
        ),
    )


def _pieces(f: LinearCombination) -> list[LinearCombination]:
    return [linear_combination({basis: c}, f.var) for basis, c in f.terms]


def _factor(p: LinearCombination) -> str:
    """A polynomial written so that a function may follow it as a factor."""
    text = latex(p)
    return text if len(p.terms) == 1 and not text.startswith("-") else f"({text})"


def _slope(p: LinearCombination, a: int) -> Problem:
    slope = p.derivative()
    answer = slope.at(a)
    return Problem(
        ask=(
            f"Let $f(x) = {latex(p)}$. Find $f'({a})$.",
            f"What is the slope of the curve $y = {latex(p)}$ at $x = {a}$?",
        ),
        form=INTEGER,
        terse=f"f={shorthand(latex(p))},f'({a})=?",
        steps=(
            Step("", f"f'(x) = {latex(slope)}", f"f'={terse_text(slope)}"),
            Step("", f"f'({a}) = {_equal(_substituted(slope, a), str(answer))}"),
        ),
        answer=answer,
        wrong=(
            WrongAnswer("not_differentiated", p.at(a)),
            WrongAnswer(
                "exponents_kept",
                sum((c * basis.power * Fraction(a) ** basis.power for basis, c in p.terms), Fraction(0)),
            ),
            WrongAnswer("second_derivative", slope.derivative().at(a)),
        ),
    )


def _equal(left: str, right: str) -> str:
    """`left = right`, or one of them if they read the same."""
    return left if left == right else f"{left} = {right}"


def _substituted(p: LinearCombination, a: int) -> str:
    """The values of a polynomial's terms at `a`, as a sum."""
    values = [c * Fraction(a) ** basis.power for basis, c in p.terms]
    text = str(values[0]) if values else "0"
    for value in values[1:]:
        text += f" {'-' if value < 0 else '+'} {abs(value)}"
    return text


def _antiderivative(f: LinearCombination) -> LinearCombination:
    """An antiderivative, by parts if a power is multiplied by exp, sin or cos."""
    total = linear_combination({}, f.var)
    for (power, kind, k), c in f.terms:
        if not kind:
            total += linear_combination({Basis(power + 1): c / (power + 1)}, f.var)
            continue
        outer = {"exp": ("exp", 1), "sin": ("cos", -1), "cos": ("sin", 1)}[kind]
        total += linear_combination({Basis(power, outer[0], k): c * outer[1] / k}, f.var)
        if power:
            total += _antiderivative(
                linear_combination({Basis(power - 1, outer[0], k): -c * power * outer[1] / k}, f.var)
            )
    return total


def _at_zero(f: LinearCombination) -> Fraction:
    return sum(
        (c for basis, c in f.terms if basis.power == 0 and basis.kind in ("", "exp", "cos")), Fraction(0)
    )


def integral(rng: Random, difficulty: float) -> Problem:
    """Definite integrals, and antiderivatives fixed by their value at 0."""
    bound = size(difficulty, 4, 12)
    functions = difficulty >= 0.45 and rng.random() < difficulty
    definite = rng.random() < 0.5
    if functions:
        kind = "exp" if definite else rng.choice(("exp", "sin", "cos"))
        k = rng.randint(1, level(difficulty, 2, 5))
        p = (
            _polynomial(rng, level(difficulty, 0, 2), bound)
            if difficulty >= 0.5
            else poly(nonzero(rng, bound))
        )
        f = p * linear_combination({Basis(0, kind, k): 1})
        function = latex(linear_combination({Basis(0, kind, k): 1}))
        text = f"{_factor(p) if p != poly(1) else ''} {function}".strip()
    else:
        degree = rng.randint(level(difficulty, 0, 1), level(difficulty, 1, 4))
        p = _polynomial(rng, degree, bound) if degree else poly(nonzero(rng, bound))
        # Easy coefficients divide: the antiderivative stays whole.
        f = (
            p
            if difficulty >= 0.3
            else linear_combination({basis: c * (basis.power + 1) for basis, c in p.terms})
        )
        text = latex(f)
    big = _antiderivative(f)
    if definite:
        return _definite(rng, f, big, text, difficulty, functions=functions)
    answer = big + poly(-_at_zero(big))
    return Problem(
        ask=(
            f"Find the antiderivative $F$ of $f(x) = {text}$ with $F(0) = 0$.",
            f"Find $F(x)$ if $F'(x) = {text}$ and $F(0) = 0$.",
        ),
        form="Give $F(x)$ as an expression in $x$.",
        terse=f"F'={shorthand(text)},F(0)=0,F=?",
        steps=(
            *(
                Step(
                    "",
                    f"\\int {signed(latex(piece))} \\, dx = {latex(_antiderivative(piece))} + C",
                    f"S({terse_text(piece)})={terse_text(_antiderivative(piece))}",
                )
                for piece in _pieces(f)
            ),
            Step("With F(0) = 0:", f"F(x) = {latex(answer)}", f"F={terse_text(answer)}"),
        ),
        answer=answer,
        wrong=(
            WrongAnswer("differentiated", f.derivative()),
            WrongAnswer("not_integrated", f),
            WrongAnswer("wrong_constant", answer + poly(1)),
            WrongAnswer("restated", f"\\int {text} \\, dx"),
        ),
    )


def _value_at(f: LinearCombination, x: int) -> LinearCombination:
    """A combination of powers and exponentials at an integer."""
    total = linear_combination({})
    for (power, kind, k), c in f.terms:
        basis = Basis(0, "e", k * x) if kind == "exp" and k * x else ONE
        total += linear_combination({basis: c * Fraction(x) ** power})
    return total


def _plain(value: LinearCombination) -> Value:
    """The rational number that a constant combination equals, if there is one."""
    if not value.terms:
        return Fraction(0)
    if len(value.terms) == 1 and value.terms[0][0] == ONE:
        return value.terms[0][1]
    return value


def _definite(
    rng: Random,
    f: LinearCombination,
    big: LinearCombination,
    text: str,
    difficulty: float,
    *,
    functions: bool,
) -> Problem:
    low = 0 if functions or difficulty < 0.3 else rng.randint(level(difficulty, 0, -4), 1)
    high = rng.randint(1, 2) if functions else low + rng.randint(1, level(difficulty, 3, 6))
    top, bottom = _value_at(big, high), _value_at(big, low)
    answer = _plain(top + bottom.scaled(-1))
    sign = f"\\int_{{{low}}}^{{{high}}} "
    bracketed = text if len(f.terms) == 1 or functions else f"\\left({text}\\right)"
    return Problem(
        ask=(
            f"Evaluate $\\displaystyle {sign}{bracketed} \\, dx$.",
            f"Find the exact value of ${sign}{bracketed} \\, dx$.",
            f"Compute the definite integral ${sign}{bracketed} \\, dx$.",
        ),
        form=NUMBER if not functions else EXACT,
        terse=f"S({shorthand(text)}),{low}..{high}=?",
        steps=(
            Step("An antiderivative is", f"F(x) = {latex(big)}", f"F={terse_text(big)}"),
            Step("", f"F({high}) = {latex(_plain(top))}", f"F({high})={terse_text(_plain(top))}"),
            Step("", f"F({low}) = {latex(_plain(bottom))}", f"F({low})={terse_text(_plain(bottom))}"),
            Step("The difference is", latex(answer), terse_text(answer)),
        ),
        answer=answer,
        wrong=(
            WrongAnswer("lower_end_forgotten", _plain(top)),
            WrongAnswer("ends_added", _plain(top + bottom)),
            WrongAnswer("ends_swapped", _plain(bottom + top.scaled(-1))),
            WrongAnswer("restated", f"{sign}{bracketed} \\, dx"),
        ),
    )


def limit(rng: Random, difficulty: float) -> Problem:
    """Removable zeros, growth at infinity, and the standard limits at 0."""
    easy = ("removable", "infinity")
    kinds = (
        easy
        if difficulty < 0.4
        else (*easy, "sine", "exponential")
        if difficulty < 0.7
        else ("infinity", "sine", "exponential", "root", "cosine", "euler")
    )
    bound = size(difficulty, 6, 60)
    kind = rng.choice(kinds)
    if kind == "removable":
        return _removable(
            nonzero(rng, bound), rng.randint(-bound, bound), rng.randint(1, level(difficulty, 1, 5))
        )
    if kind == "infinity":
        return _at_infinity(rng, rng.randint(1, level(difficulty, 2, 4)), bound)
    return _standard(kind, rng.randint(1, bound), rng.randint(1, bound))


def _limit(
    expression: str,
    place: str,
    steps: tuple[Step, ...],
    answer: Value,
    wrong: tuple[WrongAnswer, ...],
    form: str,
) -> Problem:
    text = f"\\lim_{{x \\to {place}}} {expression}"
    return Problem(
        ask=(
            f"Find $\\displaystyle {text}$.",
            f"Evaluate the limit ${text}$.",
            f"What does ${expression}$ approach as $x \\to {place}$?",
        ),
        form=form,
        terse=f"lim {shorthand(expression)},x->{shorthand(place)}=?",
        steps=steps,
        answer=answer,
        wrong=(*wrong, WrongAnswer("restated", text)),
    )


def _removable(a: int, b: int, c: int) -> Problem:
    """c(x − a)(x + b) / (x − a) as x → a."""
    top = poly(-a, 1) * poly(b, 1).scaled(c)
    other = poly(b, 1).scaled(c)
    answer = other.at(a)
    return _limit(
        f"\\frac{{{latex(top)}}}{{{latex(poly(-a, 1))}}}",
        str(a),
        (
            Step("Factor the top:", f"{latex(top)} = ({latex(poly(-a, 1))})({latex(other)})"),
            Step("Cancel and put in the point:", f"{c} \\cdot {signed(a)} + {signed(b * c)} = {answer}"),
        ),
        answer,
        (
            WrongAnswer("zero_over_zero", Fraction(0)),
            WrongAnswer("wrong_root", other.at(-a)),
            WrongAnswer("factor_dropped", answer / c + 1),
        ),
        INTEGER,
    )


def _at_infinity(rng: Random, degree: int, bound: int) -> Problem:
    top, bottom = _polynomial(rng, degree, bound), _polynomial(rng, degree, bound)
    a, b = top.terms[0][1], bottom.terms[0][1]
    last = top.terms[-1][1] / bottom.terms[-1][1]
    return _limit(
        f"\\frac{{{latex(top)}}}{{{latex(bottom)}}}",
        "\\infty",
        (
            Step(
                "Only the leading terms count:",
                f"\\frac{{{latex(_pieces(top)[0])}}}{{{latex(_pieces(bottom)[0])}}} = {latex(a / b)}",
                f"{a}/{signed(b)}={a / b}",
            ),
        ),
        a / b,
        (
            WrongAnswer("upside_down", b / a),
            WrongAnswer("last_coefficients", last),
            WrongAnswer("zero", Fraction(0)),
        ),
        NUMBER,
    )


def _times_x(k: int, power: int = 1) -> str:
    return latex(linear_combination({Basis(power): k}))


def _standard(kind: str, a: int, b: int) -> Problem:
    """The limits that sin, exp, cos, a root or (1 + a/x)^(bx) make, with parameters a, b > 0."""
    ax, bx = _times_x(a), _times_x(b)
    ratio = Fraction(a, b)
    flipped: tuple[WrongAnswer, ...] = (
        WrongAnswer("upside_down", 1 / ratio),
        WrongAnswer("zero_over_zero", Fraction(0)),
        WrongAnswer("parameters_ignored", Fraction(1)),
    )
    if kind == "sine":
        steps = (Step("Because sin(u)/u tends to 1:", _equal(f"\\frac{{{a}}}{{{b}}}", latex(ratio))),)
        return _limit(f"\\frac{{\\sin({ax})}}{{{bx}}}", "0", steps, ratio, flipped, NUMBER)
    if kind == "exponential":
        steps = (
            Step(
                "Because (e^u - 1)/u tends to 1:",
                _equal(f"\\frac{{{a}}}{{{b}}}", latex(ratio)),
            ),
        )
        return _limit(f"\\frac{{e^{{{ax}}} - 1}}{{{bx}}}", "0", steps, ratio, flipped, NUMBER)
    if kind == "cosine":
        value = Fraction(a * a, 2 * b)
        steps = (
            Step(
                "Because (1 - cos(u))/u^2 tends to 1/2:",
                f"\\frac{{{a}^2}}{{2 \\cdot {b}}} = {latex(value)}",
                f"{a}^2/(2*{b})={value}",
            ),
        )
        wrong = (
            WrongAnswer("half_forgotten", 2 * value),
            WrongAnswer("square_forgotten", Fraction(a, 2 * b)),
            WrongAnswer("zero", Fraction(0)),
        )
        return _limit(f"\\frac{{1 - \\cos({ax})}}{{{_times_x(b, 2)}}}", "0", steps, value, wrong, NUMBER)
    if kind == "root":
        value = Fraction(b, 2 * a)
        lines = (
            Step("Multiply by the conjugate:", f"\\frac{{{b}}}{{\\sqrt{{{bx} + {a * a}}} + {a}}}"),
            Step("At 0 this is", f"\\frac{{{b}}}{{2 \\cdot {a}}} = {latex(value)}", f"{b}/(2*{a})={value}"),
        )
        wrong = (
            WrongAnswer("half_forgotten", 2 * value),
            WrongAnswer("upside_down", 1 / value),
            WrongAnswer("zero_over_zero", Fraction(0)),
        )
        return _limit(f"\\frac{{\\sqrt{{{bx} + {a * a}}} - {a}}}{{x}}", "0", lines, value, wrong, NUMBER)
    steps = (Step("Because (1 + a/x)^x tends to e^a:", f"e^{{{a} \\cdot {b}}} = e^{{{a * b}}}"),)
    limits: tuple[WrongAnswer, ...] = (
        WrongAnswer("one", Fraction(1)),
        WrongAnswer("exponents_added", _exp(a + b)),
        WrongAnswer("exponent_alone", a * b),
    )
    expression = f"\\left(1 + \\frac{{{a}}}{{x}}\\right)^{{{bx}}}"
    return _limit(expression, "\\infty", steps, _exp(a * b), limits, EXACT)


def _exp(k: Rational) -> LinearCombination:
    return linear_combination({Basis(0, "e", int(k)): 1})


FAMILIES = (
    Family("derivative", "calculus", derivative),
    Family("integral", "calculus", integral),
    Family("limit", "calculus", limit),
)
