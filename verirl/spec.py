"""Task specs as pydantic models: validation with one-line errors, and the JSON Schema of each domain."""

from __future__ import annotations

from collections.abc import Mapping
from functools import reduce
from operator import or_
from types import NoneType
from typing import Annotated, Any, ClassVar, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, GetCoreSchemaHandler, ValidationError
from pydantic_core import CoreSchema, ErrorDetails

from verirl.errors import SpecError, nearest

SpecModel = TypeVar("SpecModel", bound="Spec")

_JSON_TYPES = {
    dict: "an object",
    list: "a list",
    str: "a string",
    bool: "true or false",
    int: "a number",
    float: "a number",
    type(None): "null",
}


class _WithoutNull:
    """Makes pydantic read `T | None` as `T`."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return handler(reduce(or_, (part for part in get_args(source) if part is not NoneType)))


_T = TypeVar("_T")

Omittable = Annotated[_T | None, _WithoutNull()]
"""Type of a key that may be left out, and is then None, but may not be null.

Example: `label: Omittable[str] = Field(None, description="A label.")`
"""


def _tidy_schema(schema: dict[str, Any]) -> None:
    """Drop what pydantic adds to the JSON Schema of a field and no reader needs."""
    for each in schema.get("properties", {}).values():
        each.pop("title", None)
        if each.get("default", "") is None:
            del each["default"]


class Spec(BaseModel):
    """Base class of a domain's spec: what the verifier needs of a task beyond its prompt.

    A subclass declares one field per key, with a `description` for each (`verirl spec DOMAIN` prints them).
    Types are strict: `1` is not a string and `"1"` is not a number. A validator that refuses a value raises
    ValueError with a sentence without the field's name; to name a field inside the value, raise SpecError.

    Attributes:
        noun: What an error message calls such a spec, for example "a math spec".
    """

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        strict=True,
        arbitrary_types_allowed=True,
        json_schema_extra=_tidy_schema,
    )

    noun: ClassVar[str] = "the spec"


def read_spec(model: type[SpecModel], value: Mapping[str, Any]) -> SpecModel:
    """Validate the `spec` of a task.

    Args:
        model: The domain's spec model.
        value: The spec as it was read from JSON.

    Returns:
        The validated, frozen spec.

    Raises:
        SpecError: If a key is unknown, missing or wrong; the error names the field.

    Example:
        >>> class Sum(Spec):
        ...     total: int
        >>> read_spec(Sum, {"total": 3}).total
        3
    """
    try:
        return model.model_validate(dict(value))
    except ValidationError as error:
        raise _spec_error(model, error) from error


def _spec_error(model: type[Spec], error: ValidationError) -> SpecError:
    details = error.errors(include_url=False)
    # A misspelt key is also a missing one; its spelling is what helps.
    first = next((each for each in details if each["type"] == "extra_forbidden"), details[0])
    cause = first.get("ctx", {}).get("error")
    if isinstance(cause, SpecError):
        return cause
    return SpecError(_path(first["loc"]), _message(model, first))


def _path(location: tuple[int | str, ...]) -> str:
    """`tests.3.input`; the names that pydantic gives to the branches of a union are left out."""
    return ".".join(str(part) for part in location if isinstance(part, int) or part.isidentifier())


def _message(model: type[Spec], details: ErrorDetails) -> str:
    kind = details["type"]
    if kind == "extra_forbidden":
        key = str(details["loc"][-1])
        if len(details["loc"]) > 1:
            return "unknown"
        near = nearest(key, model.model_fields)
        hint = f"did you mean '{near}'?" if near else f"{model.noun} has {', '.join(model.model_fields)}"
        return f"unknown; {hint}"
    if kind == "missing":
        field = model.model_fields.get(str(details["loc"][0])) if len(details["loc"]) == 1 else None
        return f"missing: {field.description}" if field and field.description else "missing"
    message = details["msg"].removeprefix("Value error, ").removeprefix("Input should be ")
    message = message.replace("a valid ", "a ").replace("a dictionary", "an object")
    message = message.replace("a tuple", "a list").replace("a boolean", "true or false")
    message = message.partition(" or instance of ")[0]
    if kind in ("too_short", "too_long"):
        end, limit = ("least", "min_length") if kind == "too_short" else ("most", "max_length")
        return f"must have at {end} {details['ctx'][limit]} element(s)"
    if kind == "int_type":
        return "must be a whole number"
    if kind.endswith("_type"):
        return f"must be {message}, not {_JSON_TYPES.get(type(details['input']), 'that')}"
    return f"must be {message}" if details["msg"].startswith("Input should be ") else message
