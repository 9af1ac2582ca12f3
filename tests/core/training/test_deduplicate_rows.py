"""Deduplication changes the cost of an update, not its gradient."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("trl")

from verirl.models import tiny
from verirl.training.deduplicate import deduplicate_rows

PROMPT = torch.tensor([[0, 0, 7, 8], [0, 0, 7, 8], [0, 0, 7, 8], [1, 2, 3, 4], [1, 2, 3, 4], [1, 2, 3, 4]])
DONE = torch.tensor([[5, 6, 9, 0], [5, 6, 9, 0], [5, 9, 0, 0], [6, 6, 6, 9], [5, 9, 0, 0], [5, 9, 0, 0]])


def batch(advantages):
    return {
        "prompt_ids": PROMPT,
        "prompt_mask": torch.tensor([[0, 0, 1, 1]] * 3 + [[1, 1, 1, 1]] * 3),
        "completion_ids": DONE,
        "completion_mask": torch.tensor(
            [[1, 1, 1, 0], [1, 1, 1, 0], [1, 1, 0, 0], [1, 1, 1, 1], [1, 1, 0, 0], [1, 1, 0, 0]]
        ),
        "advantages": torch.tensor(advantages),
        "num_items_in_batch": torch.tensor(16),
    }


def gradient(model, inputs):
    """Of −Σ A·log p over completion tokens; the norms of Llama compute in float32 whatever the weights."""
    model.zero_grad()
    ids = torch.cat([inputs["prompt_ids"], inputs["completion_ids"]], dim=1)
    mask = torch.cat([inputs["prompt_mask"], inputs["completion_mask"]], dim=1)
    places = (mask.cumsum(1) - 1).clamp(min=0)
    logits = model(input_ids=ids, attention_mask=mask, position_ids=places).logits[:, :-1]
    width = inputs["completion_ids"].shape[1]
    logps = torch.log_softmax(logits.double(), -1).gather(2, ids[:, 1:, None]).squeeze(2)[:, -width:]
    (-(inputs["advantages"].double()[:, None] * logps * inputs["completion_mask"]).sum()).backward()
    return torch.cat([p.grad.flatten() for p in model.parameters()])


@pytest.fixture(scope="module")
def model():
    return tiny.make_model(tiny.SIZES["xs"], tiny.make_tokenizer(), seed=3).double()


@pytest.mark.parametrize(
    ("advantages", "rows"),
    [
        ([1.0, 0.5, -1.5, 0.25, -0.5, 0.25], 4),
        ([0.0, 0.0, 0.0, 1.0, -0.5, -0.5], 2),
        ([1.0, -1.0, 0.0, 0.0, 0.0, 0.0], 1),
        ([0.0] * 6, 1),
    ],
)
def test_the_gradient_is_the_same_from_fewer_rows(model, advantages, rows):
    inputs = batch(advantages)
    folded, share = deduplicate_rows(inputs)
    assert len(folded["advantages"]) == rows
    assert share == rows / 6
    assert torch.allclose(gradient(model, inputs), gradient(model, folded), atol=1e-6, rtol=1e-5)


def test_padding_that_nobody_needs_is_cut():
    folded, _ = deduplicate_rows(batch([1.0, 0.5, -1.5, 0.0, 0.0, 0.0]))
    assert folded["prompt_ids"].tolist() == [[7, 8], [7, 8]]
    assert folded["completion_ids"].shape == (2, 3)
    assert folded["num_items_in_batch"] == 16


def test_equal_rows_stay_apart_where_the_ratio_is_not_one(model):
    inputs = {**batch([1.0, 0.5, -1.5, 0.25, -0.5, 0.25]), "old_per_token_logps": torch.zeros(6, 4)}
    folded, share = deduplicate_rows(inputs)
    assert share == 1.0
    assert folded["old_per_token_logps"].shape == folded["completion_ids"].shape
