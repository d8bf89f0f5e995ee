"""Two scores of the same rows counted together: one histogram by both, for bads and for goods.

The joint grid's cells are unions of cells of the score grid, so that what a fine histogram of each
score says fits to it exactly. It covers log odds of bad from -9 to 3 (probabilities from one in
eight thousand to 95 %); what lies beyond is in its outer cells.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fedcredit_models.score_bands import ETA_LIMIT, FINE_UNITS, ScoreGrid

LOW, HIGH = -9.0, 3.0
"""Ends of the joint grid, in eta: an eighth and five eighths of the score grid."""


@dataclass(frozen=True)
class JointGrid:
    """Cells of two scores.

    Parameters
    ----------
    score : ScoreGrid
        The grid of each score alone.
    cells : int, default 128
        Cells of each score, so that ``cells**2`` are counted for each outcome; a multiple of 64,
        because every multiple of 24/128 in eta must be an edge (decisions are cut there).

    Raises
    ------
    ValueError
        When an edge would fall inside a cell of the score grid.
    """

    score: ScoreGrid
    cells: int = 128

    def __post_init__(self) -> None:
        """Refuse a grid that does not nest."""
        if self.cells % (FINE_UNITS // 2) or self.score.cells % (2 * self.cells):
            raise ValueError(
                "a joint grid needs a multiple of 64 cells, and a score grid of a multiple of "
                "twice as many"
            )

    def of_fine(self, cell: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the joint grid's cell of cells of the score grid."""
        first = round((LOW + ETA_LIMIT) / (2 * ETA_LIMIT) * self.score.cells)
        width = round((HIGH - LOW) / (2 * ETA_LIMIT) * self.score.cells) // self.cells
        return np.clip((cell - first) // width, 0, self.cells - 1)

    def cut(self, fine: int) -> int | None:
        """Return the joint grid's edge at the lower end of a cell of the score grid.

        None when that is no inner edge.
        """
        here = int(self.of_fine(np.array([fine]))[0])
        inside = here > 0 and here != int(self.of_fine(np.array([fine - 1]))[0])
        return here if inside else None

    def histogram(
        self, first: NDArray[np.float64], second: NDArray[np.float64], y: NDArray[np.int64]
    ) -> dict[str, NDArray[np.int64]]:
        """Return ``bads`` and ``goods``, shape (cells**2,), row by row of the first score.

        Disclosure
        ----------
        Nothing by itself: the counts are masked and encrypted before they leave a party.
        """
        place = self.of_fine(self.score.cell_of(first)) * self.cells
        place = place + self.of_fine(self.score.cell_of(second))
        is_bad, size = np.asarray(y) == 1, self.cells**2
        return {
            "bads": np.bincount(place[is_bad], minlength=size).astype(np.int64),
            "goods": np.bincount(place[~is_bad], minlength=size).astype(np.int64),
        }

    def matrix(self, counts: Any) -> NDArray[np.int64]:
        """Return summed counts as a matrix: champion by row, challenger by column."""
        found: NDArray[np.int64] = np.asarray(counts).reshape(self.cells, self.cells)
        return found.astype(np.int64)


def n_moved(joint: Mapping[str, NDArray[np.int64]], grid: JointGrid) -> int:
    """Return how many rows the second score takes out of the order of the first, at least.

    Rows of one cell of the first score lie in a few neighbouring cells of the second when the
    second is the first on another scale. What lies outside the fullest three neighbours has moved.
    """
    counts = grid.matrix(joint["bads"]) + grid.matrix(joint["goods"])
    padded = np.pad(counts, ((0, 0), (1, 1)))
    three = padded[:, :-2] + padded[:, 1:-1] + padded[:, 2:]
    return int((counts.sum(axis=1) - three.max(axis=1)).sum())
