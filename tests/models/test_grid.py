"""Quantile edges from summed counts on a declared grid."""

from bisect import bisect_left
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fedcredit_models.columns import numeric_codes
from fedcredit_models.grid import Grid, quantiles
from fedcredit_models.schema import Feature


def test_linear_cells_end_at_multiples_of_a_round_step() -> None:
    grid = Grid(Feature("age", "numeric", lower=18, upper=100), cells=2048)
    assert grid.upper[:4].tolist() == [18.0, 18.05, 18.1, 18.15]
    assert grid.upper[-2:].tolist() == [99.95, np.inf]


def test_a_small_grid_by_hand() -> None:
    grid = Grid(Feature("x", "numeric", lower=0, upper=10, special=(-9,)), cells=12)
    assert grid.upper.tolist() == [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, np.inf]
    assert grid.n_cells == 13  # 11 ordinary, missing, -9
    counts = grid.histogram(pd.Series([0.0, 0.5, 1.0, 10.0, None, -9.0, -9.0]))
    assert counts.tolist() == [1, 2, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 2]


def test_every_scale_keeps_within_its_cells_and_counts_every_row() -> None:
    x = pd.Series([1.0, 5.0, 1e3, 9.9e5, np.nan])
    for scale in ("linear", "log", "asinh"):
        grid = Grid(Feature("x", "numeric", lower=1, upper=1e6, scale=scale), cells=256)
        assert len(grid.upper) <= 256
        assert (np.diff(grid.upper) > 0).all()
        assert grid.histogram(x).sum() == 5


def test_money_has_cells_of_the_same_relative_width_in_every_unit() -> None:
    yuan = Grid(Feature("m", "numeric", lower=-1e5, upper=1e6, scale="asinh"))
    fen = Grid(Feature("m", "numeric", lower=-1e7, upper=1e8, scale="asinh"))
    np.testing.assert_allclose(fen.upper[:-1], 100 * yuan.upper[:-1], rtol=1e-12)
    positive = yuan.upper[(yuan.upper > 100) & np.isfinite(yuan.upper)]
    assert (np.diff(positive) / positive[:-1]).max() < 0.03


def test_an_asinh_grid_separates_zero_from_what_is_above_it() -> None:
    grid = Grid(Feature("m", "numeric", lower=-500, upper=1e6, scale="asinh"))
    counts = grid.histogram(pd.Series([0.0, 0.5, -0.5]))
    assert counts[np.flatnonzero(grid.upper == 0.0)[0]] == 1


def test_a_category_and_a_tiny_grid_are_refused() -> None:
    with pytest.raises(ValueError, match="no bounds"):
        Grid(Feature("job", "categorical"))
    with pytest.raises(ValueError, match="at least 4"):
        Grid(Feature("x", "numeric", lower=0, upper=1), cells=3)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 30), min_size=1, max_size=200), st.integers(2, 25))
def test_edges_are_the_inverted_cdf_quantiles_where_values_have_their_own_cells(
    values: list[int], fine_bins: int
) -> None:
    grid = Grid(Feature("x", "numeric", lower=0, upper=31), cells=64)
    x = pd.Series(values, dtype=float)
    cells = quantiles(grid, grid.histogram(x).tolist(), fine_bins)
    ordered = sorted(values)
    n = len(values)
    # Smallest value v with #{x <= v} >= k n / fine_bins, by definition, in whole numbers.
    expected = {
        next(v for v in ordered if fine_bins * sum(x <= v for x in values) >= k * n)
        for k in range(1, fine_bins)
    } - {max(values)}
    assert [grid.upper[cell] for cell in cells] == sorted(expected)


def test_missing_and_special_rows_do_not_move_the_edges() -> None:
    feature = Feature("x", "numeric", lower=0, upper=10, special=(-9,))
    grid = Grid(feature, cells=12)
    x = [1.0, 2.0, 3.0, 4.0]
    plain = quantiles(grid, grid.histogram(pd.Series(x)).tolist(), 4)
    noisy = quantiles(grid, grid.histogram(pd.Series([*x, None, None, -9.0])).tolist(), 4)
    assert plain == noisy == (1, 2, 3)


