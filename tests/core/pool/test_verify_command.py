"""`verirl verify`: verdicts in order, good messages, exit codes, and what a Ctrl-C leaves."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.paths import ROOT
from support.toy_domain import install, on_path, toy_task

from verirl.cli import run


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    packages = tmp_path / "third-party"
    packages.mkdir()
    install(packages)
    install(packages, "plain", confined=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("PYTHONPATH", f"{packages}:{ROOT / 'tests'}")
    monkeypatch.chdir(tmp_path)
    tasks = [toy_task(f"t{i}", answer=f"a{i}", domain=("toy", "plain")[i % 2]) for i in range(6)]
    Path("tasks.jsonl").write_text("".join(task.to_json() + "\n" for task in tasks))
    with on_path(packages):
        yield tmp_path


def answers(*lines: dict[str, object], name: str = "answers.jsonl") -> str:
    Path(name).write_text("".join(json.dumps(line) + "\n" for line in lines))
    return name


def verdicts(name: str = "verdicts.jsonl") -> list[dict[str, object]]:
    return [json.loads(line) for line in Path(name).read_text().splitlines()]


def test_references_pass(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["verify", "tasks.jsonl", "reference", "-o", "verdicts.jsonl", "--strict"]) == 0
    assert [v["task_id"] for v in verdicts()] == [f"t{i}" for i in range(6)]
    assert all(v["passed"] and v["reward"] is None for v in verdicts())
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "toy check" in captured.err


def test_order_samples_and_rewards() -> None:
    lines = [{"task_id": f"t{i % 6}", "completion": f"a{i % 4}", "sample": i} for i in range(24)]
    args = [
        "verify",
        "tasks.jsonl",
        answers(*lines),
        "-o",
        "verdicts.jsonl",
        "--reward",
        "lexicographic",
        "-q",
    ]
    assert run(args) == 0
    found = verdicts()
    assert [(v["task_id"], v["sample"]) for v in found] == [(f"t{i % 6}", i) for i in range(24)]
    assert [v["passed"] for v in found] == [i % 6 == i % 4 for i in range(24)]
    values = {True: set(), False: set()}  # type: dict[bool, set[float]]
    for v in found:
        values[bool(v["passed"])].add(v["reward"]["value"])  # type: ignore[index]
    assert min(values[True]) > max(values[False])


def test_one_json_document_on_standard_output(capsys: pytest.CaptureFixture[str]) -> None:
    name = answers(
        {"task_id": "t0", "completion": "a0"},
        {"task_id": "t1", "completion": "x"},
        {"task_id": "t2", "completion": "do:1/0"},
        {"task_id": "t4", "completion": "do:time.sleep(9)"},
    )
    assert run(["verify", "tasks.jsonl", name, "--json", "--deadline", "0.5", "--reward", "binary"]) == 0
    captured = capsys.readouterr()
    report = json.loads(captured.out)
    assert [report[key] for key in ("total", "passed", "failed", "timeout", "error")] == [4, 1, 1, 1, 1]
    assert report["mean_reward"] == pytest.approx(1 / 3)
    toy = {row["stage"]: row for row in report["ladder"] if row["domain"] == "toy"}
    assert toy["check"] == {"domain": "toy", "stage": "check", "passed": 1, "error": 1, "timeout": 1}
    assert toy["size"]["not reached"] == 2
    assert "could not be judged" in captured.err


def test_verdicts_on_standard_output(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["verify", "tasks.jsonl", "reference", "-o", "-", "-q"]) == 0
    assert len([json.loads(line) for line in capsys.readouterr().out.splitlines()]) == 6
    assert run(["verify", "tasks.jsonl", "reference", "-o", "-", "--json"]) == 2


def test_strict_is_a_gate(capsys: pytest.CaptureFixture[str]) -> None:
    name = answers({"task_id": "t0", "completion": "a0"}, {"task_id": "t1", "completion": "x"})
    assert run(["verify", "tasks.jsonl", name, "--strict", "-o", "verdicts.jsonl"]) == 3
    assert len(verdicts()) == 2
    assert "1 of 2" in capsys.readouterr().err


def test_the_first_that_did_not_pass_are_drawn(capsys: pytest.CaptureFixture[str]) -> None:
    tasks = [
        {
            "id": f"code/{n}",
            "domain": "code",
            "prompt": [{"role": "user", "content": "Twice x."}],
            "spec": {"entry_point": "f", "tests": [{"input": [n], "expected": 2 * n}]},
        }
        for n in range(1, 5)
    ]
    codes = ("f = lambda x: x + 1", "f = lambda x: x * x + 9", "f = lambda x: 7", "f = lambda x: 2 * x")
    lines = [{"task_id": task["id"], "completion": code} for task, code in zip(tasks, codes, strict=True)]
    name = answers(*lines)
    answers(*tasks, name="code.jsonl")
    assert run(["verify", "code.jsonl", name, "--show", "1", "--workers", "1"]) == 0
    said = capsys.readouterr().err
    assert "code/2: wrong" in said
    assert "13" in said
    assert "code/3" not in said
    assert run(["verify", "code.jsonl", name, "--show", "9", "-q"]) == 0
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (
            {"task_id": "t9", "completion": "x"},
            "answers.jsonl:2: field 'task_id': no task 't9' in tasks.jsonl",
        ),
        ({"task_id": "t1"}, "answers.jsonl:2: field 'completion': missing"),
        ({"task_id": "t1", "completion": 7}, "answers.jsonl:2: field 'completion'"),
        ({"task_id": "t1", "completion": "x", "sample": -1}, "answers.jsonl:2: field 'sample'"),
    ],
)
def test_a_bad_answer_line_is_named(
    line: dict[str, object], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    name = answers({"task_id": "t1", "completion": "x"}, line)
    assert run(["verify", "tasks.jsonl", name]) == 2
    err = capsys.readouterr().err
    assert words in err
    assert "Traceback" not in err


@pytest.mark.parametrize(
    "arguments",
    [
        ["nothing.jsonl", "reference"],
        ["tasks.jsonl", "nothing.jsonl"],
        ["-", "-"],
        ["tasks.jsonl", "reference", "--reward", "lexicografic"],
        ["tasks.jsonl", "reference", "--workers", "0"],
        ["tasks.jsonl", "reference", "--deadline", "-1"],
        ["tasks.jsonl"],
    ],
)
def test_wrong_usage(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["verify", *arguments]) == 2
    assert "Traceback" not in capsys.readouterr().err


def test_a_task_without_reference_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    Path("tasks.jsonl").write_text(toy_task("bare", reference=None).to_json() + "\n")
    assert run(["verify", "tasks.jsonl", "reference"]) == 2
    assert "'bare' has no reference" in capsys.readouterr().err


def test_no_answers_at_all(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["verify", "tasks.jsonl", answers()]) == 2
    assert "holds no answer" in capsys.readouterr().err


def test_the_second_time_comes_from_the_cache_unless_told_not_to(capsys: pytest.CaptureFixture[str]) -> None:
    def cached(*more: str) -> float:
        assert run(["verify", "tasks.jsonl", "reference", "--json", "-q", *more]) == 0
        return json.loads(capsys.readouterr().out)["pool"]["cached"]

    assert [cached(), cached(), cached("--no-cache")] == [0, 6, 0]


def test_the_sandbox_off_is_said_each_time(capsys: pytest.CaptureFixture[str]) -> None:
    for _ in range(2):
        assert run(["verify", "tasks.jsonl", "reference", "--unsafe-no-sandbox", "-q"]) == 0
        assert "sandbox is off" in capsys.readouterr().err


def test_a_place_that_cannot_be_written(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["verify", "tasks.jsonl", "reference", "-o", "tasks.jsonl/x"]) == 1
    assert "tasks.jsonl" in capsys.readouterr().err
    assert run(["verify", "tasks.jsonl", "reference", "-o", "/dev/full", "--no-cache"]) == 1
    assert "free some space" in capsys.readouterr().err


def _interruptible() -> None:
    """A job in a shell's background ignores SIGINT, and hands that down."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_what_was_judged_before_an_interruption_is_there(folder: Path, how: signal.Signals) -> None:
    lines = [{"task_id": "t0", "completion": f"x{i}"} for i in range(50)]
    lines += [{"task_id": "t0", "completion": f"do:time.sleep(60) # {i}"} for i in range(2)]
    name = answers(*lines)
    code = "import sys; from verirl.cli import main; main()"
    command = [
        sys.executable,
        "-c",
        code,
        "verify",
        "tasks.jsonl",
        name,
        "-o",
        "verdicts.jsonl",
        "--deadline",
        "60",
    ]
    process = subprocess.Popen(
        command,
        stderr=subprocess.PIPE,
        env=dict(os.environ),
        start_new_session=True,
        preexec_fn=_interruptible,
    )
    until = time.monotonic() + 60
    while time.monotonic() < until and (not Path("verdicts.jsonl").exists() or len(verdicts()) < 50):
        time.sleep(0.05)
    process.send_signal(how)
    _, err = process.communicate(timeout=30)
    assert len(verdicts()) == 50
    assert b"Traceback" not in err
    if how != signal.SIGKILL:
        assert process.returncode == 130
        assert b"interrupted after 50 of 52" in err
