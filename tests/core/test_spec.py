"""Spec models: one-line errors that name the field, keys that may be left out, and the JSON Schema."""

from __future__ import annotations

from typing import Annotated, Any

import pytest
from pydantic import Field

from verirl.errors import SpecError
from verirl.spec import Omittable, Spec, read_spec


class Shape(Spec):
    noun = "a shape"

    sides: int = Field(gt=2, description="The number of sides.")
    label: Omittable[str] = Field(None, description="A name.")
    corners: Omittable[Annotated[list[float], Field(min_length=1, max_length=2)]] = None


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({}, "'spec.sides': missing: The number of sides."),
        ({"sides": 3, "labl": "a"}, "'spec.labl': unknown; did you mean 'label'?"),
        ({"sides": 3, "zzz": "a"}, "'spec.zzz': unknown; a shape has sides, label, corners"),
        ({"sides": 2.5}, "'spec.sides': must be a whole number"),
        ({"sides": True}, "'spec.sides': must be a whole number"),
        ({"sides": 2}, "'spec.sides': must be greater than 2"),
        ({"sides": 3, "label": None}, "'spec.label': must be a string, not null"),
        ({"sides": 3, "label": 1}, "'spec.label': must be a string, not a number"),
        ({"sides": 3, "corners": []}, "'spec.corners': must have at least 1 element(s)"),
        ({"sides": 3, "corners": [1, 2, 3]}, "'spec.corners': must have at most 2 element(s)"),
        ({"sides": 3, "corners": [1, "2"]}, "'spec.corners.1': must be a number, not a string"),
    ],
)
def test_an_error_names_the_field_and_the_fault(value: dict[str, Any], text: str) -> None:
    with pytest.raises(SpecError) as caught:
        read_spec(Shape, value)
    assert str(caught.value) == f"field {text}"


def test_a_key_that_is_left_out_reads_as_none() -> None:
    assert read_spec(Shape, {"sides": 3}).label is None
    assert read_spec(Shape, {"sides": 3, "label": "a"}).label == "a"


def test_the_schema_says_nothing_twice() -> None:
    properties = Shape.model_json_schema()["properties"]
    assert properties["label"] == {"description": "A name.", "type": "string"}
    assert properties["sides"]["exclusiveMinimum"] == 2
