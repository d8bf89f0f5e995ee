"""Is one AUC larger than the other, on rows that one party holds? DeLong's test on raw scores.

`delong` does the same from the summed histograms of several parties; here the rows lie in one
place, and the figures are exact.

References
----------
DeLong, E., DeLong, D., Clarke-Pearson, D. (1988). Comparing the areas under two or more correlated
receiver operating characteristic curves. Biometrics 44, 837-845. Sun, X., Xu, W. (2014). Fast
implementation of DeLong's algorithm. IEEE Signal Processing Letters 21, 1389-1393.
"""

import math

import numpy as np
from numpy.typing import NDArray

from fedcredit_models.delong import Z95, AucDifference

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def auc(score: Floats, y: Ints) -> float:
    """Return the AUC: how often a bad scores above a good, a tie counting one half."""
    return float(_placements(score, y)[0].mean())


def interval(score: Floats, y: Ints) -> tuple[float, float]:
    """Return the 95 % interval of one AUC, within 0 and 1.

    Raises
    ------
    ValueError
        With fewer than two bads or goods.
    """
    of_bads, of_goods = _placements(score, y)
    half = Z95 * _error(of_bads, of_goods)
    area = float(of_bads.mean())
    return max(area - half, 0.0), min(area + half, 1.0)


def compare(first: Floats, second: Floats, y: Ints) -> AucDifference:
    """Compare two scores of the same rows; the difference is the second minus the first.

    Parameters
    ----------
    first, second : ndarray of shape (n_rows,)
        Higher is worse.
    y : ndarray of shape (n_rows,)
        1 = bad.

    Raises
    ------
    ValueError
        With fewer than two bads or goods.
    """
    one, two = _placements(first, y), _placements(second, y)
    error = _error(two[0] - one[0], two[1] - one[1])
    return AucDifference(
        first=float(one[0].mean()),
        second=float(two[0].mean()),
        difference_bound=0.0,
        standard_error=error,
        least_error=error,
        largest_error=error,
    )


def _error(of_bads: Floats, of_goods: Floats) -> float:
    if min(len(of_bads), len(of_goods)) < 2:
        raise ValueError("a variance of placements needs at least two bads and two goods")
    return math.sqrt(
        float(of_bads.var(ddof=1)) / len(of_bads) + float(of_goods.var(ddof=1)) / len(of_goods)
    )


def _placements(score: Floats, y: Ints) -> tuple[Floats, Floats]:
    """Return for each bad the share of goods below it, for each good that of bads above it."""
    bads, goods = np.sort(score[y == 1]), np.sort(score[y == 0])
    if not len(bads) or not len(goods):
        raise ValueError("a figure of discrimination needs at least one bad and one good")
    return _below(goods, score[y == 1]), 1.0 - _below(bads, score[y == 0])


def _below(among: Floats, values: Floats) -> Floats:
    """Return the share of sorted `among` below each value; an equal one counts one half."""
    low, high = (np.searchsorted(among, values, side) for side in ("left", "right"))
    return np.asarray((low + high) / (2 * len(among)))
