"""Sums of whole numbers give pandas' statistics, however the rows are divided."""

import math

import numpy as np
import pandas as pd
import pytest
from statsmodels.stats.outliers_influence import variance_inflation_factor

from fedcredit_models import correlation
from fedcredit_models.cell_rules import CellRules
from fedcredit_models.feature import Feature
from fedcredit_models.fixed_point import FixedPoint
from fedcredit_models.moments import (
    CORRELATION_BITS,
    RELEASE_BITS,
    MomentSums,
    deviation,
    deviation_bound,
    field_lengths,
    mean_bound,
    mean_from_middle,
    moment_sums,
    rounded,
    told,
)
from tests.models.workbench_data import FEATURES, rows

FRAME = rows()
RAW = FRAME[[f.name for f in FEATURES]].mask(FRAME[[f.name for f in FEATURES]] == -9.0)
"""Special codes are no quantities: for pandas they are missing."""
SUMS = moment_sums(FRAME, FEATURES)
RULES = CellRules()


def test_money_and_counts_are_whole_numbers_of_units() -> None:
    fixed = FixedPoint(Feature("fen", "numeric", lower=0, upper=1e7))
    assert fixed.unit == 0.01
    assert fixed.middle == 5e6
    units, present = fixed.units(pd.Series([0.0, 0.01, 5e6, 2e7, None]))
    assert units.tolist() == [-500_000_000, -499_999_999, 0, 500_000_000, 0]
    assert present.tolist() == [True, True, True, True, False]
    assert FixedPoint(Feature("age", "numeric", lower=18, upper=100)).unit == 1e-7


def test_special_codes_are_no_quantities() -> None:
    _, present = FixedPoint(FEATURES[2]).units(pd.Series([3.0, -9.0, None]))
    assert present.tolist() == [True, False, False]


@pytest.mark.parametrize("j", range(4))
def test_mean_and_deviation_are_pandas_within_the_printed_bound(j: int) -> None:
    fixed = FixedPoint(FEATURES[j])
    column = RAW[FEATURES[j].name]
    mean = fixed.middle + mean_from_middle(SUMS, j) * fixed.unit / 2**RELEASE_BITS
    assert abs(mean - column.mean()) <= mean_bound(fixed) + 1e-12 * abs(column.mean())
    sd = deviation(SUMS, j) * fixed.unit / 2**RELEASE_BITS
    assert abs(sd - column.std()) <= deviation_bound(fixed, int(column.count()))
    assert int(SUMS.count[j, j]) == column.count()


def test_correlations_are_those_of_the_rows_where_both_have_a_value() -> None:
    released, exponent = correlation.release(SUMS, [None] * 4, RULES)
    found = correlation.matrix(released, list(RAW.columns))
    assert 2.0**exponent < 1e-5
    assert (found - RAW.corr()).abs().to_numpy().max() <= 2.0**exponent + 2.0**-CORRELATION_BITS


def test_any_division_of_the_rows_gives_the_same_sums_to_the_bit() -> None:
    part = np.random.default_rng(1).integers(0, 3, len(FRAME))
    divided = [moment_sums(FRAME[part == k], FEATURES) for k in range(3)]
    together = divided[0] + divided[1] + divided[2]
    assert (together.count == SUMS.count).all()
    assert (together.total == SUMS.total).all()
    assert (together.square == SUMS.square).all()
    assert (together.product == SUMS.product).all()


def test_sums_that_travelled_as_fields_are_the_sums() -> None:
    halves = [moment_sums(FRAME[:700], FEATURES), moment_sums(FRAME[700:], FEATURES)]
    parts = [half.fields() for half in halves]
    assert {name: len(values) for name, values in parts[0].items()} == field_lengths(4)
    added = {name: parts[0][name] + parts[1][name] for name in parts[0]}
    found = MomentSums.from_fields(added, 4)
    assert (found.square == SUMS.square).all()
    assert (found.product == SUMS.product).all()
    assert (found.total == SUMS.total).all()
    assert (found.count == SUMS.count).all()


def test_squares_at_the_ends_of_the_bounds_do_not_overflow() -> None:
    wide = Feature("x", "numeric", lower=0, upper=2**30)
    frame = pd.DataFrame({"x": [0.0] * 1000 + [2.0**30] * 1000})
    sums = moment_sums(frame, [wide])
    middle = FixedPoint(wide).units(frame["x"])[0]
    assert int(sums.square[0, 0]) == sum(int(u) ** 2 for u in middle)


def test_variance_inflation_is_that_of_statsmodels_on_complete_rows() -> None:
    names = ["income", "ratio", "flag"]
    features = [f for f in FEATURES if f.name in names]
    released, exponent = correlation.release(moment_sums(FRAME, features), [None] * 3, RULES)
    found = correlation.variance_inflation(correlation.matrix(released, names), 2.0**exponent)
    design = np.column_stack([np.ones(len(FRAME)), FRAME[names]])
    for i, name in enumerate(names, start=1):
        expected = variance_inflation_factor(design, i)
        assert abs(found.loc[name, "vif"] - expected) <= found.loc[name, "bound"] + 1e-9


