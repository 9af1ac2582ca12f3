"""VerilogEval and RTLLM in their published layouts, and as rows."""

from __future__ import annotations

import gzip
import json
import re
import warnings
from pathlib import Path

import pytest
from support.paths import BENCHMARKS

from verirl.cli import run
from verirl.errors import InputError
from verirl.io.sources import read_tasks
from verirl_rtl import domain
from verirl_rtl.language.verilog_text import outline, rename_textually
from verirl_rtl.tasks.importers import IMPORTERS, NO_MISMATCHES, NO_MISMATCHES_IN_TIME, RTLLM_RULE

FOLDER = BENCHMARKS / "rtl"
FILES = {
    "verilogeval-v1-human": ("verilogeval_v1_human", 156),
    "verilogeval-v1-machine": ("verilogeval_v1_machine", 143),
    "verilogeval-v2": ("verilogeval_v2", 156),
    "verilogeval-v2-complete": ("verilogeval_v2", 156),
    "rtllm-v1.1": ("rtllm_v1_1", None),
    "rtllm-v2": ("rtllm_v2", None),
}

PORTS = "(input a, output y);\n"
BENCH = """`timescale 1ns/1ps
module tb; reg a; wire y, z; reg m [0:1];
  // not a RefModule u (.a(a)); only a comment
  {reference}
  {top} dut (.a(a), .y(y));
  initial begin a = 0; #1 $display("Mismatches: 0 in 1 samples"); $readmemh("data.txt", m); end
endmodule
"""


def v1(folder: Path) -> tuple[Path, dict[str, str]]:
    """VerilogEval 1.0's folders with one problem, and the same problem as a row."""
    header, body, bench = (
        f"module top_module{PORTS}",
        "  assign y = ~a;\nendmodule\n",
        "module tb; endmodule\n",
    )
    for name, row in {
        "data/VerilogEval_Human.jsonl": {
            "task_id": "inv",
            "prompt": header,
            "canonical_solution": body,
            "test": bench,
        },
        "descriptions/VerilogDescription_Human.jsonl": {"task_id": "inv", "detail_description": "Invert a."},
    }.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(json.dumps(row) + "\n")
    row = {"id": "inv", "description": "Invert a.", "interface": header, "reference": header + body}
    return folder, row | {"testbench": bench}


def v2(folder: Path, name: str = "dataset_spec-to-rtl") -> tuple[Path, dict[str, str]]:
    reference = f"module RefModule {PORTS}assign y = ~a;\nendmodule\n"
    bench = BENCH.format(reference="RefModule good (.a(a), .y(z));", top="TopModule")
    inner = folder / name
    inner.mkdir(parents=True)
    prompt = "Implement a module named TopModule that inverts a.\n"
    for part, text in {"prompt.txt": prompt, "ref.sv": reference, "test.sv": bench}.items():
        (inner / f"Prob001_inv_{part}").write_text(text)
    prompts = {"prompt_spec_to_rtl": prompt, "prompt_code_complete": prompt}
    return folder, {"id": "Prob001_inv", "reference": reference, "testbench": bench} | prompts


def rtllm(folder: Path) -> tuple[Path, dict[str, object]]:
    inner = folder / "Arithmetic" / "Other" / "inv"
    inner.mkdir(parents=True)
    reference = f"module verified_inv {PORTS}half h(a, y);\nendmodule\n"
    half = "module half(input a, output y); assign y = ~a; // verified_inv\nendmodule\n"
    bench = BENCH.format(reference="", top="inv")
    for name, text in {
        "design_description.txt": "Module name:\n    inv\n",
        "verified_inv.v": reference + half,
        "testbench.v": bench,
        "data.txt": "0 1\n",
        "makefile": "all:\n",
        "inv_llm.v": "module inv(); endmodule\n",
    }.items():
        (inner / name).write_text(text)
    row: dict[str, object] = {"id": "inv", "top": "inv", "tb_top": "tb", "testbench": bench}
    row |= {"prompt": "Module name:\n    inv\n", "aux_files": {"data.txt": "0 1\n"}}
    return folder, row | {"reference": reference.replace("verified_inv", "inv") + half}


LAYOUTS = {
    "verilogeval-v1-human": v1,
    "verilogeval-v2": v2,
    "rtllm-v1.1": rtllm,
    "rtllm-v2": rtllm,
}


