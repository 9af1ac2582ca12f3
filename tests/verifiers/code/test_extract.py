"""Which part of a completion is the answer."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from verirl.answers import NoAnswerError
from verirl_code.extract import extract


@pytest.mark.parametrize(
    ("completion", "code"),
    [
        ("```python\na = 1\n```", "a = 1\n"),
        ("text\n```py\na = 1\n```\nmore\n```python\nb = 2\n```\nend", "b = 2\n"),
        ("```python\na = 1\n```\n```\n1\n```", "a = 1\n"),
        ("```python\na = 1\n```\n```bash\nls\n```", "a = 1\n"),
        ("```\na = 1\n```", "a = 1\n"),
        ("~~~python\na = 1\n~~~", "a = 1\n"),
        ("````python\na = '''\n```\n'''\n````", "a = '''\n```\n'''\n"),
        (
            "<think>```python\na = 1\n```</think>```python\nb = 2\n```".replace(
                "```python\nb", "\n```python\nb"
            ),
            "b = 2\n",
        ),
        ("def f(x):\n    return x", "def f(x):\n    return x"),
        ("import sys\nprint(1)", "import sys\nprint(1)"),
        ("# doubles\nn = int(input())\n", "# doubles\nn = int(input())\n"),
        ("print(int(input()) * 2)", "print(int(input()) * 2)"),
        ("```Python\r\na = 1\r\n```", "a = 1\n"),
    ],
)
def test_the_program_is_found(completion: str, code: str) -> None:
    assert extract(completion) == code


@pytest.mark.parametrize(
    "completion",
    [
        "",
        "I do not know.",
        "The answer is to use a loop.",
        "```python\na = 1\n",
        "```python\n\n```",
        "```bash\nls\n```",
        "<think>```python\na = 1\n```",
        "<think>\n```python\na = 1\n```\n</think>\nDone.",
        "    return x",
        "x" * 1_000_001,
    ],
)
def test_no_program_is_no_answer(completion: str) -> None:
    with pytest.raises(NoAnswerError):
        extract(completion)


@given(st.text(alphabet="`~python \n<think/>=a", max_size=200))
def test_extraction_never_breaks(text: str) -> None:
    try:
        found = extract(text)
    except NoAnswerError:
        return
    assert found.strip()
