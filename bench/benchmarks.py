"""Where the public benchmark data lies that some measurements use, and where to get it.

The data is not part of this repository. Put it below the folder that the variable VERIRL_BENCHMARKS names
(default: `benchmarks/` in the repository's root), under one of the names in `SOURCES`. A measurement without
its data is skipped with a line that says where to get it.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

FOLDER = Path(os.environ.get("VERIRL_BENCHMARKS") or Path(__file__).resolve().parents[1] / "benchmarks")


class Source(NamedTuple):
    """The paths under which a benchmark is looked for, and where it comes from."""

    paths: tuple[str, ...]
    origin: str


SOURCES = {
    "humaneval-plus-mini": Source(
        ("code/humaneval_plus_mini.jsonl.gz", "code/HumanEvalPlus-Mini.jsonl.gz"),
        "HumanEvalPlus-Mini.jsonl.gz, from github.com/evalplus/humanevalplus_release",
    ),
    "math500": Source(
        ("math/math500.jsonl.gz", "math/math500.jsonl"),
        "test.jsonl, from huggingface.co/datasets/HuggingFaceH4/MATH-500",
    ),
    "gsm8k": Source(
        ("math/gsm8k_test.jsonl.gz", "math/gsm8k_test.jsonl"),
        "grade_school_math/data/test.jsonl, from github.com/openai/grade-school-math",
    ),
    "verilogeval-v2": Source(
        ("rtl/verilogeval_v2.jsonl.gz", "rtl/verilog-eval"), "a clone of github.com/NVlabs/verilog-eval"
    ),
    "rtllm-v2": Source(("rtl/rtllm_v2.jsonl.gz", "rtl/RTLLM"), "a clone of github.com/hkust-zhiyao/RTLLM"),
    "lenses": Source(
        ("optics/classical_lenses.jsonl",),
        "lens prescriptions, one JSON object per line, in the layout of docs/reference/optics.md",
    ),
}


def find(name: str) -> Path | None:
    """Return the path of a benchmark; if it is absent, print where to get it and return None."""
    source = SOURCES[name]
    for path in source.paths:
        if (FOLDER / path).exists():
            return FOLDER / path
    wanted = FOLDER / source.paths[-1]
    print(f"skipped: {wanted} is absent ({source.origin}); VERIRL_BENCHMARKS names another folder")
    return None
