"""The stage `efficiency`: levels, noise, and missing references."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from verirl.types import Status
from verirl_code.grading.performance_stage import efficiency, score
from verirl_code.grading.results import CaseResult, GradedAnswer


def trial_of(cpu_s: float, *, right: bool = True, late: bool = False) -> GradedAnswer:
    return GradedAnswer(results={0: CaseResult(right, timed_out=late)}, total=1, cpu_s=cpu_s)


@pytest.mark.parametrize(
    ("mine", "other", "value"),
    [
        (0.05, 0.0, 1.0),
        (1.0, 1.0, 1.0),
        (1.0, 0.6, 1.0),
        (2.0, 0.4, 2 / 3),
        (5.0, 0.15, 1 / 3),
        (9.0, 0.01, 0.0),
    ],
)
def test_efficiency_is_a_level_for_each_factor_of_four(mine: float, other: float, value: float) -> None:
    found = efficiency(
        trial_of(mine), "code", f"{mine} {other}", lambda text: trial_of(other if text else mine)
    )
    assert found.stage.status is Status.PASSED
    assert found.stage.score == pytest.approx(value)


@given(st.floats(0.0, 100.0), st.floats(0.0, 100.0))
def test_slower_is_never_better(one: float, other: float) -> None:
    assert score(max(one, other) + 0.01) <= score(min(one, other) + 0.01)


def test_near_a_border_noise_does_not_decide() -> None:
    """An answer as fast as the reference, measured once on a busy machine."""
    noisy = iter([trial_of(1.0), trial_of(1.05), trial_of(1.0), trial_of(1.0)])
    assert efficiency(trial_of(2.2), "code", "noisy", lambda text: next(noisy)).stage.score == 1.0


def test_without_a_reference_that_passes_the_stage_is_skipped() -> None:
    assert efficiency(trial_of(1.0), None, "a", lambda text: None).stage.status is Status.SKIPPED
    wrong = trial_of(1.0, right=False)
    assert efficiency(trial_of(1.0), "code", "b", lambda text: wrong).stage.status is Status.SKIPPED


def test_an_answer_that_leaves_no_time_for_the_reference_scores_nothing() -> None:
    assert efficiency(trial_of(5.0), "code", "c", lambda text: None).stage.score == 0.0
