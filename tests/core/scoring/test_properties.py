"""The seven properties of `docs/concepts/rewards.md`, over random ladders, verdicts and groups."""

from __future__ import annotations

import itertools
import math

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from verirl.errors import InputError
from verirl.scoring import SCHEMES, advantages, scheme
from verirl.scoring.advantages import names
from verirl.scoring.shaping import clip, delta, length, progressive, thoughts
from verirl.types import RewardValue, Stage, StageResult, Status

PASSING = (Status.PASSED, Status.SKIPPED)
STATUSES = tuple(status for status in Status if status is not Status.ERROR)
LADDERED = ("hierarchical", "lexicographic")

scores = st.one_of(
    st.floats(0, 1),
    st.sampled_from([0.0, -0.0, 1.0, 1 - 2**-53, 5e-324, 0.999, 0.29, 1 / 3]),
)


@st.composite
def ladders(draw, *, mixed=False):
    kinds = draw(st.lists(st.sampled_from(["correctness", "quality"]), min_size=1, max_size=5))
    return tuple(
        Stage(
            name=f"s{i}",
            kind=kind,
            weight=draw(st.floats(0.001, 1000)),
            levels=draw(st.integers(2, 300)),
        )
        for i, kind in enumerate(kinds if mixed else sorted(kinds))
    )


@st.composite
def climbs(draw, ladder):
    """A verdict's stages: up to the first correctness stage that fell, and in some cases past it.

    Quality stages may be left out or fall without an end to the climb; a verdict may also stop short.
    """
    goes_on = draw(st.booleans())
    stages = []
    for stage in ladder[: draw(st.integers(1, len(ladder)))]:
        if stages and stage.kind == "quality" and draw(st.integers(0, 4)) == 0:
            continue
        stages.append(
            StageResult(name=stage.name, status=draw(st.sampled_from(STATUSES)), score=draw(scores))
        )
        if stage.kind == "correctness" and stages[-1].status not in PASSING and not goes_on:
            break
    return tuple(stages)


def passes(ladder, stages, name):
    found = {result.name: result.status for result in stages}
    before = itertools.takewhile(lambda stage: stage.name != name, ladder)
    graded = [stage.name for stage in before if stage.kind == "correctness"]
    return all(found.get(n) in PASSING for n in [*graded, name])


def rated(name, ladder, stages):
    try:
        return scheme(name)(ladder, stages)
    except InputError:
        assume(False)
        raise


@given(st.data(), st.sampled_from(SCHEMES))
def test_bounded(data, name):
    ladder = data.draw(ladders(mixed=True))
    value = rated(name, ladder, data.draw(climbs(ladder))).value
    assert 0 <= value <= 1


@given(st.data(), st.sampled_from(SCHEMES))
def test_monotone(data, name):
    ladder = data.draw(ladders(mixed=True))
    stages = data.draw(climbs(ladder))
    at = data.draw(st.integers(0, len(stages) - 1))
    higher = max(stages[at].score, data.draw(scores))
    raised = (*stages[:at], stages[at].model_copy(update={"score": higher}), *stages[at + 1 :])
    low, high = rated(name, ladder, stages), rated(name, ladder, raised)
    assert low.value <= high.value
    assert low.key <= high.key


@given(st.data(), st.sampled_from(LADDERED))
def test_dominance(data, name):
    """The best of those that fall at or before a correctness stage against any that passes it."""
    ladder = data.draw(ladders(mixed=name == "lexicographic"))
    graded = [i for i, stage in enumerate(ladder) if stage.kind == "correctness"]
    assume(graded)
    at = data.draw(st.sampled_from(graded))
    fall = data.draw(st.sampled_from([i for i in graded if i <= at]))
    worse = [
        StageResult(name=stage.name, status=Status.PASSED, score=data.draw(scores)) for stage in ladder[:fall]
    ]
    worse.append(StageResult(name=ladder[fall].name, status=Status.FAILED, score=data.draw(scores)))
    better = [
        StageResult(name=stage.name, status=Status.PASSED, score=data.draw(scores))
        for i, stage in enumerate(ladder)
        if (i <= at and stage.kind == "correctness") or data.draw(st.booleans())
    ]
    assert passes(ladder, better, ladder[at].name)
    assert rated(name, ladder, tuple(worse)).value < rated(name, ladder, tuple(better)).value


