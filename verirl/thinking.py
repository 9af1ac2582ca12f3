"""What a completion says outside its thinking, in the formats that models write it in.

Tags (`<think>…</think>` and its many names, `[THINK]`, `◁think▷`), marks (`<|begin_of_thought|>`,
`<|START_THINKING|>`) and channels (`<|channel|>final<|message|>`, of which only `final` is said). A closing
tag without an opening one ends thinking that began in the prompt.
"""

from __future__ import annotations

import re

_NAME = (
    r"(?:[a-z]+[:_-]){0,3}(?:think|thinking|thoughts?|reason|reasoning|reflections?|scratch|scratchpad|analysis"
    r"|analyze|deliberation|deliberate|monologue|rationale|brainstorm|planning|draft|workings?|cot)"
)
# Code has brackets of its own: `(?P<reason>…)`, `a[think]`, `x < think and y > 2`.
_TAG = re.compile(
    rf"(?<!\?P)<(?:(/)\s?)?{_NAME}(?:[\s/][^<>\n]{{0,40}})?>|<\s+(?:(/)\s*)?{_NAME}\s*>"
    r"|(?<![\w\])])[\[◁](/?)think(?:ing)?[\]▷]"
    r"|<\|(begin|end)_of_thought\|>|<\|(start|end)_thinking\|>",
    re.IGNORECASE,
)
_CHANNEL = re.compile(r"<\|channel\|>\s*(\w+)[^<>]{0,80}(?:<\|message\|>)?", re.IGNORECASE)
_CONTROL = re.compile(r"<\|(?:start|end|return|message|call)\|>(?:assistant)?", re.IGNORECASE)


class EndlessThoughtError(ValueError):
    """The completion never comes to the end of its thinking."""

    def __init__(self) -> None:
        super().__init__("the thinking never ends, so no answer was given")


def without_thinking(completion: str) -> str:
    """What is left of `completion` outside its thinking; EndlessThoughtError where that never ends."""
    text = _final_channel(completion)
    kept: list[str] = []
    depth, start = 0, 0
    for tag in _TAG.finditer(text):
        closing = any(mark and mark.lower() in ("/", "end") for mark in tag.groups())
        if not closing:
            if depth == 0:
                kept.append(text[start : tag.start()])
            depth += 1
        elif depth == 0:
            kept.clear()
        else:
            depth -= 1
        if depth == 0:
            start = tag.end()
    if depth:
        raise EndlessThoughtError
    kept.append(text[start:])
    return "\n".join(kept)


def _final_channel(completion: str) -> str:
    """What is said on the channel `final`, where a completion names its channels at all."""
    channels = list(_CHANNEL.finditer(completion))
    if not channels:
        return completion
    ends = [*(channel.start() for channel in channels[1:]), len(completion)]
    said = [
        completion[channel.end() : end]
        for channel, end in zip(channels, ends, strict=True)
        if channel[1].lower() == "final"
    ]
    if not said:
        raise EndlessThoughtError
    return _CONTROL.sub("\n", "\n".join(said))
