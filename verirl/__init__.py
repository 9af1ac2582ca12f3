"""verirl: reinforcement learning with verifiable rewards for code, RTL, optics and math.

The names below are the public API; each is imported when it is first used. See `docs/reference/api.md`.

Example:
    >>> import verirl
    >>> verirl.verify("math", r"\\boxed{3.5}", {"answer": "7/2"}).passed
    True
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.2.0"

if TYPE_CHECKING:
    from verirl.api import evaluate as evaluate
    from verirl.api import generate_tasks as generate_tasks
    from verirl.api import report as report
    from verirl.api import reward as reward
    from verirl.api import rewards as rewards
    from verirl.api import train as train
    from verirl.api import verify as verify
    from verirl.api import verify_many as verify_many
    from verirl.domain import Domain as Domain
    from verirl.domain import Mutant as Mutant
    from verirl.domain import StageContext as StageContext
    from verirl.errors import VerirlError as VerirlError
    from verirl.io.sources import read_tasks as load_tasks  # noqa: F401 - part of the API
    from verirl.options import GenerationOptions as GenerationOptions
    from verirl.outcomes import StageOutcome as StageOutcome
    from verirl.outcomes import errored as errored
    from verirl.outcomes import failed as failed
    from verirl.outcomes import passed as passed
    from verirl.outcomes import skipped as skipped
    from verirl.outcomes import timed_out as timed_out
    from verirl.pool import VerifierPool as VerifierPool
    from verirl.registry import load as load_domain  # noqa: F401 - part of the API
    from verirl.scoring import Scheme as Scheme
    from verirl.scoring.advantages import advantages as advantages
    from verirl.spec import Spec as Spec
    from verirl.training.recipe import Recipe as Recipe
    from verirl.types import Completion as Completion
    from verirl.types import Message as Message
    from verirl.types import Stage as Stage
    from verirl.types import Task as Task
    from verirl.types import Verdict as Verdict
    from verirl.verifier import Request as Request
    from verirl.verifier import Verifier as Verifier

_EXPORTS = {
    "Completion": "verirl.types:Completion",
    "Domain": "verirl.domain:Domain",
    "GenerationOptions": "verirl.options:GenerationOptions",
    "Message": "verirl.types:Message",
    "Mutant": "verirl.domain:Mutant",
    "Recipe": "verirl.training.recipe:Recipe",
    "Request": "verirl.verifier:Request",
    "Scheme": "verirl.scoring:Scheme",
    "Spec": "verirl.spec:Spec",
    "Stage": "verirl.types:Stage",
    "StageContext": "verirl.domain:StageContext",
    "StageOutcome": "verirl.outcomes:StageOutcome",
    "Task": "verirl.types:Task",
    "Verdict": "verirl.types:Verdict",
    "Verifier": "verirl.verifier:Verifier",
    "VerifierPool": "verirl.pool:VerifierPool",
    "VerirlError": "verirl.errors:VerirlError",
    "advantages": "verirl.scoring:advantages",
    "errored": "verirl.outcomes:errored",
    "evaluate": "verirl.api:evaluate",
    "failed": "verirl.outcomes:failed",
    "generate_tasks": "verirl.api:generate_tasks",
    "load_domain": "verirl.registry:load",
    "load_tasks": "verirl.io.sources:read_tasks",
    "passed": "verirl.outcomes:passed",
    "report": "verirl.api:report",
    "reward": "verirl.api:reward",
    "rewards": "verirl.api:rewards",
    "skipped": "verirl.outcomes:skipped",
    "timed_out": "verirl.outcomes:timed_out",
    "train": "verirl.api:train",
    "verify": "verirl.api:verify",
    "verify_many": "verirl.api:verify_many",
}
"""Public name → the module and the name behind it."""

__all__ = ["__version__", *_EXPORTS]


def __getattr__(name: str) -> Any:
    if name not in _EXPORTS:
        raise AttributeError(f"module 'verirl' has no attribute '{name}'")
    module, _, attribute = _EXPORTS[name].partition(":")
    value = getattr(importlib.import_module(module), attribute)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