@given(st.data(), st.sampled_from(LADDERED))
def test_dominance_of_any_two(data, name):
    ladder = data.draw(ladders(mixed=name == "lexicographic"))
    first, second = data.draw(climbs(ladder)), data.draw(climbs(ladder))
    for stage in ladder:
        if stage.kind == "correctness" and passes(ladder, second, stage.name):
            if passes(ladder, first, stage.name):
                continue
            assert rated(name, ladder, first).value < rated(name, ladder, second).value


@given(st.data(), st.sampled_from((*LADDERED, "weighted")))
def test_not_reached_is_below_reached_and_scored_0(data, name):
    ladder = data.draw(ladders(mixed=name != "hierarchical"))
    assume(len(ladder) > 1)
    stop = data.draw(st.integers(1, len(ladder) - 1))
    climbed = [
        StageResult(name=s.name, status=data.draw(st.sampled_from(PASSING)), score=data.draw(scores))
        for s in ladder[: stop - 1]
    ]
    score = data.draw(scores)
    fell = StageResult(
        name=ladder[stop - 1].name,
        status=data.draw(st.sampled_from([Status.PASSED, Status.FAILED, Status.TIMEOUT])),
        score=score,
    )
    passed = fell.model_copy(update={"status": Status.PASSED})
    tried = StageResult(name=ladder[stop].name, status=Status.FAILED, score=0)
    short = rated(name, ladder, (*climbed, fell))
    long = rated(name, ladder, (*climbed, passed, tried))
    assert short.value < long.value
    assert short.key < long.key


@given(st.data(), st.sampled_from((*LADDERED, "weighted")))
def test_a_quality_stage_left_out_is_below_one_scored_0(data, name):
    ladder = data.draw(ladders(mixed=name != "hierarchical"))
    graded = [
        StageResult(name=stage.name, status=Status.PASSED, score=data.draw(scores))
        if stage.kind == "correctness"
        else StageResult(
            name=stage.name, status=data.draw(st.sampled_from(STATUSES)), score=data.draw(scores)
        )
        for stage in ladder
    ]
    at = data.draw(st.integers(0, len(ladder) - 1))
    assume(len(ladder) > 1 and ladder[at].kind == "quality")
    graded[at] = StageResult(name=ladder[at].name, status=Status.FAILED, score=0)
    long = rated(name, ladder, tuple(graded))
    short = rated(name, ladder, (*graded[:at], *graded[at + 1 :]))
    assert short.value < long.value
    assert short.key < long.key


@given(st.data())
def test_order_is_key(data):
    ladder = data.draw(ladders(mixed=True))
    a, b = (rated("lexicographic", ladder, data.draw(climbs(ladder))) for _ in range(2))
    assert (a.value > b.value) == (a.key > b.key)
    assert (a.value == b.value) == (a.key == b.key)


@given(st.data())
def test_order_is_key_with_length(data):
    ladder = data.draw(ladders(mixed=True))
    found = []
    for _ in range(2):
        stages = data.draw(climbs(ladder))
        plain = rated("lexicographic", ladder, stages)
        try:
            long = length(plain, ladder, stages, tokens=data.draw(st.integers(0, 300)), budget=100, span=90)
        except InputError:
            assume(False)
        found.append((plain, long))
    (plain_a, a), (plain_b, b) = found
    assert 0 <= a.value <= 1
    assert (a.value > b.value) == (a.key > b.key)
    assert (a.value == b.value) == (a.key == b.key)
    if plain_a.key > plain_b.key:
        assert a.value > b.value


@st.composite
def groups(draw):
    """A group of lexicographic rewards with errors among them."""
    ladder = draw(ladders(mixed=True))
    pool = [rated("lexicographic", ladder, draw(climbs(ladder))) for _ in range(draw(st.integers(1, 5)))]
    return draw(st.lists(st.one_of(st.none(), st.sampled_from(pool), st.sampled_from(pool)), max_size=9))


gammas = st.floats(0.1, 1)


