"""Tasks with compact prompts for small models; and what a worker imports before it judges."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from verirl.errors import InputError
from verirl.pool import Request, VerifierPool
from verirl.taskgen.generate import generate_tasks
from verirl.types import Status, Task
from verirl_optics import domain
from verirl_optics.answer import parse, to_lines
from verirl_optics.options import OpticsOptions
from verirl_optics.requirements import evaluate_answer
from verirl_optics.spec import read_spec
from verirl_optics.stages import run_stages
from verirl_optics.tasks.compact_prompts import FAMILIES, GLASSES, best_form

TERSE = OpticsOptions(style="terse")


def passes(task: Task, completion: str) -> bool:
    return all(item.stage.status is not Status.FAILED for item in run_stages(task, completion))


@pytest.mark.parametrize("family", FAMILIES)
def test_a_terse_task_states_its_limits_in_a_few_words(family: str) -> None:
    for index in range(6):
        task = domain.generate(5, index, 0.5, family=family, options=TERSE)
        assert task == domain.generate(5, index, 0.5, family=family, options=TERSE)
        domain.check_spec(task.spec)
        words = task.prompt[0].content.split()
        spec = task.spec
        assert words[:3] == [f"{spec['efl_mm']:g}", f"f/{spec['fno']:g}", f"{max(spec['half_fields_deg']):g}"]
        assert words[3] == f"{spec['max_rms_um']:g}"
        assert len(task.prompt[0].content) < 60
        assert task.reference is not None
        assert passes(task, task.reference)
        assert not any(passes(task, mutant.completion) for mutant in domain.mutants(task))
        # What is not stated is not asked.
        assert not {"max_total_track_mm", "min_bfl_mm", "min_edge_thickness_mm"} & set(spec)


def test_the_reference_has_the_best_bending_and_focus() -> None:
    fields = (0.0, 1.4, 2.0)
    front, back = best_form(60.0, 6, fields, "N-BK7")
    task = domain.generate(1, 0, 0.0, family="singlet", options=TERSE)
    spec = read_spec(
        {**task.spec, "efl_mm": 60.0, "fno": 6, "half_fields_deg": list(fields), "glasses": ["N-BK7"]}
    )

    def spot(front_radius: float, image: float) -> float:
        power = 1.0 / front.radius - 1.0 / back.radius
        rear = 1.0 / (1.0 / front_radius - power)
        lines = f"{front_radius:.9g} {front.thickness} N-BK7 stop\n{rear:.9g} {image:.9g}"
        return evaluate_answer(spec, parse(lines)).figures["rms_spot_um"]

    best = spot(front.radius, back.thickness)
    for moved in (0.997, 1.003):
        assert spot(front.radius, back.thickness * moved) > best
    for bent in (0.8, 1.25):
        assert min(spot(front.radius * bent, back.thickness + 0.02 * k) for k in range(-300, 301, 2)) > best


def sharpest(task: Task) -> float:
    """The smallest spot, µm, of a best form in any of the task's glasses."""
    spec = read_spec(task.spec)
    forms = [best_form(spec.efl_mm, spec.fno, spec.half_fields_deg, glass) for glass in spec.glasses]
    return min(evaluate_answer(spec, form).figures["rms_spot_um"] for form in forms)


def test_the_glass_is_any_of_the_list_and_the_first_is_the_sharpest() -> None:
    tasks = [domain.generate(4, i, 0.0, family="singlet", options=TERSE) for i in range(40)]
    assert {parse(task.reference or "")[0].glass for task in tasks} == set(GLASSES)
    for task in tasks[:8]:
        spec = read_spec(task.spec)
        form = best_form(spec.efl_mm, spec.fno, spec.half_fields_deg, GLASSES[0])
        assert evaluate_answer(spec, form).figures["rms_spot_um"] == sharpest(task)


