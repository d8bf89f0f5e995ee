"""A score histogram in which no row stands alone, for figures of a model that anybody may bring.

An AUC, a Brier score or a mean probability is one number, but of a model that was made to single
out a row it says how that row ended. So rows stand at the medians of *places*: neighbouring cells
put together until each holds ``min_subjects`` rows, which no single row moves. Where there are many
places, one figure mixes the unknown outcomes of all of them, and outcomes are counted by place.
Where there are few, the figure could be solved for them: then outcomes are counted by *group*,
neighbouring places that together pass all cell rules, so that the figure is a function of counts
that could be told. Order is kept: only pairs inside a group become ties, and bounds say what that
can change.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fedcredit_models.logistic import probability
from fedcredit_models.score_bands import Cell, ScoreGrid, ScoreHistogram

LEAST_PLACES = 30
"""With fewer places outcomes are counted by group. The figures of a sample that depend on outcomes
(AUC, KS, Brier, slope, intercept, to five digits) take less than 2**100 values; the bads of thirty
places of ten rows take 11**30 > 2**103."""

FURTHEST = 1.5
"""How far a bound lets a row of an outermost place lie from its median, in eta."""

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Coarsened:
    """Groups by which outcomes are counted, from safe to risky, and places at which rows stand.

    Attributes
    ----------
    bads, goods : ndarray of shape (n_groups,)
        Outcomes of each group.
    group : ndarray of shape (cells,)
        Number of each cell's group.
    n : ndarray of shape (cells,)
        Rows by cell of the score grid, moved to their place's median.
    moved : ndarray of shape (cells,)
        How far a row at a median may have been moved, in eta; 0 elsewhere. In the outermost places
        at most `FURTHEST`.
    grid : ScoreGrid
    """

    bads: Ints
    goods: Ints
    group: Ints
    n: Ints
    moved: Floats
    grid: ScoreGrid

    def mean(self, of: Floats) -> Floats:
        """Return each group's mean of a value that every cell has, shape (n_groups,)."""
        return np.bincount(self.group, weights=self.n * of) / (self.bads + self.goods)

    def sums(self) -> dict[str, float]:
        """Return ``sum_p2``, ``sum_py`` and ``sum_p``; the bads of a group have its mean."""
        p = probability(self.grid.middle)
        return {
            "sum_p2": float(self.n @ (p * p)),
            "sum_py": float(self.bads @ self.mean(p)),
            "sum_p": float(self.n @ p),
        }

    def bounds(self) -> tuple[float, float]:
        """Return how far mean probability and Brier score may lie from those of the rows.

        In a sum of squares a row counts twice as far as it was moved; a bad may have any
        probability of its group.
        """
        low = probability(self.grid.middle - self.moved)
        high = probability(self.grid.middle + self.moved)
        p = probability(self.grid.middle)
        total = float(self.n.sum())
        moved = float(self.n @ np.maximum(high - p, p - low)) / total
        held = self.n > 0
        widest = np.zeros(len(self.bads))
        least = np.ones(len(self.bads))
        np.maximum.at(widest, self.group[held], high[held])
        np.minimum.at(least, self.group[held], low[held])
        return moved, 2 * moved + 2 * float(self.bads @ (widest - least)) / total

    def eta(self) -> tuple[Floats, Floats]:
        """Return each group's mean log odds, and how far any of its rows may lie from it."""
        mean = self.mean(self.grid.middle)
        held = self.n > 0
        apart = np.zeros(len(self.bads))
        reach = np.abs(self.grid.middle - mean[self.group]) + self.moved
        np.maximum.at(apart, self.group[held], reach[held])
        return mean, apart


def coarsen(
    histogram: ScoreHistogram, cells: Sequence[Cell], grid: ScoreGrid, min_subjects: int
) -> Coarsened:
    """Cut cells that pass the rules into places, and join places to groups where they are few.

    Parameters
    ----------
    histogram : ScoreHistogram
        One sample's counts.
    cells : sequence of (int, int)
        A partition of the grid, each part of which passes: the points of the ROC curve. Groups do
        not cross them, so what is counted between these points stays countable.
    grid : ScoreGrid
    min_subjects : int
        Least rows of a place.
    """
    groups = [place for cell in cells for place in _places(histogram, cell, min_subjects)]
    sizes = [histogram.n(*place) for place in groups]
    if len(groups) < LEAST_PLACES or 2 * max(sizes) > sum(sizes):
        lattice = range(grid.cells + 1)
        groups = [group for cell in cells for group in histogram.merged(lattice, *cell)]
    number = np.zeros(grid.cells, dtype=np.int64)
    n, moved = np.zeros(grid.cells, dtype=np.int64), np.zeros(grid.cells)
    places: list[Cell] = []
    for k, group in enumerate(groups):
        number[slice(*group)] = k
        places += _places(histogram, group, min_subjects)
    width = grid.edge(1) - grid.edge(0)
    for k, (start, stop) in enumerate(places):
        median = histogram.median(start, stop)
        n[median] = histogram.n(start, stop)
        furthest = (max(median - start, stop - 1 - median) + 0.5) * width
        is_outer = k in (0, len(places) - 1)
        moved[median] = min(furthest, FURTHEST) if is_outer else furthest
    bads = np.array([histogram.n_bads(*group) for group in groups], dtype=np.int64)
    rows = np.array([histogram.n(*group) for group in groups], dtype=np.int64)
    return Coarsened(bads, rows - bads, number, n, moved, grid)


def _places(histogram: ScoreHistogram, group: Cell, min_subjects: int) -> list[Cell]:
    """Cut a group from the risky end into places of enough rows; a rest joins its neighbour."""
    start, high = group
    found: list[Cell] = []
    for low in range(high - 1, start - 1, -1):
        if histogram.n(low, high) >= max(min_subjects, 1):
            found.append((low, high))
            high = low
    if not found:
        return [group]
    found[-1] = (start, found[-1][1])
    return found[::-1]
