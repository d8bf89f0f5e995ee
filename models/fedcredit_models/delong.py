"""Is one AUC larger than the other on the same rows? DeLong's test from summed histograms.

A bad's *placement* is the share of goods that its score beats (a tie counts one half); a good's is
the share of bads that beat it. An AUC is the mean placement, and its variance follows from the
variance of the placements of bads and of goods. Both come exactly from the fine histogram of each
score. Their covariance between two scores needs both scores of a row together: it comes from the
joint histogram, whose cells are coarser. The part of the covariance that a coarse cell hides is at
most the root of the product of the two within-cell sums of squares (Cauchy and Schwarz), which the
fine histograms know; the printed bound rests on it.

References
----------
DeLong, E., DeLong, D., Clarke-Pearson, D. (1988). Comparing the areas under two or more correlated
receiver operating characteristic curves. Biometrics 44, 837-845.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fedcredit_models.joint_grid import JointGrid
from fedcredit_models.tails import normal_two_sided

Z95 = 1.959963984540054
Counts = Sequence[int] | NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class AucDifference:
    """Two AUCs on the same rows; the difference is the second minus the first.

    Attributes
    ----------
    first, second : float
        AUCs of the binned scores.
    difference_bound : float
        Largest distance of their difference to that of the unbinned scores.
    standard_error, least_error, largest_error : float
        Of the difference: of the binned scores; and between which that of the unbinned ones lies.
    """

    first: float
    second: float
    difference_bound: float
    standard_error: float
    least_error: float
    largest_error: float

    @property
    def difference(self) -> float:
        """Second minus first."""
        return self.second - self.first

    @property
    def z(self) -> float:
        """Difference over standard error; 0 when both are 0."""
        return _ratio(self.difference, self.standard_error)

    @property
    def z_range(self) -> tuple[float, float]:
        """Between which values z of the unbinned scores lies."""
        low, high = self.difference - self.difference_bound, self.difference + self.difference_bound
        corners = [
            _ratio(d, e) for d in (low, high) for e in (self.least_error, self.largest_error)
        ]
        return min(corners), max(corners)

    @property
    def p_value(self) -> float:
        """Two-sided probability of so large a difference between equal AUCs."""
        return normal_two_sided(self.z)

    @property
    def p_range(self) -> tuple[float, float]:
        """Between which values the p value of the unbinned scores lies."""
        low, high = self.z_range
        nearest = 0.0 if low <= 0.0 <= high else min(abs(low), abs(high))
        return normal_two_sided(max(abs(low), abs(high))), normal_two_sided(nearest)

    @property
    def interval(self) -> tuple[float, float]:
        """95 % interval of the difference."""
        half = Z95 * self.standard_error
        return self.difference - half, self.difference + half


def auc_difference(
    first: Mapping[str, Counts],
    second: Mapping[str, Counts],
    joint: Mapping[str, NDArray[np.int64]],
    grid: JointGrid,
    groups: tuple[NDArray[np.int64], NDArray[np.int64]] | None = None,
) -> AucDifference:
    """Compare the AUCs of two scores.

    Parameters
    ----------
    first, second : mapping
        ``bads`` and ``goods`` by cell of the score grid, from safe to risky.
    joint : mapping
        ``bads`` and ``goods`` of the joint grid, as from ``JointGrid.histogram``.
    grid : JointGrid
        Its grid.
    groups : (ndarray, ndarray) of shape (cells,), optional
        Of each score the group of every cell (`coarsening`): pairs in one group are ties. Every
        cell by itself when absent.

    Raises
    ------
    ValueError
        With fewer than two bads or two goods, or when the histograms are not of the same rows.
    """
    alone = np.arange(grid.score.cells)
    scores = [
        _Placements(part["bads"], part["goods"], grid, group)
        for part, group in zip((first, second), groups or (alone, alone), strict=True)
    ]
    together = {outcome: grid.matrix(joint[outcome]) for outcome in ("bads", "goods")}
    for axis, score in enumerate(scores):
        for outcome, matrix in together.items():
            if not np.array_equal(matrix.sum(axis=1 - axis), score.coarse[outcome].n):
                raise ValueError("the joint histogram does not count the rows of the single ones")
    if scores[0].n["bads"] < 2 or scores[0].n["goods"] < 2:
        raise ValueError("a variance of placements needs at least two bads and two goods")
    variance = low = high = 0.0
    for outcome, matrix in together.items():
        n = scores[0].n[outcome]
        one, two = (score.coarse[outcome] for score in scores)
        shared = float(one.centred @ matrix @ two.centred)
        spread = one.squares + two.squares - 2.0 * shared
        hidden = 2.0 * math.sqrt(one.within * two.within)
        rounding = math.sqrt(one.rounding) + math.sqrt(two.rounding)
        least = max(math.sqrt(max(spread - hidden, 0.0)) - rounding, 0.0)
        largest = math.sqrt(spread + hidden) + rounding
        variance += max(spread, 0.0) / (n - 1) / n
        low += least**2 / (n - 1) / n
        high += largest**2 / (n - 1) / n
    return AucDifference(
        first=scores[0].auc,
        second=scores[1].auc,
        difference_bound=scores[0].auc_bound + scores[1].auc_bound,
        standard_error=math.sqrt(variance),
        least_error=math.sqrt(low),
        largest_error=math.sqrt(high),
    )


def auc_variance(bads: Counts, goods: Counts) -> float:
    """Return DeLong's variance of one AUC, exact for the binned score."""
    b, g = (np.asarray(x, dtype=np.float64) for x in (bads, goods))
    area, of_bads, of_goods = _placed(b, g)
    n_bads, n_goods = float(b.sum()), float(g.sum())
    return float(
        b @ (of_bads - area) ** 2 / (n_bads - 1) / n_bads
        + g @ (of_goods - area) ** 2 / (n_goods - 1) / n_goods
    )


