"""Rows stand at the medians of groups that pass; order is kept, and bounds hold."""

import numpy as np
import pytest
from sklearn.metrics import brier_score_loss, roc_auc_score

from fedcredit_models import metrics
from fedcredit_models.cell_rules import CellRules
from fedcredit_models.coarsening import LEAST_PLACES, Coarsened, coarsen
from fedcredit_models.score_bands import ScoreGrid, ScoreHistogram


def coarsened(
    eta: np.ndarray, y: np.ndarray, grid: ScoreGrid, rules: CellRules
) -> tuple[Coarsened, ScoreHistogram]:
    sums = metrics.score_sums(eta, y, grid)
    histogram = ScoreHistogram(sums["bads"], sums["goods"], grid, rules)  # type: ignore[arg-type]
    return coarsen(histogram, histogram.nested_cells()[1], grid, rules.min_subjects), histogram


def rows(seed: int, n: int = 3000) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    eta = rng.normal(-1.5, 1.2, n)
    return eta, (rng.random(n) < 1 / (1 + np.exp(-eta))).astype(int)


def test_two_groups_by_hand() -> None:
    grid = ScoreGrid(cells=128)  # cells of 0.1875
    eta = np.repeat([-3.0, -2.6, -1.0, 1.0, 2.0], [2, 3, 1, 2, 1])
    y = np.array([1, 0, 1, 0, 0, 0, 1, 0, 1])
    found, _ = coarsened(eta, y, grid, CellRules(3, 1, 1))
    # From the risky end: 2.0 and the two at 1.0 are the first three with a bad and a good. Of the
    # six others -1.0 and the three at -2.6 would pass, but the two that are left do not.
    assert (found.bads.tolist(), found.goods.tolist()) == ([2, 2], [4, 1])
    stand = {int(c): int(found.n[c]) for c in np.flatnonzero(found.n)}
    assert stand == {int((-2.6 + 12) / 0.1875): 6, int((1.0 + 12) / 0.1875): 3}  # the medians


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("n", [280, 3000])
def test_places_are_large_groups_are_places_or_pass_and_nobody_is_lost(seed: int, n: int) -> None:
    eta, y = rows(seed, n)
    rules = CellRules(10, 10, 10)
    found, _ = coarsened(eta, y, ScoreGrid(), rules)
    assert (found.bads.sum(), found.goods.sum()) == (y.sum(), n - y.sum())
    assert found.n.sum() == n
    assert found.n[found.n > 0].min() >= 10
    assert len(found.bads) == found.group.max() + 1
    if n == 280:  # fewer than thirty places of ten rows
        cells = zip(found.bads, found.goods, strict=True)
        assert all(rules.broken(*cell) is None for cell in cells)
    else:
        assert len(found.bads) == np.count_nonzero(found.n) >= LEAST_PLACES


def test_one_place_with_most_rows_does_not_hide_behind_many_small_ones() -> None:
    rng = np.random.default_rng(0)
    eta = np.concatenate([np.full(1000, -2.0), rng.normal(1.0, 1.0, 900)])
    y = (rng.random(1900) < 0.3).astype(int)
    found, _ = coarsened(eta, y, ScoreGrid(), CellRules(10, 10, 10))
    assert np.count_nonzero(found.n) >= LEAST_PLACES
    assert found.bads.min() >= 10 and found.goods.min() >= 10


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("n", [600, 3000])
def test_figures_of_the_groups_are_those_of_the_rows_within_their_bounds(seed: int, n: int) -> None:
    eta, y = rows(seed, n)
    found, _ = coarsened(eta, y, ScoreGrid(), CellRules(10, 10, 10))
    p = 1 / (1 + np.exp(-eta))
    bads, goods = found.bads.tolist(), found.goods.tolist()
    apart = abs(metrics.auc(bads, goods) - roc_auc_score(y, eta))
    assert apart <= metrics.auc_bound(bads, goods)
    assert apart < 2 / n**0.75
    mean_p_bound, brier_bound = found.bounds()
    sums = found.sums()
    mean_apart = abs(sums["sum_p"] / n - p.mean())
    assert mean_apart <= mean_p_bound < 12 / n
    assert mean_apart < 2 / n
    brier = metrics.brier(sum_p2=sums["sum_p2"], sum_py=sums["sum_py"], n_bads=int(y.sum()), n=n)
    brier_apart = abs(brier - brier_score_loss(y, p))
    assert brier_apart <= brier_bound < 0.2
    assert brier_apart < 5 / n


def test_a_single_row_moves_no_median_and_no_figure() -> None:
    grid, rules = ScoreGrid(), CellRules(10, 10, 10)
    y = np.tile([0, 1, 0], 100)
    figures = set()
    for far in (-6.0, -1.0, 0.0, 5.0):
        eta = np.full(300, -1.0)
        eta[7] = far
        found, _ = coarsened(eta, y, grid, rules)
        sums = found.sums()
        figures.add((metrics.auc(found.bads.tolist(), found.goods.tolist()), *sums.values()))
    assert len(figures) == 1


def test_groups_do_not_cross_the_cells_that_are_counted() -> None:
    eta, y = rows(1)
    found, histogram = coarsened(eta, y, ScoreGrid(), CellRules(10, 10, 10))
    for start, stop in histogram.nested_cells()[1]:
        assert found.n[start:stop].sum() == histogram.n(start, stop)
        assert start == 0 or found.group[start] == found.group[start - 1] + 1
