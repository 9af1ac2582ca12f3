"""Families of designs. Each is a function of a generator and a difficulty, with a reference of ours."""

from __future__ import annotations

from collections.abc import Mapping

from verirl.taskgen.families import by_name
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

FAMILIES: Mapping[str, Family] = by_name(
    logic.FAMILIES,
    selection.FAMILIES,
    arithmetic.FAMILIES,
    resource_sharing.FAMILIES,
    registers.FAMILIES,
    machines.FAMILIES,
    memories.FAMILIES,
)
