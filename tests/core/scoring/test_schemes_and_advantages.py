"""Schemes, advantages and refinements against figures worked by hand."""

from __future__ import annotations

import math

import pytest

from verirl.errors import InputError
from verirl.options import Options
from verirl.scoring import SCHEMES, Scheme, advantages, reward, scheme
from verirl.scoring.advantages import advantage, names, registry, validate
from verirl.scoring.properties import ADVANTAGE_PROPERTIES
from verirl.scoring.shaping import clip, delta, length, potential, progressive, thoughts
from verirl.types import RewardValue, Stage, StageResult, Status, Verdict

LADDER = (
    Stage(name="compile", weight=1, levels=2),
    Stage(name="tests", weight=2, levels=11),
    Stage(name="area", kind="quality", weight=1, levels=5),
)


def results(*found: tuple[str, str, float]) -> tuple[StageResult, ...]:
    return tuple(StageResult(name=n, status=Status(s), score=x) for n, s, x in found)


BROKEN = results(("compile", "failed", 0))
HALF = results(("compile", "passed", 1), ("tests", "failed", 0.5))
NEARLY = results(("compile", "passed", 1), ("tests", "failed", 0.999))
RIGHT = results(("compile", "passed", 1), ("tests", "passed", 1), ("area", "passed", 0.6))
BEST = results(("compile", "passed", 1), ("tests", "passed", 1), ("area", "passed", 1))


@pytest.mark.parametrize(
    ("name", "broken", "half", "right", "best"),
    [
        ("binary", 0, 0, 1, 1),
        ("hierarchical", 0, 0.25 + 0.5 * 0.5, 0.75 + 0.25 * 0.6, 1),
        ("weighted", 0, 0.25 + 0.5 * 0.5, 0.75 + 0.25 * 0.6, 1),
        ("gated", 0, 0, 0.75 + 0.25 * 0.6, 1),
        ("harmonic", 0, 0, 1 / (0.75 + 0.25 / 0.6), 1),
        # Radices 2, 12 and 6: values are out of 143. 0.5 of ten steps is level 5, after `not reached`.
        ("lexicographic", 0, (72 + 6 * 6) / 143, (72 + 11 * 6 + 3) / 143, 1),
    ],
)
def test_values_worked_by_hand(name, broken, half, right, best):
    rate = scheme(name)
    found = [rate(LADDER, stages).value for stages in (BROKEN, HALF, RIGHT, BEST)]
    assert found == pytest.approx([broken, half, right, best], abs=1e-12)
    assert found[0] == 0
    assert found[3] == 1


def test_keys_worked_by_hand():
    rate = scheme("lexicographic")
    keys = [rate(LADDER, stages).key for stages in (BROKEN, HALF, NEARLY, RIGHT, BEST)]
    assert keys == [(0, 0, 0), (1, 6, 0), (1, 10, 0), (1, 11, 3), (1, 11, 5)]


@pytest.mark.parametrize("name", SCHEMES)
def test_every_scheme_carries_the_same_key(name):
    assert scheme(name)(LADDER, RIGHT).key == (1, 11, 3)
    assert scheme(name)(LADDER, RIGHT).scheme == name


@pytest.mark.parametrize("score", [1.0, 1 - 2**-53, 0.999999999])
@pytest.mark.parametrize("name", ["hierarchical", "lexicographic"])
def test_a_fail_is_no_pass_at_any_resolution(name, score):
    ladder = (Stage(name="tests", levels=2**20), Stage(name="area", kind="quality", levels=2))
    fell = scheme(name)(ladder, results(("tests", "failed", score)))
    for rest in ((), results(("area", "failed", 0))):
        least = scheme(name)(ladder, (*results(("tests", "passed", 0)), *rest))
        assert fell.value < least.value
        assert fell.key < least.key


@pytest.mark.parametrize("total", [7, 29, 49, 100, 1000])
def test_k_of_n_tests_is_level_k(total):
    ladder = (Stage(name="tests", kind="quality", levels=total + 1),)
    rate = scheme("lexicographic")
    for done in range(total + 1):
        stages = (StageResult(name="tests", status=Status.PASSED, score=done / total),)
        assert rate(ladder, stages).key == (done + 1,)


