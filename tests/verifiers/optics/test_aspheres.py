"""Aspheres and the word `focus` in answers, specs, prompts and given values; hostile answers with them."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from verirl.errors import SpecError
from verirl.types import Message, Status, Task
from verirl_optics import domain
from verirl_optics.analysis.performance import gaps
from verirl_optics.answer import FormatError, Row, parse, to_json, to_lines
from verirl_optics.raytrace.system import FLOAT, build_system
from verirl_optics.requirements import _least_zone_thickness, evaluate_answer, lens_of_answer
from verirl_optics.spec import read_spec
from verirl_optics.stages import run_stages
from verirl_optics.tasks.starting_designs import DESIGN_FORMS, LEVELS

torch.set_num_threads(1)

LENS = "29.8 4.6 F2 conic=-0.64 asphere=0,-1.2e-06,-1e-09 stop\n-199 39.572"
SPEC: dict[str, Any] = {
    "task": "synthesis",
    "efl_mm": 42.1,
    "efl_rel_tol": 0.02,
    "fno": 3.2,
    "half_fields_deg": [0, 1.5],
    "wavelengths_um": [0.5875618],
    "elements": {"min": 1, "max": 1},
    "glasses": ["F2", "N-BK7"],
    "max_rms_um": 60.0,
    "reference_rms_um": 5.0,
    "aspheres": 1,
}


def failed_stage(completion: str, spec: dict[str, Any] = SPEC) -> tuple[str, str]:
    """The stage at which an answer failed and why; two empty texts where it passed every one."""
    task = Task(id="t", domain="optics", prompt=(Message(role="user", content="Design."),), spec=spec)
    for item in run_stages(task, completion):
        assert 0.0 <= item.stage.score <= 1.0
        if item.stage.status is Status.FAILED:
            return item.stage.name, item.stage.detail
    return "", ""


def test_an_asphere_passes_in_both_notations() -> None:
    assert failed_stage(LENS) == ("", "")
    assert failed_stage(to_json(parse(LENS), 12)) == ("", "")
    assert parse(to_json(parse(LENS), 12)) == parse(LENS) == parse(to_lines(parse(LENS), 12))
    assert parse(LENS)[0].asphere == (0.0, -1.2e-06, -1e-09)


def test_the_asphere_counts() -> None:
    spec = read_spec(SPEC)
    sphere = LENS.replace(" conic=-0.64 asphere=0,-1.2e-06,-1e-09", "")
    bent, round_ = (evaluate_answer(spec, parse(text)).figures["rms_spot_um"] for text in (LENS, sphere))
    assert bent < 0.5 * round_


def test_a_task_that_allows_no_asphere_refuses_one() -> None:
    for text in (LENS, LENS.replace(" asphere=0,-1.2e-06,-1e-09", ""), LENS.replace(" conic=-0.64", "")):
        stage, why = failed_stage(text, {**SPEC, "aspheres": 0})
        assert stage == "feasible"
        assert "aspheric" in why
    assert failed_stage(LENS.replace("-199 39.572", "-199 39.572 conic=1"))[0] == "feasible"


JSON = to_json(parse(LENS), 12)


@pytest.mark.parametrize(
    "text",
    [
        LENS.replace("-0.64", "nan"),
        LENS.replace("-0.64", "inf"),
        LENS.replace("-0.64", "1e999"),
        LENS.replace("-0.64", "1001"),
        LENS.replace("-0.64", ""),
        LENS.replace("-0.64", "-0.64,1"),
        LENS.replace("-0.64", "０"),
        LENS.replace("conic=", "CONIC="),
        LENS.replace("conic=", "k="),
        LENS.replace("conic=-0.64", "conic=-0.64 conic=-0.64"),
        LENS.replace("0,-1.2e-06,-1e-09", ""),
        LENS.replace("0,-1.2e-06,-1e-09", "0,,1"),
        LENS.replace("0,-1.2e-06,-1e-09", "0,nan"),
        LENS.replace("0,-1.2e-06,-1e-09", "1e13"),
        LENS.replace("0,-1.2e-06,-1e-09", ",".join(["0"] * 11)),
        LENS.replace("0,-1.2e-06,-1e-09", ",".join(["0"] * 30_000)),
        LENS.replace("0,-1.2e-06", "0, -1.2e-06"),
        LENS.replace("F2 conic=-0.64", "conic=-0.64 F2"),
        LENS.replace("asphere=", "stop asphere="),
        LENS.replace("39.572", "FOCUS"),
        LENS.replace("39.572", "focus 39.572 F2"),
        LENS.replace("4.6", "focus"),
        LENS.replace("-199", "focus"),
        JSON.replace('"conic": -0.64', '"conic": NaN'),
        JSON.replace('"conic": -0.64', '"conic": "-0.64"'),
        JSON.replace('"conic": -0.64', '"conic": null'),
        JSON.replace('"conic": -0.64', '"conic": true'),
        JSON.replace('"conic": -0.64', '"conic": -0.64, "conic": 0'),
        JSON.replace('"asphere": [0.0', '"asphere": [Infinity'),
        JSON.replace('"asphere": [0.0', '"asphere": [[0.0]'),
        JSON.replace('"asphere": [0.0', '"asphere": [null'),
        JSON.replace('"asphere": [0.0', '"asphere": [false'),
        JSON.replace('"asphere": [0.0', '"asphere": [' + "0.0," * 12 + "0.0"),
        JSON.replace('"asphere": [0.0, -1.2e-06, -1e-09]', '"asphere": {"r4": 1e-6}'),
        JSON.replace('"asphere": [0.0, -1.2e-06, -1e-09]', '"asphere": "0"'),
        JSON.replace('"asphere"', '"aspheres"'),
        JSON.replace("39.572", '"Focus"'),
        JSON.replace("39.572", '["focus"]'),
        JSON.replace("4.6", '"focus"'),
    ],
    ids=range(39),
)
def test_what_is_not_in_the_format_fails_it(text: str) -> None:
    assert text not in (LENS, JSON)
    assert failed_stage(text)[0] == "format"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("conic=-0.64", "conic=1000"),
        ("conic=-0.64", "conic=-1000"),
        ("0,-1.2e-06,-1e-09", "1e12"),
        ("0,-1.2e-06,-1e-09", "0,1e12,-1e12,1e12"),
        ("0,-1.2e-06,-1e-09", "0,0,0,0,0,0,0,0,0,1e12"),
        ("0,-1.2e-06,-1e-09", "-1e3"),
        ("0,-1.2e-06,-1e-09", "0,-0.01"),
        ("0,-1.2e-06,-1e-09", "0,0.01"),
        ("29.8 4.6", "29.8 0.0001"),
        ("29.8 4.6", "0.001 4.6"),
        ("29.8 4.6", "1000000 4.6"),
        ("-199", "0.001"),
    ],
)
@pytest.mark.parametrize("last", ["39.572", "focus"])
def test_monstrous_aspheres_get_no_credit(old: str, new: str, last: str) -> None:
    stage, _ = failed_stage(LENS.replace(old, new).replace("39.572", last))
    assert stage in ("feasible", "accurate")


def test_surfaces_that_cross_between_axis_and_edge_are_no_lens() -> None:
    """A bump on the back that pierces the front between an axis and an edge that have room."""
    text = "inf 1.2 F2 stop\ninf 40 asphere=0,-0.006,0.000142"
    assert failed_stage(text)[0] == "feasible"
    lens = lens_of_answer(read_spec(SPEC), parse(text))
    system, height = build_system([lens]), torch.full((1, 2), 6.5, dtype=FLOAT)
    center, edge = gaps(system, height)
    assert min(float(center), float(edge)) > 1.0
    assert _least_zone_thickness(system, 6.5) < -0.1


def test_an_asphere_without_curvature_is_no_free_window() -> None:
    plate = "inf 1 F2 asphere=0,-1e-05\ninf 0.5"
    spec = read_spec({**SPEC, "elements": {"min": 2, "max": 2}, "glasses": None, "aspheres": 2})
    flat = evaluate_answer(spec, parse(f"{plate.replace(' asphere=0,-1e-05', '')}\n{LENS}"))
    bent = evaluate_answer(spec, parse(f"{plate}\n{LENS}"))
    counts = [next(c for c in found.feasible if c.name == "elements") for found in (flat, bent)]
    assert "2 elements" in counts[1].detail


def test_focus_is_found_by_the_evaluator() -> None:
    focused = LENS.replace("39.572", "focus")
    assert failed_stage(focused) == ("", "")
    assert failed_stage(to_json(parse(focused))) == ("", "")
    spec = read_spec(SPEC)
    found = evaluate_answer(spec, parse(focused))
    assert found.figures["rms_spot_um"] <= evaluate_answer(spec, parse(LENS)).figures["rms_spot_um"]
    for virtual in ("-29.8 4.6 F2 stop\n199 focus", "inf 1 F2 stop\ninf focus", "1e-3 1 F2 stop\n1e-3 focus"):
        assert failed_stage(virtual)[0] == "feasible"


GIVEN = [
    {
        "radius": 29.8,
        "thickness": "?",
        "glass": "F2",
        "stop": True,
        "conic": -0.64,
        "asphere": [0, -1.2e-6, -1e-9],
    },
    {"radius": "?", "thickness": 39.572, "glass": None, "stop": False},
]
COMPLETION = {**SPEC, "task": "completion", "given": {"surfaces": GIVEN}}


@pytest.mark.parametrize(
    ("old", "new", "word"),
    [
        ("conic=-0.64", "conic=-0.63", "conic"),
        ("conic=-0.64 ", "", "conic"),
        ("0,-1.2e-06,-1e-09", "0,-1.3e-06,-1e-09", "r^4"),
        ("asphere=0,-1.2e-06,-1e-09 ", "", "r^4"),
        ("0,-1.2e-06,-1e-09", "0,-1.2e-06,-1e-09,1e-9", "r^8"),
        ("-199 39.572", "-199 39.572 conic=0.5", "conic"),
        ("39.572", "focus", "thickness"),
    ],
)
def test_given_aspheres_stay(old: str, new: str, word: str) -> None:
    assert failed_stage(LENS, COMPLETION) == ("", "")
    stage, why = failed_stage(LENS.replace(old, new), COMPLETION)
    assert stage == "format"
    assert word in why


def test_masked_aspheres_are_the_answers() -> None:
    masked = [{**GIVEN[0], "conic": "?", "asphere": "?"}, {**GIVEN[1], "thickness": "?"}]
    spec = {**COMPLETION, "given": {"surfaces": masked}}
    assert failed_stage(LENS, spec) == ("", "")
    assert failed_stage(LENS.replace("39.572", "focus"), spec) == ("", "")
    assert failed_stage(LENS.replace("conic=-0.64 asphere=0,-1.2e-06,-1e-09 ", ""), spec)[0] in (
        "",
        "accurate",
    )


def with_given(**parts: Any) -> dict[str, Any]:
    return {"task": "completion", "given": {"surfaces": [{**GIVEN[0], **parts}]}}


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"aspheres": True}, "aspheres"),
        ({"aspheres": -1}, "aspheres"),
        ({"aspheres": 1.0}, "aspheres"),
        ({"aspheres": 0, "task": "completion", "given": {"surfaces": GIVEN}}, "aspheres"),
        ({"polish": 1}, "polish"),
        (with_given(conic="x"), "given.surfaces.0.conic"),
        (with_given(asphere=3), "given.surfaces.0.asphere"),
        (with_given(conic=1e9), "given.surfaces.0"),
    ],
)  # fmt: skip
def test_a_wrong_spec_is_refused_with_its_field(change: dict[str, Any], field: str) -> None:
    with pytest.raises(SpecError) as error:
        domain.check_spec({**SPEC, **change})
    assert error.value.field == field


finite = st.floats(allow_nan=False, allow_infinity=False)
rows = st.builds(
    Row,
    st.one_of(st.just(math.inf), st.floats(1e-3, 1e6), st.floats(-1e6, -1e-3)),
    st.floats(-1e6, 1e6),
    st.sampled_from([None, "F2", "N-BK7"]),
    st.just(False),
    st.floats(-1e3, 1e3),
    st.lists(st.floats(-1e12, 1e12), max_size=10).map(tuple),
)


@settings(max_examples=60, deadline=None)
@given(st.lists(rows, min_size=1, max_size=4))
def test_what_is_written_is_read_and_judged(lens: list[Row]) -> None:
    whole = (Row(lens[0].radius, lens[0].thickness, "F2", True, lens[0].conic, lens[0].asphere), *lens[1:])
    assert parse(to_lines(whole, 17)) == whole == parse(to_json(whole, 17))
    stage, _ = failed_stage(to_lines(whole, 17), {**SPEC, "aspheres": 4, "elements": {"min": 1, "max": 4}})
    assert stage in ("format", "feasible", "accurate")


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet='0123456789.,-+e =conicaspherestopfocus{}[]":\n', max_size=120))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        found = parse(text)
    except FormatError:
        return
    assert all(math.isfinite(term) for row in found for term in (row.thickness, row.conic, *row.asphere))


def test_each_fifth_of_the_difficulty_is_a_level() -> None:
    assert {form.level for form in DESIGN_FORMS.values()} == set(range(1, LEVELS + 1))
    for level in (1, 2, 3, 4, 5):
        made = domain.generate(1, 4, (level - 0.5) / LEVELS)
        assert DESIGN_FORMS[made.tags[0].removesuffix("-completion")].level == level


def test_the_prompt_tells_of_aspheres_only_where_they_are_allowed() -> None:
    bent = domain.generate(2, 0, 0.7, family="asphere-completion")
    assert "asphere=" in bent.prompt[0].content
    assert "sqrt" in bent.prompt[0].content
    assert json.loads(json.dumps(bent.spec))["aspheres"] == 1
    kinds = {mutant.kind for mutant in domain.mutants(bent)}
    assert "spherical" in kinds
    plain = domain.generate(2, 0, 0.1, family="singlet")
    assert "asphere" not in plain.prompt[0].content
    assert "focus" in plain.prompt[0].content
