"""Reduce a GRPO batch to the rows that its gradient depends on."""

from __future__ import annotations

from typing import Any

import torch

TRIMMED_KEYS = ("completion_ids", "completion_mask", "old_per_token_logps", "ref_per_token_logps")


def deduplicate_rows(inputs: dict[str, Any]) -> tuple[dict[str, Any], float]:
    """Keep the fewest rows that have the same policy gradient, and trim the padding they no longer need.

    Rows without advantage have no gradient. Rows of equal tokens have equal gradients up to their advantage,
    so one row with the sum of the advantages represents all of them. That holds only while the importance
    ratio is 1, so equal rows are merged only if the batch has no older log-probabilities.

    Args:
        inputs: A batch of TRL's GRPO trainer. Tensors with one entry per row are indexed, others are kept.

    Returns:
        The smaller batch and the share of rows kept. At least one row is kept.
    """
    advantages = inputs["advantages"]
    total = len(advantages)
    if "old_per_token_logps" not in inputs and advantages.dim() == 1:
        advantages = _sum_of_equals(inputs, advantages)
    active = advantages.reshape(total, -1).abs().amax(dim=1) > 0
    rows = active.nonzero().squeeze(1)
    if len(rows) == 0:
        rows = torch.zeros(1, dtype=torch.long, device=advantages.device)
    kept = {
        key: value[rows] if isinstance(value, torch.Tensor) and value.dim() and len(value) == total else value
        for key, value in {**inputs, "advantages": advantages}.items()
    }
    length = max(1, int(kept["completion_mask"].sum(dim=1).max()))
    for key in TRIMMED_KEYS:
        if key in kept:
            kept[key] = kept[key][:, :length]
    width = max(1, int(kept["prompt_mask"].sum(dim=1).max()))
    for key in ("prompt_ids", "prompt_mask"):
        kept[key] = kept[key][:, -width:]
    return kept, len(rows) / total


def _sum_of_equals(inputs: dict[str, Any], advantages: torch.Tensor) -> torch.Tensor:
    """Advantages with the sum of equal rows in the first of them and 0 in the others."""
    columns = [inputs[key] for key in ("prompt_mask", "prompt_ids", "completion_mask", "completion_ids")]
    first: dict[tuple[int, ...], int] = {}
    representative = [
        first.setdefault(tuple(row), n) for n, row in enumerate(torch.cat(columns, dim=1).tolist())
    ]
    index = torch.tensor(representative, device=advantages.device)
    # In float64, so that advantages that cancel leave exactly nothing.
    summed = torch.zeros(len(advantages), dtype=torch.float64, device=advantages.device)
    summed.index_add_(0, index, advantages.double())
    return summed.to(advantages.dtype)