def test_skipped_is_neutral():
    skipped = results(("compile", "passed", 1), ("tests", "passed", 1), ("area", "skipped", 0))
    for name in SCHEMES:
        assert scheme(name)(LADDER, skipped).value == 1


def test_timeout_counts_like_failed():
    late = results(("compile", "passed", 1), ("tests", "timeout", 0.5))
    for name in SCHEMES:
        assert scheme(name)(LADDER, late) == scheme(name)(LADDER, HALF)


def test_stages_past_a_fall_count_only_where_nothing_stops():
    goes_on = (*HALF, StageResult(name="area", status=Status.PASSED, score=1))
    assert scheme("hierarchical")(LADDER, goes_on) == scheme("hierarchical")(LADDER, HALF)
    assert scheme("lexicographic")(LADDER, goes_on) == scheme("lexicographic")(LADDER, HALF)
    assert scheme("weighted")(LADDER, goes_on).value == pytest.approx(0.75)


def test_a_quality_stage_that_fell_ends_no_climb():
    ladder = (*LADDER, Stage(name="delay", kind="quality", weight=4, levels=5))
    late = (*BEST[:2], *results(("area", "timeout", 0), ("delay", "passed", 1)))
    assert scheme("lexicographic")(ladder, late).key == (1, 11, 1, 5)
    assert scheme("hierarchical")(ladder, late).value == pytest.approx(7 / 8, abs=1e-6)
    without = (*BEST[:2], *results(("delay", "passed", 1)))
    assert scheme("lexicographic")(ladder, without).key == (1, 11, 0, 5)


def test_negative_zero_is_zero():
    plus, minus = (results(("compile", "failed", x)) for x in (0.0, -0.0))
    for name in SCHEMES:
        assert math.copysign(1, scheme(name)(LADDER, minus).value) == 1
        assert scheme(name)(LADDER, minus) == scheme(name)(LADDER, plus)


def test_correctness_is_compared_before_quality_wherever_it_stands():
    ladder = (Stage(name="style", kind="quality", levels=9), Stage(name="tests"))
    neat = results(("style", "passed", 1), ("tests", "failed", 0))
    right = results(("style", "passed", 0), ("tests", "passed", 1))
    rate = scheme("lexicographic")
    assert rate(ladder, neat).value < rate(ladder, right).value
    with pytest.raises(InputError, match="correctness stages before"):
        scheme("hierarchical")(ladder, right)


def test_harmonic_smoothing_lets_partial_climbs_count():
    ladder = (Stage(name="a"), Stage(name="b"))
    stages = results(("a", "passed", 1), ("b", "failed", 0.5))
    assert scheme("harmonic")(ladder, stages).value == pytest.approx(2 / 3)
    expected = 2 / (1 / 1.25 + 1 / 0.25) - 0.25
    short = results(("a", "passed", 1))
    assert scheme("harmonic", smoothing=0.25)(ladder, short).value == pytest.approx(expected)
    with pytest.raises(InputError, match="smoothing"):
        scheme("harmonic", smoothing=-1)


def test_scheme_names():
    for name in SCHEMES:
        assert scheme(name).name == name
        assert isinstance(scheme(name), Scheme)
    with pytest.raises(InputError, match="did you mean 'lexicographic'"):
        scheme("lexicografic")
    with pytest.raises(InputError, match="no option 'weights'"):
        scheme("weighted", weights=[1])
    with pytest.raises(AttributeError):
        scheme("binary").name = "other"


NAN = StageResult.model_construct(name="compile", status=Status.FAILED, score=math.nan)


@pytest.mark.parametrize(
    ("ladder", "stages", "says"),
    [
        ((), BROKEN, "at least one stage"),
        ((LADDER[0], LADDER[0]), BROKEN, "twice on the ladder"),
        (LADDER, (), "without any stage"),
        (LADDER, results(("compiled", "passed", 1)), "not on the ladder"),
        (LADDER, (*BROKEN, *BROKEN), "twice in a verdict"),
        (LADDER, results(("compile", "error", 0)), "leave the sample out"),
        (LADDER, (NAN,), "outside"),
        ((Stage(name="compile", weight=1e-12), Stage(name="tests")), BROKEN, "2\\^-30"),
        ((Stage(name="compile", weight=math.inf),), BROKEN, "finite"),
    ],
)
def test_unsound_input_is_refused_by_every_scheme(ladder, stages, says):
    for name in SCHEMES:
        with pytest.raises(InputError, match=says):
            scheme(name)(ladder, stages)


