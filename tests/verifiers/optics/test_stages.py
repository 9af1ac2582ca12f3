"""The stages of an optics verdict: what passes, what fails at which stage, and hostile answers."""

from __future__ import annotations

import contextlib
import io
import json
import math
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from support.lenses import (
    COMPLETION,
    GIVEN,
    SINGLET,
    SINGLET_SPEC,
    SPEC,
    TRIPLET,
    as_json,
    failed_stage,
    stage_results,
    swap,
    task,
)

from verirl.answers import NoAnswerError
from verirl.errors import InputError, SpecError
from verirl.pool import Request, VerifierPool
from verirl.scoring import SCHEMES, scheme
from verirl.types import Status, all_correct
from verirl_optics import domain
from verirl_optics.answer import FormatError, Row, parse, to_lines
from verirl_optics.extract import extract
from verirl_optics.ladder import LADDER
from verirl_optics.stages import run_stages

torch.set_num_threads(1)


@pytest.mark.parametrize(
    "completion",
    [
        TRIPLET,
        as_json(TRIPLET),
        f"Here it is.\n```json\n{as_json(TRIPLET)}\n```\nIt meets the limits.",
        f"```\n1 2\n```\nbetter:\n```\n{TRIPLET}\n```",
        f"<think>```\n1 1 stop\n```</think>\n{TRIPLET}",
        f"some thoughts</think>{TRIPLET}",
    ],
)
def test_a_classical_triplet_passes(completion: str) -> None:
    found = stage_results(completion)
    assert failed_stage(completion) == "", found
    assert list(found) == [stage.name for stage in LADDER]
    assert 0.5 < found["quality"][1] <= 1.0


def test_lines_and_json_are_the_same_answer() -> None:
    assert parse(TRIPLET) == parse(as_json(TRIPLET))


def test_figures_are_told_and_quality_follows_the_spot() -> None:
    found = list(run_stages(task(), TRIPLET))
    metrics = next(item.metrics for item in found if item.stage.name == "feasible")
    assert metrics["efl_mm"] == pytest.approx(50.0, rel=1e-2)
    assert metrics["rms_spot_um"] < 40.0
    best = stage_results(TRIPLET)["quality"][1]
    assert stage_results(TRIPLET.replace("42.20778", "42.3"))["quality"][1] != best
    assert stage_results(TRIPLET, {**SPEC, "reference_rms_um": 5.0})["quality"][1] < best


@pytest.mark.parametrize(
    "completion",
    ["", "   ", "I cannot.", "<think>" + TRIPLET, "```\n```", "```\n" + TRIPLET, "x" * 2_000_000],
)
def test_no_answer(completion: str) -> None:
    assert failed_stage(completion) == "extract"


FIRST = '"radius": 22.01359'
SURFACES = json.loads(as_json(TRIPLET))["surfaces"]


