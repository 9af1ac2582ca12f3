"""`import verirl`: the functions and classes of the public API."""

from __future__ import annotations

import doctest
import importlib
import subprocess
import sys
from pathlib import Path

import pytest

import verirl
from verirl.errors import InputError, SpecError
from verirl.types import StageResult, Status

pytestmark = pytest.mark.needs_sandbox


def test_every_public_name_exists() -> None:
    for name in verirl.__all__:
        assert getattr(verirl, name) is not None, name
    assert set(verirl.__all__) <= set(dir(verirl))
    with pytest.raises(AttributeError, match="'verirl' has no attribute 'verfy'"):
        verirl.verfy  # noqa: B018 - the access is the test


def test_import_is_lazy() -> None:
    code = "import sys, verirl; print([m for m in ('pydantic', 'click', 'torch') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_one_answer() -> None:
    verdict = verirl.verify("math", r"\boxed{3.5}", {"answer": "7/2"})
    assert verdict.passed
    assert verirl.reward(verdict, "binary") == 1.0
    assert 0.9 < verirl.reward(verdict) < 1.0  # an integer over another would be simpler
    wrong = verirl.verify("math", r"\boxed{4}", {"answer": "7/2"})
    assert verirl.rewards([verdict, wrong], "binary") == [1.0, 0.0]


def test_many_answers_to_one_spec_and_to_one_each() -> None:
    answers = [rf"\boxed{{{n}}}" for n in range(20)]
    verdicts = verirl.verify_many("math", answers, {"answer": "7"})
    assert [verdict.passed for verdict in verdicts] == [n == 7 for n in range(20)]
    assert [verdict.sample for verdict in verdicts] == list(range(20))
    each = verirl.verify_many("math", answers, [{"answer": str(n)} for n in range(20)])
    assert all(verdict.passed for verdict in each)


def test_prompts_reach_the_verifier() -> None:
    asked = ["What percentage is it?", "What is it?"]
    spec = {"answer": "50"}
    with_percent, without = verirl.verify_many("math", [r"\boxed{50\%}"] * 2, spec, prompts=asked)
    assert with_percent.passed
    assert not without.passed


def test_mistakes_are_one_clear_line() -> None:
    with pytest.raises(InputError, match="did you mean 'math'"):
        verirl.verify("maths", "1", {"answer": "1"})
    with pytest.raises(SpecError, match="answer"):
        verirl.verify("math", "1", {})
    with pytest.raises(InputError, match="2 answers, 1 specs"):
        verirl.verify_many("math", ["1", "2"], [{"answer": "1"}])


def test_one_text_is_not_several_answers() -> None:
    with pytest.raises(InputError, match="a list of texts"):
        verirl.verify_many("math", "42", {"answer": "42"})
    for spec in ("42", ["42"], None):
        with pytest.raises(InputError, match="must be an object"):
            verirl.verify("math", "42", spec)
    assert [
        v.passed for v in verirl.verify_many("math", (f"\\boxed{{{n}}}" for n in (1, 2)), {"answer": "2"})
    ] == [
        False,
        True,
    ]


def test_a_closed_shared_pool_is_replaced() -> None:
    from verirl.api import shared_pool

    shared_pool().close()
    assert verirl.verify("math", r"\boxed{2}", {"answer": "2"}).passed


def test_an_error_has_no_reward() -> None:
    verdict = verirl.verify("math", r"\boxed{3.5}", {"answer": "7/2"})
    stages = (StageResult(name="extract", status=Status.ERROR),)
    broken = verdict.model_copy(update={"stages": stages, "passed": False})
    assert verirl.reward(broken) is None


def test_a_reward_needs_the_domain() -> None:
    verdict = verirl.Verdict(
        task_id="t", passed=False, stages=(StageResult(name="extract", status=Status.FAILED),)
    )
    with pytest.raises(InputError, match="domain="):
        verirl.reward(verdict)
    assert verirl.reward(verdict, domain="math") == 0.0


def test_a_pool_of_your_own() -> None:
    with verirl.VerifierPool(workers=1) as pool:
        assert verirl.verify("math", r"\boxed{2}", {"answer": "2"}, verifier=pool).passed
        assert pool.stats.verified == 1


def test_tasks_are_generated_and_read(tmp_path: Path) -> None:
    tasks = verirl.generate_tasks("math", 3, seed=4, families=["fractions"], options={"style": "terse"})
    assert tasks == verirl.generate_tasks(
        "math", 3, seed=4, families=["fractions"], options={"style": "terse"}
    )
    path = tmp_path / "tasks.jsonl"
    path.write_text("".join(task.to_json() + "\n" for task in tasks), encoding="utf-8")
    assert verirl.load_tasks(path) == tasks


def test_evaluate_a_policy() -> None:
    tasks = verirl.generate_tasks("math", 4, families=["fractions"])
    result = verirl.evaluate("reference", tasks)
    assert result.evaluation.overall.pass_at[1].value == 1.0
    assert len(result.verdicts) == 4


@pytest.mark.parametrize(
    "module",
    [
        "verirl",
        "verirl.api",
        "verirl.errors",
        "verirl.io.strict_json",
        "verirl.outcomes",
        "verirl.registry",
        "verirl.spec",
        "verirl.integrations.trl",
    ],
)
def test_examples_in_docstrings(module: str) -> None:
    if module.endswith("trl"):
        pytest.importorskip("datasets")
    result = doctest.testmod(importlib.import_module(module))
    assert result.failed == 0
    assert result.attempted > 0


def test_the_packages_are_typed() -> None:
    for name in ("verirl", "verirl_math", "verirl_code", "verirl_rtl", "verirl_optics"):
        package = importlib.import_module(name)
        assert (Path(str(package.__file__)).parent / "py.typed").is_file(), name


@pytest.mark.parametrize("answer", [b"7", 7, None, ["7"]])
def test_an_answer_that_is_no_text_is_refused_and_the_shared_pool_goes_on(answer: object) -> None:
    with pytest.raises(InputError, match="the completion must be a string, not"):
        verirl.verify("math", answer, {"answer": "7"})  # type: ignore[arg-type]
    assert verirl.verify("math", r"\boxed{7}", {"answer": "7"}).passed
