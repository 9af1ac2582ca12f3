"""Options of a domain's task families, read from text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from verirl.domain import Domain
from verirl.errors import InputError
from verirl.options import GenerationOptions


def read_options(domain: Domain, values: Mapping[str, Any]) -> GenerationOptions:
    """Validate the options of `Domain.generate`.

    Args:
        domain: The domain that makes the tasks.
        values: Option name → value, as text or as JSON.

    Returns:
        An instance of the domain's `options_model`.

    Raises:
        InputError: If the domain has no such option, or the option has no such value.
    """
    model = domain.options_model
    for name in values:
        if name not in model.model_fields:
            known = ", ".join(model.model_fields) or "none"
            raise InputError(f"domain '{domain.name}' has no option '{name}'; there are: {known}")
    try:
        return model.model_validate(dict(values))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        name = ".".join(map(str, first["loc"]))
        expected = first.get("ctx", {}).get("expected")
        if expected is not None:
            known = str(expected).replace("'", "").replace(" or ", ", ")
            raise InputError(f"unknown {name} '{first['input']}'; there are: {known}") from error
        raise InputError(f"option '{name}' of domain '{domain.name}': {first['msg']}") from error