@pytest.mark.parametrize(
    "text",
    [
        as_json(TRIPLET).replace("22.01359", "NaN"),
        as_json(TRIPLET).replace("22.01359", "Infinity"),
        as_json(TRIPLET).replace("22.01359", "-Infinity"),
        as_json(TRIPLET).replace("22.01359", "1e999"),
        as_json(TRIPLET).replace("22.01359", "true"),
        as_json(TRIPLET).replace("22.01359", '"22.01359"'),
        as_json(TRIPLET).replace("22.01359", "1" * 5000),
        as_json(TRIPLET).replace("22.01359", "0"),
        as_json(TRIPLET).replace("22.01359", "1e-9"),
        as_json(TRIPLET).replace("22.01359", "1e12"),
        as_json(TRIPLET).replace(FIRST, f'{FIRST}, "radius": 30.0'),
        as_json(TRIPLET).replace(FIRST, f'{FIRST}, "index": 2.5'),
        as_json(TRIPLET).replace('"N-SK16"', '{"nd": 1.62, "vd": 60.3}', 1),
        as_json(TRIPLET).replace('"N-SK16"', "1.62", 1),
        as_json(TRIPLET).replace('"stop": true', '"stop": 1'),
        as_json(TRIPLET).replace('"stop": true', '"stop": false'),
        as_json(TRIPLET).replace('"stop": false', '"stop": true', 1),
        as_json(TRIPLET)[:-1] + ', "efl_mm": 50.0, "rms_um": 0.0}',
        as_json(TRIPLET) + as_json(TRIPLET),
        as_json(TRIPLET)[:-1],
        json.dumps(SURFACES),
        json.dumps({"surfaces": SURFACES * 7}),
        json.dumps({"surfaces": []}),
        json.dumps({"surfaces": [*SURFACES[:1], None]}),
        "{" + '"surfaces":' + "[" * 100_000 + "]" * 100_000 + "}",
        "[" * 50_000,
        '{"surfaces": [' + ",".join(['{"radius": null, "thickness": 0.0}'] * 3000) + "]}",
        "\n".join([TRIPLET, *["inf 0"] * 5000]),
        TRIPLET.replace("3.25896", "nan"),
        TRIPLET.replace("22.01359", "0x16"),
        TRIPLET.replace("22.01359", "２２"),
        TRIPLET.replace("22.01359", "2_2.0"),
        TRIPLET.replace("3.25896", "inf"),
        TRIPLET.replace("N-SK16", "N-SK16 1.9", 1),
        TRIPLET.replace(" stop", ""),
        TRIPLET.replace("22.01359", "22.01359,"),
        "1 2 3 4 5 6",
    ],
    ids=range(37),
)
def test_what_is_not_in_the_format_fails_it(text: str) -> None:
    assert failed_stage(text) == "format"


def alternating(size: float) -> str:
    """Three glasses whose radii and thicknesses are all of one size."""
    ends = ("N-BK7 stop", "", "N-BK7", "", "N-BK7", "")
    return "\n".join(f"{size} {size} {end}" for end in ends)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (swap("N-SK16", "N‑SK16"), "glass"),
        (swap("N-SK16", "n-sk16"), "glass"),
        (swap("N-SK16", "N-ЅK16"), "glass"),
        (swap("N-SK16", "N-LAK9"), "not one of"),
        (swap("-22.21328 0.99997", "-22.21328 -0.99997"), "centre"),
        (swap("-435.76044 6.00755", "-435.76044 -1"), "space"),
        (swap("42.20778", "-42.20778"), "virtual"),
        (swap("42.20778", "0"), "virtual"),
        (swap("42.20778", "80"), "track"),
        (swap("-18.39533 42.20778", "-18.39533 42.20778 F2"), "air"),
        (swap("20.29192 4.75041 stop", "20.29192 4.75041 F2 stop"), ""),
        (TRIPLET + "\ninf 0", "separates nothing"),
        ("inf 0\n" + TRIPLET, "separates nothing"),
        (swap("22.01359 3.25896 N-SK16", "22.01359 1.6 N-SK16\n-90 1.6 N-SK16"), "separates nothing"),
        (swap("22.01359", "-22.01359"), ""),
        (swap("22.01359", "0.001"), ""),
        (alternating(1e-3), ""),
        (alternating(1e6), ""),
        ("inf 1 N-BK7 stop\ninf 1\ninf 1 N-BK7\ninf 1\ninf 1 N-BK7\ninf 40", ""),
        ("51 4 N-BK7 stop\n-51 0.2\ninf 1 N-BK7\ninf 0.2\ninf 1 N-BK7\ninf 46", "elements"),
        ("51 4 N-BK7 stop\n-51 48", "elements"),
        ("inf 0 stop", ""),
        ("22 0 N-BK7 stop\n-22 0 N-BK7\n22 0 N-BK7\n-22 50", ""),
    ],
)  # fmt: skip
def test_what_cannot_be_built_is_not_feasible(text: str, why: str) -> None:
    found = stage_results(text)
    status, score, detail = found["feasible"]
    assert status is Status.FAILED, found
    assert 0.0 <= score < 1.0
    assert why in detail
    assert "accurate" not in found
    assert "quality" not in found


@pytest.mark.parametrize(
    "text",
    [
        "\n".join(
            f"{row.radius * 1.04:.6g} {row.thickness * 1.04:.6g} {row.glass or ''} {'stop' * row.stop}"
            for row in parse(TRIPLET)
        ),
        swap("42.20778", "40.5"),
        swap("42.20778", "43.5"),
    ],
    ids=["scaled", "image in front", "image behind"],
)  # fmt: skip
def test_what_is_built_but_not_what_was_asked_is_not_accurate(text: str) -> None:
    loose = {**SPEC, "max_total_track_mm": 80.0}
    found = stage_results(text, loose)
    assert found["accurate"][0] is Status.FAILED
    assert 0.0 < found["accurate"][1] < 1.0
    assert "quality" not in found


