"""The sampler writes what transformers would, from a cache that each prompt fills once."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

from hypothesis import given, settings
from hypothesis import strategies as st

from verirl.models import tiny
from verirl.models.sampler import _draw, generate_tokens, sample_tokens, supports

TOKENIZER = tiny.make_tokenizer()
MODEL = tiny.make_model(tiny.SIZES["xs"], TOKENIZER, seed=1).eval()
STOPS = [TOKENIZER.eos_token_id, 10, 11, 12]
PROMPTS = st.lists(st.lists(st.integers(0, 255), min_size=1, max_size=9).map(tuple), min_size=1, max_size=6)


def write(prompts, *, how=sample_tokens, temperature=1.0, seed=0, length=8):
    return how(
        MODEL,
        prompts,
        max_new_tokens=length,
        temperature=temperature,
        stop_ids=STOPS,
        pad_id=TOKENIZER.pad_token_id,
        seed=seed,
    )


@settings(max_examples=25, deadline=None)
@given(PROMPTS)
def test_greedy_is_what_transformers_generates(prompts):
    assert write(prompts, temperature=0.0) == write(prompts, how=generate_tokens, temperature=0.0)


@settings(max_examples=15, deadline=None)
@given(PROMPTS, st.integers(0, 2**40))
def test_the_same_seed_writes_the_same_and_every_row_ends_where_it_should(prompts, seed):
    repeated = [prompt for prompt in prompts for _ in range(3)]
    first = write(repeated, seed=seed)
    torch.manual_seed(seed % 7)
    assert write(repeated, seed=seed) == first
    assert len(first) == len(repeated)
    for row in first:
        assert 1 <= len(row) <= 8
        assert not set(row[:-1]) & set(STOPS)
        assert row[-1] in STOPS or len(row) == 8


def test_sampling_follows_the_softmax():
    logits = torch.log(torch.tensor([[0.5, 0.3, 0.15, 0.05]])).expand(40_000, 4)
    drawn = _draw(logits, 1.0, torch.Generator().manual_seed(0))
    shares = torch.bincount(drawn, minlength=4) / len(drawn)
    assert torch.allclose(shares, torch.tensor([0.5, 0.3, 0.15, 0.05]), atol=0.01)


def test_a_token_of_no_probability_is_never_drawn():
    logits = torch.tensor([[-float("inf"), 0.0, -float("inf")]]).expand(20_000, 3)
    assert set(_draw(logits, 1.0, torch.Generator().manual_seed(0)).tolist()) == {1}


def test_different_seeds_write_differently():
    assert write([(1, 2, 3)] * 20, seed=1) != write([(1, 2, 3)] * 20, seed=2)


def test_a_plain_transformer_is_supported():
    assert supports(MODEL)


def test_the_model_is_unchanged_by_sampling():
    before = {name: value.clone() for name, value in MODEL.state_dict().items()}
    write([(5, 6)] * 4)
    assert all(torch.equal(before[name], value) for name, value in MODEL.state_dict().items())


@given(st.text(max_size=60))
def test_any_text_survives_the_byte_tokenizer(text):
    ids = TOKENIZER(text)["input_ids"]
    text.encode("utf-8")
    assert TOKENIZER.decode(ids, clean_up_tokenization_spaces=False) == text


def test_merges_shorten_text_and_keep_digits_apart():
    texts = ["the sum of the numbers 123 and 456 is \\boxed{579}"] * 20
    merged = tiny.make_tokenizer(texts, vocabulary=320)
    assert len(merged(texts[0])["input_ids"]) < len(TOKENIZER(texts[0])["input_ids"])
    pieces = merged.convert_ids_to_tokens(merged("579")["input_ids"])
    assert pieces == ["5", "7", "9"]
