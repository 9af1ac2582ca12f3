"""Rewards for TRL: a reward function for a stock `GRPOTrainer`, and tasks as its dataset."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from verirl.api import rewards, shared_pool
from verirl.errors import InputError
from verirl.scoring import Scheme
from verirl.types import Message, Task
from verirl.verifier import Request, Verifier

if TYPE_CHECKING:
    import datasets

Prompt = str | Sequence[Mapping[str, str]]
"""A prompt or completion as TRL passes it: plain text, or chat messages."""


class RewardFunction(Protocol):
    """What TRL calls: keyword arguments with one value per completion; it returns one reward each."""

    __name__: str

    def __call__(
        self, *, prompts: Sequence[Prompt], completions: Sequence[Prompt], **columns: Any
    ) -> list[float | None]:
        """Return one reward per completion; None for an answer that could not be judged."""
        ...


def reward_func(
    domain: str | None = None,
    *,
    scheme: str | Scheme = "lexicographic",
    spec_column: str = "spec",
    verifier: Verifier | None = None,
) -> RewardFunction:
    """Make a reward function for `GRPOTrainer(reward_funcs=[…])`.

    An answer that could not be judged gets None, which TRL leaves out of the reward.

    Args:
        domain: The domain of all rows (default: each row's column `domain`).
        scheme: The name of a reward scheme or of a domain's preset, or a scheme of your own.
        spec_column: The dataset's column with the spec: JSON text (as `dataset` writes it), or an object.
        verifier: A pool of your own (default: one that this process shares).

    Returns:
        A function that TRL logs as `verirl_DOMAIN`.

    Example:
        >>> judge = reward_func("math", scheme="binary")
        >>> judge(prompts=["Halve 7."], completions=["\\\\boxed{3.5}"], spec=['{"answer": "7/2"}'])
        [1.0]
    """

    def compute_rewards(
        *, prompts: Sequence[Prompt], completions: Sequence[Prompt], **columns: Any
    ) -> list[float | None]:
        if spec_column not in columns:
            raise InputError(f"the dataset has no column '{spec_column}' (spec_column=… names another)")
        if domain is None and "domain" not in columns:
            raise InputError("the dataset has no column 'domain': name the domain in reward_func(…)")
        domains = [domain] * len(completions) if domain is not None else columns["domain"]
        requests = [
            Request(_task(index, name, prompt, spec), _text(completion))
            for index, (name, prompt, spec, completion) in enumerate(
                zip(domains, prompts, columns[spec_column], completions, strict=True)
            )
        ]
        return rewards((verifier or shared_pool()).verify(requests), scheme)

    compute_rewards.__name__ = f"verirl_{domain or 'reward'}"
    return compute_rewards


def dataset(tasks: Sequence[Task]) -> datasets.Dataset:
    """Make the `train_dataset` of a `GRPOTrainer` from tasks.

    Args:
        tasks: Tasks of one or of several domains.

    Returns:
        A dataset with the columns `prompt` (chat messages), `task_id`, `domain` and `spec` (JSON text, since
        specs of different shapes do not fit into one column of objects).

    Example:
        >>> from verirl.types import Message, Task
        >>> ask = Message(role="user", content="Halve 7.")
        >>> half = Task(id="half", domain="math", prompt=(ask,), spec={"answer": "7/2"})
        >>> dataset([half]).column_names
        ['prompt', 'task_id', 'domain', 'spec']
    """
    from verirl.optional_dependencies import import_optional

    rows = [
        {
            "prompt": [message.model_dump() for message in task.prompt],
            "task_id": task.id,
            "domain": task.domain,
            "spec": json.dumps(task.spec, ensure_ascii=False),
        }
        for task in tasks
    ]
    made: datasets.Dataset = import_optional("datasets", "train").Dataset.from_list(rows)
    return made


def _task(index: int, domain: str, prompt: Prompt, spec: Any) -> Task:
    if isinstance(spec, str):
        try:
            spec = json.loads(spec)
        except ValueError as error:
            raise InputError(f"row {index}: the spec is not valid JSON ({error})") from error
    if not isinstance(spec, Mapping):
        raise InputError(f"row {index}: the spec is neither an object nor JSON text of one")
    # A column of objects has every key in every row; those that a row lacks are None.
    present = {key: value for key, value in spec.items() if value is not None}
    turns = [{"role": "user", "content": prompt}] if isinstance(prompt, str) else prompt
    messages = tuple(Message.model_validate(dict(turn)) for turn in turns)
    return Task(id=f"row-{index}", domain=domain, prompt=messages, spec=present)


def _text(completion: Prompt) -> str:
    """The text that the model wrote: a chat completion's messages joined."""
    if isinstance(completion, str):
        return completion
    return "\n".join(message["content"] for message in completion)
