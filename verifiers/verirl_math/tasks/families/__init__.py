"""Families of problems. Each is a function of a generator and a difficulty; answers are exact."""

from __future__ import annotations

from collections.abc import Mapping

from verirl_math.tasks.families import (
    algebra,
    calculus,
    combinatorics,
    geometry,
    matrices,
    numbers,
    sequences,
    word_problems,
)
from verirl_math.tasks.families.problem import Family

FAMILIES: Mapping[str, Family] = {
    family.name: family
    for module in (numbers, algebra, sequences, calculus, matrices, combinatorics, geometry, word_problems)
    for family in module.FAMILIES
}
