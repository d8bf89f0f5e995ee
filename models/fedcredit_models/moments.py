"""Means, standard deviations and correlations from sums of whole numbers.

Each party adds whole numbers of units (`FixedPoint`): how many rows, their sum, squares and
products. The sums are exact, so any division of the rows among parties gives the same statistics to
the last bit. Missing values are treated **pairwise**: a pair of columns is judged on the rows where
both have a quantity, as ``pandas.DataFrame.corr`` does. That needs four sums for every ordered
pair instead of one; no value is imputed.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from fedcredit_models.feature import Feature
from fedcredit_models.fixed_point import FixedPoint

LOW_BITS = 30
"""A square or product travels as ``high * 2**30 + low`` with ``0 <= low < 2**30`` at each party."""

HALF_BITS = 15
"""Factors are cut here, so that products of the parts add up exactly in floating point."""

SQUARE_BITS = 29
"""Squares likewise."""

BLOCK = 1 << 16
"""Rows that are added at a time: they stay in a processor's cache, their sums below 2**53."""

Ints = NDArray[np.int64]
Whole = NDArray[np.object_]


@dataclass(frozen=True)
class MomentSums:
    """Sums over rows for p columns, in units; those of two parties add.

    Parameters
    ----------
    count : ndarray of int64, shape (p, p)
        Rows in which both columns have a quantity.
    total : ndarray of int64, shape (p, p)
        ``[j, k]``: sum of column j over the rows in which k has a quantity as well.
    square : ndarray of Python integers, shape (p, p)
        ``[j, k]``: sum of squares of column j over the same rows.
    product : ndarray of Python integers, shape (p, p)
        Sum of products; symmetric.
    """

    count: Ints
    total: Ints
    square: Whole
    product: Whole

    def __add__(self, other: Self) -> "MomentSums":
        """Return the sums of both sets of rows."""
        return MomentSums(
            self.count + other.count,
            self.total + other.total,
            self.square + other.square,
            self.product + other.product,
        )

    def fields(self) -> dict[str, Ints]:
        """Return the sums as rows of 64-bit integers, which add field by field.

        Symmetric matrices as their upper triangle, row by row; squares and products as a high
        part, which carries the sign, and a low one.
        """
        p = len(self.count)
        upper = np.triu_indices(p)
        square, product = self.square.ravel(), self.product[np.triu_indices(p, 1)]
        found = {"count": self.count[upper], "total": self.total.ravel()}
        for name, values in (("square", square), ("product", product)):
            found[f"{name}.high"] = np.array([int(x) >> LOW_BITS for x in values], dtype=np.int64)
            low = [int(x) & ((1 << LOW_BITS) - 1) for x in values]
            found[f"{name}.low"] = np.array(low, dtype=np.int64)
        return found

    @classmethod
    def from_fields(cls, fields: "Mapping[str, NDArray[Any]]", p: int) -> "MomentSums":
        """Read summed `fields` of `p` columns.

        Raises
        ------
        ValueError
            When a field does not have the length that `p` columns give.
        """
        lengths = field_lengths(p)
        for name, length in lengths.items():
            if len(fields.get(name, ())) != length:
                raise ValueError(f"sums of {p} columns: {name} needs {length} numbers")
        whole = {
            name: [
                (int(high) << LOW_BITS) + int(low)
                for high, low in zip(
                    fields.get(f"{name}.high", ()), fields.get(f"{name}.low", ()), strict=True
                )
            ]
            for name in ("square", "product")
        }
        square = np.array(whole["square"], dtype=object).reshape(p, p)
        product = np.zeros((p, p), dtype=object)
        rows, columns = np.triu_indices(p, 1)
        product[rows, columns] = product[columns, rows] = np.array(whole["product"], dtype=object)
        np.fill_diagonal(product, square.diagonal())
        count = np.zeros((p, p), dtype=np.int64)
        count[np.triu_indices(p)] = [int(n) for n in fields["count"]]
        count = count + np.triu(count, 1).T
        total = np.array([int(x) for x in fields["total"]], dtype=np.int64).reshape(p, p)
        return cls(count, total, square, product)