def test_splits_differ_and_difficulty_narrows_the_limit() -> None:
    easy = [domain.generate(2, i, 0.0, family="singlet", options=TERSE) for i in range(8)]
    hard = [domain.generate(2, i, 1.0, family="singlet", options=TERSE) for i in range(8)]
    slack = [[t.spec["max_rms_um"] / sharpest(t) for t in tasks] for tasks in (easy, hard)]
    assert min(slack[0]) > max(slack[1]) >= 1.0
    held = [domain.generate(2, i, 0.0, split="eval", family="singlet", options=TERSE) for i in range(8)]
    assert {t.prompt for t in easy}.isdisjoint(t.prompt for t in held)


@pytest.mark.parametrize(
    "arguments",
    [
        {"family": "triplet", "style": "terse"},
        {"family": "sniglet", "style": "terse"},
        {"family": "singlet", "style": "terse", "split": "test"},
    ],
)
def test_what_has_no_shorthand_is_refused(arguments: dict[str, str]) -> None:
    with pytest.raises(InputError):
        domain.generate(1, 1, 0.5, options=OpticsOptions(style=arguments.pop("style")), **arguments)


def test_the_option_goes_through_synthesis_and_the_pool(pool: VerifierPool) -> None:
    report = generate_tasks(domain, 6, seed=3, pool=pool, families=["singlet"], options=TERSE)
    assert len(report.tasks) == 6
    assert report.kill_rate == 1.0
    task = report.tasks[0]
    rows = parse(task.reference or "")
    other = to_lines(rows[::-1])
    verdicts = pool.verify([Request(task, task.reference or ""), Request(task, other)])
    assert [verdict.passed for verdict in verdicts] == [True, False]


def test_warming_imports_what_a_verdict_needs() -> None:
    code = (
        "import sys; from verirl_optics import domain; domain.warm_up(); known = set(sys.modules)\n"
        "from pathlib import Path; from verirl.domain import StageContext\n"
        "from verirl.types import Message, Task\n"
        "spec = dict(task='synthesis', efl_mm=50.0, efl_rel_tol=0.02, fno=8, half_fields_deg=[0, 2],\n"
        "            wavelengths_um=[0.55], elements=dict(min=1, max=1), max_rms_um=99.0)\n"
        "task = Task(id='t', domain='optics', prompt=(Message(role='user', content='?'),), spec=spec)\n"
        "list(domain.stages(task, '51 4 N-BK7 stop\\n-51 48', StageContext(Path('.'), 1.0)))\n"
        "import torch; print(sorted(set(sys.modules) - known), torch.get_num_threads())"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.split() == ["[]", "1"]


@pytest.mark.slow
def test_the_recipe_runs_from_nothing_to_a_report(tmp_path: Path) -> None:
    """Made small: that it goes through, not what it gains (bench/recipes.py)."""
    run = tmp_path / "run"
    small = {
        "tasks.demos.n": 24, "tasks.prompts.n": 24, "tasks.held_out.n": 8, "sft.steps": 4,
        "sft.watch.every": 4, "grpo.steps": 2, "grpo.prompts": 4, "grpo.watch.every": 2,
        "eval.samples": 2, "eval.min_gain": -1, "threads": 1, "workers": 1, "model.name": "tiny:xs",
    }  # fmt: skip
    settings = [word for key, value in small.items() for word in ("--set", f"{key}={value}")]
    command = [sys.executable, "-m", "verirl"]
    subprocess.run(
        [*command, "train", "tiny-optics", "--run", str(run), *settings], check=True, capture_output=True
    )
    told = subprocess.run(
        [*command, "report", str(run), "--json"], check=True, capture_output=True, text=True
    )
    found = json.loads(told.stdout)
    assert found["finished"]
    assert {score["model"] for score in found["held_out"]["scores"]} == {"sft", "grpo"}
    assert [rung["name"] for rung in found["held_out"]["rungs"]][:2] == ["extract", "format"]
