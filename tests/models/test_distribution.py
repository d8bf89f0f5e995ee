"""What is told of one column without the outcome."""

import numpy as np
import pandas as pd
import pytest

from fedcredit_models.cell_rules import CellRules
from fedcredit_models.distribution import PER_MILLE, WITHHELD, describe, upper_share
from fedcredit_models.feature import Feature
from fedcredit_models.grid import Grid
from tests.models.workbench_data import FEATURES, rows

RULES = CellRules()


@pytest.mark.parametrize("j", range(3))
def test_quantiles_are_the_cells_that_hold_the_quantiles_of_the_rows(j: int) -> None:
    frame, feature = rows(5_000), FEATURES[j]
    grid = Grid(feature)
    told = describe(
        grid.histogram(frame[feature.name]).tolist(), len(grid.upper), RULES, ends=grid.ends
    )
    x = frame[feature.name][frame[feature.name].notna() & (frame[feature.name] != -9.0)]
    for k, cell in zip(PER_MILLE, told.quantiles, strict=True):
        exact = np.quantile(x, k / 1000, method="inverted_cdf")
        assert (grid.upper[cell - 1] if cell else -np.inf) < exact <= grid.upper[cell]
    assert told.present == len(x)
    assert told.tail[0] == int(frame[feature.name].isna().sum())


def test_the_outermost_quantiles_need_enough_rows_beyond_them() -> None:
    grid = Grid(Feature("x", "numeric", lower=0, upper=1000))
    counts = grid.histogram(pd.Series(np.arange(1000.0))).tolist()
    told = describe(counts, len(grid.upper), RULES, ends=grid.ends)
    assert [q == WITHHELD for q in told.quantiles] == [True, *[False] * 7, True]


def test_a_few_missing_values_are_not_counted_and_not_given_away_by_the_rest() -> None:
    assert describe([500, 400, 3], 2, RULES).tail == (WITHHELD,)
    assert describe([500, 400, 3], 2, RULES).present == WITHHELD
    told = describe([500, 400, 3, 20, 50], 2, RULES)
    assert (told.present, told.tail) == (900, (WITHHELD, WITHHELD, 50))
    told = describe([500, 400, 6, 7], 2, RULES)  # together thirteen
    assert (told.present, told.tail) == (900, (WITHHELD, WITHHELD))
    assert describe([500, 400, 0], 2, RULES).tail == (0,)


@pytest.mark.parametrize(
    ("counts", "spread", "moments"),
    [
        ([0, 0, 50], "empty", False),
        ([900, 0, 0], "constant", False),
        ([900, 9, 0], "nearly constant", False),
        ([900, 10, 0], "varies", True),
        ([900, 10, 3], "varies", False),
    ],
)
def test_moments_of_nearly_constant_columns_are_withheld(
    counts: list[int], spread: str, moments: bool
) -> None:
    told = describe(counts, 2, RULES)
    assert (told.spread, told.has_moments) == (spread, moments)


def test_two_frequent_values_make_a_column_a_table() -> None:
    assert upper_share([300, 0, 100, 0], 3, RULES) == 0.25
    assert upper_share([300, 9, 100, 0], 3, RULES) == 0.25
    assert upper_share([300, 10, 100, 0], 3, RULES) is None
    assert upper_share([300, 0, 0, 0], 3, RULES) is None
