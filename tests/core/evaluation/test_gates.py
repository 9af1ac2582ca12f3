"""Gates: what is understood, what is refused in a line, what is met."""

from __future__ import annotations

import contextlib
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.evaluations import LADDER, evaluation, task

from verirl.errors import InputError
from verirl.evaluation.gates import check, parse, select
from verirl.evaluation.passk import mean_interval
from verirl.evaluation.result import rows_of

TASKS = [
    task("a", tags=("loop",), difficulty=0.1),
    task("b", tags=("loop", "number theory"), difficulty=0.5),
    task("c", tags=("math",), difficulty=0.9),
]
FOUND = evaluation({"a": "PPPE", "b": "PFFF", "c": "FFTC"}, k=(1, 2), tasks=TASKS)
"""pass@1: 1, ¼ and 0; mean 5/12. One of 12 samples is an error."""


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("pass@1>=0.5", ("pass@1", (), "", ">=", Fraction(1, 2))),
        (" pass@16 < 1e-3 ", ("pass@16", (), "", "<", Fraction(1, 1000))),
        ("pass@1.low>.4", ("pass@1", (), "low", ">", Fraction(2, 5))),
        ("pass@1[tag=a].high<=1", ("pass@1", (("tag", "a"),), "high", "<=", 1)),
        (
            "mean_reward[ domain = code , tag = x y ]>=0",
            ("mean_reward", (("domain", "code"), ("tag", "x y")), "", ">=", 0),
        ),
        ("stage.equivalent>=0.9", ("stage.equivalent", (), "", ">=", Fraction(9, 10))),
        ("stage.low>=0.9", None),
        ("error_rate<=0", ("error_rate", (), "", "<=", 0)),
    ],
)
def test_what_is_understood(text, parts):
    if parts is None:
        with pytest.raises(InputError):
            parse(text)
        return
    gate = parse(text)
    assert (gate.metric, gate.filters, gate.end, gate.op, gate.bound) == parts


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "not understood"),
        ("pass@1", "not understood"),
        ("pass@1=0.5", "not understood"),
        ("pass@1==0.5", "not understood"),
        ("pass@1>=half", "not understood"),
        ("pass@1>=nan", "not understood"),
        ("pass@1>=1e9999", "not understood"),
        ("pass>=0.5", "did you mean 'pass@1'"),
        ("pass@0>=0.5", "at least 1"),
        ("pass@>=0.5", "not understood"),
        ("reward>=0.5", "did you mean 'mean_reward'"),
        ("error_rate.low<=0.1", "no interval"),
        ("stage.tests.low<=0.1", "no interval"),
        ("stage>=0.1", "no metric 'stage'"),
        ("pass@1[tag]>=0.5", "GROUPING=NAME"),
        ("pass@1[]>=0.5", "GROUPING=NAME"),
        ("pass@1[tags=x]>=0.5", "no grouping 'tags'"),
    ],
)
def test_what_is_refused(text, says):
    with pytest.raises(InputError, match=says) as refusal:
        parse(text)
    assert "\n" not in str(refusal.value)


@given(st.text(max_size=30))
def test_any_text_is_understood_or_refused(text):
    with contextlib.suppress(InputError):
        parse(text)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("pass@1>=0", 5 / 12),
        ("pass@2>=0", (1 + 0.5 + 0) / 3),
        ("pass@4>=0", 1 / 2),
        ("pass@1[tag=loop]>=0", 5 / 8),
        ("pass@1[tag=loop,difficulty=0.4-0.6]>=0", 1 / 4),
        ("pass@1[tag=number theory]>=0", 1 / 4),
        ("mean_reward>=0", 5 / 12),
        ("error_rate>=0", 1 / 12),
        ("error_rate[tag=math]>=0", 0),
        ("stage.compile>=0", 10 / 11),
        ("stage.tests>=0", 4 / 11),
        ("stage.tests[tag=math]>=0", 0),
    ],
)
def test_values_by_hand(text, value):
    (result,) = check([parse(text)], FOUND)
    assert result.value == pytest.approx(value)
    assert result.met


def test_ends_of_the_interval():
    low, high = mean_interval([Fraction(1), Fraction(1, 4), Fraction(0)])
    results = check([parse("pass@1.low>=0"), parse("pass@1.high>=0")], FOUND)
    assert [result.value for result in results] == [low, high]
    assert low < 5 / 12 < high
    assert not check([parse(f"pass@1.low>{low + 1e-6}")], FOUND)[0].met


def test_the_border_is_exact():
    thirds = evaluation({"a": "PFF", "b": "PFF", "c": "PFF"})
    tenths = evaluation({"a": "PFFFFFFFFF", "b": "PPFFFFFFFF", "c": "PPPPPPFFFF"})
    assert check([parse("pass@1>=0.3333333333333333")], thirds)[0].met
    assert check([parse("pass@1<0.33333333333333333334")], thirds)[0].met
    assert check([parse("pass@1>=0.3")], tenths)[0].met
    assert check([parse("pass@1<=0.3")], tenths)[0].met
    assert not check([parse("pass@1>0.3")], tenths)[0].met


def test_lines_name_the_gate_and_the_value():
    lines = [r.line for r in check([parse("pass@1>=0.5"), parse("pass@1<0.5"), parse("pass@9>=0")], FOUND)]
    assert lines == [
        "pass@1>=0.5: not met, it is 0.4167",
        "pass@1<0.5: met, it is 0.4167",
        "pass@9>=0: not met, no task has enough usable samples",
    ]
    assert check([parse("pass@1>=0.41667")], FOUND)[0].line.endswith("0.4166666666666667")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("pass@1[tag=lop]>=0", "did you mean 'loop'"),
        ("pass@1[tag=zzz]>=0", "there are: loop, math, number theory"),
        ("pass@1[tag=loop,tag=math]>=0", "no task is in all"),
        ("stage.test>=0", "did you mean 'tests'"),
    ],
)
def test_groups_and_stages_that_are_not_there_are_refused_before_sampling(text, says):
    rows = rows_of(TASKS, (), {"code": LADDER})
    with pytest.raises(InputError, match=says):
        select(parse(text), rows)
