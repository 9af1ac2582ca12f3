"""Options of a domain's task families, read from text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from verirl import options
from verirl.domain import Domain
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
    return options.read(domain.options_model, values, f"domain '{domain.name}'")
