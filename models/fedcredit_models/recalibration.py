"""Calibration slope and intercept: the logistic regression of the outcome on the model's log odds.

A calibrated model has intercept 0 and slope 1; a slope below 1 says that its probabilities are too
extreme (overfitting), above 1 too timid. The two numbers follow from counts by cell of the score:
Newton's method runs on the cells, so that no round of the federation is needed. What the width of a
cell can change is printed beside each estimate.

References
----------
Cox, D. (1958). Two further applications of a model for binary regression. Biometrika 45, 562-565.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fedcredit_models.logistic import probability

MOST_STEPS = 50
TOLERANCE = 1e-12
LIMIT = 100.0
"""An estimate beyond it means that the score separates bads from goods: there is no estimate."""


@dataclass(frozen=True)
class Recalibration:
    """Estimates, standard errors, and largest distances to those of the rows themselves.

    Attributes
    ----------
    intercept, slope : float
    intercept_error, slope_error : float
        Wald standard errors.
    intercept_bound, slope_bound : float
        What moving every row as far as it may lie from its cell's log odds, each in the worse
        direction, can change; first order.
    """

    intercept: float
    slope: float
    intercept_error: float
    slope_error: float
    intercept_bound: float
    slope_bound: float


def recalibrate(
    bads: NDArray[np.int64],
    goods: NDArray[np.int64],
    eta: NDArray[np.float64],
    apart: NDArray[np.float64],
) -> Recalibration | None:
    """Fit the two numbers on counts by log odds.

    Parameters
    ----------
    bads, goods : ndarray of shape (cells,)
        Outcomes of the rows of each cell.
    eta : ndarray of shape (cells,)
        Log odds at which a cell's rows are taken to stand.
    apart : ndarray of shape (cells,)
        How far a row of the cell may lie from there.

    Returns
    -------
    Recalibration or None
        None when there is no optimum: one outcome only, one cell only, or separated outcomes.
    """
    held = (bads + goods) > 0
    b, g = bads[held].astype(np.float64), goods[held].astype(np.float64)
    eta, apart = eta[held], apart[held]
    if b.sum() == 0 or g.sum() == 0 or len(eta) < 2:
        return None
    n = b + g
    theta = np.array([0.0, 1.0])
    for _ in range(MOST_STEPS):
        gradient, hessian = _sums(theta, eta, b, n)
        if np.linalg.cond(hessian) > 1e14:
            return None
        step = np.linalg.solve(hessian, gradient)
        longest = float(np.abs(step).max())
        theta = theta + step * min(1.0, 5.0 / longest if longest else 1.0)
        if np.abs(theta).max() > LIMIT:
            return None
        if longest <= TOLERANCE * (1.0 + float(np.abs(theta).max())):
            break
    else:
        return None
    _, hessian = _sums(theta, eta, b, n)
    inverse = np.asarray(np.linalg.inv(hessian), dtype=np.float64)
    errors = np.sqrt(np.diag(inverse))
    bound = _bound(theta, eta, (b * apart, g * apart), inverse)
    return Recalibration(
        intercept=float(theta[0]),
        slope=float(theta[1]),
        intercept_error=float(errors[0]),
        slope_error=float(errors[1]),
        intercept_bound=float(bound[0]),
        slope_bound=float(bound[1]),
    )


def _sums(
    theta: NDArray[np.float64],
    eta: NDArray[np.float64],
    b: NDArray[np.float64],
    n: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return gradient and Hessian of the log-likelihood's negative, over cells."""
    p = probability(theta[0] + theta[1] * eta)
    residual, w = b - n * p, n * p * (1 - p)
    shared = float(w @ eta)
    hessian = np.array([[w.sum(), shared], [shared, float(w @ eta**2)]])
    return np.array([residual.sum(), float(residual @ eta)]), hessian


def _bound(
    theta: NDArray[np.float64],
    eta: NDArray[np.float64],
    moves: tuple[NDArray[np.float64], NDArray[np.float64]],
    inverse: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Return the change of the estimates when scores move, each in the worse direction.

    `moves` are the summed distances by which the bads and the goods of each cell move.

    With the implicit function theorem: ``d theta = H^-1 sum_i dS_i/d eta_i d eta_i`` for the
    estimating equation S = sum (1, eta)(y - p).
    """
    p = probability(theta[0] + theta[1] * eta)
    w = p * (1 - p)
    total = np.zeros(2)
    for distance, y in zip(moves, (1.0, 0.0), strict=True):
        pull = np.vstack([-theta[1] * w, (y - p) - theta[1] * eta * w])
        total += (np.abs(inverse @ pull) * distance).sum(axis=1)
    return total
