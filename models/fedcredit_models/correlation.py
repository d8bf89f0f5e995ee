"""Which correlations may be released, and the variance inflation that follows from them.

A correlation is a statistic of many rows, with one exception: with a column of two values it
compares two groups, and of two such columns it is a table of four cells, exactly. Such a pair is
released only when each group, and each of the four cells, holds enough subjects. Variance inflation
is arithmetic on the released matrix, so it releases nothing further.
"""

import math
from collections.abc import Sequence
from itertools import combinations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from fedcredit_models.cell_rules import CellRules
from fedcredit_models.moments import (
    CORRELATION_BITS,
    DIGITS,
    MomentSums,
    correlation,
    correlation_bound,
    spread,
)

MIN_ROWS = 30
"""Fewest rows that two columns share, whatever smaller number of subjects the policy allows."""

WITHHELD = "few"
"""Stands for a correlation of too few rows, or of a table with a small cell."""

CONSTANT = "constant"
"""Stands for a correlation with a column that does not vary where the other has values."""


def release(
    sums: MomentSums, upper_share: Sequence[float | None], rules: CellRules
) -> tuple[list[int | str], int]:
    """Return the correlations of all pairs j < k, row by row, and the exponent of their bound.

    Parameters
    ----------
    sums : MomentSums
        Summed over parties, for p columns.
    upper_share : sequence of float or None, length p
        Of a column with only two frequent values the share of the upper one; None otherwise.
    rules : CellRules
        The federation's.

    Returns
    -------
    (list of int or str, int)
        To `DIGITS` decimal places in units of 2**-40, `WITHHELD` or `CONSTANT`; and e, so that
        rounding to fixed point and to these places moved none of them by more than ``2**e``.

    Disclosure
    ----------
    The result is released; counts, sums and products are not. How much single rows weigh in a
    pair's sums is not judged beyond the number of its rows: no histogram of them is summed.
    """
    p = len(sums.count)
    found: list[int | str] = []
    moved = 2.0**-CORRELATION_BITS
    for j, k in combinations(range(p), 2):
        r = correlation(sums, j, k)
        if int(sums.count[j, k]) < max(rules.min_subjects, MIN_ROWS):
            found.append(WITHHELD)
        elif r is None:
            found.append(CONSTANT)
        elif _is_small_table(sums, j, k, r, upper_share[j], upper_share[k], rules):
            found.append(WITHHELD)
        else:
            found.append(round(round(r, DIGITS) * 2**CORRELATION_BITS))
            moved = max(moved, correlation_bound(sums, j, k))
    return found, math.ceil(math.log2(moved + 0.5 * 10.0**-DIGITS))


def _is_small_table(
    sums: MomentSums,
    j: int,
    k: int,
    r: float,
    own: float | None,
    other: float | None,
    rules: CellRules,
) -> bool:
    """Tell whether a correlation stands for a small cell, because a column has two values only.

    Of one such column each value must have enough rows in the pair; of two, each pair of values.
    The distance of a column's two values is its standard deviation over ``sqrt(q (1 - q))``; with
    it the upper value's share among the rows of the pair follows from their sum.
    """
    n = int(sums.count[j, k])
    mine = None if own is None else _pair_share(sums, j, k, own)
    theirs = None if other is None else _pair_share(sums, k, j, other)
    cells = [n * q for share in (mine, theirs) if share is not None for q in (share, 1 - share)]
    if mine is not None and theirs is not None:
        joint = r * math.sqrt(mine * (1 - mine) * theirs * (1 - theirs))
        both = n * (mine * theirs + joint)
        cells += [both, n * mine - both, n * theirs - both, n * (1 - mine - theirs) + both]
    return min(cells, default=n) < rules.min_subjects - 0.5


def _pair_share(sums: MomentSums, j: int, k: int, share: float) -> float:
    """Return the share of column j's upper value among the rows in which k has a quantity."""
    n, pair = int(sums.count[j, j]), int(sums.count[j, k])
    distance = math.sqrt(spread(sums, j, j)) / n / math.sqrt(share * (1 - share))
    lower = int(sums.total[j, j]) / n - share * distance
    return min(max((int(sums.total[j, k]) / pair - lower) / distance, 0.0), 1.0)


def matrix(released: Sequence[int | str], names: Sequence[str]) -> pd.DataFrame:
    """Return released correlations as a symmetric frame; NaN where none was released.

    Raises
    ------
    ValueError
        When their number is not that of the pairs.
    """
    p = len(names)
    if len(released) != p * (p - 1) // 2:
        raise ValueError(f"expected {p * (p - 1) // 2} correlations for {p} columns")
    found = np.eye(p)
    rows, columns = np.triu_indices(p, 1)
    for j, k, value in zip(rows, columns, released, strict=True):
        r = math.nan
        if not isinstance(value, str):
            r = round(math.ldexp(value, -CORRELATION_BITS), DIGITS)
        found[j, k] = found[k, j] = r
    return pd.DataFrame(found, index=list(names), columns=list(names))


def variance_inflation(correlations: pd.DataFrame, bound: float = 0.0) -> pd.DataFrame:
    """Return each column's variance inflation factor, the diagonal of the inverse matrix.

    A column that lacks a correlation is left out, those with most gaps first, and has no factor. A
    matrix of pairwise correlations need not be positive definite; then no column has one.

    Parameters
    ----------
    correlations : DataFrame
        Of `matrix`.
    bound : float, default 0
        How far a correlation may lie from that of the raw values.

    Returns
    -------
    DataFrame
        Columns ``vif`` and ``bound`` (how far it may lie from that of the raw values; infinite
        when the columns are too nearly collinear to tell), by column name.

    References
    ----------
    Belsley, D., Kuh, E., Welsch, R. (1980). Regression Diagnostics, section 3.2.
    """
    names = list(correlations.columns)
    kept = list(range(len(names)))
    full = correlations.to_numpy()
    while kept:
        gaps = np.isnan(full[np.ix_(kept, kept)]).sum(axis=1)
        if gaps.max() == 0:
            break
        kept.pop(len(kept) - 1 - int(np.argmax(gaps[::-1])))
    factors: NDArray[np.float64] = np.full(len(names), np.nan)
    off: NDArray[np.float64] = np.full(len(names), np.nan)
    part = full[np.ix_(kept, kept)]
    values = np.linalg.eigvalsh(part) if kept else np.zeros(0)
    if len(values) and values[0] > 1e-12:
        factors[kept] = np.diag(np.linalg.inv(part))
        error = bound * len(kept)
        least = float(values[0])
        off[kept] = error / (least * (least - error)) if error < least else math.inf
    return pd.DataFrame({"vif": factors, "bound": off}, index=names)