def test_the_nearer_miss_scores_more() -> None:
    def scaled(by: float) -> float:
        rows = parse(SINGLET)
        text = to_lines(tuple(Row(r.radius * by, r.thickness * by, r.glass, r.stop) for r in rows))
        return stage_results(text, SINGLET_SPEC)["accurate"][1]

    scores = [scaled(by) for by in (1.01, 1.05, 1.1, 1.2, 1.4, 1.9)]
    assert scores == sorted(scores, reverse=True)
    assert len(set(scores)) == len(scores)
    assert scores[0] == 1.0


def test_without_a_spot_to_compare_with_quality_is_skipped_for_every_answer() -> None:
    assert stage_results(SINGLET, SINGLET_SPEC)["quality"][0] is Status.SKIPPED


def test_a_completed_lens_passes() -> None:
    assert failed_stage(TRIPLET, COMPLETION) == ""
    assert failed_stage(as_json(TRIPLET), COMPLETION) == ""
    assert failed_stage(swap("22.01359", "+22.013590"), COMPLETION) == ""


@pytest.mark.parametrize(
    "text",
    [
        swap("22.01359", "22.0136"),
        swap("6.00755", "6.0076"),
        swap("0.99997 F2", "0.99997 SF5"),
        swap("4.75041 stop", "4.75041").replace("6.00755", "6.00755 stop"),
        "\n".join(TRIPLET.splitlines()[:-1]),
        TRIPLET + "\ninf 1",
    ],
)
def test_an_altered_given_fails_the_format(text: str) -> None:
    assert failed_stage(text, COMPLETION) == "format"


def test_givens_are_the_tasks_own_to_the_last_digit() -> None:
    """Within the tolerance of reading, what is traced is what the task says."""
    near = {**COMPLETION, "given": {"surfaces": [{**GIVEN[0], "radius": 22.01359}, *GIVEN[1:]]}}
    first, second = (
        next(item.metrics for item in run_stages(task(near), text) if item.metrics)
        for text in (TRIPLET, swap("22.01359", "22.013590000001"))
    )
    assert first == second


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"task": "polish"}, "task"),
        ({"efl_mm": -50.0}, "efl_mm"),
        ({"efl_mm": True}, "efl_mm"),
        ({"fno": "5"}, "fno"),
        ({"efl_rel_tol": 0}, "efl_rel_tol"),
        ({"half_fields_deg": []}, "half_fields_deg"),
        ({"half_fields_deg": [0, 90]}, "half_fields_deg.1"),
        ({"half_fields_deg": [1] * 100}, "half_fields_deg"),
        ({"wavelengths_um": [0.55, "d"]}, "wavelengths_um.1"),
        ({"primary": 3}, "primary"),
        ({"elements": {"min": 4, "max": 3}}, "elements"),
        ({"elements": {"least": 1}}, "elements.least"),
        ({"glasses": ["N-BK7", "N-BK8"]}, "glasses"),
        ({"glasses": ["N-BK7"], "wavelengths_um": [10.0], "primary": 0}, "glasses"),
        ({"max_rms_um": -1}, "max_rms_um"),
        ({"center_thickness_mm": {"min": "1"}}, "center_thickness_mm.min"),
        ({"min_valid_ray_fraction": {"axis": 1.5}}, "min_valid_ray_fraction.axis"),
        ({"given": {"surfaces": GIVEN}}, "given"),
        ({"task": "completion"}, "given"),
        ({"task": "completion", "given": {"surfaces": [{"radius": 0, "thickness": 1}]}}, "given.surfaces.0"),
        ({"max_rms": 3}, "max_rms"),
    ],
)
def test_a_wrong_spec_is_refused_with_its_field(change: dict[str, Any], field: str) -> None:
    with pytest.raises(SpecError) as error:
        domain.check_spec({**SPEC, **change})
    assert error.value.field == field


