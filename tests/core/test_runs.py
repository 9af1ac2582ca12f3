"""The run folder survives what happens to it."""

from __future__ import annotations

import subprocess
import sys

import pytest

from verirl.errors import InputError
from verirl.runs import RunFolder


def test_the_journal_skips_a_torn_line_and_goes_on(tmp_path):
    run = RunFolder(tmp_path)
    run.log("one", value=1)
    with (tmp_path / "journal.jsonl").open("a") as stream:
        stream.write('{"event": "torn", "va')
    run.log("two", text="é\n")
    assert [event["event"] for event in run.events()] == ["one", "two"]
    assert run.events("two")[0]["text"] == "é\n"


def test_the_later_record_of_a_step_counts(tmp_path):
    run = RunFolder(tmp_path)
    for step, loss in [(1, 5.0), (2, 4.0), (3, 3.0), (2, 4.5), (3, 3.5)]:
        run.log("step", stage="sft", step=step, loss=loss)
    run.log("step", stage="grpo", step=2, loss=9.0)
    assert [(event["step"], event["loss"]) for event in run.steps("step", "sft")] == [
        (1, 5.0),
        (2, 4.5),
        (3, 3.5),
    ]


def test_two_processes_do_not_share_a_run(tmp_path):
    code = (
        "import sys; from pathlib import Path; from verirl.runs import RunFolder\n"
        "run = RunFolder(Path(sys.argv[1])); run.lock(); print('locked', flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", code, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout.readline() == "locked\n"
        with pytest.raises(InputError, match="another process"):
            RunFolder(tmp_path).lock()
        other.stdin.close()
    RunFolder(tmp_path).lock()


def test_a_stage_is_done_once_the_journal_says_so(tmp_path):
    run = RunFolder(tmp_path)
    run.log("stage_begun", stage="sft")
    assert run.done("sft") is None
    run.log("stage_done", stage="sft", seconds=2.5)
    assert run.done("sft")["seconds"] == 2.5


def test_a_stage_that_begins_again_voids_what_it_recorded_further_on(tmp_path):
    run = RunFolder(tmp_path)
    for step in (7, 8, 9, 7, 8):
        run.log("step", stage="control", step=step, seconds=1.0)
    assert [event["step"] for event in run.steps("step", "control")] == [7, 8]
