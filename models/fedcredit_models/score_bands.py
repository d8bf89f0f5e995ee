"""The score grid, and cells of it that are wide enough to be released.

Three nested partitions of one histogram: bands on a coarse lattice, finer cells inside each band
for the ROC curve, and groups of these finer cells for calibration. Each cell of each passes the
cell rules, and because they are nested, so does every difference of two released counts.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fedcredit_models.logistic import probability
from fedcredit_models.merging import CellRules

NANO = 1_000_000_000
ETA_LIMIT = 12.0
BAND_UNITS = 32
"""Score bands begin and end at multiples of 24/32 = 0.75 in eta."""
FINE_UNITS = 128
"""Points of the ROC curve lie at multiples of 24/128 in eta."""
CALIBRATION_GROUPS = 10
Cell = tuple[int, int]
"""Grid cells from the first to before the second."""


def nano(value: float) -> int:
    """Return a figure as an integer in units of 1e-9."""
    return round(value * NANO)


@dataclass(frozen=True)
class ScoreGrid:
    """Equal cells over the log odds of bad, from -12 to 12; scores beyond fall in the outer cells.

    Parameters
    ----------
    cells : int, default 8192
        Number of cells, at least 64.

    Raises
    ------
    ValueError
        For fewer cells.
    """

    cells: int = 8192

    def __post_init__(self) -> None:
        """Refuse a grid that is too coarse for its bands."""
        if self.cells < 64:
            raise ValueError("a score grid needs at least 64 cells")

    def cell_of(self, eta: NDArray[np.float64]) -> NDArray[np.int64]:
        """Return each score's cell, ``floor((eta + 12) / 24 * cells)`` held within the grid."""
        cell = np.floor((eta + ETA_LIMIT) / (2 * ETA_LIMIT) * self.cells)
        return np.clip(cell, 0, self.cells - 1).astype(np.int64)

    def edge(self, cell: int) -> float:
        """Return the lower end of a cell (the upper end of the one before)."""
        return 2 * ETA_LIMIT * cell / self.cells - ETA_LIMIT

    @property
    def middle(self) -> NDArray[np.float64]:
        """Middle of each cell."""
        return 2 * ETA_LIMIT * (np.arange(self.cells) + 0.5) / self.cells - ETA_LIMIT

    def lattice(self, units: int) -> list[int]:
        """Return cell numbers that cut the grid into `units` parts, both ends included."""
        return sorted({round(k * self.cells / units) for k in range(units + 1)})


class ScoreHistogram:
    """One sample's fine histogram as prefix sums, and what may be told of it.

    Parameters
    ----------
    bads, goods : sequence of int of length ``grid.cells``
        Summed counts.
    grid : ScoreGrid
        Their grid.
    rules : CellRules
        Smallest released cell; the whole sample passes.
    """

    def __init__(
        self, bads: Sequence[int], goods: Sequence[int], grid: ScoreGrid, rules: CellRules
    ) -> None:
        counts_b, counts_g = np.array(bads, dtype=np.int64), np.array(goods, dtype=np.int64)
        self._bads = np.concatenate([[0], np.cumsum(counts_b)])
        self._goods = np.concatenate([[0], np.cumsum(counts_g)])
        expected = (counts_b + counts_g) * probability(grid.middle)
        self._expected = np.concatenate([[0.0], np.cumsum(expected)])
        self._grid, self._rules = grid, rules

    def n_bads(self, start: int, stop: int) -> int:
        """Return the bads of a cell."""
        return int(self._bads[stop] - self._bads[start])

    def n(self, start: int, stop: int) -> int:
        """Return the subjects of a cell."""
        return self.n_bads(start, stop) + int(self._goods[stop] - self._goods[start])

    def mean_p(self, start: int, stop: int) -> float:
        """Return the mean probability of a cell, taken at the middles of the grid's cells."""
        return float(self._expected[stop] - self._expected[start]) / self.n(start, stop)

    def median(self, start: int, stop: int) -> int:
        """Return the grid's cell in which the middle row of a cell lies."""
        rows = self._bads + self._goods
        middle = rows[start] + (rows[stop] - rows[start] + 1) // 2
        return int(np.searchsorted(rows, middle, side="left")) - 1

    def passes(self, start: int, stop: int) -> bool:
        """Say whether a cell may be released."""
        n_bads = self.n_bads(start, stop)
        return self._rules.broken(n_bads, self.n(start, stop) - n_bads) is None

    def nested_cells(self) -> tuple[list[Cell], list[Cell], list[Cell]]:
        """Return bands, the finer cells inside them, and calibration groups of these."""
        bands = self.merged(self._grid.lattice(BAND_UNITS), 0, self._grid.cells)
        lattice = self._grid.lattice(FINE_UNITS)
        fine = [cell for band in bands for cell in self.merged(lattice, *band)]
        return bands, fine, self.grouped(fine)

    def merged(self, lattice: Sequence[int], start: int, stop: int) -> list[Cell]:
        """Cut [start, stop) at lattice points into passing cells, from the risky end down."""
        found: list[Cell] = []
        high = stop
        for low in reversed([start, *(cut for cut in lattice if start < cut < stop)]):
            if self.passes(low, high):
                found.append((low, high))
                high = low
        if high > start:  # the rest at the safe end fails alone: it joins its neighbour
            found[-1] = (start, found[-1][1])
        return found[::-1]

    def grouped(self, cells: Sequence[Cell]) -> list[Cell]:
        """Join neighbouring cells into about ten groups of equal size."""
        total = self.n(cells[0][0], cells[-1][1])
        found: list[Cell] = []
        start, last = cells[0][0], cells[-1][1]
        for _, stop in cells:
            enough = CALIBRATION_GROUPS * self.n(start, stop) >= total
            if enough and (stop == last or 2 * CALIBRATION_GROUPS * self.n(stop, last) >= total):
                found.append((start, stop))
                start = stop
        if start < last:
            found.append((start, last))
        return found

    def bands(self, bands: Sequence[Cell]) -> list[dict[str, int]]:
        """Return the released score bands; see ``metrics.release``."""
        cuts = self._grid.lattice(BAND_UNITS)
        first, last = bands[0][0], bands[-1][1]
        few = self._rules.min_subjects
        low = max(c for c in cuts if c < bands[0][1] and (c == first or self.n(first, c) < few))
        high = min(c for c in cuts if c > bands[-1][0] and (c == last or self.n(c, last) < few))
        ends = [low, *(stop for _, stop in bands[:-1]), high]
        return [
            {
                "eta_low_nano": nano(self._grid.edge(ends[i])),
                "eta_high_nano": nano(self._grid.edge(ends[i + 1])),
                "n": self.n(start, stop),
                "bads": self.n_bads(start, stop),
            }
            for i, (start, stop) in enumerate(bands)
        ]

    def roc(self, cells: Sequence[Cell]) -> list[dict[str, int]]:
        """Return the released points of the ROC curve, from (0, 0) to (1, 1)."""
        all_bads, all_goods = int(self._bads[-1]), int(self._goods[-1])
        return [
            {
                "fpr_nano": nano((all_goods - int(self._goods[cut])) / all_goods),
                "tpr_nano": nano((all_bads - int(self._bads[cut])) / all_bads),
            }
            for cut in [cells[-1][1], *(start for start, _ in reversed(cells))]
        ]
