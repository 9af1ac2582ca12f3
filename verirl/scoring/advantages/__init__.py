"""Advantage estimators: how much better each answer is than the others to the same prompt.

Each module except `registry` declares one estimator. To add one, add a module, or an entry point in the group
`verirl.advantages` (see `registry`).
"""

from verirl.scoring.advantages.registry import (
    Estimator,
    advantage,
    advantages,
    find,
    names,
    validate,
)

__all__ = ["Estimator", "advantage", "advantages", "find", "names", "validate"]
