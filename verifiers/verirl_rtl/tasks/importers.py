"""Published benchmarks, in their original layout or as JSONL rows, as tasks of the split `eval`.

VerilogEval (Liu et al. 2023; Pinckney et al. 2024) and RTLLM (Lu et al. 2024; Liu et al. 2024). By default an
answer is compared with the benchmark's own reference, with the recorded stimulus of its testbench. With
`official` the testbench itself says whether the answer passed. Known faults of a problem are among its tags.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from verirl.domain import Importer
from verirl.errors import InputError, SpecError
from verirl.io.jsonl import Line, read_lines
from verirl.io.rows import text_field, warn_left_out
from verirl.types import Message, Source, Task
from verirl_rtl.language.verilog_text import outline, rename_textually, to_fence
from verirl_rtl.spec import read_spec

ANSWER_INSTRUCTION = "Answer with the whole module in one ```verilog block."
NO_MISMATCHES = r"(?m)^Mismatches: 0 in [1-9]\d* samples"
NO_MISMATCHES_IN_TIME = r"(?ms)\A(?!.*TIMEOUT)(?=.*^Mismatches: 0 in [1-9]\d* samples)"
RTLLM_RULE = r"[Pp]ass"
"""RTLLM's own rule, weak as it is."""

V1_ASSUMPTION = (
    "Implement the Verilog module based on the following description. Assume that signals are positive "
    "clock/clk triggered unless otherwise stated."
)


@dataclass(frozen=True, slots=True)
class Issue:
    """What is wrong with a published problem. `bench`: whether its bench can be run at all."""

    tag: str
    bench: bool = True


ISSUES: Mapping[str, Issue] = {
    "verilogeval-v2/Prob053_m2014_q4d": Issue("zeros-pass-bench"),
    "verilogeval-v2/Prob082_lfsr32": Issue("bench-times-out"),
    "verilogeval-v2/Prob099_m2014_q6c": Issue("bench-has-other-ports", bench=False),
    "verilogeval-v2/Prob118_history_shift": Issue("mixed-assignments"),
    "verilogeval-v2/Prob141_count_clock": Issue("bench-times-out"),
    "verilogeval-v2/Prob151_review2015_fsm": Issue("enum-cast"),
    "verilogeval-v2/Prob153_gshare": Issue("mixed-assignments"),
    "verilogeval-v2/Prob156_review2015_fancytimer": Issue("bench-times-out"),
    "verilogeval-v2-complete/Prob053_m2014_q4d": Issue("zeros-pass-bench"),
    "verilogeval-v2-complete/Prob082_lfsr32": Issue("bench-times-out"),
    "verilogeval-v2-complete/Prob118_history_shift": Issue("mixed-assignments"),
    "verilogeval-v2-complete/Prob141_count_clock": Issue("bench-times-out"),
    "verilogeval-v2-complete/Prob151_review2015_fsm": Issue("enum-cast"),
    "verilogeval-v2-complete/Prob153_gshare": Issue("mixed-assignments"),
    "verilogeval-v2-complete/Prob156_review2015_fancytimer": Issue("bench-times-out"),
    "verilogeval-v1-human/review2015_fancytimer": Issue("enum-cast"),
    "verilogeval-v1-human/review2015_fsm": Issue("enum-cast"),
    "rtllm-v1.1/div_16bit": Issue("bench-does-not-compile", bench=False),
    "rtllm-v2/freq_divbyeven": Issue("prompt-names-another-module"),
}


@dataclass(frozen=True, slots=True)
class _Problem:
    """One published problem: where it stood, what is asked, and what it is checked with."""

    where: str
    name: str
    prompt: str
    top: str
    reference: str
    reference_top: str
    testbench: str
    testbench_top: str
    pass_rule: str
    aux_files: Mapping[str, str]
    tags: tuple[str, ...] = ()


def verilogeval_v1(path: Path, *, official: bool = False, part: str) -> Iterator[Task]:
    """VerilogEval 1.0: `data/VerilogEval_<part>.jsonl` with `descriptions/` beside `data/`; or rows."""
    source = f"verilogeval-v1-{part.lower()}"
    file = path / "data" / f"VerilogEval_{part}.jsonl" if path.is_dir() else path
    described: dict[str, str] | None = None
    for line in read_lines(file):
        if "task_id" in line.value:
            if described is None:
                described = _descriptions(file, part)
            problem = _v1_published(line, described)
        else:
            problem = _v1_row(line)
        yield from _task(problem, source, official)


def _v1_published(line: Line, described: Mapping[str, str]) -> _Problem:
    name, interface = _text(line, "task_id"), _text(line, "prompt")
    if name not in described:
        raise InputError.at(line.file, f"'{name}' has no description", line=line.number, field="task_id")
    code = interface.rstrip() + "\n" + _text(line, "canonical_solution")
    return _v1(line, name, described[name], interface, code, _text(line, "test"))