@given(groups(), st.sampled_from(names()), gammas)
def test_zero_sum_and_order(group, kind, gamma):
    found = advantages(kind, group, gamma=gamma)
    usable = [(r, a) for r, a in zip(group, found, strict=True) if r is not None and a is not None]
    assert len(usable) == sum(r is not None for r in group)
    largest = max((abs(a) for _, a in usable), default=0)
    assert math.fsum(a for _, a in usable) == pytest.approx(0, abs=1e-12 + 1e-12 * largest)
    for (r, a), (s, b) in itertools.product(usable, repeat=2):
        if len(usable) > 1:
            assert (r.key > s.key) == (a > b)
    if len({r.key for r, _ in usable}) == 1:
        assert all(a == 0 for _, a in usable)


@given(groups(), st.sampled_from(names()), gammas, st.data())
def test_error_neutral(group, kind, gamma, data):
    alone = [r for r in group if r is not None]
    places = data.draw(st.lists(st.integers(0, len(alone)), max_size=4))
    mixed = list(alone)
    for place in places:
        mixed.insert(place, None)
    found = advantages(kind, mixed, gamma=gamma)
    assert [a for a in found if a is not None] == advantages(kind, alone, gamma=gamma)
    assert [a is None for a in found] == [r is None for r in mixed]
    if len(alone) < 2:
        assert not any(found)


@given(groups(), gammas, st.data())
def test_lexicographic_advantage_is_scale_free(group, gamma, data):
    """Any strictly increasing relabelling of one tier's digits leaves every advantage as it is."""
    alone = [r for r in group if r is not None]
    assume(alone)
    tier = data.draw(st.integers(0, len(alone[0].key) - 1))
    digits = sorted({r.key[tier] for r in alone})
    steps = data.draw(st.lists(st.integers(1, 1000), min_size=len(digits), max_size=len(digits)))
    relabel = dict(zip(digits, itertools.accumulate(steps), strict=True))

    def mapped(r):
        key = (*r.key[:tier], relabel[r.key[tier]], *r.key[tier + 1 :])
        return RewardValue(scheme=r.scheme, value=data.draw(st.floats(0, 1)), key=key)

    rescaled = [None if r is None else mapped(r) for r in group]
    assert advantages("lexicographic", rescaled, gamma=gamma) == advantages(
        "lexicographic", group, gamma=gamma
    )


@given(groups(), st.sampled_from(names()), st.randoms(use_true_random=False))
def test_advantages_do_not_depend_on_the_order_of_the_group(group, kind, rng):
    order = list(range(len(group)))
    rng.shuffle(order)
    found = advantages(kind, group)
    assert advantages(kind, [group[i] for i in order]) == pytest.approx([found[i] for i in order])


steps = st.lists(st.floats(0, 1), max_size=12)


@given(steps, st.floats(0, 1))
def test_steps_cannot_be_farmed(rewards, extra):
    assert all(r <= 0 for r in clip(rewards, 0.5))
    assert sum(clip([*rewards, extra], 0.5)) <= sum(clip(rewards, 0.5)) + 1e-12
    assert sum(delta(rewards)) == pytest.approx(rewards[0] if rewards else 0)
    assert sum(delta([*rewards, extra])) <= 1 + 1e-9


@given(scores, scores, scores, scores, st.floats(0, 1), st.floats(0, 1))
def test_progressive_rises_with_score_and_falls_with_skill(a, b, start, end, skill, more):
    start, end = sorted((start, end))
    low, high = sorted((a, b))
    here = progressive(low, skill, start=start, end=end)
    assert here <= progressive(high, skill, start=start, end=end)
    assert here >= progressive(low, max(skill, more), start=start, end=end)
    assert low <= here <= 1


@settings(max_examples=50)
@given(st.lists(st.booleans(), max_size=30), st.floats(0, 1), st.floats(0, 0.99))
def test_the_outcome_dominates_thoughts(flags, accuracy, alpha):
    found = thoughts(flags, accuracy=accuracy, alpha=alpha)
    assert abs(sum(t.reward for t in found)) < 1
    assert [flag for t in found for flag in [t.correct] * (t.stop - t.start)] == flags
    assert all(a.correct != b.correct for a, b in itertools.pairwise(found))
