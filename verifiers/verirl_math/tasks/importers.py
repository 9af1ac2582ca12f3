"""Tasks from published benchmarks: GSM8K, MATH, MATH-500, AIME, and any JSONL of questions and answers.

Every importer takes a file or a folder. Its tasks have the split `eval`, except those of GSM8K's training
file. A row without its fields raises InputError with file, line and field. A row whose gold answer cannot be
checked is left out with a warning, so that the rest of the benchmark can be used.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

from verirl.answers import NoAnswerError
from verirl.domain import Importer
from verirl.errors import InputError, SpecError
from verirl.io.jsonl import Line, read_lines
from verirl.io.rows import data_files, warn_left_out
from verirl.types import Message, Source, Task
from verirl_math.answers.extract import last_box
from verirl_math.parsing.expressions import Text

Split = Literal["train", "eval"]

INSTRUCTION = "Reason step by step, and put your final answer within \\boxed{}."

_QUESTION_KEYS = ("problem", "question", "Problem", "Question", "prompt")
_ANSWER_KEYS = ("answer", "Answer", "gold", "final_answer", "expected_answer")
_SOLUTION_KEYS = ("solution", "Solution")
_ID_KEYS = ("unique_id", "id", "ID", "url", "problem_id")
_FINAL_ANSWER = re.compile(r"####\s*(.+?)\s*\Z", re.DOTALL)
_HARDEST_LEVEL = 5


def gsm8k(path: Path) -> Iterator[Task]:
    """Import GSM8K (Cobbe et al. 2021): JSONL of `question` and `answer`, which ends in `#### 42`."""
    for line in _lines(path, ("train.jsonl", "test.jsonl")):
        split: Split = "train" if "train" in Path(line.file).name else "eval"
        question, text = _text(line, _QUESTION_KEYS), _text(line, _ANSWER_KEYS)
        final = _FINAL_ANSWER.search(text)
        gold = (final[1] if final else text).replace(",", "").strip()
        yield from _task(
            line, "gsm8k", question, {"answer": gold, "answer_type": "number"}, split=split, license="MIT"
        )


def math(path: Path) -> Iterator[Task]:
    """Import MATH (Hendrycks et al. 2021): one JSON file per problem, or JSONL of the same objects."""
    if path.is_dir() and not list(path.glob("*.jsonl*")):
        files = sorted(path.rglob("*.json"))
        if not files:
            raise InputError.at(path, "holds no .json or .jsonl file")
        lines: Iterable[Line] = (Line(str(file), 1, _object(file)) for file in files)
        names = {str(file): file.relative_to(path).as_posix().removesuffix(".json") for file in files}
    else:
        lines, names = _lines(path), {}
    for line in lines:
        solution = _text(line, _SOLUTION_KEYS)
        try:
            gold = last_box(solution)
        except NoAnswerError as error:
            raise InputError.at(line.file, str(error), line=line.number, field="solution") from error
        yield from _task(
            line,
            "math",
            _text(line, _QUESTION_KEYS),
            {"answer": gold},
            name=names.get(line.file),
            license="MIT",
        )


def math500(path: Path) -> Iterator[Task]:
    """Import MATH-500 (Lightman et al. 2023): JSONL of problem, solution, answer, subject, level and id."""
    for line in _lines(path, ("test.jsonl",)):
        gold = _text(line, _ANSWER_KEYS)
        solution = line.value.get("solution")
        if isinstance(solution, str):
            # Published copies lost bases such as 52_8; the solution's own box still has them.
            gold = _boxed_or(solution, gold)
        yield from _task(line, "math500", _text(line, _QUESTION_KEYS), {"answer": gold}, license="MIT")


def aime(path: Path) -> Iterator[Task]:
    """Import AIME in any of its published layouts: problem, answer (0–999), and an id, url or year."""
    for line in _lines(path):
        gold = _text(line, _ANSWER_KEYS)
        yield from _task(line, "aime", _text(line, _QUESTION_KEYS), {"answer": gold}, license="(c) MAA")


def rows(path: Path) -> Iterator[Task]:
    """Import JSONL of `id`, `question` and `answer` (a string, a number, or a list of values)."""
    for line in _lines(path):
        gold = _with_unit(_text(line, _ANSWER_KEYS), line.value.get("unit"))
        question = _text(line, _QUESTION_KEYS)
        context = line.value.get("context")
        if isinstance(context, str) and context.strip():
            question = f"{context.strip()}\n\n{question}"
        split: Split = "train" if "gsm8k_train" in Path(line.file).name else "eval"
        yield from _task(line, "rows", question, {"answer": gold}, split=split)


IMPORTERS: Mapping[str, Importer] = {
    "gsm8k": gsm8k,
    "math": math,
    "math500": math500,
    "aime": aime,
    "math-rows": rows,
}


def _lines(path: Path, names: tuple[str, ...] = ()) -> Iterator[Line]:
    """Read a file, or the JSONL files of a folder: those called `names` if there are any, else all."""
    files = data_files(path, (".jsonl",))
    preferred = [file for file in files if file.name.removesuffix(".gz") in names]
    for file in preferred or files:
        yield from read_lines(file)


def _object(file: Path) -> dict[str, Any]:
    try:
        value = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise InputError.at(file, f"not a JSON file ({error})") from error
    if not isinstance(value, dict):
        raise InputError.at(file, f"expected a JSON object, got {type(value).__name__}")
    return value


def _text(line: Line, names: tuple[str, ...]) -> str:
    """Return the first of the fields `names` that the row has, as text."""
    for name in names:
        if name in line.value:
            value = line.value[name]
            if isinstance(value, list) and value and all(isinstance(v, (str, int, float)) for v in value):
                return ", ".join(map(str, value))
            if isinstance(value, bool) or not isinstance(value, (str, int, float)):
                raise InputError.at(line.file, "must be text or a number", line=line.number, field=name)
            return str(value)
    raise InputError.at(line.file, f"missing (one of {', '.join(names)})", line=line.number, field=names[0])


def _with_unit(gold: str, unit: object) -> str:
    if not isinstance(unit, str) or not unit.strip() or unit.strip() == "%":
        return gold
    from verirl_math.spec import check_spec

    suffix = unit if "^" in unit else f"\\text{{ {unit.strip()}}}"
    with_unit = gold.strip().strip("$") + suffix
    try:
        check_spec({"answer": with_unit})
    except SpecError:
        return gold
    return with_unit


def _boxed_or(solution: str, gold: str) -> str:
    try:
        return last_box(solution)
    except NoAnswerError:
        return gold


def _task(
    line: Line,
    source: str,
    question: str,
    spec: dict[str, Any],
    *,
    name: str | None = None,
    split: Split = "eval",
    license: str = "",
) -> Iterator[Task]:
    from verirl_math.spec import check_spec, read_spec

    if not question.strip():
        raise InputError.at(line.file, "empty", line=line.number, field="question")
    try:
        check_spec(spec)
        if isinstance(read_spec(spec).gold, Text):
            spec = {**spec, "answer_type": "text"}
    except SpecError as error:
        warn_left_out(line, f"its answer {spec['answer']!r} {error.problem}")
        return
    stem = Path(line.file).name.split(".")[0]
    row_id = next((str(line.value[key]) for key in _ID_KEYS if line.value.get(key) not in (None, "")), None)
    level = re.search(r"\d+", str(line.value.get("level", "")))
    subject = line.value.get("subject") or line.value.get("type")
    yield Task(
        id=f"{source}/{name or row_id or f'{stem}-{line.number:06d}'}",
        domain="math",
        prompt=(Message(role="user", content=f"{question.strip()}\n\n{INSTRUCTION}"),),
        spec=spec,
        reference=_reference(line, str(spec["answer"])),
        difficulty=min(int(level[0]), _HARDEST_LEVEL) / _HARDEST_LEVEL if level else None,
        tags=tuple(str(tag) for tag in (source, subject) if tag),
        split=split,
        source=Source(name=source, license=license),
    )


def _reference(line: Line, gold: str) -> str:
    """Return the row's own solution if it ends in the boxed gold answer, else the gold answer in a box."""
    solution = next((line.value[key] for key in _SOLUTION_KEYS if isinstance(line.value.get(key), str)), None)
    if solution is not None:
        try:
            if last_box(solution, alone=True).strip() == gold.strip():
                return str(solution)
        except NoAnswerError:
            pass
    bare = gold.strip()
    if bare.count("$") == 2 and bare[0] == bare[-1] == "$":
        bare = bare[1:-1]
    return f"\\boxed{{{bare}}}"
