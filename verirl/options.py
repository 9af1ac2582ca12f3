"""The base class of the options that a domain's task families take."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class GenerationOptions(BaseModel):
    """Options of `Domain.generate`; a domain that has some subclasses this with one field per option.

    Values come as text from `-O NAME=VALUE` and from a recipe's `options`, and are converted by pydantic.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
