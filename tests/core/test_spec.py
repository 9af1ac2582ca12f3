"""Specs as pydantic models: every mistake is one line that names the field."""

from __future__ import annotations

import json
from typing import Any, ClassVar

import pytest
from pydantic import BaseModel, Field, field_validator

from verirl import registry
from verirl.cli import run
from verirl.errors import SpecError
from verirl.spec import Spec, read_spec


class Part(BaseModel):
    size: int


class Shape(Spec):
    noun: ClassVar[str] = "a shape spec"

    corners: int = Field(description="how many corners", ge=3)
    color: str | None = None
    parts: tuple[Part, ...] = Field(default=(), strict=False)

    @field_validator("color")
    @classmethod
    def _known(cls, value: str | None) -> str | None:
        if value == "beige":
            raise ValueError("is not a color")
        return value


@pytest.mark.parametrize(
    ("value", "field", "message"),
    [
        ({}, "corners", "missing: how many corners"),
        ({"corners": "4"}, "corners", "must be"),
        ({"corners": 2}, "corners", "must be greater than or equal to 3"),
        ({"corners": 4, "colour": "red"}, "colour", "unknown; did you mean 'color'?"),
        ({"corners": 4, "weight": 1}, "weight", "unknown; a shape spec has corners, color, parts"),
        ({"corners": 4, "color": "beige"}, "color", "is not a color"),
        ({"corners": 4, "parts": [{"size": 1}, {"size": "x"}]}, "parts.1.size", "must be"),
        ({"corner": 4}, "corner", "did you mean 'corners'"),
    ],
)
def test_mistakes_name_the_field(value: dict[str, Any], field: str, message: str) -> None:
    with pytest.raises(SpecError) as caught:
        read_spec(Shape, value)
    assert caught.value.field == field
    assert message in caught.value.problem


def test_a_right_spec_is_frozen() -> None:
    shape = read_spec(Shape, {"corners": 4, "parts": [{"size": 1}]})
    assert shape.parts[0].size == 1
    with pytest.raises(ValueError, match="frozen"):
        shape.corners = 5  # type: ignore[misc]


@pytest.mark.parametrize("domain", ["math", "code", "rtl", "optics"])
def test_the_schema_of_each_domain_is_printed(domain: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["spec", domain]) == 0
    schema = json.loads(capsys.readouterr().out)
    assert schema["type"] == "object"
    assert schema["additionalProperties"] is False
    assert set(schema["properties"]) == set(registry.load(domain).spec_model.model_fields)
    assert all(field.get("description") for field in schema["properties"].values())
