"""Options of the domain's task families."""

from __future__ import annotations

from typing import Literal

from verirl.options import GenerationOptions


class RtlOptions(GenerationOptions):
    """Options of the task families: a question words or shorthand; area, delay and power scored or not."""

    style: Literal["prose", "terse"] = "prose"
    ppa: Literal["score", "off"] = "score"
