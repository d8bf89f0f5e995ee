"""DeLong's test from histograms is the test from all pairs of rows, within its printed bound."""

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats
from sklearn.metrics import roc_auc_score

from fedcredit_models.delong import AucDifference, auc_difference, auc_variance
from fedcredit_models.joint_grid import JointGrid, n_moved
from fedcredit_models.metrics import ScoreGrid, score_sums
from tests.models.paired_scores import Floats, by_pairs, rows


def from_sums(
    first: Floats, second: Floats, y: NDArray[np.int64], grid: JointGrid
) -> AucDifference:
    return auc_difference(
        score_sums(first, y, grid.score),  # type: ignore[arg-type]
        score_sums(second, y, grid.score),  # type: ignore[arg-type]
        grid.histogram(first, second, y),
        grid,
    )


@pytest.mark.parametrize("seed", range(4))
def test_the_test_from_histograms_is_that_from_pairs_within_its_bound(seed: int) -> None:
    first, second, y = rows(seed)
    found = from_sums(first, second, y, JointGrid(ScoreGrid()))
    difference, error = by_pairs(first, second, y)
    assert difference == pytest.approx(roc_auc_score(y, second) - roc_auc_score(y, first))
    assert abs(found.difference - difference) <= found.difference_bound
    assert found.least_error <= error <= found.largest_error
    low, high = found.z_range
    assert low <= difference / error <= high
    p_low, p_high = found.p_range
    assert p_low <= 2 * stats.norm.sf(abs(difference / error)) <= p_high
    # and the bound is worth printing
    assert found.standard_error == pytest.approx(error, rel=0.005)
    assert found.largest_error / found.least_error < 1.05


@pytest.mark.parametrize("seed", range(2))
def test_scores_that_lie_on_the_joint_grid_have_the_exact_variance(seed: int) -> None:
    first, second, y = rows(seed, n=600)
    grid = JointGrid(ScoreGrid(cells=128), cells=64)  # the joint cells are the score cells
    first, second = (
        grid.score.middle[grid.score.cell_of(np.clip(x, -8.9, 2.9))] for x in (first, second)
    )
    found = from_sums(first, second, y, grid)
    difference, error = by_pairs(first, second, y)
    assert found.difference == pytest.approx(difference, abs=1e-12)
    assert found.standard_error == pytest.approx(error, rel=1e-9)
    assert found.p_value == pytest.approx(2 * stats.norm.sf(abs(difference / error)), rel=1e-6)


def test_the_interval_is_1_96_errors_to_each_side() -> None:
    found = AucDifference(0.70, 0.75, 0.0, 0.02, 0.02, 0.02)
    assert found.interval == (pytest.approx(0.05 - 0.0392, abs=1e-5), pytest.approx(0.0892, 1e-3))
    assert found.z == pytest.approx(2.5)


def test_the_variance_of_one_auc_is_that_of_its_placements() -> None:
    first, _, y = rows(3, n=500)
    grid = ScoreGrid(cells=1024)
    binned = grid.middle[grid.cell_of(first)]
    bad, good = binned[y == 1][:, None], binned[y == 0][None, :]
    kernel = (bad > good) + 0.5 * (bad == good)
    expected = np.var(kernel.mean(axis=1), ddof=1) / len(bad)
    expected += np.var(kernel.mean(axis=0), ddof=1) / good.shape[1]
    sums = score_sums(first, y, grid)
    assert auc_variance(sums["bads"], sums["goods"]) == pytest.approx(expected)  # type: ignore[arg-type]


def test_a_score_against_itself_differs_by_nothing() -> None:
    first, _, y = rows(0)
    found = from_sums(first, first, y, JointGrid(ScoreGrid()))
    assert (found.difference, found.z, found.p_value) == (0.0, 0.0, 1.0)


def test_histograms_of_other_rows_are_refused() -> None:
    first, second, y = rows(0, n=200)
    grid = JointGrid(ScoreGrid())
    with pytest.raises(ValueError, match="does not count the rows"):
        auc_difference(
            score_sums(first, y, grid.score),  # type: ignore[arg-type]
            score_sums(second, y, grid.score),  # type: ignore[arg-type]
            grid.histogram(first[:150], second[:150], y[:150]),
            grid,
        )


def test_one_bad_has_no_variance() -> None:
    grid = JointGrid(ScoreGrid())
    y = np.array([1, 0, 0])
    eta = np.array([0.0, -1.0, -2.0])
    with pytest.raises(ValueError, match="two bads"):
        from_sums(eta, eta, y, grid)


def test_another_scale_of_the_same_order_moves_nobody() -> None:
    first, second, y = rows(1)
    grid = JointGrid(ScoreGrid())
    same = grid.histogram(first, first + 0.05, y)
    assert n_moved({k: grid.matrix(v) for k, v in same.items()}, grid) == 0
    moved = first.copy()
    moved[:7] += 2.0
    few = grid.histogram(first, moved, y)
    assert n_moved({k: grid.matrix(v) for k, v in few.items()}, grid) == 7
    other = grid.histogram(first, second, y)
    assert n_moved({k: grid.matrix(v) for k, v in other.items()}, grid) > 700


@pytest.mark.parametrize("cells", [100, 4096 * 4])
def test_a_joint_grid_that_does_not_nest_is_refused(cells: int) -> None:
    with pytest.raises(ValueError, match="multiple"):
        JointGrid(ScoreGrid(), cells=cells)


def test_every_multiple_of_the_lattice_is_an_edge_of_the_joint_grid() -> None:
    grid = JointGrid(ScoreGrid())
    inner = [cut for cut in grid.score.lattice(128) if -9 < grid.score.edge(cut) < 3]
    found = [grid.cut(cut) for cut in inner]
    assert found == list(range(2, 128, 2))
    assert grid.cut(inner[0] + 1) is None
    assert grid.cut(grid.score.lattice(128)[2]) is None  # eta -11.6: beyond the joint grid
