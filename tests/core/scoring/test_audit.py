"""`verirl audit rewards`: it finds what is broken, shrinks it, and says so in its exit code."""

from __future__ import annotations

import json
import sys

import pytest

from verirl import presets
from verirl.cli import run
from verirl.scoring import SCHEMES, scheme
from verirl.scoring.advantages import names
from verirl.scoring.audit import audit_advantages, audit_scheme
from verirl.scoring.cases import Case, shrink
from verirl.scoring.stages import read_stages
from verirl.types import RewardValue, Stage, StageResult, Status


class Foreign:
    """A third party's scheme: any function of the climbed scores."""

    def __init__(self, worth, claims=None):
        self.name = "foreign"
        self.worth = worth
        if claims is not None:
            self.claims = claims

    def __call__(self, ladder, stages):
        return RewardValue.model_construct(
            scheme=self.name, value=self.worth(read_stages(ladder, stages)), key=(len(stages),)
        )


def findings(subject, **options):
    return {finding.name: finding for finding in audit_scheme(subject, **options)}


@pytest.mark.parametrize("name", SCHEMES)
def test_what_our_schemes_claim_holds(name):
    for finding in audit_scheme(scheme(name), examples=200):
        assert finding.met, finding
        assert finding.cases > 0


@pytest.mark.parametrize("kind", names())
def test_what_our_advantages_claim_holds(kind):
    for finding in audit_advantages(kind, examples=200):
        assert finding.met, finding
        assert finding.cases > 50 or not finding.claimed


def test_weighted_trades_correctness_for_quality():
    found = findings(scheme("weighted"))["dominance"]
    assert found.verdict == "not claimed, broken"
    worse, better = found.counterexample.case.answers
    rate = scheme("weighted")
    ladder = found.counterexample.case.ladder
    assert len(ladder) == 2
    assert rate(ladder, worse).value >= rate(ladder, better).value
    assert not all(r.status is Status.PASSED for r in worse)
    assert all(r.status is Status.PASSED for r in better)


BROKEN = {
    "bounded": lambda rungs: 1.5 * float(rungs[0].score),
    "monotone": lambda rungs: 1 - float(rungs[0].score) / 2,
    "dominance": lambda rungs: float(max(rung.score for rung in rungs)),
    "tried": lambda rungs: float(rungs[0].score),
    "order": lambda rungs: float(rungs[-1].score),
}


@pytest.mark.parametrize("name", BROKEN)
def test_each_property_is_found_broken_where_it_is(name):
    found = findings(Foreign(BROKEN[name], claims={name}))[name]
    assert found.verdict == "broken"
    assert not found.met
    assert len(found.counterexample.case.ladder) <= 2


def test_a_defect_that_no_small_case_shows_is_found_and_shrunken():
    def worth(rungs):
        third = len(rungs) > 2 and rungs[2].reached
        return 0.0 if third and rungs[2].score > 0.7 else 0.5

    found = findings(Foreign(worth))["monotone"]
    assert found.verdict == "broken"
    case = found.counterexample.case
    assert len(case.ladder) == 3
    low, high = (answer[2].score for answer in case.answers)
    assert low <= 0.7 < high == 1
    assert all(stage.weight == 1 and stage.levels == 2 for stage in case.ladder)


def test_a_scheme_that_raises_is_broken_and_one_that_refuses_all_is_untested():
    class Raising(Foreign):
        def __call__(self, ladder, stages):
            raise KeyError("oops")

    class Refusing(Foreign):
        def __call__(self, ladder, stages):
            read_stages((), stages)

    found = findings(Raising(None), examples=5)["bounded"]
    assert found.verdict == "broken"
    assert "KeyError" in found.counterexample.problem
    assert "KeyError" in "\n".join(found.counterexample.lines)
    assert findings(Refusing(None), examples=5)["bounded"].verdict == "untested"


def test_a_scheme_that_returns_something_else_is_broken():
    found = findings(Foreign(None), examples=5)
    assert found["bounded"].verdict == "broken"

    class Number(Foreign):
        def __call__(self, ladder, stages):
            return 0.5

    assert "RewardValue" in findings(Number(None), examples=5)["bounded"].counterexample.problem


def test_the_audit_is_deterministic():
    one, two = (findings(Foreign(BROKEN["dominance"]), seed=3) for _ in range(2))
    assert one == two


def test_a_given_ladder_is_kept():
    ladder = tuple(Stage(name=n, weight=2.5, levels=7) for n in ("format", "tests", "speed"))
    found = findings(scheme("binary"), ladder=ladder)["dominance"]
    assert found.counterexample.case.ladder == ladder


def test_shrinking_keeps_what_matters():
    stages = tuple(StageResult(name=f"s{i}", status=Status.TIMEOUT, score=0.123456) for i in range(4))
    ladder = tuple(Stage(name=f"s{i}", weight=3.7, levels=99) for i in range(4))
    case = Case(ladder, (stages,), gamma=0.9)

    def breaks(c):
        return any(r.name == "s2" and r.score > 0.1 for answer in c.answers for r in answer)

    small = shrink(case, breaks)
    assert [stage.name for stage in small.ladder] == ["s2"]
    assert small.ladder[0].levels == 2
    assert small.answers[0][0].score > 0.1
    assert small.answers[0][0].status is Status.FAILED


def test_command_passes_on_our_own(capsys):
    assert run(["audit", "rewards", "--json", "--examples", "50"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["met"]
    assert {f["subject"] for f in found["schemes"]} == {*SCHEMES, *presets.installed()}
    weighted = [f for f in found["schemes"] if (f["subject"], f["property"]) == ("weighted", "dominance")]
    assert weighted[0]["counterexample"]["problem"]


@pytest.fixture
def module(tmp_path, monkeypatch):
    (tmp_path / "my_schemes.py").write_text(
        "from verirl.scoring import scheme\n"
        "from verirl.types import RewardValue\n"
        "class Best:\n"
        "    name = 'best [stage]'\n"
        "    claims = ('bounded', 'dominance')\n"
        "    def __call__(self, ladder, stages):\n"
        "        return RewardValue(scheme=self.name, value=max(s.score for s in stages))\n"
        "best = Best()\n"
        "fine = scheme('harmonic', smoothing=0.1)\n"
        "number = 3\n"
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    yield "my_schemes"
    sys.modules.pop("my_schemes", None)


def test_command_holds_a_third_partys_scheme_to_its_claims(module, capsys):
    assert run(["audit", "rewards", "--scheme", f"{module}:best", "--examples", "50"]) == 3
    said = capsys.readouterr()
    assert said.out == ""
    assert "best [stage]: dominance is broken" in said.err
    assert "BROKEN" in said.err
    assert run(["audit", "rewards", "--scheme", f"{module}:fine", "--quiet", "--examples", "50"]) == 0
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (["--scheme", "lexicographc"], "did you mean 'lexicographic'"),
        (["--scheme", "no_such_module:x"], "does not import"),
        (["--scheme", "my_schemes:missing"], "has no 'missing'"),
        (["--scheme", "my_schemes:number"], "is no scheme"),
        (["--scheme", "my_schemes:Best"], "is no scheme"),
        (["--domain", "maths"], "unknown domain 'maths'"),
        (["--examples", "0"], "--examples"),
    ],
)
def test_command_refuses_wrong_usage_in_a_line(module, capsys, args, says):
    assert run(["audit", "rewards", *args]) == 2
    said = capsys.readouterr().err
    assert says in said
    assert said.count("\n") == 1
