"""Batched sampling that does no work twice: each prompt is read once, finished rows leave the batch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from torch import Tensor

KEEP_SHARE = 0.8
"""Rows are dropped when fewer than this share is still being written: dropping copies the cache."""


@torch.no_grad()
def sample_tokens(
    model: Any,
    prompts: Sequence[Sequence[int]],
    *,
    max_new_tokens: int,
    temperature: float,
    stop_ids: Sequence[int],
    pad_id: int,
    seed: int,
) -> list[list[int]]:
    """A continuation of each prompt, as token ids, up to and with its stop token.

    Equal prompts (the samples of one group) are read once and share the cache of that reading.

    `model` is a causal language model of transformers whose cache holds keys and values (see `supports`).
    `temperature` 0 takes the likeliest token. Draws come from `seed` alone, so the same seed gives the same
    tokens whatever ran before.
    """
    generator = torch.Generator().manual_seed(seed)
    device = model.device
    unique = list(dict.fromkeys(tuple(prompt) for prompt in prompts))
    place = {prompt: row for row, prompt in enumerate(unique)}
    expand = torch.tensor([place[tuple(prompt)] for prompt in prompts], device=device)
    ids_UP, mask_UP = _left_pad(unique, pad_id, device)
    positions_UP = (mask_UP.cumsum(1) - 1).clamp(min=0)
    out = model(
        input_ids=ids_UP,
        attention_mask=mask_UP,
        position_ids=positions_UP,
        use_cache=True,
        logits_to_keep=1,
    )
    cache = out.past_key_values
    cache.batch_select_indices(expand)
    logits_RV = out.logits[:, -1][expand]
    mask_RT = mask_UP[expand]
    position_R = positions_UP[:, -1][expand]
    stops = torch.tensor(list(stop_ids), device=device)

    rows = len(prompts)
    written: list[list[int]] = [[] for _ in range(rows)]
    alive = torch.arange(rows)
    open_ = torch.ones(rows, dtype=torch.bool)
    for step in range(max_new_tokens):
        token_R = _draw(logits_RV, temperature, generator)
        ended = torch.isin(token_R, stops).cpu()
        for row, token, still in zip(alive.tolist(), token_R.tolist(), open_.tolist(), strict=True):
            if still:
                written[row].append(token)
        open_ = open_ & ~ended
        left = int(open_.sum())
        if left == 0 or step == max_new_tokens - 1:
            break
        position_R = position_R + 1
        if left < KEEP_SHARE * len(open_):
            keep = open_.nonzero().squeeze(1)
            there = keep.to(device)
            cache.batch_select_indices(there)
            alive, open_ = alive[keep], open_[keep]
            token_R, mask_RT, position_R = token_R[there], mask_RT[there], position_R[there]
        mask_RT = torch.cat([mask_RT, mask_RT.new_ones(len(mask_RT), 1)], dim=1)
        out = model(
            input_ids=token_R.unsqueeze(1),
            attention_mask=mask_RT,
            position_ids=position_R.unsqueeze(1),
            past_key_values=cache,
            use_cache=True,
            logits_to_keep=1,
        )
        logits_RV = out.logits[:, -1]
    return written


@torch.no_grad()
def generate_tokens(
    model: Any,
    prompts: Sequence[Sequence[int]],
    *,
    max_new_tokens: int,
    temperature: float,
    stop_ids: Sequence[int],
    pad_id: int,
    seed: int,
) -> list[list[int]]:
    """The same by `model.generate` of transformers, for models whose cache `sample_tokens` cannot drive."""
    ids_BP, mask_BP = _left_pad(prompts, pad_id, model.device)
    devices = [model.device] if model.device.type == "cuda" else []
    with torch.random.fork_rng(devices=devices):
        torch.manual_seed(seed)
        out = model.generate(
            input_ids=ids_BP,
            attention_mask=mask_BP,
            max_new_tokens=max_new_tokens,
            do_sample=temperature > 0,
            temperature=temperature or None,
            top_k=None,
            top_p=None,
            eos_token_id=list(stop_ids),
            pad_token_id=pad_id,
        )
    return [_until_stop(row, set(stop_ids)) for row in out[:, ids_BP.shape[1] :].tolist()]


def _until_stop(tokens: list[int], stops: set[int]) -> list[int]:
    for place, token in enumerate(tokens):
        if token in stops:
            return tokens[: place + 1]
    return tokens


def supports(model: Any) -> bool:
    """Whether `sample_tokens` can drive `model`: every layer caches plain keys and values."""
    from transformers.cache_utils import DynamicCache, DynamicLayer

    if getattr(model.config, "is_encoder_decoder", False):
        return False
    device = model.device
    with torch.no_grad():
        one = torch.zeros((1, 1), dtype=torch.long, device=device)
        cache = getattr(model(input_ids=one, use_cache=True), "past_key_values", None)
    return isinstance(cache, DynamicCache) and all(type(layer) is DynamicLayer for layer in cache.layers)


def _draw(logits_RV: Tensor, temperature: float, generator: torch.Generator) -> Tensor:
    if temperature <= 0:
        return logits_RV.argmax(dim=-1)
    probabilities = torch.softmax(logits_RV.float() / temperature, dim=-1)
    # One uniform number a row through the inverse distribution: a draw costs the same on every device
    # and depends on the generator alone.
    uniform = torch.rand(len(probabilities), 1, generator=generator, dtype=torch.float64)
    cumulative = probabilities.double().cumsum(dim=-1)
    target = uniform.to(cumulative.device) * cumulative[:, -1:]
    return torch.searchsorted(cumulative, target, right=True).squeeze(1).clamp(max=logits_RV.shape[-1] - 1)


def _left_pad(prompts: Sequence[Sequence[int]], pad_id: int, device: Any) -> tuple[Tensor, Tensor]:
    width = max(len(prompt) for prompt in prompts)
    ids = torch.full((len(prompts), width), pad_id, dtype=torch.long)
    mask = torch.zeros((len(prompts), width), dtype=torch.long)
    for row, prompt in enumerate(prompts):
        ids[row, width - len(prompt) :] = torch.tensor(prompt, dtype=torch.long)
        mask[row, width - len(prompt) :] = 1
    return ids.to(device), mask.to(device)