def test_a_ladder_whose_values_would_collide_is_refused():
    fine = tuple(Stage(name=f"s{i}", levels=2**13 - (i > 0)) for i in range(4))
    value = scheme("lexicographic")(fine, results(("s0", "failed", 0))).value
    assert value == 0
    with pytest.raises(InputError, match="2\\^52"):
        scheme("lexicographic")((*fine, Stage(name="more")), results(("s0", "failed", 0)))


def test_neighbours_on_the_largest_ladder_are_different_floats():
    ladder = (Stage(name="a", levels=2**26), Stage(name="b", kind="quality", levels=2**26 - 1))
    rate = scheme("lexicographic")
    levels = 2**26 - 2
    top, below = (results(("a", "passed", 1), ("b", "passed", x)) for x in (1, (levels - 1) / levels))
    assert rate(ladder, below).key == (2**26 - 1, 2**26 - 2)
    assert rate(ladder, below).value < rate(ladder, top).value == 1


def test_reward_fills_a_verdict_and_leaves_errors_out():
    verdict = Verdict(task_id="t", passed=False, stages=HALF)
    filled = reward(scheme("binary"), LADDER, verdict)
    assert filled.reward == RewardValue(scheme="binary", value=0, key=(1, 6, 0))
    assert verdict.reward is None
    broken = verdict.model_copy(update={"stages": results(("compile", "error", 0)), "reward": filled.reward})
    assert reward(scheme("binary"), LADDER, broken).reward is None


def valued(*values: float | None) -> list[RewardValue | None]:
    return [None if v is None else RewardValue(scheme="s", value=v) for v in values]


def keyed(*keys: tuple[int, ...]) -> list[RewardValue | None]:
    return [RewardValue(scheme="s", value=0, key=key) for key in keys]


def test_grpo_by_hand():
    found = advantages("grpo", valued(0, 0, 1, None, 1), epsilon=1e-4)
    unit = 0.5 / (math.sqrt(1 / 3) + 1e-4)
    assert found == pytest.approx([-unit, -unit, unit, None, unit])


def test_dr_grpo_by_hand():
    assert advantages("dr_grpo", valued(0.25, None, 0.75)) == [-0.25, None, 0.25]


def test_lexicographic_by_hand():
    keys = keyed((1, 2), (1, 0), (0, 5), (1, 2))
    assert advantages("lexicographic", keys) == pytest.approx([2 / 3, -1 / 3, -1, 2 / 3])
    found = advantages("lexicographic", keys, gamma=0.5)
    assert found == pytest.approx([(0.5 + 1) / 3, (-0.5 + 1 - 0.5) / 3, -1, (0.5 + 1) / 3])


@pytest.mark.parametrize("kind", names())
def test_too_small_groups_contribute_nothing(kind):
    assert advantages(kind, []) == []
    assert advantages(kind, [None, None]) == [None, None]
    one = RewardValue(scheme="s", value=0.7, key=(1,))
    assert advantages(kind, [None, one]) == [None, 0.0]
    assert advantages(kind, [one, one, one]) == [0.0, 0.0, 0.0]


def test_advantage_arguments_are_checked():
    with pytest.raises(InputError, match="did you mean 'dr_grpo'"):
        advantages("drgrpo", [])
    with pytest.raises(InputError, match="gamma"):
        advantages("lexicographic", [], gamma=0)
    with pytest.raises(InputError, match="gamma"):
        advantages("lexicographic", [], gamma=math.nan)
    with pytest.raises(InputError, match="epsilon"):
        advantages("grpo", [], epsilon=0)
    with pytest.raises(InputError, match="equally long"):
        advantages("lexicographic", keyed((1,), (1, 2)))
    with pytest.raises(InputError, match="must be there"):
        advantages("lexicographic", valued(0, 1))
    with pytest.raises(InputError, match="larger gamma"):
        advantages("lexicographic", keyed((0,) * 60, (1,) * 60), gamma=0.5)


