"""The domain object, its specs, importers, `verirl import` and how an answer is shown."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from verirl import registry
from verirl.cli import run
from verirl.errors import InputError, SpecError
from verirl.io.sources import read_tasks
from verirl.pool import Request, VerifierPool
from verirl.types import Message, Task

MATH = registry.load("math")


def task(answer: str = "5", **spec: Any) -> Task:
    return Task(
        id="m",
        domain="math",
        prompt=(Message(role="user", content="How many?"),),
        spec={"answer": answer, **spec},
    )


def write(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def imported(source: str, path: Path) -> list[Task]:
    return list(MATH.importers[source](path))


# -- specs ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("spec", "field"),
    [
        ({}, "answer"),
        ({"answer": 5}, "answer"),
        ({"answer": ""}, "answer"),
        ({"answer": "   "}, "answer"),
        ({"answer": r"\frac{1}{"}, "answer"),
        ({"answer": ["5"]}, "answer"),
        ({"answer": "5", "gold": "5"}, "gold"),
        ({"answer": "5", "answer_type": "integer"}, "answer_type"),
        ({"answer": "5", "answer_type": ["number"]}, "answer_type"),
        ({"answer": "x+1", "answer_type": "number"}, "answer_type"),
        ({"answer": "5", "answer_type": "matrix"}, "answer_type"),
        ({"answer": "5", "answer_type": "interval"}, "answer_type"),
        ({"answer": "5", "answer_type": "equation"}, "answer_type"),
        ({"answer": "5", "answer_type": "tuple"}, "answer_type"),
        ({"answer": "", "answer_type": "text"}, "answer"),
        ({"answer": "5", "tolerance": "0.1"}, "tolerance"),
        ({"answer": "5", "tolerance": True}, "tolerance"),
        ({"answer": "5", "tolerance": -0.1}, "tolerance"),
        ({"answer": "5", "tolerance": 1}, "tolerance"),
        ({"answer": "5", "tolerance": 10**400}, "tolerance"),
        ({"answer": "5", "tolerance": float("nan")}, "tolerance"),
        ({"answer": "1/0"}, "answer"),
    ],
)
def test_a_bad_spec_is_refused_when_it_is_read(spec: dict[str, Any], field: str) -> None:
    with pytest.raises(SpecError) as caught:
        MATH.check_spec(spec)
    assert caught.value.field == field


@pytest.mark.parametrize(
    "spec",
    [
        {"answer": "5"},
        {"answer": r"$\frac{1}{2}$", "answer_type": "number"},
        {"answer": "(1,2)", "answer_type": "tuple"},
        {"answer": "(1,2)", "answer_type": "interval"},
        {"answer": "x>3", "answer_type": "interval"},
        {"answer": "1,2", "answer_type": "set"},
        {"answer": r"\begin{pmatrix}1\\2\end{pmatrix}", "answer_type": "matrix"},
        {"answer": "y=2x", "answer_type": "equation"},
        {"answer": "Navin", "answer_type": "text"},
        {"answer": "anything, at all (3 words)", "answer_type": "text"},
        {"answer": "2x+1", "answer_type": "expression"},
        {"answer": "3.14", "tolerance": 0.01},
        {"answer": "52_8", "answer_type": "number"},
        {"answer": r"9^{9^{9^9}}"},
    ],
)
def test_a_good_spec_is_admitted(spec: dict[str, Any]) -> None:
    MATH.check_spec(spec)


def test_a_bad_spec_in_a_file_is_named_by_line_and_field(tmp_path: Path) -> None:
    bad = {**task().model_dump(mode="json"), "spec": {"answer": "5", "tolerence": 0.1}}
    path = write(tmp_path / "t.jsonl", [bad])
    with pytest.raises(InputError, match=r"t\.jsonl:1: field 'spec\.tolerence'"):
        read_tasks(path)


# -- the pool -------------------------------------------------------------------------------------------


def test_in_the_pool_a_verdict_is_the_same_and_bombs_end() -> None:
    completions = [r"\boxed{5}", r"\boxed{6}", "none", r"\boxed{9^{9^{9^9}}}", r"\boxed{10000000000!}"]
    with VerifierPool(1, deadline_s=5) as pool:
        verdicts = pool.verify([Request(task(), completion) for completion in completions])
        other = pool.verify([Request(task("y=1/x", answer_type="equation"), r"\boxed{xy=1}")])
    assert [verdict.passed for verdict in verdicts] == [True, False, False, False, False]
    assert not any(verdict.is_error for verdict in verdicts)
    assert other[0].passed
    assert verdicts[0].made_by["domain"] == f"math {MATH.version}"


# -- importers ------------------------------------------------------------------------------------------


def test_gsm8k(tmp_path: Path) -> None:
    rows = [
        {"question": "Q1?", "answer": "48+24 = <<48+24=72>>72\n#### 72"},
        {"question": "Q2?", "answer": "#### 1,234"},
    ]
    tasks = imported("gsm8k", write(tmp_path / "train.jsonl", rows))
    assert [t.spec["answer"] for t in tasks] == ["72", "1234"]
    assert {t.split for t in tasks} == {"train"}
    assert {t.split for t in imported("gsm8k", write(tmp_path / "test.jsonl", rows))} == {"eval"}
    assert tasks[0].reference == r"\boxed{72}"
    assert "\\boxed{}" in tasks[0].prompt[0].content


def test_math_folders_and_lines(tmp_path: Path) -> None:
    row = {"problem": "P?", "level": "Level 3", "type": "Algebra", "solution": r"So $x=\boxed{\frac{1}{2}}$."}
    folder = tmp_path / "MATH" / "test" / "algebra"
    folder.mkdir(parents=True)
    (folder / "12.json").write_text(json.dumps(row), encoding="utf-8")
    for path in (tmp_path / "MATH", write(tmp_path / "math.jsonl", [row])):
        (found,) = imported("math", path)
        assert found.spec["answer"] == r"\frac{1}{2}"
        assert found.difficulty == pytest.approx(0.6)
        assert found.reference == row["solution"]
        assert "Algebra" in found.tags
    assert imported("math", tmp_path / "MATH")[0].id == "math/test/algebra/12"


def test_math500_takes_the_gold_that_kept_its_base(tmp_path: Path) -> None:
    row = {"problem": "P?", "solution": r"It is $\boxed{52_8}$.", "answer": "52", "subject": "Number Theory",
           "level": 2, "unique_id": "test/number_theory/1.json"}  # fmt: skip
    (found,) = imported("math500", write(tmp_path / "test.jsonl", [row]))
    assert found.spec["answer"] == "52_8"
    assert found.id == "math500/test/number_theory/1.json"


@pytest.mark.parametrize(
    "row",
    [
        {"problem": "P?", "answer": 33, "id": 60, "url": "u"},
        {"Problem": "P?", "Answer": "33", "ID": "2024-I-1", "Solution": "…"},
        {"question": "P?", "answer": "033"},
    ],
)
def test_aime_layouts(tmp_path: Path, row: dict[str, Any]) -> None:
    (found,) = imported("aime", write(tmp_path / "aime.jsonl", [row]))
    with VerifierPool(1, sandboxed=False) as pool:
        assert pool.verify([Request(found, r"\boxed{33}")])[0].passed


def test_rows_with_units_lists_and_gzip(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl.gz"
    rows = [
        {"id": "a", "question": "Q?", "answer": ["$41$"], "unit": "km"},
        {"id": "b", "question": "Q?", "answer": ["1", "2"], "context": "Given this."},
    ]
    with gzip.open(path, "wt", encoding="utf-8") as stream:
        stream.writelines(json.dumps(row) + "\n" for row in rows)
    first, second = imported("math-rows", path)
    assert first.spec["answer"] == r"41\text{ km}"
    assert second.spec["answer"] == "1, 2"
    assert second.prompt[0].content.startswith("Given this.")


@pytest.mark.parametrize(
    ("source", "row", "place"),
    [
        ("gsm8k", {"question": "Q"}, "field 'answer'"),
        ("math500", {"answer": "5"}, "field 'problem'"),
        ("math", {"problem": "P", "solution": "no box"}, "field 'solution'"),
        ("aime", {"problem": "P", "answer": None}, "field 'answer'"),
        ("aime", {"problem": "P", "answer": {"a": 1}}, "field 'answer'"),
        ("math-rows", {"question": "  ", "answer": "5"}, "field 'question'"),
    ],
)
def test_a_row_without_its_fields_is_named(
    tmp_path: Path, source: str, row: dict[str, Any], place: str
) -> None:
    path = write(tmp_path / "x.jsonl", [row])
    with pytest.raises(InputError) as caught:
        imported(source, path)
    assert "x.jsonl:1" in str(caught.value)
    assert place in str(caught.value)


def test_a_gold_that_is_no_answer_is_left_out_with_a_warning(tmp_path: Path) -> None:
    path = write(tmp_path / "x.jsonl", [{"question": "Q", "answer": ""}, {"question": "Q", "answer": "5"}])
    with pytest.warns(UserWarning, match=r"x\.jsonl:1: left out"):
        assert len(imported("math-rows", path)) == 1


def test_every_imported_reference_climbs_the_ladder(tmp_path: Path) -> None:
    golds = [r"\frac{1}{2}", "$5$", "$48$, $384$", r"\text{(B)}", r"\$36", "52_8", r"x \in [-2,7]", "15 cm^2"]
    rows = [{"id": str(k), "question": "Q?", "answer": gold} for k, gold in enumerate(golds)]
    tasks = imported("math-rows", write(tmp_path / "x.jsonl", rows))
    with VerifierPool(1) as pool:
        verdicts = pool.verify([Request(t, t.reference or "") for t in tasks])
    assert [v.passed for v in verdicts] == [True] * len(rows)


# -- the command ----------------------------------------------------------------------------------------


def test_import_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = write(tmp_path / "test.jsonl", [{"question": f"Q{k}?", "answer": f"#### {k}"} for k in range(5)])
    out = tmp_path / "tasks.jsonl"
    args = ["import", "gsm8k", str(source), "-o", str(out), "--limit", "3", "--split", "train", "--json"]
    assert run(args) == 0
    assert json.loads(capsys.readouterr().out)["tasks"] == 3
    tasks = read_tasks(out)
    assert len(tasks) == 3
    assert {t.split for t in tasks} == {"train"}
    assert run(["import", "gsm8k", str(source), "-o", "-", "--limit", "2"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 2


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (["gsm8", "PATH"], "did you mean 'gsm8k'?"),
        (["zzz", "PATH"], "math500"),
        (["gsm8k", "nowhere.jsonl"], "no such file"),
        (["aime", "PATH"], "field 'answer'"),
    ],
)
def test_import_command_says_what_is_wrong(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], args: list[str], says: str
) -> None:
    path = write(tmp_path / "x.jsonl", [{"text": "no fields"}])
    args = [str(path) if arg == "PATH" else arg for arg in args]
    assert run(["import", *args, "-o", str(tmp_path / "o.jsonl")]) == 2
    error = capsys.readouterr().err
    assert says in error
    assert "Traceback" not in error
    assert not (tmp_path / "o.jsonl").exists()


# -- the rest -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("completion", [r"\boxed{5}", r"\boxed{[bold]6}", "no answer", r"\boxed{@}"])
def test_render_shows_answer_gold_and_ladder(completion: str) -> None:
    with VerifierPool(1, sandboxed=False) as pool:
        verdict = pool.verify([Request(task(), completion)])[0]
    console = Console(width=100, record=True, file=None, no_color=True, quiet=False)
    with console.capture() as shown:
        console.print(MATH.render(task(), completion, verdict))
    text = shown.get()
    assert "How many?" in text
    assert "gold" in text
    assert ("right" if verdict.passed else "wrong") in text
    assert all(stage.name in text for stage in verdict.stages)


def test_the_checker_never_gives_text_to_a_python_evaluator() -> None:
    room = Path(sys.modules["verirl_math"].__file__ or "").parent
    for source in room.rglob("*.py"):
        text = source.read_text(encoding="utf-8")
        for name in ("sympify", "parse_expr", "parse_latex", "eval(", "exec(", "lambdify", "latex2sympy"):
            assert name not in text, f"{source.name}: {name}"


def test_reading_tasks_does_not_load_sympy() -> None:
    code = (
        "import sys; from verirl import registry; math = registry.load('math'); "
        "math.check_spec({'answer': '(1,2)'}); "
        "sys.exit('sympy' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_without_its_extra_the_domain_still_loads_and_says_what_to_install() -> None:
    code = (
        "import sys; sys.modules['mpmath'] = sys.modules['sympy'] = None; from verirl import registry; "
        "math = registry.load('math'); assert math.ladder and math.importers\n"
        "try: math.check_spec({'answer': '5'})\n"
        "except RuntimeError as problem:\n"
        "    sys.exit(0 if 'verirl[math]' in str(problem) else 1)\n"
        "sys.exit(2)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
