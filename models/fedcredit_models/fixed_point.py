"""Whole numbers for a declared column: so many units above or below the middle of its bounds.

The unit follows from the declaration alone: a 1-2-5 decimal step, as fine as 2**29 units on either
side allow. Ages, counts and amounts of money are then whole numbers of units without any rounding;
a number with more digits is rounded by at most half a unit. Sums of whole numbers do not depend on
who holds which row.
"""

import math
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from fedcredit_models.columns import numbers
from fedcredit_models.feature import Feature

MAGNITUDE_BITS = 29
"""A value is at most 2**29 units from the middle of its bounds."""


class FixedPoint:
    """The scale of one numeric feature.

    Parameters
    ----------
    feature : Feature
        A numeric feature.

    Attributes
    ----------
    unit : float
        Width of a unit in the feature's own measure.
    middle : float
        The value that is zero units: the middle of the bounds, a whole number of units from 0.

    Raises
    ------
    ValueError
        For a category.
    """

    def __init__(self, feature: Feature) -> None:
        lower, upper = feature.bounds
        self.feature = feature
        self._digit, self._power = _step((upper - lower) / 2 ** (MAGNITUDE_BITS + 1))
        self.unit = float(f"{self._digit}e{self._power}")
        self._zero = round(self._scaled(lower / 2 + upper / 2))
        self.middle = self._zero * self.unit

    def units(self, series: "pd.Series[Any]") -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """Return each row's whole number of units, and whether it has a quantity.

        A missing value and a special code are no quantities: 0 units, False. A value beyond the
        bounds counts as the bound.

        Returns
        -------
        (ndarray of int64, ndarray of bool)
            Both of shape (n_rows,).
        """
        x = numbers(series)
        present = ~np.isnan(x)
        for code in self.feature.special:
            present &= x != code
        lower, upper = self.feature.bounds
        clipped = np.clip(np.where(present, x, self.middle), lower, upper)
        units = np.rint(self._scaled(clipped)).astype(np.int64) - self._zero
        return np.where(present, units, 0), present

    def _scaled(self, x: Any) -> Any:
        """Return x / unit; a power of ten below one is multiplied by its exact inverse."""
        if self._power < 0:
            return x * 10.0**-self._power / self._digit
        return x / self.unit


def _step(least: float) -> tuple[int, int]:
    """Return digit and power of the smallest 1, 2 or 5 times a power of ten that is not below."""
    exponent = math.floor(math.log10(least))
    return next(
        (digit, power)
        for power in (exponent, exponent + 1)
        for digit in (1, 2, 5)
        if float(f"{digit}e{power}") >= least
    )
