"""Every example runs as it stands."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from support.paths import ROOT

pytestmark = pytest.mark.needs_sandbox
EXAMPLES = ROOT / "examples"


def output_of(*arguments: str, **environment: str) -> str:
    done = subprocess.run(
        [sys.executable, *arguments],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1", **environment},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_every_example_is_in_the_list() -> None:
    text = (EXAMPLES / "README.md").read_text(encoding="utf-8")
    for path in EXAMPLES.iterdir():
        if path.name not in ("README.md", "__pycache__"):
            assert f"]({path.name}" in text, path.name


def test_verify_answer() -> None:
    text = output_of(str(EXAMPLES / "verify_answer.py"))
    assert "passed: True" in text
    assert "['1.000', '0.000', '0.000']" in text
    assert "code passed: True" in text


@pytest.mark.needs_modules("trl")
def test_trl_grpo() -> None:
    text = output_of(str(EXAMPLES / "trl_grpo.py"), "--steps", "2")
    assert re.findall(r"step (\d+): reward \d\.\d{3}", text) == ["1", "2"]


@pytest.mark.slow
@pytest.mark.needs_modules("trl")
def test_training_loop() -> None:
    short = ("--tasks", "32", "--sft-steps", "2", "--grpo-steps", "1")
    text = output_of(str(EXAMPLES / "training_loop.py"), *short)
    assert re.search(r"pass@1 after SFT: +\d\.\d{3} \[", text)
    assert re.search(r"pass@1 after GRPO: \d\.\d{3} \[", text)


@pytest.mark.slow
@pytest.mark.needs_modules("trl")
def test_rescore_run(tmp_path: Path) -> None:
    from support.recipes import SMALL

    (tmp_path / "small.yaml").write_text(SMALL, encoding="utf-8")
    run = str(tmp_path / "run")
    output_of("-m", "verirl", "train", str(tmp_path / "small.yaml"), "--run", run, "-q")
    lines = output_of(str(EXAMPLES / "rescore_run.py"), run, "--scheme", "binary").splitlines()
    assert lines[0].startswith("generation  completions")
    assert len(lines) > 1
    for line in lines[1:]:
        _, completions, then, now = line.split()
        assert int(completions) > 0
        assert 0 <= float(now) <= 1
        assert 0 <= float(then) <= 1


def test_new_domain(tmp_path: Path) -> None:
    """The package of the example, installed beside verirl."""
    metadata = tmp_path / "verirl_letters-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: verirl-letters\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text("[verirl.domains]\nletters = verirl_letters:Letters\n")
    path = os.pathsep.join([str(EXAMPLES / "new_domain"), str(tmp_path), *sys.path])
    tasks = tmp_path / "tasks.jsonl"
    synth = ("synth", "letters", "-n", "20", "-o", str(tasks), "-q", "-w", "1")
    output_of("-m", "verirl", *synth, PYTHONPATH=path)
    output_of("-m", "verirl", "verify", str(tasks), "reference", "--strict", "-q", "-w", "1", PYTHONPATH=path)
    assert '"word"' in output_of("-m", "verirl", "spec", "letters", PYTHONPATH=path)
