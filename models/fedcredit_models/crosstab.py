"""Cross-tables of two columns' bins, released whole or not at all.

A table in which one cell is withheld can often be completed from its margins, and the margins are
released with the bins. So there is no table with gaps: every cell passes, or none is told.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fedcredit_models.cell_rules import CellRules
from fedcredit_models.tails import chi_square_tail


def counts(
    rows: NDArray[np.int64],
    columns: NDArray[np.int64],
    y: NDArray[np.int64],
    *,
    shape: tuple[int, int],
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return subjects and bads in each pair of bins, two arrays of `shape`.

    A row without a bin in either column (-1) is not counted.

    Disclosure
    ----------
    Nothing by itself: the counts are masked and encrypted before they leave a party.
    """
    inside = (rows >= 0) & (columns >= 0)
    at = rows[inside] * shape[1] + columns[inside]
    is_bad = (np.asarray(y) == 1)[inside]
    n = np.bincount(at, minlength=shape[0] * shape[1]).astype(np.int64)
    bads = np.bincount(at[is_bad], minlength=shape[0] * shape[1]).astype(np.int64)
    return n.reshape(shape), bads.reshape(shape)


def broken(
    n: Sequence[Sequence[int]], bads: Sequence[Sequence[int]], rules: CellRules
) -> str | None:
    """Return the first rule that a cell of the summed table breaks, or None when all pass.

    Disclosure
    ----------
    The word is released in place of the table. Which cell is small is not.
    """
    words = [
        rules.broken(int(bad), int(subjects) - int(bad))
        for row, bad_row in zip(n, bads, strict=True)
        for subjects, bad in zip(row, bad_row, strict=True)
    ]
    return next((rule for rule in ("min_subjects", "min_bads", "min_goods") if rule in words), None)


@dataclass(frozen=True)
class Association:
    """Pearson's test of independence of a released table.

    Parameters
    ----------
    chi_square : float
        Statistic.
    degrees : int
        Degrees of freedom.
    p_value : float
        Chance of a larger one under independence.
    cramers_v : float
        Strength between 0 and 1.
    """

    chi_square: float
    degrees: int
    p_value: float
    cramers_v: float


def association(n: Sequence[Sequence[int]]) -> Association:
    """Return the test of a table whose every cell is positive.

    References
    ----------
    Cramer, H. (1946). Mathematical Methods of Statistics, chapter 21.
    """
    table = np.array(n, dtype=np.float64)
    expected = np.outer(table.sum(axis=1), table.sum(axis=0)) / table.sum()
    statistic = float(((table - expected) ** 2 / expected).sum())
    degrees = (table.shape[0] - 1) * (table.shape[1] - 1)
    smaller = min(table.shape) - 1
    return Association(
        statistic,
        degrees,
        chi_square_tail(statistic, degrees),
        math.sqrt(statistic / (table.sum() * smaller)),
    )