@pytest.mark.parametrize("source", LAYOUTS)
@pytest.mark.parametrize("official", [False, True])
def test_a_layout_and_its_rows_give_the_same_task(tmp_path: Path, source: str, official: bool) -> None:
    folder, row = LAYOUTS[source](tmp_path)
    packed = tmp_path / "rows.jsonl.gz"
    packed.write_bytes(gzip.compress(json.dumps(row).encode()))
    (task,) = IMPORTERS[source](folder, official=official)
    (other,) = IMPORTERS[source](packed, official=official)
    assert task == other
    assert task.id in (f"{source}/inv", f"{source}/Prob001_inv")
    assert (task.domain, task.split) == ("rtl", "eval")
    assert (task.spec.get("rule") == "official") is official
    domain.check_spec(task.spec)


def test_the_parts_of_an_rtllm_folder_find_each_other(tmp_path: Path) -> None:
    (task,) = IMPORTERS["rtllm-v2"](rtllm(tmp_path)[0])
    assert task.spec["aux_files"] == {"data.txt": "0 1\n"}
    assert (task.spec["top"], task.spec["reference_top"], task.spec["testbench_top"]) == ("inv", "inv", "tb")
    assert outline(task.spec["reference"]).roots == ("inv",)
    assert "// verified_inv" in task.spec["reference"]


def test_code_completion_has_its_own_folder_and_its_own_bench(tmp_path: Path) -> None:
    folder, row = v2(tmp_path, "dataset_code-complete-iccad2023")
    (task,) = IMPORTERS["verilogeval-v2-complete"](folder)
    rows = tmp_path / "rows.jsonl"
    rows.write_text(json.dumps(row | {"testbench_code_complete": "module tb; endmodule"}))
    (other,) = IMPORTERS["verilogeval-v2-complete"](rows)
    assert task.id == other.id == "verilogeval-v2-complete/Prob001_inv"
    assert other.spec["testbench"] == "module tb; endmodule"


@pytest.mark.parametrize("source", LAYOUTS)
def test_a_row_without_a_field_names_file_line_and_field(tmp_path: Path, source: str) -> None:
    _, row = LAYOUTS[source](tmp_path)
    for field in ("id", "reference", "testbench"):
        rows = tmp_path / "rows.jsonl"
        rows.write_text("\n" + json.dumps({key: value for key, value in row.items() if key != field}))
        with pytest.raises(InputError, match=rf"rows\.jsonl:2.*{field}.*missing"):
            list(IMPORTERS[source](rows))
        rows.write_text(json.dumps(row | {field: 3}))
        with pytest.raises(InputError, match=rf"rows\.jsonl:1.*{field}.*text"):
            list(IMPORTERS[source](rows))


@pytest.mark.parametrize("source", LAYOUTS)
def test_a_folder_that_is_something_else_says_what_was_looked_for(tmp_path: Path, source: str) -> None:
    with pytest.raises(InputError, match=str(tmp_path)):
        list(IMPORTERS[source](tmp_path))


def test_a_problem_in_pieces_is_named(tmp_path: Path) -> None:
    folder, _ = v2(tmp_path / "v2")
    (folder / "dataset_spec-to-rtl" / "Prob001_inv_ref.sv").unlink()
    with pytest.raises(InputError, match=r"Prob001_inv_ref\.sv"):
        list(IMPORTERS["verilogeval-v2"](folder))
    folder, _ = v1(tmp_path / "v1")
    (folder / "descriptions" / "VerilogDescription_Human.jsonl").write_text('{"task_id": "other"}\n')
    with pytest.raises(InputError, match=r"VerilogDescription_Human\.jsonl:1.*detail_description"):
        list(IMPORTERS["verilogeval-v1-human"](folder))
    folder, _ = rtllm(tmp_path / "rtllm")
    next(folder.rglob("testbench.v")).unlink()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        assert list(IMPORTERS["rtllm-v2"](folder)) == []
    assert "testbench.v" in str(caught[0].message)


def test_a_module_is_renamed_as_a_name_and_nowhere_else() -> None:
    source = """// Ref is here
module Ref (input Ref_in, output y); /* Ref */
  wire \\Ref ; wire \\Top ;
  initial $display("Ref \\" Ref");
  sub #(.Ref(1)) Reference (.Ref(\\Ref ), .y(y)); `Ref
endmodule : Ref
"""
    expected = source.replace("module Ref", "module Top").replace("endmodule : Ref", "endmodule : Top")
    assert rename_textually(source, "Ref", "Top") == expected
    with pytest.raises(ValueError, match="already"):
        rename_textually("module Ref; Top u(); endmodule", "Ref", "Top")


