"""A party's own intercept and slope: the joint log odds brought to the level of its rows.

Parties differ in their bad rate and in how far scores spread. Two numbers, fitted on the party's
rows and drawn towards (0, 1), bring ``eta`` to ``intercept + slope eta``. No order of applicants
changes: the slope stays above zero. It stays at or below 1 too, because the joint model has seen
the party's training rows: on those it looks surer than it may be, and a slope above 1 would believe
it.

References
----------
Platt, J. (1999). Probabilistic outputs for support vector machines. Advances in Large Margin
Classifiers, 61-74. Cox, D. (1958). Two further applications of a model for binary regression.
Biometrika 45, 562-565.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fedcredit_models.drawn_regression import draw

INTERCEPT_PRECISION = 0.1
"""The prior's standard deviation of the intercept is about 3: a bad rate of 2 % may become 30 %."""

SLOPE_PRECISION = 1.0
"""The prior's standard deviation of the slope is 1."""

SLOPES = (0.05, 1.0)
"""Smallest and largest slope."""


@dataclass(frozen=True)
class Calibration:
    """``intercept + slope eta``.

    Parameters
    ----------
    intercept : float, default 0.0
    slope : float, default 1.0

    Raises
    ------
    ValueError
        For an intercept that is not finite, or a slope outside `SLOPES`.
    """

    intercept: float = 0.0
    slope: float = 1.0

    def __post_init__(self) -> None:
        """Refuse numbers that are no calibration."""
        if not np.isfinite(self.intercept) or not SLOPES[0] <= self.slope <= SLOPES[1]:
            raise ValueError(f"a calibration is finite, its slope {SLOPES[0]:g} to {SLOPES[1]:g}")

    def apply(self, eta: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return calibrated log odds."""
        return np.asarray(self.intercept + self.slope * eta)


def calibrate(eta: NDArray[np.float64], y: NDArray[np.int64]) -> Calibration:
    """Fit the two numbers.

    Parameters
    ----------
    eta : ndarray of shape (n_rows,)
        Log odds of bad.
    y : ndarray of shape (n_rows,)
        1 = bad.

    Notes
    -----
    The objective is convex: when its minimum lies outside `SLOPES`, the constrained minimum has the
    nearest of the two slopes, and the intercept that fits it.
    """
    ones = np.ones((len(eta), 1))
    precision = np.array([INTERCEPT_PRECISION, SLOPE_PRECISION])
    found = draw(np.hstack([ones, eta[:, None]]), y, np.array([0.0, 1.0]), precision)
    slope = float(np.clip(found[1], *SLOPES))
    if slope == found[1]:
        return Calibration(float(found[0]), slope)
    found = draw(ones, y, np.zeros(1), precision[:1], offset=slope * eta)
    return Calibration(float(found[0]), slope)
