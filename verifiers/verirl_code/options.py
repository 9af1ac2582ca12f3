"""Options of the domain's task families."""

from __future__ import annotations

from typing import Literal

from verirl.options import GenerationOptions


class CodeOptions(GenerationOptions):
    """Options of the task families: a question in words, or shorthand for small models."""

    style: Literal["prose", "terse"] = "prose"
