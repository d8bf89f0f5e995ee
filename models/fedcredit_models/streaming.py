"""A party's sums as folds over blocks of rows: no step needs all rows in memory.

A block is a DataFrame of any length, such as a record batch of a file. Counts are whole numbers.
Newton's sums are floating: they are taken over runs of `RUN` rows in the order of the table,
however the blocks cut it, and those are added with compensation. So a sum depends on the rows and
their order alone, never on the size of the blocks.
"""

import heapq
from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from fedcredit_models.binning import BinTable
from fedcredit_models.cells import RawCells
from fedcredit_models.grid import Grid
from fedcredit_models.logistic import NewtonSums, newton_sums, probability

RUN = 1 << 13
"""Rows whose Newton sums are taken together."""

HEAVIEST = 50
"""Rows by whose weight a model is judged too steep."""

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


class Fold(Protocol):
    """Something that takes in rows block by block."""

    def add(self, block: pd.DataFrame) -> None:
        """Take in some rows."""
        ...


def fold(blocks: Iterable[pd.DataFrame], *folds: Fold) -> None:
    """Take every block into every fold, in one pass over the rows.

    Parameters
    ----------
    blocks : iterable of DataFrame
        Rows that passed ``schema.check``, in the order of the table.
    *folds : Fold
    """
    for block in blocks:
        for each in folds:
            each.add(block)


class GridHistograms:
    """Counts on the declared grids, from which quantiles follow.

    Parameters
    ----------
    grids : mapping of int to Grid
        By number of the feature.

    Attributes
    ----------
    counts : dict of int to ndarray of shape (grid.n_cells,)
        As ``Grid.histogram`` gives them for all rows at once.
    """

    def __init__(self, grids: Mapping[int, Grid]) -> None:
        self._grids = grids
        self.counts = {i: np.zeros(grid.n_cells, dtype=np.int64) for i, grid in grids.items()}

    def add(self, block: pd.DataFrame) -> None:
        """Take in some rows."""
        for i, grid in self._grids.items():
            self.counts[i] += grid.histogram(block[grid.feature.name])


class BinCounts:
    """Bads and goods in every raw cell.

    Parameters
    ----------
    raw : sequence of RawCells
    label : str
        0/1 column, 1 = bad.

    Attributes
    ----------
    bads, goods : list of ndarray of shape (raw.n,)
        As ``cells.count`` gives them for all rows at once.
    """

    def __init__(self, raw: Sequence[RawCells], label: str) -> None:
        self._raw = raw
        self._label = label
        self.bads = [np.zeros(cells.n, dtype=np.int64) for cells in raw]
        self.goods = [np.zeros(cells.n, dtype=np.int64) for cells in raw]

    def add(self, block: pd.DataFrame) -> None:
        """Take in some rows."""
        is_bad = _outcome(block, self._label)
        for i, cells in enumerate(self._raw):
            n = cells.n
            both = np.bincount(
                cells.cell_of(block[cells.feature.name]) + n * is_bad, minlength=2 * n
            )
            self.goods[i] += both[:n]
            self.bads[i] += both[n:]


class NewtonFold:
    """Gradient, curvature and loss of a scorecard at one point.

    Parameters
    ----------
    tables : sequence of BinTable
        Bins of the kept features.
    label : str
        0/1 column, 1 = bad.
    beta : ndarray of shape (1 + n_kept,)
        The point, intercept first.
    """

    def __init__(self, tables: Sequence[BinTable], label: str, beta: Floats) -> None:
        self._tables = tables
        self._label = label
        self._beta = beta
        self._x = np.empty((RUN, len(tables)), dtype=np.float64, order="F")
        self._y = np.empty(RUN, dtype=np.int64)
        self._held = 0
        p = len(beta)
        self._total = np.zeros(p + p * (p + 1) // 2 + 2)
        self._lost = np.zeros_like(self._total)
        self._n = 0
        self._heaviest: list[float] = []

    def add(self, block: pd.DataFrame) -> None:
        """Take in some rows."""
        woe = [table.transform(block[table.raw.feature.name]) for table in self._tables]
        y = _outcome(block, self._label)
        start = 0
        while start < len(y):
            n = min(RUN - self._held, len(y) - start)
            place, rows = slice(self._held, self._held + n), slice(start, start + n)
            for j, column in enumerate(woe):
                self._x[place, j] = column[rows]
            self._y[place] = y[rows]
            self._held, start = self._held + n, start + n
            if self._held == RUN:
                self._total, self._lost = _added(self._total, self._lost, self._run())
                self._n, self._heaviest = self._n + RUN, self._heavier()
                self._held = 0

    def _run(self) -> Floats:
        """Return the sums of the rows that are held, one after the other."""
        found = newton_sums(self._x[: self._held], self._y[: self._held], self._beta)
        return np.array(
            [*found.gradient, *found.hessian_upper, found.log_loss, found.weight_square]
        )

    def _heavier(self) -> list[float]:
        """Return the largest weights so far, with those of the rows that are held."""
        eta = self._beta[0] + self._x[: self._held] @ self._beta[1:]
        p = probability(eta)
        w = p * (1.0 - p)
        if len(w) > HEAVIEST:
            w = np.partition(w, -HEAVIEST)[-HEAVIEST:]
        return heapq.nlargest(HEAVIEST, [*self._heaviest, *w.tolist()])

    @property
    def n(self) -> int:
        """Rows that were taken in."""
        return self._n + self._held

    @property
    def sums(self) -> NewtonSums:
        """The sums of all rows so far.

        Disclosure
        ----------
        As `logistic.newton_sums`: nothing by itself, and never sent in the clear.
        """
        total, lost = self._total, self._lost
        if self._held:
            total, lost = _added(total, lost, self._run())
        found = total + lost
        p = len(self._beta)
        return NewtonSums(found[:p], found[p:-2], float(found[-2]), float(found[-1]))

    @property
    def rows_carry_weight(self) -> bool:
        """What ``logistic.rows_carry_weight`` says of all rows so far."""
        if self.n == 0:
            return True
        needed = min(HEAVIEST, -(-self.n // 4))
        heaviest = self._heavier()
        return heaviest[needed - 1] > 0.01 * heaviest[0]


def _outcome(block: pd.DataFrame, label: str) -> Ints:
    return block[label].to_numpy().astype(np.int64)


def _added(total: Floats, lost: Floats, more: Floats) -> tuple[Floats, Floats]:
    """Add, and keep what rounding would lose.

    References
    ----------
    Neumaier, A. (1974). Rundungsfehleranalyse einiger Verfahren zur Summation endlicher Summen.
    ZAMM 54(1), 39-51, algorithm IV.
    """
    found = total + more
    larger = np.abs(total) >= np.abs(more)
    lost = lost + np.where(larger, (total - found) + more, (more - found) + total)
    return found, lost
