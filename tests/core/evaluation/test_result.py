"""The evaluation document, JUnit and Markdown."""

from __future__ import annotations

import json
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.evaluations import LADDER, evaluation, task, verdict

from verirl.errors import InputError
from verirl.evaluation.junit import to_junit
from verirl.evaluation.markdown import escape, figures, to_markdown
from verirl.evaluation.result import Evaluation, Settings, build, difficulty_bin, read, stage_share


def test_counts_by_hand():
    found = evaluation({"a": "PPFC", "b": "FFFF", "c": "PEET", "d": "EEEE"}, k=(1, 4))
    rows = {row.id: (row.n, row.c, row.errors, row.mean_reward) for row in found.rows}
    assert rows == {"a": (4, 2, 0, 0.5), "b": (4, 0, 0, 0), "c": (2, 1, 2, 0.5), "d": (0, 0, 4, None)}
    overall = found.overall
    assert (overall.tasks, overall.samples, overall.errors, overall.error_rate) == (4, 16, 6, 0.375)
    one, four = overall.pass_at[1], overall.pass_at[4]
    assert (one.value, one.tasks, one.left_out) == (pytest.approx(1 / 3), 3, 1)
    assert (four.value, four.tasks, four.left_out) == (0.5, 2, 2)
    assert (overall.mean_reward.value, overall.mean_reward.tasks) == (pytest.approx(1 / 3), 3)
    assert 0 <= one.low < one.value < one.high <= 1


def test_stage_shares_by_hand():
    found = evaluation({"a": "PsFC", "b": "TE"})
    shares = {s.name: (s.reached, s.passed, s.skipped, s.reached_share, s.passed_share) for s in found.stages}
    assert shares["compile"] == (5, 4, 0, 1, 0.8)
    assert shares["tests"] == (4, 2, 0, 0.8, 0.4)
    # One of five samples skipped it, two did not get there, one failed before: 1 of the 4 it applies to.
    assert shares["speed"] == (2, 1, 1, 0.4, 0.25)
    assert float(stage_share(found.rows, "speed")) == 0.25
    assert stage_share(found.rows, "none") is None


def test_groups():
    tasks = [
        task("a", tags=("loop", "loop"), difficulty=0.1),
        task("b", tags=("loop", "math"), difficulty=0.5),
        task("c", difficulty=1.0),
        task("d"),
    ]
    found = evaluation({"a": "P", "b": "F", "c": "P", "d": "F"}, tasks=tasks)
    assert {g: {n: m.tasks for n, m in members.items()} for g, members in found.groups.items()} == {
        "domain": {"code": 4},
        "tag": {"loop": 2, "math": 1},
        "difficulty": {"0.0-0.2": 1, "0.4-0.6": 1, "0.8-1.0": 1},
    }
    assert found.groups["tag"]["loop"].pass_at[1].value == 0.5
    assert [name for name, _ in figures(found)][:3] == ["all", "tag loop", "tag math"]
    assert [name for name, _ in figures(found, weakest=1)] == ["all", "tag math", "difficulty 0.4-0.6"]


@pytest.mark.parametrize(
    ("difficulty", "name"),
    [
        (0.0, "0.0-0.2"),
        (0.2, "0.2-0.4"),
        (0.6, "0.6-0.8"),
        (0.999, "0.8-1.0"),
        (1.0, "0.8-1.0"),
        (None, None),
    ],
)
def test_difficulty_bins(difficulty, name):
    assert difficulty_bin(difficulty) == name


def test_the_document_is_the_same_bytes_and_comes_back(tmp_path):
    first, second = (evaluation({"a": "PF", "b": "PP", "c": "FC"}, k=(1, 2)) for _ in range(2))
    assert first.to_json() == second.to_json()
    assert "timing" not in json.loads(first.to_json())
    place = tmp_path / "eval.json"
    place.write_text(first.to_json(), encoding="utf-8")
    assert read(place) == first


def test_made_by_names_domains_and_tools():
    assert evaluation({"a": "P"}).made_by.keys() == {"code", "python", "verirl"}
    assert evaluation({"a": "P"}).made_by["code"] == "1.2"


