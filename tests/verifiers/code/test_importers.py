"""Code benchmarks in their published layouts, and the published files themselves where they are there."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from support.paths import BENCHMARKS

from verirl.errors import InputError
from verirl.pool import Request, VerifierPool
from verirl.types import Task
from verirl_code import domain
from verirl_code.tasks.importers import IMPORTERS

FOLDER = BENCHMARKS / "code"

HUMANEVAL = {
    "task_id": "HumanEval/0",
    "prompt": 'def twice(x):\n    """Twice x."""\n',
    "entry_point": "twice",
    "canonical_solution": "    return 2 * x\n",
    "test": "def check(candidate):\n    assert candidate(2) == 4\n    assert candidate(5) == 10\n",
}
PLUS = HUMANEVAL | {"base_input": [[2], [5]], "plus_input": [[-1], [0.5], ["ab"]], "atol": 0, "contract": ""}
MBPP = {
    "task_id": 7,
    "text": "Write a function that gives the value of a node.",
    "code": "class Node:\r\n  def __init__(self, v):\r\n    self.v = v\r\ndef value(n):\r\n  return n.v",
    "test_setup_code": "root = Node(3)",
    "test_list": ["assert value(root) == 3"],
    "challenge_test_list": ["assert value(Node(math.floor(4.5))) == 4"],
}
SANITIZED = {
    "task_id": 8,
    "prompt": "Write a function to find the area of a circle.",
    "code": "import math\ndef area(r):\n  return math.pi * r * r",
    "test_imports": ["import math"],
    "test_list": ["assert math.isclose(area(1), 3.14159, rel_tol=0.001)", "assert area(0) == 0"],
}
MBPP_PLUS = {
    "task_id": "Mbpp/9",
    "prompt": '"""\nWrite a function to swap.\n"""',
    "entry_point": "swap",
    "canonical_solution": "def swap(a, b):\n  return (b, a)",
    "base_input": [[1, 2]],
    "plus_input": [[3, [4]], [float("inf"), 1]],
    "assertion": "assert swap(1, 2) == (2, 1)",
    "atol": 0,
    "contract": "",
}
ROWS = {
    "humaneval": HUMANEVAL,
    "humaneval-plus": PLUS,
    "mbpp": MBPP,
    "mbpp-sanitized": SANITIZED,
    "mbpp-plus": MBPP_PLUS,
}


ON_THE_HUB = """import numpy as np
from math import inf

def is_floats(x):
    return isinstance(x, float)

def assertion(out, exp, atol):
    assert np.allclose(out, exp) if is_floats(exp) else out == exp

inputs = [[1, 2], [(3,), 0.1], ["a", inf]]
results = [(2, 1), (0.1, (3,)), (inf, "a")]
for i, (inp, exp) in enumerate(zip(inputs, results)):
    assertion(swap(*inp), exp, 0)
