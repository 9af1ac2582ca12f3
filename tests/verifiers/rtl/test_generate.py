"""RTL tasks: what they promise of ids, splits, words, references and mutants, family by family."""

from __future__ import annotations

import json
import re

import pytest

from verirl.errors import InputError
from verirl.pool import Request, VerifierPool
from verirl.taskgen.generate import generate_tasks
from verirl.types import Task
from verirl_rtl import domain
from verirl_rtl.language.verilog_text import outline
from verirl_rtl.spec import read_spec
from verirl_rtl.tasks import generate as synthesis
from verirl_rtl.tasks.distinguish import ModuleInterface, which_differ
from verirl_rtl.tasks.families import FAMILIES
from verirl_rtl.tasks.families.design import Design, inputs, output
from verirl_rtl.tasks.generate import design_of, generate
from verirl_rtl.tasks.mutants import MAX_MUTANTS, idle_designs, mutants, wrong_designs
from verirl_rtl.tasks.mutation_operators import mutations

EVERY = tuple(FAMILIES)
TERSE = tuple(name for name in FAMILIES if FAMILIES[name].terse)
ASKED = (
    "gates", "boolean", "mux", "encoder", "decoder", "adder", "subtractor", "comparator", "multiplier", "alu",
    "shifter", "counter", "shift_register", "lfsr", "edge_detector", "fsm", "sequence_detector", "fifo",
    "register_file", "divider", "pwm", "arbiter", "crc", "gray",
)  # fmt: skip


def drawn(family: str, count: int = 6, seed: int = 4, **options: str) -> list[Task]:
    return [generate(seed, n, n / max(1, count - 1), family=family, **options) for n in range(count)]


def made(task: Task) -> Design:
    design = design_of(task)
    assert design is not None
    return design


def test_every_kind_of_circuit_that_is_promised_is_there() -> None:
    assert set(ASKED) <= set(EVERY)
    assert domain.families == EVERY


@pytest.mark.parametrize("family", EVERY)
def test_a_task_is_the_same_whenever_it_is_drawn(family: str) -> None:
    first = [task.to_json() for task in drawn(family)]
    synthesis.draw.cache_clear()
    assert [task.to_json() for task in drawn(family)] == first
    assert [task.to_json() for task in drawn(family, seed=5)] != first


@pytest.mark.parametrize("family", EVERY)
def test_a_prompt_says_all_that_an_answer_must_match(family: str) -> None:
    for task in drawn(family, 12):
        design, words, spec = made(task), task.prompt[0].content, read_spec(task.spec)
        assert f"`{spec.top}`" in words
        for port in design.ports:
            wide = "1 bit" if port.width == 1 else f"{port.width} bits, [{port.width - 1}:0]"
            assert f"- `{port.name}`: {port.direction}, {wide}" in words
            # An output that the words never come back to has no behaviour.
            assert port.direction == "input" or re.search(rf"[`{{ ]{port.name}\b", design.ask)
        assert design.source not in words
        clocking = design.clocking
        assert (clocking is None) == (task.tags[1] == "combinational")
        if clocking is None:
            assert "combinational" in words.lower()
        else:
            assert spec.clock == clocking.clock
            assert spec.reset == clocking.reset
            assert ("rising" if clocking.edge == "posedge" else "falling") in words
            assert f"active-{'high' if clocking.active else 'low'}" in words
            assert ("asynchronous reset" in words) == (clocking.kind == "async")


@pytest.mark.parametrize("family", EVERY)
def test_a_reference_is_one_module_with_the_ports_of_the_prompt(family: str) -> None:
    for task in drawn(family, 12):
        design = made(task)
        found = outline(design.source)
        assert found.defined == (task.spec["top"],)
        assert not found.instantiated
        header = design.source.partition(");")[0]
        for port in design.ports:
            assert re.search(rf"\b{port.name}\b", header)
            assert port.name != design.name


@pytest.mark.parametrize("family", EVERY)
def test_the_splits_share_no_design(family: str) -> None:
    train = {made(task).source for task in drawn(family, 10)}
    held_out = {made(task).source for task in drawn(family, 10, split="eval")}
    assert not train & held_out


def test_ports_have_names_of_several_houses_and_numbers_stay_numbers() -> None:
    seen = {port.name for n in range(60) for port in made(generate(2, n, 0.6, family="mux")).ports}
    assert {"d3", "d3_i", "i_d3", "in_d3", "d3_in"} <= seen
    for n in range(60):
        design = made(generate(2, n, 0.6, family="mux"))
        assert not re.search(r"'[dhb]\d*_", design.source)
        assert not re.search(r"'[a-z]+_", design.source)


def test_difficulty_makes_designs_larger() -> None:
    def size(difficulty: float) -> int:
        return sum(
            len(generate(9, n, difficulty, family=f).spec["reference"]) for f in EVERY for n in range(4)
        )

    assert size(0.0) < size(0.5) < size(1.0)