def test_clip_and_delta():
    assert clip([0.9, 0.5, 0.2], 0.6) == pytest.approx((0, -0.1, -0.4))
    assert delta([0.5, 0.75, 0.25]) == (-0.25, 0.5, 0.25)
    assert sum(delta([0.5, 0.75, 0.25])) == 0.5
    assert delta([]) == clip([], 1) == ()
    with pytest.raises(InputError, match="finite"):
        delta([math.nan])


def test_potential_telescopes():
    shaped = potential([0.25, 0.5, 1.0], gamma=0.5)
    assert shaped == (0.0, 0.0)
    assert sum(potential([0.1, 0.9, 0.4])) == pytest.approx(0.3)
    with pytest.raises(InputError, match="gamma"):
        potential([0], gamma=2)


def test_progressive_tightens():
    assert progressive(0.6, 0.0, start=0.5, end=0.9) == 1
    assert progressive(0.6, 0.5, start=0.5, end=0.9) == 0.6
    assert progressive(0.9, 1.0, start=0.5, end=0.9) == 1
    with pytest.raises(InputError, match="above end"):
        progressive(0.6, 0, start=0.9, end=0.5)


def test_length_is_the_last_tier():
    rate = scheme("lexicographic")

    def at(stages: tuple[StageResult, ...], tokens: int) -> RewardValue:
        return length(rate(LADDER, stages), LADDER, stages, tokens=tokens, budget=100, span=100, levels=5)

    assert [at(RIGHT, t).key[-1] for t in (0, 100, 101, 125, 150, 199, 200, 10**9)] == [
        4,
        4,
        3,
        3,
        2,
        0,
        0,
        0,
    ]
    assert at(BEST, 10**9).value > at(RIGHT, 0).value
    assert at(BEST, 0).value == 1
    assert at(BROKEN, 500).value == 0
    with pytest.raises(InputError, match="lexicographic reward of the same verdict"):
        length(scheme("binary")(LADDER, BEST), LADDER, BEST, tokens=1, budget=1, span=1)
    with pytest.raises(InputError, match="same verdict"):
        length(rate(LADDER, BEST), LADDER, RIGHT, tokens=1, budget=1, span=1)


def test_thoughts_merge_runs():
    found = thoughts([True, True, False, True], accuracy=0.75, alpha=0.5)
    unit = 0.5 * 0.25 / 3
    assert [tuple(t) for t in found] == [(0, 2, True, unit), (2, 3, False, -unit), (3, 4, True, unit)]
    assert thoughts([], accuracy=0.5) == ()
    split = thoughts([True] * 9 + [False] + [True] * 5, accuracy=0.75)
    assert sum(t.reward for t in split) == pytest.approx(sum(t.reward for t in found))
    with pytest.raises(InputError, match="alpha"):
        thoughts([True], accuracy=0.5, alpha=1)


def test_rloo_by_hand():
    assert advantages("rloo", valued(0, 0, 1, None, 1)) == pytest.approx([-2 / 3, -2 / 3, 2 / 3, None, 2 / 3])


def test_parameters_of_an_estimator_are_checked():
    with pytest.raises(InputError, match="advantage 'grpo' has no option 'epsilom'; did you mean 'epsilon'"):
        advantages("grpo", [], epsilom=1)
    assert advantages("rloo", valued(0, 1), gamma=0.5, epsilon=1e-4) == [-1, 1]
    assert validate("lexicographic", {"gamma": 0.5}).gamma == 0.5


def test_another_packages_estimator_is_found(monkeypatch):
    class Point:
        name, value = "half", "package:half"

        @staticmethod
        def load():
            return advantage("half", claims={"zero-sum"}, params=Options)(
                lambda rewards, _: [0.0] * len(rewards)
            )

    monkeypatch.setattr(registry, "_entry_points", lambda: {"half": Point})
    assert "half" in names()
    assert advantages("half", valued(0, 1)) == [0, 0]


def test_an_estimator_claims_properties_that_exist():
    assert {each.name for each in ADVANTAGE_PROPERTIES} == registry.PROPERTIES
    with pytest.raises(InputError, match="did you mean 'zero-sum'"):
        advantage("half", claims={"zero_sum"}, params=Options)
