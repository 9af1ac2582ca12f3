"""Families of problems: each draws problems, with their references, at a given difficulty."""

from __future__ import annotations

from collections.abc import Mapping

from verirl.taskgen.families import by_name
from verirl_code.tasks.families import arithmetic, planning, sequences, structures, text
from verirl_code.tasks.families.problem import Family

FAMILIES: Mapping[str, Family] = by_name(
    text.FAMILIES,
    sequences.FAMILIES,
    arithmetic.FAMILIES,
    structures.FAMILIES,
    planning.FAMILIES,
)
