"""Options by name: pydantic models for those of generators, schemes and estimators, with one-line errors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from verirl.errors import InputError, suggestion

OptionsModel = TypeVar("OptionsModel", bound=BaseModel)


class Options(BaseModel):
    """Base class of options: frozen, and without unknown names. The plain class has no option at all."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class GenerationOptions(Options):
    """Options of `Domain.generate`; a domain that has some subclasses this with one field per option.

    Values come as text from `-O NAME=VALUE` and from a recipe's `options`, and are converted by pydantic.
    """


def read(model: type[OptionsModel], values: Mapping[str, Any], owner: str) -> OptionsModel:
    """Validate options.

    Args:
        model: The model that declares the options.
        values: Option name → value, as text or as JSON.
        owner: What has the options, for the error messages, such as `domain 'math'`.

    Returns:
        The validated options.

    Raises:
        InputError: If there is no such option, or the option has no such value.

    Example:
        >>> class Smoothing(Options):
        ...     smoothing: float = 0.0
        >>> read(Smoothing, {"smoothing": "0.5"}, "scheme 'harmonic'").smoothing
        0.5
    """
    for name in values:
        if name not in model.model_fields:
            raise InputError(f"{owner} has no option '{name}'; {suggestion(name, model.model_fields)}")
    try:
        return model.model_validate(dict(values))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        name = ".".join(map(str, first["loc"]))
        context = first.get("ctx", {})
        if "expected" in context:
            known = str(context["expected"]).replace("'", "").replace(" or ", ", ")
            raise InputError(f"unknown {name} '{first['input']}'; there are: {known}") from error
        message = first["msg"].replace("Input should", "it must")
        raise InputError(f"{owner}: {name} is {first['input']}; {message}") from error