@pytest.mark.parametrize("family", TERSE)
def test_shorthand_is_one_line_and_another_problem_than_prose(family: str) -> None:
    for task in drawn(family, 20, style="terse"):
        assert "\n" not in task.prompt[0].content
        assert task.reference is not None
        assert "\n" not in task.reference
        assert task.reference.startswith("module t(")


def test_a_worked_answer_may_be_smaller_than_the_reference_but_not_mostly() -> None:
    tasks = [generate(1, n, 0.5, family="sharing", style="terse") for n in range(200)]
    shared = [task for task in tasks if task.reference != task.spec["reference"]]
    assert 0 < len(shared) < 80
    for task in tasks:
        design = made(task)
        body = task.reference.partition(");")[2] if task.reference else ""
        face = ModuleInterface("t", design.ports)
        assert which_differ(face, design.source, [design.module(body.removesuffix("endmodule"))]) == [False]
        break


def test_area_delay_and_power_can_be_left_out() -> None:
    assert generate(1, 2, 0.5, family="boolean", ppa="off").spec["ppa"] == "off"
    assert "ppa" not in generate(1, 2, 0.5, family="boolean").spec


@pytest.mark.parametrize(
    "wanted", [{"style": "verse"}, {"split": "test"}, {"family": "poem"}, {"ppa": "maybe"}, {"difficulty": 2}]
)
def test_what_is_not_there_is_named(wanted: dict[str, object]) -> None:
    options = {"difficulty": 0.5} | wanted
    with pytest.raises(InputError, match=str(next(iter(wanted.values())))):
        generate(1, 1, options.pop("difficulty"), **options)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="terse"):
        generate(1, 1, 0.5, family="fifo", style="terse")


def test_edits_are_single_and_named() -> None:
    source = """module t(input clk, input rst_n, input [3:0] a, output reg [3:0] q, output y);
  assign y = (a == 4'd3) ? ~a[0] : a[1] && a[2];
  integer i;
  always @(posedge clk or negedge rst_n)
    if (!rst_n) q <= 4'd0;
    else for (i = 0; i < 4; i = i + 1) q[i] <= a[3 - i];
endmodule
"""
    made_ = mutations(source, "rst_n")
    texts = {edit.of(source): edit.kind for edit in made_}
    assert len(texts) == len(made_)
    for old, new, kind in [
        ("a == 4'd3", "a != 4'd3", "operator"),
        ("4'd3", "4'd4", "off by one"),
        ("~a[0] : a[1] && a[2]", "a[1] && a[2] : ~a[0]", "branches"),
        ("~a[0]", "a[0]", "polarity"),
        ("posedge clk or negedge rst_n", "posedge clk", "reset"),
        ("if (!rst_n)", "if (!(!rst_n))", "reset"),
        ("posedge clk", "negedge clk", "edge"),
        ("q <= 4'd0", "q = 4'd0", "blocking"),
        ("output reg [3:0]", "output reg [2:0]", "width"),
        ("a[3 - i]", "a[3 + i]", "operator"),
    ]:
        assert texts.get(source.replace(old, new, 1)) == kind
    # A loop that never ends is no mistake worth a verdict.
    assert not any("i < 5" in text or "i <= 4" in text or "i - 1) q" in text for text in texts)


def test_designs_are_told_apart_by_what_they_do() -> None:
    ports = (*inputs("clk", "rst", "d"), output("q"))
    right = "module f(input clk, rst, d, output reg q); always @(posedge clk)"
    right += " if (rst) q <= 0; else q <= d; endmodule"
    face = ModuleInterface("f", ports, "clk", "rst")
    others = {
        right.replace("q <= 0", "q <= 1'd0"): False,
        right.replace("posedge clk", "posedge clk or posedge rst"): True,
        right.replace("q <= d", "q <= ~d"): True,
        right.replace("posedge", "negedge"): True,
        right.replace("if (rst) q <= 0; else ", ""): True,
    }
    assert which_differ(face, right, list(others)) == list(others.values())
    # One that does not compile spoils nothing for the others.
    assert which_differ(face, right, ["module f(; endmodule", right.replace("d;", "~d;")]) == [False, True]


@pytest.mark.slow
def test_a_design_that_never_ends_spoils_nothing_for_the_others() -> None:
    right = "module f(input a, output reg q); always @(*) q = a; endmodule"
    endless = right.replace("endmodule", "initial while (1) q = 0; endmodule")
    face = ModuleInterface("f", (*inputs("a"), output("q")))
    assert which_differ(face, right, [endless, right.replace("= a", "= ~a")]) == [False, True]


