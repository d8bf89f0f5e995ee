"""The data sets of ``benchmarks/credit_sets`` for the comparisons here.

Declarations are handed to the reference in its own words (`Column`): it imports nothing of
FedCredit.
"""

from functools import cache

import pytest

from benchmarks import credit_sets
from benchmarks.credit_sets import LABEL, SAMPLE, AbsentError, CreditData
from benchmarks.credit_sets.partitions import IID15
from tests.equivalence.reference import Column

__all__ = [
    "ALL",
    "IID15",
    "LABEL",
    "RECIPES",
    "SAMPLE",
    "CreditData",
    "columns",
    "load",
]

ALL = credit_sets.RECIPES
"""Every set of the table of benchmarks/."""

RECIPES = {
    name: ALL[name] for name in ("demo", "taiwan_default", "givemesomecredit", "heloc", "hmeq")
}
"""The sets that every test run compares under encryption, under two partitions each."""


@cache
def load(name: str) -> CreditData:
    """Return a data set, or skip the test that asks when the file is not there."""
    try:
        return credit_sets.load(name)
    except AbsentError as absent:
        pytest.skip(str(absent))


def columns(data: CreditData) -> tuple[Column, ...]:
    """Return the declared columns in the reference's words."""
    return tuple(
        Column(
            name=feature.name,
            kind=feature.kind,
            lower=feature.lower,
            upper=feature.upper,
            scale=feature.scale,
            special=feature.special,
            levels=feature.levels,
        )
        for feature in data.recipe.features
    )
