"""Where an answer is found in a completion, whatever the domain."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from verirl.answers import COMPLETION_LIMIT, Block, NoAnswerError, blocks, last_block, said

PYTHON = frozenset(("python", "py"))


def test_the_last_block_of_the_language_counts() -> None:
    text = "```python\nold\n```\n~~~~ Py title\nnew\n```\n~~~~\n```json\n{}\n```\n"
    assert blocks(text) == [Block("python", "old\n"), Block("py", "new\n```\n"), Block("json", "{}\n")]
    assert last_block(text, PYTHON, "Python") == "new\n```\n"


def test_a_block_without_a_language_counts_where_none_names_it() -> None:
    assert last_block("```\na\n```\n```json\n1\n```", PYTHON, "Python") == "a\n"
    assert last_block("no block", PYTHON, "Python") is None


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("```python\nx", "never ends"),
        ("```json\n1\n```", "no fenced block of Python"),
        ("```python\n \n```", "empty"),
    ],
)
def test_what_is_no_answer_says_why(text: str, why: str) -> None:
    with pytest.raises(NoAnswerError, match=why):
        last_block(text, PYTHON, "Python")


def test_what_is_said() -> None:
    assert said("<think>a</think>b\r\nc").strip() == "b\nc"
    with pytest.raises(NoAnswerError, match="never ends"):
        said("<think>a")
    with pytest.raises(NoAnswerError, match="longer than"):
        said("x" * (COMPLETION_LIMIT + 1))


@given(st.lists(st.text(st.characters(blacklist_characters="\n\r`~")), max_size=5))
def test_a_block_keeps_its_lines(lines: list[str]) -> None:
    content = "".join(line + "\n" for line in lines)
    expected = content if lines else "\n"
    assert blocks(f"````v\n{content}````") == [Block("v", expected)]