@dataclass(frozen=True)
class _Coarse:
    """Placements of one outcome's rows, by cell of the joint grid.

    ``n`` rows; ``centred`` mean placement less the AUC; ``squares`` sum of squared deviations of
    all rows, ``within`` its part inside the cells; ``rounding`` the sum over rows of the squared
    distance that the fine grid can put between a placement and that of the unbinned score.
    """

    n: NDArray[np.int64]
    centred: Floats
    squares: float
    within: float
    rounding: float


class _Placements:
    """One score's AUC, and its placements by outcome."""

    def __init__(
        self, bads: Counts, goods: Counts, grid: JointGrid, group: NDArray[np.int64]
    ) -> None:
        b, g = (np.asarray(x, dtype=np.float64) for x in (bads, goods))
        tied_b, tied_g = (np.bincount(group, weights=x).astype(np.float64) for x in (b, g))
        if b.sum() == 0 or g.sum() == 0:
            raise ValueError("a figure of discrimination needs at least one bad and one good")
        self.n = {"bads": int(b.sum()), "goods": int(g.sum())}
        self.auc, of_bads, of_goods = _placed(tied_b, tied_g)
        self.auc_bound = float(tied_b @ tied_g) / (2 * b.sum() * g.sum())
        half_b, half_g = tied_b[group] / (2 * b.sum()), tied_g[group] / (2 * g.sum())
        cell = grid.of_fine(np.arange(grid.score.cells))
        self.coarse = {
            "bads": _coarse(b, of_bads[group] - self.auc, half_g, cell, grid.cells),
            "goods": _coarse(g, of_goods[group] - self.auc, half_b, cell, grid.cells),
        }


def _placed(b: Floats, g: Floats) -> tuple[float, Floats, Floats]:
    """Return the AUC, and the placement of a bad and of a good of each cell."""
    of_bads = (np.cumsum(g) - g / 2) / g.sum()
    of_goods = 1.0 - (np.cumsum(b) - b / 2) / b.sum()
    return float(b @ of_bads / b.sum()), of_bads, of_goods


def _coarse(
    n: Floats, deviation: Floats, half_cell: Floats, cell: NDArray[np.int64], cells: int
) -> _Coarse:
    rows = np.bincount(cell, weights=n, minlength=cells)
    sums = np.bincount(cell, weights=n * deviation, minlength=cells)
    mean = np.divide(sums, rows, out=np.zeros(cells), where=rows > 0)
    squares = float(n @ deviation**2)
    return _Coarse(
        n=np.rint(rows).astype(np.int64),
        centred=mean,
        squares=squares,
        within=max(squares - float(rows @ mean**2), 0.0),
        rounding=float(n @ half_cell**2),
    )


def _ratio(difference: float, error: float) -> float:
    if error > 0.0:
        return difference / error
    return 0.0 if difference == 0.0 else math.copysign(math.inf, difference)