def test_a_feature_without_ordinary_values_has_no_edges() -> None:
    grid = Grid(Feature("x", "numeric", lower=0, upper=10), cells=12)
    assert quantiles(grid, grid.histogram(pd.Series([np.nan] * 5)).tolist(), 20) == ()


def test_counts_of_another_grid_are_refused() -> None:
    grid = Grid(Feature("x", "numeric", lower=0, upper=10), cells=12)
    with pytest.raises(ValueError, match="expected 12 counts"):
        quantiles(grid, [1, 2, 3], 4)


def test_edges_are_plain_integers_for_the_release() -> None:
    grid = Grid(Feature("x", "numeric", lower=0, upper=10), cells=12)
    cells = quantiles(grid, grid.histogram(pd.Series(np.arange(10.0))).tolist(), 5)
    assert all(type(cell) is int for cell in cells)


def test_two_grids_of_one_declaration_are_equal_and_share_no_array() -> None:
    feature = Feature("debt", "numeric", lower=0, upper=1e6, scale="asinh")
    first, second = Grid(feature), Grid(feature)
    expected = second.upper.copy()

    first.upper[:] = 0.0

    assert np.array_equal(second.upper, expected)
    assert np.array_equal(Grid(feature).upper, expected)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.one_of(st.floats(width=32), st.sampled_from([-9.0, 0.0, -0.0, 3.0])), max_size=60),
    st.sampled_from([8, 200]),
)
def test_every_row_is_counted_in_the_cell_whose_interval_holds_it(
    values: list[float], cells: int
) -> None:
    grid = Grid(Feature("x", "numeric", lower=-5, upper=100, special=(-9, 3)), cells=cells)
    upper = grid.upper.tolist()
    expected = [0] * grid.n_cells
    for value in values:  # one row after the other, by the definition of the cells
        if value != value:
            expected[len(upper)] += 1
        elif value in (-9.0, 3.0):
            expected[len(upper) + 1 + (-9.0, 3.0).index(value)] += 1
        else:
            expected[next(i for i, u in enumerate(upper) if value <= u)] += 1

    assert grid.histogram(pd.Series(values, dtype=float)).tolist() == expected


@pytest.mark.parametrize("n_edges", [0, 1, 19, 64, 65, 200])
def test_cells_between_few_and_many_edges_are_those_of_a_search(n_edges: int) -> None:
    random = np.random.default_rng(n_edges)
    edges = np.sort(random.normal(size=n_edges))
    x = np.concatenate([random.normal(size=40_000), edges, [np.inf, -np.inf, 0.0, -0.0]])

    found = numeric_codes(pd.Series([*x, np.nan, 7.0]), edges, [7.0])

    assert found[:-2].tolist() == [bisect_left(edges.tolist(), value) for value in x.tolist()]
    assert found[-2:].tolist() == [n_edges + 1, n_edges + 2]


@pytest.mark.parametrize("scale", ["linear", "asinh"])
@pytest.mark.parametrize(
    ("lower", "upper"),
    [(0.0, 5e-324), (0.0, 1e-320), (-1e-200, 1e-200), (1e9, 1e9 + 1e-3)],
    ids=str,
)
def test_bounds_that_no_grid_can_divide_are_refused_with_the_feature(
    lower: float, upper: float, scale: Any
) -> None:
    with pytest.raises(ValueError, match="feature x: the bounds are too"):
        Feature("x", "numeric", lower=lower, upper=upper, scale=scale)


@pytest.mark.parametrize("scale", ["linear", "asinh"])
@pytest.mark.parametrize("cells", [4, 65_536])
@pytest.mark.parametrize(
    ("lower", "upper"),
    [(0.0, 1e-100), (-1e-100, 0.0), (1e9, 1e9 + 0.2), (0.0, 1.7e308), (-8e307, 8e307)],
    ids=str,
)
def test_bounds_that_are_accepted_have_a_grid(
    lower: float, upper: float, cells: int, scale: Any
) -> None:
    grid = Grid(Feature("x", "numeric", lower=lower, upper=upper, scale=scale), cells=cells)

    assert len(grid.upper) <= cells + 1
    assert (np.diff(grid.upper) > 0).all()