def _v1_row(line: Line) -> _Problem:
    texts = [_text(line, field) for field in ("id", "description", "interface", "reference", "testbench")]
    return _v1(line, *texts)


def _v1(line: Line, name: str, description: str, interface: str, code: str, bench: str) -> _Problem:
    prompt = f"{V1_ASSUMPTION}\n\n{description.strip()}\n\n```verilog\n{interface.strip()}\n```"
    top = "top_module"
    return _Problem(_place(line), name, prompt, top, code, top, bench, "tb", NO_MISMATCHES, {})


def _descriptions(file: Path, part: str) -> dict[str, str]:
    """Problem → description, from the folder `descriptions` beside the one that `file` is in."""
    name = f"VerilogDescription_{part}.jsonl"
    tried = (
        file.parent.parent / "descriptions" / name,
        file.parent / "descriptions" / name,
        file.parent / name,
    )
    for place in tried:
        if place.is_file():
            return {_text(line, "task_id"): _text(line, "detail_description") for line in read_lines(place)}
    raise InputError.at(file, f"needs {name}, in ../descriptions/ or beside it")


def verilogeval_v2(path: Path, *, official: bool = False) -> Iterator[Task]:
    """VerilogEval 2, specification to RTL: the folder `dataset_spec-to-rtl`, or rows."""
    return _v2(path, official, "verilogeval-v2", "dataset_spec-to-rtl")


def verilogeval_v2_complete(path: Path, *, official: bool = False) -> Iterator[Task]:
    """VerilogEval 2, code completion: the folder `dataset_code-complete-iccad2023`, or rows."""
    return _v2(path, official, "verilogeval-v2-complete", "dataset_code-complete-iccad2023")


def _v2(path: Path, official: bool, source: str, folder: str) -> Iterator[Task]:
    complete = source.endswith("complete")
    if path.is_dir():
        inner = path / folder
        problems = _v2_published(inner if inner.is_dir() else path, folder)
    else:
        problems = (_v2_row(line, complete) for line in read_lines(path))
    for problem in problems:
        yield from _task(problem, source, official)


def _v2_published(folder: Path, name: str) -> Iterator[_Problem]:
    prompts = sorted(folder.glob("Prob*_prompt.txt"))
    if not prompts:
        raise InputError.at(folder, f"holds no Prob*_prompt.txt: name the folder {name}, or a .jsonl file")
    for prompt in prompts:
        stem = prompt.name.removesuffix("_prompt.txt")
        parts = [_read(folder / f"{stem}_{part}") for part in ("prompt.txt", "ref.sv", "test.sv")]
        yield _v2_problem(str(prompt), stem, *parts)


def _v2_row(line: Line, complete: bool) -> _Problem:
    def other(field: str) -> str:
        instead = f"{field}_code_complete"
        return _text(line, instead if complete and instead in line.value else field)

    prompt = _text(line, "prompt_code_complete" if complete else "prompt_spec_to_rtl")
    return _v2_problem(_place(line), _text(line, "id"), prompt, other("reference"), other("testbench"))


def _v2_problem(where: str, name: str, prompt: str, reference: str, bench: str) -> _Problem:
    return _Problem(
        where,
        name,
        prompt.strip(),
        "TopModule",
        reference,
        "RefModule",
        bench,
        "tb",
        NO_MISMATCHES_IN_TIME,
        {},
    )


def rtllm(path: Path, *, official: bool = False, source: str) -> Iterator[Task]:
    """RTLLM: folders of `design_description.txt`, `testbench.v`, `verified_*.v` and data files; or rows."""
    problems = _rtllm_published(path) if path.is_dir() else (_rtllm_row(line) for line in read_lines(path))
    for problem in problems:
        yield from _task(problem, source, official)


def _rtllm_row(line: Line) -> _Problem:
    top, aux = _text(line, "top"), line.value.get("aux_files", {})
    if not isinstance(aux, dict):
        raise InputError.at(line.file, "must be an object", line=line.number, field="aux_files")
    trivial = [f"official-passes-all-{value}" for value in line.value.get("trivial_designs_that_pass") or ()]
    return _Problem(
        _place(line),
        _text(line, "id"),
        _text(line, "prompt").strip(),
        top,
        _text(line, "reference"),
        top,
        _text(line, "testbench"),
        _text(line, "tb_top"),
        RTLLM_RULE,
        aux,
        tuple(trivial),
    )


