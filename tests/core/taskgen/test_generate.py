"""Admission: what is drawn, dropped, judged, refused and counted; nothing else decides the result."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from verirl import registry
from verirl.cli import run
from verirl.domain import Domain, Mutant, StageContext
from verirl.errors import InputError, VerirlError
from verirl.io.sources import read_tasks
from verirl.options import GenerationOptions
from verirl.outcomes import StageOutcome, failed, passed
from verirl.pool import Request, VerifierPool
from verirl.spec import Spec
from verirl.taskgen.generate import MAX_REFUSALS_IN_A_ROW, RETRIES, generate_tasks
from verirl.taskgen.options import read_options
from verirl.types import Stage, StageResult, Status, Task, Verdict


class Shift(GenerationOptions):
    shift: int = 0


class SumSpec(Spec):
    answer: int


class Sums(Domain):
    """A domain of `a+b` with a, b < `size`; family `bad` has a wrong reference, `leaky` a right mutant."""

    name = "sums"
    version = "1"
    confined = True
    families = ("plain", "bad", "leaky", "bare")
    ladder = (Stage(name="compare"),)
    spec_model = SumSpec
    options_model = Shift

    def __init__(self, size: int = 50) -> None:
        self.size = size

    def stages(self, task: Task, completion: str, context: StageContext) -> Iterator[StageOutcome]:
        right = completion == str(task.spec["answer"])
        yield passed("compare") if right else failed("compare")

    def generate(
        self, seed: int, index: int, difficulty: float, *, split: str = "train", family: str | None = None,
        options: GenerationOptions | None = None,
    ) -> Task:  # fmt: skip
        shift = options.shift if isinstance(options, Shift) else 0
        pick = (seed * 7919 + index * 104_729) % self.size**2
        a, b = divmod(pick, self.size)
        right = a + b + shift
        return Task(
            id=f"sums/{family}/{index}",
            domain="sums",
            prompt=({"role": "user", "content": f"{family}: {a}+{b}"},),
            spec={"answer": right},
            reference=None if family == "bare" else str(right + (family == "bad")),
            difficulty=difficulty,
        )

    def mutants(self, task: Task) -> Sequence[Mutant]:
        right = task.spec["answer"]
        last = right if "/leaky/" in task.id else right - 1
        return (Mutant("plus_one", str(right + 1)), Mutant("minus_one", str(last)))


class Judge:
    """Compares in this process; the first `broken` verdicts on mutants are errors."""

    def __init__(self, broken: int = 0) -> None:
        self.broken = broken
        self.calls: list[int] = []

    def verify(self, jobs: Sequence[Request], /) -> list[Verdict]:
        self.calls.append(len(jobs))
        return [self._one(job) for job in jobs]

    def _one(self, job: Request) -> Verdict:
        status = Status.PASSED if job.completion == str(job.task.spec["answer"]) else Status.FAILED
        if self.broken > 0:
            self.broken -= 1
            status = Status.ERROR
        stage = StageResult(
            name="compare", status=status, detail="disk full" if status is Status.ERROR else ""
        )
        return Verdict(
            task_id=job.task.id, sample=job.sample, passed=status is Status.PASSED, stages=(stage,)
        )


def make(n: int, *, judge: Judge | None = None, size: int = 50, **arguments: Any) -> Any:
    arguments.setdefault("families", ("plain",))
    return generate_tasks(Sums(size), n, 1, pool=judge or Judge(), **arguments)  # type: ignore[arg-type]


def test_tasks_are_distinct_and_carry_their_kill_rate() -> None:
    heard: list[int] = []
    report = make(300, on_progress=heard.append)
    assert len(report.tasks) == 300 == sum(heard)
    assert len({task.content_key() for task in report.tasks}) == 300
    assert {task.source.kill_rate for task in report.tasks} == {1.0}
    assert report.kill_rate == 1.0
    assert report.families["plain"].mutants == 600


def test_a_smaller_set_is_the_beginning_of_a_larger_one() -> None:
    assert make(40).tasks == make(90).tasks[:40]


def test_only_as_many_are_judged_as_are_wanted() -> None:
    judge = Judge()
    make(5, judge=judge)
    assert judge.calls == [15]


def test_difficulty_stays_in_its_range() -> None:
    drawn = [task.difficulty for task in make(200, difficulty=(0.25, 0.75)).tasks]
    assert min(drawn) >= 0.25
    assert max(drawn) <= 0.75
    assert max(drawn) - min(drawn) > 0.4
    assert {task.difficulty for task in make(20, difficulty=(0.5, 0.5)).tasks} == {0.5}


def test_wrong_references_and_right_mutants_are_refused() -> None:
    report = make(60, families=("plain", "bad", "leaky"))
    assert {task.id.split("/")[1] for task in report.tasks} == {"plain"}
    assert report.families["bad"].refused
    assert report.families["leaky"].kill_rate == 0.5
    assert 0.5 < report.kill_rate < 1.0
    assert {refusal.reason for refusal in report.refused} == {"reference", "minus_one"}


@pytest.mark.parametrize("family", ["bad", "leaky", "bare"])
def test_a_family_that_is_always_refused_ends_with_a_reason(family: str) -> None:
    with pytest.raises(VerirlError, match=rf"{MAX_REFUSALS_IN_A_ROW} tasks in a row.*sums/{family}/"):
        make(500, families=(family,))


def test_without_mutants_only_references_are_judged() -> None:
    judge = Judge()
    report = make(10, judge=judge, check_mutants=False)
    assert judge.calls == [10]
    assert report.kill_rate is None
    assert {task.source.kill_rate for task in report.tasks} == {None}


def test_an_error_is_asked_again_counted_and_refuses_nothing() -> None:
    report = make(10, judge=Judge(broken=7))
    assert report.errors == 7
    assert report.tasks == make(10).tasks
    assert not report.refused


def test_an_error_that_stays_is_our_failure() -> None:
    with pytest.raises(VerirlError, match=r"sums/plain/0: could not be judged: compare: disk full"):
        make(1, judge=Judge(broken=3 * (RETRIES + 1)))


def test_an_exhausted_family_leaves_the_rest_to_the_others() -> None:
    class Two(Sums):
        families = ("small", "plain")

        def generate(self, seed: int, index: int, difficulty: float, **options: Any) -> Task:
            if options["family"] == "small":
                index %= 4
            return super().generate(seed, index, difficulty, **options)

    report = generate_tasks(Two(), 700, 1, pool=Judge())  # type: ignore[arg-type]
    assert len(report.tasks) == 700
    assert report.families["small"].exhausted
    assert report.families["small"].admitted <= 4


def test_too_few_distinct_tasks_is_a_clear_error() -> None:
    with pytest.raises(InputError, match=r"only 9 of 10 distinct tasks at difficulty 0:1 \(plain 9\)"):
        make(10, size=3)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n": 0}, "at least 1"),
        ({"difficulty": (0.5, 0.2)}, "0.5:0.2 is not a range"),
        ({"difficulty": (0.0, float("nan"))}, "is not a range"),
        ({"families": ("sum",)}, "no family 'sum'; there are: plain"),
        ({"options": {"tone": "x"}}, "no option 'tone'; there are: shift"),
    ],
)
def test_bad_arguments_are_named(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        make(**{"n": 3, **arguments})


def test_options_reach_the_domain() -> None:
    assert make(1, options={"shift": 5}).tasks[0].spec["answer"] == make(1).tasks[0].spec["answer"] + 5


@pytest.fixture
def pools() -> Iterator[list[VerifierPool]]:
    made = [VerifierPool(workers=workers) for workers in (1, 2)]
    yield made
    for pool in made:
        pool.close()


def test_the_number_of_workers_changes_nothing(pools: list[VerifierPool]) -> None:
    math = registry.load("math")
    first, second = (generate_tasks(math, 44, 3, pool=pool, split="eval") for pool in pools)
    assert first == second
    assert first.kill_rate == 1.0
    assert not first.refused


def test_command_writes_tasks_and_one_json_document(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "tasks.jsonl"
    line = f"synth math -n 12 --seed 4 -o {path} --difficulty 0.1:0.3 -O style=terse -w 1"
    line += " -f arithmetic -f modular"
    assert run([*line.split(), "--json"]) == 0
    told = json.loads(capfd.readouterr().out)
    assert told["tasks"] == 12
    assert told["kill_rate"] == 1.0
    assert set(told["families"]) == {"arithmetic", "modular"}
    tasks = read_tasks(path)
    assert len(tasks) == 12
    assert all(0.1 <= (task.difficulty or 0) <= 0.3 and task.tags[2] == "terse" for task in tasks)
    before = path.read_bytes()
    assert run([*line.split(), "--quiet"]) == 0
    assert path.read_bytes() == before
    assert capfd.readouterr().err == ""


def test_command_on_standard_output(capfd: pytest.CaptureFixture[str]) -> None:
    assert run(["synth", "math", "-n", "3", "-w", "1", "--no-mutants"]) == 0
    lines = capfd.readouterr().out.splitlines()
    assert [Task.model_validate_json(line).domain for line in lines] == ["math"] * 3


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("synth math", "Missing option '-n'"),
        ("synth mth -n 3", "did you mean 'math'?"),
        ("synth math -n 0", "not in the range"),
        ("synth math -n 3 --difficulty 0.5:0.1", "is not a range inside 0:1"),
        ("synth math -n 3 --difficulty hard", "is not a number or LO:HI"),
        ("synth math -n 3 -f poetry", "no family 'poetry'"),
        ("synth math -n 3 -O tone=x", "no option 'tone'; there are: style"),
        ("synth math -n 3 -O style", "is not KEY=VALUE"),
        ("synth math -n 3 -O style=rhyme", "unknown style 'rhyme'"),
        ("synth math -n 3 -O pool=1", "no option 'pool'"),
        ("synth math -n 3 --json", "needs -o FILE"),
        ("synth math -n 3 -o tests", "is a folder"),
    ],
)
def test_wrong_usage_is_one_line(line: str, message: str, capfd: pytest.CaptureFixture[str]) -> None:
    assert run(line.split()) == 2
    told = capfd.readouterr()
    assert told.out == ""
    assert message in told.err
    assert told.err.count("\n") == 1


def test_a_family_with_too_few_says_how_many(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "tasks.jsonl"
    line = f"synth math -n 5000 -f powers --difficulty 0 --no-mutants -w 1 -o {path}"
    assert run(line.split()) == 2
    assert "distinct tasks at difficulty 0:0 (powers" in capfd.readouterr().err
    assert not path.exists()


def test_a_range_of_difficulty_takes_the_families_whose_level_is_in_it(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "tasks.jsonl"
    assert run(f"synth optics -n 6 --difficulty 0.1:0.3 --no-mutants -w 1 -o {path} --json".split()) == 0
    report = json.loads(capfd.readouterr().out)
    families = {"singlet", "singlet-completion", "achromat", "achromat-completion"}
    assert set(report["families"]) == families
    assert set(report["left_out"]) == set(registry.load("optics").families) - families
    for line in path.read_text(encoding="utf-8").splitlines():
        task = json.loads(line)
        low, high = (0.1, 0.2) if task["tags"][0].startswith("singlet") else (0.2, 0.3)
        assert low <= task["difficulty"] <= high
    named = f"synth optics -n 1 -f gauss --difficulty 0.1 --no-mutants -w 1 -o {path} --json"
    assert run(named.split()) == 0
    assert list(json.loads(capfd.readouterr().out)["families"]) == ["gauss"]


@pytest.mark.parametrize(("asked", "families"), [((0.2, 0.2), 2), ((1.0, 1.0), 4), ((0.0, 1.0), 14)])
def test_each_difficulty_has_families(asked: tuple[float, float], families: int) -> None:
    from verirl.taskgen.generate import _families_in_range

    optics, math = registry.load("optics"), registry.load("math")
    assert len(_families_in_range(optics, *asked, read_options(optics, {}))) == families
    assert len(_families_in_range(optics, *asked, read_options(optics, {"style": "terse"}))) == 2
    assert len(_families_in_range(math, *asked, read_options(math, {}))) == len(math.families)


@pytest.mark.parametrize(
    ("domain", "families"),
    [
        ("rtl", {"boolean", "sharing"}),
        ("code", {"strings", "lists", "numbers"}),
        ("optics", {"singlet", "singlet-completion"}),
    ],
)
def test_families_without_a_task_for_the_options_are_left_out(domain: str, families: set[str]) -> None:
    found = registry.load(domain)
    terse = read_options(found, {"style": "terse"})
    assert set(found.families_for(terse)) == families
    assert found.families_for(read_options(found, {})) == found.families
    for name in sorted(families):
        assert found.generate(1, 0, 0.1, family=name, options=terse).tags[0] == name
    other = next(name for name in found.families if name not in families)
    with pytest.raises(InputError, match="terse"):
        found.generate(1, 0, 0.1, family=other, options=terse)