def field_lengths(p: int) -> dict[str, int]:
    """Return how many numbers each field of `p` columns has; a field may be empty for one."""
    pairs = p * (p - 1) // 2
    return {
        "count": p * (p + 1) // 2,
        "total": p * p,
        "square.high": p * p,
        "square.low": p * p,
        "product.high": pairs,
        "product.low": pairs,
    }


def moment_sums(frame: pd.DataFrame, features: Sequence[Feature]) -> MomentSums:
    """Return the sums of these rows.

    Parameters
    ----------
    frame : DataFrame
        A table that passed ``schema.check``.
    features : sequence of Feature
        Numeric features.

    Disclosure
    ----------
    Nothing by itself. One party's sums in the clear describe its rows; they are masked and
    encrypted before they leave it.
    """
    p = len(features)
    scales = [FixedPoint(feature) for feature in features]
    found = MomentSums(
        np.zeros((p, p), dtype=np.int64),
        np.zeros((p, p), dtype=np.int64),
        np.full((p, p), 0, dtype=object),
        np.full((p, p), 0, dtype=object),
    )
    if p == 0:
        return found
    for start in range(0, len(frame), BLOCK):
        block = frame.iloc[start : start + BLOCK]
        columns = [scale.units(block[scale.feature.name]) for scale in scales]
        x = np.column_stack([units for units, _ in columns])
        has = np.column_stack([present for _, present in columns])
        found = found + _block_sums(x, has.astype(np.float64))
    return found


def _block_sums(x: Ints, has: NDArray[np.float64]) -> MomentSums:
    """Return the sums of one block: every partial sum is a whole number below 2**53."""
    high, low = (x >> HALF_BITS).astype(np.float64), (x & ((1 << HALF_BITS) - 1)).astype(np.float64)
    squares = x * x
    top = (squares >> SQUARE_BITS).astype(np.float64)
    rest = (squares & ((1 << SQUARE_BITS) - 1)).astype(np.float64)
    cross = _whole(high.T @ low)
    return MomentSums(
        count=(has.T @ has).astype(np.int64),
        total=(x.astype(np.float64).T @ has).astype(np.int64),
        square=_whole(top.T @ has) * (1 << SQUARE_BITS) + _whole(rest.T @ has),
        product=_whole(high.T @ high) * (1 << 2 * HALF_BITS)
        + (cross + cross.T) * (1 << HALF_BITS)
        + _whole(low.T @ low),
    )


def _whole(matrix: NDArray[np.float64]) -> Whole:
    found = np.empty(matrix.shape, dtype=object)
    found[...] = [[int(value) for value in row] for row in matrix]
    return found


RELEASE_BITS = 20
"""Means and standard deviations are released in units times 2**-20."""

CORRELATION_BITS = 40
"""Correlations are released in 2**-40."""

DIGITS = 5
"""Significant digits of a released mean or deviation, decimal places of a correlation."""


def mean_from_middle(sums: MomentSums, j: int) -> int:
    """Return the mean of column `j`, counted from the middle of its bounds, in units / 2**20.

    Raises
    ------
    ValueError
        Without a row.
    """
    n = int(sums.count[j, j])
    if n == 0:
        raise ValueError("a mean needs a row")
    return _nearest(int(sums.total[j, j]) << RELEASE_BITS, n)


def deviation(sums: MomentSums, j: int) -> int:
    """Return the standard deviation (n - 1) of column `j` in units / 2**20.

    Raises
    ------
    ValueError
        With fewer than two rows.
    """
    n = int(sums.count[j, j])
    if n < 2:
        raise ValueError("a standard deviation needs two rows")
    variance = spread(sums, j, j) / (n * (n - 1))
    return round(math.ldexp(math.sqrt(variance), RELEASE_BITS))


