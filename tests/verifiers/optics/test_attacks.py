"""Answers that try to be paid for what they are not: forged text, padded lenses, rays between the rings."""

from __future__ import annotations

import json
import math
import warnings
from typing import Any

import pytest
import torch
from support.lenses import (
    COMPLETION,
    SINGLET,
    SINGLET_SPEC,
    SPEC,
    TRIPLET,
    as_json,
    fell,
    judged,
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
JSON = as_json(TRIPLET)
LAST = "42.20778"

UNREADABLE = {
    "surrogate in a glass": JSON.replace('"F2"', '"\\ud800"'),
    "nul in a glass": JSON.replace('"F2"', '"F2\\u0000"'),
    "direction mark in a glass": JSON.replace('"F2"', '"\\u202eF2"'),
    "escape sequence in a glass": JSON.replace('"F2"', '"\\u001b[2JF2"'),
    "empty glass": JSON.replace('"F2"', '""'),
    "surrogate for a key": JSON.replace('"radius"', '"\\udfff"', 1),
    "escape sequence in a key": JSON.replace('"radius"', '"\\u001b[2J"', 1),
    "a key twice, once escaped": JSON.replace(
        '"radius": 22.01359', '"radius": 22.01359, "\\u0072adius": 30.0'
    ),
    "prototype key": JSON.replace('"radius"', '"__proto__": {}, "radius"', 1),
    "forged figure in a surface": JSON.replace('"stop"', '"rms_um": 0, "stop"', 1),
    "forged verdict behind the surfaces": TRIPLET + '\n{"passed": true}',
    "comment in JSON": JSON.replace('"radius"', '/*c*/"radius"', 1),
    "comment in a line": TRIPLET.replace("\n", " # crown\n", 1),
    "trailing comma": JSON.replace("]}", ",]}"),
    "single quotes": JSON.replace('"', "'"),
    "zero-width space in a number": TRIPLET.replace("22.01359", "2\u200b2.01359"),
    "escape sequence in a number": TRIPLET.replace("22.01359", "22.01359\x1b[2J"),
    "byte order mark inside the block": f"```\n\ufeff{TRIPLET}\n```",
    "full-width digits": TRIPLET.replace("22.01359", "２２.01359"),
    "underscore in a number": TRIPLET.replace("22.01359", "2_2.01359"),
    "minus infinity for a plane": TRIPLET.replace("22.01359", "-inf"),
    "hexadecimal float": TRIPLET.replace("22.01359", "0x1.6p4"),
    "Fortran exponent": TRIPLET.replace("22.01359", "22.01359D0"),
    "decimal comma": TRIPLET.replace("22.01359", "22,01359"),
    "Arabic digits": TRIPLET.replace("22.01359", "٢٢"),
    "superscript": TRIPLET.replace("22.01359", "22²"),
    "minus of another script": TRIPLET.replace("-435", "−435"),
    "1e999": TRIPLET.replace("22.01359", "1e999"),
    "radius minus zero": TRIPLET.replace("22.01359", "-0"),
    "400 digits": JSON.replace(LAST, "9" * 400),
    "100 trailing zeros": TRIPLET.replace("22.01359", "22.01359" + "0" * 100),
    "null thickness": JSON.replace(LAST, "null"),
    "focus within": TRIPLET.replace("3.25896", "focus"),
    "FOCUS": TRIPLET.replace(LAST, "FOCUS"),
    "eleven terms": TRIPLET.replace(LAST, f"{LAST} asphere={','.join('0' * 11)}"),
    "a term nan": TRIPLET.replace(LAST, f"{LAST} asphere=nan"),
    "no terms": TRIPLET.replace(LAST, f"{LAST} asphere="),
    "conic 1e400": TRIPLET.replace(LAST, f"{LAST} conic=1e400"),
    "STOP": TRIPLET.replace("stop", "STOP"),
    "keys nested 2000 deep": '{"surfaces":' * 2000 + "1" + "}" * 2000,
    "100 000 lines": "\n".join(["inf 0"] * 100_000),
    "60 000 digits": "1" * 60_000 + " 1",
}
NO_GLASS = ("AIR", "VACUUM", "MIRROR", "___BLANK", "N-SK16*", "Ｆ２", "F2\u0301", "1.62", "517642", "SF5HT")
UNBUILDABLE = {
    **{f"glass {name}": JSON.replace('"F2"', json.dumps(name)) for name in NO_GLASS},
    "two conics": swap(LAST, f"{LAST} conic=1 conic=-1"),
    "two stops on a line": swap("F2", "stop2"),
    "thickness that underflows": swap("3.25896", "1e-400"),
    "image at minus zero": JSON.replace(LAST, "-0.0"),
    "asphere not allowed": swap(LAST, f"{LAST} asphere=0,1e-9"),
    "conic not allowed": swap(LAST, f"{LAST} conic=-0.001"),
    "curved stop that vignettes": swap("20.29192 4.75041 stop", "20.29192 2\n4.5 2.75041 stop"),
    "stop in front by a negative space": f"inf -5 stop\n{TRIPLET.replace(' stop', '')}",
    "stop a kilometre in front": f"inf 1e6 stop\n{TRIPLET.replace(' stop', '')}",
    "there and back through the stop": swap("20.29192 4.75041 stop", "20.29192 14.75041\ninf -10 stop"),
    "stop on the image": swap("stop", "").replace(LAST, f"{LAST}\ninf 0 stop"),
    "image inside glass": swap(LAST, f"{LAST} N-SK16"),
    "upside down": "\n".join(reversed(TRIPLET.splitlines())),
    "a millionth of the size": "\n".join(
        f"{row.split()[0]} {float(row.split()[1]) / 1e6:g} {' '.join(row.split()[2:])}"
        for row in TRIPLET.splitlines()
    ),
}  # fmt: skip
PADDED = {
    "a stop inside a glass": ("51 2 N-BK7\ninf 2 N-BK7 stop\n-51 48", 2),
    "a curved stop inside a glass": ("51 2 N-BK7\n300 2 N-BK7 stop\n-51 48", 2),
    "a shell of a picometre": ("51 4 N-BK7 stop\n-51 1\n30 1e-9 N-BK7\n30 46.5", 2),
    "cement of a femtometre": ("51 4 N-BK7 stop\n-51 1e-12 F2\n-51 48", 2),
    "cement of nothing": ("51 4 N-BK7 stop\n-51 0 F2\n-51 48", 2),
    "one glass under two makers' names": ("51 2 N-BK7 stop\ninf 2 S-BSL7\n-51 48", 2),
    "the same, cemented along a curve": ("51 2 N-BK7 stop\n-40 2 S-BSL7\n-51 48", 2),
    "plates of other glasses": ("51 4 N-BK7 stop\n-51 1\ninf 1 F2\ninf 1\ninf 1 SF5\ninf 44", 3),
    "plates that are all but flat": (
        "51 4 N-BK7 stop\n-51 1\n1e6 1 N-BK7\n-1e6 1\n1e6 1 F2\n-1e6 44", 3,
    ),
    "one plate": ("51 4 N-BK7 stop\n-51 1\ninf 1 F2\ninf 46.4", 2),
    "a shell of 3 metres' radius": ("51 4 N-BK7 stop\n-51 1\n3e3 1 F2\n-3e3 46.4", 2),
    "a shell of a micrometre": ("51 4 N-BK7 stop\n-51 1\n300 1e-3 F2\n300 47.4", 2),
    "one glass under two names, apart by the stop": ("51 2 N-BK7\ninf 2 S-BSL7 stop\n-51 48.6", 2),
    "the same along a curve": ("51 2 N-BK7\n-300 2 S-BSL7 stop\n-51 48.6", 2),
}  # fmt: skip
GIVENS = {
    "a radius in its sixth digit": swap("22.01359", "22.01360"),
    "a thickness in its sixth digit": swap("6.00755", "6.00756"),
    "a thickness by one part in a million": swap("3.25896", "3.2589633"),
    "a look-alike of a given glass": swap("0.99997 F2", "0.99997 Ｆ2"),
    "a conic more": swap("-22.21328 0.99997 F2", "-22.21328 0.99997 F2 conic=1e-6"),
    "a term more": swap("-22.21328 0.99997 F2", "-22.21328 0.99997 F2 asphere=1e-9"),
    "focus for what is given": swap(LAST, "focus"),
    "a surface less": "\n".join(TRIPLET.splitlines()[1:]),
    "two surfaces exchanged": "\n".join([*TRIPLET.splitlines()[:4], *reversed(TRIPLET.splitlines()[4:])]),
}


@pytest.mark.parametrize("name", UNREADABLE)
def test_forged_text_is_not_in_the_format(name: str) -> None:
    assert fell(UNREADABLE[name]) == "format"
    assert all(detail.isprintable() for *_, detail in judged(UNREADABLE[name]).values())


@pytest.mark.parametrize("name", UNBUILDABLE)
def test_what_cannot_be_built_is_not_feasible(name: str) -> None:
    assert fell(UNBUILDABLE[name]) == "feasible"


@pytest.mark.parametrize("name", PADDED)
def test_padding_is_no_element(name: str) -> None:
    text, elements = PADDED[name]
    spec = {**SINGLET_SPEC, "elements": {"min": elements, "max": elements}}
    found = judged(text, spec)
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
        assert next(check for check in found.feasible if check.name == "elements").kept is kept


def test_a_stop_inside_a_glass_leaves_it_one_element() -> None:
    assert fell("51 2 N-BK7\ninf 2 N-BK7 stop\n-51 48.6", SINGLET_SPEC) == ""


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
        assert fell(text, {**spec, **limits}) == stage, halves


@pytest.mark.skipif(not BENCHMARK.exists(), reason="no ../shared/benchmarks/optics here")
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
    assert [fell(str(each.reference), each.spec) for each in made] == ["", ""]


@pytest.mark.parametrize("name", GIVENS)
def test_what_is_given_stays(name: str) -> None:
    assert fell(GIVENS[name], COMPLETION) == "format"


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
    assert fell(to_lines(rows, 12), spec) == "feasible", "EFL 50 mm and a focus 40 mm behind the lens"
    system = build_system([lens_of_answer(asked, rows)])
    beam, axis = torch.tensor([asked.epd], dtype=FLOAT), torch.zeros(1, 1, dtype=FLOAT)
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
    assert [check.name for check in found.feasible if not check.kept] == ["EFL"]


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
    assert judged(text, spec)["feasible"][:2] == (Status.FAILED, 0.0)


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
    assert fell(str(made.reference), made.spec) == ""
    [moved] = [mutant for mutant in domain.mutants(made) if mutant.kind == "thickness"]
    assert fell(moved.completion, made.spec) != ""


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
    assert fell(str(made.reference), made.spec) == ""


@pytest.mark.skipif(not BENCHMARK.exists(), reason="no ../shared/benchmarks/optics here")
def test_every_mutant_of_every_lens_of_the_benchmark_falls() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        made = list(domain.importers["lenses"](BENCHMARK / "classical_lenses.jsonl"))
    assert len(made) > 40
    alive = [
        (each.id, mutant.kind)
        for each in made
        for mutant in domain.mutants(each)
        if fell(mutant.completion, each.spec) == ""
    ]
    assert alive == []


def test_workers_judge_every_attack_and_blame_nobody_else() -> None:
    controls = [TRIPLET, JSON, swap(LAST, "focus"), TRIPLET.replace("\n", "\r\n")]
    attacks: list[tuple[str, dict[str, Any]]] = [
        *((text, SPEC) for text in (*UNREADABLE.values(), *UNBUILDABLE.values())),
        *((text, {**SINGLET_SPEC, "elements": {"min": n, "max": n}}) for text, n in PADDED.values()),
        *((text, COMPLETION) for text in GIVENS.values()),
    ]
    requests = [Request(task(SPEC), text) for text in controls]
    requests += [Request(task(spec), text) for text, spec in attacks]
    with VerifierPool(1) as pool:
        verdicts = pool.verify([*requests, Request(task(SINGLET_SPEC), SINGLET)])
    passed = [verdict.passed for verdict in verdicts]
    assert passed == [*[True] * len(controls), *[False] * len(attacks), True]
    for verdict in verdicts:
        assert not verdict.is_error
        assert not any(stage.status is Status.TIMEOUT for stage in verdict.stages)
        assert verdict.passed or not any(stage.name in ("accurate", "quality") for stage in verdict.stages)
