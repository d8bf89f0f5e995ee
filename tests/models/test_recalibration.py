"""Calibration slope and intercept are statsmodels' on the rows, within the printed bound."""

import numpy as np
import pytest
import statsmodels.api as sm

from fedcredit_models.metrics import ScoreGrid, score_sums
from fedcredit_models.recalibration import recalibrate


@pytest.mark.parametrize(("seed", "true"), [(0, (0.0, 1.0)), (1, (-0.4, 0.6)), (2, (0.3, 1.5))])
@pytest.mark.parametrize("cells", [8192, 512])
def test_the_estimates_are_those_of_statsmodels(
    seed: int, true: tuple[float, float], cells: int
) -> None:
    rng = np.random.default_rng(seed)
    eta = rng.normal(-1.5, 1.3, 5000)
    y = (rng.random(5000) < 1 / (1 + np.exp(-true[0] - true[1] * eta))).astype(np.int64)
    grid = ScoreGrid(cells=cells)
    sums = score_sums(eta, y, grid)
    found = recalibrate(
        np.asarray(sums["bads"]), np.asarray(sums["goods"]), grid.middle, np.full(cells, 12 / cells)
    )
    assert found is not None
    exact = sm.Logit(y, sm.add_constant(eta)).fit(disp=0, tol=1e-12)
    assert abs(found.intercept - exact.params[0]) <= found.intercept_bound
    assert abs(found.slope - exact.params[1]) <= found.slope_bound
    assert found.intercept_bound < 120 / cells
    assert [found.intercept_error, found.slope_error] == pytest.approx(exact.bse.tolist(), rel=5e-3)


def test_binned_scores_have_the_estimates_of_the_middles() -> None:
    grid = ScoreGrid(cells=64)
    bads, goods = np.zeros(64, dtype=int), np.zeros(64, dtype=int)
    bads[20:40:4], goods[20:40:4] = [3, 6, 9, 20, 30], [97, 94, 80, 60, 30]
    found = recalibrate(bads, goods, grid.middle, np.zeros(64))
    counts = np.column_stack([bads, goods])[20:40:4]
    design = sm.add_constant(grid.middle[20:40:4])
    exact = sm.GLM(counts, design, family=sm.families.Binomial()).fit(tol=1e-14)
    assert found is not None
    assert [found.intercept, found.slope] == pytest.approx(exact.params.tolist(), rel=1e-8)
    assert [found.intercept_error, found.slope_error] == pytest.approx(exact.bse.tolist(), 1e-6)


@pytest.mark.parametrize(
    ("bads", "goods"),
    [({30: 20}, {20: 20}), ({30: 20}, {30: 20}), ({}, {20: 5, 30: 5}), ({20: 5}, {})],
    ids=["separated", "one cell", "no bads", "no goods"],
)
def test_where_there_is_no_optimum_there_is_no_estimate(
    bads: dict[int, int], goods: dict[int, int]
) -> None:
    b, g = (np.array([part.get(cell, 0) for cell in range(64)]) for part in (bads, goods))
    assert recalibrate(b, g, ScoreGrid(cells=64).middle, np.zeros(64)) is None
