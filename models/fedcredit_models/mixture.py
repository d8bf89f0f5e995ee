"""How much of the joint score and how much of its own a party should believe.

The mixture is one of log odds, ``w joint + (1 - w) local``. Each `w` of a fixed grid is judged by
the log loss of the party's training rows: the local score of a row comes from a fit that did not
see it, the mixture is calibrated on other rows than those it is judged on, and the joint score,
which did see all of them, is charged for that (`optimism`).

The weight taken is the mean of the grid under the posterior that these rows give, starting from a
flat prior: ``exp(-log loss)`` is a likelihood. Many rows that speak clearly leave one grid point
standing; few rows leave the prior, which believes both halves. So a party neither throws its own
model away on the word of twelve bads, nor the federation's.

References
----------
Yang, Y. (2004). Combining forecasting procedures: some theoretical results. Econometric Theory 20,
176-222 (weights by exponentiated cumulative loss). Wolpert, D. (1992). Stacked generalization.
Neural Networks 5, 241-259.
"""

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import StratifiedKFold

from fedcredit_models.drawn_regression import log_losses
from fedcredit_models.personal_calibration import calibrate

GRID: tuple[float, ...] = tuple(i / 10 for i in range(11))
"""Weights of the joint score that are tried."""

FOLDS = 5
REPEATS = 3
"""Rows are cut into `FOLDS` parts, `REPEATS` times."""

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def folds(y: Ints, seed: int) -> list[tuple[Ints, Ints]]:
    """Return (rest, fold) as row numbers; each fold has its share of bads and goods."""
    cut = StratifiedKFold(FOLDS, shuffle=True, random_state=seed)
    return [(rest, fold) for rest, fold in cut.split(np.zeros((len(y), 1)), y)]


def losses(joint: Floats, local: Floats, y: Ints, *, seed: int = 0) -> Floats:
    """Return the cross-fitted log loss of each weight of the grid, summed over rows.

    Parameters
    ----------
    joint, local : ndarray of shape (n_rows,)
        Log odds; those of `local` from fits that did not see the row.
    y : ndarray of shape (n_rows,)
        1 = bad; at least `FOLDS` of either.
    seed : int, default 0
        Of the cuts; the calibration of each mixture is fitted outside the fold.

    Returns
    -------
    ndarray of shape (len(GRID),)
    """
    found = np.zeros(len(GRID))
    for repeat in range(REPEATS):
        for rest, fold in folds(y, seed + repeat):
            for place, weight in enumerate(GRID):
                eta = weight * joint + (1.0 - weight) * local
                own = calibrate(eta[rest], y[rest]).apply(eta[fold])
                found[place] += float(log_losses(own, y[fold]).sum()) / REPEATS
    return found


def optimism(unseen: float, seen: float, rows: int, joint_rows: int | None) -> float:
    """Return by how much the joint model's log loss flatters it on rows that it was trained on.

    The party can measure it on its own model, of the same settings: `unseen` log loss by
    cross-fitting, `seen` on its training rows. A model trained on m times as many rows flatters
    itself m times less per row (as Akaike's p / n does), so the joint model's share is that
    difference divided by ``joint_rows / rows``.

    Parameters
    ----------
    unseen, seen : float
        Log loss of the local model, summed over the party's rows.
    rows : int
        The party's.
    joint_rows : int or None
        All training rows of the joint model; None when it does not say: then the whole difference
        is charged.

    References
    ----------
    Efron, B. (2004). The estimation of prediction error: covariance penalties and
    cross-validation. JASA 99, 619-632.
    """
    share = 1.0 if joint_rows is None else min(rows / joint_rows, 1.0)
    return max(unseen - seen, 0.0) * share


def weight_of(losses: Floats, charge: float) -> float:
    """Return the weight of the joint score: the posterior mean over the grid.

    Parameters
    ----------
    losses : ndarray of shape (len(GRID),)
        As from `losses`.
    charge : float
        The joint model's optimism; a mixture bears its share of it.
    """
    grid = np.array(GRID)
    loss = losses + grid * charge
    likelihood = np.exp(loss.min() - loss)
    return float(grid @ likelihood / likelihood.sum())
