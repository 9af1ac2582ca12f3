"""Places that tests read from."""

from __future__ import annotations

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BENCH = ROOT / "bench"
CASES = ROOT / "tests" / "cases"
BENCHMARKS = Path(os.environ.get("VERIRL_BENCHMARKS") or ROOT.parent / "shared" / "benchmarks")
"""Public benchmark data; tests that need it are skipped if it is absent."""