def test_variance_inflation_of_pairwise_rows_is_the_inverse_of_the_matrix() -> None:
    released, _ = correlation.release(SUMS, [None] * 4, RULES)
    found = correlation.variance_inflation(correlation.matrix(released, list(RAW.columns)))
    expected = np.diag(np.linalg.inv(RAW.corr().to_numpy()))
    assert found["vif"].to_numpy() == pytest.approx(expected, rel=1e-4)


def test_a_column_without_its_correlations_has_no_variance_inflation() -> None:
    frame = correlation.matrix([2**39, "few", 2**38], ["x", "y", "z"])
    found = correlation.variance_inflation(frame)
    assert found["vif"].isna().tolist() == [False, False, True]
    assert found.loc["x", "vif"] == pytest.approx(1 / (1 - 0.25))


def test_collinear_columns_have_no_variance_inflation() -> None:
    found = correlation.variance_inflation(correlation.matrix([2**40], ["x", "twice_x"]))
    assert found["vif"].isna().all()


def test_a_correlation_that_is_a_table_with_a_small_cell_is_withheld() -> None:
    x = np.array([1.0] * 200 + [0.0] * 800)
    y = np.array([1.0] * 5 + [0.0] * 195 + [1.0] * 300 + [0.0] * 500)  # 5 have both
    features = [
        Feature("x", "numeric", lower=0, upper=1),
        Feature("y", "numeric", lower=0, upper=1),
    ]
    sums = moment_sums(pd.DataFrame({"x": x, "y": y}), features)
    assert correlation.release(sums, [0.2, 0.305], RULES)[0] == ["few"]
    assert correlation.release(sums, [0.2, None], RULES)[0] != ["few"]
    y[5:20] = 1.0  # 20 have both
    sums = moment_sums(pd.DataFrame({"x": x, "y": y}), features)
    r = correlation.release(sums, [0.2, 0.32], RULES)[0][0]
    assert math.ldexp(int(r), -40) == pytest.approx(np.corrcoef(x, y)[0, 1], abs=6e-6)


def test_a_pair_that_shares_few_rows_has_no_correlation() -> None:
    """One row of 29 that differs would be the correlation."""
    features = [Feature(name, "numeric", lower=0, upper=100) for name in "xy"]
    for n, is_told in ((29, False), (30, True)):
        frame = pd.DataFrame({"x": np.arange(n) % 7.0, "y": np.arange(n) % 11.0})
        released = correlation.release(moment_sums(frame, features), [None, None], RULES)[0]
        assert (released != ["few"]) == is_told


@pytest.mark.parametrize(
    ("bounds", "mean", "sd", "seen"),
    [
        ((0, 100_000), 9203.1478, 4901.2551, (9203.1, 4901.3)),
        ((-1000, 1000), 0.0314159, 98.76543, (0.031, 98.765)),
        ((0, 100_000), 9999.96, 99.9996, (10_000.0, 100.0)),
        ((20_230_101, 20_230_131), 20_230_115.3177, 8.7176541, (20_230_115.32, 8.7177)),
    ],
)
def test_means_and_deviations_are_told_to_five_digits(
    bounds: tuple[float, float], mean: float, sd: float, seen: tuple[float, float]
) -> None:
    fixed = FixedPoint(Feature("x", "numeric", lower=bounds[0], upper=bounds[1]))
    scale = fixed.unit / 2**RELEASE_BITS
    released = rounded(fixed, round((mean - fixed.middle) / scale), round(sd / scale))
    found = told(fixed, *released, 1000)
    assert (found["mean"], found["sd"]) == pytest.approx(seen, rel=1e-12)
    assert abs(found["mean"] - mean) <= found["mean_bound"] <= 0.1 * sd
    assert abs(found["sd"] - sd) <= found["sd_bound"] <= 1e-3 * sd


def test_a_flag_that_few_of_the_shared_rows_have_tells_nothing_of_the_other_column() -> None:
    flag = np.array([1.0] * 100 + [0.0] * 900)
    income = np.where(np.arange(1000) < 95, np.nan, np.arange(1000.0))  # five flagged rows have one
    features = [
        Feature("flag", "numeric", lower=0, upper=1),
        Feature("income", "numeric", lower=0, upper=1000),
    ]
    sums = moment_sums(pd.DataFrame({"flag": flag, "income": income}), features)
    assert correlation.release(sums, [0.1, None], RULES)[0] == ["few"]


def test_few_shared_rows_and_constant_columns_have_no_correlation() -> None:
    features = [Feature(name, "numeric", lower=0, upper=9) for name in "xyz"]
    frame = pd.DataFrame({"x": np.arange(40) % 7, "y": [1.0] * 9 + [None] * 31, "z": [3.0] * 40})
    released, _ = correlation.release(moment_sums(frame, features), [None] * 3, RULES)
    assert released == ["few", "constant", "few"]
