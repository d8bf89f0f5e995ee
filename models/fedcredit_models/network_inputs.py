"""What a network sees of a row: numbers without units, indicators of absence, a code per category.

Everything that the coding needs follows from released figures: distinct quantile edges, and mean
and standard deviation on the feature's declared scale. So every party codes its rows in the same
way, and nobody's single value fixes a range.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from fedcredit_models.cell_rules import CellRules
from fedcredit_models.columns import level_codes, numbers
from fedcredit_models.distribution import describe
from fedcredit_models.feature import Feature
from fedcredit_models.grid import ASINH_UNIT, Grid

FURTHEST = 10.0
"""A standardised number is held within this many standard deviations."""

MOMENT_UNITS = 1_000_000_000
"""Mean and deviation are released as integers in units of 1e-9 of the feature's declared range."""

MOMENT_STEP = 1_000_000
"""They are multiples of a thousandth of the range: enough to standardise, no count in them."""


@dataclass(frozen=True)
class Standard:
    """How one numeric feature becomes inputs.

    Parameters
    ----------
    edges : tuple of float
        Released quantile edges, increasing.
    mean, deviation : int
        Of the position on the declared scale, in units of 1e-9: 0 at the lower bound and 10**9 at
        the upper. A deviation of 0 says that the feature does not vary, or in few rows only.

    Raises
    ------
    ValueError
        For figures that no numbers within the bounds have.
    """

    edges: tuple[float, ...]
    mean: int
    deviation: int

    def __post_init__(self) -> None:
        """Refuse what is no mean, no deviation, no edges."""
        if not (0 <= self.mean <= MOMENT_UNITS and 0 <= self.deviation <= MOMENT_UNITS):
            raise ValueError("mean and deviation lie within the declared range")
        edges = np.array(self.edges, dtype=np.float64)
        if not np.isfinite(edges).all() or (np.diff(edges) <= 0).any():
            raise ValueError("edges must be finite and increase")


@dataclass(frozen=True)
class CodedRows:
    """Rows as a network reads them.

    Attributes
    ----------
    numbers : ndarray of shape (n_rows, n_numbers)
        Two inputs and the indicators of each numeric feature, in the features' order.
    codes : ndarray of shape (n_rows, n_categories)
        Level of each category: declared levels, then *other*, then missing.
    """

    numbers: NDArray[np.float64]
    codes: NDArray[np.int64]

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.numbers)

    def chosen(self, rows: NDArray[np.bool_]) -> "CodedRows":
        """Return some of the rows."""
        return CodedRows(self.numbers[rows], self.codes[rows])


def n_inputs(feature: Feature) -> int:
    """Return how many numbers a numeric feature becomes: two, and one for each kind of absence."""
    return 3 + len(feature.special)


def n_codes(feature: Feature) -> int:
    """Return how many codes a category has: its levels, *other*, missing."""
    return len(feature.levels) + 2


