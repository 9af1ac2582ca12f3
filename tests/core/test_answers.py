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


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("  ```v\n  a\n    b\n c\n  ```", "a\n  b\nc\n"),
        ("1. So:\n   ```v\n   a\n   ```", "a\n"),
        ("- So\n  - it is:\n\n      ```v\n      a\n      ```\nend", "a\n"),
        ("```v\na\n    ```\n```", "a\n    ```\n"),
        ("text\n    ```v\n    a\n    ```", None),
        ("- So\ntext\n    ```v\n    a\n    ```", None),
        ("``` `a` ```", None),
        ("~~~v `\na\n~~~", "a\n"),
    ],
)
def test_a_fence_may_be_indented_as_in_a_list(text: str, found: str | None) -> None:
    assert [block.content for block in blocks(text)] == ([] if found is None else [found])


@pytest.mark.parametrize(
    "word", ["python3.11", "Python-3", "{.python}", "{python}", "python:main.py", "py=", "python,x"]
)
def test_a_language_is_known_by_its_name(word: str) -> None:
    assert last_block(f"```{word}\na\n```\n```json\n1\n```", PYTHON, "Python") == "a\n"


@pytest.mark.parametrize(
    "line",
    ["```" + " " * 900_000 + "`", "`" * 900_000 + "x`", "- " * 400_000, "<" + " " * 900_000, "< " * 400_000],
)
def test_a_long_line_is_read_once(line: str) -> None:
    """A pattern that tries again at each of its characters would not come to an end."""
    assert blocks(said(f"{line}\n```v\na\n```")) == [Block("v", "a\n")]


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
