"""Rewards that a domain brings for its own ladder: found, used, audited, refused elsewhere."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest

from verirl import presets, registry
from verirl.cli import run
from verirl.errors import InputError
from verirl.scoring import reward, scheme
from verirl.scoring.audit import audit_scheme
from verirl.training.recipe import Recipe
from verirl.types import StageResult, Status, Verdict

EVERY = [(name, domain) for name, homes in presets.installed().items() for domain in homes]


def test_there_are_presets() -> None:
    assert ("optiagent", "optics") in EVERY


@pytest.mark.parametrize(("name", "domain"), EVERY)
def test_a_preset_keeps_what_it_claims(name: str, domain: str) -> None:
    subject = presets.find(name, (domain,))
    assert subject.name == name
    for finding in audit_scheme(subject, ladder=registry.load(domain).ladder, examples=200):
        assert finding.met, finding


@pytest.mark.parametrize(("name", "domain"), EVERY)
def test_a_preset_takes_no_other_ladder(name: str, domain: str) -> None:
    other = next(other for other in ("math", "code") if other != domain)
    with pytest.raises(InputError, match=f"preset of {domain}"):
        presets.find(name, (domain, other))
    with pytest.raises(InputError):
        presets.find(name)(registry.load(other).ladder, (StageResult(name="extract", status=Status.FAILED),))


def test_common_schemes_and_unknown_names() -> None:
    assert presets.find("binary", ("math", "optics")) == scheme("binary")
    with pytest.raises(InputError, match="did you mean 'optiagent'"):
        presets.find("optiagnt", ("optics",))


@pytest.mark.parametrize(
    "broken", [{"binary": scheme("binary")}, {"mine": scheme("gated")}, {"mine": type(scheme("gated"))}, [1]]
)
def test_a_broken_preset_is_said_in_one_line(broken: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "load", lambda name: SimpleNamespace(reward_presets=lambda: broken))
    with pytest.raises(InputError, match="domain 'x'"):
        presets.presets("x")


def optics(*stages: tuple[str, Status, float]) -> float:
    found = tuple(StageResult(name=name, status=status, score=score) for name, status, score in stages)
    verdict = Verdict(task_id="t", passed=False, stages=found)
    rated = reward(presets.find("optiagent"), registry.load("optics").ladder, verdict)
    assert rated.reward is not None
    return rated.reward.value


def test_optiagent_pays_a_quarter_a_tier() -> None:
    climbed = [(name, Status.PASSED, 1.0) for name in ("extract", "format", "feasible", "accurate")]
    assert optics(("extract", Status.FAILED, 0.0)) == 0.0
    assert optics(*climbed[:1], ("format", Status.FAILED, 0.0)) == pytest.approx(0.125, abs=1e-6)
    assert optics(*climbed[:2], ("feasible", Status.FAILED, 0.5)) == pytest.approx(0.375)
    assert optics(*climbed[:3], ("accurate", Status.FAILED, 0.5)) == pytest.approx(0.625)
    assert optics(*climbed, ("quality", Status.PASSED, 0.5)) == pytest.approx(0.875)
    assert optics(*climbed, ("quality", Status.PASSED, 1.0)) == 1.0


def test_in_a_recipe() -> None:
    grpo = {"tasks": "a", "steps": 1, "optimiser": {"learning_rate": 1e-3}, "scheme": "optiagent"}

    def recipe(domain: str) -> Recipe:
        return Recipe.model_validate({"name": "r", "tasks": {"a": {"domain": domain, "n": 4}}, "grpo": grpo})

    assert recipe("optics").grpo is not None
    with pytest.raises(ValueError, match="preset of optics"):
        recipe("math")


def test_on_the_command_line(tmp_path, capsys) -> None:
    made = registry.load("optics").generate(1, 0, 0.1, family="singlet")
    tasks = tmp_path / "tasks.jsonl"
    tasks.write_text(made.model_dump_json() + "\n", encoding="utf-8")
    out = tmp_path / "verdicts.jsonl"
    arguments = ["verify", str(tasks), "reference", "-w", "1", "--no-cache", "-q", "-o", str(out)]
    assert run([*arguments, "--reward", "optiagent"]) == 0
    rated = json.loads(out.read_text())["reward"]
    assert rated["scheme"] == "optiagent"
    assert 0.75 < rated["value"] <= 1.0
    capsys.readouterr()
    assert (
        run(["eval", "reference", str(tasks), "--reward", "optiagent", "--no-cache", "--json", "-w", "1"])
        == 0
    )
    assert json.loads(capsys.readouterr().out)["settings"]["scheme"] == "optiagent"
    assert run(["audit", "rewards", "--scheme", "optiagent", "--examples", "50", "--json"]) == 0
    assert {f["subject"] for f in json.loads(capsys.readouterr().out)["schemes"]} == {"optiagent"}
    assert run(["audit", "rewards", "--scheme", "optiagent", "--domain", "math"]) == 2
    assert "preset of optics" in capsys.readouterr().err
