"""Logistic regression whose coefficients are drawn towards given ones.

One party has few rows, and knows a good answer: the coefficients of the joint model. It minimises
its own log loss plus ``sum_j precision_j (b_j - centre_j)**2 / 2``, which is the mode of the
posterior under normal priors around the centres: with no rows the answer is the centre, with many
it is what the rows say.
"""

import numpy as np
from numpy.typing import NDArray

from fedcredit_models.errors import NotConvergedError
from fedcredit_models.logistic import probability

MOST_STEPS = 100
TOLERANCE = 1e-10

Floats = NDArray[np.float64]


def draw(
    X: Floats,
    y: NDArray[np.int64],
    centre: Floats,
    precision: Floats,
    *,
    offset: Floats | None = None,
) -> Floats:
    """Return the coefficients at the minimum.

    Parameters
    ----------
    X : ndarray of shape (n_rows, p)
        With a column of ones where there is an intercept.
    y : ndarray of shape (n_rows,)
        1 = bad.
    centre, precision : ndarray of shape (p,)
        Where each coefficient is drawn to, and how strongly: one over the prior's variance, above
        zero.
    offset : ndarray of shape (n_rows,), optional
        Log odds that every row brings; 0 when absent.

    Raises
    ------
    ValueError
        For a precision that is not above zero.
    NotConvergedError
        When the steps do not settle, which finite rows do not bring about.

    Notes
    -----
    Newton's method; a step that does not lower the objective is halved. The objective is strictly
    convex, so there is one minimum and the steps find it.
    """
    if not (precision > 0).all():
        raise ValueError("every precision is above zero")
    base = np.zeros(len(X)) if offset is None else offset
    beta = centre.astype(np.float64).copy()
    best = _objective(X, y, base, beta, centre, precision)
    for _ in range(MOST_STEPS):
        p = probability(base + X @ beta)
        gradient = X.T @ (y - p) - precision * (beta - centre)
        hessian = X.T @ (X * (p * (1.0 - p))[:, None]) + np.diag(precision)
        step = np.linalg.solve(hessian, gradient)
        if bool((np.abs(step) <= TOLERANCE * (1.0 + np.abs(beta))).all()):
            return beta
        found = _objective(X, y, base, beta + step, centre, precision)
        while found > best + 1e-12 * abs(best):
            step /= 2.0
            found = _objective(X, y, base, beta + step, centre, precision)
        beta, best = beta + step, found
    raise NotConvergedError("the coefficients of a party's own regression do not settle")


def log_losses(eta: Floats, y: NDArray[np.int64]) -> Floats:
    """Return each row's log loss: ``ln(1 + exp(eta)) - y eta``."""
    return np.asarray(np.logaddexp(0.0, eta) - y * eta)


def _objective(
    X: Floats, y: NDArray[np.int64], base: Floats, beta: Floats, centre: Floats, precision: Floats
) -> float:
    prior = float(precision @ (beta - centre) ** 2) / 2.0
    return float(log_losses(base + X @ beta, y).sum()) + prior
