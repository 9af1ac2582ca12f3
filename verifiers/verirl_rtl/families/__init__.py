"""Families of designs. Each is a function of a generator and a difficulty, with a reference of ours."""

from __future__ import annotations

from collections.abc import Mapping

from verirl_rtl.families import arithmetic, logic, machines, memories, registers, selection, sharing
from verirl_rtl.families.design import Family

FAMILIES: Mapping[str, Family] = {
    family.name: family
    for module in (logic, selection, arithmetic, sharing, registers, machines, memories)
    for family in module.FAMILIES
}