def position(feature: Feature, values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return where numbers stand on their declared scale: 0 at the lower bound, 1 at the upper.

    Numbers beyond the bounds are held at them; NaN stays NaN.
    """
    lower, upper = feature.bounds
    held = np.clip(values, lower, upper)
    if feature.scale == "linear":
        return np.asarray((held - lower) / (upper - lower))
    if feature.scale == "log":
        return np.asarray(np.log(held / lower) / math.log(upper / lower))
    unit = ASINH_UNIT * max(abs(lower), abs(upper))
    first, last = math.asinh(lower / unit), math.asinh(upper / unit)
    return np.asarray((np.arcsinh(held / unit) - first) / (last - first))


def moments(
    grid: Grid, counts: Sequence[int], edges: Sequence[int], rules: CellRules
) -> tuple[int, int]:
    """Return mean and standard deviation of the position, in units of 1e-9.

    Every row counts at the middle of its cell, and both are rounded to a thousandth of the range.
    Missing and special rows do not count. A feature that does not vary, or in which fewer than the
    smallest number of subjects leave the most frequent cell, has (0, 0). Where few rows decide, or
    the number of rows with a value is itself withheld (`distribution.describe`), mean and deviation
    are those of the edges, which are released anyway; with one edge the deviation is a tenth, so
    that all of the range is told apart. The deviation of a feature that varies is at least a
    thousandth.

    Parameters
    ----------
    grid : Grid
        The feature's grid.
    counts : sequence of int of length ``grid.n_cells``
        Summed histogram.
    edges : sequence of int
        Cells of the released quantile edges.
    rules : CellRules
        Of these the smallest number of subjects binds.

    Disclosure
    ----------
    The result is released: two figures of all ordinary rows together. The counts are not.
    """
    lower, upper = grid.feature.bounds
    ends = position(grid.feature, np.array([lower, *grid.upper[:-1], upper]))
    told = describe(counts, len(grid.upper), rules, ends=(ends[:-1], ends[1:]))
    if told.spread in ("empty", "constant", "nearly constant"):
        return 0, 0
    ordinary = np.array(counts[: len(grid.upper)], dtype=np.float64)
    if not told.has_moments:
        ordinary = np.zeros(len(ordinary))
        ordinary[list(edges) or slice(None)] = 1.0
    n = ordinary.sum()
    middle = (ends[:-1] + ends[1:]) / 2
    mean = float(ordinary @ middle / n)
    variance = float(ordinary @ (middle - mean) ** 2 / n)
    if not told.has_moments and len(edges) == 1:
        variance = FURTHEST**-2
    told_mean, deviation = (
        round(part * MOMENT_UNITS / MOMENT_STEP) for part in (mean, math.sqrt(variance))
    )
    return told_mean * MOMENT_STEP, max(deviation, 1) * MOMENT_STEP


def coded(
    frame: pd.DataFrame, features: Sequence[Feature], standards: Sequence[Standard | None]
) -> CodedRows:
    """Return rows as a network reads them.

    A number becomes (a) its distance from the mean in standard deviations on the declared scale,
    held within `FURTHEST`, and (b) its rank among the released edges, linear between them, from -1
    to 1. A missing value or special code is 0 in both and 1 in an indicator of its own.

    Parameters
    ----------
    frame : DataFrame
        A table that passed ``schema.check``.
    features : sequence of Feature
    standards : sequence of Standard or None
        One for each feature; None for a category.
    """
    columns: list[NDArray[np.float64]] = []
    codes: list[NDArray[np.int64]] = []
    for feature, standard in zip(features, standards, strict=True):
        if standard is None:
            codes.append(level_codes(frame[feature.name], feature.levels))
        else:
            columns += _numeric(numbers(frame[feature.name]), feature, standard)
    n = len(frame)
    return CodedRows(
        np.column_stack(columns) if columns else np.empty((n, 0)),
        np.column_stack(codes).astype(np.int64) if codes else np.empty((n, 0), np.int64),
    )


def _numeric(
    x: NDArray[np.float64], feature: Feature, standard: Standard
) -> list[NDArray[np.float64]]:
    absent = [np.isnan(x), *(x == code for code in feature.special)]
    ordinary = ~np.any(absent, axis=0)
    place = position(feature, np.where(ordinary, x, feature.bounds[0]))
    if standard.deviation:
        z = (place - standard.mean / MOMENT_UNITS) / (standard.deviation / MOMENT_UNITS)
    else:
        z = np.zeros(len(x))
    ends = position(feature, np.array([feature.bounds[0], *standard.edges, feature.bounds[1]]))
    rank = np.interp(place, ends, np.linspace(-1.0, 1.0, len(ends)))
    if not standard.deviation:
        rank = np.zeros(len(x))
    both = (np.clip(z, -FURTHEST, FURTHEST), rank)
    return [*(np.where(ordinary, part, 0.0) for part in both), *(a.astype(float) for a in absent)]
