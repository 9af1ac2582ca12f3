"""Families of problems: each draws problems, with their references, at a given difficulty."""

from __future__ import annotations

from collections.abc import Mapping

from verirl_code.tasks.families import arithmetic, planning, sequences, structures, text
from verirl_code.tasks.families.problem import Family

FAMILIES: Mapping[str, Family] = {
    family.name: family
    for module in (text, sequences, arithmetic, structures, planning)
    for family in module.FAMILIES
}
