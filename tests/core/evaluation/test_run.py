"""`verirl eval`: a policy, the pool, the documents and the exit codes, end to end on the math domain."""

from __future__ import annotations

import json
import subprocess
import sys
from xml.etree import ElementTree as ET

import pytest
from support.evaluations import verdict

from verirl.cli import run
from verirl.errors import InputError, VerirlError
from verirl.evaluation.result import Settings, read
from verirl.evaluation.run import check_settings, evaluate, require_usable
from verirl.io.sources import read_tasks, read_verdicts
from verirl.models.replay import ReferencePolicy

ASKED = Settings(k=(1,), samples=1, temperature=1.0, max_new_tokens=8, seed=0, scheme="lexicographic")

GOLDS = {"sum": "5", "half": "\\frac{1}{2}", "set": "\\{1,2\\}"}
ANSWERS = {"sum": ["5", "6", "5"], "half": ["0.5", "1/2", "2"], "set": ["\\{2,1\\}", "\\{1\\}"]}
"""Usable and passing: 2 of 3, 2 of 3, 1 of 2."""


@pytest.fixture
def tasks(tmp_path):
    place = tmp_path / "tasks.jsonl"
    place.write_text(
        "".join(
            json.dumps(
                {
                    "id": name,
                    "domain": "math",
                    "prompt": [{"role": "user", "content": f"What is {gold}?"}],
                    "spec": {"answer": gold},
                    "reference": f"\\boxed{{{gold}}}",
                    "tags": ["whole"] if name == "sum" else ["other"],
                }
            )
            + "\n"
            for name, gold in GOLDS.items()
        )
    )
    return str(place)


@pytest.fixture
def replay(tmp_path):
    place = tmp_path / "answers.jsonl"
    place.write_text(
        "".join(
            json.dumps({"task_id": name, "completion": f"It is \\boxed{{{answer}}}.", "sample": i}) + "\n"
            for name, answers in ANSWERS.items()
            for i, answer in enumerate(answers)
        )
    )
    return f"replay:{place}"


def evaluated(*args: str) -> int:
    return run(["eval", *args, "--workers", "1", "--no-cache"])


def test_replayed_answers_are_counted_as_worked_by_hand(tasks, replay, tmp_path, capsys):
    places = {name: str(tmp_path / name) for name in ("e.json", "e.xml", "e.md", "v.jsonl", "c.jsonl")}
    code = evaluated(
        replay, tasks, "-k", "1", "-k", "3", "-o", places["e.json"], "--junit", places["e.xml"],
        "--markdown", places["e.md"], "--verdicts", places["v.jsonl"], "--completions", places["c.jsonl"],
        "--min", "pass@1>=0.6", "--min", "pass@1[tag=whole]<0.7",
    )  # fmt: skip
    assert code == 0
    said = capsys.readouterr()
    assert said.out == ""
    assert "0.611" in said.err
    found = read(places["e.json"])
    assert {row.id: (row.n, row.c) for row in found.rows} == {"sum": (3, 2), "half": (3, 2), "set": (2, 1)}
    assert found.overall.pass_at[1].value == pytest.approx((2 / 3 + 2 / 3 + 1 / 2) / 3)
    assert (found.overall.pass_at[3].value, found.overall.pass_at[3].left_out) == (1, 1)
    assert found.timing is None
    verdicts = read_verdicts(places["v.jsonl"])
    assert len(verdicts) == 8
    assert all(v.reward is not None and v.reward.scheme == "lexicographic" for v in verdicts)
    right = [v.reward.value for v in verdicts if v.passed]
    wrong = [v.reward.value for v in verdicts if not v.passed]
    assert max(wrong) < min(right)
    with open(places["e.xml"]) as stream:  # noqa: PTH123
        assert ET.parse(stream).getroot().find("testsuite").get("failures") == "0"  # noqa: S314
    with open(places["e.md"]) as stream:  # noqa: PTH123
        assert "| all | 3 | 0.611 [" in stream.read()


def test_the_document_is_the_same_bytes_each_time(tasks, replay, tmp_path):
    places = [tmp_path / "one.json", tmp_path / "two.json"]
    for place in places:
        assert evaluated(replay, tasks, "-o", str(place), "--quiet") == 0
    assert places[0].read_bytes() == places[1].read_bytes()


def test_json_is_the_document_and_nothing_else(tasks, capsys):
    assert evaluated("reference", tasks, "--json", "--quiet") == 0
    said = capsys.readouterr()
    found = json.loads(said.out)
    assert found["overall"]["pass_at"]["1"]["value"] == 1
    assert 0 < found["overall"]["pass_at"]["1"]["low"] < 1
    assert said.err == ""


def test_each_unmet_gate_is_a_line(tasks, replay, capsys):
    gates = ["pass@1>=0.9", "stage.equivalent>0.99", "error_rate<=0", "pass@2.low>0.9"]
    code = evaluated(replay, tasks, "--quiet", *(part for gate in gates for part in ("--min", gate)))
    assert code == 3
    said = capsys.readouterr().err.splitlines()
    assert [line.split(":")[0] for line in said[:-1]] == [f"gate {g}" for g in gates if "error" not in g]
    assert said[-1] == "verirl: 3 of 4 gates not met"


