"""What an RTL spec must say, and which field is named where it does not."""

from __future__ import annotations

from typing import Any

import pytest

from verirl.errors import SpecError
from verirl_rtl.spec import read_spec

DESIGN = "module inverter(input a, output y);\nassign y = ~a;\nendmodule\n"
WHOLE = {"top": "inverter", "reference": DESIGN}


@pytest.mark.parametrize("start", ["module inverter", "macromodule inverter", "module automatic\n inverter"])
def test_a_reference_that_defines_its_module(start: str) -> None:
    assert (
        read_spec({**WHOLE, "reference": DESIGN.replace("module inverter", start)}).reference_top
        == "inverter"
    )


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"top": "2nd"}, "top"),
        ({"top": "other"}, "reference"),
        ({"top": "invert"}, "reference"),
        ({"reference_top": "golden"}, "reference"),
        ({"reference": " "}, "reference"),
        ({"reference": 3}, "reference"),
        ({"rule": "official"}, "rule"),
        ({"rule": "strict"}, "rule"),
        ({"equivalence": True}, "equivalence"),
        ({"testbench": DESIGN, "pass_rule": "("}, "pass_rule"),
        ({"aux_files": {"../x": ""}}, "aux_files.../x"),
        ({"ppa_baseline": {"area_um2": 0}}, "ppa_baseline.area_um2"),
        ({"ppa_baseline": {"area": 1}}, "ppa_baseline.area"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_the_field_at_fault_is_named(change: dict[str, Any], field: str) -> None:
    with pytest.raises(SpecError) as raised:
        read_spec({**WHOLE, **change})
    assert raised.value.field == field


@pytest.mark.parametrize(
    ("ports", "body", "two_way"),
    [
        ("inout a", "", True),
        ("a", "inout a;", True),
        ("output a", "pad p(a);", False),
        ("output a /* inout b */", "// inout", False),
        ("output a", "task t(inout x); endtask", False),
    ],
)
def test_ports_of_both_directions_are_refused(ports: str, body: str, two_way: bool) -> None:
    pad = "module pad(inout x); endmodule\n"
    whole = {"top": "m", "reference": f"{pad}macromodule m({ports});\n{body}\nendmodule\n{pad}"}
    if two_way:
        with pytest.raises(SpecError, match="'inout', which cannot be replayed"):
            read_spec(whole)
    else:
        read_spec(whole)
    read_spec({**whole, "rule": "official", "testbench": DESIGN, "pass_rule": "passed"})


def test_neither_reference_nor_bench() -> None:
    with pytest.raises(SpecError, match="reference"):
        read_spec({"top": "inverter"})