"""
MBPP_PLUS_ON_THE_HUB = {
    "task_id": 9,
    "prompt": "Write a function to swap.",
    "code": "def swap(a, b):\n  return (b, a)",
    "source_file": "a.ipynb",
    "test_imports": [],
    "test_list": ["assert swap(1, 2) == (2, 1)"],
    "test": ON_THE_HUB,
}


def written(folder: Path, row: dict[str, Any], name: str = "rows.jsonl") -> Path:
    text = json.dumps(row) + "\n"
    path = folder / name
    if name.endswith(".gz"):
        path.write_bytes(gzip.compress(text.encode()))
    else:
        path.write_text(f"[{text}]" if name.endswith(".json") else text)
    return path


def judged(pool: VerifierPool, tasks: list[Task]) -> tuple[list[str], list[tuple[str, str]]]:
    """Return the tasks whose reference does not pass, and the mutants that pass."""
    references = pool.verify([Request(task, task.reference) for task in tasks])
    made = [(task, mutant) for task in tasks for mutant in domain.mutants(task)]
    others = pool.verify([Request(task, m.completion, n) for n, (task, m) in enumerate(made, 1)])
    failing = [task.id for task, verdict in zip(tasks, references, strict=True) if not verdict.passed]
    passing = [(task.id, m.kind) for (task, m), v in zip(made, others, strict=True) if v.passed or v.is_error]
    return failing, passing


@pytest.mark.parametrize("source", ROWS)
@pytest.mark.parametrize("name", ["rows.jsonl", "rows.jsonl.gz", "rows.json"])
def test_every_layout_and_packing_gives_the_same_task(tmp_path: Path, source: str, name: str) -> None:
    (task,) = IMPORTERS[source](written(tmp_path, ROWS[source], name))
    assert (task.domain, task.split, task.source.name) == ("code", "eval", source)
    assert task.id.startswith(f"{source}/")
    domain.check_spec(task.spec)
    (folder,) = IMPORTERS[source](tmp_path)
    assert folder == task


def test_references_pass_and_wrong_answers_do_not(tmp_path: Path, pool: VerifierPool) -> None:
    tasks = [task for source in ROWS for task in IMPORTERS[source](written(tmp_path, ROWS[source]))]
    assert judged(pool, tasks) == ([], [])


def test_inputs_without_results_become_data(tmp_path: Path) -> None:
    (task,) = IMPORTERS["humaneval-plus"](written(tmp_path, PLUS))
    assert [test["expected"] for test in task.spec["tests"]] == [4, 10, -2, 1.0, "abab"]
    (task,) = IMPORTERS["mbpp-plus"](written(tmp_path, MBPP_PLUS))
    assert task.spec["tests"] == [
        {"input": [1, 2], "expected": [2, 1]},
        {"input": [3, [4]], "expected": [[4], 3]},
    ]


def test_what_data_cannot_say_stays_assertions(tmp_path: Path) -> None:
    tuples = MBPP_PLUS | {"assertion": "assert swap((1,), 2) == (2, (1,))", "base_input": [[[1], 2]]}
    sets = PLUS | {"canonical_solution": "    return {x}\n"}
    for source, row in (("mbpp-plus", tuples), ("humaneval-plus", sets)):
        (task,) = IMPORTERS[source](written(tmp_path, row))
        assert "test_code" in task.spec


def test_the_layout_of_the_hub_does_without_numpy(tmp_path: Path, pool: VerifierPool) -> None:
    plus = {name: PLUS[name] for name in ("task_id", "prompt", "entry_point", "canonical_solution")}
    tables = "    inputs = [[2], [0.1]]\n    results = [4, 0.2]\n    assert np\n"
    test = f"import numpy as np\ndef check(candidate):\n{tables}"
    tasks = [
        *IMPORTERS["mbpp-plus"](written(tmp_path, MBPP_PLUS_ON_THE_HUB)),
        *IMPORTERS["humaneval-plus"](written(tmp_path, {**plus, "test": test})),
    ]
    assert ["numpy" in task.spec["test_code"] for task in tasks] == [False, False]
    assert judged(pool, tasks) == ([], [])


def test_a_row_that_cannot_do_without_numpy_is_left_out(tmp_path: Path) -> None:
    plus = {name: PLUS[name] for name in ("task_id", "prompt", "entry_point", "canonical_solution")}
    row = {**plus, "test": "import numpy as np\ndef check(candidate):\n    assert np.all(candidate(2) == 4)"}
    with pytest.warns(UserWarning, match="numpy"):
        assert list(IMPORTERS["humaneval-plus"](written(tmp_path, row))) == []


@pytest.mark.parametrize("source", ROWS)
def test_variants_of_a_packing_give_the_same_task(tmp_path: Path, source: str) -> None:
    (task,) = IMPORTERS[source](written(tmp_path, ROWS[source]))
    optional = dict.fromkeys(("challenge_test_list", "test_imports", "test_setup_code", "contract"))
    row = {**optional, **ROWS[source], "more": 1}
    texts = {
        "array.jsonl": json.dumps([row]),
        "indented.jsonl": json.dumps([row], indent=1),
        "mark.jsonl": "\ufeff" + json.dumps(row) + "\r\n\r\n",
        "array.json.gz": json.dumps([row]),
        "lines.json": json.dumps(row) + "\n",
    }
    for name, text in texts.items():
        data = text.encode()
        (tmp_path / name).write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
        assert list(IMPORTERS[source](tmp_path / name)) == [task]


@pytest.mark.parametrize("source", ROWS)
def test_a_row_without_a_field_names_file_line_and_field(tmp_path: Path, source: str) -> None:
    for field in set(ROWS[source]) & {"prompt", "code", "entry_point", "canonical_solution", "test_list"}:
        row = {name: value for name, value in ROWS[source].items() if name != field}
        with pytest.raises(InputError) as caught:
            list(IMPORTERS[source](written(tmp_path, row)))
        assert field in str(caught.value)
        assert "rows.jsonl:1" in str(caught.value)


@pytest.mark.parametrize("text", ["[1]\n", "{", '{"a": 1}\n[', "\x00"])
def test_what_is_no_benchmark_is_said(tmp_path: Path, text: str) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text(text)
    for source in ROWS:
        with pytest.raises(InputError):
            list(IMPORTERS[source](path))


@pytest.mark.slow
@pytest.mark.needs_benchmarks("code")
@pytest.mark.parametrize(
    ("source", "file"),
    [
        ("humaneval", "humaneval"),
        ("humaneval-plus", "humaneval_plus"),
        ("mbpp", "mbpp"),
        ("mbpp-sanitized", "mbpp_sanitized"),
        ("mbpp-plus", "mbpp_plus"),
    ],
)
def test_published_references_pass_and_wrong_answers_do_not(
    pool: VerifierPool, source: str, file: str
) -> None:
    tasks = list(IMPORTERS[source](FOLDER / f"{file}.jsonl.gz"))
    failing, passing = judged(pool, tasks)
    assert (failing, passing) == ([], [])