def test_medians_are_of_what_passed():
    tasks = [task("a"), task("b")]
    spots = {
        ("a", 0, "P"): 4.0,
        ("a", 1, "F"): 900.0,
        ("b", 0, "s"): 1.0,
        ("b", 1, "P"): 7.0,
        ("b", 2, "E"): 0.0,
    }
    verdicts = [
        verdict(name, sample, outcome).model_copy(update={"metrics": {"spot": value}})
        for (name, sample, outcome), value in spots.items()
    ]
    settings = Settings(k=(1,), samples=3, temperature=1.0, max_new_tokens=8, seed=0, scheme="binary")
    built = build(
        model="m", source="t", tasks=tasks, verdicts=verdicts, ladders={"code": LADDER}, settings=settings
    )
    assert [found.model_dump() for found in built.measured] == [
        {"domain": "code", "name": "spot", "passed": 3, "median": 4.0}
    ]
    assert evaluation({"a": "P"}).measured == ()


def test_what_is_no_evaluation_is_refused_in_a_line(tmp_path):
    good = json.loads(evaluation({"a": "P"}).to_json())
    bad = {
        "nothing": "",
        "other": '{"a": 1}',
        "future": json.dumps({**good, "format": 2}),
        "impossible": json.dumps({**good, "rows": [{**good["rows"][0], "c": 5}]}),
    }
    for name, text in bad.items():
        place = tmp_path / name
        place.write_text(text)
        with pytest.raises(InputError, match="is no evaluation") as refusal:
            read(place)
        assert "\n" not in str(refusal.value)
    with pytest.raises(InputError, match="No such file"):
        read(tmp_path / "missing")


def parsed(text: str) -> ET.Element:
    return ET.fromstring(text.encode())  # noqa: S314 - our own output


def verdicts_of(outcomes: dict[str, str], detail: str = "why"):
    return [verdict(name, i, o, detail) for name, letters in outcomes.items() for i, o in enumerate(letters)]


def test_junit_by_hand():
    outcomes = {"a": "FP", "b": "FT", "c": "EE"}
    root = parsed(to_junit(evaluation(outcomes), verdicts_of(outcomes)))
    suite = root.find("testsuite")
    assert {name: suite.get(name) for name in ("tests", "failures", "errors")} == {
        "tests": "3",
        "failures": "1",
        "errors": "1",
    }
    cases = {case.get("name"): case for case in suite}
    assert list(cases["a"]) == []
    assert cases["b"].find("failure").get("message") == "0 of 2 samples passed"
    assert cases["b"].find("failure").text == "sample 0: tests failed: why\nsample 1: tests timeout: why"
    assert "sample 1: tests error: why" in cases["c"].find("error").text


@given(st.text(min_size=1, max_size=60))
def test_junit_is_xml_whatever_a_model_wrote(text):
    found = evaluation({text: "F"}, tasks=[task(text, text="p", tags=[text])])
    root = parsed(to_junit(found, [verdict(text, 0, "F", detail=text)]))
    assert root.find("testsuite/testcase/failure") is not None


def test_junit_replaces_what_xml_cannot_hold():
    nasty = "bell \x07 escape \x1b[31m nul \x00 half \ud800 end ]]> <a> & \ufffe"
    broken = verdict("a", 0, "F").model_construct(
        **{
            **dict(verdict("a", 0, "F")),
            "stages": (verdict("a", 0, "F").stages[1].model_copy(update={"detail": nasty}),),
        }
    )
    text = to_junit(evaluation({"a": "F"}), [broken])
    failure = parsed(text).find("testsuite/testcase/failure")
    assert failure.text.startswith(
        "sample 0: tests failed: bell \ufffd escape \ufffd[31m nul \ufffd half \ufffd end ]]> <a>"
    )


def test_markdown():
    tasks = [task("a", tags=("x|y*",)), task("b")]
    found = evaluation({"a": "PE", "b": "FF"}, k=(1, 2), tasks=tasks)
    text = to_markdown(found)
    assert "| all | 2 | 0.500 [" in text
    assert r"| tag x\|y\* | 1 |" in text
    assert "1 left out" in text
    assert "**1 of 4 samples could not be judged**" in text
    assert "| code | tests | correctness | 3 | 1 | 0.333 |" in text


@given(st.text())
def test_markdown_cells_stay_cells(text):
    cell = escape(text)
    assert "\n" not in cell
    assert cell.count("|") == cell.count("\\|")


def test_a_document_of_errors_has_no_score():
    found = evaluation({"a": "E", "b": "E"})
    assert found.overall.pass_at[1].value is None
    assert isinstance(found, Evaluation)
    assert "| – |" in to_markdown(found)
