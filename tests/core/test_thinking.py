"""Thinking is taken off in the formats that models write it in, and what looks like it in code is not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from verirl.thinking import EndlessThoughtError, without_thinking

MARKS = [
    ("<think>", "</think>"),
    ("<Thinking>", "</Thinking>"),
    ("< reasoning >", "</ reasoning >"),
    ("<seed:think>", "</seed:think>"),
    ("<think lang='en'>", "</think>"),
    ("[THINK]", "[/THINK]"),
    ("◁think▷", "◁/think▷"),
    ("<|begin_of_thought|>", "<|end_of_thought|>"),
    ("<|START_THINKING|>", "<|END_THINKING|>"),
]


@pytest.mark.parametrize(("opening", "closing"), MARKS)
def test_what_stands_between_the_marks_goes(opening: str, closing: str) -> None:
    assert without_thinking(f"a {opening} b {closing} c").split() == ["a", "c"]
    assert without_thinking(f"{opening} b {opening} c {closing} d {closing} e").split() == ["e"]
    assert without_thinking(f"it began in the prompt {closing} c").split() == ["c"]
    with pytest.raises(EndlessThoughtError):
        without_thinking(f"a {opening} b")


@pytest.mark.parametrize(
    "text",
    [
        "x < think and y > 2",
        "re.match(r'(?P<reason>a)(?P<draft>b)', s)",
        "scores[think] + best()[thinking]",
        "List<thinker>",
        "if a<reason: return b>c",
    ],
)
def test_what_only_looks_like_a_mark_stays(text: str) -> None:
    assert without_thinking(text) == text


def test_only_the_final_channel_speaks() -> None:
    text = "<|channel|>analysis<|message|>a<|end|><|start|>assistant<|channel|>final<|message|>b<|return|>"
    assert without_thinking(text).split() == ["b"]
    with pytest.raises(EndlessThoughtError):
        without_thinking("<|channel|>analysis<|message|>a<|end|>")


@given(
    st.lists(st.sampled_from(["<think>", "</think>", "a", "[think]", "<|channel|>final", "\n"]), max_size=12)
)
def test_it_ends_or_says_that_it_does_not(parts: list[str]) -> None:
    try:
        left = without_thinking(" ".join(parts))
    except EndlessThoughtError:
        return
    assert "think" not in left
