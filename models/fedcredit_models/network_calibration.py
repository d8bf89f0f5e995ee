"""Calibrate a score: the intercept and slope with which its log odds fit what happened.

Weights on bads and the focal loss make a network rank well and price badly. Two numbers put that
right (Platt scaling): a logistic regression of the label on the score, found by Newton's method
from one histogram of the score.

References
----------
Platt, J. (1999). Probabilistic outputs for support vector machines. Advances in Large Margin
Classifiers.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from fedcredit_models.errors import NotConvergedError
from fedcredit_models.logistic import NewtonRules, NewtonSums, newton_step, probability
from fedcredit_models.score_bands import ScoreGrid

RULES = NewtonRules(l2=0.0, signs=False, tolerance=1e-9, max_rounds=50, limit=50.0)


def platt(bads: Sequence[int], goods: Sequence[int], grid: ScoreGrid) -> tuple[float, float]:
    """Return intercept and slope of the label's log odds on the score.

    Parameters
    ----------
    bads, goods : sequence of int of length ``grid.cells``
        Summed histograms of the score.
    grid : ScoreGrid
        Every row counts at the middle of its cell.

    Raises
    ------
    NotConvergedError
        When the score separates goods from bads, or does not rank bads above goods.

    Disclosure
    ----------
    The two numbers are released. The histogram is not.
    """
    b, g = np.array(bads, dtype=np.float64), np.array(goods, dtype=np.float64)
    rows = np.column_stack([np.ones(grid.cells), grid.middle])
    n = int(b.sum() + g.sum())
    beta = np.zeros(2)
    for _ in range(RULES.max_rounds):
        found = newton_step(_sums(rows, b, g, beta), beta, RULES, n)
        if found.outcome == "diverged":
            break
        beta = found.beta_new
        if found.outcome == "converged":
            if beta[1] <= 0:
                raise NotConvergedError("the score does not rank bads above goods")
            return float(beta[0]), float(beta[1])
    raise NotConvergedError("the score has no calibration: it separates goods from bads")


def _sums(
    rows: NDArray[np.float64],
    bads: NDArray[np.float64],
    goods: NDArray[np.float64],
    beta: NDArray[np.float64],
) -> NewtonSums:
    """Return Newton's sums of a histogram, as `logistic.newton_sums` of its rows."""
    eta, n = rows @ beta, bads + goods
    p = probability(eta)
    w = p * (1.0 - p)
    hessian = rows.T @ (rows * (n * w)[:, None])
    return NewtonSums(
        gradient=rows.T @ (bads - n * p),
        hessian_upper=hessian[np.triu_indices(2)],
        log_loss=float((n * np.logaddexp(0.0, eta) - bads * eta).sum()),
        weight_square=float((n * w * w).sum()),
    )
