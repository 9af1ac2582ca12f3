"""`verirl doctor`: what it finds, what it advises, and its exit code."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from verirl import requirements
from verirl.cli import run
from verirl.errors import InputError


def test_all_that_is_required_is_here(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["doctor"]) == 0
    captured = capsys.readouterr()
    assert captured.out == ""
    for word in ("bwrap", "sandbox", "cores", "pydantic"):
        assert word in captured.err


def test_the_report_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["doctor", "--json", "-q"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["ok"] is True
    assert report["problems"] == []
    assert report["sandbox"]["works"] is True
    assert report["machine"]["cores"] == len(os.sched_getaffinity(0))
    assert report["machine"]["memory_gb"] > 0
    found = {tool["name"]: tool for tool in report["tools"]}
    assert found["bwrap"]["state"] == "installed"
    assert not requirements.older(found["bwrap"]["version"], "0.8")
    assert {domain["name"] for domain in report["domains"]} >= {"math"}
    packages = {package["name"]: package for package in report["packages"]}
    assert packages["click"]["required"] is True
    assert packages["torch"]["required"] is False


def doctor(folder: Path) -> tuple[int, dict[str, object], str]:
    """The command in a process that finds no other programs than those in `folder`."""
    code = "import sys; from verirl.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", code, "doctor", "--json"],
        env={**os.environ, "PATH": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Traceback" not in done.stderr
    return done.returncode, json.loads(done.stdout), done.stderr


def test_a_missing_tool_comes_with_its_line(tmp_path: Path) -> None:
    code, report, err = doctor(tmp_path)
    assert code == 4
    assert report["ok"] is False
    assert "bwrap is missing; install it with: sudo apt-get install bubblewrap" in err


def program(folder: Path, name: str, script: str) -> None:
    (folder / name).write_text(f"#!/bin/sh\n{script}\n")
    (folder / name).chmod(0o755)


def test_a_tool_that_is_too_old(tmp_path: Path) -> None:
    (tmp_path / "sh").symlink_to(shutil.which("sh") or "/bin/sh")
    program(tmp_path, "bwrap", "echo bubblewrap 0.6.1; exit 0")
    program(tmp_path, "setpriv", "echo setpriv from util-linux 2.38.1")
    code, _, err = doctor(tmp_path)
    assert code == 4
    assert "bwrap is too old; install it with: sudo apt-get install bubblewrap" in err


def test_a_domains_tool_that_no_worker_sees_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = tmp_path / "mine"
    mine.mkdir()
    program(mine, "yosys", "echo Yosys 0.40")
    program(mine, "bwrap", "echo bubblewrap 0.9.0")
    monkeypatch.setenv("PATH", f"{mine}:/bin")
    monkeypatch.setattr(requirements, "SYSTEM_PATH", str(tmp_path))
    found = {one.name: one for one in requirements.look_for_tools()}
    assert (found["yosys"].state, found["bwrap"].state) == ("missing", "installed")
    assert f"{mine}/yosys is where no sandbox sees it" in found["yosys"].purpose
    monkeypatch.setattr(requirements, "SYSTEM_PATH", str(mine))
    seen = {one.name: one for one in requirements.look_for_tools()}["yosys"]
    assert (seen.state, seen.version) == ("installed", "0.40")
    assert "no sandbox" not in seen.purpose


def test_a_sandbox_that_does_not_work_here(tmp_path: Path) -> None:
    program(
        tmp_path,
        "bwrap",
        'if [ "$1" = --version ]; then echo bubblewrap 0.9.0; exit; fi\n'
        'echo "bwrap: setting up uid map: denied" >&2; exit 1',
    )
    (tmp_path / "sh").symlink_to(shutil.which("sh") or "/bin/sh")
    program(tmp_path, "setpriv", "echo setpriv from util-linux 2.38.1")
    code, _, err = doctor(tmp_path)
    assert code == 4
    assert "the sandbox does not work" in err
    assert "setting up uid map" in err
    assert "apt-get install bubblewrap" not in err


def test_the_list_is_read_and_shipped() -> None:
    listed = {tool.command: tool for tool in requirements.tools()}
    assert listed["bwrap"].package == "bubblewrap"
    assert listed["bwrap"].required
    assert requirements.install_line("bwrap") == "sudo apt-get install bubblewrap"


@pytest.mark.parametrize("line", ["bubblewrap", "a 1 b maybe core why", "a 1 b required core"])
def test_a_bad_line_of_the_list_is_named(line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    listed = tmp_path / "apt.txt"
    listed.write_text(f"# comment\n\n{line}\n")
    monkeypatch.setattr(requirements, "list_file", lambda: listed)
    with pytest.raises(InputError, match=r"apt\.txt:3: expected"):
        requirements.tools.__wrapped__()


versions = st.lists(st.integers(0, 50), min_size=1, max_size=4)


@given(versions, versions)
def test_versions_are_compared_by_number(a: list[int], b: list[int]) -> None:
    def trimmed(numbers: list[int]) -> list[int]:
        return trimmed(numbers[:-1]) if numbers and numbers[-1] == 0 else numbers

    texts = [".".join(map(str, numbers)) for numbers in (a, b)]
    assert requirements.older(*texts) == (trimmed(a) < trimmed(b))


def test_local_and_unknown_versions() -> None:
    assert not requirements.older("2.13.0+cpu", "2.13")
    assert not requirements.older("", "1.0")
    assert requirements.older("0.9", "0.10")


def test_help_is_light() -> None:
    code = (
        "import sys; from verirl.cli import run; run(['doctor', '--help']); run(['verify', '--help']);"
        "print([m for m in ('torch', 'sympy', 'pydantic', 'verirl.pool') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