def test_limit(tasks, tmp_path):
    place = tmp_path / "e.json"
    assert evaluated("reference", tasks, "--limit", "2", "-o", str(place), "--quiet") == 0
    assert [row.id for row in read(place).rows] == ["sum", "half"]


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (["--min", "pass@1>0.5>"], "not understood"),
        (["--min", "pass@1[tag=whle]>0.5"], "did you mean 'whole'"),
        (["--min", "stage.simulate>0.5"], "no stage 'simulate'"),
        (["--reward", "binry"], "did you mean 'binary'"),
        (["--greedy", "-n", "4"], "leave -n out"),
        (["-o", "."], "is a folder"),
        (["-k", "0"], "-k"),
    ],
)
def test_wrong_usage_is_a_line_and_2(tasks, capsys, args, says):
    assert evaluated("reference", tasks, *args) == 2
    said = capsys.readouterr().err
    assert says in said
    assert said.count("\n") == 1


def test_a_replay_that_lacks_a_task_is_refused(tasks, tmp_path, capsys):
    place = tmp_path / "few.jsonl"
    place.write_text(json.dumps({"task_id": "sum", "completion": "5"}) + "\n")
    assert evaluated(f"replay:{place}", tasks) == 2
    assert "no completion for 2 tasks" in capsys.readouterr().err


class Sampled(ReferencePolicy):
    """Stands for a model: asking it again would give other answers."""

    sampled = True


class Judge:
    """A pool whose every verdict is given beforehand."""

    def __init__(self, outcome):
        self.outcome = outcome

    def verify(self, jobs, on_done=None):
        return [verdict(job.task.id, job.sample, self.outcome) for job in jobs]


def test_what_cannot_come_out_right_is_refused_before_sampling(tasks):
    chosen = read_tasks(tasks)
    with pytest.raises(InputError, match="pass@4 needs at least 4 samples"):
        check_settings(Sampled(), chosen, ASKED.model_copy(update={"k": (1, 4), "samples": 2}))
    with pytest.raises(InputError, match="temperature 0"):
        check_settings(Sampled(), chosen, ASKED.model_copy(update={"samples": 2, "temperature": 0}))
    with pytest.raises(InputError, match="no task"):
        check_settings(Sampled(), [], ASKED)


def test_errors_alone_are_no_score(tasks, monkeypatch, capsys, tmp_path):
    class Broken(Judge):
        def __init__(self, *args, **kwargs):
            super().__init__("E")

        def __enter__(self):
            return self

        def __exit__(self, *problem):
            return None

        def verify(self, jobs, on_done=None):
            return [
                v.model_copy(update={"stages": (v.stages[-1].model_copy(update={"name": "extract"}),)})
                for v in super().verify(jobs)
            ]

    monkeypatch.setattr("verirl.pool.VerifierPool", Broken)
    place = tmp_path / "e.json"
    assert evaluated("reference", tasks, "-o", str(place), "--min", "pass@1>=0") == 1
    said = capsys.readouterr().err
    assert "none of 3 completions could be judged" in said
    assert "extract error: why" in said
    assert read(place).overall.pass_at[1].value is None
    require_usable([])
    with pytest.raises(VerirlError, match="no score"):
        require_usable([verdict("a", 0, "E")])


def test_completions_are_kept_before_they_are_judged(tasks):
    class Dying(Judge):
        def verify(self, jobs, on_done=None):
            raise RuntimeError("out of power")

    kept = []
    with pytest.raises(RuntimeError, match="out of power"):
        evaluate(
            ReferencePolicy(), read_tasks(tasks), Dying("P"), source="t", settings=ASKED, keep=kept.extend
        )
    assert [completion.task_id for completion in kept] == ["sum", "half", "set"]


def test_timing_is_there_for_a_sampled_policy_alone(tasks):
    from verirl.pool import VerifierPool

    with VerifierPool(1) as pool:
        chosen = read_tasks(tasks)
        one, two = (
            evaluate(policy, chosen, pool, source="t", settings=ASKED).evaluation
            for policy in (Sampled(), ReferencePolicy())
        )
    assert one.timing is not None
    assert "timing" not in two.to_data()
    assert one.model_copy(update={"timing": None}) == two


def test_evaluation_needs_no_torch():
    code = (
        "import sys; from verirl.cli import run; run(['eval', '--help']); run(['compare', '--help'])\n"
        "from verirl.evaluation import compare, gates, run; from verirl.scoring import audit\n"
        "sys.exit(' '.join({'torch', 'transformers', 'numpy', 'hypothesis'} & set(sys.modules)) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_progress_bar_of_each_kind_in_turn(tasks, monkeypatch):
    """Two live bars at once are an error of rich's: sampling must have ended when judging begins."""
    monkeypatch.setattr("verirl.cli.console.interactive", lambda: True)
    assert evaluated("reference", tasks) == 0