def test_designs_of_several_modules_are_told_apart() -> None:
    right = "module inv(input a, output y); assign y = ~a; endmodule\n"
    right += "module f(input a, output q); inv i(.a(a), .y(q)); endmodule"
    face = ModuleInterface("f", (*inputs("a"), output("q")))
    assert which_differ(face, right, [right.replace("~a", "a"), right.replace("i(", "other(")]) == [
        True,
        False,
    ]


def test_mutants_are_few_distinct_and_of_many_kinds() -> None:
    for family in ("counter", "alu", "fsm"):
        task = generate(3, 1, 0.5, family=family)
        found = mutants(task)
        assert found == mutants(task)
        assert len({one.completion for one in found}) == len(found)
        kinds = [one.kind for one in found]
        assert {"all 0", "all 1", "all X", "all Z"} <= set(kinds)
        assert 4 <= len(kinds) - 4 <= MAX_MUTANTS
        assert len(set(kinds)) >= 6


def test_designs_from_elsewhere_have_mutants_too_where_they_can_be_read() -> None:
    module = "module Ref(input clk, reset_n, input [3:0] d, output reg [3:0] q);\n"
    module += "  always @(posedge clk or negedge reset_n) if (!reset_n) q <= 0; else q <= q + d;\nendmodule\n"
    spec = {"top": "Top", "reference": module, "reference_top": "Ref"}
    task = generate(3, 1, 0.5, family="counter").model_copy(update={"source": None, "spec": spec})
    found = mutants(task)
    assert {"operator", "edge", "reset", "width", "all 0"} <= {one.kind for one in found}
    assert all(one.completion.startswith("```verilog\nmodule Top") for one in found)
    assert not any("Ref" in one.completion for one in found)
    for broken in (
        {"top": "Top", "reference": "module Top("},
        {"top": "Top", "testbench": "x", "pass_rule": "x"},
    ):
        assert mutants(task.model_copy(update={"spec": broken})) == ()


def test_idle_designs_have_the_ports_and_say_nothing() -> None:
    ports = (*inputs("a"), output("y", 3), output("z"))
    texts = dict(idle_designs("t", ports))
    assert "{3{1'bx}}" in texts["all X"]
    assert "{1{1'bz}}" in texts["all Z"]


def test_a_sample_of_references_pass_and_their_mutants_do_not() -> None:
    """One design each of a third of the families, through the pool that judges a policy."""
    tasks = [generate(7, n, 0.4, family=family) for n, family in enumerate(EVERY[::3])]
    jobs = [Request(task, task.reference or "") for task in tasks]
    bad = [(task, one) for task in tasks for one in mutants(task)[-5:]]
    jobs += [Request(task, one.completion, place) for place, (task, one) in enumerate(bad, 1)]
    with VerifierPool(workers=1) as pool:
        verdicts = pool.verify(jobs)
    assert not [verdict for verdict in verdicts if verdict.is_error]
    assert all(verdict.passed for verdict in verdicts[: len(tasks)])
    assert not [
        (task.id, one.kind)
        for (task, one), verdict in zip(bad, verdicts[len(tasks) :], strict=True)
        if verdict.passed
    ]


@pytest.mark.slow
@pytest.mark.parametrize("family", EVERY)
def test_nothing_that_a_family_makes_is_refused(family: str) -> None:
    """References pass all stages and every mutant fails, from easy to hard."""
    with VerifierPool(workers=2) as pool:
        for low, high in ((0.0, 0.3), (0.3, 0.7), (0.7, 1.0)):
            report = generate_tasks(
                domain,
                2,
                21,
                pool=pool,
                difficulty=(low, high),
                families=[family],
                options={"ppa": "off"},
            )
            assert report.refused == ()
            assert report.kill_rate == 1.0


@pytest.mark.slow
def test_wrong_designs_are_found_for_every_family_at_every_difficulty() -> None:
    for family in EVERY:
        for difficulty in (0.0, 0.5, 1.0):
            task = generate(31, 3, difficulty, family=family)
            kinds = [kind for kind, _ in wrong_designs(made(task), task.content_key())]
            assert sum(not kind.startswith("all ") for kind in kinds) >= 2, (family, difficulty, kinds)


def test_shorthand_without_families_is_of_those_that_have_it(tmp_path, capsys) -> None:
    from verirl.cli import run

    out = tmp_path / "tasks.jsonl"
    asked = ["synth", "rtl", "-n", "2", "-O", "style=terse", "-O", "ppa=off", "-o", str(out), "-w", "1"]
    assert run([*asked, "--json"]) == 0
    said = capsys.readouterr()
    report = json.loads(said.out)
    assert set(report["families"]) == {"boolean", "sharing"}
    assert set(report["left_out"]) == set(FAMILIES) - {"boolean", "sharing"}
    (line,) = (line for line in said.err.splitlines() if "left out" in line)
    assert "-O style=terse" in line
