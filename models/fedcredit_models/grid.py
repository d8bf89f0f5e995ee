"""Count a numeric feature on a declared grid; read quantile edges from the summed counts.

The grid follows from the declaration alone, so every party counts in the same cells. Its ordinary
cells are (.., u1], (u1, u2], .., (uk, +inf). The upper values are short decimals: multiples of a
1-2-5 step on the linear scale, three significant digits on log and asinh. So they read well in a
scorecard, they do not depend on a processor's last bit, and whole numbers keep cells of their own
as long as the grid is fine enough. After the ordinary cells come one for missing and one for each
special code.
"""

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from fedcredit_models.columns import numbers
from fedcredit_models.feature import Feature

ASINH_UNIT = 1e-6
"""asinh(x / s) with s = this share of the larger bound: fen and yuan give the same cells."""

MOST_KEPT = 4096
"""Grids of more cells are computed anew: a thousand of the kept ones take 32 MB."""


class Grid:
    """Cells of one numeric feature.

    Parameters
    ----------
    feature : Feature
        A numeric feature.
    cells : int, default 2048
        Most ordinary cells.

    Attributes
    ----------
    upper : ndarray of shape (n_ordinary,)
        Upper value of each ordinary cell, included in it; the last is +inf.
    n_cells : int
        All counts: ordinary cells, one for missing, one for each special code.

    Raises
    ------
    ValueError
        For a category, or fewer than 4 cells.

    Notes
    -----
    Linear: step = the smallest of 1, 2, 5 times a power of ten with ``range / step <= cells - 2``;
    upper values = its multiples in [lower, upper). Asinh: ``s * sinh(t)`` at ``cells - 2`` equal
    steps of t from ``asinh(lower / s)`` to ``asinh(upper / s)``, s = 1e-6 of the larger absolute
    bound, and 0 when it lies inside. Log: the same with exp and log. Asinh and log values are
    rounded to three significant digits; equal ones count once.
    """

    def __init__(self, feature: Feature, cells: int = 2048) -> None:
        if cells < 4:
            raise ValueError("a grid needs at least 4 cells")
        lower, upper = feature.bounds
        finite = _finite(feature.scale, lower, upper, cells - 2)
        self.feature = feature
        self.upper: NDArray[np.float64] = np.array([*finite, math.inf], dtype=np.float64)
        self.n_cells = len(self.upper) + 1 + len(feature.special)

    @property
    def ends(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Lower and upper end of each ordinary cell within the bounds, two of shape (n_ordinary,).

        A cell does not include its lower end, but for the first one.
        """
        lower, upper = self.feature.bounds
        tops = np.clip(self.upper, lower, upper)
        return np.concatenate([[lower], tops[:-1]]), tops

    def histogram(self, series: "pd.Series[Any]") -> NDArray[np.int64]:
        """Return the number of rows in each cell, shape (n_cells,).

        Disclosure
        ----------
        Nothing by itself: the counts are masked and encrypted before they leave a party.
        """
        x = numbers(series)
        special = [int((x == code).sum()) for code in self.feature.special]
        if self.feature.special:
            x = x[~np.isin(x, self.feature.special)]
        # Sorted once, rows up to each upper value are found by 2048 searches instead of one a row.
        ordered = np.sort(x)  # missing values go last
        n_missing = int(np.isnan(x).sum())
        ordinary = ordered[: len(ordered) - n_missing]
        up_to = np.searchsorted(ordinary, self.upper[:-1], side="right")
        counts = np.diff(up_to, prepend=0, append=len(ordinary))
        return np.array([*counts, n_missing, *special], dtype=np.int64)


def _finite(scale: str, lower: float, upper: float, cells: int) -> NDArray[np.float64]:
    """Return the finite upper values."""
    return (_kept if cells <= MOST_KEPT else _computed)(scale, lower, upper, cells)


def _computed(scale: str, lower: float, upper: float, cells: int) -> NDArray[np.float64]:
    find = (
        _linear(lower, upper, cells) if scale == "linear" else _curved(scale, lower, upper, cells)
    )
    return np.array(find, dtype=np.float64)


@lru_cache(maxsize=1024)
def _kept(scale: str, lower: float, upper: float, cells: int) -> NDArray[np.float64]:
    """Keep them: every member of a run in one process asks for the same."""
    found = _computed(scale, lower, upper, cells)
    found.flags.writeable = False
    return found


def _linear(lower: float, upper: float, cells: int) -> list[float]:
    raw = (upper - lower) / cells
    exponent = math.floor(math.log10(raw)) - 1
    step, power = next(
        (m, e)
        for e in range(exponent, exponent + 4)
        for m in (1, 2, 5)
        if m * 10.0**e >= raw * (1 - 1e-12)
    )
    first = math.ceil(lower / (step * 10.0**power) - 1e-9)
    multiples = (_decimal(k * step, power) for k in range(first, first + cells + 2))
    return [value for value in multiples if lower <= value < upper]


def _decimal(digits: int, power: int) -> float:
    """Return digits * 10**power, correctly rounded."""
    return float(f"{digits}e{power}")


def _curved(scale: str, lower: float, upper: float, cells: int) -> list[float]:
    if scale == "log":
        values = np.exp(np.linspace(math.log(lower), math.log(upper), cells))
    else:
        unit = ASINH_UNIT * max(abs(lower), abs(upper))
        t = np.linspace(math.asinh(lower / unit), math.asinh(upper / unit), cells)
        values = unit * np.sinh(t)
    rounded = {float(f"{value:.2e}") + 0.0 for value in values}
    if lower <= 0.0 < upper:
        rounded.add(0.0)
    return sorted(value for value in rounded if value < upper)


def quantiles(grid: Grid, counts: Sequence[int], fine_bins: int, least: int = 1) -> tuple[int, ...]:
    """Return the cells whose upper values are the quantile edges.

    Edge k is the smallest cell with at least ``k / groups`` of the ordinary rows at or below it
    (the inverted distribution function, to the width of a cell). Missing and special rows do not
    count. An edge with no rows above it is left out; equal edges count once. A feature without
    ordinary rows has no edges.

    Parameters
    ----------
    grid : Grid
        The feature's grid.
    counts : sequence of int of length ``grid.n_cells``
        Summed histogram.
    fine_bins : int
        Most quantile groups, 20 for edges at 5 %, 10 %, .., 95 %.
    least : int, default 1
        Smallest group: there are ``min(fine_bins, n // least)`` of n ordinary rows, and no edges
        below two.

    Raises
    ------
    ValueError
        When the number of counts is not the grid's.

    Disclosure
    ----------
    The result is released: at most ``fine_bins - 1`` cell numbers of a declared grid. The counts
    are not. An edge lies in a cell in which a row lies, so a group of one row would tell its value:
    a federation passes its smallest number of subjects as `least`.
    """
    if len(counts) != grid.n_cells:
        raise ValueError(f"expected {grid.n_cells} counts, got {len(counts)}")
    ordinary = [int(count) for count in counts[: len(grid.upper)]]
    below = np.cumsum(np.array(ordinary, dtype=np.int64))
    n = int(below[-1])
    groups = min(fine_bins, n // max(least, 1))
    if groups < 2:
        return ()
    # Whole-number thresholds: below >= ceil(k n / groups), no rounding at an exact tie.
    thresholds = np.array([-(-k * n // groups) for k in range(1, groups)], dtype=np.int64)
    cells = np.searchsorted(below, thresholds, side="left")
    return tuple(sorted({int(cell) for cell in cells if below[cell] < n}))
