"""The reader: what it reads, and that nothing but its own error comes out of any text."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from verirl.errors import SpecError
from verirl_math.equivalence.compare import EqualityRules, difference
from verirl_math.equivalence.exact import rational
from verirl_math.equivalence.identity_testing import same_value
from verirl_math.parsing.expressions import (
    Based,
    BudgetError,
    Const,
    Interval,
    Matrix,
    Node,
    Num,
    Op,
    ParseError,
    Quantity,
    Rel,
    Seq,
    Sym,
    Text,
    depth,
    symbols,
)
from verirl_math.parsing.parser import MAX_TREE_DEPTH, parse
from verirl_math.spec import read_spec
from verirl_math.stages import judge_answer

_PIECES = (
    r"\frac \sqrt { } ( ) [ ] \{ \} ^ _ + - * / = < > \le , . ; | ! % ' $ \$ & \\ \text{cm} \text{or} "
    r"\cup \in \pm \sin \log \ln \pi \infty x y n 1 2 3 10 0 0.5 e i \left \right \begin{pmatrix} "
    r"\end{pmatrix} \binom \sum \int \lim \circ \overline \lfloor \rfloor and or 100 99999 \boxed ½ ² "
    r"π √ \mathbb{R} \setminus ~ : \mid \cdot \times \bmod \gcd 1e5 5% \degree \vec \angle \langle "
    r"\rangle \det \max "
)
PIECES = _PIECES.split()

soup = st.lists(st.sampled_from(PIECES), max_size=16).map(" ".join)
SPECS = [
    read_spec({"answer": gold})
    for gold in (
        "5",
        r"\frac{1}{2}",
        "x^2+1",
        "(1,2)",
        r"(-\infty,3]",
        r"\{1,2\}",
        "52_8",
        r"5\text{ m}",
        "y=2x",
    )
]


@given(st.one_of(st.text(max_size=60), soup))
@settings(max_examples=600, deadline=None)
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        node = parse(text)
    except ParseError:
        return
    assert depth(node) <= MAX_TREE_DEPTH
    assert parse(text) == node


@given(st.sampled_from(SPECS), st.one_of(st.text(max_size=40), soup))
@settings(max_examples=600, deadline=None)
def test_any_text_is_judged_without_an_exception(spec: object, text: str) -> None:
    assert judge_answer(spec, text, EqualityRules()).failed_stage in (None, "parse", "equivalent")


@given(st.one_of(st.text(max_size=40), soup))
@settings(max_examples=400, deadline=None)
def test_what_is_admitted_as_a_gold_is_found_right(text: str) -> None:
    try:
        spec = read_spec({"answer": text})
    except SpecError:
        return
    if not isinstance(spec.gold, Text):
        assert difference(spec.gold, parse(text), EqualityRules()) is None


# -- rewriting ------------------------------------------------------------------------------------------

leaves = st.one_of(
    st.integers(1, 12).map(lambda n: Num(Fraction(n), None, len(str(n)))),
    st.sampled_from([Sym("x"), Sym("y"), Const("pi")]),
)


def _grown(inner: st.SearchStrategy[Node]) -> st.SearchStrategy[Node]:
    two = st.tuples(inner, inner)
    return st.one_of(
        two.map(lambda p: Op("+", p)),
        two.map(lambda p: Op("-", p)),
        two.map(lambda p: Op("*", p)),
        inner.map(lambda a: Op("^", (a, Num(Fraction(2), None, 1)))),
        inner.map(lambda a: Op("sin", (a,))),
        inner.map(
            lambda a: Op(
                "/", (a, Op("+", (Op("^", (a, Num(Fraction(2), None, 1))), Num(Fraction(1), None, 1))))
            )
        ),
    )


expressions = st.recursive(leaves, _grown, max_leaves=8)


def _rewritten(node: Node) -> Node:
    """The same value in other words: arguments swapped, differences as sums, squares as products."""
    match node:
        case Op("+" | "*" as name, (a, b)):
            return Op(name, (_rewritten(b), _rewritten(a)))
        case Op("-", (a, b)):
            return Op("+", (Op("neg", (_rewritten(b),)), _rewritten(a)))
        case Op("^", (a, Num(value))) if value == 2:
            return Op("*", (_rewritten(a), _rewritten(a)))
        case Op(name, args):
            return Op(name, tuple(_rewritten(arg) for arg in args))
    return node


def _latex(node: Node) -> str:
    match node:
        case Num(value):
            return str(value)
        case Sym(name):
            return name
        case Const("pi"):
            return r"\pi "
        case Op("/", (a, b)):
            return rf"\frac{{{_latex(a)}}}{{{_latex(b)}}}"
        case Op("^", (a, b)):
            return rf"\left({_latex(a)}\right)^{{{_latex(b)}}}"
        case Op("sin", (a,)):
            return rf"\sin\left({_latex(a)}\right)"
        case Op("neg", (a,)):
            return rf"-\left({_latex(a)}\right)"
        case Op("*", (a, b)):
            return rf"\left({_latex(a)}\right) \cdot \left({_latex(b)}\right)"
        case Op(sign, (a, b)):
            return rf"{_latex(a)} {sign} \left({_latex(b)}\right)"
    raise AssertionError(node)


@given(expressions)
@settings(max_examples=150, deadline=None)
def test_a_rewritten_expression_is_the_same(node: Node) -> None:
    gold, answer = parse(_latex(node)), parse(_latex(_rewritten(node)))
    try:
        same = same_value(gold, answer)
    except BudgetError:
        # Powers of powers of sin(π) are beyond what one verdict may cost; that is said, not guessed.
        return
    assert same or not symbols(answer) <= symbols(gold)


@given(expressions, st.integers(1, 40))
@settings(max_examples=150, deadline=None)
def test_an_expression_moved_a_little_is_another(node: Node, places: int) -> None:
    text = _latex(node)
    for moved in (
        rf"{text} + 10^{{-{places}}}",
        rf"\left({text}\right) \cdot 1.{'0' * places}1 + 10^{{-50}}",
    ):
        try:
            assert not same_value(parse(text), parse(moved))
        except BudgetError:
            # What costs too much is refused, which is not the same as found equal.
            continue


@given(st.fractions())
def test_fractions_are_exact(value: Fraction) -> None:
    node = parse(rf"\frac{{{value.numerator}}}{{{value.denominator}}}")
    assert rational(node) == value
    assert same_value(node, parse(f"{value.numerator}/{value.denominator}"))
    assert not same_value(node, parse(f"{value.numerator + 1}/{value.denominator}"))


# -- what is read ---------------------------------------------------------------------------------------

READ: list[tuple[str, type]] = [
    ("(1,2)", Seq),
    ("(1,2]", Interval),
    (r"\begin{pmatrix}1\\2\end{pmatrix}", Matrix),
    ("x=5", Rel),
    ("52_8", Based),
    (r"5\text{ cm}", Quantity),
    (r"\text{even}", Text),
    ("Navin", Text),
    ("x", Sym),
    ("e", Const),
    ("5", Num),
]


@pytest.mark.parametrize(("text", "kind"), READ)
def test_kinds(text: str, kind: type) -> None:
    assert isinstance(parse(text), kind)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (r"1\frac45", Fraction(9, 5)),
        ("3 1/2", Fraction(7, 2)),
        ("3½", Fraction(7, 2)),
        ("10²", Fraction(100)),
        ("2^10", Fraction(1024)),
        (r"\frac14", Fraction(1, 4)),
        ("4.5e3", Fraction(4500)),
        ("-3^2", Fraction(-9)),
        ("2^-3", Fraction(1, 8)),
        ("2^{3^2}", Fraction(512)),
        ("2^3^2", Fraction(512)),
        ("1/2/2", Fraction(1, 4)),
        ("6/2(3)", Fraction(9)),
        (r"0.1\overline{6}", Fraction(1, 6)),
        ("1,234,567", Fraction(1234567)),
        (r"10,\!080", Fraction(10080)),
        ("50%", Fraction(1, 2)),
        ("5!", Fraction(120)),
        (r"\sqrt[3]{27}", Fraction(3)),
        ("(1+2)(3)", Fraction(9)),
        ("--5", Fraction(5)),
        ("2(-3)", Fraction(-6)),
        (r"2\cdot-3", Fraction(-6)),
    ],
)
def test_values(text: str, value: Fraction) -> None:
    assert rational(parse(text)) == value


def test_numbers_are_not_touched_by_float() -> None:
    node = parse("0.1")
    assert isinstance(node, Num)
    assert (node.value, node.places, node.digits) == (Fraction(1, 10), 1, 1)
