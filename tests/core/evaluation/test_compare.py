"""Two evaluations compared in pairs."""

from __future__ import annotations

import json

import pytest
from support.evaluations import evaluation, task

from verirl.cli import run
from verirl.errors import InputError
from verirl.evaluation.compare import compare


def test_by_hand():
    a = evaluation({"a": "PF", "b": "FF", "c": "PP", "d": "PF", "only": "PP"})
    b = evaluation({"a": "PP", "b": "PF", "c": "PP", "d": "FF", "other": "PP"})
    found = compare(a, b)
    assert (found.tasks, found.only_a, found.only_b, found.left_out) == (4, 1, 1, 0)
    assert (found.a_value, found.b_value) == (0.5, 0.625)
    assert found.gain == 0.125
    assert (found.improved, found.worsened, found.unchanged) == (2, 1, 1)
    assert found.p_value == 1
    assert -0.5 <= found.low <= 0.125 <= found.high <= 0.5


def test_pairing_beats_two_separate_intervals():
    """Tasks that differ much in difficulty, and a small gain on most of them: the pairs show it."""
    before = {f"t{i}": "P" * (i % 9) + "F" * (10 - i % 9) for i in range(40)}
    after = {f"t{i}": "P" * (i % 9 + 1) + "F" * (9 - i % 9) for i in range(40)}
    after["t0"] = before["t0"]
    found = compare(evaluation(before), evaluation(after))
    assert found.gain == pytest.approx(0.0975)
    assert 0.08 < found.low <= found.high <= 0.1
    assert found.p_value < 1e-10
    a = evaluation(before).overall.pass_at[1]
    assert a.high - a.low > 0.1


def test_another_order_of_tasks_changes_nothing():
    a, b = {"x": "PF", "y": "FF", "z": "PP"}, {"z": "PF", "x": "PP", "y": "FP"}
    turned = dict(reversed(b.items()))
    assert compare(evaluation(a), evaluation(b)) == compare(evaluation(a), evaluation(turned))


def test_a_model_against_itself():
    found = compare(evaluation({"a": "PF", "b": "FF"}), evaluation({"a": "PF", "b": "FF"}))
    assert found.gain == 0
    assert found.low == -found.high < 0
    assert (found.improved, found.worsened, found.p_value) == (0, 0, 1)


def test_tasks_are_paired_by_what_they_ask():
    a = evaluation({"old": "F"}, tasks=[task("old", text="same")])
    b = evaluation({"new": "P"}, tasks=[task("new", text="same")])
    assert compare(a, b).gain == 1


def test_one_id_for_two_tasks_is_refused():
    a = evaluation({"a": "P", "b": "P"})
    b = evaluation({"a": "P", "b": "P"}, tasks=[task("a", text="changed"), task("b")])
    with pytest.raises(InputError, match=r"1 tasks have the same id and a different.*'a'"):
        compare(a, b)


def test_nothing_in_common_is_refused():
    with pytest.raises(InputError, match="no task in common"):
        compare(evaluation({"a": "P"}), evaluation({"b": "P"}))


def test_errors_are_left_out():
    found = compare(evaluation({"a": "PE", "b": "EE"}), evaluation({"a": "FF", "b": "PP"}))
    assert (found.tasks, found.left_out, found.gain) == (1, 1, -1)
    assert "A has 3 errors, which are left out" in found.notes
    with pytest.raises(InputError, match="smaller -k"):
        compare(evaluation({"a": "PE"}), evaluation({"a": "FF"}), k=2)


def test_differences_in_how_they_were_made_are_said():
    found = compare(evaluation({"a": "P"}, temperature=0.5), evaluation({"a": "P"}, temperature=1.0))
    assert found.notes == ("temperature differs: 0.5 and 1.0",)


@pytest.fixture
def files(tmp_path):
    for name, outcomes in {"a": {"x": "FF", "y": "PF"}, "b": {"x": "PF", "y": "PP"}}.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "eval.json").write_text(evaluation(outcomes, k=(1, 2)).to_json())
    return str(tmp_path / "a"), str(tmp_path / "b" / "eval.json")


def test_command(files, capsys):
    assert run(["compare", *files, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["k"], found["gain"], found["improved"]) == (1, 0.5, 2)
    assert run(["compare", *files, "-k", "2"]) == 0
    said = capsys.readouterr()
    assert said.out == ""
    assert "pass@2 on 2 common tasks" in said.err
    assert "+0.5000" in said.err


def test_min_gain(files, capsys):
    assert run(["compare", *files, "--min-gain", "0.5"]) == 0
    assert run(["compare", *files, "--min-gain", "0.51", "--quiet"]) == 3
    said = capsys.readouterr().err.splitlines()[-1]
    assert said.startswith("verirl: B gains +0.5000")
    assert run(["compare", *reversed(files), "--min-gain", "0"]) == 3


def test_wrong_files(files, tmp_path, capsys):
    other = tmp_path / "tasks.jsonl"
    other.write_text('{"id": 1}\n')
    for wrong in (str(other), str(tmp_path / "none.json"), str(tmp_path)):
        assert run(["compare", files[0], wrong]) == 2
        said = capsys.readouterr().err
        assert wrong in said
        assert said.count("\n") == 1
