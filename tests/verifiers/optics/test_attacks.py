"""Attacks on the verifier: forged text, padded lenses, aspheres that fit only the sampled rays."""

from __future__ import annotations

import json
import math
import warnings
from typing import Any

import pytest
import torch
from cases.optics.attacks import CHANGED_GIVENS, JSON, LAST, PADDED, UNBUILDABLE, UNREADABLE
from support.lenses import (
    COMPLETION,
    SINGLET,
    SINGLET_SPEC,
    SPEC,
    TRIPLET,
    failed_stage,
    stage_results,
    swap,
    task,
)
from support.paths import BENCHMARKS

from verirl.pool import Request, VerifierPool
from verirl.types import Source, Status
from verirl_optics import domain
from verirl_optics.analysis.performance import evaluate
from verirl_optics.answer import Row, parse, to_lines
from verirl_optics.lens_io.classical_lenses import lens_from_row
from verirl_optics.raytrace import pupil as pupils
from verirl_optics.raytrace.glass import find_glass
from verirl_optics.raytrace.prescription import Aperture, Prescription, Surface
from verirl_optics.raytrace.system import FLOAT, build_system
from verirl_optics.raytrace.trace import through_pupil, trace
from verirl_optics.requirements import evaluate_answer, lens_of_answer
from verirl_optics.spec import OpticsSpec, read_spec
from verirl_optics.tasks.task_from_lens import tasks_from_lens

torch.set_num_threads(1)
BENCHMARK = BENCHMARKS / "optics"


@pytest.mark.parametrize("name", UNREADABLE)
def test_forged_text_is_not_in_the_format(name: str) -> None:
    assert failed_stage(UNREADABLE[name]) == "format"
    assert all(detail.isprintable() for *_, detail in stage_results(UNREADABLE[name]).values())


@pytest.mark.parametrize("name", UNBUILDABLE)
def test_what_cannot_be_built_is_not_feasible(name: str) -> None:
    assert failed_stage(UNBUILDABLE[name]) == "feasible"


@pytest.mark.parametrize("name", PADDED)
def test_padding_is_no_element(name: str) -> None:
    text, elements = PADDED[name]
    spec = {**SINGLET_SPEC, "elements": {"min": elements, "max": elements}}
    found = stage_results(text, spec)
    assert found["feasible"][0] is Status.FAILED


@pytest.mark.parametrize("size", [1e-4, 1.0, 1e3])
def test_the_elements_of_a_lens_are_counted_alike_at_every_size(size: float) -> None:
    rows = ((31.0, 4.0, "N-BK7 stop"), (-22.0, 2.0, "F2"), (-93.0, 48.0, ""))
    text = "\n".join(f"{r * size:g} {t * size:g} {rest}".strip() for r, t, rest in rows)
    plates = f"inf {size:g} N-BK7\ninf {size:g}\ninf {size:g} F2\ninf {size:g}\n{text}"
    spec = {**SINGLET_SPEC, "efl_mm": 50.0 * size, "efl_rel_tol": 0.2}
    for answer, elements, kept in ((text, 2, True), (plates, 4, False)):
        found = evaluate_answer(
            read_spec({**spec, "elements": {"min": elements, "max": elements}}), parse(answer)
        )
        assert next(check for check in found.feasible if check.name == "elements").met is kept


def test_a_stop_inside_a_glass_leaves_it_one_element() -> None:
    assert failed_stage("51 2 N-BK7\ninf 2 N-BK7 stop\n-51 48.6", SINGLET_SPEC) == ""


def test_a_stop_inside_a_glass_does_not_halve_its_thickness() -> None:
    """Nor its edge, of which a front 0.3 mm before the stop has little left."""
    spec = {**SINGLET_SPEC, "fno": 5.0, "half_fields_deg": [0], "min_edge_thickness_mm": 0.5}
    for halves, least, most, stage in (
        ((2, 2), 3, 5, ""),
        ((0.3, 3.7), 3, 5, ""),
        ((4, 4), 3, 5, "feasible"),
        ((0.4, 0.4), 0.3, 5, "feasible"),
        ((9, -5), 3, 5, "feasible"),
    ):
        front, back = halves
        text = f"51 {front} N-BK7\ninf {back} N-BK7 stop\n-51 47.5"
        limits = {"center_thickness_mm": {"min": least, "max": most}}
        assert failed_stage(text, {**spec, **limits}) == stage, halves


