"""Families of designs. Each is a function of a generator and a difficulty, with a reference of ours."""

from __future__ import annotations

from collections.abc import Mapping

from verirl_rtl.tasks.families import (
    arithmetic,
    logic,
    machines,
    memories,
    registers,
    resource_sharing,
    selection,
)
from verirl_rtl.tasks.families.design import Family

FAMILIES: Mapping[str, Family] = {
    family.name: family
    for module in (logic, selection, arithmetic, resource_sharing, registers, machines, memories)
    for family in module.FAMILIES
}