@pytest.mark.parametrize(
    "name", ["efl_mm", "efl_rel_tol", "fno", "half_fields_deg", "wavelengths_um", "task"]
)
def test_what_a_spec_lacks_is_named(name: str) -> None:
    with pytest.raises(SpecError) as error:
        domain.check_spec({key: value for key, value in SPEC.items() if key != name})
    assert error.value.field == name


numbers = st.one_of(
    st.floats(allow_nan=False, allow_infinity=False).map(lambda value: f"{value:.6g}"),
    st.floats(-200, 200).map(lambda value: f"{value:.5g}"),
    st.just("inf"),
)
lines = st.lists(
    st.tuples(numbers, numbers, st.sampled_from(["", "N-BK7", "F2", "N-SK16"])).map(" ".join),
    min_size=1,
    max_size=8,
)


@settings(max_examples=60, deadline=None)
@given(lines)
def test_random_surfaces_never_raise_and_never_get_quality(rows: list[str]) -> None:
    """Three elements, f/5, 20 degrees and 40 µm are not met by chance."""
    found = stage_results("\n".join([f"{rows[0].strip()} stop", *rows[1:]]))
    assert "quality" not in found
    assert all(0.0 <= score <= 1.0 and math.isfinite(score) for _, score, _ in found.values())


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=200))
def test_any_text_is_read_or_refused(text: str) -> None:
    with contextlib.suppress(NoAnswerError, FormatError):
        assert parse(extract(text))


@pytest.mark.parametrize("family", domain.families)
def test_a_reference_passes_and_its_mutants_do_not(family: str) -> None:
    made = domain.generate(7, 3, 0.5, family=family)
    domain.check_spec(made.spec)
    assert made == domain.generate(7, 3, 0.5, family=family)
    assert failed_stage(str(made.reference), made.spec) == ""
    mutants = domain.mutants(made)
    assert {"sign", "thickness", "scale", "no stop", "swapped"} <= {mutant.kind for mutant in mutants}
    for mutant in mutants:
        assert failed_stage(mutant.completion, made.spec) != "", mutant.kind
    question = made.prompt[0].content
    for key in ("efl_mm", "fno", "max_rms_um", "max_total_track_mm", "min_bfl_mm"):
        assert f"{made.spec[key]:g}" in question


def test_splits_and_indices_are_different_lenses() -> None:
    keys = {
        domain.generate(1, index, 0.1, split=split, family=family).content_key()
        for index in range(2)
        for split in ("train", "eval")
        for family in ("singlet", "singlet-completion")
    }
    assert len(keys) == 8


@pytest.mark.parametrize("arguments", [{"family": "mirror"}, {"split": "test"}])
def test_synth_refuses_what_it_does_not_know(arguments: dict[str, str]) -> None:
    with pytest.raises(InputError):
        domain.generate(1, 1, 0.5, **arguments)


def test_a_confined_worker_judges_good_and_hostile_answers(pool: VerifierPool) -> None:
    answers = [TRIPLET, swap("22.01359", "-22.01359"), "[" * 60_000, "\0" * 1000, TRIPLET * 50]
    verdicts = pool.verify([Request(task(), answer) for answer in answers])
    assert [verdict.passed for verdict in verdicts] == [True, False, False, False, False]
    assert not any(verdict.is_error for verdict in verdicts)
    assert not any(stage.status is Status.TIMEOUT for verdict in verdicts for stage in verdict.stages)


@pytest.mark.parametrize("name", SCHEMES)
def test_every_scheme_ranks_right_over_wrong(name: str) -> None:
    def value(text: str) -> float:
        return scheme(name)(LADDER, tuple(item.stage for item in run_stages(task(), text))).value

    assert value(TRIPLET) > value(swap("42.20778", "43.5"))


def test_a_lens_that_passes_every_stage_is_all_correct(pool: VerifierPool) -> None:
    assert all_correct(LADDER, tuple(item.stage for item in run_stages(task(), TRIPLET)))
    from rich.console import Console

    [verdict] = pool.verify([Request(task(), TRIPLET)])
    console = Console(width=100, file=io.StringIO(), record=True)
    console.print(domain.render(task(), TRIPLET, verdict))
    assert "efl_mm" in console.export_text()
