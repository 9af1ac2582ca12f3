"""The house itself: what may be imported where, what must not be in the way, what the tree must not hold."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from support.paths import ROOT

CUDA = ("nvidia-", "cuda-", "triton")
"""What a CUDA build of torch brings; torch itself says which versions."""

HEAVY = {"torch", "transformers", "trl", "datasets", "sympy", "pydantic", "numpy", "rich", "yaml"}


def python(code: str) -> str:
    """What `code` prints, run in the repository's root as a newcomer would run it."""
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def tracked() -> list[Path]:
    try:
        done = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("not a git checkout")
    found = (ROOT / name for name in done.stdout.decode().split("\0") if name)
    return [path for path in found if path.is_file()]


def test_trl_imports_from_the_root() -> None:
    assert python("from trl import GRPOTrainer; print(GRPOTrainer.__name__)") == "GRPOTrainer"


def test_datasets_is_the_library() -> None:
    assert python("import datasets; print(datasets.Dataset.__name__)") == "Dataset"


@pytest.mark.parametrize("folder", ["datasets", "verifiers"])
def test_folders_are_no_packages(folder: str) -> None:
    assert (ROOT / folder).is_dir()
    assert not (ROOT / folder / "__init__.py").exists()


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["trian"]])
def test_help_imports_nothing_heavy(arguments: list[str]) -> None:
    code = (
        "import json, sys\n"
        "from verirl.cli import run\n"
        f"run({arguments!r})\n"
        "print('\\n' + json.dumps([name.split('.')[0] for name in sys.modules]))"
    )
    loaded = set(json.loads(python(code).splitlines()[-1]))
    assert "click" in loaded
    assert not HEAVY & loaded


def test_the_core_names_no_domain() -> None:
    """A third party's domain is as near to the core as ours: found by entry point, never imported."""
    domains = [path.name for path in (ROOT / "verifiers").iterdir() if path.name.startswith("verirl_")]
    assert domains
    for path in (ROOT / "verirl").rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        for domain in domains:
            assert f"import {domain}" not in text, path
            assert f"from {domain}" not in text, path


def test_no_file_knows_the_machine_it_was_written_on() -> None:
    """The parts are joined here so that this file passes its own test."""
    forbidden = ["/".join(parts) for parts in (("", "work", ""), ("", "root", ""), ("opt", "pypi"))]
    forbidden += ["/".join(("", "opt", "wheels")), ":".join(("file", "//"))]
    paths = tracked()
    assert len(paths) > 50
    for path in paths:
        text = path.read_text(encoding="utf-8", errors="replace")
        for word in forbidden:
            assert word not in text, f"{path.relative_to(ROOT)} holds {word}"


def pins() -> dict[str, str]:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    parts = [line.partition("==") for line in lines if line and not line.startswith("#")]
    assert all(name and equals and version for name, equals, version in parts)
    found = {canonicalize_name(name): version for name, _, version in parts}
    assert len(found) == len(parts), "a package is pinned twice"
    return found


def test_constraints_pin_versions_that_an_index_has() -> None:
    for name, version in pins().items():
        assert "+" not in version, f"{name}: a local build"


def test_constraints_cover_everything_that_dev_installs() -> None:
    """Walks what is installed here: a requirement that no pin covers would drift from day to day."""
    pinned = pins()
    waiting = [("verirl", "dev")]
    seen = set()
    while waiting:
        name, extra = waiting.pop()
        if (name, extra) in seen:
            continue
        seen.add((name, extra))
        if name != "verirl":
            assert name in pinned, f"constraints.txt has no {name}"
        for text in metadata.requires(name) or ():
            needed = Requirement(text)
            if needed.marker is None or needed.marker.evaluate({"extra": extra}):
                further = canonicalize_name(needed.name)
                if further.startswith(CUDA):
                    continue
                waiting += [(further, ""), *((further, more) for more in needed.extras)]
    assert len(seen) > 60


def test_set_up_refuses_an_old_python_in_one_line(tmp_path: Path) -> None:
    script = ["bash", str(ROOT / "third_party" / "setup.sh")]
    environment = {**os.environ, "PYTHON": "false", "VENV": str(tmp_path / "venv")}
    done = subprocess.run(script, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.startswith("setup: needs Python 3.11 or newer")
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "venv").exists()


@pytest.mark.skipif(shutil.which("make") is None, reason="no make here")
def test_make_lists_every_target() -> None:
    text = (ROOT / "Makefile").read_text(encoding="utf-8")
    [targets] = [line.split()[1:] for line in text.splitlines() if line.startswith(".PHONY:")]
    done = subprocess.run(
        ["make", "--no-print-directory"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert [line.split()[1] for line in done.stdout.splitlines()] == targets
