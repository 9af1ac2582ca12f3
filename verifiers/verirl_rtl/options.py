"""Options of the domain's task families."""

from __future__ import annotations

from typing import Literal

from verirl.options import GenerationOptions


class RtlOptions(GenerationOptions):
    """Options of the task families.

    Attributes:
        style: Whether a question is in words (`prose`) or in shorthand (`terse`).
        ppa: Whether area, delay and power are scored (`score`) or left out (`off`).
    """

    style: Literal["prose", "terse"] = "prose"
    ppa: Literal["score", "off"] = "score"
