"""How a column's distribution moves from period to period: characteristic stability over bins.

Counts by bin and period are released only where every one of them holds enough subjects. Bins that
some period leaves nearly empty are put together first, in all periods alike: so the released
columns still add up to the released bins, and no difference of two totals is a small cell.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from fedcredit_models.cell_rules import CellRules
from fedcredit_models.metrics import population_stability

WATCH, ACT = 0.1, 0.25
"""Customary marks of a stability index: look at it; do something."""


def counts(
    bins: NDArray[np.int64], periods: NDArray[np.int64], *, n_bins: int, n_periods: int
) -> NDArray[np.int64]:
    """Return rows by bin and period, shape (n_bins, n_periods + 1); the last column is *other*.

    Parameters
    ----------
    bins : ndarray of shape (n_rows,)
        Bin of each row; a row with -1 is not counted.
    periods : ndarray of shape (n_rows,)
        Period of each row, `n_periods` outside them.

    Disclosure
    ----------
    Nothing by itself: the counts are masked and encrypted before they leave a party.
    """
    inside = bins >= 0
    at = bins[inside] * (n_periods + 1) + periods[inside]
    width = n_bins * (n_periods + 1)
    return np.bincount(at, minlength=width).astype(np.int64).reshape(n_bins, n_periods + 1)


def release(
    table: Sequence[Sequence[int]], rules: CellRules
) -> tuple[list[list[int]], list[list[int]]]:
    """Return groups of neighbouring bins, and their rows by period, that pass as a whole.

    Parameters
    ----------
    table : sequence of sequences of int, (n_bins, n_periods + 1)
        Summed `counts`.
    rules : CellRules
        The federation's; the smallest number of subjects binds, nothing here says how a row ended.

    Returns
    -------
    (list of list of int, list of list of int)
        Bins of each group, and rows of each group by period without *other*. Both empty when no two
        groups pass, or when a period has rows, but fewer than the smallest number of subjects.

    Disclosure
    ----------
    The result is released. A period without any row shows as zeros.
    """
    full = np.array(table, dtype=np.int64)
    used = np.flatnonzero(full.sum(axis=0) > 0)
    groups: list[list[int]] = []
    open_ = False
    for i in range(len(full)):
        if open_:
            groups[-1].append(i)
        else:
            groups.append([i])
        open_ = bool((full[groups[-1]].sum(axis=0)[used] < rules.min_subjects).any())
    if open_ and len(groups) > 1:
        rest = groups.pop()
        groups[-1].extend(rest)
    if len(groups) < 2:
        return [], []
    return groups, [[int(n) for n in full[group].sum(axis=0)[:-1]] for group in groups]


def index_by_period(counted: Sequence[Sequence[int]], labels: Sequence[str]) -> pd.DataFrame:
    """Return the stability of each period against the first that has rows.

    Parameters
    ----------
    counted : sequence of sequences of int, (n_groups, n_periods)
        Released rows.
    labels : sequence of str
        Names of the periods.

    Returns
    -------
    DataFrame
        By period: ``n`` and ``csi``; NaN for a period without rows, 0 for the first with rows.
    """
    table = np.array(counted, dtype=np.int64).reshape(len(counted), len(labels))
    n = table.sum(axis=0)
    base = int(np.argmax(n > 0)) if n.any() else 0
    values = [
        population_stability(table[:, base].tolist(), table[:, i].tolist()) if n[i] else np.nan
        for i in range(len(labels))
    ]
    return pd.DataFrame({"n": n, "csi": values}, index=pd.Index(labels, name="period"))
