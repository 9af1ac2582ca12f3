"""Lenses, specs and verdicts that several tests of the optics domain share."""

from __future__ import annotations

import json
import math
from typing import Any

from verirl.types import Message, Status, Task
from verirl_optics.answer import parse
from verirl_optics.stages import run_stages

TRIPLET = """
22.01359 3.25896 N-SK16
-435.76044 6.00755
-22.21328 0.99997 F2
20.29192 4.75041 stop
79.6836 2.95208 N-SK16
-18.39533 42.20778
""".strip()


SPEC: dict[str, Any] = {
    "task": "synthesis",
    "efl_mm": 50.0,
    "efl_rel_tol": 0.02,
    "fno": 5.0,
    "half_fields_deg": [0, 14, 20],
    "wavelengths_um": [0.4861327, 0.5875618, 0.6562725],
    "primary": 1,
    "elements": {"min": 3, "max": 3},
    "max_total_track_mm": 66.0,
    "min_bfl_mm": 35.0,
    "center_thickness_mm": {"min": 0.5, "max": 10.0},
    "min_edge_thickness_mm": 0.3,
    "min_air_gap_mm": 0.1,
    "glasses": ["N-BK7", "N-SK16", "F2", "SF5"],
    "max_rms_um": 40.0,
    "max_distortion_pct": 5.0,
    "reference_rms_um": 20.0,
}


SINGLET_SPEC: dict[str, Any] = {
    **{key: SPEC[key] for key in ("task", "wavelengths_um", "primary", "efl_rel_tol")},
    "efl_mm": 50.0,
    "fno": 10.0,
    "half_fields_deg": [0, 2],
    "elements": {"min": 1, "max": 1},
}


SINGLET = "51 4 N-BK7 stop\n-51 48.6"


def task(spec: dict[str, Any] | None = None) -> Task:
    return Task(id="t", domain="optics", prompt=(Message(role="user", content="Design."),), spec=spec or SPEC)


def stage_results(
    completion: str, spec: dict[str, Any] | None = None
) -> dict[str, tuple[Status, float, str]]:
    found = [item.stage for item in run_stages(task(spec), completion)]
    return {stage.name: (stage.status, stage.score, stage.detail) for stage in found}


def failed_stage(completion: str, spec: dict[str, Any] | None = None) -> str:
    """The stage at which an answer failed; '' if it passed all."""
    return next(
        (name for name, (status, *_) in stage_results(completion, spec).items() if status is Status.FAILED),
        "",
    )


def as_json(text: str) -> str:
    rows = [
        {
            "radius": None if math.isinf(row.radius) else row.radius,
            "thickness": row.thickness,
            "glass": row.glass,
            "stop": row.stop,
        }
        for row in parse(text)
    ]
    return json.dumps({"surfaces": rows})


def swap(old: str, new: str) -> str:
    assert old in TRIPLET
    return TRIPLET.replace(old, new)


GIVEN: list[dict[str, Any]] = [
    {"radius": 22.01359, "thickness": 3.25896, "glass": "N-SK16", "stop": False},
    {"radius": "?", "thickness": 6.00755, "glass": None, "stop": False},
    {"radius": -22.21328, "thickness": "?", "glass": "F2", "stop": False},
    {"radius": 20.29192, "thickness": 4.75041, "glass": None, "stop": True},
    {"radius": 79.6836, "thickness": 2.95208, "glass": "?", "stop": False},
    {"radius": -18.39533, "thickness": 42.20778, "glass": None, "stop": False},
]
COMPLETION = {**SPEC, "task": "completion", "given": {"surfaces": GIVEN}}
