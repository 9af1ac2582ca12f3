"""A small transformer made from nothing, for laptops, tests and the quickstart; saved like any other."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from verirl.errors import InputError
from verirl.optional_dependencies import import_optional

PAD, END = "<|pad|>", "<|end|>"
ROLES = ("<|system|>", "<|user|>", "<|assistant|>")
BOX = "\\boxed{"

CHAT_TEMPLATE = (
    "{% for message in messages %}"
    "{% if message['role'] == 'assistant' %}<|assistant|>{% generation %}{{ message['content'] }}<|end|>"
    "{% endgeneration %}"
    "{% else %}<|{{ message['role'] }}|>{{ message['content'] }}<|end|>{% endif %}"
    "{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)


class Size(NamedTuple):
    """Width, depth and heads of a transformer."""

    hidden: int
    layers: int
    heads: int


SIZES = {
    "xs": Size(64, 2, 2),
    "s": Size(128, 2, 4),
    "m": Size(192, 4, 6),
    "l": Size(320, 8, 10),
}
DEFAULT_SIZE = "s"


def parse_size(argument: str) -> Size:
    """The size that `tiny[:SIZE]` names."""
    name = argument.removeprefix("tiny").removeprefix(":") or DEFAULT_SIZE
    if name not in SIZES:
        raise InputError(f"no tiny size '{name}'; there are: {', '.join(SIZES)}")
    return SIZES[name]


def make_tokenizer(texts: Iterable[str] = (), *, vocabulary: int = 0) -> Any:
    """A byte-level tokenizer in the ordinary fast-tokenizer layout, so that no text is unknown.

    With `vocabulary` above the byte alphabet, pairs that are frequent in `texts` are merged (BPE,
    Sennrich et al. 2016) up to that size. Digits never merge: arithmetic needs them apart.
    """
    tokenizers = import_optional("tokenizers", "train")
    transformers = import_optional("transformers", "train")
    alphabet = sorted(tokenizers.pre_tokenizers.ByteLevel.alphabet())
    specials = [PAD, END, *ROLES]
    model = tokenizers.models.BPE(vocab={symbol: i for i, symbol in enumerate(alphabet)}, merges=[])
    bare = tokenizers.Tokenizer(model)
    bare.pre_tokenizer = tokenizers.pre_tokenizers.Sequence(
        [
            tokenizers.pre_tokenizers.Digits(individual_digits=True),
            tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False),
        ]
    )
    bare.decoder = tokenizers.decoders.ByteLevel()
    if vocabulary > len(alphabet) + len(specials):
        trainer = tokenizers.trainers.BpeTrainer(
            vocab_size=vocabulary - len(specials) - 1, initial_alphabet=alphabet, show_progress=False
        )
        bare.train_from_iterator(texts, trainer)
        bare.add_tokens([tokenizers.AddedToken(BOX, normalized=False, special=False)])
    bare.add_special_tokens(
        [tokenizers.AddedToken(text, special=True, normalized=False) for text in specials]
    )
    tokenizer = transformers.PreTrainedTokenizerFast(
        tokenizer_object=bare, pad_token=PAD, eos_token=END, padding_side="left"
    )
    tokenizer.chat_template = CHAT_TEMPLATE
    return tokenizer


def make_model(size: Size, tokenizer: Any, *, seed: int, context: int = 512) -> Any:
    """A Llama-type transformer (Touvron et al. 2023) with tied embeddings and random weights from `seed`."""
    torch = import_optional("torch", "train")
    transformers = import_optional("transformers", "train")
    config = transformers.LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=size.hidden,
        intermediate_size=4 * size.hidden,
        num_hidden_layers=size.layers,
        num_attention_heads=size.heads,
        max_position_embeddings=context,
        tie_word_embeddings=True,
        pad_token_id=tokenizer.pad_token_id,
        eos_token_id=tokenizer.eos_token_id,
        bos_token_id=None,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = transformers.LlamaForCausalLM(config)
    model.generation_config.pad_token_id = tokenizer.pad_token_id
    model.generation_config.eos_token_id = tokenizer.eos_token_id
    return model
