"""Families of problems. Each is a function of a generator and a difficulty; answers are exact."""

from __future__ import annotations

from collections.abc import Mapping

from verirl_math.families import algebra, calculus, counting, geometry, matrices, numbers, sequences, stories
from verirl_math.families.problem import Family

FAMILIES: Mapping[str, Family] = {
    family.name: family
    for module in (numbers, algebra, sequences, calculus, matrices, counting, geometry, stories)
    for family in module.FAMILIES
}
