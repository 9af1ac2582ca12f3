"""Options of the domain's task families."""

from __future__ import annotations

from typing import Literal

from verirl.options import GenerationOptions


class MathOptions(GenerationOptions):
    """Options of the task families.

    Attributes:
        style: `prose` asks in words and solves in LaTeX; `terse` is shorthand for small models.
    """

    style: Literal["prose", "terse"] = "prose"
