"""Sums over blocks of rows are those of all rows at once, however the rows are cut."""

import math

import numpy as np
import pandas as pd
import pytest

from fedcredit_models.binning import BinningRules, BinTable, count, merge, totals
from fedcredit_models.cells import RawCells
from fedcredit_models.feature import Feature
from fedcredit_models.grid import Grid
from fedcredit_models.logistic import NewtonSums, newton_sums, rows_carry_weight
from fedcredit_models.streaming import RUN, BinCounts, GridHistograms, NewtonFold, fold

FEATURES = (
    Feature("age", "numeric", lower=18, upper=100),
    Feature("debt", "numeric", lower=0, upper=1e6, scale="asinh", special=(-1,)),
    Feature("home", "categorical", levels=("own", "rent")),
)
RAW = (
    RawCells(FEATURES[0], (25.0, 40.0, 60.0)),
    RawCells(FEATURES[1], (1e3,)),
    RawCells(FEATURES[2]),
)
BETA = np.array([-1.5, -0.8, -1.2, -0.4])
N = 2 * RUN + 1234
SIZES = [N, 1000, RUN, 5 * RUN, 77_777, 4_001]


@pytest.fixture(name="frame", scope="module")
def frame_fixture() -> pd.DataFrame:
    random = np.random.default_rng(7)
    debt = np.exp(random.normal(7, 2, N)).clip(0, 1e6)
    debt[random.random(N) < 0.1] = np.nan
    debt[random.random(N) < 0.1] = -1.0
    age = random.integers(18, 101, N).astype(float)
    return pd.DataFrame(
        {
            "age": age,
            "debt": debt,
            "home": random.choice(["own", "rent", "tent"], N),
            "bad": (random.random(N) < 0.5 - age / 250).astype(int),
        }
    )


@pytest.fixture(name="tables", scope="module")
def tables_fixture(frame: pd.DataFrame) -> list[BinTable]:
    found = []
    for raw in RAW:
        bads, goods = (c.tolist() for c in count(raw, frame[raw.feature.name], _y(frame)))
        assignment = merge(raw, bads, goods, BinningRules())
        found.append(BinTable(raw, assignment, totals(assignment, bads), totals(assignment, goods)))
    return found


def _y(frame: pd.DataFrame) -> np.ndarray:
    return frame["bad"].to_numpy().astype(np.int64)


def cut(frame: pd.DataFrame, size: int) -> list[pd.DataFrame]:
    return [frame.iloc[start : start + size] for start in range(0, len(frame), size)]


def flat(sums: NewtonSums) -> list[float]:
    return [*sums.gradient, *sums.hessian_upper, sums.log_loss, sums.weight_square]


@pytest.mark.parametrize("size", SIZES)
def test_counts_over_blocks_are_those_of_a_cross_table(frame: pd.DataFrame, size: int) -> None:
    grids = {0: Grid(FEATURES[0]), 1: Grid(FEATURES[1])}
    histograms, bins = GridHistograms(grids), BinCounts(RAW, "bad")

    fold(cut(frame, size), histograms, bins)

    ages = frame["age"].value_counts()
    found = histograms.counts[0][: len(grids[0].upper)]
    held = {u: n for u, n in zip(grids[0].upper.tolist(), found.tolist(), strict=True) if n}
    assert held == {age: n for age, n in ages.items() if age < 100} | {math.inf: ages[100.0]}
    assert histograms.counts[1][-2:].tolist() == [
        frame["debt"].isna().sum(),
        (frame["debt"] == -1).sum(),
    ]
    bands = pd.cut(frame["age"], [0, 25, 40, 60, 200])
    table = pd.crosstab(bands, frame["bad"])
    assert bins.goods[0].tolist() == [*table[0], 0]
    assert bins.bads[0].tolist() == [*table[1], 0]
    homes = pd.crosstab(frame["home"], frame["bad"])
    assert bins.bads[2].tolist() == [*homes[1], 0]


def test_newton_sums_do_not_depend_on_the_blocks_to_the_last_bit(
    frame: pd.DataFrame, tables: list[BinTable]
) -> None:
    found = []
    for size in SIZES:
        newton = NewtonFold(tables, "bad", BETA)
        fold(cut(frame, size), newton)
        found.append(flat(newton.sums))

    assert all(sums == found[0] for sums in found)


def test_newton_sums_are_those_of_exact_addition(
    frame: pd.DataFrame, tables: list[BinTable]
) -> None:
    newton = NewtonFold(tables, "bad", BETA)
    fold(cut(frame, 10_000), newton)

    # One row after the other, each sum rounded once (math.fsum).
    rows = np.column_stack(
        [np.ones(N), *(table.transform(frame[table.raw.feature.name]) for table in tables)]
    )
    eta = rows @ BETA
    p = 1 / (1 + np.exp(-eta))
    gradient = [math.fsum(column) for column in (rows * (_y(frame) - p)[:, None]).T]
    square = math.fsum((p * (1 - p)) ** 2)
    loss = math.fsum(np.log1p(np.exp(eta)) - _y(frame) * eta)
    np.testing.assert_allclose(newton.sums.gradient, gradient, rtol=0, atol=1e-10 * N)
    np.testing.assert_allclose(newton.sums.weight_square, square, rtol=1e-13)
    np.testing.assert_allclose(newton.sums.log_loss, loss, rtol=1e-13)
    whole = (rows * (p * (1 - p))[:, None]).T @ rows
    np.testing.assert_allclose(newton.sums.hessian, whole, rtol=1e-12, atol=1e-9)
    assert newton.n == N


def test_many_small_addends_are_not_lost_beside_a_large_sum() -> None:
    table = BinTable(RawCells(FEATURES[0], (40.0,)), (0, 1, -1), (1, 2), (2, 1))
    block = pd.DataFrame({"age": np.full(RUN, 30.0), "bad": np.zeros(RUN, dtype=int)})
    newton = NewtonFold([table], "bad", np.array([0.0, 0.0]))

    fold([block] * 100, newton)

    assert newton.sums.gradient[0] == -0.5 * 100 * RUN  # p = 1/2 at the origin
    assert newton.sums.weight_square == 100 * RUN / 16


@pytest.mark.parametrize("slope", [-0.5, -60.0])
def test_a_steep_point_is_noticed_over_blocks_as_over_all_rows(slope: float) -> None:
    ages = np.concatenate([np.full(30, 30.0), np.full(970, 70.0)])
    frame = pd.DataFrame({"age": ages, "bad": np.zeros(1000, dtype=int)})
    table = BinTable(RawCells(FEATURES[0], (40.0,)), (0, 1, -1), (1, 500), (500, 1))
    woe = table.transform(frame["age"])
    beta = np.array([-slope * float(woe[0]), slope])  # the 30 rows sit at even odds
    p = 1 / (1 + np.exp(-(beta[0] + woe * slope)))

    newton = NewtonFold([table], "bad", beta)
    fold(cut(frame, 64), newton)

    assert newton.rows_carry_weight == rows_carry_weight(p * (1 - p)) == (slope == -0.5)


def test_no_rows_add_nothing() -> None:
    table = BinTable(RawCells(FEATURES[0], (40.0,)), (0, 1, -1), (1, 2), (2, 1))
    newton = NewtonFold([table], "bad", np.array([0.0, 0.0]))

    fold([], newton)

    assert flat(newton.sums) == [0.0] * 7
    assert newton.n == 0 and newton.rows_carry_weight
    empty = newton_sums(np.empty((0, 1)), np.empty(0, dtype=np.int64), np.zeros(2))
    assert flat(empty) == flat(newton.sums)