@pytest.mark.needs_benchmarks("optics")
@pytest.mark.parametrize(
    ("name", "elements"),
    [
        ("lenslibrary-1975678", (7, 7)),
        ("lenslibrary-kidger2004", (9, 9)),
        ("lenslibrary-7821720a", (5, 7)),
    ],
)
def test_hollows_and_windows_of_patents_can_be_asked_for(name: str, elements: tuple[int, int]) -> None:
    """Surfaces that end within their neighbours' height, and plates that are none of the lens's power."""
    rows = map(json.loads, (BENCHMARK / "classical_lenses.jsonl").read_text().splitlines())
    [row] = [row for row in rows if row["id"] == name]
    made = tasks_from_lens(lens_from_row(row), name, Source(name="here"))
    assert made[0].spec["elements"] == dict(zip(("min", "max"), elements, strict=True))
    assert [failed_stage(str(each.reference), each.spec) for each in made] == ["", ""]


@pytest.mark.parametrize("name", CHANGED_GIVENS)
def test_what_is_given_stays(name: str) -> None:
    assert failed_stage(CHANGED_GIVENS[name], COMPLETION) == "format"


def on_rings(spec: OpticsSpec, efl_of_rings: float) -> tuple[Row, ...]:
    """A lens of the EFL asked for at its vertex, whose surface sends the quadrature's six rings to the
    focus of another: seven terms of an asphere, the first by the vertex, six by Newton's method.
    """
    n = find_glass("N-BK7").index(spec.wavelengths_um[0])
    thick, radius, half = 4.0, efl_of_rings * (n - 1.0), spec.epd_mm / 2.0
    rings = torch.unique(torch.hypot(pupils.gauss().x_R, pupils.gauss().y_R).round(decimals=12))
    sampled = pupils.Pupil(torch.zeros_like(rings), rings, torch.ones_like(rings))
    powers = torch.tensor([half ** -(2 * i + 1) for i in range(7)], dtype=FLOAT)

    def rows(terms: torch.Tensor) -> tuple[Row, ...]:
        asphere = tuple((terms * powers).tolist())
        plane = Row(math.inf, efl_of_rings - thick / n, None)
        return Row(radius, thick, "N-BK7", stop=True, asphere=asphere), plane

    def heights(terms: torch.Tensor) -> torch.Tensor:
        system = build_system([lens_of_answer(spec, rows(terms))])
        beam = torch.tensor([spec.epd_mm], dtype=FLOAT)
        rays = through_pupil(system, sampled, beam, torch.zeros(1, 1, dtype=FLOAT))
        return trace(system, rays).rays.y[0, 0, 0]

    terms = torch.zeros(7, dtype=FLOAT)
    terms[0] = half * (1.0 / (spec.efl_mm * (n - 1.0)) - 1.0 / radius) / 2.0
    for _ in range(8):
        miss = heights(terms)
        steps = [terms + 1e-7 * unit for unit in torch.eye(7, dtype=FLOAT)[1:]]
        slopes = torch.stack([(heights(moved) - miss) / 1e-7 for moved in steps], dim=1)
        terms[1:] -= torch.linalg.solve(slopes, miss)
    assert heights(terms).abs().max() < 1e-9
    return rows(terms)


def test_an_asphere_cannot_be_right_on_the_rings_alone() -> None:
    spec = {
        **SINGLET_SPEC,
        "fno": 4.0,
        "half_fields_deg": [0],
        "wavelengths_um": [0.5875618],
        "primary": 0,
        "aspheres": 1,
        "max_rms_um": 5.0,
        "max_total_track_mm": 45.0,
    }
    asked = read_spec(spec)
    rows = on_rings(asked, 40.0)
    assert failed_stage(to_lines(rows, 12), spec) == "feasible", "EFL 50 mm and a focus 40 mm behind the lens"
    system = build_system([lens_of_answer(asked, rows)])
    beam, axis = torch.tensor([asked.epd_mm], dtype=FLOAT), torch.zeros(1, 1, dtype=FLOAT)
    dense = evaluate(system, beam, axis, pupils.gauss(60, 24)).spots.poly_BF.item() * 1e3
    assert evaluate(system, beam, axis).spots.poly_BF.item() * 1e3 < 1e-3 < 100 < dense
    assert evaluate_answer(asked, rows).figures["rms_spot_um"] == pytest.approx(dense, rel=1e-3)


def test_two_cones_are_no_focal_length() -> None:
    """Hyperboloids of equal asymptotes: a thin prism, but for the rays at the vertex, where they have power.

    A lens of 40 mm and a spot of 31 µm has the EFL of 50 mm that is asked for, in a track too short for it.
    """
    asked = read_spec(
        {**SINGLET_SPEC, "fno": 5.0, "half_fields_deg": [0], "aspheres": 2, "elements": {"min": 2, "max": 2}}
    )
    cones = "41 4 N-BK7 stop\n-41 1\n12.33 2 N-BK7 conic=-1000\n10 35.9 conic=-1000"
    found = evaluate_answer(asked, parse(cones))
    assert found.figures["efl_mm"] == pytest.approx(50.0, rel=0.01)
    assert found.figures["rms_spot_um"] < 32.0
    assert [check.name for check in found.feasible if not check.met] == ["EFL"]


