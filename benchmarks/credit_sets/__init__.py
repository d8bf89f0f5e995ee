"""The public data sets, as a modeller would declare them, with their banks and published bars.

The files lie beside a checkout of the project and are not part of it; who asks for a set that is
not there is told so (`AbsentError`). Read by the benchmarks and by ``tests/equivalence``.
"""

from .recipe import LABEL, SAMPLE, AbsentError, CreditData, Recipe
from .recipes import LEFT_OUT, RECIPES, load

__all__ = [
    "LABEL",
    "LEFT_OUT",
    "RECIPES",
    "SAMPLE",
    "AbsentError",
    "CreditData",
    "Recipe",
    "load",
]