@pytest.mark.parametrize(
    ("rule", "text", "passes"),
    [
        (NO_MISMATCHES_IN_TIME, "Hint: fine\nMismatches: 0 in 12 samples\n", True),
        (NO_MISMATCHES_IN_TIME, "Mismatches: 0 in 0 samples\n", False),
        (NO_MISMATCHES_IN_TIME, "Mismatches: 10 in 12 samples\n", False),
        (NO_MISMATCHES_IN_TIME, "TIMEOUT\nMismatches: 0 in 12 samples\n", False),
        (NO_MISMATCHES_IN_TIME, "Mismatches: 0 in 12 samples\nTIMEOUT\n", False),
        (NO_MISMATCHES, "x\nMismatches: 0 in 12 samples\n", True),
        (NO_MISMATCHES, "no Mismatches: 0 in 12 samples\n", False),
        (RTLLM_RULE, "===========Your Design Passed===========", True),
        (RTLLM_RULE, "3 failures", False),
    ],
)
def test_the_published_pass_rules(rule: str, text: str, passes: bool) -> None:
    assert bool(re.search(rule, text)) is passes


def test_official_is_asked_for_at_import(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder, _ = v2(tmp_path / "v2")
    out = tmp_path / "tasks.jsonl"
    assert run(["import", "verilogeval-v2", str(folder), "--official", "-o", str(out)]) == 0
    (task,) = read_tasks(out)
    assert task.spec["rule"] == "official"
    rows = tmp_path / "gsm8k.jsonl"
    rows.write_text('{"question": "1+1?", "answer": "#### 2"}\n')
    assert run(["import", "gsm8k", str(rows), "--official", "-o", str(out)]) == 2
    assert "--official" in capsys.readouterr().err


@pytest.mark.needs_tools("iverilog")
def test_known_issues_stand_beside_the_outcome(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (task,) = IMPORTERS["verilogeval-v2"](v2(tmp_path / "v2")[0], official=True)
    flawed = task.model_copy(
        update={"id": "v2/flawed", "tags": ("v2", "known-issue:bench-times-out", "known-issue:enum-cast")}
    )
    tasks = tmp_path / "tasks.jsonl"
    tasks.write_text(f"{task.to_json()}\n{flawed.to_json()}\n")
    assert run(["verify", str(tasks), "reference", "--no-cache", "-w", "1", "--json"]) == 0
    said = capsys.readouterr()
    found = json.loads(said.out)["known_issues"]
    assert [(one["task_id"], one["issue"], one["sample"]) for one in found] == [
        ("v2/flawed", "bench-times-out", 0),
        ("v2/flawed", "enum-cast", 0),
    ]
    (line,) = (line for line in said.err.splitlines() if "bench-times-out" in line)
    assert line.split() == ["v2/flawed", "bench-times-out,", "enum-cast", "1", found[0]["outcome"]]
    assert run(["eval", "reference", str(tasks), "--no-cache", "-w", "1"]) == 0
    (line,) = (line for line in capsys.readouterr().err.splitlines() if "v2/flawed" in line)
    assert line.split()[:3] == ["v2/flawed", "bench-times-out,", "enum-cast"]


@pytest.mark.skipif(not FOLDER.is_dir(), reason="the published rows are not here")
@pytest.mark.parametrize("source", FILES)
def test_every_published_row_becomes_a_task(source: str) -> None:
    name, count = FILES[source]
    path = FOLDER / f"{name}.jsonl.gz"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        tasks = list(IMPORTERS[source](path))
        official = list(IMPORTERS[source](path, official=True))
    assert count is None or len(tasks) == count
    assert len({task.id for task in tasks}) == len(tasks) == len(official)
    for task in tasks:
        top = task.spec["top"]
        assert task.reference is not None
        assert top in outline(task.reference.removeprefix("```verilog").removesuffix("```")).roots
        assert re.search(rf"\b{top}\b", task.prompt[0].content)
        assert "reference" not in task.prompt[0].content.lower().split("```")[0] or source.startswith("rtllm")