def test_too_many_aspheres_are_not_traced() -> None:
    """40 surfaces of ten terms each, 16 fields, 16 wavelengths: seconds, where the task allows none."""
    line = "300 2 {} conic=-9 asphere=1e-3,-1e-5,1e-7,-1e-9,1e-11,-1e-13,1e-15,-1e-17,1e-19,-1e-21"
    text = "\n".join(line.format("air" if s % 2 else "N-BK7") + " stop" * (s == 0) for s in range(40))
    spec = {
        **SINGLET_SPEC,
        "elements": {"min": 1, "max": 40},
        "half_fields_deg": [float(f) for f in range(16)],
        "wavelengths_um": [0.45 + 0.01 * w for w in range(16)],
    }
    found = evaluate_answer(read_spec(spec), tuple(Row(300.0, 2.0, None, conic=-9.0) for _ in range(40)))
    assert [check.name for check in found.feasible] == ["aspheres"]
    assert stage_results(text, spec)["feasible"][:2] == (Status.FAILED, 0.0)


def test_the_image_of_a_short_lens_is_moved_by_more_than_its_tolerance() -> None:
    """A field lens: the image plane lies so near that a quarter of the distance is no fault."""
    crown = find_glass("N-BK7")
    surfaces = (
        Surface(51.0, 4.0, crown, stop=True),
        Surface(-51.0, 46.0),
        Surface(60.0, 2.0, crown),
        Surface(math.inf, 0.6),
    )
    lens = Prescription(surfaces, Aperture("epd", 8.0), (0.0, 3.0), (0.4861327, 0.5875618, 0.6562725), 1)
    [made, _] = tasks_from_lens(lens, "short", Source(name="here"))
    assert failed_stage(str(made.reference), made.spec) == ""
    [moved] = [mutant for mutant in domain.mutants(made) if mutant.kind == "thickness"]
    assert failed_stage(moved.completion, made.spec) != ""


@pytest.mark.parametrize(
    "rows",
    [
        ((22.0, 3.0, "N-BK7", False), (300.0, 3.0, "N-BK7", True), (-30.0, 25.0, None, False)),
        ((26.0, 4.0, "N-BK7", False), (-26.0, 1.0, None, False), (40.0, 24.0, None, True)),
    ],
    ids=["inside a glass", "in air"],
)
def test_a_curved_stop_of_an_imported_lens_becomes_a_plane(rows: tuple[Any, ...]) -> None:
    surfaces = tuple(Surface(r, t, find_glass(g) if g else None, stop=stop) for r, t, g, stop in rows)
    lens = Prescription(surfaces, Aperture("epd", 4.0), (0.0, 2.0), (0.4861327, 0.5875618, 0.6562725), 1)
    [made, _] = tasks_from_lens(lens, "stop", Source(name="here"))
    assert made.spec["elements"] == {"min": 1, "max": 1}
    assert any(line.startswith("inf") and line.endswith("stop") for line in str(made.reference).splitlines())
    assert failed_stage(str(made.reference), made.spec) == ""


@pytest.mark.needs_benchmarks("optics")
def test_every_mutant_of_every_lens_of_the_benchmark_fails() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        made = list(domain.importers["lenses"](BENCHMARK / "classical_lenses.jsonl"))
    assert len(made) > 40
    alive = [
        (each.id, mutant.kind)
        for each in made
        for mutant in domain.mutants(each)
        if failed_stage(mutant.completion, each.spec) == ""
    ]
    assert alive == []


def test_workers_judge_every_attack_and_blame_nobody_else(pool: VerifierPool) -> None:
    controls = [TRIPLET, JSON, swap(LAST, "focus"), TRIPLET.replace("\n", "\r\n")]
    attacks: list[tuple[str, dict[str, Any]]] = [
        *((text, SPEC) for text in (*UNREADABLE.values(), *UNBUILDABLE.values())),
        *((text, {**SINGLET_SPEC, "elements": {"min": n, "max": n}}) for text, n in PADDED.values()),
        *((text, COMPLETION) for text in CHANGED_GIVENS.values()),
    ]
    requests = [Request(task(SPEC), text) for text in controls]
    requests += [Request(task(spec), text) for text, spec in attacks]
    verdicts = pool.verify([*requests, Request(task(SINGLET_SPEC), SINGLET)])
    passed = [verdict.passed for verdict in verdicts]
    assert passed == [*[True] * len(controls), *[False] * len(attacks), True]
    for verdict in verdicts:
        assert not verdict.is_error
        assert not any(stage.status is Status.TIMEOUT for stage in verdict.stages)
        assert verdict.passed or not any(stage.name in ("accurate", "quality") for stage in verdict.stages)
