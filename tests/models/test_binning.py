"""Counts, weights of evidence and information values, against numbers worked out by hand."""

import math

import numpy as np
import pandas as pd
import pytest

from fedcredit_models.binning import BinTable, RawCells, count
from fedcredit_models.schema import Feature

AGE = RawCells(Feature("age", "numeric", lower=0, upper=100, special=(-9,)), (30.0, 50.0))
JOB = RawCells(Feature("job", "categorical", levels=("a", "b", "c")))


def test_cells_include_their_upper_edge_and_set_missing_and_special_apart() -> None:
    ages = pd.Series([30.0, 30.1, 50.0, 51.0, None, -9.0, 999.0, -1.0])
    assert AGE.cell_of(ages).tolist() == [0, 1, 1, 2, 3, 4, 2, 0]
    assert AGE.labels == ("≤ 30", "(30, 50]", "> 50", "missing", "-9")


@pytest.mark.parametrize("dtype", ["str", object, "category"])
def test_levels_are_found_in_every_kind_of_text(dtype: object) -> None:
    jobs = pd.Series(["b", "zzz", None, "a"], dtype=dtype)
    assert JOB.cell_of(jobs).tolist() == [1, 3, 4, 0]


def test_whole_numbers_may_be_levels_even_when_missing_made_them_floats() -> None:
    raw = RawCells(Feature("code", "categorical", levels=("1", "2")))
    assert raw.cell_of(pd.Series([1.0, 2.0, None, 7.0])).tolist() == [0, 1, 3, 2]
    assert raw.cell_of(pd.Series([1, 2, 7])).tolist() == [0, 1, 2]


def test_bads_and_goods_are_counted_by_cell() -> None:
    ages = pd.Series([20, 20, 40, 60, None])
    bads, goods = count(AGE, ages, np.array([1, 0, 1, 0, 1]))
    assert bads.tolist() == [1, 1, 0, 1, 0]
    assert goods.tolist() == [1, 0, 1, 0, 0]


def test_weight_of_evidence_and_information_value_by_hand() -> None:
    # Two bins: 10 bads and 90 goods, 30 bads and 70 goods; B = 40, G = 160, m = 2.
    table = BinTable(AGE, (0, 0, 1, -1, -1), (10, 30), (90, 70))
    safe = math.log(90.5 / 161) - math.log(10.5 / 41)
    risky = math.log(70.5 / 161) - math.log(30.5 / 41)
    assert table.woe.tolist() == pytest.approx([safe, risky], abs=1e-15)
    assert table.woe.tolist() == pytest.approx([0.786142, -0.529946], abs=1e-6)
    assert table.iv.tolist() == pytest.approx([0.3125 * safe, -0.3125 * risky], abs=1e-15)
    assert table.total_iv == pytest.approx(0.411278, abs=1e-6)


def test_rows_get_the_weight_of_their_bin_and_unseen_ones_zero() -> None:
    table = BinTable(JOB, (0, 1, -1, 0, -1), (10, 30), (90, 70))
    jobs = pd.Series(["a", "b", "c", "unheard of", None])
    assert table.bin_of(jobs).tolist() == [0, 1, -1, 0, -1]
    safe, risky = table.woe
    assert table.transform(jobs).tolist() == [safe, risky, 0.0, safe, 0.0]


def test_labels_name_joined_cells_as_one() -> None:
    table = BinTable(AGE, (0, 0, 1, 1, 2), (10, 30, 10), (90, 70, 10))
    assert table.labels == ("≤ 50", "> 50 or missing", "-9")
    table = BinTable(JOB, (1, 0, 1, 0, 0), (10, 30), (90, 70))
    assert table.labels == ("b, other or missing", "a, c")
    assert BinTable(AGE, (0, 0, 0, 1, 1), (10, 30), (90, 70)).labels == ("any value", "missing, -9")


def test_a_table_without_a_bad_has_no_information() -> None:
    assert BinTable(AGE, (0, 0, 1, -1, -1), (0, 0), (90, 70)).iv.tolist() == [0.0, 0.0]


@pytest.mark.parametrize(
    ("assignment", "bads", "goods"),
    [
        ((0, 1), (1, 1), (1, 1)),
        ((0, 0, 2, -1, -1), (1, 1), (1, 1)),
        ((0, 0, 1, -1, -1), (1, -1), (1, 1)),
        ((0, 0, 1, -1, -1), (1, 1), (1,)),
        ((0, 0, 0, 0, 0), (1, 1), (1, 1)),
    ],
)
def test_parts_that_do_not_fit_are_refused(
    assignment: tuple[int, ...], bads: tuple[int, ...], goods: tuple[int, ...]
) -> None:
    with pytest.raises(ValueError, match="feature age"):
        BinTable(AGE, assignment, bads, goods)


@pytest.mark.parametrize("edges", [(2.0, 1.0), (1.0, 1.0), (float("nan"),), (float("inf"),)])
def test_edges_must_increase(edges: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match="increase"):
        RawCells(AGE.feature, edges)
    with pytest.raises(ValueError, match="no edges"):
        RawCells(JOB.feature, (1.0,))