def _rtllm_published(root: Path) -> Iterator[_Problem]:
    descriptions = sorted(root.rglob("design_description.txt"))
    if not descriptions:
        raise InputError.at(root, "holds no design_description.txt: name RTLLM's folder, or a .jsonl file")
    for description in descriptions:
        folder = description.parent
        verified = sorted(folder.glob("verified_*.v"))
        bench = folder / "testbench.v"
        if not verified or not bench.is_file():
            missing = "verified_*.v" if not verified else "testbench.v"
            warn_left_out(folder, f"it has no {missing}")
            continue
        reference, testbench = "\n".join(_read(file) for file in verified), _read(bench)
        try:
            top, testbench_top, reference = _tied(testbench, reference)
        except ValueError as problem:
            warn_left_out(folder, problem)
            continue
        yield _Problem(
            str(description),
            folder.name,
            _read(description).strip(),
            top,
            reference,
            top,
            testbench,
            testbench_top,
            RTLLM_RULE,
            _data_files(folder, testbench),
        )


def _tied(testbench: str, reference: str) -> tuple[str, str, str]:
    """The module that the bench wants, the bench's own, and the reference with its top so named."""
    bench, design = outline(testbench), outline(reference)
    wanted = [name for name in bench.wanted if name not in design.defined] or list(bench.wanted)
    if len(wanted) != 1 or len(bench.roots) != 1:
        raise ValueError("testbench.v does not instantiate exactly one module from outside")
    (top,) = wanted
    known = (top, f"verified_{top}", *design.roots)
    own = next((name for name in known if name in design.defined), None)
    if own is None:
        raise ValueError("the reference defines no module")
    return top, bench.roots[0], rename_textually(reference, own, top)


def _data_files(folder: Path, testbench: str) -> dict[str, str]:
    """The files beside a bench that it names in quotes."""
    named = {Path(name).name for name in re.findall(r'"([^"\n]+)"', testbench)}
    return {file.name: _read(file) for file in sorted(folder.iterdir()) if file.name in named}


_READERS: Mapping[str, Callable[..., Iterable[Task]]] = {
    "verilogeval-v1-human": partial(verilogeval_v1, part="Human"),
    "verilogeval-v1-machine": partial(verilogeval_v1, part="Machine"),
    "verilogeval-v2": verilogeval_v2,
    "verilogeval-v2-complete": verilogeval_v2_complete,
    "rtllm-v1.1": partial(rtllm, source="rtllm-v1.1"),
    "rtllm-v2": partial(rtllm, source="rtllm-v2"),
}

IMPORTERS: Mapping[str, Importer] = _READERS
OFFICIAL_IMPORTERS: Mapping[str, Importer] = {
    name: partial(reader, official=True) for name, reader in _READERS.items()
}


def _task(problem: _Problem, source: str, official: bool) -> Iterable[Task]:
    name = f"{source}/{problem.name}"
    issue = ISSUES.get(name)
    spec: dict[str, Any] = {
        "top": problem.top,
        "reference": problem.reference,
        "reference_top": problem.reference_top,
    }
    if official or issue is None or issue.bench:
        spec |= {
            "testbench": problem.testbench,
            "testbench_top": problem.testbench_top,
            "pass_rule": problem.pass_rule,
        }
        if problem.aux_files:
            spec["aux_files"] = dict(problem.aux_files)
    if official:
        spec["rule"] = "official"
    try:
        read_spec(spec)
        answer = to_fence(rename_textually(problem.reference, problem.reference_top, problem.top))
    except (SpecError, ValueError) as error:
        warn_left_out(problem.where, error)
        return ()
    known = (f"known-issue:{issue.tag}",) if issue else ()
    return (
        Task(
            id=name,
            domain="rtl",
            prompt=(Message(role="user", content=_prompt(problem)),),
            spec=spec,
            reference=answer,
            tags=(source, *known, *(f"known-issue:{tag}" for tag in problem.tags)),
            split="eval",
            source=Source(name=source, license="MIT"),
        ),
    )


def _prompt(problem: _Problem) -> str:
    """The published text, with the module's name where it does not give it, and how to answer."""
    named = re.search(rf"\b{re.escape(problem.top)}\b", problem.prompt)
    name = "" if named else f"Name the module {problem.top}.\n\n"
    return f"{problem.prompt}\n\n{name}{ANSWER_INSTRUCTION}"


def _text(line: Line, field: str) -> str:
    return text_field(line, field, may_be_blank=False)


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8", errors="strict").replace("\r\n", "\n")
    except OSError as problem:
        raise InputError.at(file, problem.strerror or str(problem)) from problem
    except UnicodeDecodeError:
        return file.read_text(encoding="latin-1").replace("\r\n", "\n")


def _place(line: Line) -> str:
    return f"{line.file}:{line.number}"
