"""Every published gold is found equal to itself, and to no other row's gold but those that are equal."""

from __future__ import annotations

import itertools
import re

import pytest
from support.paths import BENCHMARKS

from verirl.errors import SpecError
from verirl.io.jsonl import read_lines
from verirl.types import Message, Task, all_correct
from verirl_math.equivalence.compare import EqualityRules
from verirl_math.ladder import LADDER
from verirl_math.spec import MathSpec, check_spec, read_spec
from verirl_math.stages import judge_answer, judge_completion

FOLDER = BENCHMARKS / "math"
UNREADABLE = {
    "minerva_math": {"np.arcsin(10/13)"},
    "olympiadbench_oe_to_en": {
        "$t(0,4]$",
        "$f(x)=a x+b$, where $b$ is an arbitrary integer, and $a$ is an arbitrary positive integer "
        r"with $\mho(a)=0$",
    },
    "gaokao2023en": {"", "$145$solution:"},
}
"""Gold answers that cannot be read: code, prose, a mistake of the source, empty text."""

pytestmark = pytest.mark.needs_benchmarks("math")


def golds(name: str) -> list[str]:
    rows = (line.value["answer"] for line in read_lines(FOLDER / f"{name}.jsonl.gz"))
    return [row[0] if isinstance(row, list) else row for row in rows]


@pytest.mark.parametrize(
    "name",
    [
        "gsm8k_test",
        "math500",
        "aime2024",
        "aime2025",
        "amc23",
        "minerva_math",
        "olympiadbench_oe_to_en",
        "gaokao2023en",
        pytest.param("gsm8k_train", marks=pytest.mark.slow),
    ],
)
def test_every_gold_is_itself(name: str) -> None:
    refused: set[str] = set()
    for gold in golds(name):
        try:
            check_spec({"answer": gold})
        except SpecError:
            refused.add(gold)
            continue
        assert judge_answer(read_spec({"answer": gold}), gold, EqualityRules()).failed_stage is None, gold
        spaced = re.sub(r"(?<!\\)([{=}])", r" \1 ", gold)
        assert judge_answer(read_spec({"answer": gold}), spaced, EqualityRules()).failed_stage is None, gold
    assert refused == UNREADABLE.get(name, set())


@pytest.mark.parametrize("name", ["math500", "gsm8k_test"])
def test_every_published_solution_is_a_right_completion(name: str) -> None:
    """Solutions that people wrote, with their asides, second ways and several boxes."""
    prompt = (Message(role="user", content="Solve it."),)
    for row in (line.value for line in read_lines(FOLDER / f"{name}.jsonl.gz")):
        task = Task(id="t", domain="math", prompt=prompt, spec={"answer": row["answer"]})
        findings = [finding.stage for finding in judge_completion(task, row["solution"])]
        assert all_correct(LADDER, tuple(findings)), (row["id"], findings[-1].detail)


def test_math500_crossed_passes_only_equal_answers() -> None:
    """Each passing pair is a pair that a person would pass: the list was read by hand."""
    distinct = list(dict.fromkeys(golds("math500")))
    specs = {gold: read_spec({"answer": gold}) for gold in distinct}
    passing = {
        tuple(sorted(pair))
        for pair in itertools.permutations(distinct[::2], 2)
        if _right(specs[pair[0]], pair[1])
    }
    assert passing <= EQUAL, passing - EQUAL


def _right(spec: MathSpec, answer: str) -> bool:
    return judge_answer(spec, answer, EqualityRules()).failed_stage is None


EQUAL = {
    tuple(sorted(pair))
    for pair in [
        (r"\frac43", r"\frac{4}{3}"),
        (r"\frac14", r"\frac{1}{4}"),
        (r"\frac{11}{2}", "5.5"),
        (r"\frac{3}{2}", "1.5"),
        (r"120^\circ", "120"),
        (r"30^\circ", "30"),
        (r"36^\circ", "36"),
        (r"\$36", "36"),
        (r"36^\circ", r"\$36"),
        (r"15\mbox{ cm}^2", "15"),
        (r"55^\circ", "55"),
        (r"75^\circ", "75"),
        (r"76^\circ", "76"),
        (r"90^\circ", "90"),
        (r"180^\circ", r"\pi"),
        ("x=5", "5"),
        ("-2,1", "1,-2"),
        (r"10,\!080", "10080"),
        (r"2\sqrt{5}", r"2 \sqrt{5}"),
        (r"-\frac{\pi}{6}", r"-30^\circ"),
        (r"\frac{7}{2}", "3.5"),
        (r"\frac{1}{2}", "0.5"),
        (r"\frac{9}{2}", "4.5"),
    ]
}
