"""Families of problems with exact answers, each a function of a random generator and a difficulty."""

from __future__ import annotations

from collections.abc import Mapping

from verirl.taskgen.families import by_name
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

FAMILIES: Mapping[str, Family] = by_name(
    numbers.FAMILIES,
    algebra.FAMILIES,
    sequences.FAMILIES,
    calculus.FAMILIES,
    matrices.FAMILIES,
    combinatorics.FAMILIES,
    geometry.FAMILIES,
    word_problems.FAMILIES,
)
