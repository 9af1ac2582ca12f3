"""The problem that a family draws: in words and in shorthand, with a worked solution."""

from __future__ import annotations

import re
from dataclasses import dataclass
from random import Random
from typing import NamedTuple

from verirl.taskgen import families
from verirl_math.tasks.families.exact_answers import Value, WrongAnswer


class Step(NamedTuple):
    """One line of a worked solution.

    Attributes:
        say: The words of the line.
        math: The mathematics after them, in LaTeX.
        terse: The line in shorthand; None derives it from `math`, an empty text leaves the line out.
    """

    say: str
    math: str = ""
    terse: str | None = None


@dataclass(frozen=True)
class Problem:
    """A question with exactly one right answer.

    Attributes:
        ask: Phrasings of the same question, with mathematics between dollar signs.
        form: The sentence that asks for a form of the answer.
        terse: The question in shorthand. It identifies the problem: different problems differ here.
        steps: The worked solution, without the answer.
        answer: The exact answer.
        wrong: Results of typical mistakes. One may equal the answer by chance; `tasks.mutants` drops it.
    """

    ask: tuple[str, ...]
    form: str
    terse: str
    steps: tuple[Step, ...]
    answer: Value
    wrong: tuple[WrongAnswer, ...] = ()


class Family(families.Family[Problem]):
    """A family of math problems."""


INTEGER = "Give an integer."
NUMBER = "Give an integer or a fraction in lowest terms."
FRACTION = "Give a fraction in lowest terms."
EXACT = "Give the exact value."


def nonzero(rng: Random, bound: int) -> int:
    """Draw an integer in [−bound, bound] other than 0."""
    return rng.choice((-1, 1)) * rng.randint(1, bound)


def signed(number: object) -> str:
    """Write a number so that it can follow an operator: in brackets if it is negative."""
    text = str(number)
    return f"({text})" if text.startswith("-") else text


_GROUP = r"\{((?:[^{}]|\{[^{}]*\})*)\}"
_REWRITES = (
    (re.compile(r"\\frac" + _GROUP + _GROUP), lambda m: f"{_atom(m[1])}/{_atom(m[2])}"),
    (re.compile(r"\\binom" + _GROUP + _GROUP), lambda m: f"C({m[1]},{m[2]})"),
    (re.compile(r"\\sqrt" + _GROUP), lambda m: f"sqrt({m[1]})"),
    (re.compile(r"\\pmod" + _GROUP), lambda m: ""),
    (re.compile(r"\^" + _GROUP), lambda m: f"^{_atom(m[1])}"),
    (re.compile(r"\\text" + _GROUP), lambda m: m[1]),
)
_WORDS = {
    "\\cdot": "*",
    "\\times": "*",
    "\\equiv": "=",
    "\\left": "",
    "\\right": "",
    "\\ldots": "...",
    "\\infty": "oo",
    "\\to": "->",
    "\\leq": "<=",
    "\\geq": ">=",
    "\\implies": "=>",
    "\\,": "",
    "\\bmod": "mod",
}


def shorthand(latex: str) -> str:
    """Write the LaTeX of a step as plain text without spaces: `\\frac{1}{2} \\cdot 6` is `1/2*6`."""
    text = latex
    for word, plain in _WORDS.items():
        text = text.replace(word, plain)
    for pattern, rewrite in _REWRITES:
        while (changed := pattern.sub(rewrite, text)) != text:
            text = changed
    text = re.sub(r"\s*\bmod\b\s*", " mod ", text.replace("\\", ""))
    return re.sub(r"(?<!mod) (?!mod)", "", text).strip()


def _atom(text: str) -> str:
    text = text.strip()
    return text if re.fullmatch(r"\d+|[A-Za-z]", text) else f"({text})"