def spread(sums: MomentSums, j: int, k: int) -> int:
    """Return ``n * sum x_j**2 - (sum x_j)**2`` over the rows in which k has a quantity too."""
    total = int(sums.total[j, k])
    return int(sums.count[j, k]) * int(sums.square[j, k]) - total * total


def correlation(sums: MomentSums, j: int, k: int) -> float | None:
    """Return Pearson's correlation of two columns; None when one does not vary."""
    own, other = spread(sums, j, k), spread(sums, k, j)
    if own <= 0 or other <= 0:
        return None
    joint = int(sums.count[j, k]) * int(sums.product[j, k]) - int(sums.total[j, k]) * int(
        sums.total[k, j]
    )
    return max(-1.0, min(1.0, joint / (math.sqrt(own) * math.sqrt(other))))


def rounded(fixed: FixedPoint, mean: int, sd: int) -> tuple[int, int]:
    """Return `mean_from_middle` and `deviation` of a column to `DIGITS` significant digits.

    Of a mean that is large beside the deviation more digits are told, so that its last one is at
    most a hundredth of the deviation's power of ten; of one that is small beside it fewer.

    Disclosure
    ----------
    The result is released. With all its digits a mean would be the exact sum of the rows.
    """
    scale = math.ldexp(fixed.unit, -RELEASE_BITS)
    value, spread_ = fixed.middle + mean * scale, sd * scale
    of_mean, of_sd = _last_digits(value, spread_, 0.0)
    return (
        round((round(value, -of_mean) - fixed.middle) / scale),
        round(round(spread_, -of_sd) / scale),
    )


def told(fixed: FixedPoint, mean: int, sd: int, n: int) -> dict[str, float]:
    """Return released mean and deviation of `n` rows as values, with how far off they may be."""
    scale = math.ldexp(fixed.unit, -RELEASE_BITS)
    value, spread_ = fixed.middle + mean * scale, sd * scale
    # Rounding may have reached the next power of ten, or in units have fallen just short of it.
    of_mean, of_sd = _last_digits(value, spread_, scale)
    return {
        "mean": round(value, 1 - of_mean),
        "mean_bound": mean_bound(fixed) + 0.5 * 10.0**of_mean,
        "sd": round(spread_, 1 - of_sd),
        "sd_bound": deviation_bound(fixed, n) + 0.5 * 10.0**of_sd,
    }


def _last_digits(mean: float, sd: float, slack: float) -> tuple[int, int]:
    """Return the powers of ten of the last digits that are told of a mean and of a deviation."""
    size, spread_ = (_power(max(abs(mean), sd) + slack), _power(sd + slack))
    return min(size - DIGITS + 1, spread_ - 2), spread_ - DIGITS + 1


def _power(value: float) -> int:
    """Return the power of ten of a number's first digit; a large negative one of zero."""
    return math.floor(math.log10(value * (1 + 1e-12))) if value > 0 else -300


def mean_bound(fixed: FixedPoint) -> float:
    """Return how far a released mean may lie from that of the raw values: just over half a unit."""
    return fixed.unit * (0.5 + math.ldexp(0.5, -RELEASE_BITS))


def deviation_bound(fixed: FixedPoint, n: int) -> float:
    """Return the same for a standard deviation of `n` rows.

    A standard deviation is a norm: rounding every row by half a unit changes it by at most the
    standard deviation of the changes.
    """
    return fixed.unit * (0.5 * math.sqrt(n / max(n - 1, 1)) + math.ldexp(0.5, -RELEASE_BITS))


def correlation_bound(sums: MomentSums, j: int, k: int) -> float:
    """Return how far rounding to units may have moved the correlation of two columns.

    It moves a centred column by at most half a unit a row, its direction by at most twice that over
    its length; a correlation is the product of two directions.
    """
    n = int(sums.count[j, k])
    return sum(n / math.sqrt(spread(sums, a, b)) for a, b in ((j, k), (k, j)))


def _nearest(numerator: int, denominator: int) -> int:
    """Return the nearest whole number to a quotient; halves go up."""
    found: int = (2 * numerator + denominator) // (2 * denominator)
    return found
