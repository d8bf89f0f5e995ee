"""Raw cells: what is counted by good and bad before anything is merged.

For a number the ordinary cells lie between quantile edges: (.., e1], (e1, e2], .., (ek, ..). For
a category each declared level is one, and *other* holds every undeclared level. Then comes the
cell of missing values, then one for each special code. A raw cell is not released; merged bins
are (see `merging`).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from fedcredit_models.columns import level_codes, numeric_codes
from fedcredit_models.feature import MISSING, OTHER, Feature


@dataclass(frozen=True)
class RawCells:
    """Cells of one feature.

    Parameters
    ----------
    feature : Feature
        The declared column.
    edges : tuple of float
        Finite and increasing; empty for a category.

    Raises
    ------
    ValueError
        For edges that do not increase, or a category with edges.
    """

    feature: Feature
    edges: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        """Refuse edges that are no edges."""
        edges = np.array(self.edges, dtype=np.float64)
        if not np.isfinite(edges).all() or (np.diff(edges) <= 0).any():
            raise ValueError(f"feature {self.feature.name}: edges must be finite and increase")
        if self.feature.kind == "categorical" and self.edges:
            raise ValueError(f"feature {self.feature.name}: a category has no edges")
        object.__setattr__(self, "edges", tuple(float(edge) for edge in self.edges))

    @property
    def n_ordinary(self) -> int:
        """Cells of ordinary values: all but missing and special codes."""
        if self.feature.kind == "categorical":
            return len(self.feature.levels) + 1
        return len(self.edges) + 1

    @property
    def n(self) -> int:
        """All cells."""
        return self.n_ordinary + 1 + len(self.feature.special)

    @cached_property
    def labels(self) -> tuple[str, ...]:
        """What each cell holds, for the reader."""
        tail = (MISSING, *(number_text(code) for code in self.feature.special))
        if self.feature.kind == "categorical":
            return (*(level or '""' for level in self.feature.levels), OTHER, *tail)
        last = len(self.edges)
        return (*(interval_text(self.edges, i, i) for i in range(last + 1)), *tail)

    def cell_of(self, series: "pd.Series[Any]") -> NDArray[np.int64]:
        """Return each row's cell; values beyond the bounds fall into the outermost cells."""
        if self.feature.kind == "categorical":
            return level_codes(series, self.feature.levels)
        return numeric_codes(series, np.array(self.edges), self.feature.special)


def count(
    raw: RawCells, series: "pd.Series[Any]", y: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return bads and goods in each raw cell, two arrays of shape (raw.n,).

    Disclosure
    ----------
    Nothing by itself: the counts are masked and encrypted before they leave a party.
    """
    cells = raw.cell_of(series)
    is_bad = np.asarray(y) == 1
    bads = np.bincount(cells[is_bad], minlength=raw.n).astype(np.int64)
    goods = np.bincount(cells[~is_bad], minlength=raw.n).astype(np.int64)
    return bads, goods


def number_text(value: float) -> str:
    """Return a number as short text."""
    return f"{value:.12g}"


def interval_text(edges: tuple[float, ...], first: int, last: int) -> str:
    """Return the text of ordinary cells `first` to `last` of a numeric feature."""
    if first == 0 and last == len(edges):
        return "any value"
    if first == 0:
        sign = "<" if _is_just_below(edges[last]) else "\N{LESS-THAN OR EQUAL TO}"
        return f"{sign} {number_text(edges[last])}"
    below = edges[first - 1]
    if last == len(edges):
        sign = "\N{GREATER-THAN OR EQUAL TO}" if _is_just_below(below) else ">"
        return f"{sign} {number_text(below)}"
    opens = "[" if _is_just_below(below) else "("
    closes = ")" if _is_just_below(edges[last]) else "]"
    return f"{opens}{number_text(below)}, {number_text(edges[last])}{closes}"


def _is_just_below(edge: float) -> bool:
    """Say whether an edge is the last number below its text: imported bins end that way."""
    return math.nextafter(edge, math.inf) == float(number_text(edge))


def runs(cells: Sequence[int]) -> list[tuple[int, int]]:
    """Return neighbouring cells as (first, last).

    Parameters
    ----------
    cells : sequence of int
        Ascending.
    """
    found: list[tuple[int, int]] = []
    for cell in cells:
        if found and found[-1][1] == cell - 1:
            found[-1] = (found[-1][0], cell)
        else:
            found.append((cell, cell))
    return found
